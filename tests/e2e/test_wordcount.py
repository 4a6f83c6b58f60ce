"""Word count to its end, over real text: the right counts, and nothing left to do."""

import collections
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir

TEXTS = "/usr/share/common-licenses"


def texts():
    return sorted(e.path for e in os.scandir(TEXTS) if e.is_file(follow_symlinks=False))


class WordCount(weir.Case):
    def run_job(self, parallelism, **more):
        job = self.write(
            "job.json", weir.word_count_job("in", "out", parallelism=parallelism, **more)
        )
        os.makedirs(self.path("in"), exist_ok=True)
        for path in texts():
            os.symlink(path, self.path("in", os.path.basename(path)))
        return job, self.ok("run", job, "--dir", self.path("d"))

    def test_each_word_is_counted_once_at_any_parallelism(self):
        for parallelism in (1, 2, 3, 4):
            with self.subTest(parallelism=parallelism):
                self.fresh()
                self.run_job(parallelism)
                rows = weir.read_csv(self.path("out"), ["word", "n"])
                self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(*texts())))

    def test_emit_end_gives_each_key_once(self):
        self.run_job(2, emit="end")
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        found = collections.Counter({word: int(n) for word, n in rows})
        self.assertEqual(len(rows), len(found), "a key came twice")
        self.assertEqual(found, oracle.word_count(*texts()))

    def test_inv20_a_finished_job_run_again_says_so_and_changes_nothing(self):
        job, _ = self.run_job(2)
        watch = weir.Watch(self.path("out"))
        watch.look()
        slots, files = weir.slots(self.path("d")), weir.committed(self.path("out"))
        again = self.ok("run", job, "--dir", self.path("d"), timeout=20)
        self.assertRegex(again.err, "(?i)finished")
        watch.look()
        self.assertEqual(weir.committed(self.path("out")), files)
        self.assertEqual(weir.slots(self.path("d")), slots, "it published something")

    def test_nothing_but_print_sink_writes_to_standard_output(self):
        _, result = self.run_job(1)
        self.assertEqual(result.out, "")


if __name__ == "__main__":
    unittest.main()
