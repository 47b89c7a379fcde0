/*
 * yaml_scalar.c - YAML 1.1's rules for null, bool, int and float, as PyYAML applies them.
 *
 *     null    ~ null Null NULL or nothing
 *     bool    yes no true false on off, also capitalised or in capitals
 *     int     decimal; 0x… 0b…; 0… octal; 1:30 in base 60; '_' between digits
 *     float   with a point, or (unlike YAML 1.1) with an exponent alone; .inf .nan; 1:30.5
 *
 * Source: yaml.org/type; PyYAML's resolver.py and constructor.py.
 */
#include "format/yaml_scalar.h"

#include <math.h>

#include "base/num.h"

enum { LONGEST_NUMBER = 128 };

static bool is_any(struct span text, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (span_is(text, words[i]))
            return true;
    }
    return false;
}

static bool is_null(struct span text)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL"};
    return is_any(text, words, COUNT_OF(words));
}

static bool read_bool(struct span text, bool *out)
{
    static const char *const yes[] = {"yes",  "Yes", "YES", "true", "True",
                                      "TRUE", "on",  "On",  "ON"};
    static const char *const no[] = {"no",    "No",  "NO",  "false", "False",
                                     "FALSE", "off", "Off", "OFF"};
    *out = is_any(text, yes, COUNT_OF(yes));
    return *out || is_any(text, no, COUNT_OF(no));
}

/* Drops the '_' between digits. False for what is too long, or begins with one. */
static bool without_underscores(struct span text, char *out, size_t *len)
{
    if (text.len >= LONGEST_NUMBER || text.len == 0 || text.at[0] == '_')
        return false;
    *len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '_')
            out[(*len)++] = (char)text.at[i];
    }
    return *len > 0;
}

/* Digits in the base, to a number that may exceed 64 bits. False where there is another character.
 */
static bool read_digits(const char *digits, size_t len, unsigned base, double *out)
{
    *out = 0;
    for (size_t i = 0; i < len; i++) {
        char c = digits[i];
        unsigned digit = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                         : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                         : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                                : base;
        if (digit >= base)
            return false;
        *out = *out * base + digit;
    }
    return len > 0;
}

/* "190:20:30" in base 60; the last part may have a point. False where it is none. */
static bool read_sexagesimal(const char *text, size_t len, double *out, bool *has_point)
{
    struct span rest = {(const uint8_t *)text, len};
    *out = 0;
    *has_point = false;
    size_t n_parts = 0;
    for (bool more = true; more; n_parts++) {
        size_t end = span_find(rest, span_of(":"));
        struct span part = span_part(rest, 0, end);
        bool is_last = end == rest.len;
        double value;
        *has_point = is_last && memchr(part.at, '.', part.len);
        size_t whole = *has_point ? span_find(part, span_of(".")) : part.len;
        if (whole == 0 || !read_digits((const char *)part.at, whole, 10, &value) ||
            !num_parse_double(part, &value) || (n_parts > 0 && (whole > 2 || value >= 60)))
            return false;
        *out = *out * 60 + value;
        more = !is_last;
        if (more)
            rest = span_from(rest, end + 1);
    }
    return n_parts > 1;
}

static void set_number(struct yaml_node *node, bool is_whole, double value, bool is_negative)
{
    node->number = is_negative ? -value : value;
    bool fits = is_whole && value < 0x1p53;
    node->type = fits ? YAML_INT : YAML_FLOAT;
    if (fits)
        node->whole = (int64_t)node->number;
}

/* The part behind the sign. Decimal integers are read here, so that all 64 bits are exact. */
static bool read_number(struct yaml_node *node, const char *text, size_t len, bool is_negative)
{
    double value;
    bool has_point;
    struct span digits = {(const uint8_t *)text, len};
    if (len > 1 && text[0] == '0' && (text[1] == 'x' || text[1] == 'b')) {
        if (!read_digits(text + 2, len - 2, text[1] == 'x' ? 16 : 2, &value))
            return false;
        set_number(node, true, value, is_negative);
        return true;
    }
    if (len > 1 && text[0] == '0' && read_digits(text + 1, len - 1, 10, &value)) {
        if (!read_digits(text + 1, len - 1, 8, &value))
            return false;
        set_number(node, true, value, is_negative);
        return true;
    }
    if (read_digits(text, len, 10, &value)) {
        set_number(node, true, value, is_negative);
        int64_t whole;
        if (num_parse_i64(digits, &whole)) {
            node->type = YAML_INT;
            node->whole = is_negative ? -whole : whole;
        }
        return true;
    }
    if (memchr(text, ':', len)) {
        if (!read_sexagesimal(text, len, &value, &has_point) || (text[0] == '0' && !has_point))
            return false;
        set_number(node, !has_point, value, is_negative);
        return true;
    }
    if (text[0] == '+' || text[0] == '-' || !num_parse_double(digits, &value))
        return false;
    set_number(node, false, value, is_negative);
    return true;
}

static bool read_special(struct yaml_node *node)
{
    static const char *const infinite[] = {".inf",  ".Inf",  ".INF",  "+.inf", "+.Inf",
                                           "+.INF", "-.inf", "-.Inf", "-.INF"};
    static const char *const none[] = {".nan", ".NaN", ".NAN"};
    if (is_any(node->text, infinite, COUNT_OF(infinite)))
        node->number = node->text.at[0] == '-' ? -INFINITY : INFINITY;
    else if (is_any(node->text, none, COUNT_OF(none)))
        node->number = NAN;
    else
        return false;
    node->type = YAML_FLOAT;
    return true;
}

static bool read_any_number(struct yaml_node *node)
{
    char text[LONGEST_NUMBER];
    size_t len;
    if (read_special(node))
        return true;
    if (!without_underscores(node->text, text, &len))
        return false;
    bool has_sign = text[0] == '-' || text[0] == '+';
    return len > has_sign && read_number(node, text + has_sign, len - has_sign, text[0] == '-');
}

bool yaml_scalar_type(struct yaml_node *node)
{
    if (is_null(node->text))
        node->type = YAML_NULL;
    else if (read_bool(node->text, &node->truth))
        node->type = YAML_BOOL;
    else if (!read_any_number(node))
        node->type = YAML_STRING;
    return !span_is(node->text, "<<");
}

bool yaml_scalar_retype(struct yaml_node *node, const char *tag)
{
    struct span name = span_of(tag);
    struct span core = span_of("tag:yaml.org,2002:");
    if (span_is(name, "!") || span_is(name, "tag:yaml.org,2002:str"))
        return true;
    if (!span_starts_with(name, core) || !yaml_scalar_type(node))
        return false;
    name = span_from(name, core.len);
    if (node->type == YAML_INT && span_is(name, "float"))
        node->type = YAML_FLOAT;
    return (node->type == YAML_NULL && span_is(name, "null")) ||
           (node->type == YAML_BOOL && span_is(name, "bool")) ||
           (node->type == YAML_INT && span_is(name, "int")) ||
           (node->type == YAML_FLOAT && span_is(name, "float"));
}
