/*
 * bootstrap.c - the difference of two token-mean losses on the same rows, with an interval.
 *
 *     D = sum_i (after_i - before_i) / sum_i n_i       over rows i with n_i targets
 *
 * Tokens of one row go together, rows do not: so rows are drawn anew, with replacement, and D is
 * computed for each draw (Efron and Tibshirani 1993, chapter 13). Both states of a row are drawn
 * together, which takes out how hard the rows are.
 *
 * The interval is the percentile interval, made wider for few rows as Hesterberg 2015 (The American
 * Statistician 69:371, "expanded percentile") has it: the bootstrap's spread is short by
 * sqrt((n - 1) / n), and the normal's quantile it stands for ought to be Student's. So instead of
 * 2.5 % the share Phi(-sqrt(n / (n - 1)) t) is cut off at each side. With five rows all pointing
 * one way, coins would do so once in sixteen times; six are the first that could mean something at
 * this level, fewer give no interval.
 *
 * 10,000 draws put the ends within about 3 % of the standard error, which two decimals of a loss do
 * not show. Many rows get fewer, down to 2,000 (6 %), for which WORK draws of single rows are
 * allowed: a tenth of a second.
 */
#include "train/bootstrap.h"

#include <math.h>

#include "base/mem.h"
#include "base/rng.h"
#include "base/stat.h"

enum { DRAWS_MOST = 10000, DRAWS_LEAST = 2000, WORK = 10 * 1000 * 1000 };

static const uint64_t STREAM = 0x626f6f74; /* of the draws */

/* A row that counts. */
struct pair {
    double difference, targets;
};

/* Student's 97.5 % quantile for so many degrees of freedom, 5 or more, within 0.2 %: the expansion
 * around the normal's (Abramowitz and Stegun 26.7.5). */
static double student(double freedom)
{
    const double z = 1.959963984540054, z2 = z * z;
    double g1 = z * (z2 + 1) / 4, g2 = z * ((5 * z2 + 16) * z2 + 3) / 96;
    double g3 = z * (((3 * z2 + 19) * z2 + 17) * z2 - 15) / 384;
    return z + (g1 + (g2 + g3 / freedom) / freedom) / freedom;
}

/* What is cut off at each side of the draws. */
static double tail(size_t n)
{
    double freedom = (double)n - 1;
    return 0.5 * erfc(sqrt((double)n / freedom) * student(freedom) / sqrt(2.0));
}

static double draw(const struct pair *pairs, size_t n, struct rng *rng)
{
    double difference = 0, targets = 0;
    for (size_t i = 0; i < n; i++) {
        const struct pair *p = &pairs[rng_below(rng, n)];
        difference += p->difference;
        targets += p->targets;
    }
    return difference / targets;
}

static void find_interval(struct bootstrap *b, const struct pair *pairs, uint64_t seed)
{
    struct rng rng = {.seed = seed, .stream = STREAM};
    size_t n = b->rows;
    b->draws = min_size(max_size(WORK / n, DRAWS_LEAST), DRAWS_MOST);
    double *drawn = mem_alloc(b->draws * sizeof *drawn);
    for (size_t i = 0; i < b->draws; i++)
        drawn[i] = draw(pairs, n, &rng);
    b->low = stat_quantile(drawn, b->draws, tail(n));
    b->high = stat_quantile(drawn, b->draws, 1 - tail(n));
    mem_free(drawn);
}

void bootstrap_compare(struct bootstrap *b, const struct row_loss *before,
                       const struct row_loss *after, size_t n, uint64_t seed)
{
    struct pair *pairs = mem_alloc(n * sizeof *pairs);
    double sums[2] = {0}, targets = 0;
    *b = (struct bootstrap){.low = -INFINITY, .high = INFINITY};
    for (size_t i = 0; i < n; i++) {
        if (before[i].targets == 0)
            continue;
        b->left_out += isfinite(before[i].sum) ? 0 : 1;
        b->broken += isfinite(before[i].sum) && !isfinite(after[i].sum) ? 1 : 0;
        if (!isfinite(before[i].sum) || !isfinite(after[i].sum))
            continue;
        pairs[b->rows++] = (struct pair){after[i].sum - before[i].sum, (double)before[i].targets};
        sums[0] += before[i].sum;
        sums[1] += after[i].sum;
        targets += (double)before[i].targets;
    }
    b->before = sums[0] / targets;
    b->after = sums[1] / targets;
    b->difference = b->after - b->before;
    if (b->rows >= BOOTSTRAP_ROWS_LEAST)
        find_interval(b, pairs, seed);
    mem_free(pairs);
}

enum bootstrap_verdict bootstrap_verdict(const struct bootstrap *b)
{
    if (b->broken > 0)
        return BOOTSTRAP_WORSE;
    if (b->rows == 0)
        return BOOTSTRAP_NO_ROWS;
    if (b->high < 0)
        return BOOTSTRAP_BETTER;
    return b->low > 0 ? BOOTSTRAP_WORSE : BOOTSTRAP_UNSURE;
}
