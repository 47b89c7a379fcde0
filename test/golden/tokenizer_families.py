"""Small tokenizer.json files with the pipelines of model families that the data folder has no file of.

Each vocabulary is trained here, inside its family's normalizer and pre-tokenizer, and each gets the
family's kind of added tokens: with and without `normalized`, `lstrip`, `rstrip`, `special`.
"""
import json
import os
import sys
import unicodedata

from tokenizers import Tokenizer, pre_tokenizers, trainers

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../tool"))
from charsmap import charsmap  # noqa: E402
from pretoken_check import PATTERNS  # noqa: E402

BLOCK = "\u2581"


# ------------------------------------------------------------------------------------------ parts

def normalizers(*steps):
    return {"type": "Sequence", "normalizers": list(steps)}


def steps(*parts):
    return {"type": "Sequence", "pretokenizers": list(parts)}


def replace(pattern, content, kind="String"):
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def split(pattern, behavior="Isolated", kind="Regex", invert=False):
    return {"type": "Split", "pattern": {kind: pattern}, "behavior": behavior, "invert": invert}


def level(prefix=False, regex=False):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def meta(scheme=None, cut=None):
    """Without a scheme: as files before `prepend_scheme` say it."""
    new = {"prepend_scheme": scheme} if scheme else {"add_prefix_space": True}
    return {"type": "Metaspace", "replacement": BLOCK, **new, **({} if cut is None else {"split": cut})}


def strip(left, right):
    return {"type": "Strip", "strip_left": left, "strip_right": right}


def digits(each):
    return {"type": "Digits", "individual_digits": each}


def template(before, after=()):
    item = [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in before]
    tail = [{"SpecialToken": {"id": name, "type_id": 0}} for name, _ in after]
    text = [{"Sequence": {"id": "A", "type_id": 0}}]
    return {"type": "TemplateProcessing", "single": item + text + tail, "pair": item + text + tail,
            "special_tokens": {name: {"id": name, "ids": [i], "tokens": [name]} for name, i in [*before, *after]}}


def token(content, normalized=False, left=False, right=False, special=True, word=False):
    return {"id": 0, "content": content, "single_word": word, "lstrip": left, "rstrip": right,
            "normalized": normalized, "special": special}


def nmt_nfkc(fold=False):
    """SentencePiece's rule, as far as Python's tables tell it."""
    entries = {chr(c): " " for c in [9, 10, 12, 13, 0x1680, *range(0x200B, 0x2010), 0x2028, 0x2029, 0xFEFF, 0xFFFD]}
    entries |= {chr(c): "" for c in [*range(1, 9), 0xB, *range(0xE, 0x20), 0x7F, 0x8F, 0x9F]}
    for c in [*range(0x80, 0x3400), *range(0xF900, 0xFFF0)]:
        text = unicodedata.normalize("NFKC", chr(c))
        entries.setdefault(chr(c), text.lower() if fold else text)
    entries |= {chr(c): chr(c).lower() for c in range(0x41, 0x5B)} if fold else {}
    changed = {k.encode(): v for k, v in entries.items() if k != v}
    return {"type": "Precompiled", "precompiled_charsmap": charsmap(changed)}


def finish(model, normalizer, pre, added, **more):
    text = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": normalizer,
            "pre_tokenizer": pre, "post_processor": None, "decoder": None, "model": model, **more}
    words = model["vocab"] if isinstance(model["vocab"], dict) else {piece: i for i, (piece, _) in enumerate(model["vocab"])}
    for i, entry in enumerate(added):
        entry["id"] = words.get(entry["content"], len(words) + i)
    return json.dumps(text, ensure_ascii=False)


def train(lines, kind, trainer, normalizer, pre):
    model = {"type": kind, "vocab": {}, "merges": []} if kind == "BPE" else {"type": kind, "unk_id": 0, "vocab": [["<unk>", 0.0]]}
    t = Tokenizer.from_str(finish(model, normalizer, pre, []))
    t.train_from_iterator(lines, trainer)
    return json.loads(t.to_str())["model"]


