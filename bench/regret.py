#!/usr/bin/env python3
"""regret.py - how much worse than the best of a grid is the rate that pace find names?

    PACE=build/pace PACE_DATA=... regret.py [--jobs FILE] [--out FILE] [--threads N] [--only TEXT]
    PACE=build/pace regret.py --again FILE [--jobs FILE] [--threads N] [--only TEXT]
    regret.py --summary FILE

A job is a line: a name, then the words behind `pace tune` (model, data, options), with variables of the
environment in them; without --jobs, those of JOBS below, on the data folder (an hour on two cores).

For each: `pace find` with these words; nine runs of `pace tune --learning-rate X --guard off` at rates
10^(k/4), the middle one nearest to the prior's rate, with more of them where the best is at an edge; and one
run each at the found rate and at the prior's. Losses are those of the test rows, so the grid's best is the
best of nine on the very rows that it is judged on, which favours the grid.

    regret = (loss at the found rate - best loss of the grid) / (base loss - best loss of the grid)

in percent of the gain. Jobs that are in --out already are passed over. Behind the name, rows=N takes N rows
of the data, shuffled with a fixed seed, so that they can be seen several times.

--again judges a changed search on grids that were measured before (FILE: an earlier --out): `pace find` alone
is run, and the loss at its rate is read off the parabola through the three nearest of the grid.
"""
import argparse
import csv
import json
import math
import os
import pathlib
import random
import shlex
import subprocess
import sys
import tempfile

COLUMNS = ("name method steps base best best_rate found_rate found_loss prior_rate prior_loss cost "
           "reason regret prior_regret grid").split()
GRID, EDGES_MOST = 9, 6
JOBS = """
shakespeare-lora $PACE_DATA/models/stories260K $PACE_DATA/datasets/text/tinyshakespeare.txt --max-steps 150 --max-length 64 --batch 8
shakespeare-full $PACE_DATA/models/stories260K $PACE_DATA/datasets/text/tinyshakespeare.txt --method full --max-steps 80 --max-length 64 --batch 8
stories-lora $PACE_DATA/models/stories260K $PACE_DATA/datasets/text/tinystories_944k.txt --max-steps 100 --max-length 64 --batch 8
gsm8k-lora $PACE_DATA/models/stories260K $PACE_DATA/datasets/gsm8k/train.jsonl --max-steps 100 --max-length 160 --batch 8
banking-full $PACE_DATA/models/stories260K $PACE_DATA/datasets/classification/banking77_train.csv --method full --max-steps 100 --max-length 128 --batch 8
verdict-5-epochs $PACE_DATA/models/stories260K $PACE_DATA/datasets/text/rasbt_the-verdict.txt --epochs 5 --max-length 64 --batch 8
banking-3M-lora $PACE_DATA/models/own-3M $PACE_DATA/datasets/classification/banking77_train.csv --max-steps 80 --max-length 64 --batch 8
spider-5-epochs rows=150 $PACE_DATA/models/stories260K $PACE_DATA/datasets/text2sql/spider_dev.json --columns prompt=question,completion=query --epochs 5
gsm8k-3-epochs rows=200 $PACE_DATA/models/stories260K $PACE_DATA/datasets/gsm8k/train.jsonl --epochs 3
sst2-5-epochs rows=240 $PACE_DATA/models/stories260K $PACE_DATA/datasets/classification/sst2_dev.tsv --columns prompt=sentence,completion=label --epochs 5
code-5-epochs rows=150 $PACE_DATA/models/stories260K $PACE_DATA/datasets/code/code_alpaca_2k.json --epochs 5
spider-3M-5-epochs rows=160 $PACE_DATA/models/own-3M $PACE_DATA/datasets/text2sql/spider_dev.json --columns prompt=question,completion=query --epochs 5
alpaca-3M-4-epochs rows=150 $PACE_DATA/models/own-3M $PACE_DATA/datasets/instruct/alpaca_en_demo.json --epochs 4 --skip-bad-rows
banking-3M-5-epochs rows=200 $PACE_DATA/models/own-3M $PACE_DATA/datasets/classification/banking77_test.csv --epochs 5
instruct-3M-3-epochs $PACE_DATA/models/own-3M $PACE_DATA/datasets/instruct/rasbt_instruction-data.json --epochs 3 --max-length 96 --batch 16
"""


