#!/usr/bin/env python3
"""Compares normalisers, pre-tokenizers and their regular expressions with the `tokenizers` library.

Runs build/test/golden/pretoken_tool (folder: PACE_BUILD) over generated strings: every kind, every option, the
patterns of real model families, random patterns, random Unicode. Fixed seeds. PACE_CHECK_SCALE multiplies the number
of strings.
"""
import json
import os
import random
import subprocess
import sys

from tokenizers import NormalizedString, Tokenizer

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tool"))
from charsmap import charsmap  # noqa: E402

BUILD = os.environ.get("PACE_BUILD", "build")
SCALE = float(os.environ.get("PACE_CHECK_SCALE", "1"))
ONLY = os.environ.get("PACE_CHECK_ONLY", "")
ALL = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]

# ---------------------------------------------------------------------------------------- strings --

RANGES = [(0x20, 0x7F), (0x20, 0x7F), (0x00, 0x20), (0x80, 0x100), (0x100, 0x250), (0x300, 0x370), (0x370, 0x400),
          (0x400, 0x530), (0x590, 0x600), (0x600, 0x700), (0x900, 0x980), (0xE00, 0xE80), (0x1100, 0x1200),
          (0x1E00, 0x2000), (0x2000, 0x2070), (0x2070, 0x2200), (0x2460, 0x2500), (0x2600, 0x27C0), (0x2E80, 0x3000),
          (0x3000, 0x3100), (0x4E00, 0x4F00), (0xAC00, 0xAD00), (0xF900, 0xFB50), (0xFB50, 0xFE00), (0xFE00, 0x10000),
          (0x10000, 0x12000), (0x1D400, 0x1D800), (0x1F1E6, 0x1F200), (0x1F300, 0x1FB00), (0x20000, 0x20100),
          (0xE0000, 0xE0200), (0, 0x110000), (0, 0x20000)]
PHRASES = ["Hello world", " I'm you're we've he'll it's", "don't DON'T", "\r\n", "\n\n", "   ", "\t", "\u00a0", "\u3000",
           "123", "12345.67", "３４", "²³", "½", "Ⅻ", "ß", "ſ", "K", "İstanbul", "naïve", "nai\u0308ve", "한국어",
           "한국어", "日本語テキスト", "ー", "你好世界", "Привет, мир", "مرحبا بالعالم", "नमस्ते दुनिया", "สวัสดีชาวโลก",
           "👨‍👩‍👧‍👦", "👍🏽", "🇩🇪🇫🇷", "e\u0301\u0323\u0307", "a\u0345\u0334b", "\u0344", "ﬁﬂﬀ", "①②", "\ufeff", "\u200b", "\u200d", "\u2028",
           "\x00", "\x7f", "\x85", "_", "__init__", "foo_bar(x) { return x+1; }", "http://a.b/c?d=e&f", "<s>", "</s>", "▁", "▁▁the", "\ufffd",
           "word" * 20, ".,;:!?", "$€£", "…", "''", '"quoted"', "A", "ABCdef", "iPhone", "O'Neill", "’s", "X’ll", "a" * 50, "\u1100\u1161\u11a8",
           "\u0e33\u0e4d", "\u0f73\u0f71", "\u2126\u212b", "\U0001d15e", "\ufdfa", "\u0958"]


def string(rng):
    parts = []
    for _ in range(rng.choice((0, 1, 2, 3, 5, 8, 13))):
        what = rng.random()
        if what < 0.5:
            parts.append(rng.choice(PHRASES))
        elif what < 0.6:
            parts.append(" " * rng.randint(1, 4))
        else:
            low, high = rng.choice(RANGES)
            for _ in range(rng.randint(1, 6)):
                c = rng.randrange(low, high)
                parts.append(chr(c) if not 0xD800 <= c < 0xE000 else "x")
    return "".join(parts)


def strings(seed, n):
    rng = random.Random(seed)
    return [string(rng) for _ in range(max(1, int(n * SCALE)))]


