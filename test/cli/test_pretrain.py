"""pace pretrain from outside: a description and text in, a model with its own tokenizer out.

Run by meson: test_pretrain.py PROGRAM.
"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

WORLD = pathlib.Path(__file__).resolve().parents[2] / "demo/world.py"
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 32, "intermediate_size": 64,
          "num_hidden_layers": 2, "num_attention_heads": 2, "vocab_size": 400, "max_position_embeddings": 256,
          "tie_word_embeddings": True, "torch_dtype": "bfloat16"}


class Pretrain(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.folder = pathlib.Path(self.scratch.name)
        self.config, self.data, self.out = (self.folder / name for name in ("config.json", "world.jsonl", "out"))
        self.config.write_text(json.dumps(CONFIG))
        text = subprocess.run([sys.executable, WORLD, "text", "--bytes", "200000"], capture_output=True, check=True)
        self.data.write_bytes(text.stdout)

    def run_pace(self, *words):
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def test_a_model_with_a_tokenizer_of_its_own(self):
        code, out, err = self.run_pace("pretrain", self.config, self.data, "-o", self.out, "--steps", "100", "--batch",
                                       "16", "--json")
        self.assertEqual(code, 0, err)
        report = json.loads(out)
        self.assertAlmostEqual(report["base"]["loss"], 6.0, delta=0.3)  # ln 400
        self.assertLess(report["tuned"]["loss"], report["base"]["loss"] - 1)
        self.assertEqual(report["plan"]["method"], "full")
        self.assertIn("the weights are random", err)
        _, text, _ = self.run_pace("explain", self.out)
        self.assertNotIn("forgotten", text)  # random weights knew nothing
        code, text, _ = self.run_pace("inspect", self.out / "model", "--json")
        self.assertEqual(code, 0)
        self.assertIn("BF16", text)
        code, text, err = self.run_pace("eval", self.out / "model", self.data, "--json", "--rows", "20")
        self.assertEqual(code, 0, err)
        self.assertLess(json.loads(text)["loss"], report["base"]["loss"] - 1)
        code, text, err = self.run_pace("tune", self.out / "model", self.data, "-o", self.folder / "more", "--steps", "3",
                                        "--lr", "1e-3", "--json")
        self.assertEqual(code, 0, err)

    def test_the_same_seed_gives_the_same_model(self):
        models = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            code, _, err = self.run_pace("pretrain", self.config, self.data, "-o", self.folder / name, "--steps", "3",
                                         "--batch", "4", "--lr", "1e-3", "--seed", seed)
            self.assertEqual(code, 0, err)
            models.append((self.folder / name / "model/model.safetensors").read_bytes())
        self.assertEqual(models[0], models[1])
        self.assertNotEqual(models[0], models[2])

    def test_rows_longer_than_a_sequence_are_split_and_nothing_is_lost(self):
        talk = [{"role": "user", "content": "Say what you know."}, {"role": "assistant", "content": "It is so. " * 40}]
        data = self.folder / "talk.jsonl"
        data.write_text("".join(json.dumps({"messages": talk}) + "\n" for _ in range(20)))
        tokens = []
        for length in (1024, 32):
            code, out, err = self.run_pace("pretrain", self.config, data, "-o", self.folder / str(length), "--epochs", "1",
                                           "--max-length", length, "--batch", "4", "--lr", "1e-3", "--eval-split", "0",
                                           "--test-split", "0", "--save-steps", "2", "--json")
            self.assertEqual(code, 0, err)
            tokens.append(json.loads(out)["tokens"])
            self.assertEqual("20 rows were longer than 32 tokens and were split" in err, length == 32, err)
        self.assertEqual(tokens[0], tokens[1])

    def test_data_in_the_place_of_the_description_is_told_what_belongs_there(self):
        code, out, err = self.run_pace("pretrain", self.data, self.config, "-o", self.folder / "swapped")
        self.assertEqual((code, out), (3, ""), err)
        self.assertIn("hint: CONFIG, which comes first, is a config.json or a folder that holds one", err)

    def test_what_does_not_belong_to_it_is_named(self):
        for code, message, words in (
                (2, "--r", ["--r", "8"]),
                (2, "--method", ["--method", "lora"]),
                (3, "/none", ["/none"]),
        ):
            arguments = [self.config, self.data] if words[0] != "/none" else ["/none", self.data]
            more = words if words[0] != "/none" else []
            got, out, err = self.run_pace("pretrain", *arguments, "-o", self.out, *more)
            self.assertEqual((got, out), (code, ""), err)
            self.assertIn(message, err)
        self.assertFalse(self.out.exists())

    def test_a_run_that_cannot_begin_leaves_nothing(self):
        bad = self.folder / "bad.jsonl"
        bad.write_text('{"text": ""}\n{"text": "a text"}\n')
        for data, more in ((self.folder / "none.jsonl", []), (bad, []), (self.data, ["--memory", "1M"])):
            code, _, err = self.run_pace("pretrain", self.config, data, "-o", self.out, *more)
            self.assertIn(code, (3, 4), err)
            self.assertFalse(self.out.exists(), err)

    def test_an_interrupted_run_is_gone_on_with(self):
        words = ["--steps", "40", "--batch", "8", "--lr", "1e-3", "--seed", "3"]
        code, _, err = self.run_pace("pretrain", self.config, self.data, "-o", self.folder / "whole", *words)
        self.assertEqual(code, 0, err)
        run = subprocess.Popen([PROGRAM, "pretrain", self.config, self.data, "-o", self.out, *words],
                               stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        for line in run.stderr:
            if line.startswith("step "):
                run.send_signal(signal.SIGINT)
                break
        err = run.stderr.read()
        self.assertEqual(run.wait(), 130, err)
        run.stderr.close()
        code, _, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual(code, 0, err)
        whole, resumed = ((folder / "model/model.safetensors").read_bytes() for folder in (self.folder / "whole", self.out))
        self.assertEqual(whole, resumed)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
