/*
 * order.c - the order of rows, as a pure function of seed and step: a run that goes back to an
 * earlier step, or is resumed there, meets the same rows as the first time, and nothing about the
 * place in the data has to be kept.
 *
 * Each epoch is a shuffle of its own, cut into steps; the last of them takes what is left, however
 * little (Hugging Face's Trainer steps there too, with that many targets to divide by). An epoch
 * has ceil(ceil(rows / batch) / accumulation) steps, which is ceil(rows / (batch accumulation)).
 */
#include "train/order.h"

#include <math.h>

#include "base/rng.h"

/* Streams of the run's seed from here on belong to the epochs. */
#define EPOCH_STREAMS ((uint64_t)1 << 32)

void order_init(struct order *o, struct arena *arena, const struct order_options *options)
{
    CHECK(options->n > 0 && options->batch_rows > 0);
    *o = (struct order){.options = *options, .epoch = -1};
    o->steps_per_epoch =
        (int64_t)((options->n - 1) / min_size(options->batch_rows, options->n) + 1);
    o->shuffled = arena_array(arena, uint32_t, options->n);
}

static void shuffle(struct order *o, int64_t epoch)
{
    struct rng rng = {.seed = o->options.seed, .stream = EPOCH_STREAMS + (uint64_t)epoch};
    memcpy(o->shuffled, o->options.rows, o->options.n * sizeof *o->shuffled);
    if (o->options.shuffles)
        rng_shuffle(&rng, o->shuffled, o->options.n);
    o->epoch = epoch;
}

const uint32_t *order_step(struct order *o, int64_t step, size_t *n)
{
    CHECK(step >= 0);
    int64_t epoch = step / o->steps_per_epoch;
    size_t first = (size_t)(step % o->steps_per_epoch) * o->options.batch_rows;
    if (epoch != o->epoch)
        shuffle(o, epoch);
    *n = min_size(o->options.batch_rows, o->options.n - first);
    return o->shuffled + first;
}

int64_t order_batch(const struct order *o, int64_t step)
{
    return o->options.shuffles ? step : step % o->steps_per_epoch;
}

int64_t order_total_steps(const struct order *o, double epochs, int64_t max_steps)
{
    if (max_steps > 0)
        return max_steps;
    return (int64_t)fmin(ceil(epochs * (double)o->steps_per_epoch), 1e15);
}
