"""pace merge and pace export from outside, on a tiny model with random weights.

    test_export.py PROGRAM
"""
import json
import os
import pathlib
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import unittest

import tiny

PROGRAM = None


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = pathlib.Path(tiny.write_model(self.folder / "model"))
        self.data = tiny.write_rows(self.folder / "rows.jsonl")
        self.out = self.folder / "out"

    def run_pace(self, *words, **options):
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, timeout=120,
                              env={**os.environ, "COLUMNS": "80", "LC_ALL": "C.UTF-8"}, **options)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def passes(self, *words):
        code, out, err = self.run_pace(*words)
        self.assertEqual(code, 0, err)
        return out

    def refused(self, code, message, *words, **options):
        found, out, err = self.run_pace(*words, **options)
        self.assertEqual((found, out), (code, ""), err)
        self.assertIn(message, err)
        return err

    def tune(self):
        """A run of a few steps; gives its folder."""
        run = self.folder / "run"
        self.passes("tune", self.model, self.data, "-o", run, "--lr", "0.05", "--steps", "6", "--guard", "off",
                    "--eval-split", "4", "--test-split", "4")
        return run

    def loss(self, *words):
        return json.loads(self.passes("eval", *words, "--json"))["loss"]


class Merge(Case):
    def test_the_merged_model_has_the_loss_of_the_adapted_one(self):
        run = self.tune()
        out = self.passes("merge", self.model, "--adapter", run / "adapter", "-o", self.out)
        self.assertIn(f"pace chat {self.out}", out)
        adapted = self.loss(self.model, self.data, "--adapter", run / "adapter")
        self.assertAlmostEqual(self.loss(self.out, self.data), adapted, delta=1e-5)
        self.assertGreater(abs(self.loss(self.model, self.data) - adapted), 1e-3)
        self.assertEqual(sorted(p.name for p in self.out.iterdir()), sorted(
            {"model.safetensors"} | {p.name for p in self.model.iterdir()}))

    def test_the_folder_of_a_run_stands_for_its_adapter_and_base(self):
        run = self.tune()
        for i, source in enumerate((run, run / "adapter")):
            out = self.folder / f"out{i}"
            told = json.loads(self.passes("merge", source, "-o", out, "--json"))
            self.assertEqual(told, {"output": str(out), "model": str(self.model), "adapter": str(run / "adapter")})
        self.assertEqual((self.folder / "out0/model.safetensors").read_bytes(),
                         (self.folder / "out1/model.safetensors").read_bytes())

    def test_a_template_that_was_changed_for_training_comes_along(self):
        run = self.tune()
        (run / "adapter/chat_template.jinja").write_text("{{ messages }}")
        self.passes("merge", run, "-o", self.out)
        self.assertEqual((self.out / "chat_template.jinja").read_text(), "{{ messages }}")

    def test_what_is_missing_is_asked_for(self):
        self.refused(2, "--adapter A", "merge", self.model, "-o", self.out)
        run = self.tune()
        self.refused(2, "-o OUT", "merge", run)
        self.refused(2, "and so is --adapter", "merge", run, "--adapter", run / "adapter", "-o", self.out)
        self.assertFalse(self.out.exists())

    def test_a_folder_that_is_not_empty_is_left_alone(self):
        run = self.tune()
        self.out.mkdir()
        (self.out / "mine").write_text("x")
        self.refused(2, "--overwrite-output-dir", "merge", run, "-o", self.out)
        self.assertEqual([p.name for p in self.out.iterdir()], ["mine"])
        self.passes("merge", run, "-o", self.out, "--overwrite-output-dir")
        self.assertTrue((self.out / "model.safetensors").exists())

    def test_an_adapter_of_another_base_is_named(self):
        run = self.tune()
        config = json.loads((self.model / "config.json").read_text())
        other = pathlib.Path(tiny.write_model(self.folder / "other"))
        (other / "config.json").write_text(json.dumps({**config, "num_hidden_layers": 1}))
        drop_layer(other / "model.safetensors", "model.layers.1.")
        self.refused(3, "the base has no such layer", "merge", other, "--adapter", run / "adapter", "-o", self.out)
        self.assertFalse(self.out.exists())

    def test_weights_that_are_not_finite_are_refused(self):
        run = self.tune()
        path = run / "adapter/adapter_model.safetensors"
        data = bytearray(path.read_bytes())
        data[-4:] = struct.pack("<f", float("nan"))
        path.write_bytes(data)
        self.refused(3, "is not a finite number", "merge", run, "-o", self.out)
        self.assertFalse(self.out.exists())

    def test_a_full_disk_leaves_no_model(self):
        run = self.tune()
        self.refused(3, "model.safetensors", "merge", run, "-o", self.out, preexec_fn=small_files)
        self.assertEqual(list(self.out.iterdir()), [])


