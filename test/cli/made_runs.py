"""Journals of made-up runs, each a list of records: what reports and stories are tested on.

    made_runs.py FOLDER     writes FOLDER/NAME/journal.jsonl for each run
"""
import json
import math
import pathlib
import random
import sys

HOSTILE = ("</script><script>alert(1)</script> <img src=x onerror=alert(2)> \" ' ` & \\ \x1b[2J \u202egnp.exe "
           "| [a](javascript:alert(3)) ${7*7} {{7*7}} <!-- --> \u2028 \x00 \U0001f600")


def run(**changes):
    record = {
        "record": "run", "journal": 1, "pace": "0.1.0", "model": "models/Qwen2.5-0.5B", "data": "data/support.jsonl",
        "method": "lora", "optimizer": "adamw_torch", "model_type": "qwen2", "parameters": 494032768,
        "trained_parameters": 8798208, "rows": {"train": 1890, "eval": 105, "test": 105}, "steps": 240, "batch_rows": 16,
        "epochs": 2.0, "seed": 42, "guard": "act", "time": "2026-11-22T18:00:00Z",
        "choices": [
            {"option": "learning-rate", "value": "2.1e-04", "reason": "found by a race of short runs"},
            {"option": "num-train-epochs", "value": "2", "reason": "1,890 rows: two passes are enough to learn them and too few to learn them by heart"},
            {"option": "per-device-train-batch-size", "value": "16", "reason": None},
            {"option": "lora-r", "value": "16", "reason": "the adapter of this rank holds what 1,890 rows can teach"},
            {"option": "max-length", "value": "512", "reason": "99 % of the rows are shorter; 19 rows are cut"},
            {"option": "lr-scheduler-type", "value": "linear", "reason": "falling to zero was best at equal tokens in the sweep behind the prior"},
        ],
        "memory": {"parameters": 988065536, "adapters": 35192832, "gradients": 35192832, "optimizer": 70385664,
                   "activations": 402653184, "workspace": 67108864, "snapshots": 281542656, "total": 1880141568}}
    return {**record, **changes}


def options(**changes):
    record = {"record": "options", "journal": 1, "guard": "act", "prior_rate": 3e-4, "prior_sd": 0.28, "max_grad_norm": 1.0,
              "n_slots": 4, "learning_rate": 2.1e-4, "total_steps": 240, "warmup_steps": 12, "schedule": "linear",
              "lr_scheduler_kwargs": {}}
    return {**record, **changes}


def preflight(ok=True):
    return [
        {"record": "preflight", "check": "targets", "ok": True, "action": "go", "reason": "88,120 tokens in 1,890 rows are trained on"},
        {"record": "preflight", "check": "base_loss", "ok": ok, "action": "go", "numbers": [2.31, 11.9],
         "reason": "the base's loss is 2.31, below that of a guess, 11.9" if ok else
                   "the base's loss is 12.4, above that of a guess, 11.9: is this the tokenizer of this model?"},
    ]


def prior(rate=3e-4, sd=0.28):
    terms = [("base", 0, -3.9, .11, 127, "all runs of the sweep"), ("model_family", 0, .08, .06, 31, "runs of qwen2"),
             ("hidden_size", 896, -.12, .05, 127, "a fit over widths 64 to 2048"), ("method", 0, .52, .07, 64, "LoRA against full"),
             ("rank", 16, .02, .03, 40, "ranks 4 to 64"), ("tokens_per_step", 740, .05, .04, 58, "batches of 100 to 8,000 tokens"),
             ("schedule", 0, 0, 0, 0, "linear is what the others are measured against")]
    return {"record": "prior", "learning_rate": rate, "sd": sd, "low": rate / 10 ** (1.28 * sd), "high": rate * 10 ** (1.28 * sd),
            "terms": [dict(zip(("name", "value", "effect", "se", "runs", "source"), t)) for t in terms]}


def arm(index, rate, loss, status="measured", action="branch", reason="", se=0.012):
    return {"record": "arm", "arm": index, "learning_rate": rate, "steps": 30, "loss": loss, "se": se, "base_loss": 2.31,
            "status": status, "action": action, "reason": reason}


def search(**changes):
    record = {"record": "search", "action": "choose", "learning_rate": 2.1e-4, "low": 1.2e-4, "high": 3.7e-4, "sd": 0.19,
              "method": "race", "double_cost": 0.021, "half_cost": 0.013, "best_loss": 1.962, "curvature": 0.19, "cost": 0.14, "arm": 1,
              "reason": "4 short runs put the best rate at 2.1e-4, below the first guess of 3e-4; the run goes on from the one at 1.9e-4"}
    return {**record, **changes}


