"""wordcount.py - words a second of a word count in JSON, beside a hand-written loop in C.

The text: 22,000,000 words, 207 MB, Zipf 1.0 over 100,000 (bench/textgen.c, seed 7), as often in
a folder of links as makes the run last 15 s. The job: file_source, flat_map, keyed_sum with an
update a word, blackhole_sink with checksum; a checkpoint each second. The floor: one thread of C
without checkpoints, bench/floor/wordcount.c. Exits with 1 if the run proves nothing (too short,
fewer than 10 checkpoints, wrong counts). Figures are printed, never judged.

    python3 bench/wordcount.py [--parallelism N] [--seconds S] [--words N] [--json]
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(HERE), "build", "release")
WEIR = os.environ.get("WEIR", os.path.join(BUILD, "weir"))
FLOOR = os.path.join(BUILD, "bench", "floor_wordcount")
WORDS = 22000000  # of one text; --words for a quick look at whether the benchmark works
CHECKPOINTS = 10


def text(words):
    """The path of the text, which is made once."""
    path = os.path.join(os.path.dirname(BUILD), "bench-text-7-%d.txt" % words)
    if not os.path.exists(path):
        with open(path + ".tmp", "wb") as f:
            args = ["--seed", "7", "--words", str(words), "--per-line", "10"]
            args += ["--vocabulary", "100000", "--zipf", "1.0"]
            subprocess.run([os.path.join(BUILD, "bench", "textgen"), *args], stdout=f, check=True)
        os.rename(path + ".tmp", path)
    return path


def run_weir(folder, source, links, parallelism):
    """One run over `links` links to the text: what the report and the kernel say."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(os.path.join(folder, "in"))
    for i in range(links):
        os.symlink(source, os.path.join(folder, "in", "%04d.txt" % i))
    job = {
        "name": "bench-word-count",
        "parallelism": parallelism,
        "checkpoint": {"interval": "1s"},
        "pipeline": [
            {"id": "lines", "type": "file_source", "path": "in"},
            {"id": "words", "type": "flat_map", "expr": "split(lower(line))", "as": "word"},
            {"id": "count", "type": "keyed_sum", "key": "word", "value": "1", "as": "n"},
            {"id": "out", "type": "blackhole_sink", "checksum": True},
        ],
    }
    with open(os.path.join(folder, "job.json"), "w") as f:
        json.dump(job, f)
    report = os.path.join(folder, "report.json")
    args = [WEIR, "run", os.path.join(folder, "job.json"), "--report", report]
    began = time.monotonic()
    with open(os.path.join(folder, "log"), "wb") as log:
        p = subprocess.Popen([*args, "--dir", os.path.join(folder, "d")], stderr=log)
        _, status, usage = os.wait4(p.pid, 0)
    wall = time.monotonic() - began
    if status:
        with open(os.path.join(folder, "log")) as log:
            sys.exit("weir failed (%d):\n%s" % (status, log.read()[-4000:]))
    with open(report) as f:
        said = json.load(f)
    return {
        "words": said["sinks"][0]["records"],
        "distinct": sum(s["keys"] for s in said["states"] if s["id"] == "count"),
        "wall_s": wall,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_rss_bytes": usage.ru_maxrss * 1024,
        "checkpoints": said["checkpoints"]["completed"],
        "failed": said["checkpoints"]["failed"],
        "sync_us_max": max((c["sync_us_max"] for c in said["checkpoints"]["history"]), default=0),
        "busy": {o["id"]: o["busy_ms"] for o in said["operators"]},
    }


def run_floor(source, links):
    out = subprocess.run([FLOOR, *[source] * links], check=True, stdout=subprocess.PIPE).stdout
    return json.loads(out)


def show(name, r):
    print(
        "%-12s %7.1f M words/s   %5.1f s   CPU %5.1f s   %5.1f MB resident%s"
        % (
            name,
            r["words"] / r["wall_s"] / 1e6,
            r["wall_s"],
            r["cpu_s"],
            r["peak_rss_bytes"] / 1e6,
            "   %d checkpoints" % r["checkpoints"] if "checkpoints" in r else "",
        )
    )


def main():
    options = argparse.ArgumentParser(description="word count against a hand-written loop")
    options.add_argument("--parallelism", type=int, default=1)
    options.add_argument("--seconds", type=float, default=16, help="at least so long a run")
    options.add_argument("--words", type=int, default=WORDS, help="in one text")
    options.add_argument("--json", action="store_true")
    options = options.parse_args()

    source = text(options.words)
    folder = tempfile.mkdtemp(prefix="weir-bench-")
    try:
        pilot = run_weir(folder, source, 3, options.parallelism)
        links = max(3, int(3 * options.seconds / pilot["wall_s"] * 1.1) + 1)
        weir = run_weir(folder, source, links, options.parallelism)
        if weir["wall_s"] < options.seconds:  # the pilot was not yet at full speed
            links = int(links * options.seconds / weir["wall_s"] * 1.1) + 1
            weir = run_weir(folder, source, links, options.parallelism)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    floor = min((run_floor(source, 5) for _ in range(3)), key=lambda r: r["wall_s"])
    ratio = (weir["words"] / weir["wall_s"]) / (floor["words"] / floor["wall_s"])

    if options.json:
        print(json.dumps({"weir": weir, "floor": floor, "ratio": ratio}, indent=1))
    else:
        print(
            "%d x %.0f MB, %d words, parallelism %d"
            % (links, os.path.getsize(source) / 1e6, weir["words"], options.parallelism)
        )
        show("weir", weir)
        show("one thread C", floor)
        print("weir runs at %.0f %% of the hand-written loop" % (100 * ratio))
    wrong = []
    if weir["words"] != links * options.words or weir["distinct"] != floor["distinct"]:
        wrong.append("the counts are wrong")
    if weir["wall_s"] < min(15, options.seconds):
        wrong.append("the run was too short")
    if weir["checkpoints"] < min(CHECKPOINTS, options.seconds) or weir["failed"]:
        wrong.append("%d checkpoints, %d failed" % (weir["checkpoints"], weir["failed"]))
    if wrong:
        sys.exit("this run proves nothing: " + "; ".join(wrong))


if __name__ == "__main__":
    main()
