"""run.py - the peers of the comparison: the same works in Flink, Timely Dataflow and mawk.

    python3 bench/peers/run.py [flink] [timely] [mawk] [w1 w2 w3 w5 w6]
                               [--form NAME] [--seconds S] [--text FILE] [--json OUT]

Sets up what is missing (through cargo and mvn), runs each form for S seconds after its warm-up,
compares every answer with oracle.c, and prints one JSON list (and writes it to OUT); progress goes
to stderr. A peer that cannot be had is in the list, skipped by name. Exits with 1 if one failed or
answered wrongly.
"""

import argparse
import json
import os
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
import common
import peer_flink
import peer_mawk
import peer_timely

PEERS = {"flink": peer_flink, "timely": peer_timely, "mawk": peer_mawk}
WORKS = ["w1", "w2", "w3", "w5", "w6"]


def run_peer(name, bench, found):
    """Adds to `found` what one peer did; whether nothing was wrong."""
    peer, fine = PEERS[name], True
    try:
        version = peer.set_up(bench)
    except common.Missing as e:
        bench.say("%s skipped: %s" % (name, e))
        found += [common.entry(name, "", "", work, "", note="skipped: %s" % e)
                  for work in bench.works]
        return True
    for work, form, run in peer.runs(bench, version):
        try:
            found.append(run())
        except common.Wrong as e:
            found.append(common.entry(name, version, "", work, form, note="WRONG: %s" % e))
            fine = False
        bench.say(common.show(found[-1]))
    return fine


def main():
    o = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    o.add_argument("what", nargs="*", help="peers (%s) and works (%s); all of a kind without one"
                   % (" ".join(PEERS), " ".join(WORKS)))
    o.add_argument("--form", default="", help="only forms whose name has this in it")
    o.add_argument("--seconds", type=float, default=10, help="of steady state a run (10)")
    o.add_argument("--text", help="of the word count; made under build/ without it")
    o.add_argument("--json", help="where to write the list, too")
    options = o.parse_args()
    unknown = [w for w in options.what if w not in PEERS and w not in WORKS]
    if unknown:
        o.error("no %s; there are: %s" % (", ".join(unknown), " ".join([*PEERS, *WORKS])))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends too
    began = time.monotonic()

    def say(line):
        print("%5.0f s  %s" % (time.monotonic() - began, line), file=sys.stderr, flush=True)

    works = [w for w in WORKS if w in options.what] or WORKS
    names = [n for n in PEERS if n in options.what] or list(PEERS)
    text = common.text(options.text) if "w1" in works else ""
    bench = common.Bench(works, options.form, options.seconds, text, say)
    found, fine = [], True
    for name in names:
        fine = run_peer(name, bench, found) and fine
    listed = json.dumps(found, indent=1)
    if options.json:
        with open(options.json, "w") as f:
            f.write(listed + "\n")
    print(listed)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
