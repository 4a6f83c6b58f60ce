"""Parallelism 1 -> 3 -> 2 -> 4 -> 1, a SIGKILL before each change (inv 28, 30): the output is
exact, and so is what stood there at each kill. Seeds say when the kills come."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

WAYS = (1, 3, 2, 4, 1)
SEEDS = 2 if weir.SANITIZED else 4
SLOWER = 3 if weir.SANITIZED else 1


class Rescale(weir.Case):
    def job(self, emit, rng):
        files = rng.choice((1, 4, 5))
        os.makedirs(self.path("in"))
        paths = [self.path("in", "%d.txt" % i) for i in range(files)]
        for path in paths:
            weir.text(rng, path, 120000 * SLOWER // files, 8, vocabulary=9000)
        job = weir.word_count_job("in", "out", interval="20ms", rate=3000, emit=emit)
        job["max_parallelism"] = rng.choice((4, 7, 128))
        return self.write("job.json", job), oracle.word_count(*paths)

    def kill_in(self, process, rng):
        """Once it has taken a checkpoint of its own, some time later. Whether it was running."""
        before = self.newest(self.path("d"))
        weir.until(
            "a checkpoint after %d" % before,
            lambda: not process.running() or self.newest(self.path("d")) > before,
        )
        weir.some_moment(rng, 0.15 * SLOWER)
        return process.kill9()

    def one(self, rng, emit):
        job, right = self.job(emit, rng)
        args = ["run", job, "--dir", self.path("d"), "--parallelism"]
        watch = weir.Watch(self.path("out"))
        kills = 0
        for n in WAYS[:-1]:
            process = self.start(*args, n)
            kills += self.kill_in(process, rng)
            watch.look()
            if emit == "update":
                rows = weir.read_csv(self.path("out"), ["word", "n"])
                self.assertIsNone(oracle.broken_chain(rows), "killed at parallelism %d" % n)
        self.ok(*args, WAYS[-1])
        watch.look()
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        if emit == "update":
            self.assertIsNone(oracle.wrong_updates(rows, right))
        else:
            self.assertEqual(sorted(rows), sorted((w, str(n)) for w, n in right.items()))
        return kills

    def test_inv30_one_three_two_four_one_with_a_kill_before_each(self):
        seed = weir.seed()
        kills = turns = 0
        for i in range(SEEDS):
            for emit in ("update", "end"):
                with self.subTest(seed=seed, turn=i, emit=emit):
                    if turns:
                        self.fresh()
                    kills += self.one(random.Random("%d/%d/%s" % (seed, i, emit)), emit)
                    turns += 1
        print("%d kills in %d jobs" % (kills, turns), file=sys.stderr)
        self.assertGreater(kills, turns * 3)  # of four each: by feel, or the input is too short


if __name__ == "__main__":
    unittest.main()
