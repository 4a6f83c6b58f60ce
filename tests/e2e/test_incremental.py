"""A checkpoint's size follows what changed; chains and disk stay bounded (DESIGN 6)."""

import json
import os
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

KEYS = 2000000
HOT = KEYS // 100


class Incremental(weir.Case):
    def job(self, key, **more):
        """generator -> keyed_sum -> blackhole, one subtask each."""
        source = {"id": "rows", "type": "generator_source", "fields": {"k": key}}
        source.update((k, more[k]) for k in ("rows", "rate") if k in more)
        return self.write(
            "job.json",
            {
                "name": "keys",
                "checkpoint": {"interval": more["interval"]},
                "pipeline": [
                    source,
                    {"id": "sum", "type": "keyed_sum", "key": "k"},
                    {"id": "out", "type": "blackhole_sink"},
                ],
            },
        )

    def run_for(self, seconds_or_condition, job, *args):
        """Runs the job until the condition (given the folder) holds, stops it; its report."""
        report = self.path("report.json")
        process = self.start("run", job, "--dir", self.path("d"), "--report", report, *args)
        weir.until("the job", lambda: not process.running() or seconds_or_condition())
        self.assertTrue(process.running(), str(process.result()))
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))
        return self.report(report)["checkpoints"]["history"]

    def newest_figures(self):
        found = weir.manifests(self.path("d"))
        return found[-1]["figures"] if found else {}

    def loaded(self):
        return self.newest_figures().get("keys", 0) >= KEYS

    def test_one_percent_changed_writes_under_three_percent_and_nothing_writes_next_to_nothing(
        self,
    ):
        # First every key once, then only hot ones: 20,000 of 2,000,000.
        key = "case when i < %d then i else splitmix64(i, %d) * 100 end" % (KEYS, HOT)
        history = self.run_for(self.loaded, self.job(key, interval="1s", rate=4000000))
        # The load may have taken several checkpoints: the first full one is what all keys cost.
        per_key = max(
            (c["bytes_written"] / c["keys_changed"], c["keys_changed"])
            for c in history
            if c["keys_changed"] > KEYS // 10
        )
        full = KEYS * per_key[0]

        history = self.run_for(
            lambda: self.enough(8), self.job(key, interval="100ms", rate=4000000)
        )
        # The load may have left a chain of so many runs that one checkpoint writes everything.
        hot = [c for c in history if c["kind"] == "periodic"]
        whole = [c for c in hot if c["keys_changed"] > HOT]
        self.assertLessEqual(len(whole), 1, history)
        hot = [c for c in hot if c not in whole]
        self.assertGreaterEqual(len(hot), 3, history)
        self.assertGreater(max(c["keys_changed"] for c in hot), HOT // 2, history)
        for c in hot:
            self.assertLess(c["bytes_written"], 0.03 * full, history)

        # One row a second: in most intervals nothing happens, and no checkpoint is taken.
        began = self.newest_figures() and weir.manifests(self.path("d"))[-1]["id"]
        since = time.monotonic()
        history = self.run_for(
            lambda: self.newest(self.path("d")) > began + 4,
            self.job(key, interval="50ms", rate=1),
        )
        idle = [c for c in history if c["kind"] == "periodic"]
        self.assertGreaterEqual(len(idle), 3, history)
        self.assertLess(len(idle), (time.monotonic() - since) / 0.05 / 2, "idle ones are skipped")
        for c in idle:
            self.assertLessEqual(c["bytes_written"], 4096 if not c["keys_changed"] else 8192, c)
        with open(self.path("d", "history.jsonl")) as lines:
            told = [json.loads(line) for line in lines]
        skips = [t for t in told if t.get("decision") == "skip"]
        self.assertGreaterEqual(len(skips), 1, "a skip is told")
        self.assertTrue(any("skipped before it" in t.get("trigger", "") for t in told), told[-9:])
        for m in weir.manifests(self.path("d")):
            self.assertLessEqual(os.path.getsize(m["path"]), 4096)

    def enough(self, n):
        self.first = getattr(self, "first", None) or self.newest(self.path("d"))
        return self.newest(self.path("d")) >= self.first + n

    def test_after_300_checkpoints_restore_and_disk_are_bounded(self):
        keys = 200000
        job = self.job("splitmix64(i, %d)" % keys, interval="20ms", rate=400000)
        process = self.start("run", job, "--dir", self.path("d"))
        most = 0

        def there():
            nonlocal most
            self.assertTrue(process.running(), str(process.result()))
            most = max(most, weir.disk_bytes(self.path("d")))
            return self.newest(self.path("d")) >= 300

        weir.until("300 checkpoints", there)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0, str(process.result()))
        newest = weir.manifests(self.path("d"))[-1]

        # What is alive: the same keys written once, by a job that takes only its last checkpoint.
        rows = newest["figures"]["keys"] * 8
        job = self.job("splitmix64(i, %d)" % keys, interval="1h", rows=rows)
        self.ok("run", job, "--dir", self.path("live"))
        live = weir.restore_bytes(weir.manifests(self.path("live"))[-1])
        self.assertGreater(live, keys)

        self.assertLessEqual(weir.restore_bytes(newest), 2.05 * live, "what a restore reads")
        self.assertLessEqual(most, (3 + 2) * live + (4 << 20), "what lay on disk at most")


if __name__ == "__main__":
    unittest.main()
