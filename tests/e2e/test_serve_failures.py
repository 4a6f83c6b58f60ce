"""Failures under a server: a process that dies harms nobody else, is one failed attempt, and
follows the job's restart policy (COORDINATOR.md 26); `list` says it in one line."""

import os
import resource
import signal
import sys
import unittest
import unittest.mock

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import weir

LONG = {"strategy": "fixed_delay", "attempts": 5, "initial": "1h"}


# A sanitizer would take these signals for bugs of ours.
AS_THEY_ARE = {"ASAN_OPTIONS": "handle_segv=0:handle_sigbus=0:handle_abort=0"}


class Failures(served.Case):
    def die(self, attempt, name="tick"):
        """The attempt of this number dies."""
        server = self.server

        def runs():
            job = server.jobs()[name]
            if job["state"] in serve.FINAL:
                raise AssertionError("before attempt %d: %s" % (attempt, job))
            return job["state"] == "RUNNING" and job["attempt"] == attempt

        weir.until("attempt %d" % attempt, runs)
        serve.kill(server.pid(name))


@unittest.mock.patch.dict(os.environ, AS_THEY_ARE)
class Deaths(Failures):
    def test_a_segmentation_fault_harms_nobody_and_is_one_failed_attempt(self):
        server = self.serve()
        server.submit(self.count_job(rate=100))
        server.submit(served.ticking("bystander"))
        self.until_checkpoint("count", above=1)
        server.until_state("bystander", "RUNNING")
        bystander, pid = server.pid("bystander"), server.pid("count")
        serve.kill(pid, signal.SIGSEGV)
        weir.until("another process", lambda: server.pid("count") not in (None, pid))
        job = server.until_state("count", "RUNNING", "FINISHED")
        self.assertEqual(job["attempt"], 2)
        self.assertIn("signal 11", job["error"])
        line = [one for one in self.ask("list").out.splitlines() if one.startswith("count ")]
        self.assertEqual(len(line), 1)
        self.assertRegex(line[0], r"count +(RUNNING|FINISHED) +2 .*signal 11")
        server.until_state("count", "FINISHED")
        self.check()
        self.assertEqual(server.pid("bystander"), bystander)
        self.assertEqual(server.job("bystander")["attempt"], 1)

    def test_any_way_to_die_is_told_by_name(self):
        server = self.serve()
        server.submit(served.ticking(restart={"strategy": "fixed_delay", "initial": "10ms"}))
        for n, number in enumerate((signal.SIGKILL, signal.SIGBUS, signal.SIGABRT), 2):
            weir.until("it", lambda: server.state("tick") == "RUNNING")
            pid = server.pid("tick")
            serve.kill(pid, number)
            weir.until("the next", lambda: server.jobs()["tick"]["attempt"] == n)
            self.assertIn("signal %d" % number, server.job("tick")["error"])

    def test_signals_for_a_whole_group_are_the_servers_business(self):
        server = self.serve()
        server.submit(served.ticking())
        self.until_checkpoint("tick")
        pid = server.pid("tick")
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE):
            serve.kill(pid, number)
        self.until_checkpoint("tick", above=server.newest("tick") + 2)
        self.assertEqual(server.pid("tick"), pid)

    def test_a_process_that_hangs_is_killed_some_time_after_it_was_told_to_stop(self):
        server = self.serve()
        server.submit(served.ticking(limits={"stop": "100ms"}))
        self.until_checkpoint("tick")
        newest = server.newest("tick")
        os.kill(server.pid("tick"), signal.SIGSTOP)
        self.assertLessEqual(newest, server.newest("tick"))
        action = server.act_end(server.act_begin("tick", "stop"))
        job = server.until_state("tick", "STOPPED")
        self.assertIn("was killed", action["error"])
        self.assertIn("without a final checkpoint", job["error"])
        self.assertEqual(job["exit"], 1)
        server.act("tick", "restart")
        self.assertTrue(server.job("tick")["facts"]["restored"])

    def test_one_that_hangs_is_cancelled_at_once(self):
        server = self.serve()
        server.submit(served.ticking())
        self.until_checkpoint("tick")
        os.kill(server.pid("tick"), signal.SIGSTOP)
        self.assertEqual(server.job("tick")["state"], "RUNNING")  # and it is shown, a bit later
        stop = server.act_begin("tick", "stop")
        self.assertEqual(server.act("tick", "cancel")["state"], "done")
        self.assertEqual(server.act_end(stop)["state"], "failed")
        self.assertIn("cancel", server.act_end(stop)["error"])
        self.assertEqual(server.state("tick"), "CANCELLED")


