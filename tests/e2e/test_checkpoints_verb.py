"""`weir checkpoints DIR`: one line a checkpoint, and the same facts as JSON."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

FACTS = {
    "id": int,
    "kind": str,
    "trigger": str,
    "bytes_written": int,
    "state_bytes": int,
    "keys_changed": int,
    "total_ms": (int, float),
    "sync_us_max": (int, float),
    "intact": bool,
}


class CheckpointsVerb(weir.Case):
    def test_it_lists_what_is_retained_while_the_job_runs_and_after(self):
        weir.text(random.Random(9), self.path("in.txt"), 12000, 6)
        job = self.write(
            "job.json", weir.word_count_job("in.txt", "out", rate=1500, interval="30ms")
        )
        folder = self.path("d")
        process = self.start("run", job, "--dir", folder)
        self.until_checkpoint(process, folder, 6)
        self.assertGreaterEqual(self.newest(folder), 6)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait(20).code, 0, str(process.result()))

        found = self.checkpoints(folder)
        ids = [c["id"] for c in found]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual(len(found), 3, "retention is 3: %s" % ids)
        for c in found:
            for name, kind in FACTS.items():
                self.assertIsInstance(c.get(name), kind, "%s of %s" % (name, c))
            self.assertTrue(c["intact"], c)
            self.assertGreater(c["state_bytes"], 0)
        self.assertEqual(found[-1]["trigger"], "stop")

        table = self.ok("checkpoints", folder).out
        for id in ids:
            self.assertRegex(table, r"(?m)^\W*%d\b" % id)
        one = self.ok("checkpoints", folder, ids[0]).out
        self.assertRegex(one, "count")
        self.timeline_is_whole(folder, ids[-2])

    def timeline_is_whole(self, folder, id):
        """Bars of every subtask; the path's spans join, and sum to the whole."""
        text = self.ok("checkpoints", folder, id).out
        for stage in ("lines", "words", "count", "out"):
            self.assertRegex(text, r"(?m)^  %s/0 +[.aFspw-]*$" % stage)
        self.assertRegex(text, r"Most of it, .* of .* \(\d+ %\): ")
        facts = self.ok("checkpoints", folder, id, "--json").json()
        spans, whole = facts["path"], facts["timeline"]["committed"]
        self.assertEqual(spans[0]["from_us"], 0)
        self.assertEqual([s["from_us"] for s in spans[1:]], [s["to_us"] for s in spans[:-1]])
        self.assertEqual(sum(s["to_us"] - s["from_us"] for s in spans), whole)
        # What the checkpoint's own figures say, without the commit, must not be longer.
        self.assertLessEqual(facts["async_ms"], whole / 1e3)

    def test_the_newest_fifty_are_shown_and_any_by_its_number(self):
        weir.text(random.Random(9), self.path("in.txt"), 12000, 6)
        job = weir.word_count_job("in.txt", "out", rate=1500, interval="10ms")
        job["checkpoint"]["retain"] = 100
        folder = self.path("d")
        process = self.start("run", self.write("job.json", job), "--dir", folder)
        self.until_checkpoint(process, folder, 55)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait(20).code, 0, str(process.result()))

        every = self.ok("checkpoints", folder, "--all", "--json").json()
        few = self.ok("checkpoints", folder, "--json").json()
        self.assertGreater(len(every["checkpoints"]), 50)
        self.assertEqual(every["older"], 0)
        self.assertEqual(few["checkpoints"], every["checkpoints"][-50:])
        self.assertEqual(few["older"], len(every["checkpoints"]) - 50)
        table = self.ok("checkpoints", folder).out
        self.assertRegex(table, r"(?m)^%d older ones? .*--all" % few["older"])
        for c in (every["checkpoints"][0], every["checkpoints"][3], every["checkpoints"][-1]):
            one = self.ok("checkpoints", folder, c["id"], "--json").json()
            self.assertEqual((one["id"], one["slot"]), (c["id"], c["slot"]))

    def test_a_directory_or_checkpoint_that_is_not_there(self):
        self.refused(4, ["nowhere"], "checkpoints", self.path("nowhere"))
        self.write("in.txt", "a\n")
        job = self.write("job.json", weir.word_count_job("in.txt", "out"))
        self.ok("run", job, "--dir", self.path("d"))
        self.refused(4, ["4711"], "checkpoints", self.path("d"), "4711")

    def test_a_folder_that_is_no_jobs(self):
        os.makedirs(self.path("empty"))
        self.refused((2, 4), ["empty"], "checkpoints", self.path("empty"))


if __name__ == "__main__":
    unittest.main()
