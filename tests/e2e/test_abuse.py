"""A server with an open door, and about eighty ways to abuse it: each gets an answer of 4xx or an
end of its connection, memory stays bounded, who may ask is still answered on the port and on the
socket, and the job that runs meanwhile knows nothing of it. Symbolic links that are swapped under
a job are not here."""

import json
import os
import re
import resource
import socket
import sys
import threading
import time
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import serve
import served
import tcp
import weir

MIB = 1 << 20
END = b"\r\n\r\n"
HOST = b"Host: localhost\r\n"
AUTH = b"Authorization: Bearer " + tcp.TOKEN.encode() + b"\r\n"
JSON = b"Content-Type: application/json\r\n"
KEPT = HOST + AUTH
KNOWN = KEPT + b"Connection: close\r\n"
GET = b"GET /v1 HTTP/1.1\r\n"
POST = b"POST /v1/jobs HTTP/1.1\r\n" + KNOWN + JSON
KNOWN_GET = b" HTTP/1.1\r\n" + KNOWN + b"\r\n"  # what follows a target
HIDDEN = b"GET /v1/jobs/hidden HTTP/1.1\r\n" + KNOWN + b"\r\n"
NONE = b"\r\n0" + END
EMPTY = b"\r\nContent-Length: 2" + END + b"{}"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
PEAK_KB = 65536  # by feel: a body of 1 MiB can be a million of JSON's values
LATE_S = 60  # for an end that must come: deadlines are 10 s and 30 s

