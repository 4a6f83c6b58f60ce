"""`weir serve --log-format json`: whatever happens to a job or to the server, every line of their
logs is one JSON object that says when, how bad, and of which job."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import served
import weir

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")  # RFC 3339
LEVELS = ("debug", "info", "warn", "error")


class LogFormat(served.Case):
    def entries(self, text):
        """Each line as an object; one that is none fails the test."""
        found = []
        for line in text.splitlines():
            with self.subTest(line):
                entry = json.loads(line)
                self.assertRegex(entry["time"], INSTANT)
                self.assertIn(entry["level"], LEVELS)
                self.assertTrue(entry["text"].strip())
                found.append(entry)
        return found

    def log_of(self, name):
        with open(os.path.join(self.server.data, "logs", name + ".log")) as f:
            found = self.entries(f.read())
        self.assertEqual({entry["job"] for entry in found}, {name})
        return found

    def one(self, entries, pattern):
        """The only entry that begins with that."""
        found = [entry for entry in entries if re.match(pattern, entry["text"])]
        self.assertEqual(len(found), 1, (pattern, entries))
        return found[0]

    def error_of(self, name):
        """The text of the only one in its log."""
        found = [entry["text"] for entry in self.log_of(name) if entry["level"] == "error"]
        self.assertEqual(len(found), 1, found)
        return found[0]

    def said_by_the_server(self):
        return self.entries(self.server.process.result().err)

    def test_a_job_that_is_killed_and_stopped_and_its_server(self):
        server = self.serve("--log-format", "json")
        server.submit(served.ticking(restart={"initial": "10ms"}))
        self.until_checkpoint("tick")
        server.act("tick", "kill")
        self.until_checkpoint("tick", above=server.newest("tick"))
        server.until_state("tick", "RUNNING")
        server.act("tick", "stop")
        log = self.log_of("tick")
        self.assertEqual({entry["level"] for entry in log}, {"info"})
        started = [entry for entry in log if entry["text"].startswith("tick  RUNNING  attempt")]
        self.assertEqual(len(started), 2, log)
        report = self.one(log, "RECOVERED tick in ")["text"].split("\n")
        self.assertRegex(report[1], r"^ checkpoint  \d+ \(.* sections verified")
        self.assertRegex(report[-1], "^ time .* ms$")
        self.one(log, r"STOPPED tick in .* read, .* written")
        with open(os.path.join(server.data, "logs", "tick.log")) as f:
            self.assertEqual(self.done("RECOVERED", "logs", "tick", "-n", "1000").out, f.read())
        server.stop()
        said = self.said_by_the_server()
        self.assertIn(server.data, self.one(said, "SERVING dir ")["text"])
        self.assertEqual(self.one(said, "submitted")["job"], "tick")
        self.one(said, "stopping: ")

    def test_what_fails_is_an_error_of_its_job(self):
        server = self.serve("--json")
        job = self.count_job(restart={"strategy": "none"})
        server.submit(job)
        server.until_state("count", "FINISHED")
        self.assertEqual(self.one(self.log_of("count"), "FINISHED count")["level"], "info")
        self.done("removed", "remove", "count")
        server.submit(job)  # where the output of another lineage stands
        server.until_state("count", "FAILED")
        self.assertIn("count-out", self.error_of("count"))
        broken = served.bounded("broken", rows=5)
        broken["pipeline"].insert(
            1, {"id": "calc", "type": "map", "select": {"v": "10 / (n - 3)"}}
        )
        server.submit(broken)
        server.until_state("broken", "FAILED")
        self.assertRegex(self.error_of("broken"), "^FAILED: .*division by zero")

    def test_a_server_that_cannot_begin_says_so_as_json_too(self):
        self.write("wrong.json", '{\n "checkpiont": {}\n}')
        said = self.weir("serve", "--dir", "data", "--config", "wrong.json", "--log-format", "json")
        self.assertEqual(said.code, 2, str(said))
        told = self.entries(said.err)
        self.assertEqual([entry["level"] for entry in told], ["error", "error"])
        self.assertRegex(told[0]["text"], "wrong.json:2:(.|\n)*checkpiont(.|\n)*checkpoint")
        self.assertRegex(told[1]["text"], "wrong.json: the configuration has faults")

    def test_without_it_lines_are_for_people(self):
        server = self.serve("--log-format", "text")
        server.submit(served.bounded())
        server.until_state("short", "FINISHED")
        with open(os.path.join(server.data, "logs", "short.log")) as f:
            self.assertRegex(f.read(), r"(?m)^FINISHED short in ")
        server.stop()
        self.assertRegex(server.process.result().err, r"(?m)^\S+Z info  short: submitted$")


if __name__ == "__main__":
    unittest.main(verbosity=2)
