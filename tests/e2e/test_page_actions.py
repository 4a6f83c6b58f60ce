"""What the page does to a job, in a real browser: each button with its confirmation, and what comes
of it on the page and in the job; what is declined and what is refused; what went wrong; all by
keys alone; and not a byte from another host."""

import os
import sys
import unittest
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import browser
import paged
import served

POSTS = """return performance.getEntriesByType('resource').map(r => r.name)
    .filter(n => n.includes('/%s'))"""
WIRES = ("http", "https", "ws", "wss", "ftp")


class Actions(paged.Case):
    @classmethod
    def open_browser(cls):
        return browser.Browser(network=True)

    def press(self, kind, words):
        """A button; its dialog says these words."""
        self.b.click("button[data-act=%s]" % kind)
        self.b.until_text(words, "dialog")

    def decline(self, kind, words, way):
        """The button is pressed and nothing is sent."""
        self.press(kind, words)
        way()
        self.b.until("the dialog's end", "return !document.querySelector('dialog')")
        self.assertEqual(self.b.run(POSTS % kind), [])

    def do(self, kind, words, done, fields=lambda: None):
        self.press(kind, words)
        fields()
        self.confirm()
        self.b.until_text(done, "#says")

    def denied(self, words):
        self.b.until_text(words, "#says .bad")
        self.b.run("document.getElementById('says').textContent = ''")

    def escape(self):
        self.b.key("Escape")

    def cancel(self):
        self.b.click("dialog button[value='']")

    def pid(self, name="clicks"):
        return self.server.job(name)["pid"]

    def until_pid_after(self, old, name="clicks"):
        self.b.until("another process on the page", """
            const pid = /pid (\\d+)/.exec(document.querySelector('.view').innerText);
            return pid && +pid[1] !== arguments[0]""", old)
        self.b.until_text("running", ".view .pill")
        self.server.until_state(name, "RUNNING")
        self.assertNotEqual(self.pid(name), old)

    def buttons(self):
        return self.b.run("return [...document.querySelectorAll('button[data-act]')]"
                          ".filter(n => !n.hidden).map(n => n.dataset.act)")

    def views(self, n):
        """Of visitor 77 as the newest checkpoint has it: never less than before."""
        row, = self.server.get("/v1/jobs/clicks/state/views", key="77")["rows"]
        self.assertGreaterEqual(row["sum"], n)
        return row["sum"]

    # ---- savepoint, rescale, restart, stop, remove ----

    def savepoints(self):
        return [s["name"] for s in self.server.get("/v1/jobs/clicks/savepoints")["savepoints"]]

    def take_savepoints(self):
        self.decline("savepoint", "a directory of its own", self.escape)
        name = lambda text: lambda: self.b.type("dialog input[name=name]", text)
        self.do("savepoint", "Savepoint: clicks", r"Savepoint: done, checkpoint \d", name("before"))
        self.assertEqual(self.savepoints(), ["before"])
        self.assertTrue(os.path.isdir(self.server.get("/v1/jobs/clicks/savepoints")
                                      ["savepoints"][0]["dir"]))
        # Of a name that is none the form itself says so, and nothing is sent.
        self.press("savepoint", "Name")
        name("a/b")()
        self.confirm()
        wrong = "return document.querySelector('dialog input:invalid') !== null"
        self.assertTrue(self.b.run(wrong))
        name("before")()
        self.confirm()
        self.denied("before")
        self.assertEqual(self.savepoints(), ["before"])

    def rescale(self):
        b, old = self.b, self.pid()
        self.decline("rescale", "this many subtasks", self.cancel)
        self.do("rescale", "Rescale: clicks", "Rescale: done",
                lambda: b.type("dialog input[name=parallelism]", "3"))
        self.until_pid_after(old)
        b.until_text("rescaled to 3", ".view")
        b.until("three subtasks in the graph", "return [...document.querySelectorAll("
                "'.graph .type')].filter(n => n.textContent.endsWith('×3')).length === 4")
        job = self.server.job("clicks")
        self.assertEqual(job["parallelism"], 3)
        self.assertEqual({s["parallelism"] for s in job["facts"]["stages"]}, {3})
        self.go("#/jobs/clicks/config")
        b.until_text("Said beside it.*parallelism\\s+3", ".view")
        self.go("#/jobs/clicks")

    def stop_and_restart(self):
        b, old = self.b, self.pid()
        self.decline("restart", "in a new process", self.escape)
        self.do("restart", "Restart: clicks", "Restart: done")
        self.until_pid_after(old)
        self.decline("stop", "stays stopped", self.cancel)
        self.do("stop", "Stop: clicks", r"Stop: done, checkpoint \d",
                lambda: b.click("dialog input[name=savepoint]"))
        b.until_text("stopped", ".view .pill")
        self.assertEqual(self.server.state("clicks"), "STOPPED")
        self.assertEqual(len(self.savepoints()), 2)
        self.assertEqual(self.buttons(), ["rescale", "restart", "remove"])
        self.assertIsNone(self.server.pid("clicks"))

    def remove(self):
        """Not what would take savepoints along, unless that is said."""
        b, folder = self.b, self.server.folder("clicks")
        self.decline("remove", "cannot be undone", self.cancel)
        self.press("remove", "Remove: clicks")
        self.confirm()
        self.denied("savepoint")
        self.assertTrue(os.path.isdir(folder))
        self.press("remove", "Remove: clicks")
        b.click("dialog input[name=with_savepoints]")
        self.confirm()
        b.until_text("Nothing runs here yet")
        self.assertEqual(self.server.jobs(), {})
        self.assertFalse(os.path.exists(folder))

    def test_savepoint_rescale_restart_stop_and_remove(self):
        self.begin(paged.clicks(), path="#/jobs/clicks")
        self.until_checkpoint("clicks")
        self.take_savepoints()
        n = self.views(1)
        self.rescale()
        n = self.views(n)
        self.stop_and_restart()
        self.views(n)
        self.remove()
        self.only_complaints_of("409")
        self.offline()

    # ---- kill, cancel, and what is too late ----

    def kill(self):
        b, old = self.b, self.pid()
        self.decline("kill", "as a crash would", self.escape)
        self.assertEqual(self.pid(), old)
        self.do("kill", "nothing is lost", "Kill: done")
        self.until_pid_after(old)
        for tab in ("recoveries", "errors"):
            self.go("#/jobs/clicks/" + tab)
            b.until_text(r"killed by signal 9.*checkpoint \d", ".view")

    def too_late(self):
        """Confirmed when the job is over: refused, and said."""
        self.press("checkpoint", "goes on meanwhile")
        self.server.act("clicks", "stop")
        self.confirm()
        self.denied("clicks|STOPPED|stopped")
        self.assertEqual(self.server.state("clicks"), "STOPPED")
        self.b.until("what can still be done", "return !document.querySelector("
                     "'button[data-act=checkpoint]:not([hidden])')")

    def test_kill_cancel_and_an_action_that_comes_too_late(self):
        self.begin(paged.clicks(), paged.clicks("doomed"), path="#/jobs/clicks")
        self.until_checkpoint("clicks")
        self.kill()
        self.too_late()
        self.go("#/jobs/doomed")
        self.b.until_text("doomed", "h1")
        old = self.pid("doomed")
        self.decline("cancel", "without a last checkpoint", self.cancel)
        self.assertEqual(self.pid("doomed"), old)
        self.press("cancel", "at once")
        self.confirm()
        self.b.until_text("cancelled", ".view .pill")
        self.assertEqual(self.server.state("doomed"), "CANCELLED")
        self.assertIsNone(self.server.pid("doomed"))
        self.assertEqual(self.buttons(), ["rescale", "restart", "remove"])
        self.b.until_text("It ended.*Graph", ".view")  # what it was
        self.only_complaints_of("409")

    # ---- what went wrong ----

    def dividing(self, name, by, **more):
        job = served.ticking(name, rate=200, checkpoint={"interval": "300ms"})
        job["pipeline"].insert(1, {"id": "part", "type": "map", "set": {"x": "1000 / (%s)" % by},
                                   **more})
        return job

    def test_what_went_wrong_stands_in_one_place(self):
        self.begin(self.dividing("dirty", "n % 10", on_error="skip"), path="#/jobs/dirty")
        self.server.submit(self.dividing("fails", "n - 50"))
        self.server.until_state("fails", "FAILED")
        b = self.b
        b.click(".tabs a[href$='/errors']")
        b.until_text(r"Left out \(on_error: skip\): [\d,]+ records by part", "#left-out")
        b.until_text("warn.*part.*row 0:.*division by zero", ".view table")
        self.picture("errors")
        self.go("#/jobs/fails/errors")
        b.until_text("failed.*row 50:.*division by zero.*exit 1", ".view table")
        self.go("#/jobs")
        b.until_text("fails.*division by zero.*failed", "tbody")
        self.assertEqual(b.complaints(), [])

    # ---- keys alone ----

    def tab_to(self, what, script):
        for _ in range(60):
            if self.b.run("const n = document.activeElement; return " + script):
                return
            self.b.key("Tab")
        self.fail("Tab does not lead to " + what)

    def until_hash(self, hash):
        self.b.until(hash, "return location.hash === arguments[0]", hash)

    def test_all_of_it_by_keys(self):
        self.begin(paged.clicks())
        self.until_checkpoint("clicks")
        b = self.b
        b.until("a row", "return document.querySelectorAll('tbody tr').length === 1")
        b.key("j", "Enter")
        self.until_hash("#/jobs/clicks")
        b.until("its tabs", "return !!document.querySelector('.tabs a')")
        b.key("4")
        self.until_hash("#/jobs/clicks/state")
        b.find("input[name=key]")
        b.key("/", "7", "7", "Enter")
        b.until_text(r"77\s+\d", ".view table tbody")
        self.tab_to("another place", "n.tagName === 'BUTTON'")
        b.key("2")
        self.until_hash("#/jobs/clicks/checkpoints")
        b.until("rows", "return document.querySelectorAll('tbody tr').length > 0")
        b.key("j", "Enter")
        b.until_text("Most of it|waited", "#sentence")
        b.key("u", "u")
        self.until_hash("#/jobs/clicks")
        b.run("document.getElementById('main').focus()")
        self.tab_to("Stop", "n.dataset.act === 'stop'")
        b.key("Enter")
        b.until_text("stays stopped", "dialog")
        self.tab_to("drain", "n.name === 'drain'")
        self.tab_to("Stop it", "n.value === 'yes'")
        b.key("Enter")
        b.until_text("stopped", ".view .pill")
        self.assertEqual(self.server.state("clicks"), "STOPPED")
        self.assertEqual(b.complaints(), [])

    # ---- what the browser has to say ----

    def only_complaints_of(self, status):
        """A 4xx of ours is a line in the browser's console."""
        said = [line for line in self.b.complaints() if status not in line]
        self.b.console.clear()
        self.assertEqual(said, [])

    def offline(self):
        """All that the browser asked for since it was started; tests before had other ports."""
        asked = self.b.addresses()
        self.assertTrue([a for a in asked if a.startswith(self.url + "/v1/jobs")], asked)
        parts = [urllib.parse.urlsplit(a) for a in asked]  # chrome://... is its own first page
        self.assertEqual({p.hostname for p in parts if p.scheme in WIRES}, {"127.0.0.1"})


if __name__ == "__main__":
    unittest.main()
