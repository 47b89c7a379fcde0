/*
 * jinja_str.c - the methods of Python's str.
 *
 * Positions are counted in code points: find and friends search bytes (UTF-8 has no false matches)
 * and count the characters before the hit. A result of a string marked as safe is marked too, as
 * markupsafe does it; what would have to escape its arguments is refused for such strings.
 */
#include "format/jinja_str.h"

#include <inttypes.h>

#include "base/utf8.h"

static bool fail_safe(struct jinja_run *run, const char *method)
{
    return jinja_fail(run, "str.%s of a string marked as safe is not supported", method);
}

/* Text written since `mark`, marked as `like` is. */
static bool take_like(struct jinja_run *run, size_t mark, struct jinja_value like,
                      struct jinja_value *out)
{
    if (!jinja_take_text(run, mark, out))
        return false;
    out->is_safe = like.is_safe;
    return true;
}

/* -------------------------------------------------------------------------------------- case -- */

bool jinja_str_case(struct jinja_run *run, struct jinja_value s, enum jinja_case to,
                    struct jinja_value *out)
{
    size_t mark = run->out.len;
    jinja_add_case(&run->out, jinja_span(s), to);
    return jinja_charge(run, s.as.string->len / 8) && take_like(run, mark, s, out);
}

#define CASE_METHOD(name, to)                                                                      \
    static bool name(struct jinja_run *run, const struct jinja_value args[],                       \
                     struct jinja_value *out)                                                      \
    {                                                                                              \
        return jinja_str_case(run, args[0], to, out);                                              \
    }
CASE_METHOD(str_lower, JINJA_LOWER)
CASE_METHOD(str_upper, JINJA_UPPER)
CASE_METHOD(str_title, JINJA_TITLE)
CASE_METHOD(str_capitalize, JINJA_CAPITALIZE)
CASE_METHOD(str_swapcase, JINJA_SWAP)

/* ------------------------------------------------------------------------------------- strip -- */

/* The character at the start (or the end) of `text`; its length in bytes. */
static size_t edge_char(struct span text, bool at_end, struct span *c)
{
    size_t start = at_end ? text.len - 1 : 0;
    while (at_end && utf8_is_inner(text.at[start]))
        start--;
    *c = span_part(text, start, utf8_length(span_from(text, start)));
    return c->len;
}

static bool has_char(struct span chars, struct span c)
{
    return span_find(chars, c) < chars.len;
}

bool jinja_str_strip(struct jinja_run *run, struct jinja_value s, struct jinja_value chars,
                     enum jinja_side side, struct jinja_value *out)
{
    struct span text = jinja_span(s), c;
    size_t start = 0, end = text.len;
    if (chars.type == JINJA_MISSING || chars.type == JINJA_NONE) {
        if (side & JINJA_SIDE_LEFT)
            start = jinja_space_before(text);
        if (side & JINJA_SIDE_RIGHT)
            end -= jinja_space_behind(span_from(text, start));
    } else if (chars.type == JINJA_STRING) {
        struct span set = jinja_span(chars);
        while ((side & JINJA_SIDE_LEFT) && start < end &&
               edge_char(span_part(text, start, end - start), false, &c) && has_char(set, c))
            start += c.len;
        while ((side & JINJA_SIDE_RIGHT) && start < end &&
               edge_char(span_part(text, start, end - start), true, &c) && has_char(set, c))
            end -= c.len;
        if (!jinja_charge(run, (text.len - (end - start)) * (1 + set.len / 64)))
            return false;
    } else {
        return jinja_fail(run, "strip arg must be None or str");
    }
    *out = jinja_string_part(run->arena, s, start, end - start);
    return jinja_charge(run, text.len / 64);
}

#define STRIP_METHOD(name, side)                                                                   \
    static bool name(struct jinja_run *run, const struct jinja_value args[],                       \
                     struct jinja_value *out)                                                      \
    {                                                                                              \
        return jinja_str_strip(run, args[0], args[1], side, out);                                  \
    }
STRIP_METHOD(str_strip, JINJA_SIDE_BOTH)
STRIP_METHOD(str_lstrip, JINJA_SIDE_LEFT)
STRIP_METHOD(str_rstrip, JINJA_SIDE_RIGHT)

