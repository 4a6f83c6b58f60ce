"""runs.py - runs of weir, of the floor and of the text generator, and what each says.

A run of weir is started as a person would: a job file, `weir run --dir --report`. Its figures are
those of the report; peak memory and CPU seconds are the kernel's. `--json` gives a line for each
checkpoint and status with its time, which is how a part of a run is looked at.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
BUILD = os.environ.get("BUILD", os.path.join(ROOT, "build", "release"))
WEIR = os.environ.get("WEIR", os.path.join(BUILD, "weir"))
FLOOR = os.environ.get("FLOOR", os.path.join(BUILD, "bench", "floor"))
FILL_CHECKPOINTS = os.path.join(BUILD, "bench", "fill_checkpoints")
TEXTGEN = os.environ.get("TEXTGEN", os.path.join(BUILD, "bench", "textgen"))


class Failed(Exception):
    """A program did not do its work: the whole benchmark ends with its words."""


def wait(process):
    """Waits for the end of a process: its status, CPU seconds and peak memory in bytes.

    ru_maxrss would not do: it begins with what the process had before its exec, which is this
    interpreter's. So the kernel's high-water mark of its own memory is looked at while it runs."""
    peak = 0
    while True:
        if process.returncode is not None:  # somebody asked before
            return process.returncode, 0, peak
        try:
            with open("/proc/%d/status" % process.pid) as f:
                for line in f:
                    if line.startswith("VmHWM:"):
                        peak = int(line.split()[1]) * 1024
        except OSError:
            pass
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            process.returncode = os.waitstatus_to_exitcode(status)
            return process.returncode, usage.ru_utime + usage.ru_stime, peak
        time.sleep(0.02)


class Place:
    """A folder for job files, states and reports, removed at the end."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="weir-bench-", dir=os.environ.get("BENCH_DIR"))
        self.count = 0

    def path(self, *parts):
        return os.path.join(self.folder, *parts)

    def fresh(self, name):
        """A path that nobody has had."""
        self.count += 1
        return self.path("%03d-%s" % (self.count, name))

    def links(self, text, n):
        """A folder of n links to one text."""
        folder = self.path("in-%d-%s" % (n, os.path.basename(text)))
        if not os.path.isdir(folder):
            os.makedirs(folder)
            for i in range(n):
                os.symlink(text, os.path.join(folder, "%05d.txt" % i))
        return folder

    def drop(self, path):
        shutil.rmtree(path, ignore_errors=True)

    def close(self):
        self.drop(self.folder)


class Weir:
    """A `weir run` in the background."""

    def __init__(self, place, job, directory=None, every="0.1s"):
        self.place = place
        self.directory = directory or place.fresh(job["name"])
        self.keeps = directory is not None
        base = place.fresh("run")
        self.job, self.report_path, self.log_path = base + ".json", base + ".report", base + ".log"
        with open(self.job, "w") as f:
            json.dump(job, f)
        args = [WEIR, "run", self.job, "--dir", self.directory, "--report", self.report_path]
        args += ["--json", "--status-every", every]
        self.began_wall = time.time()
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(args, stderr=log, stdout=subprocess.DEVNULL)

    def events(self, kind=None):
        """What it said so far, oldest first."""
        found = []
        with open(self.log_path, "rb") as f:
            for line in f:
                if not line.endswith(b"\n"):
                    break
                try:
                    one = json.loads(line)
                except ValueError:
                    continue
                if "event" in one and kind in (None, one["event"]):
                    found.append(one)
        return found

    def until(self, condition, what, timeout=120):
        """Waits until condition(events) gives something, and returns it."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            found = condition(self.events())
            if found:
                return found
            if self.process.poll() is not None:
                raise Failed("weir ended before %s:\n%s" % (what, self.log()))
            time.sleep(0.01)
        self.kill()
        raise Failed("waited %d s for %s:\n%s" % (timeout, what, self.log()))

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()[-3000:]

    def kill(self):
        self.process.kill()
        self.process.wait()

    def resident(self):
        """Bytes of memory it has now, and of those huge pages."""
        found = {}
        with open("/proc/%d/smaps_rollup" % self.process.pid) as f:
            for line in f:
                name, _, rest = line.partition(":")
                if rest.strip().endswith("kB"):
                    found[name] = int(rest.split()[0]) * 1024
        return found["Rss"]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.end()

    def end(self):
        """Waits for its end: what the report says, with a few sums."""
        code, cpu_s, peak = wait(self.process)
        if code:
            raise Failed("weir ended with %d:\n%s" % (code, self.log()))
        with open(self.report_path) as f:
            said = json.load(f)
        said["events"] = self.events()
        said["records"] = sum(s["records"] for s in said["sinks"])
        said["seconds"] = said["wall_ms"] / 1e3
        said["cpu_s"] = cpu_s
        said["peak_rss_bytes"] = peak
        said["checksum"] = said["sinks"][0].get("checksum")
        if not self.keeps:
            self.place.drop(self.directory)
        os.remove(self.log_path)
        return said


def weir(place, job, directory=None):
    """One run to its end."""
    return Weir(place, job, directory, every="1s").end()


def accepts(place, job):
    """Whether this weir knows all that the job says: None, or its refusal."""
    path = place.fresh("validate.json")
    with open(path, "w") as f:
        json.dump(job, f)
    r = subprocess.run([WEIR, "validate", path], capture_output=True, text=True)
    return None if r.returncode == 0 else (r.stderr + r.stdout).strip()


def floor(*args):
    """One run of the floor: what it prints."""
    args = [FLOOR, *[str(a) for a in args]]
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        code, _, peak = wait(subprocess.Popen(args, stdout=out, stderr=err))
        out.seek(0)
        err.seek(0)
        if code:
            raise Failed("%s ended with %d: %s" % (" ".join(args[:8]), code, err.read()[:300]))
        said = json.loads(out.read())
    said["peak_rss_bytes"] = peak
    return said


def text(words):
    """The path of the text of the word count, which is made once: seed 7, 10 words a line, Zipf 1.0
    over 100,000 words."""
    folder = os.path.join(ROOT, "build")
    os.makedirs(folder, exist_ok=True)
    path = os.environ.get("BENCH_TEXT") or os.path.join(folder, "bench-text-7-%d.txt" % words)
    if not os.path.exists(path):
        args = ["--seed", "7", "--words", str(words), "--per-line", "10"]
        args += ["--vocabulary", "100000", "--zipf", "1.0"]
        with open(path + ".tmp", "wb") as f:
            subprocess.run([TEXTGEN, *args], stdout=f, check=True)
        os.rename(path + ".tmp", path)
    with open(path, "rb") as f:  # into the page cache: no run is to be the one that reads the disk
        while f.read(1 << 22):
            pass
    return path
