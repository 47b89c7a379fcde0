#!/usr/bin/env python3
"""fit_prior.py - fits the prior of the learning rate and writes src/rate/prior_table.h.

    fit_prior.py [--sweep FILE] [--write] [--tables]

Evidence, all of it in decades (log10 of the best peak rate):

  --sweep         a public sweep of LoRA fine-tuning, 35 models of 1 B to 1 T parameters in the
                  layout of tinker-sft-sweep.md; by default ../../research/ next to PACE_DATA
  prior_runs.tsv  our own sweeps of models below 4 million parameters (prior_runs.py)
  prior_points.tsv  single rates: earlier sweeps of ours, and what authors of models published

Of a sweep the best rate is the vertex of the parabola (in log rate) through the best grid point and
its neighbours, at most a quarter decade beyond the grid; of two basins the lower one counts. The model is linear in the features below,
with a normal prior on every coefficient (mean and spread stated with it, from the literature), a
random effect for each family, model and task, and noise: so the posterior is one linear solve. It is
written out whole, covariance included: the C side only evaluates.

Without --write the script compares the table on disk with a fresh fit. The same input gives the same
file, digit for digit. numpy alone is needed.
"""

import argparse
import csv
import math
import os
import pathlib
import re
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
TABLE = HERE.parent / "src" / "rate" / "prior_table.h"

# The reference job, at which every feature is zero.
REFERENCE = {"width": 2048, "rank": 16, "alpha": 32, "tokens": 50_000, "steps": 780}
# Where effects end: narrower models want what this one wants; so many rows or fewer are as scarce as
# can be, and with so many a second look no longer matters.
LIMITS = {"narrow": 192, "few_rows": 240, "many_rows": 4800}

# Spreads in decades: of the random effects (a job's: what the linear model does not say of jobs of one
# model and task) and of what a single best rate is known to. Near the maximum of the evidence.
FAMILY_SD, MODEL_SD, TASK_SD, JOB_SD = 0.20, 0.12, 0.12, 0.10
SWEEP_SD, EDGE_SD, SETTING_SD = 0.08, 0.15, 0.35
# How much the effect of epochs differs between tasks: the memory of plain text is punished at once, that
# of short answers hardly. Per unit of its feature.
EPOCHS_SD = 0.50
# What the guess is wider by: for preferences, whose evidence is what people set and not sweeps; for
# each decade beyond what was swept.
DPO_SD, BEYOND_SD = 0.35, 0.15

# name, prior mean, prior sd, where the prior comes from
COEFFICIENTS = [
    ("base", -3.37, 0.30, "LoRA rank 16 at width 2048: mean of public sweeps"),
    ("width_above", 0.0, 0.30, "no slope in Baseten's sweeps, -0.78 in Tinker's formula for Llama"),
    ("width_below", -0.40, 0.40, "muP and public pre-training tables: smaller models take more"),
    ("full", -1.00, 0.15, "LoRA Without Regret: LoRA takes 10 times the rate of full fine-tuning"),
    ("full_width", -0.50, 0.40, "muP: a full matrix wants 1/width"),
    ("qlora", 0.0, 0.05, "Dettmers et al. 2023: the same rates serve 4-bit bases"),
    ("dpo", -1.60, 0.30, "recipes: 5e-6 for LoRA, 5e-7 for full at 7 B"),
    ("scratch", 1.00, 0.40, "GPT-3's and Pythia's tables beside fine-tuning recipes"),
    ("scratch_width", 0.30, 0.40, "the same"),
    ("lora_rank", 0.24, 0.10, "rank matters little: between r^0 and r^0.5"),
    ("batch", 0.35, 0.20, "between none and the square root of the batch"),
    ("steps_below", -0.15, 0.10, "longer runs want less; short ones were hardly studied"),
    ("steps_above", -0.28, 0.08, "Bjorck et al. 2025: T^-0.32; bounds T^-0.5"),
    ("epochs", -1.00, 0.50, "five epochs on 240 rows: -0.85"),
    ("epochs_answers", -0.30, 0.50, "answers: what one row teaches holds for others"),
    ("weight_decay", 0.0, 0.05, "decoupled decay moves the optimum little in short runs"),
    ("constant", -0.20, 0.10, "Haegele et al. 2024: a constant rate's optimum is about half"),
    ("cosine", 0.0, 0.05, "cosine and straight line want nearly the same peak"),
]
# Data of our sweeps whose loss is that of answers to something, not of whole texts.
ANSWERS = {"banking77", "instruct", "poem-title", "spider", "gsm8k", "alpaca", "code"}
FAMILIES = [
    # name, config.json's model_type or GGUF's architecture (a beginning where it ends in '*')
    ("llama", ["llama"]),
    ("qwen3", ["qwen3", "qwen3_moe", "qwen3_vl*", "qwen3moe", "qwen3vl*"]),
    ("qwen3_5", ["qwen3_5*", "qwen3_6*", "qwen3_next", "qwen3next", "qwen35*"]),
    ("deepseek_v3", ["deepseek_v3*"]),
    ("kimi", ["kimi*"]),
    ("nemotron", ["nemotron*"]),
    ("gpt_oss", ["gpt_oss", "gpt-oss"]),
]
NAMES = [c[0] for c in COEFFICIENTS] + ["family_" + f[0] for f in FAMILIES]

