#!/usr/bin/env python3
"""bases.py: small base models, pretrained by pace on real text, kept outside the repository.

    PACE_DATA=... tool/bases.py [NAME ...] [--folder DIR] [--threads N] [--list]

There is no public model of a few million parameters in the data folder, so those that the benches tune are
made here: `pace pretrain` on a mix of the data folder's corpus, with nothing else given than how much is
to be read. They go to DIR, by default $XDG_CACHE_HOME/pace/bases, else ~/.cache/pace/bases; a base that is there
already is kept, one that was interrupted is gone on with, so the same command may be given again and again.
PACE names the program, if not build/pace. The folders are printed, one a line, as `bench/tune.py --models` takes them:

    PACE=build/pace PACE_DATA=... bench/tune.py --models $(tool/bases.py)

A mix takes whole documents of each kind of text, in a random but always equal order, cuts them at line ends into
rows that fit into the model's sequence, and writes questions with answers as conversations (ChatML), so that
the bases know what a turn is. The corpus is for tests alone: neither it nor what is trained on it is passed on.
"""
import argparse
import json
import lzma
import os
import pathlib
import random
import shutil
import subprocess
import sys

# Shares of a mix, by the corpus's files.
GENERAL = {"stories_tiny": .08, "stories_children": .08, "stories_synth_00": .16, "encyclopedia_00": .08,
           "encyclopedia_01": .08, "textbook_synth": .1, "books_00": .08, "dialog": .08, "dialog_synth": .06,
           "qa_synth": .14, "code": .06}
STORIES = {"stories_tiny": .3, "stories_children": .25, "stories_synth_00": .3, "qa_synth": .15}
TALK = {"dialog": .3, "dialog_synth": .2, "qa_synth": .25, "textbook_synth": .15, "code": .1}
PACE = os.environ.get("PACE") or str(pathlib.Path(__file__).resolve().parent.parent / "build/pace")
TURN, END = "<|im_start|>", "<|im_end|>\n"


def llama(width, inner, layers, heads, key_heads, vocabulary):
    return {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": width,
            "intermediate_size": inner, "num_hidden_layers": layers, "num_attention_heads": heads,
            "num_key_value_heads": key_heads, "head_dim": width // heads, "hidden_act": "silu",
            "initializer_range": 0.02, "rms_norm_eps": 1e-5, "vocab_size": vocabulary, "max_position_embeddings": 1024,
            "rope_theta": 10000.0, "tie_word_embeddings": True, "bos_token_id": 0, "eos_token_id": 0,
            "torch_dtype": "bfloat16"}


# name: configuration, mix, its megabytes, characters of a row, tokens of one, steps, rows a step
BASES = {
    "stories1M": (llama(128, 384, 4, 4, 2, 2048), STORIES, 12, 750, 256, 1000, 8),
    "talk3M": (llama(192, 512, 6, 6, 2, 6144), TALK, 20, 1600, 512, 1200, 8),
    "general10M": (llama(320, 896, 7, 5, 5, 4096), GENERAL, 30, 1600, 512, 1000, 8),
}


def documents(path):
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [text.strip() for text in file.read().split("\n<|endoftext|>\n")]


def pieces(text, longest):
    """The text cut at line ends into pieces of at most so many characters; a longer line stays whole."""
    piece, n = [], 0
    for line in text.split("\n"):
        if piece and n + len(line) > longest:
            yield "\n".join(piece)
            piece, n = [], 0
        piece.append(line)
        n += len(line) + 1
    yield "\n".join(piece)


def rows_of(kind, text, longest):
    question, blank, answer = text.partition("\n\n")
    if kind == "qa_synth" and blank:
        return [f"{TURN}user\n{question.strip()}{END}{TURN}assistant\n{answer.strip()}{END}"]
    return [piece.strip("\n") for piece in pieces(text, longest) if piece.strip()]


def mix(shares, characters, longest):
    """The rows of a mix: texts of at most `longest` characters, `characters` of all documents together."""
    corpus, rows = pathlib.Path(os.environ["PACE_DATA"]) / "corpus", []
    for kind, share in shares.items():
        texts, n = documents(corpus / f"{kind}.txt.xz"), 0
        random.Random(kind).shuffle(texts)
        for text in texts:
            if n > share * characters:
                break
            rows += rows_of(kind, text, longest) if text else []
            n += len(text)
    random.Random(1).shuffle(rows)
    return rows


def write_rows(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"text": row}, ensure_ascii=False) + "\n" for row in rows)


def run_pace(*words):
    """Its exit code. On Ctrl-C it saves its state, for which it is waited."""
    process = subprocess.Popen([PACE, *map(str, words)], stdout=sys.stderr)
    while True:
        try:
            return process.wait()
        except KeyboardInterrupt:
            pass


def make(name, folder, threads):
    """The base's folder, made if it is not there; None where the run failed."""
    config, shares, megabytes, characters, length, steps, batch = BASES[name]
    base, run = folder / name, folder / f"{name}.run"
    if (base / "model.safetensors").exists():
        return base
    if (run / "out/checkpoint/state.safetensors").exists():
        words = ["tune", "--resume", run / "out"]
    else:
        run.mkdir(parents=True, exist_ok=True)
        (run / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        write_rows(run / "rows.jsonl", mix(shares, megabytes * 1e6, characters))
        words = ["pretrain", run / "config.json", run / "rows.jsonl", "-o", run / "out", "--overwrite-output-dir",
                 "--steps", steps, "--batch", batch, "--max-length", length]
    code = run_pace(*words, "--threads", threads)
    if code:
        print(f"{name}: pace ended with code {code}; the same command goes on", file=sys.stderr)
        return None
    shutil.copy(run / "out/report.json", run / "out/model/report.json")
    (run / "out/model").rename(base)
    shutil.rmtree(run)
    return base


def main():
    cache = os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    parser = argparse.ArgumentParser()
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BASES))
    parser.add_argument("--folder", type=pathlib.Path, default=pathlib.Path(cache) / "pace/bases")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--list", action="store_true", help="only the names, with which of them are there")
    args = parser.parse_args()
    unknown = set(args.names) - set(BASES)
    if unknown:
        parser.error(f"no such base: {', '.join(sorted(unknown))}; there are {', '.join(BASES)}")
    failed = False
    for name in args.names or BASES:
        if args.list:
            there = (args.folder / name / "model.safetensors").exists()
            print(name, args.folder / name if there else "-")
            continue
        base = make(name, args.folder, args.threads)
        failed = failed or base is None
        if base:
            print(base, flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
