"""What a server tells of a running job over REST: each route is asked by hand, on a word count
whose words have all been read while a slow second source keeps it running. What is right comes from
the oracle, from `weir state get` and from `weir explain`."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import serve
import served
import weir

JOB = "/v1/jobs/words"


def words_job(text, slow):
    """Counts the words of a file and, forever, those of a slow generator."""
    return {
        "name": "words",
        "checkpoint": {"interval": "100ms", "retain": 20},
        "pipeline": [
            {"id": "text", "type": "file_source", "path": text},
            {"id": "slow", "type": "generator_source", "rate": slow,
             "fields": {"line": "'zz-slow'"}},
            {"id": "lines", "type": "union", "inputs": ["text", "slow"]},
            {"id": "split", "type": "flat_map", "expr": "split(lower(line))", "as": "word"},
            {"id": "count", "type": "keyed_sum", "key": "word", "value": "1", "as": "n",
             "parallelism": 2},
            {"id": "out", "type": "blackhole_sink"},
        ],
    }


class Rest(served.Case):
    def setUp(self):
        super().setUp()
        self.counts = oracle.word_count(self.path("in.txt"))
        self.server = self.serve()
        self.job = words_job(self.path("in.txt"), 5)
        self.server.submit(self.job)
        self.server.until_state("words", "RUNNING")
        self.dir = self.server.folder("words")

    def get(self, rest, **query):
        return self.server.get(JOB + rest, **query)

    def denied(self, status, rest, **query):
        """Refused in the one shape; its message."""
        answer = self.server.call("GET", JOB + rest, **query)
        self.assertEqual(answer.status, status, str(answer))
        self.assertEqual(set(answer.json()), {"code", "message", "at"})
        return answer.json()["message"]

    def until_counted(self):
        """Until a checkpoint holds every word of the text; its id."""
        last = sum(self.counts.values())

        def there():
            facts = self.get("")["facts"]
            said = {s["id"]: s for s in facts["stages"]}
            return said["split"]["records_out"] >= last and facts["completed"] > 0

        weir.until("all words to be counted", there)
        before = self.server.newest("words")
        return self.until_checkpoint("words", before + 1)

    def savepoint(self, name):
        """One that is asked for now; the id of its checkpoint."""
        begun = self.server.ask("POST", JOB + "/savepoint", 202, name=name)
        action = self.server.act_end(begun)
        self.assertEqual(action["state"], "done", str(action))
        return action["checkpoint"]

    def value_of(self, key, at):
        """The sum as `weir state get` reads it."""
        said = self.weir("state", "get", self.dir, key, "--at", str(at), "--json")
        self.assertEqual(said.code, 0, str(said))
        return json.loads(said.out)["sum"]

    # ---- facts ----

    def test_facts_tell_of_each_subtask_and_each_edge(self):
        self.until_counted()
        facts = self.get("")["facts"]
        stages = {s["id"]: s for s in facts["stages"]}
        names = [s["id"] for s in facts["stages"]]
        for stage in facts["stages"]:
            self.assertEqual(len(stage["subtasks"]), stage["parallelism"])
            for key in ("records_in", "records_out", "keys", "state_bytes", "busy_us"):
                self.assertEqual(sum(t[key] for t in stage["subtasks"]), stage[key], key)
        self.assertEqual(len(stages["count"]["subtasks"]), 2)
        edges = {(names[g["from"]], names[g["to"]]): g for g in facts["edges"]}
        self.assertEqual(
            set(edges),
            {("text", "lines"), ("slow", "lines"), ("lines", "split"), ("split", "count"),
             ("count", "out")},
        )
        for (sender, _), edge in edges.items():
            self.assertEqual(edge["records"], stages[sender]["records_out"])
            self.assertLessEqual(edge["queued"], edge["room"])
            self.assertGreater(edge["room"], 0)

    # ---- what was submitted ----

    def test_plan_and_config_say_what_was_submitted(self):
        said = self.get("/config")
        self.assertEqual(said["description"], self.job)
        self.assertEqual((said["set"], said["defaults"]), ([], None))
        file = self.write("words.json", self.job)
        drawn = self.weir("explain", file, "--json")
        self.assertEqual(self.get("/plan"), json.loads(drawn.out))

    def test_every_reading_route_answers_in_the_shape_that_is_described(self):
        at = self.until_counted()
        self.savepoint("one")
        said = self.server.get("/openapi.json")
        self.assertEqual(said["openapi"], "3.1.0")
        values = {"name": "words", "stage": "count", "id": at}
        asked = 0
        for path, methods in said["paths"].items():
            if "get" not in methods or "/steps/" in path or "/actions/" in path:
                continue
            answers = methods["get"]["responses"]["200"]["content"]
            ((kind, content),) = answers.items()
            if kind == "text/event-stream":
                continue
            answer = self.server.call("GET", path.format(**values))
            self.assertEqual(answer.status, 200, str(answer))
            self.assertTrue(answer.headers["Content-Type"].startswith(kind), str(answer))
            if "$ref" in content["schema"]:
                shape = content["schema"]["$ref"].rsplit("/", 1)[1]
                self.fits(said["components"]["schemas"], shape, answer.json(), path)
            asked += 1
        self.assertGreater(asked, 12)

    def fits(self, shapes, name, value, where):
        """The members that must be there are, and no others, down to the last shape."""
        shape = shapes[name]
        known = shape["properties"]
        self.assertLessEqual(set(shape["required"]), set(value), where)
        if name not in ("anything", "plan"):
            self.assertLessEqual(set(value), set(known), where)
        for key, one in known.items():
            items = one.get("items", {})
            ref = one.get("$ref") or items.get("$ref") or one.get("anyOf", [{}])[0].get("$ref")
            if ref and value.get(key) is not None:
                for part in value[key] if items else [value[key]]:
                    self.fits(shapes, ref.rsplit("/", 1)[1], part, where + " " + key)

    def test_a_wrong_method_is_told_which_there_are(self):
        for path, allowed in (("/v1/jobs", "GET, HEAD, POST"), (JOB, "GET, HEAD, DELETE"),
                              (JOB + "/stop", "POST"), ("/metrics", "GET, HEAD")):
            answer = self.server.call("PUT", path)
            self.assertEqual((answer.status, answer.headers["Allow"]), (405, allowed), path)

    def test_a_parallelism_that_the_job_cannot_have_is_a_described_answer(self):
        answer = self.server.call("POST", JOB + "/rescale", parallelism=32767)
        self.assertEqual((answer.status, answer.json()["code"]), (422, "E_INVALID"), str(answer))
        said = self.server.get("/openapi.json")["paths"]["/v1/jobs/{name}/rescale"]["post"]
        self.assertIn("422", said["responses"])
        self.assertTrue(said["parameters"][1]["required"])

    # ---- checkpoints ----

    def test_a_checkpoint_is_told_with_its_timeline_and_where_the_time_went(self):
        at = self.until_counted()
        # Published is before told: its line in the history comes after.
        weir.until("its timeline", lambda: self.server.call(
            "GET", JOB + "/checkpoints/%d" % at).json().get("timeline"))
        said = self.get("/checkpoints/%d" % at)
        self.assertEqual(said["checkpoint"]["id"], at)
        self.assertEqual(said["checkpoint"]["state"], "completed")
        tasks = {(t["stage"], t["subtask"]) for t in said["timeline"]["tasks"]}
        self.assertEqual(len(tasks), 7)
        self.assertIn(("count", 1), tasks)
        spans = said["path"]
        self.assertEqual(spans[0]["from_us"], 0)
        for before, after in zip(spans, spans[1:]):
            self.assertEqual(before["to_us"], after["from_us"])
        longest = max(spans, key=lambda s: s["to_us"] - s["from_us"])
        self.assertIn(longest["says"], said["sentence"])
        self.assertIn("999999", self.denied(404, "/checkpoints/999999"))
        self.denied(404, "/checkpoints/first")

    def test_savepoints_are_listed_when_they_are_whole(self):
        self.assertEqual(self.get("/savepoints"), {"savepoints": []})
        self.until_counted()
        at = self.savepoint("before")
        (one,) = self.get("/savepoints")["savepoints"]
        self.assertEqual((one["name"], one["checkpoint"]), ("before", at))
        self.assertTrue(os.path.isdir(one["dir"]))
        self.assertGreater(one["bytes"], 0)

    def test_a_recovery_is_told_with_its_cause_and_its_checkpoint(self):
        at = self.until_counted()
        self.assertEqual(self.get("/recoveries"), {"recoveries": []})
        serve.kill(self.server.pid("words"))
        weir.until("a recovery", lambda: self.get("/recoveries")["recoveries"])
        (one,) = self.get("/recoveries")["recoveries"]
        self.assertGreaterEqual(one["checkpoint"], at)
        self.assertIn("signal", one["cause"].lower())
        self.assertIn("RECOVERED words", one["lines"])
        self.assertGreater(one["gone_us"], 0)
        self.assertGreater(one["keys"], 0)

    def test_a_recovery_says_how_much_is_replayed(self):
        self.server.act("words", "stop")
        self.server.act("words", "remove")
        job = served.ticking("words", rate=2000, checkpoint={"interval": "1h"})
        self.server.submit(job)
        at = self.until_checkpoint("words")
        stage = lambda: (self.get("")["facts"] or {"stages": [{"records_out": 0}]})["stages"][0]
        weir.until("rows", lambda: stage()["records_out"] > 500)
        seen = stage()["records_out"]
        serve.kill(self.server.pid("words"))
        weir.until("a recovery", lambda: self.get("/recoveries")["recoveries"])
        (one,) = self.get("/recoveries")["recoveries"]
        self.assertEqual(one["checkpoint"], at)  # of the start, when nothing had been put out
        self.assertGreaterEqual(one["replays"], seen)
        self.assertRegex(one["lines"], "replays +at least [0-9,]+ records put out after checkpoint")
        self.server.act("words", "restart")  # in order: nothing is left to be replayed
        weir.until("another", lambda: len(self.get("/recoveries")["recoveries"]) == 2)
        last = self.get("/recoveries")["recoveries"][1]
        self.assertEqual(last["replays"], 0)
        self.assertNotIn("replays", last["lines"])

    # ---- the state ----

    def test_the_state_at_a_checkpoint_is_what_the_oracle_and_the_verb_say(self):
        self.until_counted()
        at = self.savepoint("counted")
        for word in ("the", "fox", "0", "399"):
            said = self.get("/state/count", key=word, at="counted")
            self.assertEqual(said["rows"], [{"word": word, "sum": self.counts[word]}])
            self.assertEqual((said["at"], said["live"], said["more"]), (at, False, False))
        self.assertEqual(self.counts["the"], self.value_of("the", "counted"))
        self.denied(404, "/state/count", key="no such word", at="counted")
        said = self.get("/state/count", at="counted", limit=1000)
        found = {row["word"]: row["sum"] for row in said["rows"]}
        self.assertEqual((len(found), said["more"]), (len(said["rows"]), False))
        found.pop("zz-slow")
        self.assertEqual(found, dict(self.counts))
        said = self.get("/state/count", at="counted", limit=7)
        self.assertEqual((len(said["rows"]), said["more"]), (7, True))
        self.assertTrue(self.get("/state/count", key="the")["at"] >= at)

    def test_what_cannot_be_looked_up_is_refused_with_the_cure(self):
        self.until_counted()
        self.assertIn("count", self.denied(404, "/state/split", limit=1))
        self.denied(404, "/state/nothing", limit=1)
        self.denied(404, "/state/count", at=999999, limit=1)
        self.denied(404, "/state/count", at="no-such-savepoint", limit=1)
        self.denied(400, "/state/count", at="../../etc", limit=1)
        self.denied(400, "/state/count", limit=0)
        self.denied(400, "/state/count", limit=1001)
        self.denied(400, "/state/count", key=["a", "b"], at=self.server.newest("words"))
        self.denied(400, "/state/count", key="a", limit=3)


class Tail(served.Case):
    def test_what_a_print_sink_writes_is_read_while_it_is_written(self):
        job = served.ticking("tick", rate=500)
        job["pipeline"][0]["fields"] = {"line": "'row ' || i"}
        job["pipeline"][1] = {"id": "out", "type": "print_sink", "format": "text"}
        server = self.serve()
        server.submit(job)
        server.until_state("tick", "RUNNING")
        connection = serve.Connection(server.socket)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/jobs/tick/tail/out")
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        rows = []
        for _, event, data in serve.Stream(connection, response):
            self.assertEqual((event, data["stage"], data["dropped"]), ("rows", "out", 0))
            rows += [int(line.partition("row ")[2]) for line in data["lines"]]
            if len(rows) > 200:
                break
        self.assertEqual(rows, list(range(rows[0], rows[0] + len(rows))))
        for stage, status in (("rows", 409), ("nothing", 404)):
            server.job("tick")  # its facts say which stages there are
            answer = server.call("GET", "/v1/jobs/tick/tail/" + stage)
            self.assertEqual(answer.status, status, str(answer))
        server.act("tick", "stop")
        answer = server.call("GET", "/v1/jobs/tick/tail/out")
        self.assertEqual((answer.status, answer.json()["code"]), (409, "E_REFUSED"))


    def test_a_stage_that_is_none_is_told_of_before_anything_is_known_of_the_job(self):
        server = self.serve()
        server.submit(served.ticking("tick"))
        server.until_state("tick", "RUNNING")
        connection = serve.Connection(server.socket)
        self.addCleanup(connection.close)
        connection.request("GET", "/v1/jobs/tick/tail/nothing")
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        events = list(serve.Stream(connection, response))
        self.assertEqual([event for _, event, _ in events], ["error"])
        self.assertEqual(events[0][2]["code"], "E_NOT_FOUND")


class AtARun(served.Case):
    def test_a_run_tells_the_same_of_its_directory(self):
        job = words_job(self.path("in.txt"), 5)
        file = self.write("words.json", job)
        process = self.start("run", file, "--dir", "d")
        weir.Case.until_checkpoint(self, process, self.path("d"), 3)
        solo = serve.Server(self)
        solo.socket = self.path("d/weir.sock")
        drawn = self.weir("explain", file, "--json")
        self.assertEqual(solo.get(JOB + "/plan"), json.loads(drawn.out))
        self.assertEqual(solo.get(JOB + "/recoveries"), {"recoveries": []})
        self.assertEqual(solo.get(JOB + "/savepoints"), {"savepoints": []})
        said = solo.get(JOB + "/state/count", limit=1000)
        self.assertEqual(len({row["word"] for row in said["rows"]}), len(said["rows"]))
        self.assertGreaterEqual(said["at"], 3)
        self.assertEqual(solo.get(JOB + "/checkpoints/2")["checkpoint"]["id"], 2)
        answer = solo.call("GET", JOB + "/config")
        self.assertEqual((answer.status, answer.json()["code"]), (409, "E_REFUSED"))


if __name__ == "__main__":
    unittest.main(verbosity=2)