static bool str_removeprefix(struct jinja_run *run, const struct jinja_value args[],
                             struct jinja_value *out)
{
    struct span text = jinja_span(args[0]), prefix;
    if (!jinja_arg_text(run, args[1], NULL, &prefix))
        return false;
    size_t skip = span_starts_with(text, prefix) ? prefix.len : 0;
    *out = jinja_string_part(run->arena, args[0], skip, text.len - skip);
    return true;
}

static bool str_removesuffix(struct jinja_run *run, const struct jinja_value args[],
                             struct jinja_value *out)
{
    struct span text = jinja_span(args[0]), suffix;
    if (!jinja_arg_text(run, args[1], NULL, &suffix))
        return false;
    size_t drop = span_ends_with(text, suffix) ? suffix.len : 0;
    *out = jinja_string_part(run->arena, args[0], 0, text.len - drop);
    return true;
}

/* ------------------------------------------------------------------------------------- split -- */

static bool add_part(struct jinja_run *run, struct jinja_value list, struct jinja_value s,
                     size_t start, size_t end)
{
    jinja_list_add(run->arena, list.as.list, jinja_string_part(run->arena, s, start, end - start));
    return jinja_charge(run, 1) && jinja_room(run, 0);
}

static bool split_space(struct jinja_run *run, struct jinja_value s, int64_t most,
                        struct jinja_value *out)
{
    struct span text = jinja_span(s);
    size_t i = jinja_space_before(text);
    for (int64_t n = 0; i < text.len; n++) {
        size_t start = i;
        if (most >= 0 && n >= most)
            return add_part(run, *out, s, start, text.len);
        while (i < text.len && !jinja_char_is(utf8_decode(text.at + i), JINJA_IS_SPACE))
            i += utf8_length(span_from(text, i));
        if (!add_part(run, *out, s, start, i))
            return false;
        i += jinja_space_before(span_from(text, i));
    }
    return true;
}

static bool split_text(struct jinja_run *run, struct jinja_value s, struct span separator,
                       int64_t most, struct jinja_value *out)
{
    struct span text = jinja_span(s);
    size_t start = 0;
    for (int64_t n = 0; most < 0 || n < most; n++) {
        size_t hit = start + span_find(span_from(text, start), separator);
        if (hit >= text.len)
            break;
        if (!add_part(run, *out, s, start, hit))
            return false;
        start = hit + separator.len;
    }
    return add_part(run, *out, s, start, text.len);
}

/* The list the other way round, in place. */
static void reverse_items(struct jinja_list *list)
{
    for (size_t i = 0; i < list->n / 2; i++) {
        struct jinja_value item = list->items[i];
        list->items[i] = list->items[list->n - 1 - i];
        list->items[list->n - 1 - i] = item;
    }
}

/* Position of the last `part` in `text`, or text.len. */
static size_t find_last(struct span text, struct span part)
{
    for (size_t end = text.len; part.len <= end; end--) {
        if (span_ends_with(span_part(text, 0, end), part))
            return end - part.len;
        if (end == 0)
            break;
    }
    return text.len;
}

static bool rsplit_space(struct jinja_run *run, struct jinja_value s, int64_t most,
                         struct jinja_value *out)
{
    struct span text = jinja_span(s);
    size_t end = text.len - jinja_space_behind(text);
    for (int64_t n = 0; end > 0; n++) {
        size_t start = end;
        struct span c;
        if (most >= 0 && n >= most) {
            start = 0;
        } else {
            while (start > 0 && edge_char(span_part(text, 0, start), true, &c) &&
                   !jinja_char_is(utf8_decode(c.at), JINJA_IS_SPACE))
                start -= c.len;
        }
        if (!add_part(run, *out, s, start, end))
            return false;
        end = start - jinja_space_behind(span_part(text, 0, start));
    }
    reverse_items(out->as.list);
    return true;
}