def race():
    return [prior(), arm(0, 3e-4, 1.984, reason="the first guess"), arm(1, 1.9e-4, 1.966, reason="better than the guess by 0.018"),
            arm(2, 1.2e-4, 1.991, reason="falls too slowly"), arm(3, 6e-4, 2.052, status="edge", reason="the upper edge, worse than its neighbour"),
            search()]


def schedule_rate(i, peak=2.1e-4, total=240, warmup=12):
    return peak * (i / warmup if i < warmup else (total - i) / (total - warmup))


def step(i, loss, rate=None, **more):
    record = {"record": "step", "loss": loss, "grad_norm": 0.6, "targets": 740, "batch": i, "action": "go", "rule": "schedule",
              "reason": "as scheduled", "numbers": [], "step": i, "learning_rate": schedule_rate(i) if rate is None else rate}
    return {**record, **more}


def evaluation(i, loss, **more):
    record = {"record": "eval", "loss": loss, "action": "go", "rule": "best_so_far", "reason": f"the held-out loss {loss:.4f} is the lowest so far",
              "numbers": [loss], "step": i, "learning_rate": schedule_rate(i), "apply": False, "keep": 0}
    return {**record, **more}


def losses(n, seed=1, start=2.3, end=1.7, noise=0.09):
    draw = random.Random(seed)
    return [end + (start - end) * math.exp(-4 * i / n) + draw.gauss(0, noise) for i in range(n)]


def training(n=240, begin=0, every=20, seed=1):
    records = [evaluation(0, 2.29, action="go", rule="schedule", reason="the held-out loss before the first step")] if begin == 0 else []
    for i, loss in enumerate(losses(n, seed)):
        if i < begin:
            continue
        records.append(step(i, loss, schedule_rate(i, total=n)))
        if (i + 1) % every == 0:
            records.append(evaluation(i + 1, 1.76 + 0.53 * math.exp(-4 * i / n)))
    return records


def answers():
    return [
        {"record": "answer", "prompt": "How do I change the address of an order that has not been sent yet?",
         "expected": "Open the order, choose “Change address”, and save. It takes effect at once.",
         "base": "Hi! I'm sorry to hear that. There are many ways to change an address. You can go to the post office and ask for a form, or you can\n\n1. Go to the post office\n2. Go to the post office\n3. Go to the post office",
         "tuned": "Open the order and choose “Change address”. As long as it has not been sent, the change takes effect at once."},
        {"record": "answer", "prompt": "Can I return an item without its box?", "expected": "Yes, within 30 days.",
         "base": "I think you can return an item without its box if it was not opened, but it depends on the shop and on the country that you live in and so on.",
         "tuned": "Yes. Items can be returned within 30 days, with or without their box."},
        {"record": "answer", "prompt": "Where is my invoice?", "expected": None, "base": "Where is my invoice? Where is my invoice?", "tuned": "In your account, under “Orders”."},
    ]


def verdict(**changes):
    record = {"record": "verdict", "base_loss": 2.3041, "tuned_loss": 1.7712, "difference": 0.5329, "low": 0.4711, "high": 0.5987,
              "rows": 105, "better": True, "kl": 0.0312, "kl_se": 0.0021, "kl_tokens": 4096,
              "reason": "On 105 test rows that were used for nothing else, the loss fell from 2.304 to 1.771 nats per token: by 0.533, with 95 % between 0.471 and 0.599."}
    return {**record, **changes}


def end(**changes):
    record = {"record": "end", "status": "done", "steps": 240, "tokens": 712448, "seconds": 1132.4,
              "compute": {"main": 1, "search": .14, "eval": .041, "redo": 0, "total_ratio": 1.181}, "peak_memory_bytes": 2011234304, "reason": ""}
    return {**record, **changes}


def choice(**changes):
    record = {"record": "choice", "action": "average", "step": 240, "loss": 1.7701,
              "reason": "the average of the last half has the lowest held-out loss, 1.770 against 1.774 of the last weights"}
    return {**record, **changes}


def finish(**changes):
    return answers() + [choice(), verdict(**changes), end()]


def searched():
    return [run()] + preflight() + race() + [options()] + training(begin=30) + finish()


