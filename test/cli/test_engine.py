"""pace tune, eval, chat and selftest from outside, on a tiny model with random weights.

    test_engine.py PROGRAM
"""
import json
import math
import os
import pathlib
import pty
import re
import resource
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

import tiny

PROGRAM = None


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.model = tiny.write_model(self.folder / "model")
        self.data = tiny.write_rows(self.folder / "rows.jsonl")
        self.out = self.folder / "out"

    def run_pace(self, *words, stdin=b"", **environment):
        done = subprocess.run([PROGRAM, *map(str, words)], input=stdin, capture_output=True, timeout=120,
                              env={**os.environ, "COLUMNS": "80", "LC_ALL": "C.UTF-8", **environment})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def tune(self, *words, out=None, **environment):
        return self.run_pace("tune", self.model, self.data, "-o", out or self.out, "--lr", "0.02", "--steps",
                             "12", "--eval-split", "4", "--test-split", "4", *words, **environment)

    def refused(self, code, message, *words):
        found, out, err = self.run_pace(*words)
        self.assertEqual((found, out), (code, ""), err)
        self.assertIn(message, err)
        return err


class Tune(Case):
    def test_the_folder_has_what_others_read(self):
        code, out, err = self.tune()
        self.assertEqual(code, 0, err)
        self.assertRegex(out, r"the loss went from \d\.\d+ to \d\.\d+ nats a token, but with 4 test\s+rows")
        self.assertEqual(out.count("nats a token"), 1)
        self.assertIn(f"pace chat {self.model} --adapter {self.out}/adapter", out)
        files = {str(p.relative_to(self.out)) for p in self.out.rglob("*") if p.is_file()}
        self.assertLessEqual({"adapter/adapter_config.json", "adapter/adapter_model.safetensors",
                              "adapter/tokenizer.json", "adapter/chat_template.jinja",
                              "trainer_state.json", "journal.jsonl", "report.html", "report.json",
                              "README.md", "adapter/README.md"}, files)
        self.assertTrue(any(f.startswith("tensorboard/events.out.tfevents.") for f in files))
        state = json.loads((self.out / "trainer_state.json").read_text())
        self.assertEqual(state["global_step"], 12)
        self.assertEqual(sum("loss" in line for line in state["log_history"]), 12)

    def test_the_json_has_the_fields_of_the_contract(self):
        code, out, err = self.tune("--json")
        self.assertEqual(code, 0, err)
        r = json.loads(out)
        self.assertEqual((r["output"], r["learning_rate"], r["steps"]), (str(self.out), 0.02, 12))
        self.assertLess(r["tuned"]["loss"], r["base"]["loss"] - 0.3)
        self.assertEqual((r["test_rows"], r["incidents"], r["status"]), (4, [], "done"))
        c = r["compute"]
        self.assertAlmostEqual(c["total_ratio"], 1 + (c["search"] + c["eval"] + c["redo"]) / c["main"])
        self.assertAlmostEqual(r["tokens_per_second"] * r["seconds"], r["tokens"], delta=1)
        self.assertGreater(r["peak_memory_bytes"], 1 << 20)
        memory = r["plan"]["memory"]
        self.assertEqual(memory["total"], sum(v for k, v in memory.items() if k != "total"))
        self.assertEqual(r["plan"]["method"], "lora")
        report = json.loads((self.out / "report.json").read_text())
        for key in ("output", "learning_rate", "steps", "test_rows", "tokens", "compute", "seconds", "status"):
            self.assertEqual(report[key], r[key], key)

    def test_the_plan_comes_first_with_reasons_and_fits_the_terminal(self):
        for columns in (40, 80):
            _, out, err = self.tune("--overwrite-output-dir", COLUMNS=str(columns))
            self.assertIn("seldom enough to cost little", " ".join(err.split()))
            self.assertLess(err.index("Memory"), err.index("step 1/12"))
            plan = err[:err.index("step 1/12")]
            for line in plan.split("\n") + out.split("Talk")[0].split("\n"):
                if not line.startswith("warning: "):  # of random weights
                    self.assertLessEqual(len(line), columns, line)

    def test_a_row_is_shown_with_what_is_trained_on_of_it(self):
        for words in (("plan",), ("tune", "-o", self.out, "--steps", "3", "--lr", "0.01")):
            code, out, err = self.run_pace(words[0], self.model, self.data, *words[1:])
            self.assertEqual(code, 0, err)
            text = out if words[0] == "plan" else err
            self.assertRegex(text, r"Data\n  \S+ % of its tokens are trained on, in brackets in this row:\n"
                                   r"rows.jsonl, line \d+\n  [^\u27e6]+\u27e6[^\u27e7]+\u27e7\nThe run\n")
            self.assertLess(text.index("Data\n"), text.index("Memory\n"))

    def test_epochs_batch_and_steps_are_of_the_rows_that_are_trained_on(self):
        words = "the cat sat on a mat and saw a dog "
        pathlib.Path(self.data).write_text("".join(json.dumps({"text": f"{i} {words * 24}"}) + "\n" for i in range(200)))
        plan = json.loads(self.run_pace("plan", self.model, self.data, "--json")[1])
        out = " ".join(self.run_pace("plan", self.model, self.data)[1].split())
        rows = int(re.search(r" rows (\d+) to train on", out)[1])
        self.assertGreater(rows, 1000)  # of 200, split into what the model takes
        self.assertIn("num-train-epochs 2 fewer than 10,000 rows", out)
        self.assertIn(f"max-steps {plan['steps']} rows times epochs over the batch", out)
        batch = int(re.search(r"batch-size (\d+) brings the run near 200", out)[1])
        self.assertEqual(plan["steps"], 2 * math.ceil(rows / batch))

    def test_a_plan_has_the_length_of_rows_and_how_they_share_a_batch(self):
        for words, reason in (((), r"64 all that the model takes; the longest row has \d+ tokens"),
                              (("--max-length", "9"), r"9 given; \d+ longer rows are cut")):
            out = self.run_pace("plan", self.model, self.data, *words)[1]
            self.assertRegex(" ".join(out.split()), f"max-length {reason} packing true no padding; no row sees ")

    def test_a_plan_that_does_not_fit_says_by_how_much_and_what_would_help(self):
        code, out, err = self.run_pace("plan", self.model, self.data, "--memory", "10K", COLUMNS="40")
        self.assertEqual(code, 0, err)
        words = " ".join(out.split())
        self.assertRegex(words, r"This does not fit\. weights and what trains them take \S+ MB; 0\.0 MB are "
                                r"allowed; --memory allows more")
        for line in out.splitlines():
            self.assertLessEqual(len(line), 40, line)

    def test_rows_that_are_set_aside_and_not_read_are_told(self):
        tiny.write_rows(self.data, 400)
        code, out, err = self.run_pace("plan", self.model, self.data, "--steps", "10")
        self.assertEqual(code, 0, err)
        self.assertRegex(" ".join(out.split()),
                         r"rows \d+ to train on, \d+ held out, \d+ to test; \d+ more set aside, which it would "
                         r"cost too much to read")
        code, out, err = self.run_pace("plan", self.model, self.data, "--steps", "10", "--eval-split", "40",
                                       "--test-split", "40")
        self.assertRegex(" ".join(out.split()), r"39 held out, 40 to test eval-steps")
        self.assertNotIn("set aside", out)

    def test_rows_that_are_held_out_too_are_told_and_not_trained_on(self):
        folder = self.folder / "parts"
        folder.mkdir()
        tiny.write_rows(folder / "train.jsonl", 40)
        lines = (folder / "train.jsonl").read_text().splitlines(keepends=True)
        (folder / "validation.jsonl").write_text("".join(lines[:5]))
        _, _, err = self.run_pace("plan", self.model, folder)
        self.assertIn("note: 5 rows for training are held out as well, in a file of their own", err)

    def test_the_folder_of_a_run_in_place_of_its_adapter_is_told_from_it(self):
        self.tune()
        for words in (("eval", self.model, self.data), ("merge", self.model, "-o", self.folder / "merged")):
            code, _, err = self.run_pace(*words, "--adapter", self.out)
            self.assertEqual(code, 3, err)
            self.assertIn(f"hint: the adapter of this run: --adapter {self.out}/adapter", err)

    def test_an_optimizer_that_wants_other_rates_than_the_guess_is_warned_of(self):
        for name, more in (("sgd", ""), ("prodigy", " (1, as its paper says)")):
            for command in ("plan", "find"):
                _, _, err = self.run_pace(command, self.model, self.data, "--optim", name)
                self.assertIn(f"{name} wants another by orders of magnitude: --learning-rate sets it{more}\n", err)
        for words in (("--optim", "lion"), ("--optim", "sgd", "--lr", "0.1")):
            self.assertNotIn("warning: the rate", self.run_pace("plan", self.model, self.data, *words)[2])

    def test_the_guess_is_no_witness_against_a_rate_that_another_optimizer_was_given(self):
        for name, is_witness in (("sgd", False), ("prodigy", False), ("adamw_torch", True)):
            self.tune("--optim", name, "--lr", "0.1", "--steps", "2", "--overwrite-output-dir")
            options, = [r for r in map(json.loads, (self.out / "journal.jsonl").read_text().splitlines())
                        if r["record"] == "options"]
            self.assertEqual("prior_rate" in options, is_witness, name)

    @staticmethod
    def with_small_files():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))

    def test_a_report_that_cannot_be_written_keeps_neither_the_result_nor_the_adapter_back(self):
        words = ["tune", self.model, self.data, "-o", self.out, "--lr", "0.02", "--steps", "5"]
        done = subprocess.run([PROGRAM, *map(str, words)], capture_output=True, timeout=60,
                              preexec_fn=self.with_small_files)
        err = done.stderr.decode()
        self.assertEqual(done.returncode, 3, err)
        self.assertIn("report.html: cannot write: File too large", err)
        self.assertIn(f"what was trained is saved; pace tune --resume {self.out} writes the report", err)
        self.assertIn("nats a token", done.stdout.decode())
        self.assertTrue((self.out / "adapter" / "adapter_model.safetensors").is_file())
        self.assertFalse((self.out / "report.html").exists())
        code, out, err = self.run_pace("tune", "--resume", self.out)
        self.assertEqual(code, 0, err)
        self.assertTrue((self.out / "report.html").is_file())

    def test_a_log_has_a_line_a_step_and_says_no_step_twice(self):
        _, _, err = self.tune("--no-shuffle")
        steps = [line.split()[1] for line in err.split("\n") if line.startswith("step ")]
        self.assertEqual(steps, [f"{i}/12" for i in range(1, 13)])
        last = [line for line in err.split("\n") if line.startswith("step 12/12")][0]
        self.assertIn("held-out", last)

    def test_quiet_tells_the_result_alone(self):
        code, out, err = self.tune("-q")
        self.assertEqual((code, err), (0, ""))
        self.assertIn("test\nrows", out)

    def test_a_terminal_has_one_line_that_is_written_over(self):
        leader, follower = pty.openpty()
        done = subprocess.run([PROGRAM, "tune", self.model, self.data, "-o", self.out, "--lr", "0.02", "--steps",
                               "5"], stderr=follower, stdout=subprocess.PIPE, timeout=60,
                              env={**os.environ, "COLUMNS": "60"})
        os.close(follower)
        text = os.read(leader, 1 << 16).decode()
        os.close(leader)
        self.assertEqual(done.returncode, 0)
        self.assertIn("\r\x1b[Kstep 5/5", text)
        self.assertIn("\r\x1b[Kwarning: ", text)  # of random weights
        for line in text[text.index("\r\x1b[Kstep"):].split("\r\x1b[K"):
            self.assertLess(len(line.rstrip("\r\n")), 60, line)
        for line in text.replace("\r\x1b[K", "\n").split("\n"):
            self.assertLessEqual(len(line.rstrip("\r")), 60, line)

    def test_the_doctor_reads_the_folder(self):
        self.tune()
        code, out, _ = self.run_pace("doctor", self.out, "--json")
        self.assertEqual(code, 0)
        report = json.loads(out)["files"][0]
        self.assertEqual(report["format"], "journal")
        self.assertAlmostEqual(report["learning_rate"]["used"], 0.02)

    def test_all_weights(self):
        code, out, err = self.tune("--method", "full")
        self.assertEqual(code, 0, err)
        self.assertIn(f"pace chat {self.out}/model", out)
        code, out, err = self.run_pace("eval", self.out / "model", self.data, "--json")
        self.assertEqual(code, 0, err)

    def test_an_adapter_is_gone_on_with(self):
        _, out, _ = self.tune("--json", "--r", "4")
        first = json.loads(out)
        code, out, err = self.tune("--json", "--adapter", self.out / "adapter", out=self.folder / "second")
        self.assertEqual(code, 0, err)
        second = json.loads(out)
        self.assertAlmostEqual(second["base"]["loss"], first["tuned"]["loss"], places=5)
        self.assertRegex(err, r"  r +4 +that of ")
        config = json.loads((self.folder / "second/adapter/adapter_config.json").read_text())
        self.assertEqual(config["r"], 4)

    def test_ranks_by_pattern_and_optimizers_by_name(self):
        for words in (["--rank-pattern", '{"q_proj": 4}', "--target-modules", "q_proj,v_proj"],
                      ["--optim", "lion"], ["--optim", "adamw_bnb_8bit"], ["--optim", "sgd"],
                      ["--optim", "adafactor"], ["--lora-dropout", "0.1", "--use-rslora"]):
            code, _, err = self.tune("--overwrite-output-dir", *words)
            self.assertEqual(code, 0, (words, err))
            if "--rank-pattern" in words:
                tensors = tiny.read_safetensors(self.out / "adapter/adapter_model.safetensors")
                self.assertEqual({n.split(".")[-3]: t[0][0] for n, t in tensors.items() if "lora_A" in n},
                                 {"q_proj": 4, "v_proj": 16})

    def test_a_run_file_in_place_of_flags(self):
        path = self.folder / "run.yaml"
        path.write_text(f"model: {self.model}\ndata: {self.data}\noutput_dir: {self.out}\n"
                        "learning_rate: 0.02\nmax_steps: 3\n")
        code, _, err = self.run_pace("tune", path)
        self.assertEqual(code, 0, err)

    def test_the_same_bytes_for_any_number_of_threads(self):
        files = []
        for threads in ("1", "2", "5"):
            out = self.folder / f"threads{threads}"
            code, _, err = self.tune("--threads", threads, out=out)
            self.assertEqual(code, 0, err)
            files.append((out / "adapter/adapter_model.safetensors").read_bytes())
        self.assertEqual(files[0], files[1])
        self.assertEqual(files[0], files[2])

    def test_a_rate_that_breaks_the_numbers_is_code_6_and_leaves_no_adapter(self):
        code, out, err = self.tune("--lr", "1e30", "--guard", "off")
        self.assertEqual((code, out), (6, ""))
        self.assertIn("not finite", err)
        self.assertIn("hint: --guard act leaves such rows out", err)
        self.assertNotIn("-nan", err)
        self.assertFalse((self.out / "adapter").exists())
        self.assertFalse((self.out / "report.html").exists())

    def products_of(self, *words):
        out = self.folder / f"products{len(list(self.folder.iterdir()))}"
        code, _, err = self.tune(*words, out=out)
        self.assertEqual(code, 0, err)
        run = json.loads((out / "journal.jsonl").read_text().splitlines()[0])
        choice = next(c for c in run["choices"] if c["option"] == "bf16")
        return choice, (out / "adapter/adapter_model.safetensors").read_bytes()

    def test_products_are_in_float32_or_bfloat16_as_asked_for_and_told(self):
        plain, weights = self.products_of("--guard", "off")
        self.assertEqual(plain["value"], "false")
        self.assertIn("without a guard", plain["reason"])
        asked, same = self.products_of("--guard", "off", "--bf16", "false")
        self.assertEqual(asked, {"option": "bf16", "value": "false", "reason": None})
        self.assertEqual(same, weights)
        asked, others = self.products_of("--guard", "off", "--bf16", "true")
        self.assertEqual(asked, {"option": "bf16", "value": "true", "reason": None})
        self.assertNotEqual(others, weights)
        chosen, _ = self.products_of()
        self.assertRegex(chosen["reason"], "faster here|this processor is")

    def test_what_the_guard_does_is_told(self):
        code, out, err = self.tune("--lr", "20", "--steps", "60", "--json")
        self.assertIn(code, (0, 6), err)
        report = json.loads(out)
        self.assertTrue(report["incidents"])
        incident = report["incidents"][0]
        self.assertNotEqual(incident["action"], "go")
        self.assertIn(incident["reason"][:20], " ".join(err.split()))
        self.assertEqual(report["status"], "done" if code == 0 else "stopped")
        self.assertTrue((self.out / "adapter/adapter_model.safetensors").exists())

    def test_what_is_wrong_is_named(self):
        base = ["tune", self.model, self.data, "--lr", "0.01", "--steps", "2"]
        self.refused(2, "--guard: 'maybe'", *base, "-o", self.out, "--guard", "maybe")
        self.refused(2, "there is no optimizer 'lbfgs'", *base, "-o", self.out, "--optim", "lbfgs")
        self.refused(2, "no module is called \"x\"", *base, "-o", self.out, "--target-modules", "x")
        self.refused(2, "--rank-pattern", *base, "-o", self.out, "--rank-pattern", "8")
        err = self.refused(2, "it matches no layer that has an adapter", *base, "-o", self.out, "--rank-pattern",
                           '{"up_porj": 8}')
        self.assertIn("did you mean up_proj?", err)
        self.refused(4, "0.0 MB are allowed", *base, "-o", self.out, "--memory", "10K")
        self.refused(3, "/none", "tune", "/none", self.data, "-o", self.out, "--lr", "1")
        self.refused(3, "none.jsonl", "tune", self.model, "/none.jsonl", "-o", self.out, "--lr", "1")
        self.assertFalse(self.out.exists())
        self.out.mkdir()
        (self.out / "mine").write_text("x")
        err = self.refused(2, "is not empty", *base, "-o", self.out)
        self.assertIn("--overwrite-output-dir", err)

    def test_letters_of_prompt_and_answer_that_make_one_token_are_told(self):
        rows = self.folder / "classes.jsonl"
        rows.write_text("\n".join(json.dumps({"prompt": "c" * (1 + i % 9) + "a", "completion": "bc"[i % 2]})
                                  for i in range(40)))
        code, _, err = self.run_pace("plan", self.model, rows)
        self.assertEqual(code, 0, err)
        self.assertIn("in 20 of 40 rows the prompt's last letters", " ".join(err.split()))

    def test_a_result_that_has_no_folder_gets_one_named_after_the_data(self):
        words = [os.path.abspath(PROGRAM), "tune", str(self.model), str(self.data), "--lr", "0.01", "--steps", "2"]
        for code, message in ((0, "goes into rows-tuned (-o names another folder)"), (2, "rows-tuned is not empty")):
            done = subprocess.run(words, cwd=self.folder, capture_output=True, text=True, timeout=120)
            self.assertEqual(done.returncode, code, done.stderr)
            self.assertIn(message, done.stderr)
        self.assertTrue((self.folder / "rows-tuned" / "adapter" / "adapter_config.json").exists())

    def test_answers_that_lie_behind_the_cut_are_told(self):
        rows = [{"messages": [{"role": "user", "content": "a" * n}, {"role": "assistant", "content": "b"}]}
                for n in (5,) * 20 + (80,) * 3]
        mixed, long = self.folder / "mixed.jsonl", self.folder / "long.jsonl"
        mixed.write_text("\n".join(map(json.dumps, rows)))
        long.write_text("\n".join(map(json.dumps, rows[20:])))
        code, _, err = self.run_pace("plan", self.model, mixed)
        self.assertEqual(code, 0, err)
        self.assertIn("3 rows were left out: none of the answer is within the first 64 tokens", err)
        err = self.refused(3, "there is no row to train on", "plan", self.model, long)
        self.assertIn("prompts alone fill the 64 tokens; the model takes 64", err)

    def test_a_new_run_replaces_the_result_of_an_earlier_one_and_a_failed_one_does_not(self):
        self.assertEqual(self.tune()[0], 0)
        (self.out / "mine").write_text("x")
        whole = {p: p.read_bytes() for p in self.out.rglob("*") if p.is_file()}
        again = ["--overwrite-output-dir", "--method", "full"]
        self.assertEqual(self.tune(*again, "--columns", "text=none")[0], 3)
        self.assertEqual({p: p.read_bytes() for p in self.out.rglob("*") if p.is_file()}, whole)
        code, _, err = self.tune(*again, "--lr", "0.001")
        self.assertEqual(code, 0, err)
        self.assertTrue((self.out / "model" / "model.safetensors").is_file())
        self.assertFalse((self.out / "adapter").exists())
        self.assertEqual(len(list((self.out / "tensorboard").iterdir())), 1)
        self.assertEqual((self.out / "mine").read_text(), "x")

    def test_the_template_that_was_trained_with_belongs_to_the_adapter(self):
        (pathlib.Path(self.model) / "chat_template.jinja").unlink()
        template = self.folder / "own.jinja"
        template.write_text(tiny.TEMPLATE)
        code, _, err = self.tune("--chat-template-path", template)
        self.assertEqual(code, 0, err)
        self.assertEqual((self.out / "adapter" / "chat_template.jinja").read_text(), tiny.TEMPLATE)
        template.unlink()
        adapter = self.out / "adapter"
        for words in (["chat", self.model], ["eval", self.model, self.data],
                      ["chat", self.model, "--chat-template-path", "chatml"]):
            code, _, err = self.run_pace(*words, "--adapter", adapter, stdin=b"ab\n")
            self.assertEqual((code, err), (0, ""))

    def test_a_tokenizer_that_looks_like_another_models_is_told(self):
        config = json.loads(pathlib.Path(self.model, "config.json").read_text())
        pathlib.Path(self.model, "config.json").write_text(json.dumps({**config, "eos_token_id": 4}))
        for words in (["eval", self.model, self.data], ["chat", self.model]):
            code, _, err = self.run_pace(*words)
            self.assertEqual(code, 0, err)
            self.assertIn("the model ends a text with token 4, which is the word", err)

    def test_weights_that_are_no_numbers_are_refused(self):
        broken = tiny.write_model(self.folder / "broken", broken="model.layers.1.mlp.up_proj.weight")
        for words in (["eval", broken, self.data], ["chat", broken],
                      ["tune", broken, self.data, "-o", self.out, "--lr", "0.1"]):
            err = self.refused(3, "row 0, column 2 is not a finite number", *words)
            self.assertIn("tensor model.layers.1.mlp.up_proj.weight", err)


