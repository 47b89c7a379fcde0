/*
 * jinja_format.c - "%05.2f" % x and "{:>8}".format(x), as Python formats.
 *
 * Both are read into one `struct spec` and share the numbers' digits and the padding; the two
 * languages differ in their defaults (str.format aligns text to the left, % everything to the
 * right).
 *
 *   %[(key)][-+ #0][width][.precision]type          "…" % (…)
 *   {[name][!r][:[[fill]align][sign][#][0][width][,][.precision][type]]}     "…".format(…)
 *
 * Not supported, and refused: fields inside a field's specification, and the type n (the locale's).
 */
#include "format/jinja_run.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"

enum { WIDEST = 100000, MOST_DIGITS = 400 };

struct spec {
    uint32_t fill;
    char align; /* '<' '>' '^' '=' or 0 */
    char sign;  /* '+' ' ' or 0 */
    bool alternate;
    char group; /* ',' '_' or 0 */
    int width;
    int precision; /* -1: none */
    char type;     /* 0: none */
};

static void add_fill(struct jinja_run *run, const struct spec *spec, size_t n)
{
    for (size_t i = 0; i < n && !run->out.overflowed; i++)
        buf_add_utf8(&run->out, spec->fill);
}

/* `sign` and `digits` padded to the width; for text the sign is empty. */
static void add_padded(struct jinja_run *run, const struct spec *spec, const char *sign,
                       struct span digits, char default_align)
{
    size_t len = strlen(sign) + utf8_count(digits);
    size_t pad = (size_t)spec->width > len ? (size_t)spec->width - len : 0;
    char align = spec->align ? spec->align : default_align;
    size_t left = align == '<' ? 0 : align == '^' ? pad / 2 : pad;
    if (align != '=')
        add_fill(run, spec, left);
    buf_add_text(&run->out, sign);
    if (align == '=')
        add_fill(run, spec, pad);
    buf_add(&run->out, digits);
    if (align != '=')
        add_fill(run, spec, pad - left);
}

static bool format_text(struct jinja_run *run, const struct spec *spec, struct span text,
                        char default_align)
{
    if (spec->precision >= 0) {
        size_t end = 0;
        for (int i = 0; i < spec->precision && end < text.len; i++)
            end += utf8_length(span_from(text, end));
        text = span_part(text, 0, end);
    }
    add_padded(run, spec, "", text, default_align);
    return true;
}

static const char *sign_of(const struct spec *spec, bool is_negative)
{
    return is_negative ? "-" : spec->sign == '+' ? "+" : spec->sign == ' ' ? " " : "";
}

/* Digits with a separator every `every` of them, from the right, up to the first that is no digit.
 */
static size_t group_digits(char *to, const char *from, char separator, size_t every)
{
    size_t whole = strspn(from, "0123456789abcdefABCDEF"), n = 0;
    for (size_t i = 0; i < whole; i++) {
        if (i > 0 && (whole - i) % every == 0)
            to[n++] = separator;
        to[n++] = from[i];
    }
    size_t rest = strlen(from + whole);
    memcpy(to + n, from + whole, rest + 1);
    return n + rest;
}

static bool format_int(struct jinja_run *run, const struct spec *spec, int64_t value)
{
    char digits[MOST_DIGITS], grouped[2 * MOST_DIGITS];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    size_t n = 0;
    char type = spec->type;
    unsigned base = type == 'b' ? 2 : type == 'o' ? 8 : type == 'x' || type == 'X' ? 16 : 10;
    const char *letters = type == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
        digits[MOST_DIGITS - 1 - n++] = letters[magnitude % base];
        magnitude /= base;
    } while (magnitude > 0);
    memmove(digits, digits + MOST_DIGITS - n, n);
    digits[n] = '\0';
    int precision = spec->precision > MOST_DIGITS - 2 ? MOST_DIGITS - 2 : spec->precision;
    if (precision > (int)n) { /* "%.3d" */
        memmove(digits + (precision - (int)n), digits, n + 1);
        memset(digits, '0', (size_t)precision - n);
    }
    char sign[4] = "";
    snprintf(sign, sizeof sign, "%s", sign_of(spec, value < 0));
    if (spec->alternate && base != 10) {
        size_t len = strlen(sign);
        sign[len] = '0';
        sign[len + 1] = type;
        sign[len + 2] = '\0';
    }
    if (spec->group)
        n = group_digits(grouped, digits, spec->group, base == 10 ? 3 : 4);
    else
        snprintf(grouped, sizeof grouped, "%s", digits);
    add_padded(run, spec, sign, span_of(grouped), '>');
    return true;
}

