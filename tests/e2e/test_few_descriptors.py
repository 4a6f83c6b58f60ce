"""Too few file descriptors, at the start or in the middle: a message and an exit code, or a
restart; never a crash, a hang or a wrong output (inv 32)."""

import os
import random
import resource
import subprocess
import sys
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class FewDescriptors(weir.Case):
    def job(self, wait="20ms", **more):
        weir.text(random.Random(1), self.path("in.txt"), 12000, 6)
        return self.write(
            "job.json",
            weir.word_count_job(
                "in.txt", "out", parallelism=2, restart={"initial": wait, "max": "1s"}, **more
            ),
        )

    def assert_exact(self):
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_a_limit_at_the_start_is_named(self):
        for limit in range(4, 26, 3):
            self.fresh()
            job = self.job(interval="20ms")
            limited = 'ulimit -n %d; exec "$0" "$@"' % limit
            args = ["/bin/sh", "-c", limited, weir.BINARY, "run", job, "--dir", self.path("d")]
            done = subprocess.run(args, cwd=self.dir, capture_output=True, timeout=weir.TIMEOUT)
            result = weir.Result(args, done.returncode, "", done.stderr.decode())
            self.assert_sound(result)
            self.assertIn(result.code, (0, 1), str(result))
            if result.code:
                self.assertRegex(result.err, "(?i)too many open files|descriptors", str(result))
            self.ok("run", job, "--dir", self.path("d"))
            self.assert_exact()

    def test_none_left_in_mid_run_ends_with_a_message(self):
        job = self.job(interval="20ms", rate=1000)
        # A leak checker opens files at the exit, where there are none left.
        with unittest.mock.patch.dict(os.environ, ASAN_OPTIONS="detect_leaks=0"):
            process = self.start("run", job, "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 3)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, 3))
        # Its restarts cannot read the directory either, and wait once more each time.
        result = process.wait(30)
        self.assert_sound(result)
        self.assertEqual(result.code, 1, str(result))
        self.assertRegex(result.err, "(?i)gave up after 3 restarts.*too many open files")
        self.ok("run", job, "--dir", self.path("d"))
        self.assert_exact()

    def test_some_again_and_it_goes_on_by_itself(self):
        job = self.job(interval="20ms", rate=1000, wait="300ms")
        process = self.start("run", job, "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 3)
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (3, 100))
        weir.until(
            "the first failure",
            lambda: not process.running() or "attempt 1 failed" in process.result().err,
        )
        resource.prlimit(process.pid, resource.RLIMIT_NOFILE, (100, 100))
        result = process.wait(30)
        self.assert_sound(result)
        self.assertEqual(result.code, 0, str(result))
        self.assert_exact()


if __name__ == "__main__":
    unittest.main(verbosity=2)
