"""weir.py - drives the binary for the end-to-end tests: start, kill, read what was committed.

The path of the binary is in WEIR (else ./weir of the tree); WEIR_SEED repeats a test's random
choices; WEIR_KEEP=1 leaves the working folders behind. Times are generous: a test fails for what
weir does, not for a slow machine. Of the file formats it knows one thing: a manifest is 64 bytes,
then JSON.
"""

import csv
import glob
import hashlib
import io
import json
import os
import random
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BINARY = os.path.abspath(os.environ.get("WEIR", os.path.join(ROOT, "weir")))
SANITIZED = bool(os.environ.get("WEIR_SANITIZE"))  # the binary is several times slower
TIMEOUT = 240 if SANITIZED else 60


def seed():
    """The seed of this run, printed so that a failure can be repeated."""
    n = int(os.environ.get("WEIR_SEED") or random.SystemRandom().randrange(1 << 32))
    print("WEIR_SEED=%d" % n, file=sys.stderr, flush=True)
    return n


class Result:
    """One run that ended: exit code (negative: the signal), standard output and error as text."""

    def __init__(self, args, code, out, err):
        self.args, self.code, self.out, self.err = args, code, out, err

    def json(self):
        return json.loads(self.out)

    def __str__(self):
        return "%s\nexit code %s\n--- stdout\n%s\n--- stderr\n%s" % (
            " ".join(self.args),
            self.code,
            self.out[-4000:],
            self.err[-8000:],
        )


class Process:
    """A weir in the background. Its output goes to files, so that no full pipe stops it."""

    def __init__(self, args, cwd, stdout=None):
        self.args = [BINARY, *args]
        self.out = tempfile.TemporaryFile()
        self.err = tempfile.TemporaryFile()
        self.started = time.monotonic()
        self.popen = subprocess.Popen(
            self.args,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=stdout or self.out,
            stderr=self.err,
        )
        self.pid = self.popen.pid

    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        self.popen.send_signal(number)

    def kill9(self):
        """Whether it was still running when the signal was sent."""
        alive = self.running()
        self.popen.kill()
        self.popen.wait()
        return alive

    def wait(self, timeout=TIMEOUT):
        try:
            self.popen.wait(timeout)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError("still running after %d s: %s" % (timeout, self.result()))
        return self.result()

    def close(self):
        if self.running():
            self.kill9()
        self.out.close()
        self.err.close()

    def result(self):
        texts = []
        for f in (self.out, self.err):  # it may be writing: the place in the file is its own
            size = os.fstat(f.fileno()).st_size
            texts.append(os.pread(f.fileno(), size, 0).decode("latin-1"))
        return Result(self.args, self.popen.returncode, *texts)


class Watch:
    """Holds a rolling sink to its promise: a committed file never changes and never vanishes."""

    def __init__(self, folder):
        self.folder, self.seen = folder, {}

    def look(self):
        now = {}
        for path in committed(self.folder):
            with open(path, "rb") as f:
                now[os.path.basename(path)] = hashlib.sha256(f.read()).hexdigest()
        for name, digest in self.seen.items():
            if name not in now:
                raise AssertionError("the committed file %s vanished" % name)
            if now[name] != digest:
                raise AssertionError("the committed file %s changed" % name)
        self.seen = now


def committed(folder, ext="*"):
    """The committed files of a rolling file_sink, oldest checkpoint first."""
    return sorted(glob.glob(os.path.join(glob.escape(folder), "part-*." + ext)))


def read_csv(folder, header):
    """The rows (tuples of text) of all committed csv files; each must begin with the header."""
    csv.field_size_limit(1 << 30)  # Python's own limit is 128 KiB; a record may be longer
    rows = []
    for path in committed(folder, "csv"):
        with open(path, "rb") as f:
            text = f.read().decode("latin-1")
        if not text.endswith("\n"):
            raise AssertionError("%s is committed but its last line is torn" % path)
        found = csv.reader(io.StringIO(text, newline=""), strict=True)
        if next(found, None) != list(header):
            raise AssertionError("%s does not begin with %s" % (path, header))
        rows.extend(map(tuple, found))
    return rows


def read_text(folder):
    """The lines of all committed text files."""
    found = []
    for path in committed(folder, "*"):
        with open(path, "rb") as f:
            text = f.read().decode("latin-1")
        if not text.endswith("\n"):
            raise AssertionError("%s is committed but its last line is torn" % path)
        found.extend(text[:-1].split("\n"))
    return found


def slots(folder):
    """The manifest log's slots, oldest first: paths."""
    found = glob.glob(os.path.join(glob.escape(folder), "manifest", "*"))
    return sorted(p for p in found if re.fullmatch("[0-9]{20}", os.path.basename(p)))


def manifests(folder):
    """The bodies of the checkpoints in the log, oldest first, each with its path as "path"."""
    found = []
    for path in slots(folder):
        try:
            with open(path, "rb") as f:
                body = json.loads(f.read()[64:])
        except FileNotFoundError:  # retired meanwhile
            continue
        if body["is"] == "checkpoint":
            found.append(dict(body, path=path))
    return found


def restore_bytes(manifest):
    """What a restore of this checkpoint has to read: all runs and sections it names."""
    runs = [
        run for op in manifest["ops"] for state in op.get("keyed", []) for run in state["chain"]
    ]
    runs += [section for op in manifest["ops"] for section in op.get("sections", [])]
    return sum(run["bytes"] if "bytes" in run else len(run["data"]) * 3 // 4 for run in runs)


def disk_bytes(folder):
    """What lies below a folder, in bytes."""
    total = 0
    for where, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(where, name)).st_size
            except FileNotFoundError:  # swept meanwhile
                pass
    return total