class Plan(Case):
    def plan(self, *words):
        code, out, err = self.run_pace("plan", self.model, self.data, *words)
        self.assertEqual(code, 0, err)
        return out

    def test_the_json_has_the_fields_of_the_contract_and_is_what_tune_takes(self):
        p = json.loads(self.plan("--json", "--lr", "0.02", "--steps", "12", "--eval-split", "4", "--test-split", "4"))
        code, out, err = self.tune("--json")
        self.assertEqual(code, 0, err)
        tuned = json.loads(out)["plan"]
        self.assertEqual({k: p[k] for k in tuned}, tuned)
        self.assertEqual((p["steps"], p["fits"], p["layers_redone"]), (12, True, 0))
        self.assertGreater(p["seconds"], 0)
        self.assertEqual(p["memory"]["total"], sum(v for k, v in p["memory"].items() if k != "total"))

    def test_nothing_is_written_and_no_rate_is_needed(self):
        before = sorted(self.folder.rglob("*"))
        text = self.plan()
        self.assertIn("the first guess", text)
        self.assertRegex(text, r"together +\d")
        self.assertEqual(sorted(self.folder.rglob("*")), before)

    def test_what_does_not_fit_is_a_plan_that_says_so(self):
        self.assertFalse(json.loads(self.plan("--json", "--memory", "10K"))["fits"])
        self.assertIn("This does not fit.", self.plan("--memory", "10K"))
        self.refused(4, "are allowed", "tune", self.model, self.data, "-o", self.out, "--lr", "1", "--memory", "10K")

    def test_short_memory_computes_layers_twice_with_the_same_result(self):
        whole = json.loads(self.plan("--json", "--guard", "off"))
        short = 0
        for bytes_ in range(whole["memory"]["total"] - 1000, 0, -1000):
            p = json.loads(self.plan("--json", "--guard", "off", "--memory", str(bytes_)))
            if p["layers_redone"] or not p["fits"]:
                short = p
                break
        self.assertTrue(short["fits"])
        self.assertGreater(short["layers_redone"], 0)
        self.assertLess(short["memory"]["total"], whole["memory"]["total"])

    def test_shorter_memory_cuts_a_step_into_more_passes_with_the_same_result(self):
        options = ["--batch", "8", "--packing", "true", "--steps", "12", "--lr", "0.02", "--guard", "off"]
        whole = json.loads(self.plan("--json", *options))
        for least in range(whole["memory"]["total"] - 1000, 0, -1000):
            p = json.loads(self.plan("--json", *options, "--memory", str(least)))
            if p["batch_tokens"] < whole["batch_tokens"] or not p["fits"]:
                break
        self.assertTrue(p["fits"])
        self.assertLess(p["batch_tokens"], whole["batch_tokens"])
        losses = []
        for memory in ("1G", str(least)):
            code, out, err = self.tune(*options, "--memory", memory, "--json", out=self.folder / memory)
            self.assertEqual(code, 0, err)
            state = json.loads((self.folder / memory / "trainer_state.json").read_text())
            losses.append([line["loss"] for line in state["log_history"] if "loss" in line])
        self.assertEqual(len(losses[0]), 12)
        for a, b in zip(*losses):
            self.assertAlmostEqual(a, b, places=4)

    def test_all_weights_that_do_not_fit_are_refused_before_they_are_widened(self):
        self.refused(4, "all weights with their gradients", "plan", self.model, self.data, "--method", "full",
                     "--memory", "10K")


