#!/usr/bin/env python3
"""planted.py [--part 1/2] [NAME ...] - mistakes put in on purpose, and who finds each.

The planted build (base/planted.h) makes the mistake that WEIR_PLANT names. For each, the
program of its row must fail; a mistake that nobody finds is a test that is missing.
WEIR_PROOF=all: every one, and every program once without any (the control); else a few by
WEIR_PROOF_SEED. WEIR is the planted build's binary: the programs lie beside it.

    planted.py --programs         what the table needs to be built
    planted.py --absent BINARY    a binary of any other build: none of it is in there
    planted.py --table            docs/TESTING.md's list, as Markdown; --check compares the two
"""

import os
import random
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, HERE)
from plants import FOLDERS, PLANTS, SLOW  # noqa: E402

SAMPLE = 5
SAMPLES = 4  # of a proof, until one finds the mistake
LIMIT = 240  # seconds of one program; the world counts steps, so that none should need it
PAGE = os.path.join(ROOT, "docs", "TESTING.md")
BEGIN, END = "<!-- planted: tests/proof/planted.py --table -->", "<!-- end of planted -->"


def in_sources():
    """Where each is planted."""
    places = {}
    for folder in FOLDERS:
        for name in sorted(os.listdir(os.path.join(ROOT, folder))):
            path = os.path.join(folder, name)
            if not name.endswith((".c", ".h")) or path == "base/planted.h":
                continue
            with open(os.path.join(ROOT, path), encoding="utf-8") as f:
                for plant in re.findall(r"\bPLANTED\((\w+)\)", f.read()):
                    places.setdefault(plant, set()).add(path)
    return places


def table_is_whole(places):
    known = [p.name for p in PLANTS]
    wrong = ["no row of tests/proof/plants.py: %s" % n for n in sorted(set(places) - set(known))]
    wrong += ["a row, and not in the sources: %s" % n for n in sorted(set(known) - set(places))]
    wrong += ["two rows: %s" % n for n in sorted({n for n in known if known.count(n) > 1})]
    return wrong


def programs():
    return sorted({p.program for p in PLANTS})


def targets():
    return sorted({program.split()[0] for program in programs()})


def command(program):
    program, *args = program.split()
    folder = {"sim": "sim", "proof": "proof"}.get(program.split("_")[0], "")
    build = os.path.dirname(os.environ["WEIR"])
    return [os.path.join(build, "tests", folder, program)] + args


class Run:
    """One program under one plant (None: under none), until it fails or ends."""

    def __init__(self, program, plant, sample=1):
        # The same samples each time: what finds a mistake once finds it always.
        env = dict(os.environ, CMOCKA_TEST_ABORT="1", WEIR_PROOF="sample",
                   WEIR_PROOF_SEED=str(sample))
        for name in ("WEIR_PLANT", "WEIR_SEED", "WEIR_SEEDS", "SIM_SEED"):
            env.pop(name, None)
        if plant:
            env["WEIR_PLANT"] = plant
        begun = time.monotonic()
        try:
            done = subprocess.run(
                command(program), cwd=ROOT, env=env, timeout=LIMIT, text=True,
                errors="replace", stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            )
            self.code, text = done.returncode, done.stdout
        except subprocess.TimeoutExpired as e:
            self.code, text = None, (e.stdout or b"").decode(errors="replace")
        self.program, self.seconds = program, time.monotonic() - begun
        self.lines = [line for line in text.splitlines() if line.strip()]
        begun_tests = re.findall(r"^\[ RUN      \] (\S+)", text, re.M)
        self.test = begun_tests[-1] if begun_tests else "?"
        seed = re.search(r"SIM_SEED=(\d+)", text) or re.search(r"seed (\d+)", text)
        self.seed = seed.group(1) if seed else None

    def failed(self):
        return self.code not in (0, None)

    def last(self):
        return self.lines[-1][:300] if self.lines else ""


