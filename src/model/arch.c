/*
 * arch.c - the table of families.
 *
 * All of them are one decoder: tokens are embedded; each layer adds attention and a feed-forward
 * part to a residual stream; a norm and a matrix lead to the vocabulary. What differs is named in
 * struct arch, and is read from here by config.c (what the description means), weights.c (what the
 * tensors are called) and lora.c (what is adapted). The rest of pace sees struct model_config.
 *
 * The facts are those of transformers 5.23's modeling and configuration files, and for GGUF of
 * llama.cpp's converter and its graphs. SmolLM and SmolLM2 are "llama", Qwen2.5 is "qwen2",
 * Phi-4-mini and Phi-3.5 are "phi3", Pythia is "gpt_neox". In GGUF Mistral is "llama" too.
 *
 * To add one: a row, a table of names if they are new, a configuration in model_check.py.
 */
#include "model/arch.h"

#include <stdio.h>

#include "base/buf.h"

#define NAMES_LLAMA                                                                                \
    [SLOT_TOKENS] = "embed_tokens", [SLOT_ATTN_NORM] = "layers.%zu.input_layernorm",               \
    [SLOT_Q] = "layers.%zu.self_attn.q_proj", [SLOT_K] = "layers.%zu.self_attn.k_proj",            \
    [SLOT_V] = "layers.%zu.self_attn.v_proj", [SLOT_OUT] = "layers.%zu.self_attn.o_proj",          \
    [SLOT_FF_NORM] = "layers.%zu.post_attention_layernorm",                                        \
    [SLOT_GATE] = "layers.%zu.mlp.gate_proj", [SLOT_UP] = "layers.%zu.mlp.up_proj",                \
    [SLOT_DOWN] = "layers.%zu.mlp.down_proj", [SLOT_NORM] = "norm", [SLOT_HEAD] = "lm_head"

static const char *const llama_names[SLOT_COUNT] = {NAMES_LLAMA};

static const char *const qwen3_names[SLOT_COUNT] = {
    NAMES_LLAMA,
    [SLOT_Q_NORM] = "layers.%zu.self_attn.q_norm",
    [SLOT_K_NORM] = "layers.%zu.self_attn.k_norm",
};

#define NAMES_GEMMA2                                                                               \
    [SLOT_TOKENS] = "embed_tokens", [SLOT_ATTN_NORM] = "layers.%zu.input_layernorm",               \
    [SLOT_Q] = "layers.%zu.self_attn.q_proj", [SLOT_K] = "layers.%zu.self_attn.k_proj",            \
    [SLOT_V] = "layers.%zu.self_attn.v_proj", [SLOT_OUT] = "layers.%zu.self_attn.o_proj",          \
    [SLOT_ATTN_POST_NORM] = "layers.%zu.post_attention_layernorm",                                 \
    [SLOT_FF_NORM] = "layers.%zu.pre_feedforward_layernorm",                                       \
    [SLOT_GATE] = "layers.%zu.mlp.gate_proj", [SLOT_UP] = "layers.%zu.mlp.up_proj",                \
    [SLOT_DOWN] = "layers.%zu.mlp.down_proj",                                                      \
    [SLOT_FF_POST_NORM] = "layers.%zu.post_feedforward_layernorm", [SLOT_NORM] = "norm",           \
    [SLOT_HEAD] = "lm_head"

static const char *const gemma2_names[SLOT_COUNT] = {NAMES_GEMMA2};

static const char *const gemma3_names[SLOT_COUNT] = {
    NAMES_GEMMA2,
    [SLOT_Q_NORM] = "layers.%zu.self_attn.q_norm",
    [SLOT_K_NORM] = "layers.%zu.self_attn.k_norm",
};

static const char *const phi3_names[SLOT_COUNT] = {
    [SLOT_TOKENS] = "embed_tokens",
    [SLOT_ATTN_NORM] = "layers.%zu.input_layernorm",
    [SLOT_QKV] = "layers.%zu.self_attn.qkv_proj",
    [SLOT_OUT] = "layers.%zu.self_attn.o_proj",
    [SLOT_FF_NORM] = "layers.%zu.post_attention_layernorm",
    [SLOT_GATE_UP] = "layers.%zu.mlp.gate_up_proj",
    [SLOT_DOWN] = "layers.%zu.mlp.down_proj",
    [SLOT_NORM] = "norm",
    [SLOT_HEAD] = "lm_head",
};

