/*
 * jinja_filter_map.c - filters that apply a filter or a test to every item: map, select, reject,
 * selectattr, rejectattr.
 *
 * Each gives a generator; whether its filter exists is only asked when the first item is.
 */
#include "format/jinja_filter.h"

struct map_state {
    struct jinja_path path;          /* map(attribute=…), selectattr */
    const struct jinja_builtin *row; /* the filter or test; NULL: the item itself counts */
    struct jinja_call call;          /* its arguments; args[0] is filled in for each item */
    bool rejects;
    bool is_test;
    struct jinja_value missing; /* a name that does not exist */
};

static bool fail_missing(struct jinja_run *run, const struct map_state *m)
{
    struct jinja_value text;
    size_t mark = run->out.len;
    if (!jinja_print_repr(run, m->missing) || !jinja_take_text(run, mark, &text))
        return false;
    return jinja_fail(run, "No %s named %.*s.", m->is_test ? "test" : "filter",
                      SPAN_ARGS(jinja_span(text)));
}

static bool apply_row(struct jinja_run *run, struct map_state *m, struct jinja_value item,
                      struct jinja_value *out)
{
    if (m->missing.type != JINJA_MISSING)
        return fail_missing(run, m);
    m->call.args[0] = item;
    return jinja_enter(run) && jinja_apply(run, m->row, &m->call, out) && (jinja_leave(run), true);
}

static bool map_step(struct jinja_run *run, void *state, struct jinja_value *item, bool *keep)
{
    struct map_state *m = state;
    struct jinja_value input = *item;
    (void)keep;
    if (!m->is_test && !m->row && m->missing.type == JINJA_MISSING)
        return jinja_path_get(run, &m->path, input, item);
    return apply_row(run, m, input, item);
}

static bool select_step(struct jinja_run *run, void *state, struct jinja_value *item, bool *keep)
{
    struct map_state *m = state;
    struct jinja_value tested, result;
    if (!jinja_path_get(run, &m->path, *item, &tested))
        return false;
    result = tested;
    if ((m->row || m->missing.type != JINJA_MISSING) && !apply_row(run, m, tested, &result))
        return false;
    *keep = jinja_is_true(result) != m->rejects;
    return true;
}

/* The filter or test named by args[at], with the arguments behind it. */
static void take_row(struct jinja_run *run, const struct jinja_call *call, size_t at,
                     struct map_state *m)
{
    struct jinja_value name = call->args[at];
    if (name.type == JINJA_STRING)
        m->row =
            m->is_test ? jinja_test_find(jinja_span(name)) : jinja_filter_find(jinja_span(name));
    if (!m->row)
        m->missing = name;
    m->call = *call;
    m->call.n_args = call->n_args - at;
    m->call.args = arena_array(run->arena, struct jinja_value, m->call.n_args);
    for (size_t i = 1; i < m->call.n_args; i++)
        m->call.args[i] = call->args[at + i];
}

/* An empty or undefined value gives an empty generator, as `if value:` does in Jinja. */
static bool make_generator(struct jinja_run *run, struct jinja_value value,
                           jinja_step_function *step, struct map_state *m, struct jinja_value *out)
{
    struct jinja_iterator *it;
    if (!jinja_is_true(value))
        value = jinja_list_new(run->arena, JINJA_LIST);
    if (!jinja_iterate(run, value, &it))
        return false;
    *out = jinja_generator(run, it, step, m);
    return true;
}

static bool filter_map(struct jinja_run *run, const struct jinja_call *call,
                       struct jinja_value *out)
{
    struct map_state *m = arena_new(run->arena, struct map_state);
    const struct jinja_value *attribute = NULL, *fallback = NULL;
    for (size_t i = 0; i < call->n_named; i++) {
        struct span name = jinja_span(call->named[i].key);
        if (span_is(name, "attribute"))
            attribute = &call->named[i].value;
        else if (span_is(name, "default"))
            fallback = &call->named[i].value;
    }
    if (call->n_args > 1) {
        take_row(run, call, 1, m);
        return make_generator(run, call->args[0], map_step, m, out);
    }
    if (!attribute)
        return jinja_fail(run, "map requires a filter argument");
    if (call->n_named > 1 + (fallback != NULL))
        return jinja_fail(run, "map: unexpected keyword argument");
    if (!jinja_path_of(run, *attribute, &m->path))
        return false;
    if (fallback && fallback->type != JINJA_NONE)
        m->path.fallback = *fallback;
    return make_generator(run, call->args[0], map_step, m, out);
}

static bool select_items(struct jinja_run *run, const struct jinja_call *call, bool by_attribute,
                         bool rejects, struct jinja_value *out)
{
    struct map_state *m = arena_new(run->arena, struct map_state);
    size_t at = 1;
    m->is_test = true;
    m->rejects = rejects;
    if (by_attribute) {
        if (call->n_args < 2)
            return jinja_fail(run, "Missing parameter for attribute name");
        if (!jinja_path_of(run, call->args[at++], &m->path))
            return false;
    }
    if (call->n_args > at)
        take_row(run, call, at, m);
    return make_generator(run, call->args[0], select_step, m, out);
}

static bool filter_select(struct jinja_run *run, const struct jinja_call *call,
                          struct jinja_value *out)
{
    return select_items(run, call, false, false, out);
}

static bool filter_reject(struct jinja_run *run, const struct jinja_call *call,
                          struct jinja_value *out)
{
    return select_items(run, call, false, true, out);
}

static bool filter_selectattr(struct jinja_run *run, const struct jinja_call *call,
                              struct jinja_value *out)
{
    return select_items(run, call, true, false, out);
}

static bool filter_rejectattr(struct jinja_run *run, const struct jinja_call *call,
                              struct jinja_value *out)
{
    return select_items(run, call, true, true, out);
}

const struct jinja_builtin jinja_map_filters[] = {
    {"map", NULL, NULL, filter_map},
    {"reject", NULL, NULL, filter_reject},
    {"rejectattr", NULL, NULL, filter_rejectattr},
    {"select", NULL, NULL, filter_select},
    {"selectattr", NULL, NULL, filter_selectattr},
    {0},
};
