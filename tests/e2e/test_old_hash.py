"""A state whose strings were placed by hash id 1 (XXH3_64) goes on, and keeps that hash.

tests/golden/hash-1.tar.xz is the directory `d` of the job below, as the last weir that knew no
other hash for strings left it: killed within its run at parallelism 2, after checkpoint 7."""

import collections
import os
import sys
import tarfile
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

ARCHIVE = os.path.join(weir.HERE, "..", "golden", "hash-1.tar.xz")
ROWS = 12000
WORD = "substr('a prefix that may be long', 1, i % 26) || splitmix64(i, 60)::text"


def word(i):
    return "a prefix that may be long"[: i % 26] + str(oracle.splitmix64(i, 60))


class OldHash(weir.Case):
    def setUp(self):
        super().setUp()
        with tarfile.open(ARCHIVE) as tar:
            tar.extractall(self.dir)
        fields = {"word": WORD, "n": "i"}
        self.gen = {
            "id": "gen",
            "type": "generator_source",
            "rows": ROWS,
            "rate": 4000,
            "parallelism": 1,
            "fields": fields,
        }
        sum = {"id": "sum", "type": "keyed_sum", "key": "word", "value": "n"}
        sum.update({"emit": "end", "as": "s"})
        out = {"id": "out", "type": "file_sink", "path": "out", "format": "csv", "parallelism": 1}
        self.job = {
            "name": "old",
            "checkpoint": {"interval": "100ms"},
            "parallelism": 2,
            "max_parallelism": 8,
            "pipeline": [self.gen, sum, out],
        }
        self.args = ["run", self.path("job.json"), "--dir", self.path("d")]
        self.assertEqual(self.hashes(), {1})

    def hashes(self):
        """The hash ids of the keyed states in the newest manifest."""
        ops = weir.manifests(self.path("d"))[-1]["ops"]
        return {keyed["hash"] for op in ops for keyed in op.get("keyed", [])}

    def run_to_the_end(self, *more):
        self.write("job.json", self.job)
        result = self.ok(*self.args, *more)
        self.assertRegex(result.err, "RECOVERED")
        sums = collections.Counter()
        for i in range(ROWS):
            sums[word(i)] += i
        rows = weir.read_csv(self.path("out"), ["word", "s"])
        self.assertEqual(len(rows), len(sums))
        self.assertEqual({word: int(s) for word, s in rows}, dict(sums))
        self.assertEqual(self.hashes(), {1})

    def test_goes_on(self):
        self.run_to_the_end()

    def test_goes_on_at_another_parallelism(self):
        for parallelism in (1, 3):
            self.run_to_the_end("--parallelism", parallelism)
            self.fresh()

    def test_goes_on_after_kills_and_merges(self):
        self.job["checkpoint"]["interval"] = "20ms"
        self.write("job.json", self.job)
        for least in (12, 20):
            process = self.start(*self.args)
            self.until_checkpoint(process, self.path("d"), least)
            process.kill9()
        self.job["parallelism"] = 3
        self.run_to_the_end()

    def test_a_stage_that_is_added_beside_it_takes_the_new_hash(self):
        """Two states of one stream, placed by two hashes: each record is routed by either."""
        first, out = self.job["pipeline"][1:]
        more = dict(first, id="more", inputs=["gen"])
        blind = {"id": "blind", "type": "file_sink", "path": "more", "format": "csv"}
        out["inputs"] = ["sum"]
        self.job["pipeline"] += [more, dict(blind, parallelism=1)]
        self.job["checkpoint"]["interval"] = "20ms"
        self.write("job.json", self.job)
        for parallelism, least in ((3, 12), (1, 18)):
            self.job.update(parallelism=parallelism, chaining="auto")
            self.write("job.json", self.job)
            process = self.start(*self.args)
            self.until_checkpoint(process, self.path("d"), least)
            process.kill9()
            self.assertEqual(self.hashes(), {1, 3})
        self.ok(*self.args)
        self.assertEqual(self.hashes(), {1, 3})
        sums = collections.Counter()
        for i in range(ROWS):
            sums[word(i)] += i
        rows = weir.read_csv(self.path("out"), ["word", "s"])
        self.assertEqual({word: int(s) for word, s in rows}, dict(sums))
        self.assertEqual(len(rows), len(sums))
        # What came after the stage was added: a tail of the rows of each split.
        rows = weir.read_csv(self.path("more"), ["word", "s"])
        late = {word: int(s) for word, s in rows}
        self.assertEqual(len(rows), len(late))
        self.assertTrue(all(0 <= s <= sums[word] for word, s in late.items()))
        self.assertEqual(self.tail_of(sum(late.values())), late)

    def tail_of(self, total):
        """The sums of the last rows, as many as add up to this."""
        sums, at = collections.Counter(), ROWS
        while total > 0:
            at -= 1
            sums[word(at)] += at
            total -= at
        return dict(sums) if total == 0 else None

    def test_a_fresh_start_takes_the_new_hash(self):
        self.gen["rate"] = 100000
        self.write("job.json", self.job)
        self.ok(*self.args, "--fresh")
        self.assertEqual(self.hashes(), {3})


if __name__ == "__main__":
    weir.seed()
    unittest.main()