static const char *const olmo2_names[SLOT_COUNT] = {
    [SLOT_TOKENS] = "embed_tokens",
    [SLOT_Q] = "layers.%zu.self_attn.q_proj",
    [SLOT_K] = "layers.%zu.self_attn.k_proj",
    [SLOT_V] = "layers.%zu.self_attn.v_proj",
    [SLOT_Q_NORM] = "layers.%zu.self_attn.q_norm",
    [SLOT_K_NORM] = "layers.%zu.self_attn.k_norm",
    [SLOT_OUT] = "layers.%zu.self_attn.o_proj",
    [SLOT_ATTN_POST_NORM] = "layers.%zu.post_attention_layernorm",
    [SLOT_GATE] = "layers.%zu.mlp.gate_proj",
    [SLOT_UP] = "layers.%zu.mlp.up_proj",
    [SLOT_DOWN] = "layers.%zu.mlp.down_proj",
    [SLOT_FF_POST_NORM] = "layers.%zu.post_feedforward_layernorm",
    [SLOT_NORM] = "norm",
    [SLOT_HEAD] = "lm_head",
};

static const char *const gpt2_names[SLOT_COUNT] = {
    [SLOT_TOKENS] = "wte",
    [SLOT_POSITIONS] = "wpe",
    [SLOT_ATTN_NORM] = "h.%zu.ln_1",
    [SLOT_QKV] = "h.%zu.attn.c_attn",
    [SLOT_OUT] = "h.%zu.attn.c_proj",
    [SLOT_FF_NORM] = "h.%zu.ln_2",
    [SLOT_UP] = "h.%zu.mlp.c_fc",
    [SLOT_DOWN] = "h.%zu.mlp.c_proj",
    [SLOT_NORM] = "ln_f",
    [SLOT_HEAD] = "lm_head",
};

static const char *const neox_names[SLOT_COUNT] = {
    [SLOT_TOKENS] = "embed_in",
    [SLOT_ATTN_NORM] = "layers.%zu.input_layernorm",
    [SLOT_QKV] = "layers.%zu.attention.query_key_value",
    [SLOT_OUT] = "layers.%zu.attention.dense",
    [SLOT_FF_NORM] = "layers.%zu.post_attention_layernorm",
    [SLOT_UP] = "layers.%zu.mlp.dense_h_to_4h",
    [SLOT_DOWN] = "layers.%zu.mlp.dense_4h_to_h",
    [SLOT_NORM] = "final_layer_norm",
    [SLOT_HEAD] = "lm_head",
};

/* GGUF calls them alike in all families. */
static const char *const gguf_names[SLOT_COUNT] = {
    [SLOT_TOKENS] = "token_embd",
    [SLOT_POSITIONS] = "position_embd",
    [SLOT_ATTN_NORM] = "blk.%zu.attn_norm",
    [SLOT_QKV] = "blk.%zu.attn_qkv",
    [SLOT_Q] = "blk.%zu.attn_q",
    [SLOT_K] = "blk.%zu.attn_k",
    [SLOT_V] = "blk.%zu.attn_v",
    [SLOT_Q_NORM] = "blk.%zu.attn_q_norm",
    [SLOT_K_NORM] = "blk.%zu.attn_k_norm",
    [SLOT_OUT] = "blk.%zu.attn_output",
    [SLOT_ATTN_POST_NORM] = "blk.%zu.post_attention_norm",
    [SLOT_FF_NORM] = "blk.%zu.ffn_norm",
    [SLOT_GATE_UP] = "blk.%zu.ffn_up",
    [SLOT_GATE] = "blk.%zu.ffn_gate",
    [SLOT_UP] = "blk.%zu.ffn_up",
    [SLOT_DOWN] = "blk.%zu.ffn_down",
    [SLOT_FF_POST_NORM] = "blk.%zu.post_ffw_norm",
    [SLOT_NORM] = "output_norm",
    [SLOT_HEAD] = "output",
};

#define IN_ROOT "model."
#define NONE (-1)

