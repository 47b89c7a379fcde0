/*
 * jinja_filter.c - finding a filter by its name, and the attribute paths that several filters take.
 *
 * The filters are in four files by what they work on: text, numbers, lists, and those that apply a
 * filter or a test to every item. To add one: its function and its row in the table of that file.
 */
#include "format/jinja_filter.h"

#include "base/num.h"
#include "format/jinja_str.h"

const struct jinja_builtin *jinja_filter_find(struct span name)
{
    static const struct jinja_builtin *const tables[] = {jinja_text_filters, jinja_number_filters,
                                                         jinja_list_filters, jinja_map_filters};
    for (size_t i = 0; i < COUNT_OF(tables); i++) {
        for (const struct jinja_builtin *row = tables[i]; row->name; row++) {
            if (span_is(name, row->name))
                return row;
        }
    }
    return NULL;
}

/* "0" is an index, "a" a name. */
static struct jinja_value path_part(struct jinja_run *run, struct span text)
{
    int64_t index;
    bool is_index = text.len > 0;
    for (size_t i = 0; i < text.len; i++)
        is_index = is_index && text.at[i] >= '0' && text.at[i] <= '9';
    if (is_index && num_parse_i64(text, &index))
        return jinja_int(index);
    return jinja_string(run->arena, text);
}

bool jinja_path_of(struct jinja_run *run, struct jinja_value attribute, struct jinja_path *path)
{
    *path = (struct jinja_path){0};
    if (attribute.type == JINJA_MISSING || attribute.type == JINJA_NONE)
        return true;
    struct jinja_value parts = jinja_list_new(run->arena, JINJA_LIST);
    if (attribute.type != JINJA_STRING) {
        jinja_list_add(run->arena, parts.as.list, attribute);
    } else {
        struct span text = jinja_span(attribute);
        for (size_t start = 0, end; start <= text.len; start = end + 1) {
            end = start + span_find(span_from(text, start), span_of("."));
            jinja_list_add(run->arena, parts.as.list,
                           path_part(run, span_part(text, start, end - start)));
        }
    }
    path->parts = parts.as.list->items;
    path->n = parts.as.list->n;
    return jinja_charge(run, path->n);
}

bool jinja_path_get(struct jinja_run *run, const struct jinja_path *path, struct jinja_value item,
                    struct jinja_value *out)
{
    *out = item;
    for (size_t i = 0; i < path->n; i++) {
        struct jinja_value object = *out;
        if (!jinja_charge(run, 1) || !jinja_get_item(run, object, path->parts[i], out))
            return false;
        if (out->type == JINJA_UNDEFINED && path->fallback.type != JINJA_MISSING)
            *out = path->fallback;
    }
    if (path->ignores_case && out->type == JINJA_STRING)
        return jinja_str_case(run, *out, JINJA_LOWER, out);
    return true;
}

static bool keep_all(struct jinja_run *run, void *state, struct jinja_value *item, bool *keep)
{
    (void)run, (void)state, (void)item, (void)keep;
    return true;
}

bool jinja_list_generator(struct jinja_run *run, struct jinja_value list, struct jinja_value *out)
{
    struct jinja_iterator *it;
    if (!jinja_iterate(run, list, &it))
        return false;
    *out = jinja_generator(run, it, keep_all, NULL);
    return true;
}
