/*
 * jinja_filter_number.c - filters on numbers: int, float, abs, round, sum.
 *
 * int and float read text as Python's int() and float() do: white space around it, underscores
 * between digits, "inf" and "nan". Rounding is that of Python's round: the decimal text of the
 * exact value, half to even, so it goes through printf, which is exact too.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "format/jinja_filter.h"
#include "format/jinja_unicode.h"

enum { LONGEST_NUMBER = 400 };

static struct span without_space(struct span text)
{
    text = span_from(text, jinja_space_before(text));
    return span_part(text, 0, text.len - jinja_space_behind(text));
}

/* Copies a number's text without the '_' that stand between digits; false where one does not. */
static bool copy_digits(struct span text, char copy[LONGEST_NUMBER])
{
    size_t n = 0;
    if (text.len >= LONGEST_NUMBER)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool between = i > 0 && i + 1 < text.len && text.at[i - 1] != '_' && text.at[i + 1] != '_';
        if (c == '_' && !between)
            return false;
        if (c != '_')
            copy[n++] = (char)c;
    }
    copy[n] = '\0';
    return true;
}

/* float(text). */
static bool parse_float(struct span text, double *out)
{
    char copy[LONGEST_NUMBER];
    text = without_space(text);
    if (!copy_digits(text, copy))
        return false;
    const char *start = copy + (copy[0] == '+' || copy[0] == '-');
    char word[16] = "";
    for (size_t i = 0; i < sizeof word - 1 && start[i]; i++)
        word[i] = (char)(start[i] >= 'A' && start[i] <= 'Z' ? start[i] | 32 : start[i]);
    double sign = copy[0] == '-' ? -1 : 1;
    if (strcmp(word, "inf") == 0 || strcmp(word, "infinity") == 0)
        *out = sign * INFINITY;
    else if (strcmp(word, "nan") == 0)
        *out = NAN;
    else if (strspn(start, "0123456789.eE+-") != strlen(start) || !strpbrk(start, "0123456789"))
        return false;
    else {
        char *end;
        *out = strtod(copy, &end);
        return *end == '\0';
    }
    return true;
}

/* int(text, base): 1, 0 where it is no number, -1 where it is one beyond 64 bits. */
static int parse_int(struct span text, int64_t base, int64_t *out)
{
    char copy[LONGEST_NUMBER];
    text = without_space(text);
    bool negative = text.len > 0 && text.at[0] == '-';
    if (text.len > 0 && (negative || text.at[0] == '+'))
        text = span_from(text, 1);
    uint8_t mark = text.len > 2 && text.at[0] == '0' ? text.at[1] | 32 : 0;
    bool has_prefix =
        (mark == 'x' && base == 16) || (mark == 'o' && base == 8) || (mark == 'b' && base == 2);
    if (has_prefix)
        text = span_from(text, text.at[2] == '_' ? 3 : 2);
    if (text.len == 0 || !copy_digits(text, copy))
        return 0;
    int64_t value = 0;
    bool overflows = false;
    for (const char *c = copy; *c; c++) {
        int letter = *c | 32;
        int64_t digit = *c >= '0' && *c <= '9'           ? *c - '0'
                        : letter >= 'a' && letter <= 'z' ? letter - 'a' + 10
                                                         : 99;
        if (digit >= base)
            return 0;
        overflows = overflows || __builtin_mul_overflow(value, base, &value) ||
                    __builtin_sub_overflow(value, digit, &value);
    }
    if (overflows || (!negative && value == INT64_MIN))
        return -1;
    *out = negative ? value : -value;
    return 1;
}

static bool fail_overflow(struct jinja_run *run)
{
    return jinja_fail(run, "whole numbers beyond 64 bits are not supported");
}

static bool int_of_float(struct jinja_run *run, double number, struct jinja_value *out)
{
    if (!(number >= -0x1p63 && number < 0x1p63))
        return fail_overflow(run);
    *out = jinja_int((int64_t)number);
    return true;
}

static bool filter_int(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    int64_t base, whole;
    double number;
    *out = args[1].type == JINJA_MISSING ? jinja_int(0) : args[1];
    if (args[0].type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, args[0]);
    if (!jinja_arg_int(run, args[2], 10, &base))
        return false;
    if (base < 2 || base > 36)
        return jinja_fail(run, "int: the base %" PRId64 " is not supported", base);
    if (jinja_as_int(args[0], &whole)) {
        *out = jinja_int(whole);
        return true;
    }
    if (args[0].type == JINJA_FLOAT && isinf(args[0].as.number))
        return jinja_fail(run, "cannot convert float infinity to integer");
    if (args[0].type == JINJA_STRING) {
        int found = parse_int(jinja_span(args[0]), base, &whole);
        if (found < 0)
            return fail_overflow(run);
        if (found > 0) {
            *out = jinja_int(whole);
            return true;
        }
        if (!parse_float(jinja_span(args[0]), &number))
            return true;
    } else if (!jinja_as_double(args[0], &number)) {
        return true;
    }
    return isfinite(number) ? int_of_float(run, number, out) : true;
}