def sweep(step=1):
    """Every code point, between letters and alone: in chunks with a separator that most steps keep apart."""
    return ["".join(f"a{chr(c)}b {chr(c)} " for c in ALL[i:i + 64 * step:step]) for i in range(0, len(ALL), 64 * step)]


# ---------------------------------------------------------------------------------------- library --

MODEL = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
         "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "vocab": {}, "merges": []}


def library(normalizer, pre_tokenizer, added=()):
    return Tokenizer.from_str(json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": normalizer,
        "pre_tokenizer": pre_tokenizer, "post_processor": None, "decoder": None, "model": MODEL}))


def byte_places(text):
    places, at = [0], 0
    for c in text:
        at += len(c.encode())
        places.append(at)
    return places


def library_pieces(tok, text):
    """(normalized, [[piece, start, end]]): the places, in bytes of the original, only without a normaliser."""
    normalized = tok.normalizer.normalize_str(text) if tok.normalizer else text
    if tok.pre_tokenizer is None:
        return normalized, None
    pieces = [(p, place) for p, place in tok.pre_tokenizer.pre_tokenize_str(normalized) if p]
    places = byte_places(normalized)
    return normalized, [[p, places[a], places[b]] for p, (a, b) in pieces]


def library_origins(tok, text):
    """For each character of the normalised text the part of the original that it stems from."""
    n = NormalizedString(text)
    tok.normalizer.normalize(n)
    return [n[i].original if n[i] is not None else None for i in range(len(n.normalized))]


