"""Exactly once under kill -9 for every job of the benchmark (bench/works.py), at full speed.

Each job runs once undisturbed. Then it is killed at random moments of its work, in each of the ways
in which it is measured (one thread a stage, chained, parallelism 2), and started again until it is
done: output, checksum and keyed state must be those of the undisturbed run.
WEIR_KILLS: how many kills a way and job (4); WEIR_SEED: which moments.
"""

import os
import random
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench"))
import oracle
import weir
import works

KILLS = int(os.environ.get("WEIR_KILLS") or 4)
SIZE = 0.05 if weir.SANITIZED else 1
WAYS = {
    "one thread a stage": {},
    "chained": {"chaining": "auto"},
    "auto": {"chaining": "auto", "parallelism": "auto"},
    "parallelism 2": {"parallelism": 2},
}


def scaled(n):
    return max(1, int(n * SIZE))


class KillWorkloads(weir.Case):
    def text(self, words, per_line=10):
        """A folder with links to one text."""
        os.makedirs(self.path("in"))
        weir.text(random.Random(7), self.path("text"), words, per_line, 5000)

    def links(self, n):
        for i in range(n):
            os.symlink(self.path("text"), self.path("in", "%03d.txt" % i))

    def run_to_end(self, job, name):
        """Undisturbed: its report."""
        path = self.write(name + ".json", job)
        report = self.path(name + ".report")
        self.ok("run", path, "--dir", self.path(name), "--report", report)
        return self.report(report)

    def run_killed(self, rng, job, name):
        """Killed KILLS times; the report of the run that ended, and how many kills counted. No
        report where a kill met a job that was through: the next start has nothing to tell of."""
        path = self.write(name + ".json", job)
        folder, report = self.path(name), self.path(name + ".report")
        args = ["run", path, "--dir", folder, "--report", report]
        counted = 0
        for kill in range(KILLS):
            process = self.start(*args)
            # So many checkpoints of its own, then a moment between two; or within its start. The
            # first one counts, whatever the seed: it is within the work.
            after = self.newest(folder) + (rng.choice((0, 1, 1, 2, 3)) if kill else 2)
            weir.until(
                "checkpoint %d" % after,
                lambda: not process.running() or self.newest(folder) >= after,
            )
            weir.some_moment(rng, 0.03)
            if not process.kill9():
                self.assertEqual(process.result().code, 0, str(process.result()))
                break
            done = weir.manifests(folder)
            counted += bool(done) and done[-1]["id"] > 1 and not done[-1].get("final")
            process.close()
            if done and done[-1].get("final"):
                break
        if os.path.exists(report):
            return self.report(report), counted
        done = weir.manifests(folder)
        self.ok(*args, timeout=4 * weir.TIMEOUT)
        return None if done and done[-1].get("final") else self.report(report), counted

    def same(self, job, ways=WAYS, compare=("states", "sinks")):
        """Kills the job in each way and compares with the first way, undisturbed."""
        seed = weir.seed()
        right = self.facts(self.run_to_end(dict(job), "calm"), compare)
        counted, kills = 0, 0
        for way, top in ways.items():
            if self.weir("validate", self.write("try.json", dict(job, **top))).code:
                print("%s is skipped: this weir does not know it" % way, file=sys.stderr)
                continue
            with self.subTest(job=job["name"], way=way, seed=seed):
                rng = random.Random("%s/%s/%s" % (seed, job["name"], way))
                name = way.replace(" ", "-")
                r, n = self.run_killed(rng, dict(job, **top), name)
                counted, kills = counted + n, kills + KILLS
                if r is None:
                    continue
                found = self.facts(r, compare)
                if way == "parallelism 2" or way == "auto":
                    found, right_now = self.unordered(job, found), self.unordered(job, right)
                else:
                    right_now = right
                self.assertEqual(found, right_now, "seed %d" % seed)
        print("%s: %d of %d kills counted" % (job["name"], counted, kills), file=sys.stderr)
        self.assertGreaterEqual(counted, kills // 4, "too few kills in its work: make it larger")

    def facts(self, report, compare):
        found = {}
        if "states" in compare:
            found["states"] = [(s["id"], s["keys"], s["checksum"]) for s in report["states"]]
        if "sinks" in compare:
            found["sinks"] = [s["checksum"] for s in report["sinks"]]
        return found

    def unordered(self, job, facts):
        """Where records of one key come by several paths, running sums of unequal values differ."""
        return {k: v for k, v in facts.items() if k == "states" or job["name"] in ("w1", "w8")}

    def test_w1_word_count(self):
        self.text(scaled(1000000))
        self.links(15)
        self.same(works.w1(self.path("in"), interval="30ms"))

    def test_w1s_lower_case_to_csv_files(self):
        self.text(scaled(300000))
        self.links(1)
        right = oracle.word_count(self.path("text"))
        seed = weir.seed()
        for way, top in list(WAYS.items())[:2]:
            out = self.path("out-" + way.replace(" ", "-"))
            job = works.w1s(self.path("in"), out, interval="30ms", **top)
            job["pipeline"][0]["rate"] = scaled(25000)  # so that there is something to kill
            if self.weir("validate", self.write("try.json", job)).code:
                continue
            with self.subTest(way=way, seed=seed):
                rng = random.Random("%s/w1s/%s" % (seed, way))
                _, counted = self.run_killed(rng, job, "s" + way.replace(" ", "-"))
                rows = weir.read_csv(out, ["word", "n"])
                self.assertIsNone(oracle.wrong_updates(rows, right), "seed %d" % seed)
                self.assertGreater(counted, 0)

    def test_w2_keyed_sum(self):
        self.same(works.w2(scaled(25000000), scaled(200000), interval="30ms"))

    def test_w2k_string_keys(self):
        self.same(works.w2_strings(scaled(5000000), scaled(100000), interval="30ms"))

    def test_w3_hot_keys_after_many(self):
        job = works.w3(scaled(25000000), scaled(400000), scaled(4000), interval="30ms")
        self.same(job)

    def test_w6_paced_with_latencies(self):
        job = works.w6(150000, 100000, 5000, interval="30ms")
        if self.weir("validate", self.write("try.json", job)).code:
            self.skipTest("this weir does not know created_as")
        ways = {k: WAYS[k] for k in list(WAYS)[:2]}
        self.same(job, ways, compare=("states",))  # the times of records are in its output

    def test_w8_expressions(self):
        self.same(works.w8(scaled(12000000), interval="30ms"))

    def test_w10_an_empty_job_may_be_killed_in_its_start(self):
        seed = weir.seed()
        rng = random.Random(seed)
        path = self.write("empty.json", works.empty())
        for i in range(KILLS):
            folder = self.path("e%d" % i)
            process = self.start("run", path, "--dir", folder)
            weir.some_moment(rng, 0.015)
            process.kill9()
            self.ok("run", path, "--dir", folder)


if __name__ == "__main__":
    unittest.main()
