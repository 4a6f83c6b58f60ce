"""Exactly once under a server that is killed, and whose jobs are: `kill -9` of a job's process, the
server, both, everything at once, in any order by seed, between and in the middle of requests.

Several word counts run under one server; a round does something to them and waits for a fact: what
is to run has another checkpoint. After each: what was to run runs, what was stopped is stopped,
one process a job and none other, and each key's committed updates are an unbroken chain 1..n
(inv 28). At a job's end: all of the oracle's. A round counts if something was done to a job that
had a checkpoint, and input left.
WEIR_ROUNDS: how many (200); WEIR_SEED: which; WEIR_JOBS: of how many at once (3).
"""

import collections
import json
import os
import random
import statistics
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import track
import weir

ROUNDS = int(os.environ.get("WEIR_ROUNDS") or (40 if weir.SANITIZED else 200))
SLOWER = 4 if weir.SANITIZED else 1
JOBS = int(os.environ.get("WEIR_JOBS") or 3)  # at once
KEPT = 4  # finished ones in the catalogue at most
AT_ONCE = 2.0 * SLOWER  # seconds until a server's processes are gone with it: generous
RUNS = ("RUNNING", "FINISHED")

# How often each of 100 rounds, about; each is a method of Chaos.
KINDS = {
    "job": 18,
    "server": 12,
    "both": 10,
    "everything": 10,
    "storm": 8,
    "stop_restart": 5,
    "stop_stays": 6,
    "stop_killed": 4,
    "cancel_restart": 4,
    "rescale": 5,
    "sigterm": 5,
    "replace": 4,
    "halfway": 22,
}