/* The digits of a number that is not negative, as C's printf writes the conversion. */
static void write_float(char digits[MOST_DIGITS], char type, bool alternate, int precision,
                        double value)
{
    switch (type) {
    case 'e':
        snprintf(digits, MOST_DIGITS, alternate ? "%#.*e" : "%.*e", precision, value);
        break;
    case 'E':
        snprintf(digits, MOST_DIGITS, alternate ? "%#.*E" : "%.*E", precision, value);
        break;
    case 'g':
        snprintf(digits, MOST_DIGITS, alternate ? "%#.*g" : "%.*g", precision, value);
        break;
    case 'G':
        snprintf(digits, MOST_DIGITS, alternate ? "%#.*G" : "%.*G", precision, value);
        break;
    default:
        snprintf(digits, MOST_DIGITS, alternate ? "%#.*f" : "%.*f", precision, value);
    }
}

static bool format_float(struct jinja_run *run, const struct spec *spec, double value)
{
    char digits[MOST_DIGITS], grouped[2 * MOST_DIGITS];
    char type = spec->type == '%' ? 'f' : spec->type ? spec->type : 'g';
    double magnitude = fabs(spec->type == '%' ? value * 100 : value);
    int precision = spec->precision < 0 ? 6 : spec->precision;
    if (precision > 60)
        return jinja_fail(run, "a precision of %d digits is not supported", precision);
    bool is_plain = !spec->type && spec->precision < 0;
    if (!isfinite(magnitude)) {
        bool upper = spec->type >= 'A' && spec->type <= 'Z';
        snprintf(digits, sizeof digits, "%s",
                 isnan(magnitude) ? (upper ? "NAN" : "nan") : (upper ? "INF" : "inf"));
    } else if (is_plain) { /* repr */
        struct jinja_value text;
        size_t mark = run->out.len;
        if (!jinja_print(run, jinja_float(magnitude)) || !jinja_take_text(run, mark, &text))
            return false;
        snprintf(digits, sizeof digits, "%.*s", SPAN_ARGS(jinja_span(text)));
    } else {
        write_float(digits, type, spec->alternate, precision, magnitude);
        bool needs_point = !spec->type && !strpbrk(digits, ".e");
        if (needs_point)
            snprintf(digits + strlen(digits), 3, ".0");
    }
    if (spec->type == '%')
        snprintf(digits + strlen(digits), 2, "%%");
    if (spec->group && isfinite(magnitude))
        group_digits(grouped, digits, spec->group, 3);
    else
        snprintf(grouped, sizeof grouped, "%s", digits);
    add_padded(run, spec, sign_of(spec, signbit(value) && !isnan(value)), span_of(grouped), '>');
    return true;
}

static bool take_number(struct jinja_run *run, struct span text, size_t *at, int *out)
{
    int value = 0;
    while (*at < text.len && text.at[*at] >= '0' && text.at[*at] <= '9') {
        value = 10 * value + (text.at[(*at)++] - '0');
        if (value > WIDEST)
            return jinja_fail(run, "a width beyond %d is not supported", WIDEST);
    }
    *out = value;
    return true;
}

/* ----------------------------------------------------------------------------------- "…" % … -- */

struct percent {
    struct jinja_run *run;
    struct span format;
    size_t at;
    struct jinja_value values;
    size_t used;
};

static bool next_value(struct percent *p, struct jinja_value *out)
{
    bool is_tuple = p->values.type == JINJA_TUPLE;
    size_t n = is_tuple ? p->values.as.list->n : 1;
    if (p->used >= n)
        return jinja_fail(p->run, "not enough arguments for format string");
    *out = is_tuple ? p->values.as.list->items[p->used] : p->values;
    p->used++;
    return true;
}

/* "(key)": the value is looked up in the mapping. */
static bool take_key(struct percent *p, struct jinja_value *value)
{
    size_t start = ++p->at;
    while (p->at < p->format.len && p->format.at[p->at] != ')')
        p->at++;
    if (p->at == p->format.len)
        return jinja_fail(p->run, "incomplete format key");
    struct span key = span_part(p->format, start, p->at - start);
    p->at++;
    if (p->values.type != JINJA_DICT)
        return jinja_fail(p->run, "format requires a mapping");
    if (!jinja_dict_get_text(p->values.as.dict, key, value))
        return jinja_fail(p->run, "'%.*s'", SPAN_ARGS(key));
    p->used = 1;
    return true;
}

