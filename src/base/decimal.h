/*
 * decimal.h - the shortest decimal digits that tell a double apart from its neighbours. For num.c.
 */
#ifndef PACE_BASE_DECIMAL_H
#define PACE_BASE_DECIMAL_H

#include "base/base.h"

enum { DECIMAL_DIGITS = 17 };

/* d.ddd times 10^exponent. */
struct decimal {
    char digits[DECIMAL_DIGITS + 1]; /* without a point, NUL-terminated; no zeros at the end */
    int n_digits;                    /* 1 ... 17 */
    int exponent;
};

/* Of the magnitude of a finite value; of several shortest the nearest. Zero is "0". */
void decimal_shortest(struct decimal *d, double value);

#endif
