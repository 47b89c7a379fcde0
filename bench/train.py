#!/usr/bin/env python3
"""Training and evaluation against PyTorch, PEFT, TRL and transformers, in one run, on two threads.

    PACE=build/pace PACE_DATA=... PACE_TOOLS=... python bench/train.py [dense] [chat] [prefix] [eval] [open]

The model has SmolLM2-135M's shape (hidden 576, 30 layers, 9 heads, 3 for keys, feed-forward 1536,
vocabulary 49,152, tied) and random weights, made by the script of the peers' side. Each command prints
the two programs' figures and their ratio.

dense    LoRA of rank 16 on all linear layers, 4 rows of 512 tokens, every token a target: tokens per second
         of training steps and the process's highest resident memory, against PyTorch and PEFT
chat     one epoch of 16 conversations of 30 to 900 tokens, 40 % of them answers, against TRL's SFTTrainer with
         its defaults (bf16), and both in float32: seconds for the epoch
prefix   the same with a system prompt of 300 tokens before every conversation
eval     the loss of 8 rows of 512 tokens, against transformers under no_grad: tokens per second
open     how long it takes until the model is open: the time of an evaluation of one token
"""
import json
import lzma
import os
import subprocess
import sys
import tempfile
import time

PACE, DATA = os.environ["PACE"], os.environ["PACE_DATA"]
TOOLS = os.environ.get("PACE_TOOLS", os.path.join(DATA, "../tools"))
THREADS = os.environ.get("PACE_THREADS", "2")
CHATML = ("{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
          "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}")


def python(*words):
    """The last line of a script's output, which is JSON."""
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout.strip().split("\n")[-1])


def pace(*words):
    """A command's JSON, its seconds, and its highest resident memory in bytes."""
    began = time.perf_counter()
    done = subprocess.run(["/usr/bin/env", "python3", "-c", RUN, PACE, *words], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    result, memory = done.stdout.rsplit("\0", 1)
    return json.loads(result), time.perf_counter() - began, int(memory)


# Runs a program and writes its highest resident memory behind what it printed.
RUN = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
sys.stdout.write(done.stdout.decode() + "\\0" + str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024))
sys.exit(done.returncode)
"""


def make_model(folder):
    if os.path.exists(f"{folder}/model.safetensors"):
        return folder
    done = subprocess.run([sys.executable, f"{TOOLS}/peft_lora_bench.py", "--save", folder, "--tokenizer",
                           f"{DATA}/tokenizers/smollm"], capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    path = f"{folder}/tokenizer_config.json"
    config = json.load(open(path))
    config.setdefault("chat_template", CHATML)
    json.dump(config, open(path, "w"))
    return folder


def make_text(path, n_bytes):
    with lzma.open(f"{DATA}/corpus/dialog.txt.xz") as file, open(path, "wb") as out:
        out.write(file.read(n_bytes).decode(errors="ignore").encode())
    return path


def tell(name, ours, theirs, unit, better="more"):
    ratio = ours / theirs if better == "more" else theirs / ours
    print(f"{name:28} pace {ours:10.4g}  peer {theirs:10.4g} {unit:10} ratio {ratio:.2f}", flush=True)


def tune(model, data, folder, *options):
    return pace("tune", model, data, "-o", f"{folder}/out", "--overwrite-output-dir", "--learning-rate", "2e-4",
                "--guard", "off", "--threads", THREADS, "--eval-split", "0", "--test-split", "0", "--r", "16",
                "--lora-alpha", "32", "--json", "--quiet", *options)


def dense(model, folder):
    text = make_text(f"{folder}/dense.txt", 120_000)
    theirs = python(f"{TOOLS}/peft_lora_bench.py", "--threads", THREADS, "--steps", "3")
    for bf16, kind in (("false", "float32"), ("true", "our bf16")):
        ours, _, memory = tune(model, text, folder, "--max-length", "512", "--batch", "4", "--steps", "4", "--bf16", bf16)
        tell(f"dense, {kind}, tokens", ours["tokens_per_second"], theirs["tokens_per_second"], "1/s")
        tell(f"dense, {kind}, memory", memory / 1e6, theirs["peak_memory_bytes"] / 1e6, "MB", "less")


def chat(model, folder, system=0):
    data, name = f"{folder}/chat{system}.jsonl", "prefix" if system else "chat"
    subprocess.run([sys.executable, f"{TOOLS}/trl_chat_bench.py", "--make", data, "--rows", "16", "--system",
                    str(system)], check=True)
    for bf16, kind in (("true", "bf16"), ("false", "float32")):
        theirs = python(f"{TOOLS}/trl_chat_bench.py", model, data, "--threads", THREADS, "--bf16", bf16)
        ours, _, memory = tune(model, data, folder, "--batch", "8", "--epochs", "1", "--bf16", bf16)
        tell(f"{name}, {kind}, an epoch", ours["seconds"], theirs["seconds"], "s", "less")
        tell(f"{name}, {kind}, memory", memory / 1e6, theirs["peak_memory_bytes"] / 1e6, "MB", "less")


EVAL = """
import json, sys, time, torch
from transformers import AutoModelForCausalLM
torch.set_num_threads(int(sys.argv[2]))
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], dtype=torch.float32)
rows = torch.tensor(json.load(open(sys.argv[1] + "/rows.json")) * 2)
seconds = []
with torch.no_grad():
    for batch in (4, 1):
        start = time.perf_counter()
        for i in range(0, 8, batch):
            model(input_ids=rows[i:i + batch], labels=rows[i:i + batch]).loss.item()
        seconds.append(time.perf_counter() - start)
print(json.dumps(rows.numel() / min(seconds)))
"""


def evaluate(model, folder):
    text = make_text(f"{folder}/eval.txt", 40_000)
    theirs = python("-c", EVAL, model, THREADS)
    ours, _, _ = pace("eval", model, text, "--max-length", "512", "--rows", "8", "--threads", THREADS, "--json")
    tell("eval, tokens", ours["tokens"] / ours["seconds"], theirs, "1/s")


def opening(model, folder):
    path = f"{folder}/one.jsonl"
    open(path, "w").write('{"text": "a"}\n')
    _, seconds, _ = pace("inspect", model, "--json")
    print(f"inspect: {seconds:.3f} s")
    _, seconds, _ = pace("eval", model, path, "--threads", THREADS, "--json")
    print(f"eval of a token: {seconds:.3f} s")


COMMANDS = {"dense": dense, "chat": chat, "prefix": lambda m, f: chat(m, f, 300), "eval": evaluate, "open": opening}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(COMMANDS)
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(os.environ.get("PACE_BENCH_MODEL", f"{folder}/model"))
        for name in wanted:
            COMMANDS[name](model, folder)
