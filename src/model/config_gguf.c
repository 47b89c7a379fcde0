/*
 * config_gguf.c - a decoder's description from the metadata of a GGUF file.
 *
 * Keys begin with the architecture's name: "llama.embedding_length". What llama.cpp fixes in its
 * graphs instead of writing it down is fixed here too: Gemma 2 alternates windows two by two and
 * Gemma 3 six by six, Gemma 3's windows turn with theta 10,000, SmolLM3 has no rope in each fourth
 * layer, Gemma's largest models scale attention by width / heads instead of the width of a head.
 * What can be seen from the tensors (vocabulary, biases, tied embeddings, llama3's and LongRoPE's
 * divisors) is taken from them.
 *
 * A file's weights differ from Hugging Face's in three ways: the rows of q and k of some families
 * are reordered so that pairs (2j, 2j + 1) turn together; Gemma's norms have their 1 added; GPT-2's
 * matrices lie [out, in]. So norm_shift is 0 and the rope of these families is interleaved.
 *
 * Source: llama.cpp's conversion/  and src/llama-model.cpp as of 2026.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "format/gguf.h"
#include "model/arch.h"
#include "model/config.h"
#include "model/config_check.h"
#include "model/rope.h"
#include "tensor/quant.h"

struct reader {
    const struct gguf *gguf;
    const struct arch *arch;
    struct arena *arena;
    struct err *err;
    bool failed; /* err is set */
};

static const struct gguf_entry *find(struct reader *r, const char *name, char key[128])
{
    snprintf(key, 128, "%s.%s", r->arch->gguf, name);
    return gguf_find(r->gguf, key);
}

/* A whole number; `otherwise` where the key is absent. */
static size_t count(struct reader *r, const char *name, size_t otherwise)
{
    char key[128];
    uint32_t value = 0;
    if (r->failed || !find(r, name, key))
        return otherwise;
    if (!gguf_get_u32(r->gguf, key, &value, r->err))
        r->failed = true;
    return value;
}

static double number(struct reader *r, const char *name, double otherwise)
{
    char key[128];
    float value = 0;
    if (r->failed || !find(r, name, key))
        return otherwise;
    if (!gguf_get_f32(r->gguf, key, &value, r->err))
        r->failed = true;
    return (double)value;
}

static bool flag(struct reader *r, const char *name, bool otherwise)
{
    char key[128];
    bool value = false;
    if (r->failed || !find(r, name, key))
        return otherwise;
    if (!gguf_get_bool(r->gguf, key, &value, r->err))
        r->failed = true;
    return value;
}

static bool has_tensor(const struct reader *r, enum slot slot, const char *what)
{
    const char *path = arch_gguf_path(r->arch, r->arena, slot, 0);
    return path && gguf_find_tensor(r->gguf, span_of(arena_printf(r->arena, "%s.%s", path, what)));
}

static bool is_on(const struct reader *r, enum bias_rule rule, enum slot slot)
{
    return rule == BIAS_ALWAYS || (rule == BIAS_BY_KEY && has_tensor(r, slot, "bias"));
}

static bool read_sizes(struct reader *r, struct model_config *c)
{
    const struct tensor *tokens = gguf_find_tensor(r->gguf, span_of("token_embd.weight"));
    c->width = count(r, "embedding_length", 0);
    c->n_layers = count(r, "block_count", 0);
    c->heads = count(r, "attention.head_count", 0);
    c->kv_heads = count(r, "attention.head_count_kv", c->heads);
    c->head = count(r, "attention.key_length", c->heads > 0 ? c->width / c->heads : 0);
    c->feed_forward = count(r, "feed_forward_length", 0);
    c->max_positions = count(r, "context_length", r->arch->max_positions);
    if (!r->failed && count(r, "attention.value_length", c->head) != c->head) {
        err_set(r->err, ERR_INPUT, "heads whose keys and values differ in width are not supported");
        return false;
    }
    if (!r->failed && count(r, "expert_count", 0) > 0) {
        err_set(r->err, ERR_INPUT, "a mixture of experts (expert_count) is not supported");
        return false;
    }
    if (tokens && tokens->n_dims == 2 && tokens->dims[0] <= INT32_MAX)
        c->vocabulary = (size_t)tokens->dims[0];
    return !r->failed && config_check_sizes(c, r->err);
}