# --------------------------------------------------------------------------------------- families

def unigram_families(lines):
    rule, folding = nmt_nfkc(), nmt_nfkc(fold=True)
    blanks = replace(" {2,}", " ", "Regex")
    old = steps({"type": "WhitespaceSplit"}, meta())
    quotes = [replace("``", "\""), replace("''", "\""), {"type": "NFKD"}, {"type": "StripAccents"}]
    extra = [token(f"<extra_id_{i}>", left=i % 2 == 0, right=i % 3 == 0, normalized=i % 5 == 0) for i in range(40)]
    names = ["<pad>", "</s>", "<unk>", "<s>", "<mask>", "[CLS]", "[SEP]", "[UNK]"]
    rows = [("T5", rule, old, extra, template([], [("</s>", 1)])),
            ("UMT5", normalizers(rule, strip(False, True), replace(" {2,}", BLOCK, "Regex")), meta("always"), extra, None),
            ("XLM-R", rule, old, [token("<s>"), token("<mask>", left=True)], template([("<s>", 3)], [("</s>", 1)])),
            ("ALBERT", normalizers(*quotes, {"type": "Lowercase"}, folding, blanks), old, [token("[CLS]"), token("<mask>", left=True)], None),
            ("DeBERTa-v3", normalizers(strip(True, True), rule, blanks), steps(meta("always")), [token("[UNK]", normalized=True)], None),
            ("first of a stripped text", normalizers(rule, strip(True, False)), meta("first", False), [token("Foo", normalized=True)], None),
            ("first behind punctuation", normalizers({"type": "Lowercase"}, rule), steps({"type": "Punctuation", "behavior": "Isolated"}, meta("first")), [], None),
            ("of bytes' letters", {"type": "NFC"}, level(regex=True), [token("<s>")], None)]
    for name, normalizer, pre, added, post in rows:
        trainer = trainers.UnigramTrainer(vocab_size=900, show_progress=False, special_tokens=names, unk_token="<unk>")
        model = train(lines, "Unigram", trainer, normalizer, pre)
        letters = name.startswith("of bytes")
        yield f"Unigram {name}", finish(model, normalizer, pre, added, post_processor=post, decoder=level() if letters else meta("always"))


def byte_families(lines):
    def trained(pre, normalizer=None, **more):
        trainer = trainers.BpeTrainer(vocab_size=1200, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), **more)
        return train(lines, "BPE", trainer, normalizer, pre)
    blanks = [token(" " * n, normalized=True, special=False) for n in range(24, 1, -1)]
    turns = [token("<|im_start|>"), token("<|im_end|>", right=True), token("<think>", special=False), token("<|user|>", left=True, normalized=True)]
    rows = [("Falcon", None, steps({"type": "Punctuation", "behavior": "Contiguous"}, level(regex=True), digits(False), split("[0-9][0-9][0-9]")), [token(">>TITLE<<")]),
            ("StarCoder2", None, steps(digits(True), level(regex=True)), [token("<fim_prefix>"), token("<file_sep>")]),
            ("CodeGen", None, level(regex=True), blanks),
            ("GPT-NeoX", {"type": "NFC"}, level(regex=True), [{**entry, "normalized": False} for entry in blanks]),
            ("BART", None, level(prefix=True, regex=True), [token("<s>"), token("<mask>", left=True)]),
            ("Command-R", {"type": "NFC"}, steps(digits(True), level(regex=True)), [token("<BOS_TOKEN>")]),
            ("EXAONE", {"type": "NFC"}, steps(split(r"(?:\r?\n)+(?!\r?\n)"), split(PATTERNS["viking"][0]), digits(True), level(regex=True)), [token(" "), token("  ")])]
    rows += [(name, {"type": "NFC"} if name == "qwen2" else None, steps(*[split(p) for p in PATTERNS[name]], level()), turns)
             for name in ("o200k", "gpt4", "qwen2", "deepseek", "kimi", "tekken", "bloom")]
    for i, (name, normalizer, pre, added) in enumerate(rows):
        model = trained(pre, normalizer)
        model["ignore_merges"] = i % 2 == 1
        yield f"BPE {name}", finish(model, normalizer, pre, added, decoder=level(), post_processor=level())
    normalizer = normalizers({"type": "NFC"}, replace(r"\s+", " ", "Regex"), {"type": "Lowercase"})
    pre = steps(split(PATTERNS["clip"][0], "Removed", invert=True), level(regex=True))
    model = trained(pre, normalizer, end_of_word_suffix="</w>", special_tokens=["<|startoftext|>", "<|endoftext|>"])
    model |= {"unk_token": "<|endoftext|>", "continuing_subword_prefix": "", "end_of_word_suffix": "</w>"}
    ends = {"type": "RobertaProcessing", "sep": ["<|endoftext|>", 1], "cls": ["<|startoftext|>", 0], "trim_offsets": False, "add_prefix_space": False}
    yield "BPE CLIP", finish(model, normalizer, pre, [token("<|startoftext|>", normalized=True), token("<|endoftext|>")], post_processor=ends, decoder=level())


