"""examples/monitoring in earnest: the real Prometheus takes the example's configuration and scrapes
a server with it, and each expression of the dashboard finds series in it. The dashboard by
Grafana's rules besides. What needs Prometheus (Debian's `prometheus`) is skipped without it."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import unittest
import urllib.error
import urllib.parse
import urllib.request

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import tcp
import weir

HERE = os.path.join(weir.ROOT, "examples", "monitoring")
EVERY = "1s"  # the example's 15s would make it a long test
MISSING = next((p for p in ("prometheus", "promtool") if not shutil.which(p)), None)
# https://grafana.com/docs: ids of units, as far as the dashboard uses them, and of panels.
UNITS = {"short", "s", "cps", "bytes", "percentunit"}
PANELS = {"stat", "timeseries"}
COLUMNS = 24  # of Grafana's grid


def dashboard():
    with open(os.path.join(HERE, "grafana.json")) as f:
        return json.load(f)


def expressions():
    """(panel, target) of each."""
    return [(p, t) for p in dashboard()["panels"] for t in p["targets"]]


def filled_in(expr):
    """As Grafana sends it, with all jobs chosen."""
    return expr.replace("$__rate_interval", "1m").replace("$job", ".+")


def overlap(a, b):
    return (a["x"] < b["x"] + b["w"] and b["x"] < a["x"] + a["w"]
            and a["y"] < b["y"] + b["h"] and b["y"] < a["y"] + a["h"])


class Dashboard(unittest.TestCase):
    def test_it_is_one_that_grafana_can_draw(self):
        d = dashboard()
        self.assertRegex(d["uid"], r"^[a-zA-Z0-9_-]{1,40}$")
        ids = [p["id"] for p in d["panels"]]
        self.assertEqual(len(set(ids)), len(ids))
        for p in d["panels"]:
            self.assertIn(p["type"], PANELS, p["title"])
            self.assertIn(p["fieldConfig"]["defaults"]["unit"], UNITS, p["title"])
            self.assertEqual(p["datasource"], {"type": "prometheus", "uid": "${datasource}"})
            refs = [t["refId"] for t in p["targets"]]
            self.assertEqual(len(set(refs)), len(refs), p["title"])
            at = p["gridPos"]
            self.assertLessEqual(at["x"] + at["w"], COLUMNS, p["title"])
            over = [o["title"] for o in d["panels"] if o is not p and overlap(at, o["gridPos"])]
            self.assertEqual(over, [], p["title"])
        known = {v["name"] for v in d["templating"]["list"]} | {"__rate_interval", "__all"}
        used = set(re.findall(r"\$\{?(\w+)", json.dumps(d)))
        self.assertEqual(used, known)


@unittest.skipIf(MISSING, "no %s here" % MISSING)
class Prometheus(served.Case):
    def job(self):
        """A job that has everything there is to measure: a record in ten is left out."""
        return {
            "name": "full",
            "checkpoint": {"interval": "200ms"},
            "limits": {"memory": "512MB"},
            "pipeline": [
                {"id": "rows", "type": "generator_source", "rate": 2000, "created_as": "made",
                 "fields": {"n": "i % 100"}},
                {"id": "part", "type": "map", "set": {"x": "1000 / (n % 10)"}, "on_error": "skip"},
                {"id": "sums", "type": "keyed_sum", "key": "n", "keep": "made"},
                {"id": "out", "type": "blackhole_sink", "latency_of": "made"},
            ],
        }

    def configured(self):
        """The example, for this server; only what must differ does."""
        with open(os.path.join(HERE, "prometheus.yml")) as f:
            text = f.read()
        for old, new in (
            ("127.0.0.1:8080\"]", self.door.url.partition("//")[2] + "\"]"),
            ("/etc/prometheus/weir.token", self.path("token")),
            ("scrape_interval: 15s", "scrape_interval: " + EVERY),
        ):
            self.assertEqual(text.count(old), 1, old)
            text = text.replace(old, new)
        return self.write("prometheus.yml", text)

    def promtool(self, *args, **more):
        done = subprocess.run(["promtool", *args], capture_output=True, text=True, **more)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def begin_prometheus(self, config):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.at = "127.0.0.1:%d" % s.getsockname()[1]
        log = open(self.path("prometheus.log"), "w")
        self.addCleanup(log.close)
        process = subprocess.Popen(
            ["prometheus", "--config.file=" + config, "--web.listen-address=" + self.at,
             "--storage.tsdb.path=" + self.path("tsdb"), "--log.level=warn"],
            stdout=log, stderr=log)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)

    def asked(self, path, **query):
        """The data of an answer of Prometheus; None: it does not answer yet."""
        url = "http://%s/api/v1/%s?%s" % (self.at, path, urllib.parse.urlencode(query))
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as said:
                return json.loads(said.read())["data"]
        except urllib.error.HTTPError as e:  # of an expression that it does not understand
            if e.code == 503:
                return None
            raise AssertionError("%s: %s" % (url, e.read().decode()))
        except OSError:
            return None

    def series(self, expr):
        return (self.asked("query", query=expr) or {}).get("result", [])

    def test_the_example_scrapes_and_each_expression_finds_series(self):
        self.serve(*tcp.options(self))
        self.door = tcp.Door(self.server)
        self.server.submit(self.job())
        self.server.until_state("full", "RUNNING")
        config = self.configured()
        self.promtool("check", "config", config)
        self.begin_prometheus(config)
        weir.until("a first scrape", lambda: self.series('weir_job_state{job="full"}'))
        serve.kill(self.server.pid("full"))
        # increase() tells of what grows between two scrapes of it.
        restarts = 'increase(weir_job_restarts_total{job="full"}[1h]) > 0'
        weir.until("a restart that is counted", lambda: self.series(restarts))

        for panel, target in expressions():
            expr, found = filled_in(target["expr"]), []
            weir.until("series of %s: %s" % (panel["title"], expr),
                       lambda: found.extend(self.series(expr)) or found)
            for name in re.findall(r"{{(\w+)}}", target["legendFormat"]):
                self.assertTrue(all(name in one["metric"] for one in found),
                                "%s: the legend's %s: %s" % (panel["title"], name, found))
            if panel["fieldConfig"]["defaults"].get("max") == 1:
                # A rate is drawn out to the window's ends: a little above 1 may be.
                self.assertLessEqual(max(float(one["value"][1]) for one in found), 1.1, expr)
        self.is_told_right()

    def is_told_right(self):
        """The names that the dashboard offers, which stages are the ends, and no complaint."""
        self.assertEqual(self.asked("label/job/values", **{"match[]": "weir_job_state"}), ["full"])
        ends = {p["title"]: self.series(filled_in(t["expr"])) for p, t in expressions()
                if p["title"] in ("Records in, by source", "Records out, by sink")}
        stages = {title: [one["metric"]["stage"] for one in of] for title, of in ends.items()}
        self.assertEqual(list(stages.values()), [["rows"], ["out"]], stages)
        target, = self.asked("targets")["activeTargets"]
        self.assertEqual((target["health"], target["lastError"]), ("up", ""))


if __name__ == "__main__":
    unittest.main()
