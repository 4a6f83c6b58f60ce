"""nanoseconds.py - where each nanosecond of W1 and W2 goes, in weir and in the floor.

`perf record -e cpu-clock` of a run, its samples folded by function into stages of work; CPU
nanoseconds a record. Skipped by name where perf is missing. What no rule knows is listed.

    python3 bench/nanoseconds.py [w1] [w2] [--seconds S] [--top N] [--publish]
"""

import argparse
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import json

import runs
import show
import works

# The first rule that fits the function's name (kernel functions are tried as "kernel").
STAGES = (
    ("kernel: reading", r"copy_to_iter|copyout|copy_user|filemap|pagecache|ext4|vfs_|iov_|xas_"),
    ("kernel: page faults", r"fault|clear_page|clear_huge|alloc_page|charge|zap_|folio|lru_|page_"),
    ("kernel: waking, waiting", r"kernel"),
    ("reading ahead", r"^read$|pread|file_reader|file_source|on_block|splits_"),
    ("checkpoints", r"^words_(of|near|dist)|^near_v3|^put_v3|^run_(step|order|feed|finish|sort)|"
     r"slot_rows|lines_take"),
    ("cutting lines", r"^lines_|cut_lines|line_cut"),
    ("generating", r"generat|splitmix|split_lanes|divide_|positions|next_row|mod|rem|node_run"),
    ("cutting words, their views", r"^words_(v3|plain|cut|next)|^split|tokeni|^text_span|^cut_one"),
    ("checksum", r"checksum|sink_main|^pairs_|^short_values|^text_values|xxh3_some"),
    ("hashing", r"hash|route|key_group|place_of|string_some|^as_short|^numbers_"),
    ("finding keys, adding", r"upsert|table_|probe|find|^same|grow|memcmp|keyed|keys_of|mark|dirty|"
     r"insert_one|lists_|^ints_|^words_|^sum_|add_[if]64|places_|sums_|running"),
    ("between threads", r"channel|outlet|gate_|mailbox|waker|futex|ring_|^task_|group_|aligner|"
     r"pthread|sched_yield|^syscall|clock_|drive|__lll|^run_(one|two|three)|transport"),
    ("expressions", r"^expr_|^k_|kernel_|eval|cast_|literal|^map_|^filter_|flat_map"),
    ("batches, columns", r"batch|pool|column|mem(cpy|move|set)|malloc|free|^mem_|build|selection"),
    ("checkpoints", r"LZ4|XXH|planes|pack|sort|chunk|snapshot|slice|freeze|encode|block_|part_"),
)


def samples(data):
    """(share of all, thread, function, in the kernel) of each line of the report."""
    args = ["perf", "report", "-i", data, "--stdio", "--sort", "comm,sym", "-t", "|", "-g", "none"]
    out = subprocess.run(args, capture_output=True, text=True, check=True).stdout
    found = []
    for line in out.split("\n"):
        m = re.match(r"\s*([\d.]+)%\s*\|([^|]*)\|\s*\[(.)\]\s*(.+)", line)
        if m:
            found.append((float(m[1]) / 100, m[2].strip(), m[4].strip(), m[3] == "k"))
    return found


def stage_of(function, in_kernel):
    for name, rule in STAGES:
        if name.startswith("kernel") != in_kernel:
            continue
        if re.search(rule, "kernel " + function if in_kernel else function):
            return name
    return "other"


def fold(found, ns):
    """Stage -> nanoseconds a record; and function -> the same."""
    stages, functions = {}, {}
    for share, thread, function, in_kernel in found:
        stage = stage_of(function, in_kernel)
        stages[stage] = stages.get(stage, 0) + share * ns
        key = (stage, thread, function)
        functions[key] = functions.get(key, 0) + share * ns
    return stages, functions


