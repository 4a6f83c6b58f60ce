"""The step view in a real browser: forwards to a barrier and a held input that is named, back to
the same picture, killed and begun anew; by keys and on a phone."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import browser
import served
import tcp

EVENT = r"event (\d+),"
PICTURE = """
return [...document.querySelectorAll('.step-picture, .step-words')].map(n => n.innerHTML).join('')
"""


@unittest.skipIf(browser.missing(), "no %s here" % browser.missing())
class StepView(served.Case):
    @classmethod
    def setUpClass(cls):
        cls.b = browser.Browser()
        cls.addClassCleanup(cls.b.close)

    def setUp(self):
        super().setUp()
        self.b.size(1280, 860)
        self.b.complaints()  # those of the test before
        self.b.console.clear()
        self.serve(*tcp.options(self))
        self.b.open("%s/#token=%s&/step" % (tcp.Door(self.server).url, tcp.TOKEN))
        self.at(0)

    def at(self, n):
        """Waits until event n was the last."""
        self.b.until_text("event %s," % format(n, ","), "[data-at]")

    def event(self):
        return int(self.b.until_text(EVENT, "[data-at]").group(1))

    def until_event_after(self, n, way="key", what="b"):
        (self.b.key if way == "key" else self.b.click)(what)
        self.b.until("an event after %d" % n,
                     "return Number(/event ([0-9]+)/.exec(document.querySelector('[data-at]')"
                     ".innerText)[1]) > arguments[0]", n)
        return self.event()

    def picture(self):
        return self.b.run(PICTURE)

    def until_held(self):
        """On from barrier to barrier until an input is held; the event."""
        n = self.event()
        for _ in range(30):
            n = self.until_event_after(n)
            if self.b.run("return document.querySelectorAll('[data-held]').length"):
                return n
        self.fail("no input was ever held: " + self.b.text())

    def test_a_barrier_holds_an_input_and_back_is_the_same_picture(self):
        b = self.b
        n = self.until_held()
        self.assertEqual(b.run("return document.querySelectorAll('[data-task]').length"), 5)
        words = b.until_text(r"both/0 takes nothing from (\w+)/0: barrier (\d+) came here and not "
                             r"from (\w+)/0 yet", ".step-words")
        self.assertEqual({words.group(1), words.group(3)}, {"quick", "slow"})
        b.until_text(r"Checkpoint %s: \d of 5 parts" % words.group(2), ".step-words")
        lane = "[data-lane^='%s/0>']" % words.group(1)
        held = b.run("return document.querySelectorAll(arguments[0] + '[data-held]').length", lane)
        self.assertEqual(held, 1)
        was = self.picture()
        b.click("[data-do=next]")
        self.at(n + 1)
        self.assertNotEqual(self.picture(), was)
        b.click("[data-do=back]")
        self.at(n)
        self.assertEqual(self.picture(), was)
        # A reload finds the session again.
        b.ask("/refresh")
        self.at(n)
        self.assertEqual(self.picture(), was)
        self.assertEqual(b.complaints(), [])

    def test_killed_it_begins_anew_from_a_checkpoint_and_finishes(self):
        b = self.b
        n = 0
        for _ in range(40):
            n = self.until_event_after(n)
            if "is published" in b.text(".step-said"):
                break
        b.key("k")
        b.until_text("No process: it was killed.* would go back to checkpoint 1", ".step-words")
        self.assertEqual(b.run("return document.querySelectorAll('.task.ghost').length"), 5)
        b.key("n")  # no key of this view
        self.until_event_after(n, "click", "[data-do=next]")
        b.until_text("a new process: .* goes back to checkpoint 1", ".step-said")
        b.run("document.querySelector('select').value = 40")
        b.key(" ")
        b.until_text("Pause", "[data-do=play]")
        n = self.event()
        b.until("playing goes on", "return Number(/event ([0-9]+)/.exec(document.querySelector("
                "'[data-at]').innerText)[1]) > arguments[0] + 5", n)
        b.key(" ")
        b.until_text("Play", "[data-do=play]")
        self.server.ask("POST", "/v1/steps/1/next", 200, n=10000)
        b.ask("/refresh")
        b.until_text("That was all", ".step-words")
        self.assertTrue(b.run("return document.querySelector('[data-do=next]').disabled"))
        b.click("[data-do=back]")
        b.until("not over", "return !document.querySelector('[data-do=next]').disabled")
        self.assertEqual(b.complaints(), [])

    def test_a_job_of_ones_own_and_a_phone(self):
        b = self.b
        b.size(390, 800)
        b.prefers("dark")
        self.until_held()
        wide = b.run("return [document.documentElement.scrollWidth, innerWidth]")
        self.assertLessEqual(wide[0], wide[1], "the page is wider than the phone")
        self.assertTrue(b.run("return document.querySelector('.steps.stacked') !== null"))
        small = b.run("const r = document.querySelector('.steps').getBoundingClientRect();"
                      "return r.width / document.querySelector('.steps').viewBox.baseVal.width")
        self.assertGreater(small, 0.9)
        b.run("document.querySelector('details').open = true")
        b.type("textarea[name=job]", '{"name": "x"}')
        b.click("[data-do=own]")
        b.until_text("'pipeline' is missing", "details")
        b.type("textarea[name=job]", '{"name": "mine", "pipeline": [{"id": "rows", "type": '
               '"generator_source", "rows": 9, "fields": {"n": "i"}}, {"id": "out", "type": '
               '"blackhole_sink"}]}')
        b.click("[data-do=own]")
        b.until_text("Step by step: mine", "h1")
        self.at(0)
        self.assertEqual([s["job"] for s in self.server.get("/v1/steps")["steps"]], ["mine"])


if __name__ == "__main__":
    unittest.main(verbosity=2)
