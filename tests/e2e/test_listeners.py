"""on_complete, on_abort, on_restore: programs of the job's own hear each fact, and whatever they do
the job goes on (inv 35); "emit": {"every"} through kills: the last value of each key is right."""

import json
import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Listeners(weir.Case):
    def script(self, name, text):
        path = self.write(name, "#!/bin/sh\n" + text)
        os.chmod(path, 0o755)
        return name

    def job(self, rate=1500, emit=None, **checkpoint):
        weir.text(random.Random(1), self.path("in.txt"), 16000, 8)
        job = weir.word_count_job("in.txt", "out", interval="30ms", rate=rate, emit=emit)
        job["checkpoint"].update(checkpoint)
        job["limits"] = {"stop": "10s"}
        return self.write("job.json", job)

    def heard(self, name):
        try:
            with open(self.path(name)) as f:
                return [json.loads(line) for line in f]
        except FileNotFoundError:
            return []

    def test_each_checkpoint_is_told_when_its_files_are_in_place_and_each_restore(self):
        # What it was told is committed is there: it counts the files by itself.
        tells = self.script("tells.sh", 'cat >> "$1"; ls out | wc -l >> "$2"')
        here = self.dir
        job = self.job(
            on_complete=[tells, here + "/done", here + "/files"],
            on_restore=[tells, here + "/restored", "/dev/null"],
        )
        args = ["run", job, "--dir", self.path("d")]
        process = self.start(*args)
        self.until_checkpoint(process, self.path("d"), 4)
        weir.until("a listener", lambda: len(self.heard("done")) > 2)
        process.kill9()
        self.assertEqual(self.heard("restored"), [])
        self.ok(*args)
        done, restored = self.heard("done"), self.heard("restored")
        ids = [d["checkpoint"] for d in done]
        self.assertEqual(ids, sorted(set(ids)))
        self.assertEqual({d["event"] for d in done}, {"completed"})
        self.assertEqual(done[-1]["kind"], "final")
        self.assertEqual(done[-1]["job"], "word-count")
        self.assertEqual([r["event"] for r in restored], ["restored"])
        self.assertIn(restored[0]["checkpoint"], range(4, done[-1]["checkpoint"]))
        with open(self.path("files")) as f:
            self.assertGreater(int(f.read().split()[-1]), 1)

    def test_a_listener_that_fails_or_hangs_harms_nobody(self):
        hangs = self.script("hangs.sh", "sleep 100")
        job = self.job(rate=100000, on_complete=hangs, on_restore="not/there.sh")
        began = time.monotonic()
        process = self.start(
            "run", job, "--dir", self.path("d"), "--set", "limits.stop=500ms"
        )
        result = process.wait()
        self.assertEqual(result.code, 0, str(result))
        self.assertRegex(result.err, "on_complete: it was killed")
        self.assertLess(time.monotonic() - began, 20)
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(rows, right))

    def test_a_checkpoint_that_failed_is_told_with_its_reason(self):
        # No checkpoint with keys in it is taken: the invariant is false then.
        tells = self.script("tells.sh", 'ls -l /proc/$$/fd >> "$2"; cat >> "$1"')
        job = self.job(
            on_abort=[tells, self.path("failed"), self.path("open")],
            invariants=["count(count) = 0"],
        )
        process = self.start("run", job, "--dir", self.path("d"))
        try:
            weir.until("an abort", lambda: self.heard("failed") or not process.running())
        finally:
            process.kill9()
        failed = self.heard("failed")
        self.assertTrue(failed, str(process.result()))
        self.assertEqual(failed[0]["event"], "aborted")
        self.assertEqual(failed[0]["job"], "word-count")
        self.assertIn("count(count) = 0", failed[0]["error"])
        with open(self.path("open")) as f:
            listed = f.read()
        self.assertIn("pipe:", listed)
        self.assertNotIn(self.path("d"), listed, "no file of the job is open in it")
        self.assertNotIn(self.path("out"), listed)
        self.assertNotRegex(listed, "socket:|anon_inode", "nor anything else of its process")

    def test_inv28_with_every_the_last_value_of_each_key_is_right_through_kills(self):
        rng = random.Random(weir.seed())
        args = ["run", self.job(emit={"every": "20ms"}), "--dir", self.path("d")]
        for _ in range(5):
            process = self.start(*args, "--parallelism", rng.randint(1, 3))
            weir.some_moment(rng, 0.3, 0.05)
            process.kill9()
        self.ok(*args)
        last, right = {}, oracle.word_count(self.path("in.txt"))
        for word, n in weir.read_csv(self.path("out"), ["word", "n"]):
            self.assertNotEqual(last.get(word), int(n), "one value twice")
            last[word] = max(int(n), last.get(word, 0))
        self.assertEqual(last, dict(right))


if __name__ == "__main__":
    unittest.main(verbosity=2)