def sentencepiece_families(lines):
    names = ["<pad>", "</s>", "<unk>", "<s>", "<mask>"] + [f"<0x{i:02X}>" for i in range(256)]
    blocks = replace(" ", BLOCK)
    runs = [token("\n" * n, special=False) for n in range(1, 20)] + [token(BLOCK * n, special=False) for n in range(2, 20)]
    turns = [token("<|im_start|>", normalized=True, special=False), token("<|im_end|>", normalized=True, right=True), token("<s>")]
    rule = normalizers(nmt_nfkc(), replace(" {2,}", " ", "Regex"))
    rows = [("Gemma", blocks, split(" ", "MergedWithPrevious", "String"), runs),
            ("Llama", normalizers({"type": "Prepend", "prepend": BLOCK}, blocks), None, turns),
            ("Baichuan", blocks, None, [token(f"<reserved_{i}>", normalized=i % 2 == 0, word=i % 3 == 0) for i in range(20)] + turns),
            ("Mistral v3", None, meta("first", False), [token("[INST]"), token("[/INST]"), token("[control_9]")]),
            ("NLLB", rule, meta("always", True), [token("eng_Latn"), token("<mask>", left=True)])]
    for name, normalizer, pre, added in rows:
        trainer = trainers.BpeTrainer(vocab_size=1500, show_progress=False, special_tokens=names, limit_alphabet=500)
        model = train(lines, "BPE", trainer, normalizer, pre)
        model |= {"unk_token": "<unk>", "byte_fallback": name != "NLLB", "fuse_unk": name != "Baichuan"}
        chain = [replace(BLOCK, " "), {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]
        yield f"BPE {name}", finish(model, normalizer, pre, added, post_processor=template([("<s>", 3)]), decoder={"type": "Sequence", "decoders": chain})


def early_file(text):
    """Steps without "type", as the library's early files have them."""
    text = json.loads(text)
    text["normalizer"] = {"normalizers": [{"strip_left": True, "strip_right": False}, {"pattern": {"String": "e"}, "content": "é"}, {"prepend": " "}]}
    text["post_processor"] = {"sep": ["</s>", 1], "cls": ["<s>", 3], "trim_offsets": True, "add_prefix_space": False}
    text["decoder"] = {"suffix": "</w>"}
    return json.dumps(text)


def make_families(lines):
    last = ""
    for family in (unigram_families, byte_families, sentencepiece_families):
        for name, last in family(lines):
            yield name, last
    yield "steps without types", early_file(last)
