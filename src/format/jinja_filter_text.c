/*
 * jinja_filter_text.c - filters on text, and those on any one value.
 *
 * As in Jinja most of them take any value and work on its text ({{ 12 | upper }}); the few that do
 * not (indent, truncate) want a string.
 */
#include "base/utf8.h"
#include "format/jinja_filter.h"
#include "format/jinja_str.h"

#define CASE_FILTER(name, to)                                                                      \
    static bool name(struct jinja_run *run, const struct jinja_value args[],                       \
                     struct jinja_value *out)                                                      \
    {                                                                                              \
        struct jinja_value text;                                                                   \
        return jinja_to_text(run, args[0], &text) && jinja_str_case(run, text, to, out);           \
    }
CASE_FILTER(filter_lower, JINJA_LOWER)
CASE_FILTER(filter_upper, JINJA_UPPER)
CASE_FILTER(filter_capitalize, JINJA_CAPITALIZE)

static bool is_word_break(uint32_t c)
{
    return c == '-' || c == '(' || c == '{' || c == '[' || c == '<' ||
           jinja_char_is(c, JINJA_IS_SPACE);
}

/* Unlike str.title: words are parted by white space, hyphens and opening brackets alone. */
static bool filter_title(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    struct jinja_value value;
    if (!jinja_to_text(run, args[0], &value))
        return false;
    struct span text = jinja_span(value);
    size_t mark = run->out.len;
    for (size_t i = 0; i < text.len;) {
        size_t first = utf8_length(span_from(text, i)), end = i + first;
        bool is_break = is_word_break(utf8_decode(text.at + i));
        while (end < text.len && is_word_break(utf8_decode(text.at + end)) == is_break)
            end += utf8_length(span_from(text, end));
        jinja_add_case(&run->out, span_part(text, i, first), JINJA_UPPER);
        jinja_add_case(&run->out, span_part(text, i + first, end - i - first), JINJA_LOWER);
        i = end;
    }
    bool ok = jinja_charge(run, text.len / 8) && jinja_take_text(run, mark, out);
    out->is_safe = value.is_safe;
    return ok;
}

static bool filter_trim(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct jinja_value text;
    return jinja_to_text(run, args[0], &text) &&
           jinja_str_strip(run, text, args[1], JINJA_SIDE_BOTH, out);
}

static bool filter_center(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    struct jinja_value text;
    int64_t width;
    return jinja_to_text(run, args[0], &text) && jinja_arg_int(run, args[1], 80, &width) &&
           jinja_str_center(run, text, width, out);
}

static bool filter_replace(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    struct jinja_value text, old, new;
    int64_t count;
    if (!jinja_to_text(run, args[0], &text) || !jinja_to_text(run, args[1], &old) ||
        !jinja_to_text(run, args[2], &new) || !jinja_arg_int(run, args[3], -1, &count))
        return false;
    const struct span parts[2] = {jinja_span(old), jinja_span(new)};
    return jinja_str_replace(run, text, parts, count, out);
}

static bool filter_string(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    return jinja_to_text(run, args[0], out);
}

static bool filter_safe(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    if (!jinja_to_text(run, args[0], out))
        return false;
    out->is_safe = true;
    return true;
}

static bool escape_text(struct jinja_run *run, struct jinja_value text, struct jinja_value *out)
{
    size_t mark = run->out.len;
    buf_add_html(&run->out, jinja_span(text));
    bool ok = jinja_charge(run, text.as.string->len / 8) && jinja_take_text(run, mark, out);
    out->is_safe = true;
    return ok;
}

static bool filter_escape(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    *out = args[0];
    struct jinja_value text;
    if (args[0].type == JINJA_STRING && args[0].is_safe)
        return true;
    return jinja_to_text(run, args[0], &text) && escape_text(run, text, out);
}

static bool filter_forceescape(struct jinja_run *run, const struct jinja_value args[],
                               struct jinja_value *out)
{
    struct jinja_value text;
    return jinja_to_text(run, args[0], &text) && escape_text(run, text, out);
}

/* The indentation as text: a string, or a number of blanks. */
static bool indentation(struct jinja_run *run, struct jinja_value width, struct span *out)
{
    int64_t blanks;
    if (width.type == JINJA_STRING) {
        *out = jinja_span(width);
        return true;
    }
    if (!jinja_arg_int(run, width, 4, &blanks))
        return false;
    blanks = blanks < 0 ? 0 : blanks;
    if (!jinja_room(run, (uint64_t)blanks))
        return false;
    uint8_t *text = arena_alloc(run->arena, (size_t)blanks + 1);
    memset(text, ' ', (size_t)blanks);
    *out = (struct span){text, (size_t)blanks};
    return true;
}

