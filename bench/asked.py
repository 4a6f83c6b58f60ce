"""asked.py - what a server costs that is asked: its resident memory, and its CPU a request.

    WEIR=build/release/weir python3 bench/asked.py [--requests 20000] [--json]

In lockstep, on one kept connection: a client sends a request, reads the answer, sends the next. So
each request pays for the server's wake-up, which is the dear case. And on eight, of which each has
asked before the first is read. The client is a C program (asking.c), and so is the floor: a server
that waits, reads and sends as many bytes, asked in turn with weir. What the floor takes is the
kernel's; where a wake-up goes to another processor it can be most of all.

CPU is the server's alone, all its threads, from /proc/PID/task/*/schedstat (ns), in rounds: their
middle and their least, for other work on the machine only ever makes a request dearer."""

import argparse
import glob
import json
import os
import statistics
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "tests", "lib"))
import served
import tcp
import weir

WARM, AT_ONCE, ROUNDS = 400, 8, 20
PATHS = ("/v1", "/v1/jobs/over", "/v1/jobs/runs")


def cpu_us(pid):
    total = 0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e3


def asking(*words):
    """A process of asking.c, which stands beside weir."""
    path = os.path.join(os.path.dirname(os.path.abspath(weir.BINARY)), "bench", "asking")
    pipe = subprocess.PIPE
    return subprocess.Popen([path, *map(str, words)], stdin=pipe, stdout=pipe, text=True)


class Asker:
    """Connections to one place, and what each request costs who answers there."""

    def __init__(self, pid, place, n):
        self.pid, self.n, self.client = pid, n, asking("ask", place, n, tcp.TOKEN)

    def ask(self, path, requests):
        """CPU a request in us, and an answer's length."""
        requests -= requests % self.n
        before = cpu_us(self.pid)
        self.client.stdin.write("%d %s\n" % (requests, path))
        self.client.stdin.flush()
        length = int(self.client.stdout.readline())
        return (cpu_us(self.pid) - before) / requests, length

    def close(self):
        self.client.communicate()


class Floor:
    def __init__(self, path, length):
        self.path, self.process = path, asking("answer", path, length)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.communicate()
        os.unlink(self.path)


class Bench(served.Case):
    def runTest(self):
        pass

    def in_turn(self, at, n, path, each, pid):
        """Of weir and of the floor: the middle and the least of the rounds."""
        mine = Asker(pid, at, n)
        length = mine.ask(path, WARM)[1]
        floor = Floor(self.path("floor.sock"), length)
        other = Asker(floor.process.pid, floor.path if "/" in str(at) else floor.port, n)
        other.ask(path, WARM)
        rounds = [(mine.ask(path, each)[0], other.ask(path, each)[0]) for _ in range(ROUNDS)]
        for it in (mine, other, floor):
            it.close()
        return [f(times) for times in zip(*rounds) for f in (statistics.median, min)]

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
        for kind, at in (("unix socket", self.server.socket), ("tcp", door.port)):
            for n in (1, AT_ONCE):
                for path in PATHS:
                    what = "%s, %d at once, GET %s" % (kind, n, path)
                    times = self.in_turn(at, n, path, requests // ROUNDS, pid)
                    found["cpu_us"][what] = times
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
    print("%-40s %18s %18s" % ("us of CPU a request: median, least", "weir", "floor"))
    for what, times in found["cpu_us"].items():
        ratio = times[0] / times[2]
        print("%-40s %9.1f %8.1f %9.1f %8.1f  x %.1f" % (what, *times, ratio))
    print("after %d requests each: %.1f MB" % (given.requests, found["resident_after_kb"] / 1e3))


if __name__ == "__main__":
    main()
