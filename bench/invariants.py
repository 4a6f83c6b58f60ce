"""invariants.py - what invariants do to the stops of a job: 10,000,000 integer keys, then 100,000
hot ones at full speed with a checkpoint each 100 ms, with two invariants of which one sums the
state, and, in turn with that, without. A run goes on from the same checkpoint as all others of its
kind; its stops are `sync_us_max` of its checkpoints but the first two (which see a cold table).

    WEIR=build/weir python3 -B bench/invariants.py [--pairs 7] [--keep FILE] [--dir FOLDER]

--keep adds this piece to the runs of earlier ones. --dir keeps the filled states for the next.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile

import pieces
import works

WEIR = os.environ.get("WEIR", "build/weir")
SAID = ["sum(sum.s) >= 0", "records_in(sum) = records_out(gen)"]
FIRST = 2  # checkpoints of a run that are not counted
LEAST = 10  # checkpoints that a run must have


def job(folder, kind, keys, hot):
    made = works.grown(keys, hot)
    made["checkpoint"] = {"interval": "100ms"}
    if kind == "with":
        made["checkpoint"]["invariants"] = SAID
    path = os.path.join(folder, "%s-%d.json" % (kind, hot))
    with open(path, "w", encoding="utf-8") as f:
        json.dump(made, f)
    return path


def run(folder, path, directory, enough):
    """Until enough(events) of its checkpoints: the report's, but those that end it."""
    report = os.path.join(folder, "report.json")
    args = [WEIR, "run", path, "--dir", directory, "--report", report, "--json"]
    process = subprocess.Popen(args, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    found = []
    for line in process.stderr:
        event = json.loads(line) if line.startswith(b"{") else {}
        if event.get("event") == "checkpoint" and event["state"] == "completed":
            found.append(event)
            if enough(found):
                break
    process.send_signal(signal.SIGTERM)
    process.communicate()
    if process.returncode:
        sys.exit("weir ended with %d" % process.returncode)
    with open(report, encoding="utf-8") as f:
        return [c for c in json.load(f)["checkpoints"]["history"] if c["kind"] == "periodic"]


def filled(folder, kind, keys, hot):
    directory = os.path.join(folder, "filled-" + kind)
    if not os.path.isdir(directory):
        made = directory + ".new"
        shutil.rmtree(made, ignore_errors=True)
        run(folder, job(folder, kind, keys, hot), made, lambda c: c[-1]["keys"] >= keys)
        os.rename(made, directory)
    return directory


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--pairs", type=int, default=7)
    args.add_argument("--keys", type=int, default=works.PRELOAD)
    args.add_argument("--hot", type=int, default=works.HOT)
    args.add_argument("--checkpoints", type=int, default=20)
    args.add_argument("--keep")
    args.add_argument("--dir")
    a = args.parse_args()
    top = tempfile.mkdtemp(dir=a.dir)
    keep = a.keep or os.path.join(top, "runs")
    try:
        origin = {k: filled(a.dir or top, k, a.keys, a.hot) for k in ("without", "with")}
        for n in range(a.pairs):
            for kind in ("without", "with") if n % 2 else ("with", "without"):
                directory = os.path.join(top, "d")
                shutil.copytree(origin[kind], directory,
                                ignore=shutil.ignore_patterns("*.sock"))
                os.sync()
                most = FIRST + a.checkpoints
                found = run(top, job(top, kind, a.keys, a.hot), directory,
                            lambda c: len(c) >= most)[FIRST:]
                shutil.rmtree(directory)
                if len(found) < LEAST:
                    sys.exit("only %d checkpoints" % len(found))
                pieces.keep(keep, kind=kind, stops=[c["sync_us_max"] for c in found])
        pieces.compare(pieces.by_kind(pieces.kept(keep), "stops"), "without", "with", "us")
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
