"""Sources give each line or row exactly once, whatever the file looks like."""

import collections
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Sources(weir.Case):
    def copy(self, path="in", parallelism=1, format="csv", **top):
        """Copies the lines of `path` and returns them as they were committed."""
        job = {
            "name": "copy",
            "parallelism": parallelism,
            **top,
            "pipeline": [
                {"id": "lines", "type": "file_source", "path": path},
                {"id": "out", "type": "file_sink", "path": "out", "format": format},
            ],
        }
        self.ok("run", self.write("job.json", job), "--dir", self.path("d"))
        return [row[0] for row in weir.read_csv(self.path("out"), ["line"])]

    def expect_same(self, found, *paths):
        right = collections.Counter(line for path in paths for line in oracle.lines(path))
        found = collections.Counter(found)
        self.assertEqual(sum(found.values()), sum(right.values()), "number of lines")
        self.assertEqual(found - right, collections.Counter(), "too many")
        self.assertEqual(right - found, collections.Counter(), "missing")

    def test_small_files_of_every_shape(self):
        shapes = {
            "empty": b"",
            "one newline": b"\n",
            "no final newline": b"a\nb",
            "only one line": b"a",
            "empty lines": b"\n\n\na\n\n",
            "CRLF": b"a\r\nb\r\n",
            "CRLF without the last LF": b"a\r\nb\r",
            "CR inside a line": b"a\rb\r\r\n",
            "LF and CRLF": b"a\nb\r\nc\n",
            "blanks": b"  a \t b  \n",
            "NUL bytes": b"a\0b\n\0\n\0\0",
            "invalid UTF-8": b"\xff\xfe\n\xc3\x28\n\xed\xa0\x80\n",
            "UTF-8": "ä\u20ac\U0001f600\n".encode(),
            "a byte order mark": b"\xef\xbb\xbfa\n",
            "quotes and commas": b'"a",b\n"""\n,\n"\n',
            "12 and 13 bytes": b"123456789012\n1234567890123\n",
        }
        for what, content in shapes.items():
            with self.subTest(what):
                self.fresh()
                path = self.write("in", content)
                found = self.copy()
                self.expect_same(found, path)
                self.assertEqual(found, oracle.lines(path), "order of one split at parallelism 1")

    def test_a_glob_and_a_folder_read_each_file_once(self):
        paths = [
            self.write("in/%s" % n, "".join("%s %d\n" % (n, i) for i in range(50)))
            for n in ("a.txt", "b.txt", "c.log")
        ]
        self.expect_same(self.copy("in/*.txt"), *paths[:2])
        self.fresh()
        paths = [
            self.write("in/%s" % n, "".join("%s %d\n" % (n, i) for i in range(50)))
            for n in ("a.txt", "b.txt", "c.log")
        ]
        self.expect_same(self.copy("in", parallelism=2), *paths)

    def test_links_to_one_file_are_so_many_inputs(self):
        path = self.write("words.txt", "a b\nc\n" * 100)
        os.mkdir(self.path("in"))
        os.link(path, self.path("in", "hard"))
        os.symlink(path, self.path("in", "soft"))
        self.expect_same(self.copy("in", parallelism=2), path, path)

    def big(self, rng, bytes, line):
        """A file of several MiB whose lines are made by line(rng)."""
        made, size = [], 0
        while size < bytes:
            made.append(line(rng))
            size += len(made[-1])
        return self.write("in", b"".join(made))

    def test_splits_of_a_big_file_lose_and_double_nothing_at_any_border(self):
        seed = weir.seed()

        def mixed(rng):
            length = rng.choice((0, 1, 5, 40, 200, 3000))
            return (
                b"%d" % rng.randrange(10**9)
                + b"x" * length
                + rng.choice((b"\n", b"\r\n", b"\r\r\n"))
            )

        def even(rng):  # 64 bytes: every border of a split is a border of a line
            return b"%063d\n" % rng.randrange(10**18)

        def crlf(
            rng,
        ):  # 16 bytes: the border of a split falls between CR and LF in one of two files
            return b"%014d\r\n" % rng.randrange(10**12)

        for name, line in (("mixed", mixed), ("even", even), ("crlf", crlf)):
            for parallelism in (1, 2, 3, 4):
                with self.subTest(seed=seed, lines=name, parallelism=parallelism):
                    self.fresh()
                    rng = random.Random("%d/%s" % (seed, name))
                    path = self.big(rng, 3 << 20, line)
                    if name == "crlf":
                        with open(path, "rb") as f:
                            self.write("in", b"z" * (parallelism * 4 + 3) + b"\r\n" + f.read())
                    self.expect_same(self.copy(parallelism=parallelism), path)

    def test_a_line_longer_than_a_split(self):
        for parallelism in (1, 3):
            with self.subTest(parallelism=parallelism):
                self.fresh()
                path = self.write(
                    "in", b"first\n" + b"y" * (3 << 20) + b"\nlast\n" + b"z" * 1500000
                )
                self.expect_same(self.copy(parallelism=parallelism), path)

    def test_an_empty_folder_is_no_input_and_no_error_or_is_named(self):
        os.mkdir(self.path("in"))
        job = {
            "name": "copy",
            "pipeline": [
                {"id": "lines", "type": "file_source", "path": "in"},
                {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
            ],
        }
        result = self.weir("run", self.write("job.json", job), "--dir", self.path("d"))
        if result.code:
            self.assertRegex(result.err, r"\bin\b")
        self.assertEqual(weir.committed(self.path("out")), [])

    def generate(self, parallelism, rows, **source):
        job = {
            "name": "gen",
            "parallelism": parallelism,
            "pipeline": [
                {
                    "id": "rows",
                    "type": "generator_source",
                    "rows": rows,
                    "fields": {"n": "i", "r": "splitmix64(i, 1000000)"},
                    **source,
                },
                {"id": "out", "type": "file_sink", "path": "out", "format": "csv"},
            ],
        }
        self.ok("run", self.write("job.json", job), "--dir", self.path("d"))
        return sorted((int(n), int(r)) for n, r in weir.read_csv(self.path("out"), ["n", "r"]))

    def test_the_generator_gives_each_row_once_at_any_parallelism(self):
        for parallelism, rows in ((1, 0), (1, 1), (2, 65537), (3, 200000)):
            with self.subTest(parallelism=parallelism, rows=rows):
                self.fresh()
                found = self.generate(parallelism, rows)
                self.assertEqual(found, [(i, oracle.splitmix64(i, 1000000)) for i in range(rows)])


if __name__ == "__main__":
    unittest.main()
