"""What a server tells while something happens: event streams, actions that are followed to their
end, logs that rotate under who follows them. Asked with curl where a person would."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import weir

LOG_MAX = 4 << 20


def events_of(text):
    """The events of a stream's text: (id, event, data)."""
    found = []
    for block in text.split("\n\n"):
        fields = dict(
            line.split(": ", 1) for line in block.split("\n") if line and line[0] != ":"
        )
        if fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


class Watch(served.Case):
    def curl(self, *args):
        """curl in the background; its output in a file."""
        out = tempfile.TemporaryFile()
        self.addCleanup(out.close)
        command = ["curl", "-sS", "--unix-socket", self.server.socket, "-N", *args]
        popen = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        self.addCleanup(lambda: (popen.kill(), popen.wait()))

        def told():
            # It may be writing: the place in the file is its own, and so is half an event.
            size = os.fstat(out.fileno()).st_size
            whole, end, _ = os.pread(out.fileno(), size, 0).rpartition(b"\n\n")
            return events_of((whole + end).decode())

        return popen, told

    def until_told(self, told, what):
        """Waits until an event is so; its place among those told."""
        at = []

        def there():
            at[:] = [i for i, one in enumerate(told()) if what(one)][:1]
            return at

        weir.until("an event; there were %s" % [(n, e) for n, e, _ in told()[-5:]], there)
        return at[0]


