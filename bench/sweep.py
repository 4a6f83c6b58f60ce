"""sweep.py - what deleting a gigabyte does to checkpoints: a job with a checkpoint every 20 ms runs
over a directory in which an owner of before left a part of 1 GB that nobody names, which its
first sweep takes; and, in turn with that, over the same directory without it. Prints the p99 of
the checkpoints' time of each run, and of all runs together, and the ratio. --sweep makes the
deletion last as long as a run (else it takes a second, and touches that second's checkpoints).

    WEIR=build/weir python3 -B bench/sweep.py [--pairs 5] [--dir FOLDER] [--sweep 200MB] [--keep F]

--keep adds this piece to the runs of earlier ones.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import pieces

WEIR = os.environ.get("WEIR", "build/weir")


def job(folder, sweep):
    made = {
        "name": "sweep",
        "checkpoint": {"interval": "20ms"},
        "pipeline": [
            {"id": "in", "type": "generator_source", "rate": 100000,
             "fields": {"k": "i % 1000"}},
            {"id": "sum", "type": "keyed_sum", "key": "k", "value": "1", "as": "n"},
            {"id": "out", "type": "blackhole_sink"},
        ],
    }
    if sweep:
        made["limits"] = {"sweep": sweep}
    path = os.path.join(folder, "job.json")
    with open(path, "w", encoding="utf-8") as f:
        json.dump(made, f)
    return path


def run(path, folder, seconds, until=None):
    process = subprocess.Popen([WEIR, "run", path, "--dir", folder], stdout=subprocess.DEVNULL,
                               stderr=subprocess.DEVNULL)
    began = time.monotonic()
    gone = None
    while time.monotonic() - began < seconds and process.poll() is None:
        if until and gone is None and not os.path.exists(until):
            gone = time.time()
        time.sleep(0.005)
    process.terminate()
    process.wait()
    return gone


def litter(folder, size):
    """A part of the first epoch that no manifest names: as a crash leaves it."""
    name = os.listdir(os.path.join(folder, "parts"))[0].split("-")
    path = os.path.join(folder, "parts", "-".join([name[0], "1", "1", "%020d.part" % 99999]))
    block = os.urandom(1 << 20)
    with open(path, "wb") as f:
        for _ in range(size >> 20):
            f.write(block)
        os.fsync(f.fileno())
    return path


def times(folder, first, last):
    """Microseconds of the checkpoints that were taken between, as the history has them."""
    found = []
    with open(os.path.join(folder, "history.jsonl"), encoding="utf-8") as f:
        for line in f:
            r = json.loads(line)
            if "total_us" in r and first <= r["wall_us"] / 1e6 <= last:
                found.append(r["total_us"])
    return found


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--pairs", type=int, default=5)
    args.add_argument("--gb", type=float, default=1)
    args.add_argument("--seconds", type=float, default=6)
    args.add_argument("--sweep")
    args.add_argument("--dir")
    args.add_argument("--keep")
    a = args.parse_args()
    top = tempfile.mkdtemp(dir=a.dir)
    folder = os.path.join(top, "d")
    try:
        path = job(top, a.sweep)
        run(path, folder, 1)
        keep = a.keep or os.path.join(top, "runs")
        for n in range(a.pairs):
            for kind in ("without", "beside") if n % 2 else ("beside", "without"):
                orphan = litter(folder, int(a.gb * (1 << 30))) if kind == "beside" else None
                began = time.time()
                gone = run(path, folder, a.seconds, orphan)
                if kind == "beside" and gone is None:
                    sys.exit("the gigabyte still stands: give it more --seconds")
                pieces.keep(keep, kind=kind, times=times(folder, began, began + a.seconds))
                if gone:
                    print("deleted within %.2f s of the start" % (gone - began))
        pieces.compare(pieces.by_kind(pieces.kept(keep), "times"), "without", "beside", "us")
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