def until(what, condition, timeout=TIMEOUT):
    """Waits until condition() is true."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("waited %d s for %s" % (timeout, what))
        time.sleep(0.003)


def some_moment(rng, most, least=0):
    """A random time passes, so that a kill comes at any moment: nothing is waited for by it, and
    what is tested holds whatever happens meanwhile. Seconds."""
    time.sleep(rng.uniform(least, most))


def pause(seconds):
    """Where time is what is tested: an attacker who is slow, a process with nothing to do."""
    time.sleep(seconds)


def read_while_it_runs(process, fd):
    """What a process writes into a pipe until it has ended."""
    found, end = b"", time.monotonic() + TIMEOUT
    while process.running():
        if select.select([fd], [], [], 0.05)[0]:
            found += os.read(fd, 65536)
        if time.monotonic() > end:
            raise AssertionError("still running after %d s: %s" % (TIMEOUT, process.result()))
    while select.select([fd], [], [], 0)[0] and (more := os.read(fd, 65536)):
        found += more
    return found


def text(rng, path, words, per_line=8, vocabulary=300):
    """Writes a text whose words are of very unequal frequency."""
    with open(path, "w") as f:
        while words > 0:
            n = min(words, per_line)
            f.write(" ".join("w%x" % int(vocabulary * rng.random() ** 3) for _ in range(n)) + "\n")
            words -= n


def word_count_job(source, sink, **more):
    """The job of examples/word-count.json with paths of one's own.

    Keywords: parallelism, interval, rate, emit; others go to the top level of the job."""
    lines = {"id": "lines", "type": "file_source", "path": source}
    if more.get("rate"):
        lines["rate"] = more["rate"]
    count = {"id": "count", "type": "keyed_sum", "key": "word", "value": "1", "as": "n"}
    if more.get("emit"):
        count["emit"] = more["emit"]
    job = {
        "name": "word-count",
        "parallelism": more.get("parallelism", 1),
        "checkpoint": {"interval": more.get("interval", "30ms")},
        "pipeline": [
            lines,
            {"id": "words", "type": "flat_map", "expr": "split(lower(line))", "as": "word"},
            count,
            {"id": "out", "type": "file_sink", "path": sink, "format": "csv"},
        ],
    }
    job.update(
        (k, v) for k, v in more.items() if k not in ("rate", "emit", "interval", "parallelism")
    )
    return job


class Case(unittest.TestCase):
    """A test with a working folder of its own."""

    def setUp(self):
        self.dir = tempfile.mkdtemp(prefix="weir-")
        self.processes = []
        if not os.access(BINARY, os.X_OK):
            self.fail("no binary at %s (build it, or set WEIR)" % BINARY)

    def fresh(self):
        """Another empty working folder, for the next of several cases in one test."""
        self.tearDown()
        self.setUp()

    def tearDown(self):
        for p in self.processes:
            p.close()
        if os.environ.get("WEIR_KEEP"):
            print("kept: %s" % self.dir, file=sys.stderr)
        else:
            shutil.rmtree(self.dir, ignore_errors=True)

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, content):
        """Writes a file below the working folder; a dict or list becomes JSON."""
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if isinstance(content, (dict, list)):
            content = json.dumps(content, indent=1)
        with open(path, "wb") as f:
            f.write(content if isinstance(content, bytes) else content.encode())
        return path

    def start(self, *args, stdout=None):
        p = Process([str(a) for a in args], self.dir, stdout)
        self.processes.append(p)
        return p

    def weir(self, *args, timeout=TIMEOUT):
        """Runs a verb to its end. Whatever the exit code, it must not be a crash."""
        result = self.start(*args).wait(timeout)
        self.assert_sound(result)
        return result

    def assert_sound(self, result):
        self.assertGreaterEqual(result.code, 0, "died of a signal: %s" % result)
        self.assert_clean(result.err, result)

    def assert_clean(self, text, whose):
        """No bug of ours stands in what a process wrote."""
        found = re.search("Sanitizer|runtime error:|weir: bug:", text)
        if found:
            self.fail("%s\n%s" % (text[max(found.start() - 200, 0) :][:4000], whose))

    def ok(self, *args, timeout=TIMEOUT):
        result = self.weir(*args, timeout=timeout)
        self.assertEqual(result.code, 0, str(result))
        return result

    def refused(self, code, patterns, *args, timeout=TIMEOUT):
        """The verb must end with the code (or one of several) and say each of the patterns."""
        result = self.weir(*args, timeout=timeout)
        codes = code if isinstance(code, tuple) else (code,)
        self.assertIn(result.code, codes, str(result))
        for pattern in patterns:
            self.assertRegex(result.err, "(?is)" + pattern, str(result))
        return result

    def report(self, path):
        with open(path) as f:
            return json.load(f)

    def checkpoints(self, folder):
        """What `weir checkpoints` knows, oldest first."""
        return self.ok("checkpoints", folder, "--json").json()["checkpoints"]

    def newest(self, folder):
        """The newest checkpoint's id, 0 if there is none yet."""
        return max([m["id"] for m in manifests(folder)], default=0)

    def until_checkpoint(self, process, folder, id):
        """Waits until a running process has published checkpoint `id` or a later one."""

        def there():
            if not process.running():
                raise AssertionError("ended before checkpoint %d: %s" % (id, process.result()))
            return self.newest(folder) >= id

        until("checkpoint %d in %s" % (id, folder), there)


SIGTERM, SIGINT = signal.SIGTERM, signal.SIGINT
