/*
 * jinja_method.c - the methods of lists, tuples, dicts, numbers and cyclers, and finding a method
 * by its name. Those of strings are in jinja_str.c, those of a loop in jinja_loop.c.
 *
 * A row without functions is a method that Python has and pace has not: using it says so.
 */
#include "format/jinja_str.h"

#include <math.h>

static bool new_view(struct jinja_run *run, struct jinja_value dict, enum jinja_view_kind kind,
                     struct jinja_value *out)
{
    struct jinja_view *view = arena_new(run->arena, struct jinja_view);
    *view = (struct jinja_view){dict.as.dict, kind};
    *out = (struct jinja_value){.type = JINJA_VIEW, .as.view = view};
    return true;
}

static bool dict_items(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    return new_view(run, args[0], JINJA_VIEW_ITEMS, out);
}

static bool dict_keys(struct jinja_run *run, const struct jinja_value args[],
                      struct jinja_value *out)
{
    return new_view(run, args[0], JINJA_VIEW_KEYS, out);
}

static bool dict_values(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    return new_view(run, args[0], JINJA_VIEW_VALUES, out);
}

static bool dict_get(struct jinja_run *run, const struct jinja_value args[],
                     struct jinja_value *out)
{
    if (!jinja_is_hashable(args[1]))
        return jinja_fail(run, "unhashable type: '%s'", jinja_type_name(args[1]));
    if (!jinja_charge(run, jinja_extent_of(args[1]).weight))
        return false;
    if (!jinja_dict_get(args[0].as.dict, args[1], out))
        *out = args[2].type == JINJA_MISSING ? jinja_none() : args[2];
    return true;
}

/* Nothing changes a dict or a list, so a copy is the thing itself. */
static bool copy(struct jinja_run *run, const struct jinja_value args[], struct jinja_value *out)
{
    (void)run;
    *out = args[0];
    return true;
}

static bool list_count(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < args[0].as.list->n; i++) {
        bool same;
        if (!jinja_charge(run, 1) ||
            !jinja_equal_charged(run, args[0].as.list->items[i], args[1], &same))
            return false;
        n += same;
    }
    *out = jinja_int(n);
    return true;
}

static int64_t limit_position(int64_t i, int64_t n)
{
    if (i < 0)
        i = i < -n ? 0 : i + n;
    return i > n ? n : i;
}

static bool list_index(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    int64_t n = (int64_t)args[0].as.list->n, start, stop;
    if (!jinja_arg_int(run, args[2], 0, &start) || !jinja_arg_int(run, args[3], n, &stop))
        return false;
    for (int64_t i = limit_position(start, n); i < limit_position(stop, n); i++) {
        bool same;
        if (!jinja_charge(run, 1) ||
            !jinja_equal_charged(run, args[0].as.list->items[i], args[1], &same))
            return false;
        if (same) {
            *out = jinja_int(i);
            return true;
        }
    }
    size_t mark = run->out.len;
    struct jinja_value text;
    if (args[0].type == JINJA_TUPLE)
        return jinja_fail(run, "tuple.index(x): x not in tuple");
    if (!jinja_print_repr(run, args[1]) || !jinja_take_text(run, mark, &text))
        return false;
    return jinja_fail(run, "%.*s is not in list", SPAN_ARGS(jinja_span(text)));
}

static bool float_is_integer(struct jinja_run *run, const struct jinja_value args[],
                             struct jinja_value *out)
{
    (void)run;
    double v = args[0].as.number;
    *out = jinja_bool(isfinite(v) && v == floor(v));
    return true;
}

static bool cycler_next(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    (void)run;
    struct jinja_list *items = args[0].as.list;
    *out = items->items[items->position];
    items->position = (items->position + 1) % items->n;
    return true;
}

static bool cycler_reset(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    (void)run;
    args[0].as.list->position = 0;
    *out = jinja_none();
    return true;
}

static const struct jinja_builtin dict_methods[] = {
    {"copy", "/self", copy, NULL},
    {"fromkeys", NULL, NULL, NULL},
    {"get", "/self /key /default=", dict_get, NULL},
    {"items", "/self", dict_items, NULL},
    {"keys", "/self", dict_keys, NULL},
    {"values", "/self", dict_values, NULL},
    {0},
};

static const struct jinja_builtin list_methods[] = {
    {"copy", "/self", copy, NULL},
    {"count", "/self /value", list_count, NULL},
    {"index", "/self /value /start= /stop=", list_index, NULL},
    {0},
};

static const struct jinja_builtin tuple_methods[] = {
    {"count", "/self /value", list_count, NULL},
    {"index", "/self /value /start= /stop=", list_index, NULL},
    {0},
};

static const struct jinja_builtin int_methods[] = {
    {"as_integer_ratio", NULL, NULL, NULL},
    {"bit_count", NULL, NULL, NULL},
    {"bit_length", NULL, NULL, NULL},
    {"conjugate", "/self", copy, NULL},
    {"from_bytes", NULL, NULL, NULL},
    {"to_bytes", NULL, NULL, NULL},
    {0},
};

static const struct jinja_builtin float_methods[] = {
    {"as_integer_ratio", NULL, NULL, NULL},
    {"conjugate", "/self", copy, NULL},
    {"fromhex", NULL, NULL, NULL},
    {"hex", NULL, NULL, NULL},
    {"is_integer", "/self", float_is_integer, NULL},
    {0},
};

static const struct jinja_builtin range_methods[] = {
    {"count", NULL, NULL, NULL}, {"index", NULL, NULL, NULL}, {0}};

static const struct jinja_builtin view_methods[] = {
    {"isdisjoint", NULL, NULL, NULL}, {"mapping", NULL, NULL, NULL}, {0}};

static const struct jinja_builtin cycler_methods[] = {
    {"next", "/self", cycler_next, NULL}, {"reset", "/self", cycler_reset, NULL}, {0}};

const struct jinja_builtin *jinja_method_find(struct jinja_value object, struct span name)
{
    static const struct jinja_builtin *const tables[] = {
        [JINJA_STRING] = jinja_str_methods,
        [JINJA_DICT] = dict_methods,
        [JINJA_LIST] = list_methods,
        [JINJA_TUPLE] = tuple_methods,
        [JINJA_INT] = int_methods,
        [JINJA_BOOL] = int_methods,
        [JINJA_FLOAT] = float_methods,
        [JINJA_RANGE] = range_methods,
        [JINJA_VIEW] = view_methods,
        [JINJA_CYCLER] = cycler_methods,
        [JINJA_JOINER] = NULL,
    };
    const struct jinja_builtin *row = tables[object.type];
    for (; row && row->name; row++) {
        if (span_is(name, row->name))
            return row;
    }
    return NULL;
}
