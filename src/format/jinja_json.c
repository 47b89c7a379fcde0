/*
 * jinja_json.c - values from JSON, and the tojson filter.
 *
 * The filter is the one that transformers puts in place of Jinja's: Python's json.dumps without
 * HTML escapes, with its arguments ensure_ascii (false unless asked for), indent, separators and
 * sort_keys.
 */
#include "format/jinja_run.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/utf8.h"
#include "format/json.h"

/* ----------------------------------------------------------------------------------- reading -- */

static struct jinja_value read_number(struct json_reader *r)
{
    struct span text = json_number_text(r);
    bool is_whole = text.len > 0 && text.len < 400;
    for (size_t i = 0; i < text.len; i++)
        is_whole = is_whole && (text.at[i] == '-' || (text.at[i] >= '0' && text.at[i] <= '9'));
    int64_t whole;
    double number = 0;
    if (is_whole) {
        if (!num_parse_i64(text, &whole))
            json_fail(r, "the number %.*s needs more than 64 bits", SPAN_ARGS(text));
        return jinja_int(whole);
    }
    /* num_parse_double refuses what is not finite; json.loads does not. */
    if (!num_parse_double(text, &number) && text.len > 0 && text.len < 400) {
        char copy[400];
        memcpy(copy, text.at, text.len);
        copy[text.len] = '\0';
        number = strtod(copy, NULL);
    }
    return jinja_float(number);
}

struct jinja_value jinja_from_json(struct json_reader *r, struct arena *arena)
{
    struct jinja_value v = jinja_none();
    struct span key;
    switch (json_peek(r)) {
    case JSON_OBJECT:
        v = jinja_dict_new(arena);
        for (json_enter_object(r); json_next_key(r, &key);) {
            struct jinja_value name = jinja_string(arena, key);
            jinja_dict_put(arena, v.as.dict, name, jinja_from_json(r, arena));
        }
        return v;
    case JSON_ARRAY:
        v = jinja_list_new(arena, JINJA_LIST);
        for (json_enter_array(r); json_next_item(r);)
            jinja_list_add(arena, v.as.list, jinja_from_json(r, arena));
        return v;
    case JSON_STRING:
        return jinja_string(arena, json_string(r));
    case JSON_NUMBER:
        return read_number(r);
    case JSON_BOOL:
        return jinja_bool(json_bool(r));
    case JSON_NULL:
    case JSON_BROKEN:
        (void)json_null(r);
        return v;
    }
    return v;
}

/* ----------------------------------------------------------------------------------- writing -- */

struct dump {
    struct jinja_run *run;
    bool ascii, sorted, indented;
    struct span indent, item_separator, key_separator;
    unsigned depth;
};

static bool dump_value(struct dump *d, struct jinja_value v);

static void add_unicode_escape(struct buf *out, uint32_t c)
{
    if (c >= 0x10000) {
        c -= 0x10000;
        buf_printf(out, "\\u%04x\\u%04x", 0xd800 + (c >> 10), 0xdc00 + (c & 0x3ff));
    } else {
        buf_printf(out, "\\u%04x", c);
    }
}

static void dump_string(struct dump *d, struct span text)
{
    static const char letters[] = "\"\\\n\r\t\f\b", escapes[] = "\"\\nrtfb";
    struct buf *out = &d->run->out;
    buf_add_byte(out, '"');
    for (size_t i = 0, len; i < text.len; i += len) {
        len = utf8_length(span_from(text, i));
        uint32_t c = utf8_decode(text.at + i);
        const char *letter = c > 0 && c < 0x80 ? strchr(letters, (int)c) : NULL;
        if (letter)
            buf_printf(out, "\\%c", escapes[letter - letters]);
        else if (c < 0x20 || (d->ascii && c > 0x7e))
            add_unicode_escape(out, c);
        else
            buf_add(out, span_part(text, i, len));
    }
    buf_add_byte(out, '"');
}

static void new_line(struct dump *d)
{
    if (!d->indented)
        return;
    buf_add_byte(&d->run->out, '\n');
    for (unsigned i = 0; i < d->depth && !d->run->out.overflowed; i++)
        buf_add(&d->run->out, d->indent);
}

static bool dump_list(struct dump *d, const struct jinja_list *list)
{
    struct buf *out = &d->run->out;
    if (list->n == 0) {
        buf_add_text(out, "[]");
        return true;
    }
    buf_add_byte(out, '[');
    d->depth++;
    for (size_t i = 0; i < list->n && !out->overflowed; i++) {
        if (i > 0)
            buf_add(out, d->item_separator);
        new_line(d);
        if (!dump_value(d, list->items[i]))
            return false;
    }
    d->depth--;
    new_line(d);
    buf_add_byte(out, ']');
    return true;
}

static bool dump_number(struct dump *d, struct jinja_value v)
{
    char text[NUM_TEXT_SIZE];
    if (v.type == JINJA_INT) {
        buf_printf(&d->run->out, "%" PRId64, v.as.integer);
        return true;
    }
    num_format_double(text, v.as.number);
    const char *shown = text;
    if (strcmp(text, "nan") == 0)
        shown = "NaN";
    else if (strcmp(text, "inf") == 0)
        shown = "Infinity";
    else if (strcmp(text, "-inf") == 0)
        shown = "-Infinity";
    buf_add_text(&d->run->out, shown);
    return true;
}

