"""on_error: skip. Left out is what a loop in Python leaves out, also after kill -9 (inv 28).

WEIR_KILLS: how many kills (8); WEIR_SEED: which moments and records.
"""

import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

KILLS = int(os.environ.get("WEIR_KILLS") or 8)
SLOWER = 4 if weir.SANITIZED else 1
INT64_MAX = (1 << 63) - 1
LIMIT = 1000  # limits.record
KEY_LIMIT = 64 << 10


def read_jsonl(folder):
    rows = []
    for path in weir.committed(folder, "jsonl"):
        with open(path, encoding="utf-8", newline="\n") as f:
            rows.extend(json.loads(line) for line in f)
    return rows


def make_lines(rng, n):
    """'user value', of which some are no number, zero, too large for a sum, or too long."""
    lines = []
    for _ in range(n):
        user = "user%d" % (20 * rng.random() ** 2)
        kind = rng.random()
        if kind < 0.80:
            lines.append("%s %d" % (user, rng.randint(1, 1000)))
        elif kind < 0.85:
            lines.append("%s %dx" % (user, rng.randint(1, 1000)))
        elif kind < 0.90:
            lines.append("%s 0" % user)
        elif kind < 0.95:
            lines.append("%s %d" % (user, rng.choice((1, -1)) * rng.randint(1 << 61, INT64_MAX)))
        else:
            lines.append("%s %s" % (user, "9" * rng.choice((LIMIT + 1, 3 * LIMIT, 90 * LIMIT))))
    return lines


def oracle(lines):
    """The updates of each user in order, and how many records each stage leaves out."""
    updates, skipped = {}, {"lines": 0, "parse": 0, "sum": 0}
    sums = {}
    for line in lines:
        if len(line) > LIMIT:
            skipped["lines"] += 1
            continue
        user, text = line.split(" ")
        if not text.lstrip("-").isdigit() or int(text) == 0:
            skipped["parse"] += 1
            continue
        value = int(text)
        total = sums.get(user, 0) + value
        if not -INT64_MAX - 1 <= total <= INT64_MAX:
            skipped["sum"] += 1
            continue
        sums[user] = total
        updates.setdefault(user, []).append(total)
    return updates, skipped


def by_user(rows):
    """User -> sums, in the order of the files: one subtask writes all of a user's."""
    found = {}
    for row in rows:
        found.setdefault(row["user"], []).append(row["total"])
    return found


