"""serve.py - what a server costs: start, list, idle memory, many jobs, one killed.

Prints each figure beside what is asked for (docs/TESTING.md); figures are never judged. Exits with
1 if a run proves nothing.

    python3 bench/serve.py [idle] [catalogue] [paced] [cpu] [kill]      (all of them)
"""

import glob
import http.client
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.path.join(os.path.dirname(HERE), "build", "release")
WEIR = os.environ.get("WEIR", os.path.join(BUILD, "weir"))
FILL = os.environ.get("FILL", os.path.join(BUILD, "bench", "fill_catalogue"))
PAGE = os.sysconf("SC_PAGE_SIZE")


class Connection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("weir")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class Server:
    def __init__(self, folder):
        self.folder = folder
        self.socket = os.path.join(folder, "weir.sock")
        self.began = time.monotonic()
        self.log = open(folder + ".log", "ab")
        self.process = subprocess.Popen([WEIR, "serve", "--dir", folder], stderr=self.log)

    def ask(self, method, path, body=None):
        c = Connection(self.socket)
        c.request(method, path, body)
        answer = c.getresponse()
        text = answer.read()
        c.close()
        if answer.status >= 300:
            raise RuntimeError("%s %s: %d %s" % (method, path, answer.status, text))
        return json.loads(text)

    def answered_after(self):
        """Seconds from its start to its first answer."""
        while True:
            try:
                self.ask("GET", "/v1")
                return time.monotonic() - self.began
            except (FileNotFoundError, ConnectionRefusedError):
                if self.process.poll() is not None:
                    sys.exit("the server ended: see %s.log" % self.folder)
                time.sleep(0.0005)

    def stop(self):
        """The CPU seconds of the server and of all its jobs."""
        self.process.send_signal(signal.SIGTERM)
        _, status, usage = os.wait4(self.process.pid, 0)
        self.process.returncode = status
        if status:
            sys.exit("the server ended with %d: see %s.log" % (status, self.folder))
        return usage.ru_utime + usage.ru_stime


def say(what, asked, measured):
    print("  %-52s %-14s %s" % (what, asked, measured), flush=True)


def memory(pids):
    """(sum of RSS, sum of PSS) in bytes: PSS counts a shared page once."""
    rss = pss = 0
    for pid in pids:
        with open("/proc/%d/smaps_rollup" % pid) as f:
            for line in f:
                if line.startswith("Rss:"):
                    rss += int(line.split()[1]) * 1024
                elif line.startswith("Pss:"):
                    pss += int(line.split()[1]) * 1024
    return rss, pss


def list_ms(server, times=50):
    took = []
    for _ in range(times):
        began = time.monotonic()
        jobs = server.ask("GET", "/v1/jobs")["jobs"]
        took.append((time.monotonic() - began) * 1e3)
    return jobs, statistics.median(took), max(took)


def idle(folder):
    starts = []
    for i in range(10):
        s = Server(os.path.join(folder, "idle%d" % i))
        starts.append(s.answered_after() * 1e3)
        rss, _ = memory([s.process.pid])
        s.stop()
    took = "%.1f (%.1f) ms" % (statistics.median(starts), max(starts))
    say("idle server: start to first answer, median (worst) of 10", "< 30 ms", took)
    say("idle server: resident", "< 8 MB", "%.1f MB" % (rss / 1e6))


def catalogue(folder):
    data = os.path.join(folder, "catalogue")
    subprocess.run([FILL, data, "10000"], check=True)
    s = Server(data)
    start = s.answered_after()
    jobs, median, worst = list_ms(s, 20)
    if len(jobs) != 10000 or {j["state"] for j in jobs} != {"FINISHED"}:
        sys.exit("the catalogue is not what was written")
    began = time.monotonic()
    subprocess.run([WEIR, "list", "--dir", data], check=True, stdout=subprocess.DEVNULL)
    verb = (time.monotonic() - began) * 1e3
    rss, _ = memory([s.process.pid])
    s.stop()
    say("10,000 finished jobs: start to first answer", "< 2 s", "%.2f s" % start)
    took = "%.0f (%.0f) ms" % (median, worst)
    say("10,000 finished jobs: GET /v1/jobs, median (worst)", "< 100 ms", took)
    say("10,000 finished jobs: the whole of `weir list`", "< 100 ms", "%.0f ms" % verb)
    say("10,000 finished jobs: the server's memory", "", "%.1f MB" % (rss / 1e6))


def paced_job(name, out, interval="10s", rate=100):
    return json.dumps(
        {
            "name": name,
            "checkpoint": {"interval": interval},
            "restart": {"strategy": "fixed_delay", "initial": "1ms"},
            "pipeline": [
                {"id": "gen", "type": "generator_source", "rate": rate, "fields": {"k": "i % 100"}},
                {"id": "count", "type": "keyed_sum", "key": "k", "as": "n"},
                {"id": "out", "type": "file_sink", "path": out, "format": "csv"},
            ],
        }
    )


