"""A server whose disk is full: nothing new is taken, what cannot be noted is not done and says
so, what runs goes on as far as it can; with space again everything goes on. Needs root, for a
small file system of its own."""

import json
import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import served
import small_disk
import weir


class Full(served.Case):
    def setUp(self):
        super().setUp()
        self.small = small_disk.mount(self, "4m")

    def tearDown(self):
        for p in self.processes:
            p.kill9()
        weir.until("the end of all", lambda: not self.server.pids())
        try:
            super().tearDown()
        finally:
            small_disk.unmount(self.small)

    def fill(self):
        with open(os.path.join(self.small, "filling"), "ab", buffering=0) as f:
            for size in (1 << 16, 1 << 12, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass

    def free(self):
        os.unlink(os.path.join(self.small, "filling"))

    def test_nothing_is_taken_or_lost(self):
        server = self.serve(data="small/data")
        restart = {"strategy": "fixed_delay", "initial": "50ms"}
        server.submit(self.count_job(rate=50, restart=restart))
        server.submit(served.ticking("rests", checkpoint={"interval": "1h"}))
        self.until_checkpoint("count", above=1)
        server.until_state("rests", "RUNNING")
        server.act("rests", "stop")
        self.fill()
        answer = server.call("POST", "/v1/jobs", json.dumps(served.bounded()))
        self.assertEqual((answer.status, answer.json()["code"]), (503, "E_NO_SPACE"), str(answer))
        self.assertIsNone(server.state("short"))
        for verb in ("restart", "remove"):
            answer = server.call("POST", "/v1/jobs/rests/" + verb)
            self.assertEqual(answer.status, 202, str(answer))
            action = server.act_end(answer.json())
            self.assertEqual((action["state"], action["code"]), ("failed", "E_NO_SPACE"), action)
            self.assertIn("nothing was done", action["error"])
            self.assertEqual(server.state("rests"), "STOPPED")
        self.assertEqual(self.ask("list").code, 0)
        said = self.ask("stop", "count")
        self.assertEqual(said.code, 1, str(said))
        self.assertIn("No space left", said.err)
        self.assertIn(server.state("count"), ("RUNNING", "WAITING", "STARTING"))
        self.free()
        newest = server.newest("count")
        weir.until("a checkpoint", lambda: server.newest("count") > newest)
        server.act("rests", "restart")
        server.act("rests", "cancel")
        server.submit(self.count_job(restart=restart), replace=1)
        server.until_state("count", "FINISHED")
        self.check()

    def test_a_server_killed_on_a_full_disk_starts_again_on_it(self):
        server = self.serve(data="small/data")
        restart = {"strategy": "fixed_delay", "initial": "50ms"}
        server.submit(self.count_job(rate=50, restart=restart))
        server.submit(served.ticking("rests"))
        self.until_checkpoint("count", above=1)
        server.until_state("rests", "RUNNING")
        server.act("rests", "stop")
        self.fill()
        server.kill9()
        server = self.serve(data="small/data")
        self.assertEqual(server.state("rests"), "STOPPED")
        self.assertNotEqual(server.state("count"), "STOPPED")
        self.free()
        weir.until("it", lambda: server.state("count") in ("RUNNING", "FINISHED"))
        server.submit(self.count_job(restart=restart), replace=1)
        server.until_state("count", "FINISHED")
        self.check()


if __name__ == "__main__":
    unittest.main(verbosity=2)
