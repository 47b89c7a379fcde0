#!/usr/bin/env python3
"""Checks the prior of the learning rate: its fit, its errors, and that C evaluates it as Python does.

    prior_check.py            (PACE_DATA for the public sweep beside it, PACE_BUILD for prior_tool)

1. src/rate/prior_table.h equals a fresh fit of tool/fit_prior.py.
2. Leave-one-model-out regret on the public sweep is at or below the published table's.
3. pace_prior equals an evaluation of the same table written here, on random jobs.
4. On our own sweeps of small models the guess is near the best rate, and its interval holds it.
"""
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent.parent / "tool"))
import fit_prior as fit  # noqa: E402

BUILD = os.environ.get("PACE_BUILD", "build")
JOBS = int(2000 * float(os.environ.get("PACE_CHECK_SCALE", "1")))
METHODS = ["lora", "qlora", "full", "dpo-lora", "dpo-full"]
SCHEDULES = ["linear", "cosine", "cosine_with_restarts", "polynomial", "constant",
             "constant_with_warmup", "inverse_sqrt", "reduce_lr_on_plateau", "cosine_with_min_lr",
             "cosine_warmup_with_min_lr", "warmup_stable_decay", "greedy", "step", "exponential"]
passed = failed = 0


def check(ok, what):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print("FAILED:", what)


def ask(jobs):
    """What pace_prior says of each job."""
    done = subprocess.run([f"{BUILD}/test/golden/prior_tool"], capture_output=True, text=True,
                          check=True, input="".join(json.dumps(j) + "\n" for j in jobs))
    return [json.loads(line) for line in done.stdout.splitlines()]


# ---------------------------------------------------------------------------------- the table ----


