"""What a submitted job may touch: with folders allowed, nothing else, however its paths are written
and whatever is swapped in while it runs; secrets by reference are seen by its programs and stand
nowhere; Landlock holds its programs too."""

import hashlib
import os
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import lacking
import serve
import tcp
import weir

SECRET = "correct-horse-battery-staple"


class Allow(weir.Case):
    def setUp(self):
        super().setUp()
        for folder in ("in", "out", "bin", "vault", "away"):
            os.mkdir(self.path(folder))
        self.write("in/a.txt", "one two two\n" * 50)
        self.write("away/b.txt", "stolen goods\n" * 50)

    def server(self, *more):
        s = serve.Server(
            self,
            "data",
            "--allow-read", self.path("in"),
            "--allow-write", self.path("out"),
            *more,
        )
        s.start()
        self.addCleanup(lambda: s.process.kill9())
        return s

    def job(self, source="in/a.txt", sink="out/o", name="j", rate=None, **checkpoint):
        job = weir.word_count_job(source, sink, interval="30ms", rate=rate)
        job["name"] = name
        job["checkpoint"].update(checkpoint)
        return job

    def fault(self, server, job):
        """What a submission is refused with, as text."""
        with self.assertRaises(serve.Refused) as said:
            server.submit(job)
        self.assertEqual(said.exception.status, 422, str(said.exception))
        return said.exception.answer.json()["text"]

    def everything(self):
        """Each file below the case's folder, but for the vault."""
        for folder, _, files in os.walk(self.dir):
            for file in files:
                path = os.path.join(folder, file)
                if os.path.isfile(path) and not path.startswith(self.path("vault")):
                    with open(path, "rb") as f:
                        yield path, f.read()

    def ends(self, server, name, state):
        server.until_state(name, state)
        return server.job(name)


