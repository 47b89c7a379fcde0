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


def run(*words, stdin=b"", **more):
    done = subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, timeout=60, **more)
    return done.returncode, done.stdout, done.stderr.decode()


def commands():
    _, out, _ = run("--help")
    return [line.split()[1] for line in out.decode().split("\n") if line.startswith("  pace ")]


class Words(unittest.TestCase):
    def test_no_word_prints_the_overview(self):
        code, out, err = run()
        self.assertEqual((code, err), (0, ""))
        self.assertIn(b"usage: pace COMMAND", out)

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

    def test_both_spellings_are_one_option(self):
        for word in ("--no-special-tokens", "--no_special_tokens"):
            code, _, err = run("tokenize", "--model", "/nowhere", word)
            self.assertEqual(code, 3, err)

    def test_an_option_that_is_not_needed_is_passed_over_with_one_note(self):
        code, _, err = run("tokenize", "--report-to", "wandb", "--model", "/nowhere")
        self.assertEqual(code, 3)
        self.assertEqual(err.count("note:"), 1)
        self.assertIn("--report-to is not needed here", err)

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


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main(verbosity=1)
