/*
 * jinja_iter.c - walking through values: lists, strings by character, dicts by key, generators.
 *
 * Filters such as map and selectattr give generators: nothing is computed until an item is asked
 * for, and what was taken is gone. Templates can tell the difference (an error in the third item
 * never comes when only the first is used), so they are lazy here too.
 */
#include "format/jinja_run.h"

#include "base/utf8.h"

struct jinja_iterator {
    struct jinja_value source; /* MISSING: a generator's */
    size_t position;           /* item, pair or byte */
    struct jinja_iterator *upstream;
    jinja_step_function *step;
    void *state;
};

bool jinja_is_iterable(struct jinja_value v)
{
    switch (v.type) {
    case JINJA_UNDEFINED:
    case JINJA_STRING:
    case JINJA_LIST:
    case JINJA_TUPLE:
    case JINJA_DICT:
    case JINJA_VIEW:
    case JINJA_RANGE:
    case JINJA_ITERATOR:
        return true;
    default:
        return false;
    }
}

bool jinja_iterate(struct jinja_run *run, struct jinja_value v, struct jinja_iterator **out)
{
    if (v.type == JINJA_ITERATOR) {
        *out = v.as.iterator;
        return true;
    }
    if (v.type == JINJA_LOOP)
        return jinja_fail(run, "iterating over the loop itself is not supported");
    if (!jinja_is_iterable(v))
        return jinja_fail(run, "'%s' object is not iterable", jinja_type_name(v));
    *out = arena_new(run->arena, struct jinja_iterator);
    (*out)->source = v;
    return true;
}

struct jinja_value jinja_generator(struct jinja_run *run, struct jinja_iterator *source,
                                   jinja_step_function *step, void *state)
{
    struct jinja_iterator *it = arena_new(run->arena, struct jinja_iterator);
    it->upstream = source;
    it->step = step;
    it->state = state;
    return (struct jinja_value){.type = JINJA_ITERATOR, .as.iterator = it};
}

static bool next_generated(struct jinja_run *run, struct jinja_iterator *it,
                           struct jinja_value *item, bool *more)
{
    bool keep = false;
    while (!keep) {
        if (!jinja_charge(run, 1) || !jinja_next(run, it->upstream, item, more))
            return false;
        if (!*more)
            return true;
        keep = true;
        if (!it->step(run, it->state, item, &keep))
            return false;
    }
    return true;
}

static struct jinja_value view_item(struct jinja_run *run, const struct jinja_view *view, size_t i)
{
    const struct jinja_pair *pair = &view->dict->pairs[i];
    if (view->kind == JINJA_VIEW_KEYS)
        return pair->key;
    if (view->kind == JINJA_VIEW_VALUES)
        return pair->value;
    return jinja_pair_of(run->arena, pair->key, pair->value);
}

static size_t item_count(struct jinja_value v)
{
    switch (v.type) {
    case JINJA_STRING:
        return v.as.string->len;
    case JINJA_LIST:
    case JINJA_TUPLE:
        return v.as.list->n;
    case JINJA_DICT:
        return v.as.dict->n;
    case JINJA_VIEW:
        return v.as.view->dict->n;
    case JINJA_RANGE:
        return v.as.range->n;
    default:
        return 0;
    }
}

bool jinja_next(struct jinja_run *run, struct jinja_iterator *it, struct jinja_value *item,
                bool *more)
{
    if (it->upstream) {
        /* Generators over generators: each level is a level of the C stack. */
        if (!jinja_enter(run) || !next_generated(run, it, item, more))
            return false;
        jinja_leave(run);
        return true;
    }
    size_t i = it->position;
    *more = i < item_count(it->source);
    if (!*more)
        return true;
    it->position++;
    switch (it->source.type) {
    case JINJA_STRING: {
        size_t len = utf8_length(span_from(jinja_span(it->source), i));
        *item = jinja_string_part(run->arena, it->source, i, len);
        item->is_safe = false; /* so it is in markupsafe, though not for s[i] */
        it->position = i + len;
        break;
    }
    case JINJA_DICT:
        *item = it->source.as.dict->pairs[i].key;
        break;
    case JINJA_VIEW:
        *item = view_item(run, it->source.as.view, i);
        break;
    case JINJA_RANGE:
        *item = jinja_int(it->source.as.range->start + (int64_t)i * it->source.as.range->step);
        break;
    default:
        *item = it->source.as.list->items[i];
    }
    return true;
}

bool jinja_to_list(struct jinja_run *run, struct jinja_value v, struct jinja_value *out)
{
    struct jinja_iterator *it = NULL;
    struct jinja_value item;
    bool more;
    *out = jinja_list_new(run->arena, JINJA_LIST);
    if (!jinja_iterate(run, v, &it))
        return false;
    for (;;) {
        if (!jinja_next(run, it, &item, &more) || !jinja_charge(run, 1) || !jinja_room(run, 0))
            return false;
        if (!more)
            return jinja_check_extent(run, *out);
        jinja_list_add(run->arena, out->as.list, item);
    }
}
