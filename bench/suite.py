"""suite.py - weir, hand-written C and the peers side by side in one run: the rows W1 to W11.

    python3 bench/suite.py [ROW...] [--seconds S] [--rounds N] [--peers [NAME...]] [--publish]

Rows: w1 w1s w2 w2k w3 w4 w5 w6 w7 w8 w9 w10 w11 (all), and by name only: state server
asked page profile.
Writes build/bench/results.json and results.md; --publish puts the table and the picture into docs/.
Exits with 1 if a checksum is wrong or a run failed; never for a figure. What a run needs and this
machine has not is skipped by name. For a quick look: --seconds 2 --rounds 1.
"""

import argparse
import json
import os
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import rows_latency
import rows_restore
import rows_speed
import rows_state
import runs
import show
import works

ROWS = {
    "w1": rows_speed.w1,
    "w1s": rows_speed.w1s,
    "w2": rows_speed.w2,
    "w2k": rows_speed.w2k,
    "w3": rows_state.w3,
    "w4": rows_state.w4,
    "w5": rows_state.w5,
    "w6": rows_latency.w6,
    "w7": rows_state.w7,
    "w8": rows_speed.w8,
    "w9": rows_speed.w9,
    "w10": rows_state.w10,
    "w11": rows_restore.w11,
}
TWICE = ("w1", "w2")  # unless --rounds says otherwise; W5 and W6 run one round more than asked
ROUNDS = "W1, W2, W5, W6 twice, others once"
PARTS = {  # for themselves
    "state": "state.py",
    "server": "serve.py",
    "asked": "asked.py",
    "page": "page.py",
    "profile": "nanoseconds.py",
}
PEER_ROWS = ("w1", "w2", "w3", "w5", "w6")


class Suite:
    def __init__(self, options):
        self.seconds, self.words = options.seconds, options.words
        self.asked, self.rounds = options.rounds, 1
        self.scale = min(1.0, options.seconds / 15)  # of the small sizes
        self.place = runs.Place()
        self.began = time.monotonic()
        self.lines, self.skipped, self.failed = [], [], []
        self.row_s = {}  # how long each row took

    def say(self, text):
        print("%5.0f s  %s" % (time.monotonic() - self.began, text), file=sys.stderr, flush=True)

    def skip(self, row, who, why):
        why = " ".join(why.split())[:300]
        self.say("%s  %s is skipped: %s" % (row, who, why))
        self.skipped.append({"row": row, "who": who, "why": why})

    def run(self, name):
        self.rounds = self.asked or (2 if name in TWICE else 1)
        began = time.monotonic()
        try:
            self.lines += ROWS[name](self)
        except (runs.Failed, OSError, subprocess.SubprocessError) as e:
            self.say("%s  FAILED: %s" % (name.upper(), e))
            self.failed.append({"row": name.upper(), "why": str(e)})
        self.row_s[name] = round(time.monotonic() - began, 1)
        self.say("%s  took %.0f s" % (name.upper(), self.row_s[name]))

    def results(self):
        return {
            "machine": show.machine(),
            "seconds": self.seconds,
            "rounds": ROUNDS if not self.asked else "%d rounds" % self.asked,
            "took_s": time.monotonic() - self.began,
            "row_s": self.row_s,
            "lines": [line.json() for line in self.lines],
            "skipped": self.skipped,
            "failed": self.failed,
            "peers": [],
        }


def run_peers(suite, names, rows):
    """What bench/peers/run.py found, as it says it."""
    to = suite.place.path("peers.json")
    args = [sys.executable, os.path.join(HERE, "peers", "run.py"), *names]
    args += [r for r in rows if r in PEER_ROWS]
    args += ["--seconds", str(min(10, suite.seconds)), "--text", runs.text(suite.words)]
    suite.say("peers: %s" % " ".join(args[1:]))
    if subprocess.run([*args, "--json", to], stdout=subprocess.DEVNULL).returncode:
        suite.failed.append({"row": "peers", "why": "one failed, or answered wrongly"})
    if not os.path.exists(to):
        return []
    with open(to) as f:
        return json.load(f)


def keep(results, chosen):
    """What an earlier run found stands beside what this one did; of peers, work by work."""
    path = os.path.join(runs.ROOT, "build", "bench", "results.json")
    if not os.path.exists(path):
        return results
    with open(path) as f:
        before = json.load(f)
    mine = {c.upper() for c in chosen} | {line["row"] for line in results["lines"]}
    if results["peers"]:
        mine.add("peers")
    for part in ("lines", "skipped", "failed"):
        results[part] = [x for x in before[part] if x["row"] not in mine] + results[part]
    new = {(p["peer"], p["work"]) for p in results["peers"]}
    old = [p for p in before["peers"] if (p["peer"], p["work"]) not in new]
    results["peers"] = sorted(old + results["peers"], key=lambda p: (p["work"], p["peer"]))
    if not mine - {"peers"}:  # only peers were run: the table says when weir was
        for part in ("machine", "seconds", "rounds", "took_s"):
            results[part] = before[part]
    results["row_s"] = {**before.get("row_s", {}), **results["row_s"]}
    return results


def main():
    o = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    o.add_argument("rows", nargs="*", help="w1 .. w11, or a part: state, page")
    o.add_argument("--seconds", type=float, default=15, help="of steady work a run (15)")
    o.add_argument("--rounds", type=int, help="how often each is run, in turn (w1, w2: 2, else 1)")
    o.add_argument("--words", type=int, default=works.WORDS, help="in the text")
    o.add_argument("--peers", nargs="*", help="flink timely mawk; all without a name")
    o.add_argument("--alone", action="store_true", help="the peers only; weir's rows are kept")
    o.add_argument("--keep", action="store_true", help="keep rows of an earlier run in the table")
    o.add_argument("--publish", action="store_true", help="write docs/PERFORMANCE.md's table")
    options = o.parse_args()
    chosen = [r.lower() for r in options.rows] or list(ROWS)
    unknown = [r for r in chosen if r not in ROWS and r not in PARTS]
    if unknown:
        o.error("no row %s; there are: %s" % (", ".join(unknown), " ".join([*ROWS, *PARTS])))
    for part in [c for c in chosen if c in PARTS]:
        subprocess.run([sys.executable, os.path.join(HERE, PARTS[part])], check=True)
    chosen = [c for c in chosen if c in ROWS]
    if not chosen:
        return
    suite = Suite(options)
    try:
        for name in chosen if not options.alone else []:
            suite.run(name)
        results = suite.results()
        if options.peers is not None or options.alone:
            results["peers"] = run_peers(suite, options.peers or [], chosen)
            results["failed"] = suite.failed
    finally:
        suite.place.close()
    if options.keep or options.alone:
        results = keep(results, [] if options.alone else chosen)
    show.write(results, options.publish)
    if results["failed"]:
        sys.exit("wrong or failed: " + "; ".join(f["row"] for f in results["failed"]))


if __name__ == "__main__":
    main()
