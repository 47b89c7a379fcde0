"""export_check.py: what pace merge and pace export write, against PEFT, transformers and gguf.

Tiny models of every family with random weights and PEFT's adapters are merged by pace and by PEFT's
merge_and_unload: the tensors and, opened by transformers, the logits must agree (1e-4 in float32), and
16-bit weights must be the float32 sum rounded once. GGUF files are read by the gguf package: every
tensor is the one of the Hugging Face folder, reordered for llama's rope, every key says what config.json
says, and pace opens its own file with the same logits. Tokenizers of the data folder must encode the
same in GGUF. With LLAMA_CPP (its source folder, with build/bin or LLAMA_BIN) its own converters and its
greedy text are compared too. PACE: the program; PACE_BUILD: the build folder; PACE_DATA: the test data.
Arguments: only the checks whose names contain one of them.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import warnings

import gguf
import numpy as np
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()
transformers.utils.logging.disable_progress_bar()
torch.set_num_threads(1)
PACE = os.environ["PACE"]
TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/model_tool")
DATA = pathlib.Path(os.environ["PACE_DATA"])
WORK = pathlib.Path(tempfile.mkdtemp())
ONLY = sys.argv[1:]

passed = failed = 0


def check(name, ok, detail=""):
    global passed, failed
    passed += bool(ok)
    failed += not ok
    if not ok:
        print(f"FAILED {name} {detail}", flush=True)


def wanted(name):
    return not ONLY or any(part in name for part in ONLY)


def pace(*words):
    done = subprocess.run([PACE, *map(str, words)], capture_output=True, text=True)
    return done.returncode, done.stderr


def fresh_folder(name):
    shutil.rmtree(WORK / name, ignore_errors=True)
    return WORK / name


# ------------------------------------------------------------------------------------------- models --

BASE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=160, max_position_embeddings=256, pad_token_id=0,
            bos_token_id=1, eos_token_id=2, initializer_range=0.15)
GPT2 = dict(n_embd=64, n_layer=3, n_head=4, n_positions=64, vocab_size=160, bos_token_id=1,
            eos_token_id=2, initializer_range=0.15, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
NEOX = {k: v for k, v in BASE.items() if k != "num_key_value_heads"}
WIDE = dict(head_dim=32)
TIED = dict(tie_word_embeddings=True)


def make(family, options, seed=1):
    """A model with random weights, norms and biases included."""
    torch.manual_seed(seed)
    base = {} if family in ("gpt2", "gpt_neox") else BASE
    config = AutoConfig.for_model(family, **{**base, **options})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for p in model.parameters():
            if p.ndim == 1:
                p.add_(0.3 * torch.randn(p.shape))
    return model


def adapt(model, **options):
    """PEFT's adapters, random; saved to a folder."""
    settings = dict(r=4, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = peft.get_peft_model(model, peft.LoraConfig(**{**settings, **options})).eval()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for p in adapted.parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape, generator=generator))
    folder = fresh_folder("adapter")
    adapted.save_pretrained(folder, save_embedding_layers=False)
    return adapted, folder


def logits_of(model, ids):
    with torch.no_grad():
        return model(input_ids=ids).logits


def tokens(vocabulary):
    return torch.randint(0, vocabulary, (2, 24), generator=torch.Generator().manual_seed(3))


# -------------------------------------------------------------------------------------------- merge --

