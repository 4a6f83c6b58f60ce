"""The verbs at a real server: a job is submitted, watched, asked for things and killed; and what
`weir run` answers in its own directory."""

import os
import signal
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Verbs(weir.Case):
    def setUp(self):
        super().setUp()
        self.write("in.txt", "".join("the quick brown fox %d\n" % i for i in range(400)))

    def job(self, name="word-count", rate=None, **more):
        job = weir.word_count_job("in.txt", name + "-out", rate=rate, **more)
        job["name"] = name
        return self.write(name + ".json", job)

    def check(self, name="word-count"):
        rows = weir.read_csv(self.path(name + "-out"), ["word", "n"])
        self.assertIsNone(oracle.wrong_updates(rows, oracle.word_count(self.path("in.txt"))))

    def serve(self):
        p = self.start("serve", "--dir", "data")
        weir.until("a server that answers", lambda: self.ask("list").code == 0)
        return p

    def ask(self, *args):
        return self.weir(*args, "--dir", "data")

    def told(self, name="word-count"):
        return self.ask("show", name, "--json").json()

    def until_state(self, state, name="word-count"):
        weir.until("%s %s" % (name, state), lambda: self.told(name).get("state") == state)

    def until_checkpoint_above(self, id, name="word-count"):
        weir.until("a checkpoint", lambda: (self.told(name).get("checkpoint") or 0) > id)

    def done(self, words, *args):
        said = self.ask(*args)
        self.assertEqual(said.code, 0, str(said))
        self.assertRegex(said.out, words)
        return said


