"""oracle.py - what the answers must be, from Python's standard library alone.

Why: a test that asks weir what weir should have done proves nothing. Small: read it whole.
Text is handled as bytes shown as latin-1, so that any byte passes through unchanged.
"""

from collections import Counter, defaultdict


def lines(path):
    """The lines of a file: cut at \\n, one \\r before it cut too; the last \\n may be missing."""
    with open(path, "rb") as f:
        found = f.read().split(b"\n")
    if found[-1] == b"":
        found.pop()
    return [(one[:-1] if one.endswith(b"\r") else one).decode("latin-1") for one in found]


def word_count(*paths):
    """word -> how often, over all files: ASCII lower case, cut at runs of ASCII white space."""
    counts = Counter()
    for path in paths:
        with open(path, "rb") as f:
            counts.update(word.decode("latin-1") for word in f.read().lower().split())
    return counts


def _updates(rows):
    by_key = defaultdict(list)
    for *key, n in rows:
        by_key[tuple(key)].append(int(n))
    return by_key


def broken_chain(rows):
    """The first key whose updates are not 1..n, each once (invariant 28), or None."""
    for key, values in _updates(rows).items():
        if sorted(values) != list(range(1, len(values) + 1)):
            return "%s: %s" % ("|".join(key), sorted(values)[:20])
    return None


def wrong_updates(rows, counts):
    """What is wrong with the updates of a word count against the right counts, or None."""
    broken = broken_chain(rows)
    if broken:
        return "no unbroken chain: " + broken
    last = {key[0]: len(values) for key, values in _updates(rows).items()}
    for word in counts.keys() | last.keys():
        if counts.get(word, 0) != last.get(word, 0):
            return "%r: %d counted, %d right" % (word, last.get(word, 0), counts.get(word, 0))
    return None


def splitmix64(i, n):
    """The splitmix64 generator's output for state i, modulo n (Steele, Lea, Flood 2014)."""
    mask = (1 << 64) - 1
    z = (i + 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return (z ^ (z >> 31)) % n
