"""REST held to its own OpenAPI document: Schemathesis reads /openapi.json of a running server and
asks every operation, with what the document allows and with what it does not, over the Unix socket
and over TCP with a token. There are jobs that run, have finished, failed and stopped; what destroys
goes to scratch jobs. A wrong answer is one that the document does not have: a status, a type of
content, a shape; an invalid request that is done, a valid one that is refused; and each 5xx.

Schemathesis comes from PyPI, pinned (tests/lib/schemathesis.txt), into the build folder; where it
cannot be had the test is skipped, and says so."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import relay
import serve
import served
import tcp
import weir

LIB = os.path.dirname(weir.__file__)
PINS = os.path.join(LIB, "schemathesis.txt")
SEED = int(os.environ.get("WEIR_SEED") or 8)
SCRATCH, DOOMED, DELETED = ["scratch1", "scratch2"], ["doomed1", "doomed2"], ["del1", "del2"]
EVENTS = ("job", "checkpoint", "recovery", "action", "rows", "error", "removed")


def tool():
    """The program, installed once a build folder and list of pins. OSError: it cannot be had."""
    with open(PINS, "rb") as f:
        stamp = hashlib.sha256(f.read()).hexdigest()[:12]
    home = os.path.join(os.path.dirname(weir.BINARY), "schemathesis-" + stamp)
    program = os.path.join(home, "bin", "schemathesis")
    if os.path.exists(os.path.join(home, "whole")):
        return program
    shutil.rmtree(home, ignore_errors=True)
    install = [os.path.join(home, "bin", "python"), "-m", "pip", "install", "-q", "-r", PINS]
    install += ["--retries", "1", "--timeout", "10", "--disable-pip-version-check", "--no-input"]
    for command in ([sys.executable, "-m", "venv", home], install):
        said = subprocess.run(command, capture_output=True, text=True)
        if said.returncode:
            shutil.rmtree(home, ignore_errors=True)
            raise OSError((said.stderr or said.stdout).strip()[-600:])
    open(os.path.join(home, "whole"), "w").close()
    return program


def counting(name, file):
    """Runs on: a source that is soon read, one that never ends, a state, and rows to read along."""
    return {
        "name": name,
        "checkpoint": {"interval": "200ms"},
        "pipeline": [
            {"id": "text", "type": "file_source", "path": file},
            {"id": "slow", "type": "generator_source", "rate": 50, "fields": {"line": "'z ' || i"}},
            {"id": "lines", "type": "union", "inputs": ["text", "slow"]},
            {"id": "count", "type": "keyed_sum", "key": "line", "as": "n"},
            {"id": "out", "type": "print_sink"},
        ],
    }


class Contract(served.Case):
    def setUp(self):
        super().setUp()
        server = self.serve(*tcp.options(self))
        server.ask("POST", "/v1/steps", 201)
        for job in (
            counting("runs", self.path("in.txt")),
            served.bounded("finished"),
            served.ticking("stopped"),
            served.bounded("failed", restart={"strategy": "none"}),
            *(served.ticking(name) for name in SCRATCH + DOOMED),
            *(served.bounded(name) for name in DELETED),
        ):
            if job["name"] == "failed":
                job["pipeline"][0]["fields"] = {"n": "1 / (i - 5)"}
            server.submit(job)
        for name, state in (("runs", "RUNNING"), ("finished", "FINISHED"), ("failed", "FAILED"),
                            ("stopped", "RUNNING"), ("scratch1", "RUNNING"), ("del1", "FINISHED")):
            server.until_state(name, state)
        server.act("stopped", "stop")
        self.until_checkpoint("runs")
        server.act_end(server.ask("POST", "/v1/jobs/runs/savepoint", 202, name="one"))
        serve.kill(server.pid("runs"))
        told = lambda: server.get("/v1/jobs/runs/recoveries")["recoveries"]
        weir.until("a recovery", told)

    def world(self):
        return {
            "jobs": ["runs", "finished", "failed", "stopped"],
            "scratch": SCRATCH,
            "doomed": DOOMED,
            "deleted": DELETED,
            "stages": ["count", "out", "rows"],
            "at": ["one", str(self.server.newest("runs"))],
            "newest": self.server.newest("runs"),
            "file": self.path("job.json"),
            "other": self.server.folder("runs") + "/savepoints/one",
            "bodies": [served.ticking("new1"), served.ticking("doomed1"),
                       served.bounded("doomed2"), {"name": "doomed1"}],
        }

    def hold(self, connect, *args):
        """Every operation, through a relay."""
        passing = relay.Relay(connect)
        self.addCleanup(passing.close)
        env = dict(os.environ, SCHEMATHESIS_HOOKS="contract_hooks", PYTHONPATH=LIB,
                   PYTHONDONTWRITEBYTECODE="1", WEIR_CONTRACT=json.dumps(self.world()))
        command = [tool(), "run", passing.url + "/openapi.json", "--url", passing.url, *args]
        command += ["--seed", str(SEED), "--checks", "all", "--suppress-health-check", "all",
                    "--no-shrink", "--generation-database", "none", "--continue-on-failure",
                    "--generation-allow-x00", "false", "--request-timeout", "120",
                    "--max-response-time", "120", "--no-color"]
        print(" ".join(command), file=sys.stderr, flush=True)
        said = subprocess.run(command, capture_output=True, text=True, env=env, cwd=self.dir,
                              timeout=weir.TIMEOUT * 4)
        self.assertEqual(said.returncode, 0, said.stdout[:30000] + said.stderr[-4000:])
        print(said.stdout[-1500:], file=sys.stderr)
        self.assertTrue(self.server.process.running())
        self.told(passing.streams)
        return passing

    def undone(self, passing):
        """The operations that were never done: their answers were all errors."""
        done = [(method, path.partition("?")[0]) for method, path, status in passing.answers
                if status < 300]
        for path, operations in self.server.get("/openapi.json")["paths"].items():
            form = re.compile(re.sub("{[a-z]+}", "[^/]+", path))
            for operation in operations:
                if not any(m == operation.upper() and form.fullmatch(p) for m, p in done):
                    said = [(p, status) for m, p, status in passing.answers
                            if m == operation.upper() and form.fullmatch(p.partition("?")[0])]
                    yield "%s %s: %s" % (operation.upper(), path, said[:20])

    def told(self, streams):
        """Every stream is of events that REST.md knows, each one line of JSON."""
        self.assertTrue(streams)
        for path, text in streams:
            for event in text.split("\n\n")[:-1]:
                lines = [line for line in event.split("\n") if not line.startswith(":")]
                if not lines:
                    continue
                found = dict(line.split(": ", 1) for line in lines)
                self.assertEqual(set(found), {"id", "event", "data"}, path)
                self.assertIn(found["event"], EVENTS, path)
                self.assertIsInstance(json.loads(found["data"]), dict, path)

    def test_over_the_unix_socket(self):
        passing = self.hold(lambda: serve.Connection(self.server.socket), "--max-examples", "8")
        self.assertEqual(list(self.undone(passing)), [])

    def test_over_tcp_with_a_token(self):
        door = tcp.Door(self.server)
        self.hold(door.connection, "-H", "Authorization: Bearer " + tcp.TOKEN,
                  "--phases", "examples,coverage,fuzzing", "--max-examples", "3")


if __name__ == "__main__":
    try:
        tool()
    except OSError as e:
        print("skipped: Schemathesis cannot be installed from PyPI: %s" % e, file=sys.stderr)
        sys.exit(77)
    unittest.main()
