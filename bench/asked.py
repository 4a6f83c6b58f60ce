#!/usr/bin/env python3
"""asked.py - what a server costs that is asked: its resident memory, and its CPU a request.

    WEIR=build/release/weir python3 bench/asked.py [--requests 20000] [--json]

In lockstep, on one kept connection: a client sends a request, reads the answer, sends the next. So
each request pays for the server's wake-up, which is the dear case. And on eight, of which each has
asked before the first is read. CPU is the server's alone, all its threads, from
/proc/PID/task/*/schedstat (ns), in rounds: their middle and their least, for other work on the
machine only ever makes a request dearer."""

import argparse
import glob
import json
import os
import statistics
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "lib"))
import serve
import served
import tcp

WARM, AT_ONCE, ROUNDS = 400, 8, 20


def cpu_us(pid):
    total = 0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e3


def read_answer(s, got):
    """Reads one answer with a length; its status, and what is behind it."""
    while b"\r\n\r\n" not in got:
        got += s.recv(65536)
    head, _, rest = got.partition(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length:")[2].split()[0])
    while len(rest) < length:
        rest += s.recv(65536)
    return int(head[9:12]), rest[length:]


def ask_many(sockets, path, n):
    request = "GET %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n"
    request = (request % (path, tcp.TOKEN)).encode()
    for _ in range(n // len(sockets)):
        for s in sockets:
            s.sendall(request)
        for s in sockets:
            status, more = read_answer(s, b"")
            if status != 200 or more:
                raise AssertionError("%s: %d" % (path, status))


class Bench(served.Case):
    def runTest(self):
        pass

    def unix(self):
        connection = serve.Connection(self.server.socket)
        connection.connect()
        return connection.sock

    def measure(self, requests):
        self.serve(*tcp.options(self))
        pid, door, found = self.server.process.pid, tcp.Door(self.server), {}
        for path in ("/", "/ui/app.js", "/ui/style.css"):
            if door.ask("GET", path, token=None, Accept_Encoding="gzip").status != 200:
                raise AssertionError(path)
        found["resident_kb"] = served.resident_kb(pid)
        self.server.submit(served.bounded("over"))
        self.server.until_state("over", "FINISHED")
        self.server.submit(served.ticking("runs", rate=10))
        self.server.until_state("runs", "RUNNING")
        found["cpu_us"] = {}
        for kind, connect in (("unix socket", self.unix), ("tcp", door.socket)):
            for n in (1, AT_ONCE):
                sockets = [connect() for _ in range(n)]
                for path in ("/v1", "/v1/jobs/over", "/v1/jobs/runs"):
                    ask_many(sockets, path, WARM)
                    rounds, each = [], requests // ROUNDS // n * n
                    for _ in range(ROUNDS):
                        before = cpu_us(pid)
                        ask_many(sockets, path, each)
                        rounds.append((cpu_us(pid) - before) / each)
                    what = "%s, %d at once, GET %s" % (kind, n, path)
                    found["cpu_us"][what] = [statistics.median(rounds), min(rounds)]
                for s in sockets:
                    s.close()
        found["resident_after_kb"] = served.resident_kb(pid)
        return found


def main():
    options = argparse.ArgumentParser(description="CPU and memory of a server that is asked")
    options.add_argument("--requests", type=int, default=20000)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    bench = Bench()
    bench.setUp()
    try:
        found = bench.measure(given.requests)
        bench.server.stop()
    finally:
        bench.tearDown()
        bench.doCleanups()
    if given.json:
        print(json.dumps(found))
        return
    print("idle, after the page was served: %.1f MB resident" % (found["resident_kb"] / 1e3))
    for what, (middle, least) in found["cpu_us"].items():
        print("%-40s %5.1f us of CPU a request, least %5.1f" % (what, middle, least))
    print("after %d requests each: %.1f MB" % (given.requests, found["resident_after_kb"] / 1e3))


if __name__ == "__main__":
    main()