class Files(Allow):
    def test_what_is_allowed_runs_and_what_is_not_is_refused_with_the_flag(self):
        s = self.server()
        s.submit(self.job(name="fine"))
        self.ends(s, "fine", "FINISHED")
        self.assertTrue(weir.committed(self.path("out/o")))
        bad = self.path("away/b.txt")
        spellings = [
            bad,
            "in/../away/b.txt",
            self.path("in") + "//./../away/b.txt",
            self.path("in") + "/../../../../../../../../etc/passwd",
            "/proc/self/root" + bad,
            "/proc/self/cwd/x",
            "/dev/zero",
            "/etc/*",
            self.path("in") + "x/a.txt",
            self.path("in*/a.txt"),
        ]
        for path in spellings:
            said = self.fault(s, self.job(path))
            self.assertIn("stage 'lines': 'path': jobs of this server may not read that", said)
            self.assertIn("--allow-read", said)
        for path in ("away/o", "in/o", "out/../away/o", "/tmp/weir-nobody-made-this"):
            said = self.fault(s, self.job(sink=path))
            self.assertIn("'path': jobs of this server may not write that", said)
            self.assertIn("--allow-write", said)
        for key in ("on_complete", "on_abort", "on_restore"):
            said = self.fault(s, self.job(**{key: ["/bin/sh", "-c", "id"]}))
            self.assertIn("'%s': jobs of this server may not run programs of that" % key, said)
        said = self.fault(s, dict(self.job(), parallelism="${HOME}"))
        self.assertIn("'HOME' is not set", said)
        self.assertEqual(sorted(s.jobs()), ["fine"])
        s.stop()

    def test_behind_an_open_door_nothing_is_allowed_unless_it_is_said(self):
        token = tcp.token_file(self)
        s = serve.Server(self, "data", "--http", "127.0.0.1:0", "--token-file", token)
        s.start()
        said = self.fault(s, self.job())
        self.assertIn("start it with weir serve --allow-read DIR", said)
        self.assertIn("start it with weir serve --allow-write DIR", said)
        rows = {"id": "rows", "type": "generator_source", "rows": 1000, "fields": {"n": "i"}}
        sink = {"id": "out", "type": "blackhole_sink"}
        s.submit({"name": "own", "pipeline": [rows, sink]})
        self.ends(s, "own", "FINISHED")
        # A directory it would go on from is a file like others; its own savepoints are its own.
        os.mkdir(self.path("away/state"))
        s.submit({"name": "other", "pipeline": [rows, sink]}, restore=self.path("away/state"))
        self.assertIn("--allow-read DIR", self.ends(s, "other", "FAILED")["error"])
        s.stop()

    def test_the_block_of_the_configuration_says_the_same(self):
        config = self.write("weir.json", {"allow": {"read": [self.path("in")]}})
        s = serve.Server(self, "data", "--config", config)
        s.start()
        self.fault(s, self.job())  # a sink, and nothing may be written
        job = self.job()
        job["pipeline"][-1] = {"id": "out", "type": "blackhole_sink"}
        s.submit(job)
        self.ends(s, "j", "FINISHED")
        s.stop()

    def test_links_that_lead_out_are_followed_by_no_process(self):
        s = self.server()
        os.symlink("../away/b.txt", self.path("in/link"))
        os.symlink(self.path("away"), self.path("in/folder"))
        os.symlink("/proc/self/root", self.path("in/magic"))
        os.symlink("a.txt", self.path("in/near"))
        os.symlink("../away", self.path("out/hole"))
        os.mkfifo(self.path("in/pipe"))
        paths = ["in/link", "in/folder/b.txt", "in/magic" + self.path("away/b.txt"), "in/pipe"]
        for i, path in enumerate(paths):
            s.submit(self.job(path, "out/x%d" % i, name="r%d" % i))
        s.submit(self.job(sink="out/hole", name="w0"))
        s.submit(self.job(sink="out/hole/deep", name="w1"))
        s.submit(self.job("in/near", "out/near", name="near"))
        for name in ["r0", "r1", "r2", "w0", "w1"]:
            self.assertIn("by a symbolic link", self.ends(s, name, "FAILED")["error"])
        self.assertIn("regular file", self.ends(s, "r3", "FAILED")["error"])
        self.ends(s, "near", "FINISHED")
        self.assertEqual(os.listdir(self.path("away")), ["b.txt"])
        s.stop()

    def test_links_swapped_in_while_jobs_run_gain_nothing(self):
        # The folder that is read, and the one that is written, trade places with links out of the
        # roots, about a thousand times, under jobs that come and go.
        s = self.server()
        os.mkdir(self.path("in/d"))
        self.write("in/d/b.txt", "one two two\n" * 50)
        os.symlink("../away", self.path("in/swap"))
        os.mkdir(self.path("out/d"))
        os.symlink("../away", self.path("out/swap"))
        over = threading.Event()
        swaps = [0]

        def attack():
            while not over.is_set() or swaps[0] % 2:
                for folder in ("in", "out"):
                    d, link, third = (self.path(folder, n) for n in ("d", "swap", "third"))
                    os.rename(d, third)
                    os.rename(link, d)
                    os.rename(third, link)
                swaps[0] += 1

        attacker = threading.Thread(target=attack)
        attacker.start()
        try:
            for i in range(12):
                name = "j%d" % i
                s.submit(self.job("in/d/b.txt", "out/d/%d" % i, name=name))
                s.until_state(name, "FINISHED", "FAILED", "WAITING")
        finally:
            over.set()
            attacker.join()
        self.assertGreater(swaps[0], 200)
        self.assertEqual(os.listdir(self.path("away")), ["b.txt"])
        s.process.kill9()
        for path, data in self.everything():
            if not path.startswith(self.path("away")):
                self.assertNotIn(b"stolen", data, path)

    def test_a_server_says_at_once_what_cannot_be_allowed(self):
        serve_d = ("serve", "--dir", "d")
        self.refused(4, ["allow.read.*/none"], *serve_d, "--allow-read", "none")
        self.refused(2, ["allow.write.*no folder"], *serve_d, "--allow-write", "in/a.txt")
        self.refused(2, ["--allow-env.*no name"], *serve_d, "--allow-env", "A=B")
        config = self.write("weir.json", {"allow": {"read": ["in"], "raed": []}})
        said = self.weir("serve", "--dir", "d", "--config", config)
        self.assertEqual(said.code, 2)
        self.assertIn("relative path", said.err)
        self.assertIn("did you mean 'read'", said.err)


