/*
 * step.h - rows through the model: the gradients of one optimiser step, or a held-out loss.
 *
 *     stepper_init(&s, &arena, &options);
 *     stepper_train(&s, &store, rows, n, step, &sums);
 *     … optim_step(…, rate, scale) …
 *     stepper_evaluate(&s, &store, rows, n, &sums);
 */
#ifndef PACE_TRAIN_STEP_H
#define PACE_TRAIN_STEP_H

#include "graph/run.h"
#include "train/batcher.h"

struct stepper_options {
    struct run *run;
    struct param *const *params; /* that are trained */
    size_t n_params;
    struct batcher_options batches; /* within what the run was planned for */
    uint64_t seed;                  /* of dropout */
};

struct stepper {
    struct stepper_options options;
    struct batcher batcher;
    float *loss;   /* [batches.tokens] */
    int32_t *best; /* the same */
    float *token;  /* the same: of one row */
    float *right;  /* [2, batches.tokens] 1 where `best` is the target: of a batch, of a row */
};

/* What a pass over rows adds up to. */
struct step_sums {
    double loss;         /* mean over the targets, in nats; NaN where there are none */
    double grad_norm;    /* before clipping; training alone */
    uint64_t not_finite; /* numbers of the gradient */
    uint64_t targets;
    uint64_t correct;  /* targets that were the likeliest token; evaluation alone */
    uint64_t tokens;   /* of the rows */
    uint64_t computed; /* the same with shared beginnings counted once */
    size_t batches;
};

/* One row's targets. Plain data without holes. */
struct row_loss {
    double sum; /* in nats */
    uint64_t targets;
    uint64_t correct; /* of them that were the likeliest token */
};

/* Memory is the arena's. */
void stepper_init(struct stepper *s, struct arena *arena, const struct stepper_options *options);

/* Empties the gradients, then adds those of the mean loss of the rows' targets. `step` goes into
 * the draws of dropout. At most batches.rows rows. */
void stepper_train(struct stepper *s, const struct row_store *store, const uint32_t *rows, size_t n,
                   int64_t step, struct step_sums *sums);

/* Any number of rows. */
void stepper_evaluate(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                      size_t n, struct step_sums *sums);

/* The same with each row's own share: losses [n]. */
void stepper_evaluate_rows(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                           size_t n, struct row_loss *losses, struct step_sums *sums);

/*
 * The losses of single tokens: loss [store->n_tokens] gets those of the rows, each at its token's
 * place in the store; 0 where a token is no target. Of other rows nothing is written.
 */
void stepper_evaluate_tokens(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                             size_t n, float *loss);

#endif