static bool dump_key(struct dump *d, struct jinja_value key)
{
    if (key.type == JINJA_STRING) {
        dump_string(d, jinja_span(key));
        return true;
    }
    if (key.type != JINJA_NONE && !jinja_is_number(key))
        return jinja_fail(d->run, "keys must be str, int, float, bool or None, not %s",
                          jinja_type_name(key));
    buf_add_byte(&d->run->out, '"');
    if (!dump_value(d, key))
        return false;
    buf_add_byte(&d->run->out, '"');
    return true;
}

/* The dict's pairs in the order of their keys: a stable insertion into a copy, halved by merging.
 */
static bool sort_pairs(struct dump *d, struct jinja_pair *pairs, struct jinja_pair *spare, size_t n)
{
    if (n < 2)
        return true;
    size_t half = n / 2, a = 0, b = half;
    if (!sort_pairs(d, pairs, spare, half) || !sort_pairs(d, pairs + half, spare, n - half))
        return false;
    for (size_t i = 0; i < n; i++) {
        bool takes_second = a == half;
        if (a < half && b < n &&
            !jinja_compare(d->run, JINJA_OP_LT, pairs[b].key, pairs[a].key, &takes_second))
            return false;
        spare[i] = takes_second ? pairs[b++] : pairs[a++];
    }
    memcpy(pairs, spare, n * sizeof *pairs);
    return true;
}

static bool dump_dict(struct dump *d, const struct jinja_dict *dict)
{
    struct buf *out = &d->run->out;
    struct jinja_pair *pairs = dict->pairs;
    if (dict->n == 0) {
        buf_add_text(out, "{}");
        return true;
    }
    if (d->sorted) {
        pairs = arena_array(d->run->arena, struct jinja_pair, 2 * dict->n);
        memcpy(pairs, dict->pairs, dict->n * sizeof *pairs);
        if (!sort_pairs(d, pairs, pairs + dict->n, dict->n))
            return false;
    }
    buf_add_byte(out, '{');
    d->depth++;
    for (size_t i = 0; i < dict->n && !out->overflowed; i++) {
        if (i > 0)
            buf_add(out, d->item_separator);
        new_line(d);
        if (!dump_key(d, pairs[i].key))
            return false;
        buf_add(out, d->key_separator);
        if (!dump_value(d, pairs[i].value))
            return false;
    }
    d->depth--;
    new_line(d);
    buf_add_byte(out, '}');
    return true;
}

static bool dump_value(struct dump *d, struct jinja_value v)
{
    switch (v.type) {
    case JINJA_NONE:
        buf_add_text(&d->run->out, "null");
        return true;
    case JINJA_BOOL:
        buf_add_text(&d->run->out, v.as.flag ? "true" : "false");
        return true;
    case JINJA_INT:
    case JINJA_FLOAT:
        return dump_number(d, v);
    case JINJA_STRING:
        dump_string(d, jinja_span(v));
        return jinja_charge(d->run, v.as.string->len / 16);
    case JINJA_LIST:
    case JINJA_TUPLE:
        return jinja_charge(d->run, v.as.list->n) && dump_list(d, v.as.list);
    case JINJA_DICT:
        return jinja_charge(d->run, v.as.dict->n) && dump_dict(d, v.as.dict);
    default:
        return jinja_fail(d->run, "Object of type %s is not JSON serializable", jinja_type_name(v));
    }
}

static bool set_indent(struct dump *d, struct jinja_value indent)
{
    int64_t width;
    d->indented = indent.type != JINJA_MISSING && indent.type != JINJA_NONE;
    if (!d->indented)
        return true;
    if (indent.type == JINJA_STRING) {
        d->indent = jinja_span(indent);
        return true;
    }
    if (!jinja_arg_int(d->run, indent, 0, &width))
        return false;
    width = width < 0 ? 0 : width;
    if (width > 1000)
        return jinja_fail(d->run, "tojson: an indent of %" PRId64 " is not supported", width);
    uint8_t *blanks = arena_alloc(d->run->arena, (size_t)width + 1);
    memset(blanks, ' ', (size_t)width);
    d->indent = (struct span){blanks, (size_t)width};
    return true;
}

static bool set_separators(struct dump *d, struct jinja_value separators)
{
    d->item_separator = span_of(d->indented ? "," : ", ");
    d->key_separator = span_of(": ");
    if (separators.type == JINJA_MISSING || separators.type == JINJA_NONE)
        return true;
    bool fits = (separators.type == JINJA_LIST || separators.type == JINJA_TUPLE) &&
                separators.as.list->n == 2;
    if (!fits)
        return jinja_fail(d->run, "tojson: separators must be a pair of strings");
    return jinja_arg_text(d->run, separators.as.list->items[0], NULL, &d->item_separator) &&
           jinja_arg_text(d->run, separators.as.list->items[1], NULL, &d->key_separator);
}

bool jinja_print_json(struct jinja_run *run, const struct jinja_value args[])
{
    struct dump d = {.run = run};
    d.ascii = jinja_is_true(args[1]);
    d.sorted = jinja_is_true(args[4]);
    return set_indent(&d, args[2]) && set_separators(&d, args[3]) && dump_value(&d, args[0]);
}
