/*
 * jinja_global.c - the functions that every template can call: Jinja's range, dict, namespace,
 * cycler and joiner, and transformers' raise_exception and strftime_now.
 */
#include "format/jinja_run.h"

#include <stdio.h>

#include "base/clock.h"

enum { LONGEST_RANGE = 100000 }; /* the sandbox's own limit */

static bool make_range(struct jinja_run *run, const struct jinja_call *call,
                       struct jinja_value *out)
{
    int64_t part[3] = {0, 0, 1};
    if (call->n_args < 1 || call->n_args > 3 || call->n_named > 0)
        return jinja_fail(run, "range expected at %s, got %zu",
                          call->n_args == 0 ? "least 1 argument" : "most 3 arguments",
                          call->n_args);
    for (size_t i = 0; i < call->n_args; i++) {
        if (call->args[i].type == JINJA_NONE)
            return jinja_fail(run, "'NoneType' object cannot be interpreted as an integer");
        if (!jinja_arg_int(run, call->args[i], 0, &part[call->n_args == 1 ? 1 : i]))
            return false;
    }
    if (part[2] == 0)
        return jinja_fail(run, "range() arg 3 must not be zero");
    bool is_empty = part[2] > 0 ? part[1] <= part[0] : part[0] <= part[1];
    uint64_t distance =
        part[2] > 0 ? (uint64_t)part[1] - (uint64_t)part[0] : (uint64_t)part[0] - (uint64_t)part[1];
    uint64_t stride = part[2] > 0 ? (uint64_t)part[2] : 0 - (uint64_t)part[2];
    uint64_t n = is_empty ? 0 : (distance - 1) / stride + 1;
    if (n > LONGEST_RANGE)
        return jinja_fail(run,
                          "Range too big. The sandbox blocks ranges larger than MAX_RANGE "
                          "(%d).",
                          LONGEST_RANGE);
    struct jinja_range *range = arena_new(run->arena, struct jinja_range);
    *range = (struct jinja_range){part[0], part[1], part[2], (size_t)n};
    *out = (struct jinja_value){.type = JINJA_RANGE, .as.range = range};
    return true;
}

/* The pairs of a mapping, or of a list of pairs, into a dict. */
static bool put_pairs(struct jinja_run *run, struct jinja_value from, struct jinja_dict *dict)
{
    struct jinja_value list;
    if (from.type == JINJA_DICT) {
        for (size_t i = 0; i < from.as.dict->n; i++)
            jinja_dict_put(run->arena, dict, from.as.dict->pairs[i].key,
                           from.as.dict->pairs[i].value);
        return jinja_charge(run, from.as.dict->n) && jinja_room(run, 0);
    }
    if (!jinja_to_list(run, from, &list))
        return false;
    for (size_t i = 0; i < list.as.list->n; i++) {
        struct jinja_value pair = list.as.list->items[i];
        bool fits = (pair.type == JINJA_TUPLE || pair.type == JINJA_LIST) && pair.as.list->n == 2;
        if (!fits)
            return jinja_fail(run,
                              "cannot convert dictionary update sequence element #%zu to a "
                              "sequence",
                              i);
        if (!jinja_is_hashable(pair.as.list->items[0]))
            return jinja_fail(run, "unhashable type: '%s'",
                              jinja_type_name(pair.as.list->items[0]));
        jinja_dict_put(run->arena, dict, pair.as.list->items[0], pair.as.list->items[1]);
    }
    return true;
}

static bool make_dict(struct jinja_run *run, const struct jinja_call *call, struct jinja_value *out)
{
    *out = jinja_dict_new(run->arena);
    if (call->n_args > 1)
        return jinja_fail(run, "dict expected at most 1 argument, got %zu", call->n_args);
    if (call->n_args == 1 && !put_pairs(run, call->args[0], out->as.dict))
        return false;
    for (size_t i = 0; i < call->n_named; i++)
        jinja_dict_put(run->arena, out->as.dict, call->named[i].key, call->named[i].value);
    return jinja_check_extent(run, *out);
}

