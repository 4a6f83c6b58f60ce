"""`weir state` and `weir fsck`: what a directory holds, shown and verified without its owner."""

import csv
import io
import json
import os
import random
import sys
import unittest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "lib"))
import oracle
import weir


class Tools(weir.Case):
    def small(self):
        self.write("in.txt", "the fox, the dog\nthe cat\n")
        job = self.write("job.json", weir.word_count_job("in.txt", "out"))
        self.ok("run", job, "--dir", self.path("d"))
        return self.path("d")

    def long_run(self, rate=4000, **more):
        """A job killed in mid-stream: its directory."""
        weir.text(random.Random(5), self.path("in.txt"), 60000, 8)
        job = weir.word_count_job("in.txt", "out", rate=rate, interval="40ms", **more)
        process = self.start("run", self.write("job.json", job), "--dir", self.path("d"))
        self.until_checkpoint(process, self.path("d"), 6)
        return process

    def rows(self, *args):
        found = csv.reader(io.StringIO(self.ok(*args).out), strict=True)
        return next(found), list(found)

    # --- state ---

    def test_golden_what_a_small_state_looks_like(self):
        d = self.small()
        self.assertEqual(self.ok("state", "get", d, "the").out, "word,sum\nthe,3\n")
        self.assertEqual(
            self.ok("state", "get", d, "the", "--json").out, '{"word":"the","sum":3}\n'
        )
        self.assertEqual(self.ok("state", "get", d, "fox,").out, 'word,sum\n"fox,",1\n')
        header, rows = self.rows("state", "scan", d)
        self.assertEqual(header, ["word", "sum"])
        self.assertEqual(
            sorted(rows), [["cat", "1"], ["dog", "1"], ["fox,", "1"], ["the", "3"]]
        )
        said = self.ok("state", "ls", d).out
        self.assertRegex(said, "(?s)checkpoint 2 of .*4 keys.*count +.word string. -> .sum int64")
        shown = self.ok("state", "ls", d, "--json").json()
        self.assertEqual((shown["checkpoint"], shown["keys"]), (2, 4))
        stage = [s for s in shown["states"] if s["stage"] == "count"][0]
        self.assertEqual(stage["key"], [{"name": "word", "type": "string", "nullable": False}])
        self.assertEqual(stage["value"], [{"name": "sum", "type": "int64", "nullable": False}])
        self.assertEqual(
            self.ok("state", "diff", d, 1, 2, "--limit", 1).out.split(",")[:3],
            ["change", "word", "was_sum"],
        )
        self.assertIn("4 added, 0 removed, 0 changed", self.ok("state", "diff", d, 1, 2).err)

    def test_what_is_asked_for_wrongly_is_said(self):
        d = self.small()
        self.refused(4, ["no key 'nope'", "checkpoint 2"], "state", "get", d, "nope")
        self.refused(4, ["no checkpoint 9", "it has: 2, 1"], "state", "ls", d, "--at", 9)
        self.refused(4, ["named 'x'"], "state", "scan", d, "--at", "x")
        self.refused(4, ["'lines'", "it has: count"], "state", "scan", d, "--stage", "lines")
        self.refused(2, ["did you mean 'scan'"], "state", "scann", d)
        self.refused(2, ["needs more"], "state", "get", d)
        self.refused(2, ["too many"], "state", "ls", d, "x")
        self.refused(2, ["--limit is not for"], "state", "get", d, "the", "--limit", 3)
        self.refused(4, ["nowhere"], "state", "ls", self.path("nowhere"))
        os.mkdir(self.path("up"))
        os.rename(d, self.path("up", "d"))
        self.refused(4, ["try: weir state ls"], "state", "ls", self.path("up"))
        self.refused(4, ["try: weir fsck"], "fsck", self.path("up"))

    def test_typed_keys_of_several_fields(self):
        job = {
            "name": "typed",
            "checkpoint": {"interval": "1s"},
            "pipeline": [
                {
                    "id": "gen",
                    "type": "generator_source",
                    "rows": 5000,
                    "fields": {
                        "n": "i % 50 - 25",
                        "who": "case when i % 3 = 0 then null else 'a,' || (i % 4)::text end",
                        "v": "case when i % 7 = 0 then null else i end",
                    },
                },
                {"id": "sums", "type": "keyed_sum", "key": ["n", "who"], "value": "v"},
                {"id": "out", "type": "blackhole_sink"},
            ],
        }
        self.ok("run", self.write("job.json", job), "--dir", self.path("d"))
        want = {}
        for i in range(5000):
            who = None if i % 3 == 0 else "a,%d" % (i % 4)
            s = want.setdefault((i % 50 - 25, who), [0, 0])
            if i % 7:
                s[0] += i
                s[1] += 1
        header, rows = self.rows("state", "scan", self.path("d"))
        self.assertEqual(header, ["n", "who", "sum", "count"])
        found = {(int(n), who or None): (total, count) for n, who, total, count in rows}
        self.assertEqual(
            found, {k: (str(s) if c else "", str(c)) for k, (s, c) in want.items()}
        )
        got = self.ok("state", "get", self.path("d"), "--", '-24,"a,1"').out
        self.assertEqual(got.split("\n")[1], '-24,"a,1",%d,%d' % tuple(want[(-24, "a,1")]))
        got = self.ok("state", "get", self.path("d"), "--json", "--", "-25,").json()
        self.assertEqual((got["n"], got["who"], got["sum"]), (-25, None, want[(-25, None)][0]))
        self.refused(2, ["no int64", "'n'", "-42"], "state", "get", self.path("d"), "x,y")

    def test_inv7_an_export_is_the_state(self):
        process = self.long_run(parallelism=2)
        self.assertTrue(process.kill9())
        for ext in ("csv", "jsonl"):
            self.ok("state", "export", self.path("d"), self.path("all." + ext))
        with open(self.path("all.csv")) as f:
            rows = list(csv.reader(f, strict=True))
        with open(self.path("all.jsonl")) as f:
            objects = [json.loads(line) for line in f]
        self.assertEqual(rows[0], ["word", "sum"])
        sums = {word: int(n) for word, n in rows[1:]}
        self.assertEqual(sums, {o["word"]: o["sum"] for o in objects})
        self.assertEqual(len(sums), len(rows) - 1)
        # Every record that was read in the newest checkpoint is in it, and nothing else: what a
        # restart emits goes on from these sums.
        newest = self.ok("checkpoints", self.path("d"), "--json").json()["checkpoints"][-1]
        self.assertEqual(len(sums), newest["keys"])
        self.refused(5, ["exists"], "state", "export", self.path("d"), self.path("all.csv"))
        self.ok("run", self.path("job.json"), "--dir", self.path("d"))
        after = {w: int(n) for w, n in self.rows("state", "scan", self.path("d"))[1]}
        self.assertEqual(after, oracle.word_count(self.path("in.txt")))
        self.assertTrue(all(after[w] >= n for w, n in sums.items()))

    def test_a_difference_leads_from_one_state_to_the_other(self):
        self.assertTrue(self.long_run(parallelism=2).kill9())
        d = self.path("d")
        ids = [c["id"] for c in self.checkpoints(d)]
        states = {
            id: dict(map(tuple, self.rows("state", "scan", d, "--at", id)[1])) for id in ids
        }
        for a in ids:
            for b in ids:
                header, rows = self.rows("state", "diff", d, a, b)
                self.assertEqual(header, ["change", "word", "was_sum", "sum"])
                made = dict(states[a])
                for change, word, was, now in rows:
                    self.assertEqual(made.get(word, ""), was)
                    kind = "added" if not was else "changed" if now else "removed"
                    self.assertEqual(change, kind)
                    made[word] = now
                self.assertEqual({w: n for w, n in made.items() if n}, states[b])

    def test_a_live_directory_is_never_called_corrupt(self):
        process = self.long_run(rate=800, parallelism=2)  # 75 s: longer than the looks take
        d, looks = self.path("d"), 0
        while process.running() and looks < 20:
            looks += 1
            for args in (["fsck", d], ["state", "scan", d], ["state", "get", d, "w1"]):
                said = self.weir(*args)
                self.assertIn(said.code, (0, 4), str(said))
        self.assertGreater(looks, 3)
        process.kill9()

    # --- fsck ---

    def test_a_sound_directory_has_no_fault(self):
        self.assertTrue(self.long_run().kill9())
        said = self.ok("fsck", self.path("d"))
        self.assertRegex(said.out, "no fault. A start goes on from checkpoint [0-9]+, which is int")
        facts = self.ok("fsck", self.path("d"), "--json").json()
        self.assertTrue(facts["intact"])
        self.assertEqual(facts["faults"], [])
        ids = [c["id"] for c in facts["checkpoints"]]
        self.assertEqual(ids, [c["id"] for c in self.checkpoints(self.path("d"))])
        self.assertEqual(facts["chosen"], ids[-1])

    def test_inv33_a_slice_of_flips_and_cuts_each_found(self):
        self.assertTrue(self.long_run().kill9())
        rng = random.Random(weir.seed())
        d = self.path("d")
        newest = weir.manifests(d)[-1]
        files = [os.path.join(d, "parts", f["name"]) for f in newest["files"]]
        files += weir.slots(d) + [os.path.join(d, "job.json")]
        for path in files:
            name = os.path.basename(path)
            with open(path, "rb") as f:
                data = f.read()
            for _ in range(3):
                at = rng.randrange(len(data))
                bad = bytearray(data)
                bad[at] ^= 1 << rng.randrange(8)
                for changed in (bytes(bad), data[: rng.randrange(len(data))]):
                    with open(path, "wb") as f:
                        f.write(changed)
                    said = self.weir("fsck", d)
                    if name == "job.json" and said.code == 0:
                        # Under a fence, job.json may be another text than the checkpoint's.
                        self.assertFalse(weir.slots(d)[-1] == newest["path"])
                        continue
                    self.assertEqual(said.code, 6, "%s at %d: %s" % (name, at, said))
                    self.assertRegex(said.out, "(?s)fault +[a-z/.]*%s" % name[:20])
            with open(path, "wb") as f:
                f.write(data)
        self.ok("fsck", d)

    def test_a_file_that_is_gone_is_named(self):
        self.assertTrue(self.long_run().kill9())
        d = self.path("d")
        newest = weir.manifests(d)[-1]
        gone = os.path.join(d, "parts", newest["files"][-1]["name"])
        os.rename(gone, self.path("aside"))
        said = self.weir("fsck", d, "--json")
        self.assertEqual(said.code, 6)
        facts = said.json()
        self.assertIn("missing", [f["kind"] for f in facts["faults"]])
        self.assertFalse(facts["chosen_intact"])
        os.rename(self.path("aside"), gone)
        self.ok("fsck", d)

    def test_a_committed_file_that_was_changed_is_a_fault(self):
        d = self.small()
        path = weir.committed(self.path("out"))[0]
        with open(path, "ab") as f:
            f.write(b"x")
        said = self.weir("fsck", d)
        self.assertEqual(said.code, 6, str(said))
        self.assertIn(os.path.basename(path), said.out)
        os.unlink(path)
        said = self.ok("fsck", d)
        self.assertRegex(said.out, "(?s)note .*taken away")

    def test_hostile_files_are_no_crash(self):
        d = self.small()
        rng = random.Random(weir.seed())
        for path in weir.slots(d) + [os.path.join(d, "job.json")]:
            with open(path, "rb") as f:
                data = f.read()
            for garbage in (b"", b"\0" * 64, rng.randbytes(5000), b"WEIRMANI" + rng.randbytes(600)):
                with open(path, "wb") as f:
                    f.write(garbage)
                self.assertEqual(self.weir("fsck", d).code, 6)
                self.assertIn(self.weir("state", "ls", d).code, (0, 6, 4))
            with open(path, "wb") as f:
                f.write(data)
        os.mkdir(os.path.join(d, "manifest", "%020d" % 99))
        self.assertIn(self.weir("fsck", d).code, (1, 2, 6))
        self.assertIn(self.weir("state", "ls", d).code, (1, 2, 6))


if __name__ == "__main__":
    unittest.main()
