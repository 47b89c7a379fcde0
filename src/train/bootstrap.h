/*
 * bootstrap.h - is one state of a model better than another on these rows, or may it be chance?
 */
#ifndef PACE_TRAIN_BOOTSTRAP_H
#define PACE_TRAIN_BOOTSTRAP_H

#include "train/step.h"

/* Fewer rows than these decide nothing, whatever they say. */
enum { BOOTSTRAP_ROWS_LEAST = 6 };

/* The loss of a token in two states, and how sure their difference is. */
struct bootstrap {
    double before, after; /* means over the targets of the rows that count, in nats */
    double difference;    /* after - before: below 0 is better */
    double low, high;     /* 95 % interval of it; infinite below BOOTSTRAP_ROWS_LEAST rows */
    size_t rows;          /* that count: with targets, and a finite loss in both states */
    size_t left_out;      /* rows whose loss is not finite before; neither state is blamed */
    size_t broken;        /* rows whose loss was finite before and is not any more */
    size_t draws;
};

/*
 * Compares rows [n] before and after. The same rows and seed give the same numbers. Where no row
 * counts the losses are NaN.
 */
void bootstrap_compare(struct bootstrap *b, const struct row_loss *before,
                       const struct row_loss *after, size_t n, uint64_t seed);

/* What can be said of it. */
enum bootstrap_verdict {
    BOOTSTRAP_NO_ROWS, /* none counts */
    BOOTSTRAP_BETTER,
    BOOTSTRAP_WORSE,
    BOOTSTRAP_UNSURE, /* the difference may be chance */
};

enum bootstrap_verdict bootstrap_verdict(const struct bootstrap *b);

#endif
