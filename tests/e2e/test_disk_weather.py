"""No inodes left, files that may not grow (ulimit -f), a file system that becomes read-only: the
run ends by name with exit 1, committed output is right meanwhile, and with the cause gone the next
run makes it exact (inv 32). The full disk itself: test_disk_full.py."""

import os
import random
import resource
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import small_disk
import weir

WORDS = 60000


class Weather(weir.Case):
    small = None

    def tearDown(self):
        if self.small:
            small_disk.unmount(self.small)
        super().tearDown()

    def prepare(self, sink, folder, rate, **more):
        weir.text(random.Random(11), self.path("in.txt"), WORDS, 10, vocabulary=30000)
        self.right = oracle.word_count(self.path("in.txt"))
        self.sink = self.path(sink)
        job = weir.word_count_job(
            "in.txt",
            sink,
            interval="20ms",
            rate=rate,
            restart={"initial": "20ms", "max": "50ms"},
            **more,
        )
        self.args = ["run", self.write("job.json", job), "--dir", folder]

    def failed(self, said, *patterns):
        """What was committed until then is right as far as it goes."""
        self.assertEqual(said.code, 1, str(said))
        self.assert_clean(said.err, said)
        for pattern in patterns:
            self.assertRegex(said.err.splitlines()[-1], pattern, str(said))
        self.assertIsNone(oracle.broken_chain(weir.read_csv(self.sink, ["word", "n"])))

    def exact(self):
        self.ok(*self.args)
        rows = weir.read_csv(self.sink, ["word", "n"])
        if self.emits_updates:
            self.assertIsNone(oracle.wrong_updates(rows, self.right))
        else:
            self.assertEqual(sorted(rows), sorted((w, str(n)) for w, n in self.right.items()))

    emits_updates = True

    def mounted(self, options):
        self.small = small_disk.mount(self, options)
        return self.small

    # ---- no inodes ----

    def out_of_inodes(self, sink, folder):
        self.prepare(sink, folder, 3000)
        self.failed(self.weir(*self.args), "No space left", "inodes", "gave up after 3 restarts")
        small_disk.inodes(self.small, 100000)
        self.exact()

    def test_inv32_the_sinks_disk_has_no_inodes(self):
        self.mounted("64m,nr_inodes=12")
        self.out_of_inodes("small/out", self.path("d"))

    def test_inv32_the_checkpoints_disk_has_no_inodes(self):
        small = self.mounted("64m,nr_inodes=12")
        self.out_of_inodes("out", os.path.join(small, "d"))

    # ---- files that may not grow ----

    def run_limited(self, size):
        """Only a soft limit: ours comes back."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
        try:
            process = self.start(*self.args)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return process.wait()

    def test_inv32_a_sinks_file_may_not_grow(self):
        self.prepare("out", self.path("d"), 0)
        self.failed(self.run_limited(20000), "File too large", "ulimit -f", r"\.weir-pending")
        self.exact()

    def test_inv32_a_checkpoints_file_may_not_grow(self):
        self.prepare("out", self.path("d"), 3000, emit="end")
        self.emits_updates = False
        self.failed(self.run_limited(20000), "File too large", "ulimit -f", r"\.part")
        self.exact()

    # ---- read-only ----

    def becomes_read_only(self, sink, folder):
        self.prepare(sink, folder, 2000)
        process = self.start(*self.args)
        self.until_checkpoint(process, folder, 4)
        weir.some_moment(random.Random(weir.seed()), 0.1)
        small_disk.read_only(self.small)
        # No restart makes it writable: at once.
        self.failed(process.wait(), "Read-only file system")
        self.assertNotIn("attempt 1 failed", process.result().err)
        said = self.weir(*self.args)
        self.assertEqual(said.code, 1, str(said))
        self.assertRegex(said.err, "Read-only file system")
        small_disk.writable_again(self.small)
        self.exact()

    def test_inv32_the_sinks_disk_becomes_read_only(self):
        self.mounted("64m")
        self.becomes_read_only("small/out", self.path("d"))

    def test_inv32_the_checkpoints_disk_becomes_read_only(self):
        small = self.mounted("64m")
        self.becomes_read_only("out", os.path.join(small, "d"))


if __name__ == "__main__":
    unittest.main()
