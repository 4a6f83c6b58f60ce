"""As many running jobs as one server takes: the thousandth runs, the next one is refused until
another has stopped, and a SIGTERM stops them all with their checkpoints."""

import json
import os
import resource
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import served
import weir

JOBS = 1000
THREADS = 8 * JOBS  # six a job, and some


def room():
    """What this machine lacks for so many processes, "" when it has all of it."""
    limits = [resource.getrlimit(resource.RLIMIT_NPROC)[0]] if os.geteuid() else []
    for path in ("/proc/sys/kernel/pid_max", "/proc/sys/kernel/threads-max"):
        with open(path) as f:
            limits.append(int(f.read()))
    with open("/proc/self/cgroup") as f:
        own = f.read().strip().rpartition("::")[2].lstrip("/")
    for folder in (own, "", "pids"):
        try:
            with open(os.path.join("/sys/fs/cgroup", folder, "pids.max")) as f:
                limits.append(int(f.read().strip().replace("max", "1000000")))
        except OSError:
            pass
    if min(n for n in limits if n != resource.RLIM_INFINITY) < THREADS:
        return "%d threads" % THREADS
    if resource.getrlimit(resource.RLIMIT_NOFILE)[1] < 4 * JOBS:
        return "%d descriptors" % (4 * JOBS)
    with open("/proc/meminfo") as f:
        memory = {line.split(":")[0]: int(line.split()[1]) for line in f}
    return "4 GB of memory" if memory["MemAvailable"] < 4000000 else ""


def job(name):
    return {
        "name": name,
        "pipeline": [
            {"id": "rows", "type": "generator_source", "rate": 1, "fields": {"k": "i"}},
            {"id": "out", "type": "blackhole_sink"},
        ],
    }


class Thousand(served.Case):
    def test_a_thousand_jobs_run_and_the_next_is_refused(self):
        if weir.SANITIZED:
            self.skipTest("a thousand processes under a sanitizer")
        if room():
            self.skipTest("this machine has no room: " + room())
        server = self.serve()
        for i in range(JOBS):
            server.submit(job("t%04d" % i))
        answer = server.call("POST", "/v1/jobs", json.dumps(job("extra")))
        self.assertEqual(answer.status, 503, str(answer))
        self.assertEqual(answer.json()["code"], "E_LIMIT")
        self.assertIn("1000 jobs run already", answer.json()["message"])
        self.assertNotIn("extra", server.jobs())

        def run():
            return all(j["state"] == "RUNNING" for j in server.jobs().values())

        weir.until("a thousand jobs to run", run)
        self.assertEqual(len(server.jobs()), JOBS)
        server.act("t0500", "stop")
        server.submit(job("extra"))
        server.until_state("extra", "RUNNING")
        self.assertEqual(server.call("POST", "/v1/jobs/t0500/restart").status, 503)
        began = time.monotonic()
        server.stop()
        print("stopped in %.1f s" % (time.monotonic() - began), file=sys.stderr)
        self.assertGreater(server.newest("t0999"), 1)


if __name__ == "__main__":
    unittest.main()