class Eval(Case):
    def test_the_json_has_the_fields_of_the_contract(self):
        code, out, err = self.run_pace("eval", self.model, self.data, "--json")
        self.assertEqual((code, err), (0, ""))
        r = json.loads(out)
        self.assertEqual(r["rows"], 40)
        self.assertEqual(r["target_tokens"], 20 * 6 + 20 * 8)
        self.assertAlmostEqual(r["perplexity"], math.exp(r["loss"]))
        self.assertEqual(r["answers"], 40)
        self.assertTrue(0 <= r["exact_match"] <= 1)
        self.assertEqual(json.loads(self.run_pace("eval", self.model, self.data, "--json", "--rows",
                                                  "3")[1])["rows"], 3)

    def test_the_text_says_the_same(self):
        r = json.loads(self.run_pace("eval", self.model, self.data, "--json")[1])
        code, out, _ = self.run_pace("eval", self.model, self.data)
        self.assertEqual(code, 0)
        self.assertIn(f"loss        {r['loss']:.4f} nats a token", out)
        self.assertIn(f"exact       {100 * r['exact_match']:.1f} % of 40 answers", out)
        for line in out.split("\n"):
            self.assertLessEqual(len(line), 80)

    def test_logits_are_padded_with_zeros_and_give_the_loss(self):
        path = self.folder / "z.safetensors"
        code, out, err = self.run_pace("eval", self.model, self.data, "--json", "--rows", "2", "--logits", path)
        self.assertEqual(code, 0, err)
        shape, data = tiny.read_safetensors(path)["logits"]
        self.assertEqual(shape, [2, 11, 10])  # "ab" is one token, across prompt and answer too
        z = struct.unpack(f"<{len(data) // 4}f", data)
        self.assertEqual(set(z[9 * 10:11 * 10]), {0.0})
        self.assertNotIn(0.0, z[:9 * 10])
        losses = []
        for row, (text, trained) in enumerate((("aaaabcabca", 6), ("baaabcabcabca", 8))):
            encoded = self.run_pace("tokenize", "--model", self.model, "--json", "--no-special-tokens",
                                    stdin=text.encode())[1]
            tokens = json.loads(encoded)["ids"] + [tiny.LETTERS.index("<e>")]
            for t in range(len(tokens) - trained, len(tokens)):
                at = z[(row * 11 + t - 1) * 10:(row * 11 + t) * 10]
                losses.append(math.log(sum(map(math.exp, at))) - at[tokens[t]])
        self.assertAlmostEqual(json.loads(out)["loss"], sum(losses) / len(losses), places=5)

    def test_what_does_not_fit_together_is_named(self):
        self.refused(3, "/none", "eval", "/none", self.data)
        self.refused(2, "pace eval needs", "eval", self.model)
        self.refused(4, "are allowed", "eval", self.model, self.data, "--memory", "1K")
        self.refused(3, "/none/z", "eval", self.model, self.data, "--logits", "/none/z")
        small = tiny.write_model(self.folder / "small", vocab_size=9)
        self.refused(3, "embed_tokens.weight: its shape is [10, 16]; [9, 16] is wanted", "eval", small, self.data)

    def test_rows_longer_than_the_context_are_named_or_cut(self):
        rows = self.folder / "long.jsonl"
        rows.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": "' + "bc" * 60 + '"}\n')
        err = self.refused(3, "long.jsonl:2: the row is longer than the 64 tokens", "eval", self.model, rows)
        self.assertIn("--max-length 64", err)
        code, out, err = self.run_pace("eval", self.model, rows, "--max-length", "64", "--json")
        self.assertEqual(code, 0, err)
        self.assertIn("longer than 64 tokens", err)
        self.assertEqual(json.loads(out)["rows"], 2)

    def test_rows_of_which_nothing_is_left_to_learn_have_no_loss(self):
        rows = self.folder / "letters.jsonl"
        rows.write_text('{"text": "abcabc"}\n')
        self.refused(3, "no token of the 5 rows is trained on", "eval", self.model, rows, "--max-length", "1", "--json")

    def test_a_tokenizer_that_belongs_to_another_model_is_named(self):
        path = pathlib.Path(self.model) / "tokenizer.json"
        tokenizer = json.loads(path.read_text())
        tokenizer["model"]["vocab"]["x"] = 10
        path.write_text(json.dumps(tokenizer))
        self.assertEqual(self.run_pace("eval", self.model, self.data)[0], 0)
        rows = self.folder / "x.jsonl"
        rows.write_text('{"prompt": "a", "completion": "b"}\n{"prompt": "a", "completion": "x"}\n')
        err = self.refused(3, "x.jsonl:2: token 10 is beyond the model's vocabulary of 10", "eval", self.model, rows)
        self.assertIn("does the tokenizer belong to the model?", err)
        self.refused(3, "the tokenizer has ids up to 10, but the model's vocabulary is 10", "chat", self.model)

    def test_an_adapter_of_another_base_is_refused(self):
        self.assertEqual(self.tune()[0], 0)
        adapter = self.out / "adapter"
        code, out, _ = self.run_pace("eval", self.model, self.data, "--adapter", adapter, "--json")
        self.assertEqual(code, 0)
        base = json.loads(self.run_pace("eval", self.model, self.data, "--json")[1])
        self.assertLess(json.loads(out)["loss"], base["loss"])
        config = json.loads((adapter / "adapter_config.json").read_text())
        config["r"] = 5
        (adapter / "adapter_config.json").write_text(json.dumps(config))
        for command in (["eval", self.model, self.data], ["chat", self.model]):
            err = self.refused(3, "lora_", *command, "--adapter", adapter)
            self.assertIn(str(adapter), err)


