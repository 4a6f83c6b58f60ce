"""Jobs and input drawn by seed against an oracle that is Python's standard library alone
(tests/lib/random_job.py), and each against itself: at parallelism 1 to 8, chained or not, in
batches of one record to 1,024, of which one to 16 stand between two tasks, with checkpoints by time
and by records, with its input cut into other files, killed with SIGKILL and restarted at other
parallelism and in other batches by each way to restore, and one checkpoint restored twice (inv 28,
30, 40). A failure prints WEIR_SEED and WEIR_CASE, and keeps the job's folder."""

import json
import os
import random
import shutil
import sys
import tempfile
from collections import Counter

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import random_job
import weir

ALL = os.environ.get("WEIR_PROOF") == "all"
SEED = int(os.environ.get("WEIR_SEED") or os.environ.get("WEIR_PROOF_SEED") or 1)
CAP = os.environ.get("WEIR_PROOF_CAP") or "1"
STATED = 600 if CAP == "none" else min(600, 100 * int(CAP))  # in a proof
JOBS = int(os.environ.get("WEIR_SEEDS") or (STATED if ALL else 40))


class Differs(Exception):
    pass


def text_of(value):
    """As csv has it."""
    if value is None:
        return ""
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)


def read_jsonl(folder, header):
    rows = []
    for path in weir.committed(folder, "jsonl"):
        with open(path, encoding="utf-8", newline="\n") as f:
            for line in f:
                record = json.loads(line)
                if list(record) != header:
                    raise Differs("%s has fields %s" % (path, list(record)))
                rows.append(tuple(text_of(v) for v in record.values()))
    return rows


class Place:
    """A folder with the job, its input, its directory and its output."""

    def __init__(self, job, rng, top):
        self.job, self.rng = job, rng
        self.dir = tempfile.mkdtemp(dir=top)
        self.sources = []
        self.runs = self.kills = 0

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write_input(self, cut):
        """Each source as one file, or its lines in their order over several."""
        for i, lines in enumerate(self.job.lines):
            name = "in%d" % i
            if not cut:
                self.write_file(name + ".txt", lines)
                self.sources.append(name + ".txt")
                continue
            os.mkdir(self.path(name))
            at = 0
            for k in range(1 + self.rng.randrange(5)):
                some = self.rng.randrange(1 + len(lines) - at)
                self.write_file(os.path.join(name, "%d.txt" % k), lines[at : at + some])
                at += some
            self.write_file(os.path.join(name, "z.txt"), lines[at:])
            self.sources.append(self.rng.choice((name, name + "/*.txt")))

    def write_file(self, name, lines):
        end = self.rng.choice((b"\n", b"\r\n"))
        last = b"" if lines and lines[-1] and self.rng.random() < 0.3 else end
        with open(self.path(name), "wb") as f:
            f.write(end.join(lines) + (last if lines else b""))

    def write_job(self, rate=0, **more):
        with open(self.path("job.json"), "w") as f:
            json.dump(self.job.json(self.sources, rate, **more), f, indent=1)

    def start(self, *args):
        self.runs += 1
        return weir.Process(["run", "job.json", "--dir", "d", *map(str, args)], self.dir)

    def run(self, *args):
        process = self.start(*args)
        result = process.wait()
        process.close()
        if result.code != 0 or "weir: bug" in result.err:
            raise Differs("exit code %d, not 0\n%s" % (result.code, result))

    def kill(self, *args):
        """SIGKILL once it has taken a checkpoint more, or some time later."""
        before = self.newest()
        process = self.start(*args)
        weir.until(
            "a checkpoint after %d" % before,
            lambda: not process.running() or self.newest() > before,
        )
        weir.some_moment(self.rng, 0.06)
        self.kills += process.kill9()
        code = process.popen.returncode
        said = process.result()
        process.close()
        if code not in (-9, 0):
            raise Differs("exit code %s before it was killed\n%s" % (code, said))

    def newest(self):
        return max([m["id"] for m in weir.manifests(self.path("d"))], default=0)

    def output(self):
        found = []
        for b in self.job.branches:
            folder = self.path("out-" + b.name)
            if b.format == "jsonl":
                rows = read_jsonl(folder, b.header())
            else:
                rows = weir.read_csv(folder, b.header())
            found.append(Counter(rows))
        return found

    def compare(self, right):
        for b, is_, must in zip(self.job.branches, self.output(), right):
            if is_ != must:
                lost, more = must - is_, is_ - must
                raise Differs("branch %s: %d rows, %d right; lost %s; too many %s" % (
                    b.name, sum(is_.values()), sum(must.values()),
                    str(lost.most_common(5))[:600], str(more.most_common(5))[:600]))


