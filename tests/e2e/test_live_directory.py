"""One directory, one process: a second one is refused at once and harms nothing (inv 25)."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class LiveDirectory(weir.Case):
    def test_inv25_a_second_run_exits_5_at_once(self):
        weir.text(random.Random(3), self.path("in.txt"), 12000, 6)
        job = self.write("job.json", weir.word_count_job("in.txt", "out", rate=800))
        args = ["run", job, "--dir", self.path("d")]
        first = self.start(*args)
        self.until_checkpoint(first, self.path("d"), 2)
        for more in ([], ["--fresh"], ["--parallelism", "2"]):
            self.refused(5, [str(first.pid)], *args, *more)
        # At once means: it did not wait for the first to end.
        self.assertTrue(first.running(), str(first.result()))
        self.assertEqual(first.wait().code, 0, str(first.result()))
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_the_place_of_a_killed_process_is_free_at_once(self):
        weir.text(random.Random(4), self.path("in.txt"), 6000, 6)
        job = self.write("job.json", weir.word_count_job("in.txt", "out", rate=800))
        first = self.start("run", job, "--dir", self.path("d"))
        self.until_checkpoint(first, self.path("d"), 2)
        self.assertTrue(first.kill9())
        self.assertRegex(self.ok("run", job, "--dir", self.path("d")).err, "RECOVERED")


if __name__ == "__main__":
    unittest.main()
