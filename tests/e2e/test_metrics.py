"""GET /metrics: text that a strict reader takes, of a server and of a single run; counters that
only grow; each name that is documented occurs, and each that occurs is documented."""

import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import openmetrics
import serve
import served
import weir

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def documented():
    """What docs/METRICS.md has a row for: name of the samples -> (kind, what it says)."""
    with open(os.path.join(ROOT, "docs", "METRICS.md")) as f:
        rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*) \|$", f.read(), re.M)
    return {name: (kind, says) for name, kind, says in rows}


def names(families):
    """As documented: of a summary, its family's name."""
    return {
        s.name.removesuffix("_count") if f.kind == "summary" else s.name
        for f in families.values()
        for s in f.samples
    }


class Metrics(served.Case):
    def scrape(self, server=None):
        answer = (server or self.server).call("GET", "/metrics")
        self.assertEqual(answer.status, 200, str(answer))
        self.assertEqual(answer.headers["Content-Type"], TYPE)
        return openmetrics.parse(answer.body)

    def until(self, name, what=lambda v: v is not None, **labels):
        """Scrapes until this sample is so; all of that scrape."""
        found = {}

        def there():
            found.update(all=self.scrape())
            return what(openmetrics.value(found["all"], name, **labels))

        weir.until("%s %s" % (name, labels), there)
        return found["all"]

    def full_job(self):
        """A job that has everything there is to measure, and never ends."""
        return {
            "name": "full",
            "checkpoint": {"interval": "30ms"},
            "limits": {"memory": "512MB"},
            "pipeline": [
                {
                    "id": "rows",
                    "type": "generator_source",
                    "rate": 2000,
                    "rows": 100000000,
                    "fields": {"n": "i % 100"},
                    "created_as": "made",
                },
                {"id": "sums", "type": "keyed_sum", "key": "n", "keep": "made"},
                {"id": "out", "type": "blackhole_sink", "latency_of": "made"},
            ],
        }

    def test_counters_only_grow_and_a_killed_process_begins_anew(self):
        self.serve()
        self.server.submit(served.ticking())
        self.until("weir_job_checkpoints_completed_total", lambda v: v and v >= 3, job="tick")
        before = self.scrape()
        after = self.until(
            "weir_stage_records_out_total",
            lambda v: v > openmetrics.value(before, "weir_stage_records_out_total", job="tick"),
            job="tick",
        )
        was, now = openmetrics.counters(before), openmetrics.counters(after)
        self.assertLessEqual(set(was), set(now))
        self.assertEqual([k for k in was if now[k] < was[k]], [])
        self.assertEqual(openmetrics.value(after, "weir_jobs", state="RUNNING"), 1)
        self.assertEqual(openmetrics.value(after, "weir_job_state", job="tick", state="RUNNING"), 1)
        started = openmetrics.value(after, "weir_job_process_start_time_seconds", job="tick")

        serve.kill(self.server.pid("tick"))
        self.until("weir_job_restarts_total", lambda v: v == 1, job="tick")
        start = "weir_job_process_start_time_seconds"
        again = self.until(start, lambda v: v is not None and v > started, job="tick")
        self.assertGreaterEqual(
            openmetrics.value(again, "weir_job_restored_checkpoint_id", job="tick"), 3
        )

    def test_what_is_documented_occurs_and_what_occurs_is_documented(self):
        self.serve()
        self.server.submit(self.full_job())
        self.until("weir_job_checkpoints_completed_total", lambda v: v and v >= 2, job="full")
        found = names(self.scrape())
        serve.kill(self.server.pid("full"))
        self.until("weir_job_restarts_total", lambda v: v == 1, job="full")
        found |= names(self.until("weir_job_recovery_seconds", job="full"))
        last = self.until("weir_job_last_checkpoint_duration_seconds", job="full")
        self.assertEqual(found | names(last), set(documented()))
        for family in last.values():
            for name in names({"": family}):
                kind, says = documented()[name]
                self.assertEqual(kind, family.kind)
                self.assertTrue(says.startswith(family.help), (says, family.help))

    def test_a_job_at_rest_has_its_state_only(self):
        self.serve()
        self.server.submit(served.bounded())
        self.server.until_state("short", "FINISHED")
        at_rest = self.scrape()
        of_jobs = {s.name for f in at_rest.values() for s in f.samples if "job" in s.labels}
        self.assertLessEqual(
            of_jobs,
            {
                "weir_job_state",
                "weir_job_state_seconds",
                "weir_job_restarts_total",
                "weir_job_last_checkpoint_id",
            },
        )
        state = openmetrics.value(at_rest, "weir_job_state", job="short", state="FINISHED")
        self.assertEqual(state, 1)

    def test_a_single_run_is_measured_on_its_socket(self):
        job = self.write("job.json", served.ticking())
        run = self.start("run", job, "--dir", self.path("alone"))
        socket = self.path("alone", "weir.sock")
        weir.until("a socket", lambda: os.path.exists(socket) or not run.running())
        alone = serve.Server(self, "alone")

        def counted():
            found = self.scrape(alone)
            return openmetrics.value(found, "weir_stage_records_out_total", stage="rows")

        weir.until("records", counted)
        run.signal(serve.SIGTERM)
        self.assert_sound(run.wait())

    def test_the_list_has_facts_where_that_is_asked(self):
        self.serve()
        self.server.submit(served.ticking())
        self.server.until_state("tick", "RUNNING")
        self.assertNotIn("facts", self.server.jobs()["tick"])

        def facts():
            listed = self.server.get("/v1/jobs", facts=1)["jobs"]
            return listed[0].get("facts", {}).get("stages") and listed[0]

        found = {}
        weir.until("facts", lambda: found.update(job=facts()) or found["job"])
        self.assertEqual(found["job"]["facts"]["stages"][0]["id"], "rows")
        self.assertIn("bottleneck", found["job"])
        self.assertGreater(found["job"]["process"]["resident_bytes"], 1 << 20)

    def test_the_dashboard_asks_for_what_there_is(self):
        with open(os.path.join(ROOT, "examples", "monitoring", "grafana.json")) as f:
            board = json.load(f)
        asked = [t["expr"] for p in board["panels"] for t in p.get("targets", [])]
        asked += [v["query"] for v in board["templating"]["list"] if v["type"] == "query"]
        used = {n for expr in asked for n in re.findall(r"\bweir_\w+", expr)}
        self.assertGreater(len(used), 10)
        self.assertLessEqual({n.removesuffix("_count") for n in used}, set(documented()))
        ids = [p["id"] for p in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))


if __name__ == "__main__":
    unittest.main()
