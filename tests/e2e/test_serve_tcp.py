"""`weir serve --http`: what it needs to begin, whom it lets in, with and without TLS; and what
comes with every answer."""

import gzip
import json
import os
import ssl
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import tcp
import weir


class Refusals(weir.Case):
    def serve(self, code, patterns, *args):
        self.refused(code, patterns, "serve", "--dir", "data", *args)
        self.assertFalse(os.path.exists(self.path("data")), "something was begun")

    def test_what_is_missing_is_named_with_the_way_to_get_it(self):
        token = tcp.token_file(self)
        self.serve(2, ["--http needs --token-file", "umask 077"], "--http", "0")
        for address in ("0.0.0.0:0", "[::]:0", "10.1.2.3:8080"):
            words = ["from other machines", "--tls-cert FILE", "--token-file FILE", "ssh -L"]
            self.serve(2, words, "--http", address)
            self.serve(2, words, "--http", address, "--token-file", token)
        cert, key = tcp.certificate(self)
        pair = ["--tls-cert", cert, "--tls-key", key]
        self.serve(2, ["--token-file FILE"], "--http", "[::]:0", *pair)
        for option in ("--token-file", "--tls-cert", "--tls-key", "--allow-host"):
            self.serve(2, [option + " is for --http"], option, "x")
        both = ["--http", "0", "--token-file", token]
        self.serve(2, ["belong together"], *both, "--tls-cert", cert)
        self.serve(2, ["belong together"], *both, "--tls-key", key)
        self.serve(2, ["PORT"], "--http", "example.org:80", "--token-file", token)

    def test_a_token_that_others_may_know_is_none(self):
        for mode in (0o640, 0o604, 0o620, 0o666):
            token = tcp.token_file(self, mode=mode)
            cure = "mode %04o.*chmod 600 %s" % (mode, token)
            self.serve(2, [cure], "--http", "0", "--token-file", token)
        for odd in ("short", "x" * 513, "0123456789 abcdef", "0123456789\u00fcabcdef", ""):
            token = tcp.token_file(self, token=odd)
            self.serve(2, ["token file"], "--http", "0", "--token-file", token)
        self.serve(4, ["no-such"], "--http", "0", "--token-file", "no-such")
        os.mkfifo(self.path("pipe"), 0o600)
        self.serve(2, ["no regular file"], "--http", "0", "--token-file", "pipe")

    def test_a_key_that_others_may_read_and_a_pair_that_is_none_are_refused(self):
        token, (cert, key) = tcp.token_file(self), tcp.certificate(self)
        args = ["--http", "0", "--token-file", token, "--tls-cert", cert, "--tls-key"]
        os.chmod(key, 0o640)
        self.serve(2, ["TLS key", "chmod 600"], *args, key)
        said = self.weir("serve", "--dir", "other", *args, token)
        self.assertEqual(said.code, 2, str(said))
        self.assertRegex(said.err, "TLS cannot begin")

    def test_a_port_that_is_taken_is_named(self):
        one = serve.Server(self, "one", *tcp.options(self))
        one.start()
        port = tcp.Door(one).port
        words = tcp.options(self, address=str(port))
        self.refused(5, ["another process listens", str(port)], "serve", "--dir", "two", *words)
        one.stop()


