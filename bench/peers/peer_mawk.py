"""peer_mawk.py - mawk: the word count as a line of shell, an update a word.

The update is the running count added to a sum: awk's numbers are doubles, in which neither the
records' checksum nor splitmix64 can be computed, so W1's check is the sum of all running counts and
W2 is not to be had.
"""

import functools
import math
import shutil
import subprocess

from common import Missing, Wrong, entry, oracle, wait_usage

PROGRAM = ("{ for (i = 1; i <= NF; i++) { words++; sum += ++n[$i] } } "
           'END { printf "%.0f %.0f\\n", words, sum }')


def set_up(bench):
    if not shutil.which("mawk"):
        raise Missing("no mawk here (Debian: mawk)")
    said = subprocess.run(["mawk", "-W", "version"], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True).stdout
    return said.split("\n")[0].replace("mawk ", "").split(",")[0]


def passes(bench, n):
    out, got = wait_usage(["mawk", PROGRAM, *[bench.text] * n])
    got["records"], got["sum"] = (int(x) for x in out.split())
    return got


def one(bench, made):
    """As many passes over the text as last the time asked for."""
    pilot = passes(bench, 1)
    n = max(1, math.ceil(bench.seconds / pilot["seconds"]))
    got = passes(bench, n) if n > 1 else pilot
    expected = oracle("mawk", bench.text, n)
    if (got["records"], got["sum"]) != (expected["records"], expected["sum"]):
        raise Wrong("words and sum of running counts are %d, %d, not %d, %d" % (
            got["records"], got["sum"], expected["records"], expected["sum"]))
    return entry("mawk", made, "none", "w1", "one process", got,
                 "words and the sum of all running counts",
                 "%d pass%s, start included" % (n, "es" * (n > 1)))


def none(made, work):
    return entry("mawk", made, "", work, "",
                 note="skipped: awk computes in doubles and keeps no checkpoints")


def runs(bench, made):
    """(work, form, what runs it and returns its entry) of the works asked for."""
    for work in bench.works:
        if work == "w1":
            yield work, "one process", functools.partial(one, bench, made)
        else:
            yield work, "", functools.partial(none, made, work)
