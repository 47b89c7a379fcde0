/*
 * config.c - from the keys of a config.json to what a decoder computes.
 *
 * The keys are read first (config_json.c), then the family's row (arch.h) says what an absent key
 * means and which keys it obeys at all: transformers' classes do the same with defaults and with
 * what their modeling files look at. What pace cannot compute is refused by name here, before any
 * weight is looked at: a model that is half understood would train, and be wrong.
 *
 * Sources: transformers 5.23, configuration_*.py and modeling_*.py; for layouts before version 5
 * also the conversions in modeling_rope_utils.py.
 */
#include "model/config.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/log.h"
#include "format/gguf.h"
#include "format/json.h"
#include "model/arch.h"
#include "model/config_check.h"
#include "model/config_json.h"

static const struct {
    const char *name;
    enum act_kind kind;
} act_names[] = {
    {"silu", ACT_SILU},
    {"swish", ACT_SILU},
    {"gelu", ACT_GELU},
    {"gelu_python", ACT_GELU},
    {"gelu_new", ACT_GELU_TANH},
    {"gelu_fast", ACT_GELU_TANH},
    {"gelu_pytorch_tanh", ACT_GELU_TANH},
    {"gelu_python_tanh", ACT_GELU_TANH},
    {"gelu_accurate", ACT_GELU_TANH},
    {"relu", ACT_RELU},
    {"relu2", ACT_RELU_SQUARED},
};

static bool read_act(struct model_config *c, const struct config_keys *keys, struct err *err)
{
    const char *name = c->arch->act_is_hidden_activation ? keys->hidden_activation
                       : keys->activation_function       ? keys->activation_function
                                                         : keys->hidden_act;
    c->act = c->arch->act;
    if (!name)
        return true;
    /* the first Gemma's files say "gelu" and mean the tanh form; those of 2 and 3 mean gelu */
    bool is_first_gemma = c->arch->scales_embedding && !c->arch->act_is_hidden_activation;
    if (is_first_gemma && strcmp(name, "gelu") == 0)
        return true;
    for (size_t i = 0; i < COUNT_OF(act_names); i++) {
        if (strcmp(name, act_names[i].name) == 0) {
            c->act = act_names[i].kind;
            return true;
        }
    }
    err_set(err, ERR_INPUT, "the activation \"%s\" is not supported", name);
    err_hint(err, "supported are silu, gelu, gelu_new, gelu_pytorch_tanh, relu and relu2");
    return false;
}

static bool refuse(struct err *err, const char *what)
{
    err_set(err, ERR_INPUT, "%s is not supported", what);
    return false;
}

/* Options that would change what is computed, in ways that pace has not. */
static bool refuse_options(const struct arch *arch, const struct config_keys *keys, struct err *err)
{
    if (keys->quantization.len > 0) {
        refuse(err, "quantization_config");
        err_hint(err, "pace reads quantised weights from GGUF; take the model as it was before");
        return false;
    }
    if (keys->experts > 0)
        return refuse(err, "a mixture of experts (num_experts)");
    if (keys->has_encoder == FLAG_YES)
        return refuse(err, "an encoder (is_encoder_decoder)");
    if (keys->has_cross_attention == FLAG_YES)
        return refuse(err, "add_cross_attention");
    if (keys->sees_ahead == FLAG_YES)
        return refuse(err, "use_bidirectional_attention");
    if (!isnan(keys->attention_softcap) && !arch->has_attention_softcap &&
        !arch->has_attention_scalar) /* Gemma 3 has the key, and transformers passes over it */
        return refuse(err, "attn_logit_softcapping in this family");
    return true;
}

/* Names the key in which something was wrong. */
static bool within(const char *key, bool ok, struct err *err)
{
    if (!ok)
        err_in(err, "%s", key);
    return ok;
}

