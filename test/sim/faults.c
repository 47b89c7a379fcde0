/*
 * faults.c - the order of batches, and batches that are poisoned.
 *
 * Whether a batch is poisoned follows from the landscape's seed and the batch's number: the same
 * rows are bad whenever they come. A huge batch has the gradient of its rows plus noise of 30 to
 * 900 times its norm, as a broken row of text gives; wrong labels teach another task; an empty one
 * has no token to learn from.
 */
#include "test/sim/faults.h"

#include <math.h>

#include "test/sim/weights.h"

enum { STREAM_ORDER = 3, STREAM_POISON = 4, STREAM_HUGE = 6 };

uint64_t sim_batch_at(const struct sim_landscape *l, uint64_t place)
{
    uint64_t n = sim_landscape_batches(l);
    if (n == 0)
        return place;
    uint32_t items[256];
    CHECK(n <= COUNT_OF(items));
    for (uint32_t i = 0; i < n; i++)
        items[i] = i;
    struct rng rng = {.seed = l->seed, .stream = STREAM_ORDER, .index = place / n * 4096};
    rng_shuffle(&rng, items, (size_t)n);
    return items[place % n];
}

bool sim_batch_is_poisoned(const struct sim_faults *f, uint64_t seed, uint64_t batch)
{
    struct rng rng = {.seed = seed, .stream = STREAM_POISON, .index = batch};
    return f->poison != SIM_POISON_NONE && rng_uniform(&rng) < f->poison_share;
}

static void fill(double *x, size_t n, double value)
{
    for (size_t i = 0; i < n; i++)
        x[i] = value;
}

static void make_huge(const struct sim_landscape *l, uint64_t batch, double *loss, double *gradient)
{
    struct rng rng = {.seed = l->seed, .stream = STREAM_HUGE, .index = batch * 1024};
    double norm = sim_norm(gradient, l->n) + 0.1;
    double times = 30 * pow(30, rng_uniform(&rng)) / sqrt((double)l->n);
    *loss += 3 + 12 * rng_uniform(&rng);
    for (size_t i = 0; i < l->n; i++)
        gradient[i] += times * norm * rng_normal(&rng);
}

double sim_poisoned_loss(const struct sim_landscape *l, const struct sim_faults *f, const double *x,
                         uint64_t id, double *gradient)
{
    enum sim_poison poison = sim_batch_is_poisoned(f, l->seed, id) ? f->poison : SIM_POISON_NONE;
    struct sim_batch batch = {.id = id, .wrong_labels = poison == SIM_POISON_LABELS};
    double loss = sim_batch_loss(l, x, batch, gradient);
    switch (poison) {
    case SIM_POISON_HUGE:
        make_huge(l, id, &loss, gradient);
        break;
    case SIM_POISON_NAN:
        fill(gradient, l->n, NAN);
        loss = NAN;
        break;
    case SIM_POISON_INFINITY:
        fill(gradient, l->n, INFINITY);
        break;
    case SIM_POISON_EMPTY:
        fill(gradient, l->n, 0);
        loss = 0;
        break;
    case SIM_POISON_NONE:
    case SIM_POISON_LABELS:
        break;
    }
    return loss;
}
