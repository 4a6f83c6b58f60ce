"""A server of docs/REST.md that says what a test tells it to, on a Unix socket (or on TCP).

    with FakeServer(folder) as server:
        server.on("GET", "/v1/jobs", lambda request: (200, {"jobs": []}))
        server.on("GET", "/v1/jobs/a/events", stream([("job", {...})]))

Why beside the real one: it can be late, wrong, or gone in the middle of a word."""

import json
import os
import socketserver
import threading
import urllib.parse


class Request:
    def __init__(self, method, target, headers, body):
        self.method, self.target, self.headers, self.body = method, target, headers, body
        parts = urllib.parse.urlsplit(target)
        self.path = parts.path
        self.query = [
            tuple(urllib.parse.unquote(t) for t in pair.split("=", 1))
            for pair in parts.query.split("&")
            if pair
        ]


class Stream:
    """A chunked answer: bytes one after the other. A callable among them is called (to wait, or to
    kill somebody); whole: end in order, else the connection just ends."""

    def __init__(self, parts, kind="text/event-stream", whole=True):
        self.parts, self.kind, self.whole = parts, kind, whole


class Raw:
    """Bytes as they are, then the end of the connection."""

    def __init__(self, data):
        self.data = data


def event(name, data):
    return ("event: %s\ndata: %s\n\n" % (name, json.dumps(data))).encode()


def events(*named, whole=True):
    """A handler that streams (name, data) pairs; bytes and callables go through as they are."""
    parts = [event(*n) if isinstance(n, tuple) else n for n in named]
    return lambda request: Stream(parts, whole=whole)


def job(name, state="RUNNING", **more):
    told = {
        "name": name,
        "state": state,
        "attempt": 1,
        "pid": 4219,
        "since_wall_us": 1790000000000000,
        "submitted_wall_us": 1790000000000000,
        "file": "/home/me/%s.json" % name,
        "dir": "/data/jobs/%s" % name,
        "log": "/data/logs/%s.log" % name,
        "parallelism": None,
        "checkpoint": 26,
        "error": None,
        "exit": None,
    }
    told.update(more)
    return told


def action(name, kind, state="done", **more):
    told = {"id": 1, "job": name, "kind": kind, "state": state}
    told.update({"error": None, "code": None, "checkpoint": None})
    told.update(more)
    return told


def error(status, code, message, **more):
    return lambda request: (status, dict({"code": code, "message": message, "at": None}, **more))


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        try:
            while self.once():
                pass
        except (BrokenPipeError, ConnectionResetError):
            pass  # the client had enough

    def once(self):
        line = self.rfile.readline(65536).decode("latin-1")
        if not line:
            return False
        method, target, _ = line.split(" ", 2)
        headers = {}
        while True:
            line = self.rfile.readline(65536).decode("latin-1").rstrip("\r\n")
            if not line:
                break
            key, value = line.split(":", 1)
            headers[key.lower()] = value.strip()
        body = self.rfile.read(int(headers.get("content-length", 0)))
        request = Request(method, target, headers, body)
        self.server.fake.requests.append(request)
        answer = self.server.fake.find(method, request.path)
        return self.say(answer(request))

    def say(self, answer):
        if isinstance(answer, Raw):
            self.wfile.write(answer.data)
            return False
        if isinstance(answer, Stream):
            head = "HTTP/1.1 200 OK\r\nContent-Type: %s\r\nTransfer-Encoding: chunked\r\n\r\n"
            self.wfile.write((head % answer.kind).encode())
            for part in answer.parts:
                if callable(part):
                    part()
                    continue
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
                self.wfile.flush()
            if answer.whole:
                self.wfile.write(b"0\r\n\r\n")
            return answer.whole
        status, body = answer
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        head = "HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self.wfile.write((head % (status, len(body))).encode() + body)
        return True


class Unix(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True


class Tcp(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True


class FakeServer:
    def __init__(self, folder=None):
        """On <folder>/weir.sock, whatever the length of its path; None: on a TCP port."""
        self.routes, self.requests = {}, []
        if folder is None:
            self.server = Tcp(("127.0.0.1", 0), Handler)
            self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        else:
            os.makedirs(folder, exist_ok=True)
            here = os.getcwd()
            os.chdir(folder)  # a long path does not fit a socket's address
            try:
                self.server = Unix("weir.sock", Handler)
            finally:
                os.chdir(here)
        self.server.fake = self
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def on(self, method, path, answer):
        self.routes[method, path] = answer

    def find(self, method, path):
        missing = error(404, "E_NOT_FOUND", "no job '%s'" % path.rsplit("/", 1)[-1])
        return self.routes.get((method, path), missing)

    def asked(self):
        return ["%s %s" % (r.method, r.target) for r in self.requests]

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()
