#!/usr/bin/env python3
"""pace's tokenizers against the `tokenizers` library, in one run, each on one thread.

    PACE_BUILD=build PACE_DATA=... python bench/tokenize.py [MEGABYTES]

English and code of MEGABYTES each (50), in documents of about 4 KB. Processor time to encode: the best
of the rounds (pace three, the library one for large texts), the library's by the faster of encode_batch
and a loop over encode; neither the start of the process nor loading nor reading is in it. Processor time
to open a file: the best of five. Prints ratios.
"""
import json
import lzma
import os
import subprocess
import sys
import tempfile
import time

os.environ["RAYON_NUM_THREADS"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

DATA = os.environ["PACE_DATA"]
TOOL = os.path.join(os.environ["PACE_BUILD"], "bench/bench_tokenize")
FAMILIES = ["gpt2", "llama3", "qwen2.5", "smollm", "llama2"]
TEXTS = {"English": ["encyclopedia_00", "books_00", "dialog", "textbook_synth"], "code": ["code"]}
ROUNDS = 3


def make_text(names, size):
    text = b""
    while len(text) < size:
        for name in names:
            with lzma.open(f"{DATA}/corpus/{name}.txt.xz") as file:
                text += file.read(size - len(text))
    return text.decode(errors="ignore").encode()


def documents(text):
    """As bench_tokenize.c cuts: whole lines of 4,096 bytes or more together."""
    at, found = 0, []
    while at < len(text):
        end = at + 4096
        if end < len(text) and text[end - 1:end] != b"\n":
            end = text.find(b"\n", end) + 1 or len(text)
        found.append(text[at:end].decode())
        at = end
    return found


def best(run, rounds):
    times = []
    for _ in range(rounds):
        start = time.process_time()
        result = run()
        times.append(time.process_time() - start)
    return min(times), result


def encode_loop(library, texts):
    return sum(len(library.encode(text).ids) for text in texts)


def encode_batches(library, texts):
    return sum(len(e.ids) for i in range(0, len(texts), 256)
               for e in library.encode_batch(texts[i:i + 256]))


def measure(family, path, texts):
    file = f"{DATA}/tokenizers/{family}/tokenizer.json"
    ours = json.loads(subprocess.check_output([TOOL, file, path, str(ROUNDS)]))
    library = Tokenizer.from_file(file)
    library.no_truncation()
    library.no_padding()
    rounds = ROUNDS if len(texts) < 4000 else 1
    seconds, count = min(best(lambda: encode_loop(library, texts), rounds),
                         best(lambda: encode_batches(library, texts), rounds))
    if count != ours["tokens"]:
        sys.exit(f"{family}: {ours['tokens']} tokens, the library has {count}")
    return seconds / ours["encode_s"]


def measure_opening(family):
    file = f"{DATA}/tokenizers/{family}/tokenizer.json"
    ours = json.loads(subprocess.check_output([TOOL, file]))["open_s"]
    times = []
    for _ in range(5):
        start = time.process_time()
        Tokenizer.from_file(file)
        times.append(time.process_time() - start)
    return ours / min(times)


def main():
    size = int(float(sys.argv[1]) * 1e6) if len(sys.argv) > 1 else 50_000_000
    ratios = {}
    for kind, names in TEXTS.items():
        text = make_text(names, size)
        texts = documents(text)
        with tempfile.NamedTemporaryFile(suffix=".txt") as file:
            file.write(text)
            file.flush()
            for family in FAMILIES:
                ratios[family, kind] = measure(family, file.name, texts)
                print(f"{family} {kind}: {ratios[family, kind]:.1f} times the library's speed", flush=True)
    print("| tokenizer | English | code | time to open |\n|---|---|---|---|")
    for family in FAMILIES:
        print(f"| {family} | {ratios[family, 'English']:.1f} | {ratios[family, 'code']:.1f} | "
              f"{measure_opening(family):.2f} |")
    slow = [key for key, ratio in ratios.items() if ratio < 1.5]
    if slow:
        sys.exit(f"below 1.5: {slow}")


if __name__ == "__main__":
    main()