/* A number, or '*': the next value. */
static bool take_size(struct percent *p, int *out)
{
    if (p->at < p->format.len && p->format.at[p->at] == '*') {
        struct jinja_value value;
        int64_t size;
        p->at++;
        if (!next_value(p, &value))
            return false;
        if (!jinja_as_int(value, &size))
            return jinja_fail(p->run, "* wants int");
        if (size < 0 || size > WIDEST)
            return jinja_fail(p->run, "a width of %" PRId64 " is not supported", size);
        *out = (int)size;
        return true;
    }
    return take_number(p->run, p->format, &p->at, out);
}

static bool take_flags(struct percent *p, struct spec *spec)
{
    bool zero = false;
    for (; p->at < p->format.len; p->at++) {
        char c = (char)p->format.at[p->at];
        if (c == '-')
            spec->align = '<';
        else if (c == '+' || (c == ' ' && spec->sign == 0))
            spec->sign = c;
        else if (c == '#')
            spec->alternate = true;
        else if (c == '0')
            zero = true;
        else if (c != ' ')
            break;
    }
    if (zero && spec->align != '<') {
        spec->align = '=';
        spec->fill = '0';
    }
    if (!take_size(p, &spec->width))
        return false;
    if (p->at < p->format.len && p->format.at[p->at] == '.') {
        p->at++;
        if (!take_size(p, &spec->precision))
            return false;
    }
    while (p->at < p->format.len && p->format.at[p->at] != '\0' &&
           strchr("hlL", p->format.at[p->at]))
        p->at++;
    if (p->at == p->format.len)
        return jinja_fail(p->run, "incomplete format");
    spec->type = (char)p->format.at[p->at++];
    return true;
}

static bool convert_number(struct percent *p, struct spec *spec, struct jinja_value value)
{
    double number;
    int64_t whole;
    bool is_int_type = strchr("diuoxX", spec->type);
    if (!jinja_as_double(value, &number))
        return jinja_fail(p->run, "%%%c format: a real number is required, not %s", spec->type,
                          jinja_type_name(value));
    if (!is_int_type)
        return format_float(p->run, spec, number);
    if (!jinja_as_int(value, &whole)) {
        if (spec->type == 'x' || spec->type == 'X' || spec->type == 'o')
            return jinja_fail(p->run, "%%%c format: an integer is required, not float", spec->type);
        if (!(number >= -0x1p63 && number < 0x1p63))
            return jinja_fail(p->run, "whole numbers beyond 64 bits are not supported");
        whole = (int64_t)number;
    }
    if (spec->type == 'i' || spec->type == 'u')
        spec->type = 'd';
    return format_int(p->run, spec, whole);
}

