"""What a run leaves for a person, made from its journal alone, for runs of every kind.

    test_report.py PROGRAM          (PACE_REPORT_TOOL: writes the report of a folder)
"""
import base64
import hashlib
import html.parser
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import made_runs

PROGRAM = None
TOOL = os.environ["PACE_REPORT_TOOL"]
VOID = {"meta", "br"}


class Page(html.parser.HTMLParser):
    """Checks that elements nest; collects addresses, handlers, scripts and text."""

    def __init__(self, text):
        super().__init__()
        self.open, self.addresses, self.handlers, self.scripts, self.text = [], [], [], [], []
        self.policy = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.addresses += [v for k, v in attributes.items() if k in ("src", "href", "action", "data", "xlink:href")]
        self.handlers += [k for k in attributes if k.startswith("on")]
        if attributes.get("http-equiv") == "Content-Security-Policy":
            self.policy = attributes["content"]
        if tag == "script":
            self.scripts.append([attributes, ""])
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            raise AssertionError(f"</{tag}> closes {self.open[-3:]}")
        self.open.pop()

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1][1] += data
        elif self.open and self.open[-1] != "style":
            self.text.append(data)


class Report(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        for name in made_runs.RUNS:
            made_runs.write(name, cls.folder / name)
            subprocess.run([TOOL, str(cls.folder / name)], check=True, timeout=120)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def read(self, name, file):
        return (self.folder / name / file).read_text()

    def page(self, name):
        return Page(self.read(name, "report.html"))

    def numbers(self, name):
        page = self.page(name)
        return json.loads(page.scripts[0][1], parse_constant=lambda word: self.fail(word))

    def test_every_page_is_whole_and_stands_alone(self):
        for name in made_runs.RUNS:
            with self.subTest(name):
                page = self.page(name)
                self.assertEqual(page.open, [])
                self.assertEqual(page.addresses, [])
                self.assertEqual(page.handlers, [])
                self.assertEqual(len(page.scripts), 3)
                self.assertEqual(page.scripts[0][0]["type"], "application/json")

    def test_only_the_two_embedded_scripts_may_run(self):
        for name in ("searched", "hostile"):
            page = self.page(name)
            allowed = re.findall(r"'sha256-([^']+)'", page.policy)
            found = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for _, text in page.scripts[1:]]
            self.assertEqual(allowed, found)
            self.assertIn("default-src 'none'", page.policy)

    def test_hostile_text_is_shown_and_does_nothing(self):
        text = self.read("hostile", "report.html")
        self.assertEqual(self.page("searched").scripts[1:], self.page("hostile").scripts[1:])
        for sign in ("\x1b", "\x00", "\u202e"):
            self.assertNotIn(sign, text)
        self.assertIn("&lt;/script&gt;&lt;script&gt;alert(1)", text)
        card = self.read("hostile", "README.md")
        self.assertNotIn("\x1b", card)
        self.assertNotIn("\u202e", card)
        text = re.sub(r"^(```+)\w+\n.*?^\1\n", "", card.split("---\n", 2)[2], flags=re.S | re.M)
        self.assertNotRegex(text, r"(?<!\\)<(script|img)")

    def test_the_headline_is_the_verdict(self):
        for name, headline in (("searched", "Better than its base."), ("not_better", "Not shown to be better."),
                               ("worse", "Worse than its base."), ("without_test_rows", "Not tested."), ("killed", "Not tested.")):
            self.assertIn(f"<h1>{headline}</h1>", self.read(name, "report.html"), name)

    def test_the_report_has_the_fields_of_tune(self):
        for name in made_runs.RUNS:
            report = json.loads(self.read(name, "report.json"), parse_constant=lambda word: self.fail(word))
            for key in ("output", "learning_rate", "steps", "base", "tuned", "test_rows", "tokens", "compute", "seconds",
                        "tokens_per_second", "peak_memory_bytes", "incidents", "status"):
                self.assertIn(key, report, name)
        report = json.loads(self.read("searched", "report.json"))
        self.assertEqual((report["base"]["loss"], report["tuned"]["loss"], report["test_rows"]), (2.3041, 1.7712, 105))
        self.assertEqual((report["learning_rate"], report["steps"], report["status"]), (2.1e-4, 240, "done"))
        self.assertEqual(len(report["arms"]), 4)
        self.assertEqual((report["incidents"], report["choice"]["action"]), ([], "average"))
        incidents = json.loads(self.read("with_incidents", "report.json"))["incidents"]
        self.assertEqual([i["action"] for i in incidents], ["roll_back", "skip", "quarantine", "quarantine", "quarantine", "cut"])

    def test_incidents_are_marked_and_listed(self):
        numbers = self.numbers("with_incidents")
        self.assertEqual([(m["x"], m["n"]) for m in numbers["marks"]],
                         [(47, 1), (51, 0), (51, 0), (53, 0), (56, 0), (91, 2), (121, 0), (240, 3)])
        text = self.read("with_incidents", "report.html")
        self.assertIn("3 times, steps 51 to 56", text)
        self.assertIn("data/support.jsonl, line 151", text)
        self.assertIn("is this the tokenizer of this model?", text)

    def test_the_bowl_shows_the_arms_and_their_interval(self):
        bowl = self.numbers("searched")["bowl"]
        self.assertEqual(len(bowl["arms"]), 4)
        self.assertEqual(bowl["interval"], [1.2e-4, 3.7e-4])
        lowest = min(bowl["curve"], key=lambda point: point[1])
        self.assertAlmostEqual(lowest[0], (1.2e-4 * 3.7e-4) ** .5, delta=1e-5)
        edge = self.numbers("with_an_edge")["bowl"]
        self.assertEqual([a["measured"] for a in edge["arms"]], [True, True, True, False, True])
        self.assertEqual(self.numbers("prior_only")["bowl"]["curve"], [])
        self.assertEqual(self.numbers("given_rate")["bowl"]["chosen"], 2e-4)
        self.assertIn("the mean of the rates that it had", self.read("searched", "report.html"))
        self.assertNotIn("the mean of the rates that it had", self.read("given_rate", "report.html"))

    def test_a_long_run_makes_no_long_page(self):
        self.assertLess(len(self.read("long", "report.html")), 600_000)
        numbers = self.numbers("long")
        self.assertLessEqual(len(numbers["loss"]), 2000)
        self.assertEqual(max(y for _, y in numbers["loss"]), 7.5)

    def test_a_full_model_is_used_without_a_base(self):
        self.assertIn("full_method/model</pre>", self.read("full_method", "report.html"))
        card = self.read("full_method", "README.md")
        self.assertIn("library_name: transformers", card)
        self.assertNotIn("PeftModel", card)

    def test_the_card_has_a_head_that_yaml_reads(self):
        head = self.read("searched", "README.md").split("---\n")[1]
        self.assertIn('base_model: "models/Qwen2.5-0.5B"\n', head)
        self.assertIn("library_name: peft\n", head)

    def test_a_run_that_ended_early_says_so(self):
        for name, words in (("interrupted", "interrupted by the user"), ("overfit", "had been rising for 100 steps"), ("killed", "unfinished")):
            text = self.read(name, "report.html")
            self.assertIn("The run was not done to its end", text, name)
            self.assertIn(words, text, name)

    def test_a_folder_without_a_journal_is_refused(self):
        done = subprocess.run([TOOL, str(self.folder)], capture_output=True, timeout=60)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"journal.jsonl", done.stderr)


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
