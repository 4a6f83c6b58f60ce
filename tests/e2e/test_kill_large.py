"""Exactly once under kill -9 with a state so large that several threads restore it (inv 7, 28)."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

KEYS = 1200000  # more than 2^20: one table, restored in stretches
ROWS = 3 * KEYS
KILLS = 2 if weir.SANITIZED else 4


class KillLarge(weir.Case):
    def job(self, name, **more):
        key = "case when i < %d then i else splitmix64(i, %d) end" % (KEYS, KEYS)
        source = {"id": "rows", "type": "generator_source", "rows": ROWS}
        source.update(more, fields={"k": key, "v": "i % 256"})
        return self.write(
            name,
            {
                "name": "large",
                "checkpoint": {"interval": "100ms"},
                "pipeline": [
                    source,
                    {"id": "sum", "type": "keyed_sum", "key": "k", "value": "v"},
                    {"id": "out", "type": "blackhole_sink", "checksum": True},
                ],
            },
        )

    def facts(self, report):
        r = self.report(report)
        return [(s["keys"], s["checksum"]) for s in r["states"]], r["sinks"][0]["checksum"]

    def loaded(self, folder):
        found = weir.manifests(folder)
        return bool(found) and found[-1]["figures"].get("keys", 0) >= KEYS

    def test_state_and_output_are_those_of_an_uninterrupted_run(self):
        rng = random.Random(weir.seed())
        self.ok("run", self.job("a.json"), "--dir", self.path("a"), "--report", self.path("a.out"))
        want = self.facts(self.path("a.out"))
        # Slow enough that kills hit while it runs, after all keys are there.
        job = self.job("b.json", rate=KEYS)
        folder, report = self.path("b"), self.path("b.out")
        kills = 0
        while kills < KILLS:
            process = self.start("run", job, "--dir", folder, "--report", report)
            enough = self.newest(folder) + rng.randint(1, 3)
            weir.until(
                "checkpoints of all keys",
                lambda: not process.running()
                or (self.newest(folder) >= enough and self.loaded(folder)),
            )
            if not process.running():
                break
            process.kill9()
            kills += 1
        self.assertGreater(kills, 0)
        self.ok("run", job, "--dir", folder, "--report", report)
        self.assertEqual(self.facts(report), want)


if __name__ == "__main__":
    unittest.main()
