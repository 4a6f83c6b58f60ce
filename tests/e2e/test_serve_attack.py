"""Sequences that broke a server once: a process that hangs while many ask, a
standard error that nobody reads, logs that are no files, signals that come twice, a thousand
actions in the place of one, a stop while the directory is somebody else's."""

import contextlib
import fcntl
import json
import os
import signal
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import weir


@contextlib.contextmanager
def hanging(pid):
    """A process that does nothing meanwhile; it may die of it."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        serve.kill(pid, signal.SIGCONT)


def full_pipe():
    """Both ends of a pipe into which one line fits, and then no more."""
    r, w = os.pipe()
    fcntl.fcntl(w, fcntl.F_SETPIPE_SZ, 8192)
    os.write(w, b"x" * 4096)
    return r, w


class Hung(served.Case):
    def setUp(self):
        super().setUp()
        self.serve()
        self.server.submit(served.ticking())
        self.server.until_state("tick", "RUNNING")
        self.pid = self.server.pid("tick")

    def ask_for_checkpoint(self, headers=None):
        c = serve.Connection(self.server.socket)
        self.addCleanup(c.close)
        c.request("POST", "/v1/jobs/tick/checkpoint", headers=headers or {})
        return c.getresponse()

    def test_who_shows_a_job_that_hangs_does_not_wait_for_those_who_ask_after(self):
        with hanging(self.pid):
            first = serve.Connection(self.server.socket)
            self.addCleanup(first.close)
            first.request("GET", "/v1/jobs/tick")
            answered = []

            def ask_again():
                c = serve.Connection(self.server.socket)
                self.addCleanup(c.close)
                c.request("GET", "/v1/jobs/tick")
                first.sock.settimeout(0.1)
                with contextlib.suppress(TimeoutError):
                    answered.append(first.sock.recv(12))
                return answered

            weir.until("an answer to the first", ask_again, 10)
        self.assertEqual(answered, [b"HTTP/1.1 200"])

    def test_a_checkpoint_of_a_job_that_dies_is_answered_after_a_thousand_other_actions(self):
        with hanging(self.pid):
            response = self.ask_for_checkpoint({"Accept": "text/event-stream"})
            self.server.submit(served.bounded("done"))
            self.server.until_state("done", "FINISHED")
            for _ in range(1100):  # cancelling what is over is over at once
                self.server.act("done", "cancel")
            serve.kill(self.pid)
            stream = serve.Stream(None, response)
            action = [data for _, event, data in stream if event == "action"][-1]
        self.assertEqual(action["job"], "tick")
        self.assertEqual((action["kind"], action["state"]), ("checkpoint", "failed"))

    def test_checkpoints_that_a_job_does_not_take_are_not_heaped_up(self):
        with hanging(self.pid):
            codes = [self.ask_for_checkpoint().status for _ in range(20)]
        self.assertEqual(codes, [202] * 16 + [503] * 4)


class Unread(served.Case):
    def test_a_standard_error_that_nobody_reads_stops_nothing(self):
        r, w = full_pipe()
        self.addCleanup(os.close, r)
        data = self.path("data")
        p = subprocess.Popen([weir.BINARY, "serve", "--dir", data], stderr=w)
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        os.close(w)
        server = serve.Server(self)

        def answers():
            with contextlib.suppress(*serve.Gone):
                return server.call("GET", "/v1").status == 200

        weir.until("a server that answers", answers)
        for i in range(150):  # each is a line
            server.submit(served.bounded("b%d" % i))
        self.assertEqual(len(server.jobs()), 150)
        os.read(r, 65536)
        server.submit(served.bounded("last"))
        self.assertRegex(os.read(r, 65536), rb"lines were left out: nobody read them")


class Logs(served.Case):
    def test_a_log_that_is_no_file_is_left_alone_and_named(self):
        server = self.serve()
        precious = self.write("precious", "precious\n")
        os.symlink(precious, self.path("data/logs/linked.log"))
        os.mkfifo(self.path("data/logs/piped.log"))
        for name in ("linked", "piped"):
            server.submit(served.ticking(name))
            server.until_state(name, "FAILED")
            self.assertRegex(server.job(name)["error"], "is not a regular file: move it away")
            self.assertEqual(server.call("GET", "/v1/jobs/%s/log" % name).body, b"")
        with open(precious) as f:
            self.assertEqual(f.read(), "precious\n")
        for name in ("linked", "piped"):
            os.unlink(self.path("data/logs/%s.log" % name))
        server.act("linked", "restart")


class Signals(served.Case):
    def test_a_signal_that_a_wrapper_passes_on_twice_is_one(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        for number in (signal.SIGTERM, signal.SIGINT):
            server.process.signal(number)
        result = server.process.wait()
        self.assertEqual(result.code, 0, str(result))

    def test_a_restart_that_is_being_read_when_the_server_stops_starts_nothing(self):
        server = self.serve()
        names = ["t%d" % i for i in range(30)]
        for name in names:
            server.submit(served.ticking(name, rate=10))
        for name in names:
            server.until_state(name, "RUNNING")
            server.act_begin(name, "stop")
        for name in names:
            server.until_state(name, "STOPPED")
        server.stop()
        server = self.serve("--config", self.write("c.json", {"limits": {"stop": "5m"}}))
        clients = [serve.Connection(server.socket) for _ in names]
        for c in clients:
            c.connect()
        for i, name in enumerate(names):
            try:
                clients[i].request("POST", "/v1/jobs/%s/restart" % name)
            except OSError:  # it has stopped already
                self.assertGreater(i, len(names) // 2)
            if i == len(names) // 2:
                server.process.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait().code, 0)
        server.until_empty()
        for c in clients:
            c.close()


class Directory(served.Case):
    def test_a_stop_does_not_wait_for_who_has_the_directory(self):
        server = self.serve()
        job = served.ticking(limits={"stop": "5m"})
        run = self.start("run", self.write("job.json", job), "--dir", server.folder("tick"))
        self.until_checkpoint_of(run, server.folder("tick"))
        server.submit(job)
        weir.until("its process", lambda: server.pid("tick"))
        self.assertEqual(server.state("tick"), "STARTING")
        server.act("tick", "stop")
        self.assertEqual(server.state("tick"), "STOPPED")

    def until_checkpoint_of(self, process, folder):
        super(served.Case, self).until_checkpoint(process, folder, 1)


if __name__ == "__main__":
    unittest.main()
