/*
 * place.c - offsets for buffers with known lifetimes.
 *
 * The best packing is a hard problem (dynamic storage allocation is NP-complete); a greedy one is
 * within a few per cent here, because nearly all buffers of a model come in a dozen sizes. Buffers
 * are taken in some order, and each is put into the smallest gap that is free for all of its life,
 * or behind all that lives with it. Which order is best depends on the model, and trying one costs
 * next to nothing, so three are tried and the smallest block wins: large ones first; those first
 * that take most room times time; long-lived ones first (what waits for the adjoint then lies
 * below, densely, and what comes and goes above). See Pisarchyk and Lee 2020, arXiv:2001.03288.
 */
#include "graph/place.h"

#include <stdlib.h>

static uint64_t life(const struct buffer *b)
{
    return b->last - b->first + 1;
}

/* Later ones of equal rank go by birth, then by their number: the order is the same everywhere. */
static int by_birth(const struct buffer *a, const struct buffer *b)
{
    if (a->first != b->first)
        return a->first < b->first ? -1 : 1;
    return (a > b) - (a < b);
}

static int by_size(const void *a, const void *b)
{
    const struct buffer *x = *(struct buffer *const *)a, *y = *(struct buffer *const *)b;
    if (x->bytes != y->bytes)
        return x->bytes > y->bytes ? -1 : 1;
    return by_birth(x, y);
}

static int by_area(const void *a, const void *b)
{
    const struct buffer *x = *(struct buffer *const *)a, *y = *(struct buffer *const *)b;
    double p = (double)x->bytes * (double)life(x), q = (double)y->bytes * (double)life(y);
    if (p != q)
        return p > q ? -1 : 1;
    return by_birth(x, y);
}

static int by_life(const void *a, const void *b)
{
    const struct buffer *x = *(struct buffer *const *)a, *y = *(struct buffer *const *)b;
    if (life(x) != life(y))
        return life(x) > life(y) ? -1 : 1;
    return by_size(a, b);
}

/* `placed` [n] is sorted by offset; returns where the buffer goes. */
static uint64_t find_gap(struct buffer *const *placed, size_t n, const struct buffer *b)
{
    uint64_t end = 0, best = UINT64_MAX, best_gap = UINT64_MAX;
    for (size_t i = 0; i < n; i++) {
        if (!place_live_together(placed[i], b))
            continue;
        if (placed[i]->offset >= end + b->bytes && placed[i]->offset - end < best_gap) {
            best_gap = placed[i]->offset - end;
            best = end;
        }
        if (placed[i]->offset + placed[i]->bytes > end)
            end = placed[i]->offset + placed[i]->bytes;
    }
    return best_gap < UINT64_MAX ? best : end;
}

/* Keeps `placed` sorted. */
static void insert(struct buffer **placed, size_t n, struct buffer *b)
{
    for (; n > 0 && placed[n - 1]->offset > b->offset; n--)
        placed[n] = placed[n - 1];
    placed[n] = b;
}

static uint64_t place(struct buffer *const *order, struct buffer **placed, size_t n)
{
    uint64_t size = 0;
    for (size_t i = 0; i < n; i++) {
        order[i]->offset = find_gap(placed, i, order[i]);
        insert(placed, i, order[i]);
        if (order[i]->offset + order[i]->bytes > size)
            size = order[i]->offset + order[i]->bytes;
    }
    return size;
}

uint64_t place_buffers(struct buffer *buffers, size_t n)
{
    int (*const orders[])(const void *, const void *) = {by_size, by_area, by_life};
    struct arena arena = {0};
    struct buffer **order = arena_array(&arena, struct buffer *, n);
    struct buffer **placed = arena_array(&arena, struct buffer *, n);
    uint64_t *best = arena_array(&arena, uint64_t, n);
    uint64_t smallest = UINT64_MAX;
    for (size_t i = 0; i < n; i++)
        order[i] = &buffers[i];
    for (size_t k = 0; k < COUNT_OF(orders); k++) {
        qsort(order, n, sizeof(struct buffer *), orders[k]);
        uint64_t size = place(order, placed, n);
        for (size_t i = 0; i < n && size < smallest; i++)
            best[i] = buffers[i].offset;
        smallest = size < smallest ? size : smallest;
    }
    for (size_t i = 0; i < n; i++)
        buffers[i].offset = best[i];
    arena_release(&arena);
    return smallest;
}

uint64_t place_least(const struct buffer *buffers, size_t n)
{
    uint64_t most = 0;
    for (size_t i = 0; i < n; i++) { /* the most live at the birth of some buffer */
        uint64_t live = 0;
        for (size_t j = 0; j < n; j++) {
            if (buffers[j].first <= buffers[i].first && buffers[i].first <= buffers[j].last)
                live += buffers[j].bytes;
        }
        most = live > most ? live : most;
    }
    return most;
}