MERGES = [
    ("llama", {}, {}),
    ("llama", TIED, {}),
    ("llama", dict(attention_bias=True, mlp_bias=True), dict(use_rslora=True, r=3)),
    ("llama", {}, dict(rank_pattern={"v_proj": 2}, alpha_pattern={r"layers\.1\..*_proj": 11},
                       target_modules=["q_proj", "v_proj", "up_proj"])),
    ("llama", {}, dict(target_modules=["q_proj"], modules_to_save=["lm_head", "norm"])),
    ("llama", {}, dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "o_proj"])),
    ("llama", TIED, dict(target_modules=["q_proj"], modules_to_save=["lm_head"])),
    ("llama", TIED, dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"])),
    ("llama", TIED, dict(target_modules=["q_proj"], modules_to_save=["lm_head", "embed_tokens"])),
    ("llama", {}, dict(target_modules=["q_proj", "lm_head"])),
    ("llama", TIED, dict(target_modules=["lm_head"], use_rslora=True)),
    ("llama", TIED, dict(target_modules=["q_proj", "lm_head"], modules_to_save=["embed_tokens"])),
    ("mistral", dict(sliding_window=7), {}),
    ("smollm3", {}, {}),
    ("qwen2", TIED, {}),
    ("qwen3", WIDE, {}),
    ("gemma", WIDE, {}),
    ("gemma2", WIDE, {}),
    ("gemma3_text", WIDE, dict(target_modules=["q_proj"], modules_to_save=["norm"])),
    ("phi3", {}, {}),
    ("olmo2", {}, {}),
    ("gpt2", GPT2, {}),
    ("gpt2", GPT2, dict(target_modules=["c_attn"], modules_to_save=["mlp.c_proj", "ln_f", "wpe"])),
    ("gpt2", GPT2, dict(target_modules=["c_attn", "lm_head"])),
    ("gpt_neox", NEOX, {}),
    ("gpt_neox", NEOX, dict(target_modules=["dense", "lm_head"])),
    ("gpt_neox", NEOX, dict(target_modules=["dense"], modules_to_save=["query_key_value", "lm_head"])),
]


def merge_theirs(adapted):
    """PEFT's; of an adapter on a tied head with the weights cloned before, as PEFT then advises."""
    head = adapted.get_output_embeddings()
    if adapted.base_model.model.config.tie_word_embeddings and isinstance(head, peft.tuners.lora.Linear):
        head.base_layer.weight = torch.nn.Parameter(head.base_layer.weight.detach().clone())
    return adapted.merge_and_unload()


def check_merge(family, config, options):
    name = f"merge {family} {config if config in (TIED, WIDE) else ''} {options or ''}"
    if not wanted(name):
        return
    base, out = fresh_folder("model"), fresh_folder("merged")
    model = make(family, config)
    model.save_pretrained(base)
    try:
        adapted, adapter = adapt(model, **options)
    except ValueError as error:
        return check(name, False, error)
    ids = tokens(model.config.vocab_size)
    theirs = logits_of(adapted, ids)
    merged = merge_theirs(adapted)
    code, error = pace("merge", base, "--adapter", adapter, "-o", out)
    check(f"{name}: runs", code == 0, error)
    if code != 0:
        return
    ours = AutoModelForCausalLM.from_pretrained(out, attn_implementation="eager").eval()
    off = (logits_of(ours, ids) - theirs).abs().max().item()
    check(f"{name}: logits", off <= 1e-4, off)
    state, wanted_state = ours.state_dict(), merged.state_dict()
    for key, value in wanted_state.items():
        off = (state[key] - value).abs().max().item()
        check(f"{name}: {key}", off <= 1e-5, off)
    files = load_file(out / "model.safetensors")
    tied = config is TIED or family in ("gpt2", "smollm3", "gemma", "gemma2", "gemma3_text")
    untied = tied and any("head" in m or "emb" in m for m in [*options.get("modules_to_save", []),
                                                              *options.get("target_modules", [])])
    check(f"{name}: tensors", set(load_file(base / "model.safetensors")) | (
        {"lm_head.weight"} if untied else set()) == set(files))


def check_merge_half(dtype):
    name = f"merge {dtype}"
    if not wanted(name):
        return
    base, out = fresh_folder("model"), fresh_folder("merged")
    model = make("qwen2", {}).to(dtype)
    model.save_pretrained(base)
    adapted, adapter = adapt(model.float())
    code, error = pace("merge", base, "--adapter", adapter, "-o", out)
    check(f"{name}: runs", code == 0, error)
    before, after = load_file(base / "model.safetensors"), load_file(out / "model.safetensors")
    lora = load_file(adapter / "adapter_model.safetensors")
    same = total = 0
    for key, value in before.items():
        check(f"{name}: {key}: type", after[key].dtype == value.dtype, after[key].dtype)
        stem = "base_model.model." + key.removesuffix(".weight")
        total += value.numel()
        if stem + ".lora_A.weight" not in lora:
            check(f"{name}: {key}: untouched", torch.equal(after[key], value))
            same += value.numel()
            continue
        delta = lora[stem + ".lora_B.weight"].double() @ lora[stem + ".lora_A.weight"].double() * 6 / 4
        exact = (value.double() + delta).to(dtype)
        off = (after[key].view(torch.int16).int() - exact.view(torch.int16).int()).abs()
        check(f"{name}: {key}: at most one step", off.max() <= 1, off.max())
        same += int((off == 0).sum())
    check(f"{name}: rounded once", same >= 0.999 * total, (same, total))


