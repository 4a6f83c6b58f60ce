"""`weir kill`, and the action behind it: to the job it is a death like any other."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import served
import weir


class Kill(served.Case):
    def until_another(self, name, pid):
        """Its next process."""
        weir.until("a process after %d" % pid, lambda: self.server.pid(name) not in (None, pid))
        self.server.until_state(name, "RUNNING", "FINISHED")
        return self.server.pid(name)

    def test_killed_twice_it_goes_on_and_every_word_counts_once(self):
        server = self.serve()
        server.submit(self.count_job(rate=150, restart={"initial": "10ms"}))
        self.until_checkpoint("count", above=1)
        first = server.pid("count")
        action = server.act("count", "kill")
        self.assertEqual((action["kind"], action["error"]), ("kill", None))
        self.assertFalse(os.path.exists("/proc/%d" % first), "done, and still there")
        second = self.until_another("count", first)
        self.assertGreater(server.job("count")["attempt"], 1)
        said = self.done("killed \\(SIGKILL\\)", "kill", "count")
        self.assertIn("weir show count", said.out)
        self.until_another("count", second)
        server.until_state("count", "FINISHED")
        self.check()

    def test_it_is_the_restart_policy_that_decides(self):
        server = self.serve()
        server.submit(served.ticking(restart={"strategy": "none"}))
        server.until_state("tick", "RUNNING")
        server.act("tick", "kill")
        self.assertIn("signal 9", server.until_state("tick", "FAILED")["error"])
        self.denied(5, ["no process to kill", "weir restart"], "kill", "tick")

    def test_what_has_no_process_or_is_nobody_is_refused_with_the_cure(self):
        server = self.serve()
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        server.act("tick", "stop")
        answer = server.call("POST", "/v1/jobs/tick/kill")
        self.assertEqual((answer.status, answer.json()["code"]), (409, "E_REFUSED"), str(answer))
        self.denied(5, ["STOPPED", "weir restart"], "kill", "tick")
        self.denied(4, ["there is no job 'tock'; did you mean 'tick'"], "kill", "tock")
        answer = server.call("POST", "/v1/jobs/tick/kill", number=9)
        self.assertEqual(answer.status, 400, str(answer))


if __name__ == "__main__":
    unittest.main(verbosity=2)
