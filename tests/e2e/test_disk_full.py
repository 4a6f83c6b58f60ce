"""A full disk: the run fails by name; with space again the next one loses nothing (inv 32).

Needs root, for a small file system of its own.
"""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import small_disk
import weir


class DiskFull(weir.Case):
    def setUp(self):
        super().setUp()
        self.small = small_disk.mount(self, "768k")

    def tearDown(self):
        small_disk.unmount(self.small)
        super().tearDown()

    def run_into(self, folder, sink):
        weir.text(random.Random(11), self.path("in.txt"), 150000, 10, vocabulary=50000)
        right = oracle.word_count(self.path("in.txt"))
        job = weir.word_count_job(
            "in.txt", sink, interval="30ms", rate=60000, restart={"initial": "20ms", "max": "50ms"}
        )
        args = ["run", self.write("job.json", job), "--dir", folder]
        self.refused(1, [self.small, "space"], *args)
        small_disk.grow(self.small, "64m")
        self.ok(*args)
        rows = weir.read_csv(os.path.join(self.dir, sink), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, right))

    def test_inv32_the_sinks_disk_is_full(self):
        self.run_into(self.path("d"), "small/out")

    def test_inv32_the_checkpoints_disk_is_full(self):
        with open(os.path.join(self.small, "ballast"), "wb") as f:
            f.write(b"x" * (512 << 10))
        self.run_into(os.path.join(self.small, "d"), "out")


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("skipped: a small file system needs root", file=sys.stderr)
        sys.exit(77)
    unittest.main()