/* "architectures" may name a class that is no language model, whose weights are others. */
static bool check_class(const struct arch *arch, struct arena *arena, struct span classes,
                        struct err *err)
{
    struct json_reader r;
    if (classes.len == 0)
        return true;
    json_open(&r, classes, arena);
    json_enter_array(&r);
    while (json_next_item(&r)) {
        struct span name = json_string(&r);
        if (!span_is(name, arch->class_name) && !r.failed) {
            err_set(err, ERR_INPUT, "the class \"%.*s\" is not supported", SPAN_ARGS(name));
            err_hint(err, "a language model of this family is a %s", arch->class_name);
            return false;
        }
    }
    return within("architectures", json_close(&r, err), err);
}

/* Of a model with weights those decide; of a fresh one what its description says. */
static void read_dtype(struct model_config *c, const struct config_keys *keys)
{
    const char *name = keys->dtype ? keys->dtype : "";
    c->dtype = strcmp(name, "bfloat16") == 0  ? DTYPE_BF16
               : strcmp(name, "float16") == 0 ? DTYPE_F16
                                              : DTYPE_F32;
}

static bool read_eos(struct model_config *c, struct arena *arena, const struct config_keys *keys,
                     struct err *err)
{
    struct json_reader r;
    if (keys->eos.len == 0) {
        c->eos[0] = c->arch->eos;
        c->n_eos = c->arch->eos >= 0;
        return true;
    }
    json_open(&r, keys->eos, arena);
    bool is_list = json_peek(&r) == JSON_ARRAY;
    if (is_list)
        json_enter_array(&r);
    while (is_list ? json_next_item(&r) : c->n_eos == 0 && !r.failed) {
        double id = json_double(&r);
        if (!(id >= 0 && id <= INT32_MAX && id == floor(id)))
            json_fail(&r, "%g is no token's id", id);
        else if (c->n_eos == COUNT_OF(c->eos))
            json_fail(&r, "at most %zu ids are possible", COUNT_OF(c->eos));
        else
            c->eos[c->n_eos++] = (int32_t)id;
    }
    return within("eos_token_id", json_close(&r, err), err);
}

/* -1 for none; ids below zero stand for that in some files. */
static int32_t token_id(double id, int32_t otherwise)
{
    if (isnan(id))
        return otherwise;
    return id >= 0 && id <= INT32_MAX ? (int32_t)id : -1;
}

/* ------------------------------------------------------------------------------------ layers -- */

/* The kinds of layers as listed. Sets sliding[n_layers]. */
static bool read_layer_types(bool *sliding, size_t n_layers, struct arena *arena, struct span list,
                             struct err *err)
{
    struct json_reader r;
    size_t n = 0;
    json_open(&r, list, arena);
    json_enter_array(&r);
    while (json_next_item(&r)) {
        struct span kind = json_string(&r);
        if (!r.failed && !span_is(kind, "sliding_attention") && !span_is(kind, "full_attention"))
            json_fail(&r, "layer type \"%.*s\" is not supported", SPAN_ARGS(kind));
        else if (n < n_layers)
            sliding[n] = span_is(kind, "sliding_attention");
        n++;
    }
    if (!within("layer_types", json_close(&r, err), err))
        return false;
    if (n != n_layers) {
        err_set(err, ERR_INPUT, "layer_types lists %zu layers of %zu", n, n_layers);
        return false;
    }
    return true;
}

static bool slides_by_default(const struct model_config *c, const struct config_keys *keys,
                              size_t layer)
{
    const struct arch *arch = c->arch;
    size_t pattern = keys->window_pattern > 0 ? keys->window_pattern : arch->window_pattern;
    switch (arch->windows) {
    case WINDOW_NEVER:
        return false;
    case WINDOW_ALL:
        return true;
    case WINDOW_TYPES:
        return layer >= keys->max_window_layers;
    case WINDOW_PATTERN:
        return (layer + 1) % pattern != 0;
    case WINDOW_NO_ROPE:
        return c->layers[layer].rope == ROPE_NONE;
    }
    return false;
}

