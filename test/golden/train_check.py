"""train_check.py: twenty steps equal those of a plain PyTorch loop.

Full fine-tuning and LoRA (PEFT), rows of different lengths with loss on the answers only,
accumulation, clipping, weight decay with Hugging Face's exclusions, cosine with warmup, float32: the
loss of each step, the weights behind the last one, as a share of how far they went, and the loss of
each row by them. The same with shared beginnings and with batches of few tokens; the same bits with
more threads; near enough with products in bfloat16, and with activations in that as well. PACE_BUILD,
PACE_DATA: build folder, test data; PACE_BACKENDS: cpu, ref or both between commas.
"""
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
warnings.filterwarnings("ignore")

import numpy as np
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, get_scheduler
from transformers.utils import logging
from transformers.trainer_pt_utils import get_parameter_names

TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/train_tool")
MODELS = pathlib.Path(os.environ["PACE_DATA"]) / "models"
BACKENDS = os.environ.get("PACE_BACKENDS", "cpu").split(",")
STEPS, ACCUMULATION, BATCH, WARMUP, DECAY, CLIP = 20, 2, 4, 3, 0.1, 1.0
LOSS_TOLERANCE, WEIGHT_TOLERANCE, ROW_TOLERANCE = 1e-5, 1e-3, 1e-4
BF16_TOLERANCES, BF16_END_TOLERANCE = (1e-2, 5e-2), 1e-2  # losses, weights; doc/SPEED.md has what PyTorch's are
FORBIDDEN = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]

logging.disable_progress_bar()
torch.manual_seed(0)
torch.set_num_threads(1)
passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    print(f"{'ok    ' if ok else 'FAILED'} {name} {detail}", flush=True)


def make_rows(vocabulary, seed):
    """Some rows begin with one of two long prompts; answers of 1 to 30 tokens."""
    rng = random.Random(seed)
    draw = lambda n: [rng.randrange(3, vocabulary) for _ in range(n)]
    prompts = [draw(40), draw(25)]
    rows = []
    for i in range(44):  # 5.5 steps an epoch: the last one is short
        prompt = (rng.choice(prompts) if i % 3 else []) + draw(rng.randrange(1, 20))
        rows.append((prompt, draw(rng.randrange(1, 30))))
    return rows


def write_rows(rows, path):
    with open(path, "w") as out:
        for prompt, answer in rows:
            out.write(" ".join([str(t) for t in prompt] + [f"{t}*" for t in answer]) + "\n")


def collate(rows):
    length = max(len(p) + len(a) for p, a in rows)
    ids = torch.zeros(len(rows), length, dtype=torch.long)
    labels = torch.full((len(rows), length), -100)
    mask = torch.zeros(len(rows), length, dtype=torch.long)
    for i, (p, a) in enumerate(rows):
        n = len(p) + len(a)
        ids[i, :n] = torch.tensor(p + a)
        labels[i, len(p):n] = torch.tensor(a)
        mask[i, :n] = 1
    return ids, labels, mask


def groups_of(model):
    decays = set(get_parameter_names(model, [torch.nn.LayerNorm], FORBIDDEN))
    named = [(n, p) for n, p in model.named_parameters() if p.requires_grad]
    return [{"params": [p for n, p in named if n in decays], "weight_decay": DECAY},
            {"params": [p for n, p in named if n not in decays], "weight_decay": 0.0}]


def train_theirs(model, rows, rate):
    """The losses of the steps; the model is changed."""
    model.train()
    optimizer = torch.optim.AdamW(groups_of(model), lr=rate, betas=(0.9, 0.999), eps=1e-8)
    scheduler = get_scheduler("cosine", optimizer, WARMUP, STEPS)
    window, losses = BATCH * ACCUMULATION, []
    steps_per_epoch = -(-len(rows) // window)
    for step in range(STEPS):
        first = step % steps_per_epoch * window
        taken = rows[first:first + window]
        targets = sum(len(a) for _, a in taken)
        total = 0.0
        for i in range(0, len(taken), BATCH):
            ids, labels, mask = collate(taken[i:i + BATCH])
            logits = model(input_ids=ids, attention_mask=mask).logits[:, :-1].float()
            loss = torch.nn.functional.cross_entropy(logits.reshape(-1, logits.shape[-1]), labels[:, 1:].reshape(-1),
                                                     ignore_index=-100, reduction="sum") / targets
            loss.backward()
            total += loss.item()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], CLIP)
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
        losses.append(total)
    return losses


def row_losses(model, rows):
    """The sum over each row's targets."""
    model.eval()
    sums = []
    with torch.no_grad():
        for row in rows:
            ids, labels, _ = collate([row])
            logits = model(input_ids=ids).logits[0, :-1].float()
            sums.append(torch.nn.functional.cross_entropy(logits, labels[0, 1:], ignore_index=-100, reduction="sum").item())
    return sums


def run_ours(model, rows_path, out, rate, *options):
    lines = subprocess.run([TOOL, str(model), rows_path, out, f"rows={BATCH * ACCUMULATION}", f"steps={STEPS}",
                            f"rate={rate}", f"warmup={WARMUP}", f"decay={DECAY}", f"clip={CLIP}", "schedule=cosine",
                            *options], capture_output=True, text=True, check=True).stdout.splitlines()
    numbers = [float(line.split()[0]) for line in lines]
    return numbers[:STEPS], numbers[STEPS], numbers[STEPS + 1:]


