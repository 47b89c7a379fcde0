/*
 * random_case.c - drawing a row of the table of cases.
 *
 * Sizes are drawn on a scale of doublings and then, every other time, moved to a multiple of 16 or
 * one beside it, where blocks of fast backends begin and end. Segments are a forest whose trees
 * lie in any order, each child behind its parent.
 */
#include "test/op/random_case.h"

#include "base/rng.h"

static size_t below(struct rng *rng, size_t n)
{
    return (size_t)rng_below(rng, n);
}

static bool chance(struct rng *rng, size_t one_in)
{
    return below(rng, one_in) == 0;
}

/* 1 … most */
static size_t size(struct rng *rng, size_t most)
{
    size_t limit = 1;
    while (limit < most && !chance(rng, 5))
        limit *= 2;
    size_t n = 1 + below(rng, min_size(limit, most));
    if (chance(rng, 2) && n > 16)
        n = n / 16 * 16 + below(rng, 3) - 1;
    return n;
}

static unsigned flags(struct rng *rng, unsigned among)
{
    unsigned out = 0;
    for (unsigned bit = 1; bit <= among; bit <<= 1)
        out |= (among & bit) && chance(rng, 2) ? bit : 0;
    return out;
}

/* A dtype of weights, and a width that is a multiple of its block. */
static enum dtype stored(struct rng *rng, size_t *width)
{
    static const enum dtype all[] = {DTYPE_F32,  DTYPE_F32,  DTYPE_F32,  DTYPE_F16, DTYPE_BF16,
                                     DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};
    enum dtype dtype = all[below(rng, COUNT_OF(all))];
    size_t block = dtype_info(dtype)->block_elements;
    *width = (*width + block - 1) / block * block;
    return dtype;
}

static void draw_linear(struct case_row *row, struct rng *rng, size_t most)
{
    row->R = size(rng, most);
    row->C = size(rng, most);
    row->dtype = stored(rng, &row->C);
    bool is_plain = dtype_info(row->dtype)->block_elements == 1;
    size_t n_parts = 1 + below(rng, LINEAR_PARTS_MOST);
    for (size_t i = 0; i < n_parts; i++) {
        row->out[i] = size(rng, most);
        row->rank[i] = chance(rng, 2) ? size(rng, 20) : 0;
    }
    row->flags = flags(rng, CASE_STRIDED | CASE_ADDS | CASE_FROZEN | CASE_BIAS);
    row->flags |= is_plain && chance(rng, 3) ? CASE_TRANSPOSED : 0;
    row->flags |= chance(rng, 6) ? CASE_NO_DX : 0;
    row->flags |= chance(rng, 6) ? CASE_FORWARD : 0;
    row->dropout = chance(rng, 3) ? 0.25f : 0;
}

static void draw_norm(struct case_row *row, struct rng *rng, size_t most)
{
    row->R = size(rng, most);
    row->C = size(rng, most);
    row->H = chance(rng, 2) ? 1 : size(rng, 4);
    row->shift = chance(rng, 2) ? 1 : 0;
    row->flags = flags(rng, CASE_STRIDED | CASE_ADDS | CASE_FROZEN | CASE_LAYER | CASE_ADDED);
    row->flags |= row->flags & CASE_LAYER && chance(rng, 2) ? CASE_BIAS : 0;
}

static void draw_segments(struct case_row *row, struct rng *rng, struct arena *arena, size_t most)
{
    size_t n = size(rng, 7);
    struct segment *segments = arena_array(arena, struct segment, n);
    int32_t next = 0;
    for (size_t i = 0; i < n; i++) {
        struct segment *s = &segments[i];
        s->query = s->key = next;
        s->n = (int32_t)size(rng, most);
        s->parent = i > 0 && !chance(rng, 3) ? (int32_t)below(rng, i) : SEGMENT_NO_PARENT;
        if (s->parent != SEGMENT_NO_PARENT)
            s->position = segments[s->parent].position + segments[s->parent].n;
        next += s->n;
    }
    row->segments = segments;
    row->n_segments = n;
}

static void draw_attn(struct case_row *row, struct rng *rng, struct arena *arena, size_t most)
{
    draw_segments(row, rng, arena, most);
    row->C = size(rng, most);
    row->K = size(rng, 3);
    row->H = row->K * size(rng, 3);
    row->window = chance(rng, 2) ? (int64_t)size(rng, most) : 0;
    row->softcap = chance(rng, 3) ? 2 : 0;
    row->flags = flags(rng, CASE_STRIDED);
}

static void draw_xent(struct case_row *row, struct rng *rng, size_t most)
{
    row->R = size(rng, most);
    row->C = size(rng, most);
    row->dtype = stored(rng, &row->C);
    row->V = 2 + size(rng, 8 * most);
    row->n_targets = size(rng, most);
    row->scale = chance(rng, 2) ? 1 : 0.7f;
    row->softcap = chance(rng, 3) ? 2 : 0;
    row->flags = flags(rng, CASE_STRIDED | CASE_ADDS | CASE_FROZEN | CASE_BIAS);
    row->flags |= chance(rng, 6) ? CASE_NO_DX : 0;
    row->flags |= chance(rng, 6) ? CASE_FORWARD : 0;
    row->rank[0] = chance(rng, 2) ? size(rng, 20) : 0;
    row->dropout = chance(rng, 3) ? 0.25f : 0;
}

static void draw_small_op(struct case_row *row, struct rng *rng, size_t most)
{
    row->R = size(rng, most);
    row->C = size(rng, most);
    row->flags = flags(rng, CASE_STRIDED);
    if (row->op == CASE_EMBED) {
        row->V = size(rng, most);
        row->scale = 1.5f;
        row->flags |= flags(rng, CASE_POSITIONS | CASE_FROZEN);
    } else if (row->op == CASE_ROPE) {
        row->C *= 2;
        row->H = size(rng, 4);
        row->rotary = 2 * size(rng, row->C / 2);
        row->flags |= flags(rng, CASE_INTERLEAVED);
    } else {
        row->act = (enum act_kind)below(rng, ACT_RELU_SQUARED + 1);
        row->flags |= flags(rng, CASE_GLU | CASE_ADDS);
    }
}

struct case_row random_case(struct arena *arena, uint64_t number)
{
    static const enum case_op among[] = {CASE_LINEAR, CASE_LINEAR, CASE_LINEAR, CASE_ATTN,
                                         CASE_ATTN,   CASE_ATTN,   CASE_XENT,   CASE_XENT,
                                         CASE_NORM,   CASE_EMBED,  CASE_ROPE,   CASE_ACT};
    struct rng rng = {.seed = number, .stream = 77};
    bool is_large = chance(&rng, 2);
    size_t most = is_large ? 200 : 12;
    struct case_row row = {.op = among[below(&rng, COUNT_OF(among))],
                           .name = arena_printf(arena, "random %llu", (unsigned long long)number)};
    if (row.op == CASE_LINEAR)
        draw_linear(&row, &rng, most);
    else if (row.op == CASE_NORM)
        draw_norm(&row, &rng, most);
    else if (row.op == CASE_ATTN)
        draw_attn(&row, &rng, arena, most);
    else if (row.op == CASE_XENT)
        draw_xent(&row, &rng, most);
    else
        draw_small_op(&row, &rng, most);
    row.flags |= is_large ? CASE_LARGE : 0;
    return row;
}
