"""What stands on a person's terminal: one block, redrawn in place, that never wraps and leaves
nothing behind; and plain lines wherever that cannot be."""

import os
import random
import re
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir
from terminal import Terminal

PLAIN = {"TERM": "xterm", "NO_COLOR": ""}


class Screen(weir.Case):
    def job(self, lines=100000):
        """A hundred lines a second; the times on the screen are as slow as the machine."""
        weir.text(random.Random(1), self.path("words.txt"), 8 * lines)
        return self.write("job.json", weir.word_count_job("words.txt", "out", rate=100))

    def terminal(self, *args, columns=80, rows=24, env=PLAIN, before=()):
        t = Terminal([*before, weir.BINARY, *args], self.dir, columns, rows, env)
        self.addCleanup(t.close)
        return t

    def run_on(self, *more, lines=100000, **where):
        return self.terminal("run", self.job(lines), "--dir", "d", *more, **where)

    def until(self, t, what):
        t.until(what, lambda text: re.search(what, text), weir.TIMEOUT)
        return t.screen.text()

    def assert_one_block(self, text):
        """The block's lines, each once and together at the bottom."""
        lines = text.split("\n")
        heads = [i for i, line in enumerate(lines) if re.match("word-count  [A-Z]+ ", line)]
        self.assertEqual(len(heads), 1, text)
        block = lines[heads[0] :]
        self.assertEqual(sum("busy" in line for line in block), 1, text)
        self.assertEqual(sum(" checkpoint" in line for line in block), 1, text)
        return block

    def test_the_block_is_redrawn_in_place_and_left_standing(self):
        t = self.run_on(lines=500)
        for share in ("[0-9]", "1[0-9]", "[2-5][0-9]"):
            text = self.until(t, " %s %%.* rate" % share)
            block = self.assert_one_block(text)
            self.assertEqual(len(block), 5, text)
            self.assertRegex(block[0], "^word-count  RUNNING [0-9:]+  attempt 1  dir d")
            self.assertRegex(block[1], "^ lines -+[0-9.]+/s--> words -+.*--> count -.*--> out$")
            self.assertRegex(block[2], r"^ busy [0-9]+ %( +[0-9]+ %){3}$")
            self.assertRegex(block[3], "^ [0-9]+ %( +ETA [0-9:]+)?  lines is held to its rate")
            self.assertRegex(block[4], "^ checkpoint [0-9]+ ok .* ago: ")
        self.assertRegex(t.raw.decode(), r"\033\[5A")
        self.assertEqual(t.screen.wrapped, 0)
        self.assertGreater(t.screen.colours, 0)
        self.assertEqual(t.wait(weir.TIMEOUT), 0, t.screen.text())
        text = t.screen.text()
        self.assertEqual(len(re.findall("^ lines -", text, re.M)), 1, text)
        self.assertRegex(text, r"(?s)word-count  FINISHED.* 100 %\n.*\nFINISHED word-count in ")

    def test_what_is_told_stands_above_it(self):
        t = self.run_on(columns=132)
        self.until(t, "checkpoint [1-9][0-9] ok")
        os.kill(t.pid, signal.SIGKILL)
        self.assertEqual(t.wait(weir.TIMEOUT), -9)
        again = self.run_on(columns=132)
        text = self.until(again, " [0-9]+ %.*rate")
        block = self.assert_one_block(text)
        above = text[: text.index(block[0])]
        self.assertRegex(above, "(?s)RECOVERED word-count in .*\n checkpoint .*\n time ")
        os.kill(again.pid, signal.SIGINT)
        self.assertEqual(again.wait(weir.TIMEOUT), 0, again.screen.text())
        text = again.screen.text()
        self.assertEqual(len(re.findall("^ lines -", text, re.M)), 1, text)
        self.assertRegex(text, "(?s)Interrupt: taking.*word-count  STOPPED.*STOPPED word-count in")

    def test_another_size_leaves_nothing_behind(self):
        t = self.run_on(columns=120)
        self.until(t, "RUNNING")
        for columns, rows, looks in (
            (50, 24, r"stage +busy"),
            (80, 24, "lines --"),
            (24, 24, r"stage +busy +in\n lines "),
            (100, 9, "lines --"),
        ):
            wrapped = t.screen.wrapped
            t.resize(columns, rows)
            t.until("a block", lambda text: re.search(looks, text), weir.TIMEOUT)
            t.look(0.6)
            self.assertEqual(t.screen.text().count("RUNNING"), 1, t.screen.text())
            self.assertEqual(t.screen.text().count("busy"), 1, t.screen.text())
            self.assertEqual(t.screen.wrapped, wrapped, t.screen.text())

    def test_with_few_rows_there_is_one_line(self):
        t = self.run_on(rows=5)
        text = self.until(t, "[0-9:]+ RUNNING .* %")
        t.look(1)
        self.assertEqual(t.screen.text().count("RUNNING"), 1, text)
        self.assertNotIn("busy", text)
        self.assertEqual(t.screen.wrapped, 0)

    def assert_lines(self, t):
        text = self.until(t, "[0-9:]+ RUNNING  [0-9]+ %  lines [0-9]")
        self.assertNotIn("\033", t.raw.decode("latin-1"))
        self.assertRegex(text, r"word-count  RUNNING  attempt 1  dir d +\(try: kill -9 [0-9]+\)")

    def test_without_colours_or_on_a_dumb_terminal_there_are_lines(self):
        for env in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {"TERM": ""}):
            with self.subTest(env=env):
                self.assert_lines(self.run_on(env=dict(PLAIN, **env), columns=200))
                self.fresh()

    def test_a_job_that_prints_to_the_same_terminal_has_lines(self):
        path = self.job()
        job = self.report(path)
        job["pipeline"][-1] = {"id": "out", "type": "print_sink"}
        self.write("job.json", job)
        t = self.terminal("run", path, "--dir", "d", rows=500, columns=300)
        self.until(t, "[0-9:]+ RUNNING")
        os.kill(t.pid, signal.SIGINT)
        self.assertEqual(t.wait(weir.TIMEOUT), 0)
        self.assertNotRegex(t.raw.decode("latin-1"), r"\033\[[0-9]*[AJK]")

    def test_in_the_background_nothing_is_drawn(self):
        shell = ("bash", "-c", 'set -m; "$0" "$@" & wait')
        t = self.run_on("--status-every", "50ms", before=shell, lines=100)
        self.assertEqual(t.wait(weir.TIMEOUT), 0)
        self.assertNotRegex(t.raw.decode("latin-1"), r"\033\[[0-9]*[AJK]")
        self.assertRegex(t.screen.text(), "FINISHED word-count in")


if __name__ == "__main__":
    unittest.main()
