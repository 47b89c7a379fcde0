/*
 * merge_heap.h - the merges that wait: a binary heap of (order, position), the smallest first and
 * of equal orders the leftmost. A zeroed struct is an empty heap.
 */
#ifndef PACE_TEXT_MERGE_HEAP_H
#define PACE_TEXT_MERGE_HEAP_H

#include "base/base.h"

struct merge_heap {
    uint64_t *entries; /* order in the upper half, position in the lower */
    size_t n, cap;
};

/* `order` says when: a merge's rank, or a score made to sort. */
void merge_heap_push(struct merge_heap *heap, uint32_t order, uint32_t position);

/* The first entry, which leaves the heap. Not of an empty heap (CHECKed). */
uint64_t merge_heap_pop(struct merge_heap *heap);

void merge_heap_release(struct merge_heap *heap);

#endif
