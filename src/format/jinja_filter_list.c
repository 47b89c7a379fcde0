/*
 * jinja_filter_list.c - filters on lists: first, join, sort, unique, groupby and their like.
 *
 * Sorting is stable and by Python's <, with text compared in lower case unless asked otherwise. The
 * keys are computed once; a merge sort then moves positions, not values.
 */
#include "format/jinja_filter.h"

#include "base/utf8.h"

static bool filter_length(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    bool has;
    size_t n;
    if (!jinja_length(run, args[0], &has, &n))
        return false;
    *out = jinja_int((int64_t)n);
    return has || jinja_fail(run, "object of type '%s' has no len()", jinja_type_name(args[0]));
}

static bool filter_first(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    struct jinja_iterator *it;
    bool more;
    if (!jinja_iterate(run, args[0], &it) || !jinja_next(run, it, out, &more))
        return false;
    if (!more)
        *out = jinja_undefined_hint(run, span_of("No first item, sequence was empty."));
    return true;
}

static bool is_reversible(struct jinja_value v)
{
    return jinja_is_iterable(v) && v.type != JINJA_ITERATOR;
}

static bool filter_last(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct jinja_value list;
    if (!is_reversible(args[0]))
        return jinja_fail(run, "'%s' object is not reversible", jinja_type_name(args[0]));
    if (!jinja_to_list(run, args[0], &list))
        return false;
    if (list.as.list->n > 0)
        *out = list.as.list->items[list.as.list->n - 1];
    else
        *out = jinja_undefined_hint(run, span_of("No last item, sequence was empty."));
    return true;
}

static bool filter_list(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    return jinja_to_list(run, args[0], out);
}

static bool reverse_text(struct jinja_run *run, struct jinja_value s, struct jinja_value *out)
{
    const struct jinja_value part[3] = {{0}, {0}, jinja_int(-1)};
    return jinja_slice(run, s, part, out);
}

static bool filter_reverse(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    struct jinja_value list, reversed = jinja_list_new(run->arena, JINJA_LIST);
    if (args[0].type == JINJA_STRING)
        return reverse_text(run, args[0], out);
    if (!jinja_is_iterable(args[0]))
        return jinja_fail(run, "argument must be iterable");
    if (!jinja_to_list(run, args[0], &list))
        return false;
    for (size_t i = list.as.list->n; i > 0; i--)
        jinja_list_add(run->arena, reversed.as.list, list.as.list->items[i - 1]);
    *out = reversed;
    return args[0].type == JINJA_ITERATOR || jinja_list_generator(run, reversed, out);
}

static bool filter_join(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct jinja_value list, separator = jinja_string(run->arena, span_of(""));
    struct jinja_path path;
    if (args[1].type != JINJA_MISSING && !jinja_to_text(run, args[1], &separator))
        return false;
    if (!jinja_path_of(run, args[2], &path) || !jinja_to_list(run, args[0], &list))
        return false;
    size_t mark = run->out.len;
    for (size_t i = 0; i < list.as.list->n; i++) {
        struct jinja_value item;
        if (!jinja_path_get(run, &path, list.as.list->items[i], &item))
            return false;
        if (i > 0)
            buf_add(&run->out, jinja_span(separator));
        if (!jinja_print(run, item) || !jinja_charge(run, 1 + separator.as.string->len / 64))
            return false;
    }
    return jinja_take_text(run, mark, out);
}

static bool filter_items(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    struct jinja_value list = jinja_list_new(run->arena, JINJA_LIST);
    if (args[0].type == JINJA_DICT) {
        struct jinja_view view = {args[0].as.dict, JINJA_VIEW_ITEMS};
        if (!jinja_to_list(run, (struct jinja_value){.type = JINJA_VIEW, .as.view = &view}, &list))
            return false;
    } else if (args[0].type != JINJA_UNDEFINED) {
        return jinja_fail(run, "Can only get item pairs from a mapping.");
    }
    return jinja_list_generator(run, list, out);
}

/* ----------------------------------------------------------------------------------- sorting -- */

struct sorting {
    struct jinja_run *run;
    const struct jinja_value *keys;
    bool reverse;
};

