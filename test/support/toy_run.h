/*
 * toy_run.h - a tiny model with everything that trains it on rows made by hand: what the tests of a
 * run's beginning and end stand on.
 */
#ifndef PACE_TEST_TOY_RUN_H
#define PACE_TEST_TOY_RUN_H

#include "model/lora.h"
#include "optim/snapshot.h"
#include "test/support/model_folder.h"
#include "test/support/rows.h"
#include "test/support/tiny_model.h"
#include "train/engine.h"
#include "train/rows.h"
#include "train/step.h"

enum {
    TOY_LONGEST = 40,
    TOY_TOKENS = 600,
    TOY_ROWS = 48,
    TOY_TRAIN = 30,
    TOY_EVAL = 8,
    TOY_PARAMS = 64
};

struct toy_run {
    struct arena arena;
    const char *folder;
    struct engine engine;
    struct rows *rows;
    struct row_list train, eval, test;
    struct tape tape;
    struct run run;
    struct optim optim;
    struct stepper stepper;
    struct param *params[TOY_PARAMS];
    size_t n_params;
};

/*
 * Rows in which each letter says the next one, so that there is something to learn: a prompt that
 * no other row has, then the answer, trained on, with the end token behind it.
 */
static inline void toy_rows_fill(struct rows *r, uint64_t seed)
{
    struct rng rng = {.seed = seed};
    rows_init(r);
    for (uint32_t i = 0; i < TOY_ROWS; i++) {
        uint32_t ids[TOY_LONGEST], n = 0, prompt = 5 + (uint32_t)rng_below(&rng, 4);
        uint32_t len = prompt + 3 + (uint32_t)rng_below(&rng, 8);
        ids[n++] = 5;
        for (uint32_t number = i; n < 5; number /= 3)
            ids[n++] = number % 3;
        for (uint32_t letter = (uint32_t)rng_below(&rng, 3); n < len; letter = (letter + 1) % 3)
            ids[n++] = rng_below(&rng, 6) == 0 ? 9 : letter;
        ids[n++] = TINY_END;
        rows_add(r, ids, n, prompt);
    }
}

static inline void toy_run_open(struct toy_run *t, struct rows *rows, bool full)
{
    struct err err = {0};
    struct options o;
    struct optim_options optim;
    struct lora_options lora = {.all_linear = true, .rank = 4, .alpha = 8};
    *t = (struct toy_run){.folder = model_folder(TINY_TALKER), .rows = rows};
    tiny_tokenizer(t->folder, "{\"eos_token\": \"<e>\"}", NULL);
    options_init(&o);
    ASSERT_OK(engine_open(&t->engine, t->folder, &o, &err));
    struct model *m = &t->engine.model;
    ASSERT_OK(full ? model_train_all(m, &err) : lora_attach(m, &lora, 1, &err));
    struct param **all = full ? m->params : m->adapters;
    for (size_t i = 0; i < (full ? m->n_params : m->n_adapters); i++) {
        assert_true(t->n_params < TOY_PARAMS);
        if (all[i]->grad)
            t->params[t->n_params++] = all[i];
    }
    model_record(m, &t->tape, &(struct record_options){.longest = TOY_LONGEST});
    struct run_options run = {
        .rows = TOY_TOKENS, .targets = TOY_TOKENS, .keys = TOY_LONGEST, .trains = true};
    ASSERT_OK(run_init(&t->run, &t->tape, &t->engine.backend, &run, &err));
    optim_options_init(&optim);
    ASSERT_OK(optim_init(&t->optim, &t->engine.backend, &optim, t->params, t->n_params, &err));
    struct stepper_options step = {
        .run = &t->run,
        .params = t->params,
        .n_params = t->n_params,
        .batches = {.tokens = TOY_TOKENS, .rows = TOY_ROWS, .shares = true}};
    stepper_init(&t->stepper, &t->arena, &step);
    t->train = (struct row_list){rows->list, TOY_TRAIN, TOY_LONGEST};
    t->eval = (struct row_list){rows->list + TOY_TRAIN, TOY_EVAL, TOY_LONGEST};
    t->test = (struct row_list){rows->list + TOY_TRAIN + TOY_EVAL, TOY_ROWS - TOY_TRAIN - TOY_EVAL,
                                TOY_LONGEST};
}

static inline void toy_run_close(struct toy_run *t)
{
    optim_release(&t->optim);
    run_release(&t->run);
    tape_release(&t->tape);
    engine_close(&t->engine);
    arena_release(&t->arena);
}

/* Steps on all training rows. */
static inline void toy_run_train(struct toy_run *t, int steps, double rate)
{
    struct step_sums sums;
    for (int64_t i = 0; i < steps; i++) {
        stepper_train(&t->stepper, &t->rows->store, t->train.rows, t->train.n, i, &sums);
        optim_step(&t->optim, rate, 1);
    }
}

/* What a checkpoint would hold of weights and optimiser, one behind another. */
static inline float *toy_run_state(struct toy_run *t, size_t *n)
{
    *n = t->optim.n_state;
    for (size_t i = 0; i < t->n_params; i++)
        *n += 2 * param_count(t->params[i]);
    float *state = arena_array(&t->arena, float, *n), *at = state;
    for (size_t i = 0; i < t->n_params; i++) {
        size_t count = param_count(t->params[i]);
        memcpy(at, t->params[i]->value, count * sizeof *at);
        memcpy(at + count, t->params[i]->grad, count * sizeof *at);
        at += 2 * count;
    }
    memcpy(at, t->optim.state, t->optim.n_state * sizeof *at);
    return state;
}

#endif
