/*
 * export_keys.c - what llama.cpp wants to be told of a model, family by family.
 *
 * A graph of llama.cpp fixes what its family's files never vary, and reads the rest from keys that
 * begin with the architecture's name. So a description can say things that the graph would not do:
 * these are refused here, by name, because the file would load and give wrong answers.
 *
 *     rope              key or tensor
 *     linear            rope.scaling.type, .factor
 *     yarn              the same and .original_context_length; with its usual constants alone
 *     llama3            rope_freqs.weight, the divisors of the frequencies; llama alone has it
 *
 * To add a family: a row; what its graph does otherwise, in check_parts.
 * Sources: llama.cpp's conversion/base.py, llama.py, qwen.py, and its graphs in src/models.
 */
#include "model/export_keys.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "format/json.h"
#include "model/arch.h"
#include "model/config_json.h"

static const struct family {
    const char *model_type;
    bool repeats_sizes; /* vocab_size and rope.dimension_count are keys */
    bool has_rope_freqs, has_out_bias;
} families[] = {
    {"llama", true, true, true},
    {"qwen2", false, false, false},
    {"qwen3", false, false, false},
};

static const struct family *find_family(const struct model *model)
{
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        if (strcmp(model->config.family, families[i].model_type) == 0)
            return &families[i];
    }
    return NULL;
}

bool export_knows(const struct model *model, struct err *err)
{
    if (find_family(model))
        return true;
    err_set(err, ERR_INPUT, "models of the family \"%s\" cannot be exported", model->config.family);
    err_hint(err, "llama, qwen2 and qwen3 can; pace merge writes any family as safetensors");
    return false;
}

/* ------------------------------------------------------------------------------------ checks -- */

static bool refuse(const char *what, struct err *err)
{
    err_set(err, ERR_INPUT, "llama.cpp does not compute %s in this family", what);
    err_hint(err, "the file would load and answer wrongly; pace merge writes safetensors");
    return false;
}

static bool check_parts(const struct model_config *c, const struct family *family, struct err *err)
{
    for (size_t i = 0; i < c->n_layers; i++) {
        if (c->layers[i].window > 0)
            return refuse("sliding windows", err);
    }
    if (c->act != ACT_SILU)
        return refuse("activations other than SiLU", err);
    if (c->out_bias && !family->has_out_bias)
        return refuse("a bias behind attention (attention_bias)", err);
    if (c->n_ropes != 1 || c->rope[0].rotary != c->head)
        return refuse("a partial rope", err);
    return true;
}

static bool check_yarn(const struct rope_keys *rope, struct err *err)
{
    bool is_usual = isnan(rope->attention_factor) && isnan(rope->mscale) &&
                    isnan(rope->mscale_all_dim) && !rope->keeps_fractions &&
                    (isnan(rope->beta_fast) || rope->beta_fast == 32) &&
                    (isnan(rope->beta_slow) || rope->beta_slow == 1);
    return is_usual || refuse("a yarn rope with constants of its own", err);
}

/* -------------------------------------------------------------------------------------- keys -- */

struct keys {
    struct gguf_writer *w;
    const char *architecture;
    char name[128];
};

static const char *key(struct keys *k, const char *name)
{
    snprintf(k->name, sizeof k->name, "%s.%s", k->architecture, name);
    return k->name;
}

static void put_count(struct keys *k, const char *name, size_t value)
{
    gguf_put_u32(k->w, key(k, name), (uint32_t)value);
}

static void put_number(struct keys *k, const char *name, double value)
{
    gguf_put_f32(k->w, key(k, name), (float)value);
}

static void put_sizes(struct keys *k, const struct model_config *c, const struct family *family,
                      const struct config_keys *given)
{
    put_count(k, "block_count", c->n_layers);
    put_count(k, "context_length", c->max_positions);
    put_count(k, "embedding_length", c->width);
    put_count(k, "feed_forward_length", c->feed_forward);
    put_count(k, "attention.head_count", c->heads);
    put_count(k, "attention.head_count_kv", c->kv_heads);
    put_number(k, "attention.layer_norm_rms_epsilon", (double)c->norm_eps);
    if (given->head > 0 || c->head * c->heads != c->width) {
        put_count(k, "attention.key_length", c->head);
        put_count(k, "attention.value_length", c->head);
    }
    if (family->repeats_sizes) {
        put_count(k, "vocab_size", c->vocabulary);
        put_count(k, "rope.dimension_count", c->head);
    }
}

static bool is_type(const struct rope_keys *rope, const char *type)
{
    return rope->type && strcmp(rope->type, type) == 0;
}

static bool put_scaling(struct keys *k, const struct model_config *c, const struct rope_keys *rope,
                        struct err *err)
{
    if (is_type(rope, "linear")) {
        gguf_put_text(k->w, key(k, "rope.scaling.type"), "linear");
        put_number(k, "rope.scaling.factor", rope->factor);
    } else if (is_type(rope, "yarn")) {
        double original = isnan(rope->original) ? (double)c->max_positions : rope->original;
        if (!check_yarn(rope, err))
            return false;
        gguf_put_text(k->w, key(k, "rope.scaling.type"), "yarn");
        put_number(k, "rope.scaling.factor", rope->factor);
        put_count(k, "rope.scaling.original_context_length", (size_t)original);
    }
    return true;
}