static bool rsplit_text(struct jinja_run *run, struct jinja_value s, struct span separator,
                        int64_t most, struct jinja_value *out)
{
    struct span text = jinja_span(s);
    size_t end = text.len;
    for (int64_t n = 0; most < 0 || n < most; n++) {
        size_t hit = find_last(span_part(text, 0, end), separator);
        if (hit >= end)
            break;
        if (!add_part(run, *out, s, hit + separator.len, end))
            return false;
        end = hit;
    }
    if (!add_part(run, *out, s, 0, end))
        return false;
    reverse_items(out->as.list);
    return true;
}

static bool split_by(struct jinja_run *run, const struct jinja_value args[], bool from_right,
                     struct jinja_value *out)
{
    int64_t most;
    struct span separator;
    bool at_space = args[1].type == JINJA_MISSING || args[1].type == JINJA_NONE;
    if (!jinja_arg_int(run, args[2], -1, &most))
        return false;
    *out = jinja_list_new(run->arena, JINJA_LIST);
    if (!jinja_charge(run, args[0].as.string->len / 16))
        return false;
    if (at_space)
        return from_right ? rsplit_space(run, args[0], most, out)
                          : split_space(run, args[0], most, out);
    if (args[1].type != JINJA_STRING)
        return jinja_fail(run, "must be str or None, not %s", jinja_type_name(args[1]));
    separator = jinja_span(args[1]);
    if (separator.len == 0)
        return jinja_fail(run, "empty separator");
    return from_right ? rsplit_text(run, args[0], separator, most, out)
                      : split_text(run, args[0], separator, most, out);
}

static bool str_split(struct jinja_run *run, const struct jinja_value args[],
                      struct jinja_value *out)
{
    return split_by(run, args, false, out);
}

static bool str_rsplit(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    return split_by(run, args, true, out);
}

bool jinja_str_lines(struct jinja_run *run, struct jinja_value s, bool keeps_ends,
                     struct jinja_value *out)
{
    struct span text = jinja_span(s);
    *out = jinja_list_new(run->arena, JINJA_LIST);
    size_t start = 0;
    for (size_t i = 0; i < text.len;) {
        size_t line_break = jinja_line_break(span_from(text, i));
        if (line_break == 0) {
            i += utf8_length(span_from(text, i));
            continue;
        }
        if (!add_part(run, *out, s, start, keeps_ends ? i + line_break : i))
            return false;
        i += line_break;
        start = i;
    }
    if (!jinja_charge(run, text.len / 16))
        return false;
    return start == text.len || add_part(run, *out, s, start, text.len);
}

static bool str_splitlines(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    return jinja_str_lines(run, args[0], jinja_is_true(args[1]), out);
}

static bool partition(struct jinja_run *run, const struct jinja_value args[], bool from_right,
                      struct jinja_value *out)
{
    struct span text = jinja_span(args[0]), separator;
    if (!jinja_arg_text(run, args[1], NULL, &separator))
        return false;
    if (separator.len == 0)
        return jinja_fail(run, "empty separator");
    size_t hit = from_right ? find_last(text, separator) : span_find(text, separator);
    size_t start = hit, end = hit + separator.len;
    if (hit >= text.len) {
        start = from_right ? 0 : text.len;
        end = start;
    }
    *out = jinja_list_new(run->arena, JINJA_TUPLE);
    return add_part(run, *out, args[0], 0, start) && add_part(run, *out, args[0], start, end) &&
           add_part(run, *out, args[0], end, text.len);
}

static bool str_partition(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    return partition(run, args, false, out);
}

static bool str_rpartition(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    return partition(run, args, true, out);
}

/* ----------------------------------------------------------------------------- join, replace -- */

static bool str_join(struct jinja_run *run, const struct jinja_value args[],
                     struct jinja_value *out)
{
    struct jinja_value list;
    if (args[0].is_safe)
        return fail_safe(run, "join");
    if (!jinja_is_iterable(args[1]))
        return jinja_fail(run, "can only join an iterable");
    if (!jinja_to_list(run, args[1], &list))
        return false;
    size_t mark = run->out.len;
    for (size_t i = 0; i < list.as.list->n; i++) {
        struct jinja_value item = list.as.list->items[i];
        if (item.type != JINJA_STRING)
            return jinja_fail(run, "sequence item %zu: expected str instance, %s found", i,
                              jinja_type_name(item));
        if (i > 0)
            buf_add(&run->out, jinja_span(args[0]));
        buf_add(&run->out, jinja_span(item));
    }
    return jinja_take_text(run, mark, out);
}

