"""A job's folder that was moved or copied as a whole between two runs: manifests name prepared
files by the paths they had; what was not committed then is committed where it lies now (inv 17)."""

import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Moved(weir.Case):
    def run_for_a_while(self, home):
        """Runs the job in `home` until it has committed something new, and stops it in order."""
        process = self.start("run", self.path(home, "job.json"), "--dir", self.path(home, "d"))
        self.until_checkpoint(process, self.path(home, "d"), self.newest(self.path(home, "d")) + 3)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))

    def stopped_job(self, home, uncommitted):
        os.mkdir(self.path(home))
        weir.text(random.Random(4), self.path(home, "in.txt"), 9000, 6)
        self.write(
            os.path.join(home, "job.json"),
            weir.word_count_job("in.txt", "out", interval="30ms", rate=900),
        )
        self.run_for_a_while(home)
        intents = weir.manifests(self.path(home, "d"))[-1].get("intents", [])
        if not intents:
            self.skipTest("nothing was written before the stop")
        if uncommitted:  # as a crash between publication and commit leaves it
            for intent in intents:
                os.rename(intent["to"], intent["from"])

    def end_exactly(self, home):
        self.ok("run", self.path(home, "job.json"), "--dir", self.path(home, "d"))
        rows = weir.read_csv(self.path(home, "out"), ["word", "n"])
        right = oracle.word_count(self.path(home, "in.txt"))
        self.assertIsNone(oracle.wrong_updates(rows, right))
        pending = self.path(home, "out", ".weir-pending")
        for _, _, files in os.walk(pending):
            self.assertEqual(files, [])

    def test_a_moved_job_goes_on(self):
        self.stopped_job("a", uncommitted=False)
        os.rename(self.path("a"), self.path("b"))
        self.end_exactly("b")

    def test_inv17_what_was_not_committed_is_committed_where_it_was_moved_to(self):
        self.stopped_job("a", uncommitted=True)
        os.rename(self.path("a"), self.path("b"))
        self.end_exactly("b")

    def test_inv17_a_copy_commits_its_own_files_and_leaves_the_original_alone(self):
        self.stopped_job("a", uncommitted=True)
        shutil.copytree(self.path("a"), self.path("b"))
        self.end_exactly("b")
        self.end_exactly("a")

    def test_a_sink_path_that_was_changed_gets_new_files_only(self):
        self.stopped_job("a", uncommitted=True)
        job = weir.word_count_job("in.txt", "other", interval="30ms", rate=900)
        self.write("a/job.json", job)
        self.ok("run", self.path("a", "job.json"), "--dir", self.path("a", "d"))
        rows = weir.read_csv(self.path("a", "out"), ["word", "n"])
        rows += weir.read_csv(self.path("a", "other"), ["word", "n"])
        right = oracle.word_count(self.path("a", "in.txt"))
        self.assertIsNone(oracle.wrong_updates(rows, right))


if __name__ == "__main__":
    unittest.main(verbosity=2)
