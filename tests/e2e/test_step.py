"""`weir run --step`: keys in, events out; back are the same events again; a kill loses nothing;
nothing is written outside."""

import os
import re
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

EVENT = re.compile(r"^ *(\d+) +\d+\.\d{3} s  ([^:]+): (.*)$", re.M)


class Step(weir.Case):
    def step(self, job, keys, *options):
        """What it says to these keys."""
        done = subprocess.run(
            [weir.BINARY, "run", "--step", job, *options],
            input=keys,
            capture_output=True,
            text=True,
            cwd=self.dir,
            timeout=weir.TIMEOUT,
        )
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout[-2000:])
        return done.stdout

    def example(self):
        return os.path.join(weir.ROOT, "examples", "step.json")

    def events(self, text):
        return [(int(n), who, what) for n, who, what in EVENT.findall(text)]

    def test_barriers_hold_inputs_and_make_a_cut(self):
        said = self.step(self.example(), "b" * 60 + "q")
        self.assertRegex(said, r"HELD: barrier \d+ came here and not from (slow|quick)/0 yet")
        self.assertRegex(said, r"checkpoint 2, its parts:")
        self.assertRegex(said, r"checkpoint 2 is published")
        self.assertEqual(os.listdir(self.dir), [])

    def test_back_and_forth_are_the_same_events(self):
        once = self.events(self.step(self.example(), "n" * 50 + "q"))
        self.assertEqual([e[0] for e in once], list(range(1, 51)))
        again = self.events(self.step(self.example(), "n" * 40 + "u" * 10 + "n" * 20 + "q"))
        self.assertEqual(again[50:], once[30:50])  # 40 forwards, 10 shown going back
        self.assertEqual(again[40:50], [once[i] for i in range(38, 28, -1)])

    def test_killed_it_goes_back_and_finishes(self):
        keys = "n" * 300 + "k" + "n" * 2500 + "q"
        said = self.step(self.example(), keys)
        self.assertIn("no process: it was killed", said)
        self.assertRegex(said, r"a new process: owns the directory and goes back to checkpoint \d+")
        self.assertIn("the job is finished", said)
        takes = r"out/0: takes (\d+) record"
        after = said[said.index("a new process") :]
        self.assertGreater(sum(map(int, re.findall(takes, after))), 0)

    def test_backwards_over_a_kill_to_the_barrier_before(self):
        said = self.step(self.example(), "n" * 150 + "k" + "bb" + "B" + "q")
        events = self.events(said)
        self.assertIn("a new process", [e[1] for e in events])
        self.assertEqual(events[-1], [e for e in events if e[0] == events[-1][0]][0])

    def test_input_files_are_copied_and_prints_are_shown(self):
        self.write("in.txt", "a b\nb\n")
        job = weir.word_count_job("in.txt", "out")
        job["pipeline"][-1] = {"id": "show", "type": "print_sink", "prefix": "> "}
        said = self.step(self.write("job.json", job), "n" * 200 + "pq")
        self.assertIn("the job is finished", said)
        self.assertEqual(len(re.findall("^> ", said, re.M)), 3)
        self.assertEqual(sorted(os.listdir(self.dir)), ["in.txt", "job.json"])

    def test_what_cannot_be_stepped_is_refused_by_name(self):
        job = weir.word_count_job("none.txt", "out")
        self.refused(4, ["none.txt"], "run", "--step", self.write("job.json", job))
        with open(os.path.join(self.dir, "big.txt"), "wb") as f:
            f.truncate((16 << 20) + 1)
        job = weir.word_count_job("big.txt", "out")
        self.refused(2, ["16 MiB"], "run", "--step", self.write("job.json", job))
        job = weir.word_count_job("in.txt", "out")
        job["parallelism"] = 40
        self.write("in.txt", "a\n")
        self.refused(2, ["64 subtasks"], "run", "--step", self.write("job.json", job))


if __name__ == "__main__":
    unittest.main()
