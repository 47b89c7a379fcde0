/*
 * arch.h - the families of decoders, as rows of a table: what their files call things, and what
 * they do that another does not.
 */
#ifndef PACE_MODEL_ARCH_H
#define PACE_MODEL_ARCH_H

#include "base/span.h"
#include "model/config.h"

/* The modules of a decoder that have weights, in the order in which PyTorch lists them. */
enum slot {
    SLOT_TOKENS,
    SLOT_POSITIONS,
    SLOT_ATTN_NORM, /* before attention; from here to SLOT_FF_POST_NORM: once a layer */
    SLOT_QKV,       /* one matrix for the three, or */
    SLOT_Q,
    SLOT_K,
    SLOT_V,
    SLOT_Q_NORM,
    SLOT_K_NORM,
    SLOT_OUT,
    SLOT_ATTN_POST_NORM, /* of attention's output */
    SLOT_FF_NORM,
    SLOT_GATE_UP, /* one matrix for the two, or */
    SLOT_GATE,
    SLOT_UP, /* alone where there is no gate */
    SLOT_DOWN,
    SLOT_FF_POST_NORM,
    SLOT_NORM, /* the last one */
    SLOT_HEAD, /* to the vocabulary; where it is tied its weight is that of the tokens */
    SLOT_COUNT,
};

static inline bool slot_is_in_layer(enum slot slot)
{
    return slot >= SLOT_ATTN_NORM && slot <= SLOT_FF_POST_NORM;
}

/* Which of its linear layers have a bias: none, all, or as a key of config.json says. */
enum bias_rule { BIAS_NEVER, BIAS_ALWAYS, BIAS_BY_KEY };

/* Which layers see only a window of the text. */
enum window_rule {
    WINDOW_NEVER,
    WINDOW_ALL,     /* all layers, where sliding_window is given */
    WINDOW_TYPES,   /* layer_types; else those from max_window_layers on, if use_sliding_window */
    WINDOW_PATTERN, /* layer_types; else all but each n-th */
    WINDOW_NO_ROPE, /* layer_types; else those without rope, if use_sliding_window */
};

struct arch {
    const char *model_type;   /* of config.json */
    const char *class_name;   /* in its "architectures" */
    const char *gguf;         /* general.architecture, or NULL: llama.cpp has it not */
    const char *const *names; /* [SLOT_COUNT] modules' paths below `prefix`, "%zu" the layer */
    const char *prefix;
    const char *head_in_files; /* what checkpoints call the head, if not as PyTorch does */
    const char *adapted; /* what PEFT adapts where nothing is said: "q_proj,v_proj"; or NULL */

    enum norm_kind norm;
    unsigned norm_places;
    float norm_shift; /* of config.json's; a GGUF file has it in its weights */
    enum qk_norm qk_norm;
    enum bias_rule qkv_bias, out_bias, ff_bias;
    bool bias_default; /* where the key is absent */
    bool glu;
    enum act_kind act;
    bool act_is_hidden_activation; /* the key is "hidden_activation" */
    bool learned_positions;
    bool scales_embedding;      /* by the root of the width */
    bool has_attention_scalar;  /* query_pre_attn_scalar */
    bool has_attention_softcap; /* attn_logit_softcapping is obeyed */
    bool can_be_parallel, has_partial_rotary, has_two_ropes, skips_ropes;
    bool transposed;       /* matrices lie [in, out] in safetensors: Conv1D */
    bool qkv_by_head;      /* q, k, v of a head side by side in safetensors */
    bool pads;             /* the embedding of the padding token gets no gradient from its rows */
    bool shrinks_residual; /* fresh weights of out and down are divided by sqrt(2 L) */
    bool gguf_pairs;       /* q and k are reordered in GGUF for pairs (2j, 2j + 1) */

    enum window_rule windows;
    size_t window, window_pattern; /* where the keys are absent */
    size_t head;                   /* likewise; 0: width / heads */
    double theta, rotary, eps;
    size_t max_positions;
    bool tied;
    int32_t bos, eos, pad;
};

extern const struct arch arch_table[];
extern const size_t arch_count;

/* NULL where there is none. */
const struct arch *arch_of_config(struct span model_type);
const struct arch *arch_of_gguf(struct span architecture);

/* Refuses a family by its name, with those that there are in the hint. */
void arch_refuse(struct span name, bool is_gguf, struct err *err);

/* A module's path as PyTorch has it, or in GGUF; NULL where the family has no such module. */
const char *arch_path(const struct arch *arch, struct arena *arena, enum slot slot, size_t layer);
const char *arch_gguf_path(const struct arch *arch, struct arena *arena, enum slot slot,
                           size_t layer);

#endif