static bool filter_indent(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    struct jinja_value lines, text, newline = jinja_string(run->arena, span_of("\n"));
    struct span indent;
    if (!indentation(run, args[1], &indent) ||
        !jinja_binary(run, JINJA_OP_ADD, args[0], newline, &text))
        return false;
    if (text.type != JINJA_STRING)
        return jinja_fail(run, "'%s' object has no attribute 'splitlines'", jinja_type_name(text));
    if (!jinja_str_lines(run, text, false, &lines))
        return false;
    size_t mark = run->out.len;
    for (size_t i = 0; i < lines.as.list->n; i++) {
        struct span line = jinja_span(lines.as.list->items[i]);
        if (i > 0)
            buf_add_byte(&run->out, '\n');
        if (i == 0 ? jinja_is_true(args[2]) : line.len > 0 || jinja_is_true(args[3]))
            buf_add(&run->out, indent);
        buf_add(&run->out, line);
    }
    bool ok = jinja_take_text(run, mark, out);
    out->is_safe = text.is_safe;
    return ok;
}

static bool filter_truncate(struct jinja_run *run, const struct jinja_value args[],
                            struct jinja_value *out)
{
    int64_t length, leeway;
    struct span end, space = span_of(" ");
    bool has;
    size_t n;
    if (!jinja_arg_int(run, args[1], 255, &length) || !jinja_arg_text(run, args[3], "...", &end) ||
        !jinja_arg_int(run, args[4], 5, &leeway))
        return false;
    int64_t end_chars = (int64_t)utf8_count(end);
    if (length < end_chars)
        return jinja_fail(run, "expected length >= %lld, got %lld", (long long)end_chars,
                          (long long)length);
    if (leeway < 0)
        return jinja_fail(run, "expected leeway >= 0, got %lld", (long long)leeway);
    *out = args[0];
    if (!jinja_length(run, args[0], &has, &n))
        return false;
    if (!has)
        return jinja_fail(run, "object of type '%s' has no len()", jinja_type_name(args[0]));
    if (leeway > (int64_t)n || (int64_t)n - leeway <= length)
        return true;
    if (args[0].type != JINJA_STRING)
        return jinja_fail(run, "'%s' object has no attribute 'rsplit'", jinja_type_name(args[0]));
    const struct jinja_value part[3] = {{0}, jinja_int(length - end_chars)};
    struct jinja_value head;
    if (!jinja_slice(run, args[0], part, &head))
        return false;
    struct span text = jinja_span(head);
    size_t keep = text.len;
    while (!jinja_is_true(args[2]) && keep > 0 && !span_ends_with(span_part(text, 0, keep), space))
        keep--;
    if (!jinja_is_true(args[2]))
        keep = keep > 0 ? keep - 1 : text.len;
    return jinja_concat(run, jinja_string_part(run->arena, head, 0, keep),
                        jinja_string_copy(run->arena, end), out);
}

static bool filter_wordcount(struct jinja_run *run, const struct jinja_value args[],
                             struct jinja_value *out)
{
    struct jinja_value value;
    if (!jinja_to_text(run, args[0], &value))
        return false;
    struct span text = jinja_span(value);
    int64_t n = 0;
    bool in_word = false;
    for (size_t i = 0; i < text.len; i += utf8_length(span_from(text, i))) {
        uint32_t c = utf8_decode(text.at + i);
        bool is_word = c == '_' || jinja_char_is(c, JINJA_IS_ALNUM);
        n += is_word && !in_word;
        in_word = is_word;
    }
    *out = jinja_int(n);
    return jinja_charge(run, text.len / 8);
}

static bool is_unreserved(uint8_t c)
{
    return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
           (c != '\0' && strchr("_.-~", c));
}

/* Percent signs as urllib writes them; in a query blanks are '+' and '/' is escaped. */
static bool add_quoted(struct jinja_run *run, struct jinja_value v, bool in_query)
{
    struct jinja_value value;
    if (!jinja_to_text(run, v, &value))
        return false;
    struct span text = jinja_span(value);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        if (is_unreserved(c) || (c == '/' && !in_query))
            buf_add_byte(&run->out, c);
        else if (c == ' ' && in_query)
            buf_add_byte(&run->out, '+');
        else
            buf_printf(&run->out, "%%%02X", c);
    }
    return jinja_charge(run, text.len / 8);
}

