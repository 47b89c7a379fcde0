#!/usr/bin/env python3
"""Compares pace's tokenizers with the `tokenizers` library and llama.cpp's test vectors.

    PACE=build/pace PACE_DATA=... python test/golden/tokenizer_check.py [--lines N] [--only PART]

Every tokenizer.json of the data folder, and small ones trained here for what no family has, encode N
hard lines (with and without special tokens) and decode the ids again; the same lines joined in other
ways are encoded as whole documents, where line ends are ordinary characters. Prints what differs and,
last, "N passed, M failed": a test is one tokenizer and one question.
"""
import argparse
import glob
import hashlib
import json
import os
import random
import subprocess
import sys
import tempfile

os.environ["TOKENIZERS_PARALLELISM"] = "true"
os.environ["RUST_BACKTRACE"] = "0"
from tokenizers import Tokenizer  # noqa: E402

import tokenizer_made  # noqa: E402

PACE = os.environ.get("PACE", "build/pace")
DATA = os.environ["PACE_DATA"]
passed = failed = 0


def report(ok, name, detail=""):
    global passed, failed
    passed += ok
    failed += not ok
    if not ok:
        print(f"FAILED {name}: {detail}", flush=True)


# ------------------------------------------------------------------------------------ hard lines

PLANES = [(0x20, 0x7F), (0x80, 0x250), (0x250, 0x600), (0x600, 0x900), (0x900, 0x1200),
          (0x1200, 0x2000), (0x2000, 0x2E80), (0x2E80, 0xA000), (0xA000, 0xD800), (0xE000, 0xFE00),
          (0xFE00, 0x10000), (0x10000, 0x12000), (0x12000, 0x18000), (0x1B000, 0x1F000),
          (0x1F000, 0x20000), (0x20000, 0x32000), (0xE0000, 0xE0200), (0xF0000, 0x110000)]
WORDS = """the of and to in a is that it for was on are as with his they at be this from have or by one
had not but what all were when we there can an your which their said if do will each about how up out
don't I'll we've you're it's he'd THEY'RE DON'T naïve café façade Übergrößenträger Ελληνικά русский
язык привет мир İstanbul ılık ﬁne ﬂow ǅ ß ſtraße K Å Ω""".split()
SCRIPTS = ["مرحبا بالعالم كيف حالك اليوم", "السَّلَامُ عَلَيْكُم", "नमस्ते दुनिया आप कैसे हैं", "क्षत्रिय ज्ञान",
           "สวัสดีชาวโลก วันนี้อากาศดี", "你好世界，今天天气怎么样？", "こんにちは世界。カタカナ ﾊﾝｶｸ", "안녕하세요 세계 한국어",
           "שלום עולם מה שלומך", "ᠮᠣᠩᠭᠣᠯ", "ខ្មែរ ភាសា", "தமிழ் மொழி", "ქართული", "አማርኛ", "বাংলা ভাষা"]
EMOJI = ["👨‍👩‍👧‍👦", "🏳️‍🌈", "👍🏽", "🇩🇪🇫🇷", "1️⃣", "❤️", "😀😃😄", "🧑🏿‍🚀", "☺", "‼️", "🫠"]
CODE = ["def f(x):\treturn x**2  # comment", "    for (int i = 0; i < n; ++i) {", "if(a&&b||!c)return;",
        "<div class=\"x\">&nbsp;</div>", "SELECT * FROM t WHERE a='b';", "\t\t\tfoo->bar[3].baz();",
        "{\"key\": [1, 2.5, null]}", "C:\\path\\to\\file.txt", "https://example.org/a?b=c&d=%20#e",
        "#include <stdio.h>", "x = y if z else -1.5e-10", "/* ... */ // ---- ====", "$HOME/.bashrc | grep -v '^#'"]
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>", "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|eot_id|>",
           "<|begin_of_text|>", "<|user|>", "<|assistant|>", "<|end|>", "[INST]", "[/INST]", "<tool_call>",
           "<0x0A>", "<0xE2>", "<think>", "[MASK]", "[CLS]", "[SEP]", "ADDED", "Foo", "▁", "▁▁", "Ġ", "Ċ",
           "<|im_start", "|endoftext|>", "<<s>>", "<|fim_prefix|>"]