# ----------------------------------------------------------------------------------- features ----


def log_clamped(value, reference, low, high):
    return math.log10(min(max(value, low), high) / reference)


def scarcity(rows):
    """1 for few rows, 0 for many: how much a row seen again is over-learned."""
    few, many = LIMITS["few_rows"], LIMITS["many_rows"]
    return min(max(math.log(many / rows) / math.log(many / few), 0), 1)


def repeats(job):
    """Decades of epochs, as far as rows seen again are over-learned; random weights have all to learn
    that rows have in common first."""
    if job["method"] == "scratch":
        return 0.0
    return log_clamped(job["epochs"], 1, 1, 100) * scarcity(job["rows"] or 1e9)


def family_index(model_type):
    for i, (_, patterns) in enumerate(FAMILIES):
        for p in patterns:
            if p.endswith("*") and model_type.startswith(p[:-1]) or p == model_type:
                return i
    return -1


def features(job):
    """The row of the design matrix for a job (a dict of known values, as in prior_points.tsv)."""
    x = dict.fromkeys(NAMES, 0.0)
    method = job["method"]
    full = method in ("full", "dpo-full", "scratch")
    width = log_clamped(job["width"], REFERENCE["width"], LIMITS["narrow"], 65536)
    x["base"] = 1.0
    x["width_above"] = max(width, 0)
    x["width_below"] = min(width, 0)
    if full:
        x["full"] = 1.0
        x["full_width"] = width
    else:
        x["lora_rank"] = log_clamped(job["rank"], REFERENCE["rank"], 1, 1024)
    if method == "scratch":
        x["scratch"] = 1.0
        x["scratch_width"] = width
    x["qlora"] = float(method == "qlora")
    x["dpo"] = float(method.startswith("dpo"))
    x["batch"] = log_clamped(job["tokens"], REFERENCE["tokens"], 10, 1e7)
    steps = log_clamped(job["steps"], REFERENCE["steps"], 10, 1e6)
    x["steps_below"] = min(steps, 0)
    x["steps_above"] = max(steps, 0)
    x["epochs_answers" if job["answers"] else "epochs"] = repeats(job)
    x["weight_decay"] = min(job["weight_decay"] / 0.1, 3)
    x["constant"] = {"constant": 1.0}.get(job["schedule"], 0.0)
    x["cosine"] = {"cosine": 1.0}.get(job["schedule"], 0.0)
    family = family_index(job["family"])
    if family >= 0:
        x["family_" + FAMILIES[family][0]] = 1.0
    return np.array([x[n] for n in NAMES])


# ----------------------------------------------------------------------------------- evidence ----


class Sweep:
    """One job at several rates: log10 rates ascending, losses."""

    def __init__(self, points):
        self.x = np.array(sorted(points))
        self.y = np.array([float(np.mean(points[x])) for x in self.x])
        self.best = self.first_basin()
        self.middle = min(max(self.best, 1), len(self.x) - 2)
        near = slice(self.middle - 1, self.middle + 2)
        self.parabola = np.polyfit(self.x[near], self.y[near], 2)

    def first_basin(self):
        """The lowest rate that is a local minimum within 2 % of the best loss: where there are two
        basins, the higher one is where the base is destroyed and the task learned anew."""
        walled = np.concatenate(([np.inf], self.y, [np.inf]))
        is_minimum = (walled[1:-1] <= walled[:-2]) & (walled[1:-1] <= walled[2:])
        return int(np.argmax(is_minimum & (self.y <= 1.02 * self.y.min())))

    def at_edge(self):
        return self.best in (0, len(self.x) - 1)

    def optimum(self):
        a, b, _ = self.parabola
        return float(np.clip(-b / (2 * a), self.x[0] - 0.25, self.x[-1] + 0.25))

    def regret(self, x, nearest):
        """% of loss above the best grid point; off the grid by the parabola at the optimum, or by
        the one through the three nearest points."""
        on_grid = np.abs(self.x - x) < 1e-9
        if on_grid.any():
            loss = self.y[on_grid][0]
        elif nearest:
            three = np.argsort(np.abs(self.x - x), kind="stable")[:3]
            loss = np.polyval(np.polyfit(self.x[three], self.y[three], 2), x)
        else:
            loss = np.polyval(self.parabola, x)
        return 100 * (loss / self.y.min() - 1)


