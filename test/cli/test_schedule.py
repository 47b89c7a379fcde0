"""pace schedule from outside: the numbers, the pictures, what is refused.

    test_schedule.py PROGRAM
"""
import csv
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

PROGRAM = None


def run(*words, **variables):
    environment = dict(os.environ, LC_ALL="C.UTF-8", **variables)
    done = subprocess.run([PROGRAM, "schedule", *map(str, words)], capture_output=True, timeout=60,
                          env=environment)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def rates(*words):
    code, out, err = run("--json", *words)
    assert code == 0, err
    return json.loads(out)["lr"]


class Numbers(unittest.TestCase):
    def test_a_warmup_rises_from_zero_and_linear_falls_to_zero(self):
        self.assertEqual(rates("linear", "--lr", 1, "--steps", 8, "--warmup-steps", 4),
                         [0, 0.25, 0.5, 0.75, 1, 0.75, 0.5, 0.25])

    def test_the_json_tells_what_was_asked_for(self):
        code, out, err = run("cosine", "--lr", "2e-4", "--steps", 10, "--warmup-ratio", 0.15,
                             "--json")
        found = json.loads(out)
        self.assertEqual((code, err), (0, ""))
        self.assertEqual({k: v for k, v in found.items() if k != "lr"},
                         {"schedule": "cosine", "learning_rate": 2e-4, "steps": 10,
                          "warmup_steps": 2})
        self.assertEqual(len(found["lr"]), 10)
        self.assertAlmostEqual(found["lr"][6], 1e-4, delta=1e-18)

    def test_without_options_it_is_hugging_faces_default(self):
        found = rates()
        self.assertEqual((len(found), found[0], found[500]), (1000, 5e-5, 2.5e-5))

    def test_options_have_hugging_faces_names(self):
        self.assertEqual(
            rates("--learning_rate", 1, "--max_steps", 4, "--lr_scheduler_type", "polynomial",
                  "--lr_scheduler_kwargs", '{"power": 2, "lr_end": 0}'),
            [1, 0.5625, 0.25, 0.0625])

    def test_several_schedules_stand_side_by_side(self):
        code, out, _ = run("--schedule", "constant,linear,linear", "--steps", 2, "--lr", 1,
                           "--json")
        found = json.loads(out)
        self.assertEqual(found["lr"], [1, 1])
        self.assertEqual(found["schedules"], [{"name": "constant", "lr": [1, 1]},
                                              {"name": "linear", "lr": [1, 0.5]},
                                              {"name": "linear", "lr": [1, 0.5]}])

    def test_csv_has_a_line_per_update(self):
        code, out, _ = run("linear", "--lr", 1, "--steps", 4, "--csv")
        self.assertEqual(out, "step,lr\n0,1.0\n1,0.75\n2,0.5\n3,0.25\n")
        _, out, _ = run("linear", "cosine:num_cycles=0", "--lr", 1, "--steps", 2, "--csv")
        self.assertEqual(list(csv.reader(io.StringIO(out))),
                         [["step", "linear", "cosine:num_cycles=0"], ["0", "1.0", "1.0"],
                          ["1", "0.5", "1.0"]])

    def test_metrics_move_the_schedules_that_ask_for_them(self):
        plateau = "reduce_lr_on_plateau:patience=0:factor=0.5"
        words = ["--lr", 1, "--steps", 7, "--eval-steps", 2]
        self.assertEqual(rates(plateau, *words, "--metrics", "[2, 2, 1]"),
                         [1, 1, 1, 1, 0.5, 0.5, 0.5])
        self.assertEqual(rates(plateau, *words, "--metrics", "[NaN, NaN, NaN, 0]"),
                         [1, 1, 0.5, 0.5, 0.25, 0.25, 0.125])
        self.assertEqual(rates(plateau, "--lr", 1, "--steps", 4, "--eval-steps", 0.3, "--metrics",
                               "[1, 1]"), [1, 1, 1, 1])
        code, out, err = run(plateau, *words, "--metrics", "[1,1,1,1,1,1]", "--json")
        self.assertIn("the last 3 of 6 metrics come too late", err)

    def test_a_million_steps_are_streamed(self):
        _, out, _ = run("linear", "--steps", 100000, "--lr", 1, "--csv")
        self.assertEqual(out.count("\n"), 100001)
        self.assertIn("\n50000,0.5\n", out)

    def test_a_run_file_holds_the_options(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "run.yaml"
            path.write_text("learning_rate: 1.0\nmax_steps: 4\nlr_scheduler_type: cosine\n"
                            "lr_scheduler_kwargs: {num_cycles: 1}\nper_device_train_batch_size: 8\n")
            self.assertEqual([round(x, 9) for x in rates(path)], [1, 0.5, 0, 0.5])


class Pictures(unittest.TestCase):
    def test_the_table_shows_start_peak_and_end(self):
        code, out, err = run("cosine", "--lr", "2e-4", "--steps", 1000, "--warmup-steps", 100)
        self.assertEqual((code, err), (0, ""))
        lines = out.split("\n")
        self.assertRegex(lines[0], "^cosine: ")
        self.assertEqual(lines[1], "1,000 steps, 100 of warmup, learning rate 0.0002")
        self.assertRegex(out, r"\n    0  0\n  100  2\.00e-4 +█+\n  200  1\.94e-4")
        self.assertRegex(out, r"\n  999  6\.09e-10")

    def test_tables_fit_the_terminal(self):
        for columns in (32, 40, 80, 120):
            for words in (["cosine"], ["linear", "cosine", "polynomial", "constant"]):
                for steps in (1, 7, 1000, 10**15):
                    _, out, _ = run(*words, "--steps", steps, COLUMNS=str(columns))
                    table = out.split("\n\n")[1].split("\n")
                    self.assertLessEqual(max(map(len, table[:-1])), max(columns, 36))
                    self.assertLessEqual(len(table), 15)

    def test_the_plot_has_round_numbers_and_fits(self):
        for columns in (40, 80, 132):
            code, out, err = run("cosine", "--lr", "2e-4", "--warmup-steps", 100, "--plot",
                                 COLUMNS=str(columns))
            self.assertEqual((code, err), (0, ""))
            self.assertLessEqual(max(map(len, out.split("\n"))), columns)
            for text in ("cosine, 1,000 steps", "2e-4", "1000", "learning rate"):
                self.assertIn(text, out)

    def test_without_unicode_the_plot_is_ascii(self):
        done = subprocess.run([PROGRAM, "schedule", "--plot"], capture_output=True,
                              env={**os.environ, "LC_ALL": "C"}, timeout=60)
        self.assertEqual(done.returncode, 0)
        done.stdout.decode("ascii")

    def test_the_svg_is_well_formed_and_written_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rates.svg"
            code, out, err = run("linear", "cosine", "--svg", path)
            self.assertEqual((code, out), (0, ""))
            self.assertIn("rates.svg", err)
            root = xml.etree.ElementTree.fromstring(path.read_text())
            self.assertTrue(root.tag.endswith("svg"))
            self.assertEqual(os.listdir(folder), ["rates.svg"])
            code, out, _ = run("linear", "--steps", 2, "--svg", path, "--json")
            self.assertEqual(len(json.loads(out)["lr"]), 2)

    def test_an_svg_that_cannot_be_written_is_code_3(self):
        code, out, err = run("--svg", "/nowhere/at/all.svg")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("/nowhere/at/all.svg", err)


class Notes(unittest.TestCase):
    def note(self, *words):
        code, _, err = run("--json", *words)
        self.assertEqual(code, 0, err)
        return err

    def test_surprises_are_said(self):
        self.assertIn("constant has no warmup", self.note("constant", "--warmup-steps", 5))
        self.assertIn("without --metrics", self.note("reduce_lr_on_plateau"))
        self.assertIn("min_lr 0.001 is not below the learning rate", self.note("greedy"))
        self.assertIn("smaller than eps",
                      self.note("reduce_lr_on_plateau", "--lr", "1e-8", "--eval-steps", 5,
                                "--metrics", "[1]"))
        self.assertIn("are 30 together, the run has 1000",
                      self.note("warmup_stable_decay:num_stable_steps=10:num_decay_steps=20"))
        self.assertEqual(self.note("linear", "--warmup-steps", 5), "")


class Refusals(unittest.TestCase):
    def refused(self, text, *words):
        code, out, err = run(*words)
        self.assertEqual((code, out), (2, ""), err)
        self.assertIn(text, err)
        return err

    def test_what_makes_no_run_names_its_option(self):
        for rate in ("0", "-1", "nan", "inf", "1e999", "fast"):
            self.refused("--learning-rate", "--learning-rate", rate)
        self.refused("--warmup-steps: a warmup of 2000 steps is longer than the run of 1000",
                     "--warmup-steps", 2000)
        self.refused("--warmup-steps", "--warmup-steps", -1)
        self.refused("--warmup-ratio", "--warmup-ratio", 1.5)
        self.refused("--max-steps", "--max-steps", 0)
        self.refused("--max-steps", "--max-steps", "many")

    def test_unknown_names_are_met_with_the_nearest(self):
        self.assertIn("did you mean cosine?", self.refused("'cosin'", "cosin"))
        self.assertIn("did you mean num_cycles?",
                      self.refused("--lr-scheduler-kwargs", "cosine", "--lr-scheduler-kwargs",
                                   '{"num_cycle": 1}'))

    def test_kwargs_must_be_a_json_object(self):
        for text in ("", "x", "[]", "{", '{"num_cycles": {}}'):
            self.refused("--lr-scheduler-kwargs", "cosine", "--lr-scheduler-kwargs", text)

    def test_metrics_belong_to_schedules_that_use_them(self):
        self.refused("none of the schedules moves", "--metrics", "[1]", "--eval-steps", 1)
        self.refused("--eval-steps", "greedy", "--metrics", "[1]")
        self.refused("--eval-steps", "greedy", "--metrics", "[1]", "--eval-steps", 2.5)
        for text in ("", "1", "[1", "[null]", '["1"]', "{}"):
            self.refused("--metrics", "greedy", "--metrics", text, "--eval-steps", 1)

    def test_one_thing_goes_to_standard_output(self):
        self.refused("--json, --csv and --plot", "--json", "--csv")
        self.refused("--json, --csv and --plot", "--plot", "--csv")


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