bool jinja_str_replace(struct jinja_run *run, struct jinja_value s,
                       const struct span old_and_new[2], int64_t count, struct jinja_value *out)
{
    struct span text = jinja_span(s), old = old_and_new[0];
    size_t mark = run->out.len, i = 0;
    for (int64_t n = 0; (count < 0 || n < count) && !run->out.overflowed; n++) {
        if (!jinja_charge(run, 1 + old_and_new[1].len / 64))
            return false;
        if (old.len == 0) { /* before every character and at the end */
            buf_add(&run->out, old_and_new[1]);
            if (i == text.len)
                break;
            size_t len = utf8_length(span_from(text, i));
            buf_add(&run->out, span_part(text, i, len));
            i += len;
            continue;
        }
        size_t hit = span_find(span_from(text, i), old);
        if (hit == text.len - i)
            break;
        buf_add(&run->out, span_part(text, i, hit));
        buf_add(&run->out, old_and_new[1]);
        i += hit + old.len;
    }
    buf_add(&run->out, span_from(text, i));
    return jinja_take_text(run, mark, out);
}

static bool str_replace(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct span parts[2];
    int64_t count;
    if (args[0].is_safe)
        return fail_safe(run, "replace");
    return jinja_arg_text(run, args[1], NULL, &parts[0]) &&
           jinja_arg_text(run, args[2], NULL, &parts[1]) &&
           jinja_arg_int(run, args[3], -1, &count) &&
           jinja_str_replace(run, args[0], parts, count, out);
}

/* --------------------------------------------------------------------------------- searching -- */

/* The part [start:end] of args[0] that a search looks at; false in *valid: start is beyond the end.
 */
static bool search_window(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *window, int64_t *start, bool *valid)
{
    const struct jinja_value part[3] = {args[2], args[3]};
    int64_t n = (int64_t)args[0].as.string->n_chars;
    if (!jinja_arg_int(run, args[2], 0, start))
        return false;
    if (*start < 0)
        *start = *start < -n ? 0 : *start + n;
    *valid = *start <= n;
    return jinja_slice(run, args[0], part, window);
}

/* Character position of the first (or last) hit, or -1. */
static bool find_position(struct jinja_run *run, const struct jinja_value args[], bool last,
                          int64_t *position)
{
    struct jinja_value window;
    struct span part;
    int64_t start;
    bool valid;
    *position = -1;
    if (!jinja_arg_text(run, args[1], NULL, &part) ||
        !search_window(run, args, &window, &start, &valid))
        return false;
    struct span text = jinja_span(window);
    if (!jinja_charge(run, text.len / 16))
        return false;
    if (part.len == 0) {
        if (valid)
            *position = start + (last ? (int64_t)window.as.string->n_chars : 0);
        return true;
    }
    size_t hit = last ? find_last(text, part) : span_find(text, part);
    if (hit < text.len)
        *position = start + (int64_t)utf8_count(span_part(text, 0, hit));
    return true;
}

static bool search(struct jinja_run *run, const struct jinja_value args[], bool last, bool must,
                   struct jinja_value *out)
{
    int64_t position;
    if (!find_position(run, args, last, &position))
        return false;
    if (must && position < 0)
        return jinja_fail(run, "substring not found");
    *out = jinja_int(position);
    return true;
}

#define SEARCH_METHOD(name, last, must)                                                            \
    static bool name(struct jinja_run *run, const struct jinja_value args[],                       \
                     struct jinja_value *out)                                                      \
    {                                                                                              \
        return search(run, args, last, must, out);                                                 \
    }
SEARCH_METHOD(str_find, false, false)
SEARCH_METHOD(str_rfind, true, false)
SEARCH_METHOD(str_index, false, true)
SEARCH_METHOD(str_rindex, true, true)

