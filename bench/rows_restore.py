"""rows_restore.py - W11: restarts of 10,000,000 integer keys from 1,000 incremental checkpoints,
eager, parallel and lazy, in turn with the restart of W4 (the same keys, a short chain).

Each restart gets a copy of the directory that a SIGKILL left, so all of them find the same chain.
The first record is when it leaves its source, as the recovery report says; what comes out of the
keyed stage, and how fast, is seen from outside, in the status lines.
"""

import os
import re
import shutil
import statistics
import tempfile
import time

import runs
import works
from lines import Line


CHECKPOINTS = 1000  # of the history
EVERY = "10ms"  # as fast as they come in memory, about
FILL = 900000  # keys a second: all of them within those checkpoints
MEMORY = "/dev/shm"  # where the history is made: nothing waits for a disk there
LATER = 1000  # keys that change when all are there, until there were so many checkpoints
HOLD = 1.5  # seconds that a lazy restart is looked at when all is there: that is its full speed
ALL_THERE = re.compile(rb"all state of checkpoint .* (\d+) ms after the restore began")
WINDOW = 0.1  # seconds over which a speed is taken
FULL = 0.9  # of the speed at the end: that is full speed
TIMES = 5  # restarts of each kind


def copy(directory, to):
    """All of it but the socket that its process left."""
    shutil.copytree(directory, to, ignore=shutil.ignore_patterns("*.sock"))


def reads(restore):
    return {"interval": "1s", "restore": restore}


class History:
    """Directories as a SIGKILL leaves them, each with the job that goes on from it."""

    def __init__(self, suite):
        self.suite = suite
        scale = min(1.0, suite.seconds / 5)
        self.keys = int(works.PRELOAD * scale)
        self.checkpoints = int(CHECKPOINTS * scale)

    def job(self, hot=None, **checkpoint):
        return works.grown(self.keys, hot or self.keys, checkpoint=checkpoint)

    def all_there(self, events):
        held = max((e.get("keys", 0) for e in events if e["event"] == "checkpoint"), default=0)
        done = sum(e["event"] == "checkpoint" and e["state"] == "completed" for e in events)
        return held >= self.keys and (done,)

    def grow(self):
        """Keys come bit by bit: the chain is what merging made of all those checkpoints."""
        place = MEMORY if os.path.isdir(MEMORY) else None
        made = tempfile.mkdtemp(prefix="weir-history-", dir=place)
        try:
            return self.grow_in(os.path.join(made, "history"))
        finally:
            shutil.rmtree(made, ignore_errors=True)

    def grow_in(self, directory):
        job = self.job(hot=LATER, interval=EVERY, restore="eager")
        job["pipeline"][0]["rate"] = FILL
        w = runs.Weir(self.suite.place, job, directory)

        def enough(events):
            found = self.all_there(events)
            return found and found[0] >= self.checkpoints and found

        done = w.until(enough, "a history", timeout=100)[0]
        w.kill()
        self.suite.say("W11 %d checkpoints, %s" % (done, chain(directory)))
        to = self.suite.place.fresh("history")
        copy(directory, to)
        return to, done

    def short(self):
        directory = self.suite.place.fresh("short")
        w = runs.Weir(self.suite.place, self.job(interval="0.3s", restore="eager"), directory)
        w.until(self.all_there, "all keys")
        w.kill()
        return directory

    def for_restore(self, directory, restore):
        """A copy whose newest checkpoint is that of the job with this option: else the restart
        would begin with a checkpoint, as after any change of a job."""
        to = self.suite.place.fresh("for-" + restore)
        copy(directory, to)
        w = runs.Weir(self.suite.place, self.job(**reads(restore)), to)

        def changed(events):
            return [e for e in events if e["event"] == "checkpoint" and e["state"] == "completed"]

        w.until(changed, "a checkpoint")
        w.kill()
        return to


def chain(directory):
    """The files of its keyed state, in words."""
    parts = os.path.join(directory, "parts")
    sizes = [os.path.getsize(os.path.join(parts, f)) for f in os.listdir(parts)]
    return "%d files, %.0f MB" % (len(sizes), sum(sizes) / 1e6)


def out_of_keyed(events):
    """(seconds, records) that left the keyed stage, of each status line."""
    found = []
    for e in events:
        if e["event"] == "status":
            n = sum(o["records_out"] for o in e["operators"] if o["id"] == "sum")
            found.append((e["wall_us"] / 1e6, n))
    return found