SPACES = [" ", "  ", "   ", "\t", "\t\t", " \t ", "\r", "\u00a0", "\u3000", "\u2028", "\u200b", "\ufeff",
          "\v", "\f", "\x85", "\u2009", "        ", " " * 31, " " * 25, "\u1680", "\u180e", "\u200d"]


def characters(rng, n):
    low, high = rng.choice(PLANES)
    return "".join(chr(rng.randrange(low, high)) for _ in range(n))


def anywhere(rng, n):
    out = []
    while len(out) < n:
        c = rng.randrange(0x110000)
        if not 0xD800 <= c < 0xE000:
            out.append(chr(c))
    return "".join(out)


def combining(rng):
    base = rng.choice("aeioucnAEIOUqx한ㄱआ")
    marks = [0x300, 0x301, 0x302, 0x303, 0x308, 0x30A, 0x323, 0x327, 0x328, 0x345, 0x5B0, 0x64B, 0x93C,
             0x1161, 0x11A8, 0x20D0, 0x3099, 0x1D165]
    return base + "".join(chr(rng.choice(marks)) for _ in range(rng.randrange(1, 5)))


def number(rng):
    return rng.choice([str(rng.randrange(10 ** rng.randrange(1, 20))), f"{rng.random():.6f}",
                       f"{rng.randrange(10 ** 9):,}", f"0x{rng.randrange(1 << 32):x}", "٣٤٥٦", "१२३४",
                       "½¾²³", "Ⅷⅷ", "１２３", "1e-5", "3.14159", "1/2", "99%"])


def controls(rng):
    return "".join(chr(rng.choice([0, 1, 7, 8, 27, 31, 127, 0x80, 0x9F, 0xAD, 0xFFFD, 0xFFFE, 0xFFFF]))
                   for _ in range(rng.randrange(1, 4)))


def piece(rng):
    kind = rng.randrange(18)
    if kind < 5:
        return rng.choice(WORDS)
    return [lambda: characters(rng, rng.randrange(1, 9)), lambda: anywhere(rng, rng.randrange(1, 5)),
            lambda: rng.choice(SCRIPTS), lambda: rng.choice(EMOJI), lambda: combining(rng),
            lambda: rng.choice(CODE), lambda: rng.choice(SPECIAL), lambda: rng.choice(SPACES),
            lambda: number(rng), lambda: controls(rng), lambda: rng.choice(WORDS).upper(),
            lambda: rng.choice("!?.,;:'\"-_()[]{}<>/\\|@#$%^&*~`+=") * rng.randrange(1, 5),
            lambda: "".join(rng.choice("abcdefghij") for _ in range(rng.randrange(1, 25)))][kind - 5]()


def hard_line(rng):
    n = rng.choice([0, 1, 1, 2, 3, 4, 6, 10])
    out = []
    for _ in range(n):
        out.append(piece(rng))
        if rng.random() < 0.7:
            out.append(" " if rng.random() < 0.8 else rng.choice(SPACES))
    if rng.random() < 0.05:
        out.append("\r")
    return "".join(out).replace("\n", "")