def with_an_edge():
    arms = [prior(), arm(0, 3e-4, 1.99), arm(1, 6e-4, 1.95), arm(2, 1.2e-3, 1.93, status="edge", reason="the best lies at the edge: one more, higher"),
            arm(3, 2.4e-3, None, status="diverged", action="stop", reason="the loss rose from 2.3 to 9.1 within 6 steps"), arm(4, 1.7e-3, 2.2)]
    found = search(learning_rate=1.1e-3, low=7e-4, high=1.6e-3, sd=.14, best_loss=1.928, curvature=.35, double_cost=.4, half_cost=.03, arm=2,
                   reason="5 short runs: the best lies above the first guess, and just below where the loss diverges")
    return [run()] + preflight() + arms + [found, options(learning_rate=1.1e-3)] + training(begin=30) + finish()


def prior_only():
    chosen = search(method="prior", learning_rate=3e-4, low=1.3e-4, high=6.9e-4, sd=.28, double_cost=.019, half_cost=.019, best_loss=None, curvature=None,
                    cost=0, arm=-1, reason="60 steps are too few to test rates with: the first guess stands")
    return [run(steps=60)] + preflight() + [prior(), chosen, options(learning_rate=3e-4, total_steps=60, warmup_steps=3)] + training(60, every=10) + finish() \
        + [end(steps=60)]


def given_rate():
    choices = [{"option": "learning-rate", "value": "0.0002", "reason": None}]
    return [run(choices=choices)] + preflight() + [prior(), options(learning_rate=2e-4)] + training() + finish()


def with_incidents():
    records = [run()] + preflight(ok=False) + [prior(), search(method="prior", arm=-1), options(learning_rate=2e-2)]
    values = losses(240, 5)
    for i in range(0, 46):
        records.append(step(i, values[i] if i < 38 else 2 + (i - 37) * 0.9, schedule_rate(i, 2e-2)))
    records.append(step(20, 9.4, 1e-3, action="roll_back", rule="loss_spike", restore=1, apply=False, change=0.25,
                        reason="loss rose from 2.1 to 9.4 within 8 steps and stayed there; back to step 20, learning rate divided by 4"))
    for i in range(20, 90):
        if i in (50, 52, 55):
            records.append(step(i, float("nan"), schedule_rate(i, 5e-3), grad_norm=float("nan"), action="skip", rule="non_finite", apply=False,
                                reason="the loss is not a number; the batch is left out"))
            records.append({"record": "quarantine", "row": 100 + i, "file": "data/support.jsonl", "line": 101 + i, "action": "quarantine",
                            "reason": "its loss is not a number whenever it is seen"})
        else:
            records.append(step(i, values[i], schedule_rate(i, 5e-3)))
        if i % 15 == 14:
            records.append(evaluation(i + 1, values[i] + .05))
    records.append(step(90, 2.4, schedule_rate(90, 2.5e-3), action="cut", rule="oscillation", change=0.5,
                        reason="the loss swings by 0.8 from step to step; learning rate halved"))
    for i in range(91, 240):
        clipped = dict(action="clip", rule="gradient_outlier", gradient_scale=.2, reason="gradient norm 9.1 is 12 times the usual; scaled down") if i in (120, 121, 140) else {}
        records.append(step(i, values[i], schedule_rate(i, 2.5e-3), **clipped))
        if i % 15 == 14:
            records.append(evaluation(i + 1, values[i] + .05))
    return records + finish(base_loss=12.4, tuned_loss=9.9, difference=2.5, low=2.2, high=2.9, reason=None)


def overfit():
    records = [run(epochs=10.0, rows={"train": 120, "eval": 12, "test": 12})] + preflight() + [prior(), search(method="prior", arm=-1, cost=0), options(learning_rate=3e-4)]
    for i, loss in enumerate(losses(180, 3, 2.3, 0.2, .05)):
        records.append(step(i, loss))
        if i % 15 == 14:
            held = 1.8 + .5 * math.exp(-i / 25) + max(0, i - 75) * .006
            records.append(evaluation(i + 1, held, **({} if i < 90 else dict(action="go", rule="schedule", reason="held-out loss above its lowest"))))
    records.append({"record": "eval", "loss": 2.43, "action": "stop", "rule": "overfit", "numbers": [2.43, 1.83], "step": 180, "learning_rate": 0, "apply": False, "restore": 0,
                    "reason": "the held-out loss has risen from 1.83 at step 75 to 2.43 while the loss fell; stopped, the state of step 75 is kept"})
    return records + answers() + [choice(action="restore", step=75, loss=1.83, reason="the state of step 75 has the lowest held-out loss"),
                                  verdict(tuned_loss=1.88, difference=.4241, low=.11, high=.74, rows=12, reason=None),
                                  end(status="stopped", steps=180, reason="the held-out loss had been rising for 100 steps")]


