/*
 * config_json.c - reading a config.json by a table of keys.
 *
 * Every name that a thing goes by is a row; the first row that is present wins over later ones by
 * the order in the file, which never matters: no file has two. null is the same as absent. Keys
 * without a row say nothing about what a decoder computes (dropout, generation, versions)
 * and are passed over. Those that would change it have rows, if only to be refused by config.c.
 */
#include "model/config_json.h"

#include <math.h>
#include <string.h>

#include "format/json.h"

enum kind { SIZE, COUNT, COUNT_OR_NONE, NUMBER, FLAG, TEXT, RAW };

struct row {
    const char *name;
    enum kind kind;
    size_t offset;
};

#define AT(field) offsetof(struct config_keys, field)

static const struct row key_rows[] = {
    {"model_type", TEXT, AT(model_type)},
    {"architectures", RAW, AT(classes)},
    {"hidden_size", SIZE, AT(width)},
    {"n_embd", SIZE, AT(width)},
    {"num_hidden_layers", SIZE, AT(n_layers)},
    {"n_layer", SIZE, AT(n_layers)},
    {"num_attention_heads", SIZE, AT(heads)},
    {"n_head", SIZE, AT(heads)},
    {"num_key_value_heads", SIZE, AT(kv_heads)},
    {"head_dim", SIZE, AT(head)},
    {"intermediate_size", SIZE, AT(feed_forward)},
    {"n_inner", SIZE, AT(feed_forward)},
    {"vocab_size", SIZE, AT(vocabulary)},
    {"max_position_embeddings", SIZE, AT(max_positions)},
    {"n_positions", SIZE, AT(max_positions)},
    {"original_max_position_embeddings", SIZE, AT(original_positions)},
    {"hidden_act", TEXT, AT(hidden_act)},
    {"hidden_activation", TEXT, AT(hidden_activation)},
    {"activation_function", TEXT, AT(activation_function)},
    {"rms_norm_eps", NUMBER, AT(eps)},
    {"layer_norm_eps", NUMBER, AT(eps)},
    {"layer_norm_epsilon", NUMBER, AT(eps)},
    {"initializer_range", NUMBER, AT(init_range)},
    {"tie_word_embeddings", FLAG, AT(tied)},
    {"attention_bias", FLAG, AT(attention_bias)},
    {"mlp_bias", FLAG, AT(mlp_bias)},
    {"sliding_window", COUNT_OR_NONE, AT(window)},
    {"use_sliding_window", FLAG, AT(uses_window)},
    {"max_window_layers", COUNT, AT(max_window_layers)},
    {"sliding_window_pattern", SIZE, AT(window_pattern)},
    {"layer_types", RAW, AT(layer_types)},
    {"no_rope_layers", RAW, AT(no_rope_layers)},
    {"no_rope_layer_interval", SIZE, AT(no_rope_interval)},
    {"query_pre_attn_scalar", NUMBER, AT(attention_scalar)},
    {"attn_logit_softcapping", NUMBER, AT(attention_softcap)},
    {"final_logit_softcapping", NUMBER, AT(final_softcap)},
    {"rope_theta", NUMBER, AT(theta)},
    {"rotary_emb_base", NUMBER, AT(theta)},
    {"rope_local_base_freq", NUMBER, AT(local_theta)},
    {"partial_rotary_factor", NUMBER, AT(partial_rotary)},
    {"rotary_pct", NUMBER, AT(partial_rotary)},
    {"rope_scaling", RAW, AT(rope_scaling)},
    {"rope_parameters", RAW, AT(rope_parameters)},
    {"use_parallel_residual", FLAG, AT(parallel)},
    {"scale_attn_weights", FLAG, AT(scales_attention)},
    {"scale_attn_by_inverse_layer_idx", FLAG, AT(scales_by_layer)},
    {"use_bidirectional_attention", FLAG, AT(sees_ahead)},
    {"is_encoder_decoder", FLAG, AT(has_encoder)},
    {"add_cross_attention", FLAG, AT(has_cross_attention)},
    {"num_experts", COUNT, AT(experts)},
    {"num_local_experts", COUNT, AT(experts)},
    {"n_routed_experts", COUNT, AT(experts)},
    {"quantization_config", RAW, AT(quantization)},
    {"text_config", RAW, AT(text_config)},
    {"dtype", TEXT, AT(dtype)},
    {"torch_dtype", TEXT, AT(dtype)},
    {"bos_token_id", NUMBER, AT(bos)},
    {"pad_token_id", NUMBER, AT(pad)},
    {"eos_token_id", RAW, AT(eos)},
};

#undef AT
#define AT(field) offsetof(struct rope_keys, field)