class Observation:
    def __init__(self, job, optimum, sd, runs, origin, model, task, sweep=None, tag=""):
        self.job, self.y, self.sd, self.runs, self.origin = job, optimum, sd, runs, origin
        self.model, self.task, self.sweep, self.tag = model, task, sweep, tag
        self.features = features(job)


# Widths of the swept models, from their published config.json files. Nemotron 3 Ultra's is a guess.
WIDTHS = {
    "Qwen3.6-35B-A3B": 2048, "Qwen3.6-27B": 5120, "Qwen3.5-397B-A17B": 4096,
    "Qwen3.5-35B-A3B": 2048, "Qwen3.5-27B": 5120, "Qwen3.5-9B": 4096, "Qwen3.5-4B": 2560,
    "Qwen3-235B-A22B": 4096, "Qwen3-VL-235B-A22B": 4096, "Qwen3-32B": 5120, "Qwen3-30B-A3B": 2048,
    "Qwen3-VL-30B-A3B": 2048, "Qwen3-8B": 4096, "Qwen3-4B": 2560, "DeepSeek-V3.1": 7168,
    "Llama-3.3-70B": 8192, "Llama-3.1-70B": 8192, "Llama-3.1-8B": 4096, "Llama-3.2-3B": 3072,
    "Llama-3.2-1B": 2048, "Kimi-K2": 7168, "NVIDIA-Nemotron-3-Ultra": 8192,
    "NVIDIA-Nemotron-3-Super": 4096, "NVIDIA-Nemotron-3-Nano": 2688, "gpt-oss": 2880,
}
SWEPT_FAMILIES = [
    ("Qwen3.5", "qwen3_5"), ("Qwen3.6", "qwen3_5"), ("Qwen3", "qwen3"), ("Llama", "llama"),
    ("DeepSeek", "deepseek_v3"), ("Kimi", "kimi_k2"), ("NVIDIA", "nemotron_h"), ("gpt", "gpt_oss"),
]
SMALL_DENSE = {
    "Llama-3.2-1B", "Llama-3.2-3B", "Llama-3.1-8B", "Llama-3.1-8B-Instruct", "Qwen3-8B",
    "Qwen3-4B-Instruct-2507", "Qwen3-8B-Base", "Qwen3.5-4B", "Qwen3.5-9B", "Qwen3.5-9B-Base",
}


def longest_prefix(table, name):
    return table[max((k for k in table if name.startswith(k)), key=len)]


def read_public_sweep(path):
    """Cells (model, rank) of at least three rates that did not diverge."""
    cells, model, steps, rows_per_step = {}, None, 780, 128
    for line in path.read_text().splitlines():
        named = re.match(r"- Model: `(?:.*/)?(.*)`", line)
        if named:
            model = named.group(1)
        row = re.match(r"\| (\S+) \| (\d+) \| (\S+) \| \S+ \| \S+ \|$", line)
        if row and model:
            points = cells.setdefault((model, int(row.group(2))), {})
            points.setdefault(math.log10(float(row.group(1))), []).append(float(row.group(3)))
    out = []
    for (model, rank), points in cells.items():
        if len(points) < 3:
            continue
        sweep = Sweep(points)
        if sweep.parabola[0] <= 0:
            continue
        job = dict(method="lora", width=longest_prefix(WIDTHS, model), rank=rank,
                   tokens=REFERENCE["tokens"], steps=steps, epochs=1, rows=steps * rows_per_step,
                   weight_decay=0, schedule="linear", answers=True,
                   family=longest_prefix(dict(SWEPT_FAMILIES), model))
        sd = math.hypot(SWEEP_SD, EDGE_SD if sweep.at_edge() else 0)
        out.append(Observation(job, sweep.optimum(), sd, sum(map(len, points.values())),
                               "Tinker's SFT sweep", model, model + "/tulu3", sweep))
    return out


