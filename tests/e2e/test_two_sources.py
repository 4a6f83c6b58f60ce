"""Two sources of different speed into a union, one stage read by two: alignment and fan-out under
kill -9 (inv 28, 30)."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class TwoSources(weir.Case):
    def job(self, parallelism, fast, slow):
        return {
            "name": "two",
            "parallelism": parallelism,
            "checkpoint": {"interval": "25ms"},
            "pipeline": [
                {"id": "fast", "type": "file_source", "path": "fast.txt", "rate": fast},
                {"id": "slow", "type": "file_source", "path": "slow.txt", "rate": slow},
                {"id": "both", "type": "union", "inputs": ["fast", "slow"]},
                {"id": "words", "type": "flat_map", "expr": "split(lower(line))", "as": "word"},
                {"id": "count", "type": "keyed_sum", "key": "word", "as": "n"},
                {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
                {"id": "long", "type": "filter", "expr": "length(word) >= 3", "inputs": ["words"]},
                {"id": "also", "type": "file_sink", "path": "also", "format": "csv"},
            ],
        }

    def check(self):
        right = oracle.word_count(self.path("fast.txt"), self.path("slow.txt"))
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, right))
        found = {}
        for (word,) in weir.read_csv(self.path("also"), ["word"]):
            found[word] = found.get(word, 0) + 1
        self.assertEqual(found, {w: n for w, n in right.items() if len(w) >= 3})

    def test_inv28_kills_between_a_fast_and_a_slow_source(self):
        seed = weir.seed()
        for parallelism in (1, 2, 3):
            with self.subTest(seed=seed, parallelism=parallelism):
                self.fresh()
                rng = random.Random("%d/%d" % (seed, parallelism))
                weir.text(rng, self.path("fast.txt"), 12000, 6)
                weir.text(rng, self.path("slow.txt"), 1200, 6)
                job = self.write("job.json", self.job(parallelism, 2000, 150))
                args = ["run", job, "--dir", self.path("d")]
                watches = [weir.Watch(self.path("out")), weir.Watch(self.path("also"))]
                for _ in range(5):
                    process = self.start(*args)
                    weir.some_moment(rng, 0.25)
                    process.kill9()
                    for watch in watches:
                        watch.look()
                    rows = weir.read_csv(self.path("out"), ["word", "n"])
                    self.assertIsNone(oracle.broken_chain(rows))
                self.ok(*args)
                for watch in watches:
                    watch.look()
                self.check()

    def test_a_source_that_ends_long_before_the_other_holds_nothing_up(self):
        weir.text(random.Random(12), self.path("fast.txt"), 60, 6)
        weir.text(random.Random(13), self.path("slow.txt"), 1800, 6)
        job = self.write("job.json", self.job(2, 10000, 300))
        report = self.path("report.json")
        self.ok("run", job, "--dir", self.path("d"), "--report", report)
        self.check()
        done = self.report(report)["checkpoints"]
        self.assertGreater(
            done["completed"], 10, "checkpoints went on after one source had ended (inv 5)"
        )
        self.assertEqual(done["failed"], 0)


if __name__ == "__main__":
    unittest.main()
