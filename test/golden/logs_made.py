"""Training logs in every format that is read, made at random, with what must be read from them.

A run is a list of lines (step, loss, held-out loss, norm, rate); each writer prints it as its trainer
would and says what a reader must find: the numbers as they are printed, None where nothing is.
"""
import json
import math
import random
import struct

from tensorboard.compat.proto import event_pb2, summary_pb2
from tensorboard.compat.tensorflow_stub import pywrap_tensorflow

NAN, INF = math.nan, math.inf


class Run:
    """Lines of a run: every `every` steps a loss, now and then an evaluation, odd numbers put in."""

    def __init__(self, r, resumed=False):
        self.r = r
        self.every = r.choice([1, 1, 5, 10, 50])
        self.n = r.randrange(3, 60)
        self.total = self.every * self.n + r.randrange(self.every)
        self.rate = 10 ** r.uniform(-6, -3)
        self.epochs = r.randrange(1, 4)
        self.eval_every = r.choice([0, 0, 3, 7])
        self.odd = r.choice(["", "", "nan", "inf", "huge", "zero"])
        self.steps = [self.every * (i + 1) for i in range(self.n)]
        self.lines = [self.line(i) for i in range(self.n)]
        if resumed and self.n > 9:
            back = r.randrange(2, self.n - 3)
            again = [self.line(i) for i in range(back, self.n)]
            self.dropped = self.lines[back:]
            self.lines += again
            self.resumed_at = self.steps[back]
        else:
            self.resumed_at = None

    def line(self, i):
        r = self.r
        loss = 3.0 * math.exp(-i / self.n) + r.gauss(0, 0.1)
        if self.odd and i > self.n // 2 and r.random() < 0.3:
            loss = {"nan": NAN, "inf": INF, "huge": 338649581355008.0, "zero": 0.0}[self.odd]
        norm = abs(r.gauss(2, 1)) if loss == loss else NAN
        held_out = 3.1 * math.exp(-i / self.n) if self.eval_every and i % self.eval_every == 2 else None
        return {"step": self.steps[i], "loss": loss, "eval": held_out, "norm": norm,
                "rate": self.rate * (1 - i / (self.n + 1)), "epoch": round(self.epochs * (i + 1) / self.n, 4)}


class Points(list):
    """What must be read; `resumed`: of a log whose end decides what its beginning means."""

    resumed = False


def printed(text):
    return float(text)


def points(run, has, form=repr):
    """What must be read: the columns in `has`, printed by `form` (one for all, or one for each)."""
    forms = form if isinstance(form, dict) else {k: form for k in ("loss", "eval", "norm", "rate")}
    lines = run.lines
    if run.resumed_at is not None:
        start = len(run.lines) - (run.n - run.steps.index(run.resumed_at))
        lines = [p for p in run.lines[:start] if p["step"] < run.resumed_at] + run.lines[start:]
    out = Points()
    out.resumed = run.resumed_at is not None
    for line in lines:
        value = {k: printed(forms[k](line[k])) if k in has and line[k] is not None else None
                 for k in ("loss", "eval", "norm", "rate")}
        out.append((line["step"], value["loss"], value["eval"], value["norm"], value["rate"]))
    return out


# ----------------------------------------------------------------------------------------- Trainer


def hf_entries(run):
    for line in run.lines:
        yield {"epoch": line["epoch"], "grad_norm": line["norm"], "learning_rate": line["rate"],
               "loss": round(line["loss"], 4) if math.isfinite(line["loss"]) else line["loss"], "step": line["step"]}
        if line["eval"] is not None:
            yield {"epoch": line["epoch"], "eval_loss": line["eval"], "eval_runtime": 3.5, "step": line["step"]}


HF_FORMS = {"loss": lambda x: repr(round(x, 4) if math.isfinite(x) else x), "eval": repr, "norm": repr, "rate": repr}


def summary(run):
    return {"epoch": float(run.epochs), "step": run.total, "total_flos": 1e15, "train_loss": 2.0,
            "train_runtime": 60.5, "train_samples_per_second": 3.1}