class Skip(weir.Case):
    def make_job(self, lines, **more):
        self.write("in.txt", "\n".join(lines) + "\n")
        value = "cast(split_part(line, ' ', 2) as bigint)"
        return self.write(
            "job.json",
            {
                "name": "t",
                "checkpoint": {"interval": "25ms"},
                "limits": {"record": "1000B"},
                "pipeline": [
                    {"id": "lines", "type": "file_source", "path": "in.txt", "on_error": "skip"},
                    {
                        "id": "parse",
                        "type": "map",
                        "on_error": "skip",
                        "select": {
                            "user": "split_part(line, ' ', 1)",
                            "v": value + " + 0 / " + value,
                        },
                    },
                    {
                        "id": "sum",
                        "type": "keyed_sum",
                        "key": "user",
                        "value": "v",
                        "as": "total",
                        "on_error": "skip",
                        "parallelism": 2,
                    },
                    {
                        "id": "out",
                        "type": "file_sink",
                        "path": "out",
                        "format": "jsonl",
                        "parallelism": 2,
                    },
                ],
                **more,
            },
        )

    def skipped_of(self, report):
        found = {}
        for op in report["operators"]:
            found[op["id"]] = found.get(op["id"], 0) + op["records_skipped"]
        return found

    def test_the_others_go_on_and_the_report_counts_and_the_log_tells_one_a_stage(self):
        rng = random.Random(weir.seed())
        lines = make_lines(rng, 5000)
        updates, skipped = oracle(lines)
        job = self.make_job(lines)
        result = self.ok("run", job, "--dir", self.path("d"), "--report", self.path("r.json"))
        self.assertEqual(by_user(read_jsonl(self.path("out"))), updates)
        self.assertEqual(self.skipped_of(self.report(self.path("r.json"))), {**skipped, "out": 0})
        for stage, why in (
            ("lines", "limits.record"),
            ("parse", "no int64|out of range|division by zero"),
            ("sum", "out of range for int64"),
        ):
            told = [one for one in result.err.splitlines() if "left out" in one]
            told = [one for one in told if "'%s'" % stage in one]
            self.assertIn(len(told), (1, 2), result.err)  # one a subtask
            self.assertRegex(told[0], why)
            self.assertRegex(told[0], r"in\.txt")

    def test_inv28_kills_leave_out_the_same_records(self):
        seed = weir.seed()
        rng = random.Random(seed)
        lines = make_lines(rng, 3000 * SLOWER)
        updates, _ = oracle(lines)
        job = self.make_job(lines)
        args = ["run", job, "--dir", self.path("d"), "--set", "pipeline.lines.rate=1000"]
        watch = weir.Watch(self.path("out"))
        counted = 0
        for _ in range(KILLS):
            process = self.start(*args)
            enough = self.newest(self.path("d")) + rng.randint(1, 4)
            there = lambda: not process.running() or self.newest(self.path("d")) >= enough
            weir.until("checkpoint %d" % enough, there)
            weir.some_moment(rng, 0.03)
            alive = process.kill9()
            watch.look()
            for user, sums in by_user(read_jsonl(self.path("out"))).items():
                self.assertEqual(sums, updates[user][: len(sums)], user)
            if not alive:
                self.assertEqual(process.result().code, 0, str(process.result()))
                break
            done = weir.manifests(self.path("d"))
            counted += bool(done and done[-1]["id"] > 1 and not done[-1].get("final"))
        self.ok(*args, "--report", self.path("r.json"))
        watch.look()
        self.assertEqual(by_user(read_jsonl(self.path("out"))), updates, "seed %d" % seed)
        for op in self.report(self.path("r.json"))["operators"]:
            if op["id"] in ("parse", "sum"):
                self.assertEqual(op["records_in"], op["records_out"] + op["records_skipped"], op)
        print("%d kills counted" % counted, file=sys.stderr)
        self.assertGreaterEqual(counted, 1)

    def test_a_key_too_long_is_left_out_by_the_stage_it_is_the_key_of(self):
        self.write("in.txt", "a\n" + "k" * (KEY_LIMIT + 1) + "\na\n" + "k" * KEY_LIMIT + "\n")
        job = {
            "name": "t",
            "pipeline": [
                {"id": "lines", "type": "file_source", "path": "in.txt"},
                {"id": "sum", "type": "keyed_sum", "key": "line", "on_error": "skip"},
                {"id": "out", "type": "file_sink", "path": "out", "format": "jsonl"},
            ],
        }
        args = ["--dir", self.path("d"), "--report", self.path("r.json")]
        self.ok("run", self.write("job.json", job), *args)
        rows = [(len(row["line"]), row["sum"]) for row in read_jsonl(self.path("out"))]
        self.assertEqual(rows, [(1, 1), (1, 2), (KEY_LIMIT, 1)])
        skipped = self.skipped_of(self.report(self.path("r.json")))
        self.assertEqual(skipped, {"lines": 0, "sum": 1, "out": 0})

    def test_nothing_but_bad_records_is_slow_for_nobody(self):
        n = 300000
        self.write("in.txt", "x\n" * n)
        job = {
            "name": "t",
            "pipeline": [
                {"id": "lines", "type": "file_source", "path": "in.txt"},
                {
                    "id": "f",
                    "type": "filter",
                    "expr": "cast(line as bigint) > 0",
                    "on_error": "skip",
                },
                {"id": "out", "type": "print_sink", "format": "jsonl"},
            ],
        }
        args = ["--dir", self.path("d"), "--report", self.path("r.json")]
        result = self.ok("run", self.write("job.json", job), *args)
        self.assertEqual(result.out, "")
        skipped = self.skipped_of(self.report(self.path("r.json")))
        self.assertEqual(skipped, {"lines": 0, "f": n, "out": 0})


if __name__ == "__main__":
    unittest.main()
