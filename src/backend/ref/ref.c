/*
 * ref.c - the reference backend's table, its memory, and what several of its operations share.
 *
 * This backend is the specification: where a fast one differs by more than rounding, the fast one
 * is wrong. So nothing here is arranged for speed, and every formula stands in one place.
 */
#include "backend/ref/ref.h"

#include <math.h>

#include "base/mem.h"
#include "tensor/quant.h"

static bool never_faster(const struct backend *b)
{
    (void)b;
    return false;
}

const struct backend_ops backend_ref = {
    .name = "ref",
    .alloc = ref_alloc,
    .release = ref_release,
    .scratch_bytes = ref_scratch_bytes,
    .is_bf16_faster = never_faster,
    .embed = ref_embed,
    .embed_back = ref_embed_back,
    .linear = ref_linear,
    .linear_back = ref_linear_back,
    .norm = ref_norm,
    .norm_back = ref_norm_back,
    .rope = ref_rope,
    .rope_back = ref_rope_back,
    .attn = ref_attn,
    .attn_back = ref_attn_back,
    .act = ref_act,
    .act_back = ref_act_back,
    .add = ref_add,
    .copy = ref_copy,
    .xent = ref_xent,
    .logits = ref_logits,
    .to_bf16 = ref_to_bf16,
    .from_bf16 = ref_from_bf16,
    .fill = ref_fill,
    .axpby = ref_axpby,
    .reduce = ref_reduce,
    .update = ref_update,
};

void *ref_alloc(struct backend *b, size_t bytes)
{
    (void)b;
    return mem_try_aligned(bytes);
}

void ref_release(struct backend *b, void *memory, size_t bytes)
{
    (void)b, (void)bytes;
    mem_free_aligned(memory);
}

/* Operations run one after another: the greatest need is enough. */
size_t ref_scratch_bytes(const struct backend *b, const struct backend_sizes *sizes)
{
    (void)b;
    size_t most = max_size(ref_linear_scratch(sizes), ref_attn_scratch(sizes));
    return max_size(most, max_size(ref_xent_scratch(sizes), ref_embed_scratch(sizes)));
}

void ref_weight_row(const struct weight *w, size_t row, float *out)
{
    uint64_t row_bytes;
    CHECK(row < w->rows);
    CHECK(dtype_bytes(w->dtype, w->width, &row_bytes));
    quant_decode(w->dtype, (const uint8_t *)w->at + row * row_bytes, out, w->width);
}

double ref_cap(double z, double softcap)
{
    return softcap > 0 ? softcap * tanh(z / softcap) : z;
}

double ref_cap_slope(double capped, double softcap)
{
    return softcap > 0 ? 1 - capped / softcap * (capped / softcap) : 1;
}