def trainer_state(r):
    run = Run(r)
    history = list(hf_entries(run)) + ([summary(run)] if r.random() < 0.5 else [])
    state = {"best_metric": None, "epoch": float(run.epochs), "global_step": run.total, "log_history": history,
             "max_steps": run.total, "num_train_epochs": run.epochs, "stateful_callbacks": {}, "trial_name": None}
    if r.random() < 0.5:
        state["best_global_step"] = None
    return json.dumps(state, indent=r.choice([None, 2])), points(run, ("loss", "eval", "norm", "rate"), HF_FORMS), run.total


def json_lines(r):
    run = Run(r, resumed=r.random() < 0.4)
    lines = [json.dumps(e) for e in hf_entries(run)]
    return "\n".join(lines) + "\n", points(run, ("loss", "eval", "norm", "rate"), HF_FORMS), 0


def history_array(r):
    run = Run(r)
    return (json.dumps(list(hf_entries(run)) + [summary(run)]),
            points(run, ("loss", "eval", "norm", "rate"), HF_FORMS), 0)


def llama_factory(r):
    run = Run(r)
    rows = []
    for line in run.lines:
        rows.append({"current_steps": line["step"], "total_steps": run.total, "loss": line["loss"],
                     r.choice(["lr", "lr"]): line["rate"], "epoch": line["epoch"], "percentage": 3.5,
                     "elapsed_time": "0:32:48", "remaining_time": "9 days, 21:39:23"})
        if line["eval"] is not None:
            rows.append({"current_steps": line["step"], "total_steps": run.total, "eval_loss": line["eval"],
                         "epoch": line["epoch"], "percentage": 3.5, "elapsed_time": "0:32:48"})
    return "\n".join(map(json.dumps, rows)) + "\n", points(run, ("loss", "eval", "rate")), run.total


def swift(r):
    run = Run(r)
    rows = []
    for line in run.lines:
        place = f"{line['step']}/{run.total}"
        rows.append({"loss": line["loss"], "grad_norm": line["norm"], "learning_rate": line["rate"],
                     "memory(GiB)": 12.5, "train_speed(iter/s)": 0.07, "epoch": line["epoch"],
                     "global_step/max_steps": place, "percentage": "27.81%"})
        if line["eval"] is not None:
            rows.append({"eval_loss": line["eval"], "epoch": line["epoch"], "global_step/max_steps": place})
    rows.append({"train_runtime": 60.5, "train_loss": 2.0, "epoch": 3.0, "global_step/max_steps": f"{run.total}/{run.total}"})
    return "\n".join(map(json.dumps, rows)) + "\n", points(run, ("loss", "eval", "norm", "rate")), run.total


def noise(r):
    return r.choice(["", "", "INFO: saving model checkpoint to out/checkpoint-5\n", "\n", "UserWarning: torch 2.1 is old\n",
                     "***** Running Evaluation *****\n  Num examples = 200\n  Batch size = 8\n",
                     "wandb: \x1b[34mSyncing\x1b[0m run 7\n"])


def bar(r, step, total):
    return f"\r {100 * step // total}%|##   | {step}/{total} [{step:02d}:00<1:39:52, 27.24s/it]\r" + " " * 40 + "\r"


def console_dicts(r, strings):
    run = Run(r)
    text = "Map: 100%|###| 900/900 [00:01<00:00, 800.00 examples/s]\n" * r.randrange(2)
    for line in run.lines:
        for step in range(line["step"] - run.every + 1, line["step"] + 1):
            if run.every <= 10 or step == line["step"]:
                text += bar(r, step, run.total)
        entry = {"loss": line["loss"], "grad_norm": line["norm"], "learning_rate": line["rate"], "epoch": line["epoch"]}
        if strings:
            entry = {k: f"{v:.4g}" for k, v in entry.items()}
        text += f"{entry}\n" + noise(r)
        if line["eval"] is not None:
            entry = {"eval_loss": line["eval"], "eval_runtime": 3.5, "epoch": line["epoch"]}
            text += f"{ {k: f'{v:.4g}' for k, v in entry.items()} if strings else entry}\n"
    for step in range(run.lines[-1]["step"] + 1, run.total + 1):
        text += bar(r, step, run.total)
    form = (lambda x: f"{x:.4g}") if strings else repr
    return text, points(run, ("loss", "eval", "norm", "rate"), form), run.total


