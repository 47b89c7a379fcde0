/*
 * num.h - numbers from text and to text, the same in every locale.
 */
#ifndef PACE_BASE_NUM_H
#define PACE_BASE_NUM_H

#include "base/span.h"

/*
 * The whole of `text` as a decimal integer with an optional sign. False where anything else is in
 * it, or where it does not fit.
 */
bool num_parse_i64(struct span text, int64_t *out);

/*
 * The whole of `text` as a finite decimal number ("1e-4", "-.5", "3."): correctly rounded. No
 * hexadecimal, no white space, no "inf" or "nan"; too large is false, too small is 0.
 */
bool num_parse_double(struct span text, double *out);

enum { NUM_TEXT_SIZE = 32 };

/*
 * The shortest decimal text that reads back as the same double, written as Python's repr does:
 * "0.1", "1e-05", "1.0", "123456.0", "1e+16", "nan", "inf", "-inf". Returns its length.
 */
size_t num_format_double(char text[NUM_TEXT_SIZE], double value);

/*
 * The double with the shortest decimal text that still reads back as the float: 1e-05 for 1e-5f,
 * where a plain conversion gives 9.999999747378752e-06. For showing; not for computing.
 */
double num_widen(float value);

#endif
