"""`weir demo`: kills itself, recovers, compares, and tells the truth."""

import os
import random
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Demo(weir.Case):
    def test_the_demo_of_any_text_ends_with_0_and_its_table_is_right(self):
        weir.text(random.Random(16), self.path("text"), 30000, 8)
        result = self.ok("demo", self.path("text"), timeout=150)
        said = result.out + result.err
        self.assertGreaterEqual(len(re.findall("SIGKILL|kill -9", said)), 3)
        self.assertGreaterEqual(said.count("RECOVERED"), 3)
        self.assertGreaterEqual(len(re.findall("gone from memory", said)), 3)
        right = oracle.word_count(self.path("text"))
        for word, n in sorted(right.items(), key=lambda kv: (-kv[1], kv[0]))[:9]:
            self.assertRegex(
                said.replace(",", ""),
                r"\b%s\b[^\n]*\b%d\b|\b%d\b[^\n]*\b%s\b" % (word, n, n, word),
            )

    def test_a_text_that_is_not_there(self):
        self.refused((2, 4), ["nowhere"], "demo", self.path("nowhere"))


if __name__ == "__main__":
    unittest.main()
