/*
 * tokens.c - the growing part of tokens.h: both arrays double together, so that adding a token
 * costs a constant on average and tokens_add can stay a few instructions in its callers.
 */
#include "text/tokens.h"

void tokens_reserve(struct tokens *t, size_t n)
{
    enum { FIRST_CAP = 64 };
    CHECK(n <= SIZE_MAX / 4 / sizeof *t->ranges - t->n);
    if (t->n + n > t->cap) {
        t->cap = max_size(t->n + n, max_size(2 * t->cap, FIRST_CAP));
        t->ids = mem_resize(t->ids, t->cap * sizeof *t->ids);
        if (t->with_ranges)
            t->ranges = mem_resize(t->ranges, t->cap * sizeof *t->ranges);
    }
}

void tokens_release(struct tokens *t)
{
    mem_free(t->ids);
    mem_free(t->ranges);
    *t = (struct tokens){.with_ranges = t->with_ranges};
}
