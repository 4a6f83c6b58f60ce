"""Bad input, clear errors: what a job file, a folder or a command line may have wrong.

A table: what is wrong, the exit code, and the words that have to be in the message. Errors of
single records have their own file, test_record_errors.py.
"""

import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir

SOURCE = {"id": "lines", "type": "file_source", "path": "words.txt"}
WORDS = {"id": "words", "type": "flat_map", "expr": "split(lower(line))", "as": "word"}
COUNT = {"id": "count", "type": "keyed_sum", "key": "word", "value": "1", "as": "n"}
SINK = {"id": "out", "type": "file_sink", "path": "counts", "format": "csv"}


def but(stage, **changes):
    """The stage with other options; None takes an option away."""
    made = dict(stage, **changes)
    return {k: v for k, v in made.items() if v is not None}


def job(*pipeline, **top):
    return json.dumps({"name": "t", **top, "pipeline": list(pipeline)}, indent=1)


def good(**top):
    return job(SOURCE, WORDS, COUNT, SINK, **top)


# (what, job text, patterns in the message): all exit with 2, from `validate` and from `run`.
INVALID = [
    ("empty file", "", ["job.json:1:1"]),
    ("a torn end", '{ "name": "t",', ["job.json:1:"]),
    ("a missing comma", '{\n "name": "t"\n "pipeline": [] }', ["job.json:3:2"]),
    ("text behind the end", good() + "x", ["job.json:"]),
    ("not an object", "[1, 2]", ["job.json:1:1", "object"]),
    ("invalid UTF-8", '{"name": "\udcff"}'.encode("utf-8", "surrogateescape"), ["UTF-8"]),
    ("a NUL byte", b'{"name": "a\0b"}', ["job.json:1:"]),
    (
        "duplicate JSON keys",
        '{"name": "t",\n "name": "u", "pipeline": []}',
        ["job.json:2:", "'?name'?", "twice|duplicate"],
    ),
    ("200,000-deep JSON", "[" * 200000 + "]" * 200000, ["job.json:1:", "deep|nest"]),
    ("200,000-deep JSON objects", '{"a":' * 200000, ["job.json:1:", "deep|nest"]),
    ("no name", json.dumps({"pipeline": [SOURCE, SINK]}), ["name"]),
    ("no pipeline", '{"name": "t"}', ["pipeline"]),
    ("an empty pipeline", job(), ["pipeline"]),
    ("a pipeline that is no list", '{"name": "t", "pipeline": {"id": 1}}', ["pipeline", "list"]),
    ("a stage that is no object", '{"name": "t", "pipeline": ["lines"]}', ["object"]),
    ("a wrong type", good(parallelism="two"), ["job.json:3:", "parallelism", "number"]),
    ("a number that is not whole", good(parallelism=1.5), ["parallelism"]),
    ("a number too small", good(parallelism=0), ["parallelism"]),
    ("a number too large", good(parallelism=1000000), ["parallelism"]),
    (
        "parallelism over max_parallelism",
        good(parallelism=5, max_parallelism=4),
        ["max_parallelism|at most 4"],
    ),
    ("a bad duration", good(checkpoint={"interval": "1 fortnight"}), ["interval", "fortnight"]),
    ("a bad size", good(limits={"memory": "many"}), ["memory"]),
    (
        "an unknown top-level key",
        good(paralelism=2),
        ["'paralelism'", "did you mean 'parallelism'"],
    ),
    (
        "Flink's name of a key",
        good(checkpoint={"min-pause": "1s"}),
        ["'min-pause'", "did you mean 'min_pause'"],
    ),
    (
        "an unknown stage key",
        job(but(SOURCE, pth="x"), WORDS, COUNT, SINK),
        ["'lines'", "'pth'", "did you mean 'path'"],
    ),
    (
        "an unknown stage type",
        job(but(SOURCE, type="file_sorce"), WORDS, COUNT, SINK),
        ["'file_sorce'", "did you mean 'file_source'"],
    ),
    ("no stage type", job(but(SOURCE, type=None), WORDS, COUNT, SINK), ["'lines'", "type"]),
    ("no id", job(but(SOURCE, id=None), WORDS, COUNT, SINK), ["id"]),
    ("a missing option", job(but(SOURCE, path=None), WORDS, COUNT, SINK), ["'lines'", "path"]),
    (
        "duplicate ids",
        job(SOURCE, but(WORDS, id="lines"), COUNT, SINK),
        ["'lines'", "twice|duplicate|two"],
    ),
    (
        "an unknown field",
        job(SOURCE, WORDS, but(COUNT, key="wrod"), SINK),
        ["stage 'count'", "'wrod'", "word", "did you mean 'word'"],
    ),
    (
        "a key named twice",
        job(SOURCE, WORDS, but(COUNT, key=["word", "word"]), SINK),
        ["'count'", "word"],
    ),
    (
        "a dangling input",
        job(SOURCE, but(WORDS, inputs=["nope"]), COUNT, SINK),
        ["'words'", "'nope'"],
    ),
    (
        "a misspelt input",
        job(SOURCE, but(WORDS, inputs=["line"]), COUNT, SINK),
        ["'line'", "did you mean 'lines'"],
    ),
    ("a cycle", job(SOURCE, but(WORDS, inputs=["count"]), COUNT, SINK), ["cycle|circle|loop"]),
    (
        "a stage that reads itself",
        job(SOURCE, but(WORDS, inputs=["words"]), COUNT, SINK),
        ["'words'", "cycle|circle|itself"],
    ),
    ("a first stage that needs an input", job(WORDS, COUNT, SINK), ["'words'", "input"]),
    (
        "a source with an input",
        job(SOURCE, but(SOURCE, id="more", inputs=["lines"]), SINK),
        ["'more'", "input"],
    ),
    (
        "reading a sink",
        job(SOURCE, SINK, but(WORDS, inputs=["out"]), but(SINK, id="o2", path="c2")),
        ["'out'", "sink"],
    ),
    (
        "two sinks on one path",
        job(SOURCE, SINK, but(SINK, id="again", path="./counts/", inputs=["lines"])),
        ["'again'", "'out'", "counts"],
    ),
    (
        "a union of unequal schemas",
        job(SOURCE, WORDS, {"id": "u", "type": "union", "inputs": ["lines", "words"]}, SINK),
        ["'u'", "lines", "words"],
    ),
    (
        "not one statement",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "true; select 2"}, SINK),
        ["'f'"],
    ),
    (
        "a sub-select",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "line in (select 1)"}, SINK),
        ["'f'"],
    ),
    (
        "a from clause",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "line = 'a' from t"}, SINK),
        ["'f'"],
    ),
    (
        "an unknown function",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "lenght(line) > 1"}, SINK),
        ["'f'", "lenght", "did you mean 'length'"],
    ),
    (
        "a filter that is no bool",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "length(line)"}, SINK),
        ["'f'", "bool"],
    ),
    (
        "types that do not meet",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "line > 1"}, SINK),
        ["'f'"],
    ),
    (
        "a syntax error in an expression",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "line = = 'a'"}, SINK),
        ["'f'", "job.json:"],
    ),
    (
        "an expression of 100,000 terms",
        job(
            SOURCE,
            {"id": "f", "type": "filter", "expr": "length(line) > " + "+".join(["1"] * 100000)},
            SINK,
        ),
        ["'f'", "8 ?KiB|long|8,?192"],
    ),
    (
        "an expression nested 4,000 deep",
        job(SOURCE, {"id": "f", "type": "filter", "expr": "(" * 4000 + "true" + ")" * 4000}, SINK),
        ["'f'", "deep|nest"],
    ),
    # What later versions bring is refused by its name.
    ("a later source format", job(but(SOURCE, format="jsonl"), SINK), ["'lines'", "jsonl"]),
    ("an unknown sink mode", job(SOURCE, but(SINK, files="one")), ["'out'", "rolling"]),
    (
        "an emit that is not known",
        job(SOURCE, WORDS, but(COUNT, emit={"evry": "1s"}), SINK),
        ["'count'", "did you mean 'every'"],
    ),
    (
        "an unknown on_error",
        job(SOURCE, but(WORDS, on_error="skp"), COUNT, SINK),
        ["'words'", "did you mean 'skip'"],
    ),
]

