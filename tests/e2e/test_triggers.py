"""What begins a checkpoint beside the interval, and how it is taken: records, bytes of changed
state, a condition that becomes true, as often as its cost allows; several at once, everything each
time, other codecs; skipped when nothing moved (COORDINATOR 1 to 8)."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
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
                     "fields": {"k": "splitmix64(i, %d)" % keys, "i": "i"}},
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

    def when(self, text, **more):
        return dict({"interval": "1h", "trigger": {"when": text}}, **more)

    def test_a_condition_over_what_is_counted_since_comes_true_again_and_again(self):
        text = "records_since >= 40000 and seconds_since > 0.01"
        taken = self.periodic(self.run_job(self.when(text)))
        self.assertTrue(2 <= len(taken) <= 5, taken)
        for c in taken:
            self.assertEqual(c["trigger"], "when " + text)
        self.check_output()

    def test_a_condition_over_state_that_stays_true_asks_once_also_after_a_kill(self):
        job = self.job(self.when("sum(sum.sum) >= 20000 and count(sum) > 4000"), rows=400000)
        process = self.start("run", job, "--dir", self.path("d"))
        weir.until("its line", lambda: len(self.tolds()) == 2)
        self.assertTrue(process.kill9(), str(process.result()))
        self.ok("run", job, "--dir", self.path("d"))
        kinds = [t["kind"] for t in self.told() if "kind" in t]
        self.assertEqual(kinds, ["initial", "periodic", "final"])
        self.check_output(rows=400000)

    def test_counts_of_records_go_on_over_a_restart(self):
        text = "records_out(rows) >= 150000"
        job = self.job(self.when(text, interval="100ms"))
        process = self.start("run", job, "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 4)
        self.assertTrue(process.kill9(), str(process.result()))
        self.ok("run", job, "--dir", self.path("d"))
        asked = [t["id"] for t in self.told() if t.get("trigger") == "when " + text]
        self.assertEqual(len(asked), 1, self.told())
        self.check_output()

    def cut_of(self, checkpoint_id):
        """How many rows had left the source at that checkpoint."""
        found = [m for m in weir.manifests(self.path("d")) if m["id"] == checkpoint_id]
        return next(op["counts"]["out"] for op in found[0]["ops"] if op["id"] == "rows")

    def test_a_mark_that_passes_is_in_the_cut_of_the_checkpoint_it_asks_for(self):
        history = self.run_job(self.when("passed(rows, i = 77777)", retain=9))
        self.assertIn("each 1h or when passed(rows, i = 77777), aligned",
                      self.ok("explain", self.path("job.json")).out)
        taken = self.periodic(history)
        self.assertEqual(len(taken), 1, history)
        self.assertTrue(77777 < self.cut_of(taken[0]["id"]) < 200000, self.cut_of(taken[0]["id"]))
        head, *table = self.ok("checkpoints", self.path("d")).out.splitlines()
        self.assertEqual({row.index(" UTC") - head.index("time") for row in table}, {23})
        self.assertIn(" when passed(rows, i = 77777)", table[1])
        self.assertIn("triggered by when passed(rows, i = 77777);",
                      self.ok("checkpoints", self.path("d"), taken[0]["id"]).out)
        self.check_output()

    def test_every_mark_asks_and_is_kept_through_a_pause(self):
        # The last of them passes while the pause after the first one is on.
        text = "passed(sum, sum = 2 and k = 7) or passed(rows, i % 60000 = 5)"
        history = self.run_job(self.when(text, min_pause="700ms", retain=9))
        taken = self.periodic(history)
        self.assertTrue(2 <= len(taken) <= 3, history)
        self.assertGreater(self.cut_of(taken[1]["id"]), 60005)
        self.check_output()

    def test_what_a_mark_asked_for_and_was_given_up_is_taken_later(self):
        # No checkpoint can be published while 5,000 to 20,000 records are in.
        history = self.run_job(
            self.when(
                "passed(rows, i = 6000)",
                invariants=["(records_in(sum) - 5000) * (records_in(sum) - 20000) > 0"],
                retain=9,
            ),
            rows=40000, rate=20000,
        )
        asked = [c["state"] for c in history if c["kind"] == "periodic"]
        self.assertGreater(len(asked), 2, history)
        self.assertEqual(asked.count("completed"), 1, history)
        self.assertEqual(asked[-1], "completed")
        self.check_output(rows=40000)

    def test_a_record_that_the_condition_cannot_look_at_is_named(self):
        job = self.job(self.when("passed(rows, 10 / (i - 4321) > 5)"))
        result = self.weir("run", job, "--dir", self.path("d"))
        self.assertEqual(result.code, 1, str(result))
        self.assertRegex(result.err, r"generator 'rows'.*row 4321.*passed\(rows, \.\.\.\): .*zero")

    def test_a_condition_that_means_nothing_is_refused_where_it_stands(self):
        for text, said, cure in (
            ("records_sinc > 5", "unknown field 'records_sinc'", "did you mean 'records_since'?"),
            ("count(sun) > 5", "no stage has the id 'sun'", "did you mean 'sum'?"),
            ("sum(sum.k) > 5", "stage 'sum' keeps no sum called 'k'", "^"),
            ("passed(rows, sum = 5)", "unknown field 'sum'", "it reads: k, i"),
            ("count(sum)", "the condition is int64, not bool", "records_since >= 1000000"),
        ):
            with self.subTest(text=text):
                result = self.weir("validate", self.job(self.when(text)))
                self.assertEqual(result.code, 2, str(result))
                self.assertIn(said, result.out + result.err)
                self.assertIn(cure, result.out + result.err)

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
        told = (
            r"not acknowledged within 0\.200 s .*"
            r"stage 'rows'\[0\] waits for room downstream.*, for \d+\.\d s; "
            r"stage 'show'\[0\] waits for standard output to be read.*, for \d+\.\d s"
        )
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
        weir.until("records", lambda: serve.records_out(self.path("d"), "t", "rows") > 0)
        for full in (False, True):
            args = ["--full"] if full else []
            self.ok("checkpoint", self.path("d"), *args)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))


if __name__ == "__main__":
    unittest.main()
