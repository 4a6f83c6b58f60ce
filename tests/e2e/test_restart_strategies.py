"""Each restart strategy against a fault that does not pass: how often it tries again, when, what it
says when it has had enough; and a rate of failures that a job may live with (COORDINATOR 26)."""

import os
import random
import re
import resource
import sys
import time
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class RestartStrategies(weir.Case):
    def start_job(self, restart):
        weir.text(random.Random(1), self.path("in.txt"), 12000, 6)
        job = self.write(
            "job.json",
            weir.word_count_job("in.txt", "out", interval="20ms", rate=2000, restart=restart),
        )
        # A leak checker opens files at the exit, where there are none left.
        with unittest.mock.patch.dict(os.environ, ASAN_OPTIONS="detect_leaks=0"):
            process = self.start("run", job, "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 3)
        return process

    def without_descriptors(self, restart):
        """The job's end when it can open no file any more, and how many attempts failed."""
        process = self.start_job(restart)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, 3))
        result = process.wait(30)
        self.assert_sound(result)
        self.assertEqual(result.code, 1, str(result))
        return result.err, self.failures(process)

    def failures(self, process):
        return len(re.findall(r"attempt \d+ failed", process.result().err))

    def test_none_fails_at_once(self):
        err, failed = self.without_descriptors({"strategy": "none"})
        self.assertNotIn("gave up", err)
        self.assertRegex(err, "(?i)too many open files")
        self.assertEqual(failed, 0)

    def test_fixed_delay_tries_again_as_often_as_it_says(self):
        err, failed = self.without_descriptors(
            {"strategy": "fixed_delay", "attempts": 2, "initial": "30ms"}
        )
        self.assertEqual(failed, 2)
        self.assertRegex(err, "attempt 1 failed.* at once")
        self.assertRegex(err, "failed.* in 30 ms")
        self.assertRegex(err, "(?i)gave up after 2 restarts.*too many open files")

    def test_failure_rate_gives_up_when_there_are_too_many_within_the_interval(self):
        err, failed = self.without_descriptors(
            {"strategy": "failure_rate", "attempts": 3, "initial": "20ms", "reset_after": "1h"}
        )
        self.assertEqual(failed, 3)
        self.assertRegex(err, "(?i)gave up: more than 3 failures within 1h.*too many open files")

    def test_failure_rate_lives_with_failures_that_are_far_apart(self):
        process = self.start_job(
            {"strategy": "failure_rate", "attempts": 2, "initial": "1s", "reset_after": "1500ms"}
        )
        for burst in (1, 2):
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, 100))
            # The attempt and the restart that is immediate; the next one comes after a second.
            weir.until(
                "two failures",
                lambda: self.failures(process) == 2 * burst or not process.running(),
            )
            resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (100, 100))
            again = time.monotonic() + 1.6
            weir.until("an interval", lambda: time.monotonic() > again or not process.running())
        result = process.wait(60)
        self.assert_sound(result)
        self.assertEqual(result.code, 0, str(result))
        self.assertEqual(self.failures(process), 4)
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))


if __name__ == "__main__":
    unittest.main(verbosity=2)
