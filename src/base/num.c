/*
 * num.c - numbers from text and to text.
 *
 * pace never calls setlocale, so strtod and snprintf are those of the "C" locale; the checks here
 * keep out what they accept beyond decimal numbers.
 *
 * Most numbers are short: a whole number below 2^53 times or over a power of ten up to 10^22, both
 * of which a double holds exactly, so that one rounded operation gives the nearest double. strtod
 * takes the rest. (W. D. Clinger, How to read floating point numbers accurately, 1990.)
 *
 * The digits of the shortest text come from decimal.c; here they get a point or an exponent, as
 * Python's repr places them.
 */
#include "base/num.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/decimal.h"
#include "base/mem.h"

bool num_parse_i64(struct span text, int64_t *out)
{
    bool negative = text.len > 0 && text.at[0] == '-';
    size_t i = text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
    if (i == text.len)
        return false;
    uint64_t limit = (uint64_t)INT64_MAX + negative;
    uint64_t magnitude = 0;
    for (; i < text.len; i++) {
        unsigned digit = (unsigned)text.at[i] - '0';
        if (digit > 9 || magnitude > (limit - digit) / 10)
            return false;
        magnitude = 10 * magnitude + digit;
    }
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return true;
}

static bool is_decimal(struct span text)
{
    size_t digits = 0;
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i];
        bool is_digit = c >= '0' && c <= '9';
        digits += is_digit;
        if (!is_digit && (c == '\0' || !strchr("+-.eE", c)))
            return false;
    }
    return digits > 0;
}

/* "12.5e-3" whose digits are few and whose exponent is small; false for anything else. */
static bool parse_short(struct span text, double *out)
{
    static const double powers[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                    1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    bool is_negative = text.len > 0 && text.at[0] == '-';
    size_t i = is_negative, start = i, point = SIZE_MAX;
    uint64_t digits = 0;
    for (; i < text.len && i - start < 19; i++) {
        if (text.at[i] == '.' && point == SIZE_MAX)
            point = i;
        else if (text.at[i] >= '0' && text.at[i] <= '9')
            digits = 10 * digits + (text.at[i] - '0');
        else
            break;
    }
    int64_t exponent = 0;
    bool has_digits = i > start + (point != SIZE_MAX);
    if (point != SIZE_MAX)
        exponent = -(int64_t)(i - point - 1);
    if (i + 1 < text.len && (text.at[i] | 0x20) == 'e') {
        int64_t given;
        if (!num_parse_i64(span_from(text, i + 1), &given) || given > 99 || given < -99)
            return false;
        exponent += given;
        i = text.len;
    }
    if (i < text.len || !has_digits || digits > (uint64_t)1 << 53 || exponent > 22 ||
        exponent < -22)
        return false;
    double value =
        exponent < 0 ? (double)digits / powers[-exponent] : (double)digits * powers[exponent];
    *out = is_negative ? -value : value;
    return true;
}

bool num_parse_double(struct span text, double *out)
{
    enum { SIZE_ON_STACK = 128 };
    char on_stack[SIZE_ON_STACK];
    if (parse_short(text, out))
        return true;
    if (!is_decimal(text))
        return false;
    char *copy = text.len < sizeof on_stack ? on_stack : mem_alloc(text.len + 1);
    memcpy(copy, text.at, text.len);
    copy[text.len] = '\0';

    char *end;
    double value = strtod(copy, &end);
    bool ok = *end == '\0' && isfinite(value);
    if (ok)
        *out = value;
    if (copy != on_stack)
        mem_free(copy);
    return ok;
}

/* "0.00125", "1250.0", "12.5" */
static size_t write_fixed(char *text, const struct decimal *d)
{
    size_t len = 0;
    if (d->exponent < 0)
        text[len++] = '0';
    for (int i = d->exponent < 0 ? d->exponent + 1 : 0; i < d->n_digits || i <= d->exponent + 1;
         i++) {
        if (i == d->exponent + 1)
            text[len++] = '.';
        text[len++] = i >= 0 && i < d->n_digits ? d->digits[i] : '0';
    }
    text[len] = '\0';
    return len;
}

/* "1.25e-05" */
static size_t write_scientific(char *text, size_t size, const struct decimal *d)
{
    return (size_t)snprintf(text, size, "%c%s%se%c%02d", d->digits[0], d->n_digits > 1 ? "." : "",
                            d->digits + 1, d->exponent < 0 ? '-' : '+', abs(d->exponent));
}

size_t num_format_double(char text[NUM_TEXT_SIZE], double value)
{
    struct decimal d;
    if (!isfinite(value)) {
        const char *name = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
        return (size_t)snprintf(text, NUM_TEXT_SIZE, "%s", name);
    }
    decimal_shortest(&d, value);
    size_t sign = signbit(value) ? 1 : 0;
    text[0] = '-';
    if (d.exponent < -4 || d.exponent >= 16)
        return sign + write_scientific(text + sign, NUM_TEXT_SIZE - sign, &d);
    return sign + write_fixed(text + sign, &d);
}

double num_widen(float value)
{
    char text[NUM_TEXT_SIZE];
    for (int precision = 0; precision <= 8 && isfinite(value); precision++) {
        snprintf(text, sizeof text, "%.*e", precision, (double)value);
        if (strtof(text, NULL) == value)
            return strtod(text, NULL);
    }
    return (double)value;
}