# What is sent -> the statuses that are right; the connection may also just end, unless 200 is one.
STRANGERS = {
    "no token": (GET + HOST + b"\r\n", (401,)),
    "a wrong token": (GET + HOST + b"Authorization: Bearer " + b"x" * 28 + END, (401,)),
    "a token of 8 KiB": (GET + HOST + b"Authorization: Bearer " + b"x" * 8192 + END, (401,)),
    "an empty token": (GET + HOST + b"Authorization: Bearer" + END, (401,)),
    "the token as a password": (GET + HOST + AUTH.replace(b"Bearer", b"Basic") + b"\r\n", (401,)),
    "the token in the query": (
        b"GET /v1?token=%s&access_token=%s HTTP/1.1\r\n" % ((tcp.TOKEN.encode(),) * 2)
        + HOST
        + b"\r\n",
        (401,),
    ),
    "the token in a cookie": (GET + HOST + b"Cookie: token=" + tcp.TOKEN.encode() + END, (401,)),
    "two tokens": (GET + KNOWN + AUTH + b"\r\n", (400,)),
    "another's Host": (GET + AUTH + b"Host: evil.example" + END, (403,)),
    "a Host that was made to lead here": (GET + AUTH + b"Host: 127.0.0.1.nip.io" + END, (403,)),
    "no Host": (GET + AUTH + b"\r\n", (400,)),
    "no Host, HTTP/1.0": (b"GET /v1 HTTP/1.0\r\n" + AUTH + b"\r\n", (400,)),
    "an empty Host": (GET + AUTH + b"Host:" + END, (400, 403)),
    "two Hosts": (GET + AUTH + HOST + b"Host: evil.example" + END, (400,)),
    "a thousand Hosts": (GET + AUTH + b"Host: a\r\n" * 1000 + b"\r\n", (400, 431)),
    "a Host of 8 KiB": (GET + AUTH + b"Host: " + b"a" * 8192 + END, (403,)),
    "another's page": (POST + b"Origin: http://evil.example" + EMPTY, (403,)),
    "a page of nobody": (POST + b"Origin: null" + EMPTY, (403,)),
    "two Origins": (POST + b"Origin: http://localhost\r\n" * 2 + b"\r\n", (400,)),
    "a form": (
        b"POST /v1/jobs HTTP/1.1\r\n" + KNOWN + b"Content-Type: text/plain\r\nContent-Length: 2"
        + END + b"{}",
        (415,),
    ),
    "a preflight": (
        b"OPTIONS /v1/jobs HTTP/1.1\r\n" + HOST + b"Origin: http://evil.example\r\n"
        b"Access-Control-Request-Method: POST" + END,
        (405,),
    ),
}
METHODS = {
    "the method " + m: (m.encode() + b" /v1/jobs HTTP/1.1\r\n" + KNOWN + b"\r\n", (405, 400))
    for m in ("OPTIONS", "TRACE", "CONNECT", "PUT", "PATCH", "PROPFIND", "get", "G@T")
}
SHAPES = {
    "two lengths": (POST + b"Content-Length: 0\r\nContent-Length: 60" + END + HIDDEN, (400,)),
    "the same length twice": (POST + b"Content-Length: 2\r\n" * 2 + b"\r\n{}" + HIDDEN, (400,)),
    "a list of lengths": (POST + b"Content-Length: 0, 60" + END + HIDDEN, (400, 413)),
    "a length and pieces": (POST + b"Content-Length: 60\r\n" + CHUNKED + NONE + HIDDEN, (400,)),
    "pieces and a length": (POST + CHUNKED + b"Content-Length: 3\r\n" + NONE + HIDDEN, (400,)),
    "pieces twice": (POST + CHUNKED + CHUNKED + NONE + HIDDEN, (400,)),
    "pieces of another kind": (POST + b"Transfer-Encoding: xchunked\r\n" + NONE + HIDDEN, (400,)),
    "pieces and identity": (POST + CHUNKED[:-2] + b", identity\r\n" + NONE + HIDDEN, (400,)),
    "a blank before the colon": (POST + CHUNKED.replace(b":", b" :") + NONE + HIDDEN, (400,)),
    "a blank before the colon of a length": (POST + b"Content-Length : 60" + END + HIDDEN, (400,)),
    "a folded line": (POST + b"Transfer-Encoding:\r\n chunked\r\n\r\n0" + END, (400, 422)),
    "a negative length": (POST + b"Content-Length: -1" + END, (400, 413)),
    "a signed length": (POST + b"Content-Length: +2" + END + b"{}", (400, 413)),
    "a hexadecimal length": (POST + b"Content-Length: 0x2" + END + b"{}", (400, 413)),
    "a length past all numbers": (POST + b"Content-Length: " + b"9" * 40 + END, (400, 413)),
    "a piece without a size": (POST + CHUNKED + b"\r\n\r\n", (400,)),
    "a negative piece": (POST + CHUNKED + b"\r\n-2\r\n{}\r\n0" + END, (400,)),
    "a piece past all numbers": (POST + CHUNKED + b"\r\n" + b"f" * 17 + b"\r\n", (400, 413)),
    "a NUL in a value": (GET + KNOWN + b"X: a\0b" + END, (400, 200)),
    "a NUL in a name": (GET + KNOWN + b"X\0Y: a" + END, (400,)),
    "a NUL in the path": (b"GET /v1\0/jobs HTTP/1.1\r\n" + KNOWN + b"\r\n", (400,)),
    "100 NULs": (b"\0" * 100 + END, (400,)),
    "a carriage return alone": (GET + KNOWN + b"X: a\rY: b" + END, (400, 200)),
    "line feeds alone": (b"GET /v1 HTTP/1.1\nHost: evil.example\n\n", (400, 403)),
    "a header without a colon": (GET + KNOWN + b"nothing" + END, (400,)),
    "a name that is none": (GET + KNOWN + b"(a): b" + END, (400,)),
    "HTTP/0.9": (b"GET /v1\r\n", (400,)),
    "HTTP/2's first words": (b"PRI * HTTP/2.0" + END + b"SM" + END, (400, 404, 405, 505)),
    "HTTP/9.9": (b"GET /v1 HTTP/9.9\r\n" + KNOWN + b"\r\n", (400, 505)),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(range(200)), (400,)),
    "bytes by chance": (bytes((i * 7919) % 251 for i in range(4000)) + END, (400, 413, 414, 431)),
    "no leave to send": (
        POST + b"Expect: 200-maybe\r\nContent-Length: %d" % (1 << 30) + END,
        (413, 417),
    ),
    "a path of 17 KiB": (b"GET /" + b"a" * 17000 + KNOWN_GET, (414, 431)),
    "a query of 16 KiB": (b"GET /v1?" + b"a" * 16384 + KNOWN_GET, (414, 431)),
    "a query of 8 KiB": (b"GET /v1?a=" + b"a" * 8192 + KNOWN_GET, (400,)),
    "%00 in the query": (b"GET /v1/jobs?x=%00" + KNOWN_GET, (400,)),
    "a header of 1 MiB": (GET + KNOWN + b"X: " + b"x" * MIB + END, (431,)),
    "ten thousand headers": (GET + KNOWN + b"X: y\r\n" * 10000 + b"\r\n", (431,)),
    "another protocol": (
        GET + HOST + b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABk" + END,
        (401,),
    ),
    "parts of an answer": (
        GET + KNOWN + b"Range: bytes=" + b"0-,5-1,-5," * 300 + b"-1" + END,
        (200, 416),
    ),
    "an absolute target": (b"GET http://evil.example/v1" + KNOWN_GET, (400, 404)),
}
PATHS = (
    "/ui/../../etc/passwd", "/ui/..%2f..%2fetc/passwd", "/ui/%2e%2e/%2e%2e/etc/passwd",
    "/ui/....//....//etc/passwd", "/ui/..\\..\\etc\\passwd", "/ui/..%5c..%5cetc%5cpasswd",
    "/ui/%252e%252e%252fetc/passwd", "/ui/..%c0%afetc/passwd", "/ui/%c0%ae%c0%ae/etc/passwd",
    "/ui/\xc0\xae\xc0\xae/etc/passwd", "/ui/%e0%80%ae%e0%80%ae/x", "/ui//etc/passwd",
    "//etc/passwd", "/ui/./app.js", "/ui/app.js/", "/ui/app.js/..", "/ui/app.js%00.html",
    "/ui/app.js;x",
    "/ui/APP.JS", "/ui/", "/ui", "/ui/.", "/ui/..", "/../etc/passwd", "/etc/passwd",
    "file:///etc/passwd", "/proc/self/environ", "/v1/../../etc/passwd", "/v1/jobs/../../etc/passwd",
    "/v1/jobs/..%2f..%2fetc%2fpasswd", "/v1/jobs/%2e%2e/log", "/v1/jobs/../log",
    "/v1/jobs/tick/../../../etc/passwd", "/v1/jobs/tick/log/../../x", "/v1/jobs/tick%00/log",
    "/v1/jobs/%74ick", "/v1/jobs/tick/log%00", "/v1/jobs/" + "a" * 5000, "/v1/actions/../jobs",
)  # fmt: skip


