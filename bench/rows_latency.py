"""rows_latency.py - W6: 100,000 records a second, checkpoints each 100 ms, from the moment a record
was due to the sink: quiet, while 160 MB of runs are merged, and the floor paced the same way.

Merging 160 MB takes less than a second. So "while they are merged" is many short runs: each starts
from a copy of one state on disk, 10,000,000 keys in six runs of about the same size; its first
checkpoint adds the seventh, all are merged, and the run is stopped when the merged one stands in a
manifest. What the hypervisor took of the processors meanwhile is told: it is most of the tail here.
"""

import glob
import json
import os
import shutil
import statistics
import time

import runs
import works
from lines import Line

LATENCIES = ("p50", "p99", "p99_9", "max")
AIMS = {"p50": 50, "p99": 500, "max": 5000}  # us
LEAST_BYTES = 160e6  # of the runs that are merged
KEY_BYTES = 16  # a key and its sum: what is merged, before it is packed
RUNS = 6  # the seventh begins a merge (runtime/merger.h)
FILL_S = (5.0, 10.0, 20.0)  # in which those come, one with each checkpoint
MORE_KEYS = 1.1  # than wanted: a busy machine does not keep the pace
MOST_SHARE = 0.28  # of all rows in the largest run: a larger one is left out (merge_choose)
MERGE_TIMEOUT_S = 30


class Tail:
    """The four lines of one way, a value a run."""

    def __init__(self, what):
        self.what = what
        self.lines = {p: Line("W6", "%s, %s" % (what, p), "us") for p in LATENCIES}
        self.stolen = []

    def add(self, figures, ran, stolen):
        """figures by name; ran: what the run says of its records, CPU seconds and memory."""
        used = (ran["records"], ran["cpu_s"], ran["peak_rss_bytes"])
        for p in LATENCIES:
            if figures.get(p) is not None:
                self.lines[p].add(figures[p], *(used if p == "p50" else ()))
        self.stolen.append(stolen)

    def note(self, text=""):
        parts = [text] if text else []
        parts.append("the hypervisor took %.1f %% of the time" % statistics.mean(self.stolen))
        self.lines["max"].note = "; ".join(parts)

    def judge(self, floor):
        for p, line in self.lines.items():
            if p in ("p50", "p99") and floor:
                line.goal = "<= 2x the floor"
                ratio = line.compare(floor.lines[p], floor.what)
                line.judge(None if ratio is None else ratio <= 2)
            if p in AIMS:
                line.goal += "%saim < %d" % ("; " if line.goal else "", AIMS[p])

    def say(self):
        return ", ".join("%s %.0f" % (p, line.values[-1]) for p, line in self.lines.items())

    def done(self):
        return [line for line in self.lines.values() if line.values]


class Stolen:
    """Percent of the processors' time that the hypervisor gave to others since this was made."""

    def __init__(self):
        self.began = self.now()

    @staticmethod
    def now():
        with open("/proc/stat") as f:
            ticks = [int(x) for x in f.readline().split()[1:9]]
        return ticks[7], sum(ticks)

    def percent(self):
        stolen, all_of_it = (b - a for a, b in zip(self.began, self.now()))
        return 100 * stolen / max(1, all_of_it)


def chain(folder):
    """The runs of the newest checkpoint, largest first: (rows, bytes) of each. A manifest is 64
    bytes, then JSON (docs/FORMAT.md)."""
    for path in sorted(glob.glob(os.path.join(folder, "manifest", "0*")), reverse=True):
        try:
            with open(path, "rb") as f:
                body = json.loads(f.read()[64:])
        except FileNotFoundError:  # retired meanwhile
            continue
        if body["is"] == "checkpoint":
            found = [r for op in body["ops"] for k in op.get("keyed", []) for r in k["chain"]]
            return sorted(((r["rows"], r.get("bytes", 0)) for r in found), reverse=True)
    return []