static bool read_no_rope(struct model_config *c, struct arena *arena,
                         const struct config_keys *keys, struct err *err)
{
    size_t interval = keys->no_rope_interval > 0 ? keys->no_rope_interval : 4;
    struct json_reader r;
    size_t n = 0;
    for (size_t i = 0; i < c->n_layers; i++)
        c->layers[i].rope = (i + 1) % interval != 0 ? 0 : ROPE_NONE;
    if (keys->no_rope_layers.len == 0)
        return true;
    json_open(&r, keys->no_rope_layers, arena);
    json_enter_array(&r);
    while (json_next_item(&r)) {
        bool turns = json_double(&r) != 0;
        if (n < c->n_layers)
            c->layers[n].rope = turns ? 0 : ROPE_NONE;
        n++;
    }
    if (!within("no_rope_layers", json_close(&r, err), err))
        return false;
    if (n == c->n_layers)
        return true;
    err_set(err, ERR_INPUT, "no_rope_layers lists %zu layers of %zu", n, c->n_layers);
    return false;
}

static bool read_layers(struct model_config *c, struct arena *arena, const struct config_keys *keys,
                        struct err *err)
{
    const struct arch *arch = c->arch;
    bool asks = arch->windows == WINDOW_TYPES || arch->windows == WINDOW_NO_ROPE;
    uint64_t window = keys->window == UINT64_MAX ? arch->window : keys->window;
    bool *sliding = arena_array(arena, bool, c->n_layers);
    if (asks && keys->uses_window != FLAG_YES)
        window = 0;
    c->layers = arena_array(arena, struct layer_config, c->n_layers);
    if (c->n_ropes == 0) {
        for (size_t i = 0; i < c->n_layers; i++)
            c->layers[i].rope = ROPE_NONE;
    }
    if (arch->skips_ropes && !read_no_rope(c, arena, keys, err))
        return false;
    for (size_t i = 0; i < c->n_layers; i++)
        sliding[i] = slides_by_default(c, keys, i);
    bool obeys = arch->windows != WINDOW_NEVER && arch->windows != WINDOW_ALL;
    if (obeys && keys->layer_types.len > 0 &&
        !read_layer_types(sliding, c->n_layers, arena, keys->layer_types, err))
        return false;
    for (size_t i = 0; i < c->n_layers; i++) {
        c->layers[i].window = sliding[i] ? (int64_t)window : 0;
        if (c->n_ropes == 2)
            c->layers[i].rope = sliding[i];
    }
    return true;
}

/* -------------------------------------------------------------------------------------- rope -- */

/*
 * The share of a head that turns. transformers' classes of most families pass over the factor where
 * nothing is scaled, and break on it otherwise.
 */
static bool read_partial(const struct model_config *c, const struct rope_keys *rope, double outside,
                         double *partial, struct err *err)
{
    double given = isnan(rope->partial) ? outside : rope->partial;
    *partial = c->arch->rotary;
    if (isnan(given) || given == *partial)
        return true;
    if (c->arch->has_partial_rotary) {
        *partial = given;
    } else if (rope->type && strcmp(rope->type, "default") != 0) {
        return refuse(err, "partial_rotary_factor with scaled rope in this family");
    } else {
        log_warning("partial_rotary_factor %g is passed over, as transformers does in %s models",
                    given, c->family);
    }
    return true;
}

static bool set_rope(struct model_config *c, struct arena *arena, struct rope_keys *rope,
                     const struct config_keys *keys, double theta, struct err *err)
{
    struct rope_config *out = &c->rope[c->n_ropes];
    double partial = 1;
    if (!read_partial(c, rope, keys->partial_rotary, &partial, err))
        return false;
    if (rope->type && strcmp(rope->type, "su") == 0)
        rope->type = "longrope"; /* as the first files of Phi-3 call it */
    out->theta = isnan(rope->theta) ? theta : rope->theta;
    if (!(partial > 0 && partial <= 1)) {
        err_set(err, ERR_INPUT, "partial_rotary_factor is %g", partial);
        return false;
    }
    out->rotary = (size_t)((double)c->head * partial);
    if (out->rotary == 0 || out->rotary % 2 != 0) {
        err_set(err, ERR_INPUT, "%zu numbers of a head of %zu would turn: not an even number",
                out->rotary, c->head);
        return false;
    }
    if (keys->original_positions > 0)
        rope->original = (double)keys->original_positions;
    else if (isnan(rope->original))
        rope->original = (double)c->max_positions;
    c->n_ropes++;
    return rope_scale(out, arena, rope, c->max_positions, err);
}

