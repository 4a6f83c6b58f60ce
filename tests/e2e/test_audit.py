"""`weir audit` proves, from the files alone and interval by interval, that no record was lost,
doubled or moved: through kills and rescales it says so, and of a directory in which one was it
does not."""

import glob
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir


class Audit(weir.Case):
    def job(self, **checkpoint):
        checkpoint = dict({"interval": "20ms", "audit": True}, **checkpoint)
        return self.write(
            "job.json",
            {
                "name": "audited",
                "checkpoint": checkpoint,
                "pipeline": [
                    {
                        "id": "rows",
                        "type": "generator_source",
                        "rows": 30000,
                        "rate": 8000,
                        "fields": {"k": "splitmix64(i, 500)", "w": "i"},
                    },
                    {"id": "odd", "type": "filter", "expr": "w % 3 <> 0"},
                    {"id": "sum", "type": "keyed_sum", "key": "k", "value": "w", "as": "s"},
                    {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
                ],
            },
        )

    def bytes_of(self, path):
        with open(path, "rb") as f:
            return f.read()

    def audit(self, code):
        done = self.weir("audit", self.path("d"))
        self.assertEqual(done.code, code, str(done))
        return done.out

    def test_kills_and_rescales_lose_and_double_nothing_and_a_planted_record_is_found(self):
        job = self.job()
        for parallelism in "1", "3", "2":
            began = self.newest(self.path("d"))
            process = self.start("run", job, "--dir", self.path("d"), "--parallelism", parallelism)
            self.until_checkpoint(process, self.path("d"), began + 4)
            self.assertIn("every edge received what was sent", self.audit(0))  # it may be running
            self.assertTrue(process.kill9(), str(process.result()))
            self.audit(0)
        self.ok("run", job, "--dir", self.path("d"))
        said = self.audit(0)
        facts = self.ok("audit", self.path("d"), "--json").json()
        self.assertEqual(facts["records"], 30000 + 2 * 20000, said)
        self.assertEqual((facts["faults"], facts["fault"], facts["hashed"]), (0, [], True))
        self.assertGreater(facts["intervals"], 12)

        files = weir.committed(self.path("out"))
        self.assertGreater(len(files), 4)
        whole = [self.bytes_of(f) for f in files]
        lines = [text.splitlines(keepends=True) for text in whole]

        def planted(*contents):
            for at, text in contents:
                with open(files[at], "wb") as f:
                    f.write(text)
            said = self.audit(6)
            self.assertIn(os.path.basename(files[contents[0][0]]), said)
            for at, _ in contents:
                with open(files[at], "wb") as f:
                    f.write(whole[at])
            self.audit(0)

        planted((0, whole[0] + lines[0][-1]))  # twice
        planted((1, b"".join(lines[1][:-1])))  # dropped
        planted((2, b"".join(lines[2][:-1])), (3, whole[3] + lines[2][-1]))  # moved
        planted((1, b"".join(lines[1][:1] + lines[1][2:] + lines[1][1:2])))  # two exchanged
        # A whole file again, under a name of the same kind.
        copy = files[0].replace("-0.csv", "-7.csv")
        with open(copy, "wb") as f:
            f.write(whole[0])
        self.assertIn("nobody wrote it", self.audit(6))
        os.unlink(copy)
        # What a consumer took away is no fault.
        os.unlink(files[0])
        self.assertIn("1 are not there", self.audit(0))

        ledgers = sorted(glob.glob(self.path("d", "audit", "*")))
        self.assertGreaterEqual(len(ledgers), 4)
        os.rename(ledgers[1], ledgers[1] + ".gone")
        self.assertIn("is missing", self.audit(6))

    def test_a_job_without_an_audit_says_how_to_have_one(self):
        job = self.job(audit=False)
        self.ok("run", job, "--dir", self.path("d"), "--set", "pipeline.rows.rate=30000")
        done = self.weir("audit", self.path("d"))
        self.assertEqual(done.code, 4, str(done))
        self.assertIn('"audit": true', done.err)
        self.assertFalse(os.path.exists(self.path("d", "audit")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
