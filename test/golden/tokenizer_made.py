"""Small tokenizer.json files that cover what no family of the data folder has.

Each is trained here with the `tokenizers` library on a few hundred lines, then dressed with one
combination of normalizers, pre-tokenizers, post-processors, decoders and added tokens.
"""
import json
import os
import random

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

import tokenizer_families

BLOCK = "\u2581"


def corpus(data):
    lines = []
    for name in ("textbook_synth.txt", "code.txt", "dialog.txt"):
        with open(f"{data}/corpus/valid/{name}", encoding="utf-8") as file:
            lines += file.read().split("\n")[:600]
    lines += ["Éé Ññ Ωω Привет мир 你好世界 こんにちは 안녕하세요 नमस्ते สวัสดี مرحبا 😀👍🏽 don't ﬁ ½ ①"] * 20
    return lines


def bpe(lines, size=900, normalizer=None, pre=None, alphabet=None, **model):
    t = Tokenizer(models.BPE(**model))
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    extra = {k: model[k] for k in ("continuing_subword_prefix", "end_of_word_suffix") if k in model}
    special = [model["unk_token"]] if "unk_token" in model else []
    special += [f"<0x{i:02X}>" for i in range(256)] if model.get("byte_fallback") else []
    t.train_from_iterator(lines, trainers.BpeTrainer(
        vocab_size=size, show_progress=False, special_tokens=special, initial_alphabet=alphabet or [],
        limit_alphabet=400, **extra))
    return t


def unigram(lines, size=900, normalizer=None, pre=None, byte_fallback=False, unk="<unk>"):
    t = Tokenizer(models.Unigram())
    if normalizer:
        t.normalizer = normalizer
    if pre:
        t.pre_tokenizer = pre
    special = [unk] + ([f"<0x{i:02X}>" for i in range(256)] if byte_fallback else [])
    t.train_from_iterator(lines, trainers.UnigramTrainer(
        vocab_size=size, show_progress=False, special_tokens=special, unk_token=unk))
    if byte_fallback:
        text = json.loads(t.to_str())
        text["model"]["byte_fallback"] = True
        text["added_tokens"] = text["added_tokens"][:1]
        t = Tokenizer.from_str(json.dumps(text))
    return t


def added_tokens(t, rng):
    """Strings that the hard lines contain, with every combination of the rules.

    Left out is what the library cannot do: a token that its normalizer makes empty is found everywhere,
    and of two that it makes equal either is found.
    """
    seen = set()
    texts = ["<|im_start|>", "<|im_end|>", "</s>", "ADDED", "Foo", "the", "of", "hello", "  ", " is", "naïve",
             "<tool_call>", "[MASK]", "é", "\u0301", "你好", "is", "DON'T", "it's", "ß"]
    for i, text in enumerate(texts):
        bits = rng.randrange(32)
        if text.isspace():
            bits &= ~6  # the library panics where a token lies in what another one stripped
        shown = t.normalizer.normalize_str(text) if bits & 8 and t.normalizer else text
        if not shown or (bits & 8, shown) in seen:
            continue
        seen.add((bits & 8, shown))
        t.add_tokens([AddedToken(text, single_word=bool(bits & 1), lstrip=bool(bits & 2), rstrip=bool(bits & 4),
                                 normalized=bool(bits & 8), special=bool(bits & 16))])
    return t


def old_file(t):
    """Merges as strings, no type of the model, members in another order: the library's early files."""
    text = json.loads(t.to_str())
    model = text["model"]
    model["merges"] = [" ".join(pair) for pair in model["merges"]]
    text["model"] = {"merges": model["merges"], "unk_token": model["unk_token"], "vocab": model["vocab"],
                     "dropout": None}
    return json.dumps(text)


def charsmap():
    """A small table for Precompiled: what SentencePiece calls nmt_nfkc is not at hand without a model."""
    import base64
    import struct
    # A double array with one path: the byte 0xC2 0xA0 (no-break space) -> " ".
    units = [0] * 1024
    labels = [0xC2, 0xA0]
    base = [0, 256, 512]
    units[0] = base[1] << 10
    at = base[1] ^ labels[0]
    units[at] = labels[0] | ((at ^ base[2]) << 10)
    at2 = base[2] ^ labels[1]
    units[at2] = labels[1] | (1 << 8) | ((at2 ^ 768) << 10)
    units[768] = 1 << 31
    blob = struct.pack("<1024I", *units)
    return base64.b64encode(struct.pack("<I", len(blob)) + blob + b" \0").decode()


