"""browser.py - a real browser for the tests of the page: Debian's chromium, driven by the WebDriver
protocol, which is JSON over HTTP; nothing but the standard library.

    with browser.Browser() as b:
        b.open("http://127.0.0.1:1234/")
        b.until("the list", "return document.querySelectorAll('tr').length > 1")
        b.click("button.main"); b.type("textarea", "{...}"); b.key("j")

Without chromium (a machine with the build packages only) the test is skipped. Everything that is
waited for is a condition with a deadline; what the page wrote to its console is kept.
"""

import base64
import glob
import http.client
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile

import png
import weir

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's key of an element
ARGS = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        "--no-first-run", "--disable-extensions", "--disable-background-networking",
        "--disable-component-update", "--disable-sync", "--mute-audio", "--no-proxy-server"]
START_S = 300  # a loaded machine: a minute and more was seen
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004", "Space": " "}


def missing():
    """What this machine lacks for a browser, or None."""
    for program in ("chromium", "chromedriver"):
        if not shutil.which(program):
            return program
    return None


class Failed(AssertionError):
    """The driver's word that something could not be done."""


class Browser:
    def __init__(self, width=1280, height=860, network=False):
        """network: addresses() can be asked."""
        self.logs = {"browser": "ALL", **({"performance": "ALL"} if network else {})}
        self.folder = tempfile.mkdtemp(prefix="weir-browser-")
        self.log = open(os.path.join(self.folder, "driver.log"), "w+")
        self.console = []
        self.driver = subprocess.Popen(
            ["chromedriver", "--port=0"], stdout=self.log, stderr=subprocess.STDOUT,
            cwd=self.folder, env=dict(os.environ, HOME=self.folder, TMPDIR=self.folder))
        self.session = None
        try:
            weir.until("chromedriver", self.find_port)
            args = ARGS + ["--window-size=%d,%d" % (width, height),
                           "--user-data-dir=" + os.path.join(self.folder, "profile")]
            if os.geteuid() == 0:
                args.append("--no-sandbox")
            self.session = "/session/" + self.begin(args)["sessionId"]
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.close()

    def close(self):
        if self.session:
            try:
                self.call("DELETE", self.session)
            except (Failed, OSError, http.client.HTTPException):
                pass
        self.driver.terminate()
        self.driver.wait()
        self.end_browsers()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def begin(self, args):
        """A session; the driver gives a browser a minute to start, which may be too little."""
        for left in (2, 1, 0):
            try:
                return self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
                    "browserName": "chrome", "goog:chromeOptions": {"args": args},
                    "goog:loggingPrefs": self.logs}}})
            except Failed:
                self.end_browsers()
                if not left:
                    raise

    def end_browsers(self):
        """Whatever runs on this browser's own folder: a driver may leave it behind."""
        for path in glob.glob("/proc/[0-9]*/cmdline"):
            try:
                with open(path, "rb") as f:
                    if ("--user-data-dir=" + self.folder).encode() in f.read():
                        os.kill(int(path.split("/")[2]), signal.SIGKILL)
            except OSError:  # gone meanwhile
                pass

    def find_port(self):
        if self.driver.poll() is not None:
            raise AssertionError("chromedriver ended with %d" % self.driver.returncode)
        self.log.seek(0)
        found = re.search(r"started successfully on port (\d+)", self.log.read())
        self.port = int(found.group(1)) if found else None
        return bool(found)

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=START_S)
        try:
            text = None if method in ("GET", "DELETE") else json.dumps(body or {})
            c.request(method, path, text, {"Content-Type": "application/json"})
            answer = json.loads(c.getresponse().read())["value"]
        finally:
            c.close()
        if isinstance(answer, dict) and "error" in answer:
            raise Failed("%s: %s" % (answer["error"], answer["message"].split("\n")[0]))
        return answer

    def ask(self, path, body=None):
        return self.call("POST", self.session + path, body)

    # ---- the page ----

    def open(self, url):
        self.ask("/url", {"url": url})

    def run(self, script, *args):
        """The value of a script's `return`."""
        return self.ask("/execute/sync", {"script": script, "args": list(args)})

    def until(self, what, script, *args):
        """Waits until the script returns something true; that."""
        found = []

        def there():
            found[:] = [self.run(script, *args)]
            return found[0]

        try:
            weir.until(what, there)
        except AssertionError as e:
            raise AssertionError("%s; the page says: %s" % (e, self.text()[:3000]))
        return found[0]

    def text(self, css="body"):
        return self.run("const n = document.querySelector(arguments[0]);"
                        "return n ? n.innerText : ''", css)

    def until_text(self, pattern, css="body"):
        """Waits until a place's text matches; the match."""
        self.until("%r in %s" % (pattern, css),
                   "const n = document.querySelector(arguments[0]);"
                   "return !!n && new RegExp(arguments[1], 's').test(n.innerText)", css, pattern)
        return re.search(pattern, self.text(css), re.S)

    def find(self, css):
        self.until(css, "const n = document.querySelector(arguments[0]);"
                   "return !!n && n.getClientRects().length > 0", css)
        return self.ask("/element", {"using": "css selector", "value": css})[ELEMENT]

    def click(self, css):
        self.ask("/element/%s/click" % self.find(css))

    def type(self, css, text):
        """As a person types; into a field that is emptied first."""
        element = self.find(css)
        self.ask("/element/%s/clear" % element)
        self.ask("/element/%s/value" % element, {"text": text})

    def key(self, *keys):
        """Presses keys, wherever the focus is."""
        presses = [{"type": kind, "value": KEYS.get(k, k)} for k in keys
                   for kind in ("keyDown", "keyUp")]
        self.ask("/actions", {"actions": [{"type": "key", "id": "keys", "actions": presses}]})

    def size(self, width, height):
        """The window of a phone, or of a desk (narrower than the browser's own least)."""
        self.ask("/goog/cdp/execute", {"cmd": "Emulation.setDeviceMetricsOverride", "params": {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}})

    def prefers(self, scheme):
        """`dark` or `light`, as if the system said it."""
        self.ask("/goog/cdp/execute", {"cmd": "Emulation.setEmulatedMedia", "params": {
            "features": [{"name": "prefers-color-scheme", "value": scheme}]}})

    def complaints(self):
        """What the console has, and had, of warnings and errors."""
        self.console += self.ask("/se/log", {"type": "browser"})
        return ["%s: %s" % (c["level"], c["message"]) for c in self.console
                if c["level"] in ("SEVERE", "WARNING")]

    def addresses(self):
        """Of whatever the browser's own log of its network says that pages asked for since."""
        said = self.ask("/se/log", {"type": "performance"})
        events = [json.loads(one["message"])["message"] for one in said]
        return [e["params"]["request"]["url"] for e in events
                if e["method"] == "Network.requestWillBeSent"]

    def screenshot(self, path):
        said = self.call("GET", self.session + "/screenshot")
        with open(path, "wb") as f:
            f.write(png.fewer_colours(base64.b64decode(said)))
