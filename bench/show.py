"""show.py - the results as a table in Markdown, as JSON and as a picture (SVG, drawn here)."""

import html
import json
import os
import platform
import re
import subprocess
import time

import runs

OUT = os.path.join(runs.ROOT, "build", "bench")
PAGE = os.path.join(runs.ROOT, "docs", "PERFORMANCE.md")
PICTURE = os.path.join(runs.ROOT, "docs", "performance.svg")
BEGIN, END = "<!-- results: bench/suite.py --publish -->", "<!-- end of results -->"


def first_line(*args):
    try:
        return subprocess.run(args, capture_output=True, text=True).stdout.split("\n")[0].strip()
    except OSError:
        return "none"


def machine():
    model, memory = "unknown", 0
    with open("/proc/cpuinfo") as f:
        for line in f:
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    with open("/proc/meminfo") as f:
        memory = int(f.readline().split()[1]) * 1024
    huge = "/sys/kernel/mm/transparent_hugepage/enabled"
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_bytes": memory,
        "kernel": platform.release(),
        "huge_pages": re.sub(r".*\[(\w+)\].*", r"\1", first_line("cat", huge)),
        "compiler": first_line("cc", "--version"),
        "weir": "%s, -O3, plain x86-64 with run-time dispatch" % first_line(runs.WEIR, "--version"),
        "floor": "-O3 -march=native",
        "commit": first_line("git", "-C", runs.ROOT, "rev-parse", "--short", "HEAD"),
        "when": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
    }


def figure(x):
    if x is None:
        return ""
    if abs(x) >= 1000:
        return "{:,.0f}".format(x)
    return "%.0f" % x if abs(x) >= 100 else "%.1f" % x if abs(x) >= 10 else "%.2f" % x


def spread(line):
    if line["median"] is None:
        return "no run"
    text = figure(line["median"])
    if len(line["values"]) > 1:
        text += " (%s .. %s)" % (figure(line["min"]), figure(line["max"]))
    return text


def verdict(line):
    if line["invalid"]:
        return "does not count: " + line["invalid"]
    if not line["goal"]:
        return ""
    return line["goal"] + {True: ": **reached**", False: ": missed", None: ""}[line["met"]]