static bool filter_urlencode(struct jinja_run *run, const struct jinja_value args[],
                             struct jinja_value *out)
{
    struct jinja_value pairs, items = args[0];
    size_t mark = run->out.len;
    if (args[0].type == JINJA_STRING || !jinja_is_iterable(args[0]))
        return add_quoted(run, args[0], false) && jinja_take_text(run, mark, out);
    struct jinja_view view = {args[0].as.dict, JINJA_VIEW_ITEMS};
    if (args[0].type == JINJA_DICT)
        items = (struct jinja_value){.type = JINJA_VIEW, .as.view = &view};
    if (!jinja_to_list(run, items, &pairs))
        return false;
    for (size_t i = 0; i < pairs.as.list->n; i++) {
        struct jinja_value pair = pairs.as.list->items[i];
        bool fits = (pair.type == JINJA_TUPLE || pair.type == JINJA_LIST) && pair.as.list->n == 2;
        if (!fits)
            return jinja_fail(run, "urlencode wants pairs");
        if (i > 0)
            buf_add_byte(&run->out, '&');
        if (!add_quoted(run, pair.as.list->items[0], true))
            return false;
        buf_add_byte(&run->out, '=');
        if (!add_quoted(run, pair.as.list->items[1], true))
            return false;
    }
    return jinja_take_text(run, mark, out);
}

static bool filter_tojson(struct jinja_run *run, const struct jinja_value args[],
                          struct jinja_value *out)
{
    size_t mark = run->out.len;
    return jinja_print_json(run, args) && jinja_take_text(run, mark, out);
}

/* text | format(…): the arguments as one tuple, or the named ones as a mapping. */
static bool filter_format(struct jinja_run *run, const struct jinja_call *call,
                          struct jinja_value *out)
{
    struct jinja_value text, values;
    if (call->n_args > 1 && call->n_named > 0)
        return jinja_fail(run, "can't handle positional and keyword arguments at the same time");
    if (!jinja_to_text(run, call->args[0], &text))
        return false;
    values = jinja_list_new(run->arena, JINJA_TUPLE);
    for (size_t i = 1; i < call->n_args; i++)
        jinja_list_add(run->arena, values.as.list, call->args[i]);
    if (call->n_named > 0) {
        values = jinja_dict_new(run->arena);
        for (size_t i = 0; i < call->n_named; i++)
            jinja_dict_put(run->arena, values.as.dict, call->named[i].key, call->named[i].value);
    }
    return jinja_percent(run, text, values, out);
}

static bool filter_default(struct jinja_run *run, const struct jinja_value args[],
                           struct jinja_value *out)
{
    bool is_empty =
        args[0].type == JINJA_UNDEFINED || (jinja_is_true(args[2]) && !jinja_is_true(args[0]));
    *out = args[0];
    if (is_empty)
        *out = args[1].type == JINJA_MISSING ? jinja_string(run->arena, span_of("")) : args[1];
    return true;
}

/* foo|attr("bar"): the attribute, never the item. */
static bool filter_attr(struct jinja_run *run, const struct jinja_value args[],
                        struct jinja_value *out)
{
    struct span name;
    if (!jinja_arg_text(run, args[1], NULL, &name))
        return false;
    struct jinja_value object = args[0];
    if (object.type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, object);
    /* An item of that name must not be found: only dicts have such. */
    if (object.type == JINJA_DICT && !jinja_method_find(object, name)) {
        *out = jinja_undefined_member(run, object, args[1]);
        return true;
    }
    return jinja_get_attribute(run, object, args[1], out);
}

const struct jinja_builtin jinja_text_filters[] = {
    {"attr", "/obj name", filter_attr, NULL},
    {"capitalize", "/s", filter_capitalize, NULL},
    {"center", "/value width=", filter_center, NULL},
    {"d", "/value default_value= boolean=", filter_default, NULL},
    {"default", "/value default_value= boolean=", filter_default, NULL},
    {"e", "/s", filter_escape, NULL},
    {"escape", "/s", filter_escape, NULL},
    {"forceescape", "/value", filter_forceescape, NULL},
    {"format", NULL, NULL, filter_format},
    {"indent", "/s width= first= blank=", filter_indent, NULL},
    {"lower", "/s", filter_lower, NULL},
    {"pprint", NULL, NULL, NULL},
    {"replace", "/s old new count=", filter_replace, NULL},
    {"safe", "/value", filter_safe, NULL},
    {"string", "/object", filter_string, NULL},
    {"striptags", NULL, NULL, NULL},
    {"title", "/s", filter_title, NULL},
    {"tojson", "/x ensure_ascii= indent= separators= sort_keys=", filter_tojson, NULL},
    {"trim", "/value chars=", filter_trim, NULL},
    {"truncate", "/s length= killwords= end= leeway=", filter_truncate, NULL},
    {"upper", "/s", filter_upper, NULL},
    {"urlencode", "/value", filter_urlencode, NULL},
    {"urlize", NULL, NULL, NULL},
    {"wordcount", "/s", filter_wordcount, NULL},
    {"wordwrap", NULL, NULL, NULL},
    {"xmlattr", NULL, NULL, NULL},
    {0},
};
