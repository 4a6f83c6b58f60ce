"""Options of `weir run`: --fresh, --set, --parallelism, the default directory."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Options(weir.Case):
    def setUp(self):
        super().setUp()
        self.write("in.txt", "a b a\nc\n" * 40)
        self.job = self.write("job.json", weir.word_count_job("in.txt", "out"))

    def check(self, folder="out"):
        rows = weir.read_csv(self.path(folder), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_the_default_directory_is_named_after_the_job(self):
        self.ok("run", self.job)
        self.assertTrue(weir.slots(self.path("weir-data", "word-count")))
        self.check()

    def test_paths_are_relative_to_the_job_file(self):
        os.mkdir(self.path("below"))
        os.rename(self.job, self.path("below", "job.json"))
        os.rename(self.path("in.txt"), self.path("below", "in.txt"))
        self.ok("run", "below/job.json", "--dir", "d")
        self.assertTrue(weir.committed(self.path("below", "out")))
        self.assertTrue(weir.slots(self.path("d")))

    def test_set_changes_a_value_and_a_bad_one_names_its_place(self):
        self.ok(
            "run",
            self.job,
            "--dir",
            "d",
            "--set",
            "parallelism=3",
            "--report",
            self.path("r.json"),
        )
        subtasks = {
            o["subtask"]
            for o in self.report(self.path("r.json"))["operators"]
            if o["id"] == "count"
        }
        self.assertEqual(subtasks, {0, 1, 2})
        self.refused(
            2, ["interval"], "run", self.job, "--dir", "e", "--set", "checkpoint.interval=soon"
        )

    def test_parallelism_of_the_command_line_wins(self):
        self.ok(
            "run", self.job, "--dir", "d", "--parallelism", "2", "--report", self.path("r.json")
        )
        subtasks = {
            o["subtask"]
            for o in self.report(self.path("r.json"))["operators"]
            if o["id"] == "count"
        }
        self.assertEqual(subtasks, {0, 1})
        self.check()

    def test_fresh_begins_another_lineage_and_a_new_sink_path(self):
        self.ok("run", self.job, "--dir", "d")
        # The old lineage's output is in the way, and the message says so.
        self.refused(5, ["out"], "run", self.job, "--dir", "d", "--fresh")
        os.rename(self.path("out"), self.path("old"))
        self.ok("run", self.job, "--dir", "d", "--fresh")
        self.check()
        self.check("old")


if __name__ == "__main__":
    unittest.main()
