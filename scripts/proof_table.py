#!/usr/bin/env python3
"""proof_table.py [--publish | --check | --parts] - what was enumerated, as the last run printed it.

Reads build/Testing/Temporary/LastTest.log, where ctest keeps what each test wrote, for its lines
"proof: WHAT, PART: DONE of ALL (seed S)", and prints a table with the parts of each kind added up
(--parts: each alone). --publish writes it into docs/TESTING.md: that of `make test` or that of
`make proof`, whichever ran last. --check: whether a `make proof` has done what it must at least."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUILD = os.path.join(ROOT, "build")
LOG = os.path.join(BUILD, "Testing", "Temporary", "LastTest.log")
WHICH = os.path.join(BUILD, "proof")  # scripts/test.sh: "sample" or "all"
PAGE = os.path.join(ROOT, "docs", "TESTING.md")
BEGIN = "<!-- proof, %s: scripts/proof_table.py --publish -->"
END = "<!-- end of proof, %s -->"
TEST = re.compile(r"\d+/\d+ Testing: (?P<test>\S+)")
LINE = re.compile(r"proof: (?P<what>.+): (?P<done>\d+) of (?P<all>\d+) \(seed (?P<seed>\d+)\)$")

# What a whole proof does at least, without and with the sanitizers. Each part asserts its own,
# too.
LEAST = (
    ("a crash", 15000, False),
    ("a second crash", 37000, False),
    ("states of the disk after a power cut", 1000000, False),
    ("I/O faults", 20000, True),
    ("failed allocations", 10000, True),
    ("errnos of the kernel", 5000, True),
    ("flipped bits", 10000000, False),
    ("schedules", 10000, False),
)


class Kind:
    """Parts of one kind, in the builds without and with the sanitizers."""

    def __init__(self):
        self.parts = set()
        self.done = {False: 0, True: 0}
        self.all = {False: 0, True: 0}

    def add(self, test, what, done, of):
        sanitized = test.startswith("asan/")
        self.parts.add(what)
        self.done[sanitized] += done
        self.all[sanitized] += of

    def cells(self):
        of = max(self.all.values())
        done = [self.done[s] if self.all[s] else None for s in (False, True)]
        return [len(self.parts), *done, of]


def rows():
    test = None
    with open(LOG, encoding="utf-8", errors="replace") as log:
        for line in log:
            found = TEST.match(line)
            test = found["test"] if found else test
            found = LINE.match(line.rstrip("\n"))
            if found:
                yield test, found["what"], int(found["done"]), int(found["all"]), found["seed"]


def kinds():
    found = {}
    for test, what, done, of, _ in rows():
        found.setdefault(what.split(", ")[0], Kind()).add(test, what, done, of)
    return found


def number(n):
    return "" if n is None else f"{n:,}"


def table():
    lines = ["| what | parts | done | under ASan | of |", "|---|---|---|---|---|"]
    for what, kind in sorted(kinds().items()):
        lines.append("| %s | %s |" % (what, " | ".join(map(number, kind.cells()))))
    return lines


def parts():
    lines = ["| what | done | of | seed | by |", "|---|---|---|---|---|"]
    for test, what, done, of, seed in sorted(rows(), key=lambda r: (r[1], r[0])):
        lines.append("| %s | %s | %s | %s | `%s` |" % (what, number(done), number(of), seed, test))
    return lines


def check():
    found = kinds()
    few = []
    for what, least, sanitized in LEAST:
        done = found.get(what, Kind()).done[sanitized]
        line = "%s%s: %s (at least %s)" % (
            what, " under ASan" if sanitized else "", number(done), number(least))
        print(line)
        if done < least:
            few.append(line)
    if few:
        sys.exit("proof_table: too few:\n  " + "\n  ".join(few))


def publish(lines):
    with open(WHICH, encoding="utf-8") as f:
        which = f.read().strip()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT,
                            capture_output=True, text=True).stdout.strip()
    seeds = ", ".join(sorted({seed for *_, seed in rows()}))
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    before, rest = page.split(BEGIN % which, 1)
    after = rest.split(END % which, 1)[1]
    results = "\nCommit %s, seed %s.\n\n%s\n" % (commit, seeds, "\n".join(lines))
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(before + BEGIN % which + results + END % which + after)


def main(args):
    lines = parts() if "--parts" in args else table()
    if len(lines) == 2:
        sys.exit("proof_table: no line of a proof in %s; run `make test` or `make proof`" % LOG)
    if "--check" in args:
        check()
    elif "--publish" in args:
        publish(lines)
    else:
        print("\n".join(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
