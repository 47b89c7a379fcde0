/*
 * cpu.h - what the files of this backend share. Nothing outside the folder includes it, but for
 * tests.
 */
#ifndef PACE_BACKEND_CPU_CPU_H
#define PACE_BACKEND_CPU_CPU_H

#include "backend/cpu/kernel.h"
#include "backend/scratch.h"

/* What backend.device points to where a test wants a set of kernels other than the best. */
struct cpu_device {
    const struct kernels *kernels;
};

static inline const struct kernels *cpu_kernels(const struct backend *b)
{
    const struct cpu_device *device = b->device;
    return device ? device->kernels : kernels_best();
}

static inline size_t cpu_workers(const struct backend *b)
{
    return b->threads ? thread_pool_size(b->threads) : 1;
}

/* thread_pool_run, or the caller alone where the backend has no threads. */
void cpu_run(const struct backend *b, size_t n_blocks,
             void (*work)(void *context, size_t block, size_t worker), void *context);

static inline size_t ceil_div(size_t a, size_t b)
{
    return (a + b - 1) / b;
}

static inline size_t round_up(size_t a, size_t b)
{
    return ceil_div(a, b) * b;
}

/*
 * Rows of a block of work in products: as many as keep its operands in a core's own cache, fewer
 * where threads would go empty. A row's results do not depend on the block that it is in, so this
 * alone may depend on the number of threads. A multiple of tile_rows.
 */
size_t cpu_row_block(const struct backend *b, size_t rows);

/*
 * Rows in blocks of up to `most` (cpu_row_block's), as even as whole strips of tile_rows allow, and
 * so many that each thread has as many as the others: one that has a block less waits for them at
 * the end of the loop. The longer ones come first. These do not change a row's results either.
 */
struct row_blocks {
    size_t rows, tile_rows, n;
};
struct row_blocks cpu_row_blocks(const struct backend *b, size_t rows, size_t most);

/* The rows of a block: first, and returned their number. */
size_t cpu_rows_of_block(const struct row_blocks *r, size_t index, size_t *first);

/* Scratch memory of the operations that need some, for sizes up to these. */
size_t cpu_linear_scratch(const struct backend *b, const struct backend_sizes *sizes);
size_t cpu_attn_scratch(const struct backend *b, const struct backend_sizes *sizes);
size_t cpu_xent_scratch(const struct backend *b, const struct backend_sizes *sizes);
size_t cpu_norm_scratch(const struct backend *b, const struct backend_sizes *sizes);

void cpu_linear(struct backend *b, const struct linear_args *a);
void cpu_linear_back(struct backend *b, const struct linear_args *a);
void cpu_attn(struct backend *b, const struct attn_args *a);
void cpu_attn_back(struct backend *b, const struct attn_args *a);
void cpu_xent(struct backend *b, const struct xent_args *a);
void cpu_logits(struct backend *b, const struct logits_args *a);
void cpu_embed(struct backend *b, const struct embed_args *a);
void cpu_embed_back(struct backend *b, const struct embed_args *a);
void cpu_norm(struct backend *b, const struct norm_args *a);
void cpu_norm_back(struct backend *b, const struct norm_args *a);
void cpu_rope(struct backend *b, const struct rope_args *a);
void cpu_rope_back(struct backend *b, const struct rope_args *a);
void cpu_act(struct backend *b, const struct act_args *a);
void cpu_act_back(struct backend *b, const struct act_args *a);
void cpu_add(struct backend *b, struct mat y, struct mat a, struct mat c);
void cpu_copy(struct backend *b, struct mat y, struct mat x);
void cpu_to_bf16(struct backend *b, uint16_t *y, const float *x, size_t n);
void cpu_from_bf16(struct backend *b, float *y, const uint16_t *x, size_t n);
void cpu_fill(struct backend *b, float *y, float value, size_t n);
void cpu_axpby(struct backend *b, float *y, float alpha, const float *x, float beta, size_t n);
void cpu_reduce(struct backend *b, struct reduce_result *out, const float *x, size_t n);
void cpu_update(struct backend *b, const struct optim_args *a);

#endif