static bool filter_float(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    double number;
    *out = args[1].type == JINJA_MISSING ? jinja_float(0) : args[1];
    if (args[0].type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, args[0]);
    if (args[0].type == JINJA_STRING ? parse_float(jinja_span(args[0]), &number)
                                     : jinja_as_double(args[0], &number))
        *out = jinja_float(number);
    return true;
}

static bool filter_abs(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    int64_t whole;
    if (args[0].type == JINJA_FLOAT) {
        *out = jinja_float(fabs(args[0].as.number));
        return true;
    }
    if (!jinja_as_int(args[0], &whole))
        return jinja_fail(run, "bad operand type for abs(): '%s'", jinja_type_name(args[0]));
    if (whole == INT64_MIN)
        return fail_overflow(run);
    *out = jinja_int(whole < 0 ? -whole : whole);
    return true;
}

static bool round_common(struct jinja_run *run, struct jinja_value v, int64_t precision,
                         struct jinja_value *out)
{
    char text[LONGEST_NUMBER];
    int64_t whole;
    if (jinja_as_int(v, &whole)) {
        if (precision < 0)
            return jinja_fail(run, "round: a precision below 0 is not supported");
        *out = jinja_int(whole);
        return true;
    }
    if (v.type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, v);
    if (v.type != JINJA_FLOAT)
        return jinja_fail(run, "type %s doesn't define __round__ method", jinja_type_name(v));
    *out = v;
    if (!isfinite(v.as.number) || precision > 300)
        return true;
    if (precision < 0)
        return jinja_fail(run, "round: a precision below 0 is not supported");
    if (fabs(v.as.number) >= 0x1p63)
        return true;
    snprintf(text, sizeof text, "%.*f", (int)precision, v.as.number);
    *out = jinja_float(strtod(text, NULL));
    return true;
}

static bool filter_round(struct jinja_run *run, const struct jinja_value args[],
                         struct jinja_value *out)
{
    int64_t precision;
    struct span method;
    double number;
    if (!jinja_arg_int(run, args[1], 0, &precision) ||
        !jinja_arg_text(run, args[2], "common", &method))
        return false;
    bool is_ceil = span_is(method, "ceil");
    if (span_is(method, "common"))
        return round_common(run, args[0], precision, out);
    if (!is_ceil && !span_is(method, "floor"))
        return jinja_fail(run, "method must be common, ceil or floor");
    if (args[0].type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, args[0]);
    if (!jinja_as_double(args[0], &number))
        return jinja_fail(run, "must be real number, not %s", jinja_type_name(args[0]));
    if (!isfinite(number))
        return jinja_fail(run, "cannot convert float %s to integer",
                          isnan(number) ? "NaN" : "infinity");
    double scale = pow(10, (double)precision);
    *out = jinja_float((is_ceil ? ceil(number * scale) : floor(number * scale)) / scale);
    return true;
}

static bool filter_sum(struct jinja_run *run, const struct jinja_value args[],
                       struct jinja_value *out)
{
    struct jinja_path path;
    struct jinja_iterator *it;
    struct jinja_value item;
    bool more;
    *out = args[2].type == JINJA_MISSING ? jinja_int(0) : args[2];
    if (out->type == JINJA_STRING)
        return jinja_fail(run, "sum() can't sum strings [use ''.join(seq) instead]");
    if (!jinja_path_of(run, args[1], &path) || !jinja_iterate(run, args[0], &it))
        return false;
    for (;;) {
        if (!jinja_next(run, it, &item, &more) || !jinja_charge(run, 1))
            return false;
        if (!more)
            return true;
        struct jinja_value term, sum = *out;
        if (!jinja_path_get(run, &path, item, &term) ||
            !jinja_binary(run, JINJA_OP_ADD, sum, term, out))
            return false;
    }
}

const struct jinja_builtin jinja_number_filters[] = {
    {"abs", "/x", filter_abs, NULL},
    {"filesizeformat", NULL, NULL, NULL},
    {"float", "/value default=", filter_float, NULL},
    {"int", "/value default= base=", filter_int, NULL},
    {"round", "/value precision= method=", filter_round, NULL},
    {"sum", "/iterable attribute= start=", filter_sum, NULL},
    {0},
};