static bool merge_sort(struct sorting *s, size_t *order, size_t *spare, size_t n)
{
    if (n < 2)
        return true;
    size_t half = n / 2, a = 0, b = half;
    if (!merge_sort(s, order, spare, half) || !merge_sort(s, order + half, spare, n - half))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool takes_second = a == half;
        if (a < half && b < n) {
            /* The second comes first only where it must: equal ones keep their order. */
            struct jinja_value x = s->keys[order[a]], y = s->keys[order[b]];
            if (!jinja_charge(s->run, 1) || !jinja_compare(s->run, JINJA_OP_LT, s->reverse ? x : y,
                                                           s->reverse ? y : x, &takes_second))
                return false;
        }
        spare[i] = takes_second ? order[b++] : order[a++];
    }
    memcpy(order, spare, n * sizeof *order);
    return true;
}

/* The list's items in the order of their keys. */
static bool sort_by(struct jinja_run *run, const struct jinja_list *items,
                    const struct jinja_value *keys, bool reverse, struct jinja_value *out)
{
    struct sorting s = {run, keys, reverse};
    if (!jinja_room(run, 2 * items->n * sizeof(size_t)))
        return false;
    size_t *order = arena_array(run->arena, size_t, 2 * items->n);
    for (size_t i = 0; i < items->n; i++)
        order[i] = i;
    if (!merge_sort(&s, order, order + items->n, items->n))
        return false;
    *out = jinja_list_new(run->arena, JINJA_LIST);
    for (size_t i = 0; i < items->n; i++)
        jinja_list_add(run->arena, out->as.list, items->items[order[i]]);
    return true;
}

static bool find_keys(struct jinja_run *run, const struct jinja_list *items,
                      const struct jinja_path *path, struct jinja_value **keys)
{
    if (!jinja_room(run, items->n * sizeof **keys))
        return false;
    *keys = arena_array(run->arena, struct jinja_value, items->n);
    for (size_t i = 0; i < items->n; i++) {
        if (!jinja_path_get(run, path, items->items[i], &(*keys)[i]))
            return false;
    }
    return true;
}

/* sort takes several attributes, "age,name": the keys are lists of what each gives. */
static bool find_list_keys(struct jinja_run *run, const struct jinja_list *items,
                           const struct jinja_value args[], struct jinja_value **keys)
{
    struct span text = jinja_span(args[3]);
    *keys = arena_array(run->arena, struct jinja_value, items->n);
    for (size_t i = 0; i < items->n; i++)
        (*keys)[i] = jinja_list_new(run->arena, JINJA_LIST);
    for (size_t start = 0, end; start <= text.len; start = end + 1) {
        struct jinja_path path;
        end = start + span_find(span_from(text, start), span_of(","));
        struct jinja_value name = jinja_string(run->arena, span_part(text, start, end - start));
        if (!jinja_path_of(run, name, &path))
            return false;
        path.ignores_case = !jinja_is_true(args[2]);
        for (size_t i = 0; i < items->n; i++) {
            struct jinja_value key;
            if (!jinja_path_get(run, &path, items->items[i], &key) || !jinja_room(run, 64))
                return false;
            jinja_list_add(run->arena, (*keys)[i].as.list, key);
        }
    }
    return true;
}

static bool filter_sort(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct jinja_value list, *keys;
    struct jinja_path path;
    if (!jinja_to_list(run, args[0], &list))
        return false;
    if (args[3].type == JINJA_STRING) {
        if (!find_list_keys(run, list.as.list, args, &keys))
            return false;
    } else {
        if (!jinja_path_of(run, args[3], &path))
            return false;
        path.ignores_case = !jinja_is_true(args[2]);
        if (!find_keys(run, list.as.list, &path, &keys))
            return false;
    }
    return sort_by(run, list.as.list, keys, jinja_is_true(args[1]), out);
}

