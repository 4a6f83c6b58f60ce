"""peer_timely.py - Timely Dataflow: the word count with String and with inline keys, the keyed sum.

Built by cargo in a copy under build/peers, with target-cpu=native; the memory allocator is asked
for huge pages, as weir asks for them for its tables. No checkpoints: Timely has none.
"""

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


def runs(bench, made):
    """An entry for each form of the works asked for."""
    env = dict(os.environ, GLIBC_TUNABLES=TUNABLES)
    for work in bench.works:
        if work not in FORMS:
            yield entry("timely", made, "", work, "",
                        note="skipped: Timely Dataflow has no checkpoints" if work != "w6" else
                        "skipped: measured for Flink only")
        for name, form, workers in bench.chosen(FORMS.get(work, [])):
            args = [PROGRAM, "work=" + work, "form=" + form, "workers=%d" % workers,
                    "seconds=%d" % bench.seconds, "warm=%d" % min(WARM_S, bench.seconds), "keys=%d" % KEYS,
                    "text=" + (bench.text if work == "w1" else "")]
            got = answer(args, bench.seconds + WARM_S + 60, env=env)
            expected = oracle("w1", bench.text, *got["blocks"]) if work == "w1" else \
                oracle("w2", KEYS, 0, ROWS, *got["blocks"])
            yield entry("timely", made, FLAGS, work, name, got, verify(got, expected))
