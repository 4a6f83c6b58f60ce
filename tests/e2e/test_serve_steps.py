"""Step sessions of a server: a job one event at a time, forwards and back, killed and begun anew;
what stands in them is what the rules of barriers say; they end, and their processes with them."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import served
import weir


def children(pid):
    """The step processes of a server."""
    found = set()
    for one in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/%s/stat" % one) as f:
                state, parent = f.read().rpartition(")")[2].split()[:2]
            with open("/proc/%s/cmdline" % one, "rb") as f:
                words = f.read().split(b"\0")
        except OSError:  # gone meanwhile
            continue
        if int(parent) == pid and state != "Z" and words[1:2] == [b"stepper"]:
            found.add(int(one))
    return found


class Steps(served.Case):
    def open(self, job=None, **query):
        body = json.dumps(job) if job else None
        picture = self.server.ask("POST", "/v1/steps", 201, body, **query)
        self.id = picture["id"]
        return picture

    def do(self, what, **query):
        return self.server.ask("POST", "/v1/steps/%d/%s" % (self.id, what), 200, **query)

    def look(self):
        return self.server.get("/v1/steps/%d" % self.id)

    def check(self, p):
        """What must be so after any event."""
        names = [t["name"] for t in p["tasks"]]
        for lane in p["lanes"]:
            to = p["tasks"][lane["to"]]
            held = [x for x in p["lanes"] if x["to"] == lane["to"] and x["held"]]
            feeding = [x for x in p["lanes"] if x["to"] == lane["to"]]
            self.assertLess(len(held), len(feeding), "all inputs of %s are held" % to["name"])
            if lane["held"]:
                missing = [names[x["from"]] for x in feeding if not x["held"]]
                self.assertIn("barrier %d came here" % to["aligning"], lane["held"])
                self.assertIn("not from %s yet" % " and ".join(missing), lane["held"])
        for i, task in enumerate(p["tasks"]):
            # What was sent to it and not taken stands in its lanes.
            lanes = [x for x in p["lanes"] if x["to"] == i]
            senders = [p["tasks"][x["from"]] for x in lanes]
            if lanes and all(x["items_all"] == len(x["items"]) for x in lanes):
                queued = sum(item.get("rows", 0) for x in lanes for item in x["items"])
                sent = sum(t["records_out"] for t in senders)
                self.assertEqual(sent - task["records_in"], queued, (task, lanes, p["last"]))
        if p["pending"]:
            self.assertTrue(p["published"] is None or p["published"] < p["pending"])

    def test_each_picture_is_sound_and_back_it_is_the_same(self):
        self.serve()
        seen = {0: self.open()}
        held = cuts = 0
        while True:
            now = self.do("next")
            if now["over"]:
                break
            self.check(now)
            self.assertEqual(now["events"], now["last"]["n"])
            held += any(lane["held"] for lane in now["lanes"])
            cuts += "is published" in now["last"]["what"]
            seen[now["events"]] = now
        self.assertEqual(now["state"], "FINISHED")
        self.assertGreater(min(held, cuts), 2)
        self.assertEqual(len(now["printed"].splitlines()) > 10, True)
        for n in (now["events"] - 3, 200, 77, 1):
            back = self.do("back", to=n)
            want = dict(seen[n], passed=[])
            self.assertEqual(back, want)
            self.assertEqual(self.look(), want)
        again = self.do("next", n=76)
        self.assertEqual(dict(again, passed=[]), dict(seen[77], passed=[]))
        self.assertEqual([e["n"] for e in again["passed"]], list(range(28, 78)))  # the newest 50

    def test_on_to_barriers_and_back_to_the_one_before(self):
        self.serve()
        self.open()
        at = []
        for _ in range(20):
            now = self.do("barrier")
            self.assertTrue(now["last"]["barrier"])
            self.assertEqual(now["barrier_before"], at[-1] if at else 0)
            at.append(now["events"])
        now = self.do("back", to=now["barrier_before"])
        self.assertEqual((now["events"], now["barrier_before"]), (at[-2], at[-3]))

    def test_killed_it_begins_anew_from_the_newest_checkpoint(self):
        self.serve()
        self.open()
        self.do("checkpoint")
        now = self.do("next", n=150)
        published = now["published"]
        self.assertGreater(published, 0)
        dead = self.do("kill")
        self.assertEqual((dead["state"], dead["tasks"], dead["events"]), (None, [], 150))
        self.assertEqual(len(dead["stages"]), 5)
        now = self.do("next")
        self.assertEqual(now["last"]["who"], "a new process")
        self.assertIn("back to checkpoint %d:" % published, now["last"]["what"])
        end = self.do("next", n=10000)
        self.assertEqual((end["over"], end["state"]), (True, "FINISHED"))
        self.assertIn("finished", end["last"]["what"])
        # The kill is forgotten by who goes back before it.
        self.do("back", to=149)
        self.assertNotIn("a new process", [e["who"] for e in self.do("next", n=40)["passed"]])

    def test_a_job_of_ones_own_with_its_files_and_settings(self):
        server = self.serve()
        with open(self.write("count.json", self.count_job())) as f:
            job = json.load(f)
        job["pipeline"][-1] = {"id": "show", "type": "print_sink"}
        now = self.open(job, file=self.path("count.json"), set="pipeline.show.prefix=> ",
                        parallelism=2, seed=7)
        self.assertEqual((now["job"], now["seed"]), ("count", 7))
        self.assertEqual([s["parallelism"] for s in now["stages"]], [2, 2, 2, 2])
        now = self.do("next", n=10)
        self.assertEqual(len(now["tasks"]), 8)
        self.assertEqual(server.jobs(), {})

    def test_what_cannot_be_stepped_is_refused_and_leaves_nothing(self):
        server = self.serve()
        for job, status, code, words in (
            ({"name": "x"}, 422, "E_INVALID", "fault"),
            (self.count_job(parallelism=40), 422, "E_INVALID", "64 subtasks"),
        ):
            answer = server.call("POST", "/v1/steps", json.dumps(job))
            self.assertEqual((answer.status, answer.json()["code"]), (status, code), str(answer))
            self.assertIn(words, answer.json()["message"])
        self.assertEqual(server.get("/v1/steps"), {"steps": []})
        weir.until("no step process", lambda: not children(server.process.pid))
        self.open()
        for path, query, status in (
            ("/next", {"n": 0}, 400), ("/next", {"n": 10001}, 400), ("/back", {}, 400),
            ("/back", {"to": 5}, 400), ("/jump", {}, 404),
        ):
            answer = server.call("POST", "/v1/steps/%d%s" % (self.id, path), **query)
            self.assertEqual(answer.status, status, str(answer))
        self.assertEqual(self.look()["events"], 0)

    def test_there_are_eight_at_most_and_they_end(self):
        server = self.serve()
        ids = [self.open()["id"] for _ in range(8)]
        self.assertEqual([x["id"] for x in server.get("/v1/steps")["steps"]], ids)
        answer = server.call("POST", "/v1/steps")
        self.assertEqual((answer.status, answer.json()["code"]), (503, "E_LIMIT"), str(answer))
        self.assertEqual(len(children(server.process.pid)), 8)
        self.assertEqual(server.ask("DELETE", "/v1/steps/%d" % ids[3], 200)["ended"], True)
        self.assertEqual(server.call("GET", "/v1/steps/%d" % ids[3]).status, 404)
        self.open()
        # One that dies tells who asks, and takes nobody with it.
        victim = children(server.process.pid).pop()
        os.kill(victim, 9)
        weir.until("seven sessions", lambda: len(server.get("/v1/steps")["steps"]) == 7)
        left = children(server.process.pid)
        server.stop()
        weir.until("the end of all", lambda: not any(os.path.exists("/proc/%d" % p) for p in left))


if __name__ == "__main__":
    unittest.main(verbosity=2)
