"""`weir explain` of each example, word by word: what a plan says changes only on purpose.

GOLDEN=write writes tests/golden/explain again: read what changed."""

import glob
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

GOLDEN = os.path.join(weir.ROOT, "tests", "golden", "explain")


class ExplainGolden(weir.Case):
    maxDiff = None

    def check(self, name, *args):
        # Not by the processors of this machine.
        out = self.ok("explain", *args, "--set", "parallelism=2", "--set", "chaining=none").out
        path = os.path.join(GOLDEN, name + ".txt")
        if os.environ.get("GOLDEN") == "write":
            os.makedirs(GOLDEN, exist_ok=True)
            with open(path, "w") as f:
                f.write(out)
        with open(path) as f:
            self.assertEqual(out, f.read(), name)

    def test_the_examples_say_what_they_said(self):
        examples = sorted(glob.glob(os.path.join(weir.ROOT, "examples", "*.json")))
        self.assertGreater(len(examples), 5)
        for path in examples:
            self.check(os.path.basename(path)[: -len(".json")], path)

    def test_now_and_then_one_file_and_a_limit_of_memory(self):
        job = weir.word_count_job("in.txt", "counts.csv", interval="1s", emit={"every": "2s"})
        job["pipeline"][-1]["files"] = "single"
        job["limits"] = {"memory": "64MB"}
        self.check("every-single", self.write("job.json", job))


if __name__ == "__main__":
    unittest.main(verbosity=2)
