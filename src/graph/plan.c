/*
 * plan.c - which layers are computed anew so that a step fits in a given memory.
 *
 * Without a bound everything that the adjoints read is kept, but for what a pass over memory gives
 * back (norms, activations, embeddings: see program.c). Of a Llama layer with adapters everywhere
 * there remain, in floats a token, the residual stream twice (2 C), q, k, v, o, gate and up, the
 * projections onto the adapters' ranks, and the sums of attention: 5,881 at C = 576, F = 1536 and
 * rank 16, of the 9,725 that the operations write.
 *
 * With a bound, layers are given up one by one until the rest fits: of such a layer only its input
 * is kept, and all else is computed a second time when the way back reaches it. The first layers
 * are given up first. They cost as much to compute anew as any other, but their values would wait
 * longest; and while the first k are being computed anew, what later layers kept is already gone,
 * whereas a last layer given up would need its values again at the very moment of the most memory.
 * Giving up a layer costs its forward pass a second time, but for its last product: a quarter more
 * arithmetic for it where all is trained, three eighths where only adapters are. The size falls
 * nearly linearly, so the least number that fits is found by halving, with a plan for each guess.
 *
 * Recomputation by checkpoints: Griewank and Walther 2000; Chen et al. 2016, arXiv:1604.06174.
 */
#include "graph/plan.h"

#include <inttypes.h>

#include "graph/program.h"

void plan_release(struct plan *plan)
{
    arena_release(&plan->arena);
    *plan = (struct plan){0};
}

static void find_sizes(struct plan *plan, const struct tape *tape, const struct backend *backend,
                       const struct run_options *options)
{
    plan->sizes = (struct backend_sizes){
        .rows = options->rows,
        .targets = options->targets,
        .keys = options->keys,
        .trains = options->trains,
    };
    for (size_t i = 0; i < tape->n_nodes; i++)
        node_op(tape->nodes[i])->measure(tape->nodes[i], &plan->sizes);
    plan->workspace_bytes = backend->ops->scratch_bytes(backend, &plan->sizes);
}

/* Plans with the first `layers_redone` layers given up. */
static void attempt(struct plan *plan, const struct tape *tape, const struct run_options *options,
                    size_t layers_redone)
{
    arena_release(&plan->arena);
    struct program_options o = {
        .rows = options->rows, .keeps_bf16 = options->keeps_bf16, .layers_redone = layers_redone};
    plan->layers_redone = layers_redone;
    plan->forward = arena_new(&plan->arena, struct program);
    program_make(plan->forward, &plan->arena, tape,
                 &(struct program_options){.rows = options->rows});
    plan->bytes = plan->forward->bytes;
    plan->train = NULL;
    if (options->trains) {
        o.trains = true;
        plan->train = arena_new(&plan->arena, struct program);
        program_make(plan->train, &plan->arena, tape, &o);
        plan->bytes = plan->train->bytes > plan->bytes ? plan->train->bytes : plan->bytes;
        plan->kept_bytes = plan->train->kept_bytes;
    }
}

static bool fits(const struct plan *plan, const struct run_options *options)
{
    return options->memory_bytes == 0 ||
           plan->bytes + plan->workspace_bytes <= options->memory_bytes;
}

/* The most that can be given up. */
static size_t layers_of(const struct tape *tape, const struct run_options *options)
{
    return options->trains ? tape->n_layers : 0;
}

/* The most rows of a batch that fit, everything given up; 0 where none do. */
static size_t rows_that_fit(const struct tape *tape, const struct backend *backend,
                            const struct run_options *options)
{
    size_t low = 0, high = options->rows; /* fits; does not */
    while (high - low > 1) {
        struct plan trial = {0};
        struct run_options o = *options;
        o.rows = low + (high - low) / 2;
        o.targets = min_size(o.targets, o.rows);
        o.keys = min_size(o.keys, o.rows);
        find_sizes(&trial, tape, backend, &o);
        attempt(&trial, tape, &o, layers_of(tape, &o));
        if (fits(&trial, &o))
            low = o.rows;
        else
            high = o.rows;
        plan_release(&trial);
    }
    return low;
}

static double megabytes(uint64_t bytes)
{
    return (double)bytes / 1e6;
}

static void explain(const struct plan *plan, const struct tape *tape, const struct backend *backend,
                    const struct run_options *options, struct err *err)
{
    err_set(err, ERR_MEMORY,
            "a pass over %zu tokens takes at least %.1f MB%s (%.1f MB activations, %.1f MB "
            "workspace); %.1f MB are allowed",
            options->rows, megabytes(plan->bytes + plan->workspace_bytes),
            options->trains ? ", every layer computed anew" : "", megabytes(plan->bytes),
            megabytes(plan->workspace_bytes), megabytes(options->memory_bytes));
    size_t rows = rows_that_fit(tape, backend, options);
    if (rows > 0)
        err_hint(err, "%zu tokens at a time would fit", rows);
    else
        err_hint(err, "not even one token at a time would fit");
}

bool plan_make(struct plan *plan, const struct tape *tape, const struct backend *backend,
               const struct run_options *options, struct err *err)
{
    *plan = (struct plan){0};
    find_sizes(plan, tape, backend, options);
    attempt(plan, tape, options, 0);
    if (fits(plan, options))
        return true;

    size_t low = 0, high = layers_of(tape, options); /* does not fit; is hoped to */
    if (high > 0)
        attempt(plan, tape, options, high);
    if (!fits(plan, options)) {
        explain(plan, tape, backend, options, err);
        goto fail;
    }
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        attempt(plan, tape, options, middle);
        if (fits(plan, options))
            high = middle;
        else
            low = middle;
    }
    if (plan->layers_redone != high)
        attempt(plan, tape, options, high);
    return true;

fail:
    plan_release(plan);
    return false;
}