static bool convert_text(struct percent *p, struct spec *spec, struct jinja_value value)
{
    struct jinja_run *run = p->run;
    size_t mark = run->out.len;
    struct jinja_value text;
    int64_t code;
    if (spec->align == '=')
        spec->align = '>';
    if (spec->fill == '0')
        spec->fill = ' ';
    if (spec->type == 'c' && jinja_as_int(value, &code)) {
        if (code < 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return jinja_fail(run, "%%c arg not in range(0x110000)");
        buf_add_utf8(&run->out, (uint32_t)code);
    } else if (spec->type == 'c') {
        if (value.type != JINJA_STRING || value.as.string->n_chars != 1)
            return jinja_fail(run, "%%c requires int or char");
        buf_add(&run->out, jinja_span(value));
    } else if (spec->type == 's' ? !jinja_print(run, value) : !jinja_print_repr(run, value)) {
        return false;
    }
    return jinja_take_text(run, mark, &text) && format_text(run, spec, jinja_span(text), '>');
}

/* One conversion behind a '%'. */
static bool convert(struct percent *p)
{
    struct spec spec = {.fill = ' ', .precision = -1};
    struct jinja_value value = {0};
    if (p->at < p->format.len && p->format.at[p->at] == '(' && !take_key(p, &value))
        return false;
    if (!take_flags(p, &spec))
        return false;
    if (spec.type == '%') {
        buf_add_byte(&p->run->out, '%');
        return true;
    }
    if (spec.type == '\0' || !strchr("diuoxXeEfFgGcrs", spec.type))
        return jinja_fail(p->run, "unsupported format character '%c' (0x%x) at index %zu",
                          spec.type, (unsigned)(uint8_t)spec.type, p->at - 1);
    if (value.type == JINJA_MISSING && !next_value(p, &value))
        return false;
    if (strchr("crs", spec.type))
        return convert_text(p, &spec, value);
    return convert_number(p, &spec, value);
}

bool jinja_percent(struct jinja_run *run, struct jinja_value format, struct jinja_value value,
                   struct jinja_value *out)
{
    struct percent p = {.run = run, .format = jinja_span(format), .values = value};
    size_t mark = run->out.len;
    if (format.is_safe)
        return jinja_fail(run, "formatting a string marked as safe is not supported");
    while (p.at < p.format.len) {
        if (!jinja_charge(run, 1))
            return false;
        uint8_t c = p.format.at[p.at++];
        if (c != '%')
            buf_add_byte(&run->out, c);
        else if (!convert(&p))
            return false;
    }
    /* To Python all that can be subscripted is a mapping here, and need not be used up. */
    bool is_mapping = value.type == JINJA_DICT || value.type == JINJA_LIST ||
                      value.type == JINJA_RANGE || value.type == JINJA_UNDEFINED;
    size_t n = value.type == JINJA_TUPLE ? value.as.list->n : is_mapping ? 0 : 1;
    if (p.used < n)
        return jinja_fail(run, "not all arguments converted during string formatting");
    return jinja_take_text(run, mark, out);
}

/* ----------------------------------------------------------------------------- "…".format(…) -- */

static bool is_align(uint32_t c)
{
    return c == '<' || c == '>' || c == '^' || c == '=';
}

static bool parse_spec(struct jinja_run *run, struct span text, struct spec *spec)
{
    size_t i = 0;
    *spec = (struct spec){.fill = ' ', .precision = -1};
    size_t first = text.len > 0 ? utf8_length(text) : 0;
    if (first > 0 && first < text.len && is_align(text.at[first])) {
        spec->fill = utf8_decode(text.at);
        spec->align = (char)text.at[first];
        i = first + 1;
    } else if (text.len > 0 && is_align(text.at[0])) {
        spec->align = (char)text.at[i++];
    }
    if (i < text.len && (text.at[i] == '+' || text.at[i] == '-' || text.at[i] == ' '))
        spec->sign = text.at[i++] == '-' ? 0 : (char)text.at[i - 1];
    if (i < text.len && text.at[i] == '#') {
        spec->alternate = true;
        i++;
    }
    if (i < text.len && text.at[i] == '0') {
        if (spec->align == 0) {
            spec->fill = '0';
            spec->align = '=';
        }
        i++;
    }
    if (!take_number(run, text, &i, &spec->width))
        return false;
    if (i < text.len && (text.at[i] == ',' || text.at[i] == '_'))
        spec->group = (char)text.at[i++];
    if (i < text.len && text.at[i] == '.') {
        size_t before = ++i;
        if (!take_number(run, text, &i, &spec->precision))
            return false;
        if (i == before)
            return jinja_fail(run, "Format specifier missing precision");
    }
    if (i < text.len)
        spec->type = (char)text.at[i++];
    return i == text.len ? true : jinja_fail(run, "Invalid format specifier");
}

/* format(value, spec). */
static bool format_value(struct jinja_run *run, struct jinja_value value, struct span text)
{
    struct spec spec;
    int64_t whole;
    double number;
    if (text.len == 0)
        return jinja_print(run, value);
    if (!parse_spec(run, text, &spec))
        return false;
    if (value.type == JINJA_STRING) {
        if (spec.type && spec.type != 's')
            return jinja_fail(run, "Unknown format code '%c' for object of type 'str'", spec.type);
        if (spec.align == '=' && spec.fill != '0')
            return jinja_fail(run, "'=' alignment not allowed in string format specifier");
        if (spec.align == '=')
            spec.align = '<';
        return format_text(run, &spec, jinja_span(value), '<');
    }
    bool float_type = spec.type && strchr("eEfFgG%", spec.type);
    if (!float_type && jinja_as_int(value, &whole)) {
        if (spec.type && !strchr("dboxX", spec.type))
            return jinja_fail(run, "Unknown format code '%c' for object of type 'int'", spec.type);
        if (spec.precision >= 0)
            return jinja_fail(run, "Precision not allowed in integer format specifier");
        return format_int(run, &spec, whole);
    }
    if (jinja_as_double(value, &number)) {
        if (spec.type && !float_type)
            return jinja_fail(run, "Unknown format code '%c' for object of type 'float'",
                              spec.type);
        return format_float(run, &spec, number);
    }
    return jinja_fail(run, "unsupported format string passed to %s.__format__",
                      jinja_type_name(value));
}

struct fields {
    struct jinja_run *run;
    const struct jinja_call *call; /* args[0] is the format */
    int64_t next; /* automatic number of the next field; -1: fields are numbered by hand */
};

/* The argument that a field's first name means: "", "0", "name". */
static bool find_argument(struct fields *f, struct span name, struct jinja_value *out)
{
    int64_t index = 0;
    bool is_number = name.len > 0 && name.len < 9;
    for (size_t i = 0; i < name.len; i++) {
        is_number = is_number && name.at[i] >= '0' && name.at[i] <= '9';
        index = is_number ? 10 * index + (name.at[i] - '0') : 0;
    }
    if (name.len == 0)
        index = f->next++;
    if (name.len == 0 || is_number) {
        if ((size_t)index + 1 >= f->call->n_args)
            return jinja_fail(
                f->run, "Replacement index %" PRId64 " out of range for positional args tuple",
                index);
        *out = f->call->args[index + 1];
        return true;
    }
    for (size_t i = 0; i < f->call->n_named; i++) {
        if (span_equal(jinja_span(f->call->named[i].key), name)) {
            *out = f->call->named[i].value;
            return true;
        }
    }
    return jinja_fail(f->run, "'%.*s'", SPAN_ARGS(name));
}

/* "name.attr[key]" */
static bool find_field(struct fields *f, struct span path, struct jinja_value *out)
{
    size_t i = 0;
    while (i < path.len && path.at[i] != '.' && path.at[i] != '[')
        i++;
    if (!find_argument(f, span_part(path, 0, i), out))
        return false;
    while (i < path.len) {
        bool is_item = path.at[i++] == '[';
        size_t start = i;
        while (i < path.len &&
               (is_item ? path.at[i] != ']' : path.at[i] != '.' && path.at[i] != '['))
            i++;
        struct span name = span_part(path, start, i - start);
        struct jinja_value key = jinja_string(f->run->arena, name), object = *out;
        int64_t index = 0;
        bool is_number = name.len > 0 && name.len < 9;
        for (size_t k = 0; k < name.len; k++) {
            is_number = is_number && name.at[k] >= '0' && name.at[k] <= '9';
            index = 10 * (index % 100000000) + (name.at[k] - '0');
        }
        if (is_item ? !jinja_get_item(f->run, object, is_number ? jinja_int(index) : key, out)
                    : !jinja_get_attribute(f->run, object, key, out))
            return false;
        i += is_item && i < path.len;
    }
    return true;
}

/* The inside of one pair of braces. */
static bool add_field(struct fields *f, struct span field)
{
    struct jinja_run *run = f->run;
    size_t end = 0, mark = run->out.len;
    while (end < field.len && field.at[end] != '!' && field.at[end] != ':')
        end++;
    struct span spec = {0};
    struct jinja_value value;
    if (!find_field(f, span_part(field, 0, end), &value))
        return false;
    char conversion = 0;
    if (end + 1 < field.len && field.at[end] == '!') {
        conversion = (char)field.at[end + 1];
        end += 2;
    }
    if (end < field.len && field.at[end] == ':')
        spec = span_from(field, end + 1);
    else if (end < field.len)
        return jinja_fail(run, "expected ':' after conversion specifier");
    if (conversion == 'r' || conversion == 's') {
        bool ok = conversion == 'r' ? jinja_print_repr(run, value) : jinja_print(run, value);
        if (!ok || !jinja_take_text(run, mark, &value))
            return false;
    } else if (conversion) {
        return jinja_fail(run, "the conversion !%c is not supported", conversion);
    }
    return format_value(run, value, spec);
}

bool jinja_format(struct jinja_run *run, struct jinja_value format, const struct jinja_call *call,
                  struct jinja_value *out)
{
    struct fields f = {.run = run, .call = call};
    struct span text = jinja_span(format);
    size_t mark = run->out.len;
    if (format.is_safe)
        return jinja_fail(run, "formatting a string marked as safe is not supported");
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool doubled = i + 1 < text.len && text.at[i + 1] == c;
        if (!jinja_charge(run, 1))
            return false;
        if ((c == '{' || c == '}') && !doubled) {
            size_t start = i + 1, end = start;
            while (c == '{' && end < text.len && text.at[end] != '}' && text.at[end] != '{')
                end++;
            if (c == '}')
                return jinja_fail(run, "Single '}' encountered in format string");
            if (end == text.len)
                return jinja_fail(run, "expected '}' before end of string");
            if (text.at[end] == '{')
                return jinja_fail(run, "a field inside a field is not supported");
            if (!add_field(&f, span_part(text, start, end - start)))
                return false;
            i = end;
            continue;
        }
        buf_add_byte(&run->out, c);
        i += c == '{' || c == '}';
    }
    return jinja_take_text(run, mark, out);
}
