/*
 * adapter_options.c - the adapters that the options describe.
 *
 * Lists are names between commas, patterns JSON objects as LoraConfig has them. A file of rows may
 * name a hundred modules; more than NAMES_MOST is a mistake.
 */
#include "train/adapter_options.h"

#include <math.h>

#include "format/json.h"

enum { NAMES_MOST = 256, RANK_MOST = 65536 };

static bool refuse_count(const char *option, struct err *err)
{
    err_set(err, ERR_USAGE, "--%s: more than %d names", option, NAMES_MOST);
    return false;
}

/* The names between commas; none of NULL. */
static bool read_names(const char *option, const char *text, struct arena *arena,
                       const char *const **out, size_t *n, struct err *err)
{
    const char **names = arena_array(arena, const char *, NAMES_MOST);
    *out = names;
    *n = 0;
    for (const char *at = text; at && *at;) {
        size_t len = strcspn(at, ","), blank = strspn(at, " ");
        struct span name = {(const uint8_t *)at + min_size(blank, len), len - min_size(blank, len)};
        while (name.len > 0 && name.at[name.len - 1] == ' ')
            name.len--;
        if (name.len > 0 && *n == NAMES_MOST)
            return refuse_count(option, err);
        if (name.len > 0)
            names[(*n)++] = arena_string(arena, name);
        at += len + (at[len] == ',');
    }
    return true;
}

static double read_number(struct json_reader *r, bool is_rank)
{
    double value = json_double(r);
    bool fits = value > 0 && isfinite(value);
    if (is_rank && !(fits && value <= RANK_MOST && value == floor(value)))
        json_fail(r, "a whole number from 1 to %d is expected", RANK_MOST);
    else if (!fits)
        json_fail(r, "a number above 0 is expected");
    return value;
}

/* {"q_proj": 32, "layers.0.*": 8} */
static bool read_pattern(const char *option, const char *text, struct arena *arena,
                         const struct lora_pattern **out, size_t *n, struct err *err)
{
    bool is_rank = strcmp(option, "rank-pattern") == 0;
    struct lora_pattern *patterns = arena_array(arena, struct lora_pattern, NAMES_MOST);
    struct json_reader r;
    struct span key;
    struct err problem = {0};
    *out = patterns;
    *n = 0;
    if (!text)
        return true;
    json_open(&r, span_of(text), arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        double value = read_number(&r, is_rank);
        if (*n == NAMES_MOST)
            return refuse_count(option, err);
        patterns[(*n)++] = (struct lora_pattern){arena_string(arena, key), value};
    }
    if (json_close(&r, &problem))
        return true;
    err_set(err, ERR_USAGE, "--%s: %s", option, problem.what);
    err_hint(err, "it is a JSON object of modules and numbers: {\"q_proj\": 32}");
    return false;
}

bool adapter_options_read(const struct options *o, struct arena *arena, struct lora_options *lora,
                          struct err *err)
{
    const char *targets = o->target_modules ? o->target_modules : "all-linear";
    lora->all_linear = strcmp(targets, "all-linear") == 0;
    lora->dropout = o->lora_dropout;
    lora->rslora = o->use_rslora;
    return read_names("target-modules", targets, arena, &lora->targets, &lora->n_targets, err) &&
           read_names("modules-to-save", o->modules_to_save, arena, &lora->saved, &lora->n_saved,
                      err) &&
           read_pattern("rank-pattern", o->rank_pattern, arena, &lora->ranks, &lora->n_ranks,
                        err) &&
           read_pattern("alpha-pattern", o->alpha_pattern, arena, &lora->alphas, &lora->n_alphas,
                        err);
}
