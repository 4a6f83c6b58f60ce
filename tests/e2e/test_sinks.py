"""Sinks: what they write, names of committed files, print, the blackhole's checksum."""

import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

NAME = r"part-[0-9a-f]{8}-[0-9]{20}-[0-9]+-[0-9]+-[0-9]+\.%s"
AWKWARD = [
    "plain",
    "a,b",
    '"quoted"',
    'say "hi", you',
    "",
    " blank ends ",
    "single'quote",
    "tab\there",
    "semi;colon",
    "\u00e4",
    '""',
    ",",
    "cr\rinside",
]


class Sinks(weir.Case):
    def run_lines(self, sink, *stages, lines=AWKWARD, **top):
        self.write("in.txt", "".join(line + "\n" for line in lines))
        job = {
            "name": "sinks",
            **top,
            "pipeline": [{"id": "lines", "type": "file_source", "path": "in.txt"}, *stages, sink],
        }
        path = self.write("job.json", job)
        return self.ok("run", path, "--dir", self.path("d"), "--report", self.path("report.json"))

    def test_csv_quotes_what_a_csv_reader_needs_quoted(self):
        self.run_lines({"id": "out", "type": "file_sink", "path": "out", "format": "csv"})
        found = [row[0] for row in weir.read_csv(self.path("out"), ["line"])]
        self.assertEqual([f.encode("latin-1").decode() for f in found], AWKWARD)

    def test_csv_tells_types_and_null_apart(self):
        self.run_lines(
            {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
            {
                "id": "m",
                "type": "map",
                "select": {
                    "s": "line",
                    "i": "length(line)",
                    "f": "0.5",
                    "b": "line = 'x'",
                    "z": "case when line = 'x' then 'set' end",
                    "neg": "-9223372036854775808",
                },
            },
            lines=["x", ""],
        )
        rows = weir.read_csv(self.path("out"), ["s", "i", "f", "b", "z", "neg"])
        self.assertEqual(
            rows,
            [
                ("x", "1", "0.5", "true", "set", "-9223372036854775808"),
                ("", "0", "0.5", "false", "", "-9223372036854775808"),
            ],
        )

    def test_csv_quotes_an_awkward_field_name_in_the_header(self):
        self.run_lines(
            {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
            {"id": "m", "type": "map", "select": {"a,b": "line"}},
            lines=["x"],
        )
        self.assertEqual(weir.read_csv(self.path("out"), ["a,b"]), [("x",)])

    def test_text_writes_the_lines_as_they_are(self):
        self.run_lines({"id": "out", "type": "file_sink", "path": "out", "format": "text"})
        found = [line.encode("latin-1").decode() for line in weir.read_text(self.path("out"))]
        self.assertEqual(found, AWKWARD)

    def test_names_of_committed_files_and_nothing_pending_is_left(self):
        self.run_lines(
            {"id": "out", "type": "file_sink", "path": "out", "format": "csv"}, parallelism=2
        )
        names = [os.path.basename(p) for p in weir.committed(self.path("out"))]
        self.assertTrue(names)
        for name in names:
            self.assertRegex(name, "^" + NAME % "csv" + "$")
        left = [
            os.path.join(w, n)
            for w, _, ns in os.walk(self.path("out", ".weir-pending"))
            for n in ns
        ]
        self.assertEqual(left, [])

    def test_inv18_an_empty_input_makes_no_file(self):
        self.run_lines(
            {"id": "out", "type": "file_sink", "path": "out", "format": "csv"}, lines=[]
        )
        self.assertEqual(weir.committed(self.path("out")), [])

    def test_print_sink_owns_standard_output(self):
        result = self.run_lines(
            {"id": "show", "type": "print_sink", "prefix": "> "}, lines=["one", "two", "three"]
        )
        self.assertEqual(
            [re.sub("^> ", "", line).strip('"') for line in result.out.splitlines()],
            ["one", "two", "three"],
        )
        self.assertTrue(all(line.startswith("> ") for line in result.out.splitlines()), result.out)

    def test_the_blackholes_checksum_follows_the_records_not_their_order(self):
        def checksum(parallelism, lines):
            self.fresh()
            self.run_lines(
                {"id": "hole", "type": "blackhole_sink", "checksum": True},
                {"id": "w", "type": "flat_map", "expr": "split(line)", "as": "word"},
                {"id": "c", "type": "keyed_sum", "key": "word", "as": "n"},
                lines=lines,
                parallelism=parallelism,
            )
            (sink,) = self.report(self.path("report.json"))["sinks"]
            return sink["records"], sink["checksum"]

        lines = ["a b c a", "d e a", "f"] * 50
        records, right = checksum(1, lines)
        self.assertEqual(records, 400)
        self.assertEqual(checksum(3, lines), (400, right))
        self.assertEqual(checksum(1, lines[::-1]), (400, right))
        self.assertNotEqual(checksum(1, lines[1:])[1], right)
        self.assertNotEqual(checksum(1, ["a b c b", *lines[1:]])[1], right)


if __name__ == "__main__":
    unittest.main()
