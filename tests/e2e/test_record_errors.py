"""Errors of single records fail the job and name file, offset and expression."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

# (what, expression over `line`, the line that breaks it, patterns)
BROKEN = [
    ("a bad cast", "cast(line as bigint)", "12x", ["12x"]),
    (
        "a cast out of range",
        "cast(line as bigint)",
        "9223372036854775808",
        ["9223372036854775808"],
    ),
    ("overflow of +", "cast(line as bigint) + 9223372036854775807", "1", ["overflow|range"]),
    ("overflow of *", "cast(line as bigint) * 4611686018427387904", "2", ["overflow|range"]),
    ("overflow of -", "-9223372036854775807 - cast(line as bigint)", "2", ["overflow|range"]),
    ("division by zero", "10 / (cast(line as bigint) - 7)", "7", ["division by zero"]),
    ("remainder of zero", "10 % (cast(line as bigint) - 7)", "7", ["division by zero"]),
]


class RecordErrors(weir.Case):
    def run_job(self, text, expr, **top):
        self.write("in.txt", text)
        job = {
            "name": "t",
            "restart": {"attempts": 0},
            **top,
            "pipeline": [
                {"id": "lines", "type": "file_source", "path": "in.txt"},
                {"id": "calc", "type": "map", "select": {"v": expr}},
                {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
            ],
        }
        return ["run", self.write("job.json", job), "--dir", self.path("d")]

    def test_a_record_that_breaks_an_expression_fails_the_job_by_name(self):
        for what, expr, line, patterns in BROKEN:
            with self.subTest(what):
                self.fresh()
                text = "0\n" * 1000 + line + "\n0\n"
                args = self.run_job(text, expr)
                place = [r"in\.txt", "2,?000", "'calc'"]
                self.refused(1, patterns + place, *args)
                self.assertEqual(weir.committed(self.path("out")), [], "the broken run committed")
                # The next run meets the same record: no loop, no loss.
                self.refused(1, patterns, *args)

    def test_case_and_coalesce_shield_what_they_do_not_evaluate(self):
        args = self.run_job(
            "0\n5\n", "case when line = '0' then 0 else 10 / cast(line as bigint) end"
        )
        self.ok(*args)
        self.assertEqual(weir.read_csv(self.path("out"), ["v"]), [("0",), ("2",)])

    def test_a_line_over_the_limit_names_file_and_offset(self):
        args = self.run_job("short\n" + "x" * 5000 + "\n", "line", limits={"record": "1kB"})
        self.refused(1, [r"in\.txt", r"limits\.record|1 ?kB|1,?000"], *args)


if __name__ == "__main__":
    unittest.main()
