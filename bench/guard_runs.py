#!/usr/bin/env python3
"""The guard on real training runs: rates far off, rows that are garbage or not finite, too many epochs.

    PACE=build/pace PACE_DATA=... python bench/guard_runs.py [--steps 150] [--only WORD] [--seed 42]

Each base is tuned on each of its data sets in every trouble, with --guard act and with --guard off.
A line a run: test loss of the base, of the clean run at the first guess of the rate, with and without
a guard; what the guard did, and which state was saved. A guarded run is well if it ends better than
its base; closing line: how many are.
"""
import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import struct
import subprocess
import tempfile

PACE, ROOT = os.environ["PACE"], pathlib.Path(os.environ["PACE_DATA"])
MODELS, SETS = ROOT / "models", ROOT / "datasets"
SHORT = ["--max-length", "64"]


def texts(path, words_a_row=40, most=1200):
    words = (SETS / path).read_text(encoding="utf-8").split(" ")
    rows = [" ".join(words[i:i + words_a_row]) for i in range(0, len(words) - words_a_row, words_a_row)]
    return [{"text": row} for row in rows[:most]]


def answers(path, prompt, completion, most=1200):
    rows = json.loads((SETS / path).read_text(encoding="utf-8"))
    return [{"prompt": row[prompt] + "\n", "completion": row[completion]} for row in rows[:most]]


JOBS = {
    "stories260K shakespeare": (MODELS / "stories260K", lambda: texts("text/tinyshakespeare.txt"), SHORT),
    "stories260K rasbt full": (MODELS / "stories260K",
                               lambda: answers("instruct/rasbt_instruction-data.json", "instruction", "output"),
                               [*SHORT, "--method", "full"]),
    "own-3M rasbt": (MODELS / "own-3M",
                     lambda: answers("instruct/rasbt_instruction-data.json", "instruction", "output"), SHORT),
    "own-3M code full": (MODELS / "own-3M",
                         lambda: answers("code/code_alpaca_2k.json", "instruction", "output"),
                         [*SHORT, "--method", "full"]),
    "poem750K poems": (MODELS / "poem750K",
                       lambda: [{"text": row["content"]} for row in json.loads(
                           (MODELS / "poem750K/poetry_corpus.json").read_text(encoding="utf-8"))[:1200]], SHORT),
    "random llama stories": (MODELS / "tiny-random/llama-tied", lambda: texts("text/tinystories_944k.txt"), SHORT),
    "random gemma stories": (MODELS / "tiny-random/gemma", lambda: texts("text/tinystories_944k.txt"), SHORT),
}

NO_EVALS = ["--no-shuffle", "false"]  # the default, to know it by

# Name: factor of the rate, share of garbage, share of rows that are not finite, rows (0: all), options.
TROUBLES = {
    "x1": (1, 0, 0, 0, []),
    "x10": (10, 0, 0, 0, []),
    "x100": (100, 0, 0, 0, []),
    "x1000": (1000, 0, 0, 0, []),
    "/10": (0.1, 0, 0, 0, []),
    "/1000": (0.001, 0, 0, 0, []),
    "x100, 80 steps": (100, 0, 0, 0, ["--max-steps", "80"]),
    "x100, 80 steps, 10 % garbage": (100, 0.1, 0, 0, ["--max-steps", "80"]),
    "x100, nothing held out": (100, 0, 0, 0, NO_EVALS),
    "1 % garbage": (1, 0.01, 0, 0, []),
    "1 % not finite": (1, 0, 0.01, 0, []),
    "10 % not finite": (1, 0, 0.1, 0, []),
    "x100, 10 % not finite": (100, 0, 0.1, 0, []),
    "constant": (1, 0, 0, 0, ["--lr-scheduler-type", "constant"]),
    "60 rows, 20 epochs": (1, 0, 0, 120, ["--epochs", "20", "--max-steps", "0"]),
    "x5, 60 rows, 20 epochs": (5, 0, 0, 120, ["--epochs", "20", "--max-steps", "0"]),
}


def garbage(row, rng):
    letters = "".join(chr(rng.randrange(33, 126)) for _ in range(80))
    return {key: (letters if key != "prompt" else value) for key, value in row.items()}


def write_data(path, rows, trouble, rng, token):
    """Held-out and test rows are clean; garbage and rows with the broken token are trained on."""
    _, bad, broken, n, _ = trouble
    rows = rows[:n] if n else rows
    head = len(rows) - 60
    train = [garbage(row, rng) if rng.random() < bad else row for row in rows[:head]]
    if token:
        train = [{**row, "text": token + row["text"]} if rng.random() < broken else row for row in train]
    path.mkdir()
    for name, part in (("train", train), ("validation", rows[head:head + 20]), ("test", rows[head + 20:])):
        if name == "validation" and trouble[4] == NO_EVALS:
            continue
        (path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in part), encoding="utf-8")


