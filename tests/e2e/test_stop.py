"""Stopping in order: a signal takes a checkpoint, a second one ends at once (inv 37)."""

import os
import random
import select
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import serve
import weir


def is_full(pipe):
    """The writing end of a pipe takes nothing more now; its pages need not be full for that."""
    return not select.select([], [pipe], [], 0)[1]


class Stop(weir.Case):
    def paced(self, **more):
        weir.text(random.Random(1), self.path("in.txt"), 12000, 6)
        return self.write("job.json", weir.word_count_job("in.txt", "out", rate=800, **more))

    def stop_by(self, number, parallelism):
        job = self.paced(parallelism=parallelism, interval="40ms")
        folder = self.path("d")
        process = self.start("run", job, "--dir", folder)
        self.until_checkpoint(process, folder, 3)
        process.signal(number)
        result = process.wait(20)
        self.assert_sound(result)
        self.assertEqual(result.code, 0, str(result))
        self.assertEqual(weir.manifests(folder)[-1].get("kind"), "stop")
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.broken_chain(rows))
        self.assertLess(len(rows), 12000, "the test's input was too short")
        self.ok("run", job, "--dir", folder)
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def test_sigterm_takes_a_checkpoint_and_the_next_run_goes_on(self):
        self.stop_by(weir.SIGTERM, 2)

    def test_sigint_does_the_same(self):
        self.stop_by(weir.SIGINT, 1)

    def test_what_was_counted_before_the_stop_is_committed_by_it(self):
        # One interval is longer than the run: only the stop's checkpoint can commit.
        job = self.paced(interval="1h")
        process = self.start("run", job, "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 1)
        weir.until("records", lambda: serve.records_out(self.path("d"), "word-count", "count") > 60)
        self.assertEqual(weir.committed(self.path("out")), [])
        process.signal(weir.SIGTERM)
        self.assertEqual(process.wait(20).code, 0, str(process.result()))
        self.assertGreater(len(weir.read_csv(self.path("out"), ["word", "n"])), 50)

    def test_a_second_sigint_stops_at_once(self):
        # A print sink into a pipe nobody reads: the first signal's checkpoint has to wait for it.
        weir.text(random.Random(2), self.path("in.txt"), 200000, 10)
        # (limits.stop would end that wait too, but not within this test.)
        job = weir.word_count_job("in.txt", "out", interval="50ms", limits={"stop": "1h"})
        job["pipeline"].append({"id": "show", "type": "print_sink", "inputs": ["count"]})
        path = self.write("job.json", job)
        reader, writer = os.pipe()
        process = self.start("run", path, "--dir", self.path("d"), stdout=writer)
        try:
            weir.until("a full pipe", lambda: not process.running() or is_full(writer))
            self.assertTrue(process.running(), str(process.result()))
            process.signal(weir.SIGINT)
            weir.until("the stop", lambda: "then stopping" in process.result().err)
            self.assertTrue(process.running(), "the blocked pipe did not hold the stop up")
            # One that comes at once is taken for the same key: as a person, again and again.
            again = lambda: process.signal(weir.SIGINT) or not process.running()
            weir.until("its end", again)
            result = process.wait()
        finally:
            os.close(reader)
            os.close(writer)
        # As after a kill: nothing is lost.
        self.ok("run", path, "--dir", self.path("d"))
        rows = weir.read_csv(self.path("out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))


if __name__ == "__main__":
    unittest.main()
