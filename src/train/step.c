/*
 * step.c - batch after batch through the run, and what they add up to.
 *
 * The losses of single targets are float32; they are added in double, in the order of the batches,
 * each as often as it has rows (batcher.h).
 */
#include "train/step.h"

#include <math.h>

#include "optim/grad.h"

void stepper_init(struct stepper *s, struct arena *arena, const struct stepper_options *options)
{
    *s = (struct stepper){.options = *options};
    batcher_init(&s->batcher, arena, &options->batches);
    s->loss = arena_array(arena, float, options->batches.tokens);
    s->best = arena_array(arena, int32_t, options->batches.tokens);
}

/* Adds the present batch's losses to sums->loss, which is divided at the end. */
static void add_batch(const struct stepper *s, struct step_sums *sums)
{
    const struct batcher *b = &s->batcher;
    for (size_t i = 0; i < b->batch.n_targets; i++)
        sums->loss += (double)b->count[i] * (double)s->loss[i];
    sums->batches++;
}

static void add_rows(const struct stepper *s, struct step_sums *sums)
{
    sums->targets += s->batcher.n_targets;
    sums->tokens += s->batcher.n_tokens;
    sums->computed += s->batcher.n_computed;
}

/* Another seed for each batch of each step. */
static uint64_t dropout_seed(const struct stepper *s, int64_t step, size_t batch)
{
    return s->options.seed ^ (uint64_t)step << 24 ^ (uint64_t)batch;
}

void stepper_train(struct stepper *s, const struct row_store *store, const uint32_t *rows, size_t n,
                   int64_t step, struct step_sums *sums)
{
    struct run *run = s->options.run;
    *sums = (struct step_sums){0};
    grad_zero(run->backend, s->options.params, s->options.n_params);
    batcher_begin(&s->batcher, store, rows, n);
    while (batcher_next(&s->batcher)) {
        s->batcher.batch.dropout_seed = dropout_seed(s, step, sums->batches);
        run_train(run, &s->batcher.batch, s->loss);
        add_batch(s, sums);
    }
    add_rows(s, sums);
    sums->loss /= (double)sums->targets;
    sums->grad_norm =
        grad_norm(run->backend, s->options.params, s->options.n_params, &sums->not_finite);
}

static void count_correct(const struct stepper *s, struct step_sums *sums)
{
    const struct batcher *b = &s->batcher;
    for (size_t i = 0; i < b->batch.n_targets; i++)
        if (s->best[i] == b->batch.target[i].id)
            sums->correct += b->count[i];
}

void stepper_evaluate(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                      size_t n, struct step_sums *sums)
{
    *sums = (struct step_sums){0};
    for (size_t done = 0; done < n;) {
        size_t some = min_size(s->options.batches.rows, n - done);
        batcher_begin(&s->batcher, store, rows + done, some);
        while (batcher_next(&s->batcher)) {
            run_losses(s->options.run, &s->batcher.batch, NULL, s->loss, s->best);
            add_batch(s, sums);
            count_correct(s, sums);
        }
        add_rows(s, sums);
        done += some;
    }
    sums->loss /= (double)sums->targets;
}
