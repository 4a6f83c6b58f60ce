"""Standard output that nobody reads, or that takes nothing: print_sink waits, or says so; nothing
else stops, nothing hangs, and no line is lost in silence."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import weir


class BlockedOutput(weir.Case):
    def pipe(self, full=False):
        """A pipe, its ends closed with the test; full: nothing can be written to it."""
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        if full:
            flags = fcntl.fcntl(writer, fcntl.F_GETFL)
            fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
            try:
                while True:
                    os.write(writer, b"full\n" * 800)
            except BlockingIOError:
                fcntl.fcntl(writer, fcntl.F_SETFL, flags)
        return reader, writer

    def numbers(self, rows, **more):
        """A job that prints 0, 1, 2, ...; rows None: without an end."""
        job = {
            "name": "numbers",
            "pipeline": [
                {"id": "rows", "type": "generator_source", "fields": {"a": "i"}},
                {"id": "show", "type": "print_sink"},
            ],
        }
        if rows:
            job["pipeline"][0]["rows"] = rows
        job.update(more)
        return self.write("job.json", job)

    def test_checkpoints_given_up_while_it_is_blocked_pile_up_nowhere(self):
        # All lines fit print_sink's buffers, so barriers reach it, and none is acknowledged.
        reader, writer = self.pipe(full=True)
        job = self.numbers(
            10000, checkpoint={"interval": "10ms", "timeout": "12ms", "tolerable_failures": 100000}
        )
        process = self.start("run", job, "--dir", self.path("d"), stdout=writer)
        weir.until(
            "many given up",
            lambda: not process.running() or process.result().err.count("failed") > 60,
        )
        self.assertTrue(process.running(), str(process.result()))
        found = weir.read_while_it_runs(process, reader)
        result = process.wait()
        self.assert_sound(result)
        self.assertEqual(result.code, 0, str(result))
        lines = [line for line in found.decode().splitlines() if line != "full"]
        self.assertEqual(lines, [str(i) for i in range(10000)])

    def fails_while_blocked(self, rate):
        """The other branch fails while print_sink's text is on its way to a full pipe."""
        reader, writer = self.pipe(full=True)
        lines = ["1"] * 5000 + ["no number"]
        self.write("in.txt", "\n".join(lines) + "\n")
        job = self.write(
            "job.json",
            {
                "name": "fails",
                "limits": {"stop": "500ms"},
                "pipeline": [
                    {"id": "lines", "type": "file_source", "path": "in.txt", "rate": 10000},
                    {"id": "n", "type": "map", "set": {"n": "cast(line as bigint)"}},
                    {"id": "drop", "type": "blackhole_sink"},
                    {
                        "id": "rows",
                        "type": "generator_source",
                        "rate": rate,
                        "fields": {"a": "i"},
                    },
                    {"id": "show", "type": "print_sink"},
                ],
            },
        )
        process = self.start("run", job, "--dir", self.path("d"), stdout=writer)
        result = process.wait(20)
        self.assert_sound(result)
        self.assertEqual(result.code, 1, str(result))
        self.assertRegex(result.err, "FAILED.*no number")
        self.assertNotIn("ABANDONED", result.err)

    def test_a_job_that_fails_ends_though_nobody_reads(self):
        self.fails_while_blocked(10000000)  # both buffers are out, and a batch waits

    def test_so_does_one_whose_second_buffer_would_follow_the_first(self):
        self.fails_while_blocked(1000)

    def test_the_pipe_it_shares_with_others_stays_as_it_was(self):
        # Non-blocking would be so for standard error too, and for what runs after weir.
        reader, writer = self.pipe()
        process = self.start(
            "run", self.numbers(None, limits={"stop": "1s"}), "--dir", self.path("d"), stdout=writer
        )
        self.until_checkpoint(process, self.path("d"), 1)
        os.read(reader, 1)
        self.assertTrue(os.get_blocking(writer))
        process.signal(weir.SIGTERM)
        result = process.wait()
        self.assert_sound(result)
        self.assertEqual(result.code, 0, str(result))
        self.assertTrue(os.get_blocking(writer))

    def test_long_lines_of_several_subtasks_are_not_torn(self):
        # Each is longer than print_sink's buffer, so it comes in several letters.
        lines = sorted(chr(97 + k % 26) * (70000 + 400 * k) for k in range(60))
        self.write("in.txt", "\n".join(lines) + "\n")
        job = self.write(
            "job.json",
            {
                "name": "long",
                "parallelism": 3,
                "pipeline": [
                    {"id": "lines", "type": "file_source", "path": "in.txt"},
                    {"id": "show", "type": "print_sink"},
                ],
            },
        )
        result = self.ok("run", job, "--dir", self.path("d"))
        self.assertEqual(sorted(result.out.splitlines()), lines)
        reader, writer = self.pipe()
        process = self.start("run", job, "--dir", self.path("d2"), stdout=writer)
        found = weir.read_while_it_runs(process, reader)
        self.assertEqual(process.wait().code, 0, str(process.result()))
        self.assertEqual(sorted(found.decode().splitlines()), lines)

    def test_a_full_disk_behind_it_is_an_error_not_a_loss(self):
        with open("/dev/full", "w") as full:
            job = self.numbers(1000, restart={"initial": "10ms", "max": "20ms"})
            result = self.start("run", job, "--dir", self.path("d"), stdout=full).wait()
        self.assert_sound(result)
        self.assertEqual(result.code, 1, str(result))
        self.assertRegex(result.err, "(?i)standard output.*no space left")
        # With space again nothing is missing.
        again = self.ok("run", job, "--dir", self.path("d"))
        self.assertEqual(again.out.splitlines(), [str(i) for i in range(1000)])

    def test_closed_descriptors_are_not_given_to_files(self):
        job = self.numbers(300, checkpoint={"interval": "10ms"})
        with open(job) as f:
            text = json.load(f)
        text["pipeline"].append(
            {"id": "out", "type": "file_sink", "path": "out", "format": "csv", "inputs": ["rows"]}
        )
        self.write("job.json", text)
        for closed, code in (("2>&-", 0), (">&-", 1), (">&- 2>&- <&-", 1)):
            shutil.rmtree(self.path("out"), ignore_errors=True)
            folder = self.path("d" + str(len(closed)))
            command = 'exec "$0" run job.json --dir "$1" ' + closed
            args = ["/bin/sh", "-c", command, weir.BINARY, folder]
            done = subprocess.run(args, cwd=self.dir, capture_output=True, timeout=weir.TIMEOUT)
            self.assertEqual(done.returncode, code, "%s: %s" % (closed, done))
            with open(os.path.join(folder, "owner.lock"), "rb") as f:
                self.assertRegex(f.read(), rb"^[0-9]+ *\n$")
            if code == 0:
                rows = weir.read_csv(self.path("out"), ["a"])
                self.assertEqual(sorted(int(row[0]) for row in rows), list(range(300)))
                self.assertEqual(done.stdout.decode().split(), [str(i) for i in range(300)])
            self.ok("checkpoints", folder)

    def test_a_reader_that_went_away_ends_the_job_at_once(self):
        reader, writer = os.pipe()
        os.close(reader)
        process = self.start(
            "run", self.numbers(1000), "--dir", self.path("d"), stdout=writer
        )
        os.close(writer)
        result = process.wait()
        self.assert_sound(result)
        self.assertEqual(result.code, 1, str(result))
        self.assertRegex(result.err, "(?i)standard output.*broken pipe")


if __name__ == "__main__":
    unittest.main(verbosity=2)
