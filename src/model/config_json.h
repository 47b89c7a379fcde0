/*
 * config_json.h - the keys of a config.json that matter, as they stand there: read before it is
 * known what family they describe.
 */
#ifndef PACE_MODEL_CONFIG_JSON_H
#define PACE_MODEL_CONFIG_JSON_H

#include "base/arena.h"
#include "model/rope.h"

enum flag { FLAG_ABSENT, FLAG_NO, FLAG_YES };

/* A key that is absent or null: count 0, number NAN, FLAG_ABSENT, text NULL, raw.len 0. Two differ:
 * `window` is UINT64_MAX where it is absent, 0 where it is null; `max_window_layers` is 28. */
struct config_keys {
    const char *model_type;
    const char *hidden_act, *hidden_activation, *activation_function, *dtype;
    uint64_t width, n_layers, heads, kv_heads, head, feed_forward, vocabulary, max_positions;
    uint64_t original_positions;
    uint64_t window, max_window_layers, window_pattern, no_rope_interval;
    uint64_t experts;
    double eps, init_range, attention_scalar, attention_softcap, final_softcap;
    double theta, local_theta, partial_rotary;
    double bos, pad;
    enum flag tied, attention_bias, mlp_bias, uses_window, parallel;
    enum flag scales_attention, scales_by_layer, sees_ahead, has_encoder, has_cross_attention;
    struct span classes, layer_types, no_rope_layers, eos;
    struct span rope_scaling, rope_parameters, quantization, text_config;
};

/* Texts live in the arena or in `text`. Errors: ERR_INPUT where it is no JSON object, or a key has
 * a value of the wrong type. */
MUST_CHECK bool config_keys_read(struct config_keys *keys, struct arena *arena, struct span text,
                                 struct err *err);

/* One object of rope parameters. */
MUST_CHECK bool config_rope_read(struct rope_keys *keys, struct arena *arena, struct span text,
                                 struct err *err);

/* An object of objects, by kind of layer: what stands under `name`, or an empty span. */
MUST_CHECK bool config_member(struct span *out, struct arena *arena, struct span text,
                              const char *name, struct err *err);

#endif
