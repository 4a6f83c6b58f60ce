"""--report: the fields of DESIGN 11, and that they say what happened."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

NUMBER = (int, float)
TOP = {
    "job": str,
    "state": str,
    "attempt": int,
    "recovery_ms": NUMBER,
    "wall_ms": NUMBER,
    "cpu_ms": NUMBER,
    "peak_rss_bytes": int,
    "operators": list,
    "checkpoints": dict,
    "states": list,
    "sinks": list,
}
OPERATOR = {
    "id": str,
    "subtask": int,
    "records_in": int,
    "records_out": int,
    "records_skipped": int,
    "busy_ms": NUMBER,
    "idle_ms": NUMBER,
    "backpressured_ms": NUMBER,
}
CHECKPOINT = {
    "id": int,
    "kind": str,
    "trigger": str,
    "state": str,
    "bytes_written": int,
    "state_bytes": int,
    "keys_changed": int,
    "align_ms": NUMBER,
    "sync_us_max": NUMBER,
    "async_ms": NUMBER,
    "total_ms": NUMBER,
}
SINK = {"id": str, "records": int}


class Report(weir.Case):
    def has(self, thing, fields):
        for name, kind in fields.items():
            self.assertIn(name, thing)
            self.assertIsInstance(thing[name], kind, "%s of %s" % (name, thing))

    def run_job(self, job, *more):
        path = self.path("report.json")
        self.ok(
            "run", self.write("job.json", job), "--dir", self.path("d"), "--report", path, *more
        )
        return self.report(path)

    def test_every_field_is_there_and_the_numbers_fit_the_input(self):
        weir.text(random.Random(14), self.path("in.txt"), 6000, 6)
        right = oracle.word_count(self.path("in.txt"))
        job = weir.word_count_job("in.txt", "out", rate=2000, parallelism=2, interval="40ms")
        job["pipeline"][-1] = {"id": "hole", "type": "blackhole_sink", "checksum": True}
        r = self.run_job(job)
        self.has(r, TOP)
        self.assertEqual(r["job"], "word-count")
        self.assertRegex(r["state"], "(?i)finished")
        self.assertEqual(r["attempt"], 1)
        self.assertIn(r["restored_from"], (None, 0))
        self.assertGreater(r["wall_ms"], 300)
        self.assertGreater(r["peak_rss_bytes"], 1 << 20)

        for op in r["operators"]:
            self.has(op, OPERATOR)

        def total(id, field):
            return sum(op[field] for op in r["operators"] if op["id"] == id)

        self.assertEqual(
            [total("lines", "records_out"), total("words", "records_in")], [1000, 1000]
        )
        self.assertEqual(
            [total("words", "records_out"), total("count", "records_in")], [6000, 6000]
        )
        self.assertEqual(
            [total("count", "records_out"), total("hole", "records_in")], [6000, 6000]
        )
        self.assertEqual(total("lines", "records_skipped"), 0)
        self.assertEqual(
            sorted((o["id"], o["subtask"]) for o in r["operators"] if o["id"] == "count"),
            [("count", 0), ("count", 1)],
        )

        done = r["checkpoints"]
        for c in done["history"]:
            self.has(c, CHECKPOINT)
        self.assertEqual(done["failed"], 0)
        self.assertGreaterEqual(done["completed"], 5)
        ids = [c["id"] for c in done["history"]]
        self.assertEqual(ids, sorted(ids), "newest last")
        first, last = done["history"][0], done["history"][-1]
        self.assertEqual([first["kind"], last["kind"]], ["initial", "final"])
        self.assertEqual([first["trigger"], last["trigger"]], ["start", "end"])

        (state,) = [s for s in r["states"] if s["id"] == "count"]
        self.assertEqual(state["keys"], len(right))
        self.assertTrue(state["checksum"])
        (sink,) = r["sinks"]
        self.has(sink, SINK)
        self.assertEqual(sink["records"], 6000)
        self.assertTrue(sink["checksum"])

    def test_a_job_with_nothing_to_read_takes_one_checkpoint_its_last(self):
        """The first one fixes what the sources read: here there is nothing to fix. The total that
        comes with the end of the input is committed as any other."""
        rows = {"id": "rows", "type": "generator_source", "fields": {"k": "i"}}
        self.write("nothing.txt", "")
        for name, source, kinds in (
            ("none", {**rows, "rows": 0}, ["final"]),
            ("one", {**rows, "rows": 1}, ["initial", "final"]),
            ("file", {"id": "rows", "type": "file_source", "path": "nothing.txt"}, ["final"]),
        ):
            total = {"id": "total", "type": "keyed_sum", "emit": "end"}
            out = {"id": "out", "type": "file_sink", "path": "out-" + name, "format": "csv"}
            job = {"name": "nothing", "pipeline": [source, total, out]}
            report = self.path(name + ".json")
            args = ["run", self.write("job.json", job), "--dir", self.path(name)]
            self.ok(*args, "--report", report)
            r = self.report(report)
            with self.subTest(source=name):
                self.assertEqual([c["kind"] for c in r["checkpoints"]["history"]], kinds)
                self.assertEqual(r["sinks"][0]["records"], r["operators"][1]["records_out"])
                self.assertEqual(r["state"], "FINISHED")
                self.ok(*args)  # a finished job stays finished

    def test_latencies_are_reported_where_they_are_asked_for(self):
        source = {"id": "rows", "type": "generator_source", "rows": 3000, "rate": 10000}
        source.update({"fields": {"k": "i % 7"}, "created_as": "made"})
        sums = {"id": "sums", "type": "keyed_sum", "key": "k", "keep": "made"}
        hole = {"id": "hole", "type": "blackhole_sink", "latency_of": "made"}
        deaf = {"id": "deaf", "type": "blackhole_sink", "inputs": ["sums"]}
        for parallelism in (1, 2):
            job = {"name": "aged", "parallelism": parallelism}
            job.update({"checkpoint": {"interval": "50ms"}, "pipeline": [source, sums, hole, deaf]})
            r = self.run_job(job, "--fresh")
            sink, other = r["sinks"]
            self.assertEqual([sink["records"], other["records"]], [3000, 3000])
            self.assertIsNone(other["latency_us"])
            found = sink["latency_us"]
            self.assertEqual(list(found), ["p50", "p99", "p99_9", "max"])
            figures = list(found.values())
            self.assertEqual(figures, sorted(figures))
            self.assertGreater(figures[0], 0)
            self.assertLess(figures[-1], r["wall_ms"] * 1000)

    def test_inv40_state_and_restored_from_after_a_kill(self):
        weir.text(random.Random(15), self.path("in.txt"), 6000, 6)
        job = weir.word_count_job("in.txt", "out", rate=1000, interval="30ms")
        checksums = []
        for kill in (False, True):
            folder = self.path("killed" if kill else "calm")
            job["pipeline"][-1]["path"] = folder + "-out"
            path = self.write("job.json", job)
            report = folder + "-report.json"
            args = ["run", path, "--dir", folder, "--report", report]
            if kill:
                process = self.start(*args)
                self.until_checkpoint(process, folder, 4)
                process.kill9()
                self.assertFalse(os.path.exists(report), "a report of a run that did not end")
            self.ok(*args)
            r = self.report(report)
            if kill:
                self.assertGreaterEqual(r["restored_from"], 4)
                self.assertGreater(r["recovery_ms"], 0)
            checksums.append([(s["id"], s["keys"], s["checksum"]) for s in r["states"]])
        self.assertEqual(checksums[0], checksums[1])


if __name__ == "__main__":
    unittest.main()