class Chat(Case):
    def test_each_line_of_a_pipe_is_a_turn(self):
        code, out, err = self.run_pace("chat", self.model, "--max-new-tokens", "5", "--json", stdin=b"ab\n\nc a\n")
        self.assertEqual((code, err), (0, ""))
        turns = json.loads(out)["turns"]
        self.assertEqual([t["user"] for t in turns], ["ab", "c a"])
        for turn in turns:
            self.assertIn(turn["ended_by"], ("end", "length"))
            self.assertLessEqual(turn["tokens"], 5)
        text = self.run_pace("chat", self.model, "--max-new-tokens", "5", stdin=b"ab\n\nc a\n")[1]
        for turn in turns:
            self.assertIn(turn["answer"], text)

    def test_the_same_seed_says_the_same(self):
        def say(*words):
            return self.run_pace("chat", self.model, "--temperature", "2", *words, stdin=b"ab\n")[1]
        self.assertEqual(say(), say())
        self.assertEqual(say("--seed", "1"), say("--seed", "1", "--threads", "1"))
        self.assertNotEqual(say("--seed", "1"), say("--seed", "2"))

    def test_the_adapter_is_switched_off_and_on(self):
        self.assertEqual(self.tune("--steps", "30", "--lr", "0.05")[0], 0)
        words = ["chat", self.model, "--temperature", "0", "--max-new-tokens", "12", "--json"]
        stdin = b"abc\n/forget\n/base\nabc\n/forget\n/base\nabc\n"
        code, out, err = self.run_pace(*words, "--adapter", self.out / "adapter", stdin=stdin)
        self.assertEqual(code, 0, err)
        with_it, without, again = (t["answer"] for t in json.loads(out)["turns"])
        base = json.loads(self.run_pace(*words, stdin=b"abc\n")[1])["turns"][0]["answer"]
        self.assertEqual(without, base)
        self.assertEqual(with_it, again)
        self.assertNotEqual(with_it, without)
        self.assertIn("now without the adapter", err)
        self.assertIn("now with the adapter", err)

    def test_lines_that_begin_with_a_slash_are_for_the_program(self):
        code, out, err = self.run_pace("chat", self.model, stdin=b"/base\n/help\n/bye\nab\n")
        self.assertEqual((code, out), (0, ""))
        self.assertIn("there is no adapter: this is the base", err)
        self.assertIn("/forget: begin anew", err)
        _, _, err = self.run_pace("chat", self.model, stdin=b"/nonsense\n")
        self.assertIn("there is no /nonsense", err)

    def test_a_model_without_a_template_continues_the_text(self):
        base = tiny.write_model(self.folder / "base", chat=False)
        code, out, err = self.run_pace("chat", base, "--json", stdin=b"ab\n")
        self.assertEqual(code, 0)
        self.assertIn("it continues the text", err)
        self.assertTrue(json.loads(out)["turns"])

    def test_a_conversation_longer_than_the_context_is_code_3(self):
        code, _, err = self.run_pace("chat", self.model, stdin=b"c" * 200 + b"\n")
        self.assertEqual(code, 3)
        self.assertIn("the context room for 63", err)
        self.assertIn("/forget", err)

    def test_a_person_sees_a_prompt_and_goes_on_after_a_mistake(self):
        leader, follower = pty.openpty()
        process = subprocess.Popen([PROGRAM, "chat", self.model, "--max-new-tokens", "3"], stdin=follower,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        os.write(leader, b"c" * 200 + b"\nab\n/exit\n")
        out, err = process.communicate(timeout=60)
        os.close(leader)
        os.close(follower)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(out.count(b"> "), 3)
        self.assertIn(b"the context room for", err)


class Selftest(Case):
    def test_every_operation_is_right(self):
        code, out, err = self.run_pace("selftest", "--json")
        self.assertEqual((code, err), (0, ""))
        report = json.loads(out)
        self.assertEqual(report["failed"], 0)
        self.assertGreater(len(report["operations"]), 8)
        for row in report["operations"]:
            self.assertEqual(row["failed"], 0)
            self.assertLessEqual(row["error"], row["tolerance"] or 0)

    def test_the_help_of_each_command_names_its_arguments(self):
        for words, usage in ((["tune"], "usage: pace tune MODEL DATA [-o OUT] [OPTIONS]"),
                             (["eval"], "usage: pace eval MODEL DATA [OPTIONS]"),
                             (["chat"], "usage: pace chat MODEL [OPTIONS]"),
                             (["selftest"], "usage: pace selftest [OPTIONS]")):
            code, out, _ = self.run_pace(*words, "--help")
            self.assertEqual(code, 0)
            self.assertEqual(out.split("\n")[0], usage)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
