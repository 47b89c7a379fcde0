"""export_check.py: what pace merge and pace export write, against PEFT, transformers and gguf.

Tiny models of every family with random weights and PEFT's adapters are merged by pace and by PEFT's
merge_and_unload: the tensors and, opened by transformers, the logits must agree (1e-4 in float32), and
16-bit weights must be the float32 sum rounded once. PACE: the program; PACE_DATA: the test data.
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
    ("gpt_neox", NEOX, {}),
    ("gpt_neox", NEOX, dict(target_modules=["dense"], modules_to_save=["query_key_value", "lm_head"])),
]


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
    merged = adapted.merge_and_unload()
    theirs = logits_of(merged, ids)
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
    untied = tied and any("head" in m or "emb" in m for m in options.get("modules_to_save") or [])
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


for case in MERGES:
    check_merge(*case)
for half in (torch.bfloat16, torch.float16):
    check_merge_half(half)
check_merge_real()
shutil.rmtree(WORK)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
