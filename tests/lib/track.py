"""track.py - one word count under a server, from its submission to its end: its input, what it has
committed so far, and what that must be.

Why not weir.Watch and oracle.broken_chain: these read all of it each time, hundreds of times.
"""

import collections
import csv
import os

import oracle
import weir


class Output:
    """What a job has committed: each file read once, since none may change or vanish."""

    def __init__(self, folder):
        self.folder, self.seen = folder, {}
        self.values = collections.defaultdict(set)
        self.top = collections.Counter()

    def names(self):
        """Twice the same: so what stands there is whole up to some checkpoint."""
        before, now = None, weir.committed(self.folder)
        while now != before:
            before, now = now, weir.committed(self.folder)
        return now

    def look(self):
        now = {}
        for path in self.names():
            st = os.stat(path)
            now[path] = (st.st_ino, st.st_size, st.st_mtime_ns)
            if path not in self.seen:
                self.read(path)
        for path, was in self.seen.items():
            if now.get(path) != was:
                raise AssertionError("%s was %s and is %s" % (path, was, now.get(path)))
        self.seen = now
        for key, top in self.top.items():
            if len(self.values[key]) != top:
                raise AssertionError(
                    "%s: %d updates, the last is %d" % (key, len(self.values[key]), top)
                )

    def read(self, path):
        with open(path, newline="") as f:
            rows = csv.reader(f)
            next(rows)
            for key, n in rows:
                n, values = int(n), self.values[key]
                if n in values:
                    raise AssertionError("%s: %d twice, again in %s" % (key, n, path))
                values.add(n)
                self.top[key] = max(self.top[key], n)


class Track:
    """One job from its submission to its end, and what is to be true of it."""

    def __init__(self, server, rng, name, folder):
        self.server, self.name, self.folder = server, name, folder
        self.want = "RUNNING"
        self.parallelism = None  # as rescale said
        rate, per_line = rng.choice((300, 800)), rng.choice((3, 8))
        files = rng.choice((1, 3))
        words = int(rng.uniform(1, 5) * rate * per_line / files) * (2 if weir.SANITIZED else 1)
        self.paths = [os.path.join(folder, "in", "%d.txt" % i) for i in range(files)]
        os.makedirs(os.path.join(folder, "in"))
        for path in self.paths:
            weir.text(rng, path, words, per_line)
        self.job = weir.word_count_job(
            "in",
            "out",
            rate=rate,
            interval="%dms" % rng.randint(20, 40),
            parallelism=rng.randint(1, 3),
            restart=rng.choice(
                (
                    {"strategy": "fixed_delay", "initial": "5ms"},
                    {"strategy": "exponential", "initial": "5ms", "max": "20ms"},
                )
            ),
        )
        self.job["name"] = name
        self.file = os.path.join(folder, "job.json")
        self.output = Output(os.path.join(folder, "out"))

    def __str__(self):
        return "%s in %s" % (self.name, os.path.basename(self.folder))

    def newest(self):
        return self.server.newest(self.name)

    def last(self):
        """The newest checkpoint's manifest, {} before the first."""
        return (weir.manifests(self.server.folder(self.name)) or [{}])[-1]

    def counts(self):
        """Whether it has a checkpoint, and input left."""
        last = self.last()
        return bool(last) and not last.get("final")

    def is_over(self):
        return bool(self.last().get("final"))

    def log(self):
        """What its processes wrote, or nothing."""
        try:
            with open(os.path.join(self.server.data, "logs", self.name + ".log")) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def submit(self, **query):
        return self.server.submit(self.job, file=self.file, **query)

    def verify(self):
        """At its end: all of the oracle's updates, and no other; read once more, all of it."""
        self.output.look()
        rows = weir.read_csv(self.output.folder, ["word", "n"])
        wrong = oracle.wrong_updates(rows, oracle.word_count(*self.paths))
        if wrong:
            raise AssertionError("%s: %s" % (self, wrong))
