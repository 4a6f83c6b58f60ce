"""weir pin, unpin and gc: on a running job through its socket, at a server, and on a directory that
nobody runs (inv 12, 13, 14, 20)."""

import glob
import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import serve
import weir

WORDS = 6000


def tree(folder):
    """Every file below it: its bytes and its times."""
    found = {}
    for at, _, names in os.walk(folder):
        for name in names + ["."]:
            path = os.path.join(at, name)
            st = os.stat(path)
            content = b""
            if name != ".":
                with open(path, "rb") as f:
                    content = f.read()
            found[path] = (st.st_mtime_ns, st.st_ino, content)
    return found


class Keep(weir.Case):
    def begin(self, rate=400, **more):
        weir.text(random.Random(weir.seed()), self.path("in.txt"), WORDS, 6)
        job = weir.word_count_job("in.txt", "out", rate=rate, **more)
        self.job = self.write("job.json", job)
        self.process = self.start("run", self.job, "--dir", "d")
        self.until_checkpoint(self.process, self.path("d"), 3)

    def finished(self):
        weir.text(random.Random(weir.seed()), self.path("in.txt"), WORDS, 6)
        self.job = self.write("job.json", weir.word_count_job("in.txt", "out", rate=20000))
        self.ok("run", self.job, "--dir", "d")

    def shown(self):
        listed = self.ok("checkpoints", "d", "--json").json()["checkpoints"]
        self.assertTrue(all(c["intact"] for c in listed), str(listed))
        return {c["id"]: c["pinned"] for c in listed}

    def pinned(self):
        return [id for id, pinned in self.shown().items() if pinned]

    def assert_exact(self):
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_inv13_a_running_job_keeps_what_is_pinned_until_it_is_unpinned(self):
        self.begin(interval="200ms", rate=20)
        id = max(self.shown())
        said = self.ok("pin", "d", str(id)).out
        self.assertIn("checkpoint %d is pinned" % id, said)
        self.assertEqual(self.pinned(), [id])
        self.assertIn("pinned", self.ok("checkpoints", "d").out)
        newest = max(self.shown())
        weir.until("older ones to be retired", lambda: min(
            c for c in self.shown() if c != id) > newest)
        self.assertEqual(self.pinned(), [id])
        self.assertIn("already", self.ok("pin", "d", str(id)).out)
        says = ["checkpoint 999999 is not kept", "kept: ", " %d\\)" % id]
        self.refused(4, says, "pin", "d", "999999")
        self.refused(2, ["not the number of a checkpoint"], "pin", "d", "first")
        lines = self.ok("unpin", "d", str(id), "--json").out.splitlines()
        last = json.loads(lines[-1])
        self.assertEqual((last["event"], last["data"]["state"]), ("action", "done"))
        self.assertEqual(self.pinned(), [])
        weir.until("it to be retired", lambda: id not in self.shown())
        gone = json.loads(self.ok("gc", "d", "--json").out.splitlines()[-1])["data"]["gone"]
        self.assertFalse(gone["dry_run"])
        self.assertEqual(gone["files"], len(gone["removed"]))
        self.ok("gc", "d", "--dry-run")
        self.ok("stop", "d")
        self.assertEqual(self.process.wait().code, 0, str(self.process.result()))
        fast = self.write("fast.json", weir.word_count_job("in.txt", "out"))
        self.ok("run", fast, "--dir", "d")
        self.assert_exact()

    def test_inv20_a_finished_directory_is_pinned_and_stays_finished(self):
        self.finished()
        before = self.shown()
        id, final = min(before), max(before)
        self.assertEqual(self.ok("pin", "d", str(id), "--json").json(),
                         {"checkpoint": id, "pinned": True, "changed": True})
        self.assertEqual(self.pinned(), [id])
        stands = tree(self.path("d", "manifest"))
        self.assertIn("already", self.ok("pin", "d", str(id)).out)
        self.assertEqual(stands, tree(self.path("d", "manifest")), "nothing new was to be said")
        self.refused(4, ["checkpoint 999999 is not kept", "kept: %d" % final], "pin", "d", "999999")
        self.refused(4, ["no folder 'manifest'"], "pin", "./out", "1")
        self.ok("run", self.job, "--dir", "d")
        self.assertEqual(max(self.shown()), final, "a finished job publishes nothing")
        self.assertIn("not pinned any more", self.ok("unpin", "d", str(id)).out)
        self.assertEqual(self.pinned(), [])
        self.ok("run", self.job, "--dir", "d")
        self.assertEqual(max(self.shown()), final)
        self.assert_exact()

    def test_inv12_a_killed_directory_is_pinned_and_goes_on(self):
        self.begin()
        self.process.kill9()
        id = min(self.shown())
        self.ok("pin", "d", str(id)) # its socket is there still, with nobody behind it
        self.assertEqual(self.pinned(), [id])
        self.ok("run", self.job, "--dir", "d")
        self.assertEqual(self.pinned(), [id])
        self.assertGreater(max(self.shown()), id + 3)
        self.assert_exact()

    def test_inv14_gc_removes_what_it_says_and_a_dry_run_nothing(self):
        self.finished()
        named = os.path.basename(glob.glob(self.path("d", "parts", "*"))[0]).split("-")
        orphan = self.path("d", "parts", "-".join(named[:3] + ["%020d.part" % 900]))
        with open(orphan, "wb") as f:
            f.write(b"x" * 5000)
        before = tree(self.path("d"))
        said = self.ok("gc", "d", "--dry-run", "--json").json()
        self.assertEqual(before, tree(self.path("d")))
        self.assertEqual((said["dry_run"], said["files"], said["bytes"]), (True, 1, 5000))
        self.assertEqual(said["removed"][0]["path"], os.path.relpath(orphan, self.path("d")))
        self.assertIn("would remove 1 file", self.ok("gc", "d", "--dry-run").out)
        self.assertEqual(before, tree(self.path("d")))
        self.assertIn("removed 1 file", self.ok("gc", "d").out)
        self.assertFalse(os.path.exists(orphan))
        after = tree(self.path("d"))
        self.assertIn("nothing to remove", self.ok("gc", "d").out)
        after.pop(self.path("d", "owner.lock"))
        self.assertEqual(after.items() - tree(self.path("d")).items(), set(),
                         "no fence where nothing is to be removed")
        self.shown()
        self.ok("run", self.job, "--dir", "d")
        self.assert_exact()

    def pending(self, out="out"):
        return glob.glob(self.path(out, ".weir-pending", "*", "*"))

    def killed_with_leftovers(self):
        """Killed until it has left more than its newest checkpoint lists: as soon as there is a
        prepared file, mostly before a manifest names it."""
        self.begin()
        for _ in range(60):
            while self.process.running() and not self.pending():
                pass
            self.process.kill9()
            told = self.ok("gc", "d", "--dry-run", "--json").json()
            left = [r["path"] for r in told["removed"] if ".weir-pending" in r["path"]]
            if left:
                return left
            self.process = self.start("run", self.job, "--dir", "d")
            newest = self.newest(self.path("d"))
            self.until_checkpoint(self.process, self.path("d"), newest + 2)
        self.fail("never killed in the middle of an interval")

    def test_inv14_gc_lists_and_removes_what_a_killed_sink_left(self):
        left = self.killed_with_leftovers()
        before = set(self.pending())
        self.ok("gc", "d", "--dry-run")
        self.assertEqual(set(self.pending()), before)
        removed = self.ok("gc", "d", "--json").json()["removed"]
        self.assertLessEqual(set(left), {r["path"] for r in removed})
        gone = {os.path.realpath(self.path(p)) for p in left}
        still = set(map(os.path.realpath, self.pending()))
        self.assertEqual(still, set(map(os.path.realpath, before)) - gone)
        self.assertIn("nothing to remove", self.ok("gc", "d").out)
        self.job = self.write("job.json", weir.word_count_job("in.txt", "out", rate=20000))
        self.ok("run", self.job, "--dir", "d")
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_inv14_what_a_sink_left_goes_where_it_was_taken_out_of_the_job(self):
        self.killed_with_leftovers()
        job = weir.word_count_job("in.txt", "other", rate=20000)
        job["pipeline"][-1]["id"] = "elsewhere"
        self.ok("run", self.write("job.json", job), "--dir", "d")
        self.assertEqual(self.pending(), [])
        self.assertEqual(self.pending("other"), [])
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        rows += weir.read_csv(self.path("other"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_a_job_at_a_server_is_asked_there(self):
        weir.text(random.Random(weir.seed()), self.path("in.txt"), WORDS, 6)
        server = serve.Server(self, "data")
        server.start()
        server.submit(weir.word_count_job(self.path("in.txt"), self.path("out"), rate=10,
                                         interval="300ms"))
        server.until_state("word-count", "RUNNING")
        self.ok("checkpoint", "word-count", "--dir", "data")
        folder = self.path("data", "jobs", "word-count")
        listed = self.ok("checkpoints", folder, "--json").json()["checkpoints"]
        id = str(listed[-1]["id"])
        self.ok("pin", "word-count", id, "--dir", "data")
        listed = self.ok("checkpoints", folder, "--json").json()["checkpoints"]
        self.assertEqual([str(c["id"]) for c in listed if c["pinned"]], [id])
        self.refused(4, ["is not kept", "kept: "], "pin", "word-count", "999999", "--dir", "data")
        self.refused(5, ["in use by process", "--dir SERVER_DIR"], "pin", folder, id)
        self.ok("gc", "word-count", "--dir", "data")
        self.ok("gc", "word-count", "--dir", "data", "--dry-run")
        server.act("word-count", "stop")
        says = ["nothing to take a checkpoint of"]
        self.refused(5, says, "pin", "word-count", id, "--dir", "data")
        self.ok("unpin", folder, id)
        server.act("word-count", "cancel")
        server.kill9()


if __name__ == "__main__":
    unittest.main()