class Open(served.Case):
    TLS = False

    def setUp(self):
        super().setUp()
        self.serve(*tcp.options(self, self.TLS), "--allow-host", "weir.example.org")
        self.door = tcp.Door(self.server, tcp.certificate(self)[0] if self.TLS else None)

    def test_the_token_opens_what_the_socket_shows_and_nothing_else_does(self):
        self.assertEqual(self.door.ask("GET", "/v1").json()["pid"], self.server.process.pid)
        for token in (None, "a-wrong-token-of-some-length"):
            answer = self.door.ask("GET", "/v1", token=token)
            self.assertEqual((answer.status, answer.json()["code"]), (401, "E_REFUSED"))
            self.assertEqual(answer.headers["WWW-Authenticate"], "Bearer")
        self.assertEqual(self.door.ask("GET", "/v1?token=" + tcp.TOKEN, token=None).status, 401)

    def test_a_job_is_submitted_watched_and_stopped(self):
        body = json.dumps(served.ticking())
        kind = {"Content_Type": "application/json"}
        answer = self.door.ask("POST", "/v1/jobs", body, **kind)
        self.assertEqual(answer.status, 201, str(answer))
        self.server.until_state("tick", "RUNNING")
        self.assertEqual(self.door.ask("GET", "/v1/jobs/tick").json()["name"], "tick")
        events = self.door.ask("POST", "/v1/jobs/tick/stop", Accept="text/event-stream")
        self.assertRegex(events.body.decode(), '(?s)event: job.*event: action\ndata: .*"done"')
        answer = self.door.ask("DELETE", "/v1/jobs/tick")
        self.assertEqual(answer.status, 202, str(answer))
        answer = self.door.ask("POST", "/v1/jobs", body, Content_Type="text/plain")
        self.assertEqual(answer.status, 415, str(answer))

    def test_the_page_comes_compressed_once_and_every_answer_is_fenced_in(self):
        plain = self.door.ask("GET", "/", token=None)
        self.assertEqual(plain.status, 200, str(plain))
        self.assertTrue(plain.headers["Content-Type"].startswith("text/html"))
        packed = self.door.ask("GET", "/", token=None, Accept_Encoding="br, gzip")
        self.assertEqual(packed.headers["Content-Encoding"], "gzip")
        self.assertEqual(gzip.decompress(packed.body), plain.body)
        etag = packed.headers["ETag"]
        known = self.door.ask("GET", "/", token=None, If_None_Match=etag)
        self.assertEqual((known.status, known.body), (304, b""))
        self.assertEqual(known.headers["ETag"], etag)
        api, no = self.door.ask("GET", "/v1"), self.door.ask("GET", "/v1", token=None)
        for answer in (plain, packed, known, api, no, self.door.ask("GET", "/ui/no.js")):
            policy = answer.headers["Content-Security-Policy"]
            self.assertTrue(policy.startswith("default-src 'self';"), policy)
            self.assertIn("frame-ancestors 'none'", policy)
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertEqual(answer.headers["Referrer-Policy"], "no-referrer")
            for name in answer.headers:
                self.assertFalse(name.lower().startswith("access-control"), name)
        self.assertEqual(plain.headers["Cache-Control"], "no-cache")
        for answer in (api, no):
            self.assertEqual(answer.headers["Cache-Control"], "no-store")

    def test_hosts_and_origins(self):
        own = "%s://127.0.0.1:%d" % ("https" if self.TLS else "http", self.door.port)
        for host, status in (
            ("localhost:1", 200),
            ("weir.example.org", 200),
            ("evil.example", 403),
            ("", 403),
        ):
            self.assertEqual(self.door.ask("GET", "/", Host=host).status, status, host)
        for origin, status in ((own, 404), ("http://evil.example", 403), ("null", 403)):
            answer = self.door.ask("POST", "/v1/jobs/no/stop", Origin=origin)
            self.assertEqual(answer.status, status, str(answer))


    # ---- weir's own verbs ----

    def verb(self, *args, token="token"):
        words = [*args, "--server", self.door.url]
        if token:
            words += ["--token-file", token]
        if self.TLS:
            words += ["--tls-ca", self.door.cert]
        return self.weir(*words)

    def test_the_verbs_ask_over_the_port_as_over_the_socket(self):
        self.write("job.json", json.dumps(served.ticking()))
        said = self.verb("submit", "job.json")
        self.assertEqual(said.code, 0, str(said))
        self.server.until_state("tick", "RUNNING")
        self.assertIn("RUNNING", self.verb("list").out)
        self.assertEqual(self.verb("show", "tick", "--json").json()["name"], "tick")
        self.assertEqual(self.verb("checkpoint", "tick").code, 0)
        self.assertEqual(self.verb("stop", "tick").code, 0)
        os.environ["WEIR_TOKEN_FILE"] = "token"
        self.addCleanup(os.environ.pop, "WEIR_TOKEN_FILE")
        self.assertIn("STOPPED", self.verb("list", token=None).out)

    def test_a_token_that_is_missing_wrong_or_open_to_others_is_said(self):
        def denied(code, words, token):
            said = self.verb("list", token=token)
            self.assertEqual(said.code, code, str(said))
            self.assertRegex(said.err, words)
            self.assertNotIn(tcp.TOKEN, said.err)

        denied(5, "a token is needed.*--token-file", None)
        other = tcp.token_file(self, "other", "another-token-altogether")
        denied(5, "this is not the token", other)
        denied(2, "chmod 600", tcp.token_file(self, "wide", mode=0o644))
        denied(4, "no-such", "no-such")


class Plain(Open):
    def test_the_token_is_not_sent_for_others_to_read(self):
        tcp.token_file(self)
        words = ["list", "--token-file", "token", "--server"]
        self.refused(2, ["everybody on the way", "https://10.1.2.3:1"], *words, "http://10.1.2.3:1")
        self.refused(2, ["everybody on the way"], *words, "http://localhost.evil.example:1")
        self.refused(2, ["--token-file is for --server"], "list", "--token-file", "token")

    def test_who_speaks_tls_to_it_is_told(self):
        url = self.door.url.replace("http:", "https:")
        self.refused(3, ["speaks no TLS"], "list", "--server", url)


class Secure(Open):
    TLS = True

    def test_a_certificate_that_is_not_believed_is_said_with_the_cure(self):
        said = self.weir("list", "--server", self.door.url, "--token-file", "token")
        self.assertEqual(said.code, 3, str(said))
        self.assertRegex(said.err, "is not believed .*--tls-ca FILE")
        said = self.weir("list", "--server", self.door.url, "--tls-ca", "token")
        self.assertEqual(said.code, 3, str(said))
        self.assertRegex(said.err, "--tls-ca token")
        url = self.door.url.replace("https:", "http:")
        self.refused(3, ["ended the connection"], "list", "--server", url)

    def test_what_is_older_than_tls_1_2_is_refused(self):
        with self.door.secure(newest=ssl.TLSVersion.TLSv1_2) as s:
            self.assertEqual(s.version(), "TLSv1.2")
        with self.assertRaises(OSError):
            self.door.secure(newest=ssl.TLSVersion.TLSv1_1).close()
        self.assertEqual(self.door.ask("GET", "/v1").status, 200)


del Open  # it is run as Plain and as Secure


if __name__ == "__main__":
    unittest.main()
