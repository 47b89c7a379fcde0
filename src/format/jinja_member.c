/*
 * jinja_member.c - object.name, object[key], object[a:b:c], and len().
 *
 * Jinja's two ways to a member differ in what they try first. object.name asks Python's attribute
 * and then the item, so message.items is the method even where the message has a key "items";
 * object["name"] asks the item first. What neither finds is an undefined value, not an error.
 *
 * The sandbox: names that begin with an underscore, and methods that change a list or dict, give an
 * undefined value whose use says so.
 */
#include "format/jinja_run.h"

#include "base/utf8.h"

/* Methods that the sandbox forbids. */
static bool is_mutating(struct jinja_value object, struct span name)
{
    static const char *const of_list[] = {"append", "clear", "pop",    "reverse",
                                          "insert", "sort",  "extend", "remove"};
    static const char *const of_dict[] = {"clear", "pop", "popitem", "setdefault", "update"};
    bool is_list = object.type == JINJA_LIST;
    if (!is_list && object.type != JINJA_DICT)
        return false;
    const char *const *names = is_list ? of_list : of_dict;
    size_t n = is_list ? COUNT_OF(of_list) : COUNT_OF(of_dict);
    for (size_t i = 0; i < n; i++) {
        if (span_is(name, names[i]))
            return true;
    }
    return false;
}

static struct jinja_value unsafe_member(struct jinja_run *run, struct jinja_value object,
                                        struct span name)
{
    return jinja_undefined_hint(
        run,
        span_of(arena_printf(run->arena, "access to attribute '%.*s' of '%s' object is unsafe.",
                             SPAN_ARGS(name), jinja_type_name(object))));
}

static struct jinja_value bind_method(struct jinja_run *run, struct jinja_value object,
                                      const struct jinja_builtin *builtin)
{
    struct jinja_function *function = arena_new(run->arena, struct jinja_function);
    function->builtin = builtin;
    function->object = object;
    return (struct jinja_value){.type = JINJA_FUNCTION, .as.function = function};
}

static bool macro_attribute(struct jinja_run *run, const struct jinja_macro *macro,
                            struct span name, struct jinja_value *out)
{
    const struct jinja_node *node = macro->node;
    if (span_is(name, "name")) {
        *out = macro->name;
    } else if (span_is(name, "arguments")) {
        *out = jinja_list_new(run->arena, JINJA_TUPLE);
        for (const struct jinja_node *item = node->items; item; item = item->next)
            jinja_list_add(run->arena, out->as.list, run->job->template->names[item->name]);
    } else if (span_is(name, "caller")) {
        *out = jinja_bool(node->uses & JINJA_USES_CALLER);
    } else if (span_is(name, "catch_kwargs")) {
        *out = jinja_bool(node->uses & JINJA_USES_KWARGS);
    } else if (span_is(name, "catch_varargs")) {
        *out = jinja_bool(node->uses & JINJA_USES_VARARGS);
    } else {
        return false;
    }
    return true;
}

/* The values that hang on numbers and ranges without a call: (1).real, range(3).stop. */
static bool plain_attribute(struct jinja_run *run, struct jinja_value object, struct span name,
                            struct jinja_value *out)
{
    int64_t whole;
    if (object.type == JINJA_MACRO)
        return macro_attribute(run, object.as.macro, name, out);
    if (object.type == JINJA_CYCLER && span_is(name, "current")) {
        *out = object.as.list->items[object.as.list->position];
        return true;
    }
    if (object.type == JINJA_RANGE) {
        const struct jinja_range *range = object.as.range;
        bool is_start = span_is(name, "start"), is_stop = span_is(name, "stop");
        *out = jinja_int(is_start ? range->start : is_stop ? range->stop : range->step);
        return is_start || is_stop || span_is(name, "step");
    }
    if (jinja_as_int(object, &whole)) {
        bool is_real = span_is(name, "real") || span_is(name, "numerator");
        *out = jinja_int(is_real ? whole : span_is(name, "denominator"));
        return is_real || span_is(name, "imag") || span_is(name, "denominator");
    }
    if (object.type == JINJA_FLOAT) {
        *out = jinja_float(span_is(name, "real") ? object.as.number : 0);
        return span_is(name, "real") || span_is(name, "imag");
    }
    return false;
}

