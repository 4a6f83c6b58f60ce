"""A changed job file: what fits the state goes on, what does not is refused."""

import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class ChangedJob(weir.Case):
    def setUp(self):
        super().setUp()
        weir.text(random.Random(7), self.path("in.txt"), 9000, 6)
        self.job = weir.word_count_job("in.txt", "out", rate=800, interval="30ms")
        self.args = ["run", self.path("job.json"), "--dir", self.path("d")]
        self.write("job.json", self.job)
        process = self.start(*self.args)
        self.until_checkpoint(process, self.path("d"), 4)
        process.kill9()

    def stage(self, id):
        return next(s for s in self.job["pipeline"] if s["id"] == id)

    def finish(self, patterns):
        self.write("job.json", self.job)
        result = self.ok(*self.args)
        for pattern in patterns:
            self.assertRegex(result.err, "(?is)" + pattern)
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def refuse(self, patterns):
        self.write("job.json", self.job)
        before = weir.slots(self.path("d"))
        self.refused((2, 5), patterns, *self.args, timeout=20)
        self.assertEqual(weir.slots(self.path("d")), before, "refused only after the fence")

    def test_another_pace_interval_and_parallelism_go_on(self):
        self.stage("lines")["rate"] = 3000
        self.job["checkpoint"]["interval"] = "70ms"
        self.job["parallelism"] = 2
        self.finish(["interval", "70ms"])

    def test_only_another_layout_of_the_text_is_no_change(self):
        self.write("job.json", json.dumps(self.job))
        self.assertNotRegex(self.ok(*self.args).err, "(?i)changed")

    def test_a_stage_without_state_may_be_added(self):
        self.job["pipeline"].insert(
            2, {"id": "some", "type": "filter", "expr": "length(word) > 0"}
        )
        self.finish(["'?some'?"])

    def test_a_key_of_another_type_is_refused(self):
        self.job["pipeline"].insert(
            2, {"id": "len", "type": "map", "set": {"word": "length(word)"}}
        )
        self.refuse(["'count'", "int64", "string"])

    def test_other_key_fields_are_refused(self):
        self.job["pipeline"].insert(
            2, {"id": "two", "type": "map", "set": {"len": "length(word)"}}
        )
        self.stage("count")["key"] = ["word", "len"]
        self.refuse(["'count'", "len"])

    def test_a_stage_whose_state_would_be_lost_is_refused(self):
        self.stage("count")["id"] = "renamed"
        self.refuse(["'count'"])


if __name__ == "__main__":
    unittest.main()
