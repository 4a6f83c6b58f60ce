"""common.py - what the peers share: how a program is run and measured, and what it must answer.

Everything built or installed lives under build/peers; nothing of it is committed.
"""

import json
import os
import subprocess
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, "build", "peers")
WORDS = 22000000  # of the text


class Missing(Exception):
    """A peer cannot be had here; says why. It is skipped by name."""


class Wrong(Exception):
    """A peer ran and its answer, or it, is broken: nothing it says counts."""


class Bench:
    """What a run was asked for, and the way to people (stderr)."""

    def __init__(self, works, form, seconds, text, say):
        self.works = works
        self.form = form
        self.seconds = max(1, round(seconds))
        self.text = text
        self.say = say

    def chosen(self, cases):
        """The cases, tuples of a form's name and more, that were asked for."""
        return [c for c in cases if self.form in c[0]]


def shell(args, why, **more):
    """Runs a command of a set-up; Missing(why) if it fails."""
    try:
        r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                           **more)
    except OSError as e:
        raise Missing("%s: %s" % (why, e))
    if r.returncode:
        raise Missing("%s: %s" % (why, r.stdout.strip()[-600:]))
    return r.stdout


def answer(args, timeout, **more):
    """Runs a peer's program, which prints one line of JSON last; Wrong if it does not."""
    try:
        r = subprocess.run(args, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                           timeout=timeout, **more)
    except subprocess.TimeoutExpired:
        raise Wrong("no end after %d s" % timeout)
    if r.returncode:
        raise Wrong("exit code %d: %s" % (r.returncode, r.stderr.strip()[-600:]))
    return json.loads(r.stdout.strip().split("\n")[-1])


def compiled(source, *more):
    """A small program of C, compiled if its source is newer than it."""
    name = os.path.splitext(os.path.basename(source))[0]
    program = os.path.join(BUILD, name)
    if not os.path.exists(program) or os.path.getmtime(program) < os.path.getmtime(source):
        os.makedirs(BUILD, exist_ok=True)
        subprocess.run([os.environ.get("CC", "cc"), "-O2", "-o", program + ".new", source, *more],
                       check=True)
        os.rename(program + ".new", program)
    return program


def text(path):
    """The text of the word count, which is made once."""
    path = path or os.path.join(ROOT, "build", "bench-text-7-%d.txt" % WORDS)
    if not os.path.exists(path):
        args = ["--seed", "7", "--words", str(WORDS), "--per-line", "10"]
        args += ["--vocabulary", "100000", "--zipf", "1.0"]
        textgen = compiled(os.path.join(ROOT, "bench", "textgen.c"), "-lm")
        with open(path + ".new", "wb") as f:
            subprocess.run([textgen, *args], stdout=f, check=True)
        os.rename(path + ".new", path)
    return os.path.abspath(path)


def oracle(*args):
    program = compiled(os.path.join(HERE, "oracle.c"))
    return answer([program, *[str(a) for a in args]], 300)


def verify(got, expected):
    """Compares what a program said with the oracle; the name of what was compared."""
    if got["total"] != expected["records"]:
        raise Wrong("%d records, not %d" % (got["total"], expected["records"]))
    if expected["checksum"]:
        if got["checksum"] != expected["checksum"]:
            raise Wrong("the checksum of the updates is %s, not %s"
                        % (got["checksum"], expected["checksum"]))
        return "every update (record_checksum.h)"
    if got["state_checksum"] != expected["state_checksum"]:
        raise Wrong("the checksum of the state is %s, not %s"
                    % (got["state_checksum"], expected["state_checksum"]))
    return "the last sum of each key: two sources, so the updates' order is not one"


def entry(peer, version, flags, work, form, got=None, check="", note="", **more):
    """One object of the list that run.py prints."""
    found = {"peer": peer, "version": version, "flags": flags, "work": work, "form": form}
    if got:
        found.update(records=got["records"], seconds=got["seconds"],
                     records_per_s=got["records"] / got["seconds"], cpu_s=got["cpu_s"],
                     peak_rss_bytes=got["peak_rss_bytes"])
        for name in ("total", "checksum"):
            if name in got:
                found[name] = got[name]
        found["check"] = check
    found["note"] = note
    found.update(more)
    return found


def show(e):
    """An entry for people."""
    if not e.get("records_per_s"):
        return "%s %s %s: %s" % (e["peer"], e["work"], e["form"], e["note"])
    return "%s %s %s: %.2f M/s, %.0f ns of CPU each, %.0f MB%s" % (
        e["peer"], e["work"], e["form"], e["records_per_s"] / 1e6,
        e["cpu_s"] / e["records"] * 1e9, e["peak_rss_bytes"] / 1e6,
        "; " + e["note"] if e["note"] else "")


def newer(program, sources):
    """Whether the program is there and newer than all its sources."""
    if not os.path.exists(program):
        return False
    made = os.path.getmtime(program)
    return all(os.path.getmtime(s) <= made for s in sources)


def sources(folder):
    """The files below a folder."""
    return [os.path.join(d, f) for d, _, names in os.walk(folder) for f in names]


def wait_usage(args, **more):
    """Runs a program that measures nothing itself: its output, seconds, CPU seconds, peak bytes."""
    began = time.monotonic()
    with subprocess.Popen(args, stdout=subprocess.PIPE, text=True, **more) as p:
        out = p.stdout.read()
        _, status, usage = os.wait4(p.pid, 0)
        p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise Wrong("exit code %d" % p.returncode)
    return out, {"seconds": time.monotonic() - began, "cpu_s": usage.ru_utime + usage.ru_stime,
                 "peak_rss_bytes": usage.ru_maxrss * 1024}