def read_tsv(path):
    with open(path, newline="", encoding="utf-8") as f:
        return list(csv.DictReader(f, delimiter="\t"))


def job_of_row(row):
    job = dict(method=row["method"], schedule=row["schedule"], family=row["family"],
               tokens=float(row["tokens_per_step"]), answers=row.get("data") in ANSWERS)
    for key in ("width", "rank", "steps", "epochs", "rows", "weight_decay"):
        job[key] = float(row[key])
    return job


def read_own_runs(path):
    cells = {}
    for row in read_tsv(path):
        cells.setdefault(row["cell"], []).append(row)
    out = []
    for name, rows in cells.items():
        points = {math.log10(float(r["learning_rate"])): [float(r["loss"])] for r in rows
                  if math.isfinite(float(r["loss"]))}
        if len(points) < 3:
            continue
        sweep = Sweep(points)
        if sweep.parabola[0] <= 0:
            continue
        sd = math.hypot(SWEEP_SD, JOB_SD, EDGE_SD if sweep.at_edge() else 0)
        first = rows[0]
        out.append(Observation(job_of_row(first), sweep.optimum(), sd, len(rows), "our sweeps",
                               first["model"], f"{first['model']}/{first['data']}", sweep, name))
    return out


def read_points(path):
    out = []
    for i, row in enumerate(read_tsv(path)):
        swept = row["kind"] == "sweep"
        sd = math.hypot(SWEEP_SD, JOB_SD) if swept else SETTING_SD
        runs = 9 if swept else 1
        team = row["team"].split("/")[0]
        rate = float(row["learning_rate"])
        if float(row["alpha"]) > 0:  # what it would be at the reference's scale
            rate *= float(row["alpha"]) / REFERENCE["alpha"]
        out.append(Observation(job_of_row(row), math.log10(rate), sd, runs,
                               "our sweeps" if swept else "published settings", team,
                               row["team"] if swept else f"{team}/{i}"))
    return out


# ---------------------------------------------------------------------------------------- fit ----


class Fit:
    """Posterior of the coefficients given observations: mean and covariance."""

    def __init__(self, observations):
        sds = [c[2] for c in COEFFICIENTS] + [FAMILY_SD] * len(FAMILIES)
        self.prior_mean = np.array([c[1] for c in COEFFICIENTS] + [0.0] * len(FAMILIES))
        self.prior_sd = np.array(sds)
        P = np.diag(self.prior_sd**2)
        X = np.array([o.features for o in observations])
        y = np.array([o.y for o in observations])
        model = np.array([o.model for o in observations])
        task = np.array([o.task for o in observations])
        noise = np.diag([o.sd**2 for o in observations])
        noise += MODEL_SD**2 * (model[:, None] == model[None, :])
        epochs = EPOCHS_SD * (X[:, NAMES.index("epochs")] + X[:, NAMES.index("epochs_answers")])
        noise += (TASK_SD**2 + np.outer(epochs, epochs)) * (task[:, None] == task[None, :])
        gain = P @ X.T @ np.linalg.inv(X @ P @ X.T + noise)
        self.mean = self.prior_mean + gain @ (y - X @ self.prior_mean)
        self.covariance = P - gain @ X @ P
        self.covariance = (self.covariance + self.covariance.T) / 2
        self.observations = observations

    def predict(self, x):
        """Mean and sd of the best rate of a new model and task with these features."""
        unknown_family = 0.0 if x[len(COEFFICIENTS):].any() else FAMILY_SD**2
        variance = x @ self.covariance @ x + MODEL_SD**2 + TASK_SD**2 + JOB_SD**2 + unknown_family
        variance += (EPOCHS_SD * (x[NAMES.index("epochs")] + x[NAMES.index("epochs_answers")])) ** 2
        return float(x @ self.mean), math.sqrt(variance)


def leave_out(observations, key, only):
    """Predictions for the observations in `only`, each without all that share its key."""
    out = {}
    for group in sorted({key(o) for o in only}):
        fit = Fit([o for o in observations if key(o) != group])
        for o in only:
            if key(o) == group:
                out[id(o)] = fit.predict(o.features)
    return [out[id(o)] for o in only]


