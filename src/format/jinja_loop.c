/*
 * jinja_loop.c - the variable `loop` inside a for.
 *
 * Its length is that of the list; of a generator (a filtered loop, say) it is found by taking all
 * that is left, and loop.last and loop.nextitem look one item ahead. Jinja does the same, and it
 * shows: a loop's condition is asked one item early once loop.last was used.
 */
#include "format/jinja_run.h"

bool jinja_loop_next(struct jinja_run *run, struct jinja_loop *loop, bool *more)
{
    struct jinja_value item;
    *more = true;
    if (loop->has_after) {
        item = loop->after;
        loop->has_after = false;
    } else {
        *more = false;
        if (loop->ended)
            return true;
        if (!jinja_next(run, loop->source, &item, more))
            return false;
        if (!*more)
            return true;
    }
    loop->index0++;
    loop->before = loop->current;
    loop->current = item;
    return true;
}

static bool look_ahead(struct jinja_run *run, struct jinja_loop *loop)
{
    if (loop->has_after || loop->ended)
        return true;
    bool more;
    if (!jinja_next(run, loop->source, &loop->after, &more))
        return false;
    loop->has_after = more;
    loop->ended = !more;
    return true;
}

static bool find_length(struct jinja_run *run, struct jinja_loop *loop)
{
    bool has = false;
    if (loop->has_length)
        return true;
    if (loop->iterable.type != JINJA_MISSING &&
        !jinja_length(run, loop->iterable, &has, &loop->length))
        return false;
    if (!has) {
        struct jinja_value rest;
        struct jinja_value source = {.type = JINJA_ITERATOR, .as.iterator = loop->source};
        if (!jinja_to_list(run, source, &rest) || !jinja_iterate(run, rest, &loop->source))
            return false;
        loop->length = rest.as.list->n + (size_t)loop->index0 + 1 + loop->has_after;
    }
    loop->has_length = true;
    return true;
}

static bool loop_cycle(struct jinja_run *run, const struct jinja_call *call,
                       struct jinja_value *out)
{
    size_t n = call->n_args - 1;
    if (n == 0)
        return jinja_fail(run, "no items for cycling given");
    *out = call->args[1 + (size_t)call->args[0].as.loop->index0 % n];
    return true;
}

static bool loop_changed(struct jinja_run *run, const struct jinja_call *call,
                         struct jinja_value *out)
{
    struct jinja_loop *loop = call->args[0].as.loop;
    struct jinja_value now = jinja_list_new(run->arena, JINJA_TUPLE);
    bool same = false;
    for (size_t i = 1; i < call->n_args; i++)
        jinja_list_add(run->arena, now.as.list, call->args[i]);
    if (loop->last_changed.type != JINJA_MISSING &&
        !jinja_equal_charged(run, loop->last_changed, now, &same))
        return false;
    loop->last_changed = now;
    *out = jinja_bool(!same);
    return true;
}

static bool neighbour(struct jinja_run *run, struct jinja_loop *loop, bool is_next,
                      struct jinja_value *out)
{
    if (is_next && !look_ahead(run, loop))
        return false;
    bool has = is_next ? loop->has_after : loop->index0 > 0;
    if (has)
        *out = is_next ? loop->after : loop->before;
    else
        *out = jinja_undefined_hint(
            run, span_of(is_next ? "there is no next item" : "there is no previous item"));
    return true;
}

bool jinja_loop_attribute(struct jinja_run *run, struct jinja_value v, struct span name,
                          struct jinja_value *out, bool *found)
{
    static const struct jinja_builtin methods[] = {{"cycle", NULL, NULL, loop_cycle},
                                                   {"changed", NULL, NULL, loop_changed}};
    struct jinja_loop *loop = v.as.loop;
    int64_t index = loop->index0;
    *found = true;
    for (size_t i = 0; i < COUNT_OF(methods); i++) {
        if (!span_is(name, methods[i].name))
            continue;
        struct jinja_function *function = arena_new(run->arena, struct jinja_function);
        *function = (struct jinja_function){&methods[i], v};
        *out = (struct jinja_value){.type = JINJA_FUNCTION, .as.function = function};
        return true;
    }
    if (span_is(name, "previtem") || span_is(name, "nextitem"))
        return neighbour(run, loop, name.at[0] == 'n', out);
    if (span_is(name, "index")) {
        *out = jinja_int(index + 1);
    } else if (span_is(name, "index0")) {
        *out = jinja_int(index);
    } else if (span_is(name, "first")) {
        *out = jinja_bool(index == 0);
    } else if (span_is(name, "depth") || span_is(name, "depth0")) {
        *out = jinja_int(name.len == 5);
    } else if (span_is(name, "last")) {
        if (!look_ahead(run, loop))
            return false;
        *out = jinja_bool(!loop->has_after);
    } else {
        *found = span_is(name, "length") || span_is(name, "revindex") || span_is(name, "revindex0");
        if (!*found)
            return true;
        if (!find_length(run, loop))
            return false;
        int64_t length = (int64_t)loop->length;
        *out = jinja_int(name.len == 6   ? length
                         : name.len == 8 ? length - index
                                         : length - index - 1);
    }
    return true;
}
