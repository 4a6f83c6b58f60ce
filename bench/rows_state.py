"""rows_state.py - the rows that are about state: W3 (incremental checkpoints of 10,000,000 keys),
W4 (restart after SIGKILL), W5 (what checkpoints cost), W7 (memory), W10 (a start).

W3 and W4 look at a part of a run: the hot phase, after every key was there. Its bounds are found in
what `weir run --json` says as it goes: lines with counts, and lines with what a checkpoint held.
"""

import json
import os
import statistics
import subprocess
import time

import runs
import works
from lines import CHECKPOINTS, Line

FULL_TAKES = 4  # seconds that the checkpoint of all keys is given before the hot phase counts
LEAST = 0.02  # of the hot keys: how many more a checkpoint of the hot phase may hold


def taken(events, stage="out"):
    """(seconds, records the sink had) of each status line."""
    found = []
    for e in events:
        if e["event"] == "status":
            n = sum(o["records_in"] for o in e["operators"] if o["id"] == stage)
            found.append((e["wall_us"] / 1e6, n))
    return found


def so_far(events):
    """Records the sink had when it was last looked at."""
    return max((n for _, n in taken(events)), default=0)


def hot_checkpoints(events, hot):
    """Completed ones of the hot phase: they hold no more than the hot keys."""
    return [
        e
        for e in events
        if e["event"] == "checkpoint"
        and e["kind"] == "periodic"
        and e["state"] == "completed"
        and 0 < e["keys_changed"] <= hot * (1 + LEAST)
    ]


def slope(samples, first_record, last_record):
    """Records a second between two counts, and over how many seconds."""
    within = [s for s in samples if first_record <= s[1] <= last_record]
    if len(within) < 5:
        return 0, 0
    (t0, n0), (t1, n1) = within[0], within[-1]
    return (n1 - n0) / (t1 - t0), t1 - t0


class Hot:
    """Runs of W3 of one size, with and without a trigger."""

    def __init__(self, suite):
        self.suite = suite
        scale = min(1.0, suite.seconds / 5)  # a quick look has fewer keys too
        self.keys = int(works.PRELOAD * scale)
        self.hot = int(works.HOT * scale)
        self.checksums = set()

    def job(self, rows, interval):
        return works.w3(rows, self.keys, self.hot, interval=interval)

    def run(self, rows, interval):
        """A run to its end; how much memory it had in the hot phase stands in "resident"."""
        w = runs.Weir(self.suite.place, self.job(rows, interval))
        late = self.keys + (rows - self.keys) // 2
        w.until(lambda e: so_far(e) >= late, "half of the hot phase")
        resident = w.resident()
        r = w.end()
        r["resident"] = resident
        self.checksums.add((r["checksum"], str(r["states"])))
        if len(self.checksums) > 1:
            raise runs.Failed("W3: the checksums of two runs differ: %s" % self.checksums)
        return r

    def size(self):
        """Rows so that the hot phase lasts. A first run says how fast it goes."""
        rows = self.keys * 4
        w = runs.Weir(self.suite.place, self.job(rows, None), every="0.02s")
        speed, _ = slope(taken(w.end()["events"]), self.keys, rows)
        if not speed:
            raise runs.Failed("W3: the first run was too fast to be looked at")
        return self.keys + int(speed * (self.suite.seconds + FULL_TAKES) * 1.1)


