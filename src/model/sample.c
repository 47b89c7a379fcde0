/*
 * sample.c - the next token, drawn from logits.
 *
 *     temperature   p ~ exp(z / t): below 1 the likely become likelier
 *     top-k         the k largest logits stay (Fan et al. 2018, arXiv:1805.04833)
 *     top-p         of these the fewest whose probabilities reach p (Holtzman et al. 2020,
 *                   arXiv:1904.09751); at least one
 *
 * Sorting a whole vocabulary for each token would cost more than a small model's own arithmetic, so
 * what cannot be drawn is left out first. All tokens below a share of (1 - p) / n of the total have
 * together less than 1 - p: the nucleus is found among the others. The draw inverts the sum of the
 * candidates' weights, likeliest first, with one uniform number: the same seed gives the same text.
 */
#include "model/sample.h"

#include <math.h>
#include <stdlib.h>

static int32_t likeliest(const float *logits, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++) {
        if (logits[i] > logits[best] || (isnan(logits[best]) && !isnan(logits[i])))
            best = i;
    }
    return (int32_t)best;
}

static int by_likelihood(const void *a, const void *b)
{
    const struct sample_candidate *x = a, *y = b;
    if (x->logit != y->logit)
        return x->logit < y->logit ? 1 : -1;
    return x->id < y->id ? -1 : x->id > y->id;
}

/* The weight of a token beside that of the likeliest. */
static double weight_of(float logit, double most, double temperature)
{
    return isnan(logit) ? 0 : exp(((double)logit - most) / temperature);
}

/* Puts the tokens of at least this logit into `out`, likeliest first. */
static size_t take_likely(const float *logits, size_t n, double least, struct sample_candidate *out)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++) {
        if ((double)logits[i] >= least)
            out[count++] = (struct sample_candidate){logits[i], (int32_t)i};
    }
    qsort(out, count, sizeof *out, by_likelihood);
    return count;
}

/* All tokens, in their order: nothing is to be left out. */
static size_t take_all(const float *logits, size_t n, struct sample_candidate *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (struct sample_candidate){logits[i], (int32_t)i};
    return n;
}

static double weight_of_all(const struct sample_candidate *of, size_t n, double most, double t)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += weight_of(of[i].logit, most, t);
    return sum;
}

/* The fewest candidates, likeliest first, that reach the share `top_p` of the weight of all. */
static size_t nucleus(const struct sample_candidate *of, size_t n, double all, double most,
                      const struct sample_options *options)
{
    double sum = 0;
    size_t count = 0;
    while (count < n && sum < options->top_p * all)
        sum += weight_of(of[count++].logit, most, options->temperature);
    return max_size(count, 1);
}

int32_t sample_token(const struct sample_options *options, const float *logits, size_t n,
                     struct rng *rng, struct sample_candidate *scratch)
{
    int32_t best = likeliest(logits, n);
    double most = (double)logits[best], t = options->temperature;
    bool few = options->top_k > 0 && (size_t)options->top_k < n, cut = options->top_p < 1;
    if (!(t > 0) || !isfinite(most) || options->top_k == 1)
        return best;

    size_t count = take_all(logits, n, scratch);
    double all = weight_of_all(scratch, count, most, t);
    if (few) {
        count = min_size(take_likely(logits, n, -INFINITY, scratch), (size_t)options->top_k);
        all = weight_of_all(scratch, count, most, t);
    } else if (cut) {
        double least = most + t * log((1 - options->top_p) * all / (double)n);
        count = take_likely(logits, n, least, scratch);
    }
    if (cut) {
        count = nucleus(scratch, count, all, most, options);
        all = weight_of_all(scratch, count, most, t);
    }

    double left = rng_uniform(rng) * all;
    int32_t drawn = best;
    for (size_t i = 0; i < count; i++) {
        double weight = weight_of(scratch[i].logit, most, t);
        if (weight > 0)
            drawn = scratch[i].id;
        left -= weight;
        if (left < 0)
            break;
    }
    return drawn;
}