static bool str_count(struct jinja_run *run, const struct jinja_value args[],
                      struct jinja_value *out)
{
    struct jinja_value window;
    struct span part;
    int64_t start, n = 0;
    bool valid;
    if (!jinja_arg_text(run, args[1], NULL, &part) ||
        !search_window(run, args, &window, &start, &valid))
        return false;
    struct span text = jinja_span(window);
    if (part.len == 0) {
        *out = jinja_int(valid ? (int64_t)window.as.string->n_chars + 1 : 0);
        return true;
    }
    for (size_t i = 0;;) {
        size_t hit = span_find(span_from(text, i), part);
        if (hit == text.len - i)
            break;
        n++;
        i += hit + part.len;
    }
    *out = jinja_int(n);
    return jinja_charge(run, text.len / 16);
}

/* startswith, endswith: one text or a tuple of them. */
static bool has_affix(struct jinja_run *run, const struct jinja_value args[], bool at_end,
                      struct jinja_value *out)
{
    struct jinja_value window;
    int64_t start;
    bool valid, found = false;
    const char *name = at_end ? "endswith" : "startswith";
    size_t n = args[1].type == JINJA_TUPLE ? args[1].as.list->n : 1;
    if (args[1].type != JINJA_TUPLE && args[1].type != JINJA_STRING)
        return jinja_fail(run, "%s first arg must be str or a tuple of str, not %s", name,
                          jinja_type_name(args[1]));
    if (!search_window(run, args, &window, &start, &valid) || !jinja_charge(run, n))
        return false;
    for (size_t i = 0; i < n && !found; i++) {
        struct jinja_value affix =
            args[1].type == JINJA_TUPLE ? args[1].as.list->items[i] : args[1];
        if (affix.type != JINJA_STRING)
            return jinja_fail(run, "tuple for %s must only contain str, not %s", name,
                              jinja_type_name(affix));
        found = valid && (at_end ? span_ends_with(jinja_span(window), jinja_span(affix))
                                 : span_starts_with(jinja_span(window), jinja_span(affix)));
    }
    *out = jinja_bool(found);
    return true;
}

static bool str_startswith(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    return has_affix(run, args, false, out);
}

static bool str_endswith(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    return has_affix(run, args, true, out);
}

/* ----------------------------------------------------------------------------------- padding -- */

struct padding {
    size_t left, right;
    struct span fill;
};

static bool pad(struct jinja_run *run, struct jinja_value s, const struct padding *padding,
                struct jinja_value *out)
{
    size_t mark = run->out.len;
    if (!jinja_room(run, (padding->left + padding->right) * padding->fill.len))
        return false;
    for (size_t i = 0; i < padding->left && !run->out.overflowed; i++)
        buf_add(&run->out, padding->fill);
    buf_add(&run->out, jinja_span(s));
    for (size_t i = 0; i < padding->right && !run->out.overflowed; i++)
        buf_add(&run->out, padding->fill);
    return take_like(run, mark, s, out);
}

static size_t missing_width(struct jinja_value s, int64_t width)
{
    int64_t n = (int64_t)s.as.string->n_chars;
    return width > n ? min_size((size_t)(width - n), (size_t)1 << 40) : 0;
}

bool jinja_str_center(struct jinja_run *run, struct jinja_value s, int64_t width,
                      struct jinja_value *out)
{
    size_t all = missing_width(s, width);
    size_t left = all / 2 + (all & (size_t)width & 1);
    struct padding padding = {left, all - left, span_of(" ")};
    return pad(run, s, &padding, out);
}

/* ljust, rjust, center: args are s, width, fill. */
static bool justify(struct jinja_run *run, const struct jinja_value args[], char to,
                    struct jinja_value *out)
{
    int64_t width;
    struct padding padding = {0};
    if (!jinja_arg_int(run, args[1], 0, &width) ||
        !jinja_arg_text(run, args[2], " ", &padding.fill))
        return false;
    if (utf8_count(padding.fill) != 1)
        return jinja_fail(run, "The fill character must be exactly one character long");
    size_t all = missing_width(args[0], width);
    padding.left = to == '<' ? 0 : to == '>' ? all : all / 2 + (all & (size_t)width & 1);
    padding.right = all - padding.left;
    return pad(run, args[0], &padding, out);
}