def w3(suite):
    hot = Hot(suite)
    rows = hot.size()
    with_line = Line("W3", "weir, a checkpoint each second", "M updates/s", ">= 95 % of without")
    without = Line("W3", "weir, no trigger", "M updates/s")
    size = Line("W3", "weir, bytes a changed key", "bytes", "<= 10")
    durable = Line("W3", "weir, trigger to durable", "ms", "< 30")
    stop = Line("W3", "weir, longest stop of a task", "us", "< 200")
    first_stop = Line("W3", "weir, longest stop while the 10 M keys come", "us", "< 200")
    share = Line("W3", "weir, a checkpoint each second / no trigger", "ratio")
    memory = Line("W7", "weir, resident a key (10 M integer keys)", "bytes", "< 40")
    base = resident_of_nothing(suite)
    for turn in range(suite.rounds):
        r = hot.run(rows, "1s")
        found = hot_checkpoints(r["events"], hot.hot)[1:]
        if not found:
            raise runs.Failed("W3: no checkpoint of hot keys alone")
        samples = taken(r["events"])
        begin = next((n for t, n in samples if t * 1e6 >= found[0]["wall_us"]), hot.keys)
        speed, lasted = slope(samples, begin, rows - 1)
        with_line.add(speed / 1e6, r["records"], r["cpu_s"], r["peak_rss_bytes"])
        with_line.checkpoints = min(len(found), with_line.checkpoints or len(found))
        if lasted < suite.seconds * 0.9:
            with_line.invalid = "the hot phase was too short (%.1f s)" % lasted
        if len(found) < min(CHECKPOINTS, suite.seconds * 10 / 15):
            with_line.invalid = "only %d checkpoints" % len(found)
        size.add(statistics.median(c["bytes_written"] / c["keys_changed"] for c in found))
        durable.add(statistics.median(c["total_ms"] for c in found))
        durable.note = "worst %.1f" % max(c["total_ms"] for c in found)
        stop.add(max(c["sync_us_max"] for c in found))
        first_stop.add(max(e["sync_us_max"] for e in r["events"] if e["event"] == "checkpoint"))
        memory.add((r["resident"] - base) / hot.keys)
        memory.rss.append(r["resident"])
        suite.say(
            "W3  weir, each second: %.1f M/s, %.1f bytes a key, %.1f ms, stop %d us"
            % (speed / 1e6, size.values[-1], durable.values[-1], stop.values[-1])
        )
        r = hot.run(rows, None)
        speed, _ = slope(taken(r["events"]), begin, rows - 1)
        without.add(speed / 1e6, r["records"], r["cpu_s"], r["peak_rss_bytes"])
        suite.say("W3  weir, no trigger: %.1f M/s" % (speed / 1e6))
    floors = w3_floor(suite, hot)
    ratio = with_line.compare(without, "no trigger")
    with_line.judge(ratio and ratio >= 0.95)
    share.add(ratio or 0)
    for floor in floors:
        share.goal = ">= the floor's, tracked / untracked"
        ratio = share.compare(floor, "the floor's")
        share.judge(None if ratio is None else ratio >= 1)
    size.judge(size.median() <= 10)
    durable.judge(durable.median() < 30)
    stop.judge(max(stop.values) < 200)
    first_stop.judge(max(first_stop.values) < 200)
    memory.judge(memory.median() < 40)
    suite.w3_rows = rows
    return [with_line, without, share, size, durable, stop, first_stop, memory, *floors]


def w3_floor(suite, hot):
    """The same in C, one thread: with tracking and without."""
    folder = suite.place.fresh("floor-w3")
    os.makedirs(folder)
    line = Line("W3", "floor, tracked / untracked", "ratio")
    args = ["w3", "--keys", hot.keys, "--hot", hot.hot, "--seconds", min(6, suite.seconds)]
    try:
        r = runs.floor(*args, "--track", "--dir", folder)
    except (runs.Failed, OSError) as e:
        suite.skip("W3", "floor", str(e))
        return []
    if r.get("updates_per_s") and r.get("updates_per_s_untracked"):  # not in a very short run
        line.add(r["updates_per_s"] / r["updates_per_s_untracked"])
    line.note = "%s bytes a changed key, durable in %s ms, longest stop %s us" % tuple(
        r.get(k) for k in ("bytes_per_changed_key", "durable_ms", "longest_stop_us")
    )
    return [line]


def resident_of_nothing(suite):
    """Of the same job with hardly a key."""
    w = runs.Weir(suite.place, works.w3(None, 1000, 1000, interval=None))
    w.until(lambda e: so_far(e) >= 5000000, "5,000,000 records")
    resident = w.resident()
    w.stop()
    return resident


def kill_and_restart(suite, job, ready, times, row):
    """SIGKILL when ready(events), then again: (recovery_ms, wall ms to the first new record)."""
    directory = suite.place.fresh(job["name"])
    said, outside, last = [], [], None
    for turn in range(times):
        w = runs.Weir(suite.place, job, directory)
        w.until(ready, "the moment for a kill")
        w.kill()
        w = runs.Weir(suite.place, job, directory, every="0.01s")
        found = w.until(
            lambda e: [x for x in e if x["event"] == "recovered"], "its recovery", timeout=60
        )[0]
        said.append(found["recovery_ms"])
        outside.append((found["wall_us"] / 1e6 - w.began_wall) * 1e3)
        suite.say("%s  %s: %.1f ms" % (row, job["name"], said[-1]))
        if turn + 1 < times:
            w.kill()
        else:
            last = w
    return said, outside, last


def w4(suite):
    hot = Hot(suite)
    big = Line("W4", "weir, 10 M keys: SIGKILL, start to first new record", "ms", "< 300")
    small = Line("W4", "weir, word count: the same", "ms", "< 20")

    def one_hot(events):
        return hot_checkpoints(events, hot.hot)

    rows = hot.keys * 40
    said, outside, w = kill_and_restart(suite, hot.job(rows, "0.3s"), one_hot, 3, "W4")
    r = w.end()
    for ms in said:
        big.add(ms)
    big.note = "from outside %.0f" % statistics.median(outside)
    big.judge(big.median() < 300)
    calm = runs.weir(suite.place, hot.job(rows, None))
    if [s["checksum"] for s in r["states"]] != [s["checksum"] for s in calm["states"]]:
        raise runs.Failed("W4: after kills the state differs from an uninterrupted run's")

    folder = suite.place.links(runs.text(suite.words), 100)

    def three(events):
        return sum(e["event"] == "checkpoint" for e in events) >= 3

    said, outside, w = kill_and_restart(suite, works.w1(folder, interval="0.2s"), three, 5, "W4")
    w.stop()
    for ms in said:
        small.add(ms)
    small.note = "from outside %.0f" % statistics.median(outside)
    small.judge(small.median() < 20)
    return [big, small]


