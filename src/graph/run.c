/*
 * run.c - carries out a plan: one loop over instructions, each handed to its operation with its
 * operands as matrices in the one block of memory.
 *
 * A batch smaller than what was planned for uses the first rows of every buffer. Nothing is
 * allocated here, and nothing depends on what an earlier batch left behind: with `poisons` set,
 * every buffer is filled with NaN before the batch and again when its life is over, and the results
 * stay what they are (a test holds all models of the test suite to it). That is how mistakes in
 * lifetimes, in sharing and in who writes first become visible.
 */
#include "graph/run.h"

#include <inttypes.h>
#include <math.h>

#include "graph/program.h"

bool run_init(struct run *run, const struct tape *tape, struct backend *backend,
              const struct run_options *options, struct err *err)
{
    *run = (struct run){.tape = tape, .backend = backend};
    if (!plan_make(&run->plan, tape, backend, options, err))
        goto fail;
    if (!backend_reserve(backend, &run->plan.sizes, err))
        goto fail;
    run->activations = backend->ops->alloc(backend, run->plan.bytes);
    if (!run->activations) {
        err_set(err, ERR_MEMORY, "the system refused %" PRIu64 " bytes for activations",
                run->plan.bytes);
        err_hint(err, "fewer tokens at a time, or a bound on the memory, make it smaller");
        goto fail;
    }
    return true;

fail:
    run_release(run);
    return false;
}

void run_release(struct run *run)
{
    if (run->activations)
        run->backend->ops->release(run->backend, run->activations, run->plan.bytes);
    plan_release(&run->plan);
    *run = (struct run){0};
}

/* A pass: a program at work on a batch. */
struct pass {
    struct run *run;
    const struct program *program;
    const struct batch *batch;
    struct cache *cache;
    struct outcome outcome;
};

static float *address(const struct pass *pass, int32_t buffer)
{
    if (buffer == BUFFER_NONE)
        return NULL;
    return (float *)(void *)((char *)pass->run->activations +
                             pass->program->buffers[buffer].offset);
}

static struct mat view_mat(const struct pass *pass, int32_t buffer, struct view view)
{
    float *at = address(pass, buffer);
    return (struct mat){at ? at + view.first : NULL, pass->batch->n_tokens, view.width,
                        view.of->width};
}

static struct mat value_mat(const struct pass *pass, int32_t buffer, struct value *v)
{
    return v ? view_mat(pass, buffer, op_whole(v)) : (struct mat){0};
}

static struct call resolve(const struct pass *pass, const struct instruction *ins)
{
    const struct node *node = ins->node, *reader = ins->add ? ins->add : node;
    struct call c = {
        .backend = pass->run->backend,
        .node = node,
        .batch = pass->batch,
        .cache = pass->cache,
        .outcome = &pass->outcome,
        .trains = pass->program == pass->run->plan.train,
        .out = value_mat(pass, ins->out, node->out),
        .state = value_mat(pass, ins->state, node->state),
        .d_out = value_mat(pass, ins->d_out, node->out),
    };
    for (size_t i = 0; i < reader->n_in; i++)
        c.in[i] = view_mat(pass, ins->in[i], reader->in[i]);
    if (ins->add)
        c.sum = value_mat(pass, ins->sum, ins->add->out);
    for (size_t i = 0; i < node->n_in; i++)
        c.d_in[i] = (struct adjoint){view_mat(pass, ins->d_in[i], node->in[i]), ins->adds[i]};
    return c;
}

static void carry_out(const struct pass *pass, const struct instruction *ins)
{
    struct backend *b = pass->run->backend;
    size_t n = pass->batch->n_tokens * ins->width;
    float *from = address(pass, ins->in[0]), *to = address(pass, ins->out);
    struct call c;
    switch (ins->kind) {
    case INSTRUCTION_FORWARD:
        c = resolve(pass, ins);
        node_op(ins->node)->forward(&c);
        break;
    case INSTRUCTION_BACK:
        c = resolve(pass, ins);
        node_op(ins->node)->back(&c);
        break;
    case INSTRUCTION_NARROW:
        b->ops->to_bf16(b, (uint16_t *)(void *)to, from, n);
        break;
    case INSTRUCTION_WIDEN:
        b->ops->from_bf16(b, to, (const uint16_t *)(const void *)from, n);
        break;
    case INSTRUCTION_ZERO:
        b->ops->fill(b, to, 0, n);
        break;
    }
}

/* Fills what died at an instruction. */
static void poison(const struct pass *pass, size_t index)
{
    for (size_t i = 0; i < pass->program->n_buffers; i++) {
        const struct buffer *buffer = &pass->program->buffers[i];
        if (buffer->last == index)
            pass->run->backend->ops->fill(pass->run->backend, address(pass, (int32_t)i), NAN,
                                          buffer->bytes / sizeof(float));
    }
}

static void carry_out_all(const struct pass *pass)
{
    struct run *run = pass->run;
    CHECK(pass->batch->n_tokens <= run->plan.sizes.rows);
    CHECK(pass->batch->n_targets <= run->plan.sizes.targets);
    if (run->poisons)
        run->backend->ops->fill(run->backend, run->activations, NAN,
                                run->plan.bytes / sizeof(float));
    for (size_t i = 0; i < pass->program->n_instructions; i++) {
        carry_out(pass, &pass->program->instructions[i]);
        if (run->poisons)
            poison(pass, i);
    }
}

void run_losses(struct run *run, const struct batch *batch, struct cache *cache, float *loss,
                int32_t *best)
{
    carry_out_all(
        &(struct pass){run, run->plan.forward, batch, cache, {.loss = loss, .best = best}});
}

void run_train(struct run *run, const struct batch *batch, float *loss)
{
    CHECK(run->plan.train);
    carry_out_all(&(struct pass){run, run->plan.train, batch, NULL, {.loss = loss}});
}

void run_logits(struct run *run, const struct batch *batch, struct cache *cache, const int32_t *row,
                size_t n, struct mat z)
{
    carry_out_all(
        &(struct pass){run, run->plan.forward, batch, cache, {.row = row, .n_rows = n, .z = z}});
}
