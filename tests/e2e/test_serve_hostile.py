"""A server among clients that are broken, slow, greedy or in each other's way: it refuses in one
shape, keeps its bounds, and goes on answering everybody else at once."""

import json
import os
import random
import socket
import sys
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import weir

END = b"\r\n\r\n"
POST = b"POST /v1/jobs HTTP/1.1\r\nHost: w\r\n"
MIB = 1 << 20
NOBODY = 65534


class Hostile(served.Case):
    def setUp(self):
        super().setUp()
        self.serve()
        self.pid = self.server.process.pid
        self.answers_at_once()
        self.descriptors = served.descriptors(self.pid)

    def tearDown(self):
        """Whatever was done to it: it answers, and has let go of everybody."""
        if self.server.process.running():
            weir.until(
                "the end of all connections",
                lambda: served.descriptors(self.pid) <= self.descriptors + 3 * self.running(),
            )
            before = self.cpu_s()
            weir.pause(0.3)  # in which there is nothing to do
            self.assertLess(self.cpu_s() - before, 0.15, "it turns in circles")
        super().tearDown()

    def cpu_s(self):
        with open("/proc/%d/stat" % self.server.process.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def running(self):
        jobs = self.server.jobs().values()
        return sum(job["state"] not in serve.FINAL for job in jobs)

    def socket(self, timeout=weir.TIMEOUT):
        connection = serve.Connection(self.server.socket, timeout)
        connection.connect()
        self.addCleanup(connection.sock.close)
        return connection.sock

    def raw(self, data, half_close=False):
        """The bytes that come back for these, up to the end of the connection or 2 s of silence."""
        with self.socket(2) as s:
            try:
                s.sendall(data)
                if half_close:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it had enough; it may have said why
            return self.rest(s)

    def rest(self, s):
        got = b""
        try:
            while piece := s.recv(65536):
                got += piece
        except OSError:
            pass
        return got

    def answers_at_once(self, seconds=5 if weir.SANITIZED else 2):
        begin = time.monotonic()
        self.assertEqual(self.server.get("/v1")["pid"], self.pid)
        self.assertLess(time.monotonic() - begin, seconds)


def status(answer):
    """The status of each answer in these bytes."""
    found = []
    while answer.startswith(b"HTTP/1.1 "):
        head, _, answer = answer.partition(END)
        found.append(int(head[9:12]))
        length = 0
        for line in head.split(b"\r\n"):
            if line.lower().startswith(b"content-length:"):
                length = int(line[15:])
        answer = answer[length:]
    return found


class Malformed(Hostile):
    # What is sent, and which statuses are right; () means: just an end.
    REQUESTS = (
        (b"\r\n" * 3 + b"GET /v1 HTTP/1.1\r\nHost: w" + END, (200,)),
        (b"GET /v1 HTTP/1.1" + END, (200, 400)),  # no Host
        (b"GET /v1" + END, (400,)),
        (b"GET" + END, (400,)),
        (b"\0" * 100 + END, (400,)),
        (b"GET /v1 HTTP/9.9\r\nHost: w" + END, (400, 505)),
        (b"GET /v1 HTTPS/1.1\r\nHost: w" + END, (400, 505)),
        (b"GET /v1\0/jobs HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"GET /v1/jobs/a\0b HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"GE\0T /v1 HTTP/1.1\r\nHost: w" + END, (400, 405)),
        (b"GET /v1 /x HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"GET /v1\x01 HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"GET /v1/jobs?x=%zz HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"GET /v1/jobs?x=%00 HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"GET /v1/jobs?" + b"&".join([b"a=1"] * 400) + b" HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"GET /v1/jobs?a=1&a=2 HTTP/1.1\r\nHost: w" + END, (400,)),
        (b"get /v1 HTTP/1.1\r\nHost: w" + END, (405,)),
        (b"BREW /v1/jobs HTTP/1.1\r\nHost: w" + END, (405,)),
        (b"OPTIONS * HTTP/1.1\r\nHost: w" + END, (404, 405)),
        (b"TRACE /v1 HTTP/1.1\r\nHost: w" + END, (405,)),
        (b"CONNECT w:1 HTTP/1.1\r\nHost: w" + END, (404, 405)),
        (b"X" * 5000 + b" /v1 HTTP/1.1\r\nHost: w" + END, (405, 400)),
        (POST + b"Content-Length: -1" + END, (400, 413)),
        (POST + b"Content-Length: 1e3" + END, (400, 413)),
        (POST + b"Content-Length: 99999999999999999999" + END, (400, 413)),
        (POST + b"Transfer-Encoding: gzip" + END + b"x", (400,)),
        (POST + b"Transfer-Encoding: chunked" + END + b"zz\r\n", (400,)),
        (POST + b"Transfer-Encoding: chunked" + END + b"ffffffffffffffffff\r\n", (400, 413)),
        (POST + b"Content-Length: 0" + END, (422,)),
        (POST + b"Content-Length: 3" + END + b"\0\0\0", (422,)),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)), (400,)),  # TLS
        (b"PRI * HTTP/2.0" + END + b"SM" + END, (400, 404, 405, 505)),
    )

    def test_what_is_no_request_is_refused_and_no_more(self):
        for data, right in self.REQUESTS:
            with self.subTest(data[:60]):
                answer = self.raw(data, half_close=True)
                got = status(answer)
                self.assertTrue(got == [] or got[0] in right, answer[:300])
                self.assertTrue(got or 200 not in right, "no answer")
                self.answers_at_once()

    def test_bytes_by_chance_and_requests_with_holes(self):
        rng = random.Random(weir.seed())
        good = (
            b"POST /v1/jobs/tick/stop?x=%41 HTTP/1.1\r\nHost: weir\r\nAccept: text/event-stream\r\n"
            b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
        )
        for one in range(150 if weir.SANITIZED else 600):
            data = bytearray(good)
            for change in range(rng.randrange(1, 6)):
                kind, at = rng.randrange(4), rng.randrange(len(data) or 1)
                if kind == 0 and data:
                    data[at] = rng.randrange(256)
                elif kind == 1:
                    del data[at : at + rng.randrange(8)]
                elif kind == 2:
                    data[at:at] = rng.choice([b"\0", b"\r\n", b" ", b"%", b"\xff" * 9, b":", b"\n"])
                else:
                    data = data[: at + 1]
            with self.socket(0.001) as s:
                try:
                    s.sendall(data)
                    if rng.randrange(2):
                        s.shutdown(socket.SHUT_WR)
                    s.recv(4096)
                except OSError:
                    pass
            if one % 50 == 0:
                self.answers_at_once()
        self.answers_at_once()

    def test_two_requests_at_once_and_a_half_closed_socket_are_answered(self):
        one = b"GET /v1 HTTP/1.1\r\nHost: w" + END
        self.assertEqual(status(self.raw(one * 3, half_close=True)), [200] * 3)
        self.assertEqual(status(self.raw(one, half_close=True)), [200])
        body = json.dumps(served.bounded()).encode()
        head = POST + b"Content-Length: %d" % len(body)
        self.assertEqual(status(self.raw(head + END + body, half_close=True)), [201])
        # Half of a request, then nothing more: an end.
        self.assertEqual(status(self.raw(head + END + body[:9], half_close=True))[1:], [])
        self.server.until_state("short", "FINISHED")

    def test_a_header_over_16_kib_is_refused_and_one_below_is_not(self):
        def ask(*more):
            head = b"GET /v1 HTTP/1.1\r\nHost: w\r\n" + b"".join(more) + b"\r\n"
            return status(self.raw(head))[:1]

        self.assertEqual(ask(b"X: " + b"x" * 15000 + b"\r\n"), [200])
        self.assertEqual(ask(b"X: " + b"x" * 17000 + b"\r\n"), [431])
        self.assertEqual(ask(*[b"X%d: %s\r\n" % (i, b"x" * 90) for i in range(140)]), [200])
        self.assertIn(ask(*[b"X%d: %s\r\n" % (i, b"x" * 90) for i in range(250)]), ([431], []))
        self.assertIn(ask(b"X: " + b"x" * MIB + b"\r\n"), ([431], []))
        target = b"GET /v1/" + b"j" * 17000 + b" HTTP/1.1\r\nHost: w" + END
        self.assertIn(status(self.raw(target))[:1], ([431], [414], []))

    def test_names_that_are_no_names_touch_no_file(self):
        outside = self.write("outside/job/file", "mine")
        names = (
            "..", ".", "../outside", "..%2foutside", "%2e%2e%2foutside", "a%00", "%00", "a%00/stop",
            "....//outside", "tick/../outside", "tick%2f..", "/etc", "-", "a" * 65, "%61",
            "tick%20", "tick.log", "ti\u00e9".encode().decode("latin-1"), "tick;", "\\..\\x",
        )
        for name in names:
            for method, more in (("GET", ""), ("GET", "/log"), ("POST", "/remove"), ("DELETE", "")):
                line = "%s /v1/jobs/%s%s HTTP/1.1\r\nHost: w\r\n\r\n" % (method, name, more)
                answer = self.raw(line.encode("latin-1"), half_close=True)
                got = status(answer)
                self.assertIn(got, ([404], [405], [400]), (line, answer[:300]))
        job = served.bounded()
        bad = ("../tick", "a/b", "a\0b", "", ".", "..", "a b", "a" * 65, "\u00e9", "a\n", "a%2fb")
        for name in bad:
            answer = self.server.call("POST", "/v1/jobs", json.dumps(dict(job, name=name)))
            self.assertEqual(answer.status, 422, str(answer))
        for file in ("relative.json", "a/../b.json", "", "/x\0y"):
            answer = self.server.call("POST", "/v1/jobs", json.dumps(job), file=file)
            self.assertIn(answer.status, (400, 422), str(answer))
        self.assertEqual(self.server.jobs(), {})
        for name in ("a" * 64, "-", "_", "0"):
            self.server.submit(dict(job, name=name))
            self.server.until_state(name, "FINISHED")
        with open(outside) as f:
            self.assertEqual(f.read(), "mine")
        self.assertEqual(sorted(os.listdir(self.path("data", "jobs"))), ["-", "0", "_", "a" * 64])


