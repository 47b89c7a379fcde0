"""pace doctor from outside: verdicts of small logs, the fields of --json, bad files, the page.

    test_doctor.py PROGRAM
"""
import html.parser
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None


def run(*words, **env):
    done = subprocess.run([PROGRAM, "doctor", *map(str, words)], capture_output=True, timeout=60,
                          env={**os.environ, "LC_ALL": "C.UTF-8", **env})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def losses(n=100):
    r = random.Random(1)
    return [(1.5 + 1.5 / (1 + i / 8)) * math.exp(r.gauss(0, 0.02)) for i in range(n)]


class Doctor(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, text):
        path = pathlib.Path(self.folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def state(self, values, name="trainer_state.json", rate=2e-4, evals=None):
        n = len(values)
        history = [{"step": 10 * (i + 1), "epoch": round((i + 1) / n * 3, 4), "loss": v,
                    "grad_norm": 1.0, "learning_rate": rate * (1 - i / n)}
                   for i, v in enumerate(values)]
        for step, value in (evals or {}).items():
            history.append({"step": step, "epoch": round(step / n / 10 * 3, 4), "eval_loss": value})
        history.sort(key=lambda e: e["step"])
        return self.write(name, json.dumps({"global_step": 10 * n, "max_steps": 10 * n,
                                            "num_train_epochs": 3, "log_history": history}))

    def report(self, path):
        code, out, err = run(path, "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)["files"][0]

    def test_a_healthy_log_is_called_healthy_and_nothing_is_to_set(self):
        path = self.state(losses())
        found = self.report(path)
        self.assertEqual(found["verdict"], "healthy")
        self.assertEqual(found["findings"], [])
        self.assertEqual(found["learning_rate"], {"used": 2e-4, "suggested": None})
        self.assertEqual((found["path"], found["points"]), (str(path), 100))
        code, out, _ = run(path)
        self.assertEqual(code, 0)
        self.assertIn("healthy", out)
        self.assertNotIn("set:", out)

    def test_a_spike_is_shown_explained_and_what_to_paste(self):
        values = losses()
        for i in range(50, 54):
            values[i] *= 3
        path = self.state(values)
        found = self.report(path)
        self.assertEqual(found["verdict"], "too_high")
        self.assertEqual(found["findings"][0]["kind"], "spike")
        self.assertTrue(470 <= found["findings"][0]["step"] <= 520)
        self.assertEqual(found["learning_rate"]["suggested"], 1e-4)
        _, out, _ = run(path)
        self.assertIn("--learning-rate 1e-4", out)
        self.assertIn("TrainingArguments(learning_rate=1e-4)", out)
        self.assertIn("spike", out)

    def test_bare_nan_has_diverged(self):
        found = self.report(self.state(losses()[:60] + [math.nan] * 40))
        self.assertEqual((found["verdict"], found["findings"][0]["kind"]), ("diverged", "nan"))
        self.assertTrue(1 / 3 <= found["learning_rate"]["suggested"] / 2e-4 <= 1 / 2)

    def test_overfitting_names_the_epochs_to_train(self):
        evals = {100 * k: 1.6 + 0.03 * abs(k - 4) for k in range(1, 11)}
        path = self.state(losses(), evals=evals)
        found = self.report(path)
        self.assertEqual(found["verdict"], "overfit")
        self.assertEqual(found["findings"][0]["step"], 400)
        _, out, _ = run(path)
        self.assertIn("--num-train-epochs 2", out)

    def test_several_logs_are_reported_and_the_bad_ones_named(self):
        good = self.state(losses())
        bad = self.write("notes.txt", "nothing to see here\n")
        missing = pathlib.Path(self.folder.name) / "missing.json"
        code, out, err = run(bad, good, missing, "--json")
        self.assertEqual(code, 3)
        self.assertEqual([f["path"] for f in json.loads(out)["files"]], [str(good)])
        self.assertIn("notes.txt", err)
        self.assertIn("missing.json", err)

    def test_a_sweep_of_many_logs_is_one_call(self):
        path = self.state(losses(8))
        code, out, err = run(*[path] * 300, "--json")
        self.assertEqual(code, 0, err)
        self.assertEqual(len(json.loads(out)["files"]), 300)

    def test_no_log_and_an_unknown_log_are_errors(self):
        self.assertEqual(run()[0], 2)
        bad = self.write("notes.txt", "nothing to see here\n")
        code, out, err = run(bad)
        self.assertEqual((code, out), (3, ""))
        self.assertIn("hint", err)

    def test_the_text_fits_the_terminal_and_does_without_unicode(self):
        values = losses()
        for i in range(50, 54):
            values[i] *= 3
        path = self.state(values)
        os.chdir(self.folder.name)
        for columns in (40, 80, 132):
            _, out, _ = run(path.name, COLUMNS=str(columns))
            self.assertLessEqual(max(map(len, out.split("\n"))), columns)
        done = subprocess.run([PROGRAM, "doctor", path.name], capture_output=True, timeout=60,
                              env={**os.environ, "LC_ALL": "C"})
        done.stdout.decode("ascii")

    def test_the_page_stands_alone_and_escapes(self):
        path = self.state(losses(), name="<img src=x>/trainer_state.json")
        page = pathlib.Path(self.folder.name) / "page.html"
        code, out, err = run(path, path, "--html", page)
        self.assertEqual(code, 0, err)
        text = page.read_text()
        self.assertNotIn("<img", text)
        self.assertIn("&lt;img src=x&gt;", text)
        self.assertNotIn("<script", text)
        for address in ("http:", "https:", "//cdn"):
            self.assertNotIn(address, text)
        self.assertEqual(text.count("<svg"), 2)
        opened = []
        void = {"meta", "!doctype"}

        class Check(html.parser.HTMLParser):
            def handle_starttag(self, tag, attrs):
                if tag not in void:
                    opened.append(tag)

            def handle_endtag(self, tag):
                assert opened.pop() == tag, tag

        Check().feed(text)
        self.assertEqual(opened, [])

    def test_a_page_that_cannot_be_written_is_an_error(self):
        path = self.state(losses())
        code, _, err = run(path, "--html", pathlib.Path(self.folder.name) / "no" / "page.html")
        self.assertEqual(code, 3)
        self.assertIn("page.html", err)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main()
