"""works.py - the works of the benchmark as job files: W1 to W11, at any size.

Why here: what is measured (bench/suite.py), what is killed (tests/e2e/test_kill_workloads.py) and
what is counted in instructions (tests/e2e/test_instruction_count.py) must be the same jobs. Each
function returns a job as a dict; `top` goes to the job's top level.
"""

WORDS = 22000000  # of the text in full size
KEYS = 1000000  # of W2
PRELOAD = 10000000  # keys of W3, then:
HOT = 100000
RATE = 100000  # records a second of W6

# W2k's keys, 8 to 40 bytes: the same expression as the floor's (bench/floor/w2.c).
STRING_KEY = (
    "substr('abcdefghijklmnopqrstuvwxyz0123456789', 1, k % 33) || cast(10000000 + k as text)"
)

# W8: five columns, a filter, four expressions and a case: the floor's "job" (bench/floor/w8.c).
W8_FIELDS = {
    "a": "splitmix64(i, 1000000)",
    "b": "i % 1000",
    "c": "nullif(i % 64, 0)",
    "x": "cast(splitmix64(i, 4096) as double precision)",
    "y": "cast(i % 10000 as double precision)",
}
W8_FILTER = "b >= 100 and x < 4000.0"
W8_SELECT = {
    "t": "a * b + c",
    "u": "(a - b) * 3",
    "v": "x * y + 0.5",
    "w": "x / (y + 1.0)",
    "z": "case when c is null then 0 when a > 500000 then a - b else b - a end",
}


def job(name, pipeline, interval="1s", **top):
    """interval None: only the checkpoints of start and end."""
    made = {"name": name, "pipeline": pipeline}
    if interval:
        made["checkpoint"] = {"interval": interval}
    made.update(top)
    return made


def words(path, lower=False):
    """The stages from a folder of text to counts."""
    return [
        {"id": "lines", "type": "file_source", "path": path},
        {
            "id": "words",
            "type": "flat_map",
            "expr": "split(lower(line))" if lower else "split(line)",
            "as": "word",
        },
        {"id": "count", "type": "keyed_sum", "key": "word", "value": "1", "as": "n"},
    ]


def hole(**more):
    return {"id": "out", "type": "blackhole_sink", "checksum": True, **more}


def generator(rows, fields, **more):
    """rows None: without an end."""
    made = {"id": "gen", "type": "generator_source", "fields": fields, **more}
    if rows is not None:
        made["rows"] = rows
    return made


def keyed(**more):
    return {"id": "sum", "type": "keyed_sum", "key": "k", "value": "v", "as": "s", **more}


def w1(path, **top):
    return job("w1", [*words(path), hole()], **top)


def w1s(path, out, **top):
    sink = {"id": "out", "type": "file_sink", "path": out, "format": "csv"}
    return job("w1s", [*words(path, lower=True), sink], **top)


def w2(rows, keys=KEYS, **top):
    fields = {"k": "splitmix64(i, %d)" % keys, "v": "i % 256"}
    return job("w2", [generator(rows, fields), keyed(), hole()], **top)


def w2_strings(rows, keys=KEYS, expr=STRING_KEY, **top):
    fields = {"k": "splitmix64(i, %d)" % keys, "v": "i % 256"}
    name = {"id": "name", "type": "map", "select": {"k": expr, "v": "v"}}
    return job("w2-strings", [generator(rows, fields), name, keyed(), hole()], **top)


def w3(rows, keys=PRELOAD, hot=HOT, **top):
    """Each key once, then hot ones at random."""
    fields = {
        "k": "case when i < %d then i else splitmix64(i, %d) end" % (keys, hot),
        "v": "i % 256",
    }
    return job("w3", [generator(rows, fields), keyed(), hole()], **top)


def grown(keys, hot, **top):
    """Each key once, then some of them at random, without an end."""
    fields = {
        "k": "case when i < %d then i else splitmix64(i, %d) end" % (keys, hot),
        "v": "i % 256",
    }
    return job("w11", [generator(None, fields), keyed(), hole()], interval=None, **top)


def w6(rows, rate=RATE, keys=HOT, interval="100ms", **top):
    """Paced; each record carries the moment it was due to the sink."""
    source = generator(
        rows, {"k": "splitmix64(i, %d)" % keys, "v": "1"}, rate=rate, created_as="created"
    )
    stages = [source, keyed(keep="created"), hole(latency_of="created")]
    return job("w6", stages, interval=interval, **top)


def w6_merging(rows, rate, keys=PRELOAD, hot=HOT, interval="100ms", **top):
    """The same behind a state of `keys`, which was filled in an earlier run without a rate."""
    made = w6(rows, rate, hot, interval, **top)
    source = made["pipeline"][0]
    source["fields"]["k"] = "case when i < %d then i else splitmix64(i, %d) end" % (keys, hot)
    if rate is None:
        del source["rate"]
    return made


def w8(rows, **top):
    stages = [
        generator(rows, W8_FIELDS),
        {"id": "some", "type": "filter", "expr": W8_FILTER},
        {"id": "sums", "type": "map", "select": W8_SELECT},
        hole(),
    ]
    return job("w8", stages, **top)


def empty(rows=0, **top):
    return job("empty", [generator(rows, {"k": "i"}), hole()], **top)