class Program:
    def __init__(self):
        self.process = subprocess.Popen([os.path.join(BUILD, "test/golden/pretoken_tool")], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def ask(self, normalizer, pre_tokenizer, texts):
        line = json.dumps({"normalizer": normalizer, "pre_tokenizer": pre_tokenizer, "texts": texts})
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


class Counts:
    passed = failed = shown = 0

    @classmethod
    def add(cls, ok, describe):
        if ok:
            cls.passed += 1
            return
        cls.failed += 1
        if cls.shown < 40:
            cls.shown += 1
            print("FAIL", describe()[:900])


# Known to Oniguruma, refused by name here: what they say does not survive the way over kinds of characters.
REFUSED = ("back-references", "(?~", "lookbehind", "\\X", "at most")


def compare(program, normalizer, pre_tokenizer, texts):
    """Counts a text as passed where the normalised text, all pieces and their places are the library's."""
    try:
        tok = library(normalizer, pre_tokenizer)
    except Exception as e:
        tok, why = None, str(e)
    config = json.dumps([normalizer, pre_tokenizer], ensure_ascii=True)[:400]
    answer = program.ask(normalizer, pre_tokenizer, texts)
    if tok is None and "target of repeat operator is invalid" in why:
        return  # a group of anchors alone, repeated: Oniguruma refuses it, here it does nothing
    if "error" in answer and any(word in answer["error"] for word in REFUSED):
        return
    if tok is None:
        Counts.add("error" in answer, lambda: f"{config}: the library refuses it ({why}), pace does not")
        return
    if "error" in answer:
        Counts.add(False, lambda: f"{config}: refused: {answer['error']}")
        return
    for text, got in zip(texts, answer["texts"]):
        normalized, pieces = library_pieces(tok, text)
        ok = got.get("normalized") == normalized
        if ok and pieces is not None:
            ok = [p[0] for p in got["pieces"]] == [p[0] for p in pieces]
            if ok and normalizer is None:
                ok = got["pieces"] == pieces
        Counts.add(ok, lambda: f"{config} on {text!a}: library {(normalized, pieces)!a}, pace {got!a}")


def compare_origins(program, normalizer, texts):
    """Each character of the normalised text as its own piece shows the origins."""
    tok = library(normalizer, None)
    answer = program.ask(normalizer, {"type": "FixedLength", "length": 1}, texts)
    for text, got in zip(texts, answer["texts"]):
        raw = text.encode()
        mine = [raw[a:b].decode(errors="replace") for _, a, b in got["pieces"]]
        theirs = library_origins(tok, text)
        Counts.add(mine == theirs, lambda: f"origins of {json.dumps(normalizer)} on {text!a}: {theirs!a} {mine!a}")


# ------------------------------------------------------------------------------------------ cases --

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
O200K_WORD = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
              r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
              r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
KIMI = "|".join([
    r"[\p{Han}]+",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]+[\p{Ll}\p{Lm}\p{Lo}\p{M}&&[^\p{Han}]]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
PATTERNS = {
    "gpt2": [GPT2],
    "llama3": [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "qwen2": [r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "o200k": [O200K_WORD],
    "gpt4": [r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s"],
    "deepseek": [r"\p{N}{1,3}", r"[一-龥぀-ゟ゠-ヿ]+",
                 r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "deepseek-llm": [r"[\r\n]", r"\s?[A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚḀ-ἕ]+",
                     r"\s?[!-/:-~！-／：-～‘-‟　-。]+", r"\s+$", r"[一-龥ࠀ-一가-퟿]+"],
    "kimi": [KIMI],
    "starcoder": [r"\p{N}", GPT2],
    "falcon": [r"[0-9][0-9][0-9]", GPT2],
    "tekken": [r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"],
    "bloom": [r" ?[^(\s|[.,!?…。，、।۔،])]+"],
    "viking": [r" ?[^(\s|.,!?…。，、।۔،)]+", r"\p{N}"],
    "clip": [r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"],
}
FIXED_PATTERNS = [
    r"\w+", r"[\w]+", r"\W", r"[^\w]", r"\b", r"\B", r"\bw", r"^", r"$", r"^a", r"a$", r"\A.", r".\z", r".\Z", r"(?m:.+)", r".+", r"\R",
    r"\h+", r"\H", r"\d{2,3}?", r"\d{2}?", r"a{2}+", r"a**", r"a+*", r"a?+", r"a*+b", r"[[:punct:]]", r"\p{Punct}", r"[[:alpha:]&&[^a-m]]",
    r"(?i:k)", r"(?i:s)", r"(?i:ss)", r"(?i:first|strasse)", r"(?i:[a-z])+", r"(?i:[^a-z])+", r"(?i)ß", r"(?i:ﬁ)+", r"a(?i)b|c", r"(?x: a b # c" + "\n)",
    r"(?<=a)b", r"(?<!a)b", r"(?=a)", r"(?!a)", r"(?>a+)b", r"(?<name>a|b)+", r"\Gа", r"a\Kb", r"\N+", r"\O", r"[^\n]+", r"\x41|\u0042|\x{43}",
    r"\xe4\xb8\xad", r"\p{^L}+", r"\P{^L}+", r"\P{L}+", r"[^[^a-z]]+", r"[a-z&&aeiou]+", r"[]a]+", r"[a\]]+", r"[-a]", r"[a-]", r"x*", r"", r"|a",
    r"\p{In_CJK_Unified_Ideographs}", r"\p{Script_Extensions=Han}", r"(a)\1", r"(?~ab)", r"[a-\d]", r"(", r")", r"a{3,1}", r"*a", r"[", r"[]", r"\\",
    r"\p{Nope}", r"\s{2,}", r"(?i-m:A)", r"\cA|\t|\0|\e", r"[\t\n\x0b]", r"\p{Emoji}+", r"\p{Han}+|\p{Hiragana}+|\p{Katakana}+|\p{Latin}+"]


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": behavior, "invert": invert}


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


BEHAVIORS = ["Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"]
LEVEL = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False}


def pre_tokenizers():
    for prefix in (False, True):
        for use in (False, True):
            yield {**LEVEL, "add_prefix_space": prefix, "use_regex": use}
    for name, patterns in PATTERNS.items():
        yield sequence(*[split(p) for p in patterns], LEVEL)
    yield sequence(*[split(p, "Removed", True) for p in PATTERNS["gpt4"]])
    for scheme in ("always", "first", "never"):
        for cut in (False, True):
            yield {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": cut}
    yield {"type": "Metaspace", "replacement": "_", "add_prefix_space": True, "str_rep": "_"}
    yield sequence({"type": "WhitespaceSplit"}, {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})
    yield sequence(split(" ", "MergedWithNext"), {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first"})
    for behavior in BEHAVIORS:
        for invert in (False, True):
            yield {"type": "Split", "pattern": {"String": " "}, "behavior": behavior, "invert": invert}
            yield {"type": "Split", "pattern": {"String": ""}, "behavior": behavior, "invert": invert}
            yield split(r"\p{L}+", behavior, invert)
            yield split(r"x*", behavior, invert)
            yield split(r"(?=[a-m])|\s", behavior, invert)
        yield {"type": "Punctuation", "behavior": behavior}
    for flag in (False, True):
        yield {"type": "Digits", "individual_digits": flag}
    for kind in ("Punctuation", "Whitespace", "WhitespaceSplit", "BertPreTokenizer", "UnicodeScripts", "FixedLength"):
        yield {"type": kind}
    yield {"type": "FixedLength", "length": 3}
    yield {"type": "CharDelimiterSplit", "delimiter": "é"}
    yield {"type": "CharDelimiterSplit", "delimiter": " "}
    yield sequence({"type": "Digits", "individual_digits": True}, {**LEVEL, "use_regex": True})
    yield sequence({**LEVEL, "use_regex": True}, {"type": "Digits", "individual_digits": True})
    yield sequence({"type": "Punctuation"}, {**LEVEL, "add_prefix_space": True, "use_regex": True}, LEVEL)
    yield sequence(sequence({"type": "WhitespaceSplit"}, {"type": "Punctuation"}), {"type": "FixedLength", "length": 2})
    yield sequence()
    yield None
    # Refused by the library, and so by us.
    for bad in ({"type": "Nope"}, {"type": "Sequence"}, {"type": "ByteLevel"}, {"type": "Digits"}, {"type": "Metaspace"},
                {"type": "Metaspace", "replacement": "ab"}, {"type": "Split", "pattern": " ", "behavior": "Removed", "invert": False},
                {"type": "Split", "pattern": {"String": " "}, "behavior": "Removed"}, {"type": "CharDelimiterSplit", "delimiter": "ab"}):
        yield bad


def replace(pattern, content, kind="Regex"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def normalizers():
    for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt", "ByteLevel"):
        yield {"type": kind}
    for left in (False, True):
        for right in (False, True):
            yield {"type": "Strip", "strip_left": left, "strip_right": right}
    for clean in (False, True):
        for chinese in (False, True):
            for accents in (None, False, True):
                for lower in (False, True):
                    yield {"type": "BertNormalizer", "clean_text": clean, "handle_chinese_chars": chinese,
                           "strip_accents": accents, "lowercase": lower}
    yield {"type": "Prepend", "prepend": "▁"}
    yield {"type": "Prepend", "prepend": "ab"}
    yield replace(" ", "▁", "String")
    yield replace("aa", "b", "String")
    yield replace("", "-", "String")
    yield replace(r"\s+", " ")
    yield replace(r"[^\p{L}]", "")
    yield replace(r" {2,}", "▁")
    yield replace(r"(?=a)", "XY")
    yield {"type": "Sequence", "normalizers": [{"type": "NFD"}, {"type": "StripAccents"}, {"type": "Lowercase"}]}
    yield {"type": "Sequence", "normalizers": [{"type": "Prepend", "prepend": "▁"}, replace(" ", "▁", "String")]}
    yield {"type": "Sequence", "normalizers": [{"type": "NFKC"}, {"type": "NFD"}, {"type": "NFC"}]}
    yield {"type": "Sequence", "normalizers": [replace(r"a+", "aé"), {"type": "NFKD"}, {"type": "Strip", "strip_left": True, "strip_right": True}]}
    yield {"type": "Sequence", "normalizers": []}


# ----------------------------------------------------------------------------- precompiled maps --


def charsmaps():
    # One 'x' for each lead byte: shows every cluster of up to five bytes.
    yield {bytes([b]): "x" for b in list(range(1, 0x80)) + list(range(0xC2, 0xF5))}
    yield {"A".encode(): "a", "é".encode(): "e", "e\u0301".encode(): "é", "①".encode(): "1", "…".encode(): "...", "\n".encode(): " ",
           "\u200b".encode(): "", "ﬁ".encode(): "fi", "ガ".encode(): "ガ", "カ\u3099".encode(): "ガ"}


def check_charsmaps(program):
    rng = random.Random(5)
    for entries in charsmaps():
        step = {"type": "Precompiled", "precompiled_charsmap": charsmap(entries)}
        texts = strings(6, 1500)
        # Pairs and triples over characters of all kinds of cluster rules.
        kinds = ["\r", "\n", "\u0301", "\u200d", "\u0903", "\u0600", "\u1100", "\u1161", "\u11a8", "가", "각", "🇩", "👍", "©", "a", "क", "\u094d", "ক",
                 "\u09cd", "\u0e33", "\u00ad", "\u200b", "\u200c", "🏽", "\u0d4e", "é", "あ", "\u3099", "\U000e0020", "\u0e31"]
        for _ in range(int(3000 * SCALE)):
            texts.append("".join(rng.choice(kinds) for _ in range(rng.randint(2, 6))))
        texts += sweep()
        compare(program, step, None, texts)
        compare_origins(program, step, texts[:int(2000 * SCALE)] + texts[-300:])


# ------------------------------------------------------------------------------ random patterns --


def random_class(rng, depth=0):
    # No negated names inside nested classes: where a nested union is all there is, Oniguruma's complement of it is
    # not empty for characters beyond ASCII.
    parts = []
    for _ in range(rng.randint(1, 4)):
        what = rng.randrange(8)
        if what < 2:
            parts.append(rng.choice("abcKkSsxyz01 é一ßſ"))
        elif what == 2:
            low, high = sorted(rng.sample("abcdefghijKLMNOPxyz", 2))
            parts.append(f"{low}-{high}")
        elif what == 3:
            parts.append(rng.choice([r"\w", r"\s", r"\d", r"\h", r"\p{L}", r"\p{Lu}", r"\n", r"\x41"]
                                    + ([] if depth else [r"\W", r"\S", r"\P{N}", r"\p{^P}"])))
        elif what == 4:
            parts.append(rng.choice(["[:alpha:]", "[:punct:]", "[:word:]", "[:upper:]"] + ([] if depth else ["[:^digit:]"])))
        elif what == 5 and depth < 2:
            parts.append(random_class(rng, depth + 1))
        elif what == 6 and parts and rng.random() < 0.4:
            parts.append("&&")
        else:
            parts.append(rng.choice("mnop"))
    return "[" + ("^" if rng.random() < 0.3 else "") + "".join(parts) + "]"


def random_pattern(rng, depth=0):
    branches = []
    for _ in range(rng.choice((1, 1, 2, 3))):
        atoms = []
        for _ in range(rng.randint(1, 4)):
            what = rng.randrange(10)
            if what < 3:
                atom = rng.choice(["a", "b", "K", "s", "x", "é", "一", " ", "1", r"\.", "'"])
            elif what < 5:
                atom = random_class(rng)
            elif what == 5:
                atom = rng.choice([r"\w", r"\s", r"\S", r"\d", ".", r"\p{L}", r"\p{Lu}", r"\p{N}", r"\P{L}", r"\h", r"\R"])
            elif what == 6 and depth < 3:
                atom = rng.choice(["(?:", "(", "(?i:", "(?>", "(?m:", "(?<n>"]) + random_pattern(rng, depth + 1) + ")"
            elif what == 7 and depth < 3:
                atoms.append(rng.choice(["(?=", "(?!"]) + random_pattern(rng, depth + 1) + ")")
                continue
            elif what == 8:
                atoms.append(rng.choice(["^", "$", r"\b", r"\B", r"(?<=a)", r"(?<!\s)", r"\A", r"\z", r"\Z"]))
                continue
            else:
                atom = rng.choice("abcde")
            if rng.random() < 0.4:
                atom += rng.choice(["*", "+", "?", "*?", "+?", "??", "++", "*+", "{2}", "{1,2}", "{2,}", "{,2}", "{1,3}?"])
            atoms.append(atom)
        branches.append("".join(atoms))
    return "|".join(branches)


def check_random_patterns(program):
    rng = random.Random(11)
    alphabet = "aabbcdeKkSsßſ\u212axyz012 \n\r\t.,'é一Ⅳ²\u0301AB-_"
    for i in range(int(1500 * SCALE)):
        pattern = random_pattern(rng)
        texts = ["".join(rng.choice(alphabet) for _ in range(rng.randint(0, 20))) for _ in range(15)]
        compare(program, None, split(pattern), texts)


def random_marks(rng, n):
    pools = [range(0x300, 0x370), range(0x591, 0x5BE), range(0x610, 0x61B), range(0x64B, 0x660), range(0x93C, 0x94E), range(0x1AB0, 0x1AD0),
             range(0x1DC0, 0x1E00), range(0x20D0, 0x20F1), range(0x1100, 0x1176), range(0x11A7, 0x11C3), range(0xAC00, 0xAC40), range(0x61, 0x7B),
             range(0xC0, 0x180), range(0x1E00, 0x1F00), range(0x1F00, 0x2000), range(0x0F71, 0x0F82), range(0x1D157, 0x1D170), range(0x11930, 0x11940)]
    return ["".join(chr(rng.choice(rng.choice(pools))) for _ in range(rng.randint(1, 8))) for _ in range(int(n * SCALE))]


def main():
    program = Program()
    checks = {}

    def check(f):
        checks[f.__name__] = f

    @check
    def pretok():
        texts = strings(1, 300)
        for pre in pre_tokenizers():
            compare(program, None, pre, texts)

    @check
    def pretok_sweep():
        for pre in (sequence(split(GPT2), LEVEL), split(KIMI), split(O200K_WORD), {"type": "Digits", "individual_digits": True}, {"type": "Punctuation"},
                    {"type": "Whitespace"}, {"type": "WhitespaceSplit"}, {"type": "BertPreTokenizer"}, {"type": "UnicodeScripts"},
                    split(r"\w+"), split(r"[\w]+"), split(r"(?i:[a-zß-ÿ]+)")):
            compare(program, None, pre, sweep())

    @check
    def norm():
        texts = strings(2, 400)
        for n in normalizers():
            compare(program, n, None, texts)

    @check
    def norm_sweep():
        for kind in ("NFC", "NFD", "NFKC", "NFKD", "Lowercase", "StripAccents", "Nmt"):
            compare(program, {"type": kind}, None, sweep())
        compare(program, {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None, "lowercase": True},
                None, sweep())
        compare(program, {"type": "Strip", "strip_left": True, "strip_right": True}, None, [chr(c) for c in ALL if c < 0x3100 or c % 61 == 0])

    @check
    def marks():
        texts = random_marks(random.Random(3), 10000)
        for kind in ("NFC", "NFD", "NFKC", "NFKD"):
            compare(program, {"type": kind}, None, texts)

    @check
    def origins():
        texts = strings(4, 150) + random_marks(random.Random(9), 300)
        for n in normalizers():
            if n.get("normalizers") != []:
                compare_origins(program, n, texts)

    @check
    def fixed_patterns():
        texts = strings(7, 150) + ["aaaa bb ab", "ssSSßẞ ſs first FIRST ﬁrst strasse straße", "line\nline\n", "\n", "a\r\nb", "aaab", "中文"]
        for pattern in FIXED_PATTERNS:
            compare(program, None, split(pattern), texts)

    @check
    def random_patterns():
        check_random_patterns(program)

    @check
    def precompiled():
        check_charsmaps(program)

    for name, f in checks.items():
        if ONLY and name not in ONLY.split(","):
            continue
        before = Counts.passed, Counts.failed
        f()
        print(f"{name}: {Counts.passed - before[0]} passed, {Counts.failed - before[1]} failed", flush=True)
    print(f"{Counts.passed} passed, {Counts.failed} failed")
    sys.exit(1 if Counts.failed else 0)


if __name__ == "__main__":
    main()
