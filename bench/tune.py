#!/usr/bin/env python3
"""pace tune with nothing given, on real models and data: what it chose, what it cost, what it gained.

    PACE=build/pace PACE_DATA=... python bench/tune.py [--steps 300] [--fixed] [--only WORD] [--models DIR ...]

Every base of MODELS (and those in further folders) is tuned on every data set of DATA that it can
read, with no option but --columns where a file is ambiguous and --max-steps where a run would be
longer. A line a run: the loss on test rows before and after with the interval of the difference,
the rate and where it came from, and what the search cost. --fixed trains the same job with
--learning-rate 2e-4, a cosine and 3 % of warmup, as most do, and says how much more or less of the
loss that took away. Closing line: how many runs ended better than their base.
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

PACE, ROOT = os.environ["PACE"], pathlib.Path(os.environ["PACE_DATA"])

# Chat rows need a template, which a base has or has not.
CHATML = ["--chat-template-path", "chatml"]
DATA = {
    "alpaca": ("instruct/alpaca_en_demo.json", []),
    "rasbt": ("instruct/rasbt_instruction-data.json", []),
    "self-instruct": ("instruct/self_instruct_user_oriented_instructions.jsonl", None),
    "identity": ("instruct/identity.json", []),
    "hospitality": ("chat/hospitality_messages_sft_val.jsonl", CHATML),
    "toolcall": ("instruct/glaive_toolcall_en_demo.json", CHATML),
    "banking77": ("classification/banking77_test.csv", []),
    "sst2": ("classification/sst2_dev.tsv", ["--columns", "prompt=sentence,completion=label"]),
    "code-alpaca": ("code/code_alpaca_2k.json", []),
    "spider": ("text2sql/spider_dev.json", ["--columns", "prompt=question,completion=query"]),
    "gsm8k": ("gsm8k/test.jsonl", []),
    "shakespeare": ("text/tinyshakespeare.txt", []),
    "verdict": ("text/rasbt_the-verdict.txt", []),
}


def run(model, path, options, folder):
    shutil.rmtree(folder, ignore_errors=True)
    words = [PACE, "tune", str(model), str(path), "-o", folder, "--json", "--quiet", "--skip-bad-rows", *options]
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode not in (0, 6) or not done.stdout:
        return None, done.stderr.strip().split("\n")[0]
    return json.loads(done.stdout), ""


def records(folder, kind):
    with open(f"{folder}/journal.jsonl", encoding="utf-8") as lines:
        return [record for record in map(json.loads, lines) if record.get("record") == kind]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--fixed", action="store_true")
    parser.add_argument("--only", default="", help="runs whose 'model data' contains the word")
    parser.add_argument("--models", nargs="*", default=[], help="further bases")
    args = parser.parse_args()
    models = [ROOT / "models" / name for name in ("stories260K", "poem750K", "own-3M")]
    models += [pathlib.Path(name) for name in args.models]
    n_runs = n_better = 0
    print("| base | data | rows | steps | rate | from | loss before | after | 95 % | search | all | fixed |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            for name, (path, options) in DATA.items():
                if options is None or args.only not in f"{model.name} {name}":
                    continue
                options = [*options, "--max-steps", str(args.steps)] if args.steps else options
                plan = subprocess.run([PACE, "plan", str(model), str(ROOT / "datasets" / path), "--json",
                                       "--skip-bad-rows", *options[:-2]], capture_output=True, text=True)
                if plan.returncode == 0 and json.loads(plan.stdout)["steps"] <= args.steps:
                    options = options[:-2]
                ours, why = run(model, ROOT / "datasets" / path, options, f"{folder}/ours")
                if not ours:
                    print(f"| {model.name} | {name} | {why} |", flush=True)
                    continue
                n_runs += 1
                before, after = ours["base"]["loss"], ours["tuned"]["loss"]
                n_better += after < before
                search = (records(f"{folder}/ours", "search") or [{"method": "-"}])[-1]
                verdict = (records(f"{folder}/ours", "verdict") or [{}])[-1]
                low, high = (float("nan") if verdict.get(key) is None else verdict[key] for key in ("low", "high"))
                fixed = ""
                if args.fixed:
                    other, why = run(model, ROOT / "datasets" / path,
                                     [*options, "--learning-rate", "2e-4", "--lr-scheduler-type", "cosine",
                                      "--warmup-ratio", "0.03", "--guard", "off"], f"{folder}/fixed")
                    fixed = f"{100 * (before - other['tuned']['loss']) / (before - after):.0f} %" if other else why
                cost = ours["compute"]
                print(f"| {model.name} | {name} | {ours['test_rows']} | {ours['steps']} | {ours['learning_rate']:.2e} | "
                      f"{search['method']} | {before:.4f} | {after:.4f} | {low:+.3f} to {high:+.3f} | "
                      f"{100 * cost['search']:.0f} % | {cost['total_ratio']:.2f} | {fixed} |", flush=True)
    print(f"{n_better} of {n_runs} better than their base")
    return 0 if n_better == n_runs else 1


if __name__ == "__main__":
    sys.exit(main())
