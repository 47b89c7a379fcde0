/*
 * jinja_text.c - str(v) and repr(v), as Python writes them.
 *
 * repr of a string takes single quotes unless the text holds one and no double quote, and escapes
 * what Unicode says cannot be printed. What Python would print with a memory address (functions,
 * generators) is refused: no template can mean it.
 */
#include "format/jinja_run.h"

#include <inttypes.h>

#include "base/num.h"
#include "base/utf8.h"
#include "format/jinja_unicode.h"

enum { DEEPEST = 220 };

static bool print(struct jinja_run *run, struct jinja_value v, bool is_repr, unsigned depth);

static void add_repr_char(struct buf *out, uint32_t c, uint8_t quote)
{
    if (c == quote || c == '\\')
        buf_printf(out, "\\%c", (char)c);
    else if (c == '\n')
        buf_add_text(out, "\\n");
    else if (c == '\r')
        buf_add_text(out, "\\r");
    else if (c == '\t')
        buf_add_text(out, "\\t");
    else if (jinja_char_is(c, JINJA_IS_PRINTABLE))
        buf_add_utf8(out, c);
    else
        buf_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
}

static void add_repr(struct buf *out, struct span text)
{
    bool has_single = text.len > 0 && memchr(text.at, '\'', text.len);
    bool has_double = text.len > 0 && memchr(text.at, '"', text.len);
    uint8_t quote = has_single && !has_double ? '"' : '\'';
    buf_add_byte(out, quote);
    for (size_t i = 0; i < text.len; i += utf8_length(span_from(text, i)))
        add_repr_char(out, utf8_decode(text.at + i), quote);
    buf_add_byte(out, quote);
}

static bool print_items(struct jinja_run *run, struct jinja_value v, unsigned depth)
{
    const struct jinja_list *list = v.as.list;
    bool is_tuple = v.type == JINJA_TUPLE;
    buf_add_byte(&run->out, is_tuple ? '(' : '[');
    for (size_t i = 0; i < list->n && !run->out.overflowed; i++) {
        if (i > 0)
            buf_add_text(&run->out, ", ");
        if (!print(run, list->items[i], true, depth))
            return false;
    }
    buf_add_text(&run->out, !is_tuple ? "]" : list->n == 1 ? ",)" : ")");
    return true;
}

static bool print_dict(struct jinja_run *run, const struct jinja_dict *dict, unsigned depth)
{
    buf_add_byte(&run->out, '{');
    for (size_t i = 0; i < dict->n && !run->out.overflowed; i++) {
        if (i > 0)
            buf_add_text(&run->out, ", ");
        if (!print(run, dict->pairs[i].key, true, depth))
            return false;
        buf_add_text(&run->out, ": ");
        if (!print(run, dict->pairs[i].value, true, depth))
            return false;
    }
    buf_add_byte(&run->out, '}');
    return true;
}

/* "dict_keys([…])". */
static bool print_view(struct jinja_run *run, struct jinja_value v, unsigned depth)
{
    struct jinja_value list;
    buf_printf(&run->out, "%s(", jinja_type_name(v));
    if (!jinja_to_list(run, v, &list) || !print(run, list, true, depth))
        return false;
    buf_add_byte(&run->out, ')');
    return true;
}

static void print_range(struct buf *out, const struct jinja_range *range)
{
    buf_printf(out, "range(%" PRId64 ", %" PRId64, range->start, range->stop);
    if (range->step != 1)
        buf_printf(out, ", %" PRId64, range->step);
    buf_add_byte(out, ')');
}

/* Macros, loops, namespaces: "<Macro 'name'>". */
static bool print_object(struct jinja_run *run, struct jinja_value v, unsigned depth)
{
    size_t n;
    bool has;
    switch (v.type) {
    case JINJA_NAMESPACE:
        buf_add_text(&run->out, "<Namespace ");
        if (!print_dict(run, v.as.dict, depth))
            return false;
        break;
    case JINJA_MACRO:
        buf_add_text(&run->out, "<Macro ");
        if (v.as.macro->name.type == JINJA_NONE)
            buf_add_text(&run->out, "anonymous");
        else
            add_repr(&run->out, jinja_span(v.as.macro->name));
        break;
    case JINJA_LOOP:
        if (!jinja_length(run, v, &has, &n))
            return false;
        buf_printf(&run->out, "<LoopContext %" PRId64 "/%zu", v.as.loop->index0 + 1, n);
        break;
    default:
        return jinja_fail(run, "printing a %s is not supported", jinja_type_name(v));
    }
    buf_add_byte(&run->out, '>');
    return true;
}

static bool print(struct jinja_run *run, struct jinja_value v, bool is_repr, unsigned depth)
{
    char number[NUM_TEXT_SIZE];
    if (depth > DEEPEST)
        return jinja_fail(run, "the value to print is nested too deeply");
    switch (v.type) {
    case JINJA_MISSING:
    case JINJA_UNDEFINED:
        buf_add_text(&run->out, is_repr ? "Undefined" : "");
        return true;
    case JINJA_NONE:
        buf_add_text(&run->out, "None");
        return true;
    case JINJA_BOOL:
        buf_add_text(&run->out, v.as.flag ? "True" : "False");
        return true;
    case JINJA_INT:
        buf_printf(&run->out, "%" PRId64, v.as.integer);
        return true;
    case JINJA_FLOAT:
        num_format_double(number, v.as.number);
        buf_add_text(&run->out, number);
        return true;
    case JINJA_STRING:
        if (!is_repr) {
            buf_add(&run->out, jinja_span(v));
            return jinja_charge(run, v.as.string->len / 64);
        }
        buf_add_text(&run->out, v.is_safe ? "Markup(" : "");
        add_repr(&run->out, jinja_span(v));
        buf_add_text(&run->out, v.is_safe ? ")" : "");
        return jinja_charge(run, v.as.string->len / 8);
    case JINJA_LIST:
    case JINJA_TUPLE:
        return jinja_charge(run, v.as.list->n) && print_items(run, v, depth + 1);
    case JINJA_DICT:
        return jinja_charge(run, v.as.dict->n) && print_dict(run, v.as.dict, depth + 1);
    case JINJA_VIEW:
        return print_view(run, v, depth + 1);
    case JINJA_RANGE:
        print_range(&run->out, v.as.range);
        return true;
    default:
        return print_object(run, v, depth + 1);
    }
}

bool jinja_print(struct jinja_run *run, struct jinja_value v)
{
    return print(run, v, false, 0);
}

bool jinja_print_repr(struct jinja_run *run, struct jinja_value v)
{
    return print(run, v, true, 0);
}

bool jinja_to_text(struct jinja_run *run, struct jinja_value v, struct jinja_value *out)
{
    if (v.type == JINJA_STRING) {
        *out = v;
        return true;
    }
    size_t mark = run->out.len;
    return jinja_print(run, v) && jinja_take_text(run, mark, out);
}
