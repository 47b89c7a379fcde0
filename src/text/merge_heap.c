/*
 * merge_heap.c - a binary heap in an array. Nothing is removed from its middle: a merge that is out
 * of date is recognised by whoever pops it, which is cheaper than finding it.
 */
#include "text/merge_heap.h"

#include "base/mem.h"

enum { FIRST_CAPACITY = 256 };

void merge_heap_push(struct merge_heap *heap, uint32_t order, uint32_t position)
{
    if (heap->n == heap->cap) {
        heap->cap = max_size(FIRST_CAPACITY, 2 * heap->cap);
        heap->entries = mem_resize(heap->entries, heap->cap * sizeof *heap->entries);
    }
    uint64_t entry = (uint64_t)order << 32 | position;
    size_t at = heap->n++;
    for (; at > 0 && heap->entries[(at - 1) / 2] > entry; at = (at - 1) / 2)
        heap->entries[at] = heap->entries[(at - 1) / 2];
    heap->entries[at] = entry;
}

uint64_t merge_heap_pop(struct merge_heap *heap)
{
    CHECK(heap->n > 0);
    uint64_t *entries = heap->entries;
    uint64_t top = entries[0], last = entries[--heap->n];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= heap->n)
            break;
        child += child + 1 < heap->n && entries[child + 1] < entries[child];
        if (entries[child] >= last)
            break;
        entries[at] = entries[child];
        at = child;
    }
    entries[at] = last;
    return top;
}

void merge_heap_release(struct merge_heap *heap)
{
    mem_free(heap->entries);
    *heap = (struct merge_heap){0};
}