class Secrets(Allow):
    def tells(self):
        told = self.path("out/told")
        script = '#!/bin/sh\nprintf %%s "$TOKEN" | sha256sum > %s\n' % told
        path = self.write("bin/tells.sh", script)
        os.chmod(path, 0o755)
        return path

    def vault(self, mode=0o600):
        path = self.write("vault/token", SECRET + "\n")
        os.chmod(path, mode)
        return "file:" + path

    def test_a_secret_reaches_the_jobs_program_and_stands_nowhere(self):
        os.environ["WEIR_TEST_SECRET"] = SECRET
        self.addCleanup(os.environ.pop, "WEIR_TEST_SECRET")
        s = self.server(
            "--allow-run", self.path("bin"),
            "--allow-secrets", self.path("vault"),
            "--allow-env", "WEIR_TEST_SECRET",
        )
        tells = self.tells()
        want = hashlib.sha256(SECRET.encode()).hexdigest()
        answers = []
        for name, reference in (("e", "env:WEIR_TEST_SECRET"), ("f", self.vault())):
            if os.path.exists(self.path("out/told")):
                os.unlink(self.path("out/told"))
            job = self.job(name=name, sink="out/" + name, on_complete=tells)
            job["secrets"] = {"TOKEN": reference}
            s.submit(job)
            self.ends(s, name, "FINISHED")
            with open(self.path("out/told")) as f:
                self.assertEqual(f.read().split()[0], want)
            for path in ("", "/log", "/checkpoints", "/plan", "/config"):
                answers.append(s.call("GET", "/v1/jobs/%s%s" % (name, path)).body)
        answers.append(s.call("GET", "/v1/jobs").body)
        s.stop()
        for answer in answers:
            self.assertNotIn(SECRET.encode(), answer)
        for path, data in self.everything():
            self.assertNotIn(SECRET.encode(), data, path)

    def test_a_literal_is_refused_and_not_repeated(self):
        s = self.server()
        job = self.job()
        for bad in (SECRET, "env:", "file:", {"x": SECRET}, 7, "env:not a name " + SECRET):
            job["secrets"] = {"TOKEN": bad}
            said = self.fault(s, job)
            self.assertIn("'TOKEN' is no reference to a secret", said)
            self.assertIn("env:NAME", said)
            self.assertNotIn(SECRET, said)
        job["secrets"] = SECRET
        self.assertNotIn(SECRET, self.fault(s, job))
        path = self.write("job.json", job)
        for verb in ("validate", "run"):
            said = self.weir(verb, path)
            self.assertEqual(said.code, 2)
            self.assertNotIn(SECRET, said.out + said.err)
        s.stop()

    def test_a_secret_that_may_not_be_had_is_named_and_not_told(self):
        s = self.server("--allow-run", self.path("bin"), "--allow-secrets", self.path("vault"))
        job = self.job(on_complete=self.tells())
        job["secrets"] = {"TOKEN": "env:HOME"}
        self.assertIn("may not ask for 'HOME'", self.fault(s, job))
        job["secrets"] = {"TOKEN": "file:" + self.path("away/b.txt")}
        self.assertIn("may not take secrets from", self.fault(s, job))
        job["secrets"] = {"TOKEN": self.vault(0o644)}
        s.submit(job)
        error = self.ends(s, "j", "FAILED")["error"]
        self.assertIn("secret 'TOKEN'", error)
        self.assertIn("chmod 600", error)
        self.fault(s, self.job(self.path("vault/token"), name="l"))  # no secret is a source
        s.stop()

    def test_weir_run_gives_them_too(self):
        job = self.job(on_complete=self.tells())
        job["secrets"] = {"TOKEN": self.vault()}
        path = self.write("job.json", job)
        self.ok("run", path, "--dir", self.path("d"))
        self.assertTrue(os.path.exists(self.path("out/told")))
        for path, data in self.everything():
            self.assertNotIn(SECRET.encode(), data, path)


