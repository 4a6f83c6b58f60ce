"""rows_latency.py - W6: 100,000 records a second, checkpoints each 100 ms, from the moment a record
was due to the sink: quiet, while 160 MB of runs are merged, and the floor paced the same way.

Merging 160 MB takes less than a second. So "while they are merged" is many short runs: each starts
from a copy of one state on disk, 10,000,000 keys in six runs of the same size, each of them a
checkpoint that was asked for when its keys were in; the next checkpoint adds the seventh, all are
merged, and the run is stopped when a manifest names the merged one. What was merged, and how long
it took, is what manifests and history.jsonl say (docs/FORMAT.md); a run of which they say nothing
fails the row. What the hypervisor took of the processors is told: it is most of the tail here.
"""

import glob
import json
import os
import shutil
import statistics
import subprocess
import time

import runs
import works
from lines import Line
from rows_state import so_far

LATENCIES = ("p50", "p99", "p99_9", "max")
AIMS = {"p50": 50, "p99": 500, "max": 5000}  # us
LEAST_BYTES = 160e6  # of the runs that are merged
KEY_BYTES = 16  # a key and its sum: what is merged, before it is packed
RUNS = 6  # the seventh begins a merge (runtime/merger.h)
FILL_S = (5.0, 10.0, 20.0)  # in which those come
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
    """The newest checkpoint's id, and the runs it names, bottom first: (file, rows, bytes) of each.
    A manifest is 64 bytes, then JSON (docs/FORMAT.md)."""
    for path in sorted(glob.glob(os.path.join(folder, "manifest", "0*")), reverse=True):
        try:
            with open(path, "rb") as f:
                body = json.loads(f.read()[64:])
        except FileNotFoundError:  # retired meanwhile
            continue
        if body["is"] == "checkpoint":
            found = [r for op in body["ops"] for k in op.get("keyed", []) for r in k["chain"]]
            names = [f["name"] for f in body["files"]]
            return body["id"], [
                ("" if "data" in r else names[r.get("f", 0)], r["rows"], r.get("bytes", 0))
                for r in found
            ]
    return 0, []


def merged_from(name):
    """The checkpoint whose runs this file merges: <lineage>-<epoch>-<attempt>-<id>-m<seq>.part."""
    parts = name.split("-")
    return int(parts[3]) if len(parts) == 5 and parts[4].startswith("m") else None


def completed_at(folder):
    """When each checkpoint was complete, in seconds."""
    with open(os.path.join(folder, "history.jsonl")) as f:
        lines = [json.loads(line) for line in f if line.endswith("\n")]
    return {c["id"]: c["wall_us"] / 1e6 for c in lines if c["state"] == "completed"}


def rows_of(runs_of_it):
    return [rows for _, rows, _ in runs_of_it]


