"""rows_speed.py - the rows that are throughput: W1, W1s, W2, W2k, W8, W9.

Each is a work of any size, the ways in which weir runs it, and the forms of the floor. First every
way and every form does the same small size, and all checksums must be equal. Then the size grows
until the fastest way of weir works for the time asked for, and weir and the floor run in turn:
A B A B. The floor's runs stay small (it has nothing that a longer run would show).
"""

import filecmp
import glob
import json
import os
import subprocess

import runs
import works
from lines import Line

FORMS = ("three", "two", "one", "alternate2")  # of the floor; the first is the goals' measure
ONE_SOURCE = ("three", "two", "one")  # the others take the records of one key by two paths
AUTO = {"chaining": "auto", "parallelism": "auto"}
REST = "the floor's best"


class Work:
    """What a row measures, at `size` units of `each` records."""

    def __init__(self, row, what, unit, make, floor, check, each=1, forms=FORMS):
        self.row, self.what, self.unit = row, what, unit
        self.make, self.floor = make, floor  # (size, top) -> job; (size, form) -> arguments
        self.check, self.each, self.forms = check, each, forms
        # A running count of each word is the same whatever came first; a sum of values is not.
        self.counts = each == works.WORDS


class Race:
    """One work: its ways of weir and the floor's forms, side by side."""

    def __init__(self, suite, work, ways):
        self.suite, self.work = suite, work
        self.ways = {}  # name -> what stands at the job's top level
        self.lines = {}
        self.floors = {}
        self.check_sums = {}
        self.state_sums = {}
        for name, top in ways.items():
            refusal = runs.accepts(suite.place, work.make(1, top))
            if refusal:
                suite.skip(work.row, name, refusal)
                continue
            self.ways[name] = top
            self.lines[name] = Line(work.row, "%sweir, %s" % (work.what, name), work.unit)

    def weir(self, size, name):
        job = self.work.make(size, self.ways[name])
        r = runs.weir(self.suite.place, job)
        want = size * self.work.each
        read = max(o["records_out"] for o in r["operators"])
        if self.work.each and read < want and r["records"] < want:
            raise runs.Failed("%s: %d of %d records" % (self.work.row, read, want))
        return r

    def check_one(self, whose, checksum):
        known = set(self.check_sums.values())
        self.check_sums[whose] = checksum
        if known and checksum not in known:
            raise runs.Failed(
                "%s: wrong checksum: %s"
                % (self.work.row, ", ".join("%s %s" % x for x in self.check_sums.items()))
            )

    def small(self):
        """All at one small size: their checksums, and how fast weir is about."""
        size = max(1, int(self.work.check * self.suite.scale))
        speed = {}
        for name in list(self.ways):
            r = self.weir(size, name)
            if self.work.counts or self.ways[name].get("parallelism", 1) == 1:
                self.check_one("weir, " + name, r["checksum"])
            self.state_sums[name] = [s["checksum"] for s in r["states"]]
            speed[name] = size / r["seconds"]
            self.suite.say("%s  weir, %s: %s small" % (self.work.row, name, rate(r)))
        if len({str(s) for s in self.state_sums.values()}) > 1:
            raise runs.Failed("%s: the keyed states differ: %s" % (self.work.row, self.state_sums))
        for form in self.work.forms:
            line = Line(self.work.row, "%sfloor, %s" % (self.work.what, form), self.work.unit)
            if self.floor(size, form, line):
                self.floors[form] = line
        self.check_size = size
        return speed

    def floor(self, size, form, line):
        try:
            r = runs.floor(*self.work.floor(size, form))
        except (runs.Failed, OSError) as e:
            self.suite.skip(self.work.row, "floor, " + form, str(e))
            return False
        if self.work.counts or form in ONE_SOURCE:
            self.check_one("floor, " + form, r["checksum"])
        line.add_floor(r)
        self.suite.say("%s  floor, %s: %s" % (self.work.row, form, rate(r)))
        return True

    def run(self):
        speed = self.small()
        if not speed:
            return self
        size = max(1, int(max(speed.values()) * self.suite.seconds * 1.15) + 1)
        while took := self.turns(size):  # the small run was not yet at full speed
            size = int(size * 1.15 * self.suite.seconds / took) + 1
        for line in self.lines.values():
            for form, other in self.floors.items():
                line.compare(other, "floor, " + form)
        return self

    def turns(self, size):
        """All ways and forms, in turn. How long a run took that was too short, or None."""
        sums = set()
        for line in (*self.lines.values(), *self.floors.values()):
            line.clear()
        for turn in range(self.suite.rounds):
            for name, line in self.lines.items():
                r = self.weir(size, name)
                if r["seconds"] < self.suite.seconds:
                    return r["seconds"]
                if self.work.counts or self.ways[name].get("parallelism", 1) == 1:
                    sums.add(r["checksum"])
                if len(sums) > 1:
                    raise runs.Failed("%s: wrong checksum, full size: %s" % (self.work.row, sums))
                line.add_weir(r, self.suite.seconds)
                self.suite.say(
                    "%s  weir, %s: %s  (%d of %d)"
                    % (self.work.row, name, rate(r), turn + 1, self.suite.rounds)
                )
            for form, line in self.floors.items():
                self.floor(self.check_size, form, line)
        return None

    def best(self):
        """Of the floor's forms."""
        return max(self.floors.values(), key=lambda line: line.median() or 0, default=None)

    def goal(self, name, text, least, form=None):
        """Judges a way of weir against a form of the floor, or against its best."""
        line, other = self.lines.get(name), self.floors.get(form) if form else self.best()
        if not line:
            return
        line.goal = text
        if not other:
            return
        ratio = line.compare(other, REST if form is None else "floor, " + form)
        line.judge(ratio is not None and ratio >= least)

    def done(self):
        return [*self.lines.values(), *self.floors.values()]