def read_safetensors(path):
    data = path.read_bytes()
    (n,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + n])
    header.pop("__metadata__", None)
    return {name: (t, data[8 + n + t["data_offsets"][0]:8 + n + t["data_offsets"][1]])
            for name, t in header.items()}


def break_token(base, folder, token):
    """A copy of a Gemma whose embedding of one token overflows as it is scaled; the head is its own."""
    shutil.copytree(base, folder, copy_function=shutil.copyfile)
    config = json.loads((folder / "config.json").read_text())
    config["tie_word_embeddings"] = False
    os.chmod(folder, 0o755)
    (folder / "config.json").write_text(json.dumps(config))
    tensors = read_safetensors(folder / "model.safetensors")
    entry, data = tensors["model.embed_tokens.weight"]
    tensors["lm_head.weight"] = (entry, data)
    row = entry["shape"][1] * 4
    data = data[:token * row] + struct.pack("<f", 3e38) * entry["shape"][1] + data[(token + 1) * row:]
    tensors["model.embed_tokens.weight"] = (entry, data)
    header, body = {}, b""
    for name, (entry, data) in tensors.items():
        header[name] = {**entry, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)
    return folder


def tune(model, data, rate, options, out):
    shutil.rmtree(out, ignore_errors=True)
    words = [PACE, "tune", str(model), str(data), "-o", out, "--json", "--quiet", "--skip-bad-rows",
             "--lr", repr(rate), *options]
    done = subprocess.run(words, capture_output=True, text=True)
    if not done.stdout or done.returncode not in (0, 6):
        return {"tuned": {"loss": float("nan")}, "base": {"loss": float("nan")}, "incidents": [],
                "status": f"{done.returncode}: {done.stderr.strip()[-100:]}"}
    return json.loads(done.stdout)


def story(out):
    """What the guard did, by the journal."""
    counts, choice, quarantined = collections.Counter(), "", 0
    with open(f"{out}/journal.jsonl", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            if record["record"] in ("step", "eval") and record["action"] not in ("go", "clip"):
                counts[f"{record['action']}: {record['rule']}"] += 1
            quarantined += record["record"] == "quarantine"
            choice = record["action"] if record["record"] == "choice" else choice
    words = [f"{n} {what}" for what, n in counts.items()]
    return "; ".join(words + ([f"{quarantined} rows out"] if quarantined else [])), choice


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--only", default="", help="runs whose 'job trouble' contains the word")
    parser.add_argument("--seed", type=int, default=42)
    parser.add_argument("--no-off", action="store_true", help="leave out the runs without a guard")
    args = parser.parse_args()
    n = n_well = 0
    print("| job | trouble | base | clean | guarded | saved | off | steps | guard |\n|---|---|---|---|---|---|---|---|---|")
    for job, (model, rows, options) in JOBS.items():
        if not any(args.only in f"{job} {name}" for name in TROUBLES):
            continue
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            base, token = model, ""
            if "gemma" in job:
                base = break_token(model, folder / "model", 511)
                vocabulary = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
                token = next(piece for piece, i in vocabulary.items() if i == 511).replace("▁", " ")
            clean = None
            for name, trouble in TROUBLES.items():
                if trouble[2] and not token or args.only not in f"{job} {name}":
                    continue
                data = folder / "data"
                shutil.rmtree(data, ignore_errors=True)
                rng = random.Random(args.seed)
                write_data(data, rows(), trouble, rng, token)
                words = ["--batch", "8", "--max-steps", str(args.steps), "--eval-split", "0",
                         "--test-split", "0", "--seed", str(args.seed), *options, *trouble[4]]
                plan = json.loads(subprocess.run([PACE, "find", base, data, "--prior-only", "--json", *words],
                                                 capture_output=True, text=True, check=True).stdout)
                rate = plan["learning_rate"] * trouble[0]
                act = tune(base, data, rate, words, str(folder / "act"))
                off = {"tuned": {"loss": float("nan")}} if args.no_off else \
                    tune(base, data, rate, [*words, "--guard", "off"], str(folder / "off"))
                clean = act["tuned"]["loss"] if name == "x1" else clean
                did, choice = story(folder / "act") if "steps" in act else ("", "")
                well = act["tuned"]["loss"] < act["base"]["loss"]
                n, n_well = n + 1, n_well + well
                print(f"| {job} | {name} | {act['base']['loss']:.3f} | {clean or float('nan'):.3f} | "
                      f"{'' if well else '**'}{act['tuned']['loss']:.3f}{'' if well else '**'} | {choice} | "
                      f"{off['tuned']['loss'] or float('nan'):.3f} | {act.get('steps')} {act['status']} | {did} |", flush=True)
    print(f"{n_well} of {n} guarded runs ended better than their base")


if __name__ == "__main__":
    main()