static bool str_ljust(struct jinja_run *run, const struct jinja_value args[],
                      struct jinja_value *out)
{
    return justify(run, args, '<', out);
}

static bool str_rjust(struct jinja_run *run, const struct jinja_value args[],
                      struct jinja_value *out)
{
    return justify(run, args, '>', out);
}

static bool str_center(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    return justify(run, args, '^', out);
}

static bool str_zfill(struct jinja_run *run, const struct jinja_value args[],
                      struct jinja_value *out)
{
    int64_t width;
    if (!jinja_arg_int(run, args[1], 0, &width))
        return false;
    struct span text = jinja_span(args[0]);
    size_t sign = text.len > 0 && (text.at[0] == '+' || text.at[0] == '-');
    size_t mark = run->out.len, zeros = missing_width(args[0], width);
    if (!jinja_room(run, zeros))
        return false;
    buf_add(&run->out, span_part(text, 0, sign));
    for (size_t i = 0; i < zeros && !run->out.overflowed; i++)
        buf_add_byte(&run->out, '0');
    buf_add(&run->out, span_from(text, sign));
    return take_like(run, mark, args[0], out);
}

/* ----------------------------------------------------------------------------------- classes -- */

/* All characters are of the class, and there is one. */
static bool all_are(struct span text, enum jinja_class class)
{
    for (size_t i = 0; i < text.len; i += utf8_length(span_from(text, i))) {
        if (!jinja_char_is(utf8_decode(text.at + i), class))
            return false;
    }
    return text.len > 0;
}

#define CLASS_METHOD(name, class)                                                                  \
    static bool name(struct jinja_run *run, const struct jinja_value args[],                       \
                     struct jinja_value *out)                                                      \
    {                                                                                              \
        *out = jinja_bool(all_are(jinja_span(args[0]), class));                                    \
        return jinja_charge(run, args[0].as.string->len / 16);                                     \
    }
CLASS_METHOD(str_isspace, JINJA_IS_SPACE)
CLASS_METHOD(str_isalpha, JINJA_IS_ALPHA)
CLASS_METHOD(str_isalnum, JINJA_IS_ALNUM)
CLASS_METHOD(str_isdecimal, JINJA_IS_DECIMAL)
CLASS_METHOD(str_isdigit, JINJA_IS_DIGIT)
CLASS_METHOD(str_isnumeric, JINJA_IS_NUMERIC)

static bool str_isprintable(struct jinja_run *run, const struct jinja_value args[],
                            struct jinja_value *out)
{
    struct span text = jinja_span(args[0]);
    *out = jinja_bool(text.len == 0 || all_are(text, JINJA_IS_PRINTABLE));
    return jinja_charge(run, text.len / 16);
}

static bool str_isascii(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    (void)run;
    const struct jinja_string *s = args[0].as.string;
    bool is_ascii = true;
    for (size_t i = 0; i < s->len; i++)
        is_ascii = is_ascii && s->at[i] < 0x80;
    *out = jinja_bool(is_ascii);
    return true;
}

static bool str_isidentifier(struct jinja_run *run, const struct jinja_value args[],
                             struct jinja_value *out)
{
    (void)run;
    struct span text = jinja_span(args[0]);
    bool fits = text.len > 0 && jinja_char_is(utf8_decode(text.at), JINJA_IS_NAME_START);
    *out = jinja_bool(fits && all_are(text, JINJA_IS_NAME));
    return true;
}

bool jinja_str_is_case(struct span text, bool is_upper)
{
    bool has_cased = false;
    for (size_t i = 0; i < text.len; i += utf8_length(span_from(text, i))) {
        uint32_t c = utf8_decode(text.at + i);
        if (jinja_char_is(c, is_upper ? JINJA_IS_LOWER : JINJA_IS_UPPER) ||
            jinja_char_is(c, JINJA_IS_TITLE))
            return false;
        has_cased = has_cased || jinja_char_is(c, is_upper ? JINJA_IS_UPPER : JINJA_IS_LOWER);
    }
    return has_cased;
}

static bool str_islower(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    *out = jinja_bool(jinja_str_is_case(jinja_span(args[0]), false));
    return jinja_charge(run, args[0].as.string->len / 16);
}

