"""weir top: one look for a pipe, a picture that is drawn again on a terminal, its keys, and the end
of the server it watches."""

import json
import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import served
import terminal
import weir


class Top(served.Case):
    def setUp(self):
        super().setUp()
        self.serve()
        self.server.submit(served.ticking("tick"))
        self.server.submit(served.bounded("short"))
        self.server.until_state("tick", "RUNNING")
        self.server.until_state("short", "FINISHED")

    def watch(self, *args, columns=110, rows=24):
        args = [weir.BINARY, "top", "--dir", self.server.data, "--every", "100ms", *args]
        watched = terminal.Terminal(args, self.dir, columns, rows, {"TERM": "xterm"})
        self.addCleanup(watched.close)
        return watched

    def press(self, watched, keys):
        os.write(watched.master, keys.encode())

    def shows(self, watched, *words):
        watched.until(
            " and ".join(words), lambda text: all(w in text for w in words), weir.TIMEOUT
        )

    def test_one_look_for_a_pipe(self):
        said = self.done("tick +RUNNING", "top", "--once")
        self.assertRegex(said.out, r"short +FINISHED")
        self.assertIn("2 jobs, 1 running", said.out)
        self.assertNotIn("\033", said.out)
        weir.until(
            "a bottleneck",
            lambda: "no bottleneck: rows is held to its rate"
            in self.done("STAGE", "top", "tick").out,
        )

    def test_json_is_an_answer_a_line(self):
        said = self.done("jobs", "top", "--once", "--json")
        self.assertEqual({j["name"] for j in json.loads(said.out)["jobs"]}, {"tick", "short"})
        self.denied(4, ["no job 'nobody'"], "top", "nobody")

    def test_keys_choose_and_open_and_quit(self):
        watched = self.watch()
        self.shows(watched, "> short", "  tick", "q quit")
        self.press(watched, "j")
        self.shows(watched, "> tick", "no bottleneck: rows is held to its rate")
        self.press(watched, "\r")
        self.shows(watched, "generator_source", "blackhole_sink", "checkpoint", "Esc back")
        self.press(watched, "\033[D")
        self.shows(watched, "> tick", "by name")
        self.press(watched, "ss")
        self.shows(watched, "by busy", "> tick")
        self.press(watched, "?")
        self.shows(watched, "these keys")
        self.press(watched, "xq")
        self.assertEqual(watched.wait(weir.TIMEOUT), 0)
        self.assertEqual(watched.screen.wrapped, 0)

    def test_no_line_wraps_however_narrow_it_is(self):
        for columns, rows in ((40, 10), (20, 6), (110, 6)):
            watched = self.watch(columns=columns, rows=rows)
            self.shows(watched, "tick")
            self.press(watched, "j\r")
            self.shows(watched, "rows")
            watched.popen.send_signal(signal.SIGTERM)
            self.assertEqual(watched.wait(weir.TIMEOUT), 0)
            self.assertEqual(watched.screen.wrapped, 0)
            self.assertEqual([line for line in watched.screen.gone if "weir top" in line], [])

    def test_a_server_that_goes_is_waited_for(self):
        watched = self.watch("tick")
        self.shows(watched, "generator_source")
        self.server.stop()
        self.shows(watched, "weir.sock")
        self.server.start()
        self.shows(watched, "RUNNING", "Esc back")
        self.press(watched, "q")
        self.assertEqual(watched.wait(weir.TIMEOUT), 0)


if __name__ == "__main__":
    unittest.main()
