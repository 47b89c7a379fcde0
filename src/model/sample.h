/*
 * sample.h - the next token, drawn from logits.
 */
#ifndef PACE_MODEL_SAMPLE_H
#define PACE_MODEL_SAMPLE_H

#include "base/rng.h"

/* Applied in this order, as transformers does. */
struct sample_options {
    double temperature; /* logits are divided by it; 0: always the likeliest token */
    int64_t top_k;      /* only the k likeliest; 0: all */
    double top_p;       /* only the likeliest that together reach this share; 1: all */
};

/* One of the candidates among which a draw is made. */
struct sample_candidate {
    float logit;
    int32_t id;
};

/*
 * Draws a token from logits [n], n >= 1. `scratch` [n]. Of equal logits the lower id counts as the
 * likelier. NaN is never drawn; where nothing is finite, the first token is.
 */
int32_t sample_token(const struct sample_options *options, const float *logits, size_t n,
                     struct rng *rng, struct sample_candidate *scratch);

#endif
