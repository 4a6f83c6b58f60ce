"""openmetrics.py - a strict reader of OpenMetrics 1.0 text, written from the specification and not
from weir: what it passes, Prometheus takes.

    families = openmetrics.parse(text)      # raises Wrong, with the line
    families["weir_jobs"].kind              # "gauge"
    families["weir_jobs"].samples           # [Sample(name, labels, value), ...]
"""

import collections
import math
import re

NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?|[+-]?[Ii]nf(inity)?|[Nn]a[Nn]")
KINDS = {
    # what may stand behind a family's name in its samples
    "counter": {"_total", "_created"},
    "gauge": {""},
    "info": {"_info"},
    "summary": {"", "_count", "_sum", "_created"},
    "histogram": {"_bucket", "_count", "_sum", "_created"},
    "stateset": {""},
    "unknown": {""},
}

Sample = collections.namedtuple("Sample", "name labels value")


class Wrong(AssertionError):
    pass


class Family:
    def __init__(self, name):
        self.name, self.kind, self.unit, self.help, self.samples = name, None, None, None, []


def need(truth, line, why):
    if not truth:
        raise Wrong("%s: %r" % (why, line))


def unescaped(text, line):
    out, i = [], 0
    while i < len(text):
        if text[i] == "\\":
            need(text[i + 1 : i + 2] in ("\\", '"', "n"), line, "no such escape")
            out.append("\n" if text[i + 1] == "n" else text[i + 1])
            i += 2
        else:
            need(text[i] != '"', line, "a quote that is not escaped")
            out.append(text[i])
            i += 1
    return "".join(out)


def labels_of(line, at):
    """The labels that begin at line[at] == '{', and where they end."""
    found, at = {}, at + 1
    while line[at : at + 1] != "}":
        m = LABEL.match(line, at)
        need(m and line[m.end() : m.end() + 2] == '="', line, "no label")
        end = m.end() + 2
        while line[end : end + 1] != '"':
            need(end < len(line), line, "a label's value has no end")
            end += 2 if line[end] == "\\" else 1
        need(m.group() not in found, line, "a label twice")
        need(not m.group().startswith("__"), line, "a label that is reserved")
        found[m.group()] = unescaped(line[m.end() + 2 : end], line)
        at = end + 1
        need(line[at : at + 1] in (",", "}"), line, "no comma between labels")
        at += line[at] == ","
    return found, at + 1


def sample_of(line):
    m = NAME.match(line)
    need(m, line, "no name")
    at, labels = m.end(), {}
    if line[at : at + 1] == "{":
        labels, at = labels_of(line, at)
    need(line[at : at + 1] == " ", line, "no blank before the value")
    fields = line[at + 1 :].split(" ")
    need(len(fields) in (1, 2), line, "a value, and at most a time")
    need(all(NUMBER.fullmatch(f) for f in fields), line, "no number")
    return Sample(m.group(), labels, float(fields[0]))


def check_value(family, s, line):
    suffix = s.name[len(family.name) :]
    if suffix in ("_total", "_count", "_bucket"):
        need(s.value >= 0 and not math.isinf(s.value), line, "a count is from 0 on")
    if family.kind == "info":
        need(s.value == 1, line, "an info is 1")
    if family.kind == "summary" and not suffix:
        need(0 <= float(s.labels.get("quantile", "-1")) <= 1, line, "no quantile")
        need(s.value >= 0 or math.isnan(s.value), line, "a quantile is from 0 on")


def parse(text):
    if isinstance(text, bytes):
        text = text.decode("utf-8")
    need(text.endswith("# EOF\n"), text[-80:], "no end")
    lines = text[:-1].split("\n")
    need(lines.index("# EOF") == len(lines) - 1, text[-80:], "something behind the end")
    families, now, seen = {}, None, set()
    for line in lines[:-1]:
        need(line and line == line.strip(), line, "an empty line, or blanks around it")
        if line.startswith("#"):
            m = re.fullmatch(r"# (TYPE|UNIT|HELP) (%s) (.*)" % NAME.pattern, line)
            need(m, line, "no comment but these three")
            word, name, rest = m.groups()
            if not now or now.name != name:
                need(name not in families, line, "a family in two places")
                now = families[name] = Family(name)
            need(not now.samples, line, "what describes a family stands before its samples")
            if word == "TYPE":
                need(now.kind is None and rest in KINDS, line, "no kind")
                now.kind = rest
            elif word == "UNIT":
                need(now.unit is None and name.endswith("_" + rest), line, "a name has its unit")
                need(now.kind not in ("info", "stateset"), line, "a kind without unit")
                now.unit = rest
            else:
                need(now.help is None, line, "help twice")
                now.help = unescaped(rest, line)
            continue
        s = sample_of(line)
        need(now and s.name.startswith(now.name), line, "a sample outside its family")
        need(s.name[len(now.name) :] in KINDS[now.kind], line, "no sample of a " + str(now.kind))
        key = (s.name, tuple(sorted(s.labels.items())))
        need(key not in seen, line, "a series twice")
        seen.add(key)
        check_value(now, s, line)
        now.samples.append(s)
    suffixed = {f + s for f in families for s in KINDS[families[f].kind] if s}
    need(not suffixed & set(families), sorted(suffixed & set(families)), "names that clash")
    return families


def value(families, name, **labels):
    """The one sample of this name (as it stands) that has these labels; None: there is none."""
    found = [
        s.value
        for f in families.values()
        for s in f.samples
        if s.name == name and all(s.labels.get(k) == v for k, v in labels.items())
    ]
    if len(found) > 1:
        raise Wrong("%d series of %s %s" % (len(found), name, labels))
    return found[0] if found else None


def counters(families):
    """Every counter's value, by its name and labels."""
    return {
        (s.name, tuple(sorted(s.labels.items()))): s.value
        for f in families.values()
        if f.kind == "counter"
        for s in f.samples
    }
