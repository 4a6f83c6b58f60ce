"""paged.py - a test case with a server, and a real browser (browser.py) on its page.

    class Some(paged.Case):
        def test_it(self):
            self.begin(paged.clicks())          # running, and the browser on the list of jobs
            self.go("#/jobs/clicks/state")

WEIR_PICTURES=docs/img: the pictures of README.md and docs/PAGE.md are written there. Skipped
without chromium."""

import os
import unittest

import browser
import served
import tcp

PICTURES = os.environ.get("WEIR_PICTURES")


def clicks(name="clicks", rate=20000, **more):
    """Four stages, state under 500 keys, each key counted again and again."""
    job = {
        "name": name,
        "parallelism": 2,
        "checkpoint": {"interval": "300ms", "retain": 300},
        "pipeline": [
            {"id": "clicks", "type": "generator_source", "rate": rate,
             "fields": {"n": "i", "visitor": "i * 7919 % 500"}},
            {"id": "people", "type": "filter", "expr": "visitor >= 10"},
            {"id": "views", "type": "keyed_sum", "key": "visitor", "value": "1", "as": "views"},
            {"id": "out", "type": "blackhole_sink"},
        ],
    }
    job.update(more)
    return job


class Case(served.Case):
    @classmethod
    def setUpClass(cls):
        lacks = browser.missing()
        if lacks:
            raise unittest.SkipTest("no %s here" % lacks)
        cls.b = cls.open_browser()

    @classmethod
    def open_browser(cls):
        return browser.Browser()

    @classmethod
    def tearDownClass(cls):
        cls.b.close()

    def begin(self, *jobs, path=""):
        """A server with these jobs running, and the browser on its page."""
        self.b.open("about:blank")  # the page of the test before asks for a server that is gone
        self.serve(*tcp.options(self))
        self.url = tcp.Door(self.server).url
        for job in jobs:
            self.server.submit(job)
        for job in jobs:
            self.server.until_state(job["name"], "RUNNING")
        self.b.complaints()  # those of the test before
        self.b.console.clear()
        self.b.open(self.url + "/#token=" + tcp.TOKEN + ("&" + path[1:] if path else ""))
        self.b.size(1280, 860)
        self.b.prefers("light")

    def go(self, hash):
        self.b.run("location.hash = arguments[0]", hash)

    def picture(self, name):
        if PICTURES:
            self.b.until("nothing said any more",
                         "return !document.getElementById('says').childElementCount")
            if name != "phone":
                self.b.size(1000, 680)
            self.b.screenshot(os.path.join(PICTURES, name + ".png"))
            if name != "phone":
                self.b.size(1280, 860)

    def quiet(self):
        self.assertEqual(self.b.complaints(), [])

    def confirm(self):
        self.b.click("dialog button[value=yes]")