def read_weights(folder):
    adapter = os.path.join(folder, "adapter_model.safetensors")
    if os.path.exists(adapter):
        return {k: v.double().numpy().ravel() for k, v in load_file(adapter).items() if "base_layer" not in k}
    data, at, out = np.fromfile(os.path.join(folder, "weights.bin"), np.float32).astype(float), 0, {}
    for line in open(os.path.join(folder, "weights.txt")):
        name, rows, width = line.split()
        n = int(rows) * int(width)
        out[name], at = data[at:at + n], at + n
    return out


def compare(name, losses, weights, theirs, tolerances=(LOSS_TOLERANCE, WEIGHT_TOLERANCE)):
    their_losses, before, after = theirs
    worst = max(abs(a / b - 1) for a, b in zip(losses, their_losses))
    check(f"{name}: losses", worst <= tolerances[0] and len(losses) == STEPS,
          f"{worst:.1e} relative; {their_losses[0]:.3f} to {their_losses[-1]:.3f}")
    error = size = 0.0
    for key, theirs in after.items():
        ours = weights[key]
        error += np.sum((ours - theirs) ** 2)
        size += np.sum((theirs - before[key]) ** 2)
    check(f"{name}: weights", set(weights) == set(after) and error <= tolerances[1] ** 2 * size,
          f"{(error / size) ** 0.5:.1e} of the update")


def numbers(state):
    return {k: v.detach().double().numpy().ravel().copy() for k, v in state.items()}


def full_state(model):
    return numbers(dict(model.named_parameters()))


def adapter_state(model, folder):
    model.save_pretrained(folder)
    return read_weights(folder)


def check_model(path, method, rate, targets=None):
    with tempfile.TemporaryDirectory() as scratch:
        folders = {k: os.path.join(scratch, k) for k in ("before", "after", "ours")}
        model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
        rows = make_rows(model.config.vocab_size, 7)
        rows_path = os.path.join(scratch, "rows")
        write_rows(rows, rows_path)
        options = []
        if method == "lora":
            model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules=targets or "all-linear",
                                                     task_type="CAUSAL_LM"))
            before = adapter_state(model, folders["before"])
            options = [f"adapter={folders['before']}"]
        else:
            before = full_state(model)
        their_losses = train_theirs(model, rows, rate)
        their_rows = row_losses(model, rows)
        after = adapter_state(model, folders["after"]) if method == "lora" else full_state(model)
        theirs = their_losses, before, after
        ways = [("", ["tokens=1024"]), (", shared beginnings", ["tokens=1024", "shares=1"]),
                (", small batches", ["tokens=128", "shares=1"])]
        for backend in BACKENDS:
            for label, way in ways:
                os.makedirs(folders["ours"], exist_ok=True)
                losses, end, of_rows = run_ours(path, rows_path, folders["ours"], rate, f"backend={backend}", *options,
                                                *way)
                worst = max(abs(a / b - 1) for a, b in zip(of_rows, their_rows))
                check(f"{path.name}, {method}, {backend}{label}: losses of single rows",
                      worst <= ROW_TOLERANCE and len(of_rows) == len(rows), f"{worst:.1e} relative")
                compare(f"{path.name}, {method}, {backend}{label}", losses, read_weights(folders["ours"]), theirs)
            alone, weights = losses, read_weights(folders["ours"])
            losses, *_ = run_ours(path, rows_path, folders["ours"], rate, f"backend={backend}", "threads=3", *options,
                                  *way)
            again = read_weights(folders["ours"])
            check(f"{path.name}, {method}, {backend}: the same bits with three threads",
                  losses == alone and all(np.array_equal(again[k], weights[k]) for k in weights))
        for bf16, label in ((1, "bfloat16 products"), (2, "bfloat16 products and activations")):
            name = f"{path.name}, {method}, {label}"
            losses, bf16_end, _ = run_ours(path, rows_path, folders["ours"], rate, "backend=cpu", f"bf16={bf16}",
                                           *options, *ways[1][1])
            compare(name, losses, read_weights(folders["ours"]), theirs, BF16_TOLERANCES)
            share = abs(bf16_end - end) / (their_losses[0] - end)
            check(f"{name}: loss at the end", share <= BF16_END_TOLERANCE, f"off by {share:.1e} of what was gained")


check_model(MODELS / "stories260K", "lora", 1e-3)
check_model(MODELS / "stories260K", "full", 1e-3)
check_model(MODELS / "own-3M", "lora", 5e-4, ["q_proj", "v_proj", "down_proj"])
check_model(MODELS / "own-3M", "full", 2e-4)
check_model(MODELS / "stories260K", "lora", 1e-3, ["q_proj", "down_proj", "lm_head"])  # tied
check_model(MODELS / "tiny-random/llama-untied-rope-llama3", "lora", 1e-2, ["v_proj", "lm_head"])
check_model(MODELS / "tiny-random/gpt-neox", "lora", 1e-3, ["query_key_value", "lm_head"])
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed else 0)
