"""A job's invariants: they hold on every cut through kills and rescales, and one that does not hold
fails what it was said to fail, with both sides (COORDINATOR 18 does not count it)."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

GEN = {"id": "rows", "type": "generator_source", "fields": {"k": "i % 100", "v": "7"}}
SUM = {"id": "sum", "type": "keyed_sum", "key": "k", "value": "v", "as": "total"}
OUT = {"id": "out", "type": "blackhole_sink"}


class Invariants(weir.Case):
    def job(self, rows, rate, invariants, **checkpoint):
        checkpoint = dict({"interval": "20ms", "invariants": invariants}, **checkpoint)
        return self.write(
            "job.json",
            {
                "name": "checked",
                "checkpoint": checkpoint,
                "pipeline": [dict(GEN, rows=rows, rate=rate), SUM, OUT],
            },
        )

    def newest_checks(self):
        found = [m for m in weir.manifests(self.path("d")) if m.get("checks")]
        return found[-1]["checks"] if found else []

    def test_what_holds_holds_on_every_cut_of_every_life(self):
        job = self.job(
            40000,
            8000,
            [
                "position(rows) = records_out(rows)",
                "records_out(rows) = records_in(sum)",
                "records_out(sum) = records_in(out) + 0",
                "sum(sum.total) = 7 * records_in(sum)",
                "count(sum) <= 100",
            ],
        )
        for parallelism in "1", "3", "2":
            began = self.newest(self.path("d"))
            process = self.start("run", job, "--dir", self.path("d"), "--parallelism", parallelism)
            self.until_checkpoint(process, self.path("d"), began + 4)
            self.assertTrue(process.kill9(), str(process.result()))
            self.assertEqual(len(self.newest_checks()), 5)
        done = self.weir("run", job, "--dir", self.path("d"))
        self.assertEqual(done.code, 0, str(done))
        checks = self.newest_checks()
        self.assertEqual(checks[0]["left"], "%032x" % 40000)
        self.assertEqual(checks[1]["right"], "%032x" % 40000)

    def test_one_that_does_not_hold_fails_its_checkpoint_and_says_both_sides(self):
        # It holds until 2,000 rows are in; then it never does, and the last one must be taken.
        job = self.job(6000, 3000, ["records_in(sum) < 2000"])
        done = self.weir("run", job, "--dir", self.path("d"))
        self.assertEqual(done.code, 1, str(done))
        said = "the invariant records_in(sum) < 2000 does not hold: left "
        self.assertGreater(done.err.count(said), 2, str(done))  # no limit of failures is used up
        self.assertIn("right 2000 (records_in(sum) is 6000)", done.err)
        newest = weir.manifests(self.path("d"))[-1]
        self.assertLess(int(newest["checks"][0]["left"], 16), 2000)
        self.assertNotIn("final", newest)
        # What is wrong with the state is no reason to begin again from before it, for ever.
        self.assertNotIn("attempt 2", done.err)

    def test_by_option_it_fails_the_job_at_once(self):
        job = self.job(60000, 6000, ["sum(sum.total) < 9000"], on_violation="job")
        done = self.weir("run", job, "--dir", self.path("d"))
        self.assertEqual(done.code, 1, str(done))
        self.assertIn("the invariant sum(sum.total) < 9000 does not hold: left ", done.err)
        self.assertLess(weir.manifests(self.path("d"))[-1]["figures"]["keys"], 101)

    def test_what_cannot_be_checked_is_refused_where_it_stands(self):
        job = self.job(10, 10, ["sum(sum.totel) = 5", "sum(sum.total) = records_out(row)"])
        done = self.weir("validate", job)
        self.assertEqual(done.code, 2, str(done))
        self.assertIn("stage 'sum' keeps no sum called 'totel'", done.err + done.out)
        self.assertIn("did you mean 'rows'?", done.err + done.out)
        job = self.job(10, 10, ["count(sum) > 0"], mode="at_least_once")
        done = self.weir("validate", job)
        self.assertEqual(done.code, 2, str(done))
        self.assertIn("cannot hold with the mode at_least_once", done.err + done.out)


if __name__ == "__main__":
    unittest.main(verbosity=2)
