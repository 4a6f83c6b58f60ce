"""Savepoints: a running job's state under a name, in a directory of its own that needs nothing
of the one it came from (COORDINATOR 16; inv 1, 12, 20)."""

import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

WORDS = 9000


class Savepoint(weir.Case):
    def begin(self, **more):
        weir.text(random.Random(weir.seed()), self.path("in.txt"), WORDS, 6)
        job = weir.word_count_job("in.txt", "out", rate=300, **more)
        self.job = self.write("job.json", job)
        self.process = self.start("run", self.job, "--dir", "d")
        self.until_checkpoint(self.process, self.path("d"), 3)

    def rows(self, folder="out"):
        return weir.read_csv(self.path(folder), ["word", "n"])

    def savepoint(self, name):
        return self.path("d", "savepoints", name)

    def assert_intact(self, folder):
        shown = self.ok("checkpoints", folder, "--json").json()["checkpoints"]
        self.assertEqual([c["intact"] for c in shown], [True])
        self.assertEqual(shown[0]["kind"], "savepoint")

    def test_a_savepoint_of_a_running_job_is_a_job_of_its_own(self):
        self.begin()
        said = self.ok("savepoint", "d", "--name", "first")
        self.assertIn("savepoint 'first'", said.out)
        self.assert_intact(self.savepoint("first"))
        self.refused(5, ["'first' already"], "savepoint", "d", "--name", "first")
        self.refused(2, ["cannot be the name"], "savepoint", "d", "--name", "../x")
        own = self.ok("savepoint", "d").out
        name = own.split("'")[1]
        self.assertRegex(name, "^savepoint-[0-9]+$")
        self.assert_intact(self.savepoint(name))
        self.assertEqual(self.process.wait().code, 0, str(self.process.result()))
        self.assertIsNone(oracle.wrong_updates(self.rows(), oracle.word_count(self.path("in.txt"))))
        # It outlived what the job kept of its checkpoints, and can be moved and run by itself.
        self.assert_intact(self.savepoint("first"))
        shutil.move(self.savepoint("first"), self.path("other"))
        with open(self.path("other", "job.json"), encoding="utf-8") as f:
            self.assertIn('"word-count"', f.read())
        said = self.ok("explain", self.job, "--against", "other", "--json").json()
        self.assertTrue(all(s["state"] == "restored" for s in said["stages"]), str(said))
        self.assertTrue(said["same_job"])
        # Under another name it is where --restore begins, and says so.
        args = ("explain", self.job, "--set", "name=other-count", "--against", "other")
        said = self.ok(*args, "--json").json()
        self.assertTrue(all(s["state"] == "restored" for s in said["stages"]), str(said))
        self.assertFalse(said["same_job"])
        self.assertIn("--restore other begins from it", self.ok(*args).out)

    def test_a_stop_with_a_savepoint_ends_when_it_is_durable(self):
        self.begin()
        self.refused(2, ["--name is for --savepoint"], "stop", "d", "--name", "end")
        self.ok("stop", "d", "--savepoint", "--name", "end")
        self.assertEqual(self.process.wait().code, 0, str(self.process.result()))
        self.assert_intact(self.savepoint("end"))
        rows = self.rows()
        self.assertIsNone(oracle.broken_chain(rows))
        self.assertLess(len(rows), WORDS, "the test's input was too short")
        said = self.ok("explain", self.job, "--against", self.savepoint("end"), "--json").json()
        count = next(s for s in said["stages"] if s["stage"] == "count")
        self.assertEqual(count["keys"], len({word for word, _ in rows}))
        self.ok("run", self.job, "--dir", "d")
        self.assertIsNone(oracle.wrong_updates(self.rows(), oracle.word_count(self.path("in.txt"))))

    def test_inv20_a_drain_is_the_end_of_the_input(self):
        self.begin()
        said = self.ok("stop", "d", "--drain", "--savepoint", "--name", "end")
        self.assertIn("FINISHED", said.out)
        self.assertEqual(self.process.wait().code, 0, str(self.process.result()))
        self.assert_intact(self.savepoint("end"))
        last = weir.manifests(self.path("d"))[-1]
        self.assertTrue(last.get("final"), str(last))
        rows = self.rows()
        self.assertIsNone(oracle.broken_chain(rows))
        self.assertLess(len(rows), WORDS, "the test's input was too short")
        self.ok("run", self.job, "--dir", "d")  # there is nothing more to do
        self.assertEqual(self.rows(), rows)

    def test_inv1_killed_at_any_time_a_savepoint_is_whole_or_made_by_the_next_start(self):
        self.begin()
        rng = random.Random(weir.seed())
        for n in range(6):
            name = "s%d" % n
            asker = self.start("savepoint", "d", "--name", name)
            weir.some_moment(rng, 0.4 if weir.SANITIZED else 0.05)
            self.process.kill9()
            said = asker.wait().code == 0
            there = os.path.isdir(os.path.join(self.savepoint(name), "manifest")) and any(
                len(x) == 20 for x in os.listdir(os.path.join(self.savepoint(name), "manifest"))
            )
            self.assertTrue(there or not said, "%s was told of and is not there" % name)
            taken = any(m.get("name") == name for m in weir.manifests(self.path("d")))
            self.process = self.start("run", self.job, "--dir", "d")
            newest = self.newest(self.path("d"))
            if self.process.running():
                self.until_checkpoint(self.process, self.path("d"), newest + 3)
            if there or taken:
                weir.until("savepoint " + name, lambda: self.is_linked(name))
                self.assert_intact(self.savepoint(name))
        self.assertEqual(self.process.wait().code, 0, str(self.process.result()))
        self.assertIsNone(oracle.wrong_updates(self.rows(), oracle.word_count(self.path("in.txt"))))

    def is_linked(self, name):
        folder = os.path.join(self.savepoint(name), "manifest")
        return os.path.isdir(folder) and any(len(x) == 20 for x in os.listdir(folder))


if __name__ == "__main__":
    unittest.main()