def dicts_4(r):
    return console_dicts(r, False)


def dicts_5(r):
    return console_dicts(r, True)


# ------------------------------------------------------------------------------------------ tables


def csv_table(r):
    run = Run(r)
    names = {"step": r.choice(["step", "iter", "Step", "global_step", "iteration"]),
             "loss": r.choice(["loss", "train_loss", "train/loss", "Training Loss"]),
             "eval": r.choice(["eval_loss", "val_loss", "Validation Loss", "valid/loss"]),
             "norm": r.choice(["grad_norm", "gnorm"]), "rate": r.choice(["lr", "learning_rate", "LR"])}
    keys = list(names)
    r.shuffle(keys)
    tab = r.choice([",", "\t"])
    rows = [tab.join(names[k] for k in keys) + tab + "tokens"]
    for line in run.lines:
        rows.append(tab.join("" if line[k] is None else str(line[k]) for k in keys) + tab + "17")
    return "\n".join(rows) + "\n", points(run, ("loss", "eval", "norm", "rate")), 0


def wandb_table(r):
    runs = [Run(r) for _ in range(r.randrange(1, 4))]
    longest = max(runs, key=lambda x: x.n)
    if sum(x.n == longest.n for x in runs) > 1:
        runs = [longest]
    heads = [f"run {i} - train/loss" for i in range(len(runs))]
    rows = [",".join(['"Step"'] + [f'"{h}{end}"' for h in heads for end in ("", "__MIN", "__MAX")])]
    for step in sorted({s for x in runs for s in x.steps}):
        row = [str(step)]
        for x in runs:
            text = repr(x.lines[x.steps.index(step)]["loss"]) if step in x.steps else ""
            row += [text] * 3
        rows.append(",".join(f'"{f}"' for f in row))
    return "\n".join(rows), points(longest, ("loss",)), 0


# ---------------------------------------------------------------------------------------- consoles


def nanogpt(r):
    run = Run(r)
    text = f"tokens per iteration will be: 491,520\nmax_iters = {run.total}\nlearning_rate = 6e-4\n"
    for line in run.lines:
        if line["eval"] is not None:
            text += f"step {line['step']}: train loss 9.1234, val loss {line['eval']:.4f}\nsaving checkpoint to out\n"
        text += f"iter {line['step']}: loss {line['loss']:.4f}, time 193.77ms, mfu 107.52%\n"
    form = lambda x: f"{x:.4f}"
    return text, points(run, ("loss", "eval"), form), run.total


def llmc_main(r):
    run = Run(r)
    text = ""
    for line in run.lines:
        if line["eval"] is not None:
            text += f"s:{line['step']} tel:{line['eval']:.4f}\n"
        text += f"s:{line['step']} trl:{line['loss']:.4f} lr:{line['rate']:.6f} norm:{line['norm']:.2f}\n"
    forms = {"loss": lambda x: f"{x:.4f}", "eval": lambda x: f"{x:.4f}", "rate": lambda x: f"{x:.6f}",
             "norm": lambda x: f"{x:.2f}"}
    return text, points(run, ("loss", "eval", "norm", "rate"), forms), 0


def llmc_console(r):
    run = Run(r)
    text = "+-----------------------+\n| max_sequence_length T | 1024 |\nnum_parameters: 124475904\n"
    for line in run.lines:
        text += (f"step {line['step']:4d}/{run.total} | loss {line['loss']:7.6f} ({r.choice(['+nanz', '-1.10z', '+0.52z'])})| "
                 f"norm {line['norm']:6.4f} (+0.10z)| lr {line['rate']:.2e} | 3045.26 ms | 45.2% bf16 MFU | 172164 tok/s\n")
        if line["eval"] is not None:
            text += f"val loss {line['eval']:.6f}\n"
    forms = {"loss": lambda x: f"{x:.6f}", "eval": lambda x: f"{x:.6f}", "rate": lambda x: f"{x:.2e}",
             "norm": lambda x: f"{x:.4f}"}
    return text, points(run, ("loss", "eval", "norm", "rate"), forms), run.total


