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
    size_t n = options->unit ? options->n_units : options->n;
    CHECK(n > 0 && n <= UINT32_MAX && options->batch_rows > 0);
    *o = (struct order){.options = *options, .epoch = -1, .n_units = n};
    o->steps_per_epoch = (int64_t)((n - 1) / min_size(options->batch_rows, n) + 1);
    o->shuffled = arena_array(arena, uint32_t, n);
    o->taken = arena_array(arena, uint32_t, options->n);
}

size_t order_most_rows(const struct order_options *options)
{
    size_t most = 1, units = min_size(options->batch_rows, options->n);
    for (size_t i = 0; options->unit && i < options->n_units; i++)
        most = max_size(most, options->unit[i + 1] - options->unit[i]);
    return min_size(units * most, options->n);
}

static void shuffle(struct order *o, int64_t epoch)
{
    struct rng rng = {.seed = o->options.seed, .stream = EPOCH_STREAMS + (uint64_t)epoch};
    for (size_t i = 0; i < o->n_units; i++)
        o->shuffled[i] = (uint32_t)i;
    if (o->options.shuffles)
        rng_shuffle(&rng, o->shuffled, o->n_units);
    o->epoch = epoch;
}

const uint32_t *order_step(struct order *o, int64_t step, size_t *n)
{
    const struct order_options *s = &o->options;
    CHECK(step >= 0);
    int64_t epoch = step / o->steps_per_epoch;
    size_t first = (size_t)(step % o->steps_per_epoch) * s->batch_rows;
    size_t end = first + min_size(s->batch_rows, o->n_units - first);
    if (epoch != o->epoch)
        shuffle(o, epoch);
    *n = 0;
    for (size_t i = first; i < end; i++) {
        size_t unit = o->shuffled[i];
        size_t row = s->unit ? s->unit[unit] : unit,
               behind = s->unit ? s->unit[unit + 1] : unit + 1;
        for (; row < behind; row++)
            o->taken[(*n)++] = s->rows[row];
    }
    return o->taken;
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
