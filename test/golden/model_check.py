"""model_check.py: the decoder families against transformers and PEFT, in float32.

Tiny models of every family, in several configurations each, are made with random weights by
transformers, saved, and run by pace's model_tool: logits within 1e-4, loss within 1e-6 relative (summed
in float64), each gradient within 1e-4 relative (norm of the difference / norm), for all weights and for
adapters of PEFT. Then adapters that pace saves, in PEFT; GGUF files, written here as llama.cpp's
converter lays them out; the models of the data folder; what must be refused. PACE_BUILD: the build
folder; PACE_DATA: the test data. Arguments: only the checks whose names contain one of them.
"""
import json
import math
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
TOOL = os.path.join(os.environ["PACE_BUILD"], "test/golden/model_tool")
DATA = pathlib.Path(os.environ["PACE_DATA"]) / "models"
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


def tool(model, ids, **options):
    """Runs model_tool; gives its tensors and its loss, or the error's text."""
    save_file({"input_ids": ids.contiguous()}, WORK / "batch.safetensors")
    out = WORK / "out.safetensors"
    args = [f"{key}={value}" for key, value in options.items()]
    done = subprocess.run([TOOL, str(model), str(out), str(WORK / "batch.safetensors"), *args],
                          capture_output=True, text=True)
    if done.returncode != 0:
        return None, done.stderr or f"ended with {done.returncode}"
    return load_file(out), float(done.stdout.split()[1])


# ---------------------------------------------------------------------------------- configurations --

BASE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=3, num_attention_heads=4,
            num_key_value_heads=2, vocab_size=160, max_position_embeddings=256, pad_token_id=0,
            bos_token_id=1, eos_token_id=2, initializer_range=0.15)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0,
              high_freq_factor=4.0, original_max_position_embeddings=16)
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=4.0, original_max_position_embeddings=32)


def longrope(n, **more):
    return dict(rope_type="longrope", rope_theta=10000.0, short_factor=[1 + 0.1 * i for i in range(n)],
                long_factor=[2 + 0.7 * i for i in range(n)], **more)


def slides(*kinds):
    return ["sliding_attention" if kind else "full_attention" for kind in kinds]


