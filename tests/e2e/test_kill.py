"""Exactly once under kill -9 (inv 28, 29, 37): random moments, several kills a job, with rescales.

A kill counts only if a checkpoint after the first existed and input remained. After every kill
each key's committed updates must be an unbroken chain 1..n; at the end, all of the oracle's.
WEIR_KILLS: how many kills (200); WEIR_SEED: which.
"""

import os
import random
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

KILLS = int(os.environ.get("WEIR_KILLS") or (24 if weir.SANITIZED else 200))
A_JOB = 12  # kills
SLOWER = 4 if weir.SANITIZED else 1


class Kill(weir.Case):
    def make_input(self, rng):
        """About three seconds of paced text: one file or several, short lines or long."""
        os.makedirs(self.path("in"))
        per_line = rng.choice((3, 8, 30))
        rate = rng.choice((500, 1500))
        files = rng.choice((1, 3, 7))
        paths = [self.path("in", "%d.txt" % i) for i in range(files)]
        for path in paths:
            weir.text(rng, path, int(3 * rate * per_line / files) * SLOWER, per_line)
        return paths, rate

    def one_job(self, rng, parallelism, kills):
        """Kills one job `kills` times, lets it end, and returns how many of the kills counted."""
        paths, rate = self.make_input(rng)
        right = oracle.word_count(*paths)
        interval = "%dms" % rng.randint(20, 50)
        job = self.write(
            "job.json",
            weir.word_count_job(
                "in", "out", interval=interval, rate=rate, parallelism=parallelism or 1
            ),
        )
        args = ["run", job, "--dir", self.path("d")]
        watch = weir.Watch(self.path("out"))
        counted = 0
        for _ in range(kills):
            # Some moments lie in the start and the recovery, most in the work.
            late = rng.random() < 0.75
            moment = SLOWER * (rng.uniform(0.02, 0.30) if late else rng.uniform(0, 0.02))
            more = ["--parallelism", rng.randint(1, 3)] if not parallelism else []
            more += ["--set", rng.choice(("chaining=auto", "chaining=none"))]
            process = self.start(*args, *more)
            weir.some_moment(rng, moment)
            watch.look()
            weir.pause(max(0, process.started + moment - time.monotonic()))
            alive = process.kill9()
            if not alive:
                self.assertEqual(process.result().code, 0, str(process.result()))
                break
            watch.look()
            broken = oracle.broken_chain(weir.read_csv(self.path("out"), ["word", "n"]))
            self.assertIsNone(broken, "after a kill at %.0f ms" % (moment * 1000))
            done = weir.manifests(self.path("d"))
            if done and done[-1]["id"] > 1 and not done[-1].get("final"):
                counted += 1
        self.ok(*args)
        watch.look()
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, right))
        return counted

    def test_inv28_committed_output_is_right_after_200_kills(self):
        seed = weir.seed()
        left, counted, turn = KILLS, 0, 0
        while left > 0:
            kills = min(left, A_JOB)
            parallelism = (1, 2, 3, None)[turn % 4]  # None: another one at each start
            with self.subTest(seed=seed, turn=turn, parallelism=parallelism or "rescaled"):
                if turn:
                    self.fresh()
                rng = random.Random("%d/%d" % (seed, turn))
                counted += self.one_job(rng, parallelism, kills)
            left -= kills
            turn += 1
        print("%d of %d kills counted" % (counted, KILLS), file=sys.stderr)
        self.assertGreaterEqual(counted, KILLS * 3 // 4)


if __name__ == "__main__":
    unittest.main()
