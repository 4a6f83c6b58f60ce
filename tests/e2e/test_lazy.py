"""Restores while records flow: the same output and state after kill -9 (inv 28, 40); nothing is
published before every block is verified, and a damaged one ends the job with exit code 6
(inv 33)."""

import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

KEYS = 100000 if weir.SANITIZED else 400000
ROWS = 3 * KEYS


class Lazy(weir.Case):
    def job(self, name, restore, sink, **more):
        key = "case when i < %d then i else splitmix64(i, %d) end" % (KEYS, KEYS)
        source = {"id": "rows", "type": "generator_source", "rows": ROWS}
        source.update(more, fields={"k": key, "v": "i % 256"})
        return self.write(
            name,
            {
                "name": "lazy",
                "checkpoint": {"interval": "50ms", "restore": restore},
                "parallelism": 2,
                "pipeline": [
                    source,
                    {"id": "sum", "type": "keyed_sum", "key": "k", "value": "v", "emit": "end"},
                    sink,
                ],
            },
        )

    def blackhole(self):
        return {"id": "out", "type": "blackhole_sink", "checksum": True}

    def facts(self, report):
        r = self.report(report)
        sink = r["sinks"][0]
        return [(s["keys"], s["checksum"]) for s in r["states"]], sink["records"], sink["checksum"]

    def loaded(self, folder):
        found = weir.manifests(folder)
        return bool(found) and found[-1]["figures"].get("keys", 0) >= KEYS

    def kill_when_loaded(self, job, folder, more=0):
        """Whether it was still running when it was killed, with a checkpoint of all keys."""
        process = self.start("run", job, "--dir", folder, "--report", self.path("x.out"))
        enough = self.newest(folder) + more
        weir.until(
            "checkpoints of all keys",
            lambda: not process.running()
            or (self.newest(folder) >= enough and self.loaded(folder)),
        )
        return process.kill9()

    def test_lazy_eager_and_auto_end_with_the_same_bytes_after_kills(self):
        rng = random.Random(weir.seed())
        job = self.job("a.json", "auto", self.blackhole())
        self.ok("run", job, "--dir", self.path("a"), "--report", self.path("a.out"))
        want = self.facts(self.path("a.out"))
        for restore in ("lazy", "eager", "parallel", "auto"):
            job = self.job(restore + ".json", restore, self.blackhole(), rate=KEYS)
            folder, report = self.path(restore), self.path(restore + ".out")
            killed = True
            for _ in range(2):
                killed = killed and self.kill_when_loaded(job, folder, rng.randint(1, 3))
            if killed:
                self.ok("run", job, "--dir", folder, "--report", report)
            else:  # a slow machine: it was at its end before the kill
                report = self.path("x.out")
            self.assertEqual(self.facts(report), want, restore)
            said = self.report(report)
            if said["restored_from"] is not None and restore != "auto":
                self.assertEqual(said["restore"], restore)

    def test_a_damaged_block_ends_the_job_and_commits_nothing(self):
        out = self.path("out")
        sink = {"id": "out", "type": "file_sink", "path": out, "format": "csv"}
        job = self.job("j.json", "lazy", sink, rate=KEYS)
        folder = self.path("state")
        if not self.kill_when_loaded(job, folder):
            self.skipTest("it was done before it could be killed")
        newest = weir.manifests(folder)[-1]
        run = max(
            (r for op in newest["ops"] for k in op.get("keyed", []) for r in k["chain"]),
            key=lambda r: r.get("bytes", 0),
        )
        part = os.path.join(folder, "parts", newest["files"][run.get("f", 0)]["name"])
        at = run["at"] - run["bytes"] // 4  # among its last blocks
        before = weir.committed(out)
        with open(part, "r+b") as f:
            f.seek(at)
            byte = f.read(1)
            f.seek(at)
            f.write(bytes([byte[0] ^ 0x40]))
        slots = weir.slots(folder)
        r = self.weir("run", job, "--dir", folder)
        self.assertEqual(r.code, 6, r)
        self.assertIn(os.path.basename(part), r.err)
        self.assertRegex(r.err, "restore=eager.*fsck --repair")
        self.assertEqual(weir.committed(out), before)
        self.assertEqual(len(weir.slots(folder)), len(slots) + 1)  # its fence
        with open(part, "r+b") as f:
            f.seek(at)
            f.write(byte)
        self.ok("run", job, "--dir", folder, "--report", self.path("r.out"))
        self.assertEqual(self.report(self.path("r.out"))["restore"], "lazy")
        rows = weir.read_csv(out, ["k", "sum"])
        self.assertEqual(len(rows), KEYS)
        self.assertEqual(sum(int(s) for _, s in rows), sum(i % 256 for i in range(ROWS)))

    def test_a_sink_that_shows_records_early_is_refused_by_name(self):
        job = self.job("p.json", "lazy", {"id": "screen", "type": "print_sink"})
        r = self.weir("validate", job)
        self.assertEqual(r.code, 2, r)
        self.assertIn("'screen'", r.err)
        self.assertIn("lazy", r.err)


if __name__ == "__main__":
    unittest.main()
