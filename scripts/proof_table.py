#!/usr/bin/env python3
"""proof_table.py [--publish] - the table of what was enumerated, from what the last run printed.

Reads build/Testing/Temporary/LastTest.log, where ctest keeps what each test wrote, for its lines
"proof: WHAT: DONE of ALL (seed S)". --publish writes the table into docs/TESTING.md."""

import os
import re
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LOG = os.path.join(ROOT, "build", "Testing", "Temporary", "LastTest.log")
PAGE = os.path.join(ROOT, "docs", "TESTING.md")
BEGIN, END = "<!-- proof: scripts/proof_table.py --publish -->", "<!-- end of proof -->"
TEST = re.compile(r"\d+/\d+ Testing: (?P<test>\S+)")
LINE = re.compile(r"proof: (?P<what>.+): (?P<done>\d+) of (?P<all>\d+) \(seed (?P<seed>\d+)\)$")


def rows():
    test = None
    with open(LOG, encoding="utf-8", errors="replace") as log:
        for line in log:
            found = TEST.match(line)
            test = found["test"] if found else test
            found = LINE.match(line.rstrip("\n"))
            if found:
                yield test, found["what"], int(found["done"]), int(found["all"]), found["seed"]


def table():
    lines = ["| what | done | of | seed | by |", "|---|---|---|---|---|"]
    for test, what, done, of, seed in sorted(rows(), key=lambda r: (r[1], r[0])):
        lines.append("| %s | %s | %s | %s | `%s` |" % (what, f"{done:,}", f"{of:,}", seed, test))
    return lines


def main():
    lines = table()
    if len(lines) == 2:
        sys.exit("proof_table: no line of a proof in %s; run `make test` or `make proof`" % LOG)
    if "--publish" not in sys.argv[1:]:
        print("\n".join(lines))
        return
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    ).stdout.strip()
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    results = "\nCommit %s.\n\n" % commit + "\n".join(lines) + "\n"
    with open(PAGE, "w", encoding="utf-8") as f:
        f.write(before + BEGIN + results + END + after)


if __name__ == "__main__":
    main()