class Policies(Failures):
    def test_a_users_error_fails_at_once(self):
        server = self.serve()
        bad = served.ticking("bad", restart={"strategy": "fixed_delay", "initial": "10ms"})
        bad["pipeline"][0]["fields"] = {"n": "1 / (50 - i)"}
        missing = self.count_job("missing")
        missing["pipeline"][0]["path"] = self.path("nothing.txt")
        server.submit(bad)
        server.submit(missing)
        told = server.until_state("bad", "FAILED")
        self.assertEqual((told["attempt"], told["exit"]), (1, 1))
        self.assertRegex(told["error"], "row 50.*division by zero")
        told = server.until_state("missing", "FAILED")
        self.assertEqual((told["attempt"], told["exit"]), (1, 4))  # as `weir run`
        self.assertIn("nothing.txt", told["error"])
        self.assertNotIn("\n", told["error"])
        # Its cause is gone: it goes on.
        os.rename(self.path("in.txt"), self.path("nothing.txt"))
        self.done("RUNNING|FINISHED", "restart", "missing")
        os.link(self.path("nothing.txt"), self.path("in.txt"))
        server.until_state("missing", "FINISHED")
        self.check("missing")
        self.assertIsNone(server.job("missing")["error"])

    def test_none_fails_with_the_first_death(self):
        server = self.serve()
        server.submit(served.ticking(restart={"strategy": "none"}))
        self.die(1)
        job = server.until_state("tick", "FAILED")
        self.assertEqual((job["attempt"], job["exit"]), (1, 1))
        self.assertIn("killed by signal 9", job["error"])

    def test_attempts_are_limited_and_a_restart_by_hand_counts_anew(self):
        server = self.serve()
        policy = {"strategy": "fixed_delay", "attempts": 2, "initial": "20ms"}
        server.submit(served.ticking(restart=policy))
        for again in range(2):
            for attempt in (1, 2, 3):
                self.die(attempt)
            job = server.until_state("tick", "FAILED")
            self.assertRegex(job["error"], "gave up after 2 restarts: .*signal 9")
            line = [one for one in self.ask("list").out.splitlines() if one.startswith("tick ")]
            self.assertRegex(line[0], "FAILED +3 .*gave up")
            server.kill9()
            server = self.serve()
            self.assertEqual(server.job("tick")["error"], job["error"])
            server.act("tick", "restart")
            self.assertEqual(server.job("tick")["attempt"], 1)

    def test_failure_rate_gives_up_when_there_are_too_many(self):
        server = self.serve()
        policy = {"strategy": "failure_rate", "attempts": 2, "initial": "10ms", "reset_after": "1h"}
        server.submit(served.ticking(restart=policy))
        for attempt in (1, 2, 3):
            self.die(attempt)
        job = server.until_state("tick", "FAILED")
        self.assertRegex(job["error"], "gave up: more than 2 failures within 1h")

    def test_without_a_number_it_is_tried_for_ever(self):
        server = self.serve()
        server.submit(served.ticking(restart={"strategy": "fixed_delay", "initial": "1ms"}))
        for attempt in range(1, 9):
            self.die(attempt)
        weir.until("attempt 9", lambda: server.jobs()["tick"]["attempt"] == 9)

    def test_attempts_within_the_process_and_its_deaths_are_one_count(self):
        server = self.serve()
        policy = {"strategy": "fixed_delay", "attempts": 3, "initial": "10ms"}
        server.submit(served.ticking(restart=policy))
        self.die(1)
        weir.until("the second", lambda: server.jobs()["tick"]["attempt"] == 2)
        self.until_checkpoint("tick", above=server.newest("tick"))
        resource.prlimit(server.pid("tick"), resource.RLIMIT_NOFILE, (3, 3))
        job = server.until_state("tick", "FAILED")
        self.assertRegex(job["error"], "(?i)gave up after 3 restarts: .*too many open files")
        self.assertEqual(job["attempt"], 4)


class Waiting(Failures):
    """Between two attempts a job is WAITING, and can be asked for everything."""

    def waiting(self, **more):
        server = self.serve()
        server.submit(served.ticking(restart=LONG, **more))
        self.until_checkpoint("tick")
        for attempt in (1, 2):
            self.die(attempt)
        server.until_state("tick", "WAITING")
        return server

    def test_it_says_why_and_has_no_process(self):
        server = self.waiting()
        self.assertIsNone(server.pid("tick"))
        self.assertIsNone(server.job("tick")["pid"])
        self.done("WAITING.*signal 9", "list")
        self.done("(?s)WAITING.*signal 9", "show", "tick")
        self.denied(5, ["WAITING"], "checkpoint", "tick")
        self.denied(5, ["WAITING", "weir stop tick"], "remove", "tick")

    def test_it_is_stopped_cancelled_and_restarted_at_once(self):
        server = self.waiting()
        server.act("tick", "restart")
        self.assertEqual(server.job("tick")["attempt"], 1)
        server.act("tick", "stop")
        server.act("tick", "remove")
        server.stop()
        server = self.waiting()
        server.act("tick", "stop")
        self.assertEqual(server.state("tick"), "STOPPED")
        server.act("tick", "remove")
        server.stop()
        server = self.waiting()
        server.act("tick", "cancel")
        self.assertEqual(server.state("tick"), "CANCELLED")

    def test_a_server_that_stops_does_not_wait_for_it_and_the_next_starts_it(self):
        server = self.waiting()
        server.stop()
        server = self.serve()
        server.until_state("tick", "RUNNING")
        self.assertTrue(server.job("tick")["facts"]["restored"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