def paced(folder, jobs=200):
    s = Server(os.path.join(folder, "paced"))
    s.answered_after()
    for i in range(jobs):
        s.ask("POST", "/v1/jobs", paced_job("p%03d" % i, os.path.join(folder, "out%03d" % i)))
    while any(j["state"] != "RUNNING" for j in s.ask("GET", "/v1/jobs")["jobs"]):
        time.sleep(0.1)
    time.sleep(12)
    busy = cpu_ticks()
    began = time.monotonic()
    took = []
    while time.monotonic() - began < 10:
        _, median, worst = list_ms(s, 1)
        took.append(worst)
        time.sleep(0.05)
    busy = (cpu_ticks() - busy) / (time.monotonic() - began)
    found = s.ask("GET", "/v1/jobs")["jobs"]
    rss, pss = memory([j["pid"] for j in found] + [s.process.pid])
    began = time.monotonic()
    s.stop()
    stop = time.monotonic() - began
    took.sort()
    say("200 paced jobs: list, median", "< 50 ms", "%.1f ms" % statistics.median(took))
    late = "%.1f (%.1f) ms" % (took[len(took) * 99 // 100], took[-1])
    say("200 paced jobs: list, 99th of 100 (worst)", "< 50 ms", late)
    say("200 paced jobs: resident together, pages counted once", "< 2 GB", "%.2f GB" % (pss / 1e9))
    say("200 paced jobs: the sum of what each has resident", "< 2 GB", "%.2f GB" % (rss / 1e9))
    say("200 paced jobs: cores busy", "", "%.2f of %d" % (busy, os.cpu_count()))
    say("200 paced jobs: SIGTERM to the end, all checkpointed", "", "%.1f s" % stop)


def cpu_ticks():
    """Seconds all cores together were busy since boot."""
    with open("/proc/stat") as f:
        n = [int(x) for x in f.readline().split()[1:]]
    return (sum(n[:3]) + sum(n[5:7])) / os.sysconf("SC_CLK_TCK")


def cpu(folder, pairs=5):
    """CPU seconds of a word count under `weir run` and submitted, in turns."""
    source = os.path.join(folder, "in")
    os.mkdir(source)
    with open(os.path.join(source, "00.txt"), "w") as f:
        for i in range(1200000):
            f.write(" ".join("w%x" % ((i * k) % 9973) for k in range(1, 9)) + "\n")
    for i in range(1, 12):
        os.symlink("00.txt", os.path.join(source, "%02d.txt" % i))

    def job(name):
        return json.dumps(
            {
                "name": name,
                "checkpoint": {"interval": "1s"},
                "pipeline": [
                    {"id": "lines", "type": "file_source", "path": source},
                    {"id": "words", "type": "flat_map", "expr": "split(lower(line))", "as": "word"},
                    {"id": "count", "type": "keyed_sum", "key": "word", "as": "n"},
                    {"id": "out", "type": "blackhole_sink"},
                ],
            }
        )

    def run(i):
        path = os.path.join(folder, "run%d.json" % i)
        with open(path, "w") as f:
            f.write(job("run"))
        args = [WEIR, "run", path, "--dir", os.path.join(folder, "run%d" % i)]
        p = subprocess.Popen(args, stderr=subprocess.DEVNULL)
        _, status, usage = os.wait4(p.pid, 0)
        if status:
            sys.exit("weir run ended with %d" % status)
        return usage.ru_utime + usage.ru_stime

    def submit(i):
        s = Server(os.path.join(folder, "cpu%d" % i))
        s.answered_after()
        s.ask("POST", "/v1/jobs", job("j"))
        while s.ask("GET", "/v1/jobs")["jobs"][0]["state"] != "FINISHED":
            time.sleep(0.05)
        return s.stop()

    ratios, seconds = [], []
    for i in range(pairs):
        if i % 2:
            a = run(i)
            b = submit(i)
        else:
            b = submit(i)
            a = run(i)
        ratios.append(b / a)
        seconds.append(a)
    say("CPU seconds, submitted (with its server) / weir run", "0.98 .. 1.02",
        "%.3f median of %s (%.1f s each)" % (statistics.median(ratios),
        " ".join("%.3f" % r for r in sorted(ratios)), statistics.median(seconds)))


def kill(folder, times=20):
    """From SIGKILL to the `recovery` event, which is sent at the first new record."""
    s = Server(os.path.join(folder, "kill"))
    s.answered_after()
    s.ask("POST", "/v1/jobs", paced_job("k", os.path.join(folder, "kill-out"), "100ms", 1000))
    c = Connection(s.socket)
    c.request("GET", "/v1/jobs/k/events")
    stream = c.getresponse()
    took, killed = [], 0
    for _ in range(times):
        until = time.monotonic() + 0.7
        while time.monotonic() < until or s.ask("GET", "/v1/jobs/k")["state"] != "RUNNING":
            time.sleep(0.01)
        pid = s.ask("GET", "/v1/jobs/k")["pid"]
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        while stream.readline() != b"event: recovery\n":
            pass
        took.append((time.monotonic() - killed) * 1e3)
    s.stop()
    say("kill -9 of a job to its first new record, first kill", "< 50 ms", "%.0f ms" % took[0])
    rest = "%.0f (%.0f) ms" % (statistics.median(took), max(took))
    say("the same, median (worst) of %d" % times, "< 50 ms", rest)


def main():
    parts = {"idle": idle, "catalogue": catalogue, "paced": paced, "cpu": cpu, "kill": kill}
    chosen = sys.argv[1:] or list(parts)
    print("  %-52s %-14s %s" % ("", "asked", "measured"))
    for name in chosen:
        folder = tempfile.mkdtemp(prefix="weir-bench-")
        try:
            parts[name](folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
