"""`weir submit --restore`: what a job at a server goes on from, whoever is killed meanwhile, and
that it is asked for once."""

import os
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import served
import weir


class SubmitRestore(served.Case):
    def job(self, name, rate=None, **more):
        job = weir.word_count_job("in.txt", name + "-out", rate=rate, **more)
        job["name"] = name
        return self.write("%s-%s.json" % (name, rate), job)

    def until(self, name, *states):
        weir.until(
            "%s %s" % (name, states),
            lambda: self.ask("show", name, "--json").json().get("state") in states,
        )

    def count(self, name):
        rows = weir.read_csv(self.path(name + "-out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def dir_of(self, name):
        return os.path.join(self.server.data, "jobs", name)

    def stopped(self, name):
        """A job that was stopped in the middle, with a savepoint 'early' checkpoints before."""
        self.ask("submit", self.job(name, rate=200))
        weir.until("a checkpoint", lambda: self.newest(self.dir_of(name)) >= 3)
        self.assertEqual(self.ask("savepoint", name, "--name", "early").code, 0)
        early = self.newest(self.dir_of(name))
        weir.until("more", lambda: self.newest(self.dir_of(name)) >= early + 5)
        self.assertEqual(self.ask("stop", name).code, 0)
        return early

    def recoveries(self, name):
        with open(os.path.join(self.server.data, "logs", name + ".log")) as f:
            return [line for line in f if "the state of checkpoint" in line]

    def test_a_new_job_begins_with_the_state_of_another(self):
        self.serve()
        self.stopped("one")
        path = os.path.join(self.dir_of("one"), "savepoints", "early")
        here = os.path.relpath(path, self.dir)
        job = self.job("word-count", rate=100000)
        said = self.ask("submit", job, "--restore", "./" + here, "--wait")
        self.assertEqual(said.code, 0, str(said))
        log = os.path.join(self.server.data, "logs", "word-count.log")
        with open(log) as f:
            self.assertRegex(f.read(), "the state of checkpoint .* of '.*early' is checkpoint")
        # What it writes goes on from there: the highest count of each word is the oracle's.
        rows = weir.read_csv(self.path("word-count-out"), ["word", "n"])
        most = {}
        for word, n in rows:
            most[word] = max(int(n), most.get(word, 0))
        right = oracle.word_count(self.path("in.txt"))
        self.assertTrue(most and all(right[word] == n for word, n in most.items()))

    def test_all_goes_back_to_a_savepoint_once_whatever_is_killed_afterwards(self):
        server = self.serve()
        self.stopped("back")
        slow = self.job("back", rate=150)
        self.assertNotEqual(self.ask("submit", slow, "--rewind").code, 0)  # to where?
        said = self.ask("submit", slow, "--restore", "early", "--wait")
        self.assertEqual(said.code, 5, str(said))
        self.assertRegex(said.err, "--rewind")
        self.ask("submit", slow, "--restore", "early", "--rewind")
        self.until("back", "RUNNING")
        weir.until("a checkpoint", lambda: not self.asked_of("back"))
        before = self.newest(self.dir_of("back"))
        weir.until("more", lambda: self.newest(self.dir_of("back")) >= before + 3)
        self.assertEqual(len(self.recoveries("back")), 1)
        server.kill9()
        server.start()
        self.until("back", "RUNNING")
        newest = self.newest(self.dir_of("back"))
        weir.until("more", lambda: self.newest(self.dir_of("back")) >= newest + 2)
        said = self.ask("submit", self.job("back", rate=100000), "--replace", "--wait")
        self.assertEqual(said.code, 0, str(said))
        self.assertEqual(len(self.recoveries("back")), 1)
        self.count("back")

    def asked_of(self, name):
        """Whether the catalogue still says what the job is to go on from."""
        folder = os.path.join(self.server.data, "catalogue")
        newest = max(n for n in os.listdir(folder) if n.startswith(name + "."))
        with open(os.path.join(folder, newest), "rb") as f:
            return b'"restore"' in f.read()

    def test_by_id_where_it_runs_and_a_directory_is_taken_over(self):
        self.serve()
        self.ask("submit", self.job("ids", rate=200))
        weir.until("checkpoints", lambda: self.newest(self.dir_of("ids")) >= 5)
        pin = lambda: self.ask("pin", "ids", str(self.newest(self.dir_of("ids")))).code == 0
        weir.until("one is pinned before it goes", pin)
        kept = self.ok("checkpoints", self.dir_of("ids"), "--json").json()["checkpoints"]
        old = min(c["id"] for c in kept if c.get("pinned"))
        weir.until("more", lambda: self.newest(self.dir_of("ids")) >= old + 5)
        job = self.job("ids", rate=100000)
        said = self.ask("submit", job, "--replace", "--restore", str(old), "--rewind", "--wait")
        self.assertEqual(said.code, 0, str(said))
        self.count("ids")
        self.stopped("old")
        shutil.copytree(self.dir_of("old"), self.path("copy"))
        heir = self.job("heir", rate=100000)
        said = self.ask("submit", heir, "--restore", "./copy", "--claim", "--wait")
        self.assertEqual(said.code, 0, str(said))
        self.refused(5, ["taken over"], "run", self.job("old", rate=200), "--dir", "copy")

    def test_what_makes_no_sense_is_refused_before_it_is_submitted(self):
        self.serve()
        job = self.job("no")
        for args, says in (
            (["--claim"], "--restore PATH"),
            (["--restore", "7", "--claim"], "this job's own"),
            (["--rewind"], "--restore ID"),
        ):
            said = self.ask("submit", job, *args)
            self.assertEqual(said.code, 2, str(said))
            self.assertRegex(said.err, says)
        for query in ("restore=a/b", "restore=", "rewind=1", "claim=1", "restore=7&claim=1",
                      "restore=/x&rewind=2"):
            status = self.server.call("POST", "/v1/jobs?" + query, b"{}").status
            self.assertEqual(status, 400, query)
        self.assertRegex(self.ask("list").out, "no jobs")


if __name__ == "__main__":
    unittest.main()
