"""relay.py - an HTTP port that passes each request on to a server, and cuts what never ends.

    relay = relay.Relay(lambda: serve.Connection(path))    # a connection to where it leads
    relay.url                                              # http://127.0.0.1:PORT
    relay.streams                                          # of each stream: (path, its text)
    relay.answers                                          # of all: (method, path, status)
    relay.close()

Why: a tool that knows nothing of Unix sockets reaches one so, and it reads a stream of events to an
end. A stream ends here, within CUT seconds, as if its server had ended it.
"""

import http.client
import http.server
import threading
import time

CUT = 0.15
HOP = ("transfer-encoding", "connection", "content-length", "keep-alive")


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm, wbufsize = True, -1

    def __getattr__(self, name):
        if name.startswith("do_"):
            return self.pass_on  # whatever the method: the server is to say what it thinks of it
        raise AttributeError(name)

    def log_message(self, *args):
        pass

    def pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        upstream = self.server.connect()
        try:
            upstream.connect()
            sock = upstream.sock  # which http.client forgets when an answer is to be the last
            upstream.putrequest(self.command, self.path, True, True)
            for key, value in self.headers.items():
                if key.lower() not in HOP:
                    upstream.putheader(key, value)
            if body or self.command in ("POST", "PUT", "PATCH"):
                upstream.putheader("Content-Length", str(len(body)))
            upstream.endheaders(body)
            response = upstream.getresponse()
            self.server.answers.append((self.command, self.path, response.status))
            self.answer(response, self.read(response, sock))
        finally:
            upstream.close()

    def read(self, response, sock):
        """Its body, whole; or what there is of a stream."""
        endless = "follow=1" in self.path and response.status == 200
        events = (response.headers.get("Content-Type") or "").startswith("text/event-stream")
        if not endless and not events:
            return response.read()
        found, end = b"", time.monotonic() + CUT
        try:
            while (left := end - time.monotonic()) > 0:
                sock.settimeout(left)
                if not (more := response.read1(65536)):
                    break
                found += more
        except (TimeoutError, http.client.HTTPException):
            pass
        if events:
            self.server.streams.append((self.path, found.decode()))
        return found

    def answer(self, response, body):
        self.send_response_only(response.status, response.reason)
        for key, value in response.headers.items():
            if key.lower() not in HOP:
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Relay:
    def __init__(self, connect):
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.connect, self.server.streams, self.server.answers = connect, [], []
        self.streams, self.answers = self.server.streams, self.server.answers
        self.url = "http://127.0.0.1:%d" % self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