/* Python's getattr behind the sandbox; *found is false where there is no such attribute. */
static bool python_attribute(struct jinja_run *run, struct jinja_value object, struct span name,
                             struct jinja_value *out, bool *found)
{
    *found = true;
    if (object.type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, object);
    if (object.type == JINJA_NAMESPACE) {
        *found = jinja_dict_get_text(object.as.dict, name, out);
        if (*found && name.len > 0 && name.at[0] == '_')
            *out = unsafe_member(run, object, name);
        return true;
    }
    bool is_special = name.len > 4 && span_starts_with(name, span_of("__")) &&
                      span_ends_with(name, span_of("__"));
    if (is_special || is_mutating(object, name)) {
        *out = unsafe_member(run, object, name);
        return true;
    }
    if (object.type == JINJA_LOOP)
        return jinja_loop_attribute(run, object, name, out, found);
    if (plain_attribute(run, object, name, out))
        return true;
    const struct jinja_builtin *method = jinja_method_find(object, name);
    *found = method;
    if (method)
        *out = bind_method(run, object, method);
    return true;
}

/* A position in a sequence of n items, negative from the end. */
static bool find_index(struct jinja_value key, size_t n, size_t *index)
{
    int64_t i;
    if (!jinja_as_int(key, &i))
        return false;
    if (i < 0)
        i += (int64_t)n;
    *index = (size_t)i;
    return i >= 0 && (size_t)i < n;
}

/* Byte offset of a character. */
static size_t offset_of(struct jinja_value s, size_t index)
{
    struct span text = jinja_span(s);
    if (text.len == s.as.string->n_chars)
        return index;
    size_t offset = 0;
    while (index-- > 0)
        offset += utf8_length(span_from(text, offset));
    return offset;
}

static struct jinja_value char_at(struct jinja_run *run, struct jinja_value s, size_t index)
{
    size_t start = offset_of(s, index);
    return jinja_string_part(run->arena, s, start, utf8_length(span_from(jinja_span(s), start)));
}

/* Python's object[key]; *found is false for its TypeError, IndexError and KeyError. */
static bool python_item(struct jinja_run *run, struct jinja_value object, struct jinja_value key,
                        struct jinja_value *out, bool *found)
{
    size_t index;
    *found = false;
    switch (object.type) {
    case JINJA_UNDEFINED:
        return jinja_fail_undefined(run, object);
    case JINJA_DICT:
        if (!jinja_charge(run, jinja_extent_of(key).weight))
            return false;
        *found = jinja_is_hashable(key) && jinja_dict_get(object.as.dict, key, out);
        return true;
    case JINJA_LIST:
    case JINJA_TUPLE:
        *found = find_index(key, object.as.list->n, &index);
        if (*found)
            *out = object.as.list->items[index];
        return true;
    case JINJA_RANGE:
        *found = find_index(key, object.as.range->n, &index);
        if (*found)
            *out = jinja_int(object.as.range->start + (int64_t)index * object.as.range->step);
        return true;
    case JINJA_STRING:
        *found = find_index(key, object.as.string->n_chars, &index);
        if (*found) {
            *out = char_at(run, object, index);
            return jinja_charge(run, object.as.string->len / 64);
        }
        return true;
    default:
        return true;
    }
}

bool jinja_get_attribute(struct jinja_run *run, struct jinja_value object, struct jinja_value name,
                         struct jinja_value *out)
{
    bool found;
    if (!python_attribute(run, object, jinja_span(name), out, &found))
        return false;
    if (!found && !python_item(run, object, name, out, &found))
        return false;
    if (!found)
        *out = jinja_undefined_member(run, object, name);
    return true;
}

bool jinja_get_item(struct jinja_run *run, struct jinja_value object, struct jinja_value key,
                    struct jinja_value *out)
{
    bool found;
    if (!python_item(run, object, key, out, &found))
        return false;
    if (!found && key.type == JINJA_STRING &&
        !python_attribute(run, object, jinja_span(key), out, &found))
        return false;
    if (!found)
        *out = jinja_undefined_member(run, object, key);
    return true;
}

/* ------------------------------------------------------------------------------------ slices -- */

struct bounds {
    int64_t start, step;
    size_t n;
};

static bool slice_part(struct jinja_run *run, struct jinja_value v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v.type == JINJA_MISSING || v.type == JINJA_NONE || jinja_as_int(v, out))
        return true;
    return jinja_fail(run, "slice indices must be integers or None or have an __index__ method");
}

static int64_t clamp_index(int64_t i, int64_t n, int64_t low, int64_t high)
{
    if (i < 0)
        i = i < -n ? -1 : i + n;
    return i < low ? low : i > high ? high : i;
}

