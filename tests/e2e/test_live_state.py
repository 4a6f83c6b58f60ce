"""A key of a running job's state as it is now: asked of a server, of a `weir run` and by
`weir state get --live`; every type of key; and what is said instead when the job is killed, stands
still, has stopped, or is asked by too many."""

import os
import signal
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import weir

EVERY = 1000  # rows for each of 7 keys
FIELDS = {
    "number": "i % 7",
    "text": "'a-key-longer-than-twelve-bytes,' || i % 7",
    "short": "'k' || i % 7",
    "odd": "case when i % 7 = 3 then null else i % 7 end",
    "half": "(i % 7) * 0.5",
    "even": "i % 2 = 0",
}
# stage: its key, the texts that ask for it, what the row's key fields are
STAGES = {
    "by_number": ("number", ["3"], {"number": 3}),
    "by_text": ("text", ["a-key-longer-than-twelve-bytes,3"],
                {"text": "a-key-longer-than-twelve-bytes,3"}),
    "by_short": ("short", ["k3"], {"short": "k3"}),
    "by_null": ("odd", [""], {"odd": None}),
    "by_half": ("half", ["1.5"], {"half": 1.5}),
    "by_two": (["short", "odd"], ["k3", ""], {"short": "k3", "odd": None}),
    "by_three": (["even", "text", "number"],
                 ["false,\"a-key-longer-than-twelve-bytes,3\",3"],
                 {"even": False, "text": "a-key-longer-than-twelve-bytes,3", "number": 3}),
    "of_all": ([], [""], {}),
}


def sum_of(stage):
    return EVERY // 2 if stage == "by_three" else EVERY  # even or odd


def typed_job(rows):
    """Sums of all kinds of keys over so many rows; a slow second source keeps it running."""
    pipeline = [
        {"id": "rows", "type": "generator_source", "rows": rows, "fields": FIELDS},
        {"id": "slow", "type": "generator_source", "rate": 3,
         "fields": {name: text.replace("i % 7", "(i * 0 - 1)") for name, text in FIELDS.items()}},
        {"id": "all", "type": "union", "inputs": ["rows", "slow"]},
        {"id": "out", "type": "blackhole_sink"},
    ]
    for id, (key, _, _) in STAGES.items():
        stage = {"id": id, "type": "keyed_sum", "inputs": ["all"], "value": "1"}
        if key:
            stage["key"] = key
        pipeline += [stage, {"id": id + "_out", "type": "blackhole_sink"}]
    return {"name": "typed", "parallelism": 2, "checkpoint": {"interval": "200ms"},
            "pipeline": pipeline}


