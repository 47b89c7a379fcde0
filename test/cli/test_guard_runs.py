"""The guard, acting, on runs of a tiny model: rates far off, rows that are garbage or not finite.

    test_guard_runs.py PROGRAM
"""
import json
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unittest

import tiny

PROGRAM = None
GOOD_RATE = 0.02


def break_token(folder, token):
    """A Gemma: its embeddings are scaled, and that of `token` overflows. The head is its own."""
    tiny.write_model(folder, model_type="gemma", head_dim=4, hidden_activation="gelu_pytorch_tanh",
                     tie_word_embeddings=False)
    path = pathlib.Path(folder) / "model.safetensors"
    tensors = tiny.read_safetensors(path)
    shape, data = tensors["model.embed_tokens.weight"]
    tensors["lm_head.weight"] = (shape, data)
    row = shape[1] * 4
    data = data[:token * row] + struct.pack("<f", 3e38) * shape[1] + data[(token + 1) * row:]
    tensors["model.embed_tokens.weight"] = (shape, data)
    header, body = {}, b""
    for name, (shape, data) in tensors.items():
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)
    return str(folder)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.data = self.folder / "data"
        self.data.mkdir()
        self.model = tiny.write_model(self.folder / "model")
        self.rows = [{"prompt": "".join("abc"[i // 3 ** k % 3] for k in range(5)), "completion": "bca" * (2 + i % 2)}
                     for i in range(200)]
        random.Random(1).shuffle(self.rows)

    def write(self, train, evals=None, test=None):
        """Held-out rows are as they are given; nothing else is held out."""
        for name, rows in (("train", train), ("validation", evals or self.rows[160:180]),
                           ("test", test or self.rows[180:])):
            (self.data / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))

    def run_pace(self, *words):
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, timeout=120,
                              env={**os.environ, "LC_ALL": "C.UTF-8"})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def tune(self, rate, *words, model=None, code=0, out="out"):
        self.out = self.folder / out
        words = ["tune", model or self.model, self.data, "-o", self.out, "--json", "--lr", rate, "--batch", "8", "--eval-split", "0",
                 "--test-split", "0", "--bf16", "false", "--overwrite-output-dir", *words]
        found, out, self.err = self.run_pace(*words)
        self.assertEqual(found, code, self.err)
        return json.loads(out) if out else None

    def records(self, kind):
        lines = (self.out / "journal.jsonl").read_text().splitlines()
        return [r for r in map(json.loads, lines) if r["record"] == kind]

    def actions(self):
        return [r["action"] for r in self.records("step") + self.records("eval")]

    def assert_bounded(self):
        steps, run = self.records("step"), self.records("run")[0]
        self.assertLessEqual(len(steps), 2 * run["steps"] + 20)
        self.assertLessEqual(sum(action in ("roll_back", "cut") for action in self.actions()), 8)


class Rates(Case):
    """On a base that knows something: all weights trained on rows that go round, but stumble."""
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.trained = folder.name + "/trained/model"
        draw = random.Random(2)
        rows = [{"prompt": "".join("abc"[i // 3 ** k % 3] for k in range(5)),
                 "completion": "".join(draw.choice("bcau") if draw.random() < 0.3 else "bca"[k % 3] for k in range(9))}
                for i in range(200)]
        data = pathlib.Path(folder.name, "rows.jsonl")
        data.write_text("".join(json.dumps(row) + "\n" for row in rows))
        subprocess.run([PROGRAM, "tune", tiny.write_model(folder.name + "/base"), data, "-o", folder.name + "/trained",
                        "--method", "full", "--lr", "0.01", "--steps", "150", "--guard", "off", "--quiet"], check=True,
                       capture_output=True, timeout=120)

    def setUp(self):
        super().setUp()
        self.model = self.trained

    def test_rates_far_too_high_end_better_than_the_base_with_the_cuts_in_the_journal(self):
        for times in (100, 10000):
            with self.subTest(times=times):
                self.write(self.rows[:160])
                report = self.tune(times * GOOD_RATE, "--steps", "80")
                self.assertLess(report["tuned"]["loss"], report["base"]["loss"] - 0.1)
                cuts = [r for r in self.records("step") + self.records("eval") if r.get("change", 1) < 1]
                self.assertTrue(cuts)
                self.assertTrue(all(r["reason"] and r["learning_rate"] < times * GOOD_RATE for r in cuts))
                self.assert_bounded()

    def test_a_hundred_times_too_high_with_a_tenth_of_the_rows_poisoned_ends_better_than_the_base(self):
        draw = random.Random(3)
        train = [{**row, "completion": "".join(draw.choice("abcu:") for _ in range(12))} if i % 10 == 0 else row
                 for i, row in enumerate(self.rows[:160])]
        self.write(train)
        report = self.tune(100 * GOOD_RATE, "--steps", "80")
        self.assertLess(report["tuned"]["loss"], report["base"]["loss"] - 0.1)
        self.assertTrue({"roll_back", "cut"} & set(self.actions()))
        self.assert_bounded()

    def test_a_thousandth_is_raised(self):
        self.write(self.rows[:160])
        obeyed = self.tune(GOOD_RATE / 1000, "--steps", "150", "--guard", "watch")
        report = self.tune(GOOD_RATE / 1000, "--steps", "150")
        self.assertIn("raise", self.actions())
        gain = report["base"]["loss"] - report["tuned"]["loss"]
        self.assertGreater(gain, 2 * (obeyed["base"]["loss"] - obeyed["tuned"]["loss"]))
        self.assert_bounded()


class RandomWeights(Case):
    """They have nothing to forget: the loss ends below its start at any rate."""
    def guess(self):
        found = self.run_pace("find", self.model, self.data, "--prior-only", "--json", "--batch", "8", "--steps", "80")[1]
        return json.loads(found)["learning_rate"]

    def test_a_hundred_times_too_high_begins_again_with_the_cut_in_the_journal(self):
        self.write(self.rows[:160])
        rate = 100 * self.guess()
        obeyed = self.tune(rate, "--steps", "80", "--guard", "watch")
        self.assertIn("roll_back", [r.get("advice") for r in self.records("step")])
        report = self.tune(rate, "--steps", "80")
        cut, = [r for r in self.records("step") if r["action"] == "roll_back"]
        self.assertEqual((cut["rule"], cut["step"]), ("stuck", 0))
        self.assertLess(report["tuned"]["loss"], obeyed["tuned"]["loss"] - 0.3)
        self.assert_bounded()

    def test_a_rate_at_which_they_learn_is_obeyed(self):
        self.write(self.rows[:160])
        for times in (1, 20):
            self.tune(times * self.guess(), "--steps", "80")
            self.assertLessEqual(set(self.actions()), {"go", "clip"})


class State(Case):
    def test_what_is_saved_has_the_held_out_loss_of_the_choice(self):
        for rate, schedule in ((GOOD_RATE, "linear"), (10 * GOOD_RATE, "constant"), (3 * GOOD_RATE, "constant")):
            with self.subTest(rate=rate, schedule=schedule):
                self.write(self.rows[:24])
                self.tune(rate, "--steps", "90", "--lr-scheduler-type", schedule)
                choice, = self.records("choice")
                self.assertIn(choice["action"], ("go", "average", "restore"))
                lowest = min(r["loss"] for r in self.records("eval"))
                self.assertLessEqual(choice["loss"], lowest)
                code, out, err = self.run_pace("eval", self.model, self.data / "validation.jsonl", "--adapter",
                                               self.out / "adapter", "--bf16", "false", "--json")
                self.assertEqual(code, 0, err)
                self.assertAlmostEqual(json.loads(out)["loss"], choice["loss"], delta=1e-6 * choice["loss"])

    def test_without_the_guard_nothing_is_chosen(self):
        self.write(self.rows[:160])
        for guard in ("off", "watch"):
            self.tune(GOOD_RATE, "--steps", "20", "--guard", guard)
            self.assertEqual(self.records("choice"), [])


class Rows(Case):
    def not_finite(self, broken=(3, 50, 51, 120, 165, 190)):
        rows = [dict(row) for row in self.rows]
        for i in broken:
            rows[i]["prompt"] = "u" + rows[i]["prompt"]
        self.write(rows[:160], rows[160:180], rows[180:])
        return break_token(self.folder / "gemma", tiny.LETTERS.index("u"))

    def test_rows_that_are_not_finite_are_left_out_and_named(self):
        report = self.tune(GOOD_RATE, "--steps", "60", model=self.not_finite())
        self.assertLess(report["tuned"]["loss"], report["base"]["loss"] - 0.3)
        self.assertEqual(report["test_rows"], 19)
        self.assertEqual(report["incidents"], [])
        found = {(pathlib.Path(r["file"]).name, r["line"]) for r in self.records("quarantine")}
        self.assertEqual(found, {("train.jsonl", 4), ("train.jsonl", 51), ("train.jsonl", 52), ("train.jsonl", 121),
                                 ("validation.jsonl", 6), ("test.jsonl", 11)})
        self.assertIn("train.jsonl:52: the loss or the gradient of this row is not finite", self.err)
        for r in self.records("step") + self.records("eval"):
            self.assertLess(abs(r["loss"]), 100)

    def test_the_same_rows_are_left_out_whatever_the_threads(self):
        model, weights = self.not_finite(), []
        for threads in ("1", "2"):
            self.tune(GOOD_RATE, "--steps", "60", "--threads", threads, model=model, out="out" + threads)
            weights.append((self.out / "adapter/adapter_model.safetensors").read_bytes())
        self.assertEqual(*weights)

    def test_without_the_guard_such_a_row_ends_the_run(self):
        self.tune(GOOD_RATE, "--steps", "60", "--guard", "off", model=self.not_finite(), code=6)
        self.assertFalse((self.out / "adapter").exists())

    def test_a_search_among_such_rows_measures_all_its_arms(self):
        model = self.not_finite(range(4, 200, 8))
        code, out, err = self.run_pace("find", model, self.data, "--json", "--steps", "200", "--batch", "4",
                                       "--eval-split", "0", "--test-split", "0")
        self.assertEqual(code, 0, err)
        self.assertTrue(all(arm["status"] == "measured" for arm in json.loads(out)["arms"]), out)
        self.assertGreater(len(json.loads(out)["arms"]), 1)

    def test_one_row_in_a_hundred_of_garbage_does_no_harm(self):
        self.write(self.rows[:160])
        clean = self.tune(GOOD_RATE, "--steps", "60")
        train = [dict(row) for row in self.rows[:160]]
        for i in (20, 90):
            train[i]["completion"] = ":u:u b:u:u c:u"
        self.write(train)
        report = self.tune(GOOD_RATE, "--steps", "60")
        gain = clean["base"]["loss"] - clean["tuned"]["loss"]
        self.assertLess(report["tuned"]["loss"], clean["tuned"]["loss"] + 0.1 * gain)
        self.assertNotIn("roll_back", self.actions())


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