class Greedy(Hostile):
    def test_a_body_of_1_gib_is_refused_before_it_is_taken(self):
        before = served.resident_kb(self.pid)
        answer = self.raw(POST + b"Content-Length: %d" % (1 << 30) + END + b" " * MIB)
        self.assertEqual(status(answer)[:1], [413], answer[:300])
        sent = 0
        with self.socket() as s:
            s.sendall(POST + b"Transfer-Encoding: chunked" + END)
            chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
            try:
                while sent < 1 << 30:
                    s.sendall(chunk)
                    sent += 65536
            except OSError:
                pass
            got = self.rest(s)
        self.assertEqual(status(got)[:1], [413], got[:300])
        self.assertLess(sent, 16 * MIB)
        grown = served.resident_kb(self.pid) - before
        print("grown by %d kB" % grown, file=sys.stderr)
        self.assertLess(grown, 65536 if weir.SANITIZED else 6144)

    def test_the_bound_of_a_body_is_exact(self):
        job = json.dumps(served.bounded()).encode()
        fits = job + b" " * (MIB - len(job))
        answer = self.raw(POST + b"Content-Length: %d" % (MIB + 1) + END + fits + b" ")
        self.assertEqual(status(answer), [413], answer[:300])
        chunks = b"%x\r\n%s\r\n1\r\n \r\n0\r\n\r\n" % (len(fits), fits)
        answer = self.raw(POST + b"Transfer-Encoding: chunked" + END + chunks)
        self.assertEqual(status(answer), [413], answer[:300])
        self.assertEqual(self.server.jobs(), {})
        self.server.ask("POST", "/v1/jobs", 201, fits)
        self.server.until_state("short", "FINISHED")
        self.server.stop()
        self.serve()
        self.pid = self.server.process.pid
        self.assertEqual(self.server.state("short"), "FINISHED")

    def test_depth_and_width_of_a_description_are_bounded(self):
        deep = b'{"name": ' + b"[" * 300000 + b"]" * 300000 + b"}"
        wide = b'{"name": "x", "pipeline": [' + b",".join([b"{}"] * 200000) + b"]}"
        keys = json.dumps({"k%d" % i: i for i in range(50000)}).encode()
        for body in (deep, wide, keys, b"[" * MIB, b'"' * MIB, b"\xff" * MIB, b"0" * MIB):
            begin = time.monotonic()
            answer = self.server.call("POST", "/v1/jobs", body)
            took = time.monotonic() - begin
            self.assertIn(answer.status, (422, 400, 503), str(answer)[:300])
            self.assertLess(len(answer.body), 4 * MIB)
            self.assertLess(took, 20 if weir.SANITIZED else 10)
        self.answers_at_once()

    def test_300_connections(self):
        before = served.descriptors(self.pid)
        held, refused = [], []
        for one in range(300):
            s = self.socket(5)
            try:
                s.sendall(b"GET /v1 HTTP/1.1\r\nHost: w" + END)
                got = s.recv(4096)
            except OSError:
                got = b""
            (held if got.startswith(b"HTTP/1.1 200") else refused).append((s, got))
        self.assertEqual(len(held), 256)
        for s, got in refused:
            if got:
                self.assertTrue(got.startswith(b"HTTP/1.1 503"), got)
        self.assertTrue(any(got for s, got in refused))
        said = self.ask("list")
        self.assertEqual(said.code, 1, str(said))
        self.assertIn("256 clients", said.err)
        for s, _ in held[:10]:  # those who were there first go on being served
            s.sendall(b"GET /v1 HTTP/1.1\r\nHost: w" + END)
            self.assertTrue(s.recv(4096).startswith(b"HTTP/1.1 200"))
        for s, _ in held + refused:
            s.close()
        weir.until("their end", lambda: served.descriptors(self.pid) <= before)
        self.answers_at_once()

    def test_streams_count_as_connections_and_end_with_their_readers(self):
        self.server.submit(served.ticking())
        self.server.until_state("tick", "RUNNING")
        before = served.descriptors(self.pid)
        streams = []
        for one in range(100):
            s = self.socket()
            s.sendall(b"GET /v1/jobs/tick/events HTTP/1.1\r\nHost: w" + END)
            self.assertTrue(s.recv(100).startswith(b"HTTP/1.1 200"))
            streams.append(s)
        for s in streams[:50]:
            s.close()
        weir.until("half of them", lambda: served.descriptors(self.pid) <= before + 50)
        self.answers_at_once()
        self.server.act("tick", "cancel")
        self.server.act("tick", "remove")
        weir.until("the rest", lambda: served.descriptors(self.pid) <= before)