def make_models(lines):
    byte_level = pre_tokenizers.ByteLevel
    alphabet = byte_level.alphabet()
    n, p = normalizers, pre_tokenizers
    yield "bpe byte-level", bpe(lines, pre=byte_level(add_prefix_space=False), alphabet=alphabet)
    yield "bpe byte-level prefix space", bpe(lines, pre=byte_level(add_prefix_space=True), alphabet=alphabet)
    yield "bpe byte-level no regex", bpe(lines, pre=byte_level(use_regex=False), alphabet=alphabet)
    yield "bpe byte-level holes", bpe(lines, pre=byte_level(), alphabet=alphabet[:60], unk_token="[UNK]")
    yield "bpe byte-level fused holes", bpe(lines, pre=byte_level(), alphabet=alphabet[:60],
                                            unk_token="[UNK]", fuse_unk=True)
    yield "bpe byte-level then digits", bpe(
        lines, pre=p.Sequence([byte_level(), p.Digits(individual_digits=True)]), alphabet=alphabet)
    yield "bpe byte-level normalizer", bpe(lines, normalizer=n.ByteLevel(), alphabet=alphabet)
    yield "bpe end of word", bpe(lines, pre=p.Whitespace(), normalizer=n.Sequence([n.NFC(), n.Lowercase()]),
                                 unk_token="<unk>", end_of_word_suffix="</w>")
    yield "bpe prefix", bpe(lines, pre=p.BertPreTokenizer(), normalizer=n.BertNormalizer(),
                            unk_token="<unk>", continuing_subword_prefix="##")
    yield "bpe both affixes", bpe(lines, pre=p.WhitespaceSplit(), unk_token="<unk>", fuse_unk=True,
                                  continuing_subword_prefix="##", end_of_word_suffix="</w>")
    yield "bpe bytes", bpe(lines, pre=p.Metaspace(), unk_token="<unk>", byte_fallback=True, fuse_unk=True)
    yield "bpe whole text bytes", bpe(
        lines, normalizer=n.Sequence([n.Prepend(BLOCK), n.Replace(" ", BLOCK)]), unk_token="<unk>",
        byte_fallback=True, fuse_unk=True)
    yield "bpe whole text", bpe(lines, normalizer=n.Replace(" ", BLOCK), unk_token="<unk>", size=700)
    yield "bpe without unknown", bpe(lines, pre=p.Whitespace())
    yield "unigram", unigram(lines, pre=p.Metaspace(), normalizer=n.NFKC())
    yield "unigram bytes", unigram(lines, pre=p.Metaspace(prepend_scheme="first"), byte_fallback=True)
    yield "unigram whole text", unigram(lines, pre=p.Metaspace(split=False, prepend_scheme="never"))
    yield "unigram nmt", unigram(lines, pre=p.Sequence([p.WhitespaceSplit(), p.Metaspace()]),
                                 normalizer=n.Sequence([n.Nmt(), n.NFKC(), n.Replace(Regex(" {2,}"), " ")]))


def normalizer_list():
    n = normalizers
    yield "NFC", n.NFC()
    yield "NFD", n.NFD()
    yield "NFKC", n.NFKC()
    yield "NFKD", n.NFKD()
    yield "Lowercase", n.Lowercase()
    yield "StripAccents", n.Sequence([n.NFD(), n.StripAccents()])
    yield "StripAccents alone", n.StripAccents()
    yield "Strip", n.Strip()
    yield "Strip left", n.Strip(left=True, right=False)
    yield "Bert", n.BertNormalizer()
    yield "Bert cased", n.BertNormalizer(clean_text=False, handle_chinese_chars=True, strip_accents=True,
                                         lowercase=False)
    yield "Nmt", n.Nmt()
    yield "Precompiled", n.Precompiled(__import__("base64").b64decode(charsmap()))
    yield "Replace", n.Replace("e", "EE")
    yield "Replace regex", n.Replace(Regex(r"\s+"), " ")
    yield "Replace groups", n.Replace(Regex(r"(\d)(?=(\d{3})+$)|'[a-z]"), "_")
    yield "Prepend", n.Prepend("x ")
    yield "chain", n.Sequence([n.Strip(), n.NFKD(), n.StripAccents(), n.Lowercase(), n.Replace("ss", "ß"),
                               n.Prepend(BLOCK)])


