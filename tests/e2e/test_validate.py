"""`weir validate`: says yes to what runs, touches nothing, and speaks JSON when asked."""

import glob
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir


class Validate(weir.Case):
    def test_every_example_is_valid(self):
        examples = sorted(glob.glob(os.path.join(weir.ROOT, "examples", "*.json")))
        self.assertGreaterEqual(len(examples), 3)
        for path in examples:
            with self.subTest(os.path.basename(path)):
                self.ok("validate", path)

    def test_it_touches_nothing(self):
        self.write("in.txt", "a\n")
        job = self.write("job.json", weir.word_count_job("in.txt", "out"))
        self.ok("validate", job)
        self.assertEqual(sorted(os.listdir(self.dir)), ["in.txt", "job.json"])

    def test_json_lists_the_errors_with_their_places(self):
        job = weir.word_count_job("in.txt", "out")
        self.assertTrue(self.ok("validate", self.write("job.json", job), "--json").json()["valid"])
        job["pipeline"][2]["key"] = "wrod"
        job["paralelism"] = 2
        result = self.weir("validate", self.write("job.json", job), "--json")
        self.assertEqual(result.code, 2, str(result))
        said = result.json()
        self.assertFalse(said["valid"])
        self.assertEqual(len(said["errors"]), 2, said)
        for error in said["errors"]:
            self.assertGreater(error["line"], 1)
            self.assertGreater(error["column"], 1)
            self.assertTrue(error["text"])

    def test_variables_are_replaced_and_missing_ones_named(self):
        job = weir.word_count_job("${WEIR_TEST_TEXT:in.txt}", "out")
        self.ok("validate", self.write("job.json", job))
        job = weir.word_count_job("${WEIR_TEST_NOT_SET}", "out")
        self.refused(2, ["WEIR_TEST_NOT_SET"], "validate", self.write("job.json", job))


if __name__ == "__main__":
    unittest.main()
