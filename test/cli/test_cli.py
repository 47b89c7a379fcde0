"""The program from outside: exit codes, what goes to which stream, help for every command.

    test_cli.py PROGRAM
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM = None
DEMO = pathlib.Path(__file__).resolve().parents[2] / "demo"


def run(*words, stdin=b"", **more):
    done = subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr.decode()


def commands():
    _, out, _ = run("--help")
    return [line.split()[1] for line in out.decode().split("\n") if line.startswith("  pace ")]


@unittest.skipUnless("PACE_DOCS" in os.environ, "PACE_DOCS names the folder of the built pages")
class Documentation(unittest.TestCase):
    DOCS = pathlib.Path(os.environ.get("PACE_DOCS", ""))

    def complete(self, *words, cwd=None):
        script = ('. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _pace; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(["bash", "-c", script, self.DOCS / "pace.bash", "pace", *words],
                              capture_output=True, cwd=cwd, timeout=60)
        self.assertEqual(done.stderr, b"")
        return done.stdout.decode().split("\n")[:-1]

    def test_every_command_has_a_page_with_its_options(self):
        self.assertIn(r"\fIMODEL\fR", (self.DOCS / "pace.1").read_text())
        listed = {path.name for path in self.DOCS.glob("pace-*.1")}
        self.assertEqual(listed, {f"pace-{command}.1" for command in commands()})
        for command in commands():
            page = (self.DOCS / f"pace-{command}.1").read_text()
            self.assertIn(r"\fB\-\-json\fR", page)
            self.assertIn(f'.TH "PACE\\-{command.upper()}" 1', page)
            self.assertNotRegex(page, r"(?m)^[^.].*[^\\-]--")
        self.assertIn(r"\fB\-\-learning\-rate\fR, \fB\-\-lr\fR \fIRATE\fR",
                      (self.DOCS / "pace-schedule.1").read_text())

    def test_words_options_and_files_are_completed(self):
        self.assertEqual(self.complete("da"), ["data"])
        self.assertEqual(self.complete("data", "--sh"), ["--show"])
        self.assertEqual(self.complete("schedule", "--lr"),
                         ["--lr", "--lr-scheduler-type", "--lr-scheduler-kwargs"])
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "two words.jsonl").touch()
            self.assertEqual(self.complete("data", "tw", cwd=folder), ["two words.jsonl"])


class Words(unittest.TestCase):
    def test_no_word_prints_the_overview(self):
        code, out, err = run()
        self.assertEqual((code, err), (0, ""))
        self.assertIn(b"usage: pace COMMAND", out)
        for line in out.decode().split("\n"):
            self.assertLessEqual(len(line), 79, line)

    def test_the_version_is_one_line(self):
        code, out, _ = run("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out.decode(), r"^pace \d+\.\d+\.\d+\n$")

    def test_every_command_has_help_that_fits_a_terminal(self):
        self.assertTrue(commands())
        for command in commands():
            code, out, err = run(command, "--help")
            self.assertEqual((code, err), (0, ""), command)
            self.assertTrue(out.startswith(b"usage: pace " + command.encode()))
            for line in out.decode().split("\n"):
                self.assertLessEqual(len(line), 79, line)

    def test_help_shows_both_names_of_an_option(self):
        self.assertIn(b"--learning-rate, --lr RATE", run("schedule", "--help")[1])

    def test_an_unknown_command_is_refused_with_the_nearest(self):
        code, out, err = run("tokenise")
        self.assertEqual((code, out), (2, b""))
        self.assertIn("there is no command 'tokenise'", err)
        self.assertIn("did you mean 'pace tokenize'?", err)

    def test_an_unknown_option_is_refused_with_the_nearest(self):
        for word, nearest in (("--no-special-token", "--no-special-tokens"), ("--ilnes", "--lines"),
                              ("--jsno", "--json")):
            code, out, err = run("tokenize", word)
            self.assertEqual((code, out), (2, b""))
            self.assertIn(f"unknown option {word}", err)
            self.assertIn(f"did you mean {nearest}?", err)

    def test_an_unknown_option_is_named_as_it_was_written(self):
        for word, named in (("-x", "-x"), ("-qv", "-qv"), ("--xyzzy=3", "--xyzzy")):
            code, _, err = run("tokenize", word)
            self.assertEqual(code, 2)
            self.assertIn(f"unknown option {named}\n", err)

    def test_both_spellings_are_one_option(self):
        for word in ("--no-special-tokens", "--no_special_tokens"):
            code, _, err = run("tokenize", "--model", "/nowhere", word)
            self.assertEqual(code, 3, err)

    def test_an_option_that_is_not_needed_is_passed_over_with_one_note(self):
        code, _, err = run("tokenize", "--report-to", "wandb", "--model", "/nowhere")
        self.assertEqual(code, 3)
        self.assertEqual(err.count("note:"), 1)
        self.assertIn("passed over: report-to", err)
        _, _, err = run("tokenize", "--report-to", "wandb", "--model", "/nowhere", "--quiet")
        self.assertNotIn("note:", err)

    def test_a_missing_value_is_named(self):
        code, _, err = run("tokenize", "--model")
        self.assertEqual(code, 2)
        self.assertIn("--model needs a value", err)

    def test_a_wrong_boolean_is_named(self):
        code, _, err = run("tokenize", "--lines=perhaps")
        self.assertEqual(code, 2)
        self.assertIn("--lines: 'perhaps' is not true or false", err)

    def test_one_argument_too_many_is_named(self):
        code, _, err = run("tokenize", "a", "b", "--model", "/nowhere")
        self.assertEqual(code, 2)
        self.assertIn("one argument too many: 'b'", err)


class RunFiles(unittest.TestCase):
    """A YAML file in place of flags; PACE_SOURCE/demo holds data of our own."""

    def run_with(self, text, *words):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "run.yaml"
            path.write_text(text)
            return run("data", str(path), *words, "--json")

    def test_arguments_and_options_come_from_the_file(self):
        code, out, err = self.run_with(f"data: {DEMO}/tickets.jsonl\nmax_length: 100\nreport_to: none\n")
        self.assertEqual(code, 0, err)
        self.assertEqual(json.loads(out)["rows"], 4000)
        self.assertIn("passed over: report_to", err)

    def test_the_command_line_wins(self):
        text = f"data: {DEMO}/tickets.jsonl\neval_split: 10\n"
        _, out, _ = self.run_with(text)
        self.assertEqual(json.loads(out)["eval_rows"], 10)
        _, out, _ = self.run_with(text, "--eval-split", "20")
        self.assertEqual(json.loads(out)["eval_rows"], 20)

    def test_an_unknown_key_is_named_with_its_line(self):
        code, _, err = self.run_with("data: x\nmax_lenght: 3\n")
        self.assertEqual(code, 2)
        self.assertIn("run.yaml: line 2: unknown option max_lenght", err)
        self.assertIn("did you mean --max-length?", err)

    def test_a_wrong_value_is_named_with_its_line(self):
        code, _, err = self.run_with("data: x\nmax_length: many\n")
        self.assertEqual(code, 2)
        self.assertIn("line 2: --max-length: 'many' is not a whole number", err)

    def test_a_file_that_is_no_mapping_is_code_3(self):
        code, _, err = self.run_with("- a\n- b\n")
        self.assertEqual(code, 3)
        self.assertIn("a run file is a mapping", err)

    def test_a_missing_argument_is_still_asked_for(self):
        code, _, err = self.run_with("max_length: 3\n")
        self.assertEqual(code, 2)
        self.assertIn("pace data needs DATA", err)


class Tokenize(unittest.TestCase):
    """pace tokenize with a small tokenizer.json."""

    MODEL = {"version": "1.0", "added_tokens": [], "post_processor": {
        "type": "BertProcessing", "cls": ["<s>", 0], "sep": ["</s>", 1]},
        "decoder": {"type": "Fuse"},
        "model": {"type": "BPE", "unk_token": "<s>",
                  "vocab": {"<s>": 0, "</s>": 1, "a": 2, "b": 3, "ab": 4, "\0": 5, "\r": 6, "\n": 7},
                  "merges": [["a", "b"]]}}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.model = folder.name
        self.file = os.path.join(folder.name, "tokenizer.json")
        with open(self.file, "w", encoding="utf-8") as file:
            json.dump(self.MODEL, file)

    def tokenize(self, *words, stdin=b""):
        code, out, err = run("tokenize", "--model", self.model, *words, stdin=stdin)
        self.assertEqual((code, err), (0, ""))
        return out

    def test_ids_are_numbers_or_json(self):
        self.assertEqual(self.tokenize(stdin=b"abb"), b"0 4 3 1\n")
        self.assertEqual(json.loads(self.tokenize("--json", stdin=b"a\0b")), {"ids": [0, 2, 5, 3, 1]})
        self.assertEqual(self.tokenize("--no-special-tokens", stdin=b"ab"), b"4\n")
        self.assertEqual(json.loads(self.tokenize("--json", "--no-special-tokens")), {"ids": []})

    def test_a_line_is_a_document_and_ends_at_the_newline_alone(self):
        self.assertEqual(self.tokenize("--lines", "--no-special-tokens", stdin=b"a\r\n\nab"),
                         b"2 6\n\n4\n")
        out = self.tokenize("--lines", "--no-special-tokens", "--json", stdin=b"a\r\n\nab\n")
        self.assertEqual(json.loads(out), {"ids": [[2, 6], [], [4]]})
        self.assertEqual(json.loads(self.tokenize("--lines", "--json")), {"ids": []})

    def test_ids_become_text_in_every_form(self):
        for stdin in (b"4 3\n", b'{"ids": [4, 3]}', b"[4,3]", b"  4\t3 "):
            self.assertEqual(self.tokenize("--decode", stdin=stdin), b"abb")
        self.assertEqual(json.loads(self.tokenize("--decode", "--json", stdin=b"4 3")), {"text": "abb"})
        self.assertEqual(self.tokenize("--decode", "--lines", stdin=b"4\n\n3"), b"ab\n\nb\n")
        out = self.tokenize("--decode", "--lines", "--json", stdin=b'{"ids": [[4], [], [3, 3]]}')
        self.assertEqual(json.loads(out), {"text": ["ab", "", "bb"]})

    def test_what_is_wrong_is_named_with_its_place(self):
        path = os.path.join(self.model, "text.txt")
        with open(path, "wb") as file:
            file.write(b"a\nb\xff\n")
        for words, stdin, message in (
                (["--lines", path], b"", "text.txt: line 2: byte 1: not valid UTF-8"),
                (["--decode"], b"4 x", "standard input: byte 2: 'x' is not a token's id"),
                (["--decode"], b"[4, -1]", "-1 is not a token's id"),
                (["--decode"], b"[[4], [3]]", "several lists of ids: say --lines"),
                (["--decode"], b'{"text": 1}', "no \"ids\" in it"),
                ([path + ".gone"], b"", "text.txt.gone: cannot open")):
            code, out, err = run("tokenize", "--model", self.model, *words, stdin=stdin)
            self.assertEqual(code, 3, err)
            self.assertIn(message, err)
        code, _, err = run("tokenize")
        self.assertEqual(code, 2)
        self.assertIn("no model given", err)

    def test_a_damaged_tokenizer_is_named_with_its_place(self):
        with open(self.file, "w", encoding="utf-8") as file:
            file.write('{"model":\n {"type": "WordPiece", "vocab": {}}}')
        code, _, err = run("tokenize", "--model", self.model)
        self.assertEqual(code, 3)
        self.assertIn("tokenizer.json: line 2", err)
        self.assertIn("model WordPiece is not supported", err)

    def test_many_lines_need_little_memory(self):
        code = ("import resource, subprocess, sys; "
                "p = subprocess.run(sys.argv[1:], stdin=open(0), stdout=subprocess.DEVNULL); "
                "print(p.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)")
        done = subprocess.run([sys.executable, "-c", code, PROGRAM, "tokenize", "--lines", "--json", "--model",
                               self.model], input=b"ab a b\n" * 200_000, capture_output=True, check=True)
        status, kilobytes = map(int, done.stdout.split())
        self.assertEqual(status, 0)
        self.assertLess(kilobytes, 100_000)


class Files(unittest.TestCase):
    def test_a_model_that_is_not_there_is_code_3(self):
        code, out, err = run("tokenize", "--model", "/nowhere")
        self.assertEqual((code, out), (3, b""))
        self.assertIn("/nowhere", err)

    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full")
    def test_a_full_disk_is_code_3(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([PROGRAM, "--help"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        self.assertEqual(done.returncode, 3)
        self.assertIn(b"standard output: cannot write", done.stderr)


class Chat(unittest.TestCase):
    TEMPLATE = ("{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
                "{% if add_generation_prompt %}<|assistant|>{% endif %}")
    MESSAGES = b'[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]'

    def render(self, *words, template=None, messages=None):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "t.jinja"
            path.write_text(template or self.TEMPLATE)
            return run("tokenize", "--chat", "--text-only", "--template", str(path), *words,
                       stdin=self.MESSAGES if messages is None else messages)

    def test_a_conversation_is_rendered_without_a_tokenizer(self):
        code, out, err = self.render()
        self.assertEqual((code, out, err), (0, b"<|user|>Hi<|end|><|assistant|>Yo<|end|>", ""))
        code, out, _ = self.render("--json", "--add-generation-prompt")
        self.assertEqual(json.loads(out), {"text": "<|user|>Hi<|end|><|assistant|>Yo<|end|><|assistant|>"})

    def test_what_a_template_raises_is_code_3_and_its_own_words(self):
        code, out, err = self.render(template="\n{{ raise_exception('no system role here') }}")
        self.assertEqual((code, out), (3, b""))
        self.assertIn("t.jinja: line 2: no system role here", err)
        code, _, err = self.render(template="{{ messages[0].x.y }}")
        self.assertEqual(code, 3)
        self.assertIn("'dict object' has no attribute 'x'", err)

    def test_a_template_that_never_ends_is_stopped(self):
        loop = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
        code, _, err = self.render(template=loop)
        self.assertEqual(code, 3)
        self.assertIn("it passed the limit of 20000000 steps", err)

    def test_wrong_words_and_messages_have_their_codes(self):
        self.assertEqual(run("tokenize", "--chat")[0], 2)
        self.assertEqual(self.render("--decode")[0], 2)
        self.assertEqual(self.render("--lines")[0], 2)
        self.assertEqual(self.render(messages=b"[]")[0], 3)
        code, _, err = self.render(messages=b"{")
        self.assertEqual(code, 3)
        self.assertIn("messages: column 2", err)
        for word in ("--template=t.jinja", "--text-only", "--add-generation-prompt"):
            code, _, err = run("tokenize", "--model", "m", word)
            self.assertEqual(code, 2)
            self.assertIn(f"{word.partition('=')[0]} has a meaning only with --chat", err)
        self.assertEqual(self.render(template="{% include 'x' %}")[0], 3)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=1)