def statuses(answer):
    return [int(s) for s in re.findall(rb"(?:^|\n)HTTP/1\.[01] (\d{3}) ", answer)]


class Abuse(served.Case):
    """A server, a job that runs in it, and what must hold of both whatever is done."""

    TLS = False

    def setUp(self):
        super().setUp()
        self.serve(*tcp.options(self, self.TLS))
        self.door = tcp.Door(self.server, tcp.certificate(self)[0] if self.TLS else None)
        self.pid = self.server.process.pid
        self.server.submit(served.ticking())
        self.server.until_state("tick", "RUNNING")
        self.job = self.server.pid("tick")
        self.began = time.monotonic()

    def tearDown(self):
        self.serves()
        with open("/proc/%d/status" % self.pid) as f:
            peak = int(re.search(r"VmHWM:\s+(\d+)", f.read()).group(1))
        took = time.monotonic() - self.began
        name = self.id().rpartition(".")[2]
        print("%s: %.0f s, peak %d kB" % (name, took, peak), file=sys.stderr)
        if not weir.SANITIZED:
            self.assertLess(peak, PEAK_KB)
        at = self.server.newest("tick")
        self.until_checkpoint("tick", at)
        self.assertEqual(self.server.pid("tick"), self.job)
        self.assertEqual(self.server.job("tick")["attempt"], 1)
        self.assertEqual(list(self.server.jobs()), ["tick"])
        super().tearDown()

    def serves(self):
        """Who may ask is answered, on the socket and on the port."""
        self.assertEqual(self.server.get("/v1")["pid"], self.pid)
        self.assertEqual(self.door.ask("GET", "/v1").json()["pid"], self.pid)

    def check(self, cases):
        for name, (data, right) in cases.items():
            with self.subTest(name):
                answer = self.door.raw(data, half_close=True, timeout=LATE_S)
                got = statuses(answer)
                # libmicrohttpd says the head of some of its own answers twice; what is hidden
                # behind a request would be another status.
                self.assertLessEqual(len(set(got)), 1, (name, answer[-2000:]))
                self.assertTrue(got or 200 not in right, name + ": no answer")
                self.assertTrue(not got or got[0] in right, (name, answer[:1000]))
                self.assertNotIn(tcp.TOKEN.encode(), answer)