def find(plant):
    # A sample has one case of some dozens; `make proof` has them all, and so several samples.
    for sample in range(1, 1 + (SAMPLES if plant.program.startswith("proof_") else 1)):
        run = Run(plant.program, plant.name, sample)
        found = run.failed() or (run.code is None and plant.hangs)
        if found:
            break
    seed = "seed %s, " % run.seed if run.seed else ""
    what = ("found by %s, %s, %sin %.1f s: %s"
            % (run.program, run.test, seed, run.seconds, run.last() or "it hangs") if found else
            "NOT FOUND by %s, which %s: the suite lacks a test, or the row is out of date"
            % (run.program, "hangs" if run.code is None else "passes"))
    print("planted %s: %s" % (plant.name, what), flush=True)
    return found


def control(names):
    """Without a plant they pass; else what they find would say nothing."""
    wrong = []
    for program in names:
        run = Run(program, None)
        if run.code != 0:
            wrong.append("%s fails without any plant: %s" % (program, run.last()))
        else:
            print("control %s: passes in %.1f s" % (program, run.seconds), flush=True)
    return wrong


def absent(binary):
    with open(binary, "rb") as f:
        data = f.read()
    names = ["planted_is", "WEIR_PLANT"] + [p.name for p in PLANTS]
    words = set(re.findall(rb"[A-Za-z_][A-Za-z0-9_]{5,}", data))
    there = [n for n in names if n.encode() in words]
    return names, there


def drawn(seed, everything):
    if everything:
        return list(PLANTS)
    return random.Random(seed).sample(PLANTS, SAMPLE)


def markdown(places):
    lines = ["| planted | is made in | found by |", "|---|---|---|"]
    for p in PLANTS:
        lines.append("| %s | `%s` | `%s` |" % (p.what, "`, `".join(sorted(places[p.name])),
                                               p.program))
    return "\n".join(lines)


def published():
    with open(PAGE, encoding="utf-8") as f:
        page = f.read()
    return page.split(BEGIN, 1)[1].split(END, 1)[0].strip() if BEGIN in page else ""


def prove(args):
    everything = os.environ.get("WEIR_PROOF") == "all"
    seed = int(os.environ.get("WEIR_SEED") or os.environ.get("WEIR_PROOF_SEED") or 1)
    part, parts = 1, 1
    if args[:1] == ["--part"]:
        part, parts = (int(n) for n in args[1].split("/"))
        args = args[2:]
    mine = [p for p in PLANTS if p.name in args] if args else drawn(seed, everything)
    mine = mine[part - 1::parts]
    wrong = []
    found = sum(find(p) for p in mine)
    if found < len(mine):
        wrong.append("%d of %d planted mistakes were not found" % (len(mine) - found, len(mine)))
    if everything:
        wrong += control(programs()[part - 1::parts])
    elif not args:
        quick = {p.program for p in mine if p.program.split()[0] not in SLOW}
        wrong += control(sorted(quick))
    if not args:
        print("proof: planted mistakes found%s: %d of %d (seed %d)"
              % (", part %d" % part if parts > 1 else "", found, len(PLANTS[part - 1::parts]),
                 seed))
    return wrong


def main(args):
    places = in_sources()
    wrong = table_is_whole(places)
    if args[:1] == ["--programs"]:
        print("\n".join(targets()))
        return
    if not wrong and args[:1] == ["--absent"]:
        names, there = absent(args[1])
        print("%s: %d of %d names of mistakes in it" % (args[1], len(there), len(names)))
        wrong = ["'%s' stands in %s" % (n, args[1]) for n in there]
    elif not wrong and args[:1] == ["--table"]:
        print(markdown(places))
    elif not wrong and args[:1] == ["--check"]:
        if published() != markdown(places):
            wrong = ["docs/TESTING.md has another list of planted mistakes: put in what "
                     "'tests/proof/planted.py --table' prints"]
    elif not wrong:
        wrong = prove(args)
    for line in wrong:
        print(line, file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main(sys.argv[1:])