def full_method():
    memory = {"parameters": 1976131072, "gradients": 1976131072, "optimizer": 3952262144, "activations": 402653184, "workspace": 67108864, "total": 8374286336}
    return [run(method="full", trained_parameters=494032768, memory=memory)] + preflight() + race() + [options()] + training(begin=30) + \
        finish(kl=.41, kl_se=.02)


def without_test_rows():
    return [run(rows={"train": 2100, "eval": 0, "test": 0})] + preflight() + [prior(), search(method="prior", arm=-1), options()] + \
        [r for r in training() if r["record"] == "step"] + [choice(action="go", reason="the last weights: nothing was held out"), end()]


def not_better():
    return [run()] + preflight() + race() + [options()] + training(begin=30) + \
        finish(tuned_loss=2.2912, difference=.0129, low=-.0311, high=.0571, better=False, reason=None)


def worse():
    return [run()] + preflight() + race() + [options()] + training(begin=30) + \
        finish(tuned_loss=2.61, difference=-.306, low=-.39, high=-.21, better=False, kl=1.9, reason=None)


def interrupted():
    return [run()] + preflight() + race() + [options()] + training(begin=30)[:60] + \
        [end(status="interrupted", steps=88, reason="interrupted by the user; pace tune --resume goes on from step 88")]


def in_the_search():
    return [run()] + preflight() + race()[:3]


def killed():
    return [run()] + preflight() + race() + [options()] + training(begin=30)[:100]


def hostile():
    def spoil(value):
        if isinstance(value, dict):
            return {k: v if k in ("record", "rule", "schedule", "action", "guard", "status", "journal") else spoil(v) for k, v in value.items()}
        if isinstance(value, list):
            return [spoil(v) for v in value]
        return HOSTILE if isinstance(value, str) or value is None else value
    records = [spoil(r) for r in with_incidents()]
    records[0]["memory"][HOSTILE] = 1e9
    for record in records:
        if record["record"] in ("answer", "quarantine", "choice", "arm"):
            record["action"] = record["status"] = HOSTILE
    return records


def long():
    n = 100_000
    records = [run(steps=n)] + preflight() + race() + [options(total_steps=n, warmup_steps=2000)]
    draw = random.Random(3)
    for i in range(n):
        loss = 1.7 + .6 * math.exp(-4 * i / n) + draw.gauss(0, .1)
        records.append(step(i, loss if i != 61_234 else 7.5, schedule_rate(i, total=n, warmup=2000)))
        if (i + 1) % 500 == 0:
            records.append(evaluation(i + 1, 1.76 + .53 * math.exp(-4 * i / n)))
        if i % 300 == 299:
            records[-1].update(action="clip", rule="gradient_outlier", gradient_scale=.2, reason="gradient norm 9.1 is 12 times the usual; scaled down") \
                if records[-1]["record"] == "step" else None
    return records + finish()


def odd():
    """Of everything the wrong type, or not finite."""
    return [run(parameters="many", rows=[1], memory=[1, 2], choices={"a": 1}, steps=None, model=7, data=["a"], time=3, method=None),
            {"record": "prior", "learning_rate": float("inf"), "sd": -1, "terms": {"x": 1}}, {"record": "arm", "arm": "first", "loss": "high"},
            {"record": "arm", "learning_rate": -1, "loss": 1e308, "se": 1e308, "arm": 2}, {"record": "arm", "learning_rate": 1e-300, "loss": 1, "arm": 3},
            {"record": "arm", "learning_rate": 1e300, "loss": -1e308, "arm": 3},
            {"record": "search", "learning_rate": 0, "low": 5, "high": 1, "best_loss": float("nan"), "curvature": -1e308, "double_cost": -5, "arm": 1e99},
            options(), step(0, 2.0), {"record": "quarantine"}, {"record": "choice", "step": 1e300, "action": "go"}, {"record": "answer"}, {"record": "resume"},
            {"record": "verdict", "base_loss": 1e300, "tuned_loss": -1e300, "difference": "x", "low": float("-inf"), "high": float("inf"), "better": 1, "kl": 1e300},
            {"record": "end", "status": 3, "steps": -1, "compute": 5, "seconds": -1, "tokens": 1e300}]


RUNS = {f.__name__: f for f in (searched, with_an_edge, prior_only, given_rate, with_incidents, overfit, full_method, without_test_rows, not_better, worse,
                                interrupted, in_the_search, killed, hostile, long, odd)}


def text_of(records):
    return "".join(json.dumps(record) + "\n" for record in records)


def write(name, folder):
    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "journal.jsonl").write_text(text_of(RUNS[name]()))
    return folder


if __name__ == "__main__":
    for name in RUNS:
        write(name, pathlib.Path(sys.argv[1]) / name)
