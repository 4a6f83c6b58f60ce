"""`weir torture`: says "right" of jobs that are, finds what is put wrong under its hands, refuses
by name what it cannot judge, and touches nothing of the user's."""

import glob
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

EXAMPLES = os.path.join(weir.ROOT, "examples")
GENERATOR = {"id": "rows", "type": "generator_source", "rows": 5000, "rate": 10000}
SINK = {"id": "out", "type": "file_sink", "path": "out", "format": "csv"}
FIELDS = {"k": "splitmix64(i, 40)", "v": "i"}


class Torture(weir.Case):
    def setUp(self):
        super().setUp()
        self.seed = weir.seed()

    def job(self, *stages, **more):
        return self.write("job.json", dict({"name": "mine", "pipeline": list(stages)}, **more))

    def torture(self, job, *options, code=0):
        got = self.weir("torture", job, "--seed", self.seed, *options, timeout=280)
        self.assertEqual(got.code, code, str(got))
        return got

    def right(self, job, *options, kills=8):
        got = self.torture(job, "--json", "--kills", kills, *options).json()
        self.assertEqual(got["verdict"], "right")
        self.assertGreaterEqual(got["kills"] + got["faults"], kills)
        self.assertGreaterEqual(got["starts"], kills)
        self.assertGreater(got["checkpoints"], kills)
        self.assertEqual([s["differing"] for s in got["sinks"]], [0] * len(got["sinks"]))
        return got

    def test_the_word_count_of_the_examples_is_right(self):
        text = self.path("text")
        weir.text(random.Random(self.seed), text, 20000)
        os.environ["TEXT"] = text
        got = self.right(os.path.join(EXAMPLES, "word-count.json"), kills=16)
        del os.environ["TEXT"]
        self.assertEqual(got["sinks"][0]["records"], 20000)
        self.assertGreater(got["rescales"], 0)
        # Nothing is left, and nothing was written anywhere else.
        self.assertEqual(os.listdir(self.path("weir-torture")), [])
        self.assertEqual(sorted(os.listdir(self.dir)), ["text", "weir-torture"])

    def test_totals_of_the_end_that_are_printed_are_right(self):
        rows = ["--set", "pipeline.rows.rows=200000"]
        got = self.right(os.path.join(EXAMPLES, "totals-at-the-end.json"), *rows, kills=6)
        self.assertEqual(got["sinks"][0]["records"], 6)
        self.assertIn("at least once", got["sinks"][0]["judged_by"])

    def test_each_kind_of_sink_is_judged(self):
        job = self.job(
            dict(GENERATOR, fields=FIELDS),
            {"id": "one", "type": "file_sink", "inputs": ["rows"], "path": "o", "files": "single"},
            {"id": "hole", "type": "blackhole_sink", "inputs": ["rows"]},
            {"id": "sum", "type": "keyed_sum", "inputs": ["rows"], "key": "k", "value": "v"},
            dict(SINK, format="jsonl"),
            parallelism=2,
        )
        got = self.right(job)
        how = {s["id"]: s["judged_by"] for s in got["sinks"]}
        self.assertIn("exactly once", how["one"])
        self.assertIn("checksum", how["hole"])
        self.assertIn("chain", how["out"])
        self.assertTrue(got["order_dependent"])
        self.assertEqual(sorted(os.listdir(self.dir)), ["job.json", "weir-torture"])

    def tampered(self, with_file, *options):
        """The verdict on a job, one of whose committed files somebody changed once."""
        job = self.job(dict(GENERATOR, fields=FIELDS), SINK, checkpoint={"interval": "20ms"})
        pattern = self.path("weir-torture", "mine-1", "life-*", "out", "out", "part-*.csv")
        ran = self.start("torture", job, "--seed", self.seed, "--kills", 40, *options)

        def done():
            if not ran.running():
                raise AssertionError("ended first: %s" % ran.result())
            for path in sorted(glob.glob(glob.escape(self.dir) + pattern[len(self.dir) :])):
                try:
                    if os.path.getsize(path) > 200:
                        return with_file(path)
                except FileNotFoundError:  # that life is over
                    pass
            return False

        weir.until("a committed file", done, timeout=200)
        got = ran.wait(280)
        self.assertEqual(got.code, 1, str(got))
        self.assertIn("NOT RIGHT", got.out)
        self.assertRegex(got.out, r"weir torture \S+job.json --seed \d+ --kills \d+")
        self.assertTrue(os.path.isdir(self.path("weir-torture", "mine-1")), "kept")
        return got

    def test_a_committed_record_too_many_is_found_and_shown(self):
        def add(path):
            with open(os.path.join(os.path.dirname(path), "part-zz.csv"), "w") as f:
                f.write("k,v\n77,77777\n")
            return True

        got = self.tampered(add)
        self.assertRegex(got.out, r"1 time too often +77,77777")

    def test_a_changed_byte_of_a_committed_file_is_found_and_shown(self):
        def change(path):
            with open(path, "r+b") as f:
                f.seek(-2, os.SEEK_END)
                last = f.read(1)
                f.seek(-2, os.SEEK_END)
                f.write(b"%d" % ((int(last) + 1) % 10))
            return True

        got = self.tampered(change)
        self.assertRegex(got.out, r"1 time missing +\d+,\d+")
        self.assertRegex(got.out, r"1 time too often +\d+,\d+")

    def test_a_committed_file_that_vanishes_is_found(self):
        got = self.tampered(lambda path: not os.unlink(path))
        self.assertRegex(got.out, r"vanished|time missing")

    def test_a_job_that_reads_a_clock_is_told_as_such(self):
        job = self.job(dict(GENERATOR, created_as="at"), SINK)
        got = self.torture(job, "--kills", 4)
        self.assertRegex(got.err, r"'out' is judged by: the number of records")
        self.assertIn("says of each row when it was made", got.err)

    def test_a_job_whose_output_is_another_one_each_time_cannot_be_judged(self):
        """Its input changes between the two undisturbed runs."""
        lines = self.write("in", "a\n" * 4000)
        source = {"id": "in", "type": "file_source", "path": "in", "rate": 4000}
        job = self.job(source, dict(SINK, format="text"))
        ran = self.start("torture", job, "--kills", 4, "--seed", self.seed)
        again = self.path("weir-torture", "mine-1", "again")
        weir.until("the second run", lambda: os.path.isdir(again))
        with open(lines, "w") as f:
            f.write("b\n" * 100)
        got = ran.wait(200)
        self.assertEqual(got.code, 1, str(got))
        self.assertIn("CANNOT BE JUDGED", got.out)

    def test_what_cannot_be_tortured_is_refused_by_name(self):
        endless = {"id": "rows", "type": "generator_source"}
        source = dict(GENERATOR, rows=10)
        refused = (
            ("never ends.*pipeline.rows.rows=", [endless, SINK], {}),
            ("at_least_once.*exactly_once", [source, SINK], {"mode": "at_least_once"}),
            ("on_complete runs a program", [source, SINK], {"on_complete": "/bin/true"}),
        )
        for says, stages, checkpoint in refused:
            job = self.job(*stages, checkpoint=checkpoint)
            self.refused(2, [says], "torture", job)
        job = self.job({"id": "a", "type": "filee"})
        self.refused(2, ["filee"], "torture", job)
        self.refused(2, ["--kills"], "torture", job, "--kills", "0")
        self.refused(4, ["nowhere"], "torture", self.path("nowhere.json"))
        self.assertEqual(os.listdir(self.dir), ["job.json"])

    def test_a_job_that_fails_by_itself_is_said_to(self):
        bad = {"id": "bad", "type": "map", "set": {"v": "1 / (i - 700)"}}
        got = self.torture(self.job(GENERATOR, bad, SINK), code=1)
        self.assertRegex(got.out, r"(?s)CANNOT BE JUDGED: the job fails without.*division by zero")

    def test_a_fault_is_for_its_own_children_only(self):
        job = self.job(dict(GENERATOR, rows=10), SINK)
        self.refused(2, ["unknown verb"], "tortured")
        self.refused(2, ["no fault"], "tortured", "page", "nonsense", "run", job)
        self.assertNotIn("tortured ", self.ok("help").out)


if __name__ == "__main__":
    unittest.main()
