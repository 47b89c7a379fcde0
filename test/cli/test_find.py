"""pace find from outside: the first guess from config.json and data alone, and the search on a tiny model.

    test_find.py PROGRAM
"""
import json
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

import tiny

PROGRAM = None
LLAMA = {"model_type": "llama", "hidden_size": 2048, "num_hidden_layers": 16,
         "num_attention_heads": 32, "num_key_value_heads": 8, "intermediate_size": 8192,
         "vocab_size": 128256, "tie_word_embeddings": True}


class Find(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.model = self.write("model/config.json", json.dumps(LLAMA)).parent
        rows = [{"prompt": f"question {i}", "completion": f"{i} " * 100} for i in range(2000)]
        self.data = self.write("rows.jsonl", "".join(json.dumps(r) + "\n" for r in rows))

    def write(self, name, content):
        path = pathlib.Path(self.folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    def run_find(self, *words, **environment):
        done = subprocess.run([PROGRAM, "find", *map(str, words)], capture_output=True, timeout=60,
                              env={**os.environ, "LC_ALL": "C", **environment})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def guess(self, *words, model=None, data=None):
        code, out, err = self.run_find(model or self.model, data or self.data, "--prior-only",
                                       "--json", *words)
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_the_document_holds_what_the_contract_says(self):
        found = self.guess()
        for key in ("learning_rate", "low", "high", "prior", "arms", "cost", "reason"):
            self.assertIn(key, found)
        self.assertEqual(found["arms"], [])
        self.assertEqual(found["cost"], 0)
        self.assertLess(found["low"], found["learning_rate"])
        self.assertLess(found["learning_rate"], found["high"])
        self.assertTrue(1e-4 < found["learning_rate"] < 1.5e-3)
        total = sum(term["effect"] for term in found["prior"]["terms"])
        self.assertAlmostEqual(total, math.log10(found["learning_rate"]), 9)
        for term in found["prior"]["terms"]:
            self.assertTrue(term["source"])
            self.assertGreaterEqual(term["runs"], 0)

    def test_options_move_the_guess_the_way_they_should(self):
        plain = self.guess()["learning_rate"]
        self.assertAlmostEqual(self.guess("--lora-alpha", "64")["learning_rate"] / plain, 0.5, 9)
        self.assertAlmostEqual(self.guess("--use-rslora")["learning_rate"] / plain, 0.25, 9)
        self.assertGreater(self.guess("--r", "64")["learning_rate"], plain)
        self.assertEqual(self.guess("--lora_r=64"), self.guess("--r", "64"))
        self.assertLess(self.guess("--method", "full")["learning_rate"], plain / 4)
        self.assertLess(self.guess("--method", "dpo")["learning_rate"], plain / 10)
        self.assertLess(self.guess("--lr-scheduler-type", "constant")["learning_rate"], plain)
        self.assertLess(self.guess("--steps", "100000")["learning_rate"], plain)

    def test_the_job_follows_hugging_faces_names(self):
        found = self.guess("--per_device_train_batch_size", "4", "--gradient-accumulation-steps",
                           "2", "--num_train_epochs", "2", "--eval-split", "0", "--test-split", "0")
        self.assertEqual(found["job"]["rows"], 2000)
        self.assertEqual(found["job"]["rows_per_step"], 8)
        self.assertEqual(found["job"]["steps"], 500)
        given = {c["option"]: c["reason"] for c in found["job"]["choices"]}
        self.assertIsNone(given["num-train-epochs"])
        self.assertTrue(given["r"])

    def test_a_run_file_serves(self):
        path = self.write("run.yaml", f"model: {self.model}\ndata: {self.data}\nlora_alpha: 64\n"
                                      "prior_only: true\nnum_train_epochs: 1\n")
        code, out, err = self.run_find(path, "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out), self.guess("--lora-alpha", "64", "--epochs", "1"))

    def test_a_person_sees_the_terms_the_choices_and_what_others_would_set(self):
        code, out, err = self.run_find(self.model, self.data, "--prior-only", COLUMNS="100")
        self.assertEqual(code, 0, err)
        for text in ("learning rate ", "80 %", "lora rank", "Tinker's SFT sweep", "Unsloth",
                     "--num-train-epochs", "fewer than 10,000 rows", "--learning-rate "):
            self.assertIn(text, out)
        self.assertIn("four characters are taken for a token", err)

    def test_every_line_fits_the_terminal_and_no_words_are_lost(self):
        for columns in (40, 80):
            pages = (self.run_find(self.model, self.data, "--prior-only", COLUMNS=str(columns))[1],
                     self.search(COLUMNS=str(columns), LC_ALL="C.UTF-8", rows=720)[1])
            for page in pages:
                for line in page.splitlines():
                    self.assertLessEqual(len(line), columns, line)
                    if not line.startswith("data"):  # a path may be longer than the line
                        self.assertNotIn("\u2026", line)
                        self.assertNotIn("...", line)
                words = " ".join(page.split())
                self.assertIn("Tinker's SFT sweep (534), our sweeps (491), published settings (42)", words)
                self.assertIn("what it would cost of the loss if the guess is right", words)
            self.assertIn("nearest", " ".join(pages[1].split()))
            shutil.rmtree(pathlib.Path(self.folder.name) / "tiny")

    def test_names_from_the_file_do_no_harm(self):
        model = self.write("odd/config.json", json.dumps({**LLAMA, "model_type": "\x1b[31mred"}))
        code, out, err = self.run_find(model, self.data, "--prior-only")
        self.assertEqual(code, 0, err)
        self.assertNotIn("\x1b", out)

    def search(self, *words, rows=80, **environment):
        model = tiny.write_model(pathlib.Path(self.folder.name) / "tiny")
        data = pathlib.Path(self.folder.name) / "tiny.jsonl"
        tiny.write_rows(data, rows, letters=6)
        return self.run_find(model, data, "--max-steps", "80", "--batch", "8", "--eval-split", "16",
                             "--test-split", "8", *words, **environment)

    def test_a_search_tells_arms_interval_reason_and_bill(self):
        code, out, err = self.search("--json", "--threads", "1")
        self.assertEqual(code, 0, err)
        found = json.loads(out)
        self.assertTrue(0 < found["cost"] <= 0.25)
        self.assertTrue(found["low"] < found["learning_rate"] < found["high"])
        self.assertGreaterEqual(len(found["arms"]), 2)
        self.assertEqual(found["arms"][0]["learning_rate"], found["prior"]["learning_rate"])
        for arm in found["arms"]:
            self.assertEqual(arm["status"], "measured")
            self.assertLess(arm["loss"], 10)
            self.assertGreater(arm["se"], 0)
        steps = sum(arm["steps"] for arm in found["arms"])
        self.assertTrue(steps / 80 < found["cost"])
        self.assertIn("arms of", found["reason"])
        outcome = found["search"]
        self.assertEqual(outcome["method"], "race")
        self.assertTrue(outcome["double_cost"] > 0 and outcome["half_cost"] > 0)
        self.assertIn("held-out loss of the base", err)

    def test_arms_see_rows_as_often_as_the_run_does(self):
        self.assertIn("Arms: beginnings of the run", self.search(rows=720)[1])
        shutil.rmtree(pathlib.Path(self.folder.name) / "tiny")
        self.assertIn("Arms: the run in small, few rows seen several times", self.search()[1])

    def test_a_search_gives_the_same_whatever_the_threads_and_saves_nothing(self):
        one = self.search("--json", "--threads", "1", "--quiet")
        self.assertEqual(one[2], "")
        before = sorted(pathlib.Path(self.folder.name).rglob("*"))
        words = (pathlib.Path(self.folder.name) / "tiny", pathlib.Path(self.folder.name) / "tiny.jsonl")
        two = self.run_find(*words, "--max-steps", "80", "--batch", "8", "--eval-split", "16", "--test-split",
                            "8", "--json", "--threads", "2", "--quiet")
        self.assertEqual(one[:2], two[:2])
        self.assertEqual(before, sorted(pathlib.Path(self.folder.name).rglob("*")))

    def test_a_person_sees_the_arms_the_bowl_and_the_bill(self):
        code, out, err = self.search(COLUMNS="90")
        self.assertEqual(code, 0, err)
        for text in ("learning rate ", "80 %", "Arms: ", "measured", "the bowl", "chosen", "if wrong:",
                     "the bill:", "of the run of 80 steps", "--learning-rate "):
            self.assertIn(text, out)
        self.assertNotIn("nothing was trained", out)

    def test_a_short_run_and_one_without_held_out_rows_keep_the_guess(self):
        for words, reason in (("--max-steps", "20"), "too_short"), (("--eval-split", "0"), "no_rows"):
            with self.subTest(reason):
                code, out, err = self.search("--json", *words)
                self.assertEqual(code, 0, err)
                found = json.loads(out)
                self.assertEqual(found["search"]["reason"], reason)
                self.assertEqual((found["arms"], found["cost"]), ([], 0))
                self.assertAlmostEqual(found["learning_rate"] / found["prior"]["learning_rate"], 1, 12)
                self.folder.cleanup()
                os.makedirs(self.folder.name)

    def test_a_model_without_weights_can_be_guessed_for_but_not_searched(self):
        code, out, err = self.run_find(self.model, self.data)
        self.assertEqual((code, out), (3, ""))
        self.assertIn("pace: ", err)

    def test_what_is_wrong_ends_with_its_code(self):
        for code, words in [
            (2, (self.model, "--prior-only")),
            (2, (self.model, self.data, "--prior-only", "--lora-alpha", "0")),
            (2, (self.model, self.data, "--prior-only", "--batch", "0")),
            (2, (self.model, self.data, "--prior-only", "--method", "magic")),
            (2, (self.model, self.data, "--prior-only", "--schedule", "cosinus")),
            (3, ("/no/such/model", self.data, "--prior-only")),
            (3, (self.model, "/no/such/data", "--prior-only")),
            (3, (self.write("empty.json", "{}"), self.data, "--prior-only")),
            (3, (self.write("broken.json", "{"), self.data, "--prior-only")),
            (3, (self.model, self.write("bad.jsonl", '{"a": 1}\n'), "--prior-only")),
        ]:
            found, out, err = self.run_find(*words)
            self.assertEqual((found, out), (code, ""), (words, err))
            self.assertIn("pace: ", err)

    def test_an_older_layout_and_one_with_text_config_are_read(self):
        gpt2 = self.write("g/config.json", json.dumps(
            {"model_type": "gpt2", "n_embd": 768, "n_layer": 12, "n_head": 12, "vocab_size": 50257}))
        job = self.guess(model=gpt2)["job"]
        self.assertEqual((job["model_type"], job["hidden_size"]), ("gpt2", 768))
        self.assertAlmostEqual(job["parameters"] / 124e6, 1, 1)
        inner = {k: v for k, v in LLAMA.items() if k != "model_type"}
        seeing = self.write("s/config.json", json.dumps(
            {"model_type": "qwen3_vl", "text_config": inner}))
        self.assertEqual(self.guess(model=seeing)["job"]["hidden_size"], 2048)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
