"""format: jsonl. Python's json reads what the sinks write, and finds what was put in."""

import codecs
import json
import os
import random
import struct
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

# Each byte that is no UTF-8 becomes one U+FFFD.
codecs.register_error("each", lambda e: ("\ufffd" * (e.end - e.start), e.end))

PIECES = [b"plain", b" ", b'"', b"\\", b"\t", b"\x00", b"\x01", b"\x1f", b"\x7f", b"/", b"{}"]
PIECES += ["ä€😀\u2028".encode(), b"\xff", b"\xc3", b"\xe2\x82", b"\xed\xa0\x80", b"\xc0\xaf"]


class Jsonl(weir.Case):
    def run_job(self, stages, *sink):
        job = {"name": "t", "pipeline": [*stages, *sink]}
        return self.ok("run", self.write("job.json", job), "--dir", self.path("d"))

    def rows(self):
        rows = []
        for path in weir.committed(self.path("out"), "jsonl"):
            with open(path, "rb") as f:
                data = f.read()
            self.assertTrue(data.endswith(b"\n"))
            rows.extend(json.loads(line.decode("utf-8")) for line in data[:-1].split(b"\n"))
        return rows

    def test_strings_of_any_bytes_are_strict_json(self):
        rng = random.Random(weir.seed())
        lines = [b""] + PIECES
        for _ in range(3000):
            n = rng.choice((3, 20)) if rng.random() < 0.99 else 4000
            lines.append(b"".join(rng.choice(PIECES) for _ in range(rng.randint(0, n))))
        self.write("in.txt", b"\n".join(lines) + b"\n")
        self.run_job(
            [{"id": "in", "type": "file_source", "path": "in.txt"}],
            {"id": "out", "type": "file_sink", "path": "out", "format": "jsonl"},
        )
        want = [{"line": line.decode("utf-8", "each")} for line in lines]
        self.assertEqual(self.rows(), want)

    def test_every_type_and_null(self):
        rng = random.Random(weir.seed())
        ints = [0, -1, (1 << 63) - 1, -(1 << 63)]
        ints += [rng.randint(-(1 << 63), 1 << 62) for _ in range(500)]
        floats = [0.1, 1e300, 5e-324, -1.5, 3.0, 1e15, 123456789.25]
        floats += [struct.unpack("d", struct.pack("q", i))[0] for i in ints[4:]]
        lines = ["%d %r" % (ints[i % len(ints)], floats[i % len(floats)]) for i in range(1000)]
        self.write("in.txt", "\n".join(lines) + "\nx NaN\nx Infinity\nx -Infinity\n")
        self.run_job(
            [
                {"id": "in", "type": "file_source", "path": "in.txt"},
                {
                    "id": "m",
                    "type": "map",
                    "select": {
                        "n": "case when line like 'x%' then null else "
                        "cast(split_part(line, ' ', 1) as bigint) end",
                        "x y": "cast(split_part(line, ' ', 2) as double precision)",
                        "odd": "case when line like 'x%' then null else "
                        "cast(split_part(line, ' ', 1) as bigint) % 2 <> 0 end",
                        "at": "timestamp '2026-11-21 15:04:05.000001'",
                        "s": "nullif(split_part(line, ' ', 1), 'x')",
                    },
                },
            ],
            {"id": "out", "type": "file_sink", "path": "out", "format": "jsonl"},
        )
        rows = self.rows()
        self.assertEqual(len(rows), 1003)
        for line, row in zip(lines, rows):
            n, x = line.split(" ")
            self.assertEqual(list(row), ["n", "x y", "odd", "at", "s"])
            self.assertIs(type(row["n"]), int)
            self.assertEqual(row["n"], int(n))
            if x.lstrip("-") in ("nan", "inf"):
                self.assertIsNone(row["x y"])
            else:
                self.assertEqual(float(row["x y"]), float(x))
            self.assertIs(row["odd"], int(n) % 2 != 0)
            self.assertEqual(row["at"], "2026-11-21T15:04:05.000001Z")
            self.assertEqual(row["s"], n)
        for row in rows[1000:]:
            self.assertEqual([row[k] for k in ("n", "x y", "odd", "s")], [None] * 4)

    def test_print_sink_prints_objects_behind_its_prefix(self):
        result = self.run_job(
            [{"id": "in", "type": "generator_source", "rows": 2000}],
            {"id": "out", "type": "print_sink", "format": "jsonl", "prefix": "> "},
        )
        self.assertEqual(result.out, "".join('> {"i":%d}\n' % i for i in range(2000)))


if __name__ == "__main__":
    unittest.main()
