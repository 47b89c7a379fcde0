/*
 * step.c - batch after batch through the run, and what they add up to.
 *
 * The losses of single targets are float32; they are added in double, in the order of the batches,
 * each as often as it has rows (batcher.h).
 */
#include "train/step.h"

#include <math.h>
#include <string.h>

#include "optim/grad.h"

void stepper_init(struct stepper *s, struct arena *arena, const struct stepper_options *options)
{
    *s = (struct stepper){.options = *options};
    batcher_init(&s->batcher, arena, &options->batches);
    s->loss = arena_array(arena, float, options->batches.tokens);
    s->best = arena_array(arena, int32_t, options->batches.tokens);
    s->token = arena_array(arena, float, options->batches.tokens);
    s->right = arena_array(arena, float, 2 * options->batches.tokens);
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

static void count_correct(struct stepper *s, struct step_sums *sums)
{
    const struct batcher *b = &s->batcher;
    for (size_t i = 0; i < b->batch.n_targets; i++) {
        bool is_right = s->best[i] == b->batch.target[i].id;
        s->right[i] = is_right;
        if (is_right)
            sums->correct += b->count[i];
    }
}

/* Where the losses of single rows, or of single tokens, are wanted. */
struct wanted {
    struct row_loss *rows; /* in the order of the caller's, or NULL */
    float *tokens;         /* in that of the store, or NULL */
};

static struct row_loss sum_row(const struct batcher *b, const struct batcher_row *row,
                               const float *token, const float *right)
{
    struct row_loss sum = {0};
    for (uint32_t t = 1; t < row->len; t++) {
        if (!row_store_is_trained(b->store, row->row, t))
            continue;
        sum.sum += (double)token[t];
        sum.targets++;
        sum.correct += right[t] > 0;
    }
    return sum;
}

/* Notes the present batch's rows, the first of which in the caller's list is the `done`-th. */
static void note_rows(struct stepper *s, const struct wanted *wanted, size_t done)
{
    const struct batcher *b = &s->batcher;
    for (size_t i = 0; i < b->batch_rows; i++) {
        const struct batcher_row *row = batcher_row(b, i);
        uint64_t first = b->store->rows[row->row].first;
        float *token = wanted->tokens ? wanted->tokens + first : s->token;
        float *right = s->right + s->options.batches.tokens;
        batcher_token_losses(b, i, s->loss, token);
        if (wanted->rows) {
            batcher_token_losses(b, i, s->right, right);
            wanted->rows[done + row->place] = sum_row(b, row, token, right);
        }
    }
}

/* `wanted` may be NULL. */
static void evaluate(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                     size_t n, const struct wanted *wanted, struct step_sums *sums)
{
    *sums = (struct step_sums){0};
    for (size_t done = 0; done < n;) {
        size_t some = min_size(s->options.batches.rows, n - done);
        batcher_begin(&s->batcher, store, rows + done, some);
        while (batcher_next(&s->batcher)) {
            run_losses(s->options.run, &s->batcher.batch, NULL, s->loss, s->best);
            add_batch(s, sums);
            count_correct(s, sums);
            if (wanted)
                note_rows(s, wanted, done);
        }
        add_rows(s, sums);
        done += some;
    }
    sums->loss /= (double)sums->targets;
}

void stepper_evaluate(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                      size_t n, struct step_sums *sums)
{
    evaluate(s, store, rows, n, NULL, sums);
}

void stepper_evaluate_rows(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                           size_t n, struct row_loss *losses, struct step_sums *sums)
{
    struct wanted wanted = {.rows = losses};
    memset(losses, 0, n * sizeof *losses); /* of rows without targets nothing is heard */
    evaluate(s, store, rows, n, &wanted, sums);
}

void stepper_evaluate_tokens(struct stepper *s, const struct row_store *store, const uint32_t *rows,
                             size_t n, float *loss)
{
    struct step_sums sums;
    struct wanted wanted = {.tokens = loss};
    evaluate(s, store, rows, n, &wanted, &sums);
}
