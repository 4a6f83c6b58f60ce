"""The verbs that ask a server, against one that says what a test wants: what they ask, what they
print, and how they end."""

import json
import os
import signal
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir
from fake_server import FakeServer, Raw, Stream, action, error, event, events, job

RECORD = {"id": 27, "kind": "periodic", "state": "completed", "bytes_written": 41000}
RECORD.update({"keys_changed": 5, "total_ms": 3.1})


class Client(weir.Case):
    def setUp(self):
        super().setUp()
        self.server = FakeServer(self.path("data"))
        self.addCleanup(self.server.close)
        self.jobs()

    def jobs(self, *told):
        self.server.on("GET", "/v1/jobs", lambda request: (200, {"jobs": list(told)}))

    def ask(self, *args):
        return self.weir(*args, "--dir", "data")


class Unreachable(weir.Case):
    def test_who_does_not_answer_is_named_with_the_cure(self):
        for verb in ("list", "show", "logs", "checkpoint", "stop"):
            self.refused(
                3, ["no server answers on d/weir.sock", "weir serve --dir d"], verb, "--dir", "d"
            )
        for verb in ("cancel", "restart", "remove"):
            self.refused(3, ["weir serve --dir d"], verb, "a", "--dir", "d")
        self.refused(3, ["weir serve --dir d"], "rescale", "a", "2", "--dir", "d")

    def test_as_json_it_is_one_object(self):
        said = self.weir("list", "--json")
        self.assertEqual(said.code, 3, str(said))
        self.assertEqual(said.json()["code"], "E_UNREACHABLE")
        self.assertIn("weir-server/weir.sock", said.json()["message"])
        self.assertEqual(said.err, "")

    def test_a_folder_that_is_too_long_for_a_socket_and_not_there(self):
        folder = "x" * 200
        self.refused(3, ["no such folder"], "list", "--dir", folder)
        os.mkdir(self.path(folder))
        self.refused(3, ["weir serve --dir " + folder], "list", "--dir", folder)

    def test_a_url_is_checked_before_it_is_used(self):
        for url in (
            "localhost:80",
            "https://",
            "httpx://h",
            "ftp://h",
            "https://h/v1",
            "http://",
            "http://h/v1",
            "http://h:1@x",
            "http://a b",
        ):
            self.refused(2, ["http://HOST:PORT"], "list", "--server", url)
        self.refused(2, ["one of them"], "list", "--server", "http://h", "--dir", "d")