def check_merge_real():
    """The data folder's adapter on its model, and its reference logits."""
    name = "merge stories260K"
    if not wanted(name):
        return
    base, adapter = DATA / "models/stories260K", DATA / "models/adapters/stories260K-lora-random"
    out = fresh_folder("merged")
    code, error = pace("merge", base, "--adapter", adapter, "-o", out)
    check(f"{name}: runs", code == 0, error)
    reference = load_file(adapter / "reference.safetensors")
    model = AutoModelForCausalLM.from_pretrained(out).eval()
    off = (logits_of(model, reference["input_ids"].long()) - reference["logits"]).abs().max().item()
    check(f"{name}: logits", off <= 1e-4, off)
    for file in ("tokenizer.json", "tokenizer_config.json", "config.json", "generation_config.json"):
        check(f"{name}: {file}", (out / file).read_bytes() == (base / file).read_bytes())


# ------------------------------------------------------------------------------------------- export --

LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32)
LINEAR = dict(rope_type="linear", rope_theta=5e5, factor=3.0)

EXPORTS = [
    ("llama", "untied", {}),
    ("llama", "tied", TIED),
    ("llama", "biases, one key head", dict(attention_bias=True, mlp_bias=True, num_key_value_heads=1)),
    ("llama", "head width", dict(num_key_value_heads=4, head_dim=24)),
    ("llama", "llama3 rope", dict(rope_parameters=LLAMA3)),
    ("llama", "linear rope", dict(rope_parameters=LINEAR)),
    ("llama", "yarn rope", dict(rope_parameters=YARN)),
    ("qwen2", "untied", dict(rms_norm_eps=1e-5)),
    ("qwen2", "tied, yarn", dict(TIED, rope_parameters=YARN)),
    ("qwen3", "head width", WIDE),
    ("qwen3", "tied", dict(TIED, **WIDE)),
]
NAMES = [("model.embed_tokens.", "token_embd."), ("model.norm.", "output_norm."), ("lm_head.", "output."),
         ("model.layers.", "blk."), ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"),
         ("self_attn.v_proj", "attn_v"), ("self_attn.o_proj", "attn_output"),
         ("self_attn.q_norm", "attn_q_norm"), ("self_attn.k_norm", "attn_k_norm"),
         ("input_layernorm", "attn_norm"), ("post_attention_layernorm", "ffn_norm"),
         ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"), ("mlp.down_proj", "ffn_down")]
TYPES = {"f32": (gguf.GGMLQuantizationType.F32, 0), "f16": (gguf.GGMLQuantizationType.F16, 1),
         "bf16": (gguf.GGMLQuantizationType.BF16, 32)}


def in_gguf(name):
    for ours, theirs in NAMES:
        name = name.replace(ours, theirs)
    return name


def turned(name, value, config):
    """Rows of q and k in the order that llama's graph wants."""
    heads = {".attn_q.": config.num_attention_heads, ".attn_k.": config.num_key_value_heads}
    for part, n in heads.items():
        if part in name and config.model_type == "llama":
            return value.reshape(n, 2, value.shape[0] // n // 2, -1).transpose(1, 2).reshape(value.shape)
    return value


def read_gguf(path):
    reader = gguf.GGUFReader(path)
    keys = {k: f.contents() for k, f in reader.fields.items() if not k.startswith("GGUF.")}
    tensors = {t.name: (t.tensor_type, gguf.quants.dequantize(t.data, t.tensor_type)) for t in reader.tensors}
    return keys, tensors


def add_tokenizer(folder):
    for name in ("tokenizer_config.json", "tokenizer.json"):
        shutil.copy(DATA / "models/stories260K" / name, folder)


def run_tool(model, ids, **options):
    save_file({"input_ids": ids.contiguous()}, WORK / "batch.safetensors")
    out = WORK / "out.safetensors"
    done = subprocess.run([TOOL, str(model), str(out), str(WORK / "batch.safetensors"),
                           *[f"{k}={v}" for k, v in options.items()]], capture_output=True, text=True)
    return (load_file(out)["logits"], "") if done.returncode == 0 else (None, done.stderr)


def expected_keys(config, outtype, name):
    arch, rope = config.model_type, config.rope_parameters
    keys = {"block_count": config.num_hidden_layers, "context_length": config.max_position_embeddings,
            "embedding_length": config.hidden_size, "feed_forward_length": config.intermediate_size,
            "attention.head_count": config.num_attention_heads,
            "attention.head_count_kv": config.num_key_value_heads,
            "attention.layer_norm_rms_epsilon": config.rms_norm_eps, "rope.freq_base": rope["rope_theta"]}
    head = getattr(config, "head_dim", None)
    if head:
        keys |= {"attention.key_length": head, "attention.value_length": head}
    if arch == "llama":
        keys |= {"vocab_size": config.vocab_size, "rope.dimension_count": head}
    if rope["rope_type"] in ("linear", "yarn"):
        keys |= {"rope.scaling.type": rope["rope_type"], "rope.scaling.factor": rope["factor"]}
    if rope["rope_type"] == "yarn":
        keys["rope.scaling.original_context_length"] = rope["original_max_position_embeddings"]
    return {f"{arch}.{k}": v for k, v in keys.items()} | {
        "general.architecture": arch, "general.type": "model", "general.name": name,
        "general.file_type": TYPES[outtype][1], "general.quantization_version": 2}


def close(a, b):
    return abs(a - b) <= 1e-6 * abs(b) if isinstance(a, float) else a == b


def make_folder(family, options):
    model = make(family, dict(vocab_size=520, **options))
    folder = fresh_folder("model")
    model.save_pretrained(folder)
    add_tokenizer(folder)
    return model, folder


def rounded(value, outtype):
    kinds = {"f16": torch.float16, "bf16": torch.bfloat16}
    return value if outtype == "f32" or value.ndim == 1 else value.to(kinds[outtype]).float()


def compare_tensors(name, tensors, state, config, outtype, exact=True):
    wanted_names = {in_gguf(k) for k in state}
    check(f"{name}: tensors", set(tensors) - {"rope_freqs.weight"} == wanted_names,
          sorted(set(tensors) ^ wanted_names)[:6])
    for key, value in state.items():
        if in_gguf(key) not in tensors:
            continue
        kind, found = tensors[in_gguf(key)]
        value = turned(in_gguf(key), value.float(), config)
        check(f"{name}: {key}: type", kind == TYPES[outtype if value.ndim > 1 else "f32"][0], kind)
        if exact:
            ok = np.array_equal(found, rounded(value, outtype).numpy())
        else:
            ok = np.abs(found - value.numpy()).max() <= 1e-5
        check(f"{name}: {key}", found.shape == tuple(value.shape) and ok)


def check_export(family, label, options, outtype):
    name = f"export {family}, {label}, {outtype}"
    if not wanted(name):
        return
    model, folder = make_folder(family, options)
    out = WORK / "out.gguf"
    code, error = pace("export", folder, "-o", out, "--outtype", outtype, "--overwrite-output-dir")
    check(f"{name}: runs", code == 0, error)
    if code != 0:
        return
    keys, tensors = read_gguf(out)
    for key, value in expected_keys(model.config, outtype, "model").items():
        check(f"{name}: {key}", key in keys and close(keys[key], value), keys.get(key))
    extra = {k for k in keys if not k.startswith("tokenizer.")} - set(expected_keys(model.config, outtype, ""))
    check(f"{name}: no other keys", not extra, extra)
    state = load_file(folder / "model.safetensors")
    compare_tensors(name, tensors, state, model.config, outtype)
    if model.config.rope_parameters["rope_type"] == "llama3":
        inv = model.model.rotary_emb.inv_freq
        plain = 1 / 10000.0 ** (torch.arange(0, 2 * len(inv), 2).float() / (2 * len(inv)))
        check(f"{name}: rope_freqs", np.allclose(tensors["rope_freqs.weight"][1], (plain / inv).numpy(), 1e-5))
    else:
        check(f"{name}: no rope_freqs", "rope_freqs.weight" not in tensors)
    ids = tokens(model.config.vocab_size)
    ours, error = run_tool(out, ids)
    theirs, _ = run_tool(folder, ids)
    if ours is None or theirs is None:
        return check(f"{name}: opens", False, error)
    limit = {"f32": 1e-5, "f16": 0.05, "bf16": 0.3}[outtype]
    off = (ours - theirs).abs().max().item()
    check(f"{name}: logits", off <= limit, off)


ADAPTERS = [
    ("llama", {}, {}),
    ("llama", TIED, dict(use_rslora=True, r=3)),
    ("llama", {}, dict(rank_pattern={"v_proj": 2, "k_proj": 5}, alpha_pattern={r"layers\.1\..*_proj": 11})),
    ("llama", {}, dict(target_modules=["q_proj", "lm_head"])),
    ("qwen2", {}, {}),
    ("qwen3", WIDE, dict(target_modules=["q_proj", "k_proj", "down_proj"])),
]


def check_adapter(family, config, options):
    """The adapter alone: alpha / r B A is the difference that PEFT adds; merged: the sum."""
    name = f"export adapter {family} {options or ''}"
    if not wanted(name):
        return
    model, folder = make_folder(family, config)
    adapted, adapter = adapt(model, **options)
    out, merged_out, base_out = WORK / "lora.gguf", WORK / "merged.gguf", WORK / "base.gguf"
    for words in ((folder, "--adapter", adapter, "--format", "gguf-adapter", "-o", out),
                  (folder, "--adapter", adapter, "-o", merged_out), (folder, "-o", base_out)):
        code, error = pace("export", *words, "--overwrite-output-dir")
        check(f"{name}: runs", code == 0, error)
    keys, tensors = read_gguf(out)
    alpha = keys.pop("adapter.lora.alpha")
    check(f"{name}: keys", keys == {"general.architecture": family, "general.type": "adapter",
                                    "adapter.type": "lora", "general.name": "adapter",
                                    "general.quantization_version": 2}, keys)
    found = set()
    for path, module in adapted.named_modules():
        if not isinstance(module, peft.tuners.lora.Linear):
            continue
        key = in_gguf(path.removeprefix("base_model.model.") + ".weight")
        delta = turned(key, module.get_delta_weight("default").detach(), model.config).numpy()
        a, b = tensors[key + ".lora_a"][1], tensors[key + ".lora_b"][1]
        found |= {key + ".lora_a", key + ".lora_b"}
        off = np.abs(alpha / a.shape[0] * (b @ a) - delta).max()
        check(f"{name}: {key}", a.shape[0] == b.shape[1] and off <= 1e-5, off)
    check(f"{name}: tensors", found == set(tensors), sorted(found ^ set(tensors))[:4])
    if not options:
        check(f"{name}: alpha", alpha == 6, alpha)
    merged = adapted.merge_and_unload().state_dict()
    if config is TIED:
        merged.pop("lm_head.weight")
    compare_tensors(f"{name}, merged", read_gguf(merged_out)[1], merged, model.config, "f32", exact=False)
    # the same from the base's GGUF file
    again, lora = WORK / "again.gguf", WORK / "lora2.gguf"
    for words in ((base_out, "--adapter", adapter, "-o", again),
                  (base_out, "--adapter", adapter, "--format", "gguf-adapter", "-o", lora)):
        code, error = pace("export", *words, "--overwrite-output-dir")
        check(f"{name}: from GGUF", code == 0, error)
    check(f"{name}: from GGUF, adapter", lora.read_bytes() == out.read_bytes())
    (keys, ours), (wanted_keys, theirs) = read_gguf(again), read_gguf(merged_out)
    check(f"{name}: from GGUF, keys", keys == wanted_keys)
    check(f"{name}: from GGUF, tensors", set(ours) == set(theirs) and all(
        np.allclose(ours[k][1], theirs[k][1], atol=1e-6) for k in ours))


def check_tied_head():
    """llama.cpp has no tensor for an adapter on a tied head; folded in, the head is a tensor of its own."""
    name = "export adapter on a tied head"
    if not wanted(name):
        return
    model, folder = make_folder("llama", TIED)
    adapted, adapter = adapt(model, target_modules=["q_proj", "lm_head"])
    lora, out = WORK / "tied.gguf", WORK / "untied.gguf"
    code, error = pace("export", folder, "--adapter", adapter, "--format", "gguf-adapter", "-o", lora)
    check(f"{name}: refused", code == 3 and "lm_head" in error and not lora.exists(), (code, error))
    code, error = pace("export", folder, "--adapter", adapter, "-o", out)
    check(f"{name}: runs", code == 0, error)
    compare_tensors(name, read_gguf(out)[1], merge_theirs(adapted).state_dict(), model.config, "f32", exact=False)


def check_refusals():
    cases = [("gpt2", GPT2, "family"), ("gemma", WIDE, "family"), ("mistral", {}, "family"),
             ("qwen2", dict(rope_parameters=LLAMA3), "llama3"),
             ("llama", dict(rope_parameters=dict(rope_type="dynamic", rope_theta=1e4, factor=2.0)), "dynamic"),
             ("llama", dict(rope_parameters=dict(YARN, attention_factor=0.7)), "yarn"),
             ("llama", dict(hidden_act="gelu"), "SiLU"), ("qwen3", dict(attention_bias=True, **WIDE), "bias"),
             ("qwen2", dict(use_sliding_window=True, sliding_window=5, max_window_layers=1), "window")]
    for family, options, word in cases:
        name = f"refusal {family} {word}"
        if not wanted(name):
            continue
        model = make(family, options)
        folder, out = fresh_folder("model"), WORK / "refused.gguf"
        model.save_pretrained(folder)
        add_tokenizer(folder)
        code, error = pace("export", folder, "-o", out)
        check(name, code == 3 and word in error and not out.exists(), (code, error))


# --------------------------------------------------------------------------------------- tokenizers --

TOKENIZERS = {"llama2": "llama", "tinyllama-chat": "llama", "mistral-v0.1": "llama", "phi-3-mini": "llama",
              "llama3": "llama-bpe", "qwen2.5": "qwen2", "qwen3": "qwen2", "smollm": "smollm",
              "gpt2": "gpt-2", "phi-2": "gpt-2", "tiny-bpe-2k": None}

# Texts that GGUF has no words for (what a token strips beside it, normalisation).
OTHERS = {}


def tokenize(model, text):
    done = subprocess.run([PACE, "tokenize", "--model", str(model), "--lines", "--json"], input=text,
                          capture_output=True)
    return json.loads(done.stdout)["ids"]


def check_tokenizer(label, pre):
    name = f"tokenizer {label}"
    if not wanted(name):
        return
    source = DATA / "tokenizers" / label
    raw = json.loads((source / "tokenizer.json").read_text())
    limit = 1 + max([*raw["model"]["vocab"].values(), *[a["id"] for a in raw["added_tokens"]]])
    config = AutoConfig.for_model("llama", **{**BASE, "hidden_size": 8, "intermediate_size": 8,
                                              "num_hidden_layers": 1, "vocab_size": limit + 3}, **TIED)
    folder, out = fresh_folder("model"), WORK / "out.gguf"
    AutoModelForCausalLM.from_config(config).save_pretrained(folder)
    for file in source.glob("*.json"):
        if file.name != "config.json":
            shutil.copy(file, folder)
    code, error = pace("export", folder, "-o", out, "--overwrite-output-dir")
    check(f"{name}: runs", code == 0, error)
    if code != 0:
        return
    keys, _ = read_gguf(out)
    check(f"{name}: pre", pre is None or keys["tokenizer.ggml.pre" if pre != "llama" else
                                              "tokenizer.ggml.model"] == pre, keys["tokenizer.ggml.pre"])
    check(f"{name}: all ids", len(keys["tokenizer.ggml.tokens"]) == limit + 3 and
          keys["tokenizer.ggml.tokens"][-1] == f"[PAD{limit + 2}]" and keys["tokenizer.ggml.token_type"][-1] == 5)
    if "merges" in raw["model"] and pre != "llama":
        theirs = [m if isinstance(m, str) else " ".join(m) for m in raw["model"]["merges"]]
        check(f"{name}: merges", keys["tokenizer.ggml.merges"] == theirs)
    special = {a["content"]: a["id"] for a in raw["added_tokens"]}
    path = folder / "tokenizer_config.json"
    settings = json.loads(path.read_text()) if path.exists() else {}
    for kind in ("bos", "eos"):
        token = settings.get(f"{kind}_token")
        token = token.get("content") if isinstance(token, dict) else token
        if token in special:
            check(f"{name}: {kind}", keys.get(f"tokenizer.ggml.{kind}_token_id") == special[token])
    if "chat_template" in settings and isinstance(settings["chat_template"], str):
        check(f"{name}: template", keys["tokenizer.chat_template"] == settings["chat_template"])
    path = DATA / f"tokenizers/reference/{label}.jsonl"
    rows = [json.loads(line).get("text") for line in path.read_text().split("\n") if line]
    rows = [row for row in rows if row and "\n" not in row]
    text = "\n".join(rows).encode()
    theirs, ours = tokenize(folder, text), tokenize(out, text)
    other = [row for row, x, y in zip(rows, theirs, ours) if x != y]
    check(f"{name}: ids of {len(rows)} texts", len(theirs) == len(ours) == len(rows) > 20 and
          len(other) <= OTHERS.get(label, 0), (len(other), other[:5]))


# ---------------------------------------------------------------------------------------- llama.cpp --

def greedy(model, *words):
    binary = os.path.join(os.environ.get("LLAMA_BIN", os.environ["LLAMA_CPP"] + "/build/bin"), "llama-completion")
    done = subprocess.run([binary, "-m", str(model), "-p", "Once upon a time", "-n", "60", "--temp", "0",
                           "-no-cnv", "-t", "1", *map(str, words)], capture_output=True, text=True)
    return done.stdout.strip()


def chat(model, *words):
    done = subprocess.run([PACE, "chat", str(model), "--temperature", "0", "--max-new-tokens", "60", "--json",
                           *map(str, words)], input="Once upon a time\n", capture_output=True, text=True)
    return "Once upon a time" + json.loads(done.stdout)["turns"][0]["answer"]


def adapted_head():
    """stories260K with a head of its own, and an adapter on it."""
    tied, base = DATA / "models/stories260K", WORK / "untied"
    shutil.copytree(tied, base)
    (base / "model.safetensors").unlink()
    model = AutoModelForCausalLM.from_pretrained(tied, dtype=torch.float32)
    model.config.tie_word_embeddings = False
    model.lm_head.weight = torch.nn.Parameter(1.1 * model.lm_head.weight.detach())
    model.save_pretrained(base)
    return base, adapt(model, target_modules=["lm_head", "q_proj"])[1]


def check_llama_cpp(name, base, adapter):
    """Its greedy text of the base, with the adapter put on and folded in, and its converters' files."""
    out, lora, merged = WORK / "stories.gguf", WORK / "lora.gguf", WORK / "merged.gguf"
    pace("export", base, "-o", out, "--overwrite-output-dir")
    pace("export", base, "--adapter", adapter, "--format", "gguf-adapter", "-o", lora, "--overwrite-output-dir")
    pace("export", base, "--adapter", adapter, "-o", merged, "--overwrite-output-dir")
    for label, theirs, ours in (("base", greedy(out), chat(base)),
                                ("adapter", greedy(out, "--lora", lora), chat(base, "--adapter", adapter)),
                                ("merged", greedy(merged), chat(merged))):
        check(f"{name}: greedy text, {label}", theirs.strip() == ours.strip(), (theirs, ours))
    check(f"{name}: the adapter matters", chat(base) != chat(base, "--adapter", adapter))
    theirs = WORK / "theirs.gguf"
    subprocess.run([sys.executable, os.environ["LLAMA_CPP"] + "/convert_lora_to_gguf.py", str(adapter), "--base",
                    str(base), "--outfile", str(theirs)], capture_output=True, check=True)
    (keys, a), (wanted_keys, b) = read_gguf(lora), read_gguf(theirs)
    differing = {k for k in keys if keys[k] != wanted_keys.get(k)} - {"general.name"}
    check(f"{name}: keys of its converter", not differing, differing)
    check(f"{name}: tensors of its converter", set(a) == set(b) and all(
        np.array_equal(a[k][1], b[k][1]) for k in a))


for case in MERGES:
    check_merge(*case)
for half in (torch.bfloat16, torch.float16):
    check_merge_half(half)
check_merge_real()
for case in EXPORTS:
    for kind in TYPES:
        check_export(*case, kind)
for case in ADAPTERS:
    check_adapter(*case)
check_tied_head()
check_refusals()
for item in TOKENIZERS.items():
    check_tokenizer(*item)
if "LLAMA_CPP" in os.environ and wanted("llama.cpp"):
    check_llama_cpp("llama.cpp", DATA / "models/stories260K", DATA / "models/adapters/stories260K-lora-random")
    check_llama_cpp("llama.cpp, adapted head", *adapted_head())
shutil.rmtree(WORK)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