class Chaos(weir.Case):
    # ---- the world ----

    def begin(self, seed):
        self.rng = random.Random(seed)
        self.server = serve.Server(self)
        self.server.start()
        self.serial, self.story, self.tracks, self.finished = 0, [], [], {}
        self.kinds, self.effective = collections.Counter(), collections.Counter()
        self.took = collections.defaultdict(list)
        self.ended, self.fates = 0, collections.Counter()
        self.replenish()

    def new_track(self):
        """A job that is not submitted yet. A name that was removed comes again."""
        self.serial += 1
        taken = {t.name for t in self.tracks} | set(self.finished)
        name = next(n for n in map("job-{}".format, range(99)) if n not in taken)
        return track.Track(self.server, self.rng, name, self.path("w%d" % self.serial))

    def replenish(self):
        while len(self.tracks) < JOBS:
            self.tracks.append(self.new_track())
            self.tracks[-1].submit()

    def say(self, text):
        self.story.append(text)

    def doing(self, text):
        self.say("    " + text)

    def moment(self, longest):
        """A moment for what comes next: many short ones, some long."""
        weir.some_moment(self.rng, SLOWER * longest * self.rng.choice((1, 0.1, 0.01)))

    # ---- what is waited for ----

    def settle(self):
        """What is to run has a checkpoint after this moment, or has finished."""
        marks = {t: t.newest() for t in self.tracks}
        for t in self.tracks:
            if t.want != "RUNNING":
                continue
            self.server.until_state(t.name, *RUNS)
            weir.until(
                "a checkpoint of %s after %d" % (t, marks[t]),
                lambda t=t: t.newest() > marks[t] or self.server.state(t.name) == "FINISHED",
            )

    def complaint(self):
        """What is wrong with the list and the processes at this moment, or None."""
        listed = self.server.get("/v1/jobs")["jobs"]
        names = [job["name"] for job in listed]
        right = sorted([t.name for t in self.tracks] + list(self.finished))
        self.assertEqual(names, right, "the list's names")
        pids = self.server.pids()
        self.assertFalse(set(pids) - set(names), "processes of no job: %s" % pids)
        wants = {t.name: t for t in self.tracks}
        for job in listed:
            name, state, t = job["name"], job["state"], wants.get(job["name"])
            found = pids.get(name, [])
            if state in serve.FINAL:
                if t and t.want == "RUNNING" and state == "FINISHED":
                    continue
                self.assertEqual(state, t.want if t else "FINISHED", str(job))
                self.assertEqual((job["exit"], job["pid"], found), (0, None, []), str(job))
            elif not t or t.want != "RUNNING":
                raise AssertionError("should not run: %s" % job)
            elif state != "RUNNING" or found != [job["pid"]]:
                return "%s has the processes %s" % (job, found)
            elif job["parallelism"] != t.parallelism:
                raise AssertionError("should have parallelism %s: %s" % (t.parallelism, job))
        return None

    def check(self):
        """Everything that is true after a round."""
        wrong = [None]

        def sane():
            wrong[0] = self.complaint()
            return not wrong[0]

        try:
            weir.until("a sane list", sane, 10 * SLOWER)
        except AssertionError as e:
            raise AssertionError("%s: %s" % (e, wrong[0]))
        for t in self.tracks:
            t.output.look()

    def verify(self, t):
        t.verify()
        self.assert_clean(t.log(), str(t))
        self.ended += 1

    def harvest(self):
        """Jobs at their end are looked at whole, removed or kept, and followed by fresh ones."""
        states = self.server.jobs()
        for t in [t for t in self.tracks if states[t.name]["state"] == "FINISHED"]:
            self.verify(t)
            self.finished[t.name] = t
            self.tracks.remove(t)
            self.replenish()
            if len(self.finished) > KEPT or self.rng.random() < 0.3:
                gone = self.rng.choice(sorted(self.finished))
                self.server.act(gone, "remove")
                self.finished.pop(gone)
                self.assertFalse(os.path.exists(self.server.folder(gone)))

    # ---- what is done ----

    def kill_job(self, t):
        """Whether there was a process to kill."""
        pid = self.server.pid(t.name)
        return bool(pid) and serve.kill(pid)

    def kill_server(self):
        self.server.kill9()
        self.assertLess(self.server.emptied, AT_ONCE, "its processes outlived the server")

    def act(self, t, verb, meanwhile=None, **query):
        """The action, done. None: the job had come to its end meanwhile."""
        try:
            action = self.server.act_begin(t.name, verb, **query)
            if meanwhile:
                self.moment(0.03)
                meanwhile(t)
            action = self.server.act_end(action)
            self.doing(str(action))
            if action["state"] == "done":
                return action
            wrong = str(action)
        except serve.Refused as e:
            wrong = str(e)
        if not t.is_over():
            raise AssertionError(wrong)
        self.doing("at its end: " + wrong)
        return None

    def stop(self, t, verb="stop"):
        """False: it had finished."""
        action = self.act(t, verb)
        if not action or self.server.state(t.name) == "FINISHED":
            self.server.until_state(t.name, "FINISHED")
            return False
        t.want = "STOPPED" if verb == "stop" else "CANCELLED"
        self.assertEqual(self.server.state(t.name), t.want)
        self.assertIsNone(self.server.pid(t.name))
        last = t.last()
        if verb == "stop" and last:  # none: it had not begun
            self.assertEqual((last["kind"], last["id"]), ("stop", action["checkpoint"]))
        return True

    def restart(self, t):
        newest = t.newest()
        if self.act(t, "restart"):
            self.assertGreaterEqual(t.newest(), newest)
        t.want = "RUNNING"

    # ---- kinds of rounds ----

    def job(self, t):
        was = self.server.job(t.name)
        if not self.kill_job(t) or was["state"] != "RUNNING":
            return
        self.settle()
        now = self.server.job(t.name)
        if now["state"] == "RUNNING":
            self.assertEqual(now["attempt"], was["attempt"] + 1, str(now))
            self.assertNotEqual(now["pid"], was["pid"])
            self.assertIn("signal 9", now["error"])

    def server_(self, t):
        self.kill_server()
        self.server.start()

    def both(self, t):
        if self.rng.random() < 0.5:
            self.kill_job(t)
            self.moment(0.02)
            self.kill_server()
        else:
            pid = self.server.pid(t.name)
            self.server.process.kill9()
            if pid:
                serve.kill(pid)
        self.server.start()  # perhaps while the last of the processes end

    def everything(self, t):
        self.server.kill_all(self.rng)
        self.assertLess(self.server.emptied, AT_ONCE, "not all were killed")
        self.server.start()

    def storm(self, t):
        """Several kills without waiting for what they cause: of starts, too."""
        for _ in range(self.rng.randint(2, 4)):
            what = self.rng.choice(("job", "server", "all"))
            self.doing(what)
            if what == "job":
                self.kill_job(self.rng.choice(self.tracks))
            elif what == "server":
                self.server.process.kill9()
                self.server.begin()
            else:
                self.server.kill_all(self.rng)
                self.server.begin()
            self.moment(0.06)
        weir.until("a server that answers", self.server.answers)

    def stop_restart(self, t):
        if self.stop(t):
            self.check()
            self.restart(t)

    def stop_stays(self, t):
        if self.stop(t):
            for again in range(self.rng.randint(1, 2)):
                if self.rng.random() < 0.5:
                    self.server.kill_all(self.rng)
                else:
                    self.kill_server()
                self.server.start()
                self.settle()
                self.check()
            self.restart(t)

    def stop_killed(self, t):
        """A stop whose process is killed: stopped all the same, perhaps without its checkpoint."""
        action = self.server.act_begin(t.name, "stop")
        self.moment(0.02)
        self.kill_job(t)
        action = self.server.act_end(action)
        self.doing(str(action))
        t.want = self.server.state(t.name)
        self.assertIn(t.want, ("STOPPED", "FINISHED") if t.is_over() else ("STOPPED",))
        if t.want == "FINISHED":
            t.want = "RUNNING"
            return
        exit = self.server.job(t.name)["exit"]
        self.assertEqual(exit, 0 if action["state"] == "done" else 1, str(action))
        self.fates["stop killed, exit %d" % exit] += 1
        self.assertIsNone(self.server.pid(t.name))
        self.restart(t)

    def cancel_restart(self, t):
        if self.stop(t, "cancel"):
            self.check()
            self.restart(t)

    def rescale(self, t):
        n = self.rng.randint(1, 4)
        if self.act(t, "rescale", self.rng.choice((None, self.kill_job)), parallelism=n):
            t.parallelism = n
            if self.rng.random() < 0.3:
                self.kill_job(t)

    def sigterm(self, t):
        if self.rng.random() < 0.4:  # killed while it stops
            self.server.process.signal(serve.SIGTERM)
            self.moment(0.05)
            self.kill_server()
        else:
            self.server.stop()
            for one in self.tracks:
                if one.last():  # else it had not begun
                    self.assertIn(one.last()["kind"], ("stop", "final"), "of %s" % one)
        self.server.start()

    def changed(self, t):
        """Another description of the same job."""
        return dict(t.job, parallelism=self.rng.randint(1, 3))

    def replace(self, t):
        was = self.server.job(t.name)
        old, t.job = t.job, self.changed(t)
        try:
            t.submit(replace=1)
        except serve.Refused:
            if not t.is_over():
                raise
            t.job = old
            return
        t.parallelism = None
        if self.rng.random() < 0.3:
            self.kill_job(t)
        weir.until(
            "another process of %s" % t,
            lambda: t.is_over() or self.server.job(t.name)["pid"] not in (None, was["pid"]),
        )

    # ---- the server is killed in the middle of a request ----

    def halfway(self, t):
        verb = self.rng.choice(
            "submit checkpoint stop cancel restart rescale replace remove remove".split()
        )
        if verb == "submit" or self.rng.random() < 0.1:
            t = self.new_track()
            if verb != "submit":  # that has hardly begun
                t.submit()
                self.tracks.append(t)
        self.doing("%s %s" % (verb, t))
        if verb in ("restart", "remove") and not self.stop(t, self.rng.choice(("stop", "cancel"))):
            return
        told = getattr(self, "half_" + verb)(t)
        self.doing("told: %s" % told)

    def ask_and_kill(self, t, verb, **query):
        return self.send_and_kill("POST", "/v1/jobs/%s/%s" % (t.name, verb), **query)

    def send_and_kill(self, method, target, body=b"", **query):
        asked = self.asked = serve.Halfway(self.server, method, target, body, **query)
        self.moment(self.rng.choice((0, 0.001, 0.004, 0.03, 0.1)))
        if self.rng.random() < 0.5:
            self.server.kill_all(self.rng)
        else:
            self.kill_server()
        told = asked.is_told()
        self.server.start()
        return told

    def found(self, t, told, before, after):
        """The state it has now: one of the two, the second if success was told."""
        state = (self.server.jobs().get(t.name) or {}).get("state")
        self.doing("found: %s" % state)
        if state in ("STARTING", "WAITING") or (state == "FINISHED" and t.is_over()):
            state = "RUNNING"
        self.assertIn(state, (after,) if told else (before, after), str(t))
        return self.note(state, told, state == after)

    def note(self, found, told, done):
        self.fates["done and told" if told else "done" if done else "not done"] += 1
        return found

    def half_checkpoint(self, t):
        told = self.ask_and_kill(t, "checkpoint")
        if told:
            self.assertGreaterEqual(t.newest(), self.asked.action["checkpoint"])
        return told

    def half_stop(self, t, verb="stop", wanted="STOPPED"):
        told = self.ask_and_kill(t, verb)
        t.want = self.found(t, told and not t.is_over(), "RUNNING", wanted)
        if t.want == wanted:
            self.settle()
            self.check()
            self.restart(t)
        return told

    def half_cancel(self, t):
        return self.half_stop(t, "cancel", "CANCELLED")

    def half_restart(self, t):
        before = t.want
        told = self.ask_and_kill(t, "restart")
        t.want = self.found(t, told, before, "RUNNING")
        if t.want != "RUNNING":
            self.restart(t)
        return told

    def half_rescale(self, t):
        n = self.rng.randint(1, 4)
        told = self.ask_and_kill(t, "rescale", parallelism=n)
        now = self.server.job(t.name)["parallelism"]
        self.assertIn(now, (n,) if told else (n, t.parallelism))
        t.parallelism = self.note(now, told, now == n)
        return told

    def half_replace(self, t):
        t.job = self.changed(t)
        old = self.server.job(t.name)
        told = self.send_and_kill(
            "POST", "/v1/jobs", json.dumps(t.job).encode(), file=t.file, replace=1
        )
        new = self.server.job(t.name)
        done = new["submitted_wall_us"] != old["submitted_wall_us"]
        self.assertTrue(done or not told, str(new))
        if self.note(done, told, done):
            t.parallelism = None
        return told

    def half_submit(self, t):
        told = self.send_and_kill("POST", "/v1/jobs", json.dumps(t.job).encode(), file=t.file)
        if self.found(t, told, None, "RUNNING") is None:
            t.submit()
        self.tracks.append(t)
        return told

    def half_remove(self, t):
        before = t.want
        told = self.ask_and_kill(t, "remove")
        weir.until(
            "the end of the removal of %s" % t,
            lambda: (self.server.jobs().get(t.name) or {}).get("state") != "REMOVING",
        )
        if self.found(t, told, before, None) is not None:
            self.restart(t)
            return told
        t.output.look()
        self.assertFalse(os.path.exists(self.server.folder(t.name)))
        self.assertEqual(t.log(), "")
        self.tracks.remove(t)
        self.replenish()
        return told

    # ---- the test ----

    def choose(self):
        """Mostly a job whose round will count; now and then one that only begins, or ends."""
        counting = [t for t in self.tracks if t.counts()]
        return self.rng.choice(counting if counting and self.rng.random() < 0.9 else self.tracks)

    def one_round(self, number):
        kind = self.rng.choices(list(KINDS), KINDS.values())[0]
        t = self.choose()
        self.moment(0.06)
        counts = t.counts()
        self.say("round %d: %s, %s, checkpoint %d" % (number, kind, t, t.newest()))
        begin = time.monotonic()
        watcher = serve.Watcher(self.server, t.name) if self.rng.random() < 0.4 else None
        getattr(self, "server_" if kind == "server" else kind)(t)
        self.settle()
        self.check()
        if watcher:
            for _, event, _ in watcher.end()[:1]:
                self.assertEqual(event, "job", "what a stream begins with")
        self.harvest()
        self.took[kind].append(time.monotonic() - begin)
        self.kinds[kind] += 1
        self.effective[kind] += counts

    def end(self):
        """All go on without a pace to their end."""
        for t in self.tracks:
            del t.job["pipeline"][0]["rate"]
            try:
                t.submit(replace=1)
            except serve.Refused:
                if not t.is_over():
                    raise
        for t in self.tracks:
            self.server.until_state(t.name, "FINISHED")
            self.verify(t)
        self.server.stop()

    def told(self):
        """What led to a failure."""
        lines = ["", *self.story[-40:], str(self.server.process.result())]
        for t in self.tracks:
            lines += ["--- log of %s" % t, t.log()[-1500:]]
        return "\n".join(lines)

    def print_counts(self):
        for kind in KINDS:
            if self.kinds[kind]:
                print(
                    "%-15s %3d rounds, %3d counted, median %3.0f ms"
                    % (
                        kind,
                        self.kinds[kind],
                        self.effective[kind],
                        1000 * statistics.median(self.took[kind]),
                    ),
                    file=sys.stderr,
                )
        print("requests halfway: %s" % dict(self.fates), file=sys.stderr)
        print(
            "%d of %d rounds counted, %d jobs ended as the oracle says; a killed server's "
            "processes were gone within %.0f ms"
            % (self.effective.total(), ROUNDS, self.ended, 1000 * self.server.emptied_max),
            file=sys.stderr,
        )

    def test_inv28_output_is_right_after_200_rounds_of_kills(self):
        seed = weir.seed()
        try:
            self.begin(seed)
            self.settle()
            for number in range(1, ROUNDS + 1):
                self.one_round(number)
            self.end()
        except BaseException:
            print("WEIR_SEED=%d%s" % (seed, self.told()), file=sys.stderr)
            raise
        self.print_counts()
        self.assertGreaterEqual(self.effective.total(), ROUNDS * 3 // 4)


if __name__ == "__main__":
    unittest.main()
