/*
 * passages.h - texts that the base says by itself, and how far the tuned model has gone from it.
 *
 *     passages_init(&p, &arena, &options);            reserves
 *     passages_sample(&p, &engine, err)               texts, and the base's losses of them
 *     … training …
 *     passages_compare(&p, &engine, &kl, err)
 */
#ifndef PACE_TRAIN_PASSAGES_H
#define PACE_TRAIN_PASSAGES_H

#include "text/row_store.h"
#include "train/engine.h"

struct passages_options {
    size_t texts;   /* side by side */
    size_t steps;   /* tokens of each; a text that ends is followed by another */
    size_t longest; /* tokens of a text, at most the model's context */
    uint64_t seed;
};

/* Sizes depend on the options alone, and what the arrays hold is plain data: the arrays and counts
 * put back are the passages put back (passages_resume). */
struct passages {
    struct passages_options options;
    struct row_store store;  /* the texts; every token but a text's first is a target */
    struct stored_row *rows; /* [rows_most] */
    uint32_t *ids;           /* [tokens_most] */
    float *base;             /* [tokens_most] the base's losses; 0 of a text's first token */
    uint32_t *list;          /* 0, 1, … */
    size_t rows_most, tokens_most;
    struct passages_counts {
        uint64_t rows, tokens;
    } counts;
};

/* The divergence KL(base || tuned) of a token's distribution, in nats. */
struct divergence {
    double kl; /* infinite where the tuned model gives no number */
    double se; /* standard error: texts are drawn, and tokens in them */
    uint64_t tokens;
};

/* Memory is the arena's. */
void passages_init(struct passages *p, struct arena *arena, const struct passages_options *options);

/* Lets the model as it is say texts, and notes its losses. Errors: ERR_MEMORY. */
MUST_CHECK bool passages_sample(struct passages *p, struct engine *engine, struct err *err);

/* After arrays and counts were put back. */
void passages_resume(struct passages *p);

/* How far the model as it is now has gone. Errors: ERR_MEMORY. */
MUST_CHECK bool passages_compare(const struct passages *p, struct engine *engine,
                                 struct divergence *divergence, struct err *err);

/* The same from the losses [tokens] of both. */
struct divergence passages_divergence(const struct passages *p, const float *tuned);

#endif