def record(place, args):
    """Runs a program under perf; the path of what was recorded, and its standard output."""
    data = place.fresh("perf.data")
    perf = ["perf", "record", "-q", "-e", "cpu-clock", "-F", "999", "-o", data, "--"]
    r = subprocess.run([*perf, *args], capture_output=True, text=True)
    if r.returncode:
        raise runs.Failed("perf record %s:\n%s" % (" ".join(args[:6]), r.stderr[-2000:]))
    return data, r.stdout


def of_weir(place, job):
    path, report, directory = place.fresh("job.json"), place.fresh("report"), place.fresh("d")
    with open(path, "w") as f:
        json.dump(job, f)
    args = [runs.WEIR, "run", path, "--dir", directory, "--report", report]
    data, _ = record(place, args)
    with open(report) as f:
        said = json.load(f)
    place.drop(directory)
    records = sum(s["records"] for s in said["sinks"])
    return fold(samples(data), said["cpu_ms"] * 1e6 / records)


def of_floor(place, args):
    data, out = record(place, [runs.FLOOR, *[str(a) for a in args]])
    said = json.loads(out)
    return fold(samples(data), said["cpu_s"] * 1e9 / said["records"])


def columns(place, work, seconds):
    """name -> (stages, functions)."""
    text = runs.text(works.WORDS)
    links = max(1, int(seconds * 4))
    rows = int(seconds * 60e6)
    auto = {"chaining": "auto", "parallelism": "auto"}
    found = {}
    for name, top in (("weir, a thread a stage", {}), ("weir, auto", auto)):
        job = works.w1(place.links(text, links), **top) if work == "w1" else works.w2(rows, **top)
        if not runs.accepts(place, job):
            found[name] = of_weir(place, job)
    for form in ("three", "one"):
        args = [text] * links if work == "w1" else ["--rows", rows]
        try:
            found["floor, " + form] = of_floor(place, [work, "--form", form, *args])
        except (runs.Failed, OSError, ValueError) as e:
            print("floor, %s is skipped: %s" % (form, e), file=sys.stderr)
    return found


def table(work, found):
    names = list(found)
    stages = {s: 0 for s, _ in STAGES}
    for of, _ in found.values():
        for s, ns in of.items():
            stages[s] = max(stages.get(s, 0), ns)
    text = ["| %s, CPU ns a record | %s |" % (work.upper(), " | ".join(names))]
    text.append("|---|" + "---|" * len(names))
    for s in stages:
        if stages[s] >= 0.05:
            cells = ["%.1f" % found[n][0].get(s, 0) for n in names]
            text.append("| %s | %s |" % (s, " | ".join(cells)))
    sums = ["**%.1f**" % sum(found[n][0].values()) for n in names]
    return text + ["| all | %s |" % " | ".join(sums)]


def main():
    o = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    o.add_argument("works", nargs="*", help="w1 w2")
    o.add_argument("--seconds", type=float, default=6)
    o.add_argument("--top", type=int, default=0, help="also the functions that take most")
    o.add_argument("--publish", action="store_true", help="write docs/PERFORMANCE.md's tables")
    options = o.parse_args()
    if not shutil.which("perf"):
        print("where each nanosecond goes is skipped: perf is missing (Debian package linux-perf)")
        return
    place = runs.Place()
    try:
        for work in options.works or ("w1", "w2"):
            found = columns(place, work, options.seconds)
            text = table(work, found)
            print("\n".join(text) + "\n", flush=True)
            for name, (_, functions) in found.items():
                for (stage, thread, f), ns in sorted(functions.items(), key=lambda x: -x[1])[
                    : options.top
                ]:
                    print("  %-24s %6.2f ns  %-24s %-15s %s" % (name, ns, stage, thread, f))
            if options.publish:
                mark = "<!-- nanoseconds %s -->" % work
                show.put(show.PAGE, mark, "<!-- end of %s -->" % work, "\n".join(text) + "\n")
    finally:
        place.close()


if __name__ == "__main__":
    main()
