/*
 * regex_class.c - escapes and bracketed classes of Oniguruma's Ruby syntax, as sets.
 *
 *     class  = '[' ['^'] part { '&&' part } ']'          an intersection of unions
 *     part   = { range | character | shorthand | '[:name:]' | class }
 *
 * '&&' binds weakest and '^' applies to the whole class. A ']' right behind the opening counts as a
 * character where another ']' follows. In `tokenizers`' Oniguruma \w inside brackets lacks six
 * characters of Latin-1 that it has outside, and [:punct:] has the symbols that \p{Punct} lacks;
 * both were measured, and the table holds both sets ("WORD", "PUNCT").
 */
#include "text/regex_class.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

void regex_parser_fail(struct regex_parser *p, size_t place, const char *format, ...)
{
    if (p->failed)
        return;
    char what[sizeof p->err->what];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    err_set(p->err, ERR_INPUT, "%s", what);
    err_in(p->err, "byte %zu of the pattern", place + 1);
    p->failed = true;
    p->at = p->pattern.len;
}

int regex_parser_peek(const struct regex_parser *p)
{
    return p->at < p->pattern.len ? p->pattern.at[p->at] : -1;
}

bool regex_parser_take(struct regex_parser *p, const char *text)
{
    struct span rest = span_from(p->pattern, p->at);
    if (!span_starts_with(rest, span_of(text)))
        return false;
    p->at += strlen(text);
    return true;
}

uint32_t regex_parser_character(struct regex_parser *p)
{
    struct span rest = span_from(p->pattern, p->at);
    size_t len = utf8_length(rest);
    if (len == 0) {
        regex_parser_fail(p, p->at,
                          rest.len ? "the pattern is not valid UTF-8" : "the pattern ends early");
        return 0;
    }
    p->at += len;
    return utf8_decode(rest.at);
}

/* ---------------------------------------------------------------------------------- escapes -- */

static int digit_value(int c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    int lower = c | 0x20;
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : 99;
}

/* At most max_digits digits of the base; false where there is none. */
static bool take_digits(struct regex_parser *p, int base, int max_digits, uint32_t *value)
{
    int n = 0;
    *value = 0;
    while (n < max_digits && digit_value(regex_parser_peek(p)) < base) {
        *value = *value * (uint32_t)base + (uint32_t)digit_value(regex_parser_peek(p));
        p->at++;
        n++;
    }
    return n > 0;
}

static uint32_t checked_point(struct regex_parser *p, size_t start, uint32_t value)
{
    if (value < CHARSET_END)
        return value;
    regex_parser_fail(p, start, "no character has the number %X", (unsigned)value);
    return 0;
}

/* {digits} behind \x or \o. */
static uint32_t parse_braced(struct regex_parser *p, size_t start, int base)
{
    uint32_t value;
    p->at++;
    if (!take_digits(p, base, 11, &value) || !regex_parser_take(p, "}"))
        regex_parser_fail(p, start, "expected one number in braces after \\x or \\o");
    return checked_point(p, start, value);
}

/* \xE2\x96\x81: Oniguruma puts a character together from bytes written one by one. */
static uint32_t parse_bytes(struct regex_parser *p, size_t start, uint32_t first)
{
    uint8_t bytes[4] = {(uint8_t)first};
    size_t n = 1, wanted = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    uint32_t value;
    while (n < wanted && regex_parser_take(p, "\\x") && take_digits(p, 16, 2, &value))
        bytes[n++] = (uint8_t)value;
    if (n < wanted || utf8_length((struct span){bytes, n}) != n) {
        regex_parser_fail(p, start, "the bytes written with \\x are not one character in UTF-8");
        return 0;
    }
    return utf8_decode(bytes);
}

static uint32_t parse_hexadecimal(struct regex_parser *p, size_t start)
{
    uint32_t value;
    if (regex_parser_peek(p) == '{')
        return parse_braced(p, start, 16);
    if (!take_digits(p, 16, 2, &value)) {
        regex_parser_fail(p, start, "expected hexadecimal digits after \\x");
        return 0;
    }
    return value < 0x80 ? value : parse_bytes(p, start, value);
}

