"""Instructions a record of W1 and W2, counted by valgrind: a guard against a slow path, no time.

Two sizes of the same job are run under callgrind; the difference of their counts is what the added
records cost, and start-up cancels. The bounds are about twice what was measured when they were set
(those figures stand beside them; today's are printed). Skipped where valgrind is missing.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "lib"))
sys.path.insert(0, os.path.join(HERE, "..", "..", "bench"))
import weir
import works

SMALL, LARGE = 200000, 600000  # records: enough that the table has grown to its size
KEYS = 20000


@unittest.skipUnless(shutil.which("valgrind"), "valgrind is not installed")
@unittest.skipIf(weir.SANITIZED, "a binary with sanitizers is another one")
class InstructionCount(weir.Case):
    def instructions(self, job, name):
        path = self.write(name + ".json", job)
        out = self.path(name + ".callgrind")
        args = ["valgrind", "--tool=callgrind", "--callgrind-out-file=" + out]
        args += [weir.BINARY, "run", path, "--dir", self.path("d-" + name)]
        r = subprocess.run(args, capture_output=True, text=True, timeout=200)
        self.assertEqual(r.returncode, 0, r.stderr[-4000:])
        found = re.search(r"Collected *: *(\d+)", r.stderr)
        self.assertTrue(found, r.stderr[-2000:])
        return int(found[1])

    def per_record(self, make):
        """make(records) -> job."""
        few = self.instructions(make(SMALL), "small")
        many = self.instructions(make(LARGE), "large")
        return (many - few) / (LARGE - SMALL)

    def guard(self, what, make, bound):
        found = self.per_record(make)
        print("%s: %.1f instructions a record (bound %d)" % (what, found, bound), file=sys.stderr)
        self.assertLess(found, bound, what)
        self.assertGreater(found, 10, "%s: this cannot be: what was counted?" % what)

    def test_w1_word_count(self):
        def make(words):
            folder = "in-%d" % words
            os.makedirs(self.path(folder))
            weir.text(random.Random(7), self.path(folder, "text"), words, 10, KEYS)
            return works.w1(self.path(folder), interval=None)

        self.guard("W1", make, W1_BOUND)

    def test_w2_keyed_sum(self):
        self.guard("W2", lambda rows: works.w2(rows, KEYS, interval=None), W2_BOUND)


W1_BOUND = 500  # measured when set: 247
W2_BOUND = 330  # 163

if __name__ == "__main__":
    unittest.main()
