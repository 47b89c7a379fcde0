/*
 * cpu.c - the backend for this machine's processor: the table, and what its files share.
 *
 * Every operation is cut into blocks by the shapes of its operands; the pool's workers take them in
 * any order, and no block reads what another of the same loop writes. Products of matrices are made
 * of our own tiles (kernel_tile.c) rather than calls of a library: a library packs the weights anew
 * for every block of rows, cannot add an adapter's share while the result is in registers' reach,
 * and cannot read weights that are stored in 4 bits. doc/SPEED.md has the comparison with oneDNN.
 */
#include "backend/cpu/cpu.h"

#include "backend/ref/ref.h"

size_t cpu_row_block(const struct backend *b, size_t rows)
{
    enum { LARGE = 84, MIDDLE = 42, SMALL = 14, BLOCKS_WANTED = 6 };
    size_t wanted = cpu_workers(b) * BLOCKS_WANTED, block = SMALL;
    if (rows >= MIDDLE * wanted)
        block = rows >= LARGE * wanted ? LARGE : MIDDLE;
    return round_up(block, cpu_kernels(b)->tile_rows);
}

struct row_blocks cpu_row_blocks(const struct backend *b, size_t rows, size_t most)
{
    struct row_blocks r = {rows, cpu_kernels(b)->tile_rows, 0};
    r.n = round_up(ceil_div(rows, most), cpu_workers(b));
    r.n = min_size(r.n, ceil_div(rows, r.tile_rows));
    return r;
}

size_t cpu_rows_of_block(const struct row_blocks *r, size_t index, size_t *first)
{
    size_t strips = ceil_div(r->rows, r->tile_rows), each = strips / r->n, longer = strips % r->n;
    *first = (index * each + min_size(index, longer)) * r->tile_rows;
    return min_size((each + (index < longer)) * r->tile_rows, r->rows - *first);
}

void cpu_run(const struct backend *b, size_t n_blocks,
             void (*work)(void *context, size_t block, size_t worker), void *context)
{
    if (b->threads) {
        thread_pool_run(b->threads, n_blocks, work, context);
        return;
    }
    for (size_t block = 0; block < n_blocks; block++)
        work(context, block, 0);
}

/* Operations run one after another: the greatest need is enough. Those that are taken over from ref
 * need none. */
static size_t scratch_bytes(const struct backend *b, const struct backend_sizes *sizes)
{
    size_t most = max_size(cpu_linear_scratch(b, sizes), cpu_attn_scratch(b, sizes));
    return max_size(most, max_size(cpu_xent_scratch(b, sizes), cpu_norm_scratch(b, sizes)));
}

static bool is_bf16_faster(const struct backend *b)
{
    return cpu_kernels(b)->bf16.is_native;
}

const struct backend_ops backend_cpu = {
    .name = "cpu",
    .alloc = ref_alloc,
    .release = ref_release,
    .scratch_bytes = scratch_bytes,
    .is_bf16_faster = is_bf16_faster,
    .embed = cpu_embed,
    .embed_back = cpu_embed_back,
    .linear = cpu_linear,
    .linear_back = cpu_linear_back,
    .norm = cpu_norm,
    .norm_back = cpu_norm_back,
    .rope = cpu_rope,
    .rope_back = cpu_rope_back,
    .attn = cpu_attn,
    .attn_back = cpu_attn_back,
    .act = cpu_act,
    .act_back = cpu_act_back,
    .add = cpu_add,
    .copy = cpu_copy,
    .xent = cpu_xent,
    .logits = cpu_logits,
    .to_bf16 = cpu_to_bf16,
    .from_bf16 = cpu_from_bf16,
    .fill = cpu_fill,
    .axpby = cpu_axpby,
    .reduce = cpu_reduce,
    .update = cpu_update,
};
