"""lines.py - one line of the result: what was measured, how often, beside what, and the goal.

A line whose run proves nothing (too short, fewer than ten checkpoints, one failed) does not count
and says so; a wrong checksum ends the benchmark (runs.Failed).
"""

import statistics

CHECKPOINTS = 10  # a row with checkpoints counts from here on


class Line:
    def __init__(self, row, what, unit, goal=""):
        self.row, self.what, self.unit, self.goal = row, what, unit, goal
        self.values = []  # one a run
        self.cpu = []  # CPU seconds per million records
        self.rss = []  # bytes, the peak
        self.checkpoints = None  # the fewest of a run
        self.beside = {}  # whom -> ratio of medians
        self.met = None
        self.note = ""
        self.invalid = ""

    def clear(self):
        """As if nothing had been measured yet."""
        self.values.clear()
        self.cpu.clear()
        self.rss.clear()
        self.checkpoints, self.invalid = None, ""

    def add(self, value, records=None, cpu_s=None, rss=None):
        self.values.append(value)
        if cpu_s is not None and records:
            self.cpu.append(cpu_s / records * 1e6)
        if rss:
            self.rss.append(rss)

    def add_weir(self, r, seconds, needs_checkpoints=True):
        """A whole run at full speed: millions of records a second."""
        self.add(r["records"] / r["seconds"] / 1e6, r["records"], r["cpu_s"], r["peak_rss_bytes"])
        done, failed = r["checkpoints"]["completed"], r["checkpoints"]["failed"]
        self.checkpoints = min(done, self.checkpoints) if self.checkpoints is not None else done
        if r["seconds"] < seconds:
            self.invalid = "the run was too short (%.1f s)" % r["seconds"]
        if needs_checkpoints and done < min(CHECKPOINTS, seconds * 10 / 15):
            self.invalid = "only %d checkpoints" % done
        if failed:
            self.invalid = "%d checkpoints failed" % failed

    def add_floor(self, r):
        rate = r["records"] / r["seconds"] / 1e6
        self.add(rate, r["records"], r["cpu_s"], r["peak_rss_bytes"])

    def median(self):
        return statistics.median(self.values) if self.values else None

    def compare(self, other, name=None):
        """How this one stands to another line: the ratio of the medians."""
        if self.values and other.values and other.median():
            self.beside[name or other.what] = self.median() / other.median()
        return self.beside.get(name or other.what)

    def judge(self, met):
        self.met = None if met is None else bool(met)

    def json(self):
        return {
            "row": self.row,
            "what": self.what,
            "unit": self.unit,
            "median": self.median(),
            "min": min(self.values, default=None),
            "max": max(self.values, default=None),
            "values": self.values,
            "cpu_s_per_million": statistics.median(self.cpu) if self.cpu else None,
            "peak_rss_bytes": max(self.rss, default=None),
            "checkpoints": self.checkpoints,
            "beside": self.beside,
            "goal": self.goal,
            "met": self.met,
            "invalid": self.invalid,
            "note": self.note,
        }