static bool str_isupper(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    *out = jinja_bool(jinja_str_is_case(jinja_span(args[0]), true));
    return jinja_charge(run, args[0].as.string->len / 16);
}

static bool str_istitle(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct span text = jinja_span(args[0]);
    bool has_cased = false, in_word = false, fits = true;
    for (size_t i = 0; i < text.len; i += utf8_length(span_from(text, i))) {
        uint32_t c = utf8_decode(text.at + i);
        bool upper = jinja_char_is(c, JINJA_IS_UPPER) || jinja_char_is(c, JINJA_IS_TITLE);
        bool lower = jinja_char_is(c, JINJA_IS_LOWER);
        fits = fits && !(upper && in_word) && !(lower && !in_word);
        in_word = upper || lower;
        has_cased = has_cased || in_word;
    }
    *out = jinja_bool(fits && has_cased);
    return jinja_charge(run, text.len / 16);
}

static bool str_format(struct jinja_run *run, const struct jinja_call *call,
                       struct jinja_value *out)
{
    return jinja_format(run, call->args[0], call, out);
}

const struct jinja_builtin jinja_str_methods[] = {
    {"capitalize", "/self", str_capitalize, NULL},
    {"casefold", NULL, NULL, NULL},
    {"center", "/self /width /fillchar=", str_center, NULL},
    {"count", "/self /sub /start= /end=", str_count, NULL},
    {"encode", NULL, NULL, NULL},
    {"endswith", "/self /suffix /start= /end=", str_endswith, NULL},
    {"expandtabs", NULL, NULL, NULL},
    {"find", "/self /sub /start= /end=", str_find, NULL},
    {"format", NULL, NULL, str_format},
    {"format_map", NULL, NULL, NULL},
    {"index", "/self /sub /start= /end=", str_index, NULL},
    {"isalnum", "/self", str_isalnum, NULL},
    {"isalpha", "/self", str_isalpha, NULL},
    {"isascii", "/self", str_isascii, NULL},
    {"isdecimal", "/self", str_isdecimal, NULL},
    {"isdigit", "/self", str_isdigit, NULL},
    {"isidentifier", "/self", str_isidentifier, NULL},
    {"islower", "/self", str_islower, NULL},
    {"isnumeric", "/self", str_isnumeric, NULL},
    {"isprintable", "/self", str_isprintable, NULL},
    {"isspace", "/self", str_isspace, NULL},
    {"istitle", "/self", str_istitle, NULL},
    {"isupper", "/self", str_isupper, NULL},
    {"join", "/self /iterable", str_join, NULL},
    {"ljust", "/self /width /fillchar=", str_ljust, NULL},
    {"lower", "/self", str_lower, NULL},
    {"lstrip", "/self /chars=", str_lstrip, NULL},
    {"maketrans", NULL, NULL, NULL},
    {"partition", "/self /sep", str_partition, NULL},
    {"removeprefix", "/self /prefix", str_removeprefix, NULL},
    {"removesuffix", "/self /suffix", str_removesuffix, NULL},
    {"replace", "/self /old /new /count=", str_replace, NULL},
    {"rfind", "/self /sub /start= /end=", str_rfind, NULL},
    {"rindex", "/self /sub /start= /end=", str_rindex, NULL},
    {"rjust", "/self /width /fillchar=", str_rjust, NULL},
    {"rpartition", "/self /sep", str_rpartition, NULL},
    {"rsplit", "/self sep= maxsplit=", str_rsplit, NULL},
    {"rstrip", "/self /chars=", str_rstrip, NULL},
    {"split", "/self sep= maxsplit=", str_split, NULL},
    {"splitlines", "/self keepends=", str_splitlines, NULL},
    {"startswith", "/self /prefix /start= /end=", str_startswith, NULL},
    {"strip", "/self /chars=", str_strip, NULL},
    {"swapcase", "/self", str_swapcase, NULL},
    {"title", "/self", str_title, NULL},
    {"translate", NULL, NULL, NULL},
    {"upper", "/self", str_upper, NULL},
    {"zfill", "/self /width", str_zfill, NULL},
    {NULL, NULL, NULL, NULL},
};
