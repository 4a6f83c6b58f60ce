"""random_job.py - a job and its input drawn from a seed, and what its output must be.

The oracle is Python's standard library: a stage is its JSON beside a function of one record, which
gives the records that come out. Text is bytes throughout. Nothing here runs weir.

    job = Job(random.Random(seed));  job.lines: source -> its lines;  job.json(...);  job.right()
"""

from collections import Counter

INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
RECORD_LIMIT = 65536


class Left(Exception):
    """A record that a stage with on_error: skip leaves out."""


def fits(n):
    if not INT_MIN <= n <= INT_MAX:
        raise Left
    return n


def modulo(a, b):
    """As SQL has it: the sign is the dividend's."""
    return -(-a % b) if a < 0 else a % b


def divide(a, b):
    if b == 0:
        raise Left
    return fits(abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1))


def equal_hash_text(prefix):
    """Twelve bytes that begin with these four and whose hash is 0: the second multiply of
    hash_string (docs/FORMAT.md) is by zero. None: there are none."""
    x = int.from_bytes((12).to_bytes(4, "little") + prefix, "little") ^ 0x2D358DCCAA6C78A5
    y = -(-(0x4D5A2DA51DE1AA47 << 64) // x)
    if y >> 64 or (x * y) >> 64 != 0x4D5A2DA51DE1AA47:
        return None
    text = prefix + (y ^ 0x8BB84B93962EACC9).to_bytes(8, "little")
    return None if b"\n" in text or text.endswith(b"\r") else text


def equal_hash_numbers():
    """Numbers whose hash_fold64 is 0, for the same reason."""
    by, found = 0x8BB84B93962EACC9, []
    x = 0x2D358DCCAA6C78A5 * pow(by, -1, 1 << 64) % (1 << 64)
    xs = [x] + [-(-(0x4B33A62ED433D4A3 << 64) // by) + i for i in range(3)]
    for x in xs:
        m = x * by
        if x >> 64 == 0 and (m % (1 << 64) == 0x2D358DCCAA6C78A5 or m >> 64 == 0x4B33A62ED433D4A3):
            n = x ^ 0x2D358DCCAA6C78A5
            found.append(n - (1 << 64) if n >> 63 else n)
    return found


# ---- input: a flag, a signed number of 19 digits, a key ----


def line_of(flag, n, key):
    return flag + b"%+020d" % n + key


class Input:
    """How lines are drawn. Extreme numbers come once each, so that no sum leaves int64."""

    def __init__(self, rng):
        self.rng = rng
        self.ascii = rng.random() < 0.3
        self.long = rng.random() < 0.25
        self.once = [INT_MAX, INT_MIN, INT_MAX - 1, INT_MIN + 1] + equal_hash_numbers()
        self.vocabulary = rng.choice((1, 5, 60, 5000))
        self.equal = [t for i in range(30) if (t := equal_hash_text(b"%03dp" % i))]

    def key(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.5:
            return b"k%d" % int(self.vocabulary * rng.random() ** 2)
        if kind < 0.6:
            return b""
        if kind < 0.7:
            return rng.choice((b"1", b"7", b"0", b"01", b"x 1"))
        if kind < 0.8:
            return b" ".join(b"w%d" % rng.randrange(9) for _ in range(rng.randrange(5)))
        if self.ascii:
            return b"a,b,,\"c\"" if kind < 0.9 else b"Mixed Case, and " + b"x" * rng.randrange(60)
        if kind < 0.85:
            return rng.choice(self.equal)
        if kind < 0.9:
            return b"\0" * rng.randrange(1, 4) + b"nul\0"
        if self.long and kind < 0.91:
            return b"L%d" % rng.randrange(3) + b"l" * (RECORD_LIMIT - 21 - 2)
        return b"b" + rng.randbytes(rng.randrange(30)).replace(b"\n", b"\r\"") + b"."

    def line(self):
        rng = self.rng
        kind = rng.random()
        if kind < 0.04:
            return rng.choice((b"", b"x", b"short"))
        if self.long and kind < 0.045:
            return b"o" * (RECORD_LIMIT + 1 + rng.randrange(2) * 70000)
        n = rng.randrange(-2000, 2000)
        if self.once and kind > 0.99:
            n = self.once.pop()
        return line_of(rng.choice((b"a", b"b", b"c")), n, self.key())


# ---- stages ----


class Stage:
    def __init__(self, json, each, skips=False):
        self.json, self.each = json, each
        if skips:
            self.json["on_error"] = "skip"

    def run(self, records):
        for r in records:
            try:
                yield from self.each(r)
            except Left:
                pass


def parse():
    def each(r):
        line = r["line"]
        whole = len(line) >= 21
        return [{"flag": line[:1], "n": int(line[1:21]) if whole else 0, "k": line[21:]}]

    number = "cast(substr(line, 2, 20) as bigint)"
    number = "case when octet_length(line) >= 21 then %s else 0 end" % number
    select = {"flag": "substr(line, 1, 1)", "n": number, "k": "substr(line, 22)"}
    return Stage({"type": "map", "select": select}, each)


FILTERS = (
    ("n % 3 = 0", lambda r: modulo(r["n"], 3) == 0),
    ("flag in ('a', 'b')", lambda r: r["flag"] in (b"a", b"b")),
    ("octet_length(k) < 40", lambda r: len(r["k"]) < 40),
    ("k <> ''", lambda r: r["k"] != b""),
    ("n > 0 or k like '%a%'", lambda r: r["n"] > 0 or b"a" in r["k"]),
    ("not (flag = 'c' and n < 0)", lambda r: not (r["flag"] == b"c" and r["n"] < 0)),
    ("k >= 'm' or k < 'b'", lambda r: r["k"] >= b"m" or r["k"] < b"b"),
    ("n between -9223372036854775808 and 5", lambda r: r["n"] <= 5),
    ("n > -700", lambda r: r["n"] > -700),
)


def case_flag(r):
    return b"big" if r["n"] > 100 else b"neg" if r["n"] < 0 else r["flag"]


DIGIT = "(octet_length(k) = 1 and k >= '0' and k <= '9')"


def digit(r):
    return len(r["k"]) == 1 and b"0" <= r["k"] <= b"9"


MAPS = (  # what is set, by which expressions and functions; whether a record may fail
    ({"flag": ("case when n > 100 then 'big' when n < 0 then 'neg' else flag end", case_flag)}, 0),
    ({"k": ("lower(k)", lambda r: r["k"].lower())}, 0),
    ({"k": ("split_part(k, ' ', 1)", lambda r: r["k"].split(b" ")[0])}, 0),
    ({"k": ("replace(k, 'k1', '')", lambda r: r["k"].replace(b"k1", b""))}, 0),
    ({"n": ("n / 7", lambda r: divide(r["n"], 7))}, 0),
    ({"k": ("flag || k", lambda r: r["flag"] + r["k"])}, 0),
    ({"n": ("n * -3", lambda r: fits(r["n"] * -3))}, 1),
    ({"n": ("case when n < -50 then n % -9 else n + -7 end",
            lambda r: modulo(r["n"], 9) if r["n"] < -50 else fits(r["n"] - 7))}, 1),
    ({"n": ("100 / (n % 5)", lambda r: divide(100, modulo(r["n"], 5)))}, 1),
    ({"n": ("abs(n)", lambda r: fits(abs(r["n"])))}, 1),
)


def mapped(what, skips):
    def each(r):
        return [dict(r, **{name: f(r) for name, (_, f) in what.items()})]

    return Stage({"type": "map", "set": {k: e for k, (e, _) in what.items()}}, each, skips)


def filtered(expr, holds):
    return Stage({"type": "filter", "expr": expr}, lambda r: [r] if holds(r) else [])


def split(comma):
    def each(r):
        words = r["k"].split(b",") if comma else r["k"].split()
        return [dict(r, k=word) for word in words]

    expr = "split(k, ',')" if comma else "split(k)"
    return Stage({"type": "flat_map", "expr": expr, "as": "k", "keep": ["flag", "n"]}, each)


def typed_keys():
    """1 as a number beside '1' as a text: of each record one of the two is null."""
    what = {
        "ki": ("case when %s and n > 0 then cast(k as bigint) end" % DIGIT,
               lambda r: int(r["k"]) if digit(r) and r["n"] > 0 else None),
        "kt": ("case when not (%s and n > 0) then k end" % DIGIT,
               lambda r: None if digit(r) and r["n"] > 0 else r["k"]),
    }
    return mapped(what, False)


# ---- a job ----


class Branch:
    """From the parsed records to one sink."""

    def __init__(self, rng, name, ascii, unique):
        self.name = name
        self.stages = []
        for _ in range(rng.randrange(4)):
            kind = rng.random()
            if kind < 0.4:
                self.stages.append(filtered(*rng.choice(FILTERS)))
            elif kind < 0.85:
                self.stages.append(mapped(*rng.choice(MAPS)))
            elif unique:
                self.stages.append(split(rng.random() < 0.5))
                unique = False
        self.sum = rng.random() < 0.8
        self.key, self.emit = None, "end"
        if self.sum:
            self.key = rng.choice((["k"], ["flag", "k"], ["ki", "kt"], ["n"], ["flag", "n"], []))
            self.emit = rng.choice(("end", "end", "update"))
            if "ki" in self.key:
                self.stages.append(typed_keys())
            self.value = "n % 1000" if self.emit == "end" and rng.random() < 0.7 else 1
        self.format = "jsonl" if ascii and rng.random() < 0.5 else "csv"

    def pipeline(self, source, sink):
        last, out = source, []
        stages = [s.json for s in self.stages]
        if self.sum:
            stages.append({"type": "keyed_sum", "value": self.value, "as": "sum"})
            stages[-1]["emit"] = self.emit
            if self.key:
                stages[-1]["key"] = self.key
        stages.append({"type": "file_sink", "path": sink, "format": self.format})
        for i, stage in enumerate(stages):
            out.append(dict(stage, id="%s%d" % (self.name, i), inputs=[last]))
            last = out[-1]["id"]
        return out

    def header(self):
        if self.sum:
            return self.key + ["sum"]
        cut = any(s.json["type"] == "flat_map" for s in self.stages)
        return ["k", "flag", "n"] if cut else ["flag", "n", "k"]

    def right(self, records):
        """Rows and how often each comes. Of updates: each key's are 1..n."""
        for stage in self.stages:
            records = stage.run(records)
        if not self.sum:
            return Counter(tuple(r[f] for f in self.header()) for r in records)
        sums, rows = Counter(), Counter()
        for r in records:
            key = tuple(r[f] for f in self.key)
            sums[key] += modulo(r["n"], 1000) if self.value != 1 else 1
            if self.emit == "update":
                rows[key + (sums[key],)] += 1
        return rows if self.emit == "update" else Counter({k + (n,): 1 for k, n in sums.items()})


class Job:
    def __init__(self, rng):
        self.input = Input(rng)
        self.lines = [
            [self.input.line() for _ in range(rng.choice((0, 1, 40, 700, 2500)))]
            for _ in range(rng.choice((1, 1, 2, 3)))
        ]
        self.branches = [
            Branch(rng, "ab"[i], self.input.ascii, True) for i in range(rng.choice((1, 1, 2)))
        ]

    def json(self, sources, rate, **more):
        """sources: the path of each; the rest goes to the top level."""
        pipeline = []
        for i, path in enumerate(sources):
            stage = {"id": "in%d" % i, "type": "file_source", "path": path, "on_error": "skip"}
            if rate:
                stage["rate"] = rate
            pipeline.append(stage)
        ids = [s["id"] for s in pipeline]
        if len(ids) > 1:
            pipeline.append({"id": "both", "type": "union", "inputs": ids})
            ids = ["both"]
        pipeline.append(dict(parse().json, id="parse", inputs=ids))
        for b in self.branches:
            pipeline += b.pipeline("parse", "out-" + b.name)
        more.setdefault("limits", {})["record"] = "64KiB"
        return {"name": "drawn", "pipeline": pipeline, **more}

    def right(self):
        """Branch by branch."""
        whole = [{"line": x} for lines in self.lines for x in lines if len(x) <= RECORD_LIMIT]
        parsed = list(parse().run(whole))
        return [b.right(parsed) for b in self.branches]