def table(results):
    m = results["machine"]
    text = [
        "%s; %d cores of %s, %.0f GB, kernel %s, huge pages: %s; %s."
        % (m["when"], m["cores"], m["processor"], m["memory_bytes"] / 1e9, m["kernel"],
           m["huge_pages"], m["compiler"]),
        "%s (commit %s). Floor: %s. Each run %.0f s or more, in turn (%s): median (least .. most)."
        % (m["weir"], m["commit"], m["floor"], results["seconds"], results["rounds"]),
        "",
        "| row | what | measured | | CPU s a million | peak MB | checkpoints | beside | goal |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for line in results["lines"]:
        beside = ", ".join("%.2fx %s" % (r, whom) for whom, r in line["beside"].items())
        cpu, rss, done = line["cpu_s_per_million"], line["peak_rss_bytes"], line["checkpoints"]
        cells = [
            line["row"],
            line["what"],
            spread(line),
            line["unit"],
            "" if cpu is None else "%.4f" % cpu,
            "" if rss is None else "%.1f" % (rss / 1e6),
            "" if done is None else str(done),
            beside + ("; " if beside and line["note"] else "") + line["note"],
            verdict(line),
        ]
        text.append("| " + " | ".join(c.replace("|", "/") for c in cells) + " |")
    if results["peers"]:
        text += ["", *peers_table(results)]
    for what in ("skipped", "failed"):
        if results[what]:
            text += ["", what.capitalize() + ":"]
            text += [
                "- %s %s: %s" % (x["row"], x.get("who", ""), " ".join(x["why"].split())[:200])
                for x in results[what]
            ]
    return "\n".join(text) + "\n"


def weir_rate(results, work):
    """The best way of weir at a work that takes checkpoints, in records a second."""
    found = [
        line["median"]
        for line in results["lines"]
        if line["row"] == work and line["what"].startswith("weir") and line["median"]
        if line["unit"].startswith("M ") and "no trigger" not in line["what"]
    ]
    return max(found, default=0) * 1e6


def without_checkpoints(results, peer):
    """What a peer does in W5 without checkpoints, in records a second."""
    found = [
        p["records_per_s"]
        for p in results["peers"]
        if p["peer"] == peer and p["work"] == "w5" and "no checkpoints" in p["form"]
        if p.get("records_per_s")
    ]
    return found[0] if found else 0


def peer_note(results, p):
    note, rate = str(p.get("note", "")), p.get("records_per_s")
    none = without_checkpoints(results, p["peer"]) if p["work"] == "w5" and rate else 0
    if none and "no checkpoints" not in p["form"]:
        cost = "checkpoints cost %.0f %% of its throughput" % (100 * (1 - rate / none))
        note = "; ".join([cost, note] if note else [cost])
    return note


def peers_table(results):
    text = [
        "| peer | version | work | form | M/s | CPU s a million | peak MB | weir is | note |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for p in results["peers"]:
        rate = p.get("records_per_s") or 0
        own = weir_rate(results, p["work"].upper()) if p["work"] in ("w1", "w2", "w3") else 0
        cpu = p["cpu_s"] / p["records"] * 1e6 if p.get("cpu_s") and p.get("records") else None
        cells = [
            p["peer"],
            str(p.get("version", "")),
            p["work"].upper(),
            str(p.get("form", "")),
            figure(rate / 1e6) if rate else "",
            "" if cpu is None else "%.3f" % cpu,
            figure(p["peak_rss_bytes"] / 1e6) if p.get("peak_rss_bytes") else "",
            "%.1fx" % (own / rate) if own and rate else "",
            peer_note(results, p),
        ]
        text.append("| " + " | ".join(c.replace("|", "/") for c in cells) + " |")
    return text


def bars(results, row):
    """(name, value, whose) of one row, fastest first."""
    found = []
    for line in results["lines"]:
        if line["row"] == row and line["median"] and not line["invalid"]:
            found.append((line["what"], line["median"], line["what"].split(",")[0]))
    for p in results["peers"]:
        if p["work"].upper() == row and p.get("records_per_s"):
            name = "%s, %s" % (p["peer"], p.get("form", ""))
            found.append((name, p["records_per_s"] / 1e6, "peer"))
    return sorted(found, key=lambda b: -b[1])


COLOURS = {"weir": "#1565c0", "floor": "#9e9e9e", "peer": "#ef6c00"}


def picture(results):
    """Bars of W1 and W2: weir, the floor, the peers."""
    out, y, width, left = [], 30, 860, 250
    for row, unit in (("W1", "word count, M words/s"), ("W2", "keyed sum, M records/s")):
        found = bars(results, row)
        if not found:
            continue
        out.append('<text x="10" y="%d" font-weight="bold">%s: %s</text>' % (y, row, unit))
        y += 12
        most = found[0][1]
        for name, value, whose in found:
            length = max(1, value / most * (width - left - 90))
            out.append('<text x="%d" y="%d" text-anchor="end">%s</text>'
                       % (left - 8, y + 13, html.escape(name[:40])))
            out.append('<rect x="%d" y="%d" width="%.1f" height="16" fill="%s"/>'
                       % (left, y, length, COLOURS.get(whose, "#555")))
            out.append('<text x="%.1f" y="%d">%s</text>'
                       % (left + length + 6, y + 13, figure(value)))
            y += 22
        y += 34
    head = ('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-size="12"'
            ' font-family="sans-serif">' % (width, y))
    paper = '<rect width="100%" height="100%" fill="#fff"/>'
    return "\n".join([head, paper, *out, "</svg>"]) + "\n"


def write(results, publish):
    os.makedirs(OUT, exist_ok=True)
    text = table(results)
    with open(os.path.join(OUT, "results.json"), "w") as f:
        json.dump(results, f, indent=1)
        f.write("\n")
    with open(os.path.join(OUT, "results.md"), "w") as f:
        f.write(text)
    with open(os.path.join(OUT, "results.svg"), "w") as f:
        f.write(picture(results))
    print(text)
    if publish:
        put(PAGE, BEGIN, END, text)
        with open(PICTURE, "w") as f:
            f.write(picture(results))


def put(path, begin, end, text):
    """Replaces what stands between two marks of a page."""
    with open(path) as f:
        page = f.read()
    before, rest = page.split(begin, 1)
    _, after = rest.split(end, 1)
    with open(path, "w") as f:
        f.write(before + begin + "\n" + text + end + after)
