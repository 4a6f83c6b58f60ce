"""What begins a checkpoint beside the interval, and how it is taken: records, bytes of changed
state, as often as its cost allows; several at once, everything each time, other codecs; skipped
when nothing moved (COORDINATOR 1 to 8)."""

import json
import os
import re
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir


class Triggers(weir.Case):
    def job(self, checkpoint, rows=200000, rate=100000, keys=5000):
        return self.write(
            "job.json",
            {
                "name": "t",
                "checkpoint": checkpoint,
                "pipeline": [
                    {"id": "rows", "type": "generator_source", "rows": rows, "rate": rate,
                     "fields": {"k": "splitmix64(i, %d)" % keys}},
                    {"id": "sum", "type": "keyed_sum", "key": "k"},
                    {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
                ],
            },
        )

    def run_job(self, checkpoint, **more):
        report = self.path("report.json")
        job = self.job(checkpoint, **more)
        self.result = self.ok("run", job, "--dir", self.path("d"), "--report", report)
        return self.report(report)["checkpoints"]["history"]

    def check_output(self, rows=200000):
        """Every key's updates are 1, 2, ... once each: all rows were counted."""
        seen = {}
        for key, n in weir.read_csv(self.path("out"), ["k", "sum"]):
            seen.setdefault(key, []).append(int(n))
        self.assertEqual(sum(len(v) for v in seen.values()), rows)
        for key, v in seen.items():
            self.assertEqual(sorted(v), list(range(1, len(v) + 1)), key)

    def told(self):
        with open(self.path("d", "history.jsonl")) as lines:
            return [json.loads(line) for line in lines]

    def periodic(self, history):
        return [c for c in history if c["kind"] == "periodic" and c["state"] == "completed"]

    def test_records_say_when(self):
        history = self.run_job({"trigger": {"records": 40000}})
        taken = self.periodic(history)
        self.assertTrue(2 <= len(taken) <= 5, history)
        for c in taken:
            self.assertRegex(c["trigger"], r"^\d+ records")
        self.assertIn("a stream that goes quiet", self.result.err)
        self.check_output()

    def test_bytes_of_changed_state_say_when(self):
        history = self.run_job({"interval": "1h", "trigger": {"bytes": "100kB"}}, keys=50000)
        taken = self.periodic(history)
        self.assertGreaterEqual(len(taken), 2, history)
        for c in taken:
            self.assertRegex(c["trigger"], r"of state changed")
        self.check_output()

    def test_auto_says_why_and_keeps_within_the_bound(self):
        history = self.run_job({"interval": "auto", "max_replay": "800ms"})
        taken = self.periodic(history)
        self.assertGreaterEqual(len(taken), 1, history)
        for c in taken:
            self.assertRegex(c["trigger"], r"^auto: ", c)
        self.check_output()

    def test_min_pause_keeps_them_apart(self):
        history = self.run_job({"interval": "10ms", "min_pause": "300ms"})
        self.assertLessEqual(len(self.periodic(history)), 7, history)
        self.check_output()

    def test_several_at_once_everything_each_time_and_other_codecs(self):
        for codec in ("none", "lz4hc"):
            with self.subTest(codec=codec):
                self.fresh()
                history = self.run_job(
                    {"interval": "20ms", "max_concurrent": 3, "incremental": False,
                     "compression": codec}
                )
                self.assertGreaterEqual(len(self.periodic(history)), 3)
                self.check_output()
                newest = weir.manifests(self.path("d"))[-1]
                for op in newest["ops"]:
                    for state in op.get("keyed", []):
                        files = {run.get("file") for run in state["chain"]}
                        self.assertLessEqual(len(files), 1, "each writes everything")

    def test_what_stands_still_is_not_saved_again_and_says_so(self):
        process = self.start("run", self.job({"interval": "20ms"}, rows=1000, rate=1),
                             "--dir", self.path("d"))
        weir.until("skips", lambda: any(t.get("decision") == "skip" for t in self.tolds()))
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))

    def test_a_checkpoint_that_times_out_names_who_it_waited_for_and_what_that_does(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        job = self.write(
            "job.json",
            {
                "name": "stuck",
                "checkpoint": {"interval": "50ms", "timeout": "200ms", "tolerable_failures": 999},
                "pipeline": [
                    {"id": "rows", "type": "generator_source", "fields": {"a": "i"}},
                    {"id": "show", "type": "print_sink"},
                ],
            },
        )
        process = self.start("run", job, "--dir", self.path("d"), stdout=writer)
        told = r"not acknowledged within 0\.200 s .*stage 'show'\[0\] \w+.*, for \d+\.\d s"
        weir.until(
            "a name", lambda: not process.running() or re.search(told, process.result().err)
        )
        self.assertTrue(process.running(), str(process.result()))
        process.kill9()

    def tolds(self):
        return self.told() if os.path.exists(self.path("d", "history.jsonl")) else []

    def test_a_full_one_by_request(self):
        process = self.start("run", self.job({"interval": "1h"}, rows=10**9),
                             "--dir", self.path("d"))
        weir.until("a start", lambda: self.newest(self.path("d")) >= 1)
        time.sleep(0.3)
        for full in (False, True):
            args = ["--full"] if full else []
            self.ok("checkpoint", self.path("d"), *args)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))


if __name__ == "__main__":
    unittest.main()