/* Gemma 3: one rope for layers that see everything, one for those with a window. */
static bool read_two_ropes(struct model_config *c, struct arena *arena,
                           const struct config_keys *keys, struct err *err)
{
    static const char *const kinds[] = {"full_attention", "sliding_attention"};
    double theta[] = {isnan(keys->theta) ? c->arch->theta : keys->theta,
                      isnan(keys->local_theta) ? 10000 : keys->local_theta};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        struct span text = {0};
        struct rope_keys rope;
        rope_keys_init(&rope);
        if (keys->rope_parameters.len > 0 &&
            !within("rope_parameters",
                    config_member(&text, arena, keys->rope_parameters, kinds[i], err), err))
            return false;
        if (text.len == 0 && i == 0)
            text = keys->rope_scaling;
        if ((text.len > 0 && !within(kinds[i], config_rope_read(&rope, arena, text, err), err)) ||
            !set_rope(c, arena, &rope, keys, theta[i], err))
            return false;
    }
    return true;
}

static bool read_rope(struct model_config *c, struct arena *arena, const struct config_keys *keys,
                      struct err *err)
{
    struct rope_keys rope;
    struct span nested = {0};
    if (c->learned_positions)
        return true;
    if (c->arch->has_two_ropes)
        return read_two_ropes(c, arena, keys, err);
    bool is_old = keys->rope_scaling.len > 0;
    struct span text = is_old ? keys->rope_scaling : keys->rope_parameters;
    rope_keys_init(&rope);
    if (text.len > 0) {
        bool ok = config_member(&nested, arena, text, "full_attention", err) &&
                  config_rope_read(&rope, arena, text, err);
        if (!within(is_old ? "rope_scaling" : "rope_parameters", ok, err))
            return false;
        if (nested.len > 0)
            return refuse(err, "a rope for each kind of layer in this family");
    }
    return set_rope(c, arena, &rope, keys, isnan(keys->theta) ? c->arch->theta : keys->theta, err);
}

/* ------------------------------------------------------------------------------------- whole -- */

static bool is_on(enum bias_rule rule, enum flag flag, bool otherwise)
{
    if (rule != BIAS_BY_KEY)
        return rule == BIAS_ALWAYS;
    return flag == FLAG_ABSENT ? otherwise : flag == FLAG_YES;
}

static bool read_sizes(struct model_config *c, const struct config_keys *keys, struct err *err)
{
    c->width = keys->width;
    c->n_layers = keys->n_layers;
    c->heads = keys->heads;
    c->kv_heads = keys->kv_heads > 0 ? keys->kv_heads : keys->heads;
    c->feed_forward = keys->feed_forward;
    c->vocabulary = keys->vocabulary;
    c->max_positions = keys->max_positions > 0 ? keys->max_positions : c->arch->max_positions;
    if (c->arch->learned_positions && c->feed_forward == 0)
        c->feed_forward = 4 * keys->width;
    c->head = keys->head > 0 ? keys->head : c->arch->head;
    if (c->arch->norm == NORM_LAYER) { /* GPT-2 and GPT-NeoX know neither of the two */
        c->kv_heads = c->heads;
        c->head = 0;
    }
    if (c->head == 0 && c->heads > 0)
        c->head = c->width / c->heads;
    return config_check_sizes(c, err);
}

static void read_scales(struct model_config *c, const struct config_keys *keys)
{
    const struct arch *arch = c->arch;
    double scalar = (double)c->head;
    if (arch->has_attention_scalar)
        scalar = isnan(keys->attention_scalar) ? 256 : keys->attention_scalar;
    c->attn_scale = keys->scales_attention == FLAG_NO ? 1 : (float)(1 / sqrt(scalar));
    c->divides_by_layer = keys->scales_by_layer == FLAG_YES;
    /* Run in bfloat16, transformers rounds this root to that; in float32, as here, it does not. */
    c->embed_scale = arch->scales_embedding ? (float)sqrt((double)c->width) : 1;
    c->logit_scale = 1;
    if (arch->has_attention_softcap && !isnan(keys->attention_softcap))
        c->attn_softcap = (float)keys->attention_softcap;
    if (arch->has_attention_scalar && !isnan(keys->final_softcap))
        c->logit_softcap = (float)keys->final_softcap;
}

