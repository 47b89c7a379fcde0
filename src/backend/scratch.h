/*
 * scratch.h - handing out the scratch memory of a backend, a piece at a time.
 *
 *     struct scratch scratch = scratch_of(b);
 *     float *row = scratch_take(&scratch, width, sizeof *row);
 *
 * An operation with many pieces lets the function that takes them run on a counter instead:
 *
 *     struct scratch counter = scratch_counter();
 *     take_memory(&op, &counter);
 *     bytes = scratch_counted(&counter);
 *
 * Pieces begin at multiples of 64 bytes. What they take in all is told beforehand by the backend's
 * scratch_bytes, with scratch_need for each piece; taking more than was reserved is a failed CHECK.
 */
#ifndef PACE_BACKEND_SCRATCH_H
#define PACE_BACKEND_SCRATCH_H

#include "backend/backend.h"

struct scratch {
    char *at;
    size_t left;
};

static inline struct scratch scratch_of(const struct backend *b)
{
    return (struct scratch){b->scratch, b->scratch_bytes};
}

static inline size_t scratch_need(size_t count, size_t size)
{
    return (count * size + 63) / 64 * 64;
}

static inline void *scratch_take(struct scratch *s, size_t count, size_t size)
{
    size_t bytes = scratch_need(count, size);
    CHECK(bytes <= s->left);
    void *at = s->at;
    s->at += bytes;
    s->left -= bytes;
    return at;
}

/* Gives pieces that are only counted, never touched. */
static inline struct scratch scratch_counter(void)
{
    return (struct scratch){(char *)(uintptr_t)64, SIZE_MAX / 4};
}

static inline size_t scratch_counted(const struct scratch *counter)
{
    return SIZE_MAX / 4 - counter->left;
}

#endif
