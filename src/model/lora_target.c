/*
 * lora_target.c - PEFT's rules for choosing modules.
 *
 *   target      "q_proj" is every module whose path is that or ends with ".q_proj"; GPT-NeoX's head
 *               is also "embed_out", as it was before transformers 5
 *   all-linear  every linear layer but the head
 *   saved       every module whose path ends with the name, '.' or not; it gets no adapter
 *   patterns    a regular expression that matches the whole path, or an end of it behind a '.'
 *
 * Stricter than PEFT in one thing: a name or a pattern that matches nothing is an error, with the
 * names that there are. PEFT is content if one of a list matches, and so adapts half of what was
 * meant; a pattern that matches nothing it passes over. What a file says is read as PEFT reads it.
 *
 * Source: PEFT 0.21, tuners_utils.py and utils/other.py.
 */
#include "model/lora_target.h"

#include <string.h>

#include "base/nearest.h"
#include "text/regex.h"

/* The name, or ".name" at the end. */
static bool is_named(const char *path, const char *name, size_t len)
{
    size_t path_len = strlen(path);
    if (len == 0 || path_len < len || memcmp(path + path_len - len, name, len) != 0)
        return false;
    return path_len == len || path[path_len - len - 1] == '.';
}

static const char *last_part(const char *path)
{
    const char *dot = strrchr(path, '.');
    return dot ? dot + 1 : path;
}

static bool is_listed(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(list[i], name) == 0)
            return true;
    }
    return false;
}

static bool is_plain_linear(const struct module *m)
{
    return module_is_linear(m) && m->slot != SLOT_HEAD;
}

/* Which modules a wrong name may have meant. */
enum among { AMONG_ALL, AMONG_LINEAR, AMONG_ADAPTED };

/* The last parts of their paths, each once. */
static const char **list_names(const struct model *model, enum among among,
                               const struct lora_choice *choices, struct arena *arena, size_t *n)
{
    const struct model_parts *parts = model->parts;
    const char **names = arena_array(arena, const char *, parts->n_modules);
    *n = 0;
    for (size_t i = 0; i < parts->n_modules; i++) {
        const char *name = last_part(parts->modules[i].path);
        bool fits = among == AMONG_ALL      ? true
                    : among == AMONG_LINEAR ? module_is_linear(&parts->modules[i])
                                            : choices[i].adapted;
        if (fits && !is_listed(name, names, *n))
            names[(*n)++] = name;
    }
    return names;
}

/* Names the nearest to the last part of `wrong`, and all that there are. */
static void hint_names(const struct model *model, const char *wrong, enum among among,
                       const struct lora_choice *choices, struct err *err)
{
    static const char *const what[] = {[AMONG_ALL] = "modules of this model are",
                                       [AMONG_LINEAR] = "linear layers of this model are",
                                       [AMONG_ADAPTED] = "adapters are on"};
    struct arena arena = {0};
    struct buf text;
    size_t n;
    const char **names = list_names(model, among, choices, &arena, &n);
    const char *nearest = nearest_word(span_of(last_part(wrong)), names, n);
    buf_init(&text, BUF_NO_LIMIT);
    if (nearest && strcmp(nearest, last_part(wrong)) != 0)
        buf_printf(&text, "did you mean %s? ", nearest);
    buf_add_text(&text, what[among]);
    for (size_t i = 0; i < n; i++)
        buf_printf(&text, "%s%s", i > 0 ? ", " : " ", names[i]);
    err_hint(err, "%s", buf_string(&text));
    buf_release(&text);
    arena_release(&arena);
}

static bool refuse_target(const struct module *m, struct err *err)
{
    err_set(err, ERR_USAGE, "adapters on %s are not supported", m->path);
    if (module_is_embedding(m))
        err_hint(err, "it is no linear layer; modules_to_save trains a copy of it as a whole");
    else
        err_hint(err, "it is no linear layer");
    return false;
}

/* Marks the modules that a target names. */
static bool choose_target(const struct model *model, const char *name, size_t len, bool is_loose,
                          struct lora_choice *choices, struct err *err)
{
    bool found = false;
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        const struct module *m = &model->parts->modules[i];
        const char *there = module_path_in_files(model, m);
        if (!is_named(m->path, name, len) && !(there && is_named(there, name, len)))
            continue;
        found = true;
        if (choices[i].saved)
            continue;
        if (!module_is_linear(m))
            return refuse_target(m, err);
        choices[i].adapted = true;
    }
    if (found || is_loose)
        return true;
    err_set(err, ERR_USAGE, "target_modules: no module is called \"%.*s\"", (int)len, name);
    hint_names(model, name, AMONG_LINEAR, choices, err);
    return false;
}

static void choose_all_linear(const struct model *model, struct lora_choice *choices)
{
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        const struct module *m = &model->parts->modules[i];
        choices[i].adapted = is_plain_linear(m) && !choices[i].saved;
    }
}

/* PEFT's choice for the family: a list with commas. */
static bool choose_default(const struct model *model, struct lora_choice *choices, struct err *err)
{
    const char *list = model->config.arch->adapted;
    if (!list)
        choose_all_linear(model, choices);
    while (list && *list) {
        size_t len = strcspn(list, ",");
        if (!choose_target(model, list, len, false, choices, err))
            return false;
        list += len + (list[len] == ',');
    }
    return true;
}

