#!/usr/bin/env python3
"""pace tune with nothing given, on real models and data: what it chose, what it cost, what it gained.

    PACE=build/pace PACE_DATA=... python bench/tune.py [--steps 300] [--only WORD] [--models DIR ...]
                                  [--threads N] [--results FILE.jsonl] [--table]

Every base of MODELS (and those in further folders, tool/bases.py makes some) is tuned on every data
set of DATA that it can read, with no option but --columns where a file is ambiguous, a template where
chat rows meet a base that has none, and --max-steps where a run would be longer. The same job is
trained with --learning-rate 2e-4, a cosine and 3 % of warmup, as most do, for the same number of
steps. Each pair is a line of the results, which are appended to and not made twice, so that a series
can be stopped and gone on with; --table only prints what is there.

Columns: the loss on test rows before and after and the 95 % interval of its difference; the rate and
where it came from; the search's and all extra computation over the main run's; the gain of the fixed
rate over ours; processor seconds over those of the fixed run. Closing lines: how many runs ended
better than their base, and how many not worse than the fixed rate by more than 1 % of the gain.
"""
import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

PACE, ROOT = os.environ["PACE"], pathlib.Path(os.environ["PACE_DATA"])
MODELS = ("stories260K", "poem750K", "own-3M")

# Chat rows need a template, which a base has or has not.
CHATML = ["--chat-template-path", "chatml"]
SST2 = ["--columns", "text=sentence,label=label"]
DATA = {
    "alpaca": ("datasets/instruct/alpaca_en_demo.json", []),
    "rasbt": ("datasets/instruct/rasbt_instruction-data.json", []),
    "identity": ("datasets/instruct/identity.json", []),
    "sft demo": ("datasets/instruct/v1_sft_demo.jsonl", CHATML),
    "fastchat": ("datasets/chat/fastchat_dummy_conversation.json", CHATML),
    "toolcall": ("datasets/instruct/glaive_toolcall_en_demo.json", CHATML),
    "banking77": ("datasets/classification/banking77_train.csv", []),
    "sst2": ("datasets/classification/sst2_train.tsv", SST2),
    "code-alpaca": ("datasets/code/code_alpaca_2k.json", []),
    "spider": ("datasets/text2sql/spider_dev.json", ["--columns", "prompt=question,completion=query"]),
    "gsm8k": ("datasets/gsm8k/train.jsonl", []),
    "shakespeare": ("datasets/text/tinyshakespeare.txt", []),
    "wiki": ("datasets/instruct/wiki_demo.txt", []),
    "poems": ("models/poem750K/poetry_corpus.json", ["--columns", "prompt=title,completion=content"]),
}
FIXED = ["--learning-rate", "2e-4", "--lr-scheduler-type", "cosine", "--warmup-ratio", "0.03", "--guard", "off"]


def run(model, path, options, folder):
    """The run's --json with its processor seconds, or None and what was said."""
    shutil.rmtree(folder, ignore_errors=True)
    words = [PACE, "tune", str(model), str(path), "-o", folder, "--json", "--quiet", "--skip-bad-rows", *options]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(words, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in (0, 6) or not done.stdout:
        return None, [line for line in done.stderr.split("\n") if line.startswith("pace:")][:1]
    result = json.loads(done.stdout)
    result["processor"] = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return result, ""


def records(folder, kind):
    with open(f"{folder}/journal.jsonl", encoding="utf-8") as lines:
        return [record for record in map(json.loads, lines) if record.get("record") == kind]


def compare(model, path, options, steps, folder):
    """A row of the results: ours, and the same number of steps at the fixed rate."""
    data = ROOT / path
    plan = subprocess.run([PACE, "plan", str(model), str(data), "--json", "--skip-bad-rows", *options],
                          capture_output=True, text=True)
    if plan.returncode == 0 and json.loads(plan.stdout)["steps"] > steps:
        options = [*options, "--max-steps", str(steps)]
    ours, why = run(model, data, options, f"{folder}/ours")
    if not ours:
        return {"why": why}
    fixed, why = run(model, data, [*options, *FIXED], f"{folder}/fixed")
    if not fixed:
        return {"why": why}
    first = records(f"{folder}/ours", "run")[0]
    search = (records(f"{folder}/ours", "search") or [{"method": "-"}])[-1]
    verdict = records(f"{folder}/ours", "verdict")[-1]
    return {"train_rows": first["rows"]["train"], "test_rows": ours["test_rows"], "steps": ours["steps"],
            "planned": first["steps"], "rate": ours["learning_rate"], "method": search["method"],
            "before": ours["base"]["loss"], "after": ours["tuned"]["loss"], "low": verdict["low"],
            "high": verdict["high"], "compute": ours["compute"], "fixed": fixed["tuned"]["loss"],
            "processor": ours["processor"], "fixed_processor": fixed["processor"]}


def table(rows):
    print("| base | data | rows | steps | rate | from | before | after | 95 % of the difference | search | all | gain at 2e-4 | time |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for r in rows:
        if "why" in r:
            print(f"| {r['model']} | {r['data']} | {' '.join(r['why'])} |")
            continue
        share = 100 * (r["before"] - r["fixed"]) / (r["before"] - r["after"])
        print(f"| {r['model']} | {r['data']} | {r['train_rows']:,} | {r['steps']} | {r['rate']:.2e} | {r['method']} | "
              f"{r['before']:.3f} | {r['after']:.3f} | {r['low']:+.3f} to {r['high']:+.3f} | "
              f"{100 * r['compute']['search']:.0f} % | {r['compute']['total_ratio']:.2f} | {share:.0f} % | "
              f"{r['processor'] / r['fixed_processor']:.2f} |")
    done = [r for r in rows if "why" not in r]
    better = sum(r["after"] < r["before"] for r in done)
    as_good = sum(r["after"] <= r["fixed"] + 0.01 * (r["before"] - r["after"]) for r in done)
    print(f"\n{better} of {len(done)} better than their base; {as_good} not worse than the fixed rate by more than "
          "1 % of the gain")
    return better == as_good == len(done)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--only", default="", help="runs whose 'model data' contains the word")
    parser.add_argument("--models", nargs="*", default=[], help="further bases")
    parser.add_argument("--threads", default="0")
    parser.add_argument("--results", default="tune.jsonl")
    parser.add_argument("--table", action="store_true")
    args = parser.parse_args()
    results = pathlib.Path(args.results)
    rows = [json.loads(line) for line in results.read_text().splitlines()] if results.exists() else []
    done = {(row["model"], row["data"]) for row in rows}
    models = [ROOT / "models" / name for name in MODELS] + [pathlib.Path(name) for name in args.models]
    for model in [] if args.table else models:
        for name, (path, options) in DATA.items():
            if (model.name, name) in done or args.only not in f"{model.name} {name}":
                continue
            with tempfile.TemporaryDirectory() as folder:
                row = compare(model, path, [*options, "--threads", args.threads], args.steps, folder)
            rows.append({"model": model.name, "data": name, **row})
            with results.open("a") as f:
                f.write(json.dumps(rows[-1]) + "\n")
    return 0 if table(rows) else 1


if __name__ == "__main__":
    sys.exit(main())