static bool filter_dictsort(struct jinja_run *run, const struct jinja_value args[],
                            struct jinja_value *out)
{
    struct span by;
    struct jinja_value list, *keys;
    if (!jinja_arg_text(run, args[2], "key", &by))
        return false;
    if (!span_is(by, "key") && !span_is(by, "value"))
        return jinja_fail(run, "You can only sort by either \"key\" or \"value\"");
    if (args[0].type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, args[0]);
    if (args[0].type != JINJA_DICT)
        return jinja_fail(run, "'%s' object has no attribute 'items'", jinja_type_name(args[0]));
    struct jinja_view view = {args[0].as.dict, JINJA_VIEW_ITEMS};
    struct jinja_value position = jinja_int(span_is(by, "value"));
    struct jinja_path path = {.parts = &position, .n = 1, .ignores_case = !jinja_is_true(args[1])};
    return jinja_to_list(run, (struct jinja_value){.type = JINJA_VIEW, .as.view = &view}, &list) &&
           find_keys(run, list.as.list, &path, &keys) &&
           sort_by(run, list.as.list, keys, jinja_is_true(args[3]), out);
}

/* The smallest or largest item by its key; the first of equal ones. */
static bool find_extreme(struct jinja_run *run, const struct jinja_value args[], bool largest,
                         struct jinja_value *out)
{
    struct jinja_value list, *keys;
    struct jinja_path path;
    if (!jinja_to_list(run, args[0], &list) || !jinja_path_of(run, args[2], &path))
        return false;
    path.ignores_case = !jinja_is_true(args[1]);
    if (!find_keys(run, list.as.list, &path, &keys))
        return false;
    if (list.as.list->n == 0) {
        *out = jinja_undefined_hint(run, span_of("No aggregated item, sequence was empty."));
        return true;
    }
    size_t best = 0;
    for (size_t i = 1; i < list.as.list->n; i++) {
        bool better;
        if (!jinja_charge(run, 1) ||
            !jinja_compare(run, largest ? JINJA_OP_GT : JINJA_OP_LT, keys[i], keys[best], &better))
            return false;
        best = better ? i : best;
    }
    *out = list.as.list->items[best];
    return true;
}

static bool filter_min(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    return find_extreme(run, args, false, out);
}

static bool filter_max(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    return find_extreme(run, args, true, out);
}

/* ---------------------------------------------------------------------------------- grouping -- */

struct unique_state {
    struct jinja_path path;
    struct jinja_value seen;
};

static bool unique_step(struct jinja_run *run, void *state, struct jinja_value *item, bool *keep)
{
    struct unique_state *u = state;
    struct jinja_value key, found;
    if (!jinja_path_get(run, &u->path, *item, &key))
        return false;
    if (!jinja_is_hashable(key))
        return jinja_fail(run, "unhashable type: '%s'", jinja_type_name(key));
    if (!jinja_charge(run, jinja_extent_of(key).weight))
        return false;
    *keep = !jinja_dict_get(u->seen.as.dict, key, &found);
    jinja_dict_put(run->arena, u->seen.as.dict, key, jinja_none());
    return true;
}

static bool filter_unique(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    struct jinja_iterator *it;
    struct unique_state *u = arena_new(run->arena, struct unique_state);
    u->seen = jinja_dict_new(run->arena);
    if (!jinja_path_of(run, args[2], &u->path) || !jinja_iterate(run, args[0], &it))
        return false;
    u->path.ignores_case = !jinja_is_true(args[1]);
    *out = jinja_generator(run, it, unique_step, u);
    return true;
}

/* Appends (key of the first item, items) to the groups; a group is a pair with two names. */
static bool add_group(struct jinja_run *run, struct jinja_value groups,
                      const struct jinja_path *path, struct jinja_value items)
{
    struct jinja_path shown = *path;
    struct jinja_value key;
    shown.ignores_case = false;
    if (!jinja_path_get(run, &shown, items.as.list->items[0], &key))
        return false;
    struct jinja_value pair = jinja_pair_of(run->arena, key, items);
    pair.as.list->position = 1; /* tells a group from a plain tuple */
    jinja_list_add(run->arena, groups.as.list, pair);
    return true;
}