static uint32_t parse_four_digits(struct regex_parser *p, size_t start)
{
    size_t digits = p->at;
    uint32_t value;
    if (!take_digits(p, 16, 4, &value) || p->at - digits != 4)
        regex_parser_fail(p, start, "expected four hexadecimal digits after \\u");
    return value;
}

static uint32_t parse_control(struct regex_parser *p, size_t start)
{
    uint32_t c = regex_parser_character(p);
    if (c > 0x7f || c == '\\')
        regex_parser_fail(p, start, "expected a letter after \\c or \\C-");
    return c == '?' ? 0x7f : c & 0x1f;
}

uint32_t regex_parse_escaped(struct regex_parser *p)
{
    static const char from[] = "tnrfvae", to[] = "\t\n\r\f\v\a\x1b";
    size_t start = p->at - 1;
    uint32_t c = regex_parser_character(p), value;
    const char *found = c < 0x80 && c ? strchr(from, (int)c) : NULL;
    if (found)
        return (uint8_t)to[found - from];
    if (c == 'x')
        return parse_hexadecimal(p, start);
    if (c == 'u')
        return parse_four_digits(p, start);
    if (c == 'o' && regex_parser_peek(p) == '{')
        return parse_braced(p, start, 8);
    if (c == 'c' || (c == 'C' && regex_parser_take(p, "-")))
        return parse_control(p, start);
    if (c == 'M' && regex_parser_peek(p) == '-')
        regex_parser_fail(p, start, "\\M- is not supported");
    if (c == '0')
        return take_digits(p, 8, 2, &value) ? value : 0;
    if (c >= '1' && c <= '9')
        regex_parser_fail(p, start,
                          "back-references and octal numbers without \\0 are not supported");
    return c;
}

static struct charset parse_property(struct regex_parser *p, size_t start, bool in_class)
{
    bool negated = p->pattern.at[p->at - 1] == 'P';
    struct charset set = {0};
    p->at++;
    if (regex_parser_take(p, "^"))
        negated = !negated;
    size_t name_start = p->at;
    while (regex_parser_peek(p) != '}') {
        if (regex_parser_peek(p) < 0) {
            regex_parser_fail(p, start, "unclosed \\p{");
            return set;
        }
        p->at++;
    }
    struct span name = span_part(p->pattern, name_start, p->at - name_start);
    p->at++;
    if (!charset_property(p->arena, name, &set))
        regex_parser_fail(p, start, "unknown property \\p{%.*s}", SPAN_ARGS(name));
    else if (in_class && charset_equal(set, charset_named(p->arena, "word")))
        set = charset_named(p->arena, "WORD");
    return negated ? charset_complement(p->arena, set) : set;
}

bool regex_parse_shorthand(struct regex_parser *p, bool in_class, struct charset *out)
{
    size_t start = p->at - 1;
    int c = regex_parser_peek(p), lower = c | 0x20;
    const char *name = lower == 'w'   ? in_class ? "WORD" : "word"
                       : lower == 's' ? "space"
                       : lower == 'd' ? "digit"
                       : lower == 'h' ? "xdigit"
                                      : NULL;
    if (name) {
        p->at++;
        *out = charset_named(p->arena, name);
        if (c != lower)
            *out = charset_complement(p->arena, *out);
        return true;
    }
    bool braced = p->at + 1 < p->pattern.len && p->pattern.at[p->at + 1] == '{';
    if (lower != 'p' || !braced)
        return false;
    p->at++;
    *out = parse_property(p, start, in_class);
    return true;
}

/* ---------------------------------------------------------------------------------- classes -- */

/* [:name:] or [:^name:] behind its "[:"; false, and nothing read, where it does not end in ":]". */
static bool parse_posix(struct regex_parser *p, struct charset *out)
{
    static const char *const names[] = {"alnum", "alpha", "ascii",  "blank", "cntrl",
                                        "digit", "graph", "lower",  "print", "punct",
                                        "space", "upper", "xdigit", "word"};
    size_t start = p->at;
    bool negated = regex_parser_take(p, "^");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        size_t before = p->at;
        if (regex_parser_take(p, names[i]) && regex_parser_take(p, ":]")) {
            bool special = strcmp(names[i], "word") == 0 || strcmp(names[i], "punct") == 0;
            const char *upper = names[i][0] == 'w' ? "WORD" : "PUNCT";
            *out = charset_named(p->arena, special ? upper : names[i]);
            if (negated)
                *out = charset_complement(p->arena, *out);
            return true;
        }
        p->at = before;
    }
    p->at = start;
    return false;
}

