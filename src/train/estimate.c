/*
 * estimate.c - how long a run will take, from a short trial of the model itself.
 *
 * Speed depends on the processor, on what else it does, on the shape of the model and on how its
 * weights are stored; a table of all that would be wrong somewhere. A forward pass over two hundred
 * tokens takes a moment and has all of it in it. The first pass brings weights and code into the
 * caches and is not counted.
 */
#include "train/estimate.h"

#include "base/clock.h"
#include "graph/run.h"

enum { TOKENS = 192 };

/* A step of adapters, in forward passes: 2 by the products of frozen weights, measured 2.2 (29
 * million parameters) to 3 (0.3 million). All weights: 3 by the products, measured 5 and more. */
static const double ADAPTERS_STEP = 2.2;

static void fill(struct batch *batch, struct segment *whole, struct arena *arena, size_t n,
                 size_t vocabulary)
{
    int32_t *id = arena_array(arena, int32_t, n), *position = arena_array(arena, int32_t, n);
    struct target *target = arena_array(arena, struct target, n);
    for (size_t i = 0; i < n; i++) {
        id[i] = (int32_t)(i * 7919 % vocabulary);
        position[i] = (int32_t)i;
        target[i] = (struct target){(int32_t)i, id[i]};
    }
    *whole = (struct segment){.n = (int32_t)n, .parent = SEGMENT_NO_PARENT};
    *batch = (struct batch){.n_tokens = n,
                            .id = id,
                            .position = position,
                            .segment = whole,
                            .n_segments = 1,
                            .target = target,
                            .n_targets = n};
}

bool estimate_forward(struct engine *e, size_t longest, double *seconds_per_token, struct err *err)
{
    size_t n = max_size(min_size(TOKENS, longest), 1);
    struct record_options record = {.longest = n};
    struct run_options options = {.rows = n, .targets = n, .keys = n};
    struct arena arena = {0};
    struct tape tape = {0};
    struct run run = {0};
    model_record(&e->model, &tape, &record);
    bool ok = run_init(&run, &tape, &e->backend, &options, err);
    if (ok) {
        struct batch batch;
        struct segment whole;
        float *loss = arena_array(&arena, float, n);
        fill(&batch, &whole, &arena, n, e->model.config.vocabulary);
        run_losses(&run, &batch, NULL, loss, NULL);
        double began = clock_seconds();
        run_losses(&run, &batch, NULL, loss, NULL);
        *seconds_per_token = (clock_seconds() - began) / (double)n;
    }
    run_release(&run);
    tape_release(&tape);
    arena_release(&arena);
    return ok;
}

double estimate_step_cost(bool trains_all, size_t layers_redone, size_t n_layers)
{
    double redone = n_layers > 0 ? (double)layers_redone / (double)n_layers : 0;
    return (trains_all ? 3 : ADAPTERS_STEP) + redone;
}
