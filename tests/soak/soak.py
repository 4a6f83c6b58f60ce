"""soak.py - hours in minutes: jobs under `weir serve` and one under `weir run`, killed at random,
with keys that come and go and a memory limit, for as long as one likes:

    make soak MINUTES=10
    python3 tests/soak/soak.py --minutes 60 --seed 7

Three of four jobs are killed with SIGKILL at random moments; the fourth, and the server, are left
alone, so that what leaks can be seen to. A consumer takes each committed file away as it appears
and adds it up. Must hold: resident memory is flat (the median of the last third against that of
the first) and within the limit; descriptors are as many at rest as they were; files stay few and
small; and at the end every key's updates are exactly 1..n of exactly the rows that were read.

Prints a line each ten seconds, and a verdict; exit code 0 or 1. WEIR is the binary.
"""

import argparse
import collections
import glob
import os
import random
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import weir

RATE = 2000  # rows a second, of each job
KEYS, WINDOW, STEP = 20000, 2000, 500  # a window of keys that wanders around a ring of them
LIMIT = 96 << 20  # of a job's memory
REST = 64 << 20  # what a process has beside that: code, stacks, buffers of libraries
# Of a job's directory, measured: 35 and 1.3 MB. Beside them one file a start, its fence: no owner
# ever removes one (inv 13), so that a paused owner of before meets it.
FILES, BYTES = 80, 16 << 20
SETTLED = 90  # seconds until all keys were there and memory can be compared
ALONE, KILLED, RUN = "steady", ("shaken", "stirred"), "ran"


