/*
 * lengths.h - how long many rows are, in constant memory.
 */
#ifndef PACE_TEXT_LENGTHS_H
#define PACE_TEXT_LENGTHS_H

#include "base/base.h"

struct lengths {
    uint64_t *counts; /* by bin; NULL: nothing added yet */
    uint64_t n;       /* rows */
    uint64_t sum;
    uint64_t least, most;
};

/* A zeroed struct is empty. */
void lengths_add(struct lengths *l, uint64_t length);

/*
 * The smallest length that at least the share `q` (0 … 1) of the rows does not pass: the
 * nearest-rank percentile. Exact below 65,536, within 0.4 % above. 0 where there are no rows.
 */
uint64_t lengths_quantile(const struct lengths *l, double q);

/* Number of rows of length low … high; exact where both are below 65,536 or powers of two. */
uint64_t lengths_between(const struct lengths *l, uint64_t low, uint64_t high);

/* 0 where there are no rows. */
double lengths_mean(const struct lengths *l);

void lengths_release(struct lengths *l);

#endif