class Requests(Abuse):
    def test_strangers(self):
        self.check(STRANGERS)

    def test_methods_and_shapes(self):
        self.check(METHODS)
        self.check(SHAPES)

    def test_paths(self):
        for path in PATHS:
            with self.subTest(path):
                request = b"GET " + path.encode("latin-1") + b" HTTP/1.1\r\n" + KNOWN + b"\r\n"
                answer = self.door.raw(request, half_close=True)
                self.assertIn(statuses(answer), ([404], [400], [405], []), (path, answer[:1000]))
                self.assertNotIn(b"root:", answer)

    def test_one_who_is_refused_is_not_listened_to_any_longer(self):
        answer = self.door.raw((GET + HOST + b"\r\n") * 100, half_close=True)
        self.assertEqual(statuses(answer), [401])
        answer = self.door.raw((GET + KEPT + b"\r\n") * 99 + GET + KNOWN + b"\r\n")
        self.assertEqual(statuses(answer), [200] * 100)

    def test_questions_without_end_do_not_reach_the_job(self):
        def switches():
            with open("/proc/%d/status" % self.job) as f:
                return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", f.read()).group(1))

        before, began = switches(), time.monotonic()
        request = b"GET /v1/jobs/tick HTTP/1.1\r\n" + KEPT
        many = (request + b"\r\n") * 2999 + request + b"Connection: close" + END
        self.assertEqual(statuses(self.door.raw(many, timeout=LATE_S)), [200] * 3000)
        woke, took = switches() - before, time.monotonic() - began
        print("the job woke up %d times in %.1f s" % (woke, took), file=sys.stderr)
        # Its own checkpoints, and who asks fifty times a second; not 3,000 questions.
        self.assertLess(woke, 500 + 400 * took)


