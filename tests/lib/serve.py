"""serve.py - drives `weir serve` for the end-to-end tests: started, asked over HTTP on its Unix
socket, stopped and killed; and which processes its data directory has.

    server = serve.Server(case, "data")      # a weir.Case; the folder is below the case's own
    server.start()
    server.submit({...})                     # or the path of a job file
    server.until_state("word-count", "RUNNING")
    server.act("word-count", "stop")         # the action as it ended
    server.kill9()

Why not the verbs: hundreds of questions a second, each a few ms cheaper than a process. A job's
process is found by what it writes to (its log, below the data directory), never by asking the
server: a process the server has forgotten must be found too.
"""

import http.client
import json
import os
import re
import signal
import socket
import threading
import time
import urllib.parse

import weir

SIGTERM, SIGKILL = signal.SIGTERM, signal.SIGKILL
FINAL = ("STOPPED", "CANCELLED", "FINISHED", "FAILED")


class Connection(http.client.HTTPConnection):
    """HTTP to a Unix socket; through the folder's descriptor, for a path may be long."""

    def __init__(self, path, timeout=weir.TIMEOUT):
        super().__init__("weir", timeout=timeout)
        self.path = path

    def connect(self):
        folder = os.open(os.path.dirname(self.path), os.O_PATH | os.O_DIRECTORY)
        s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            s.settimeout(self.timeout)
            s.connect("/proc/self/fd/%d/%s" % (folder, os.path.basename(self.path)))
        except BaseException:
            s.close()
            raise
        finally:
            os.close(folder)
        self.sock = s


def records_out(folder, job, stage):
    """Of a stage of a job that `weir run` drives in folder; 0: nobody answers there yet."""
    connection = Connection(os.path.join(folder, "weir.sock"))
    try:
        connection.request("GET", "/v1/jobs/" + job)
        facts = json.loads(connection.getresponse().read()).get("facts") or {}
    except Gone:
        return 0
    finally:
        connection.close()
    return sum(s["records_out"] for s in facts.get("stages", []) if s["id"] == stage)


# What a call raises when there is no server, or it died before it had answered.
Gone = (OSError, http.client.HTTPException)


class Answer:
    """An answer that came: its status, headers and body."""

    def __init__(self, question, response):
        self.question, self.status = question, response.status
        self.headers, self.body = response.headers, response.read()

    def json(self):
        return json.loads(self.body)

    def __str__(self):
        return "%s: %d %s" % (self.question, self.status, self.body[:2000].decode("latin-1"))


class Refused(AssertionError):
    """An answer of another status than was wanted."""

    def __init__(self, answer):
        super().__init__(str(answer))
        self.answer, self.status = answer, answer.status


class Stream:
    """The events of a job as (id, event, data), until the server ends the stream."""

    def __init__(self, connection, response):
        self.connection, self.response = connection, response

    def __iter__(self):
        found = {}
        for line in self.response:
            line = line.decode().rstrip("\n")
            if line and not line.startswith(":"):
                key, _, value = line.partition(": ")
                found[key] = value
            elif not line and found:
                yield int(found.get("id", 0)), found.get("event"), json.loads(found["data"])
                found = {}

    def shutdown(self):
        """Ends it for a reader in another thread."""
        try:
            self.connection.sock.shutdown(socket.SHUT_RDWR)
        except OSError:  # the server was first
            pass

    def close(self):
        self.response.close()
        self.connection.close()


def target(path, query):
    """A path with its query; a list stands for a key that is repeated."""
    pairs = [
        (k, one) for k, v in query.items() for one in (v if isinstance(v, list) else [v])
    ]
    return path + ("?" + urllib.parse.urlencode(pairs) if pairs else "")


