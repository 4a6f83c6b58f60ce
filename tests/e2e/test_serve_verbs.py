"""What each verb and each route of a server promises: what is taken, what is refused and with which
cure, what stands afterwards."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import served
import weir


def lines_of_json(text):
    return [json.loads(line) for line in text.splitlines()]


class Submit(served.Case):
    def test_relative_paths_are_those_of_the_job_file(self):
        job = weir.word_count_job("../in.txt", "out/here")
        self.write("jobs/job.json", job)
        os.makedirs(self.path("elsewhere"))
        self.serve(data="elsewhere/data")
        for file in ("jobs/job.json", self.path("elsewhere", "..", "jobs", "job.json")):
            said = self.ask("submit", file, "--wait")
            self.assertEqual(said.code, 0, str(said))
            self.done("removed", "remove", "word-count")
            rows = weir.read_csv(self.path("jobs", "out", "here"), ["word", "n"])
            wrong = oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt")))
            self.assertIsNone(wrong)
            os.rename(self.path("jobs", "out"), self.path("out-of-before"))
            os.rename(self.path("out-of-before"), self.path("done-%d" % len(file)))

    def test_without_a_file_a_relative_path_is_a_fault(self):
        server = self.serve()
        job = weir.word_count_job("in.txt", self.path("out"))
        answer = server.call("POST", "/v1/jobs", json.dumps(job))
        self.assertIn(answer.status, (400, 422), str(answer))
        told = answer.json()
        self.assertRegex(told["message"] + told.get("text", ""), "in.txt|relative")
        self.assertEqual(server.jobs(), {})
        job["pipeline"][0]["path"] = self.path("in.txt")
        self.assertEqual(server.ask("POST", "/v1/jobs", 201, json.dumps(job))["file"], None)
        server.until_state("word-count", "FINISHED")

    def test_faults_are_told_alike_by_validate_by_submit_and_by_the_server(self):
        server = self.serve()
        wrong = weir.word_count_job("in.txt", "out")
        wrong["pipeline"][2]["key"] = "wrod"
        wrong["pipeline"][3]["fromat"] = "csv"
        wrong["checkpoint"]["interval"] = "soon"
        for text in (json.dumps(wrong, indent=1), '{"name": "x", ', '{"name": "x"}', "", "[1]"):
            with self.subTest(text[:20]):
                file = self.write("job.json", text)
                validated = self.weir("validate", file)
                submitted = self.ask("submit", file)
                self.assertEqual((validated.code, submitted.code), (2, 2), str(submitted))
                self.assertEqual(submitted.err, validated.err)
                answer = server.call("POST", "/v1/jobs", text, file=file)
                self.assertEqual(answer.status, 422, str(answer))
                told, verdict = answer.json(), self.weir("validate", file, "--json").json()
                self.assertEqual(told["code"], "E_INVALID")
                self.assertEqual(told["errors"], verdict["errors"])
                self.assertEqual(told["text"], validated.err)
                first = [e for e in verdict["errors"] if e["severity"] == "error"][0]
                self.assertEqual(
                    told["at"], {k: first[k] for k in ("file", "line", "column")}, str(answer)
                )
                as_json = self.ask("submit", file, "--json")
                self.assertEqual(as_json.code, 2)
                self.assertEqual(as_json.json()["errors"], verdict["errors"])
        self.assertEqual(server.jobs(), {})

    def test_the_faults_of_a_set_are_the_servers_too(self):
        server = self.serve()
        file = self.write("job.json", self.count_job())
        sets = ("--set", "pipeline.count.key=wrod")
        validated = self.weir("validate", file, *sets)
        self.assertEqual(self.ask("submit", file, *sets).err, validated.err)
        with open(file) as f:
            answer = server.call("POST", "/v1/jobs", f.read(), file=file, set=sets[1])
        self.assertEqual(answer.status, 422, str(answer))
        self.assertEqual(answer.json()["text"], validated.err)

    def test_a_name_that_is_taken_says_its_state_and_the_cure(self):
        server = self.serve()
        job = self.write("count.json", self.count_job(rate=60))
        self.done("submitted", "submit", job)
        server.until_state("count", "RUNNING")
        self.denied(5, ["'count' is RUNNING", "weir submit --replace", "weir stop"], "submit", job)
        server.act("count", "stop")
        # At rest it goes on under the new description; no word is needed for that.
        stopped = server.job("count")["checkpoint"]
        whole = self.write("count.json", self.count_job())
        self.done("submitted", "submit", whole, "--wait")
        self.assertGreater(server.job("count")["checkpoint"], stopped)
        self.check()
        for more in ((), ("--replace",)):
            self.denied(5, ["FINISHED", "weir remove count", "another"], "submit", whole, *more)
        self.done("removed", "remove", "count")
        # The output of another lineage is not written over.
        self.denied(5, ["count-out"], "submit", whole, "--wait")
        self.check()

    def test_a_replacement_of_what_runs_goes_on_from_its_last_record(self):
        server = self.serve()
        server.submit(self.count_job(rate=60))
        self.until_checkpoint("count", above=2)
        job = self.write("count.json", self.count_job(parallelism=2))
        said = self.done("replacing", "submit", job, "--replace", "--wait")
        self.assertIn("FINISHED", said.err)
        kinds = [r["kind"] for r in self.records("count")]
        self.assertIn("stop", kinds)
        self.check()

    def test_parallelism_and_sets_are_kept_over_a_restart(self):
        server = self.serve()
        job = self.write("count.json", self.count_job(rate=60))
        more = ("--parallelism", "3", "--set", "pipeline.lines.rate=50")
        self.done("submitted", "submit", job, *more)
        server.until_state("count", "RUNNING")
        server.kill9()
        server = self.serve()
        server.until_state("count", "RUNNING")
        weir.until("its facts", lambda: "facts" in server.job("count"))
        stages = {s["id"]: s for s in server.job("count")["facts"]["stages"]}
        self.assertEqual(stages["count"]["parallelism"], 3)

    def test_wait_ends_with_the_jobs_code_whoever_ends_it(self):
        server = self.serve()
        job = self.write("tick.json", served.ticking())
        for verb, code, words in (("stop", 0, "STOPPED"), ("cancel", 0, "CANCELLED")):
            with self.subTest(verb):
                waiting = self.start("submit", job, "--wait", "--dir", server.data)
                weir.until("it", lambda: server.state("tick") == "RUNNING")
                server.act("tick", verb)
                said = waiting.wait()
                self.assertEqual(said.code, code, str(said))
                self.assertIn(words + " tick", said.err)
        bad = served.ticking("bad")
        bad["pipeline"][0]["fields"] = {"n": "1 / i"}
        bad = self.write("bad.json", bad)
        said = self.ask("submit", bad, "--wait")
        self.assertEqual(said.code, 1, str(said))
        self.assertIn("division by zero", said.err)
        as_json = self.ask("submit", bad, "--wait", "--json")
        self.assertEqual(as_json.code, 1, str(as_json))
        events = lines_of_json(as_json.out)
        self.assertEqual(events[-1]["data"]["state"], "FAILED")


class Answers(served.Case):
    def test_with_json_everything_is_json(self):
        server = self.serve()
        job = self.write("tick.json", served.ticking())
        self.assertEqual(self.done(".", "list", "--json").json(), {"jobs": []})
        self.assertEqual(self.done(".", "submit", job, "--json").json()["name"], "tick")
        server.until_state("tick", "RUNNING")
        self.assertEqual(self.done(".", "list", "--json").json()["jobs"][0]["state"], "RUNNING")
        shown = self.done(".", "show", "tick", "--json").json()
        self.assertEqual(shown["pid"], server.pid("tick"))
        self.assertEqual(len(shown["facts"]["stages"]), 2)
        for verb in ("checkpoint", "restart", "stop", "cancel", "remove"):
            events = lines_of_json(self.done(".", verb, "tick", "--json").out)
            self.assertEqual(events[-1]["event"], "action", verb)
            self.assertEqual(events[-1]["data"]["kind"], verb)
            self.assertEqual(events[-1]["data"]["state"], "done", events[-1])
        for args in ("show tick", "logs tick", "stop tick", "rescale tick 2"):
            said = self.ask(*args.split(), "--json")
            self.assertEqual((said.code, said.json()["code"]), (4, "E_NOT_FOUND"), str(said))

    def test_what_cannot_be_written_is_no_success(self):
        server = self.serve()
        server.submit(served.ticking())
        job = self.write("tick.json", served.ticking())
        with open("/dev/full", "wb") as full:
            for args in (("list",), ("show", "tick"), ("logs", "tick"), ("list", "--json")):
                said = self.start(*args, "--dir", server.data, stdout=full).wait()
                self.assertEqual(said.code, 1, str(said))
                self.assertIn("standard output", said.err)
            said = self.start("validate", job, "--json", stdout=full).wait()
            self.assertEqual(said.code, 1, str(said))

    def test_exit_codes_say_what_was_wrong(self):
        server = self.serve()
        for verb in ("show", "logs", "checkpoint", "stop", "cancel", "restart", "remove"):
            self.denied(4, ["there is no job 'nobody'|no jobs"], verb, "nobody")
            self.refused(3, ["weir serve"], verb, "nobody", "--dir", "nowhere")
        self.denied(4, ["nobody"], "rescale", "nobody", "2")
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")
        self.denied(4, ["did you mean 'tick'"], "stop", "tik")
        for n in ("0", "1.5", "two", "99999"):
            self.denied(2, ["whole number"], "rescale", "tick", n)
        self.denied(2, [], "stop", "tick", "tock")
        self.denied(4, ["can be no job"], "stop", "../tick")
        self.assertEqual(server.state("tick"), "RUNNING")
        self.denied(5, ["weir stop tick"], "remove", "tick")

    def test_every_route_says_why_not_in_one_shape(self):
        server = self.serve()
        server.submit(served.ticking())
        cases = (
            ("GET", "/v2", 404), ("GET", "/v1/job", 404), ("GET", "/v1/jobs/tick/", 404),
            ("GET", "/v1/jobs/tick/nothing", 404), ("GET", "/v1/jobs/nobody", 404),
            ("GET", "/v1/actions/99", 404), ("GET", "/v1/actions/x", 404),
            ("GET", "/v1/actions/99999999999999999999", 404),
            ("PUT", "/v1/jobs", 405), ("DELETE", "/v1/jobs", 405), ("POST", "/v1", 405),
            ("GET", "/v1/jobs/tick/stop", 405), ("POST", "/v1/jobs/tick/log", 405),
            ("POST", "/v1/jobs/tick", 405), ("POST", "/v1/jobs/tick/rescale", 400),
            ("POST", "/v1/jobs/tick/rescale?parallelism=0", 400),
            ("POST", "/v1/jobs/tick/rescale?parallelism=-1", 400),
            ("POST", "/v1/jobs/tick/rescale?parallelism=2x", 400),
            ("GET", "/v1/jobs?all=1", 400), ("GET", "/v1/jobs/tick/log?tail=", 400),
            ("GET", "/v1/jobs/tick/log?tail=-1", 400), ("GET", "/v1/jobs/tick/log?follow=2", 400),
            ("POST", "/v1/jobs?replace=yes", 400), ("DELETE", "/v1/jobs/tick", 409),
            ("POST", "/v1/jobs/tick/remove", 409),
        )
        for method, target, status in cases:
            with self.subTest("%s %s" % (method, target)):
                answer = server.call(method, target)
                self.assertEqual(answer.status, status, str(answer))
                told = answer.json()
                self.assertEqual(set(told), {"code", "message", "at"})
                self.assertTrue(told["message"])
                if method != "HEAD":
                    self.assertEqual(answer.headers["Content-Type"], "application/json")


class AtARun(weir.Case):
    def test_a_run_refuses_what_only_a_server_can_do(self):
        job = self.write("tick.json", served.ticking())
        folder = "/".join(["here" * 20] * 3)  # longer than a socket's address
        run = self.start("run", job, "--dir", folder)
        self.until_checkpoint(run, self.path(folder), 1)
        weir.until("it", lambda: self.weir("show", "--dir", folder).code == 0)
        for args in (("submit", job), ("rescale", "tick", "2"), ("logs", "tick")):
            self.refused(5, ["weir run|weir serve"], *args, "--dir", folder)
        self.refused(4, ["'tick'"], "show", "other", "--dir", folder)
        self.refused(5, ["%d" % run.pid], "run", job, "--dir", folder)
        self.ok("checkpoint", "--dir", folder)
        self.ok("stop", "--dir", folder)
        self.assertEqual(run.wait().code, 0, str(run.result()))
        self.assertFalse(os.path.exists(self.path(folder, "weir.sock")))


class StopAndGo(served.Case):
    def test_a_stop_takes_a_checkpoint_and_a_restart_goes_on_from_it(self):
        server = self.serve()
        server.submit(self.count_job(rate=60))
        self.until_checkpoint("count", above=1)
        stop = server.act("count", "stop")
        last = self.records("count")[-1]
        self.assertEqual((last["id"], last["kind"]), (stop["checkpoint"], "stop"))
        self.assertIsNone(server.pid("count"))
        self.assertEqual(server.job("count")["exit"], 0)
        self.assertEqual(server.act("count", "stop")["state"], "done")
        server.kill9()
        server = self.serve()
        self.assertEqual(server.state("count"), "STOPPED")
        self.assertIsNone(server.pid("count"))
        self.assertIn("from checkpoint %d" % stop["checkpoint"], self.ask("restart", "count").out)
        server.submit(self.count_job(), replace=1)
        server.until_state("count", "FINISHED")
        self.check()
        for verb in ("restart", "stop", "checkpoint"):
            self.denied(5, ["FINISHED"], verb, "count")
        self.denied(5, ["FINISHED"], "rescale", "count", "2")

    def test_a_restart_of_what_runs_is_another_process_from_a_checkpoint(self):
        server = self.serve()
        server.submit(self.count_job(rate=60))
        self.until_checkpoint("count", above=1)
        pid = server.pid("count")
        server.act("count", "restart")
        self.assertNotEqual(server.pid("count"), pid)
        self.assertIn("stop", [r["kind"] for r in self.records("count")])
        self.assertEqual(server.job("count")["attempt"], 1)

    def test_a_cancel_takes_no_checkpoint_and_what_was_stays(self):
        server = self.serve()
        server.submit(self.count_job(rate=60))
        self.until_checkpoint("count", above=1)
        server.act("count", "cancel")
        self.assertIsNone(server.pid("count"))
        self.assertNotIn("stop", [r["kind"] for r in self.records("count")])
        newest = server.newest("count")
        self.assertEqual(server.job("count")["exit"], 0)
        self.denied(5, ["CANCELLED"], "stop", "count")
        server.act("count", "cancel")
        self.assertEqual(server.newest("count"), newest)
        server.kill9()
        server = self.serve()
        self.assertEqual(server.state("count"), "CANCELLED")
        server.act("count", "restart")
        self.assertTrue(server.job("count")["facts"]["restored"])
        server.submit(self.count_job(), replace=1)
        server.until_state("count", "FINISHED")
        self.check()

    def test_on_cancel_delete_erases_and_a_new_one_begins_anew(self):
        server = self.serve()
        job = self.count_job(rate=60)
        job["checkpoint"]["on_cancel"] = "delete"
        server.submit(job)
        self.until_checkpoint("count", above=1)
        server.act("count", "cancel")
        self.assertFalse(os.path.exists(server.folder("count")))
        self.assertEqual(server.state("count"), "CANCELLED")
        self.assertEqual(self.records("count"), [])
        # It would write where the one that was erased has written.
        server.submit(job)
        failed = server.until_state("count", "FAILED")
        self.assertIn("count-out", failed["error"])
        server.act("count", "remove")
        os.rename(self.path("count-out"), self.path("old-out"))
        del job["pipeline"][0]["rate"]
        server.submit(job)
        server.until_state("count", "FINISHED")
        self.assertEqual(self.records("count")[0]["id"], 1)
        self.check()

    def test_on_cancel_delete_erases_what_is_stopped_too_after_a_kill(self):
        server = self.serve()
        server.submit(served.ticking(checkpoint={"interval": "30ms", "on_cancel": "delete"}))
        self.until_checkpoint("tick", above=1)
        server.act("tick", "stop")
        self.assertTrue(os.path.exists(server.folder("tick")))
        server.kill9()
        server = self.serve()
        server.act("tick", "cancel")
        self.assertFalse(os.path.exists(server.folder("tick")))
        server.act("tick", "restart")
        self.assertFalse(server.job("tick")["facts"]["restored"])

    def test_savepoints_go_with_a_directory_only_when_told(self):
        server = self.serve()
        job = self.count_job(rate=60)
        job["checkpoint"]["on_cancel"] = "delete"
        server.submit(job)
        self.until_checkpoint("count", above=1)
        self.done("savepoint 'keep'", "savepoint", "count", "--name", "keep")
        kept = os.path.join(server.folder("count"), "savepoints", "keep", "manifest")
        self.denied(5, ["keep", "--with-savepoints"], "cancel", "count")
        self.assertEqual(server.state("count"), "RUNNING")
        self.assertTrue(os.listdir(kept))
        server.act("count", "stop")
        self.denied(5, ["1 savepoint", "keep", "--with-savepoints"], "remove", "count")
        self.assertEqual(server.call("DELETE", "/v1/jobs/count").status, 409)
        self.assertTrue(os.listdir(kept))
        self.done("CANCELLED", "cancel", "count", "--with-savepoints")
        self.assertFalse(os.path.exists(server.folder("count")))
        self.done("removed", "remove", "count")

    def test_a_rescaled_job_has_the_subtasks_and_loses_nothing(self):
        server = self.serve()
        server.submit(self.count_job(rate=60))
        self.until_checkpoint("count", above=1)
        for n in (3, 1, 2):
            self.done("RUNNING", "rescale", "count", str(n))
            shown = server.job("count")
            stages = {s["id"]: s for s in shown["facts"]["stages"]}
            self.assertEqual((stages["count"]["parallelism"], shown["parallelism"]), (n, n))
        self.denied(2, ["max_parallelism"], "rescale", "count", "256")
        server.act("count", "restart")
        self.assertEqual(server.job("count")["parallelism"], 2)
        server.submit(self.count_job(), replace=1)
        server.until_state("count", "FINISHED")
        self.assertIsNone(server.job("count")["parallelism"])
        self.check()

    def test_a_checkpoint_that_was_asked_for_is_there(self):
        server = self.serve()
        server.submit(served.ticking(checkpoint={"interval": "1h"}))
        server.until_state("tick", "RUNNING")
        for again in range(3):
            before = server.newest("tick")
            action = server.act("tick", "checkpoint")
            self.assertGreater(action["checkpoint"], before)
            self.assertEqual(server.newest("tick"), action["checkpoint"])
        pid = server.pid("tick")
        server.act("tick", "stop")
        self.denied(5, ["STOPPED", "weir restart"], "checkpoint", "tick")
        self.assertIsNotNone(pid)

    def test_a_removed_job_leaves_nothing_but_its_output(self):
        server = self.serve()
        server.submit(self.count_job())
        server.until_state("count", "FINISHED")
        self.assertTrue(os.path.exists(self.path("data", "logs", "count.log")))
        server.act("count", "remove")
        left = [
            os.path.join(where, name)
            for where, _, names in os.walk(server.data)
            for name in names
            if "count" in os.path.join(where, name)[len(server.data) :]
        ]
        self.assertEqual(left, [])
        self.assertEqual(server.call("GET", "/v1/jobs/count").status, 404)
        self.check()
        server.kill9()
        self.assertEqual(self.serve().jobs(), {})

    def test_a_job_whose_entry_is_corrupt_can_be_removed_and_nothing_else(self):
        server = self.serve()
        server.submit(served.ticking())
        self.until_checkpoint("tick")
        server.act("tick", "stop")
        server.stop()
        catalogue = self.path("data", "catalogue")
        entry = max(os.listdir(catalogue))
        with open(os.path.join(catalogue, entry), "r+b") as f:
            f.seek(80)
            f.write(b"#")
        server = self.serve()
        shown = server.job("tick")
        self.assertEqual((shown["state"], shown["exit"]), ("FAILED", 6))
        self.assertIn("checksum", shown["error"])
        for verb in ("restart", "cancel"):
            answer = server.call("POST", "/v1/jobs/tick/" + verb)
            self.assertGreaterEqual(answer.status, 400, str(answer))
        answer = server.call("POST", "/v1/jobs", json.dumps(served.ticking()), replace=1)
        self.assertEqual(answer.status, 409, str(answer))
        self.assertIn("weir remove tick", answer.json()["message"])
        self.assertTrue(os.path.exists(server.folder("tick")))
        self.done("removed", "remove", "tick")
        server.submit(served.ticking())
        server.until_state("tick", "RUNNING")


if __name__ == "__main__":
    unittest.main(verbosity=2)
