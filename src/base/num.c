/*
 * num.c - numbers from text and to text.
 *
 * pace never calls setlocale, so strtod and snprintf are those of the "C" locale; the checks here
 * keep out what they accept beyond decimal numbers.
 *
 * Shortest text: a double is told apart from its neighbours by at most 17 significant digits, so
 * the first precision from 1 on whose text reads back as the same value is the shortest.
 */
#include "base/num.h"

#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

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

bool num_parse_double(struct span text, double *out)
{
    enum { SIZE_ON_STACK = 128 };
    char on_stack[SIZE_ON_STACK];
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

/*
 * Raises the last digit of "d.ddde±xx" by one. A 9 is let be: the text with the carry is shorter,
 * so it was tried before.
 */
static void raise_last_digit(char text[NUM_TEXT_SIZE])
{
    char *last = strchr(text, 'e') - 1;
    if (*last != '9')
        ++*last;
}

/* "1.2500e+01" becomes "1.25e+01". */
static void strip_zeros(char text[NUM_TEXT_SIZE])
{
    char *mark = strchr(text, 'e'), *end = mark;
    if (!memchr(text, '.', (size_t)(mark - text)))
        return;
    while (end[-1] == '0')
        end--;
    end -= end[-1] == '.';
    memmove(end, mark, strlen(mark) + 1);
}

/*
 * Digits and decimal exponent of the shortest scientific text, "d.ddde±xx". A decimal of at most 15
 * digits survives the way into a normal double and back, so where one reads as the value, the
 * value's 15 digits are that one and zeros; else 16 or 17 digits are needed. Below the normal
 * doubles every length is tried.
 */
static void shortest_scientific(char text[NUM_TEXT_SIZE], double value)
{
    enum { SAFE = DBL_DIG - 1 };
    bool is_normal = fabs(value) >= DBL_MIN || value == 0;
    int exponent;
    bool is_power_of_two = fabs(frexp(value, &exponent)) == 0.5;
    for (int precision = is_normal ? SAFE : 0; precision <= 16; precision++) {
        snprintf(text, NUM_TEXT_SIZE, "%.*e", precision, value);
        if (strtod(text, NULL) == value)
            break;
        /* The doubles above a power of two are twice as far away as those below it, so the text one
         * up may be nearer to the value than to them where the nearest text is not. */
        if (is_power_of_two) {
            raise_last_digit(text);
            if (strtod(text, NULL) == value)
                break;
        }
    }
    strip_zeros(text);
}

size_t num_format_double(char text[NUM_TEXT_SIZE], double value)
{
    if (!isfinite(value)) {
        const char *name = isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
        return (size_t)snprintf(text, NUM_TEXT_SIZE, "%s", name);
    }
    char scientific[NUM_TEXT_SIZE];
    shortest_scientific(scientific, value);
    char *mark = strchr(scientific, 'e');
    int exponent = (int)strtol(mark + 1, NULL, 10);
    if (exponent < -4 || exponent >= 16)
        return (size_t)snprintf(text, NUM_TEXT_SIZE, "%s", scientific);

    /* The number of digits behind the first in the scientific text: "1.25e+01" has 2. */
    char *point = strchr(scientific, '.');
    int digits = point ? (int)(mark - point) - 1 : 0;
    int decimals = digits > exponent ? digits - exponent : 1;
    return (size_t)snprintf(text, NUM_TEXT_SIZE, "%.*f", decimals, value);
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