def key(i):
    """The key of row i; the job says the same in SQL."""
    x = (i + 0x9E3779B97F4A7C15) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & 0xFFFFFFFFFFFFFFFF
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & 0xFFFFFFFFFFFFFFFF
    return (i // RATE * STEP + (x ^ (x >> 31)) % WINDOW) % KEYS


def job(name, sink):
    expr = "(i / %d * %d + splitmix64(i, %d)) %% %d" % (RATE, STEP, WINDOW, KEYS)
    rows = {"id": "rows", "type": "generator_source", "rate": RATE, "fields": {"k": expr}}
    return {
        "name": name,
        "parallelism": 2,
        "checkpoint": {"interval": "200ms"},
        "restart": {"strategy": "fixed_delay", "initial": "100ms"},
        "limits": {"memory": "%dB" % LIMIT},
        "pipeline": [
            dict(rows, parallelism=1),
            {"id": "count", "type": "keyed_sum", "key": "k", "as": "n"},
            {"id": "out", "type": "file_sink", "path": sink, "format": "csv"},
        ],
    }


class Consumer:
    """Takes committed files away, and remembers of each key's updates what shows an unbroken
    chain: how many, the largest, their sum and the sum of their squares."""

    def __init__(self, folder):
        self.folder, self.rows, self.files = folder, 0, 0
        self.keys = collections.defaultdict(lambda: [0, 0, 0, 0])

    def take(self):
        for path in weir.committed(self.folder, "csv"):
            with open(path) as f:
                lines = f.read().split("\n")
            if lines[0] != "k,n" or lines[-1] != "":
                raise AssertionError("%s is no whole file" % path)
            for line in lines[1:-1]:
                k, n = map(int, line.split(","))
                seen = self.keys[k]
                seen[0] += 1
                seen[1] = max(seen[1], n)
                seen[2] += n
                seen[3] += n * n
                self.rows += 1
            os.unlink(path)
            self.files += 1

    def wrong(self):
        """What is wrong with all that was taken, or None."""
        right = collections.Counter(map(key, range(self.rows)))
        for k in sorted(right.keys() | self.keys.keys()):
            n = right[k]
            chain = [n, n, n * (n + 1) // 2, n * (n + 1) * (2 * n + 1) // 6]
            if self.keys.get(k, [0, 0, 0, 0]) != chain:
                return "key %d: (updates, last, sum, squares) are %s, and should be %s" % (
                    k,
                    self.keys.get(k),
                    chain,
                )
        return None


def resident(pid):
    with open("/proc/%d/statm" % pid) as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def thirds(values):
    n = max(1, len(values) // 3)
    return values[:n], values[-n:]


def curve(values):
    """A line of a graph in text, one character for each tenth or so of the time."""
    marks = " .:-=+*#%@"
    most = max(values)
    picked = [values[i * len(values) // 40] for i in range(min(40, len(values)))]
    return "".join(marks[min(9, 9 * v // most)] for v in picked)


class Soak(weir.Case):
    def soak(self, seconds, rng, say=print):
        """Runs it all; a failed check raises. Counts what was done."""
        self.kills = 0
        self.starts = collections.Counter()  # of each job, at most
        self.memory = collections.defaultdict(list)  # who: samples
        self.open = collections.defaultdict(list)
        self.files = collections.defaultdict(list)  # job: (files, bytes)
        self.server = serve.Server(self)
        self.server.start()
        names = (ALONE, *KILLED, RUN)
        self.out = {name: Consumer(self.path("out-" + name)) for name in names}
        for name in (ALONE, *KILLED):
            self.server.submit(job(name, self.path("out-" + name)))
        self.write("run.json", job(RUN, self.path("out-" + RUN)))
        self.go_on(rng)
        for name in (ALONE, *KILLED):
            self.server.until_state(name, "RUNNING")
        begin = told = time.monotonic()
        next_kill = begin + 1
        while (now := time.monotonic()) < begin + seconds:
            if now >= next_kill:
                self.strike(rng)
                next_kill = now + rng.uniform(0.2, min(4, seconds / 12))
            self.sample()
            if now >= told + 10:
                told = now
                self.say_line(say, now - begin)
            time.sleep(0.2)  # nothing waits for it: the pace of looking
        self.end(say, seconds)

    # ---- what happens ----

    def go_on(self, rng):
        args = ["--dir", self.path("run"), "--parallelism", rng.randint(1, 3)]
        self.run_process = self.start("run", self.path("run.json"), *args)
        self.starts[RUN] += 1

    def strike(self, rng):
        """One of the jobs that are killed."""
        name = rng.choice((*KILLED, RUN))
        if name == RUN:
            self.kills += self.run_process.kill9()
            self.assert_clean(self.run_process.result().err, "the log of " + RUN)
            self.run_process.close()
            self.processes.remove(self.run_process)
            self.go_on(rng)
            return
        pid = self.server.pid(name)
        self.kills += bool(pid and serve.kill(pid))
        self.starts[name] += 1

    def sample(self):
        for consumer in self.out.values():
            consumer.take()
        pids = {"server": self.server.process.pid, ALONE: self.server.pid(ALONE)}
        for who, pid in pids.items():
            self.assertIsNotNone(pid, "%s was not killed, and has no process" % who)
            self.memory[who].append(resident(pid))
            self.open[who].append(descriptors(pid))
        for name in self.out:
            folder = self.path("run") if name == RUN else self.server.folder(name)
            found = glob.glob(os.path.join(glob.escape(folder), "**"), recursive=True)
            pending = os.path.join(glob.escape(self.out[name].folder), ".weir-pending", "**")
            found += glob.glob(pending, recursive=True)
            self.files[name].append((len(found), weir.disk_bytes(folder)))

    def say_line(self, say, passed):
        mb = {who: self.memory[who][-1] / 1e6 for who in self.memory}
        say(
            "%4d s: %d kills, %d rows in %d files taken; %s: %.1f MB, %d descriptors;"
            " server: %.1f MB, %d; most files %d, most bytes %.1f MB"
            % (
                passed,
                self.kills,
                sum(c.rows for c in self.out.values()),
                sum(c.files for c in self.out.values()),
                ALONE,
                mb[ALONE],
                self.open[ALONE][-1],
                mb["server"],
                self.open["server"][-1],
                max(f[-1][0] for f in self.files.values()),
                max(f[-1][1] for f in self.files.values()) / 1e6,
            )
        )
        sys.stdout.flush()

    # ---- what must hold ----

    def end(self, say, seconds):
        for name in (ALONE, *KILLED):
            self.server.act(name, "stop")
        self.run_process.signal(weir.SIGTERM)
        ended = self.run_process.wait()
        self.assertEqual(ended.code, 0, str(ended))
        self.server.stop()
        for name, consumer in self.out.items():
            consumer.take()
            self.assertIsNone(consumer.wrong(), name)
            self.assertGreater(consumer.rows, RATE * seconds // 20, "%s hardly ran" % name)
            files, size = max(f[0] for f in self.files[name]), max(f[1] for f in self.files[name])
            self.assertLessEqual(files, FILES + self.starts[name], "files of " + name)
            self.assertLessEqual(size, BYTES, "bytes of " + name)
        for who, counts in self.open.items():
            first, last = thirds(counts)
            rest = statistics.mode(first)  # the least may be of a process that has just begun
            self.assertLessEqual(min(last), rest, "descriptors of %s: %s" % (who, counts))
        self.assertGreaterEqual(self.kills, seconds // 8, "too few kills to prove anything")
        for who, sizes in self.memory.items():
            first, last = map(statistics.median, thirds(sizes))
            say("%-7s resident |%s| %.1f -> %.1f MB" % (who, curve(sizes), first / 1e6, last / 1e6))
            self.assertLessEqual(max(sizes), LIMIT + REST, who)
            if seconds >= 3 * SETTLED:
                self.assertLessEqual(last, first * 1.1 + (4 << 20), "%s grows" % who)


def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("--minutes", type=float, default=10)
    p.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    given = p.parse_args()
    print("soak: %g minutes, seed %d" % (given.minutes, given.seed), flush=True)
    soak = Soak()
    soak.setUp()
    try:
        soak.soak(given.minutes * 60, random.Random(given.seed))
    except AssertionError as e:
        print("SOAK FAILED, seed %d, %d kills: %s" % (given.seed, soak.kills, e))
        return 1
    finally:
        soak.tearDown()
    rows = sum(c.rows for c in soak.out.values())
    print("SOAKED: %d kills, %d rows: output exact, memory flat, files few" % (soak.kills, rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