class Score:
    """Errors and regrets of a list of predictions for swept observations."""

    def __init__(self, observations, rates, sds=None):
        y = np.array([o.y for o in observations])
        rates = np.array(rates)
        self.n = len(y)
        self.error = rates - y
        self.regret = np.array([o.sweep.regret(r, False) for o, r in zip(observations, rates)])
        self.nearest = np.array([o.sweep.regret(r, True) for o, r in zip(observations, rates)])
        self.covered = None
        if sds is not None:
            total = np.sqrt(np.array(sds) ** 2 + SWEEP_SD**2)
            self.covered = float(np.mean(np.abs(self.error) < 1.2816 * total))

    def row(self, name):
        """A line of doc/RATE.md's tables."""
        def three(values):
            return f"{values.mean():.3f} / {np.quantile(values, 0.9):.2f} / {values.max():.2f}"
        covered = "" if self.covered is None else f"{self.covered:.0%}"
        return (f"| {name} | {self.n} | {three(self.regret)} | ({three(self.nearest)}) | "
                f"{self.error.mean():+.2f} | {self.error.std():.2f} | {covered} |")


def scores(observations):
    """Named scores: the public sweep leave-one-model-out, ours leave-one-task-out and -model-out."""
    public = [o for o in observations if o.origin.startswith("Tinker")]
    small = [o for o in public if o.model in SMALL_DENSE]
    own = [o for o in observations if o.sweep and not o.origin.startswith("Tinker")]
    out = {}
    for name, group in (("all", public), ("small dense 1-9 B", small)):
        for rate in (1e-4, 2e-4, 3e-4, 5e-4):
            out[f"fixed {rate:g}, {name}"] = Score(group, [math.log10(rate)] * len(group))
        p = leave_out(observations, lambda o: o.model, group)
        out[f"leave one model out, {name}"] = Score(group, *zip(*p))
        cautious = [mean - caution() * sd for mean, sd in p]
        out[f"the same, as pace_prior gives it, {name}"] = Score(group, cautious)
    if own:
        p = leave_out(observations, lambda o: o.task, own)
        out["own: leave one task out"] = Score(own, *zip(*p))
        p = leave_out(observations, lambda o: o.model, own)
        out["own: leave one model out"] = Score(own, *zip(*p))
    return out


# -------------------------------------------------------------------------------------- table ----


def caution():
    """How many sds below the mean the guess is: least expected regret for a parabola whose right
    side is 1.6 times as steep as its left, found on a grid."""
    z = np.linspace(-6, 6, 24001)
    density = np.exp(-z * z / 2)
    cost = [np.sum(density * (s - z) ** 2 * np.where(s > z, 1.6, 1.0))
            for s in np.arange(-0.5, 0.0005, 0.005)]
    return -round(-0.5 + 0.005 * int(np.argmin(cost)), 3)


def learned_share(fit, i):
    """0: the data left the prior as it was; 1: the prior no longer matters."""
    return 1 - fit.covariance[i, i] / fit.prior_sd[i] ** 2


def evidence(fit, i):
    """Runs that a coefficient rests on, and a line on where it comes from."""
    counts = {}
    for o in fit.observations:
        if o.features[i] != 0:
            counts[o.origin] = counts.get(o.origin, 0) + o.runs
    from_prior = COEFFICIENTS[i][3] if i < len(COEFFICIENTS) else "families differ by 0.2 decades"
    if not counts or learned_share(fit, i) < 0.2:
        return 0, from_prior
    return sum(counts.values()), ", ".join(f"{k} ({n})" for k, n in counts.items())


def swept_ranges(observations):
    """Least and most of each input over the sweeps: beyond them the guess is an extrapolation."""
    swept = [o for o in observations if o.sweep]
    full = [o for o in swept if o.job["method"] in ("full", "scratch")]
    lora = [o for o in swept if o.job["method"] == "lora"]
    for name, group, key in (("LORA_WIDTH", lora, "width"), ("FULL_WIDTH", full, "width"),
                             ("RANK", lora, "rank"), ("TOKENS", swept, "tokens"),
                             ("STEPS", swept, "steps"), ("EPOCHS", swept, "epochs")):
        values = [o.job[key] for o in group]
        yield name, min(values), max(values)


