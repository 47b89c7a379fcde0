/*
 * peft_config.c - the description of an adapter.
 *
 * PEFT has some forty options, most of which are null in any one file. Those that choose a plain
 * low-rank adapter are read; those that would make it compute something else must be null, false or
 * empty (the table `refused`), whatever their value means; the rest (how it was started, where it
 * came from) is passed over. An option that a newer PEFT invents is refused if it is true or an
 * object, since nothing is known of it.
 *
 * What is written holds the sixteen keys that every version of PEFT knows, sorted and indented as
 * PEFT does: old versions stop at a key that they do not know.
 */
#include "model/peft_config.h"

#include <math.h>

#include "base/file.h"
#include "format/json.h"

/* What these say is of no matter for computing with the adapter. */
static const char *const passed_over[] = {
    "auto_mapping",   "corda_config",   "eva_config",  "loftq_config", "inference_mode",
    "megatron_core",  "peft_version",   "revision",    "task_type",    "qalora_group_size",
    "runtime_config", "lora_ga_config", "kasa_config",
};

/* These choose among modules; the tensors in the file say the same. */
static const char *const choosers[] = {"layers_to_transform", "layers_pattern", "exclude_modules"};

static bool is_among(struct span key, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (span_is(key, list[i]))
            return true;
    }
    return false;
}

/* null, false, "", [] and {} choose nothing. */
static bool is_empty(struct json_reader *r)
{
    struct span raw = json_raw(r);
    return span_is(raw, "null") || span_is(raw, "false") || span_is(raw, "\"\"") ||
           span_is(raw, "[]") || span_is(raw, "{}");
}

/* NULL, and none, of null. */
static const char **read_names(size_t *n, struct arena *arena, struct json_reader *r)
{
    *n = 0;
    if (json_null(r))
        return NULL;
    struct json_reader inner;
    struct err error = {0};
    struct span text = json_raw(r);
    const char **names = arena_array(arena, const char *, text.len / 3 + 1);
    json_open(&inner, text, arena);
    json_enter_array(&inner);
    while (json_next_item(&inner))
        names[(*n)++] = arena_string(arena, json_string(&inner));
    if (!json_close(&inner, &error))
        json_fail(r, "a list of names is wanted");
    return names;
}

static double read_positive(struct json_reader *r, const char *name, bool must_be_whole)
{
    double value = json_double(r);
    if (value > 0 && value < 1e9 && (!must_be_whole || value == floor(value)))
        return value;
    json_fail(r, "%s is %g; a %s above zero and below 1e9 is wanted", name, value,
              must_be_whole ? "whole number" : "number");
    return 1;
}

/* The same of patterns. */
static struct lora_pattern *read_patterns(size_t *n, struct arena *arena, struct json_reader *r,
                                          bool must_be_whole)
{
    *n = 0;
    if (json_null(r))
        return NULL;
    struct json_reader inner;
    struct err error = {0};
    struct span key, text = json_raw(r);
    struct lora_pattern *patterns = arena_array(arena, struct lora_pattern, text.len / 4 + 1);
    json_open(&inner, text, arena);
    json_enter_object(&inner);
    while (json_next_key(&inner, &key)) {
        struct lora_pattern *p = &patterns[(*n)++];
        p->pattern = arena_string(arena, key);
        p->value = read_positive(&inner, "a pattern's value", must_be_whole);
    }
    if (!json_close(&inner, &error))
        json_fail(r, "%s", error.what);
    return patterns;
}

/* Some ways to begin take a part of the base away; the adapter then belongs to what is left. */
static void check_start(struct json_reader *r)
{
    static const char *const known[] = {"gaussian", "eva", "orthogonal"};
    if (json_peek(r) == JSON_NULL || json_peek(r) == JSON_BOOL) {
        json_skip(r);
        return;
    }
    struct span start = json_string(r);
    if (!is_among(start, known, COUNT_OF(known)) && !r->failed)
        json_fail(r, "an adapter begun with \"%.*s\" changes its base: not supported",
                  SPAN_ARGS(start));
}

static void read_targets(struct peft_config *c, struct arena *arena, struct json_reader *r)
{
    bool is_list = json_peek(r) == JSON_ARRAY;
    c->is_partial |= !is_list; /* an expression, or PEFT's choice */
    if (is_list)
        c->lora.targets = read_names(&c->lora.n_targets, arena, r);
    else if (!json_null(r))
        (void)json_string(r);
}