static bool put_rope(struct keys *k, const struct model_config *c, const struct family *family,
                     const struct rope_keys *rope, struct err *err)
{
    static const char *const known[] = {"default", "linear", "yarn", "llama3"};
    bool is_known = !rope->type;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        is_known |= is_type(rope, known[i]);
    if (!is_known || (is_type(rope, "llama3") && !family->has_rope_freqs)) {
        char what[80];
        snprintf(what, sizeof what, "a rope of the type \"%s\"", rope->type);
        return refuse(what, err);
    }
    put_number(k, "rope.freq_base", c->rope[0].theta);
    return put_scaling(k, c, rope, err);
}

/* The divisors of llama3's rope as float32. */
static const float *list_divisors(const struct rope_config *rope, struct arena *arena)
{
    size_t n = rope->rotary / 2;
    float *list = arena_array(arena, float, n);
    for (size_t i = 0; i < n; i++)
        list[i] = (float)rope->divisor[i];
    return list;
}

static bool read_config(struct config_keys *given, struct rope_keys *rope, const char *path,
                        struct arena *arena, struct err *err)
{
    struct file_map map;
    const char *file = file_join(arena, path, "config.json");
    if (!file_map(&map, file, err))
        return false;
    bool ok = config_keys_read(given, arena, arena_copy(arena, map.bytes), err);
    file_unmap(&map);
    struct span text = given->rope_scaling.len > 0 ? given->rope_scaling : given->rope_parameters;
    rope_keys_init(rope);
    ok = ok && (text.len == 0 || config_rope_read(rope, arena, text, err));
    if (ok && given->original_positions > 0)
        rope->original = (double)given->original_positions;
    if (!ok)
        err_in(err, "%s", file);
    return ok;
}

bool export_put_keys(struct gguf_writer *w, const struct model *model, const char *path,
                     struct arena *arena, const float **divisors, struct err *err)
{
    const struct model_config *c = &model->config;
    const struct family *family = find_family(model);
    struct keys k = {.w = w, .architecture = c->arch->gguf};
    struct config_keys given;
    struct rope_keys rope;
    CHECK(family);
    *divisors = NULL;
    if (!read_config(&given, &rope, path, arena, err) || !check_parts(c, family, err))
        return false;
    gguf_put_text(w, "general.architecture", c->arch->gguf);
    put_sizes(&k, c, family, &given);
    if (!put_rope(&k, c, family, &rope, err))
        return false;
    if (is_type(&rope, "llama3"))
        *divisors = list_divisors(&c->rope[0], arena);
    return true;
}

/* ---------------------------------------------------------------------------------- sampling -- */

/* Where two names mean one key the later row wins. */
static const struct {
    const char *name, *key;
    bool is_int;
} sampling[] = {
    {"top_k", "general.sampling.top_k", true},
    {"top_p", "general.sampling.top_p", false},
    {"min_p", "general.sampling.min_p", false},
    {"xtc_probability", "general.sampling.xtc_probability", false},
    {"xtc_threshold", "general.sampling.xtc_threshold", false},
    {"temperature", "general.sampling.temp", false},
    {"penalty_last_n", "general.sampling.penalty_last_n", true},
    {"mirostat", "general.sampling.mirostat", true},
    {"mirostat_tau", "general.sampling.mirostat_tau", false},
    {"mirostat_eta", "general.sampling.mirostat_eta", false},
    {"repetition_penalty", "general.sampling.penalty_repeat", false},
    {"penalty_repeat", "general.sampling.penalty_repeat", false},
};

enum { N_SAMPLING = COUNT_OF(sampling) };

/* What is no number is as good as absent, as null is. */
static void read_sampling(struct json_reader *r, double values[N_SAMPLING])
{
    struct span key;
    json_enter_object(r);
    while (json_next_key(r, &key)) {
        size_t i = 0;
        while (i < N_SAMPLING && !span_is(key, sampling[i].name))
            i++;
        if (i < N_SAMPLING && json_peek(r) == JSON_NUMBER)
            values[i] = json_double(r);
        else
            json_skip(r);
    }
}

void export_put_sampling(struct gguf_writer *w, const char *path, struct arena *arena)
{
    struct err err = {0};
    struct json_reader r;
    struct file_map map;
    double values[N_SAMPLING];
    const char *file = file_join(arena, path, "generation_config.json");
    for (size_t i = 0; i < N_SAMPLING; i++)
        values[i] = NAN;
    if (file_kind_of(file) != FILE_REGULAR)
        return;
    bool ok = file_map(&map, file, &err);
    if (ok) {
        json_open(&r, map.bytes, arena);
        read_sampling(&r, values);
        ok = json_close(&r, &err);
        file_unmap(&map);
    }
    if (!ok)
        log_warning("%s is passed over: %s", file, err.what);
    for (size_t i = 0; ok && i < N_SAMPLING; i++) {
        bool is_next = i + 1 < N_SAMPLING && strcmp(sampling[i + 1].key, sampling[i].key) == 0;
        if (!(fabs(values[i]) < INT32_MAX) || (is_next && isfinite(values[i + 1])))
            continue;
        if (sampling[i].is_int)
            gguf_put_i32(w, sampling[i].key, (int32_t)values[i]);
        else
            gguf_put_f32(w, sampling[i].key, (float)values[i]);
    }
}