def render(fit):
    """The text of prior_table.h."""
    lines = [
        "/*",
        " * prior_table.h - the coefficients of the prior, generated by tool/fit_prior.py from the sweeps;",
        " * not to be edited by hand. Decades, at the reference job: LoRA of rank 16 and alpha 32,",
        " * width 2048, 50,000 trained tokens a step, 780 steps, one epoch, linear decay.",
        " */",
        "#ifndef PACE_RATE_PRIOR_TABLE_H",
        "#define PACE_RATE_PRIOR_TABLE_H",
        "",
    ]
    constants = [(f"REFERENCE_{k.upper()}", v) for k, v in REFERENCE.items()]
    constants += [(k.upper(), v) for k, v in LIMITS.items()]
    constants += [("MODEL_SD", MODEL_SD), ("TASK_SD", TASK_SD), ("JOB_SD", JOB_SD), ("FAMILY_SD", FAMILY_SD), ("EPOCHS_SD", EPOCHS_SD),
                  ("DPO_SD", DPO_SD), ("BEYOND_SD", BEYOND_SD), ("CAUTION", caution())]
    for name, least, most in swept_ranges(fit.observations):
        constants += [(name + "_LEAST", least), (name + "_MOST", most)]
    lines += [f"#define PRIOR_{name} {float(f'{value:.6g}')!r}" for name, value in constants]
    lines += ["", "enum prior_coefficient {"]
    lines += [f"    PRIOR_{name.upper()}," for name in NAMES]
    lines += ["    PRIOR_COUNT", "};", "",
              "static const struct {", "    const char *model_type; /* '*': and what begins so */",
              "    enum prior_coefficient coefficient;", "} prior_families[] = {"]
    for name, patterns in FAMILIES:
        lines += [f'    {{"{p}", PRIOR_FAMILY_{name.upper()}}},' for p in patterns]
    lines += ["};", "", "static const struct {", "    double value, se;", "    int runs;",
              "    const char *source;", "} prior_coefficients[PRIOR_COUNT] = {"]
    for i, name in enumerate(NAMES):
        runs, source = evidence(fit, i)
        lines.append(f"    [PRIOR_{name.upper()}] = {{{fit.mean[i]:.6f}, "
                     f"{math.sqrt(fit.covariance[i, i]):.6f}, {runs},")
        lines.append(f'        "{source}"}},')
    lines += ["};", "", "/* The lower triangle of the coefficients' covariance, row by row. */",
              "static const double prior_covariance[PRIOR_COUNT * (PRIOR_COUNT + 1) / 2] = {"]
    numbers = [f"{fit.covariance[i, j]:.8f}," for i in range(len(NAMES)) for j in range(i + 1)]
    numbers = [n.replace("-0.00000000", "0.00000000") for n in numbers]
    for at in range(0, len(numbers), 7):
        lines.append("    " + " ".join(numbers[at : at + 7]))
    lines += ["};", "", "#endif", ""]
    return "\n".join(lines)


def default_sweep():
    data = os.environ.get("PACE_DATA")
    root = pathlib.Path(data).parent if data else HERE.parent.parent / "shared"
    return root / "research" / "tinker-sft-sweep.md"


def read_all(sweep_path):
    return (read_public_sweep(pathlib.Path(sweep_path)) + read_own_runs(HERE / "prior_runs.tsv")
            + read_points(HERE / "prior_points.tsv"))


def print_tables(observations, fit):
    """The tables of doc/RATE.md."""
    print("| rule | jobs | mean / p90 / max | (by the nearest three) | bias | sd | in the 80 % interval |")
    print("|---|---|---|---|---|---|---|")
    for name, score in scores(observations).items():
        print(score.row(name))
    print("\n| coefficient | value | se | before the data | learned | runs | from |")
    print("|---|---|---|---|---|---|---|")
    for i, name in enumerate(NAMES):
        runs, source = evidence(fit, i)
        print(f"| {name} | {fit.mean[i]:+.3f} | {math.sqrt(fit.covariance[i, i]):.3f} | "
              f"{fit.prior_mean[i]:+.2f} ± {fit.prior_sd[i]:.2f} | {learned_share(fit, i):.0%} | "
              f"{runs} | {source} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sweep", default=default_sweep())
    parser.add_argument("--write", action="store_true", help="write src/rate/prior_table.h")
    parser.add_argument("--tables", action="store_true", help="print errors and coefficients")
    args = parser.parse_args()
    observations = read_all(args.sweep)
    fit = Fit(observations)
    if args.tables:
        print_tables(observations, fit)
    text = render(fit)
    if args.write:
        TABLE.write_text(text)
    elif not TABLE.exists() or TABLE.read_text() != text:
        sys.exit(f"{TABLE} differs from a fresh fit; fit_prior.py --write renews it")


if __name__ == "__main__":
    main()