class Events(Watch):
    def test_a_stream_tells_a_jobs_life_in_order(self):
        server = self.serve()
        server.submit(self.count_job(rate=80))
        server.until_state("count", "RUNNING")
        curl, told = self.curl("http://weir/v1/jobs/count/events")
        self.until_told(told, lambda e: e[1] == "job")
        self.until_told(told, lambda e: e[1] == "checkpoint")
        serve.kill(server.pid("count"))
        self.until_told(told, lambda e: e[1] == "recovery" and "RECOVERED count" in e[2]["lines"])
        self.until_told(told, lambda e: e[1] == "job" and "facts" in e[2])
        action = server.act("count", "stop")
        self.until_told(told, lambda e: e[1] == "action" and e[2]["id"] == action["id"])
        server.act("count", "remove")
        curl.wait(weir.TIMEOUT)  # nothing comes after a removal
        events = told()
        self.assertEqual(events[0][1], "job")
        self.assertEqual(events[-1][1:], ("removed", {}))
        ids = [id for id, _, _ in events]
        self.assertEqual(ids, sorted(set(ids)))
        states = [data["state"] for _, event, data in events if event == "job"]
        changes = [s for i, s in enumerate(states) if not i or states[i - 1] != s]
        changes = [s for s in changes if s != "STARTING"]
        self.assertEqual(changes[-4:], ["STOPPING", "STOPPED", "REMOVING", "REMOVED"])
        self.assertEqual(set(changes[:-4]), {"RUNNING"})
        taken = [data["id"] for _, event, data in events if event == "checkpoint"]
        self.assertEqual(taken, sorted(set(taken)))
        self.assertEqual(taken[-1], action["checkpoint"])

    def test_an_action_is_followed_to_its_end_and_no_further(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        last = 0
        for verb in ("checkpoint", "rescale", "restart", "stop", "restart", "cancel", "remove"):
            target = "http://weir/v1/jobs/tick/%s" % verb
            if verb == "rescale":
                target += "?parallelism=2"
            curl, told = self.curl("-X", "POST", "-H", "Accept: text/event-stream", target)
            self.assertEqual(curl.wait(weir.TIMEOUT), 0)
            events = told()
            id, event, action = events[-1]
            self.assertEqual((event, action["kind"]), ("action", verb), events)
            self.assertEqual(action["state"], "done", action)
            self.assertEqual([e for _, e, _ in events].count("action"), 1)
            self.assertEqual(events[0][1], "job")
            self.assertGreater(events[0][0], last)
            last = id
            if verb in ("checkpoint", "stop"):
                self.assertIn(
                    action["checkpoint"],
                    [data["id"] for _, e, data in events if e == "checkpoint"],
                )
        self.assertEqual(server.jobs(), {})

    def test_a_refusal_is_no_stream(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        stream = {"Accept": "text/event-stream"}
        answer = server.call("POST", "/v1/jobs/tick/remove", headers=stream)
        self.assertEqual((answer.status, answer.json()["code"]), (409, "E_REFUSED"))
        answer = server.call("POST", "/v1/jobs/nobody/stop", headers=stream)
        self.assertEqual((answer.status, answer.json()["code"]), (404, "E_NOT_FOUND"))

    def test_many_watch_the_same_job_and_all_see_its_end(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        streams, ends = [server.events("tick") for _ in range(50)], []

        def watch(stream):
            seen = [(id, event) for id, event, _ in stream]
            ends.append(seen)

        threads = [threading.Thread(target=watch, args=(one,)) for one in streams]
        for thread in threads:
            thread.start()
        for one in range(3):
            server.act("tick", "checkpoint")
        server.act("tick", "stop")
        server.act("tick", "remove")
        for thread, stream in zip(threads, streams):
            thread.join(weir.TIMEOUT)
            self.assertFalse(thread.is_alive())
            stream.close()
        for seen in ends:
            self.assertEqual(seen[-1][1], "removed")
            self.assertEqual([event for _, event in seen].count("action"), 5)
        self.assertEqual(len(ends), 50)

    def test_a_server_that_stops_ends_the_streams_in_order(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        curl, told = self.curl("http://weir/v1/jobs/tick/events")
        self.until_told(told, lambda e: e[1] == "job")
        server.stop()
        curl.wait(weir.TIMEOUT)
        events = told()
        self.assertNotIn("action", [event for _, event, _ in events])
        states = [data["state"] for _, event, data in events if event == "job"]
        self.assertEqual(states[-1], "STOPPED")
        exits = [data["exit"] for _, event, data in events if event == "job"]
        self.assertEqual(set(exits), {None})  # it goes on with the next server


class Logs(Watch):
    def chatty(self, rows):
        """Prints its rows: 100 bytes each."""
        job = served.ticking("chatty", rate=10000000)
        job["pipeline"][0].update(rows=rows, fields={"n": "i"})
        job["pipeline"][1] = {"id": "out", "type": "print_sink", "prefix": "x" * 90 + " "}
        return job

    def test_a_log_rotates_and_who_follows_it_misses_nothing(self):
        rows = 150000
        server = self.serve()
        job = self.count_job("chatty")
        job["pipeline"] = [
            {"id": "lines", "type": "file_source", "path": self.path("rows.txt"), "rate": 120000},
            {"id": "out", "type": "print_sink", "prefix": "x" * 90 + " "},
        ]
        self.write("rows.txt", "".join("%d\n" % i for i in range(rows)))
        server.submit(job)
        with open(self.path("followed"), "wb") as to:
            args = ("logs", "chatty", "-f", "-n", "1000000", "--dir", server.data)
            following = self.start(*args, stdout=to)
        log = self.path("data", "logs", "chatty.log")
        largest = [0]

        def finished():
            for path in (log, log + ".1"):
                try:
                    largest[0] = max(largest[0], os.stat(path).st_size)
                except FileNotFoundError:
                    pass
            return server.state("chatty") == "FINISHED"

        weir.until("its end", finished)
        self.assertTrue(os.path.exists(log + ".1"))
        logs = sorted(os.listdir(self.path("data", "logs")))
        self.assertEqual(logs, ["chatty.log", "chatty.log.1"])
        # A burst that is written at once may pass the bound before it is looked at.
        self.assertLess(largest[0], LOG_MAX + (2 << 20))
        print("the largest log: %d bytes" % largest[0], file=sys.stderr)

        def followed():
            with open(self.path("followed"), "rb") as f:
                return f.read()

        weir.until("the last line", lambda: b"FINISHED chatty" in followed())
        seen = [
            int(line[91:]) for line in followed().split(b"\n") if line[:91] == b"x" * 90 + b" "
        ]
        self.assertEqual(len(seen), len(set(seen)))
        first = seen[0]
        missed = [(a, b) for a, b in zip(seen, seen[1:] + [rows]) if b != a + 1]
        self.assertEqual(missed, [], "rows between which some were missed, or came late")
        self.assertTrue(following.running())
        server.act("chatty", "remove")
        self.assertEqual(following.wait().code, 0, str(following.result()))
        self.assertEqual(os.listdir(self.path("data", "logs")), [])

    def test_the_tail_is_what_was_asked_for(self):
        server = self.serve()
        job = self.chatty(1000)
        server.submit(job)
        server.until_state("chatty", "FINISHED")
        with open(self.path("data", "logs", "chatty.log")) as f:
            lines = f.read().splitlines()
        self.assertGreater(len(lines), 1000)
        for n in (0, 1, 7, 100, 5000):
            said = self.ask("logs", "chatty", "-n", str(n))
            self.assertEqual(said.out.splitlines(), lines[-n:] if n else [])
        self.assertEqual(self.ask("logs", "chatty").out.splitlines(), lines[-100:])
        # Over a rotation's border.
        os.rename(
            self.path("data", "logs", "chatty.log"), self.path("data", "logs", "chatty.log.1")
        )
        self.write("data/logs/chatty.log", "\n".join(lines[-5:]) + "\n")
        said = self.ask("logs", "chatty", "-n", "8")
        self.assertEqual(said.out.splitlines(), lines[-3:] + lines[-5:])

    def test_a_log_of_one_line_without_end_is_bounded(self):
        server = self.serve()
        server.submit(served.bounded())
        server.until_state("short", "FINISHED")
        with open(self.path("data", "logs", "short.log"), "wb") as f:
            f.write(b"y" * (3 << 20))
        said = self.ask("logs", "short", "-n", "1")
        self.assertEqual(said.code, 0, str(said))
        self.assertLessEqual(len(said.out), 1 << 20)
        self.assertEqual(set(said.out), {"y"})
        os.unlink(self.path("data", "logs", "short.log"))
        self.assertEqual(self.ask("logs", "short").code, 0)
        os.symlink("/etc/passwd", self.path("data", "logs", "short.log"))
        self.assertNotIn("root", self.ask("logs", "short").out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
