"""Clients in each other's way: two that ask for different things of one job at the same moment, by
seed, and thousands that all want the same name. Whoever was first, every request is answered once,
every accepted action ends, one process at most runs, and the output stays exact."""

import collections
import json
import os
import random
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import weir

ROUNDS = int(os.environ.get("WEIR_ROUNDS") or (12 if weir.SANITIZED else 40))


class Races(served.Case):
    def race(self, *asks):
        """Calls all at once; their answers in the same order."""
        barrier, answers = threading.Barrier(len(asks)), [None] * len(asks)

        def run(i, ask):
            barrier.wait()
            answers[i] = ask()

        threads = [threading.Thread(target=run, args=one) for one in enumerate(asks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * weir.TIMEOUT)
        return answers

    def post(self, name, verb):
        server = self.server
        if verb == "submit":
            body = json.dumps(self.job).encode()
            return lambda: server.call("POST", "/v1/jobs", body, file=self.path("j.json"))
        if verb == "replace":
            body = json.dumps(self.job).encode()
            return lambda: server.call(
                "POST", "/v1/jobs", body, file=self.path("j.json"), replace=1
            )
        query = {"parallelism": 1 + self.rng.randrange(3)} if verb == "rescale" else {}
        return lambda: server.call("POST", "/v1/jobs/%s/%s" % (name, verb), **query)

    def settle(self, name, answers, refusals=(409,)):
        """Every action that was accepted ends; then the job rests, or runs once."""
        for answer in answers:
            self.assertIsNotNone(answer, "not answered")
            self.assertIn(answer.status, (201, 202, *refusals), str(answer))
            if answer.status == 202:
                action = self.server.act_end(answer.json())
                self.assertIn(action["state"], ("done", "failed"))
            elif answer.status != 201:
                self.assertIn(answer.json()["code"], ("E_REFUSED", "E_EXISTS", "E_NOT_FOUND"))
        steady = ("RUNNING", "STOPPED", "CANCELLED", "FINISHED", None)
        weir.until("a steady state", lambda: self.server.state(name) in steady)
        state = self.server.state(name)
        weir.until(
            "its processes", lambda: bool(self.server.pid(name)) == (state == "RUNNING")
        )
        return state

    def test_two_that_ask_for_different_things_by_seed(self):
        self.rng = random.Random(weir.seed())
        verbs = ("stop", "cancel", "restart", "rescale", "checkpoint", "replace", "submit")
        # Slow enough to last; what is left at the end is counted in one go.
        self.job = self.count_job(rate=40, parallelism=2)
        server = self.serve()
        met, seen = collections.Counter(), collections.Counter()
        server.submit(self.job)
        state = "RUNNING"
        for one in range(ROUNDS):
            pair = [self.rng.choice(verbs) for _ in range(self.rng.choice((2, 2, 2, 3)))]
            if state == "FINISHED":
                break
            answers = self.race(*[self.post("count", verb) for verb in pair])
            before, state = state, self.settle("count", answers)
            self.assertIsNotNone(state)
            met[before] += 1
            seen.update("%s %d" % (v, a.status) for v, a in zip(pair, answers))
            if self.rng.random() < 0.15:
                server.kill9()
                server = self.serve()
                weir.until("it stands", lambda: server.state("count") in (state, "FINISHED"))
        print(dict(met), dict(seen), file=sys.stderr)
        self.job = self.count_job()
        if server.state("count") != "FINISHED":
            server.submit(self.job, replace=1)
            server.until_state("count", "FINISHED")
        self.check()

    def test_removing_against_everything_else_by_seed(self):
        self.rng = random.Random(weir.seed())
        self.job = served.ticking()
        server = self.serve()
        seen = collections.Counter()
        for one in range(ROUNDS):
            if server.state("tick") is None:
                server.submit(self.job)
                server.until_state("tick", "RUNNING")
            if server.state("tick") == "RUNNING" and self.rng.randrange(4):
                server.act("tick", self.rng.choice(("stop", "cancel")))
            against = self.rng.choice(("restart", "submit", "cancel", "stop", "remove", "rescale"))
            answers = self.race(self.post("tick", "remove"), self.post("tick", against))
            state = self.settle("tick", answers, refusals=(404, 409))
            seen["%s against remove: %d %d" % (against, answers[1].status, answers[0].status)] += 1
            if state is None:
                left = os.listdir(self.path("data", "jobs")) + os.listdir(self.path("data", "logs"))
                self.assertEqual(left, [])
        print(dict(seen), file=sys.stderr)

    def test_of_many_that_submit_one_name_one_wins(self):
        self.rng = random.Random(weir.seed())
        server = self.serve()
        for one in range(5):
            self.job = served.ticking("tick%d" % one)
            answers = self.race(*[self.post("", "submit") for _ in range(16)])
            self.assertEqual(sorted(a.status for a in answers), [201] + [409] * 15)
            server.until_state("tick%d" % one, "RUNNING")
            self.assertEqual(len(server.pids()["tick%d" % one]), 1)

    def test_many_at_once_submit_many_names(self):
        server = self.serve()
        names = ["job%d" % i for i in range(24 if weir.SANITIZED else 100)]

        def ask(name):
            body = json.dumps(served.bounded(name)).encode()
            return lambda: server.call("POST", "/v1/jobs", body)

        answers = self.race(*[ask(name) for name in names])
        self.assertEqual({a.status for a in answers}, {201})
        for name in names:
            server.until_state(name, "FINISHED")
        self.assertEqual(sorted(server.jobs()), sorted(names))

    def test_10_000_submissions_leave_one_job_and_no_memory_behind(self):
        server = self.serve()
        good = json.dumps(served.ticking()).encode()
        wrong = json.dumps(dict(served.ticking(), nmae="x")).encode()
        pid = server.process.pid
        seen, kb = collections.Counter(), []
        connection = serve.Connection(server.socket)
        self.addCleanup(connection.close)
        for one in range(10000):
            body = (good, good, wrong, b"{}", good[:50])[one % 5]
            connection.request("POST", "/v1/jobs", body)
            response = connection.getresponse()
            response.read()
            seen[response.status] += 1
            if one in (2000, 9999):
                kb.append(served.resident_kb(pid))
        print(dict(seen), "grown by %d kB" % (kb[1] - kb[0]), file=sys.stderr)
        self.assertEqual(dict(seen), {201: 1, 409: 3999, 422: 6000})
        self.assertEqual(list(server.jobs()), ["tick"])
        self.assertEqual(os.listdir(self.path("data", "jobs")), ["tick"])
        if not weir.SANITIZED:
            self.assertLess(kb[1] - kb[0], 1024)


if __name__ == "__main__":
    unittest.main(verbosity=2)