class Large(Abuse):
    def test_a_body_of_1_gib_is_refused_by_its_length_or_where_it_passes_the_bound(self):
        for known in (KEPT, HOST):
            for more in (b"Content-Length: %d\r\n" % (1 << 30), CHUNKED):
                with self.subTest((known, more)), self.door.socket(LATE_S) as s:
                    sent = 0
                    try:
                        s.sendall(b"POST /v1/jobs HTTP/1.1\r\n" + known + JSON + more + b"\r\n")
                        while sent < 1 << 30:
                            s.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
                            sent += 65536
                    except OSError:
                        pass
                    right = ([413], [401], []) if known == HOST else ([413], [])
                    self.assertIn(statuses(tcp.rest(s)), right)
                    self.assertLess(sent, 16 * MIB)

    def test_json_a_million_deep_and_other_large_things(self):
        deep = b"[" * (MIB // 2) + b"]" * (MIB // 2)
        for name, body in {
            "a million deep": deep,
            "a million open": b"[" * MIB,
            "a million open objects": b'{"a":' * (MIB // 5),
            "a string of 1 MiB": b'"' + b"a" * (MIB - 2) + b'"',
            "a number of 1 MiB": b"1" * MIB,
            "a million escapes": b'"' + b"\\u0000" * (MIB // 6 - 1) + b'"',
            "no UTF-8": b'{"name": "' + b"\xc0\xaf" * 1000 + b'"}',
            "the same key 10,000 times": b"{" + b",".join([b'"name":"x"'] * 10000) + b"}",
            "100,000 stages": b'{"name":"x","pipeline":[' + b",".join([b"{}"] * 100000) + b"]}",
            "nothing": b"",
            "a NUL": b"\0",
        }.items():
            with self.subTest(name):
                answer = self.door.ask("POST", "/v1/jobs", body, Content_Type="application/json")
                self.assertIn(answer.status, (400, 413, 422), str(answer)[:300])
                self.assertLess(len(answer.body), 4 * MIB)


class Many(Abuse):
    def setUp(self):
        super().setUp()
        self.held = []
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))

    def tearDown(self):
        for s in self.held:
            s.close()
        super().tearDown()

    def hold(self, n, first=b""):
        for _ in range(n):
            s = self.door.socket()
            self.held.append(s)
            if first:
                s.sendall(first)

    def test_a_thousand_connections_that_say_nothing_keep_nobody_out(self):
        with self.door.socket() as friend:  # one who has shown the token stays
            friend.sendall(GET + KEPT + b"\r\n")
            self.assertEqual(statuses(friend.recv(4096)), [200])
            self.hold(1000, b"GET /v1 HTTP/1.1\r\n")
            self.serves()
            friend.sendall(GET + KEPT + b"\r\n")
            self.assertEqual(statuses(friend.recv(4096)), [200])
        self.assertLess(served.descriptors(self.pid), 400)

    def test_many_guesses_wait_and_the_one_who_knows_does_not(self):
        guess = GET + HOST + b"Authorization: Bearer guess-%022d" + END
        self.hold(150)
        for i, s in enumerate(self.held):
            s.sendall(guess % i)
        self.serves()
        for s in self.held:
            self.assertEqual(statuses(tcp.rest(s)), [401])

    def test_slow_headers_slow_bodies_and_silence_are_cut_off(self):
        self.hold(20)
        self.hold(20, b"GET /v1 HTTP/1.1\r\nHost: loc")
        self.hold(20, POST + b"Content-Length: 100000" + END + b"{")
        self.hold(20, POST + CHUNKED + b"\r\n5\r\n{")
        self.hold(5, POST + CHUNKED + b"\r\n2;" + b"x" * 65536)
        self.hold(20, GET + KEPT + b"\r\n")  # answered, and silent then
        stop = threading.Event()

        def dribble():
            while not stop.wait(1):
                for s in self.held[20:80]:
                    try:
                        s.send(b"1")
                    except OSError:
                        pass

        slow = threading.Thread(target=dribble)
        slow.start()
        try:
            for s in self.held:
                s.settimeout(LATE_S)
                self.assertIn(statuses(tcp.rest(s)), ([], [408], [200], [400]))
        finally:
            stop.set()
            slow.join()

    def test_10_000_submissions(self):
        job = served.bounded()
        bad = [
            b"{}", b"[]", b"null", b'{"name": "../x"}', b"{", b"\xff",
            json.dumps(dict(job, pipeline=[])).encode(),
            json.dumps(dict(job, name="")).encode(),
        ]  # fmt: skip
        same = json.dumps(served.ticking()).encode()  # runs already
        kinds = [(422,)] * len(bad) + [(409,)]
        head = POST.replace(b"Connection: close\r\n", b"")
        bodies = [head + b"Content-Length: %d" % len(b) + END + b for b in [*bad, same]]
        counted = {}
        with self.door.socket() as s:
            for _ in range(10000 // 100):
                batch = [i % len(bodies) for i in range(100)]
                s.sendall(b"".join(bodies[i] for i in batch))
                got = b""
                while len(statuses(got)) < len(batch):
                    piece = s.recv(MIB)
                    self.assertTrue(piece, got[-2000:])
                    got += piece
                # What is left of the last answer.
                length = int(re.findall(rb"Content-Length: (\d+)\r\n", got)[-1])
                while len(got) - got.rindex(END) - 4 < length:
                    got += s.recv(MIB)
                for i, status in zip(batch, statuses(got)):
                    self.assertIn(status, kinds[i], bodies[i])
                    counted[status] = counted.get(status, 0) + 1
        print("10,000 submissions: %s" % counted, file=sys.stderr)


class Tls(Abuse):
    TLS = True

    def test_handshakes_that_do_not_end_or_are_none(self):
        hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200)
        held = []
        for first in [b"", b"\x16", hello[:20], hello] * 10:
            s = self.door.socket(LATE_S)
            self.addCleanup(s.close)
            s.sendall(first)
            held.append(s)
        self.serves()
        for first in (GET + KNOWN + b"\r\n", b"\0" * 4000, b"\x16\x03\x01\xff\xff" + b"x" * 70000):
            with self.door.socket(LATE_S) as s:
                try:
                    s.sendall(first)
                except OSError:
                    pass
                self.assertEqual(statuses(tcp.rest(s)), [])
        for s in held:
            self.assertEqual(statuses(tcp.rest(s)), [])

    def test_a_request_that_is_refused_within_tls(self):
        self.assertEqual(self.door.ask("GET", "/v1", token=None).status, 401)
        self.assertEqual(self.door.ask("GET", "/v1", Host="evil.example").status, 403)
        with self.door.secure(LATE_S) as s:
            s.sendall(POST + CHUNKED + b"\r\n")
            try:
                for _ in range(64):
                    s.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
            except OSError:
                pass
            self.assertIn(statuses(tcp.rest(s)), ([], [413]))


del Abuse  # a base


if __name__ == "__main__":
    unittest.main()
