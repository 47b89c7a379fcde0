/*
 * decimal.c - shortest digits, by whole numbers where they suffice and by trial elsewhere.
 *
 * A text reads back as the double v = m 2^e when it lies between the middles to v's neighbours,
 * (4m - 2) 2^(e-2) and (4m + 2) 2^(e-2) (below a power of two the lower neighbour is nearer:
 * 4m - 1); the middles themselves count where m is even. All three are scaled by the power of ten
 * that gives v 18 digits before the point, and then digits are taken off at the end as long as the
 * two middles still differ: what is left of v is the shortest text. This is the core of Ryu (Adams,
 * "Ryu: fast float-to-string conversion", PLDI 2018). Its difficulty, scaling by any power of ten
 * in 64 bits, is avoided: between 1e-13 and 1e17, where nearly all numbers of a training log lie,
 * the products m 5^k fit into 128 bits, and nothing is approximated.
 *
 * Outside of that range precisions are tried until one reads back: 17 digits always do.
 */
#include "base/decimal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ----------------------------------------------------------------------------- whole numbers -- */

typedef unsigned __int128 wide;

static const uint64_t least_of_18_digits = 100000000000000000;

/* A double and the middles to its neighbours: mantissas times 2^exponent. */
struct neighbourhood {
    uint64_t low, value, high;
    int exponent;
    bool ends_count; /* the middles read back as the value too */
};

static struct neighbourhood neighbourhood_of(double value)
{
    int exponent;
    uint64_t mantissa = (uint64_t)ldexp(frexp(value, &exponent), DBL_MANT_DIG);
    bool is_power_of_two = mantissa == (uint64_t)1 << (DBL_MANT_DIG - 1);
    return (struct neighbourhood){.low = 4 * mantissa - (is_power_of_two ? 1 : 2),
                                  .value = 4 * mantissa,
                                  .high = 4 * mantissa + 2,
                                  .exponent = exponent - DBL_MANT_DIG - 2,
                                  .ends_count = mantissa % 2 == 0};
}

static wide power_of_five(int exponent)
{
    wide power = 1;
    for (int i = 0; i < exponent; i++)
        power *= 5;
    return power;
}

/* The whole part of product 2^shift; *is_whole: nothing was lost. */
static uint64_t shifted(wide product, int shift, bool *is_whole)
{
    wide lost = shift < 0 ? ((wide)1 << -shift) - 1 : 0;
    *is_whole = (product & lost) == 0;
    return (uint64_t)(shift < 0 ? product >> -shift : product << shift);
}

/* Three scaled numbers from which digits are taken off together. */
struct digits {
    uint64_t low, value, high;
    bool low_is_whole, value_is_whole; /* all that was taken off is zero; for value: but `last` */
    unsigned last;                     /* digit taken off the value */
    int n_taken;
};

static void take_digit(struct digits *d)
{
    d->low_is_whole &= d->low % 10 == 0;
    d->value_is_whole &= d->last == 0;
    d->last = (unsigned)(d->value % 10);
    d->low /= 10;
    d->value /= 10;
    d->high /= 10;
    d->n_taken++;
}

/* Takes off what is not needed and rounds the rest: half to even. */
static uint64_t shorten(struct digits *d, bool ends_count)
{
    while (d->high / 10 > d->low / 10)
        take_digit(d);
    bool low_counts = ends_count && d->low_is_whole;
    while (low_counts && d->low > 0 && d->low % 10 == 0)
        take_digit(d);
    bool is_half = d->value_is_whole && d->last == 5;
    bool up = is_half ? d->value % 2 == 1 : d->last >= 5;
    return d->value + (up || (d->value == d->low && !low_counts));
}

static void write_digits(struct decimal *d, uint64_t number, int exponent_of_last)
{
    char reversed[20];
    int n = 0;
    for (; number % 10 == 0; number /= 10)
        exponent_of_last++;
    for (; number > 0; number /= 10)
        reversed[n++] = (char)('0' + number % 10);
    CHECK(n <= DECIMAL_DIGITS);
    for (int i = 0; i < n; i++)
        d->digits[i] = reversed[n - 1 - i];
    d->digits[n] = '\0';
    d->n_digits = n;
    d->exponent = exponent_of_last + n - 1;
}

static void shortest_by_numbers(struct decimal *d, double value)
{
    struct neighbourhood n = neighbourhood_of(value);
    struct digits digits = {0};
    bool high_is_whole;
    int scale = DECIMAL_DIGITS - (int)floor(log10(value));
    wide power = power_of_five(scale);
    if (shifted(n.value * power, n.exponent + scale, &high_is_whole) < least_of_18_digits) {
        scale++; /* log10 has been rounded up to the next power */
        power *= 5;
    }
    int shift = n.exponent + scale;
    digits.low = shifted(n.low * power, shift, &digits.low_is_whole);
    digits.value = shifted(n.value * power, shift, &digits.value_is_whole);
    digits.high = shifted(n.high * power, shift, &high_is_whole);
    if (high_is_whole && !n.ends_count)
        digits.high--;
    uint64_t number = shorten(&digits, n.ends_count);
    write_digits(d, number, digits.n_taken - scale);
}

/* ------------------------------------------------------------------------------------- trial -- */

/*
 * Raises the last digit of "d.ddde±xx" by one. A 9 is let be: the text with the carry is shorter,
 * so it was tried before.
 */
static void raise_last_digit(char *text)
{
    char *last = strchr(text, 'e') - 1;
    if (*last != '9')
        ++*last;
}

static void shortest_by_trial(struct decimal *d, double value)
{
    char text[64];
    int exponent;
    bool is_power_of_two = frexp(value, &exponent) == 0.5;
    for (int precision = 0; precision < DECIMAL_DIGITS; precision++) {
        snprintf(text, sizeof text, "%.*e", precision, value);
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
    d->n_digits = 0;
    for (const char *at = text; *at != 'e'; at++) {
        if (*at != '.')
            d->digits[d->n_digits++] = *at;
    }
    d->digits[d->n_digits] = '\0';
    d->exponent = (int)strtol(strchr(text, 'e') + 1, NULL, 10);
}

/* --------------------------------------------------------------------------------- interface -- */

void decimal_shortest(struct decimal *d, double value)
{
    value = fabs(value);
    CHECK(isfinite(value));
    if (value >= 1e-13 && value < 1e17)
        shortest_by_numbers(d, value);
    else
        shortest_by_trial(d, value);
}