class Live(served.Case):
    def setUp(self):
        super().setUp()
        self.job = {
            "name": "count", "checkpoint": {"interval": "50ms"}, "parallelism": 2,
            "pipeline": [
                {"id": "rows", "type": "generator_source", "rate": 5000,
                 "fields": {"k": "i % 10"}},
                {"id": "sum", "type": "keyed_sum", "key": "k", "value": "1"},
                {"id": "out", "type": "blackhole_sink"},
            ],
        }

    def look(self, stage="sum", job="count", **query):
        return self.server.call("GET", "/v1/jobs/%s/state/%s" % (job, stage), **query)

    def running(self, job=None):
        job = job or self.job
        self.serve()
        self.server.submit(job)
        self.server.until_state(job["name"], "RUNNING")
        weir.until("a checkpoint", lambda: self.server.newest(job["name"]))

    def until_live(self, **query):
        def live():
            answer = self.look(key="1", **query)
            return answer if answer.status == 200 and answer.json()["live"] else None
        weir.until("a live answer", live)
        return live().json()

    def until_kept(self):
        weir.until("the key in a checkpoint", lambda: self.look(key="1", live="no").status == 200)

    def test_every_type_of_key_is_found_as_it_is_now_in_a_running_job(self):
        rows = 7 * EVERY
        self.running(typed_job(rows))
        for stage, (_, key, fields) in STAGES.items():
            sum = sum_of(stage)

            def counted():
                said = self.look(stage, "typed", key=key, live="only")
                if said.status != 200 or not said.json()["rows"]:
                    return None
                (row,) = said.json()["rows"]
                if stage == "of_all":  # the slow source's too
                    return said if row["sum"] >= rows else None
                return said if row["sum"] == sum else None
            weir.until("all of %s" % stage, counted)
            said = counted().json()
            self.assertEqual((said["stage"], said["live"], said["more"]), (stage, True, False))
            self.assertIn(said["subtask"], (0, 1))
            self.assertGreaterEqual(said["records"], said["rows"][0]["sum"])
            self.assertLess(abs(said["wall_us"] / 1e6 - time.time()), 60)
            if stage != "of_all":
                self.assertEqual(said["rows"], [dict(fields, sum=sum)])
        # As a checkpoint has it: the same row, written by the other way.
        self.server.act("typed", "stop")
        for stage, (_, key, fields) in STAGES.items():
            said = self.look(stage, "typed", key=key).json()
            self.assertFalse(said["live"])
            self.assertIn("STOPPED", said["note"])
            if stage != "of_all":
                self.assertEqual(said["rows"], [dict(fields, sum=sum_of(stage))])

    def test_what_is_live_moves_on_and_is_ahead_of_the_newest_checkpoint(self):
        self.job["checkpoint"]["interval"] = "1s"
        self.running()
        first = self.until_live()
        weir.until("more", lambda: self.until_live()["rows"][0]["sum"] > first["rows"][0]["sum"])
        self.until_kept()
        then, now = self.look(key="1", live="no").json(), self.until_live()
        self.assertFalse(then["live"])
        self.assertGreaterEqual(now["at"], then["at"])  # the barrier that it stands behind
        self.assertGreater(now["records"], first["records"])
        self.assertGreater(now["rows"][0]["sum"], then["rows"][0]["sum"])
        self.assertGreater(now["wall_us"], then["wall_us"])
        self.assertNotIn("note", then)

    def test_what_is_not_there_is_not_found_and_what_is_no_key_is_said_to_be_none(self):
        self.running()
        self.until_live()
        for query, status, word in (
            (dict(key="77"), 404, "no such key now"), (dict(key="x"), 400, "int64"),
            (dict(key=["1", "2"]), 400, "2 texts"),
            (dict(key="1", live="maybe"), 400, "only or no"),
            (dict(key="1", live="only", at="1"), 400, "one of them"),
            (dict(live="only"), 400, "one key"),
        ):
            answer = self.look(**query)
            self.assertEqual(answer.status, status, str(answer))
            self.assertIn(word, answer.json()["message"])
        for stage, words in (("out", "keeps nothing under keys; 'sum' does"),
                             ("sun", "did you mean 'sum'")):
            self.assertIn(words, self.look(stage, key="1").json()["message"])
        # A list is a checkpoint's.
        self.assertFalse(self.look(limit=3).json()["live"])

    def test_a_key_may_be_any_bytes(self):
        with open(self.path("rows.txt"), "wb") as f:
            f.write(b"\xff\xfe\n" * 3 + b"caf\xe9\n" * 2 + "caf\u00e9\n".encode())
        self.job["pipeline"] = [
            {"id": "rows", "type": "file_source", "path": self.path("rows.txt")},
            {"id": "slow", "type": "generator_source", "rate": 3, "fields": {"line": "'slow'"}},
            {"id": "all", "type": "union", "inputs": ["rows", "slow"]},
            {"id": "sum", "type": "keyed_sum", "key": "line", "value": "1"},
            {"id": "out", "type": "blackhole_sink"},
        ]
        self.running()
        for key, sum in ((b"\xff\xfe", 3), (b"caf\xe9", 2), ("caf\u00e9", 1)):
            said = []

            def counted():
                said[:] = [self.look(key=key, live="only")]
                return said[0].status == 200 and said[0].json()["rows"][0]["sum"] == sum
            weir.until("all of %r" % key, counted)

    def test_a_job_that_stands_still_is_waited_for_a_second_and_no_longer(self):
        self.running()
        self.until_live()
        self.until_kept()
        pid = self.server.pid("count")
        os.kill(pid, signal.SIGSTOP)
        try:
            began = time.monotonic()
            said = self.look(key="1").json()
            self.assertFalse(said["live"])
            self.assertIn("has not answered", said["note"])
            answer = self.look(key="1", live="only")
            self.assertEqual((answer.status, answer.json()["code"]), (503, "E_TIMEOUT"))
            self.assertGreaterEqual(time.monotonic() - began, 1.5)
            # Many ask: so many wait, the others are refused at once; the server does other things.
            answers = []

            def ask():
                answers.append(self.look(key="1", live="only"))
            threads = [threading.Thread(target=ask) for _ in range(40)]
            for t in threads:
                t.start()
            self.assertEqual(self.server.call("GET", "/v1").status, 200)
            for t in threads:
                t.join()
            codes = [a.json()["code"] for a in answers]
            self.assertEqual({a.status for a in answers}, {503})
            self.assertEqual(set(codes), {"E_TIMEOUT", "E_LIMIT"})
            self.assertEqual(len(codes), 40)
            # What it is told does not pile up: the job would be killed for it in the end.
            answers.clear()

            def ask_long():
                answers.append(self.look(key="\x01" * 4000, live="only"))
            threads = [threading.Thread(target=ask_long) for _ in range(30)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual({a.json()["code"] for a in answers}, {"E_TIMEOUT"})
            self.assertTrue([a for a in answers if "does not read" in a.json()["message"]])
        finally:
            os.kill(pid, signal.SIGCONT)
        self.until_live()
        self.assertEqual(self.server.pid("count"), pid)

    def test_too_many_are_refused_and_the_job_goes_on(self):
        self.running()
        self.until_live()
        count, end = {}, time.monotonic() + 2

        def flood():
            connection = serve.Connection(self.server.socket)
            while time.monotonic() < end:
                connection.request("GET", "/v1/jobs/count/state/sum?key=1&live=only")
                answer = serve.Answer("a look", connection.getresponse())
                count[answer.status] = count.get(answer.status, 0) + 1
            connection.close()
        threads = [threading.Thread(target=flood) for _ in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(set(count), {200, 503})
        self.assertLess(count[200], 2 * 500 + 600)  # LIVE_A_SECOND, and some for a slow machine
        before = self.server.newest("count")
        weir.until("a checkpoint more", lambda: self.server.newest("count") > before)
        self.until_live()

    def test_each_look_is_answered_while_the_job_is_killed_again_and_again(self):
        self.running()
        self.until_live()
        self.until_kept()
        stop, wrong, lives = threading.Event(), [], [0]

        def ask(query):
            while not stop.is_set():
                began = time.monotonic()
                answer = self.look(key="1", **query)
                took = time.monotonic() - began
                said = answer.json()
                lives[0] += answer.status == 200 and said["live"]
                fits = (answer.status == 200 and (said["live"] or "note" in said)) or \
                    (answer.status == 503 and said["code"] in ("E_LIMIT", "E_TIMEOUT"))
                if query:
                    fits = (answer.status == 200 and said["live"]) or answer.status in (409, 503)
                if not fits or took > 20:
                    wrong.append("%s after %.1f s" % (answer, took))
        threads = [threading.Thread(target=ask, args=(q,)) for q in ({}, {}, {"live": "only"})]
        for t in threads:
            t.start()
        newest = 0
        for _ in range(6):
            self.until_live()
            weir.until("a checkpoint", lambda: self.server.newest("count") > newest)
            newest = self.server.newest("count")
            serve.kill(self.server.pid("count"))
        self.until_live()
        stop.set()
        for t in threads:
            t.join()
        self.assertEqual(wrong, [])
        self.assertGreater(lives[0], 6)

    def test_a_run_answers_too_and_so_does_the_verb(self):
        file = self.write("count.json", self.job)
        process = self.start("run", file, "--dir", "d")
        weir.Case.until_checkpoint(self, process, self.path("d"), 2)
        self.server = serve.Server(self)
        self.server.socket = self.path("d/weir.sock")
        said = self.until_live(live="only")
        self.assertEqual(said["rows"][0]["k"], 1)
        before = said["rows"][0]["sum"]
        shown = self.weir("state", "get", "d", "1", "--live")
        self.assertEqual(shown.code, 0, str(shown))
        self.assertEqual(shown.out.splitlines()[0], "k,sum")
        self.assertGreaterEqual(int(shown.out.splitlines()[1].partition(",")[2]), before)
        shown = self.weir("state", "get", "d", "1", "--live", "--stage", "sum", "--json")
        self.assertEqual(shown.code, 0, str(shown))
        self.assertRegex(shown.out, r'^\{"k":1,"sum":\d+\}\n$')
        self.refused(4, ["no such key now"], "state", "get", "d", "77", "--live")
        self.refused(2, ["--at"], "state", "get", "d", "1", "--live", "--at", "1")
        process.signal(signal.SIGTERM)
        self.assertEqual(process.wait().code, 0)
        self.refused(3, ["nobody"], "state", "get", "d", "1", "--live")

    def test_the_verb_asks_a_server_by_the_jobs_name(self):
        self.running()
        self.until_live()
        shown = self.weir("state", "get", "count", "1", "--live", "--dir", self.server.data)
        self.assertEqual(shown.code, 0, str(shown))
        self.server.act("count", "stop")
        self.refused(5, ["not running", "without --live"], "state", "get", "count", "1", "--live",
                     "--dir", self.server.data)


if __name__ == "__main__":
    unittest.main()
