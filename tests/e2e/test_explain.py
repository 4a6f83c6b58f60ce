"""`weir explain`: the graph, schemas, parallelism, and whether the order of arrival shows."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir


class Explain(weir.Case):
    def explain(self, job, *more):
        self.write("in.txt", "a\n")
        return self.ok("explain", self.write("job.json", job), *more)

    def test_it_draws_stages_schemas_and_parallelism(self):
        out = self.explain(weir.word_count_job("in.txt", "out", parallelism=3)).out
        for id in ("lines", "words", "count", "out"):
            self.assertRegex(out, r"\b%s\b" % id)
        for words in (
            "file_source",
            "flat_map",
            "keyed_sum",
            "file_sink",
            "word",
            "string",
            "int64",
            "hash",
            "3",
        ):
            self.assertIn(words, out)

    def union(self, emit):
        return {
            "name": "u",
            "pipeline": [
                {"id": "a", "type": "file_source", "path": "in.txt"},
                {"id": "b", "type": "file_source", "path": "in.txt"},
                {"id": "u", "type": "union", "inputs": ["a", "b"]},
                {
                    "id": "c",
                    "type": "keyed_sum",
                    "key": "line",
                    "value": "length(line)",
                    "emit": emit,
                },
                {"id": "o", "type": "file_sink", "path": "out"},
            ],
        }

    def test_running_values_over_two_paths_are_order_dependent(self):
        self.assertRegex(self.explain(self.union("update")).out, r"(?i)(?<!not )order-dependent")
        said = self.explain(self.union("update"), "--json").json()
        self.assertIs(said["order_dependent"], True)

    def test_the_value_at_the_end_is_not(self):
        said = self.explain(self.union("end"), "--json").json()
        self.assertIs(said["order_dependent"], False)

    def test_json_has_the_stages(self):
        said = self.explain(weir.word_count_job("in.txt", "out"), "--json").json()
        self.assertEqual([s["id"] for s in said["stages"]], ["lines", "words", "count", "out"])

    def test_an_invalid_job_is_refused(self):
        job = weir.word_count_job("in.txt", "out")
        job["pipeline"][2]["key"] = "wrod"
        self.refused(2, ["did you mean 'word'"], "explain", self.write("job.json", job))


if __name__ == "__main__":
    unittest.main()
