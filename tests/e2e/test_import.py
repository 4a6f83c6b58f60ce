"""Another directory's state as the beginning of a job: `--restore PATH`, with and without --claim
(COORDINATOR 16; inv 2, 10, 12, 15, 24, 26, 34, 40)."""

import glob
import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

WORDS = 9000


def flip(path, offset):
    with open(path, "r+b") as f:
        f.seek(offset)
        byte = f.read(1)[0]
        f.seek(offset)
        f.write(bytes([byte ^ 1]))


class Import(weir.Case):
    def setUp(self):
        super().setUp()
        weir.text(random.Random(weir.seed()), self.path("in.txt"), WORDS, 6)
        self.job = self.job_file("job.json", "out", rate=300)
        self.fast = self.job_file("fast.json", "out")

    def job_file(self, name, out, **more):
        return self.write(name, weir.word_count_job("in.txt", out, **more))

    def rows(self, *folders):
        return [row for f in folders for row in weir.read_csv(self.path(f), ["word", "n"])]

    def assert_exact(self, *folders):
        wanted = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(self.rows(*folders), wanted))

    def savepoint(self, name="s"):
        """Stops the job with a savepoint; where it is."""
        process = self.start("run", self.job, "--dir", "d")
        self.until_checkpoint(process, self.path("d"), 3)
        self.ok("stop", "d", "--savepoint", "--name", name)
        self.assertEqual(process.wait().code, 0, str(process.result()))
        self.assertLess(len(self.rows("out")), WORDS, "the test's input was too short")
        return os.path.join("d", "savepoints", name)

    def test_a_savepoint_goes_on_in_another_directory_with_exact_output(self):
        shutil.copytree(self.path(self.savepoint()), self.path("far", "away"))
        shutil.rmtree(self.path("d"))
        said = self.ok("run", self.fast, "--dir", "e", "--restore", "far/away")
        self.assertIn("taken from  checkpoint", said.err)
        self.assert_exact("out")
        shown = self.ok("checkpoints", "e", "--json").json()["checkpoints"]
        self.assertTrue(all(c["intact"] for c in shown), str(shown))
        manifests = [m for m in weir.manifests(self.path("e")) if m["is"] == "checkpoint"]
        source = weir.manifests(self.path("far", "away"))[-1]
        for m in manifests:
            self.assertEqual(m["origin"]["id"], source["id"])
            self.assertGreater(m["id"], source["id"])  # inv 10
            self.assertNotEqual(m["uuid"], source["uuid"])
            self.assertNotEqual(m["lineage"], source["lineage"])
            self.assertEqual(m["accepts"], [source["lineage"]])
        self.ok("fsck", "e")
        shutil.rmtree(self.path("far"))  # its files are here under their own names

    def test_inv40_twice_from_one_savepoint_gives_the_same_output_twice(self):
        path = self.savepoint()
        before = sorted(glob.glob(self.path("d", "**"), recursive=True))
        branches = []
        for name in ("a", "b"):
            job = self.job_file("job-%s.json" % name, "out-" + name)
            self.ok("run", job, "--dir", "dir-" + name, "--restore", "./" + path)
            self.assert_exact("out", "out-" + name)
            branches.append(sorted(self.rows("out-" + name)))
        self.assertEqual(branches[0], branches[1])
        self.assertEqual(sorted(glob.glob(self.path("d", "**"), recursive=True)), before)
        # The job it was taken of goes on as if nothing had been.
        self.ok("run", self.fast, "--dir", "d")
        self.assert_exact("out")

    def test_repeated_by_a_service_manager_it_is_done_once(self):
        path = self.savepoint()
        process = self.start("run", self.job, "--dir", "e", "--restore", path)
        self.until_checkpoint(process, self.path("e"), self.newest(self.path("d")) + 3)
        process.kill9()
        said = self.ok("run", self.fast, "--dir", "e", "--restore", path)
        self.assertIn("was restored here before", said.err)
        self.assert_exact("out")

    def test_a_claim_ends_the_job_it_was_taken_from(self):
        process = self.start("run", self.job, "--dir", "d")
        self.until_checkpoint(process, self.path("d"), 3)
        self.refused(5, ["in use by process"], "run", self.fast, "--dir", "e", "--restore", "./d",
                     "--claim")
        self.assertFalse(glob.glob(self.path("e", "manifest", "*")))
        process.kill9()
        said = self.ok("run", self.fast, "--dir", "e", "--restore", "./d", "--claim")
        self.assertIn("is taken over", said.err)
        self.assert_exact("out")
        self.assertEqual(glob.glob(self.path("d", "parts", "*")), [])
        for more in ((), ("--fresh",)):
            self.refused(5, ["taken over", self.path("e")], "run", self.fast, "--dir", "d", *more)
        self.refused(5, ["taken over"], "run", self.fast, "--dir", "f", "--restore", "./d")
        said = self.ok("run", self.fast, "--dir", "e", "--restore", "./d", "--claim")
        self.assertIn("FINISHED", said.err)
        self.assert_exact("out")
        shutil.rmtree(self.path("e"))  # whoever had it is gone, and with him the state
        self.refused(4, ["holds nothing"], "run", self.fast, "--dir", "f", "--restore", "./d")

    def test_a_killed_jobs_directory_moves_with_what_it_had_prepared(self):
        for n in range(3):
            shutil.rmtree(self.path("out"), ignore_errors=True)
            old, new = "d%d" % n, "e%d" % n
            process = self.start("run", self.job, "--dir", old)
            self.until_checkpoint(process, self.path(old), 3 + n)
            process.kill9()
            self.ok("run", self.fast, "--dir", new, "--restore", "./" + old)
            self.assert_exact("out")

    def test_inv36_what_a_source_has_prepared_elsewhere_is_its_own_to_commit(self):
        process = self.start("run", self.job, "--dir", "d")
        self.until_checkpoint(process, self.path("d"), 3)
        weir.until("a piece", lambda: weir.manifests(self.path("d"))[-1].get("intents"))
        self.ok("stop", "d")
        self.assertEqual(process.wait().code, 0)
        intents = weir.manifests(self.path("d"))[-1]["intents"]
        other = self.job_file("other.json", "elsewhere")
        path = self.write(intents[0]["from"], "left")
        self.refused(5, ["not committed yet", os.path.basename(path)], "run", other, "--dir", "e",
                     "--restore", "./d")
        self.assertTrue(os.path.exists(path))
        self.assertFalse(glob.glob(self.path("e", "manifest", "*")))
        os.unlink(path)
        self.ok("run", other, "--dir", "e", "--restore", "./d")
        self.assert_exact("out", "elsewhere")

    def test_inv15_a_folder_that_is_out_of_sight_says_nothing_of_what_was_committed(self):
        process = self.start("run", self.job, "--dir", "d")
        self.until_checkpoint(process, self.path("d"), 3)
        self.ok("stop", "d")
        self.assertEqual(process.wait().code, 0)
        other = self.job_file("other.json", "elsewhere")
        os.rename(self.path("out"), self.path("unmounted"))
        for claim in ((), ("--claim",)):
            self.refused(5, ["mounted"], "run", other, "--dir", "e", "--restore", "./d", *claim)
        self.assertFalse(glob.glob(self.path("e", "manifest", "*")))
        os.rename(self.path("unmounted"), self.path("out"))
        self.ok("run", other, "--dir", "e", "--restore", "./d")
        self.assert_exact("out", "elsewhere")

    def test_by_id_and_what_was_committed_since_only_with_rewind(self):
        path = self.savepoint()
        self.ok("run", self.fast, "--dir", "d")
        rows = self.rows("out")
        ids = [c["id"] for c in self.ok("checkpoints", path, "--json").json()["checkpoints"]]
        for where in (path, "s", "./%s@%d" % (path, ids[0])):
            args = ["--dir", "d", "--restore", where]
            self.refused(5, ["--rewind", "part-"], "run", self.fast, *args)
        self.refused(4, ["does not keep checkpoint 9999"], "run", self.fast, "--dir", "e",
                     "--restore", "./%s@9999" % path)
        self.assertEqual(self.rows("out"), rows)
        self.ok("run", self.fast, "--dir", "d", "--restore", "s", "--rewind")
        self.assert_exact("out")
        self.assertTrue(glob.glob(self.path("out", ".superseded", "*", "part-*")))

    def test_inv24_a_changed_job_drops_a_stage_by_name_only(self):
        path = self.savepoint()
        job = weir.word_count_job("in.txt", "new")
        for stage in job["pipeline"]:
            if stage["id"] == "count":
                stage["id"] = "tally"
        changed = self.write("changed.json", job)
        args = ["--dir", "e", "--restore", path]
        self.refused(5, ["'count'", "--drop-state"], "run", changed, *args)
        self.assertFalse(glob.glob(self.path("e", "manifest", "*")))
        self.ok("run", changed, *args, "--drop-state", "count")
        self.assertIsNone(oracle.broken_chain(self.rows("new")))
        self.assertEqual(len(self.rows("new")), WORDS - len(self.rows("out")))

    def test_state_of_its_own_is_left_behind_only_when_told(self):
        path = self.savepoint()
        other = self.job_file("other.json", "out-e")
        self.ok("run", other, "--dir", "e")
        more = self.job_file("more.json", "out-f")
        args = ["--dir", "e", "--restore", path]
        self.refused(5, ["state of its own", "--fresh"], "run", more, *args)
        self.ok("run", more, *args, "--fresh")
        self.assert_exact("out", "out-f")

    def in_the_way(self, source):
        """Files in d of the names that an import from there brings: it fails behind its fence."""
        names = os.listdir(self.path(source, "parts"))
        paths = [self.write(os.path.join("d", "parts", n), "something else") for n in names]
        self.assertTrue(paths)
        return paths

    def test_an_import_that_cannot_be_finished_is_given_up_for_a_checkpoint_of_its_own(self):
        shutil.copytree(self.path(self.savepoint()), self.path("far"))
        newest = self.newest(self.path("d"))
        self.in_the_way("far")
        why = ["restoring from", "bytes, not"]
        self.refused(6, why, "run", self.fast, "--dir", "d", "--restore", "./far")
        self.refused(6, why, "run", self.fast, "--dir", "d")
        self.refused(5, [r"--restore %d \(kept: " % newest], "pin", "d", str(newest))
        self.ok("run", self.fast, "--dir", "d", "--restore", str(newest))
        self.assert_exact("out")
        self.ok("fsck", "d")

    def stuck(self):
        """An import of far/s into d, for which output is moved aside, and which cannot be finished;
        a later savepoint is far/t. Returns the newest checkpoint of d's own."""
        shutil.copytree(self.path(self.savepoint("s")), self.path("far", "s"))
        newest = self.newest(self.path("d"))
        process = self.start("run", self.job, "--dir", "d")
        self.until_checkpoint(process, self.path("d"), newest + 3)
        self.ok("stop", "d", "--savepoint", "--name", "t")
        self.assertEqual(process.wait().code, 0, str(process.result()))
        shutil.copytree(self.path("d", "savepoints", "t"), self.path("far", "t"))
        self.in_way = self.in_the_way("far/s")
        self.refused(6, ["bytes, not"], "run", self.fast, "--dir", "d", "--restore", "./far/s",
                     "--rewind")
        self.assertTrue(glob.glob(self.path("out", ".superseded", "*", "part-*")))
        return self.newest(self.path("d"))

    def test_inv28_with_its_source_lost_what_it_moved_aside_comes_back(self):
        newest = self.stuck()
        shutil.rmtree(self.path("far"))
        cure = "--restore %d, and what was moved aside" % newest
        self.refused(4, ["far/s", cure], "run", self.fast, "--dir", "d")
        self.refused(4, ["not kept"], "run", self.fast, "--dir", "d", "--restore", "99999")
        said = self.ok("run", self.fast, "--dir", "d", "--restore", str(newest))
        self.assertRegex(said.err, "given up.*moved aside for it are back")
        self.assertFalse(glob.glob(self.path("out", ".superseded", "*", "part-*")))
        self.assert_exact("out")
        self.ok("fsck", "d")

    def test_inv28_another_import_takes_its_place_and_has_all_of_the_output(self):
        self.stuck()
        self.ok("run", self.fast, "--dir", "d", "--restore", "./far/t", "--rewind")
        self.assert_exact("out")
        self.ok("fsck", "d")

    def test_or_it_is_finished_from_a_copy_of_its_source(self):
        self.stuck()
        for path in self.in_way:
            os.unlink(path)
        os.rename(self.path("far", "s"), self.path("copy"))
        self.ok("run", self.fast, "--dir", "d", "--restore", "./copy")
        self.assert_exact("out")
        self.ok("fsck", "d")

    def test_inv34_what_is_no_savepoint_is_refused_and_changes_nothing(self):
        path = self.savepoint()
        os.makedirs(self.path("strangers", "manifest"))
        self.write(os.path.join("strangers", "manifest", "notes.txt"), "x")
        os.makedirs(self.path("liars", "manifest"))
        self.write(os.path.join("liars", "manifest", "%020d" % 3), "WEIRMANI and more")
        part = glob.glob(self.path(path, "parts", "*"))[0]
        shutil.copytree(self.path(path), self.path("bad"))
        flip(self.path("bad", "parts", os.path.basename(part)), 200)
        shutil.copytree(self.path(path), self.path("less"))
        os.unlink(os.path.join(self.path("less", "parts"), os.path.basename(part)))
        for code, text, where in (
            (4, "no directory", "./nowhere"),
            (2, "is a file", "./in.txt"),
            (4, "holds no checkpoint", "./strangers"),
            (6, "liars", "./liars"),
            (6, "is not what was written", "./bad"),
            (6, "is missing", "./less"),
            (4, "nor is there a savepoint", "nosuch"),
            (5, "own directory", "./e"),
        ):
            os.makedirs(self.path("e", "manifest"), exist_ok=True)
            if text == "own directory":
                shutil.copytree(self.path(path), self.path("e"), dirs_exist_ok=True)
            self.refused(code, [text], "run", self.fast, "--dir", "e", "--restore", where)
            if text != "own directory":
                self.assertFalse(os.listdir(self.path("e", "manifest")), where)
        for args in (["--claim"], ["--restore", "s", "--claim"], ["--restore", "7", "--fresh"]):
            self.refused(2, ["--"], "run", self.fast, "--dir", "e", *args)

    def test_a_job_that_had_finished_has_nothing_to_go_on_with(self):
        self.ok("run", self.fast, "--dir", "d")
        self.refused(5, ["finished"], "run", self.fast, "--dir", "e", "--restore", "./d")


if __name__ == "__main__":
    unittest.main()