class Export(Case):
    def setUp(self):
        super().setUp()
        self.file = self.folder / "out.gguf"
        tokenizer = json.loads((self.model / "tokenizer.json").read_text())
        tokenizer["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True,
                                      "use_regex": True}
        vocab = tokenizer["model"]["vocab"]
        tokenizer["model"]["vocab"] = {{" ": "Ġ", "\n": "Ċ"}.get(k, k): v for k, v in vocab.items()}
        tokenizer["decoder"] = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True,
                                "use_regex": True}
        tokenizer["normalizer"] = None
        (self.model / "tokenizer.json").write_text(json.dumps(tokenizer))

    def test_the_file_has_the_loss_of_the_model(self):
        out = self.passes("export", self.model, "-o", self.file)
        self.assertIn(f"pace chat {self.file}", out)
        self.assertAlmostEqual(self.loss(self.file, self.data), self.loss(self.model, self.data), delta=1e-5)

    def test_a_gguf_file_is_tuned_by_adapters_and_no_folder_is_made_of_it(self):
        self.passes("export", self.model, "-o", self.file)
        run = self.folder / "run"
        self.passes("tune", self.file, self.data, "-o", run, "--lr", "0.02", "--steps", "12")
        config = json.loads((run / "adapter/adapter_config.json").read_text())
        self.assertEqual(config["base_model_name_or_path"], str(self.file))
        adapted = self.loss(self.file, self.data, "--adapter", run / "adapter")
        self.assertLess(adapted, self.loss(self.file, self.data) - 1e-3)
        chat = subprocess.run([PROGRAM, "chat", self.file, "--adapter", run / "adapter"], input=b"ab\n",
                              capture_output=True, timeout=60)
        self.assertEqual(chat.returncode, 0, chat.stderr)
        self.refused(2, "only a model from a Hugging Face folder can be saved as one", "merge", run, "-o", self.out)
        self.assertFalse(self.out.exists())
        self.refused(2, "--method full needs a Hugging Face folder", "tune", self.file, self.data, "-o", self.out,
                     "--method", "full")
        folded = self.folder / "folded.gguf"
        self.passes("export", run, "-o", folded)
        self.assertAlmostEqual(self.loss(folded, self.data), adapted, delta=1e-4)

    def test_an_adapter_is_folded_in_or_written_alone(self):
        run = self.tune()
        told = json.loads(self.passes("export", run, "-o", self.file, "--json"))
        self.assertEqual(told, {"output": str(self.file), "model": str(self.model), "format": "gguf",
                                "adapter": str(run / "adapter"), "bytes": self.file.stat().st_size})
        adapted = self.loss(self.model, self.data, "--adapter", run / "adapter")
        self.assertAlmostEqual(self.loss(self.file, self.data), adapted, delta=1e-5)
        lora = self.folder / "lora.gguf"
        self.assertIn("--lora", self.passes("export", run, "--format", "gguf-adapter", "-o", lora))
        self.assertIn("blk.1.attn_q.weight.lora_b", self.passes("inspect", lora))

    def test_a_folder_gets_a_file_by_the_models_name(self):
        run = self.tune()
        self.passes("export", self.model, "-o", self.folder)
        self.passes("export", str(self.model) + "/", "-o", self.folder, "--outtype", "f16")
        self.passes("export", run, "-o", self.folder, "--format", "gguf-adapter")
        self.passes("export", self.folder / "model-F16.gguf", "-o", self.folder, "--outtype", "bf16")
        self.assertEqual(sorted(p.name for p in self.folder.glob("*.gguf")),
                         ["model-F16-BF16.gguf", "model-F16.gguf", "model-F32.gguf", "model-lora-F32.gguf"])

    def test_a_file_that_is_there_is_left_alone(self):
        self.file.write_text("mine")
        self.refused(2, "is there already", "export", self.model, "-o", self.file)
        self.assertEqual(self.file.read_text(), "mine")
        self.passes("export", self.model, "-o", self.file, "--overwrite-output-dir")
        self.assertEqual(self.file.read_bytes()[:4], b"GGUF")

    def test_options_that_are_wrong_are_named(self):
        self.refused(2, "-o FILE", "export", self.model)
        self.refused(2, "gguf-adapter", "export", self.model, "-o", self.file, "--format", "onnx")
        self.refused(2, "bf16", "export", self.model, "-o", self.file, "--outtype", "q4_0")
        self.refused(2, "--adapter A", "export", self.model, "-o", self.file, "--format", "gguf-adapter")

    def test_a_family_that_cannot_be_written_is_named(self):
        config = json.loads((self.model / "config.json").read_text())
        (self.model / "config.json").write_text(json.dumps({**config, "model_type": "mistral"}))
        self.refused(3, 'the family "mistral"', "export", self.model, "-o", self.file)
        self.assertFalse(self.file.exists())

    def test_a_full_disk_leaves_no_file(self):
        self.refused(3, "out.gguf", "export", self.model, "-o", self.file, preexec_fn=small_files)
        self.assertEqual([p for p in self.folder.iterdir() if "gguf" in p.name], [])


def small_files():
    """From here on no file can grow beyond 4 KiB: a write fails as on a full disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def drop_layer(path, prefix):
    """Leaves the tensors of a layer out of a safetensors file."""
    data = path.read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + n]), data[8 + n:]
    kept, out = {}, b""
    for name, entry in header.items():
        if name == "__metadata__" or name.startswith(prefix):
            continue
        start, end = entry["data_offsets"]
        kept[name] = {**entry, "data_offsets": [len(out), len(out) + end - start]}
        out += body[start:end]
    text = json.dumps(kept).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + out)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
