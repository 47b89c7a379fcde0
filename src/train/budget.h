/*
 * budget.h - what a run may compute beside its own steps, and how that is shared out.
 *
 *     budget_plan(&b, &job);       before anything is computed; the same job, the same budget
 */
#ifndef PACE_TRAIN_BUDGET_H
#define PACE_TRAIN_BUDGET_H

#include "base/buf.h"

/* Of the run's steps: all that is computed beside them. */
#define BUDGET_WHOLE 0.25

/* Rows that are set aside to be measured on. */
struct budget_rows {
    size_t n;        /* that there are */
    double length;   /* tokens of one, on average */
    bool all_wanted; /* as many were asked for */
};

struct budget_job {
    double tokens;    /* that all planned steps read; above 0 */
    double step_cost; /* of training on a token, in forward passes of it (estimate.h) */
    int64_t steps;
    struct budget_rows eval, test;
    int64_t eval_steps; /* that were given; 0: to be chosen */
    bool searches;      /* the rate is to be found */
    bool from_scratch;  /* random weights know nothing that could be forgotten */
};

/* Shares are of the cost of all planned steps. */
struct budget {
    size_t eval_rows;   /* of an evaluation */
    size_t search_rows; /* of one in the search: the same, where that many were not asked for */
    int64_t eval_steps; /* from one to the next */
    size_t test_rows;   /* measured twice: before and after */
    double run;         /* the cost of all steps, in forward passes of a token */
    double preflight, passages, answers; /* at most, in the same */
    double search; /* share that the search may add, without the steps that the run goes on from */
    double measured; /* share of all the rest */
    bool is_short;   /* too short a run for so little: the least of everything costs more */
};

void budget_plan(struct budget *b, const struct budget_job *job);

/* Adds a sentence: what it comes to, and where it is more than it should be, why. */
void budget_explain(const struct budget *b, struct buf *out);

#endif
