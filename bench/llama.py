#!/usr/bin/env python3
"""Training and generation against llama.cpp, in one run, on two threads.

    LLAMA_BIN=.../bin LLAMA_SOURCE=.../llama.cpp PACE=build/pace PACE_DATA=... python bench/llama.py [finetune] [generate]

LLAMA_BIN has llama-finetune and llama-bench (built with -DCMAKE_BUILD_TYPE=Release), LLAMA_SOURCE the converter
convert_hf_to_gguf.py; both are in the source package of llama-cpp-python. The model has SmolLM2-135M's shape and
random weights (bench/train.py), converted to a GGUF file of float32 by llama.cpp's own converter. Each line has
the two programs' figures and their ratio.

finetune   all weights trained with AdamW on the same text, rows of 512 tokens: tokens per second (both without the
           first update, which touches all memory for the first time) and the process's highest resident memory.
           llama-finetune makes an update of every row; what it can add up (-ub less than -b) are pieces of one text,
           whose keys and values then get no gradients. pace is measured with a row an update, the same work, and with
           four rows an update; both against that one figure. llama.cpp computes in float32, pace in that (--bf16 false)
           and with products in bfloat16. llama.cpp leaves the embedding as it is (llama_set_param), pace trains it,
           and the projection to the vocabulary with it: 135 million numbers an update against 106
generate   greedy generation of 128 tokens after a few: tokens per second, from the Hugging Face folder and from the
           GGUF file, and memory. llama-bench's own figure; pace's from two answers of different length.
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import time

from train import THREADS, make_model, make_text, pace, tell

LLAMA, SOURCE = os.environ["LLAMA_BIN"], os.environ["LLAMA_SOURCE"]
CONTEXT, UPDATES = 512, 6


def convert(model, folder):
    path = f"{folder}/model.gguf"
    done = subprocess.run([sys.executable, f"{SOURCE}/convert_hf_to_gguf.py", model, "--outtype", "f32", "--outfile", path],
                          capture_output=True, text=True)
    if done.returncode:
        sys.exit(done.stderr)
    return path


def run_llama(program, *words):
    """What a program writes to standard output, [(seconds, text)] of what comes on standard error, its memory."""
    began, pieces = time.perf_counter(), []
    with tempfile.TemporaryFile() as out:
        child = subprocess.Popen([f"{LLAMA}/{program}", *words], stdout=out, stderr=subprocess.PIPE)
        while piece := os.read(child.stderr.fileno(), 1 << 16):
            pieces.append((time.perf_counter() - began, piece.decode(errors="replace")))
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        child.stderr.close()
        out.seek(0)
        text = out.read().decode()
    if child.returncode:
        sys.exit("".join(piece for _, piece in pieces)[-2000:])
    return text, pieces, usage.ru_maxrss * 1024


def llama_finetune(gguf, folder, text, context):
    """Tokens per second of the updates after the first, and memory."""
    size = str(context)
    _, pieces, memory = run_llama("llama-finetune", "-m", gguf, "-f", text, "-c", size, "-b", size, "-ub", size, "-t", THREADS,
                                  "-tb", THREADS, "-epochs", "1", "-val-split", "0", "-lr", "1e-5", "-o",
                                  f"{folder}/tuned.gguf")
    done = {}
    for seconds, piece in pieces:
        for updates in re.findall(r"data=0*(\d+)/", piece):
            done.setdefault(int(updates), seconds)
    first, last = min(done), max(done)
    return (last - first) * context / (done[last] - done[first]), memory


def pace_tune(model, folder, text, shape, bf16="false"):
    """The same of pace; shape: tokens of a row, rows of an update, updates."""
    context, rows, updates = shape

    def run(n):
        result, _, peak = pace("tune", model, text, "-o", f"{folder}/out", "--overwrite-output-dir", "--method", "full",
                               "--learning-rate", "1e-5", "--guard", "off", "--max-length", str(context), "--batch", str(rows),
                               "--steps", str(n), "--eval-split", "0", "--test-split", "0", "--threads", THREADS, "--bf16",
                               bf16, "--json", "--quiet")
        return result["tokens"], result["seconds"], peak

    few, early, _ = run(1)
    tokens, seconds, peak = run(updates)
    return (tokens - few) / (seconds - early), peak


def finetune(model, gguf, folder):
    theirs, memory = llama_finetune(gguf, folder, make_text(f"{folder}/text.txt", 8_000 + 1_200 * UPDATES), CONTEXT)
    text = make_text(f"{folder}/long.txt", 60_000)
    for rows in (1, 4):
        for name, bf16 in (("float32", "false"), ("bfloat16", "true")):
            ours, peak = pace_tune(model, folder, text, (CONTEXT, rows, UPDATES), bf16)
            tell(f"tokens ({rows} x {CONTEXT}, {name})", ours, theirs, "1/s")
            tell(f"memory ({rows} x {CONTEXT}, {name})", peak / 1e6, memory / 1e6, "MB", "less")


def chat_seconds(model, n):
    """Seconds for an answer of n tokens, and the memory."""
    answers = subprocess.Popen([os.environ["PACE"], "chat", model, "--temperature", "0", "--max-new-tokens", str(n), "--threads",
                                THREADS, "--json", "--quiet"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    began = time.perf_counter()
    answers.stdin.write(b"Tell me a story.\n")
    answers.stdin.close()
    result = json.loads(answers.stdout.read())
    _, status, usage = os.wait4(answers.pid, 0)
    seconds = time.perf_counter() - began
    answers.returncode = os.waitstatus_to_exitcode(status)
    answers.stdout.close()
    if answers.returncode or result["turns"][0]["tokens"] != n:
        sys.exit(f"pace chat: {answers.returncode}, {result}")
    return seconds, usage.ru_maxrss * 1024


def generate(model, gguf, _):
    text, _, memory = run_llama("llama-bench", "-m", gguf, "-p", "0", "-n", "128", "-t", THREADS, "-r", "3", "-o", "json")
    theirs = json.loads(text)[0]["avg_ts"]
    for name, path in (("folder", model), ("GGUF", gguf)):
        rates = []
        for _ in range(3):
            short, _ = chat_seconds(path, 8)
            long, peak = chat_seconds(path, 136)
            rates.append(128 / (long - short))
        tell(f"generate, tokens ({name})", sorted(rates)[1], theirs, "1/s")
        tell(f"generate, memory ({name})", peak / 1e6, memory / 1e6, "MB", "less")


COMMANDS = {"finetune": finetune, "generate": generate}

if __name__ == "__main__":
    wanted = sys.argv[1:] or list(COMMANDS)
    with tempfile.TemporaryDirectory() as folder:
        model = make_model(os.environ.get("PACE_BENCH_MODEL", f"{folder}/model"))
        gguf = convert(model, folder)
        for name in wanted:
            COMMANDS[name](model, gguf, folder)