class AtAServer(Verbs):
    def test_a_job_is_submitted_and_asked_for_everything(self):
        server = self.serve()
        job = self.job(rate=40)
        self.done("no jobs", "list")
        self.done("submitted word-count; watch it: weir show word-count --dir data", "submit", job)
        self.until_checkpoint_above(1)
        self.done(r"word-count +RUNNING +1 ", "list")
        self.done(r"(?s)word-count  RUNNING.*count +keyed_sum", "show")
        self.done(r"checkpoint \d+ \(.*\) is complete", "checkpoint")
        self.refused(5, ["is RUNNING", "--replace"], "submit", job, "--dir", "data")
        self.refused(5, ["stop"], "remove", "word-count", "--dir", "data")
        self.refused(4, ["did you mean 'word-count'"], "show", "wordcount", "--dir", "data")
        self.done(r"STOPPED in .*, checkpoint \d+", "stop")
        self.done(r"word-count +STOPPED", "list")
        stopped = self.told()
        self.assertEqual(stopped["exit"], 0)
        self.refused(5, ["STOPPED"], "checkpoint", "word-count", "--dir", "data")
        self.done(
            r"RUNNING in .*, from checkpoint %d" % stopped["checkpoint"], "restart", "word-count"
        )
        self.done(r"RUNNING in ", "rescale", "word-count", "2")
        self.assertEqual(self.told()["parallelism"], 2)
        self.done(r"(?s)RUNNING.*RESUMED word-count", "logs")
        self.done("CANCELLED", "cancel", "word-count")
        said = self.ask("submit", job, "--replace", "--wait", "--set", "pipeline.lines.rate=4000")
        self.assertEqual(said.code, 0, str(said))
        self.assertIn("FINISHED word-count", said.err)
        self.check()
        self.done("removed", "remove", "word-count")
        self.done("no jobs", "list")
        self.assertFalse(os.path.exists(self.path("data", "jobs", "word-count")))
        self.check()
        server.signal(signal.SIGTERM)
        self.assertEqual(server.wait().code, 0, str(server.result()))
        self.refused(3, ["weir serve --dir data"], "list", "--dir", "data")

    def test_wait_sees_a_killed_process_and_the_end(self):
        self.serve()
        waiting = self.start("submit", self.job(rate=150), "--dir", "data", "--wait")
        self.until_state("RUNNING")
        self.until_checkpoint_above(1)
        os.kill(self.told()["pid"], signal.SIGKILL)
        said = waiting.wait()
        self.assertEqual(said.code, 0, str(said))
        for words in ("killed by signal 9", "RECOVERED word-count", "FINISHED word-count"):
            self.assertIn(words, said.err)
        self.check()

    def test_wait_outlives_no_server_but_the_job_does(self):
        server = self.serve()
        waiting = self.start("submit", self.job(rate=150), "--dir", "data", "--wait")
        self.until_state("RUNNING")
        self.until_checkpoint_above(1)
        server.kill9()
        said = waiting.wait()
        self.assertEqual(said.code, 3, str(said))
        self.assertIn("goes on when its server does", said.err)
        self.serve()
        self.until_state("FINISHED")
        self.check()

    def test_a_server_that_stops_in_order_is_no_end_of_the_job(self):
        server = self.serve()
        waiting = self.start("submit", self.job(rate=40), "--dir", "data", "--wait")
        self.until_checkpoint_above(1)
        server.signal(signal.SIGTERM)
        said = waiting.wait()
        self.assertEqual(said.code, 3, str(said))
        self.assertIn("goes on when its server does", said.err)
        self.assertEqual(server.wait().code, 0, str(server.result()))
        self.serve()
        self.until_state("RUNNING")

    def test_an_interrupt_ends_the_watching_and_not_the_job(self):
        self.serve()
        waiting = self.start("submit", self.job(rate=40), "--dir", "data", "--wait")
        self.until_checkpoint_above(1)
        waiting.signal(signal.SIGINT)
        said = waiting.wait()
        self.assertEqual(said.code, 0, str(said))
        self.assertIn("goes on without being watched", said.err)
        self.assertEqual(self.told()["state"], "RUNNING")

    def test_a_job_that_fails_ends_with_the_code_of_weir_run(self):
        self.serve()
        os.makedirs(self.path("word-count-out"))
        self.write("word-count-out/part-00000000-00000000000000000001-1-0-0.csv", "word,n\n")
        job = self.job()
        ran = self.weir("run", job)
        said = self.ask("submit", job, "--wait")
        self.assertEqual(said.code, ran.code, str(said))
        self.assertNotEqual(said.code, 0)
        shown = self.done("FAILED .* exit code %d" % said.code, "show").out
        self.assertIn("weir restart word-count --dir data", shown)

    def test_faults_of_a_job_file_are_the_servers_too(self):
        self.serve()
        bad = self.job()
        with open(bad) as f:
            text = f.read().replace("keyed_sum", "keyed_sun")
        self.write("word-count.json", text)
        self.assertEqual(self.ask("submit", bad).err, self.weir("validate", bad).err)
        self.done("no jobs", "list")

    def test_a_followed_log_shows_what_comes(self):
        self.serve()
        self.ask("submit", self.job(rate=40))
        self.until_checkpoint_above(1)
        with open(self.path("followed"), "wb") as to:
            args = ("logs", "word-count", "-f", "-n", "1", "--dir", "data")
            following = self.start(*args, stdout=to)

        def shows(text):
            with open(self.path("followed")) as f:
                return text in f.read()

        weir.until("the first line", lambda: shows("\n"))
        self.done("STOPPED", "stop")
        weir.until("the last line of the log", lambda: shows("STOPPED word-count"))
        self.assertTrue(following.running())


class AtARun(Verbs):
    def test_a_run_answers_in_its_own_directory(self):
        run = self.start("run", self.job(rate=40), "--dir", "here")
        socket = self.path("here", "weir.sock")
        weir.until("its socket", lambda: os.path.exists(socket))
        self.until_checkpoint(run, self.path("here"), 1)

        def ask(*args):
            return self.weir(*args, "--dir", "here")

        said = ask("checkpoint")
        self.assertEqual(said.code, 0, str(said))
        self.assertRegex(said.out, r"checkpoint \d+ .*is complete")
        self.assertRegex(ask("show").out, r"(?s)word-count  RUNNING.*count +keyed_sum")
        self.assertRegex(ask("list").out, r"word-count +RUNNING")
        self.assertEqual(ask("show", "--json").json()["pid"], run.pid)
        for verb in ("cancel", "restart", "remove"):
            self.refused(5, ["weir run"], verb, "word-count", "--dir", "here")
        said = ask("stop")
        self.assertEqual(said.code, 0, str(said))
        self.assertIn("the same `weir run` once more", said.out)
        self.assertEqual(run.wait().code, 0, str(run.result()))
        self.refused(3, ["no server answers"], "show", "--dir", "here")


if __name__ == "__main__":
    unittest.main()
