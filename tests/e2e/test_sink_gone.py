"""A sink's folder that is not there when a job starts again (its disk is not mounted, somebody
moved it): what was prepared in it may not have been committed yet, so it is not taken for
committed."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class SinkGone(weir.Case):
    def stopped_job(self):
        """A job that was stopped in mid-stream, its newest checkpoint with output of its own."""
        weir.text(random.Random(4), self.path("in.txt"), 6000, 6)
        os.mkdir(self.path("disk"))
        job = self.write(
            "job.json", weir.word_count_job("in.txt", "disk/out", interval="1h", rate=500)
        )
        process = self.start("run", job, "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 1)
        weir.until("some records", lambda: os.listdir(self.path("disk/out/.weir-pending")))
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))
        if not weir.manifests(self.path("d"))[-1].get("intents"):
            return self.again(job)
        return job

    def again(self, job):
        process = self.start("run", job, "--dir", self.path("d"))
        weir.until("its start", lambda: "first record" in process.result().err)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))
        self.assertTrue(weir.manifests(self.path("d"))[-1].get("intents"))
        return job

    def assert_exact(self):
        rows = weir.read_csv(self.path("disk/out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_inv19_a_disk_that_is_not_mounted_is_no_commit(self):
        job = self.stopped_job()
        os.rename(self.path("disk"), self.path("away"))
        os.mkdir(self.path("disk"))
        before = weir.slots(self.path("d"))
        self.refused(5, ["disk/out.*gone.*mounted"], "run", job, "--dir", self.path("d"))
        self.assertEqual(weir.slots(self.path("d")), before, "it was owned before it was refused")
        self.assertEqual(os.listdir(self.path("disk")), [])
        os.rmdir(self.path("disk"))
        os.rename(self.path("away"), self.path("disk"))
        self.ok("run", job, "--dir", self.path("d"))
        self.assert_exact()

    def test_files_that_were_all_taken_away_are_no_error_once_that_is_said(self):
        job = self.stopped_job()
        committed = weir.committed(self.path("disk/out"))
        os.mkdir(self.path("taken"))
        for path in committed:
            os.rename(path, self.path("taken", os.path.basename(path)))
        pending = os.listdir(self.path("disk/out/.weir-pending"))[0]
        os.rename(self.path("disk"), self.path("away"))
        self.refused(5, ["mkdir -p"], "run", job, "--dir", self.path("d"))
        os.makedirs(self.path("disk/out/.weir-pending", pending))
        self.ok("run", job, "--dir", self.path("d"))
        for name in os.listdir(self.path("taken")):
            os.rename(self.path("taken", name), self.path("disk/out", name))
        self.assert_exact()


if __name__ == "__main__":
    unittest.main(verbosity=2)