def sizes(rng):
    return {"batch_records": rng.choice((1, 7, 64, 1000, 1024)),
            "channel_batches": rng.choice((1, 2, 4, 16))}


def otherwise(rng):
    """How a job goes on: at another parallelism, with other batches."""
    args = ["--parallelism", 1 + rng.randrange(8)]
    for name, n in sizes(rng).items():
        args += ["--set", "limits.%s=%d" % (name, n)]
    return args


def settings(rng, parallelism):
    """Everything that output must not depend on."""
    checkpoint = {
        "interval": rng.choice(("10ms", "20ms", "1h")),
        "compression": rng.choice(("lz4", "none", "lz4hc")),
        "incremental": rng.random() < 0.8,
        "max_concurrent": rng.choice((1, 1, 2, 3)),
        "restore": rng.choice(("auto", "eager", "parallel", "lazy")),
    }
    if rng.random() < 0.5:
        checkpoint["trigger"] = {"records": rng.choice((1, 64, 500))}
    return {"parallelism": parallelism, "max_parallelism": rng.choice((8, 9, 128)),
            "chaining": rng.choice(("auto", "none")), "checkpoint": checkpoint,
            "limits": sizes(rng)}


def in_one_go(job, rng, top, right, parallelism, cut):
    p = Place(job, rng, top)
    p.write_input(cut)
    p.write_job(**settings(rng, parallelism))
    p.run()
    p.compare(right)
    return p


def killed(job, rng, top, right, kills):
    """By turns killed and restarted, each time at another parallelism; before the last start the
    folder is copied, and both go on from the same checkpoint."""
    p = Place(job, rng, top)
    p.write_input(rng.random() < 0.5)
    most = max(len(lines) for lines in job.lines)
    p.write_job(rate=max(200, most * 3), **settings(rng, 1 + rng.randrange(8)))
    for _ in range(kills):
        p.kill(*otherwise(rng))
    twin = Place(job, rng, top)
    shutil.rmtree(twin.dir)
    shutil.copytree(p.dir, twin.dir, ignore=shutil.ignore_patterns("*.sock"))
    for one in (p, twin):
        one.run(*otherwise(rng))
        one.compare(right)
    p.runs += twin.runs
    return p


def one_case(case):
    rng = random.Random("%d/%d" % (SEED, case))
    job = random_job.Job(rng)
    right = [Counter({tuple(map(text_of, row)): n for row, n in rows.items()})
             for rows in job.right()]
    top = tempfile.mkdtemp(prefix="weir-drawn-")
    runs = kills = 0
    try:
        for place in (
            lambda: in_one_go(job, rng, top, right, 1, False),
            lambda: in_one_go(job, rng, top, right, 2 + rng.randrange(7), rng.random() < 0.5),
            lambda: killed(job, rng, top, right, 1 + rng.randrange(3)),
        ):
            p = place()
            runs, kills = runs + p.runs, kills + p.kills
    except (Differs, AssertionError) as e:
        print("WEIR_SEED=%d WEIR_CASE=%d, kept in %s:\n%s" % (SEED, case, top, e))
        sys.exit(1)
    shutil.rmtree(top)
    return runs, kills, sum(sum(rows.values()) for rows in right)


def main():
    if os.environ.get("WEIR_CASE"):
        print("%d runs, %d kills, %d rows" % one_case(int(os.environ["WEIR_CASE"])))
        return
    runs = kills = rows = 0
    for case in range(JOBS):
        r, k, n = one_case(case)
        runs, kills, rows = runs + r, kills + k, rows + n
    for what, n in (("jobs against the oracle", JOBS), ("runs", runs), ("SIGKILLs", kills)):
        print("proof: differential, %s: %d of %d (seed %d)" % (what, n, n, SEED))
    print("%d rows a run of all" % rows)
    if kills < JOBS // 3 or rows < 100 * JOBS:  # by feel; or it does hardly anything
        sys.exit("only %d kills and %d rows in %d jobs" % (kills, rows, JOBS))


if __name__ == "__main__":
    main()