class Landlock(Allow):
    def script(self):
        path = self.write("bin/escape.sh", """#!/bin/sh
            echo gone > %s/away/new
            cp %s/away/b.txt %s/out/copy
            echo here > %s/out/here
        """.replace("%s", self.dir))
        os.chmod(path, 0o755)
        return path

    def run_it(self, *more):
        """The server's log, once a program of the job's has tried to touch what it may not."""
        s = self.server("--allow-run", self.path("bin"), *more)
        s.submit(self.job(on_complete=self.script()))
        self.ends(s, "j", "FINISHED")
        s.stop()
        self.assertTrue(os.path.exists(self.path("out/here")))
        return s.process.result().err

    def test_the_kernel_holds_a_jobs_programs_to_it_too(self):
        log = self.run_it()
        if "no Landlock" in log:
            self.skipTest("this kernel has no Landlock")
        self.assertIn("Landlock holds them", log)
        self.assertEqual(os.listdir(self.path("away")), ["b.txt"])
        self.assertFalse(os.path.exists(self.path("out/copy")))

    def test_the_server_still_kills_its_jobs_and_their_programs_nobody_else(self):
        path = self.write("bin/kills.sh", "#!/bin/sh\nkill -0 %d && echo could > %s\n"
                          "echo tried > %s\n" % (os.getpid(), self.path("out/could"),
                                                 self.path("out/tried")))
        os.chmod(path, 0o755)
        s = self.server("--allow-run", self.path("bin"))
        s.submit(self.job(rate=50, on_complete=path))
        s.until_state("j", "RUNNING")
        weir.until("its program", lambda: os.path.exists(self.path("out/tried")))
        pid = s.pid("j")
        s.act("j", "kill")
        weir.until("its next process", lambda: s.pid("j") not in (pid, None))
        s.act("j", "cancel")
        s.stop()
        if "Landlock holds them" in s.process.result().err and release() >= (6, 12):
            self.assertFalse(os.path.exists(self.path("out/could")))

    def test_it_can_be_switched_off(self):
        self.assertIn("Landlock is off", self.run_it("--no-landlock"))
        self.assertIn("new", os.listdir(self.path("away")))


def release():
    """Of the kernel: (6, 12)."""
    return tuple(int(n) for n in os.uname().release.split(".")[:2])


class OldKernel(Allow):
    def under(self, number, *args):
        command = [sys.executable, lacking.__file__, str(number), weir.BINARY, *args]
        done = subprocess.run(command, cwd=self.dir, capture_output=True, text=True,
                              timeout=weir.TIMEOUT)
        if done.returncode == 77:
            self.skipTest("no filter for system calls can be set here")
        return weir.Result(command, done.returncode, done.stdout, done.stderr)

    def test_without_openat2_a_confined_server_does_not_begin_and_says_what_can_be_done(self):
        door = ("--http", "0", "--token-file", tcp.token_file(self))
        for options in (("--allow-read", self.path("in")), door):
            said = self.under(lacking.OPENAT2, "serve", "--dir", "d", *options)
            self.assertEqual(said.code, 5, str(said))
            self.assertRegex(said.err, "openat2 is of Linux 5.6.*without --http and --allow-")

    def test_without_openat2_a_run_goes_on_as_ever(self):
        job = self.write("job.json", self.job())
        said = self.under(lacking.OPENAT2, "run", job, "--dir", self.path("d"))
        self.assertEqual(said.code, 0, str(said))
        self.assertTrue(os.listdir(self.path("out/o")))


if __name__ == "__main__":
    unittest.main()
