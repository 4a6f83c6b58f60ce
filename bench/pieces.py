"""pieces.py - measurements that are taken in pieces, because the machine is quiet for a minute at a
time only: each run's figures go into a file, a JSON line each, and are summed up over all of it."""

import json
import os
import statistics


def keep(path, **line):
    with open(path, "a", encoding="utf-8") as f:
        f.write(json.dumps(line) + "\n")


def kept(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def p(values, q):
    """The q-quantile of values, which need not be sorted."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * q))]


def by_kind(lines, key):
    """What was kept of each kind, a list a run."""
    found = {}
    for line in lines:
        found.setdefault(line["kind"], []).append(line[key])
    return found


def ratios(runs, of, a, b):
    """of(run of b) / of(run of a), of those taken side by side: least, median, most."""
    each = sorted(of(y) / of(x) for x, y in zip(runs[a], runs[b]) if of(x))
    return each[0], statistics.median(each), each[-1]


def compare(runs, a, b, unit):
    """A line a figure: of each kind the median of its runs; of all values together; pairs."""
    figures = [("p%g" % (100 * q), lambda v, q=q: p(v, q)) for q in (0.99, 0.9, 0.5)]
    for name, of in [("most", max), *figures]:
        x, y = (statistics.median(of(v) for v in runs[k]) for k in (a, b))
        least, middle, most = ratios(runs, of, a, b)
        print("%s of a run, median of %d and %d: %s %.0f, %s %.0f %s; of pairs %.2fx (%.2f .. %.2f)"
              % (name, len(runs[a]), len(runs[b]), a, x, b, y, unit, middle, least, most))
    for q in (0.5, 0.9, 0.99):
        x, y = (p([v for run in runs[k] for v in run], q) for k in (a, b))
        print("p%g of all (%d and %d): %s %.0f, %s %.0f %s, %.2fx"
              % (q * 100, sum(map(len, runs[a])), sum(map(len, runs[b])), a, x, b, y, unit, y / x))
