/*
 * tokens.h - a growing list of token ids, and where in the text each of them came from.
 *
 * Whoever wants places asks for them before (`with_ranges`); without, only ids are kept, which is
 * faster. A zeroed struct is an empty list.
 */
#ifndef PACE_TEXT_TOKENS_H
#define PACE_TEXT_TOKENS_H

#include "base/mem.h"

/* Bytes [start, end) of a text. */
struct text_range {
    size_t start, end;
};

struct tokens {
    uint32_t *ids;
    struct text_range *ranges; /* as many as ids; NULL unless with_ranges */
    size_t n;
    size_t cap;
    bool with_ranges;
};

/* Room for `n` more. */
void tokens_reserve(struct tokens *t, size_t n);

static inline void tokens_add(struct tokens *t, uint32_t id, size_t start, size_t end)
{
    if (t->n == t->cap)
        tokens_reserve(t, 1);
    t->ids[t->n] = id;
    if (t->with_ranges)
        t->ranges[t->n] = (struct text_range){start, end};
    t->n++;
}

void tokens_release(struct tokens *t);

#endif
