"""served.py - a test case with a server of its own, and small jobs for it."""

import glob
import os

import oracle
import serve
import weir


def ticking(name="tick", rate=2000, **more):
    """A job without end and without output: a checkpoint every 30 ms."""
    job = {
        "name": name,
        "checkpoint": {"interval": "30ms"},
        "pipeline": [
            {"id": "rows", "type": "generator_source", "rate": rate, "fields": {"n": "i"}},
            {"id": "out", "type": "blackhole_sink"},
        ],
    }
    job.update(more)
    return job


def bounded(name="short", rows=10, **more):
    """A job that is finished as soon as it runs."""
    job = ticking(name, **more)
    job["pipeline"][0].update(rows=rows, rate=1000000)
    return job


class Case(weir.Case):
    """Its jobs count the words of in.txt into <name>-out; check() holds them to the truth."""

    def setUp(self):
        super().setUp()
        self.server = None
        self.write("in.txt", "".join("the quick brown fox %d\n" % i for i in range(400)))

    def tearDown(self):
        """Neither a server nor a job's process may have died of a bug, unseen."""
        logs = os.path.join(glob.escape(self.dir), "**", "logs", "*.log*")
        told = [p.result().err for p in self.processes if p.running() or p.args[1] == "serve"]
        for log in glob.glob(logs, recursive=True):
            with open(log, "rb") as f:
                told.append(f.read().decode("latin-1"))
        super().tearDown()
        for text in told:
            for words in ("Sanitizer", "runtime error:", "CHECK failed"):
                self.assertNotIn(words, text, text[-8000:])

    def serve(self, *args, data="data"):
        """The server on a folder, the first or the next."""
        self.server = serve.Server(self, data, *args)
        self.server.start()
        return self.server

    def ask(self, *args):
        return self.weir(*args, "--dir", self.server.data)

    def done(self, words, *args):
        """The verb must succeed, and its standard output say this."""
        said = self.ask(*args)
        self.assertEqual(said.code, 0, str(said))
        self.assertRegex(said.out, words)
        return said

    def denied(self, code, patterns, *args):
        return self.refused(code, patterns, *args, "--dir", self.server.data)

    def count_job(self, name="count", rate=None, **more):
        job = weir.word_count_job(
            self.path("in.txt"), self.path(name + "-out"), rate=rate, **more
        )
        job["name"] = name
        return job

    def check(self, name="count"):
        rows = weir.read_csv(self.path(name + "-out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def until_checkpoint(self, name, above=0):
        """Waits for a checkpoint of this job above that one; its id."""
        server = self.server
        weir.until("a checkpoint of " + name, lambda: server.newest(name) > above)
        return server.newest(name)

    def records(self, name):
        """The job's history, oldest first."""
        return self.server.get("/v1/jobs/%s/checkpoints" % name)["checkpoints"]


def descriptors(pid):
    return len(os.listdir("/proc/%d/fd" % pid))


def resident_kb(pid):
    with open("/proc/%d/status" % pid) as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1])
    raise AssertionError("no VmRSS of %d" % pid)