static bool filter_groupby(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    struct jinja_value list, sorted, *keys, group = {0}, last = {0};
    struct jinja_path path;
    if (!jinja_to_list(run, args[0], &list) || !jinja_path_of(run, args[1], &path))
        return false;
    path.fallback = args[2].type == JINJA_NONE ? (struct jinja_value){0} : args[2];
    path.ignores_case = !jinja_is_true(args[3]);
    if (!find_keys(run, list.as.list, &path, &keys) ||
        !sort_by(run, list.as.list, keys, false, &sorted) ||
        !find_keys(run, sorted.as.list, &path, &keys))
        return false;
    *out = jinja_list_new(run->arena, JINJA_LIST);
    for (size_t i = 0; i < sorted.as.list->n; i++) {
        bool same = false;
        if (group.as.list && !jinja_equal_charged(run, last, keys[i], &same))
            return false;
        if (!same && group.as.list && !add_group(run, *out, &path, group))
            return false;
        if (!same)
            group = jinja_list_new(run->arena, JINJA_LIST);
        last = keys[i];
        jinja_list_add(run->arena, group.as.list, sorted.as.list->items[i]);
    }
    if (group.as.list && !add_group(run, *out, &path, group))
        return false;
    return jinja_check_extent(run, *out);
}

static bool filter_batch(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    struct jinja_value list, batch = {0}, batches = jinja_list_new(run->arena, JINJA_LIST);
    int64_t count;
    bool fills = args[2].type != JINJA_MISSING && args[2].type != JINJA_NONE;
    if (!jinja_arg_int(run, args[1], 0, &count) || !jinja_to_list(run, args[0], &list))
        return false;
    for (size_t i = 0; i < list.as.list->n; i++) {
        if (!batch.as.list || (int64_t)batch.as.list->n == count) {
            batch = jinja_list_new(run->arena, JINJA_LIST);
            jinja_list_add(run->arena, batches.as.list, batch);
        }
        jinja_list_add(run->arena, batch.as.list, list.as.list->items[i]);
        if (!jinja_charge(run, 1))
            return false;
    }
    while (fills && batch.as.list && (int64_t)batch.as.list->n < count) {
        jinja_list_add(run->arena, batch.as.list, args[2]);
        if (!jinja_charge(run, 1) || !jinja_room(run, 0))
            return false;
    }
    return jinja_check_extent(run, batches) && jinja_list_generator(run, batches, out);
}

static bool filter_slice(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    struct jinja_value list, columns = jinja_list_new(run->arena, JINJA_LIST);
    int64_t count;
    bool fills = args[2].type != JINJA_MISSING && args[2].type != JINJA_NONE;
    if (!jinja_arg_int(run, args[1], 0, &count) || !jinja_to_list(run, args[0], &list))
        return false;
    if (count == 0)
        return jinja_fail(run, "integer division or modulo by zero");
    size_t n = list.as.list->n, next = 0;
    for (int64_t i = 0; i < count; i++) {
        struct jinja_value column = jinja_list_new(run->arena, JINJA_LIST);
        size_t each = n / (size_t)count, longer = n % (size_t)count;
        size_t len = each + ((size_t)i < longer);
        for (size_t k = 0; k < len; k++)
            jinja_list_add(run->arena, column.as.list, list.as.list->items[next++]);
        if (fills && (size_t)i >= longer)
            jinja_list_add(run->arena, column.as.list, args[2]);
        jinja_list_add(run->arena, columns.as.list, column);
        if (!jinja_charge(run, 1 + len) || !jinja_room(run, 0))
            return false;
    }
    return jinja_check_extent(run, columns) && jinja_list_generator(run, columns, out);
}

const struct jinja_builtin jinja_list_filters[] = {
    {"batch", "/value linecount fill_with=", filter_batch, NULL},
    {"count", "/obj", filter_length, NULL},
    {"dictsort", "/value case_sensitive= by= reverse=", filter_dictsort, NULL},
    {"first", "/seq", filter_first, NULL},
    {"groupby", "/value attribute default= case_sensitive=", filter_groupby, NULL},
    {"items", "/value", filter_items, NULL},
    {"join", "/value d= attribute=", filter_join, NULL},
    {"last", "/seq", filter_last, NULL},
    {"length", "/obj", filter_length, NULL},
    {"list", "/value", filter_list, NULL},
    {"max", "/value case_sensitive= attribute=", filter_max, NULL},
    {"min", "/value case_sensitive= attribute=", filter_min, NULL},
    {"random", NULL, NULL, NULL},
    {"reverse", "/value", filter_reverse, NULL},
    {"slice", "/value slices fill_with=", filter_slice, NULL},
    {"sort", "/value reverse= case_sensitive= attribute=", filter_sort, NULL},
    {"unique", "/value case_sensitive= attribute=", filter_unique, NULL},
    {0},
};
