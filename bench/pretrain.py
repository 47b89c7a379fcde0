#!/usr/bin/env python3
"""pace pretrain against the same run in PyTorch: held-out loss, and tokens per second.

    PACE=build/pace PACE_DATA=... python bench/pretrain.py [loss] [speed] [rate] [--steps 150] [--pieces 4] [--threads 2]

The model is Llama-shaped with 3.2 million parameters (hidden 192, six layers, six heads, two for keys, feed-forward
512, vocabulary 4,096, tied), the text a mix of the data folder's corpus. The other side is a plain loop around
transformers' LlamaForCausalLM with torch's fused AdamW: what Trainer does without what it costs. Both begin with
pace's random weights, read the same 8 rows of 256 tokens in each step, and have AdamW with 0.9, 0.95, 1e-8, a decay
of 0.1 for matrices, gradients clipped to 1, 3 % of warmup, then a line down to zero; the rate is given, and pace's guard off.

loss     both for --steps steps, in float32 and in bfloat16 (products here, autocast there); the loss of all four
         models on held-out text, by transformers in float32; the losses of the first step show that weights and
         tokens are the same
speed    tokens per second of training steps, --pieces short runs of either in turns; of each its fastest piece.
         One thread in processor time where --threads is 1: for a machine that is not quiet
rate     what the rate that is found costs: `pace pretrain` with nothing given but its length, and plain runs (no guard)
         at five rates around the found one; then ten times it, without the guard and with it. --small: a model of
         1.0 million parameters
"""
import argparse
import json
import math
import os
import pathlib
import subprocess
import sys
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
# In place of this folder, whose tokenize.py torch would take for Python's own.
sys.path[0] = str(pathlib.Path(__file__).resolve().parent.parent / "tool")

import tokenizers
import torch
import transformers

import bases

PACE, DATA = os.environ["PACE"], pathlib.Path(os.environ["PACE_DATA"])
LENGTH, BATCH, RATE, DECAY, BETAS = 256, 8, 2e-3, 0.1, (0.9, 0.95)
END = "\n<|endoftext|>\n"
PIECE_STEPS, PIECE_WARM = 12, 2


def cpu_seconds(process):
    """Processor seconds of a process's children so far, or of this one."""
    times = os.times()
    return times.children_user + times.children_system if process == "child" else times.user + times.system