class Merging:
    """A state on disk that is about to be merged, and runs that do it."""

    def __init__(self, suite):
        self.suite = suite
        self.scale = min(1.0, suite.seconds / 5)  # a quick look has fewer keys too
        self.keys = int(works.PRELOAD * MORE_KEYS * self.scale)
        self.filled = suite.place.fresh("w6-filled")
        self.took = []  # seconds until the merged run stood
        self.merged = 0  # rows of it, the fewest
        self.fill()

    def fill(self):
        """Slower again when the machine did not keep the pace: then runs are few rows, or the first
        is so large that it would be left out."""
        for lasts_s in FILL_S:
            self.suite.place.drop(self.filled)
            self.fill_in(lasts_s)
            enough = self.rows * KEY_BYTES >= LEAST_BYTES * self.scale
            if enough and self.before[0][0] < MOST_SHARE * self.rows:
                return

    def fill_in(self, lasts_s):
        """Keys at a pace, so that each checkpoint holds its share; killed after the sixth."""
        interval = "%dms" % (lasts_s / RUNS * 1000)
        job = works.w6_merging(None, int(self.keys / lasts_s), self.keys, interval=interval)
        w = runs.Weir(self.suite.place, job, self.filled)
        w.until(lambda e: len(chain(self.filled)) >= RUNS, "%d runs" % RUNS)
        w.kill()
        self.before = chain(self.filled)
        self.rows = sum(rows for rows, _ in self.before)

    def run(self):
        """One start, stopped when the merge was done: its report."""
        place = self.suite.place
        directory = place.fresh("w6")
        shutil.copytree(self.filled, directory, ignore=shutil.ignore_patterns("weir.sock"))
        os.sync()  # or the copy's bytes are written during the run
        w = runs.Weir(place, works.w6_merging(None, works.RATE, self.keys), directory)
        began = time.monotonic()
        while (now := chain(directory)[0][0]) < self.before[0][0] * 1.5:
            if time.monotonic() - began > MERGE_TIMEOUT_S or w.process.poll() is not None:
                w.kill()
                raise runs.Failed("W6: nothing was merged:\n%s" % w.log())
            time.sleep(0.05)
        self.took.append(time.monotonic() - began)
        self.merged = min(now, self.merged or now)
        r = w.stop()
        place.drop(directory)
        return r

    def note(self):
        packed = sum(size for _, size in self.before) / 1e6
        rows, took = self.merged / 1e6, statistics.median(self.took)
        said = "%d starts; in each %d runs of %.1f M keys, %.0f MB (packed %.0f), are one in %.1f s"
        return said % (len(self.took), RUNS, rows, rows * KEY_BYTES, packed, took)

    def fault(self):
        if self.merged * KEY_BYTES < LEAST_BYTES * self.scale:
            return "only %.0f MB were merged" % (self.merged * KEY_BYTES / 1e6)
        return ""


def floor_run(suite, tail):
    args = ["w6", "--rate", works.RATE, "--seconds", min(15, suite.seconds)]
    stolen = Stolen()
    try:
        r = runs.floor(*args)
    except (runs.Failed, OSError) as e:
        suite.skip("W6", "floor", str(e))
        return False
    tail.add({p: r.get(p + "_us") for p in LATENCIES}, r, stolen.percent())
    return True


def w6(suite):
    """All three in turn, once more than other rows: tails are what the machine disturbs most."""
    rows = int(works.RATE * suite.seconds)
    refusal = runs.accepts(suite.place, works.w6(rows))
    if refusal:
        suite.skip("W6", "weir", refusal)
        return []
    quiet, merged = Tail("weir, quiet"), Tail("weir, while 160 MB are merged")
    floor = Tail("floor, three")
    merging = Merging(suite)
    for turn in range(suite.rounds + 1):
        stolen = Stolen()
        r = runs.weir(suite.place, works.w6(rows))
        quiet.add(r["sinks"][0]["latency_us"], r, stolen.percent())
        suite.say("W6  %s: %s us" % (quiet.what, quiet.say()))
        if floor and floor_run(suite, floor):
            suite.say("W6  %s: %s us" % (floor.what, floor.say()))
        else:
            floor = None
        end = time.monotonic() + suite.seconds
        while time.monotonic() < end:
            stolen = Stolen()
            r = merging.run()
            merged.add(r["sinks"][0]["latency_us"], r, stolen.percent())
        suite.say("W6  %s: %s us" % (merged.what, merged.say()))
    quiet.note()
    merged.note(merging.note())
    for line in merged.done():
        line.invalid = merging.fault()
    for tail in (quiet, merged):
        tail.judge(floor)
    if floor:
        floor.note()
    suite.place.drop(merging.filled)
    return [*quiet.done(), *merged.done(), *(floor.done() if floor else [])]