class Merging:
    """A state on disk that is about to be merged, and runs that do it."""

    def __init__(self, suite):
        self.suite = suite
        self.scale = min(1.0, suite.seconds / 5)  # a quick look has fewer keys too
        self.keys = int(works.PRELOAD * MORE_KEYS * self.scale)
        self.least = LEAST_BYTES * self.scale / KEY_BYTES  # rows
        self.filled = suite.place.fresh("w6-filled")
        self.took = []  # seconds from the checkpoint that is merged to the one with the result
        self.merged = []  # rows of that, a run
        self.fill()

    def fill(self):
        """Slower again when the machine did not keep the pace: then a run is so large that it would
        be left out."""
        for lasts_s in FILL_S:
            self.suite.place.drop(self.filled)
            self.fill_in(lasts_s)
            rows = rows_of(self.before)
            even = len(rows) >= RUNS and max(rows) < MOST_SHARE * sum(rows)
            if even and sum(rows) >= self.least:
                return
        raise runs.Failed("W6: no state to merge; its runs have %s rows" % rows)

    def fill_in(self, lasts_s):
        """Keys at a pace, a checkpoint whenever a sixth of them came; killed after the last."""
        job = works.w6_merging(None, int(self.keys / lasts_s), self.keys, interval="1h")
        w = runs.Weir(self.suite.place, job, self.filled)
        for i in range(1, RUNS + 1):
            due = self.keys * i // RUNS
            w.until(lambda e: so_far(e) >= due, "%d records" % due)
            subprocess.run(
                [runs.WEIR, "checkpoint", "--dir", self.filled], check=True, capture_output=True
            )
        w.kill()
        _, self.before = chain(self.filled)

    def find(self, directory, seen):
        """Whether the newest manifest names enough merged rows; what it says is kept in `seen`."""
        now, found = chain(directory)
        if now:
            seen[now] = rows_of(found)
        for name, rows, _ in found:
            base = merged_from(name)
            if base is not None and rows >= self.least:
                return now, base, rows
        return None

    def run(self):
        """One start, stopped when the merge was done: its report."""
        place, seen = self.suite.place, {}
        directory = place.fresh("w6")
        shutil.copytree(self.filled, directory, ignore=shutil.ignore_patterns("weir.sock"))
        os.sync()  # or the copy's bytes are written during the run
        w = runs.Weir(place, works.w6_merging(None, works.RATE, self.keys), directory)
        end = time.monotonic() + MERGE_TIMEOUT_S
        while not (found := self.find(directory, seen)):
            if time.monotonic() > end or w.process.poll() is not None:
                why = self.says_nothing(seen) + (w.log() if w.process.poll() else "")
                w.kill()
                raise runs.Failed(why)
            time.sleep(0.03)
        now, base, rows = found
        r = w.stop()
        at = completed_at(directory)
        began = next(e["wall_us"] / 1e6 for e in r["events"] if e["event"] == "recovered")
        self.took.append(at[now] - max(at[base], began))  # saved rows may have made a seventh run
        self.merged.append(rows)
        place.drop(directory)
        return r

    def says_nothing(self, seen):
        ids = sorted(seen)
        some = ids if len(ids) <= 12 else ids[:6] + ids[-6:]
        said = ["  checkpoint %d: %s" % (i, " ".join(str(n) for n in seen[i])) for i in some]
        why = "W6: no manifest of %d s names a merged run of %.0f MB; rows of their runs:"
        return "\n".join([why % (MERGE_TIMEOUT_S, self.least * KEY_BYTES / 1e6), *said])

    def note(self):
        packed = sum(size for _, _, size in self.before) / 1e6
        rows, took = min(self.merged) / 1e6, statistics.median(self.took)
        said = "%d starts; in each %d runs of %.1f M keys, %.0f MB (packed %.0f), are one in %.1f s"
        return said % (len(self.took), len(self.before), rows, rows * KEY_BYTES, packed, took)


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


def while_merging(suite, merging, tail):
    """As many starts as a run lasts. False: nothing was merged, which fails the row; what the other
    ways measured stands."""
    end = time.monotonic() + suite.seconds
    while time.monotonic() < end:
        stolen = Stolen()
        try:
            r = merging.run()
        except runs.Failed as e:
            suite.say("W6  FAILED: %s" % e)
            suite.failed.append({"row": "W6", "why": str(e)})
            return False
        tail.add(r["sinks"][0]["latency_us"], r, stolen.percent())
    suite.say("W6  %s: %s us" % (tail.what, tail.say()))
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
    works_yet = True
    for turn in range(suite.rounds + 1):
        stolen = Stolen()
        r = runs.weir(suite.place, works.w6(rows))
        quiet.add(r["sinks"][0]["latency_us"], r, stolen.percent())
        suite.say("W6  %s: %s us" % (quiet.what, quiet.say()))
        if floor and floor_run(suite, floor):
            suite.say("W6  %s: %s us" % (floor.what, floor.say()))
        else:
            floor = None
        works_yet = works_yet and while_merging(suite, merging, merged)
    quiet.note()
    if merging.took:
        merged.note(merging.note())
    for tail in (quiet, merged):
        tail.judge(floor)
    if floor:
        floor.note()
    suite.place.drop(merging.filled)
    return [*quiet.done(), *(merged.done() if works_yet else []), *(floor.done() if floor else [])]
