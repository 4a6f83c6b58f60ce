"""A damaged newest checkpoint (inv 15, 16, 33). Its manifest: exit 6, the file named, nothing
changed. A file only it names: the run goes back to its parent, says so, and the output is
exact; or what it prepared may have been committed: exit 6, nothing changed. A file all of them
name: exit 6."""

import os
import random
import shutil
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
        for rate in (4000, 1000):  # a disk that is slow just now: the job ends before its fifth
            if self.killed_at_its_fifth(rate):
                return
            shutil.rmtree(self.path("d"))
            shutil.rmtree(self.path("out"))
        self.fail("no checkpoint 5 in six seconds")

    def killed_at_its_fifth(self, rate):
        job = weir.word_count_job("in.txt", "out", rate=rate, interval="50ms", parallelism=2)
        self.args = ["run", self.write("job.json", job), "--dir", self.path("d")]
        process = self.start(*self.args)
        weir.until(
            "checkpoint 5", lambda: not process.running() or self.newest(self.path("d")) >= 5
        )
        return process.kill9()

    def newest_body(self):
        return weir.manifests(self.path("d"))[-1]

    def manifest(self):
        return self.newest_body()["path"]

    def parts(self, only=False):
        """The part files that the newest checkpoint names; only: and no other one."""
        found = weir.manifests(self.path("d"))
        named = {f["name"] for f in found[-1]["files"]}
        if only:
            named -= {f["name"] for m in found[:-1] for f in m["files"]}
        return [self.path("d", "parts", name) for name in sorted(named)]

    def shared(self):
        """A part file that every checkpoint names."""
        sets = [{f["name"] for f in m["files"]} for m in weir.manifests(self.path("d"))]
        return [self.path("d", "parts", name) for name in sorted(set.intersection(*sets))]

    def unchanged(self, before, output):
        left = files(self.path("d"))
        self.assertEqual([f for f in before if f not in left], [], "evidence was deleted")
        self.assertEqual(files(self.path("out")), output, "something was committed or moved")

    def refuse(self, damaged):
        before, output = files(self.path("d")), files(self.path("out"))
        self.refused(6, [os.path.basename(damaged)], *self.args, timeout=20)
        self.unchanged(before, output)
        said = self.weir("checkpoints", self.path("d"))
        self.assertEqual(said.code, 6, str(said))
        self.assertRegex(said.out + said.err, "(?i)corrupt|damaged|not intact|missing")

    def exact(self):
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def goes_back_or_refuses(self, damaged, mend):
        """Tries it on a copy of everything; the directory stays as it was."""
        saved = self.path("saved")
        for name in ("d", "out"):
            shutil.copytree(
                self.path(name), os.path.join(saved, name), ignore=shutil.ignore_patterns("*.sock")
            )
        before, output = files(self.path("d")), files(self.path("out"))
        said = self.weir(*self.args, timeout=60)
        if said.code == 6:
            self.assertIn(os.path.basename(damaged), said.out + said.err)
            self.unchanged(before, output)
            mend()
            self.ok(*self.args)
        else:
            self.assertEqual(said.code, 0, str(said))
            self.assertIn("cannot be restored", said.out + said.err)
            self.assertIn(os.path.basename(damaged), said.out + said.err)
            self.assertTrue(os.path.exists(damaged) or "is missing" in said.err, "evidence is gone")
        self.exact()
        for name in ("d", "out"):
            shutil.rmtree(self.path(name))
            shutil.move(os.path.join(saved, name), self.path(name))
        shutil.rmtree(saved)
        return said.code

    def flip(self, path, offset):
        with open(path, "rb+") as f:
            f.seek(offset)
            byte = f.read(1)
            f.seek(offset)
            f.write(bytes([byte[0] ^ 0x40]))

    def some(self, path, n):
        rng = random.Random(weir.seed())
        size = os.path.getsize(path)
        return [0, 8, size - 1] + [rng.randrange(size) for _ in range(n)]

    def test_inv33_a_flipped_byte_anywhere_in_the_manifest(self):
        path = self.manifest()
        for offset in self.some(path, 5):
            with self.subTest(offset=offset):
                self.flip(path, offset)
                self.refuse(path)
                self.flip(path, offset)

    def test_inv16_a_flipped_byte_anywhere_in_a_part_of_the_newest_alone(self):
        path = max(self.parts(only=True), key=os.path.getsize)
        for offset in self.some(path, 2):
            with self.subTest(offset=offset):
                self.flip(path, offset)
                self.goes_back_or_refuses(path, lambda: self.flip(path, offset))
                self.flip(path, offset)

    def test_inv33_a_flipped_byte_anywhere_in_a_part_of_all(self):
        for path in self.shared()[:1]:
            for offset in self.some(path, 5):
                with self.subTest(offset=offset):
                    self.flip(path, offset)
                    self.refuse(path)
                    self.flip(path, offset)

    def test_a_cut_manifest(self):
        path = self.manifest()
        os.truncate(path, os.path.getsize(path) // 2)
        self.refuse(path)

    def test_inv16_a_part_that_is_cut_or_gone(self):
        path = max(self.parts(only=True), key=os.path.getsize)
        aside = self.path("aside")
        shutil.copyfile(path, aside)
        os.truncate(path, os.path.getsize(path) // 2)
        self.goes_back_or_refuses(path, lambda: shutil.copyfile(aside, path))
        os.unlink(path)
        self.goes_back_or_refuses(path, lambda: shutil.copyfile(aside, path))

    def test_what_it_prepared_may_have_been_committed(self):
        """A piece that is where it was no more: exit 6 each time, until the part is mended."""
        path = max(self.parts(only=True), key=os.path.getsize)
        pieces = [t["from"] for t in self.newest_body().get("intents", [])]
        if not pieces:
            self.skipTest("it prepared nothing")
        if os.path.exists(pieces[-1]):
            os.rename(pieces[-1], self.newest_body()["intents"][-1]["to"])
        self.flip(path, 100)
        for _ in range(3):
            self.refuse(path)
        self.flip(path, 100)
        self.ok(*self.args)
        self.exact()

    def test_the_undamaged_directory_goes_on(self):
        path = self.manifest()
        self.flip(path, 20)
        self.refuse(path)
        self.flip(path, 20)
        self.ok(*self.args)
        self.exact()

    def test_a_rewind_is_asked_for_and_allowed(self):
        kept = self.newest_body()["retained"]
        older = next(
            m["id"]
            for m in weir.manifests(self.path("d"))
            if int(os.path.basename(m["path"])) == kept[0]
        )
        self.refused(5, ["--rewind", "part-"], *self.args, "--restore", str(older))
        self.refused(4, ["kept"], *self.args, "--restore", "99999", "--rewind")
        self.refused(2, ["--restore"], *self.args, "--rewind")
        self.ok(*self.args, "--restore", str(older), "--rewind")
        self.exact()
        self.assertTrue(os.listdir(self.path("out", ".superseded")))


if __name__ == "__main__":
    unittest.main()