def speed_at(samples, i):
    """Records a second over the window that begins with sample i; None: it is not whole."""
    for t, n in samples[i + 1 :]:
        if t - samples[i][0] >= WINDOW:
            return (n - samples[i][1]) / (t - samples[i][0])
    return None


def full_speed(samples, began):
    """Seconds from `began` to the first window as fast as those of the last second; None: the
    samples do not tell."""
    speeds = [(samples[i][0], speed_at(samples, i)) for i in range(len(samples))]
    speeds = [s for s in speeds if s[1] is not None]
    if not speeds:
        return None, 0
    last = statistics.median(v for t, v in speeds if t >= speeds[-1][0] - 1)
    first = next((t for t, v in speeds if v >= FULL * last), None)
    return first and first - began, last


def all_there(w):
    """Milliseconds until a lazy restart had read everything; None: it has not yet."""
    with open(w.log_path, "rb") as f:
        found = ALL_THERE.search(f.read())
    return found and int(found[1])


def restart(suite, job, origin, hold):
    """One restart of a copy: the recovery's words, and what was seen from outside (seconds)."""
    directory = suite.place.fresh("restart")
    copy(origin, directory)
    os.sync()  # the copy is no part of a restart
    w = runs.Weir(suite.place, job, directory, every="0.005s")
    since = None

    def enough(events):
        nonlocal since
        if not any(n for _, n in out_of_keyed(events)) or (hold and not all_there(w)):
            return False
        since = since or time.monotonic()
        return time.monotonic() >= since + hold

    w.until(enough, "records", timeout=60)
    w.kill()
    events = w.events()
    said = next(e for e in events if e["event"] == "recovered")
    samples = out_of_keyed(events)
    first = next(t for t, n in samples if n)
    there = all_there(w) if hold else None
    to_full, speed = full_speed(samples, w.began_wall) if hold else (None, 0)
    suite.place.drop(directory)
    return {
        "ms": said["recovery_ms"],
        "outside": (said["wall_us"] / 1e6 - w.began_wall) * 1e3,
        "keyed": (first - w.began_wall) * 1e3,
        "full_s": to_full,
        "speed": speed,
        "there": there,
    }


def w11(suite):
    history = History(suite)
    grown, done = history.grow()
    short = history.short()
    what = "%d M keys, %d checkpoints" % (round(history.keys / 1e6), done)
    lines = {
        "short": Line("W11", "weir, eager, a short chain (W4)", "ms"),
        "eager": Line("W11", "weir, eager, %s" % what, "ms", "< 300"),
        "parallel": Line("W11", "weir, parallel, the same", "ms"),
        "lazy": Line("W11", "weir, lazy, the same", "ms", "< 20"),
    }
    keyed = Line("W11", "weir, lazy: exec to the first record out of the keyed stage", "ms")
    outside = Line("W11", "weir, lazy: exec to the first record, from outside", "ms")
    full = Line("W11", "weir, lazy: exec to full speed", "ms")
    there = Line("W11", "weir, lazy: all state read and verified", "ms")
    origins = {m: history.for_restore(grown, m) for m in ("eager", "parallel", "lazy")}
    origins["short"] = history.for_restore(short, "eager")
    for turn in range(TIMES):
        for name, line in lines.items():
            restore = "eager" if name == "short" else name
            hold = HOLD if name == "lazy" and turn < 2 else 0
            r = restart(suite, history.job(**reads(restore)), origins[name], hold)
            line.add(r["ms"])
            if name == "lazy":
                keyed.add(r["keyed"])
                outside.add(r["outside"])
            if r["full_s"]:
                full.add(r["full_s"] * 1e3)
                there.add(r["there"])
                full.note = "%.1f M/s" % (r["speed"] / 1e6)
            suite.say("W11 %s: %.1f ms to the first record, %.1f ms out of the keyed stage"
                      % (name, r["ms"], r["keyed"]))
    for name in ("eager", "parallel", "lazy"):
        lines[name].compare(lines["short"], "a short chain")
        lines[name].note = "%s; best %.1f" % (chain(origins[name]), min(lines[name].values))
    lines["parallel"].compare(lines["eager"], "eager")
    if history.keys == works.PRELOAD:
        lines["eager"].judge(lines["eager"].median() < 300)
        lines["lazy"].judge(lines["lazy"].median() < 20)
    return [*lines.values(), outside, keyed, full, there]
