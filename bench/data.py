"""data.py: reading and tokenizing a large JSONL file: megabytes of the file per second and peak memory.

The file is made of real text, `BENCH_MB` megabytes (1000). Python reads and encodes the first 20 MB of
it with json and `tokenizers`, on one thread, for comparison.
"""
import json
import os
import pathlib
import random
import subprocess
import tempfile
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import tokenizers

PACE = os.environ["PACE"]
DATA = pathlib.Path(os.environ["PACE_DATA"])
MEGABYTES = int(os.environ.get("BENCH_MB", 1000))
TOKENIZERS = ["gpt2", "smollm", "llama3"]
PYTHON_BYTES = 20_000_000


def make_file(path, as_pairs):
    rng = random.Random(1)
    words = " ".join((DATA / "datasets/text" / name).read_text()
                     for name in ("tinyshakespeare.txt", "tinystories_944k.txt")).split(" ")
    size = row = 0
    with open(path, "w") as out:
        while size < MEGABYTES * 1_000_000:
            start = rng.randrange(len(words) - 400)
            middle = start + rng.randrange(20, 200)
            end = middle + rng.randrange(10, 200)
            prompt = " ".join(words[start:middle]) + "\n"
            answer = " ".join(words[middle:end]) + f" {row}"
            pair = {"prompt": prompt, "completion": answer}
            line = json.dumps(pair if as_pairs else {"text": prompt + answer}) + "\n"
            out.write(line)
            size += len(line)
            row += 1
    return size


def peak_memory(pid, process):
    """The kernel's own high-water mark, in MB, read until the process ends."""
    peak = 0
    while process.poll() is None:
        try:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            peak = int(status.split("VmHWM:")[1].split()[0])
        except (OSError, IndexError):
            pass
        time.sleep(0.01)
    return peak / 1024


def run_pace(path, size, *words):
    begin = time.perf_counter()
    process = subprocess.Popen([PACE, "data", path, "--json", *words], stdout=subprocess.DEVNULL)
    peak = peak_memory(process.pid, process)
    seconds = time.perf_counter() - begin
    if process.returncode != 0:
        raise SystemExit(f"pace data ended with code {process.returncode}")
    return size / 1e6 / seconds, peak


def run_python(path, tokenizer):
    begin = time.perf_counter()
    size = 0
    with open(path) as lines:
        for line in lines:
            row = json.loads(line)
            if "prompt" in row:
                tokenizer.encode(row["prompt"])
                tokenizer.encode(row["prompt"] + row["completion"])
            else:
                tokenizer.encode(row["text"])
            size += len(line)
            if size >= PYTHON_BYTES:
                break
    return size / 1e6 / (time.perf_counter() - begin)


def measure(folder, as_pairs):
    path = os.path.join(folder, "large.jsonl")
    size = make_file(path, as_pairs)
    what = "prompts and completions" if as_pairs else "texts"
    speed, memory = run_pace(path, size)
    print(f"| {what}: read, checked, split | {speed:.0f} | | | {memory:.0f} |")
    for name in TOKENIZERS:
        model = DATA / "tokenizers" / name
        speed, memory = run_pace(path, size, "--model", str(model))
        python = run_python(path, tokenizers.Tokenizer.from_file(str(model / "tokenizer.json")))
        print(f"| {what}: and tokenized, {name} | {speed:.1f} | {python:.1f} | "
              f"{speed / python:.1f} | {memory:.0f} |", flush=True)


print(f"| {MEGABYTES:,} MB of JSONL | pace, MB/s | json + tokenizers, MB/s | ratio | "
      "peak memory, MB |")
print("|---|---|---|---|---|")
with tempfile.TemporaryDirectory() as work:
    measure(work, as_pairs=False)
    measure(work, as_pairs=True)