GPT2 = dict(n_embd=64, n_layer=3, n_head=4, n_positions=64, vocab_size=160, bos_token_id=1,
            eos_token_id=2, initializer_range=0.15, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
NEOX = {k: v for k, v in BASE.items() if k != "num_key_value_heads"}
WIDE = dict(head_dim=32)

CASES = [
    ("llama", "untied", {}),
    ("llama", "tied", dict(tie_word_embeddings=True)),
    ("llama", "one key head", dict(num_key_value_heads=1)),
    ("llama", "all heads", dict(num_key_value_heads=4, head_dim=24)),
    ("llama", "biases", dict(attention_bias=True, mlp_bias=True)),
    ("llama", "llama3 rope", dict(rope_parameters=LLAMA3)),
    ("llama", "linear rope", dict(rope_parameters=dict(rope_type="linear", rope_theta=5e5, factor=3.0))),
    ("llama", "dynamic rope", dict(rope_parameters=dict(rope_type="dynamic", rope_theta=1e4, factor=2.0))),
    ("llama", "a partial factor, which its class passes over", dict(
        rope_parameters=dict(rope_type="default", rope_theta=1e4, partial_rotary_factor=0.5))),
    ("llama", "yarn rope", dict(rope_parameters=YARN)),
    ("llama", "yarn rope, betas", dict(rope_parameters=dict(
        YARN, beta_fast=4.0, beta_slow=0.5, truncate=False, mscale=0.8, mscale_all_dim=0.3))),
    ("llama", "yarn rope, attention factor", dict(rope_parameters=dict(YARN, attention_factor=0.7))),
    ("llama", "longrope", dict(rope_parameters=longrope(8, original_max_position_embeddings=64))),
    ("llama", "relu2, one layer", dict(hidden_act="relu2", num_hidden_layers=1)),
    ("llama", "gelu", dict(hidden_act="gelu", rms_norm_eps=1e-3)),
    ("mistral", "window", dict(sliding_window=7)),
    ("mistral", "no window, head", dict(sliding_window=None, head_dim=32)),
    ("smollm3", "every second without rope", dict(no_rope_layers=[1, 0, 1])),
    ("smollm3", "default, untied", dict(num_hidden_layers=5, tie_word_embeddings=False)),
    ("smollm3", "windows", dict(no_rope_layers=[1, 0, 1], use_sliding_window=True, sliding_window=5)),
    ("qwen2", "untied", {}),
    ("qwen2", "tied, window", dict(tie_word_embeddings=True, use_sliding_window=True,
                                   sliding_window=6, max_window_layers=1)),
    ("qwen2", "layer types", dict(use_sliding_window=True, sliding_window=5,
                                  layer_types=slides(1, 0, 1))),
    ("qwen2", "yarn", dict(rope_parameters=YARN)),
    ("qwen3", "tied", dict(tie_word_embeddings=True, **WIDE)),
    ("qwen3", "biases, window", dict(attention_bias=True, use_sliding_window=True, sliding_window=5,
                                     max_window_layers=0, **WIDE)),
    ("gemma", "plain", WIDE),
    ("gemma", "one key head", dict(num_key_value_heads=1, **WIDE)),
    ("gemma2", "caps and windows", dict(sliding_window=6, attn_logit_softcapping=5.0,
                                        final_logit_softcapping=3.0, query_pre_attn_scalar=50, **WIDE)),
    ("gemma2", "no caps, biases", dict(sliding_window=9, attn_logit_softcapping=None, attention_bias=True,
                                       final_logit_softcapping=None, layer_types=slides(0, 1, 1),
                                       **WIDE)),
    ("gemma2", "exact gelu", dict(hidden_activation="gelu", **WIDE)),
    ("gemma3_text", "two ropes", dict(num_hidden_layers=7, sliding_window=5, query_pre_attn_scalar=20,
                                      **WIDE)),
    ("gemma3_text", "scaled rope, caps", dict(
        sliding_window=5, layer_types=slides(1, 0, 1), final_logit_softcapping=4.0, rope_parameters=dict(
            full_attention=dict(rope_type="linear", rope_theta=1e6, factor=8.0),
            sliding_attention=dict(rope_type="default", rope_theta=1e4)), **WIDE)),
    ("phi3", "plain", {}),
    ("phi3", "partial rotary, tied, window", dict(
        tie_word_embeddings=True, sliding_window=6,
        rope_parameters=dict(rope_type="default", rope_theta=1e4, partial_rotary_factor=0.75))),
    ("phi3", "longrope, short text", dict(
        original_max_position_embeddings=64, rope_parameters=longrope(8, partial_rotary_factor=1.0))),
    ("phi3", "longrope, long text", dict(
        original_max_position_embeddings=16, rope_parameters=longrope(6, partial_rotary_factor=0.75))),
    ("olmo2", "plain", {}),
    ("olmo2", "biases, all heads, tied", dict(attention_bias=True, num_key_value_heads=4,
                                              tie_word_embeddings=True)),
    ("gpt2", "tied", GPT2),
    ("gpt2", "untied, inner, relu", dict(GPT2, tie_word_embeddings=False, n_inner=80,
                                         activation_function="relu")),
    ("gpt2", "scaled by layer", dict(GPT2, scale_attn_by_inverse_layer_idx=True)),
    ("gpt2", "unscaled", dict(GPT2, scale_attn_weights=False)),
    ("gpt_neox", "parallel", NEOX),
    ("gpt_neox", "one after another, whole rotary", dict(
        NEOX, use_parallel_residual=False, rope_parameters=dict(
            rope_type="default", rope_theta=1e4, partial_rotary_factor=1.0))),
    ("gpt_neox", "no biases, tied", dict(NEOX, attention_bias=False, tie_word_embeddings=True)),
]


def make(family, options, seed=1):
    """A model with random weights, norms and biases included."""
    torch.manual_seed(seed)
    base = {} if family == "gpt2" or family == "gpt_neox" else BASE
    config = AutoConfig.for_model(family, **{**base, **options})
    model = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.ndim == 1:
                p.add_(0.3 * torch.randn(p.shape))
    return model


def tokens(vocabulary, shape=(2, 24), seed=3):
    """Ids, the padding token among them: torch teaches its embedding nothing."""
    ids = torch.randint(0, vocabulary, shape, generator=torch.Generator().manual_seed(seed))
    ids[:, 5] = 0
    return ids


def reference(model, ids):
    """Logits, loss in float64, and the gradient of the float32 loss by parameter."""
    model.zero_grad()
    logits = model(input_ids=ids).logits
    flat = logits[:, :-1].reshape(-1, logits.shape[-1])
    target = ids[:, 1:].reshape(-1)
    if any(p.requires_grad for p in model.parameters()):
        torch.nn.functional.cross_entropy(flat, target).backward()
    loss = torch.nn.functional.cross_entropy(flat.detach().double(), target).item()
    grads = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    return logits.detach(), loss, grads


def compare_logits(name, out, loss, logits, wanted_loss):
    if out is None:
        check(f"{name}: runs", False, loss)
        return False
    difference = (out["logits"] - logits).abs().max().item()
    check(f"{name}: logits", difference <= 1e-4, difference)
    check(f"{name}: loss", abs(loss - wanted_loss) <= 1e-6 * wanted_loss, (loss, wanted_loss))
    return True


def compare_grads(name, out, grads):
    found = {key[5:]: value for key, value in out.items() if key.startswith("grad.")}
    check(f"{name}: names of gradients", set(found) == set(grads),
          sorted(set(found) ^ set(grads))[:6])
    for key in sorted(set(found) & set(grads)):
        theirs, ours = grads[key].double(), found[key].double().reshape(grads[key].shape)
        size = theirs.norm().item()
        off = (ours - theirs).norm().item()
        # what is zero but for rounding (a key's bias) is measured by the whole gradient
        floor = 1e-7 * math.sqrt(sum(g.double().norm().item() ** 2 for g in grads.values()))
        check(f"{name}: gradient {key}", off <= 1e-4 * size + floor, (off, size))


def in_files(grads):
    """GPT-NeoX's head is called otherwise in files."""
    return {("embed_out.weight" if key == "lm_head.weight" and any("gpt_neox" in k for k in grads)
             else key): value for key, value in grads.items()}


def check_full():
    for family, label, options in CASES:
        name = f"{family}, {label}"
        if not wanted(name):
            continue
        model = make(family, options)
        folder = WORK / "model"
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        ids = tokens(model.config.vocab_size)
        logits, loss, grads = reference(model, ids)
        out, ours = tool(folder, ids, train="all")
        if compare_logits(name, out, ours, logits, loss):
            compare_grads(name, out, in_files(grads))
        out, ours = tool(folder, ids, train="all", backend="ref")
        if compare_logits(f"{name}, ref", out, ours, logits, loss):
            compare_grads(f"{name}, ref", out, in_files(grads))
        check_adapters(name, model, folder, ids)


# ---------------------------------------------------------------------------------------- adapters --

def randomise(model, seed=5):
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.requires_grad:
                p.add_(0.1 * torch.randn(p.shape, generator=generator))


def adapter_grads(grads):
    return {key.replace(".default", "").replace(".modules_to_save", ""): value
            for key, value in grads.items()}


def check_adapters(name, base, folder, ids, **options):
    name = f"{name}, adapters{options or ''}"
    for p in base.parameters():
        p.requires_grad_(True)
    settings = dict(r=4, lora_alpha=6, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, peft.LoraConfig(**{**settings, **options})).eval()
    randomise(model)
    adapter, again = WORK / "adapter", WORK / "again"
    for path in (adapter, again):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir()
    on_head = "lm_head" in options.get("target_modules", []) and "lm_head" not in options.get("modules_to_save", [])
    model.save_pretrained(adapter, save_embedding_layers="auto" if on_head else False)  # with the head's own weights
    logits, loss, grads = reference(model, ids)
    out, ours = tool(folder, ids, adapter=adapter, save=again, train="lora")
    if not compare_logits(name, out, ours, logits, loss):
        model.unload()
        return
    compare_grads(name, out, adapter_grads(grads))
    model.unload()
    theirs, saved = load_file(adapter / "adapter_model.safetensors"), load_file(
        again / "adapter_model.safetensors")
    base_layer = theirs.pop("base_model.model.lm_head.base_layer.weight", None)
    check(f"{name}: the head's own weights", (base_layer is not None) == on_head)
    check(f"{name}: saved as it was", set(theirs) == set(saved) and all(
        torch.equal(theirs[key], saved[key]) for key in theirs))
    fresh = AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager")
    without, _ = tool(folder, ids, adapter=adapter, without_adapters=1)
    with torch.no_grad():
        off = (without["logits"] - fresh(input_ids=ids).logits).abs().max().item()
    check(f"{name}: left out", off <= 1e-4, off)
    loaded = peft.PeftModel.from_pretrained(fresh, again).eval()
    n = sum("lora_A" in key for key, _ in loaded.named_parameters())
    check(f"{name}: PEFT finds as many", n == sum("lora_A" in key for key in theirs))
    with torch.no_grad():
        check(f"{name}: loaded by PEFT", torch.equal(loaded(input_ids=ids).logits, logits))


def check_choices():
    """Targets, patterns, rsLoRA and modules to save, on one model of each layout."""
    many = [dict(target_modules=["q_proj", "down_proj"], use_rslora=True, r=3),
            dict(target_modules=["q_proj", "v_proj", "up_proj"], rank_pattern={"v_proj": 2, "up_proj": 5},
                 alpha_pattern={r"layers\.1\..*_proj": 11, "q_proj": 3}),
            dict(target_modules=["model.layers.1.self_attn.o_proj", "layers.0.mlp.gate_proj"]),
            dict(target_modules=r".*\.(k|v)_proj"),
            dict(target_modules=["q_proj", "v_proj"], layers_to_transform=[1]),
            dict(target_modules=["q_proj"], exclude_modules=["layers.0.self_attn.q_proj"]),
            dict(target_modules=["q_proj"], modules_to_save=["lm_head"]),
            dict(target_modules=["q_proj"], modules_to_save=["embed_tokens", "norm"]),
            dict(target_modules="all-linear", modules_to_save=["lm_head", "embed_tokens", "o_proj"]),
            dict(target_modules=["lm_head"]),
            dict(target_modules=["q_proj", "lm_head"], use_rslora=True, rank_pattern={"lm_head": 7},
                 alpha_pattern={"lm_head": 3}),
            dict(target_modules=["down_proj", "lm_head"], modules_to_save=["embed_tokens"]),
            dict(target_modules=["down_proj", "lm_head"], modules_to_save=["lm_head", "norm"])]
    cases = [("llama", {}, many), ("llama", dict(tie_word_embeddings=True), many[6:]),
             ("gpt2", GPT2, [dict(target_modules=["c_attn"], modules_to_save=["c_proj", "ln_f"]),
                             dict(target_modules=["c_attn", "lm_head"])]),
             ("gemma2", dict(head_dim=32), [dict(target_modules=["k_proj", "lm_head"])]),
             ("gpt_neox", NEOX, [dict(target_modules=["dense"], modules_to_save=["query_key_value"]),
                                 dict(target_modules=["dense", "lm_head"])])]
    for family, config, choices in cases:
        for i, options in enumerate(choices):
            name = f"choices, {family} {i}"
            if not wanted(name):
                continue
            model = make(family, config)
            folder = WORK / "model"
            shutil.rmtree(folder, ignore_errors=True)
            model.save_pretrained(folder)
            check_adapters(name, model, folder, tokens(model.config.vocab_size), **options)


def check_fresh():
    if not wanted("fresh"):
        return
    for family, options in (("llama", {}), ("gpt2", GPT2), ("phi3", {})):
        model = make(family, options)
        folder, again = WORK / "model", WORK / "again"
        for path in (folder, again):
            shutil.rmtree(path, ignore_errors=True)
        again.mkdir()
        model.save_pretrained(folder)
        ids = tokens(model.config.vocab_size)
        with torch.no_grad():
            logits = model(input_ids=ids).logits
        out, error = tool(folder, ids, fresh="8,16", save=again)
        check(f"fresh {family}: runs", out is not None, error)
        check(f"fresh {family}: nothing changes", (out["logits"] - logits).abs().max() < 1e-4)
        theirs = peft.get_peft_model(model, peft.LoraConfig(r=8, target_modules="all-linear"))
        shapes = {k.replace(".default", ""): v for k, v in theirs.named_parameters() if v.requires_grad}
        ours = load_file(again / "adapter_model.safetensors")
        check(f"fresh {family}: as PEFT's", set(shapes) == set(ours) and all(
            shapes[key].shape == ours[key].shape for key in ours))
        for key, value in ours.items():
            bound = 1 / math.sqrt(value.shape[1])
            low, high = value.min().item(), value.max().item()
            spread = value.std().item() / (bound / math.sqrt(3))
            ok = (low == high == 0 if "lora_B" in key else
                  -bound <= low < -0.9 * bound and 0.9 * bound < high <= bound and 0.9 < spread < 1.1)
            check(f"fresh {family}: {key}", ok, (low, high, spread))
        config = json.loads((again / "adapter_config.json").read_text())
        text = (again / "adapter_config.json").read_text()
        check(f"fresh {family}: description", text == json.dumps(config, indent=2, sort_keys=True)
              and len(config) == 16, text)


def check_created():
    if not wanted("created"):
        return
    for family, options in (("llama", {}), ("gpt2", GPT2), ("gemma", WIDE), ("gpt_neox", NEOX)):
        config = AutoConfig.for_model(family, **{**({} if "n_embd" in options else BASE), **options})
        folder = WORK / "config"
        shutil.rmtree(folder, ignore_errors=True)
        config.save_pretrained(folder)
        ids = tokens(160, (2, 16))
        out, loss = tool(folder, ids, create=7, train="all")
        check(f"created {family}: runs", out is not None, loss)
        again, other = tool(folder, ids, create=7), tool(folder, ids, create=8)
        check(f"created {family}: the seed decides", again[1] == loss != other[1])
        torch.manual_seed(1)
        losses = []
        for _ in range(12):
            model = AutoModelForCausalLM.from_config(config).eval()
            with torch.no_grad():
                logits = model(input_ids=ids).logits[:, :-1].reshape(-1, 160)
                losses.append(torch.nn.functional.cross_entropy(logits, ids[:, 1:].reshape(-1)).item())
        mean, sd = np.mean(losses), np.std(losses)
        check(f"created {family}: a loss like theirs", abs(loss - mean) < 4 * sd, (loss, mean, sd))


# -------------------------------------------------------------------------------------------- GGUF --

GGUF_NAMES = {"llama": "llama", "mistral": "llama", "smollm3": "smollm3", "qwen2": "qwen2",
              "qwen3": "qwen3", "gemma": "gemma", "gemma2": "gemma2", "gemma3_text": "gemma3",
              "phi3": "phi3", "olmo2": "olmo2", "gpt2": "gpt2", "gpt_neox": "gptneox"}
PERMUTED = ("llama", "mistral", "smollm3")


def permute(w, heads):
    return w.reshape(heads, 2, w.shape[0] // heads // 2, *w.shape[1:]).swapaxes(1, 2).reshape(w.shape)


def by_part(w, heads):
    return w.reshape(heads, 3, w.shape[0] // heads // 3, *w.shape[1:]).swapaxes(0, 1).reshape(w.shape)


def gguf_value(family, name, value, config):
    """A weight as llama.cpp's converter lays it out."""
    heads = getattr(config, "num_attention_heads", None)
    if family in PERMUTED and ".q_proj." in name:
        return permute(value, heads)
    if family in PERMUTED and ".k_proj." in name:
        return permute(value, config.num_key_value_heads)
    if family == "gpt_neox" and ".query_key_value." in name:
        return by_part(value, heads)
    if family == "gpt2" and ".c_" in name and value.ndim == 2:
        return value.T
    if family.startswith("gemma") and name.endswith("norm.weight"):
        return value + 1
    return value


def random_blocks(kind, shape, seed):
    """Blocks of a type that the gguf package cannot write: random bits, sane scales."""
    rng = np.random.default_rng(seed)
    n, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = rng.integers(0, 256, (shape[0], shape[1] // n, size), dtype=np.uint8)
    scale = np.float16(0.0007 if kind == gguf.GGMLQuantizationType.Q4_K else 0.00004)
    places = [0, 2] if kind == gguf.GGMLQuantizationType.Q4_K else [208]
    for at in places:
        blocks[:, :, at:at + 2] = np.frombuffer(scale.tobytes(), np.uint8)
    return blocks.reshape(shape[0], -1)


def gguf_metadata(w, family, config, arch):
    w.add_context_length(config.max_position_embeddings)
    w.add_embedding_length(config.hidden_size)
    w.add_block_count(config.num_hidden_layers)
    w.add_head_count(config.num_attention_heads)
    w.add_file_type(0)
    if family == "gpt2":
        w.add_feed_forward_length(config.n_inner or 4 * config.n_embd)
    else:
        w.add_feed_forward_length(config.intermediate_size)
    if family in ("gpt2", "gpt_neox"):
        w.add_layer_norm_eps(getattr(config, "layer_norm_eps", None) or config.layer_norm_epsilon)
        if family == "gpt_neox":
            w.add_parallel_residual(config.use_parallel_residual)
            head = config.hidden_size // config.num_attention_heads
            w.add_rope_dimension_count(int(head * config.rope_parameters["partial_rotary_factor"]))
        return
    w.add_head_count_kv(config.num_key_value_heads)
    w.add_layer_norm_rms_eps(config.rms_norm_eps)
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    w.add_key_length(head)
    w.add_value_length(head)
    rope = config.rope_parameters.get("full_attention", config.rope_parameters)
    w.add_rope_freq_base(rope["rope_theta"])
    w.add_rope_dimension_count(int(head * rope.get("partial_rotary_factor", 1.0)))
    if getattr(config, "sliding_window", None) and family not in ("qwen2", "qwen3", "smollm3"):
        w.add_sliding_window(config.sliding_window)
    if family == "gemma2":
        w.add_attn_logit_softcapping(config.attn_logit_softcapping)
        w.add_final_logit_softcapping(config.final_logit_softcapping)
    if rope["rope_type"] in ("linear", "yarn"):
        w.add_rope_scaling_type(gguf.RopeScalingType(rope["rope_type"]))
        w.add_rope_scaling_factor(rope["factor"])
    if rope["rope_type"] == "yarn":
        w.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if rope["rope_type"] == "longrope":
        original = config.original_max_position_embeddings
        factor = config.max_position_embeddings / original
        w.add_rope_scaling_orig_ctx_len(original)
        w.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(factor) / math.log(original)))
        w.add_tensor("rope_factors_long.weight", np.array(rope["long_factor"], np.float32))
        w.add_tensor("rope_factors_short.weight", np.array(rope["short_factor"], np.float32))


def add_llama3(w, config):
    """The divisors of frequencies as a tensor."""
    rope = config.rope_parameters
    dim = config.hidden_size // config.num_attention_heads
    inv, _ = transformers.modeling_rope_utils.ROPE_INIT_FUNCTIONS["llama3"](config)
    plain = 1.0 / (rope["rope_theta"] ** (torch.arange(0, dim, 2).float() / dim))
    w.add_tensor("rope_freqs.weight", (plain / inv).numpy().astype(np.float32))


def write_gguf(path, family, model, kind=None):
    """Writes the model; where `kind` is given its matrices are stored so, and read back into it."""
    config = model.config
    arch = GGUF_NAMES[family]
    w = gguf.GGUFWriter(path, arch)
    gguf_metadata(w, family, config, arch)
    if getattr(config, "rope_parameters", None) and config.rope_parameters.get("rope_type") == "llama3":
        add_llama3(w, config)
    enum = {v: k for k, v in gguf.MODEL_ARCH_NAMES.items()}[arch]
    names = gguf.get_tensor_name_map(enum, config.num_hidden_layers)
    for seed, (name, p) in enumerate(model.named_parameters()):
        if name == "lm_head.weight" and family == "gpt_neox":
            target = "output.weight"
        else:
            target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        value = np.ascontiguousarray(gguf_value(family, name, p.detach().numpy(), config))
        if value.ndim == 1 or kind is None:
            w.add_tensor(target, value.astype(np.float32))
            continue
        if kind in (gguf.GGMLQuantizationType.Q4_K, gguf.GGMLQuantizationType.Q6_K):
            data = random_blocks(kind, value.shape, seed)
        else:
            data = gguf.quants.quantize(value, kind)
        w.add_tensor(target, data, raw_dtype=kind)
        back = gguf.quants.dequantize(data, kind).reshape(value.shape)
        with torch.no_grad():  # only llama is written so: undo the order of rows
            if ".q_proj." in name or ".k_proj." in name:
                heads = config.num_attention_heads if ".q_" in name else config.num_key_value_heads
                back = back.reshape(heads, back.shape[0] // heads // 2, 2, -1).swapaxes(1, 2).reshape(
                    back.shape)
            p.copy_(torch.from_numpy(np.ascontiguousarray(back)))
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


GGUF_CASES = ["llama, untied", "llama, tied", "llama, llama3 rope", "llama, linear rope", "llama, yarn rope",
              "llama, biases", "mistral, window", "smollm3, default, untied", "qwen2, untied", "qwen3, tied",
              "gemma, plain", "gemma3_text, two ropes", "phi3, plain",
              "phi3, partial rotary, tied, window", "phi3, longrope, short text",
              "phi3, longrope, long text", "olmo2, plain", "gpt2, tied", "gpt_neox, parallel",
              "gpt_neox, one after another, whole rotary"]
# what llama.cpp fixes in its graphs
FIXED = {"gemma3_text": dict(query_pre_attn_scalar=32), "gemma2": dict(query_pre_attn_scalar=32)}


def check_gguf():
    cases = [(f, label, o) for f, label, o in CASES if f"{f}, {label}" in GGUF_CASES]
    cases.append(("gemma2", "caps", dict(sliding_window=6, attn_logit_softcapping=5.0,
                                         final_logit_softcapping=3.0, **WIDE)))
    for family, label, options in cases:
        name = f"GGUF {family}, {label}"
        if not wanted(name):
            continue
        model = make(family, {**options, **FIXED.get(family, {})})
        path = WORK / "model.gguf"
        write_gguf(path, family, model)
        ids = tokens(model.config.vocab_size)
        logits, loss, _ = reference(model, ids)
        out, ours = tool(path, ids)
        compare_logits(name, out, ours, logits, loss)
        folder = WORK / "model"
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        check_gguf_adapter(name, model, path, ids)


def check_gguf_adapter(name, base, path, ids):
    """An adapter trained on the safetensors model fits the GGUF file, and comes back from it."""
    model = peft.get_peft_model(base, peft.LoraConfig(r=4, lora_alpha=6, target_modules="all-linear",
                                                      task_type="CAUSAL_LM")).eval()
    randomise(model)
    adapter, again = WORK / "adapter", WORK / "again"
    for folder in (adapter, again):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
    model.save_pretrained(adapter, save_embedding_layers=False)
    logits, loss, grads = reference(model, ids)
    out, ours = tool(path, ids, adapter=adapter, save=again, train="lora")
    name = f"{name}, adapters"
    if compare_logits(name, out, ours, logits, loss):
        compare_grads(name, out, adapter_grads(grads))
        theirs = load_file(adapter / "adapter_model.safetensors")
        saved = load_file(again / "adapter_model.safetensors")
        check(f"{name}: saved as it was", set(theirs) == set(saved) and all(
            torch.equal(theirs[key], saved[key]) for key in theirs))


def check_gguf_types():
    kinds = gguf.GGMLQuantizationType
    for kind in (kinds.F16, kinds.BF16, kinds.Q8_0, kinds.Q4_0, kinds.Q4_K, kinds.Q6_K):
        name = f"GGUF type {kind.name}"
        if not wanted(name):
            continue
        model = make("llama", dict(hidden_size=256, intermediate_size=512, num_hidden_layers=2,
                                   tie_word_embeddings=False))
        path = WORK / "model.gguf"
        write_gguf(path, "llama", model, kind)
        ids = tokens(160)
        logits, loss, _ = reference(model, ids)
        out, ours = tool(path, ids)
        compare_logits(name, out, ours, logits, loss)


# ------------------------------------------------------------------------------------------ refusal --

def check_refused():
    """What is not known is refused by name, before a number is computed."""
    def edit(**changes):
        def change(config):
            for key, value in changes.items():
                config.pop(key, None) if value is ... else config.__setitem__(key, value)
        return change
    cases = [
        (edit(model_type="mamba"), '"mamba" is not supported'),
        (edit(model_type=...), "no model_type"),
        (edit(architectures=["LlamaForSequenceClassification"]), "LlamaForSequenceClassification"),
        (edit(hidden_act="mish"), '"mish" is not supported'),
        (edit(num_local_experts=8), "mixture of experts"),
        (edit(quantization_config={"quant_method": "gptq"}), "quantization_config"),
        (edit(rope_parameters={"rope_type": "proportional"}), '"proportional" is not supported'),
        (edit(rope_parameters={"rope_type": "llama3", "factor": 8.0}), "low_freq_factor is missing"),
        (edit(num_hidden_layers=2), "model.layers.2"),
        (edit(num_hidden_layers=4), "model.layers.3"),
        (edit(attention_bias=True), "q_proj.bias"),
        (edit(intermediate_size=100), "[100, 64] is wanted"),
        (edit(vocab_size=161), "[161, 64] is wanted"),
        (edit(num_key_value_heads=3), "cannot share"),
        (edit(tie_word_embeddings=True), None),  # both are there: the file is believed
    ]
    if not wanted("refused"):
        return
    model = make("llama", {})
    ids = tokens(160)
    for change, text in cases:
        folder = WORK / "model"
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        config = json.loads((folder / "config.json").read_text())
        change(config)
        (folder / "config.json").write_text(json.dumps(config))
        out, error = tool(folder, ids)
        if text is None:
            check("believed", out is not None, error)
        else:
            check(f"refused: {text}", out is None and text in error, error)
    with torch.no_grad():
        model.model.layers[1].mlp.up_proj.weight[5, 7] = float("nan")
    model.save_pretrained(folder)
    out, error = tool(folder, ids)
    check("refused: NaN", out is None and "model.layers.1.mlp.up_proj.weight" in error
          and "row 5, column 7" in error, error)
    for name, text in (("gpt2-tigrinya", "c_attn"), ("qwen2.5-law-llm", "its shape is")):
        out, error = tool(DATA / "stories260K", ids, adapter=DATA / "adapters" / name)
        check(f"refused: {name}", out is None and "tensor base_model.model." in error, error)


# ------------------------------------------------------------------------------------ the data folder --

def check_data():
    folders = [p.parent for p in sorted(DATA.glob("**/reference.safetensors"))
               if "adapters" not in p.parts]
    if not wanted("data"):
        return
    check("models of the data folder", len(folders) >= 15, len(folders))
    for folder in folders:
        ref, facts = load_file(folder / "reference.safetensors"), json.loads(
            (folder / "reference.json").read_text())
        out, loss = tool(folder, ref["input_ids"].long(), train="all")
        name = f"data {folder.relative_to(DATA)}"
        if out is None:
            check(name, False, loss)
            continue
        check(f"{name}: logits", (out["logits"] - ref["logits"]).abs().max() <= 1e-4)
        wanted_loss = facts.get("loss_mean_shifted", facts.get("loss"))
        check(f"{name}: loss", abs(loss - wanted_loss) <= 1e-6 * wanted_loss, (loss, wanted_loss))
        for key, norm in in_files(facts.get("grad_norms", {})).items():
            ours = out["grad." + key].double().norm().item()
            check(f"{name}: gradient {key}", abs(ours - norm) <= 1e-4 * norm, (ours, norm))
    check_data_adapter()
    check_data_gguf()
    check_gpt2_nano()


def check_data_adapter():
    folder = DATA / "adapters" / "stories260K-lora-random"
    ref, facts = load_file(folder / "reference.safetensors"), json.loads(
        (folder / "reference.json").read_text())
    out, loss = tool(DATA / "stories260K", ref["input_ids"].long(), adapter=folder, train="lora")
    check("data adapter: runs", out is not None, loss)
    check("data adapter: logits", (out["logits"] - ref["logits"]).abs().max() <= 1e-4)
    for key, value in ref.items():
        if key.startswith("grad."):
            off = (out[key].double() - value.double()).norm() / value.double().norm()
            check(f"data adapter: {key}", off <= 1e-4, off)


def check_data_gguf():
    ids = load_file(DATA / "stories260K" / "reference.safetensors")["input_ids"].long()
    plain, _ = tool(DATA / "stories260K", ids)
    for path in sorted((DATA / "stories260K" / "gguf").glob("*.gguf")):
        out, loss = tool(path, ids)
        check(f"data {path.name}: runs", out is not None, loss)
        theirs = AutoModelForCausalLM.from_pretrained(
            path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager")
        with torch.no_grad():
            logits = theirs(input_ids=ids).logits
        off = (out["logits"] - logits).abs().max().item()
        check(f"data {path.name}: logits", off <= 1e-4, off)
        if "F32" in path.name:
            check("data GGUF F32 is the folder", (out["logits"] - plain["logits"]).abs().max() < 1e-4)


def check_gpt2_nano():
    for name in ("gpt2-nano-sort", "own-3M"):
        model = AutoModelForCausalLM.from_pretrained(DATA / name, dtype=torch.float32,
                                                     attn_implementation="eager").eval()
        ids = torch.randint(0, model.config.vocab_size, (2, 6 if "nano" in name else 40),
                            generator=torch.Generator().manual_seed(9))
        logits, loss, grads = reference(model, ids)
        out, ours = tool(DATA / name, ids, train="all")
        if compare_logits(f"data {name}", out, ours, logits, loss):
            compare_grads(f"data {name}", out, grads)


check_full()
check_choices()
check_fresh()
check_created()
check_gguf()
check_gguf_types()
check_refused()
check_data()
shutil.rmtree(WORK)
print(f"{passed} passed, {failed} failed")
sys.exit(failed > 0)