/* True, with a set, for a member that is a set already; false, with a character, for one that may
 * begin a range. */
static bool parse_member(struct regex_parser *p, struct charset *set, uint32_t *character)
{
    size_t start = p->at;
    uint32_t c = regex_parser_character(p);
    if (c == '\\') {
        if (regex_parse_shorthand(p, true, set))
            return true;
        int next = regex_parser_peek(p);
        if (next == 'R' || next == 'X')
            regex_parser_fail(p, start, "\\%c inside brackets is not supported", next);
        if (next == 'b') {
            p->at++;
            *character = '\b';
        } else {
            *character = regex_parse_escaped(p);
        }
        return false;
    }
    if (c == '[') {
        if (regex_parser_take(p, ":")) {
            if (!parse_posix(p, set))
                regex_parser_fail(p, start, "unknown class [:…:] inside brackets");
            return true;
        }
        bool negated;
        *set = regex_parse_class(p, &negated);
        if (negated)
            *set = charset_complement(p->arena, *set);
        return true;
    }
    *character = c;
    return false;
}

/* The end of a range, behind its '-'. */
static struct charset parse_range(struct regex_parser *p, size_t start, uint32_t first)
{
    struct charset set;
    uint32_t last = first;
    if (parse_member(p, &set, &last))
        regex_parser_fail(p, start, "a range inside brackets ends in a class");
    else if (last < first)
        regex_parser_fail(p, start, "empty range inside brackets");
    return p->failed ? (struct charset){0} : charset_range(p->arena, first, last);
}

/* True where a '-' comes next that stands for a range: not right before the closing ']'. */
static bool at_range(const struct regex_parser *p)
{
    return regex_parser_peek(p) == '-' && p->at + 1 < p->pattern.len &&
           p->pattern.at[p->at + 1] != ']';
}

/* A union, up to "&&" or the closing ']'. */
static struct charset parse_part(struct regex_parser *p, size_t class_start)
{
    struct charset all = {0};
    bool after_range = false;
    while (regex_parser_peek(p) >= 0) {
        struct span rest = span_from(p->pattern, p->at);
        bool first_bracket = p->at == class_start && memchr(rest.at + 1, ']', rest.len - 1);
        if (span_starts_with(rest, span_of("&&")) ||
            (span_starts_with(rest, span_of("]")) && !first_bracket))
            break;
        size_t start = p->at;
        struct charset set = {0};
        uint32_t c = 0;
        bool is_set = parse_member(p, &set, &c);
        bool is_dash = after_range && c == '-' && !is_set; /* [a-z-9]: the second is a character */
        after_range = false;
        if (is_set && at_range(p)) {
            regex_parser_fail(p, p->at, "a range inside brackets begins with a class");
        } else if (!is_set && !is_dash && at_range(p)) {
            p->at++;
            set = parse_range(p, start, c);
            after_range = true;
        } else if (!is_set && !p->failed) {
            set = charset_range(p->arena, c, c);
        }
        all = charset_union(p->arena, all, set);
    }
    return all;
}

struct charset regex_parse_class(struct regex_parser *p, bool *negated)
{
    size_t start = p->at - 1;
    *negated = regex_parser_take(p, "^");
    if (++p->depth > REGEX_MAX_DEPTH)
        regex_parser_fail(p, start, "nested more than %d deep", REGEX_MAX_DEPTH);
    size_t class_start = p->at;
    struct charset all = parse_part(p, class_start);
    while (regex_parser_take(p, "&&"))
        all = charset_intersection(p->arena, all, parse_part(p, SIZE_MAX));
    if (!regex_parser_take(p, "]"))
        regex_parser_fail(p, start, "unclosed class in brackets");
    else if (p->at == class_start + 1)
        regex_parser_fail(p, start, "empty class in brackets");
    p->depth--;
    return p->ignore_case ? charset_fold(p->arena, all) : all;
}