static const struct row rope_rows[] = {
    {"rope_type", TEXT, AT(type)},
    {"type", TEXT, AT(type)},
    {"rope_theta", NUMBER, AT(theta)},
    {"factor", NUMBER, AT(factor)},
    {"original_max_position_embeddings", NUMBER, AT(original)},
    {"partial_rotary_factor", NUMBER, AT(partial)},
    {"attention_factor", NUMBER, AT(attention_factor)},
    {"mscale", NUMBER, AT(mscale)},
    {"mscale_all_dim", NUMBER, AT(mscale_all_dim)},
    {"beta_fast", NUMBER, AT(beta_fast)},
    {"beta_slow", NUMBER, AT(beta_slow)},
    {"low_freq_factor", NUMBER, AT(low_freq_factor)},
    {"high_freq_factor", NUMBER, AT(high_freq_factor)},
};

#undef AT

static void read_count(uint64_t *out, int least, struct span name, struct json_reader *r)
{
    double value = json_double(r);
    if (value < least || value > INT32_MAX || value != floor(value))
        json_fail(r, "%.*s is no whole number from %d to %d", SPAN_ARGS(name), least, INT32_MAX);
    else
        *out = (uint64_t)value;
}

/* NaN would be taken for a key that is not there. */
static void read_number(double *out, struct span name, struct json_reader *r)
{
    double value = json_double(r);
    if (isnan(value))
        json_fail(r, "%.*s is not a number", SPAN_ARGS(name));
    else
        *out = value;
}

/* The value of a row's key; null leaves the field as it is. */
static void read_row(const struct row *row, void *keys, struct span name, struct arena *arena,
                     struct json_reader *r)
{
    char *at = (char *)keys + row->offset;
    if (json_null(r)) {
        if (row->kind == COUNT_OR_NONE)
            *(uint64_t *)(void *)at = 0;
        return;
    }
    switch (row->kind) {
    case COUNT_OR_NONE:
    case COUNT:
    case SIZE:
        read_count((uint64_t *)(void *)at, row->kind == SIZE, name, r);
        break;
    case NUMBER:
        read_number((double *)(void *)at, name, r);
        break;
    case FLAG:
        *(enum flag *)(void *)at = json_bool(r) ? FLAG_YES : FLAG_NO;
        break;
    case TEXT:
        *(const char **)(void *)at = arena_string(arena, json_string(r));
        break;
    case RAW:
        *(struct span *)(void *)at = json_raw(r);
        break;
    }
}

static const struct row *find_row(const struct row *rows, size_t n_rows, struct span name)
{
    for (size_t i = 0; i < n_rows; i++) {
        if (span_is(name, rows[i].name))
            return &rows[i];
    }
    return NULL;
}

bool config_keys_read(struct config_keys *keys, struct arena *arena, struct span text,
                      struct err *err)
{
    struct json_reader r;
    struct span name;
    *keys = (struct config_keys){.eps = NAN,
                                 .init_range = NAN,
                                 .attention_scalar = NAN,
                                 .attention_softcap = NAN,
                                 .final_softcap = NAN,
                                 .theta = NAN,
                                 .local_theta = NAN,
                                 .partial_rotary = NAN,
                                 .bos = NAN,
                                 .pad = NAN,
                                 .window = UINT64_MAX,
                                 .max_window_layers = 28};
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &name)) {
        const struct row *row = find_row(key_rows, COUNT_OF(key_rows), name);
        if (row)
            read_row(row, keys, name, arena, &r);
        else
            json_skip(&r);
    }
    return json_close(&r, err);
}

/* [n] numbers into the arena; each takes at least two bytes of text. */
static const double *read_numbers(size_t *n, struct arena *arena, struct json_reader *r)
{
    struct span text = json_raw(r);
    struct json_reader inner;
    struct err ignored;
    double *numbers = arena_array(arena, double, text.len / 2 + 1);
    json_open(&inner, text, arena);
    json_enter_array(&inner);
    *n = 0;
    while (json_next_item(&inner))
        read_number(&numbers[(*n)++], span_of("a number of the list"), &inner);
    if (!json_close(&inner, &ignored)) {
        json_fail(r, "a list of numbers is wanted");
        *n = 0;
    }
    return numbers;
}

bool config_rope_read(struct rope_keys *keys, struct arena *arena, struct span text,
                      struct err *err)
{
    struct json_reader r;
    struct span name;
    rope_keys_init(keys);
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &name)) {
        const struct row *row = find_row(rope_rows, COUNT_OF(rope_rows), name);
        if (row)
            read_row(row, keys, name, arena, &r);
        else if (span_is(name, "short_factor") && json_peek(&r) == JSON_ARRAY)
            keys->short_factor = read_numbers(&keys->n_short, arena, &r);
        else if (span_is(name, "long_factor") && json_peek(&r) == JSON_ARRAY)
            keys->long_factor = read_numbers(&keys->n_long, arena, &r);
        else if (span_is(name, "truncate") && json_peek(&r) == JSON_BOOL)
            keys->keeps_fractions = !json_bool(&r);
        else
            json_skip(&r);
    }
    return json_close(&r, err);
}

bool config_member(struct span *out, struct arena *arena, struct span text, const char *name,
                   struct err *err)
{
    struct json_reader r;
    struct span key;
    *out = (struct span){0};
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (span_is(key, name) && json_peek(&r) == JSON_OBJECT)
            *out = json_raw(&r);
        else
            json_skip(&r);
    }
    return json_close(&r, err);
}