def long_words(count):
    rng = random.Random(77)
    size = 100_000
    made = ["a" * size, "".join(rng.choice("etaoinshr") for _ in range(size)), "한" * size,
            "".join(chr(rng.randrange(0x4E00, 0x9FA5)) for _ in range(size)), "▁" * size, " " * size,
            "=" * size, "1" * size, "ab" * (size // 2), "\u0301" * size, "é" * size, "😀" * (size // 4),
            "".join(rng.choice("ACGT") for _ in range(size))]
    return made[:count]


def hard_lines(n):
    rng = random.Random(20240229)
    return [hard_line(rng) for _ in range(n)] + long_words(13 if n >= 100_000 else 4)


# -------------------------------------------------------------------------------------- comparing

def pace(arguments, stdin):
    result = subprocess.run([PACE, "tokenize", *arguments], input=stdin, capture_output=True)
    if result.returncode != 0:
        raise RuntimeError(result.stderr.decode(errors="replace").strip()[:500])
    return result.stdout


def encode_all(model, texts, flags):
    """The ids of each text: those of one line in one run, the others one by one."""
    lines = [t for t in texts if "\n" not in t]
    ids = iter(json.loads(pace(["--model", model, "--lines", "--json", *flags],
                               "".join(t + "\n" for t in lines).encode()))["ids"])
    return [json.loads(pace(["--model", model, "--json", *flags], t.encode()))["ids"] if "\n" in t
            else next(ids) for t in texts]


def first_difference(texts, wanted, found):
    if len(wanted) != len(found):
        return f"{len(found)} results for {len(wanted)} texts"
    count = sum(a != b for a, b in zip(wanted, found))
    i = next(i for i, (a, b) in enumerate(zip(wanted, found)) if a != b)
    place = next((k for k, (a, b) in enumerate(zip(wanted[i], found[i])) if a != b),
                 min(len(wanted[i]), len(found[i])))
    start = max(place - 3, 0)
    return (f"{count} of {len(wanted)} differ; first: {ascii(texts[i])[:200]} at {place}: "
            f"expected {wanted[i][start:place + 6]}, got {found[i][start:place + 6]}")


def compare(name, path, lines):
    library = Tokenizer.from_file(path)
    library.no_truncation()
    library.no_padding()
    text = "\n".join(lines).encode() + b"\n"
    for special in (True, False):
        wanted = []
        for i in range(0, len(lines), 5000):  # a batch's results take far more memory than its ids
            batch = library.encode_batch_fast(lines[i:i + 5000], add_special_tokens=special)
            wanted += [e.ids for e in batch]
        flags = [] if special else ["--no-special-tokens"]
        try:
            out = json.loads(pace(["--model", path, "--lines", "--json", *flags], text))["ids"]
        except (RuntimeError, ValueError) as error:
            report(False, f"{name} encode special={special}", str(error))
            continue
        report(wanted == out, f"{name} encode special={special}",
               "" if wanted == out else first_difference(lines, wanted, out))
    back = library.decode_batch(wanted, skip_special_tokens=False)
    rng = random.Random(5)
    size = max(library.get_vocab(with_added_tokens=True).values()) + 10
    noise = [[rng.randrange(size) for _ in range(rng.randrange(12))] for _ in range(len(lines) // 4)]
    noise_back = library.decode_batch(noise, skip_special_tokens=False)
    skipped = library.decode_batch(noise, skip_special_tokens=True)
    for what, ids, texts, flags in (("decode", wanted, back, []), ("decode of noise", noise, noise_back, []),
                                    ("decode without special", noise, skipped, ["--no-special-tokens"])):
        try:
            out = json.loads(pace(["--model", path, "--decode", "--lines", "--json", *flags],
                                  json.dumps({"ids": ids}).encode()))["text"]
        except (RuntimeError, ValueError) as error:
            report(False, f"{name} {what}", str(error))
            continue
        report(texts == out, f"{name} {what}", "" if texts == out else first_difference(ids, texts, out))


def compare_documents(name, path, lines):
    """Whole files, where \\n and \\r\\n are characters like any other."""
    library = Tokenizer.from_file(path)
    library.no_truncation()
    library.no_padding()
    rng = random.Random(9)
    ends = ["\n", "\n\n", "\r\n", "\n \n", "\n\t", " \n\n\n  ", "\r\r\n"]
    parts = []
    for line in lines:
        parts += [line, rng.choice(ends)]
    size = max(len(parts) // 4, 1)
    ok, detail = True, ""
    for i in range(0, len(parts), size):
        text = "".join(parts[i:i + size])
        wanted = library.encode(text).ids
        try:
            found = json.loads(pace(["--model", path, "--json"], text.encode()))["ids"]
        except RuntimeError as error:
            found, detail = [], str(error)
        if wanted != found:
            ok, detail = False, detail or first_difference([text], [wanted], [found])
    report(ok, f"{name} documents", detail)


def check_reference(path):
    name = os.path.basename(path)[:-6]
    folder = next(f for f in (f"{DATA}/tokenizers/{name}", f"{DATA}/models/{name}") if os.path.isdir(f))
    rows = [json.loads(line) for line in open(path, encoding="utf-8")]
    rows = [row for row in rows if "text" in row]  # the others are chats: chat_check.py
    bad = ""
    texts = [row["text"] for row in rows]
    plain = encode_all(folder, texts, ["--no-special-tokens"])
    special = encode_all(folder, texts, [])
    n_bad = 0
    for row, without, with_special in zip(rows, plain, special):
        raw = row.get("raw_tokenizer_json_ids")  # where transformers gives other ids than the raw file
        tests = [(raw or row["ids"], without)]
        if raw is None and "ids_with_special" in row:
            tests.append((row["ids_with_special"], with_special))
        for wanted, found in tests:
            if found != wanted:
                n_bad += 1
                bad = bad or f"{ascii(row['text'])[:100]}: expected {wanted[:10]}, got {found[:10]}"
    report(n_bad == 0, f"reference {name}", f"{n_bad} of {len(rows)} differ; {bad}")


def check_vectors(path):
    """llama.cpp's own: texts in .inp, ids in .out, without special tokens."""
    name = os.path.basename(path)
    texts = open(path + ".inp", encoding="utf-8", newline="").read().split("\n__ggml_vocab_test__\n")
    rows = [[int(x) for x in line.split()] for line in open(path + ".out")]
    if len(texts) == len(rows) + 1 and texts[-1] == "":
        texts.pop()
    found = encode_all(path, texts, ["--no-special-tokens"])
    report(rows == found, f"vectors {name}", "" if rows == found else first_difference(texts, rows, found))


def families():
    """One path for each different tokenizer.json of the data folder."""
    seen = {}
    for path in sorted(glob.glob(f"{DATA}/tokenizers/*/tokenizer.json") +
                       glob.glob(f"{DATA}/models/**/tokenizer.json", recursive=True)):
        seen.setdefault(hashlib.sha256(open(path, "rb").read()).digest(), path)
    return sorted(seen.values())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lines", type=int, default=20_000)
    parser.add_argument("--only", help="families, made, reference, vectors, or a part of a name")
    options = parser.parse_args()
    only = options.only
    lines = hard_lines(options.lines)
    fewer = lines[:max(options.lines // 10, 1000)] + long_words(1)
    if only in (None, "reference"):
        for path in sorted(glob.glob(f"{DATA}/tokenizers/reference/*.jsonl")):
            check_reference(path)
    if only in (None, "vectors"):
        for path in sorted(glob.glob(f"{DATA}/tokenizers/ggml-vocab/*.gguf")):
            if os.path.exists(path + ".inp"):
                check_vectors(path)
    parts = (None, "families", "made", "reference", "vectors")
    if only not in ("made", "reference", "vectors"):
        for path in families():
            name = os.path.relpath(os.path.dirname(path), DATA)
            if only in parts or only in name:
                compare(name, path, lines)
                compare_documents(name, path, fewer)
    if only not in ("families", "reference", "vectors"):
        with tempfile.TemporaryDirectory() as folder:
            for name, path in tokenizer_made.make_all(folder, DATA):
                if only in parts or only in name:
                    try:
                        compare("made " + name, path, fewer)
                    except BaseException as error:  # the library's panics are no Exception
                        if isinstance(error, KeyboardInterrupt):
                            raise
                        report(False, f"made {name}", f"the library: {error}")
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
