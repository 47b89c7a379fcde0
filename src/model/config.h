/*
 * config.h - what a decoder is made of: one description that fits every family that pace trains.
 *
 * It comes from a Hugging Face config.json (the layouts before and since version 5) or from the
 * metadata of a GGUF file. Families are rows of a table (arch.c) that say how their files name
 * these things; nothing behind this struct asks for a family's name.
 */
#ifndef PACE_MODEL_CONFIG_H
#define PACE_MODEL_CONFIG_H

#include "backend/backend.h"
#include "base/arena.h"

struct arch;
struct gguf;

/* Where a layer norms what: */
enum norm_place {
    NORM_BEFORE = 1, /* the input of attention, and of the feed-forward part */
    NORM_BEHIND = 2, /* their outputs, before these join the residual stream */
};

enum qk_norm { QK_NORM_NONE, QK_NORM_HEAD, QK_NORM_WHOLE };

/* How the angles of rotary embeddings grow: one for all layers, or one for each kind of layer. */
struct rope_config {
    double theta;
    size_t rotary;           /* numbers of a head that turn; even */
    bool interleaved;        /* pairs (2j, 2j + 1): GGUF's llama */
    double attention_factor; /* multiplies cos and sin: YaRN, LongRoPE */
    const double *divisor;   /* [rotary/2] by which frequencies are divided: scaling; NULL: none */
    const double *long_divisor; /* the same where texts are longer than `long_beyond`, or NULL */
    size_t long_beyond;
};

enum { ROPES_MOST = 2, ROPE_NONE = -1 };

struct layer_config {
    int64_t window; /* 0: all */
    int rope;       /* index, or ROPE_NONE */
};

struct model_config {
    const char *family; /* "llama", "qwen3": Hugging Face's model_type */
    const struct arch *arch;
    bool is_gguf;
    size_t width;           /* C */
    size_t n_layers;        /* L */
    size_t heads, kv_heads; /* H, K */
    size_t head;            /* D */
    size_t feed_forward;    /* F */
    size_t vocabulary;      /* V */
    size_t max_positions;

    enum norm_kind norm;
    unsigned norm_places; /* bits of enum norm_place */
    float norm_eps, norm_shift;
    bool norm_bias;
    enum qk_norm qk_norm;

    bool glu;
    enum act_kind act;
    bool is_parallel; /* attention and feed-forward read the same residual: GPT-NeoX */
    bool qkv_bias, out_bias, ff_bias;

    bool learned_positions; /* GPT-2 */
    float embed_scale, attn_scale, attn_softcap, logit_scale, logit_softcap;
    bool divides_by_layer; /* attn_scale is divided by the layer's number, from 1 */
    bool is_tied;

    struct rope_config rope[ROPES_MOST];
    size_t n_ropes;
    struct layer_config *layers; /* [n_layers] */

    double init_range; /* standard deviation of fresh weights */
    enum dtype dtype;  /* that a fresh model is saved in: float32, or the 16 bits it asks for */
    int32_t bos, pad;  /* -1: none */
    int32_t eos[8];
    size_t n_eos;
};

/*
 * Reads the config.json of a folder, or the metadata of a .gguf file; what the struct points to
 * lives in the arena. An architecture or an option that pace does not know is refused by name.
 * Errors: ERR_IO, ERR_INPUT.
 */
MUST_CHECK bool model_config_read(struct model_config *config, struct arena *arena,
                                  const char *path, struct err *err);

/* The same from the bytes of a config.json. */
MUST_CHECK bool model_config_parse(struct model_config *config, struct arena *arena,
                                   struct span text, struct err *err);

/* The same from an open GGUF file. */
MUST_CHECK bool model_config_gguf(struct model_config *config, struct arena *arena,
                                  const struct gguf *gguf, struct err *err);

#endif