class Table:
    """prior_table.h, read back."""

    def __init__(self, text):
        self.constants = {k: float(v) for k, v in re.findall(r"#define PRIOR_(\w+) ([-\d.e+]+)", text)}
        self.values = [float(v) for v in re.findall(r"\[PRIOR_\w+\] = \{(-?[\d.]+),", text)]
        self.ses = [float(v) for v in re.findall(r"\[PRIOR_\w+\] = \{-?[\d.]+, ([\d.]+),", text)]
        self.numbers = [float(v) for v in re.findall(r"-?\d+\.\d{8}(?=,)", text)]

    def near(self, other):
        def close(a, b):
            return len(a) == len(b) and all(abs(x - y) <= 3e-6 for x, y in zip(a, b))
        return (self.constants == other.constants and close(self.values, other.values)
                and close(self.ses, other.ses) and close(self.numbers, other.numbers))

    def covariance(self, i, j):
        i, j = max(i, j), min(i, j)
        return self.numbers[i * (i + 1) // 2 + j]


def check_fit(table):
    sweep = fit.default_sweep()
    if not sweep.exists():
        print(f"left out: {sweep} is not there")
        return
    observations = fit.read_all(sweep)
    text = fit.render(fit.Fit(observations))
    check(Table(text).near(table), "the table is not that of a fresh fit: tool/fit_prior.py --write")
    check(text == fit.render(fit.Fit(fit.read_all(sweep))), "two fits differ")
    found = fit.scores(observations)
    for name, most in (("all", 0.002), ("small dense 1-9 B", 0.16)):
        score = found[f"leave one model out, {name}"]
        regret = sum(score.regret) / len(score.regret)
        print(score.row(f"leave one model out, {name}"))
        check(regret <= most, f"{name}: mean regret {regret:.3f} %, the report's table has {most}")


# ----------------------------------------------------------------------------- an own evaluation --


def known(x):
    return x is not None and math.isfinite(x) and x > 0


def fill(job, t):
    """Values and spreads of what is not known, as rate.h promises."""
    get = job.get
    v, spread = {}, {}

    def put(name, value, derived, usual, sd):
        if known(value):
            v[name], spread[name] = value, 0
        elif known(derived):
            v[name], spread[name] = derived, 0
        else:
            v[name], spread[name] = usual, sd

    rows_step = get("rows_per_step")
    seen = get("steps") * rows_step if known(get("steps")) and known(rows_step) else None
    to_see = (get("rows") * (get("epochs") if known(get("epochs")) else 1)
              if known(get("rows")) else None)
    put("steps", get("steps"), to_see / rows_step if to_see and known(rows_step) else None, 300, .5)
    put("epochs", get("epochs"), seen / get("rows") if seen and known(get("rows")) else None, 1, .2)
    put("rows", get("rows"), seen / v["epochs"] if seen else None, 1000, 0.7)
    put("tokens", get("tokens_per_step"), None, 200 * rows_step if known(rows_step) else 4000, 0.5)
    put("rank", get("lora_rank"), None, t["REFERENCE_RANK"], 0.3)
    if known(get("parameters")):
        usual = 2048 * (min(max(get("parameters"), 1e4), 1e13) / 1e9) ** 0.385, 0.1
    else:
        usual = t["REFERENCE_WIDTH"], 0.4
    put("width", get("hidden_size"), None, *usual)
    return v, spread


def evaluate(job, table):
    """Mean (without caution) and sd of log10 of the rate."""
    t = table.constants
    v, spread = fill(job, t)
    method = METHODS[job["method"]]
    full = job["from_scratch"] or method in ("full", "dpo-full")
    schedule = SCHEDULES[job["schedule"]]
    shape = {"cosine": "cosine", "cosine_with_restarts": "cosine", "cosine_with_min_lr": "cosine",
             "cosine_warmup_with_min_lr": "cosine", "constant": "constant",
             "constant_with_warmup": "constant", "reduce_lr_on_plateau": "constant",
             "greedy": "constant"}.get(schedule, "linear")
    name = "scratch" if job["from_scratch"] else "full" if full else "lora"
    decay = job.get("weight_decay")
    x = fit.features(dict(method=name, width=v["width"], rank=v["rank"], tokens=v["tokens"],
                          steps=v["steps"], epochs=v["epochs"], rows=v["rows"], schedule=shape,
                          answers=bool(job.get("has_questions")),
                          weight_decay=decay if known(decay) else 0,
                          family=job.get("model_type") or ""))
    at = {n: i for i, n in enumerate(fit.NAMES)}
    x[at["dpo"]] = method.startswith("dpo")
    x[at["qlora"]] = method == "qlora" and not full
    if schedule in ("inverse_sqrt", "warmup_stable_decay", "step", "exponential"):
        x[at["constant"]] = 0.5
    mean = sum(a * b for a, b in zip(x, table.values))
    variance = sum(x[i] * x[j] * table.covariance(i, j)
                   for i in range(len(x)) for j in range(len(x)) if x[i] and x[j])
    variance += t["MODEL_SD"] ** 2 + t["TASK_SD"] ** 2 + t["JOB_SD"] ** 2
    if fit.family_index(job.get("model_type") or "") < 0:
        variance += t["FAMILY_SD"] ** 2
    variance += (t["EPOCHS_SD"] * (x[at["epochs"]] + x[at["epochs_answers"]])) ** 2
    if method.startswith("dpo"):
        variance += t["DPO_SD"] ** 2
    b = dict(zip(fit.NAMES, table.values))
    slope = abs(b["width_below"]) + (abs(b["full_width"]) if full else 0)
    scarce = fit.scarcity(v["rows"])
    repeats = fit.log_clamped(v["epochs"], 1, 1, 100)
    slope_epochs = b["epochs_answers" if job.get("has_questions") else "epochs"]
    slope_epochs *= not job["from_scratch"]
    variance += ((spread["width"] * slope) ** 2 + (spread["tokens"] * b["batch"]) ** 2
                 + (0 if full else (spread["rank"] * b["lora_rank"]) ** 2)
                 + (spread["steps"] * b["steps_above"]) ** 2
                 + (spread["epochs"] * slope_epochs * scarce) ** 2
                 + (spread["rows"] * slope_epochs * repeats
                    / math.log10(t["MANY_ROWS"] / t["FEW_ROWS"])) ** 2)
    ranges = [("FULL_WIDTH" if full else "LORA_WIDTH", "width"), ("TOKENS", "tokens"),
              ("STEPS", "steps"), ("EPOCHS", "epochs")] + ([] if full else [("RANK", "rank")])
    for key, of in ranges:
        value = min(max(v[of], 1e-3), 1e9)
        out = max(math.log10(value / t[key + "_MOST"]), math.log10(t[key + "_LEAST"] / value), 0)
        variance += (t["BEYOND_SD"] * out) ** 2
    if not full:
        rank = min(max(v["rank"], 1), 1e6)
        times = (job["lora_alpha"] if known(job.get("lora_alpha")) else 32) / 32
        times *= [1, math.sqrt(rank), rank][job["scaling"]]
        mean -= math.log10(min(max(times, 1e-2), 1e4))
    return mean, math.sqrt(variance)


def random_job(rng):
    def some(low, high):
        return None if rng.random() < 0.15 else 10 ** rng.uniform(math.log10(low), math.log10(high))
    job = dict(method=rng.randrange(5), from_scratch=rng.random() < 0.15,
               has_questions=rng.random() < 0.5, scaling=rng.randrange(3),
               schedule=rng.randrange(len(SCHEDULES)), parameters=some(1e5, 1e12),
               hidden_size=some(16, 32768), lora_rank=some(1, 1024), lora_alpha=some(1, 1024),
               tokens_per_step=some(10, 1e7), rows_per_step=some(1, 4096), steps=some(1, 1e7),
               epochs=some(0.1, 100), rows=some(1, 1e8), weight_decay=some(1e-3, 1),
               model_type=rng.choice(["llama", "qwen3_moe", "qwen3_5_text", "kimi_k2", "gpt2", None]))
    return {k: v for k, v in job.items() if v is not None}


def check_evaluation(table):
    rng = random.Random(4)
    jobs = [random_job(rng) for _ in range(JOBS)]
    for job, found in zip(jobs, ask(jobs)):
        mean, sd = evaluate(job, table)
        rate = mean - table.constants["CAUTION"] * sd
        same = (abs(math.log10(found["learning_rate"]) - rate) < 1e-9 and abs(found["sd"] - sd) < 1e-9
                and abs(math.log10(found["low"]) - (mean - 1.2816 * sd)) < 1e-9
                and abs(math.log10(found["high"]) - (mean + 1.2816 * sd)) < 1e-9
                and abs(sum(found["effects"].values()) - rate) < 1e-9)
        check(same, f"{job}: C says {found}, Python 10**{rate} sd {sd}")


# ------------------------------------------------------------------------------------- own runs --


def job_of(o):
    j = o.job
    method = j["method"]
    return dict(method=METHODS.index("full" if method == "scratch" else method),
                from_scratch=method == "scratch", has_questions=j["answers"], scaling=0, hidden_size=j["width"],
                schedule=SCHEDULES.index(j["schedule"]), lora_rank=j["rank"], lora_alpha=32,
                tokens_per_step=j["tokens"], steps=j["steps"], epochs=j["epochs"], rows=j["rows"],
                weight_decay=j["weight_decay"], model_type=j["family"])


def check_own_runs():
    own = fit.read_own_runs(pathlib.Path(fit.HERE / "prior_runs.tsv"))
    found = ask([job_of(o) for o in own])
    errors = [math.log10(f["learning_rate"]) - o.y for f, o in zip(found, own)]
    inside = [f["low"] <= 10**o.y <= f["high"] for f, o in zip(found, own)]
    bias = sum(errors) / len(errors)
    mean = sum(map(abs, errors)) / len(errors)
    print(f"own sweeps: {len(own)} jobs, mean error {bias:+.2f} decades, mean size {mean:.2f}, "
          f"80 % interval holds {sum(inside) / len(inside):.0%}")
    check(-0.15 < bias < 0.1, f"bias on our own sweeps: {bias:+.2f} decades")
    check(mean < 0.25, f"errors on our own sweeps: {mean:.2f} decades")
    check(sum(inside) >= 0.75 * len(inside), "the interval misses too many of our own sweeps")


def main():
    table = Table(fit.TABLE.read_text())
    check(len(table.values) == len(fit.NAMES), "the table has other coefficients than the script")
    check_fit(table)
    check_evaluation(table)
    check_own_runs()
    print(f"{passed} passed, {failed} failed")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
