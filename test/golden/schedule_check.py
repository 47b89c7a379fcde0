"""schedule_check.py: every schedule against transformers' get_scheduler and torch.

2,000 random configurations of each of the fourteen, edge cases among them: the rates as the
optimizer has them at each update, some steps past the end, and refusals where Hugging Face raises.
Rounding of the warmup; the values of hf_sched_golden.json, where that file is beside the test data;
a sample through the program itself. PACE, PACE_BUILD, PACE_DATA: program, build folder, test data.
"""
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import types
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

import torch
import transformers
from torch.optim import lr_scheduler

PACE = os.environ["PACE"]
TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/schedule_tool")
GOLDEN = pathlib.Path(os.environ.get("PACE_DATA", ".")).parent / "research/hf_sched_golden.json"

CONFIGURATIONS = 2000
PAST_THE_END = 4
REPEATED = {"step", "exponential"}
METRIC = {"reduce_lr_on_plateau", "greedy"}

passed = failed = 0
rng = random.Random(20)


def check(name, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok and failed < 20:
        print(f"FAILED {name} {detail}"[:1500])


# ------------------------------------------------------------------------------ configurations --

def maybe(kwargs, name, value):
    """Half of the time the default is left."""
    if rng.random() < 0.5:
        kwargs[name] = value


def cycles(kwargs):
    maybe(kwargs, "num_cycles", rng.choice([0, 0.5, 1, 2, 3, rng.uniform(0, 5)]))


def minimum(kwargs, lr):
    if rng.random() < 0.5:
        kwargs["min_lr"] = lr * rng.choice([0, 0.1, 1, rng.uniform(0, 1.2)])
    else:
        kwargs["min_lr_rate"] = rng.choice([0, 0.1, 1, rng.uniform(0, 1.2)])


def polynomial_kwargs(lr, total):
    kwargs = {}
    maybe(kwargs, "power", rng.choice([0, 0.5, 1, 2, 3, rng.uniform(0, 4)]))
    maybe(kwargs, "lr_end", lr * rng.choice([0, 0.01, rng.uniform(0, 1), 1]))
    return kwargs


def min_lr_kwargs(lr, total):
    kwargs = {}
    cycles(kwargs)
    minimum(kwargs, lr)
    return kwargs


def ahead_kwargs(lr, total):
    kwargs = min_lr_kwargs(lr, total)
    maybe(kwargs, "warmup_lr_rate", rng.choice([0, 0.2, 1, rng.random()]))
    return kwargs


def wsd_kwargs(lr, total):
    kwargs = {"num_decay_steps": rng.choice([0, 1, total, rng.randint(0, 2 * total)])}
    maybe(kwargs, "num_stable_steps", rng.choice([0, rng.randint(0, total)]))
    maybe(kwargs, "warmup_type", rng.choice(["linear", "cosine", "1-sqrt"]))
    maybe(kwargs, "decay_type", rng.choice(["linear", "cosine", "1-sqrt"]))
    maybe(kwargs, "min_lr_ratio", rng.choice([0, 0.1, 1, rng.uniform(0, 1.5)]))
    cycles(kwargs)
    return kwargs


def metric_kwargs(lr, total):
    kwargs = {}
    maybe(kwargs, "mode", rng.choice(["min", "max"]))
    maybe(kwargs, "factor", rng.uniform(0.1, 0.99))
    kwargs["patience"] = rng.randint(0, 4)
    maybe(kwargs, "threshold", rng.choice([0, 1e-3, 0.1, 1, rng.random()]))
    maybe(kwargs, "threshold_mode", rng.choice(["rel", "abs"]))
    maybe(kwargs, "cooldown", rng.randint(0, 4))
    maybe(kwargs, "min_lr", lr * rng.choice([0, 0.1, 1, rng.random()]))
    maybe(kwargs, "eps", rng.choice([0, 1e-8, 0.1 * lr]))
    return kwargs


def greedy_kwargs(lr, total):
    kwargs = metric_kwargs(lr, total)
    maybe(kwargs, "warmup", rng.randint(0, 4))
    maybe(kwargs, "max_lr", lr * rng.choice([1, 2, rng.uniform(1, 10)]))
    maybe(kwargs, "smooth", rng.choice([True, False]))
    maybe(kwargs, "window_size", rng.choice([1, 2, 7, 512]))
    maybe(kwargs, "reset_start", rng.choice([0, 1, 3]))
    return kwargs


def of(make):
    def kwargs(lr, total):
        out = {}
        make(out, total)
        return out
    return kwargs


KWARGS = {
    "linear": lambda lr, total: {},
    "cosine": of(lambda k, total: cycles(k)),
    "cosine_with_restarts": of(lambda k, total: cycles(k)),
    "polynomial": polynomial_kwargs,
    "constant": lambda lr, total: {},
    "constant_with_warmup": lambda lr, total: {},
    "inverse_sqrt": of(lambda k, total: maybe(
        k, "timescale", rng.choice([1, rng.randint(1, 5000), rng.uniform(0.5, 500)]))),
    "reduce_lr_on_plateau": metric_kwargs,
    "cosine_with_min_lr": min_lr_kwargs,
    "cosine_warmup_with_min_lr": ahead_kwargs,
    "warmup_stable_decay": wsd_kwargs,
    "greedy": greedy_kwargs,
    "step": lambda lr, total: {"step_size": rng.choice([1, rng.randint(1, total)]),
                               **({"gamma": rng.uniform(0, 1.1)} if rng.random() < 0.7 else {})},
    "exponential": lambda lr, total: {"gamma": rng.choice([1, rng.uniform(0.5, 1),
                                                           rng.uniform(0.99, 1.01)])},
}


def metrics():
    """Evaluations that fall, stall, jump, sometimes are no numbers."""
    value = rng.uniform(0.5, 5)
    out = []
    for _ in range(rng.randint(1, 60)):
        value += rng.choice([-1, -1, 0, 0, 1]) * rng.random() * 0.3
        out.append(rng.choice([math.nan, math.inf, 0.0]) if rng.random() < 0.02 else value)
    return out


def configuration(name):
    total = rng.choice([1, 2, int(10 ** rng.uniform(0, 2.4)), int(10 ** rng.uniform(0, 2.4))])
    if rng.random() < 0.02:
        total = int(10 ** rng.uniform(3, 3.7))
    lr = rng.choice([5e-5, 2e-4, 10 ** rng.uniform(-6.5, 0)])
    warmup = rng.choice([0, 1, total, rng.randint(0, total), rng.randint(0, total)])
    return {"name": name, "lr": lr, "total": total, "warmup": min(warmup, total),
            "kwargs": KWARGS[name](lr, total), "metrics": metrics() if name in METRIC else []}


# ------------------------------------------------------------------------------------ both sides --

def their_scheduler(c, optimizer):
    if c["name"] == "step":
        return lr_scheduler.StepLR(optimizer, **c["kwargs"])
    if c["name"] == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, **c["kwargs"])
    return transformers.get_scheduler(c["name"], optimizer, c["warmup"], c["total"],
                                      dict(c["kwargs"]))