/* clang-format off */
const struct arch arch_table[] = {
    {.model_type = "llama", .class_name = "LlamaForCausalLM", .gguf = "llama",
     .names = llama_names, .prefix = IN_ROOT, .adapted = "q_proj,v_proj",
     .norm_places = NORM_BEFORE, .qkv_bias = BIAS_BY_KEY, .out_bias = BIAS_BY_KEY,
     .ff_bias = BIAS_BY_KEY, .glu = true, .act = ACT_SILU, .pads = true, .gguf_pairs = true,
     .theta = 1e4, .rotary = 1, .eps = 1e-6, .max_positions = 2048, .bos = 1, .eos = 2,
     .pad = NONE},
    {.model_type = "mistral", .class_name = "MistralForCausalLM", .gguf = NULL,
     .names = llama_names, .prefix = IN_ROOT, .adapted = "q_proj,v_proj",
     .norm_places = NORM_BEFORE, .glu = true, .act = ACT_SILU, .pads = true,
     .windows = WINDOW_ALL, .window = 4096, .theta = 1e4, .rotary = 1, .eps = 1e-6,
     .max_positions = 131072, .bos = 1, .eos = 2, .pad = NONE},
    {.model_type = "smollm3", .class_name = "SmolLM3ForCausalLM", .gguf = "smollm3",
     .names = llama_names, .prefix = IN_ROOT, .norm_places = NORM_BEFORE, .qkv_bias = BIAS_BY_KEY,
     .out_bias = BIAS_BY_KEY, .ff_bias = BIAS_BY_KEY, .glu = true, .act = ACT_SILU,
     .skips_ropes = true, .pads = true, .gguf_pairs = true, .windows = WINDOW_NO_ROPE,
     .theta = 2e6, .rotary = 1, .eps = 1e-6, .max_positions = 32768, .tied = true, .bos = 128000,
     .eos = 128001, .pad = 128004},
    {.model_type = "qwen2", .class_name = "Qwen2ForCausalLM", .gguf = "qwen2",
     .names = llama_names, .prefix = IN_ROOT, .adapted = "q_proj,v_proj",
     .norm_places = NORM_BEFORE, .qkv_bias = BIAS_ALWAYS, .glu = true, .act = ACT_SILU,
     .pads = true, .windows = WINDOW_TYPES, .window = 4096, .theta = 1e4, .rotary = 1,
     .eps = 1e-6, .max_positions = 32768, .bos = NONE, .eos = NONE, .pad = NONE},
    {.model_type = "qwen3", .class_name = "Qwen3ForCausalLM", .gguf = "qwen3",
     .names = qwen3_names, .prefix = IN_ROOT, .adapted = "q_proj,v_proj",
     .norm_places = NORM_BEFORE, .qk_norm = QK_NORM_HEAD, .qkv_bias = BIAS_BY_KEY,
     .out_bias = BIAS_BY_KEY, .glu = true, .act = ACT_SILU, .pads = true, .windows = WINDOW_TYPES,
     .window = 4096, .head = 128, .theta = 1e4, .rotary = 1, .eps = 1e-6, .max_positions = 32768,
     .bos = NONE, .eos = NONE, .pad = NONE},
    {.model_type = "gemma", .class_name = "GemmaForCausalLM", .gguf = "gemma",
     .names = llama_names, .prefix = IN_ROOT, .adapted = "q_proj,v_proj",
     .norm_places = NORM_BEFORE, .norm_shift = 1, .qkv_bias = BIAS_BY_KEY,
     .out_bias = BIAS_BY_KEY, .glu = true, .act = ACT_GELU_TANH, .scales_embedding = true,
     .pads = true, .head = 256, .theta = 1e4, .rotary = 1, .eps = 1e-6, .max_positions = 8192,
     .tied = true, .bos = 2, .eos = 1, .pad = 0},
    {.model_type = "gemma2", .class_name = "Gemma2ForCausalLM", .gguf = "gemma2",
     .names = gemma2_names, .prefix = IN_ROOT, .adapted = "q_proj,v_proj",
     .norm_places = NORM_BEFORE | NORM_BEHIND, .norm_shift = 1, .qkv_bias = BIAS_BY_KEY,
     .out_bias = BIAS_BY_KEY, .glu = true, .act = ACT_GELU_TANH, .act_is_hidden_activation = true,
     .scales_embedding = true, .has_attention_scalar = true, .has_attention_softcap = true,
     .pads = true, .windows = WINDOW_PATTERN, .window = 4096, .window_pattern = 2, .head = 256,
     .theta = 1e4, .rotary = 1, .eps = 1e-6, .max_positions = 8192, .tied = true, .bos = 2,
     .eos = 1, .pad = 0},
    {.model_type = "gemma3_text", .class_name = "Gemma3ForCausalLM", .gguf = "gemma3",
     .names = gemma3_names, .prefix = IN_ROOT, .adapted = "q_proj,v_proj",
     .norm_places = NORM_BEFORE | NORM_BEHIND, .norm_shift = 1, .qk_norm = QK_NORM_HEAD,
     .qkv_bias = BIAS_BY_KEY, .out_bias = BIAS_BY_KEY, .glu = true, .act = ACT_GELU_TANH,
     .act_is_hidden_activation = true, .scales_embedding = true, .has_attention_scalar = true,
     .has_two_ropes = true, .pads = true, .windows = WINDOW_PATTERN, .window = 4096,
     .window_pattern = 6, .head = 256, .theta = 1e6, .rotary = 1, .eps = 1e-6,
     .max_positions = 131072, .tied = true, .bos = 2, .eos = 1, .pad = 0},
    {.model_type = "phi3", .class_name = "Phi3ForCausalLM", .gguf = "phi3", .names = phi3_names,
     .prefix = IN_ROOT, .norm_places = NORM_BEFORE, .glu = true, .act = ACT_SILU,
     .has_partial_rotary = true, .pads = true, .windows = WINDOW_ALL, .theta = 1e4, .rotary = 1,
     .eps = 1e-5, .max_positions = 4096, .bos = 1, .eos = 32000, .pad = 32000},
    {.model_type = "olmo2", .class_name = "Olmo2ForCausalLM", .gguf = "olmo2",
     .names = olmo2_names, .prefix = IN_ROOT, .norm_places = NORM_BEHIND,
     .qk_norm = QK_NORM_WHOLE, .qkv_bias = BIAS_BY_KEY, .out_bias = BIAS_BY_KEY, .glu = true,
     .act = ACT_SILU, .pads = true, .theta = 1e4, .rotary = 1, .eps = 1e-5, .max_positions = 2048,
     .bos = NONE, .eos = 50279, .pad = 1},
    {.model_type = "gpt2", .class_name = "GPT2LMHeadModel", .gguf = "gpt2", .names = gpt2_names,
     .prefix = "transformer.", .adapted = "c_attn", .norm = NORM_LAYER,
     .norm_places = NORM_BEFORE, .qkv_bias = BIAS_ALWAYS, .out_bias = BIAS_ALWAYS,
     .ff_bias = BIAS_ALWAYS, .act = ACT_GELU_TANH, .learned_positions = true, .transposed = true,
     .shrinks_residual = true, .eps = 1e-5, .max_positions = 1024, .tied = true, .bos = 50256,
     .eos = 50256, .pad = NONE},
    {.model_type = "gpt_neox", .class_name = "GPTNeoXForCausalLM", .gguf = "gptneox",
     .names = neox_names, .prefix = "gpt_neox.", .head_in_files = "embed_out",
     .adapted = "query_key_value", .norm = NORM_LAYER, .norm_places = NORM_BEFORE,
     .qkv_bias = BIAS_BY_KEY, .out_bias = BIAS_BY_KEY, .ff_bias = BIAS_ALWAYS,
     .bias_default = true, .act = ACT_GELU, .can_be_parallel = true, .has_partial_rotary = true,
     .qkv_by_head = true, .theta = 1e4, .rotary = 0.25, .eps = 1e-5, .max_positions = 2048,
     .bos = 0, .eos = 2, .pad = NONE},
};
/* clang-format on */
const size_t arch_count = COUNT_OF(arch_table);