static void read_parts(struct model_config *c, const struct config_keys *keys)
{
    const struct arch *arch = c->arch;
    c->norm = arch->norm;
    c->norm_places = arch->norm_places;
    c->norm_eps = (float)(isnan(keys->eps) ? arch->eps : keys->eps);
    c->norm_shift = arch->norm_shift;
    c->norm_bias = arch->norm == NORM_LAYER;
    c->qk_norm = arch->qk_norm;
    c->glu = arch->glu;
    c->is_parallel = arch->can_be_parallel && keys->parallel != FLAG_NO;
    c->qkv_bias = is_on(arch->qkv_bias, keys->attention_bias, arch->bias_default);
    c->out_bias = is_on(arch->out_bias, keys->attention_bias, arch->bias_default);
    c->ff_bias = is_on(arch->ff_bias, keys->mlp_bias, false);
    c->learned_positions = arch->learned_positions;
    c->is_tied = keys->tied == FLAG_ABSENT ? arch->tied : keys->tied == FLAG_YES;
    c->init_range = isnan(keys->init_range) ? 0.02 : keys->init_range;
    c->bos = token_id(keys->bos, arch->bos);
    c->pad = token_id(keys->pad, -1);
}

static const struct arch *find_family(const struct config_keys *keys, struct err *err)
{
    const struct arch *arch = NULL;
    if (!keys->model_type) {
        err_set(err, ERR_INPUT, "no model_type");
        return NULL;
    }
    arch = arch_of_config(span_of(keys->model_type));
    if (!arch) {
        arch_refuse(span_of(keys->model_type), false, err);
        if (keys->text_config.len > 0)
            err_hint(err, "this model also sees or hears; take its language model alone");
    }
    return arch;
}

bool model_config_parse(struct model_config *config, struct arena *arena, struct span text,
                        struct err *err)
{
    struct config_keys keys;
    *config = (struct model_config){0};
    if (!config_keys_read(&keys, arena, text, err))
        return false;
    const struct arch *arch = find_family(&keys, err);
    if (!arch)
        return false;
    config->arch = arch;
    config->family = arch->model_type;
    if (!check_class(arch, arena, keys.classes, err) || !refuse_options(arch, &keys, err) ||
        !read_sizes(config, &keys, err))
        return false;
    read_parts(config, &keys);
    read_scales(config, &keys);
    read_dtype(config, &keys);
    return read_act(config, &keys, err) && read_eos(config, arena, &keys, err) &&
           read_rope(config, arena, &keys, err) && read_layers(config, arena, &keys, err) &&
           config_check_numbers(config, err);
}

static bool read_file(struct model_config *config, struct arena *arena, const char *path,
                      struct err *err)
{
    struct file_map file = {0};
    struct gguf gguf = {0};
    bool opened = file_map(&file, path, err), is_gguf = opened && gguf_is(file.bytes), ok = false;
    if (is_gguf)
        opened = gguf_open(&gguf, path, err);
    if (opened) {
        ok = is_gguf ? model_config_gguf(config, arena, &gguf, err)
                     : model_config_parse(config, arena, arena_copy(arena, file.bytes), err);
        if (!ok)
            err_in(err, "%s", path); /* what opens a file says so by itself */
    }
    gguf_close(&gguf);
    file_unmap(&file);
    return ok;
}

bool model_config_read(struct model_config *config, struct arena *arena, const char *path,
                       struct err *err)
{
    bool is_folder = file_kind_of(path) == FILE_FOLDER;
    *config = (struct model_config){0};
    return read_file(config, arena, is_folder ? file_join(arena, path, "config.json") : path, err);
}