# (arguments, exit code, patterns). JOB is a good job file, DIR a folder that does not exist.
USAGE = [
    ([], 2, ["usage|run"]),
    (["rnu", "JOB"], 2, ["rnu", "run"]),
    (["run"], 2, ["job"]),
    (["run", "JOB", "--nonsense"], 2, ["--nonsense"]),
    (["run", "JOB", "--dir"], 2, ["--dir"]),
    (["run", "JOB", "--dir", "DIR", "--parallelism", "0"], 2, ["parallelism"]),
    (["run", "JOB", "--dir", "DIR", "--parallelism", "many"], 2, ["parallelism", "many"]),
    (["run", "JOB", "--dir", "DIR", "--set", "nonsense=1"], 2, ["nonsense"]),
    (["run", "nowhere.json"], (2, 4), [r"nowhere\.json"]),
    (["validate", "nowhere.json"], (2, 4), [r"nowhere\.json"]),
    (["checkpoints", "nowhere"], 4, ["nowhere"]),
    (["run", "."], 2, ["."]),
]


class Errors(weir.Case):
    def test_each_invalid_job_is_refused_with_2_and_says_what_and_where(self):
        self.write("words.txt", "a b\n")
        for what, text, patterns in INVALID:
            with self.subTest(what):
                path = self.write("job.json", text)
                self.refused(2, patterns, "validate", path, timeout=20)
                self.refused(2, patterns, "run", path, "--dir", self.path("d"), timeout=20)
                self.assertFalse(os.path.exists(self.path("counts")), "a sink path was made")
                self.assertFalse(weir.slots(self.path("d")), "a manifest was written")

    def test_the_message_shows_the_line_the_place_and_the_cure(self):
        self.write("words.txt", "a b\n")
        path = self.write(
            "job.json",
            """{ "name": "word-count",
  "pipeline": [
    {"id":"lines","type":"file_source","path":"words.txt"},
    {"id":"words","type":"flat_map","expr":"split(lower(line))","as":"word"},
    {"id":"count","type":"keyed_sum","key":"wrod"},
    {"id":"out","type":"file_sink","path":"counts","format":"csv"} ] }
""",
        )
        err = self.refused(2, [], "validate", path).err.splitlines()
        at = next((i for i, line in enumerate(err) if "wrod" in line), None)
        self.assertIsNotNone(at, err)
        self.assertRegex(err[at], r"job\.json:5:45 +error: stage 'count': unknown field 'wrod'")
        self.assertRegex(err[at + 1], r"^ *5 \| +\{\"id\":\"count\"")
        self.assertRegex(err[at + 2], r"^ *\| +\^+ it reads: word; did you mean 'word'\?")
        # The caret stands below the word.
        self.assertEqual(err[at + 1].index("wrod"), err[at + 2].index("^^^^"))

    def test_all_errors_are_reported_at_once(self):
        path = self.write(
            "job.json",
            job(
                but(SOURCE, pth=1),
                but(WORDS, exprr="x"),
                but(COUNT, type="keyed_sun"),
                paralelism=1,
            ),
        )
        self.refused(2, ["'paralelism'", "'pth'", "'exprr'", "'keyed_sun'"], "validate", path)

    def test_wrong_use_of_the_command_line(self):
        self.write("words.txt", "a b\n")
        path = self.write("job.json", good())
        for args, code, patterns in USAGE:
            with self.subTest(args=args):
                names = {"JOB": path, "DIR": self.path("d")}
                self.refused(code, patterns, *(names.get(a, a) for a in args), timeout=20)

    def test_a_source_that_is_not_there(self):
        path = self.write("job.json", good())
        self.refused((1, 2, 4), [r"words\.txt", "'lines'"], "run", path, "--dir", self.path("d"))

    def test_a_source_that_is_no_regular_file(self):
        os.mkfifo(self.path("words.txt"))
        path = self.write("job.json", good())
        self.refused(
            (1, 2, 4, 5),
            [r"words\.txt", "regular"],
            "run",
            path,
            "--dir",
            self.path("d"),
            timeout=20,
        )

    @unittest.skipIf(os.geteuid() == 0, "root may read everything")
    def test_a_source_that_may_not_be_read(self):
        os.chmod(self.write("words.txt", "a\n"), 0)
        path = self.write("job.json", good())
        self.refused((1, 2, 4), [r"words\.txt", "ermi"], "run", path, "--dir", self.path("d"))

    def test_a_directory_that_cannot_be_written(self):
        self.write("words.txt", "a b\n")
        path = self.write("job.json", good())
        for where in ("/proc/weir-data", self.path("words.txt", "d")):
            with self.subTest(where):
                self.refused((1, 2, 4, 5), [where], "run", path, "--dir", where, timeout=20)

    def test_a_sink_path_that_cannot_be_written(self):
        self.write("words.txt", "a b\n")
        path = self.write("job.json", job(SOURCE, but(SINK, path="words.txt/out")))
        self.refused((1, 2, 4, 5), ["words.txt"], "run", path, "--dir", self.path("d"), timeout=20)
        self.assertFalse(weir.slots(self.path("d")), "refused only after the fence")

    def test_a_sink_path_with_another_lineages_files(self):
        self.write("words.txt", "a b\n")
        path = self.write("job.json", good())
        self.ok("run", path, "--dir", self.path("d"))
        before = weir.committed(self.path("counts"))
        self.assertTrue(before)
        self.refused(5, ["counts", "'out'"], "run", path, "--dir", self.path("other"), timeout=20)
        self.assertEqual(weir.committed(self.path("counts")), before)
        self.assertFalse(weir.slots(self.path("other")), "refused only after the fence")

    def test_a_directory_of_another_job(self):
        self.write("words.txt", "a b\n")
        self.ok("run", self.write("job.json", good()), "--dir", self.path("d"))
        other = json.loads(good())
        other["name"] = "another"
        other["pipeline"][3]["path"] = "elsewhere"
        self.refused(
            (2, 5),
            ["another", "'t'"],
            "run",
            self.write("other.json", other),
            "--dir",
            self.path("d"),
            timeout=20,
        )

    def test_a_source_changed_since_it_was_read(self):
        weir.text(random.Random(5), self.path("words.txt"), 12000, 6)
        paced = job(but(SOURCE, rate=800), WORDS, COUNT, SINK, checkpoint={"interval": "30ms"})
        path = self.write("job.json", paced)
        args = ["run", path, "--dir", self.path("d")]
        process = self.start(*args)
        self.until_checkpoint(process, self.path("d"), 4)
        process.kill9()
        with open(self.path("words.txt"), "rb+") as f:
            f.write(b"X")
        self.refused(1, [r"words\.txt changed before byte [0-9,]+", "counted"], *args, timeout=20)
        with open(self.path("words.txt"), "rb+") as f:
            f.truncate(10)
        self.refused(1, [r"words\.txt"], *args, timeout=20)

    def test_a_file_that_only_grew_is_no_error(self):
        weir.text(random.Random(6), self.path("words.txt"), 12000, 6)
        paced = job(but(SOURCE, rate=800), WORDS, COUNT, SINK, checkpoint={"interval": "30ms"})
        path = self.write("job.json", paced)
        args = ["run", path, "--dir", self.path("d")]
        process = self.start(*args)
        self.until_checkpoint(process, self.path("d"), 4)
        process.kill9()
        with open(self.path("words.txt"), "ab") as f:
            f.write(b"more words\n")
        self.ok(*args)
        # A bounded file ends where it ended at the initial checkpoint.
        self.assertEqual(len(weir.read_csv(self.path("counts"), ["word", "n"])), 12000)


if __name__ == "__main__":
    unittest.main()