/* Python's slice.indices for a sequence of n items. */
static bool find_bounds(struct jinja_run *run, const struct jinja_value part[3], size_t length,
                        struct bounds *b)
{
    int64_t n = (int64_t)length, start, stop, step;
    if (!slice_part(run, part[2], 1, &step))
        return false;
    if (step == 0)
        return jinja_fail(run, "slice step cannot be zero");
    int64_t low = step > 0 ? 0 : -1, high = step > 0 ? n : n - 1;
    bool has_start = part[0].type != JINJA_MISSING && part[0].type != JINJA_NONE;
    bool has_stop = part[1].type != JINJA_MISSING && part[1].type != JINJA_NONE;
    if (!slice_part(run, part[0], 0, &start) || !slice_part(run, part[1], 0, &stop))
        return false;
    start = has_start ? clamp_index(start, n, low, high) : step > 0 ? low : high;
    stop = has_stop ? clamp_index(stop, n, low, high) : step > 0 ? high : low;
    uint64_t distance = step > 0 ? (uint64_t)(stop > start ? stop - start : 0)
                                 : (uint64_t)(start > stop ? start - stop : 0);
    uint64_t stride = step > 0 ? (uint64_t)step : 0 - (uint64_t)step;
    *b = (struct bounds){start, step, (size_t)((distance + stride - 1) / stride)};
    if (distance == 0)
        b->n = 0;
    return true;
}

static bool slice_string(struct jinja_run *run, struct jinja_value s, const struct bounds *b,
                         struct jinja_value *out)
{
    if (!jinja_charge(run, s.as.string->len / 64))
        return false;
    if (b->step == 1 || b->n == 0) {
        size_t from = b->n > 0 ? offset_of(s, (size_t)b->start) : 0;
        size_t to = b->n > 0 ? offset_of(s, (size_t)b->start + b->n) : 0;
        *out = jinja_string_part(run->arena, s, from, to - from);
        return true;
    }
    /* Offsets of all characters once, so that any step is linear. */
    struct span text = jinja_span(s);
    size_t n_chars = s.as.string->n_chars, mark = run->out.len;
    if (!jinja_room(run, n_chars * sizeof(size_t)) || !jinja_charge(run, n_chars / 8))
        return false;
    size_t *offsets = arena_array(run->arena, size_t, n_chars);
    for (size_t i = 0, at = 0; i < n_chars; i++) {
        offsets[i] = at;
        at += utf8_length(span_from(text, at));
    }
    for (size_t i = 0; i < b->n; i++) {
        size_t at = offsets[b->start + (int64_t)i * b->step];
        buf_add(&run->out, span_part(text, at, utf8_length(span_from(text, at))));
    }
    bool ok = jinja_take_text(run, mark, out);
    out->is_safe = s.is_safe;
    return ok;
}

static bool slice_list(struct jinja_run *run, struct jinja_value v, const struct bounds *b,
                       struct jinja_value *out)
{
    if (!jinja_room(run, b->n * sizeof(struct jinja_value)) || !jinja_charge(run, b->n))
        return false;
    *out = jinja_list_new(run->arena, v.type);
    for (size_t i = 0; i < b->n; i++)
        jinja_list_add(run->arena, out->as.list, v.as.list->items[b->start + (int64_t)i * b->step]);
    return true;
}

bool jinja_slice(struct jinja_run *run, struct jinja_value object, const struct jinja_value part[3],
                 struct jinja_value *out)
{
    struct bounds b;
    switch (object.type) {
    case JINJA_UNDEFINED:
        return jinja_fail_undefined(run, object);
    case JINJA_STRING:
        return find_bounds(run, part, object.as.string->n_chars, &b) &&
               slice_string(run, object, &b, out);
    case JINJA_LIST:
    case JINJA_TUPLE:
        return find_bounds(run, part, object.as.list->n, &b) && slice_list(run, object, &b, out);
    case JINJA_RANGE:
        return jinja_fail(run, "a slice of a range is not supported");
    case JINJA_DICT:
        return jinja_fail(run, "unhashable type: 'slice'");
    default:
        return jinja_fail(run, "'%s' object is not subscriptable", jinja_type_name(object));
    }
}

bool jinja_length(struct jinja_run *run, struct jinja_value v, bool *has, size_t *n)
{
    *has = true;
    *n = 0;
    switch (v.type) {
    case JINJA_UNDEFINED:
        break;
    case JINJA_STRING:
        *n = v.as.string->n_chars;
        break;
    case JINJA_LIST:
    case JINJA_TUPLE:
        *n = v.as.list->n;
        break;
    case JINJA_DICT:
        *n = v.as.dict->n;
        break;
    case JINJA_VIEW:
        *n = v.as.view->dict->n;
        break;
    case JINJA_RANGE:
        *n = v.as.range->n;
        break;
    case JINJA_LOOP: {
        struct jinja_value length;
        bool found;
        if (!jinja_loop_attribute(run, v, span_of("length"), &length, &found))
            return false;
        *n = (size_t)length.as.integer;
        break;
    }
    default:
        *has = false;
    }
    return true;
}
