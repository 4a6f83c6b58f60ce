"""`weir fsck --repair` (inv 12, 16): nothing is deleted, the second time there is nothing to do,
and the next run goes on with exact output, or says what it would move aside."""

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


def flip(path, offset):
    with open(path, "rb+") as f:
        f.seek(offset)
        byte = f.read(1)
        f.seek(offset)
        f.write(bytes([byte[0] ^ 0x10]))


class Repair(weir.Case):
    def setUp(self):
        super().setUp()
        weir.text(random.Random(4), self.path("in.txt"), 60000, 10, vocabulary=20000)
        job = weir.word_count_job("in.txt", "out", rate=3000, interval="50ms")
        self.args = ["run", self.write("job.json", job), "--dir", self.path("d")]
        self.process = self.start(*self.args)
        self.until_checkpoint(self.process, self.path("d"), 5)

    def repair(self, *more):
        return self.weir("fsck", self.path("d"), "--repair", *more)

    def newest_manifest(self):
        return weir.manifests(self.path("d"))[-1]["path"]

    def kept(self):
        """Base names: a file that was moved aside is still there."""
        return {os.path.basename(f) for f in files(self.path("d"))}

    def goes_on(self):
        """A run, or what it says and does then."""
        said = self.weir(*self.args)
        if said.code == 5:
            asked = [w for w in said.err.split() if w.isdigit()]
            self.assertRegex(said.err, r"--restore \d+ --rewind", str(said))
            id = said.err.split("--restore ")[1].split()[0]
            self.assertIn(id, asked)
            self.ok(*self.args, "--restore", id, "--rewind")
        else:
            self.assertEqual(said.code, 0, str(said))
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))
        return said.code

    def test_inv16_a_manifest_that_cannot_be_read(self):
        self.process.kill9()
        path = self.newest_manifest()
        flip(path, 300)
        self.refused(6, [os.path.basename(path), "fsck --repair"], *self.args)
        before = self.kept()
        said = self.repair()
        self.assertEqual(said.code, 0, str(said))
        self.assertRegex(said.out, "(?s)fault .*quarantined.*given up.*no fault")
        self.assertLessEqual(before, self.kept(), "something was deleted")
        self.assertTrue(os.path.exists(path))
        slots = weir.slots(self.path("d"))
        again = self.repair("--json").json()
        self.assertEqual(again["repair"]["fence"], 0, again)
        self.assertEqual(weir.slots(self.path("d")), slots)
        self.goes_on()
        self.assertEqual(self.ok("fsck", self.path("d"), "--json").json()["intact"], True)

    def test_a_part_that_several_name(self):
        self.process.kill9()
        found = weir.manifests(self.path("d"))
        name = found[-1]["files"][-1]["name"]
        flip(self.path("d", "parts", name), 200)
        whole = [m["id"] for m in found if name not in {f["name"] for f in m["files"]}]
        before = self.kept()
        said = self.repair("--json")
        if not whole:
            self.assertEqual(said.code, 6, str(said))
            self.assertIn("nothing was changed", said.err)
            return
        got = said.json()["repair"]
        self.assertEqual((said.code, got["goes_on_from"]), (0, whole[-1]), str(said))
        self.assertTrue(got["goes_back"])
        self.assertLessEqual(before, self.kept())
        self.goes_on()

    def test_orphans_and_the_jobs_text(self):
        self.process.kill9()
        orphan = self.path("d", "parts", "feedbeef-1-1-%020d.part" % 3)
        strange = self.path("d", "parts", "of-somebody.txt")
        for path in (orphan, strange):
            with open(path, "w") as f:
                f.write("x")
        flip(self.path("d", "job.json"), 5)
        self.assertEqual(self.weir("fsck", self.path("d")).code, 6)
        before = self.kept()
        got = self.repair("--json")
        self.assertEqual(got.code, 0, str(got))
        moved = {x["file"] for x in got.json()["repair"]["did"]}
        self.assertIn("parts/" + os.path.basename(orphan), moved)
        self.assertIn("job.json", moved)
        self.assertTrue(os.path.exists(strange), "what weir did not make is left alone")
        self.assertLessEqual(before, self.kept())
        self.assertFalse(got.json()["repair"]["goes_back"])
        self.assertEqual(self.goes_on(), 0)

    def test_inv25_a_live_job_is_refused(self):
        flip(self.newest_manifest(), 300)
        self.refused(5, ["in use by process", "stop it"], "fsck", self.path("d"), "--repair")
        self.assertTrue(self.process.running())
        self.assertFalse(os.path.exists(self.path("d", "lost")))

    def test_without_any_that_is_whole_nothing_is_changed(self):
        self.process.kill9()
        for m in weir.manifests(self.path("d")):
            flip(m["path"], 100)
        before = files(self.path("d"))
        self.refused(6, ["nothing was changed", "--fresh"], "fsck", self.path("d"), "--repair")
        self.assertEqual(files(self.path("d")), before)


if __name__ == "__main__":
    unittest.main()