class Slow(Hostile):
    def test_a_slow_header_is_given_10_s_and_nobody_waits_for_it(self):
        header = b"GET /v1 HTTP/1.1\r\nX: " + b"x" * 1000
        begin, slow = time.monotonic(), [self.socket(30) for _ in range(20)]
        for s in slow[:3]:
            s.sendall(b"G")
        at = 0
        while time.monotonic() - begin < 9:
            for s in slow[10:]:
                s.sendall(header[at : at + 1])
            at += 1
            self.answers_at_once()
            weir.pause(0.05)
        ends = [self.rest(s) for s in slow]
        took = time.monotonic() - begin
        self.assertLess(took, 20)
        for got in ends:
            self.assertIn(status(got), ([408], []), got)
        self.assertIn(b"in time", ends[-1])

    def test_half_a_body_holds_nobody_up(self):
        held = []
        for one in range(50):
            s = self.socket()
            s.sendall(POST + b"Content-Length: 1000000" + END + b" " * 9)
            held.append(s)
        self.answers_at_once()
        self.server.submit(served.bounded())
        self.server.until_state("short", "FINISHED")
        for s in held:
            s.close()


class Strangers(Hostile):
    def test_another_user_is_not_served(self):
        if os.geteuid():
            self.skipTest("only root can be somebody else")
        for folder in (self.dir, self.server.data):
            os.chmod(folder, 0o755)
        self.assertEqual(os.stat(self.server.socket).st_mode & 0o777, 0o600)
        self.assertEqual(self.as_nobody(), "permission")
        os.chmod(self.server.socket, 0o666)
        self.assertEqual(self.as_nobody(), "closed")
        self.answers_at_once()

    def as_nobody(self):
        """What a process of another user gets to see."""
        read, write = os.pipe()
        child = os.fork()
        if not child:
            told = "odd"
            try:
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)
                s = socket.socket(socket.AF_UNIX)
                s.settimeout(10)
                s.connect(self.server.socket)
                try:
                    s.sendall(b"GET /v1/jobs HTTP/1.1\r\nHost: w" + END)
                    told = "answered" if s.recv(100) else "closed"
                except (BrokenPipeError, ConnectionResetError):
                    told = "closed"
            except PermissionError:
                told = "permission"
            finally:
                os.write(write, told.encode())
                os._exit(0)
        os.close(write)
        os.waitpid(child, 0)
        told = os.read(read, 100).decode()
        os.close(read)
        return told


if __name__ == "__main__":
    unittest.main(verbosity=2)
