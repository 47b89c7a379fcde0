"""pace data from outside: every format, every way in which data can be wrong, narrow terminals.

    test_data.py PROGRAM
"""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None


class Data(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def write(self, name, content):
        path = pathlib.Path(self.folder.name) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, list):
            content = "".join(json.dumps(row) + "\n" for row in content)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return str(path)

    def run_data(self, *words, **environment):
        done = subprocess.run([PROGRAM, "data", *words], capture_output=True, timeout=60,
                              env={**os.environ, "LC_ALL": "C", **environment})
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def report(self, *words):
        code, out, err = self.run_data(*words, "--json")
        self.assertEqual(code, 0, err)
        return json.loads(out)

    def test_every_format_is_named(self):
        turns = [{"role": "user", "content": "u"}, {"role": "assistant", "content": "a"}]
        rows = {
            "messages": {"messages": turns},
            "sharegpt": {"conversations": [{"from": "human", "value": "u"},
                                           {"from": "gpt", "value": "a"}]},
            "alpaca": {"instruction": "i", "input": "", "output": "o"},
            "prompt_completion": {"prompt": "p", "completion": "c"},
            "question_answer": {"question": "q", "answer": "a"},
            "text": {"text": "t"},
            "text_label": {"text": "t", "label": 1},
            "preference": {"prompt": "p", "chosen": "c", "rejected": "r"},
        }
        for name, row in rows.items():
            report = self.report(self.write(f"{name}.jsonl", [row]))
            self.assertEqual(report["format"], name)
            self.assertEqual(report["rows"], 1)
            self.assertEqual(report["columns"], list(row))
        self.assertEqual(self.report(self.write("a.txt", "hello\n"))["format"], "txt")

    def test_rows_are_split_and_duplicates_counted(self):
        rows = [{"text": f"row {i % 90}"} for i in range(100)]
        report = self.report(self.write("a.jsonl", rows), "--eval-split", "0.2", "--test-split", "5")
        self.assertEqual(report["duplicates"], 10)
        parts = report["train_rows"], report["eval_rows"], report["test_rows"]
        self.assertEqual(sum(parts), 100)
        self.assertEqual(parts[1:], (20, 5))

    def test_bad_rows_are_named_and_the_code_is_3_unless_they_are_skipped(self):
        path = self.write("a.jsonl", '{"text": "a"}\n{"text": 5}\n{"text"\n{"text": ""}\n')
        code, out, err = self.run_data(path, "--json")
        self.assertEqual(code, 3)
        self.assertIn("3 of 4 rows are bad", err)
        self.assertIn("--skip-bad-rows", err)
        self.assertEqual([(row["line"], row["what"]) for row in json.loads(out)["bad_rows"]],
                         [(2, "column 'text' is a number, not a text"),
                          (3, "expected ':' (column 8: text)"),
                          (4, "column 'text' is empty")])
        code, out, _ = self.run_data(path, "--skip-bad-rows")
        self.assertEqual(code, 0)
        self.assertIn("3 rows cannot be used and will be left out", out)

    def test_ten_bad_rows_at_most_are_shown_with_the_count(self):
        path = self.write("a.jsonl", "{\n" * 30 + '{"text": "a"}\n')
        code, out, _ = self.run_data(path)
        self.assertEqual(code, 3)
        self.assertEqual(out.count("expected a member"), 10)
        self.assertIn("and 20 more", out)

    def test_unknown_columns_stop_with_the_advice_that_settles_them(self):
        path = self.write("a.csv", "sentence,label\nfine,1\n")
        code, out, err = self.run_data(path, "--json")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("sentence, label", err)
        advice = re.search(r"--columns (\S+)", err)[1]
        self.assertEqual(self.report(path, "--columns", advice)["format"], "prompt_completion")

    def test_a_wrong_option_is_code_2(self):
        path = self.write("a.jsonl", [{"text": "a"}] * 9)
        for words in (["--columns", "x"], ["--eval-split", "2.5"], ["--eval-split", "9"],
                      ["--eval-split", "-1"], ["--max-length", "0"]):
            code, _, err = self.run_data(path, *words)
            self.assertEqual(code, 2, err)

    def test_the_preview_marks_what_is_trained_on(self):
        path = self.write("a.jsonl", [{"prompt": "p p", "completion": "c c"}])
        self.assertIn("  p p[[c c]]\n", self.run_data(path)[1])
        self.assertIn("  p p\u27e6c c\u27e7\n", self.run_data(path, LC_ALL="C.UTF-8")[1])
        self.assertEqual(self.report(path)["preview"][0]["segments"],
                         [{"text": "p p", "trained": False}, {"text": "c c", "trained": True}])

    def test_hostile_text_cannot_steer_the_terminal(self):
        row = {"text": "a\x1b]0;x\x07\u202eb\u0000\x9b31m\n\n" + "w" * 5000}
        names = {f"c\x1b[2J{i}": "x" for i in range(3)}
        path = self.write("a.jsonl", [{**row, **names}])
        for locale in ("C", "C.UTF-8"):
            _, out, _ = self.run_data(path, "--columns", "text=text", LC_ALL=locale)
            self.assertNotRegex(out, "[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]")

    def test_no_line_passes_a_narrow_terminal(self):
        path = self.write("a-file-with-a-long-name.jsonl",
                          [{"prompt": "words " * 50 + "\u4e2d" * 30, "completion": "long" * 40 + str(i)}
                           for i in range(3000)] + [{"prompt": 1}])
        for width in (40, 80):
            for locale in ("C", "C.UTF-8"):
                _, out, _ = self.run_data(path, COLUMNS=str(width), LC_ALL=locale)
                for line in out.split("\n"):
                    wide = len(re.findall("[\u4e00-\u9fff]", line))
                    self.assertLessEqual(len(line) + wide, width, line)

    def test_files_of_a_folder_keep_their_parts(self):
        rows = [{"text": f"row {i}"} for i in range(40)]
        self.write("d/train.jsonl", rows[:30])
        self.write("d/test.jsonl", rows[25:])
        self.write("d/README.md", "about")
        report = self.report(str(pathlib.Path(self.folder.name) / "d"))
        self.assertEqual(report["crossing_duplicates"], 5)
        self.assertEqual(report["test_rows"], 20)
        self.assertEqual(report["passed_over"], ["README.md"])
        self.assertEqual([file["part"] for file in report["files"]], ["test", None])

    def test_the_order_of_rows_changes_nothing(self):
        rows = [{"text": f"row {i}"} for i in range(200)]
        one = self.report(self.write("a.jsonl", rows))
        other = self.report(self.write("a.jsonl", rows[::-1]))
        for report in (one, other):
            for preview in report["preview"]:
                del preview["line"]
        self.assertEqual(one, other)

    def test_as_many_rows_are_shown_as_asked(self):
        path = self.write("a.jsonl", [{"text": f"row {i}"} for i in range(20)])
        for n in (0, 1, 7, 20, 1000):
            self.assertEqual(len(self.report(path, "--show", str(n))["preview"]), min(n, 20))

    def model(self):
        """A tokenizer of letters: "ab" is one token, <e> ends a text."""
        words = list("abcdefghijklmnopqrstuvwxyz :\n0123456789") + ["ab", "<e>"]
        added = {"id": len(words) - 1, "content": "<e>", "single_word": False, "lstrip": False,
                 "rstrip": False, "normalized": False, "special": True}
        self.write("model/tokenizer.json", json.dumps({
            "added_tokens": [added], "normalizer": None, "pre_tokenizer": None,
            "post_processor": None, "decoder": None,
            "model": {"type": "BPE", "vocab": {word: i for i, word in enumerate(words)},
                      "merges": ["a b"]}}))
        self.write("model/tokenizer_config.json", '{"eos_token": "<e>"}')
        return str(pathlib.Path(self.folder.name) / "model")

    def test_with_a_model_tokens_are_counted(self):
        path = self.write("a.jsonl", [{"prompt": "cc", "completion": "abc"}, {"prompt": "c" * 9,
                                                                              "completion": "d"}])
        report = self.report(path, "--model", self.model(), "--max-length", "8")
        self.assertEqual((report["unit"], report["total"], report["trained"]), ("tokens", 16, 5))
        self.assertEqual((report["cut_rows"], report["dropped_rows"], report["lost_tokens"]), (1, 1, 3))
        self.assertEqual((report["rows"], report["train_rows"]), (2, 1))
        _, out, _ = self.run_data(path, "--model", self.model(), "--max-length", "8")
        self.assertIn("2 rows: 1 to train on, 0 held out, 0 for the test, 1 left out", out)
        self.assertIn("1 row left out: none of the answer is within the first 8 tokens", out)
        row = next(row for row in report["preview"] if row["line"] == 1)
        self.assertEqual((row["ids"], row["mask"]), ([2, 2, 39, 2, 40], [0, 0, 1, 1, 1]))

    def test_of_a_preference_both_answers_are_measured(self):
        path = self.write("a.jsonl", [{"prompt": "c", "chosen": "d", "rejected": "c" * 20},
                                      {"prompt": "c", "chosen": "d", "rejected": ""}])
        report = self.report(path, "--model", self.model(), "--max-length", "8")
        self.assertEqual((report["total"], report["cut_rows"], report["lost_tokens"]), (6, 1, 14))

    def test_texts_are_split_and_plain_text_is_cut_into_pieces(self):
        model = self.model()
        report = self.report(self.write("a.jsonl", [{"text": "c" * 20}]), "--model", model,
                             "--max-length", "8")
        self.assertEqual((report["split_rows"], report["cut_rows"]), (1, 0))
        report = self.report(self.write("a.txt", "c" * 99), "--model", model, "--max-length", "10",
                             "--eval-split", "2", "--test-split", "1")
        self.assertEqual((report["rows"], report["train_rows"], report["total"]), (10, 7, 100))

    def test_a_conversation_without_a_template_is_code_3_and_offers_one(self):
        turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
        path = self.write("a.jsonl", [{"messages": turns}])
        code, out, err = self.run_data(path, "--model", self.model())
        self.assertEqual((code, out), (3, ""))
        self.assertIn("--chat-template-path", err)
        template = self.write("t.jinja", "{% for m in messages %}{{ m.content }}{% endfor %}")
        report = self.report(path, "--model", self.model(), "--chat-template-path", template)
        self.assertEqual((report["total"], report["trained"]), (1, 1))  # "ab" is one token

    def test_lines_have_no_blanks_at_their_end(self):
        words = ["a" * (1 + i % 13) for i in range(300)]
        path = self.write("a.jsonl", [{"prompt": " ".join(words), "completion": " ".join(words)}])
        for columns in ("32", "57", "80"):
            _, out, _ = self.run_data(path, COLUMNS=columns)
            self.assertEqual([line for line in out.splitlines() if line != line.rstrip()], [])

    def test_numbers_of_one_are_in_the_singular(self):
        path = self.write("a.jsonl", [{"prompt": "", "completion": "c"}])
        _, out, _ = self.run_data(path)
        self.assertRegex(out, r"rows +1 row: 1 to train on")
        self.assertRegex(out, r"text +1 character, ")

    def test_without_a_good_row_there_are_no_lengths(self):
        path = self.write("a.jsonl", [{"prompt": "a", "completion": None}])
        code, out, err = self.run_data(path)
        self.assertEqual(code, 3)
        self.assertIn("the only row is bad", err)
        self.assertNotIn("lengths", out)
        self.assertNotIn("held out:", out)

    def test_a_number_out_of_range_is_told_in_whole_numbers(self):
        path = self.write("a.jsonl", [{"text": "c"}])
        code, _, err = self.run_data(path, "--max-length", "0")
        self.assertEqual(code, 2)
        self.assertIn("--max-length: 0 is not between 1 and 16777216", err)

    def test_a_named_pipe_is_refused_at_once(self):
        path = pathlib.Path(self.folder.name) / "pipe.jsonl"
        os.mkfifo(path)
        code, out, err = self.run_data(str(path))
        self.assertEqual((code, out), (3, ""))
        self.assertIn("pipe.jsonl: not a regular file", err)
        self.assertIn("write it to a file first", err)

    def test_a_missing_file_is_code_3(self):
        code, out, err = self.run_data("/nowhere/a.jsonl")
        self.assertEqual((code, out), (3, ""))
        self.assertIn("/nowhere/a.jsonl: cannot open", err)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=1)
