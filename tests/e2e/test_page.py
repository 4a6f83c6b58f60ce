"""The page in a real browser (Debian's chromium, headless): a job is submitted on it, watched,
killed, seen to recover and asked for its state; what is hostile stays text; keys, phones, dark and
light.

WEIR_PICTURES=docs/img writes the pictures of README.md and docs/PAGE.md there. Skipped without
chromium."""

import gzip
import json
import os
import re
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import paged
import serve
import tcp
import weir

PAGE_BYTES = 60000  # all of it, as it is served
VIEWS = ["", "/checkpoints", "/recoveries", "/state", "/tail", "/log", "/errors", "/config"]
HOSTILE = "<img src=x onerror=\"window.pwned=1\"><script>window.pwned=1</script>&amp;'"


class Page(paged.Case):
    # ---- one job's life ----

    def submit_on_the_page(self, job):
        """With a mistake in it first."""
        b = self.b
        b.click("nav a[href='#/submit']")
        wrong = json.dumps(job, indent=1).replace("keyed_sum", "keyed_summ")
        b.type("textarea", wrong)
        b.click("form button.main")
        self.confirm()
        said = b.until_text(r"line (\d+), column (\d+).*did you mean 'keyed_sum'", ".faults")
        line = 1 + wrong[: wrong.index("keyed_summ")].count("\n")
        self.assertEqual(int(said.group(1)), line)
        self.picture("submit")
        b.type("textarea", json.dumps(job))
        b.click("form button.main")
        b.until_text("Submit clicks", "dialog")
        self.confirm()
        b.until("the job's page", "return location.hash === '#/jobs/clicks'")

    def counted(self):
        """The records that the page shows as read by this process."""
        said = self.b.until_text(r"([\d,]+) by this process", ".figures")
        return int(said.group(1).replace(",", ""))

    def watch_it(self):
        b = self.b
        first = self.counted()
        weir.until("counts that move", lambda: self.counted() > first)
        b.until("four stages with their rates", """
            const all = [...document.querySelectorAll('.graph .stage .strong')];
            return all.length === 4 && all.every(n => /[1-9].*\\/s/.test(n.textContent))""")
        b.until("edges with theirs", """
            const all = [...document.querySelectorAll('.graph .on-edge')];
            return all.length === 3 && all.every(n => /\\/s/.test(n.textContent))""")
        b.click(".graph .stage:nth-of-type(n+1) .box")
        self.picture("job")

    def kill_it(self):
        b, old = self.b, self.server.pid("clicks")
        self.go("#/jobs/clicks/recoveries")
        b.until_text("never interrupted")
        serve.kill(old)
        b.until_text(r"killed by signal 9 .Killed.: restored checkpoint \d+ in [\d.]+ m?s",
                     ".recovery")
        b.until("another process on the page", """
            const pid = /pid (\\d+)/.exec(document.body.innerText);
            return pid && +pid[1] !== arguments[0]""", old)
        b.until_text("running", ".view .pill")
        self.picture("recovery")

    def open_a_timeline(self):
        b = self.b
        b.click("button[data-act=checkpoint]")
        b.until_text("The job goes on meanwhile", "dialog")
        self.confirm()
        id = b.until_text(r"Checkpoint: done, checkpoint ([\d,]+)", "#says").group(1)
        b.click(".tabs a[href$='/checkpoints']")
        row = "tr[data-href$='/checkpoints/%s']" % id.replace(",", "")
        b.until_text("manual", row)
        self.stays(row)
        self.picture("checkpoints")
        b.click(row)
        b.until("a line for each subtask", """
            const all = [...document.querySelectorAll('.timeline g > text')]
                .map(n => n.textContent);
            return ['clicks/0', 'clicks/1', 'views/0', 'views/1', 'out/1']
                .every(n => all.includes(n))""")
        b.until_text("Most of it|waited", "#sentence")
        self.picture("timeline")

    def stays(self, row):
        """As checkpoints come, a row that is there stays that element, and keeps the focus."""
        b = self.b
        b.run("window.row = document.querySelector(arguments[0]); row.focus()", row)
        numbers = "[...document.querySelectorAll('tbody th')].map(n => +n.innerText)"
        first = b.run("return %s[0]" % numbers)
        b.until("two more checkpoints", "return %s[0] >= arguments[0]" % numbers, first + 2)
        self.assertTrue(b.run("return row.isConnected && row === document.activeElement"))
        b.until("each of them, the newest above",
                "return %s.every((n, i, all) => n === all[0] - i)" % numbers)

    def query_a_key(self):
        b = self.b
        self.go("#/jobs/clicks/state")
        b.type("input[name=key]", "77")
        b.click("form button.main")
        views = int(b.until_text(r"77\s+([\d,]+)", ".view table tbody").group(1).replace(",", ""))
        self.assertGreater(views, 0)
        b.until_text(r"as subtask \d+ has it now", ".view .scroll")
        # The list of checkpoints goes on with the job: it has the newest 20 of those that are kept.
        newest = "return Number(document.querySelector('select[name=at]').options[2].value)"
        first = b.run(newest)
        b.until("a later checkpoint to choose", newest + " > arguments[0] + 3", first)
        b.until("of the others the newest", "return document.querySelector('select[name=at]')"
                ".options.length <= 22")
        b.run("const s = document.querySelector('select[name=at]'); s.value = s.options[1].value;")
        b.click("form button.main")
        b.until_text(r"as of checkpoint", ".view .scroll")
        self.picture("state")

    def test_a_job_is_submitted_watched_killed_and_asked(self):
        self.begin()
        self.b.until_text("Nothing runs here yet")
        self.assertEqual(self.b.run("return location.href"), self.url + "/")
        # Of the page's 60 rows one must be there for longer than a slow browser takes.
        slowly = {"interval": "1s", "retain": 300}
        self.submit_on_the_page(paged.clicks(checkpoint=slowly))
        self.watch_it()
        self.open_a_timeline()
        self.query_a_key()
        self.kill_it()
        self.b.click("button[data-act=stop]")
        self.confirm()
        self.b.until_text("stopped", ".view .pill")
        self.assertEqual(self.server.jobs()["clicks"]["state"], "STOPPED")
        self.b.click("button[data-act=remove]")
        self.confirm()
        self.b.until_text("Nothing runs here yet")
        # A 4xx of ours is a line in the browser's console: the job with the mistake.
        said = [line for line in self.b.complaints() if "422" not in line]
        self.b.console.clear()
        self.assertEqual(said, [])

    # ---- what others wrote ----

    def test_hostile_texts_stay_texts(self):
        job = paged.clicks("hostile", rate=50)
        job["pipeline"] = [
            {"id": "rows", "type": "generator_source", "rate": 50,
             "fields": {"row": "'%s' || i" % HOSTILE.replace("'", "''")}},
            {"id": "out", "type": "print_sink"},
        ]
        self.begin(job, path="#/jobs/hostile/config")
        self.b.until_text(re.escape("<script>window.pwned=1</script>"), ".view pre")
        self.picture("config")
        for tab in ("tail", "log"):  # a row as CSV
            self.go("#/jobs/hostile/" + tab)
            self.b.until("the view of " + tab, "return !!document.querySelector("
                         "'.tabs a[aria-current][href$=\"/%s\"]')" % tab)
            self.b.until_text(re.escape(HOSTILE.replace('"', '""')) + r"\d", ".view pre")
            self.picture(tab)
        self.go("#/jobs/%3Cimg%20src=x%20onerror=alert(1)%3E")
        self.b.until_text("no job can have this name", "main")
        self.assertIsNone(self.b.run("return window.pwned || null"))
        made = "return document.querySelectorAll('main img, main script').length"
        self.assertEqual(self.b.run(made), 0)
        said = [line for line in self.b.complaints() if "404" not in line]
        self.b.console.clear()
        self.assertEqual(said, [])

    # ---- token ----

    def test_without_the_token_it_asks_for_it(self):
        self.begin(paged.clicks())
        self.b.run("sessionStorage.clear()")
        self.b.open("about:blank")
        self.b.open(self.url + "/")
        self.b.type("dialog input[name=token]", "not-the-token")
        self.confirm()
        self.b.until_text("was refused", "dialog")
        self.b.type("dialog input[name=token]", tcp.TOKEN)
        self.confirm()
        self.b.until_text("clicks", ".view table")
        said = [line for line in self.b.complaints() if "401" not in line]
        self.b.console.clear()
        self.assertEqual(said, [])

    # ---- people ----

    def keys(self):
        b = self.b
        b.until("two rows", "return document.querySelectorAll('tbody tr').length === 2")
        b.key("j", "j")
        b.until("the second row has the focus",
                "return document.activeElement === document.querySelectorAll('tbody tr')[1]")
        b.key("k")
        b.key("Enter")
        b.until("the first job", "return location.hash === '#/jobs/clicks'")
        b.until_text("Graph", ".view")
        b.key("2")
        b.until("its second tab", "return location.hash === '#/jobs/clicks/checkpoints'")
        b.key("u")
        b.until("up", "return location.hash === '#/jobs/clicks'")
        b.key("?")
        b.until_text("Keys", "dialog")
        b.key("Escape")
        b.until("the dialog's end", "return !document.querySelector('dialog')")
        b.key("g", "j")
        b.until("all jobs", "return location.hash === '#/jobs'")

    def colours(self):
        b, back = self.b, "return getComputedStyle(document.documentElement).backgroundColor"
        light = b.run(back)
        b.prefers("dark")
        b.until("dark", back + " !== arguments[0]", light)
        b.until_text(r"[1-9]\S*/s", "tbody")
        self.picture("jobs")
        b.key("t")
        b.until("light by hand", back + " === arguments[0]", light)
        b.run("localStorage.clear()")

    def phone(self):
        b = self.b
        b.size(390, 844)
        for view in ["#/jobs", "#/submit"] + ["#/jobs/clicks" + tab for tab in VIEWS]:
            self.go(view)
            b.until("%s is drawn" % view, "return location.hash === arguments[0] && "
                    "document.querySelector('main .view').childElementCount > 0", view)
            if view == "#/jobs/clicks":
                b.until_text(r"busy \d", ".view")  # a picture has no innerText of its own
                self.picture("phone")
            wide = b.run("return document.documentElement.scrollWidth")
            self.assertLessEqual(wide, 390, view)

    def test_keys_phones_dark_and_light(self):
        self.begin(paged.clicks(), paged.clicks("more", rate=900))
        self.keys()
        self.colours()
        self.phone()
        self.quiet()

    def test_the_page_is_small(self):
        folder, total = os.path.join(weir.ROOT, "server", "web"), 0
        for name in os.listdir(folder):
            with open(os.path.join(folder, name), "rb") as f:
                total += len(gzip.compress(f.read(), 9))
        print("the page: %d bytes compressed" % total, file=sys.stderr)
        self.assertLess(total, PAGE_BYTES)


if __name__ == "__main__":
    unittest.main()
