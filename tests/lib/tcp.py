"""tcp.py - a server's port for the end-to-end tests: a token, `weir serve --http 0`, the URL it
says, and questions as bytes or as requests.

    door = tcp.Door(server)         # serve.Server, started with tcp.options(case)
    door.ask("GET", "/v1")          # an Answer, with the token
    door.raw(b"GET / HTTP/1.1...")  # the bytes that come back
"""

import http.client
import os
import re
import socket
import ssl
import subprocess
import warnings

import serve
import weir

TOKEN = "correct-horse-battery-staple"


def token_file(case, name="token", token=TOKEN, mode=0o600):
    path = case.write(name, token + "\n")
    os.chmod(path, mode)
    return path


def certificate(case):
    """Paths of a certificate for localhost and 127.0.0.1, and of its key; made once a case."""
    cert, key = case.path("cert.pem"), case.path("key.pem")
    if not os.path.exists(cert):
        words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2"
        words += " -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1"
        command = ["openssl", *words.split(), "-keyout", key, "-out", cert]
        subprocess.run(command, check=True, capture_output=True)
        os.chmod(key, 0o600)
    return cert, key


def options(case, tls=False, address="0"):
    words = ["--http", address, "--token-file", token_file(case)]
    words += ["--allow-read", case.dir, "--allow-write", case.dir]
    if tls:
        cert, key = certificate(case)
        words += ["--tls-cert", cert, "--tls-key", key]
    return words


class Door:
    def __init__(self, server, cert=None):
        self.process, self.cert = server.process, cert
        found = re.search(r"page: (https?)://(\[?[^/]+?\]?):(\d+)/", self.process.result().err)
        if not found:
            raise AssertionError("no URL: %s" % self.process.result())
        self.url = found.group(0)[6:-1]
        self.tls, self.host, self.port = found.group(1) == "https", *found.group(2, 3)
        self.host, self.port = self.host.strip("[]"), int(self.port)

    def socket(self, timeout=weir.TIMEOUT):
        """A connected socket; TLS is not begun."""
        return socket.create_connection((self.host, self.port), timeout)

    def secure(self, timeout=weir.TIMEOUT, newest=None):
        """A connected socket with TLS that believes the certificate."""
        context = ssl.create_default_context(cafile=self.cert)
        if newest:
            context.set_ciphers("DEFAULT:@SECLEVEL=0")  # else it would not offer old ones itself
            with warnings.catch_warnings(action="ignore"):
                context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
                context.maximum_version = newest
        return context.wrap_socket(self.socket(timeout), server_hostname=self.host)

    def connection(self):
        c = http.client.HTTPConnection(self.host, self.port, timeout=weir.TIMEOUT)
        if self.tls:
            c.sock = self.secure()
        return c

    def ask(self, method, path, body=None, token=TOKEN, **headers):
        """One question on a connection of its own. Headers by name, '_' for '-'."""
        c = self.connection()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            headers["Authorization"] = "Bearer " + token
        try:
            c.request(method, path, body, headers)
            return serve.Answer("%s %s" % (method, path), c.getresponse())
        finally:
            c.close()

    def raw(self, data, half_close=False, timeout=15):
        """The bytes that come back for these, up to the end of the connection, which must come."""
        with self.secure(timeout) if self.tls else self.socket(timeout) as s:
            try:
                s.sendall(data)
                if half_close:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it had enough; it may have said why
            return rest(s)


def rest(s):
    """What still comes, up to the end of the connection; TimeoutError: the end does not come."""
    got = b""
    try:
        while piece := s.recv(65536):
            got += piece
    except TimeoutError:
        raise
    except OSError:
        pass
    return got
