/*
 * verdict.h - whether a run made its model better, what it forgot, and what it says now.
 *
 *     verdict_init(&v, &arena, &options, err)         reserves; nothing is computed
 *     verdict_begin(&v, err)                          before training: the base's side of all of it
 *     … training …
 *     verdict_test_loss(&v), verdict_end(&v, err)     the model as it will be saved
 *     verdict_journal(&v, &journal)                   records "answer" and "verdict"
 *     verdict_release(&v);
 *
 * What the base's side comes to is kept in arrays and structs of plain data, whose sizes follow
 * from the options alone: a checkpoint keeps `test_rows` structs row_loss at `base`, the struct
 * `state`, and of the passages `rows`, `ids` and `base`; after they were put back verdict_resume
 * stands for verdict_begin.
 *
 * Test rows for which the base has no finite loss say nothing about either and are left out.
 */
#ifndef PACE_TRAIN_VERDICT_H
#define PACE_TRAIN_VERDICT_H

#include "train/answers.h"
#include "train/bootstrap.h"
#include "train/budget.h"
#include "train/evaluate.h"
#include "train/passages.h"

struct verdict_options {
    struct engine *engine;
    struct stepper *stepper; /* of the run */
    const struct row_store *store;
    const struct row_list *test; /* rows that are used for nothing else */
    const char *model;           /* its path, for the tokenizer */
    const struct budget *budget; /* of the run */
};

struct verdict {
    struct verdict_options options;
    struct tokenizer tokenizer;
    bool has_tokenizer; /* there are answers to be read */
    bool has_passages;
    struct passages passages;
    struct row_loss *base, *tuned; /* [test->n] */
    struct verdict_state {
        struct answers answers;
        struct passages_counts passages;
        double base_loss, tuned_loss; /* mean over the test rows' targets; NAN: none */
        uint64_t tokens;              /* that evaluations of the test rows have read */
    } state;
    double cost; /* of passages and answers, both sides, in forward passes of a token */

    /* Of verdict_end. */
    struct bootstrap test;
    struct divergence divergence; /* tokens 0: not measured */
    struct exactness exact[ANSWERS_SIDES]; /* of the test rows, where these are answers */
    char reason[256];             /* the verdict as a sentence */
    char forgotten[256];          /* and the divergence */
    char exactly[128];            /* and the exactness; empty where nothing is exact */
};

/* Memory is the arena's, and verdict_release's. Errors: those of tokenizer_open. */
MUST_CHECK bool verdict_init(struct verdict *v, struct arena *arena,
                             const struct verdict_options *options, struct err *err);

/* Safe on a zeroed struct. */
void verdict_release(struct verdict *v);

/* The model is the base. Errors: ERR_MEMORY. */
MUST_CHECK bool verdict_begin(struct verdict *v, struct err *err);

/* The base's side was put back from a checkpoint. */
void verdict_resume(struct verdict *v);

/* The loss of the test rows by the model as it is now, noted as the tuned one; NaN where there are
 * none. */
double verdict_test_loss(struct verdict *v);

/* The model is what will be saved, and verdict_test_loss was called. Errors: ERR_MEMORY. */
MUST_CHECK bool verdict_end(struct verdict *v, struct err *err);

/* Whether it is better; BOOTSTRAP_UNSURE where that cannot be told. */
enum bootstrap_verdict verdict_of(const struct verdict *v);

struct run_journal;

/* Records "answer" for each prompt, then "verdict". Errors: those of tokenizer_decode. */
MUST_CHECK bool verdict_journal(const struct verdict *v, struct run_journal *journal,
                                struct err *err);

#endif