def mlx(r):
    run = Run(r)
    text = f"Starting training..., iters: {run.total}\n"
    for line in run.lines:
        if line["eval"] is not None:
            text += f"Iter {line['step']}: Val loss {line['eval']:.3f}, Val took 3.200s\n"
        text += (f"Iter {line['step']}: Train loss {line['loss']:.3f}, Learning Rate {line['rate']:.3e}, It/sec 0.512, "
                 f"Tokens/sec 412.100, Trained Tokens 8200, Peak mem 9.100 GB\n")
        text += r.choice(["", f"Iter {line['step']}: Saved adapter weights to adapters/adapters.safetensors.\n"])
    forms = {"loss": lambda x: f"{x:.3f}", "eval": lambda x: f"{x:.3f}", "rate": lambda x: f"{x:.3e}"}
    return text, points(run, ("loss", "eval", "rate"), forms), 0


def mlx_table(r):
    run = Run(r)
    text = "╭──── mlx_lm.lora ────╮\n│  optimizer   adam · lr 1.0e-05  │\n╰───╯\n  iter   train_loss     tok/s     tokens\n"
    for line in run.lines:
        if line["eval"] is not None:
            text += f"  {line['step']:>4}    val {line['eval']:>5.3f}    1.23s\n"
        text += f"  {line['step']:>4}    {line['loss']:>5.3f} {r.choice('▼▲')}    {4120:>5,.0f}    {8.2:>5.1f}k\n"
        text += r.choice(["", "train ██░░  50% ·    50/100\n", "  save  0000020_adapters.safetensors\n"])
    return text, points(run, ("loss", "eval"), lambda x: f"{x:.3f}"), 0


def torchtune(r):
    run = Run(r)
    text = ""
    for line in run.lines:
        text += f"Step {line['step']} | loss:{line['loss']} lr:{line['rate']} tokens_per_second_per_gpu:812.5 grad_norm:{line['norm']} \n"
    return text, points(run, ("loss", "norm", "rate")), 0


def mmengine(r):
    run = Run(r)
    text = ""
    for line in run.lines:
        text += (f"11/21 10:12:33 - mmengine - INFO - Iter(train) [{line['step']:>5d}/{run.total}]  lr: {line['rate']:.4e}  "
                 f"eta: 0:05:13  time: 1.2021  data_time: 0.0111  memory: 9876  loss: {line['loss']:.4f}  "
                 f"grad_norm: {line['norm']:.4f}\n")
    forms = {"loss": lambda x: f"{x:.4f}", "norm": lambda x: f"{x:.4f}", "rate": lambda x: f"{x:.4e}"}
    return text, points(run, ("loss", "norm", "rate"), forms), run.total


def mmengine_epochs(r):
    run = Run(r)
    per = r.randrange(2, 9)
    text, wanted = "", []
    for i, line in enumerate(run.lines):
        epoch, inner = i // per + 1, (i % per + 1)
        text += (f"11/21 10:12:33 - mmengine - INFO - Epoch(train) [{epoch}][{inner * 10:>3d}/{per * 10}]  "
                 f"lr: {line['rate']:.4e}  eta: 0:05:13  loss: {line['loss']:.4f}\n")
        wanted.append((i * 10 + 10, printed(f"{line['loss']:.4f}"), None, None, printed(f"{line['rate']:.4e}")))
    return text, wanted, None