class Server:
    def __init__(self, case, data="data", *args):
        self.case, self.args = case, args
        self.data = os.path.realpath(case.path(data))
        self.socket = os.path.join(self.data, "weir.sock")
        self.process = None
        self.emptied = self.emptied_max = 0  # seconds from the server's end to that of all it ran

    # ---- its life ----

    def start(self):
        """Starts it, and waits until it answers."""
        self.begin()
        weir.until("a server that answers", self.answers)
        return self.process

    def begin(self):
        """Starts it, and waits for nothing."""
        self.process = self.case.start("serve", "--dir", self.data, *self.args)

    def answers(self):
        """Whether this very process answers; it must be running."""
        if not self.process.running():
            raise AssertionError("the server ended: %s" % self.process.result())
        try:
            return self.call("GET", "/v1").json()["pid"] == self.process.pid
        except Gone:
            return False

    def stop(self):
        """SIGTERM; must end in order, and leave no process."""
        self.process.signal(signal.SIGTERM)
        result = self.process.wait()
        self.case.assert_sound(result)
        self.case.assertEqual(result.code, 0, str(result))
        self.until_empty()

    def kill9(self):
        """Whether it was still running. Its jobs' processes must end by themselves."""
        alive = self.process.kill9()
        self.case.assert_clean(self.process.result().err, "the server's log")
        self.until_empty()
        return alive

    # ---- its processes ----

    def pids(self):
        """The pids of its jobs' processes: name -> list."""
        logs, found = self.data + "/logs/", {}
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                log = os.readlink("/proc/%s/fd/1" % pid)
                if not log.startswith(logs):
                    continue
                with open("/proc/%s/cmdline" % pid, "rb") as f:
                    words = f.read().split(b"\0")
            except OSError:  # gone meanwhile, a zombie, or another user's
                continue
            if words[1:2] == [b"job"]:
                name = log[len(logs) :].partition(".log")[0]
                found.setdefault(name, []).append(int(pid))
        return found

    def pid(self, name):
        """The pid of the one process that a job has, or None."""
        found = self.pids().get(name, [])
        if len(found) > 1:
            raise AssertionError("%s has the processes %s" % (name, found))
        return found[0] if found else None

    def until_empty(self):
        """Waits until no process of the directory is left, and notes how long that took."""
        begin = time.monotonic()
        weir.until("the end of all processes of " + self.data, lambda: not self.pids())
        self.emptied = time.monotonic() - begin
        self.emptied_max = max(self.emptied_max, self.emptied)

    def kill_all(self, rng):
        """SIGKILL to everything in the directory, in any order, as nearly at once as can be."""
        pids = [p for found in self.pids().values() for p in found] + [self.process.pid]
        rng.shuffle(pids)
        for pid in pids:
            kill(pid)
        self.process.kill9()
        self.until_empty()

    # ---- asking it ----

    def call(self, method, path, body=None, headers=None, timeout=weir.TIMEOUT, **query):
        """One question, one Answer, whatever its status. No server: one of Gone."""
        connection = Connection(self.socket, timeout)
        try:
            connection.request(method, target(path, query), body, headers or {})
            return Answer("%s %s" % (method, target(path, query)), connection.getresponse())
        finally:
            connection.close()

    def ask(self, method, path, status, body=None, headers=None, **query):
        """The JSON of an answer that must have this status; else Refused."""
        answer = self.call(method, path, body, headers, **query)
        if answer.status != status:
            raise Refused(answer)
        return answer.json()

    def get(self, path, **query):
        return self.ask("GET", path, 200, **query)

    def jobs(self):
        """What `list` shows: name -> job."""
        return {job["name"]: job for job in self.get("/v1/jobs")["jobs"]}

    def job(self, name):
        return self.get("/v1/jobs/" + name)

    def state(self, name):
        """From the list, which costs the job nothing; None: there is no such job."""
        return self.jobs().get(name, {}).get("state")

    def submit(self, job, file=None, **query):
        """A job file's path, or a description (then relative paths are below the case's folder,
        unless `file` says another place). The job as answered."""
        if isinstance(job, str):
            file = file or os.path.abspath(job)
            with open(job, "rb") as f:
                body = f.read()
        else:
            body = json.dumps(job, indent=1).encode()
        file = file or self.case.path("job.json")
        return self.ask("POST", "/v1/jobs", 201, body, file=file, **query)

    def act_begin(self, name, verb, **query):
        """Asks for an action; as it was accepted."""
        return self.ask("POST", "/v1/jobs/%s/%s" % (name, verb), 202, **query)

    def act_end(self, action):
        """The action when it is over."""
        now = {}

        def over():
            now.update(self.get("/v1/actions/%d" % action["id"]))
            return now["state"] != "running"

        weir.until("the end of %s" % action, over)
        return now

    def act(self, name, verb, **query):
        """Asks for an action, and waits for its end, which must be `done`."""
        action = self.act_end(self.act_begin(name, verb, **query))
        if action["state"] != "done":
            raise AssertionError("%s %s: %s" % (verb, name, action))
        return action

    def events(self, name, timeout=weir.TIMEOUT):
        """The Stream of a job's events. To be closed."""
        connection = Connection(self.socket, timeout)
        connection.request("GET", "/v1/jobs/%s/events" % name)
        response = connection.getresponse()
        if response.status != 200:
            raise Refused(Answer("events of " + name, response))
        return Stream(connection, response)

    # ---- waiting for facts ----

    def until_state(self, name, *states):
        """Waits for one of the states; another final one than those is an error at once."""

        def there():
            job = self.jobs().get(name)
            if job and job["state"] in FINAL and job["state"] not in states:
                raise AssertionError("waited for %s: %s" % (states, job))
            return job and job["state"] in states

        weir.until("%s: %s" % (name, "/".join(states)), there)
        return self.jobs()[name]

    def folder(self, name):
        """The job's directory, as of `weir run --dir`."""
        return os.path.join(self.data, "jobs", name)

    def newest(self, name):
        """The id of the newest checkpoint in the job's directory, 0: none. From the disk."""
        return self.case.newest(self.folder(name))


def kill(pid, number=signal.SIGKILL):
    """Whether there was somebody to hear the signal."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


class Halfway:
    """A request that was sent, and what came back until the server's end."""

    def __init__(self, server, method, path, body=b"", **query):
        self.connection = Connection(server.socket)
        self.connection.request(
            method, target(path, query), body, {"Accept": "text/event-stream"}
        )
        self.action = None

    def read(self):
        found = b""
        try:
            while more := self.connection.sock.recv(65536):
                found += more
        except OSError:
            pass
        self.connection.close()
        return found.decode()

    def is_told(self):
        """Reads until there is no more. Whether success was told: then it must last."""
        head, _, rest = self.read().partition("\r\n\r\n")
        ended = re.search("event: action\ndata: (.*)\n", rest)
        if ended:
            self.action = json.loads(ended.group(1))
        return " 201 " in head.split("\r\n")[0] or bool(ended and self.action["state"] == "done")


class Watcher(threading.Thread):
    """Reads a job's events until the server's end, or its own."""

    def __init__(self, server, name):
        super().__init__(daemon=True)
        self.stream, self.events = server.events(name), []
        self.start()

    def run(self):
        try:
            for event in self.stream:
                self.events.append(event)
        except Gone:
            pass

    def end(self):
        """The events. Their ids count up, and those of checkpoints too, over all attempts."""
        self.stream.shutdown()
        self.join()
        self.stream.close()
        for what, ids in (
            ("events", [id for id, _, _ in self.events]),
            ("checkpoints", [d["id"] for _, e, d in self.events if e == "checkpoint"]),
        ):
            if ids != sorted(set(ids)):
                raise AssertionError("the ids of the %s: %s" % (what, ids))
        return self.events