/* True where the key was one of those that are read; null leaves what PEFT begins with. */
static bool read_known(struct peft_config *c, struct arena *arena, struct span key,
                       struct json_reader *r)
{
    struct lora_options *lora = &c->lora;
    if (span_is(key, "r"))
        lora->rank = (size_t)read_positive(r, "r", true);
    else if (span_is(key, "lora_alpha"))
        lora->alpha = read_positive(r, "lora_alpha", false);
    else if (span_is(key, "lora_dropout"))
        lora->dropout = json_double(r);
    else if (span_is(key, "use_rslora"))
        lora->rslora = !json_null(r) && json_bool(r);
    else if (span_is(key, "fan_in_fan_out"))
        c->fan_in_fan_out = !json_null(r) && json_bool(r);
    else if (span_is(key, "rank_pattern"))
        lora->ranks = read_patterns(&lora->n_ranks, arena, r, true);
    else if (span_is(key, "alpha_pattern"))
        lora->alphas = read_patterns(&lora->n_alphas, arena, r, false);
    else if (span_is(key, "modules_to_save"))
        lora->saved = read_names(&lora->n_saved, arena, r);
    else if (span_is(key, "base_model_name_or_path"))
        c->base = json_null(r) ? "" : arena_string(arena, json_string(r));
    else if (span_is(key, "target_modules"))
        read_targets(c, arena, r);
    else if (span_is(key, "init_lora_weights"))
        check_start(r);
    else
        return false;
    return true;
}

static void read_type(struct json_reader *r)
{
    struct span type = json_string(r);
    if (!span_is(type, "LORA") && !r->failed)
        json_fail(r, "an adapter of type \"%.*s\" is not supported", SPAN_ARGS(type));
}

static void read_key(struct peft_config *c, struct arena *arena, struct span key,
                     struct json_reader *r)
{
    if (read_known(c, arena, key, r))
        return;
    if (span_is(key, "peft_type")) {
        read_type(r);
    } else if (span_is(key, "bias") && json_peek(r) == JSON_STRING) {
        if (!span_is(json_string(r), "none"))
            json_fail(r, "an adapter that trains biases is not supported");
    } else if (is_among(key, passed_over, COUNT_OF(passed_over))) {
        json_skip(r);
    } else if (is_among(key, choosers, COUNT_OF(choosers))) {
        c->is_partial |= !is_empty(r);
    } else if (json_peek(r) != JSON_BROKEN && !is_empty(r)) {
        json_fail(r, "the option \"%.*s\" is not supported", SPAN_ARGS(key));
    }
}

bool peft_config_parse(struct peft_config *config, struct arena *arena, struct span text,
                       struct err *err)
{
    struct json_reader r;
    struct span key;
    bool has_type = false;
    *config = (struct peft_config){.base = "", .lora = {.rank = 8, .alpha = 8}};
    json_open(&r, text, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        has_type |= span_is(key, "peft_type");
        read_key(config, arena, key, &r);
    }
    if (!json_close(&r, err))
        return false;
    if (!has_type) {
        err_set(err, ERR_INPUT, "no peft_type: not the description of an adapter");
        return false;
    }
    if (!(config->lora.dropout >= 0 && config->lora.dropout < 1)) {
        err_set(err, ERR_INPUT, "lora_dropout is %g; it is a share below 1", config->lora.dropout);
        return false;
    }
    return true;
}

/* ------------------------------------------------------------------------------------- write -- */

static void put_number(struct json_writer *w, double value)
{
    if (value == floor(value))
        json_put_int(w, (int64_t)value);
    else
        json_put_double(w, value);
}

static void put_patterns(struct json_writer *w, const char *key,
                         const struct lora_pattern *patterns, size_t n)
{
    json_key(w, key);
    json_begin_object(w);
    for (size_t i = 0; i < n; i++) {
        json_key(w, patterns[i].pattern);
        put_number(w, patterns[i].value);
    }
    json_end(w);
}

static void put_names(struct json_writer *w, const char *key, const char *const *names, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_text(w, names[i]);
    json_end(w);
}

bool peft_config_write(const struct peft_config *config, const char *path, struct err *err)
{
    const struct lora_options *lora = &config->lora;
    struct file_writer file = {0};
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    struct json_writer w = {.out = &text, .indent = 2};
    json_begin_object(&w);
    put_patterns(&w, "alpha_pattern", lora->alphas, lora->n_alphas);
    json_member_text(&w, "base_model_name_or_path", config->base);
    json_member_text(&w, "bias", "none");
    json_member_bool(&w, "fan_in_fan_out", config->fan_in_fan_out);
    json_member_bool(&w, "inference_mode", true);
    json_member_bool(&w, "init_lora_weights", true);
    json_key(&w, "lora_alpha");
    put_number(&w, lora->alpha);
    json_member_double(&w, "lora_dropout", lora->dropout);
    if (lora->n_saved > 0)
        put_names(&w, "modules_to_save", lora->saved, lora->n_saved);
    else
        json_member_null(&w, "modules_to_save");
    json_member_text(&w, "peft_type", "LORA");
    json_member_int(&w, "r", (int64_t)lora->rank);
    put_patterns(&w, "rank_pattern", lora->ranks, lora->n_ranks);
    put_names(&w, "target_modules", lora->targets, lora->n_targets);
    json_member_text(&w, "task_type", "CAUSAL_LM");
    json_member_bool(&w, "use_dora", false);
    json_member_bool(&w, "use_rslora", lora->rslora);
    json_end(&w);
    bool ok = file_writer_open(&file, path, err);
    if (ok) {
        file_write(&file, buf_span(&text));
        ok = file_commit(&file, err);
    }
    file_discard(&file);
    buf_release(&text);
    return ok;
}