def rate(r):
    return "%.1f M/s, %.1f CPU ns each" % (
        r["records"] / r["seconds"] / 1e6,
        r["cpu_s"] / r["records"] * 1e9,
    )


def words_work(suite, row="W1", forms=FORMS):
    text = runs.text(suite.words)

    def make(size, top):
        return works.w1(suite.place.links(text, size), **top)

    def floor(size, form):
        return ["w1", "--form", form, *[text] * size]

    return Work(row, "", "M words/s", make, floor, 8, works.WORDS, forms)


def sums_work(suite, row="W2", keys=works.KEYS, check=200000000, forms=FORMS):
    def make(size, top):
        return works.w2(size, keys, **top)

    def floor(size, form):
        return ["w2", "--form", form, "--rows", size, "--keys", keys]

    return Work(row, "", "M records/s", make, floor, check, 1, forms)


STAGES = "one thread a stage"


def w1(suite):
    race = Race(suite, words_work(suite), {STAGES: {}, "auto": AUTO}).run()
    race.goal(STAGES, ">= 1.0x three", 1.0, "three")
    race.goal("auto", ">= 0.8x the best", 0.8)
    return race.done()


def w2(suite):
    race = Race(suite, sums_work(suite), {STAGES: {}, "auto": AUTO}).run()
    race.goal(STAGES, ">= 1.0x three", 1.0, "three")
    race.goal("auto", ">= 0.8x the best", 0.8)
    return race.done()


def w2k(suite):
    found = []
    many = sums_work(suite, "W2k", 10 * works.KEYS, 60000000, ("three", "one"))
    many.what = "10 M keys: "

    def make(size, top):
        return works.w2_strings(size, **top)

    def floor(size, form):
        return ["w2", "--strings", "--form", form, "--rows", size, "--keys", works.KEYS]

    strings = Work("W2k", "strings: ", "M records/s", make, floor, 60000000, 1, ("three", "one"))
    for work in (many, strings):
        race = Race(suite, work, {STAGES: {}, "auto": AUTO}).run()
        race.goal(STAGES, ">= 0.8x three", 0.8, "three")
        race.goal("auto", ">= 0.8x the best", 0.8)
        found += race.done()
    return found


def w8(suite):
    def make(size, top):
        return works.w8(size, **top)

    def floor(size, form):
        return ["w8", "--rows", size]

    work = Work("W8", "", "M rows/s", make, floor, 100000000, 0, ("one",))
    race = Race(suite, work, {STAGES: {}, "auto": AUTO})
    per_row(race)
    race.run()
    race.goal("auto", ">= 0.7x the loop", 0.7, "one")
    race.goal(STAGES, "", 0.7, "one")
    return race.done()


def per_row(race):
    """A filter drops rows: what is counted is rows that came in, on both sides."""
    weir = race.weir

    def counted(size, name):
        r = weir(size, name)
        r["records"] = size
        return r

    race.weir = counted


def threads(suite, job):
    """What `weir explain` says of a job's threads: who shares one."""
    path = suite.place.fresh("explain.json")
    with open(path, "w") as f:
        json.dump(job, f)
    r = subprocess.run([runs.WEIR, "explain", path], capture_output=True, text=True)
    found = [line.split(None, 1)[1] for line in r.stdout.split("\n") if line.startswith("threads")]
    if r.returncode or not found:
        raise runs.Failed("weir explain does not tell the threads:\n%s" % r.stderr)
    return found[0]


