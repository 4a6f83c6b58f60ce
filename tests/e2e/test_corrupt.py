"""A damaged newest checkpoint: exit 6, the file named, nothing deleted (inv 15, 33)."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


def files(folder):
    return sorted(
        os.path.join(where, name) for where, _, names in os.walk(folder) for name in names
    )


class Corrupt(weir.Case):
    def setUp(self):
        super().setUp()
        # Enough keys that the state lies in part files, not in the manifest.
        with open(self.path("in.txt"), "w") as f:
            rng = random.Random(8)
            for _ in range(6000):
                f.write(" ".join("word%06d" % rng.randrange(30000) for _ in range(10)) + "\n")
        job = weir.word_count_job("in.txt", "out", rate=4000, interval="50ms", parallelism=2)
        self.args = ["run", self.write("job.json", job), "--dir", self.path("d")]
        process = self.start(*self.args)
        self.until_checkpoint(process, self.path("d"), 5)
        process.kill9()

    def manifest(self):
        return weir.manifests(self.path("d"))[-1]["path"]

    def parts(self):
        """The part files that the newest checkpoint names."""
        named = weir.manifests(self.path("d"))[-1]["files"]
        return [self.path("d", "parts", f["name"]) for f in named]

    def refuse(self, damaged):
        before, output = files(self.path("d")), files(self.path("out"))
        self.refused(6, [os.path.basename(damaged)], *self.args, timeout=20)
        self.assertEqual(
            [f for f in before if f not in files(self.path("d"))], [], "evidence was deleted"
        )
        self.assertEqual(files(self.path("out")), output, "something was committed")
        said = self.weir("checkpoints", self.path("d"))
        self.assertEqual(said.code, 6, str(said))
        self.assertRegex(said.out + said.err, "(?i)corrupt|damaged|not intact|missing")

    def flip(self, path, offset):
        with open(path, "rb+") as f:
            f.seek(offset)
            byte = f.read(1)
            f.seek(offset)
            f.write(bytes([byte[0] ^ 0x40]))

    def test_inv33_a_flipped_byte_anywhere_in_the_manifest(self):
        path = self.manifest()
        rng = random.Random(weir.seed())
        size = os.path.getsize(path)
        for offset in [0, 8, size - 1] + [rng.randrange(size) for _ in range(5)]:
            with self.subTest(offset=offset):
                self.flip(path, offset)
                self.refuse(path)
                self.flip(path, offset)

    def test_inv33_a_flipped_byte_anywhere_in_a_part(self):
        path = max(self.parts(), key=os.path.getsize)
        rng = random.Random(weir.seed())
        size = os.path.getsize(path)
        for offset in [0, 8, size - 1] + [rng.randrange(size) for _ in range(5)]:
            with self.subTest(offset=offset):
                self.flip(path, offset)
                self.refuse(path)
                self.flip(path, offset)

    def test_a_cut_manifest(self):
        path = self.manifest()
        os.truncate(path, os.path.getsize(path) // 2)
        self.refuse(path)

    def test_a_cut_part(self):
        path = max(self.parts(), key=os.path.getsize)
        os.truncate(path, os.path.getsize(path) // 2)
        self.refuse(path)

    def test_a_part_that_is_gone(self):
        path = max(self.parts(), key=os.path.getsize)
        os.unlink(path)
        self.refuse(path)

    def test_the_undamaged_directory_goes_on(self):
        path = self.manifest()
        self.flip(path, 20)
        self.refuse(path)
        self.flip(path, 20)
        self.ok(*self.args)
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))


if __name__ == "__main__":
    unittest.main()