static bool choose_saved(const struct model *model, const char *name, struct lora_choice *choices,
                         struct err *err)
{
    bool found = false;
    for (size_t i = 0; i < model->parts->n_modules; i++) {
        struct span path = span_of(model->parts->modules[i].path);
        if (*name && span_ends_with(path, span_of(name)))
            choices[i].saved = found = true;
    }
    if (!found) {
        err_set(err, ERR_USAGE, "modules_to_save: no module is called \"%s\"", name);
        hint_names(model, name, AMONG_ALL, choices, err);
    }
    return found;
}

/* Which of the modules that are adapted a pattern matches. */
static bool match_pattern(const struct model *model, const char *pattern,
                          const struct lora_choice *choices, bool *matches, struct err *err)
{
    struct regex re = {0};
    struct regex_search search = {0};
    struct arena arena = {0};
    const char *whole = arena_printf(&arena, "\\A(?:.*\\.)?(?:%s)\\z", pattern);
    bool ok = regex_compile(&re, span_of(whole), err);
    for (size_t i = 0; ok && i < model->parts->n_modules; i++) {
        size_t start, end;
        matches[i] = false;
        if (!choices[i].adapted)
            continue;
        regex_begin(&search, &re, span_of(model->parts->modules[i].path));
        ok = regex_next(&search, &start, &end, &matches[i], err);
    }
    regex_search_release(&search);
    regex_release(&re);
    arena_release(&arena);
    return ok;
}

static bool refuse_pattern(const struct model *model, const char *pattern,
                           const struct lora_choice *choices, struct err *err)
{
    err_set(err, ERR_USAGE, "it matches no layer that has an adapter");
    hint_names(model, pattern, AMONG_ADAPTED, choices, err);
    return false;
}

/* Sets the rank or alpha of the modules that each pattern matches and that no earlier one did. */
static bool apply_patterns(const struct model *model, const struct lora_options *o, bool is_alpha,
                           bool is_loose, struct lora_choice *choices, struct err *err)
{
    const struct lora_pattern *patterns = is_alpha ? o->alphas : o->ranks;
    size_t n = is_alpha ? o->n_alphas : o->n_ranks, n_modules = model->parts->n_modules;
    struct arena arena = {0};
    bool *done = arena_array(&arena, bool, n_modules), ok = true;
    bool *matches = arena_array(&arena, bool, n_modules);
    for (size_t p = 0; p < n && ok; p++) {
        bool found = false;
        ok = match_pattern(model, patterns[p].pattern, choices, matches, err);
        for (size_t i = 0; ok && i < n_modules; i++) {
            found |= matches[i];
            if (!matches[i] || done[i])
                continue;
            done[i] = true;
            if (is_alpha)
                choices[i].alpha = patterns[p].value;
            else
                choices[i].rank = (size_t)patterns[p].value;
        }
        if (ok && !found && !is_loose)
            ok = refuse_pattern(model, patterns[p].pattern, choices, err);
        if (!ok)
            err_in(err, "%s \"%s\"", is_alpha ? "alpha_pattern" : "rank_pattern",
                   patterns[p].pattern);
    }
    arena_release(&arena);
    return ok;
}

static bool choose_adapted(const struct model *model, const struct lora_options *o, bool is_loose,
                           struct lora_choice *choices, struct err *err)
{
    if (o->all_linear) {
        choose_all_linear(model, choices);
        return true;
    }
    if (o->n_targets == 0 && !is_loose)
        return choose_default(model, choices, err);
    for (size_t i = 0; i < o->n_targets; i++) {
        if (!choose_target(model, o->targets[i], strlen(o->targets[i]), is_loose, choices, err))
            return false;
    }
    return true;
}

bool lora_choose(const struct model *model, const struct lora_options *options, bool is_loose,
                 struct lora_choice *choices, struct err *err)
{
    for (size_t i = 0; i < model->parts->n_modules; i++)
        choices[i] = (struct lora_choice){.rank = options->rank, .alpha = options->alpha};
    for (size_t i = 0; i < options->n_saved; i++) {
        if (!choose_saved(model, options->saved[i], choices, err))
            return false;
    }
    return choose_adapted(model, options, is_loose, choices, err) &&
           lora_apply_patterns(model, options, is_loose, choices, err);
}

bool lora_apply_patterns(const struct model *model, const struct lora_options *options,
                         bool is_loose, struct lora_choice *choices, struct err *err)
{
    return apply_patterns(model, options, false, is_loose, choices, err) &&
           apply_patterns(model, options, true, is_loose, choices, err);
}

const char *const *lora_targets(const struct model *model, struct arena *arena, size_t *n)
{
    const struct model_parts *parts = model->parts;
    const char **names = arena_array(arena, const char *, parts->n_modules);
    bool is_exact = true;
    *n = 0;
    for (size_t i = 0; i < parts->n_modules; i++) {
        const char *name = last_part(parts->modules[i].path);
        if (parts->modules[i].lora_a && !is_listed(name, names, *n))
            names[(*n)++] = name;
    }
    for (size_t i = 0; i < parts->n_modules; i++) {
        const struct module *m = &parts->modules[i];
        is_exact &= m->lora_a || m->own_weight || !is_listed(last_part(m->path), names, *n);
    }
    if (is_exact)
        return names;
    *n = 0;
    for (size_t i = 0; i < parts->n_modules; i++) {
        if (parts->modules[i].lora_a)
            names[(*n)++] = parts->modules[i].path;
    }
    return names;
}
