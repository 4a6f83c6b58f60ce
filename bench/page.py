#!/usr/bin/env python3
"""page.py - what the page costs: its first paint, its server, and a job that is watched.

    WEIR=build/release/weir python3 bench/page.py [--loads 12] [--rounds 4] [--seconds 4]

Paint is the browser's own word (first-contentful-paint), over the loopback, without a proxy. What
a watcher costs is CPU of the job's process and of the server's, all their threads, in ns
(/proc/PID/task/*/schedstat), in pairs: no page open, then the job's overview open at its own pace.
Of a job that has next to nothing to do, where what it tells shows exactly; and of one at full
speed, by the record. Server and job keep to one processor and the browser to another, for what
drawing costs the reader's machine is not the question; with a single one they share it, and the
head says so. Prints each figure beside what is asked for (docs/TESTING.md) as it is found; figures
are never judged. Needs chromium and its driver."""

import argparse
import glob
import os
import re
import statistics
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
os.environ.setdefault("WEIR", os.path.join(os.path.dirname(HERE), "build", "release", "weir"))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests", "lib"))
import browser
import served
import tcp

DRAWN = """
return [...document.querySelectorAll('.graph .below')].some(n => /busy/.test(n.textContent))"""
PAINT = """
const p = performance.getEntriesByName('first-contentful-paint')[0];
const list = performance.getEntriesByType('resource').find(r => r.name.endsWith('/v1/jobs'));
return p && list && document.querySelector('.view table') ? [p.startTime, list.responseEnd] : 0"""


def job(name, **source):
    return {
        "name": name,
        "parallelism": 2,
        "checkpoint": {"interval": "1s"},
        "pipeline": [
            {"id": "clicks", "type": "generator_source", **source,
             "fields": {"n": "i", "visitor": "i * 7919 % 5000"}},
            {"id": "people", "type": "filter", "expr": "visitor >= 10"},
            {"id": "views", "type": "keyed_sum", "key": "visitor", "value": "1", "as": "views"},
            {"id": "out", "type": "blackhole_sink"},
        ],
    }


def processor_s(pid):
    """Seconds that all threads of a process have run, to the nanosecond."""
    total = 0
    for path in glob.glob("/proc/%d/task/*/schedstat" % pid):
        with open(path) as f:
            total += int(f.read().split()[0])
    return total / 1e9


def paints(url, loads):
    """(first paint, jobs there) in ms of each load; the first has an empty cache."""
    found = []
    with browser.Browser() as b:
        for _ in range(loads):
            b.open("about:blank")
            b.open(url)
            found.append(b.until("a first paint", PAINT))
        first, again = found[0], found[1:] or found
        paint = sorted(p for p, _ in again)
        print("first paint        %5.0f ms in a browser just started, then %.0f ms, least %.0f, "
              "most %.0f (%d loads; asked for: under 200)"
              % (first[0], statistics.median(paint), paint[0], paint[-1], len(paint)))
        print("the list of jobs   %5.0f ms, then %.0f ms: its answer has come"
              % (first[1], statistics.median(j for _, j in again)))


def told(name, form, pairs, of):
    """Medians alone and watched, the median of the pairs' differences, their least and most."""
    alone, watched = [of(p[0]) for p in pairs], [of(p[1]) for p in pairs]
    more = sorted(w - a for a, w in zip(alone, watched))
    now = statistics.median(alone), statistics.median(watched), statistics.median(more)
    print("%-18s " % name + form % (*now, more[0], more[-1]))


class Bench(served.Case):
    def runTest(self):
        pass

    def pace(self, name, seconds):
        """Of the job and of the server, in processor seconds a second; and records a second."""
        pids = (self.server.pid(name), self.server.process.pid)
        records = lambda: self.server.job(name)["facts"]["stages"][0]["records_out"]
        n, began, before = records(), time.monotonic(), [processor_s(p) for p in pids]
        time.sleep(seconds)
        took, after = time.monotonic() - began, [processor_s(p) for p in pids]
        n = records() - n
        return [(a - b) / took for a, b in zip(after, before)] + [n / took]

    def watched(self, b, name, rounds, seconds):
        """Pairs of pace(): nobody looks, somebody does."""
        pairs = []
        for _ in range(rounds):
            b.open("about:blank")
            time.sleep(0.5)
            alone = self.pace(name, seconds)
            b.open("%s&/jobs/%s" % (self.url, name))
            b.until("rates in the graph", DRAWN)
            pairs.append((alone, self.pace(name, seconds)))
        return pairs

    def watch(self, rounds, seconds):
        share = "%.3f %% of a processor, watched %.3f %%: %+.3f (pairs: %+.3f to %+.3f; under 1)"
        with browser.Browser() as b:
            pairs = self.watched(b, "calm", rounds, seconds)
            told("a calm job", share, pairs, lambda p: 100 * p[0])
            told("its server", share, pairs, lambda p: 100 * p[1])
            self.server.act("calm", "stop")
            self.run_job(job("busy"))
            pairs = self.watched(b, "busy", rounds, seconds)
            told("a busy job", "%.2f ns a record, watched %.2f ns: %+.3f (pairs: %+.3f to %+.3f)",
                 pairs, lambda p: 1e9 * p[0] / p[2])
            told("and a second", "%.0f records, watched %.0f: %+.0f (pairs: %+.0f to %+.0f)",
                 pairs, lambda p: p[2])
            told("its server", share, pairs, lambda p: 100 * p[1])

    def run_job(self, job):
        self.server.submit(job)
        self.server.until_state(job["name"], "RUNNING")

    def memory(self, when):
        print("memory             %5.1f MB of the server, %s"
              % (served.resident_kb(self.server.process.pid) / 1e3, when))

    def measure(self, loads, rounds, seconds):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, cpus[:1])  # inherited by who is started
        self.serve(*tcp.options(self))
        self.url = tcp.Door(self.server).url + "/#token=" + tcp.TOKEN
        self.memory("idle (asked for: under 10)")
        self.run_job(job("calm", rate=10))
        os.sched_setaffinity(0, cpus)
        if loads:
            paints(self.url, loads)
        print("server and job on one processor, the browser that watches on %s" % (
            "another" if len(cpus) > 1 else "the same: there is one"))
        os.sched_setaffinity(0, cpus[1:] or cpus)
        if rounds:
            self.watch(rounds, seconds)
        self.memory("at the end")


def main():
    args = argparse.ArgumentParser(description=re.sub(r"\n.*", "", __doc__, flags=re.S))
    args.add_argument("--loads", type=int, default=12, help="of the page; 0: no paints")
    args.add_argument("--rounds", type=int, default=4, help="pairs; 0: nobody watches")
    args.add_argument("--seconds", type=float, default=4, help="of each half of a pair")
    a = args.parse_args()
    if browser.missing():
        sys.exit("no %s here" % browser.missing())
    sys.stdout.reconfigure(line_buffering=True)
    bench = Bench()
    bench.setUp()
    try:
        bench.measure(a.loads, a.rounds, a.seconds)
        bench.server.stop()
    finally:
        bench.tearDown()
        bench.doCleanups()


if __name__ == "__main__":
    main()