def llama_cpp(r):
    batch, per, epochs = r.choice([1, 4, 512]), r.randrange(2, 40), r.randrange(1, 4)
    text, wanted = "", []
    for epoch in range(epochs):
        losses = [3 + r.gauss(0, 0.2) - 0.01 * i for i in range(per)]
        for i in range(per):
            mean = sum(losses[:i + 1]) / (i + 1)
            text += (f"train: [=====>    | data={(i + 1) * batch:06d}/{per * batch:06d}, loss={mean:.6f}+-0.012345, "
                     f"accuracy=41.20+-0.50%, t=00:00:{i % 60:02d}, ETA=00:00:10]\r")
            wanted.append([epoch * per + i + 1, losses[i], None, None, None])
        text += "\n"
        for i in (1, 2):
            text += (f"val:   [=====>    | data={i * batch:06d}/{2 * batch:06d}, loss={2.5 / i + epoch:.6f}+-0.0, "
                     f"accuracy=41.20+-0.50%, t=00:00:00, ETA=00:00:10]\r")
        wanted[-1][2] = printed(f"{1.25 + epoch:.6f}")
        text += "\n\n"
    return text, [tuple(w) for w in wanted], None


def own_loop(r):
    run = Run(r)
    sep = r.choice(["=", ": ", " "])
    order = ["loss", "rate", "norm"]
    r.shuffle(order)
    name = {"loss": r.choice(["loss", "train_loss", "Loss"]), "rate": r.choice(["lr", "learning_rate"]),
            "norm": r.choice(["grad_norm", "gnorm"])}
    text = "batch_size: 8\nlearning rate: 0.001\nloss_fn: cross entropy\n"
    for line in run.lines:
        fields = [f"{name[k]}{sep}{line[k]:.6g}" for k in order]
        text += r.choice([", ", " | ", "  "]).join([f"2026-01-05 10:00:00 INFO step{sep}{line['step']}"] + fields) + "\n"
        if line["eval"] is not None:
            text += f"step{sep}{line['step']}, val_loss{sep}{line['eval']:.6g}\n"
    return text, points(run, ("loss", "eval", "norm", "rate"), lambda x: f"{x:.6g}"), 0


def lightning_bar(r):
    run = Run(r)
    text = ""
    for line in run.lines:
        for _ in range(r.randrange(1, 3)):
            text += (f"\rEpoch 0:  {100 * line['step'] // run.total}%|##   | {line['step']}/{run.total} "
                     f"[00:10<01:30,  1.05it/s, v_num=3, train_loss={line['loss']:.3f}]")
    return text, points(run, ("loss",), lambda x: f"{x:.3f}"), run.total


# -------------------------------------------------------------------------------------- TensorBoard


def record(event):
    data = event.SerializeToString()
    head = struct.pack("<Q", len(data))
    crc = lambda x: struct.pack("<I", pywrap_tensorflow.masked_crc32c(x))
    return head + crc(head) + data + crc(data)


def scalar(step, tag, value):
    return record(event_pb2.Event(wall_time=1.7e9 + step, step=step, summary=summary_pb2.Summary(
        value=[summary_pb2.Summary.Value(tag=tag, simple_value=value)])))


def tensorboard(r):
    run = Run(r, resumed=r.random() < 0.3)
    tags = r.choice([("train/loss", "eval/loss", "train/grad_norm", "train/learning_rate"),
                     ("Loss/train", "Loss/val", "grad_norm", "lr"), ("train_loss", "val_loss", "gnorm", "lr-AdamW")])
    data = record(event_pb2.Event(wall_time=1.7e9, file_version="brain.Event:2"))
    for line in run.lines:
        for tag, key in zip(tags, ("loss", "eval", "norm", "rate")):
            if line[key] is not None:
                data += scalar(line["step"], tag, line[key])
        data += scalar(line["step"], "train/reward", 7.0)
    single = lambda x: repr(struct.unpack("<f", struct.pack("<f", x))[0])
    return data, points(run, ("loss", "eval", "norm", "rate"), single), 0


WRITERS = [trainer_state, json_lines, history_array, llama_factory, swift, dicts_4, dicts_5, csv_table, wandb_table,
           nanogpt, llmc_main, llmc_console, mlx, mlx_table, torchtune, mmengine, mmengine_epochs, llama_cpp, own_loop,
           lightning_bar, tensorboard]
