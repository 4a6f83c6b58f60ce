"""peer_timely.py - Timely Dataflow: the word count with String and with inline keys, the keyed sum.

Built by cargo in a copy under build/peers, with target-cpu=native; the memory allocator is asked
for huge pages, as weir asks for them for its tables. No checkpoints: Timely has none.
"""

import functools
import os
import re
import shutil

from common import BUILD, HERE, Missing, answer, entry, newer, oracle, shell, sources, verify

FOLDER = os.path.join(HERE, "timely")
COPY = os.path.join(BUILD, "timely")
PROGRAM = os.path.join(COPY, "target", "release", "peer-timely")
RUSTFLAGS = "-C target-cpu=native"
TUNABLES = "glibc.malloc.hugetlb=1"
FLAGS = "cargo --release, lto, RUSTFLAGS='%s', GLIBC_TUNABLES=%s" % (RUSTFLAGS, TUNABLES)
ROWS = 1 << 16  # of a block: src/feed.rs
KEYS = 1000000
WARM_S = 2  # at most: a quick look has a short one
FORMS = {  # of a work: (name, form, workers)
    "w1": [("%s, %d worker%s" % (f, n, "s" * (n > 1)), f, n) for f in ("string", "inline")
           for n in (1, 2)],
    "w2": [("1 worker", "", 1), ("2 workers", "", 2)],
}


def version():
    with open(os.path.join(FOLDER, "Cargo.toml")) as f:
        return re.search(r'timely = "=(.*)"', f.read()).group(1)


def set_up(bench):
    if not shutil.which("cargo"):
        raise Missing("no cargo here (Debian: cargo, rustc)")
    if not newer(PROGRAM, sources(FOLDER)):
        bench.say("timely: building with cargo")
        shutil.copytree(FOLDER, COPY, dirs_exist_ok=True)
        shell(["cargo", "build", "--release", "-j1"], "cargo build failed", cwd=COPY,
              env=dict(os.environ, CARGO_TARGET_DIR=os.path.join(COPY, "target"),
                       RUSTFLAGS=RUSTFLAGS))
        os.utime(PROGRAM)
    return version()


def one(bench, made, work, name, form, workers):
    args = [PROGRAM, "work=" + work, "form=" + form, "workers=%d" % workers,
            "seconds=%d" % bench.seconds, "warm=%d" % min(WARM_S, bench.seconds),
            "keys=%d" % KEYS, "text=" + (bench.text if work == "w1" else "")]
    got = answer(args, bench.seconds + WARM_S + 60, env=dict(os.environ, GLIBC_TUNABLES=TUNABLES))
    expected = oracle("w1", bench.text, *got["blocks"]) if work == "w1" else \
        oracle("w2", KEYS, 0, ROWS, *got["blocks"])
    return entry("timely", made, FLAGS, work, name, got, verify(got, expected))


def none(made, work):
    why = "measured for Flink only" if work == "w6" else "Timely Dataflow has no checkpoints"
    return entry("timely", made, "", work, "", note="skipped: " + why)


def runs(bench, made):
    """(work, form, what runs it and returns its entry) of the works asked for."""
    for work in bench.works:
        if work not in FORMS:
            yield work, "", functools.partial(none, made, work)
        for case in bench.chosen(FORMS.get(work, [])):
            yield work, case[0], functools.partial(one, bench, made, work, *case)
