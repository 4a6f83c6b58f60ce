"""`weir demo --interactive`: who watches kills, in the terminal and at the page's server; whatever
was killed, every word counts once; the terminal is left as it was."""

import http.client
import os
import random
import re
import sys
import termios
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir
from terminal import Terminal

PLAIN = {"TERM": "xterm", "NO_COLOR": ""}


class Interactive(weir.Case):
    def begin(self, *args, words=30000):
        weir.text(random.Random(5), self.path("text"), words, 8)
        t = Terminal([weir.BINARY, "demo", "--interactive", self.path("text"), *args], self.dir,
                     160, 50, PLAIN)
        self.addCleanup(t.close)
        return t

    def until(self, t, pattern):
        t.until(pattern, lambda text: re.search(pattern, text), weir.TIMEOUT)
        return re.search(pattern, t.screen.text())

    def press(self, t, keys):
        os.write(t.master, keys.encode())

    def running(self, t, attempt):
        self.until(t, r"RUNNING [0-9:]+  attempt %d\b.*(\n.*)* checkpoint \d" % attempt)

    def test_killed_by_a_key_and_through_the_page_every_word_counts_once(self):
        t = self.begin("--seconds", "600")
        url = self.until(t, r"http://([0-9.:]+)/#token=(\w+)&/jobs/demo")
        self.running(t, 1)
        self.press(t, "k")
        self.until(t, "killed, 1 time now: a new process goes on from checkpoint [0-9]+")
        self.running(t, 2)
        c = http.client.HTTPConnection(url.group(1), timeout=weir.TIMEOUT)
        self.addCleanup(c.close)
        c.request("POST", "/v1/jobs/demo/kill", "", {"Authorization": "Bearer " + url.group(2)})
        answer = c.getresponse()
        self.assertEqual(answer.status, 202, answer.read())
        self.until(t, "killed, 2 times now")
        self.running(t, 3)
        self.press(t, "q")
        self.until(t, "Every word was counted exactly once")
        self.assertEqual(t.wait(weir.TIMEOUT), 0, t.screen.text())
        said = t.screen.text()
        self.assertRegex(said, r"weir, after 2 kills +([0-9,]+) +0 +0\n")
        self.assertIn("it says: identical", said)
        self.assertEqual(t.screen.wrapped, 0, said)
        self.assertTrue(termios.tcgetattr(t.master)[3] & termios.ICANON)
        state = self.weir("checkpoints", "weir-demo/server/jobs/demo")
        self.assertEqual(state.code, 0, str(state))

    def test_by_itself_it_ends_and_the_page_stays_until_a_key(self):
        t = self.begin("--seconds", "1", words=2000)
        self.until(t, "Nobody killed it: next time press k")
        self.until(t, "until you press a key")
        self.press(t, "x")
        self.assertEqual(t.wait(weir.TIMEOUT), 0, t.screen.text())

    def test_given_up_it_leaves_the_terminal_and_no_process(self):
        t = self.begin("--seconds", "600")
        self.running(t, 1)
        self.press(t, "\x03")
        self.until(t, "given up")
        self.assertNotEqual(t.wait(weir.TIMEOUT), 0)
        self.assertTrue(termios.tcgetattr(t.master)[3] & termios.ICANON)
        weir.until("no process of it", lambda: not [
            p for p in filter(str.isdigit, os.listdir("/proc"))
            if os.path.exists("/proc/%s/cwd" % p) and self.is_here(p)])

    def is_here(self, pid):
        try:
            return os.readlink("/proc/%s/cwd" % pid) == os.path.realpath(self.dir)
        except OSError:  # gone meanwhile
            return False

    def test_without_a_terminal_it_says_what_to_do(self):
        self.refused(2, ["wants a terminal", "weir demo", "weir serve --http"], "demo",
                     "--interactive")
        self.refused(2, ["--seconds is for --interactive"], "demo", "--seconds", "5")
        self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    unittest.main(verbosity=2)