def their_rates(c):
    """The rate of each update; None where the scheduler cannot be made."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=c["lr"])
    try:
        scheduler = their_scheduler(c, optimizer)
    except (ValueError, TypeError, ZeroDivisionError):
        return None
    group = optimizer.param_groups[0]
    rates = [group["lr"]]
    for metric in c["metrics"]:
        scheduler.step(metric)
        rates.append(group["lr"])
    if c["metrics"]:
        return rates
    for step in range(1, c["total"] + PAST_THE_END):
        try:
            scheduler.step()
        except ZeroDivisionError:  # polynomial with a warmup as long as the run, behind its end
            check("only behind the end", step >= c["total"], c)
            break
        rates.append(group["lr"])
    return rates


def text_of(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def tool(lines):
    run = subprocess.run([TOOL], input="\n".join(lines) + "\n", capture_output=True, text=True,
                         check=True)
    return run.stdout.split("\n")[:-1]


def tool_line(c, n_steps):
    words = [c["name"], repr(c["lr"]), c["total"], c["warmup"], n_steps]
    words += [f"{name}={text_of(value)}" for name, value in c["kwargs"].items()]
    words += [f"@{metric!r}" for metric in c["metrics"]]
    return " ".join(map(str, words))


def difference(found, wanted):
    """The largest relative difference; infinite where one is zero or not finite and the other not.

    Below the normal doubles nothing is compared: thousands of products end there, and a power does not.
    """
    if len(found) != len(wanted):
        return math.inf
    worst = 0.0
    for x, y in zip(found, wanted):
        if x != y and not max(abs(x), abs(y)) < sys.float_info.min:
            worst = max(worst, abs(x - y) / abs(y) if y and math.isfinite(x) else math.inf)
    return worst


# ----------------------------------------------------------------------------------------- checks --

def check_schedule(name):
    configurations, wanted, n_made = [], [], 0
    while n_made < CONFIGURATIONS:
        configurations.append(configuration(name))
        wanted.append(their_rates(configurations[-1]))
        n_made += wanted[-1] is not None
    answers = tool([tool_line(c, len(w or [])) for c, w in zip(configurations, wanted)])
    check("an answer each", len(answers) == len(wanted))
    limit = 1e-9 if name in REPEATED else 1e-12
    worst, equal, refused = 0.0, 0, 0
    for c, theirs, answer in zip(configurations, wanted, answers):
        if theirs is None:
            refused += 1
            check(name, answer.startswith("refused"), f"{c}: they raise, we do not")
            continue
        if answer.startswith("refused"):
            check(name, False, f"{c}: {answer}")
            continue
        apart = difference([float(x) for x in answer.split()], theirs)
        worst = max(worst, apart)
        equal += apart == 0
        check(name, apart <= limit, f"{c}: {apart:.2g} apart")
    print(f"{name:26} {equal:5} bit for bit, {refused:4} refused by both, worst {worst:.1e}")


def check_refusals():
    """What Hugging Face raises for, beyond the random configurations."""
    cases = [("cosine_with_min_lr", {}), ("cosine_with_min_lr", {"min_lr": 1e-5, "min_lr_rate": 0.1}),
             ("cosine_warmup_with_min_lr", {}), ("polynomial", {"lr_end": 1.0}),
             ("warmup_stable_decay", {}),
             ("warmup_stable_decay", {"num_decay_steps": 5, "decay_type": "sqrt"}),
             ("warmup_stable_decay", {"num_decay_steps": 5, "warmup_type": "exp"}),
             ("reduce_lr_on_plateau", {"factor": 1.0}), ("reduce_lr_on_plateau", {"mode": "mean"}),
             ("reduce_lr_on_plateau", {"threshold_mode": "x"}), ("greedy", {"factor": 1.5}),
             ("greedy", {"mode": "x"}), ("linear", {"num_cycles": 1}), ("cosine", {"min_lr": 0.1}),
             ("step", {"gamma": 0.1}), ("exponential", {})]
    for name, kwargs in cases:
        c = {"name": name, "lr": 1e-3, "total": 20, "warmup": 2, "kwargs": kwargs, "metrics": []}
        check("they raise", their_rates(c) is None, c)
        check("refused", tool([tool_line(c, 20)])[0].startswith("refused"), c)


def check_warmup():
    """v5: whole steps, or a share below 1; v4: steps, else the ratio."""
    lines, wanted = [], []
    for _ in range(5000):
        total = int(10 ** rng.uniform(0, 6))
        share = rng.choice([0, 0.03, 0.07, 0.1, round(rng.random(), 2), rng.random()])
        steps = rng.choice([0, rng.randint(0, total), rng.uniform(1, total + 1)])
        args = types.SimpleNamespace(warmup_steps=steps or share)
        get = transformers.TrainingArguments.get_warmup_steps
        lines.append(f"warmup {steps or share!r} 0 {total}")
        wanted.append(get(args, total))
        lines.append(f"warmup {int(steps)} {share!r} {total}")
        wanted.append(int(steps) if int(steps) > 0 else math.ceil(total * share))
    for line, found, want in zip(lines, tool(lines), wanted):
        check("warmup", found == str(want), f"{line}: {found}, not {want}")


def check_golden():
    if not GOLDEN.is_file():
        print("hf_sched_golden.json is not there: left out")
        return
    golden = json.loads(GOLDEN.read_text())
    total = golden["T"]
    for key, row in golden["schedules"].items():
        # "polynomial_p2", "wsd_linear_cosine_min0.1": the longest name that the key begins with.
        name = max((n for n in KWARGS if key.replace("wsd", "warmup_stable_decay").startswith(n)),
                   key=len)
        kwargs = {k: v for k, v in row["kw"].items()
                  if k not in ("num_warmup_steps", "num_training_steps", "lr_init")}
        lr = row["kw"].get("lr_init", 1.0)
        c = {"name": name, "lr": lr, "total": total, "warmup": golden["W"], "kwargs": kwargs,
             "metrics": []}
        rates = [float(x) for x in tool([tool_line(c, len(row["lambda"]))])[0].split()]
        check(key, difference(rates, [lr * x for x in row["lambda"]]) <= 1e-12, rates)


def check_program():
    for name in KWARGS:
        for _ in range(20):
            c = configuration(name)
            wanted = their_rates(c)
            every = rng.randint(1, 5)
            arguments = ["--lr-scheduler-type", name, "--learning-rate", repr(c["lr"]),
                         "--warmup-steps", str(c["warmup"]), "--max-steps", str(c["total"]),
                         "--lr-scheduler-kwargs", json.dumps(c["kwargs"])]
            if name in METRIC:
                arguments += ["--metrics", json.dumps(c["metrics"]), "--eval-steps", str(every)]
                if wanted:
                    wanted = [wanted[min(step // every, len(wanted) - 1)]
                              for step in range(c["total"])]
            run = subprocess.run([PACE, "schedule", "--json", *arguments], capture_output=True,
                                 text=True)
            if wanted is None:
                check("the program refuses", run.returncode == 2, f"{arguments} {run.stdout}")
                continue
            apart = math.inf
            if run.returncode == 0:
                apart = difference(json.loads(run.stdout)["lr"], wanted[:c["total"]])
            check("the program", apart <= 1e-9, f"{arguments} {apart} {run.stderr}")


for schedule in KWARGS:
    check_schedule(schedule)
check_refusals()
check_warmup()
check_golden()
check_program()
print(f"{passed} passed, {failed} failed")
raise SystemExit(1 if failed else 0)