/* A list of divisors that stands among the tensors. *out is NULL where there is none. */
static bool read_divisors(struct reader *r, const char *name, size_t n, const double **out)
{
    const struct tensor *t = gguf_find_tensor(r->gguf, span_of(name));
    *out = NULL;
    if (!t)
        return true;
    if (t->dtype != DTYPE_F32 || t->n_dims != 1 || t->dims[0] != n) {
        err_set(r->err, ERR_INPUT, "tensor %s: %zu numbers of type F32 are wanted", name, n);
        return false;
    }
    float *values = arena_array(r->arena, float, n);
    double *divisor = arena_array(r->arena, double, n);
    quant_decode(DTYPE_F32, t->bytes.at, values, n);
    for (size_t j = 0; j < n; j++) {
        divisor[j] = (double)values[j];
        if (!(divisor[j] > 0 && isfinite(divisor[j]))) {
            err_set(r->err, ERR_INPUT, "tensor %s: number %zu is %g", name, j, divisor[j]);
            return false;
        }
    }
    *out = divisor;
    return true;
}

static bool read_scaling(struct reader *r, struct model_config *c, struct rope_config *rope)
{
    struct rope_keys keys;
    struct span type;
    char key[128];
    rope_keys_init(&keys);
    if (find(r, "rope.scaling.type", key)) {
        if (!gguf_get_string(r->gguf, key, &type, r->err))
            return false;
        keys.type = span_is(type, "none") ? NULL : arena_string(r->arena, type);
    }
    keys.factor = number(r, "rope.scaling.factor", NAN);
    keys.original = (double)count(r, "rope.scaling.original_context_length", c->max_positions);
    double growth = number(r, "rope.scaling.attn_factor", NAN);
    const double *divisor, *long_divisor, *freqs;
    if (r->failed || !read_divisors(r, "rope_factors_short.weight", rope->rotary / 2, &divisor) ||
        !read_divisors(r, "rope_factors_long.weight", rope->rotary / 2, &long_divisor) ||
        !read_divisors(r, "rope_freqs.weight", rope->rotary / 2, &freqs))
        return false;
    bool is_longrope = divisor && long_divisor;
    if (is_longrope || freqs || (keys.type && strcmp(keys.type, "longrope") == 0))
        keys.type = NULL; /* the tensors say it */
    if (!rope_scale(rope, r->arena, &keys, c->max_positions, r->err))
        return false;
    if (freqs)
        rope->divisor = freqs;
    if (is_longrope) {
        rope->divisor = divisor;
        rope->long_divisor = long_divisor;
        rope->long_beyond = (size_t)keys.original;
        rope->attention_factor = isnan(growth) ? 1 : growth;
    }
    return rope_check(rope, r->err);
}

static bool read_rope(struct reader *r, struct model_config *c)
{
    if (c->learned_positions)
        return true;
    double theta = r->arch->has_two_ropes ? 1e6 : 1e4;
    struct rope_config *rope = &c->rope[0];
    *rope = (struct rope_config){.theta = number(r, "rope.freq_base", theta),
                                 .rotary = count(r, "rope.dimension_count", c->head),
                                 .interleaved = r->arch->gguf_pairs};
    if (r->failed)
        return false;
    if (rope->rotary > c->head || rope->rotary % 2 != 0 || rope->rotary == 0) {
        err_set(r->err, ERR_INPUT, "%zu numbers of a head of %zu would turn", rope->rotary,
                c->head);
        return false;
    }
    c->n_ropes = 1;
    if (!read_scaling(r, c, rope))
        return false;
    if (r->arch->has_two_ropes) {
        c->rope[1] = (struct rope_config){.theta = number(r, "rope.freq_base_swa", 1e4),
                                          .rotary = rope->rotary,
                                          .attention_factor = 1};
        c->n_ropes = 2;
        return !r->failed && rope_check(&c->rope[1], r->err);
    }
    return true;
}

static bool slides(const struct arch *arch, size_t layer)
{
    if (arch->windows == WINDOW_PATTERN)
        return (layer + 1) % arch->window_pattern != 0;
    return arch->windows == WINDOW_ALL || strcmp(arch->model_type, "llama") == 0;
}

