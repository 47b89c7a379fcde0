"""pace explain from outside: the story of a journal, whole, cut off or hostile.

    test_explain.py PROGRAM
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import made_runs

PROGRAM = None


def options(**changes):
    record = {"record": "options", "journal": 1, "guard": "act", "max_grad_norm": 1.0, "n_slots": 4,
              "learning_rate": 0.001, "total_steps": 60, "warmup_steps": 6, "schedule": "linear",
              "lr_scheduler_kwargs": {}}
    return {**record, **changes}


def step(at, loss, action="go", rule="schedule", reason="as scheduled", **more):
    return {"record": "step", "loss": loss, "grad_norm": 0.5, "action": action, "rule": rule,
            "reason": reason, "numbers": [], "step": at, "learning_rate": 0.001, **more}


def evaluation(at, loss):
    return {"record": "eval", "loss": loss, "action": "go", "rule": "best_so_far",
            "reason": "held-out loss is the lowest so far", "numbers": [loss], "step": at,
            "learning_rate": 0.001, "apply": False}


def run_with_a_roll_back():
    lines = [options(prior_rate=2e-4, prior_sd=0.25)]
    lines += [step(i, 3 - i / 20) for i in range(30)] + [evaluation(30, 1.75)]
    lines += [step(i, 4 + i / 20) for i in range(30, 40)]
    lines += [step(20, 6.5, "roll_back", "loss_spike", "loss rose from 1.6 to 6.5 within 10 steps; "
                   "back to step 20, learning rate halved", restore=1, apply=False, change=0.5)]
    return lines + [step(i, 2 - i / 60) for i in range(20, 60)]


class Explain(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def write(self, lines, tail=""):
        path = self.folder / "journal.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines) + tail)
        return str(path)

    def explain(self, *words, **environment):
        done = subprocess.run([PROGRAM, "explain", *words], capture_output=True, timeout=60,
                              env={**os.environ, "COLUMNS": "80", "LC_ALL": "C.UTF-8", **environment})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_the_story_names_what_happened_and_when(self):
        code, out, _ = self.explain(self.write(run_with_a_roll_back()))
        self.assertEqual(code, 0)
        self.assertIn("linear, learning rate 0.001, 60 steps, 6 of warmup", out)
        self.assertIn("act; a rate of 0.0002 was expected, give or take 0.25 decades", out)
        self.assertRegex(out, r" 41  roll back  loss rose from 1\.6 to 6\.5 within 10 steps; back")
        self.assertIn("lowest 1.75 at step 30", out)
        self.assertIn("step 60: all steps are done", out)
        self.assertIn("81 gradients, 1 evaluation; 21 steps done again", out)

    def test_every_line_fits_the_terminal(self):
        for columns in (40, 80, 120):
            _, out, _ = self.explain(self.write(run_with_a_roll_back()), COLUMNS=str(columns))
            self.assertFalse([line for line in out.split("\n")
                              if len(line) > columns and str(self.folder) not in line])

    def test_a_folder_stands_for_its_journal(self):
        path = self.write(run_with_a_roll_back())
        self.assertEqual(self.explain(str(self.folder))[1], self.explain(path)[1])

    def test_the_json_has_every_decision_with_its_numbers(self):
        code, out, _ = self.explain(self.write(run_with_a_roll_back()), "--json")
        self.assertEqual(code, 0)
        report = json.loads(out)
        self.assertEqual(report["format"], "journal")
        self.assertEqual(report["end"], "done")
        self.assertEqual((report["steps"], report["gradients"]), (60, 81))
        self.assertEqual(report["eval"], {"first": 1.75, "best": 1.75, "best_step": 30, "last": 1.75})
        (decision,) = report["decisions"]
        self.assertEqual((decision["step"], decision["action"], decision["rule"]),
                         (41, "roll_back", "loss_spike"))
        self.assertIn("learning rate halved", decision["reason"])
        self.assertFalse(report["cut"])

    def test_a_run_without_incidents_says_so(self):
        code, out, _ = self.explain(self.write([options()] + [step(i, 2.0) for i in range(60)]))
        self.assertEqual(code, 0)
        self.assertIn("every update was made as scheduled", out)

    def test_a_journal_that_is_cut_off_is_read_as_far_as_it_goes(self):
        path = self.write([options()] + [step(i, 2.0) for i in range(5)], '{"record": "step", "lo')
        code, out, err = self.explain(path)
        self.assertEqual(code, 0)
        self.assertIn("the last line is not whole", err)
        self.assertIn("step 5: the journal ends here", out)
        self.assertTrue(json.loads(self.explain(path, "--json")[1])["cut"])

    def test_what_is_no_journal_is_refused_with_the_place(self):
        code, out, err = self.explain(self.write([{"loss": 2.5, "step": 1}]))
        self.assertEqual((code, out), (3, ""))
        self.assertIn("journal.jsonl: ", err)
        self.assertIn("begins with the options of its run", err)
        self.assertIn("pace doctor", err)
        code, _, err = self.explain(self.write([options(), step(0, 2.0), {"record": "step", "loss": "x"},
                                                step(1, 2.0)]))
        self.assertEqual(code, 3)
        self.assertIn("line 3", err)

    def test_a_missing_file_is_named(self):
        code, _, err = self.explain(str(self.folder / "none.jsonl"))
        self.assertEqual(code, 3)
        self.assertIn("none.jsonl", err)

    def test_garbage_is_refused(self):
        path = self.folder / "garbage"
        for content in (b"", b"\0" * 100, b"\xff\xfe{}", b"[" * 10000, b'{"record": "options"' * 50):
            path.write_bytes(content)
            code, out, err = self.explain(str(path))
            self.assertEqual((code, out), (3, ""), content[:20])
            self.assertIn("hint", err)

    def test_the_whole_run_is_told(self):
        made_runs.write("searched", self.folder)
        code, out, _ = self.explain(str(self.folder))
        self.assertEqual(code, 0)
        for words in ("models/Qwen2.5-0.5B", "1,890 rows to train on, 105 held out", "lora-r 16: the adapter of this rank",
                      "guess     3e-4, 80 % from", "* 1.9e-4, 30 steps: loss 1.966 ± 0.012", "4 short runs put the best rate",
                      "twice it  would cost 0.0210 nats", "verdict   Better than its base.", "forgotten On 4,096 tokens",
                      "step 240: all steps are done", "712,448 tokens in 18 min 52 s"):
            self.assertIn(words, out)

    def test_incidents_of_every_kind_are_in_the_story(self):
        made_runs.write("with_incidents", self.folder)
        _, out, _ = self.explain(str(self.folder), COLUMNS="120")
        self.assertIn("base loss: the base's loss is 12.4", out)
        self.assertRegex(out, r" 47  roll back  loss rose")
        self.assertRegex(out, r" 51  quarantine data/support\.jsonl, line 151: its loss is not a number")
        self.assertRegex(out, r"240  average    the average of the last half")

    def test_every_made_run_has_a_story_that_fits_and_a_document(self):
        for name in made_runs.RUNS:
            if name == "long":
                continue
            with self.subTest(name):
                made_runs.write(name, self.folder)
                for columns in (40, 100):
                    code, out, _ = self.explain(str(self.folder), COLUMNS=str(columns))
                    self.assertEqual(code, 0)
                    self.assertNotIn("\x1b", out)
                    wide = [line for line in out.split("\n") if len(line) > columns and str(self.folder) not in line
                            and not any(len(word) > columns - 24 for word in line.split())]
                    self.assertEqual(wide if name != "hostile" else [], [])
                code, out, _ = self.explain(str(self.folder), "--json")
                self.assertEqual(code, 0)
                json.loads(out, parse_constant=lambda word: self.fail(word))

    def test_a_run_killed_in_its_search_is_told_as_far_as_it_goes(self):
        made_runs.write("in_the_search", self.folder)
        code, out, _ = self.explain(str(self.folder))
        self.assertEqual(code, 0)
        self.assertIn("- 1.9e-4, 30 steps", out)
        self.assertIn("step 0: the journal ends here", out)
        document = json.loads(self.explain(str(self.folder), "--json")[1])
        self.assertEqual((document["end"], document["schedule"], len(document["arms"])), ("unfinished", None, 2))

    def test_the_document_has_what_the_run_recorded(self):
        made_runs.write("interrupted", self.folder)
        document = json.loads(self.explain(str(self.folder), "--json")[1])
        self.assertEqual(document["end"], "interrupted")
        self.assertEqual(document["run"]["rows"], {"train": 1890, "eval": 105, "test": 105})
        self.assertEqual(document["search"]["double_cost"], 0.021)
        self.assertEqual(document["learning_rate"], 2.1e-4)

    def test_a_sentence_cannot_command_the_terminal(self):
        lines = [options(), step(0, 2.0, "cut", "oscillation", "\x1b[2Jgone \u202egnihton\x07")]
        _, out, _ = self.explain(self.write(lines))
        self.assertNotIn("\x1b", out)
        self.assertNotIn("\u202e", out)
        self.assertNotIn("\x07", out)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
