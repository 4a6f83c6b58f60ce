"""sweep.py - what deleting a gigabyte does to checkpoints: a job with a checkpoint every 20 ms runs
over a directory in which an owner of before left a part of 1 GB that nobody names, which its
first sweep takes; and, in turn with that, over the same directory without it. Prints the p99 of
the checkpoints' time of each run, and of all runs together, and the ratio. --sweep makes the
deletion last as long as a run (else it takes a second, and touches that second's checkpoints).

    WEIR=build/weir python3 -B bench/sweep.py [--pairs 5] [--dir FOLDER] [--sweep 200MB]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

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
    """Milliseconds of the checkpoints that were taken between, as the history has them."""
    found = []
    with open(os.path.join(folder, "history.jsonl"), encoding="utf-8") as f:
        for line in f:
            r = json.loads(line)
            if "total_us" in r and first <= r["wall_us"] / 1e6 <= last:
                found.append(r["total_us"] / 1e3)
    return sorted(found)


def p(sorted_times, q):
    return sorted_times[min(len(sorted_times) - 1, int(len(sorted_times) * q))]


def say(taken):
    without, beside = taken["without"], taken["beside"]
    print("p99 of %d checkpoints without: %.2f ms, of %d beside: %.2f ms, ratio %.2f; "
          "p50 %.2f and %.2f"
          % (len(without), p(without, 0.99), len(beside), p(beside, 0.99),
             p(beside, 0.99) / p(without, 0.99), p(without, 0.5), p(beside, 0.5)))


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--pairs", type=int, default=5)
    args.add_argument("--gb", type=float, default=1)
    args.add_argument("--seconds", type=float, default=6)
    args.add_argument("--sweep")
    args.add_argument("--dir")
    a = args.parse_args()
    top = tempfile.mkdtemp(dir=a.dir)
    folder = os.path.join(top, "d")
    try:
        path = job(top, a.sweep)
        run(path, folder, 1)
        pooled = {"without": [], "beside": []}
        for n in range(a.pairs):
            taken = {}
            for kind in ("without", "beside") if n % 2 else ("beside", "without"):
                orphan = litter(folder, int(a.gb * (1 << 30))) if kind == "beside" else None
                began = time.time()
                gone = run(path, folder, a.seconds, orphan)
                if kind == "beside" and gone is None:
                    sys.exit("the gigabyte still stands: give it more --seconds")
                taken[kind] = times(folder, began, began + a.seconds)
                if gone:
                    print("deleted within %.2f s of the start" % (gone - began), end="; ")
            say(taken)
            for kind in pooled:
                pooled[kind] = sorted(pooled[kind] + taken[kind])
        print("all: ", end="")
        say(pooled)
    finally:
        shutil.rmtree(top, ignore_errors=True)


if __name__ == "__main__":
    main()
