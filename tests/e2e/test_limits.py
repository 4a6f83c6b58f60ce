"""limits.memory, and how wide a job may be: refused where it can be known, else named when hit."""

import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Limits(weir.Case):
    def test_memory_that_runs_out_is_named_and_nothing_is_lost(self):
        weir.text(random.Random(1), self.path("in.txt"), 120000, 8, vocabulary=100000)
        job = weir.word_count_job(
            "in.txt",
            "out",
            interval="20ms",
            parallelism=2,
            restart={"initial": "10ms", "max": "20ms"},
            limits={"memory": "12MB"},
        )
        path = self.write("job.json", job)
        self.refused(1, ["limits.memory is 12 ?MB"], "run", path, "--dir", self.path("d"))
        job.pop("limits")
        self.ok("run", self.write("job.json", job), "--dir", self.path("d"))
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_too_many_channels_are_refused_before_the_directory_is_touched(self):
        sources = [
            {"id": "s%d" % i, "type": "generator_source", "rows": 1, "fields": {"k": "i"}}
            for i in range(5)
        ]
        for source in sources:
            source["parallelism"] = 256
        job = self.write(
            "job.json",
            {
                "name": "wide",
                "max_parallelism": 256,
                "pipeline": sources
                + [
                    {"id": "all", "type": "union", "inputs": [s["id"] for s in sources]},
                    {"id": "out", "type": "blackhole_sink"},
                ],
            },
        )
        for verb in ("run", "validate"):
            self.refused(2, ["stage 'all'.*1,?280 channels"], verb, job)
        self.assertFalse(os.path.exists(self.path("weir-data")))


if __name__ == "__main__":
    unittest.main(verbosity=2)