NEAR = 0.95  # of the best form: two runs of one form differ by as much
SPLIT = {  # the forms a job can be run in on two processors
    "parallelism 1": {},
    "parallelism 1, chaining auto": {"chaining": "auto"},
    "parallelism 2": {"parallelism": 2},
    "parallelism 2, chaining auto": {"parallelism": 2, "chaining": "auto"},
}


def w9(suite):
    """All forms in turn; the keyed states' checksums are compared. An exchange is to be worth it,
    and what auto chooses (it is one of the forms: the same threads) is to be the best of them."""
    found = []
    for work in (words_work(suite, "W9", ()), sums_work(suite, "W9", forms=())):
        work.what = "W1: " if work.counts else "W2: "
        work.check = max(1, work.check // 2)  # no floor is measured at this size
        race = Race(suite, work, SPLIT).run()
        one = race.lines.get("parallelism 1")
        for name, line in race.lines.items():
            if one and line is not one:
                ratio = line.compare(one, "parallelism 1")
                if name.startswith("parallelism 2"):
                    line.goal = ">= parallelism 1"
                    line.judge(ratio is not None and ratio >= 1.0)
        found += [*race.done(), *choice(suite, race)]
    return found


def choice(suite, race):
    """Which form auto chose, and whether it is the best."""
    forms = {n: line for n, line in race.lines.items() if line.values}
    if not forms:
        return []
    line = Line("W9", race.work.what + "what auto chooses", race.work.unit, ">= 0.95x the best")
    chosen = threads(suite, race.work.make(1, AUTO))
    same = [n for n in forms if threads(suite, race.work.make(1, race.ways[n])) == chosen]
    line.note = "auto chose %s: threads %s" % (same[0] if same else "none of the forms", chosen)
    if same:
        line.values = list(forms[same[0]].values)
    best = max(forms.values(), key=lambda other: other.median())
    ratio = line.compare(best, "the best (%s)" % best.what.split(", ", 1)[1])
    line.judge(ratio is not None and ratio >= NEAR)
    return [line]


def w1s(suite):
    """Text in lower case to CSV files; the bytes are compared at a small size."""
    text = runs.text(suite.words)
    small = runs.text(1000000)
    place = suite.place
    out = place.path("w1s-out")

    def make(size, top):
        place.drop(out)
        return works.w1s(place.links(text, size), out, **top)

    same_bytes(place, small, out)
    line = Line("W1s", "weir, " + STAGES, "M words/s", ">= 0.5x three")
    floor_line = Line("W1s", "floor, three", "M words/s")
    r = runs.weir(place, make(2, {}))
    size = int(2 / r["seconds"] * suite.seconds * 1.2) + 1
    for turn in range(suite.rounds):
        line_r = runs.weir(place, make(size, {}))
        if line_r["records"] != size * suite.words:
            raise runs.Failed("W1s: %d of %d words" % (line_r["records"], size * suite.words))
        line.add_weir(line_r, suite.seconds)
        suite.say("W1s  weir: %s  (%d of %d)" % (rate(line_r), turn + 1, suite.rounds))
        place.drop(out)
        csv = place.path("floor.csv")
        texts = [text] * max(2, size // 3)
        r = runs.floor("w1", "--form", "three", "--lower", "--csv", csv, *texts)
        os.unlink(csv)
        floor_line.add_floor(r)
        suite.say("W1s  floor, three: %s" % rate(r))
    ratio = line.compare(floor_line)
    line.judge(ratio and ratio >= 0.5)
    return [line, floor_line]


def same_bytes(place, text, out):
    """weir's files, without their header lines but the first, are the floor's file."""
    runs.weir(place, works.w1s(place.links(text, 2), out))
    csv, joined = place.path("floor.csv"), place.path("joined.csv")
    runs.floor("w1", "--form", "three", "--lower", "--csv", csv, text, text)
    with open(joined, "wb") as to:
        for i, path in enumerate(sorted(glob.glob(os.path.join(out, "part-*.csv")))):
            with open(path, "rb") as f:
                header = f.readline()
                if i == 0:
                    to.write(header)
                while piece := f.read(1 << 22):
                    to.write(piece)
    if not filecmp.cmp(csv, joined, shallow=False):
        raise runs.Failed("W1s: weir and the floor wrote different bytes")
    os.unlink(csv)
    os.unlink(joined)
    place.drop(out)