const struct arch *arch_of_config(struct span model_type)
{
    for (size_t i = 0; i < arch_count; i++) {
        if (span_is(model_type, arch_table[i].model_type))
            return &arch_table[i];
    }
    return NULL;
}

const struct arch *arch_of_gguf(struct span architecture)
{
    for (size_t i = 0; i < arch_count; i++) {
        if (arch_table[i].gguf && span_is(architecture, arch_table[i].gguf))
            return &arch_table[i];
    }
    return NULL;
}

void arch_refuse(struct span name, bool is_gguf, struct err *err)
{
    char known[256];
    size_t len = 0;
    known[0] = 0;
    for (size_t i = 0; i < arch_count; i++) {
        const char *one = is_gguf ? arch_table[i].gguf : arch_table[i].model_type;
        if (one && len < sizeof known)
            len +=
                (size_t)snprintf(known + len, sizeof known - len, "%s%s", len > 0 ? ", " : "", one);
    }
    err_set(err, ERR_INPUT, "the architecture \"%.*s\" is not supported", SPAN_ARGS(name));
    err_hint(err, "supported are %s", known);
}

/* The first "%zu" of a name, if any, becomes the layer. */
static const char *fill_in(struct arena *arena, const char *prefix, const char *name, size_t layer)
{
    const char *place = strstr(name, "%zu");
    if (!place)
        return arena_printf(arena, "%s%s", prefix, name);
    return arena_printf(arena, "%s%.*s%zu%s", prefix, (int)(place - name), name, layer, place + 3);
}

const char *arch_path(const struct arch *arch, struct arena *arena, enum slot slot, size_t layer)
{
    const char *name = arch->names[slot];
    if (!name)
        return NULL;
    return fill_in(arena, slot == SLOT_HEAD ? "" : arch->prefix, name, layer);
}

const char *arch_gguf_path(const struct arch *arch, struct arena *arena, enum slot slot,
                           size_t layer)
{
    return arch->names[slot] ? fill_in(arena, "", gguf_names[slot], layer) : NULL;
}
