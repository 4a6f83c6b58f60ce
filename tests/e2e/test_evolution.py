"""A job that was changed meets its state: what is taken over, dropped by name and begun from
nothing is said beforehand, and is what happens (COORDINATOR 24)."""

import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

WORDS = 9000


class Evolution(weir.Case):
    def job(self, stage, **more):
        job = weir.word_count_job("in.txt", "out", **more)
        job["pipeline"][2]["id"] = stage
        return self.write(stage + ".json", job)

    def stopped(self, job, *options):
        """Runs until some checkpoints were taken, and stops by asking with the directory."""
        folder = self.path("d")
        process = self.start("run", job, "--dir", folder, *options)
        self.until_checkpoint(process, folder, max(weir.Case.newest(self, folder), 0) + 4)
        self.ok("checkpoint", folder)
        self.ok("stop", folder)
        self.assertEqual(process.wait().code, 0, str(process.result()))
        return process.result()

    def rows(self):
        return weir.read_csv(self.path("out"), ["word", "n"])

    def test_state_of_a_stage_that_is_gone_is_dropped_by_name_once(self):
        weir.text(random.Random(weir.seed()), self.path("in.txt"), WORDS, 6)
        total = sum(oracle.word_count(self.path("in.txt")).values())
        before, after = self.job("count", rate=300), self.job("tally", rate=300)
        self.stopped(before)
        first = self.rows()
        self.assertIsNone(oracle.broken_chain(first))
        self.assertGreater(len(first), 0)

        self.refused(5, ["'count' has state", "--drop-state count"], "run", after, "--dir", "d")
        table = self.refused(5, ["'count' has state"], "explain", after, "--against", "d")
        self.assertRegex(table.out, r"count +does not fit")
        self.refused(2, ["'cuont'", "'count'"], "run", after, "--dir", "d", "--drop-state", "cuont")
        drop = ("--drop-state", "count")
        said = self.ok("explain", after, "--against", "d", "--json", *drop).json()
        states = {s["stage"]: s["state"] for s in said["stages"]}
        self.assertEqual(
            states,
            {
                "lines": "restored",
                "words": "restored",
                "count": "dropped",
                "out": "restored",
                "tally": "started empty",
            },
        )
        self.assertTrue(said["fits"])
        self.assertEqual(self.rows(), first, "a comparison changed something")

        # Repeated, as by a service manager, it drops nothing that was counted since.
        self.stopped(after, *drop)
        again = self.weir("run", after, "--dir", "d", *drop)
        self.assertEqual(again.code, 0, str(again))
        self.assertIn("no state is dropped", again.err)
        rows = self.rows()
        self.assertEqual(len(rows), total)
        self.assertEqual(rows[: len(first)], first)
        broken = oracle.broken_chain(rows[len(first) :])
        self.assertIsNone(broken, "tally did not begin from nothing")

    def test_an_unchanged_job_is_restored_whole_and_says_so(self):
        weir.text(random.Random(2), self.path("in.txt"), WORDS, 6)
        job = self.job("count", rate=300)
        self.stopped(job)
        said = self.ok("explain", job, "--against", "d", "--json").json()
        self.assertTrue(all(s["state"] == "restored" for s in said["stages"]), json.dumps(said))
        count = next(s for s in said["stages"] if s["stage"] == "count")
        self.assertEqual(count["keys"], len({word for word, _ in self.rows()}))
        self.assertGreater(said["bytes"], 0)
        self.refused(4, ["no checkpoint"], "explain", job, "--against", "nowhere")


    def test_what_was_expected_stands_beside_what_it_took(self):
        job = {
            "name": "many",
            "checkpoint": {"interval": "100ms", "restore": "eager"},
            "pipeline": [
                {"id": "gen", "type": "generator_source", "fields": {"k": "i", "v": "1"}},
                {"id": "sum", "type": "keyed_sum", "key": "k", "value": "v"},
                {"id": "out", "type": "blackhole_sink"},
            ],
        }
        path = self.write("many.json", job)
        process = self.start("run", path, "--dir", "d")
        figures = lambda: [m["figures"] for m in weir.manifests(self.path("d"))]
        weir.until("400,000 keys", lambda: any(f.get("keys", 0) > 400000 for f in figures()))
        self.ok("stop", "d")
        self.assertEqual(process.wait().code, 0)
        before = self.ok("explain", path, "--against", "d", "--json").json()["estimate_us"]
        self.assertGreater(before, 10000)
        newest = self.newest(self.path("d"))
        process = self.start("run", path, "--dir", "d", "--json")
        self.until_checkpoint(process, self.path("d"), newest + 1)
        process.kill9()
        events = [json.loads(x) for x in process.result().err.splitlines() if x.endswith("}")]
        told = next(e for e in events if e.get("event") == "recovered")
        self.assertAlmostEqual(told["estimate_ms"], before / 1000, delta=1)
        self.assertGreater(told["tables_ms"], 0)
        self.assertRegex(told["text"], r"tables [0-9.]+ \(about [0-9]+ expected\)")


if __name__ == "__main__":
    unittest.main()
