#!/usr/bin/env python3
"""Compares a byte-level BPE that pace trains with BpeTrainer of the `tokenizers` library: every token, every merge.

Runs build/test/golden/bpe_train_tool (folder: PACE_BUILD) on the data folder's texts (PACE_DATA) and on generated
ones of few letters, where equal counts and pairs that overlap are the rule. Fixed seeds.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

BUILD = os.environ.get("PACE_BUILD", "build")
SPECIAL = ["<|endoftext|>", "<|im_start|>"]
LETTERS = ["ab", "abc ", "aaab", "a b\u00e4\u20ac", "xyz'12 ", "\u0430\u0431\u0432 \u4e00\u4e8c", "abcdefgh \U0001f600"]


def theirs(path, size, least):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=size, min_frequency=least, special_tokens=SPECIAL, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    with open(path, encoding="utf-8", newline="\n") as lines:
        tokenizer.train_from_iterator(lines, trainer)
    return json.loads(tokenizer.to_str())


def ours(path, size, least):
    done = subprocess.run([f"{BUILD}/test/golden/bpe_train_tool", str(size), str(least), str(path)], capture_output=True)
    return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.returncode}


def made(folder):
    draw = random.Random(11)
    for i in range(120):
        letters = draw.choice(LETTERS)
        words = ["".join(draw.choice(letters) for _ in range(draw.randrange(1, 12))) for _ in range(draw.randrange(1, 30))]
        text = "".join(" ".join(draw.choice(words) for _ in range(draw.randrange(1, 40))) + "\n" for _ in range(8))
        path = folder / f"{i}.txt"
        path.write_text(text, encoding="utf-8", newline="\n")
        yield path, 258 + draw.randrange(120), draw.choice([0, 0, 2, 3])


def real():
    data = os.environ.get("PACE_DATA")
    if data:
        for name in ("datasets/text/tinyshakespeare.txt", "datasets/text/tinystories_944k.txt",
                     "datasets/instruct/alpaca_en_demo.json", "datasets/gsm8k/test.jsonl"):
            yield pathlib.Path(data) / name, 1000, 0
            yield pathlib.Path(data) / name, 9000, 2


def main():
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        for path, size, least in [*made(pathlib.Path(folder)), *real()]:
            a, b = ours(path, size, least), theirs(path, size, least)
            if a == b:
                passed += 1
                continue
            failed += 1
            wrong = [key for key in b if a.get(key) != b[key]]
            print(f"{path.name}, {size} tokens, {least} at least: {wrong} differ", file=sys.stderr)
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