def w5(suite):
    """CPU seconds a record, with checkpoints each second and each 100 ms, against none, in turn."""
    text = runs.text(suite.words)

    def sums(size, interval):
        return works.w2(size, interval=interval)

    def words(size, interval):
        return works.w1(suite.place.links(text, size), interval=interval)

    found = []
    for name, make, first, goals in (
        ("W2", sums, 100000000, {"1s": 0.02, "100ms": 0.20}),
        ("W1", words, 10, {"100ms": 0.03}),
    ):
        small = max(1, int(first * suite.scale))
        r = runs.weir(suite.place, make(small, None))
        size = int(small / r["seconds"] * suite.seconds * 1.15) + 1
        ways = [None, *goals]
        lines = {
            w: Line("W5", "%s, %s" % (name, "each " + w if w else "no checkpoints"), "CPU ns each")
            for w in ways
        }
        for turn in range(suite.rounds + 1):  # the differences are small: one round more
            for way in ways:
                r = runs.weir(suite.place, make(size, way))
                cost = r["cpu_s"] / r["records"] * 1e9
                lines[way].add(cost, r["records"], r["cpu_s"], r["peak_rss_bytes"])
                done = r["checkpoints"]["completed"]
                lines[way].checkpoints = min(done, lines[way].checkpoints or done)
                if way and done < min(CHECKPOINTS, suite.seconds * 10 / 15):
                    lines[way].invalid = "only %d checkpoints" % done
                suite.say(
                    "W5  %s: %.2f CPU ns each, %d checkpoints" % (lines[way].what, cost, done)
                )
        for way, most in goals.items():
            ratio = lines[way].compare(lines[None], "none")
            lines[way].goal = "< +%.0f %%" % (most * 100)
            lines[way].judge(ratio - 1 < most)
        found += lines.values()
    return found


def w7(suite):
    """Peaks: the word count's; W3 adds what a key takes."""
    words = Line("W7", "weir, word count", "MB", "< 64")
    r = runs.weir(suite.place, works.w1(suite.place.links(runs.text(suite.words), 5)))
    words.add(r["peak_rss_bytes"] / 1e6, rss=r["peak_rss_bytes"])
    words.judge(words.median() < 64)
    return [words]


HISTORY = 10000  # checkpoints that are kept


def look_at_history(suite):
    """`weir checkpoints` from outside, in a directory that keeps very many."""
    look = Line("W10", "weir checkpoints, 10,000 in the history", "ms", "< 50")
    if not os.path.exists(runs.FILL_CHECKPOINTS):
        suite.skip("W10", look.what, "build the target fill_checkpoints")
        return []
    directory = suite.place.fresh("history")
    count = str(HISTORY)
    subprocess.run([runs.FILL_CHECKPOINTS, directory, count, count], check=True)
    os.sync()
    for _ in range(20):
        began = time.monotonic()
        args = [runs.WEIR, "checkpoints", directory]
        subprocess.run(args, check=True, stdout=subprocess.DEVNULL)
        look.add((time.monotonic() - began) * 1e3)
    suite.place.drop(directory)
    look.judge(look.median() < 50)
    suite.say("W10 weir checkpoints: %.1f ms" % look.median())
    return [look]


LATER = ("libmicrohttpd.so.12", "libcurl.so.4")  # by a server and by its clients (adr/0004)


def w10(suite):
    """An empty bounded job from outside; the binary and its libraries."""
    start = Line("W10", "weir run of an empty bounded job", "ms", "< 15")
    job = suite.place.path("empty.json")
    with open(job, "w") as f:
        json.dump(works.empty(), f)
    os.sync()  # what other rows left to be written is not part of a start
    for _ in range(40):
        args = [runs.WEIR, "run", job, "--dir", suite.place.fresh("empty")]
        began = time.monotonic()
        subprocess.run(args, check=True, stderr=subprocess.DEVNULL)
        start.add((time.monotonic() - began) * 1e3)
    start.judge(start.median() < 15)
    suite.say("W10 %.1f ms (%.1f .. %.1f)" % (start.median(), min(start.values), max(start.values)))
    stripped = suite.place.path("stripped")
    subprocess.run(["strip", "-o", stripped, runs.WEIR], check=True)
    binary = Line("W10", "the stripped binary", "MB", "< 2")
    binary.add(os.path.getsize(stripped) / 1e6)
    binary.judge(binary.median() < 2)
    out = subprocess.run(["ldd", runs.WEIR], capture_output=True, text=True).stdout
    paths = [word for line in out.split("\n") for word in line.split() if word.startswith("/")]
    total = Line("W10", "with the libraries it is linked with", "MB")
    total.add((sum(os.path.getsize(p) for p in paths) + os.path.getsize(stripped)) / 1e6)
    total.note = ", ".join(os.path.basename(p) for p in paths)
    total.note += "; opened only when needed: " + ", ".join(LATER)
    return [start, binary, total, *look_at_history(suite)]
