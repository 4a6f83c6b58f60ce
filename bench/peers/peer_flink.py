"""peer_flink.py - Apache Flink in an embedded MiniCluster, in its best form.

Object reuse; a KeyedProcessFunction that changes its ValueState's value in place; a source that
emits many records a call; exactly-once, aligned checkpoints to a local folder, incremental with
RocksDB. Built by maven.
"""

import functools
import glob
import os
import shutil
import statistics
import tempfile

from common import BUILD, HERE, Missing, answer, entry, newer, oracle, shell, sources, verify

FOLDER = os.path.join(HERE, "flink")
TARGET = os.path.join(BUILD, "flink")
STAMP = os.path.join(TARGET, "built")
JVM = ["-Xms4g", "-Xmx8g"]  # with G1: ParallelGC and huge pages were slower
OPENS = ["--add-opens=java.base/%s=ALL-UNNAMED" % p
         for p in ("java.lang", "java.util", "java.time", "java.nio", "sun.nio.ch")]
ROWS = 1 << 16  # of a block: Feeds.java
KEYS = 1000000
WARM_S = 6  # at most: a quick look has a short one
BACKENDS = ("hashmap", "rocksdb")
W6 = {"interval": 100, "keys": 100000, "rate": 100000}
MORE = ("checkpoints", "latency_us", "latency_since_made_us")


def set_up(bench):
    java = shutil.which("java")
    if not java or not shutil.which("mvn"):
        raise Missing("no java or no mvn here (Debian: openjdk-17-jdk-headless, maven)")
    if not newer(STAMP, sources(FOLDER)):
        bench.say("flink: building with maven (the first time some minutes)")
        shell(["mvn", "-q", "-B", "compile", "-Dpeer.out=" + TARGET], "mvn compile failed",
              cwd=FOLDER)
        with open(STAMP, "w"):
            pass
    jars = glob.glob(os.path.join(TARGET, "lib", "flink-runtime-*.jar"))
    return os.path.basename(jars[0])[len("flink-runtime-"):-len(".jar")]


def cases(work):
    """(form, options, note) of each run of a work."""
    if work in ("w1", "w2"):
        for backend in BACKENDS:
            for n in (1, 2):
                yield "%s, parallelism %d" % (backend, n), {"backend": backend, "parallelism": n}
        yield "hashmap, parallelism 1, all in one task", {"fused": 1}
    if work == "w3":
        for backend in BACKENDS:
            yield ("%s, 10,000,000 keys, 100,000 hot" % backend,
                   {"backend": backend, "keys": 10000000, "hot": 100000})
    if work == "w5":
        for ms in (1000, 100, 0):
            yield ("hashmap, W2, %s" % ("a checkpoint each %d ms" % ms if ms else "no checkpoints"),
                   {"interval": ms})
    if work == "w6":
        yield "hashmap, flushes each 100 ms (the default)", {"flush": 100, **W6}
        yield "hashmap, flushes every record", {"flush": 0, **W6}


def run(bench, work, options):
    """What bench.Peer says of one run."""
    options = {"backend": "hashmap", "parallelism": 1, "interval": 1000, "keys": KEYS, **options}
    options.update(work="w2" if work in ("w3", "w5") else work, seconds=bench.seconds,
                   warm=min(WARM_S, bench.seconds), text=bench.text if work == "w1" else "")
    folder = tempfile.mkdtemp(prefix="checkpoints-", dir=TARGET)
    options["dir"] = folder
    args = ["java", *JVM, *OPENS, "-cp", "%s:%s" % (os.path.join(TARGET, "classes"),
                                                    os.path.join(TARGET, "lib", "*"))]
    args += ["bench.Peer", *["%s=%s" % o for o in options.items()]]
    try:
        got = answer(args, 600)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    expected = oracle("w1", bench.text, *got["blocks"]) if work == "w1" else \
        oracle("w2", options["keys"], options.get("hot", 0), ROWS, *got["blocks"])
    return got, verify(got, expected)


def note(got):
    """What its checkpoints were, and its latencies."""
    said, c = [], got["checkpoints"]
    if c["completed"]:
        said.append("%d checkpoints, %.1f MB and %d ms each (median; most %.1f MB, %d ms)" % (
            c["completed"], statistics.median(c["bytes"]) / 1e6, statistics.median(c["ms"]),
            max(c["bytes"]) / 1e6, max(c["ms"])))
    if c["failed"]:
        said.append("%d checkpoints FAILED" % c["failed"])
    for name, since in (("latency_us", "due"), ("latency_since_made_us", "made")):
        if name in got:
            said.append("since a record was %s p50 %.2f ms, p99 %.1f, p99.9 %.1f, max %.1f" % (
                (since,) + tuple(got[name][q] / 1e3 for q in ("p50", "p99", "p999", "max"))))
    said.append("first record %.1f s after launch" % got["first_s"])
    return "; ".join(said)


def one(bench, made, work, form, options):
    flags = " ".join(JVM) + "; object reuse, exactly-once, aligned"
    got, check = run(bench, work, options)
    more = {k: got[k] for k in MORE if k in got}
    return entry("flink", made, flags, work, form, got, check, note(got), **more)


def runs(bench, made):
    """(work, form, what runs it and returns its entry) of the works asked for."""
    for work in bench.works:
        for form, options in bench.chosen(cases(work)):
            yield work, form, functools.partial(one, bench, made, work, form, options)