static bool read_layers(struct reader *r, struct model_config *c)
{
    size_t window = count(r, "attention.sliding_window", 0);
    char key[128];
    if (find(r, "attention.sliding_window_pattern", key)) {
        err_set(r->err, ERR_INPUT, "%s is not supported", key);
        return false;
    }
    if (r->failed)
        return false;
    c->layers = arena_array(r->arena, struct layer_config, c->n_layers);
    for (size_t i = 0; i < c->n_layers; i++) {
        c->layers[i].window = slides(r->arch, i) ? (int64_t)window : 0;
        if (c->n_ropes == 0 || (r->arch->skips_ropes && (i + 1) % 4 == 0))
            c->layers[i].rope = ROPE_NONE;
        else if (c->n_ropes == 2)
            c->layers[i].rope = slides(r->arch, i);
    }
    return true;
}

static void read_parts(struct reader *r, struct model_config *c)
{
    const struct arch *arch = r->arch;
    const char *eps = arch->norm == NORM_RMS ? "attention.layer_norm_rms_epsilon"
                                             : "attention.layer_norm_epsilon";
    c->norm = arch->norm;
    c->norm_places = arch->norm_places;
    c->norm_eps = (float)number(r, eps, arch->eps);
    c->norm_bias = arch->norm == NORM_LAYER;
    c->qk_norm = arch->qk_norm;
    c->glu = arch->glu;
    c->act = arch->act;
    c->is_parallel = arch->can_be_parallel && flag(r, "use_parallel_residual", true);
    c->qkv_bias = is_on(r, arch->qkv_bias, arch->names[SLOT_QKV] ? SLOT_QKV : SLOT_Q);
    c->out_bias = is_on(r, arch->out_bias, SLOT_OUT);
    c->ff_bias = is_on(r, arch->ff_bias, SLOT_DOWN);
    c->learned_positions = arch->learned_positions;
    c->is_tied = !gguf_find_tensor(r->gguf, span_of("output.weight"));
    c->init_range = 0.02;
}

static void read_scales(struct reader *r, struct model_config *c)
{
    double scalar = (double)c->head;
    bool is_largest = r->arch->has_two_ropes ? c->n_layers == 62 : c->n_layers == 46;
    if (r->arch->has_attention_scalar && is_largest)
        scalar = (double)c->width / (double)c->heads;
    c->attn_scale = (float)(1 / sqrt(scalar));
    c->embed_scale = r->arch->scales_embedding ? (float)sqrt((double)c->width) : 1;
    c->logit_scale = 1;
    if (r->arch->has_attention_softcap)
        c->attn_softcap = (float)number(r, "attn_logit_softcapping", 50);
    if (r->arch->has_attention_scalar)
        c->logit_softcap =
            (float)number(r, "final_logit_softcapping", r->arch->has_two_ropes ? 0 : 30);
}

static void read_token_ids(const struct gguf *g, struct model_config *c)
{
    static const char *const end_keys[] = {"tokenizer.ggml.eos_token_id",
                                           "tokenizer.ggml.eot_token_id"};
    uint32_t id;
    struct err ignored;
    c->bos = gguf_get_u32(g, "tokenizer.ggml.bos_token_id", &id, &ignored) ? (int32_t)id : -1;
    c->pad = gguf_get_u32(g, "tokenizer.ggml.padding_token_id", &id, &ignored) ? (int32_t)id : -1;
    for (size_t i = 0; i < COUNT_OF(end_keys); i++) {
        if (gguf_get_u32(g, end_keys[i], &id, &ignored))
            c->eos[c->n_eos++] = (int32_t)id;
    }
}

bool model_config_gguf(struct model_config *config, struct arena *arena, const struct gguf *gguf,
                       struct err *err)
{
    struct span architecture;
    struct reader r = {.gguf = gguf, .arena = arena, .err = err};
    *config = (struct model_config){.is_gguf = true};
    if (!gguf_get_string(gguf, "general.architecture", &architecture, err))
        return false;
    r.arch = arch_of_gguf(architecture);
    if (!r.arch) {
        arch_refuse(architecture, true, err);
        return false;
    }
    config->arch = r.arch;
    config->family = r.arch->model_type;
    if (!read_sizes(&r, config))
        return false;
    read_parts(&r, config);
    read_scales(&r, config);
    read_token_ids(gguf, config);
    return !r.failed && read_rope(&r, config) && read_layers(&r, config) &&
           config_check_numbers(config, err);
}
