/*
 * lengths.c - a histogram with a bin for every length below 2^16 and, above, 256 bins for each
 * doubling. Percentiles of a gigabyte of rows cost 600 KB and no sorting, and come out exact for
 * every length that a model can be trained on today.
 */
#include "text/lengths.h"

#include <math.h>

#include "base/mem.h"

enum { EXACT_BITS = 16, EXACT = 1 << EXACT_BITS, STEP_BITS = 8, STEPS = 1 << STEP_BITS };
enum { N_BINS = EXACT + (64 - EXACT_BITS) * STEPS };

static size_t bin_of(uint64_t length)
{
    if (length < EXACT)
        return (size_t)length;
    unsigned top = 63 - (unsigned)__builtin_clzll(length);
    uint64_t step = length >> (top - STEP_BITS) & (STEPS - 1);
    return EXACT + (top - EXACT_BITS) * STEPS + (size_t)step;
}

/* The smallest length of a bin. */
static uint64_t bin_start(size_t bin)
{
    if (bin < EXACT)
        return bin;
    size_t top = EXACT_BITS + (bin - EXACT) / STEPS, step = (bin - EXACT) % STEPS;
    return (uint64_t)(STEPS + step) << (top - STEP_BITS);
}

void lengths_add(struct lengths *l, uint64_t length)
{
    if (!l->counts)
        l->counts = mem_alloc(N_BINS * sizeof *l->counts);
    l->least = l->n == 0 || length < l->least ? length : l->least;
    l->most = length > l->most ? length : l->most;
    l->counts[bin_of(length)]++;
    l->n++;
    l->sum += length;
}

uint64_t lengths_quantile(const struct lengths *l, double q)
{
    uint64_t rank = (uint64_t)ceil(q * (double)l->n), passed = 0;
    if (l->n == 0)
        return 0;
    if (rank >= l->n)
        return l->most;
    for (size_t bin = 0; bin < N_BINS; bin++) {
        passed += l->counts[bin];
        if (passed >= rank && passed > 0)
            return bin_start(bin) > l->least ? bin_start(bin) : l->least;
    }
    return l->most;
}

uint64_t lengths_between(const struct lengths *l, uint64_t low, uint64_t high)
{
    uint64_t count = 0;
    if (l->n == 0 || low > high)
        return 0;
    for (size_t bin = bin_of(low); bin <= bin_of(high); bin++)
        count += l->counts[bin];
    return count;
}

double lengths_mean(const struct lengths *l)
{
    return l->n > 0 ? (double)l->sum / (double)l->n : 0;
}

void lengths_release(struct lengths *l)
{
    mem_free(l->counts);
    *l = (struct lengths){0};
}