static bool make_namespace(struct jinja_run *run, const struct jinja_call *call,
                           struct jinja_value *out)
{
    if (!make_dict(run, call, out))
        return false;
    for (size_t i = 0; i < out->as.dict->n; i++) {
        struct jinja_value key = out->as.dict->pairs[i].key;
        if (key.type == JINJA_STRING && key.as.string->len > 0 && key.as.string->at[0] == '_')
            return jinja_fail(run,
                              "Chat templates cannot store underscore-prefixed attributes on a "
                              "namespace, but got '%.*s'. Please rename the attribute.",
                              SPAN_ARGS(jinja_span(key)));
    }
    out->type = JINJA_NAMESPACE;
    return true;
}

static bool make_cycler(struct jinja_run *run, const struct jinja_call *call,
                        struct jinja_value *out)
{
    if (call->n_args == 0)
        return jinja_fail(run, "at least one item has to be provided");
    *out = jinja_list_new(run->arena, JINJA_CYCLER);
    for (size_t i = 0; i < call->n_args; i++)
        jinja_list_add(run->arena, out->as.list, call->args[i]);
    return true;
}

static bool make_joiner(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct jinja_joiner *joiner = arena_new(run->arena, struct jinja_joiner);
    joiner->separator =
        args[0].type == JINJA_MISSING ? jinja_string_copy(run->arena, span_of(", ")) : args[0];
    *out = (struct jinja_value){.type = JINJA_JOINER, .as.joiner = joiner};
    return true;
}

static bool raise_exception(struct jinja_run *run, const struct jinja_value args[],
                            struct jinja_value *out)
{
    if (!jinja_to_text(run, args[0], out))
        return false;
    return jinja_fail(run, "%.*s", SPAN_ARGS(jinja_span(*out)));
}

/* One directive, which the C library knows; Python hands it over in the same way. */
static void add_directive(struct jinja_run *run, const char *directive, const struct tm *now)
{
    char text[128];
    char format[8];
    snprintf(format, sizeof format, "%%%s", directive);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored                                                                     \
    "-Wformat-nonliteral" /* the template brings the format: that is the feature */
    size_t len = strftime(text, sizeof text, format, now);
#pragma GCC diagnostic pop
    buf_add(&run->out, (struct span){(const uint8_t *)text, len});
}

static bool strftime_now(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    struct span format;
    struct tm now = {0};
    size_t mark = run->out.len;
    if (!jinja_arg_text(run, args[0], NULL, &format))
        return false;
    if (run->job->now)
        run->job->now(&now);
    else
        clock_local_time(&now);
    for (size_t i = 0; i < format.len; i++) {
        uint8_t c = format.at[i];
        bool is_last = i + 1 == format.len;
        if (c != '%' || is_last || format.at[i + 1] >= 0x80) {
            buf_add_byte(&run->out, c);
            continue;
        }
        char directive[3] = {(char)format.at[++i]};
        bool is_modified = strchr("-_0^#EO", directive[0]) && i + 1 < format.len;
        if (is_modified)
            directive[1] = (char)format.at[++i];
        if (directive[0] == 'f')
            buf_add_text(&run->out, "000000"); /* the second is all that the clock gives */
        else if (directive[0] != 'z' && directive[0] != 'Z') /* a time without zone prints none */
            add_directive(run, directive, &now);
    }
    return jinja_take_text(run, mark, out);
}

const struct jinja_builtin *jinja_global_find(struct span name)
{
    static const struct jinja_builtin globals[] = {
        {"range", NULL, NULL, make_range},
        {"dict", NULL, NULL, make_dict},
        {"namespace", NULL, NULL, make_namespace},
        {"cycler", NULL, NULL, make_cycler},
        {"joiner", "sep=", make_joiner, NULL},
        {"lipsum", NULL, NULL, NULL},
        {"raise_exception", "message", raise_exception, NULL},
        {"strftime_now", "format", strftime_now, NULL},
    };
    for (size_t i = 0; i < COUNT_OF(globals); i++) {
        if (span_is(name, globals[i].name))
            return &globals[i];
    }
    return NULL;
}
