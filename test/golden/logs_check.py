"""logs_check.py: training logs as pace reads them, point by point, against Python.

The real logs of the data folder are parsed a second time with json, csv, tensorboard and regular
expressions; made-up logs in every format (logs_made.py) are read whole and damaged.
PACE_BUILD: the build folder; PACE_DATA: the test data; LOGS_ROUNDS: made-up logs of each format.
"""
import csv
import json
import math
import os
import pathlib
import random
import re
import subprocess
import sys
import tempfile

import logs_made
from tensorboard.backend.event_processing import event_file_loader
from tensorboard.util import tensor_util

TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/logs_tool")
LOGS = pathlib.Path(os.environ["PACE_DATA"]) / "logs"
ROUNDS = int(os.environ.get("LOGS_ROUNDS", 30))

passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED {name} {detail}")


def read(paths):
    """What pace reads from each path, in their order."""
    out = []
    for start in range(0, len(paths), 200):
        some = [str(p) for p in paths[start:start + 200]]
        result = subprocess.run([TOOL, *some], capture_output=True, text=True, errors="replace")
        if result.returncode != 0:
            sys.exit(f"logs_tool ended with code {result.returncode}: {result.stderr[-500:]}")
        out += [json.loads(line) for line in result.stdout.splitlines()]
    return out


# ------------------------------------------------------------------------------------ comparison

LOSS, EVAL, NORM = 1, 2, 4  # flags


def as_read(point):
    """(step, loss, eval, norm, rate) as pace gives it: NaN where nothing was logged; and the flags."""
    step, values, flags = point[0], list(point[1:]), 0
    for i, flag in enumerate((LOSS, EVAL, NORM)):
        if values[i] is not None and not math.isfinite(values[i]):
            values[i] = None
            flags |= flag
    return (step, *[math.nan if v is None else v for v in values]), flags


def is_same(a, b, tolerance=0.0):
    return (a != a and b != b) or a == b or abs(a - b) <= tolerance * max(1, abs(b))


def difference(found, wanted, tolerance=0.0):
    """None, or what is the first difference between pace's points and the wanted ones."""
    if len(found) != len(wanted):
        return f"{len(found)} points, not {len(wanted)}"
    for f, w in zip(found, wanted):
        values, flags = as_read(w)
        step, _, loss, held_out, norm, rate, found_flags = f
        if step != values[0] or not all(is_same(a, b, tolerance) for a, b in
                                        zip((loss, held_out, norm, rate), values[1:])):
            return f"{f} is not {values}"
        if found_flags & 7 != flags:
            return f"flags of {f} are not {flags}"
    return None


# ---------------------------------------------------------------------------------- the real logs


def merge(entries):
    """Entries (step, field, value) in their order: one point for each step."""
    points = {}
    for step, field, value in entries:
        point = points.setdefault(step, {})
        if field in point:
            point = points[(step, len(points))] = {}
        point[field] = value
    return [(k if isinstance(k, int) else k[0], *[p.get(f) for f in ("loss", "eval", "norm", "rate")])
            for k, p in points.items()]


HF = {"loss": "loss", "eval_loss": "eval", "grad_norm": "norm", "learning_rate": "rate", "lr": "rate"}


def history_points(history, step_name):
    rows = [(int(e[step_name]), HF[k], v) for e in history if "train_runtime" not in e for k, v in e.items() if k in HF]
    return merge(rows)


def check_state(path, found):
    text = path.read_text()
    if "g0_loss" in text:  # several data sets are held out: the first is read
        text = text.replace("eval_g0_loss", "eval_loss")
    state = json.loads(text)
    why = difference(found["points"], history_points(state["log_history"], "step"))
    check(path.name, why is None, f"{why} {found['notes']}")
    rates = {e["learning_rate"] for e in state["log_history"] if "learning_rate" in e}
    old = "best_global_step" not in state and len(rates) > 1
    check(path.name + ": whose rate", found["rate_is_of_next"] == old)
    check(path.name + ": plan", found["total_steps"] == state["max_steps"] and
          found["total_epochs"] == state["num_train_epochs"])
    nans = any(not math.isfinite(e.get("loss", 0)) for e in state["log_history"])
    check(path.name + ": filter", found["hides_nan"] != nans)


def check_factory(path, found):
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    why = difference(found["points"], history_points(rows, "current_steps"))
    check(path.name, why is None, why)
    check(path.name + ": plan", found["total_steps"] == rows[-1]["total_steps"])


def event_points(path):
    names = {"train/loss": "loss", "train_loss": "loss", "eval/loss": "eval", "val_loss": "eval", "lr": "rate",
             "train/grad_norm": "norm", "train/learning_rate": "rate"}
    rows = []
    for event in event_file_loader.EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            if value.tag in names:
                number = float(tensor_util.make_ndarray(value.tensor).reshape(-1)[0]) if value.HasField("tensor") \
                    else value.simple_value
                rows.append((event.step, names[value.tag], number))
    return merge(rows)


def check_events(path, found):
    if "autotrain" in path.name:
        check(path.name, "no loss in it" in found.get("error", ""))
        return
    why = difference(found["points"], event_points(path))
    check(path.name, why is None, why)


def number(text):
    return float(text) if text else None


