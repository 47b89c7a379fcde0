/*
 * place.h - where buffers that live at different times lie in one block of memory. Private to
 * graph/.
 */
#ifndef PACE_GRAPH_PLACE_H
#define PACE_GRAPH_PLACE_H

#include "base/arena.h"

enum { PLACE_ALIGN_BYTES = 64 };

struct buffer {
    uint64_t bytes;     /* a multiple of PLACE_ALIGN_BYTES */
    size_t first, last; /* instructions: it lives from the one to the other, both included */
    uint64_t offset;    /* in the block: what place_buffers finds */
};

/* Gives each an offset such that no two that live at once overlap; returns the block's size. */
uint64_t place_buffers(struct buffer *buffers, size_t n);

/* The most bytes that live at once: no block can be smaller. */
uint64_t place_least(const struct buffer *buffers, size_t n);

static inline bool place_live_together(const struct buffer *a, const struct buffer *b)
{
    return a->first <= b->last && b->first <= a->last;
}

#endif
