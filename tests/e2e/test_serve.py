"""`weir serve` as such: one server a directory, its configuration, its end, what it costs while
nobody asks for anything, and what stands after a kill -9."""

import json
import os
import resource
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import weir


class OneServer(served.Case):
    def test_a_second_server_is_refused_and_told_of_the_first(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        pid = server.pid("tick")
        self.refused(5, [r"\b%d\b" % server.process.pid, "another --dir"], "serve", "--dir", "data")
        self.assertTrue(server.answers())
        self.assertEqual(server.pid("tick"), pid)

    def test_a_socket_that_was_left_behind_is_replaced_and_a_file_is_not(self):
        server = self.serve()
        server.kill9()
        self.assertTrue(os.path.exists(server.socket))
        self.serve().stop()
        self.assertFalse(os.path.exists(server.socket))
        self.write("data/weir.sock", "mine")
        self.refused(5, ["weir.sock", "not a socket"], "serve", "--dir", "data")
        with open(server.socket) as f:
            self.assertEqual(f.read(), "mine")

    def test_a_path_that_is_too_long_for_a_socket_works_for_every_verb(self):
        folder = "/".join(["d" * 60] * 4)
        self.assertGreater(len(self.path(folder)), 240)
        server = self.serve(data=folder)
        job = self.write("tick.json", served.ticking())
        self.done("submitted", "submit", job)
        server.until_state("tick", "RUNNING")
        self.done("tick +RUNNING", "list")
        self.done("tick  RUNNING", "show", "tick")
        self.done("is complete", "checkpoint", "tick")
        self.done("RUNNING", "rescale", "tick", "2")
        self.done("STOPPED", "stop", "tick")
        self.done("RUNNING", "restart", "tick")
        self.done("CANCELLED", "cancel", "tick")
        self.done("RUNNING", "logs", "tick")
        self.done("removed", "remove", "tick")
        server.stop()

    def test_somebody_else_in_a_jobs_directory_is_waited_for_and_named(self):
        server = self.serve()
        job = served.ticking(limits={"stop": "300ms"})
        path = self.write("tick.json", job)
        other = self.start("run", path, "--dir", server.folder("tick"))
        weir.until("the other one", lambda: server.newest("tick") > 0)
        server.submit(job)
        failed = server.until_state("tick", "FAILED")
        self.assertIn("%d" % other.pid, failed["error"])
        self.assertEqual(failed["exit"], 5)
        self.assertTrue(other.running())
        other.signal(signal.SIGTERM)
        self.assertEqual(other.wait().code, 0)
        self.done("RUNNING", "restart", "tick")


class Config(served.Case):
    def test_what_jobs_do_not_say_they_inherit(self):
        self.write("c.json", {"checkpoint": {"interval": "40ms"}, "limits": {"stop": "7s"}})
        server = self.serve("--config", self.path("c.json"))
        plain, own = served.ticking("plain"), served.ticking("own")
        del plain["checkpoint"]
        own["checkpoint"]["interval"] = "1h"
        server.submit(plain)
        server.submit(own)
        self.until_checkpoint("plain", above=3)
        server.until_state("own", "RUNNING")
        self.assertLessEqual(server.newest("own"), 1)
        server.stop()
        # The next server's configuration is the one that counts.
        self.write("c.json", {"checkpoint": {"interval": "1h"}})
        server = self.serve("--config", self.path("c.json"))
        server.until_state("plain", "RUNNING")
        begun = server.newest("plain")
        server.submit(served.ticking("clock"))
        self.until_checkpoint("clock", above=5)
        self.assertLessEqual(server.newest("plain"), begun + 1)

    def test_a_faulty_one_is_shown_with_line_and_caret(self):
        cases = (
            ('{\n  "checkpoint": { "intervall": "1s" }\n}', [r"c\.json:2:20", r"\^", "interval"]),
            ('{\n  "limits": { "stop": "soon" } }', [r"c\.json:2:24", r"\^"]),
            ('{ "name": "x" }', [r"c\.json:1:4", "no default for jobs"]),
            ('{ "limits": {} ', [r"c\.json:1", r"\^"]),
            ("[]", [r"c\.json:1:1"]),
        )
        for text, patterns in cases:
            with self.subTest(text):
                self.write("c.json", text)
                self.refused(2, patterns, "serve", "--dir", "data", "--config", "c.json")
        self.refused(4, ["nowhere.json"], "serve", "--dir", "data", "--config", "nowhere.json")


class TheEnd(served.Case):
    def test_sigterm_stops_everything_with_a_checkpoint_and_the_next_goes_on(self):
        server = self.serve()
        for i in range(3):
            server.submit(self.count_job("job%d" % i, rate=60))
        for i in range(3):
            self.until_checkpoint("job%d" % i, above=1)
        server.submit(served.ticking("halted"))
        server.until_state("halted", "RUNNING")
        server.act("halted", "stop")
        server.stop()
        stopped = {}
        for i in range(3):
            name = "job%d" % i
            with open(os.path.join(server.folder(name), "history.jsonl")) as f:
                last = json.loads(f.read().splitlines()[-1])
            self.assertEqual((last["kind"], last["state"]), ("stop", "completed"))
            stopped[name] = last["id"]
        server = self.serve()
        for name, id in stopped.items():
            server.until_state(name, "RUNNING", "FINISHED")
            said = lambda: server.get("/v1/jobs/%s/recoveries" % name)["recoveries"]
            weir.until("word of its recovery", said)
            # not its newest, which may be a later one by now
            self.assertEqual([r["checkpoint"] for r in said()], [id])
        self.assertEqual(server.state("halted"), "STOPPED")
        for name in stopped:
            server.submit(self.count_job(name), replace=1)
            server.until_state(name, "FINISHED")
            self.check(name)

    def test_what_does_not_stop_in_time_is_killed_and_goes_on(self):
        self.write("c.json", {"limits": {"stop": "600ms"}})
        server = self.serve("--config", self.path("c.json"))
        server.submit(self.count_job(rate=60))
        self.until_checkpoint("count", above=1)
        pid = server.pid("count")
        os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        server.process.signal(signal.SIGTERM)
        result = server.process.wait()
        took = time.monotonic() - begin
        self.assert_sound(result)
        self.assertEqual(result.code, 1, str(result))
        self.assertRegex(result.err, "not every job stopped in time")
        self.assertGreater(took, 0.5)
        server.until_empty()
        server = self.serve()
        server.until_state("count", "RUNNING")
        server.submit(self.count_job(), replace=1)
        server.until_state("count", "FINISHED")
        self.check()

    def test_a_second_signal_ends_at_once(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        os.kill(server.pid("tick"), signal.SIGSTOP)
        server.process.signal(signal.SIGTERM)
        first = time.monotonic()
        weir.until(
            "the first signal's word",
            lambda: "takes a checkpoint" in server.process.result().err,
        )
        # Asked now, it says what it does; who acts is sent to the next server.
        self.assertEqual(server.state("tick"), "STOPPING")
        answer = server.call("POST", "/v1/jobs/tick/restart")
        self.assertEqual((answer.status, answer.json()["code"]), (409, "E_REFUSED"), str(answer))
        answer = server.call("POST", "/v1/jobs", json.dumps(served.ticking("late")))
        self.assertEqual(answer.status, 409, str(answer))
        # One that comes within 100 ms counts for the first.
        weir.until("the second one's time", lambda: time.monotonic() > first + 0.2)
        server.process.signal(signal.SIGTERM)
        self.assertEqual(server.process.wait(10).code, 1)
        server.until_empty()
        self.serve().until_state("tick", "RUNNING")

    def test_after_a_kill_everything_stands_where_it_stood(self):
        server = self.serve()
        server.submit(served.bounded("finished"))
        server.until_state("finished", "FINISHED")
        for name in ("running", "stopped", "cancelled"):
            server.submit(served.ticking(name))
            server.until_state(name, "RUNNING")
        bad = served.ticking("failed")
        bad["pipeline"][0]["fields"] = {"n": "1 / i"}
        server.submit(bad)
        server.until_state("failed", "FAILED")
        server.act("stopped", "stop")
        server.act("cancelled", "cancel")
        before = server.jobs()
        for again in range(2):
            server.kill9()
            server = self.serve()
            server.until_state("running", "RUNNING")
            now = server.jobs()
            for name in ("finished", "stopped", "cancelled", "failed"):
                for key in ("state", "submitted_wall_us", "exit", "error", "file"):
                    self.assertEqual(now[name][key], before[name][key], (name, key))
                # Of the state before: when it was reached; now: when it was saved.
                apart = abs(now[name]["since_wall_us"] - before[name]["since_wall_us"])
                self.assertLess(apart, 2000000, name)
        self.assertEqual(set(server.pids()), {"running"})


class Shortage(served.Case):
    def test_without_descriptors_it_refuses_and_goes_on_when_there_are_some(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        pid = server.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        for free in (0, 1, 2, 3):
            with self.subTest(free):
                most = served.descriptors(pid) + free
                resource.prlimit(pid, resource.RLIMIT_NOFILE, (most, before[1]))
                job = json.dumps(served.bounded("x%d" % free))
                for again in range(5):
                    try:
                        answer = server.call("POST", "/v1/jobs", job, timeout=0.4)
                        self.assertIn(answer.status, (201, 409, 500, 503), str(answer))
                    except serve.Gone:
                        pass  # not even the connection was taken
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
                weir.until("it", server.answers)
                name = "after%d" % free
                server.submit(served.bounded(name))
                server.until_state(name, "FINISHED")
        self.assertEqual(server.job("tick")["attempt"], 1)
        for name, job in server.jobs().items():
            if name != "tick":
                weir.until(name, lambda: server.state(name) == "FINISHED")

    def test_a_data_directory_nobody_may_write_is_named(self):
        self.write("file", "x")
        self.refused(5, ["not a directory"], "serve", "--dir", "file")
        self.refused((1, 5), ["file"], "serve", "--dir", "file/below")
        self.write("data/catalogue", "no folder")
        self.refused((1, 5), ["catalogue"], "serve", "--dir", "data")


class Costs(served.Case):
    def test_an_idle_server_is_small_and_its_descriptors_do_not_leak(self):
        server = self.serve()
        server.submit(served.bounded())
        server.until_state("short", "FINISHED")
        kb = served.resident_kb(server.process.pid)
        print("idle: %d kB resident" % kb, file=sys.stderr)
        if not weir.SANITIZED:
            self.assertLess(kb, 10000)  # with the page in the binary, and a job submitted
        targets = (
            "/v1", "/v1/jobs", "/v1/jobs/short", "/v1/jobs/short/checkpoints",
            "/v1/jobs/short/log", "/v1/jobs/short/log?tail=0", "/v1/jobs/nobody", "/v1/actions/1",
            "/nowhere", "/v1/jobs/short/log?tail=x",
        )
        for target in targets:
            server.call("GET", target)
        before = served.descriptors(server.process.pid)
        begin = time.monotonic()
        for i in range(1000):
            answer = server.call("GET", targets[i % len(targets)])
            self.assertIn(answer.status, (200, 400, 404), str(answer))
            if i % 50 == 0:  # watched, and let go of
                server.events("short").close()
        took = time.monotonic() - begin
        print("1,000 requests: %.0f ms" % (took * 1000), file=sys.stderr)
        weir.until(
            "the connections' end",
            lambda: served.descriptors(server.process.pid) <= before,
        )
        grown = served.resident_kb(server.process.pid) - kb
        print("grown by %d kB" % grown, file=sys.stderr)
        if not weir.SANITIZED:
            self.assertLess(grown, 2048)

    def test_jobs_that_come_and_go_leave_no_descriptor_behind(self):
        server = self.serve()
        server.submit(served.bounded())
        server.until_state("short", "FINISHED")
        before = served.descriptors(server.process.pid)
        for i in range(20):
            server.submit(served.bounded("one%d" % i))
        for i in range(20):
            server.until_state("one%d" % i, "FINISHED")
        weir.until(
            "the processes' end", lambda: served.descriptors(server.process.pid) <= before
        )
        for i in range(20):
            server.act("one%d" % i, "remove")
        weir.until("as few again", lambda: served.descriptors(server.process.pid) <= before)
        self.assertEqual(list(server.jobs()), ["short"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
