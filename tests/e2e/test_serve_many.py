"""A server with 10,000 finished jobs. Its catalogue is written by another hand, after
docs/FORMAT.md; what a start and `list` take is printed, the bounds are generous."""

import json
import os
import statistics
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import entries
import served
import weir

JOBS = 2000 if weir.SANITIZED else 10000


class Format(served.Case):
    def test_an_entry_by_another_hand_is_as_good_as_the_servers(self):
        server = self.serve()
        job = json.dumps(served.bounded("own"))
        self.assertLessEqual(len(job), 240)
        server.ask("POST", "/v1/jobs", 201, job, set="limits.stop=9s", parallelism=2)
        server.until_state("own", "FINISHED")
        server.stop()
        catalogue = self.path("data", "catalogue")
        facts, text = entries.decode(os.path.join(catalogue, max(os.listdir(catalogue))))
        self.assertEqual(text.decode(), job)
        self.assertEqual((facts["name"], facts["standing"]), ("own", "finished"))
        self.assertEqual((facts["set"], facts["parallelism"]), (["limits.stop=9s"], 2))
        wall = 1790000000123456
        more = {"submitted_wall_us": wall - 5, "since_wall_us": wall, "file": "/x/job.json"}
        cases = (
            ("stopped", {}, "STOPPED", 0),
            ("cancelled", {}, "CANCELLED", 0),
            ("finished", {}, "FINISHED", 0),
            ("failed", {"code": "E_IO", "error": "the disk has gone"}, "FAILED", 1),
            ("failed", {"code": "E_CORRUPT", "error": "torn"}, "FAILED", 6),
        )
        for n, (standing, facts, _, _) in enumerate(cases):
            text = json.dumps(served.bounded("case%d" % n))
            entries.write(server.data, "case%d" % n, standing, text, **more, **facts)
        entries.write(server.data, "runs", "running", json.dumps(served.ticking("runs")), **more)
        entries.write(server.data, "gone", "removed", json.dumps(served.ticking("gone")), **more)
        # The highest version counts, and what is below it goes.
        entries.write(server.data, "case0", "failed", text, version=7, code="E_IO", error="old")
        entries.write(server.data, "case0", "stopped", text, version=8, **more)
        server = self.serve()
        server.until_state("runs", "RUNNING")
        for n, (_, facts, state, code) in enumerate(cases):
            job = server.job("case%d" % n)
            self.assertEqual((job["state"], job["exit"]), (state, code))
            self.assertEqual(job["error"], facts.get("error"))
            self.assertEqual((job["since_wall_us"], job["submitted_wall_us"]), (wall, wall - 5))
            self.assertEqual(job["file"], "/x/job.json")
        weir.until("the removal", lambda: server.state("gone") is None)
        left = sorted(name for name in os.listdir(catalogue) if name.startswith("case0."))
        self.assertEqual(left, ["case0.%020d" % 8])

    def test_what_is_no_entry_is_a_failed_job_and_stays(self):
        server = self.serve()
        server.stop()
        good = entries.encode("a", "stopped", json.dumps(served.ticking("a")))
        facts_end = 65 + int(good[13:21])
        bad = {
            "empty": b"",
            "short": good[:64],
            "torn": good[:-1],
            "long": good + b"x",
            "version": good.replace(b"weir-entry 1", b"weir-entry 2", 1),
            "facts": good.replace(b"stopped", b"running", 1),
            "job": good[: facts_end + 3] + b"#" + good[facts_end + 4 :],
            "other": good,  # of job a
            "unknown": entries.encode("unknown", "stopped", "x" * 20, colour="red"),
            "odd": entries.encode("odd", "sleeping", "x" * 20),
            "text": os.urandom(500),
        }
        catalogue = self.path("data", "catalogue")
        for name, data in bad.items():
            self.write("data/catalogue/%s.%020d" % (name, 3), data)
        server = self.serve()
        jobs = server.jobs()
        self.assertEqual(sorted(jobs), sorted(bad))
        for name, job in jobs.items():
            self.assertEqual((job["state"], job["exit"]), ("FAILED", 6), job)
            self.assertTrue(job["error"], name)
            self.assertNotIn("\n", job["error"])
        self.assertIn("version 2", jobs["version"]["error"])
        server.stop()
        for name, data in bad.items():
            with open(os.path.join(catalogue, "%s.%020d" % (name, 3)), "rb") as f:
                self.assertEqual(f.read(), data, name)
        server = self.serve()
        for name in bad:
            self.done("removed", "remove", name)
        self.assertEqual(os.listdir(catalogue), [])


class Many(served.Case):
    def test_10_000_finished_jobs(self):
        server = self.serve()
        server.stop()
        for i in range(JOBS):
            name = "job-%05d" % i
            entries.write(server.data, name, "finished", json.dumps(served.bounded(name)))
        begin = time.monotonic()
        server.start()
        took = time.monotonic() - begin
        print("start with %d jobs: %.0f ms" % (JOBS, took * 1000), file=sys.stderr)
        self.assertLess(took, 60 if weir.SANITIZED else 10)
        print("resident: %d kB" % served.resident_kb(server.process.pid), file=sys.stderr)
        times = []
        for again in range(5):
            begin = time.monotonic()
            answer = server.call("GET", "/v1/jobs")
            times.append(time.monotonic() - begin)
        self.assertEqual(len(answer.json()["jobs"]), JOBS)
        print("list: %.0f ms" % (statistics.median(times) * 1000), file=sys.stderr)
        begin = time.monotonic()
        said = self.ask("list")
        print("weir list: %.0f ms" % ((time.monotonic() - begin) * 1000), file=sys.stderr)
        self.assertEqual(said.out.count("FINISHED"), JOBS)
        # Among them one is as quick as alone.
        begin = time.monotonic()
        server.submit(served.bounded("one-more"))
        server.until_state("one-more", "FINISHED")
        server.act("one-more", "remove")
        print("submit to removed: %.0f ms" % ((time.monotonic() - begin) * 1000), file=sys.stderr)
        self.denied(4, ["did you mean 'job-00007'"], "show", "job-00007x")
        server.act("job-00007", "remove")
        server.kill9()
        server = self.serve()
        self.assertEqual(len(server.jobs()), JOBS - 1)
        self.assertEqual(len(os.listdir(self.path("data", "catalogue"))), JOBS - 1)


if __name__ == "__main__":
    unittest.main(verbosity=2)