class Reading(Client):
    def test_a_folder_whose_path_is_longer_than_a_sockets_address(self):
        folder = self.path("y" * 120, "z" * 120)
        with FakeServer(folder) as server:
            server.on("GET", "/v1/jobs", lambda request: (200, {"jobs": [job("far-away")]}))
            self.assertIn("far-away", self.ok("list", "--dir", folder).out)

    def test_the_default_folder_is_of_the_environment(self):
        os.environ["WEIR_DIR"] = "data"
        self.addCleanup(os.environ.pop, "WEIR_DIR")
        self.jobs(job("mine"))
        self.assertIn("mine", self.ok("list").out)

    def test_a_server_on_tcp_without_the_proxy_of_the_environment(self):
        for name in ("http_proxy", "all_proxy", "ALL_PROXY"):
            os.environ[name] = "http://127.0.0.1:9"
            self.addCleanup(os.environ.pop, name)
        with FakeServer() as server:
            server.on("GET", "/v1/jobs", lambda request: (200, {"jobs": [job("there")]}))
            self.assertIn("there", self.ok("list", "--server", server.url).out)

    def test_list_is_sorted_and_shows_the_last_error(self):
        self.jobs(
            job("b", "FAILED", error="disk \u00fc\nfull", attempt=7, exit=1, checkpoint=None),
            job("a-long-name-of-a-job"),
        )
        lines = self.ask("list").out.splitlines()
        self.assertRegex(lines[0], r"NAME +STATE +ATTEMPT +SINCE +CHECKPT +LAST ERROR")
        self.assertRegex(lines[1], r"^a-long-name-of-a-job +RUNNING +1 +\S+ \S+ +26$")
        self.assertRegex(
            lines[2].encode("latin-1").decode(), "^b +FAILED +7 .* -  disk \u00fc full$"
        )

    def test_an_empty_list_says_how_to_submit(self):
        self.assertIn("weir submit JOB.json --dir data", self.ask("list").out)

    def test_json_is_what_the_server_said(self):
        self.jobs(job("a"))
        self.assertEqual(self.ask("list", "--json").json(), {"jobs": [job("a")]})
        self.server.on("GET", "/v1/jobs/a", lambda request: (200, job("a")))
        self.assertEqual(self.ask("show", "a", "--json").json(), job("a"))

    def test_ten_thousand_jobs_are_listed_quickly(self):
        self.jobs(*(job("job-%05d" % i, "FINISHED", exit=0) for i in range(10000)))
        began = time.monotonic()
        lines = self.ask("list").out.splitlines()
        print("list of 10,000: %.0f ms" % ((time.monotonic() - began) * 1e3), file=sys.stderr)
        self.assertEqual(len(lines), 10001)
        self.assertTrue(lines[10000].startswith("job-09999 "))

    def test_a_name_that_no_job_can_have_is_never_asked_for(self):
        for name in (
            "../x",
            "..",
            "a/b",
            "a%2fb",
            "a b",
            "a?x=1",
            "a#",
            "\u00fc",
            "",
            "n" * 65,
            "a\n",
        ):
            self.refused(4, ["there can be no job"], "show", name, "--dir", "data")
            self.refused(4, ["there can be no job"], "remove", name, "--dir", "data")
        self.assertEqual(self.server.asked(), [])

    def test_a_job_that_is_not_there_may_be_another(self):
        self.jobs(job("word-count"), job("totals"))
        self.refused(
            4,
            ["no job 'wordcount'", "did you mean 'word-count'"],
            "show",
            "wordcount",
            "--dir",
            "data",
        )
        self.refused(4, ["weir list --dir data"], "show", "quite-another", "--dir", "data")
        self.jobs()
        self.refused(4, ["there are no jobs here"], "logs", "word-count", "--dir", "data")

    def test_without_a_name_the_only_job_is_meant(self):
        self.refused(4, ["there is no job"], "show", "--dir", "data")
        self.jobs(job("one"))
        self.server.on("GET", "/v1/jobs/one", lambda request: (200, job("one")))
        self.assertTrue(self.ask("show").out.startswith("one  RUNNING"))
        self.jobs(job("one"), job("two"))
        self.refused(2, ["which job", "one, two"], "show", "--dir", "data")

    def test_show_says_the_cure_of_a_failed_job(self):
        failed = job("a", "FAILED", error="no space left", exit=1, pid=None)
        self.server.on("GET", "/v1/jobs/a", lambda request: (200, failed))
        said = self.ask("show", "a").out
        for words in (
            "exit code 1",
            "no space left",
            "weir logs a --dir data",
            "go on from checkpoint 26: weir restart a --dir data",
        ):
            self.assertIn(words, said)

    def test_logs_are_the_bytes_the_server_sent(self):
        said = b"one\x00\xff\ntwo\n"
        self.server.on(
            "GET", "/v1/jobs/a/log", lambda request: Stream([said[:3], said[3:]], "text/plain")
        )
        self.assertEqual(self.ask("logs", "a").out.encode("latin-1"), said)
        self.ask("logs", "a", "-fn5")
        self.ask("logs", "-n", "7", "a", "--follow")
        self.assertEqual(
            [r.query for r in self.server.requests],
            [
                [("tail", "100")],
                [("tail", "5"), ("follow", "1")],
                [("tail", "7"), ("follow", "1")],
            ],
        )

    def test_an_answer_that_is_none_is_said_so(self):
        for answer, code, words in (
            (Raw(b"SSH-2.0-hello\r\n"), 3, "."),
            (Raw(b""), 3, "ended the connection"),
            (Raw(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{}"), 3, "went away"),
            (
                Raw(
                    b"HTTP/1.1 301 X\r\nLocation: http://weir/v1/other\r\nContent-Length: 0\r\n\r\n"
                ),
                1,
                "301",
            ),
            ((500, b"<html>oh</html>"), 1, "500.*oh"),
            ((503, {"code": "E_LIMIT", "message": "256 connections"}), 1, "256 connections"),
            ((409, {"code": "E_NONSENSE", "message": "odd"}), 1, "odd"),
            ((409, {"code": 5}), 1, "409"),
            ((200, b""), 1, "no list of jobs"),
            ((200, b'{"jobs": [{"name": "a'), 1, "no list of jobs"),
            ((200, b'{"jobs": [[[{]]'), 1, "no list of jobs"),
            ((200, b"[" * 100000), 1, "no list of jobs"),
        ):
            self.server.on("GET", "/v1/jobs", lambda request: answer)
            self.refused(code, [words], "list", "--dir", "data")
        for body in (b"", b"[]", b"{}", b'{"name": 1}', b"\xff", b'{"name": "a"}'):
            self.server.on("GET", "/v1/jobs/a", lambda request: (200, body))
            self.assertNotEqual(self.ask("show", "a").code, 0)

    def test_facts_that_make_no_sense_are_left_out(self):
        for facts in ({}, {"stages": 5}, {"stages": [{"input": [99]}]}, {"name": "x" * 5000}):
            told = job("a", facts=facts)
            self.server.on("GET", "/v1/jobs/a", lambda request: (200, told))
            self.assertIn("RUNNING", self.ask("show", "a").out)


class Actions(Client):
    def test_a_stop_shows_its_progress_and_its_checkpoint(self):
        self.server.on(
            "POST",
            "/v1/jobs/a/stop",
            events(
                ("job", job("a")),
                ("job", job("a", "STOPPING")),
                ("checkpoint", RECORD),
                b": a comment\n\n",
                ("job", job("a", "STOPPED", exit=0)),
                ("action", action("a", "stop", checkpoint=27)),
            ),
        )
        said = self.ask("stop", "a")
        self.assertEqual(said.code, 0, str(said))
        self.assertRegex(
            said.out, r"a  STOPPED in .*, checkpoint 27 \(41 kB, 5 keys changed, 3.1 ms\)"
        )
        self.assertIn("weir restart a --dir data", said.out)
        self.assertIn("a  STOPPING\n", said.err)
        self.assertEqual(self.server.requests[0].headers["accept"], "text/event-stream")

    def test_each_verb_asks_for_its_own_action(self):
        for verb, more, query in (
            ("checkpoint", [], ""),
            ("stop", [], ""),
            ("cancel", [], ""),
            ("restart", [], ""),
            ("remove", [], ""),
            ("rescale", ["4"], "?parallelism=4"),
        ):
            self.server.on("POST", "/v1/jobs/a/" + verb, events(("action", action("a", verb))))
            said = self.ask(verb, "a", *more)
            self.assertEqual(said.code, 0, str(said))
            self.assertEqual(self.server.asked()[-1], "POST /v1/jobs/a/%s%s" % (verb, query))
        for n in ("0", "-1", "x", "99999", "4x"):
            self.assertEqual(self.ask("rescale", "a", n).code, 2)

    def test_a_failed_action_exits_by_its_code(self):
        for code, exit in (("E_REFUSED", 5), ("E_TIMEOUT", 1), ("E_CORRUPT", 6), ("E_INVALID", 2)):
            self.server.on(
                "POST",
                "/v1/jobs/a/checkpoint",
                events(
                    ("action", action("a", "checkpoint", "failed", code=code, error="because")),
                ),
            )
            self.refused(exit, ["because"], "checkpoint", "a", "--dir", "data")

    def test_a_refusal_says_what_the_server_says(self):
        self.server.on(
            "POST",
            "/v1/jobs/a/remove",
            error(409, "E_REFUSED", "job 'a' is RUNNING; stop it first: weir stop a"),
        )
        self.refused(5, ["stop it first"], "remove", "a", "--dir", "data")

    def test_json_is_a_line_an_event(self):
        self.server.on(
            "POST",
            "/v1/jobs/a/stop",
            events(
                ("job", job("a")),
                ("action", action("a", "stop", "failed", code="E_TIMEOUT", error="x")),
            ),
        )
        said = self.ask("stop", "a", "--json")
        self.assertEqual(said.code, 1, str(said))
        lines = [json.loads(line) for line in said.out.splitlines()]
        self.assertEqual([line["event"] for line in lines], ["job", "action"])
        self.assertEqual(lines[0]["data"], job("a"))

    def test_a_stream_that_is_cut_is_no_success(self):
        for whole in (True, False):
            self.server.on("POST", "/v1/jobs/a/cancel", events(("job", job("a")), whole=whole))
            self.refused(3, ["weir show a|not known how"], "cancel", "a", "--dir", "data")

    def test_a_run_that_was_stopped_is_gone_before_it_can_say_so(self):
        self.server.on(
            "POST",
            "/v1/jobs/a/stop",
            events(
                ("job", job("a", "STOPPING")),
                ("job", job("a", "STOPPED", exit=0)),
                whole=False,
            ),
        )
        self.assertEqual(self.ask("stop", "a").code, 0)


class Submit(Client):
    def setUp(self):
        super().setUp()
        self.write("in.txt", "a b\n")
        self.text = json.dumps(weir.word_count_job("in.txt", "out"), indent=3) + "\n\n"
        self.job = self.write("a %+&#job.json", self.text)
        self.server.on("POST", "/v1/jobs", lambda request: (201, job("word-count", "STARTING")))

    def test_the_file_goes_as_it_is_with_its_place_and_the_options(self):
        said = self.ask(
            "submit",
            os.path.basename(self.job),
            "--set",
            "checkpoint.interval=100ms",
            "--set",
            "pipeline.count.as=n&x=\u00fc",
            "--parallelism",
            "3",
            "--replace",
        )
        self.assertEqual(said.code, 0, str(said))
        self.assertRegex(
            said.out, "^submitted .*word-count; watch it: weir show word-count --dir data\n$"
        )
        request = self.server.requests[0]
        self.assertEqual(request.body.decode(), self.text)
        self.assertEqual(
            request.query,
            [
                ("file", self.job),
                ("replace", "1"),
                ("parallelism", "3"),
                ("set", "checkpoint.interval=100ms"),
                ("set", "pipeline.count.as=n&x=\u00fc"),
            ],
        )

    def test_faults_are_found_before_a_server_is_asked(self):
        bad = self.write(
            "bad.json", self.text.replace('"word"', '"wrod"', 1).replace("keyed_sum", "keyed_sun")
        )
        validated = self.weir("validate", bad)
        self.assertEqual(validated.code, 2)
        self.assertEqual(
            self.refused(2, ["keyed_sun"], "submit", bad, "--dir", "data").err, validated.err
        )
        said = self.ask("submit", bad, "--json")
        self.assertEqual(said.code, 2, str(said))
        self.assertEqual(said.json()["code"], "E_INVALID")
        self.assertEqual(
            said.json()["errors"], self.weir("validate", bad, "--json").json()["errors"]
        )
        self.assertEqual(said.json()["text"], validated.err)
        self.refused(4, ["nowhere.json"], "submit", "nowhere.json", "--dir", "data")
        self.assertEqual(self.server.asked(), [])

    def test_faults_the_server_finds_are_printed_as_they_are(self):
        text = "/x/job.json:1:2  error: odd\n   1 | {\n     |  ^\n1 error\n"
        self.server.on("POST", "/v1/jobs", error(422, "E_INVALID", "1 error", errors=[], text=text))
        self.assertEqual(self.refused(2, [], "submit", self.job, "--dir", "data").err, text)

    def test_a_name_that_is_taken(self):
        self.server.on(
            "POST",
            "/v1/jobs",
            error(
                409, "E_EXISTS", "job 'word-count' is RUNNING; replace it: weir submit --replace"
            ),
        )
        self.refused(5, ["is RUNNING", "--replace"], "submit", self.job, "--dir", "data")

    def wait(self, *told, **how):
        self.server.on("GET", "/v1/jobs/word-count/events", events(*told, **how))
        return self.ask("submit", self.job, "--wait")

    def test_wait_ends_with_the_job_and_its_code(self):
        for state, exit in (("FINISHED", 0), ("FAILED", 6), ("STOPPED", 0)):
            said = self.wait(
                ("job", job("word-count", "STARTING")),
                ("recovery", {"lines": "RECOVERED word-count\n checkpoint 26\n"}),
                ("job", job("word-count")),
                ("checkpoint", RECORD),
                ("job", job("word-count", "WAITING", error="it broke")),
                ("job", job("word-count", state, exit=exit, error="bad" if exit else None)),
            )
            self.assertEqual(said.code, exit, str(said))
            for words in (
                "RECOVERED word-count\n checkpoint 26\n",
                "WAITING word-count  it broke",
                " checkpoint 27 completed: 41 kB",
                state + " word-count",
            ):
                self.assertIn(words, said.err)

    def test_a_job_that_was_over_at_once(self):
        self.assertEqual(self.wait(("job", job("word-count", "FINISHED", exit=0))).code, 0)

    def test_a_server_that_goes_while_it_is_waited_for(self):
        def gone():
            self.server.server.socket.close()
            os.unlink(self.path("data", "weir.sock"))

        said = self.wait(("job", job("word-count")), gone, whole=False)
        self.assertEqual(said.code, 3, str(said))
        self.assertIn("goes on when its server does", said.err)

    def test_a_stream_that_was_cut_is_taken_up_again(self):
        streams = [
            events(("job", job("word-count")), whole=False),
            events(("job", job("word-count", "FINISHED", exit=0))),
        ]
        self.server.on("GET", "/v1/jobs/word-count/events", lambda request: streams.pop(0)(request))
        self.assertEqual(self.ask("submit", self.job, "--wait").code, 0)

    def test_a_job_that_is_removed_while_it_is_waited_for(self):
        said = self.wait(("job", job("word-count")), ("removed", {}))
        self.assertEqual(said.code, 4, str(said))

    def test_an_interrupt_ends_the_watching_only(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            self.server.on(
                "GET",
                "/v1/jobs/word-count/events",
                events(
                    ("job", job("word-count")),
                    lambda: p.signal(number),
                    lambda: weir.pause(weir.TIMEOUT),
                ),
            )
            p = self.start("submit", self.job, "--wait", "--dir", "data")
            said = p.wait()
            self.assert_sound(said)
            self.assertEqual(said.code, 0, str(said))
            self.assertIn("goes on without being watched", said.err)

    def test_wait_as_json_is_a_line_an_event(self):
        self.server.on(
            "GET",
            "/v1/jobs/word-count/events",
            events(
                ("job", job("word-count")),
                ("checkpoint", RECORD),
                ("job", job("word-count", "FAILED", exit=1)),
            ),
        )
        said = self.ask("submit", self.job, "--wait", "--json")
        self.assertEqual(said.code, 1, str(said))
        self.assertEqual(
            [json.loads(line)["event"] for line in said.out.splitlines()],
            ["job", "checkpoint", "job"],
        )


if __name__ == "__main__":
    unittest.main()