def check_table(path, found):
    with open(path, newline="") as lines:
        rows = list(csv.DictReader(lines))
    if "overall" in path.name:
        check(path.name, "a list of runs" in found.get("error", ""))
        return
    if "wandb_export" in path.name:
        wanted = [(int(r["Step"]), number(r["gpt2 - train/loss"]), None, None, None) for r in rows
                  if r["gpt2 - train/loss"]]
    elif "pythia" in path.name:
        wanted = [(int(r["step"]), number(r["train/lm_loss"]), None, None, None) for r in rows]
    else:
        wanted = [(int(r["iter"]), number(r["train_loss"]), number(r["val_loss"]), None, number(r["lr"])) for r in rows]
    why = difference(found["points"], wanted)
    check(path.name, why is None, why)


def dict_points(text):
    """A Trainer's dicts; steps are not in them and are left 0."""
    points = []
    for match in re.finditer(r"\{'(?:loss|eval_loss)'.*?\}", text):
        values = {k: float(v) for k, v in re.findall(r"'(\w+)': '?(-?[\w.+-]+)'?", match[0]) if k in HF}
        if "eval_loss" in values:
            points[-1] = points[-1][:2] + (values["eval_loss"],) + points[-1][3:]
        else:
            points.append((0, values["loss"], None, values.get("grad_norm"), values.get("learning_rate")))
    return points


REAL_CONSOLES = {  # steps of dicts: every 5 by their trainer_state.json, which is there as well; else counted
    "Rusheel86": ("dicts", 5), "agosalvez": ("dicts", 5), "late_collapse": ("dicts", 1), "neuron": ("dicts", 1),
    "153325": ("nanogpt", 0), "160630": ("nanogpt", 0), "karpathy__nanoGPT": ("nanogpt", 0), "nanochat": ("nanochat", 0),
}


def console_points(path, kind, every):
    text = path.read_text(errors="replace")
    if kind == "dicts":
        return [(every * (i + 1), *p[1:]) for i, p in enumerate(dict_points(text))]
    if kind == "nanochat":
        return [(int(s), float(x), None, None, None) for s, x in
                re.findall(r"^step (\d+)/\d+ .*?\| loss: ([\d.]+)", text, re.M)]
    rows = []
    for line in text.splitlines():
        if found := re.match(r"step (\d+): train loss [\d.]+, val loss ([\d.]+)", line):
            rows.append((int(found[1]), "eval", float(found[2])))
        elif found := re.match(r"iter (\d+): loss ([\d.]+),.*?(?:lr ([\d.e-]+))?$", line):
            rows.append((int(found[1]), "loss", float(found[2])))
    return merge(rows)


def check_console(path, found):
    for part, (kind, every) in REAL_CONSOLES.items():
        if part in path.name:
            why = difference(found.get("points", []), console_points(path, kind, every))
            check(path.name, why is None, why)
            return
    check(path.name, "no loss in it" in found.get("error", "") and "what is read" in found.get("hint", ""))


def check_real():
    kinds = [("trainer_state/*", check_state), ("llamafactory/*", check_factory), ("tfevents/*", check_events),
             ("text/*.csv", check_table), ("text/*.log", check_console), ("nan/*", check_console)]
    for pattern, compare in kinds:
        paths = sorted(LOGS.glob(pattern))
        for path, found in zip(paths, read(paths)):
            compare(path, found)


# -------------------------------------------------------------------------------- the made-up ones


def as_bytes(text):
    return text if isinstance(text, bytes) else text.encode()


def damages(r, name, data):
    """The log whole, and with what happens to logs: (kind, bytes)."""
    yield "whole", data
    if name == "tensorboard":
        yield "cut", data[:r.randrange(len(data) // 2, len(data))]
        return
    yield "crlf", data.replace(b"\n", b"\r\n")
    yield "mark", b"\xef\xbb\xbf" + data
    yield "cut", data[:r.randrange(len(data) // 2, len(data))]
    yield "utf-16", data.decode().encode("utf-16")


def judge_made(name, kind, found, wanted, total):
    what = f"{name}, {kind}"
    tolerance = 2e-3 if name == "llama_cpp" else 0.0
    if kind == "utf-16":
        check(what, "UTF-16" in found.get("error", "") and "UTF-8" in found.get("hint", ""))
        return
    points = found.get("points", [])
    if kind == "cut":  # all that is whole is right; the point at the cut may lack something
        few = points[:max(0, len(points) - 1)]
        why = difference(few, wanted[:len(few)], tolerance) if not found.get("error") else None
        check(what, why is None, why)
        return
    why = found.get("error") or difference(points, wanted, tolerance)
    if why is None and total is not None and found["total_steps"] not in (total, 0 if total == 0 else total):
        why = f"{found['total_steps']} steps planned, not {total}"
    check(what, why is None, why)


def check_made():
    folder = pathlib.Path(tempfile.mkdtemp())
    cases, paths = [], []
    for writer in logs_made.WRITERS:
        for seed in range(ROUNDS):
            r = random.Random(f"{writer.__name__} {seed}")
            text, wanted, total = writer(r)
            for kind, data in damages(r, writer.__name__, as_bytes(text)):
                if kind == "cut" and (getattr(wanted, "resumed", False) or writer.__name__ in UNSTEADY):
                    continue
                path = folder / f"{len(paths)}"
                path.write_bytes(data)
                paths.append(path)
                cases.append((f"{writer.__name__} {seed}", writer.__name__, kind, wanted, total))
    for (label, name, kind, wanted, total), found in zip(cases, read(paths)):
        before = failed
        judge_made(name, kind, found, wanted, total)
        if failed > before:
            print(f"    {label} {found.get('path')} {found.get('notes')}")


# Where the end of the log decides what its beginning means.
UNSTEADY = {"wandb_table", "dicts_4", "dicts_5"}


check_real()
check_made()
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
