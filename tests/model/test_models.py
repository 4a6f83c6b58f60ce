"""The models hold, and notice: each *.pml is searched whole by Spin, in which no assertion may
fail; then with each of its mutants (an #ifdef M_...), a rule taken away, in which one must."""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SEARCH = ["-DSAFETY", "-DCOLLAPSE", "-DMEMLIM=4000"]
HERE = os.path.dirname(os.path.abspath(__file__))


@unittest.skipUnless(shutil.which("spin"), "spin is not installed")
@unittest.skipUnless(shutil.which("gcc"), "gcc is not installed")
class Models(unittest.TestCase):
    def search(self, model, mutant):
        """How many states, and the assertion that failed, or None."""
        with tempfile.TemporaryDirectory() as folder:
            define = ["-D" + mutant] if mutant else []
            spin = ["spin", *define, "-a", model]
            # A mutant is found soon: compiling it well would take longer than the search.
            gcc = ["gcc", "-O0" if mutant else "-O2", "-w", *SEARCH, "-o", "pan", "pan.c"]
            for make in (spin, gcc):
                made = subprocess.run(make, cwd=folder, capture_output=True, text=True)
                self.assertEqual(made.returncode, 0, made.stdout + made.stderr)
            said = subprocess.run(
                ["./pan", "-m1000000"], cwd=folder, capture_output=True, text=True, timeout=280
            ).stdout
        states = int(re.search(r"(\d+) states, stored", said)[1])
        if "errors: 0" in said:
            for cut in ("max search depth too small", "Search not completed", "out of memory"):
                self.assertNotIn(cut, said)
            return states, None
        failed = re.search(r"pan:1: (?:assertion violated )?(.*) \(at depth", said)
        self.assertIsNotNone(failed, said)
        self.assertNotIn("invalid array index", failed[1], "the model itself is wrong")
        return states, failed[1]

    def test_each_holds_and_none_of_its_mutants_does(self):
        models = sorted(glob.glob(os.path.join(HERE, "*.pml")))
        self.assertTrue(models)
        for model in models:
            name = os.path.basename(model)
            with open(model) as f:
                mutants = sorted(set(re.findall(r"#ifn?def (M_[A-Z_]+)", f.read())))
            self.assertGreaterEqual(len(mutants), 3, name)
            states, failed = self.search(model, None)
            self.assertIsNone(failed, name)
            self.assertGreater(states, 1000, name)
            print("%s holds: %d states" % (name, states), file=sys.stderr)
            for mutant in mutants:
                states, failed = self.search(model, mutant)
                self.assertIsNotNone(failed, "%s does not notice %s" % (name, mutant))
                told = (name, mutant, states, failed)
                print("%s, %s: after %d states: %s" % told, file=sys.stderr)


if __name__ == "__main__":
    unittest.main()
