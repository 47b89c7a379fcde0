/*
 * landscape.h - made-up losses to train on: the places where learning rates go wrong, small enough
 * that thousands of runs take seconds.
 *
 * A landscape has a few dozen parameters, a start, a loss in nats that begins at 2 to 5 and has a
 * floor, batches whose loss and gradient are noisy, and a true loss without noise, which plays the
 * held-out loss. Everything follows from the seed; a batch follows from its number, so the same
 * batch met twice is the same data.
 */
#ifndef PACE_TEST_SIM_LANDSCAPE_H
#define PACE_TEST_SIM_LANDSCAPE_H

#include "base/arena.h"
#include "base/rng.h"

enum { SIM_PARAMETERS_MOST = 512 };

enum sim_optimizer { SIM_SGD, SIM_ADAMW, SIM_OPTIMIZERS };

/* How batches of an analytic landscape differ; those of a data landscape differ by their rows. */
struct sim_noise {
    double loss_sd;       /* nats, of a batch's loss */
    double gradient;      /* norm of the gradient's noise over the norm of the first gradient */
    double spread;        /* sd of the log of a batch's scale of noise */
    double tail_share;    /* of batches with a heavy tail */
    double tail_strength; /* power of their scale: a Pareto draw to this power */
};

struct sim_landscape;

/* A kind of landscape: a row of sim_kinds. */
struct sim_kind {
    const char *name, *about;
    bool has_rows; /* trains on rows of made-up data: epochs repeat them, labels can be wrong */
    void (*make)(struct sim_landscape *l, struct rng *rng);
    /* The loss of an analytic landscape over its floor; adds to the gradient. */
    double (*value)(const struct sim_landscape *l, const double *x, double *gradient);
    /* The loss of one row of a data landscape; adds to the gradient, which may be NULL. */
    double (*row)(const struct sim_landscape *l, const double *x, const double *features,
                  unsigned label, double *gradient);
    double rate[SIM_OPTIMIZERS]; /* about the best peak for 300 steps: where searches start */
};

extern const struct sim_kind sim_kinds[];
extern const size_t sim_kind_count;

/* The row with that name; a name that is none fails a CHECK. */
const struct sim_kind *sim_kind_find(const char *name);

struct sim_landscape {
    const struct sim_kind *kind;
    struct arena *arena;
    uint64_t seed;
    size_t n; /* parameters */
    double start[SIM_PARAMETERS_MOST];
    double floor;        /* nats */
    double uniform_loss; /* log of the number of classes; 0 where there are none */
    struct sim_noise noise;
    double overflow; /* a parameter beyond it makes loss and gradient NaN; 0: none does */

    double curvature[SIM_PARAMETERS_MOST]; /* analytic: of each coordinate; at most about 1 */
    double shape[4];                       /* analytic: what the kind needs */
    double noise_scale;                    /* analytic: from noise.gradient */

    size_t n_features, n_classes, n_hidden; /* data */
    size_t n_rows, n_held_out, batch_rows;
    double *features;     /* [n_rows + n_held_out, n_features] */
    unsigned char *label; /* [n_rows + n_held_out] */
    double *base;         /* data: weights that are not trained (adapter) */
};

/* Tells a landscape how to be made, beyond its kind. */
struct sim_terms {
    bool heavy_tails;   /* analytic: one batch in fifty is far out */
    bool few_rows;      /* data: so few, and labels so noisy, that many epochs over-fit */
    bool overflows;     /* large parameters give NaN */
    double noise_times; /* 0 means 1: more or less noise than usual */
};

/* Makes the landscape of a kind and a seed; memory for rows comes from the arena. */
void sim_landscape_make(struct sim_landscape *l, const struct sim_kind *kind, uint64_t seed,
                        const struct sim_terms *terms, struct arena *arena);

/* Batches of an epoch; 0 where no batch is met twice. */
uint64_t sim_landscape_batches(const struct sim_landscape *l);

struct sim_batch {
    uint64_t id;
    bool wrong_labels; /* rows that teach something else */
};

/* The loss of a batch at x, and its gradient [n]. */
double sim_batch_loss(const struct sim_landscape *l, const double *x, struct sim_batch batch,
                      double *gradient);

/* The loss without noise: of the held-out rows, or the analytic value. */
double sim_true_loss(const struct sim_landscape *l, const double *x);

#endif
