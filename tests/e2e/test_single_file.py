"""file_sink with "files": "single" and with "roll": the same output as ever, in one file that only
grows or in several a checkpoint, under kill -9 (inv 17, 28, 29) and under somebody else's hands."""

import os
import random
import shutil
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

KILLS = int(os.environ.get("WEIR_KILLS") or 12)


class SingleFile(weir.Case):
    def job(self, rate=2000, **sink):
        job = weir.word_count_job("in.txt", "o/counts.csv", interval="20ms", rate=rate)
        job["pipeline"][-1].update(sink or {"files": "single"})
        return self.write("job.json", job)

    def content(self):
        try:
            with open(self.path("o", "counts.csv"), "rb") as f:
                return f.read()
        except FileNotFoundError:
            return b""

    def rows(self, content):
        lines = content.decode().split("\n")
        self.assertEqual(lines[-1], "", "the last line is torn")
        self.assertEqual(lines[0], "word,n")
        return [tuple(line.split(",")) for line in lines[1:-1]]

    def test_inv28_one_file_only_grows_by_committed_records_whatever_is_killed(self):
        rng = random.Random(weir.seed())
        weir.text(rng, self.path("in.txt"), 3 * 2000 * 8, 8)
        args = ["run", self.job(), "--dir", self.path("d")]
        seen, killed = b"", 0
        for _ in range(KILLS):
            process = self.start(*args)
            weir.some_moment(rng, 0.3, 0.02)
            alive = process.kill9()
            content = self.content()
            # A commit that was cut short may have torn the last line, and nothing else.
            self.assertTrue(content.startswith(seen), "what was committed has changed")
            seen = content
            whole = content[: content.rfind(b"\n") + 1]
            if whole:
                self.assertIsNone(oracle.broken_chain(self.rows(whole)))
            if not alive:
                break
            killed += 1
        self.assertGreater(killed, 2)
        self.ok(*args)
        self.assertTrue(self.content().startswith(seen))
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(self.rows(self.content()), right))
        # (A start that was killed before it owned anything leaves an empty folder of its name.)
        left = [f for _, _, files in os.walk(self.path("o", ".weir-pending")) for f in files]
        self.assertEqual(left, [])

    def test_stopped_and_gone_on_with_it_is_one_file_with_one_header(self):
        weir.text(random.Random(2), self.path("in.txt"), 8000, 8)
        args = ["run", self.job(rate=1000), "--dir", self.path("d")]
        process = self.start(*args)
        self.until_checkpoint(process, self.path("d"), 4)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0)
        self.rows(self.content())
        self.ok("run", self.job(rate=100000), "--dir", self.path("d"))
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(self.rows(self.content()), right))

    def stopped(self):
        weir.text(random.Random(3), self.path("in.txt"), 8000, 8)
        process = self.start("run", self.job(rate=500), "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 4)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0)
        return ["run", self.job(rate=100000), "--dir", self.path("d")]

    def test_a_file_that_somebody_wrote_to_or_cut_is_refused_and_not_touched(self):
        args = self.stopped()
        whole = self.content()
        for content, says in (
            (whole + b"mine,1\n", "somebody else wrote to it.*truncate -s %d" % len(whole)),
            (whole[:-1], "somebody cut it"),
        ):
            with open(self.path("o", "counts.csv"), "wb") as f:
                f.write(content)
            self.refused(5, ["o/counts.csv", says], *args)
            self.assertEqual(self.content(), content)
        with open(self.path("o", "counts.csv"), "wb") as f:
            f.write(whole)
        self.ok(*args)
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(self.rows(self.content()), right))

    def test_inv17_a_file_that_was_taken_away_while_nothing_ran_is_begun_anew(self):
        args = self.stopped()
        first = self.content()
        os.rename(self.path("o", "counts.csv"), self.path("taken.csv"))
        self.ok(*args)
        rows = self.rows(first) + self.rows(self.content())
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_inv12_it_is_gone_back_over_and_what_came_since_is_aside(self):
        args = self.stopped()
        whole, newest = self.content(), self.newest(self.path("d"))
        back = [*args, "--restore", str(newest - 1)]
        self.refused(5, ["counts.csv from byte", "--rewind"], *back)
        self.assertEqual(self.content(), whole)
        self.ok(*back, "--rewind")
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(self.rows(self.content()), right))
        (epoch,) = os.listdir(self.path("o", ".superseded"))
        (name,) = os.listdir(self.path("o", ".superseded", epoch))
        at = int(name.rsplit("-", 1)[1])
        with open(self.path("o", ".superseded", epoch, name), "rb") as f:
            self.assertEqual(whole[at:], f.read())
        self.assertEqual(self.content()[:at], whole[:at])

    def test_inv12_all_goes_back_to_a_savepoint_in_its_own_directory(self):
        weir.text(random.Random(6), self.path("in.txt"), 8000, 8)
        process = self.start("run", self.job(rate=500), "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 3)
        self.ok("savepoint", self.path("d"), "--name", "early")
        self.until_checkpoint(process, self.path("d"), self.newest(self.path("d")) + 6)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0)
        args = ["run", self.job(rate=100000), "--dir", self.path("d"), "--restore", "early"]
        self.refused(5, ["counts.csv from byte", "--rewind"], *args)
        self.ok(*args, "--rewind")
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(self.rows(self.content()), right))

    def test_inv12_its_end_comes_back_when_the_source_of_an_import_is_lost(self):
        weir.text(random.Random(7), self.path("in.txt"), 8000, 8)
        process = self.start("run", self.job(rate=500), "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 3)
        self.ok("savepoint", self.path("d"), "--name", "early")
        self.until_checkpoint(process, self.path("d"), self.newest(self.path("d")) + 6)
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait().code, 0)
        whole, newest = self.content(), self.newest(self.path("d"))
        os.rename(self.path("d", "savepoints", "early"), self.path("far"))
        for name in os.listdir(self.path("far", "parts")):
            self.write(os.path.join("d", "parts", name), "something else")
        args = ["run", self.job(rate=100000), "--dir", self.path("d"), "--restore"]
        self.refused(6, ["bytes, not"], *args, "./far", "--rewind")
        self.assertLess(len(self.content()), len(whole))
        shutil.rmtree(self.path("far"))
        self.refused(4, ["cannot be finished"], *args[:-1])
        self.ok(*args, str(newest))
        self.assertTrue(self.content().startswith(whole))
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(self.rows(self.content()), right))

    def test_a_file_that_is_not_this_runs_is_refused(self):
        weir.text(random.Random(4), self.path("in.txt"), 100, 8)
        self.write("o/counts.csv", "word,n\nmine,1\n")
        self.refused(5, ["mv o/counts.csv ELSEWHERE"], "run", self.job(), "--dir", self.path("d"))
        self.assertEqual(self.content(), b"word,n\nmine,1\n")

    def test_moved_as_a_whole_it_goes_on_in_its_own_file(self):
        self.stopped()
        os.makedirs(self.path("elsewhere"))
        for name in ("in.txt", "job.json", "o", "d"):
            os.rename(self.path(name), self.path("elsewhere", name))
        self.ok("run", self.path("elsewhere", "job.json"), "--dir", self.path("elsewhere", "d"))
        with open(self.path("elsewhere", "o", "counts.csv"), "rb") as f:
            rows = self.rows(f.read())
        right = oracle.word_count(self.path("elsewhere", "in.txt"))
        self.assertIsNone(oracle.wrong_updates(rows, right))

    def test_a_size_splits_the_files_of_one_checkpoint(self):
        weir.text(random.Random(5), self.path("in.txt"), 200000, 8)
        job = weir.word_count_job("in.txt", "out", interval="10s")
        job["pipeline"][-1]["roll"] = {"size": "64KiB"}
        self.ok("run", self.write("job.json", job), "--dir", self.path("d"))
        files = weir.committed(self.path("out"), "csv")
        sizes = [os.path.getsize(f) for f in files]
        self.assertGreater(len(files), 10)
        self.assertLess(len([s for s in sizes if s < 65536]), 3)  # each checkpoint's last one
        self.assertLess(max(sizes), 65536 + 40000)  # by less than a batch
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        right = oracle.word_count(self.path("in.txt"))
        self.assertIsNone(oracle.wrong_updates(rows, right))

    def test_what_makes_no_sense_is_refused(self):
        self.refused(
            2, ["'roll' splits files"], "validate", self.job(files="single", roll={"size": "1MB"})
        )
        self.refused(2, ["roll.*size|size"], "validate", self.job(roll={}))
        path = self.job(files="single", parallelism=2)
        self.refused(2, ["parallelism 1 only"], "validate", path)


if __name__ == "__main__":
    unittest.main(verbosity=2)
