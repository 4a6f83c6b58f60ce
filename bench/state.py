"""state.py - 2,000,000 integer keys: restore, longest stop, checkpoint bytes; and an empty start.

The job: generator_source, keyed_sum, blackhole_sink, parallelism 1. Times are the process's own
(`--report`) and, for starts, also taken from outside. Medians of five. Figures are printed, never
judged.

    python3 bench/state.py [--json]
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
WEIR = os.environ.get("WEIR", os.path.join(os.path.dirname(HERE), "build", "release", "weir"))
KEYS = 2000000
RUNS = 5


class Bench:
    def __init__(self, folder):
        self.folder = folder
        self.report = os.path.join(folder, "report.json")

    def start(self, name, job, interval, directory):
        """Starts the stages of `job`; the process."""
        path = os.path.join(self.folder, name + ".json")
        with open(path, "w") as f:
            json.dump({"name": name, "checkpoint": {"interval": interval}, "pipeline": job}, f)
        args = [WEIR, "run", path, "--dir", os.path.join(self.folder, directory)]
        self.log = open(os.path.join(self.folder, "log"), "wb")
        return subprocess.Popen([*args, "--report", self.report], stderr=self.log)

    def end(self, process):
        """Waits for the process; its report."""
        code = process.wait()
        self.log.close()
        if code:
            with open(os.path.join(self.folder, "log")) as f:
                sys.exit("weir failed (%d):\n%s" % (code, f.read()[-4000:]))
        with open(self.report) as f:
            return json.load(f)

    def run_for(self, seconds, *args):
        process = self.start(*args)
        time.sleep(seconds)
        process.send_signal(signal.SIGTERM)
        return self.end(process)


def stages(key, **source):
    return [
        {"id": "rows", "type": "generator_source", "fields": {"k": key}, **source},
        {"id": "sum", "type": "keyed_sum", "key": "k"},
        {"id": "out", "type": "blackhole_sink"},
    ]


def measure(bench):
    found = {}
    every = stages("i %% %d" % KEYS)
    history = bench.run_for(6, "all-dirty", every, "1s", "d")["checkpoints"]["history"]
    full = [c for c in history if c["keys_changed"] >= KEYS * 0.99]
    if not full:
        sys.exit("no checkpoint had all keys dirty: too slow a machine for this interval")
    found["all keys dirty: longest stop, us"] = max(c["sync_us_max"] for c in full)
    found["all keys dirty: checkpoint bytes"] = full[0]["bytes_written"]
    found["all keys dirty: trigger to durable, ms"] = statistics.median(
        c["total_ms"] for c in full
    )

    restores = []
    for _ in range(RUNS):
        said = bench.run_for(1, "all-dirty", every, "1h", "d")
        if not said["restored_from"]:
            sys.exit("it did not restore")
        restores.append(said["recovery_ms"])
    found["restore of 2,000,000 keys, ms"] = statistics.median(restores)

    hot = stages("splitmix64(i, %d) * 100" % (KEYS // 100), rate=2000000)
    history = bench.run_for(3, "all-dirty", hot, "200ms", "d")["checkpoints"]["history"]
    hot = [c for c in history if c["kind"] == "periodic" and c["keys_changed"] <= KEYS // 100]
    if hot:
        found["1 % changed: checkpoint bytes"] = statistics.median(c["bytes_written"] for c in hot)
        found["1 % changed: longest stop, us"] = max(c["sync_us_max"] for c in hot)

    starts, walls = [], []
    for i in range(RUNS):
        began = time.monotonic()
        process = bench.start("empty", stages("i", rows=1), "1s", "e%d" % i)
        starts.append(bench.end(process)["recovery_ms"])
        walls.append((time.monotonic() - began) * 1000)
    found["empty state: process start to first record, ms"] = statistics.median(starts)
    found["empty state: a job of one record, from outside, ms"] = statistics.median(walls)
    return found


def main():
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    try:
        found = measure(Bench(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if "--json" in sys.argv[1:]:
        print(json.dumps(found, indent=1))
        return
    for what, figure in found.items():
        print("%-52s %14s" % (what, "{:,.1f}".format(figure).removesuffix(".0")))


if __name__ == "__main__":
    main()