class Pair:
    """The same run in both programs."""

    def __init__(self, folder, steps, threads):
        self.folder, self.steps, self.threads = folder, steps, threads
        config = {**bases.llama(192, 512, 6, 6, 2, 4096), "torch_dtype": "float32"}
        (folder / "config").mkdir()
        (folder / "config/config.json").write_text(json.dumps(config))
        rows = bases.mix(bases.GENERAL, 6.0 * (steps + 1) * BATCH * LENGTH, 1 << 30)
        (folder / "text.txt").write_text(END.join(rows))
        out = self.pretrain("start", 1, "false", rate="1e-30")
        self.start = folder / "start/model"
        (folder / "config/tokenizer.json").write_text((self.start / "tokenizer.json").read_text())
        self.encoder = tokenizers.Tokenizer.from_file(str(self.start / "tokenizer.json"))
        ids = self.encoder.encode(END.join(rows)).ids
        if len(ids) < steps * BATCH * LENGTH:
            sys.exit(f"{len(ids)} tokens are too few for {steps} steps")
        self.rows = torch.tensor(ids[:len(ids) // LENGTH * LENGTH]).view(-1, LENGTH)
        texts = [(DATA / "corpus/valid" / f"{name}.txt").read_text()[:40000] for name in
                 ("books", "code", "dialog", "encyclopedia", "qa_synth", "stories_synth", "textbook_synth")]
        held_out = self.encoder.encode(END.join(texts)).ids
        self.held_out = torch.tensor(held_out[:len(held_out) // LENGTH * LENGTH]).view(-1, LENGTH)

    def pretrain(self, name, steps, bf16, rate=str(RATE)):
        """pace's side: its report."""
        words = [PACE, "pretrain", self.folder / "config", self.folder / "text.txt", "-o", self.folder / name,
                 "--overwrite-output-dir", "--learning-rate", rate, "--guard", "off", "--no-shuffle", "--eval-split", "0",
                 "--test-split", "0", "--max-length", LENGTH, "--batch", BATCH, "--steps", steps, "--adam-beta2",
                 BETAS[1], "--weight-decay", DECAY, "--warmup-ratio", "0.03", "--bf16", bf16, "--threads",
                 self.threads, "--json", "--quiet"]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if done.returncode:
            sys.exit(done.stderr)
        return json.loads(done.stdout)

    def first_loss(self, name):
        for line in open(self.folder / name / "journal.jsonl", encoding="utf-8"):
            record = json.loads(line)
            if record.get("record") == "step":
                return record["loss"]

    def torch_model(self, path=None):
        return transformers.AutoModelForCausalLM.from_pretrained(path or self.start, dtype=torch.float32)

    def torch_run(self, model, steps, bf16, warm=0):
        """The other side: the first loss, and seconds and processor seconds of the steps after the warm ones."""
        matrices = [p for p in model.parameters() if p.dim() > 1]
        vectors = [p for p in model.parameters() if p.dim() < 2]
        optimizer = torch.optim.AdamW([{"params": matrices, "weight_decay": DECAY},
                                       {"params": vectors, "weight_decay": 0.0}], lr=RATE, betas=BETAS, fused=True)
        schedule = transformers.get_linear_schedule_with_warmup(optimizer, math.ceil(0.03 * self.steps), self.steps)
        model.train()
        first = None
        for step in range(steps):
            if step == warm:
                began, cpu = time.perf_counter(), cpu_seconds("self")
            batch = self.rows[step * BATCH:(step + 1) * BATCH]
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=bf16):
                loss = model(input_ids=batch, labels=batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            first = loss.item() if first is None else first
        return first, time.perf_counter() - began, cpu_seconds("self") - cpu

    def loss_of(self, model):
        model.eval()
        with torch.no_grad():
            losses = [model(input_ids=rows, labels=rows).loss.item() * len(rows) for rows in self.held_out.split(BATCH)]
        return sum(losses) / len(self.held_out)


def compare_losses(pair):
    print(f"{pair.steps} steps, {pair.steps * BATCH * LENGTH:,} tokens; held out {pair.held_out.numel():,}; before "
          f"{pair.loss_of(pair.torch_model()):.4f}\n")
    print("| | pace | PyTorch | difference | first step, pace | PyTorch |\n|---|---|---|---|---|---|", flush=True)
    for name, bf16 in (("float32", False), ("bfloat16", True)):
        pair.pretrain(name, pair.steps, str(bf16).lower())
        ours = pair.loss_of(pair.torch_model(pair.folder / name / "model"))
        model = pair.torch_model()
        first, _, _ = pair.torch_run(model, pair.steps, bf16)
        theirs = pair.loss_of(model)
        print(f"| {name} | {ours:.4f} | {theirs:.4f} | {100 * (ours / theirs - 1):+.2f} % | {pair.first_loss(name):.6f} | "
              f"{first:.6f} |", flush=True)


def pace_piece(pair, bf16, wall):
    """Tokens per second. Of processor time, what a short run costs more than a shorter one: the steps alone."""
    if wall:
        return pair.pretrain("piece", PIECE_STEPS, bf16)["tokens_per_second"]
    spent = []
    for steps in (PIECE_WARM, PIECE_STEPS):
        before = cpu_seconds("child")
        pair.pretrain("piece", steps, bf16)
        spent.append(cpu_seconds("child") - before)
    return (PIECE_STEPS - PIECE_WARM) * BATCH * LENGTH / (spent[1] - spent[0])


def torch_piece(pair, model, bf16, wall):
    _, seconds, cpu = pair.torch_run(model, PIECE_STEPS, bf16, PIECE_WARM)
    return (PIECE_STEPS - PIECE_WARM) * BATCH * LENGTH / (seconds if wall else cpu)


def compare_speeds(pair, pieces):
    wall = pair.threads > 1
    print(f"tokens per second{'' if wall else ' of processor time'}, {pair.threads} threads, the fastest of {pieces} pieces\n")
    print("| | pace | PyTorch | ratio |\n|---|---|---|---|", flush=True)
    for name, bf16 in (("float32", False), ("bfloat16", True)):
        ours, theirs, model = [], [], pair.torch_model()
        for _ in range(pieces):
            ours.append(pace_piece(pair, str(bf16).lower(), wall))
            theirs.append(torch_piece(pair, model, bf16, wall))
        print(f"| {name} | {max(ours):.0f} | {max(theirs):.0f} | {max(ours) / max(theirs):.2f} |", flush=True)


def compare_rates(folder, steps, threads, small):
    config = bases.llama(128, 384, 4, 4, 2, 2048) if small else bases.llama(192, 512, 6, 6, 2, 4096)
    (folder / "config.json").write_text(json.dumps(config))
    bases.write_rows(folder / "rows.jsonl", bases.mix(bases.GENERAL, 8.0 * steps * BATCH * LENGTH, 3 * LENGTH))

    def run(*words):
        words = [PACE, "pretrain", folder / "config.json", folder / "rows.jsonl", "-o", folder / "run",
                 "--overwrite-output-dir", "--steps", steps, "--batch", BATCH, "--max-length", LENGTH, "--threads", threads,
                 "--json", "--quiet", *words]
        done = subprocess.run(list(map(str, words)), capture_output=True, text=True)
        if not done.stdout:
            return None, done.stderr.strip()
        return json.loads(done.stdout), ""

    found, why = run()
    if not found:
        sys.exit(why)
    rate, before, losses = found["learning_rate"], found["base"]["loss"], []
    print(f"{steps} steps of {BATCH} rows; {found['test_rows']} test rows; before {before:.4f}\n")
    print("| rate | guard | loss on test rows | incidents |\n|---|---|---|---|")
    print(f"| found: {rate:.3g} | act | {found['tuned']['loss']:.4f} | {len(found['incidents'])} |", flush=True)
    for factor, guard in (*((x, "off") for x in (.25, .5, 1, 2, 4, 10)), (10, "act")):
        report, why = run("--learning-rate", f"{factor * rate:.6g}", "--guard", guard, "--warmup-ratio", "0.03")
        loss = report and report["tuned"]["loss"]
        if factor < 10 and loss:
            losses.append(loss)
        print(f"| {factor:g} times | {guard} | {f'{loss:.4f}' if loss else why} | {len(report['incidents']) if report else ''} |",
              flush=True)
    regret = (found["tuned"]["loss"] - min(losses)) / (before - min(losses))
    print(f"\nregret {100 * regret:.2f} % of the gain; all that was computed over the run: "
          f"{found['compute']['total_ratio']:.2f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="*", default=["loss", "speed"])
    parser.add_argument("--steps", type=int, default=150)
    parser.add_argument("--pieces", type=int, default=4)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--small", action="store_true")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        pair = Pair(folder, args.steps, args.threads) if {"loss", "speed"} & set(args.what) else None
        if "loss" in args.what:
            compare_losses(pair)
        if "speed" in args.what:
            compare_speeds(pair, args.pieces)
        if "rate" in args.what:
            compare_rates(folder, args.steps, args.threads, args.small)


if __name__ == "__main__":
    main()