def run(program, words):
    done = subprocess.run([program, *words], capture_output=True, text=True)
    if done.returncode not in (0, 6):
        sys.exit(f"{shlex.join(words)}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout.strip() else None


def read_rows(path):
    with open(path, newline="", encoding="utf-8") as f:
        if path.suffix == ".json":
            return json.load(f)
        if path.suffix == ".jsonl":
            return [json.loads(line) for line in f]
        return list(csv.DictReader(f, delimiter="\t" if path.suffix == ".tsv" else ","))


def sampled(words, folder):
    """The words behind a job's name; where they begin with rows=N, with a sample in the data's place."""
    if not words[0].startswith("rows="):
        return words
    n, model, data = int(words[0][5:]), words[1], pathlib.Path(words[2])
    rows = read_rows(data)
    random.Random(1).shuffle(rows)
    sample = pathlib.Path(folder) / f"{data.stem}-{n}.jsonl"
    sample.write_text("".join(json.dumps(row) + "\n" for row in rows[:n]), encoding="utf-8")
    return [model, str(sample), *words[3:]]


class Job:
    def __init__(self, program, words, threads):
        self.program, self.words, self.threads = program, words, threads
        self.base, self.losses = None, {}

    def tune(self, rate):
        """Loss on the test rows; infinite where the run broke."""
        if rate not in self.losses:
            with tempfile.TemporaryDirectory() as out:
                report = run(self.program, ["tune", *self.words, "--learning-rate", repr(rate), "--guard",
                                            "off", "--json", "--quiet", "--threads", self.threads,
                                            "--overwrite-output-dir", "-o", out])
            loss = report["tuned"]["loss"] if report else None
            self.losses[rate] = loss if loss is not None and math.isfinite(loss) else math.inf
            self.base = report["base"]["loss"] if report else self.base
        return self.losses[rate]

    def find(self):
        return run(self.program, ["find", *self.words, "--json", "--quiet", "--threads", self.threads])

    def grid(self, middle):
        """{k: loss} of the rates 10^(k/4), the best not at an edge if that can be had."""
        centre = round(4 * math.log10(middle))
        losses = {k: self.tune(10 ** (k / 4)) for k in range(centre - GRID // 2, centre + GRID // 2 + 1)}
        for _ in range(EDGES_MOST):
            best = min(losses, key=losses.get)
            if best not in (min(losses), max(losses)):
                break
            k = best + (1 if best == max(losses) else -1)
            losses[k] = self.tune(10 ** (k / 4))
        return losses


def judge(name, job):
    found = job.find()
    prior_rate = found["prior"]["learning_rate"]
    grid = job.grid(prior_rate)
    best = min(grid.values())
    row = dict(name=name, method=found["job"]["method"], steps=found["job"]["steps"], base=job.base,
               best=best, best_rate=10 ** (min(grid, key=grid.get) / 4),
               found_rate=found["learning_rate"], found_loss=job.tune(found["learning_rate"]),
               prior_rate=prior_rate, prior_loss=job.tune(prior_rate), cost=found["cost"],
               reason=found["search"]["reason"],
               grid=" ".join(f"{k / 4:.2f}:{grid[k]:.4f}" for k in sorted(grid)))
    for key in ("", "prior_"):
        loss = row["prior_loss" if key else "found_loss"]
        row[key + "regret"] = 100 * (loss - best) / (job.base - best)
    return row


def between(grid, x):
    """The loss at log10 of a rate, by the parabola through the three nearest of the grid; beyond its ends:
    theirs."""
    points = sorted(tuple(map(float, point.split(":"))) for point in grid.split())
    x = min(max(x, points[0][0]), points[-1][0])
    (a, p), (b, q), (c, r) = sorted(points, key=lambda point: abs(point[0] - x))[:3]
    return (p * (x - b) * (x - c) / ((a - b) * (a - c)) + q * (x - a) * (x - c) / ((b - a) * (b - c))
            + r * (x - a) * (x - b) / ((c - a) * (c - b)))


def judge_again(row, job):
    found = job.find()
    row.update(found_rate=found["learning_rate"], prior_rate=found["prior"]["learning_rate"],
               cost=found["cost"], reason=found["search"]["reason"])
    base, best = float(row["base"]), float(row["best"])
    for key in ("found", "prior"):
        loss = between(row["grid"], math.log10(row[key + "_rate"]))
        row[key + "_loss"] = loss
        row["regret" if key == "found" else "prior_regret"] = 100 * (loss - best) / (base - best)
    return row


def read_table(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def summary(rows):
    for key, title in (("regret", "pace find"), ("prior_regret", "the prior alone")):
        values = sorted(float(r[key]) for r in rows)
        mean = sum(values) / len(values)
        median, p90 = values[len(values) // 2], values[min(len(values) - 1, int(0.9 * len(values)))]
        print(f"{title}: {len(values)} jobs, regret in % of the gain: mean {mean:.2f}, median "
              f"{median:.2f}, p90 {p90:.2f}, worst {values[-1]:.2f}")
    off = [math.log10(float(r["prior_rate"]) / float(r["best_rate"])) for r in rows]
    found = [math.log10(float(r["found_rate"]) / float(r["best_rate"])) for r in rows]
    for name, x in (("found", found), ("prior", off)):
        mean = sum(x) / len(x)
        sd = math.sqrt(sum((v - mean) ** 2 for v in x) / len(x))
        print(f"{name}: {mean:+.2f} decades from the grid's best on average, sd {sd:.2f}")
    print(f"cost: mean {sum(float(r['cost']) for r in rows) / len(rows):.3f} of the run, most "
          f"{max(float(r['cost']) for r in rows):.3f}")


def tell(row):
    print(f"{row['name']}: regret {row['regret']:.2f} % of the gain (prior {row['prior_regret']:.2f}), "
          f"cost {row['cost']:.3f}, {row['reason']}", flush=True)


def jobs_of(args, folder):
    """Name and job, line by line."""
    text = pathlib.Path(args.jobs).read_text(encoding="utf-8") if args.jobs else JOBS
    for line in text.splitlines():
        words = [os.path.expandvars(w) for w in shlex.split(line, comments=True)]
        if words and args.only in words[0]:
            yield words[0], lambda: Job(args.program, sampled(words[1:], folder), args.threads)


def run_again(args, folder):
    known = {row["name"]: row for row in read_table(args.again)}
    rows = []
    for name, job in jobs_of(args, folder):
        if name in known:
            rows.append(judge_again(known[name], job()))
            tell(rows[-1])
    summary(rows)


def run_all(args, folder):
    out = pathlib.Path(args.out)
    if not out.exists():
        out.write_text("\t".join(COLUMNS) + "\n")
    for name, job in jobs_of(args, folder):
        if name in {row["name"] for row in read_table(out)}:
            continue
        row = judge(name, job())
        with open(out, "a", encoding="utf-8") as f:
            f.write("\t".join(str(row[key]) for key in COLUMNS) + "\n")
        tell(row)
    summary(read_table(out))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", nargs="?", default=os.environ.get("PACE"))
    parser.add_argument("--jobs")
    parser.add_argument("--out", default=os.path.join(tempfile.gettempdir(), "regret.tsv"))
    parser.add_argument("--threads", default="2")
    parser.add_argument("--only", default="")
    parser.add_argument("--again")
    parser.add_argument("--summary")
    args = parser.parse_args()
    if args.summary:
        return summary(read_table(args.summary))
    with tempfile.TemporaryDirectory() as folder:
        return run_again(args, folder) if args.again else run_all(args, folder)


if __name__ == "__main__":
    main()
