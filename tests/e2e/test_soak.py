"""The soak in twenty seconds: what counts (output, files, descriptors) must hold in it as in hours.
Whether memory is flat shows in `make soak` only."""

import os
import random
import sys
import unittest

for folder in ("lib", "soak"):
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", folder))
import soak
import weir


class ShortSoak(soak.Soak):
    def test_kills_and_churn_leave_output_exact_and_files_few(self):
        self.soak(20, random.Random(weir.seed()))


if __name__ == "__main__":
    unittest.main()