def pre_tokenizer_list():
    p = pre_tokenizers
    behaviours = ["removed", "isolated", "merged_with_previous", "merged_with_next", "contiguous"]
    yield "Whitespace", p.Whitespace()
    yield "WhitespaceSplit", p.WhitespaceSplit()
    yield "Bert", p.BertPreTokenizer()
    yield "CharDelimiterSplit", p.CharDelimiterSplit("e")
    yield "Digits", p.Digits(individual_digits=False)
    yield "Digits each", p.Digits(individual_digits=True)
    yield "UnicodeScripts", p.UnicodeScripts()
    yield "FixedLength", p.FixedLength(7)
    for scheme in ("always", "never", "first"):
        for split in (True, False):
            yield f"Metaspace {scheme} {split}", p.Metaspace(prepend_scheme=scheme, split=split)
    yield "Metaspace _", p.Metaspace(replacement="_")
    for behaviour in behaviours:
        yield f"Punctuation {behaviour}", p.Punctuation(behaviour)
        yield f"Split text {behaviour}", p.Split(" ", behaviour)
        yield f"Split regex {behaviour}", p.Split(Regex(r"\w+|[^\w\s]+"), behaviour)
        yield f"Split inverted {behaviour}", p.Split(Regex(r"\p{L}+"), behaviour, invert=True)
    yield "chain", p.Sequence([p.WhitespaceSplit(), p.Punctuation(), p.Digits(), p.Metaspace()])


def processor_list(t):
    pr = processors
    ids = [("[CLS]", 3), ("[SEP]", 4)]
    yield "Bert", pr.BertProcessing(ids[1], ids[0])
    yield "Roberta", pr.RobertaProcessing(ids[1], ids[0], trim_offsets=True, add_prefix_space=False)
    yield "ByteLevel", pr.ByteLevel()
    yield "Template", pr.TemplateProcessing(single="[CLS] $A [SEP] $A:1 [SEP]", pair="$A $B", special_tokens=ids)
    yield "chain", pr.Sequence([pr.ByteLevel(), pr.TemplateProcessing(single="$A [SEP]", pair="$A $B",
                                                                        special_tokens=ids)])
    yield "chain of two", pr.Sequence([
        pr.TemplateProcessing(single="[CLS] $A", pair="$A $B", special_tokens=ids),
        pr.TemplateProcessing(single="$A", pair="$B [SEP] $A", special_tokens=ids)])
    yield "chain into Bert", pr.Sequence([pr.BertProcessing(ids[1], ids[0]), pr.BertProcessing(ids[1], ids[0])])


def decoder_list():
    d = decoders
    yield "none", None
    yield "ByteLevel", d.ByteLevel()
    yield "ByteFallback", d.ByteFallback()
    yield "Fuse", d.Fuse()
    yield "Metaspace", d.Metaspace()
    yield "Metaspace never", d.Metaspace(prepend_scheme="never")
    yield "BPEDecoder", d.BPEDecoder()
    yield "BPEDecoder e", d.BPEDecoder(suffix="e")
    yield "WordPiece", d.WordPiece(prefix="t", cleanup=True)
    yield "WordPiece plain", d.WordPiece(cleanup=False)
    yield "CTC", d.CTC(pad_token="e", word_delimiter_token=BLOCK)
    yield "Replace", d.Replace(Regex("[aeiou]+"), "*")
    yield "chain", d.Sequence([d.Replace(BLOCK, " "), d.ByteFallback(), d.Fuse(), d.Strip(" ", 1, 0)])
    yield "chain of strips", d.Sequence([d.Strip("e", 2, 0), d.Fuse(), d.Strip("e", 1, 0)])


def make_all(folder, data):
    lines = corpus(data)
    rng = random.Random(3)
    made = []

    def save(name, t):
        path = os.path.join(folder, f"{len(made)}.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write(t if isinstance(t, str) else t.to_str())
        made.append((name, path))

    bases = {}
    for name, t in make_models(lines):
        bases[name] = t
        save(name, t)
    for i, (name, t) in enumerate(bases.items()):
        copy = Tokenizer.from_str(t.to_str())
        save(f"{name}, added tokens", added_tokens(copy, random.Random(100 + i)))
    save("old file", old_file(bases["bpe byte-level"]))

    plain = bases["bpe whole text bytes"].to_str()
    for name, normalizer in normalizer_list():
        t = Tokenizer.from_str(plain)
        t.normalizer = normalizer
        save(f"normalizer {name}", added_tokens(t, rng))
    for name, pre in pre_tokenizer_list():
        t = Tokenizer.from_str(plain)
        t.normalizer = normalizers.NFC()
        t.pre_tokenizer = pre
        save(f"pre-tokenizer {name}", added_tokens(t, rng))
    for name, processor in processor_list(bases["bpe bytes"]):
        t = Tokenizer.from_str(bases["bpe bytes"].to_str())
        t.post_processor = processor
        save(f"post-processor {name}", t)
    for name, decoder in decoder_list():
        for base in ("bpe bytes", "bpe byte-level"):
            t = Tokenizer.from_str(bases[base].to_str())
            if decoder:
                t.decoder = decoder
            save(f"decoder {name} of {base}", t)
    for name, text in tokenizer_families.make_families(lines):
        save(f"family {name}", text)
    return made
