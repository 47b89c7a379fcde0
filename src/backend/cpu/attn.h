/*
 * attn.h - what attention and its adjoint share: who sees which keys.
 */
#ifndef PACE_BACKEND_CPU_ATTN_H
#define PACE_BACKEND_CPU_ATTN_H

#include "backend/cpu/gemm.h"

/* Rows of k and v, first … last - 1. */
struct key_range {
    int32_t first, last;
};

static inline struct key_range key_range_of(const struct segment *s)
{
    return (struct key_range){s->key, s->key + s->n};
}

/*
 * Which keys of segment `of` the query at `position` of a text sees, `of` being its own segment or
 * an ancestor. first >= last: none.
 */
static inline struct key_range key_range_seen(const struct attn_args *a, const struct segment *of,
                                              int32_t position)
{
    int64_t first = a->window > 0 ? (int64_t)position + 1 - a->window : 0;
    int64_t at = of->key - (int64_t)of->position, end = (int64_t)of->key + of->n;
    first = first + at > of->key ? first + at : of->key;
    int64_t last = position + 1 + at < end ? position + 1 + at : end;
    return (struct key_range){(int32_t)(first < end ? first : end), (int32_t)last};
}

/* The rows of k and v that any of the segments has. */
struct key_range key_range_all(const struct attn_args *a);

/* The keys of the longest chain. */
size_t attn_longest(const struct attn_args *a);

/* CHECKs the shapes and the segments. */
void attn_check(const struct attn_args *a);

/* Up to so many queries (generation) keys are read as they lie. */
enum { ATTN_FEW = 4 };
void attn_few(const struct backend *b, const struct attn_args *a);
size_t attn_few_scratch(const struct backend *b, const struct backend_sizes *sizes);

/* Scratch memory of the adjoint. */
size_t attn_back_scratch(const struct backend *b, const struct backend_sizes *sizes);

#endif
