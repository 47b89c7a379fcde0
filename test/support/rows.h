/*
 * rows.h - a store of rows made by hand or at random, for tests of what trains on them.
 */
#ifndef PACE_TEST_ROWS_H
#define PACE_TEST_ROWS_H

#include <string.h>

#include "base/rng.h"
#include "text/row_store.h"

enum { ROWS_MOST = 64, ROWS_TOKENS_MOST = 4096 };

struct rows {
    struct row_store store;
    struct stored_row row[ROWS_MOST];
    uint32_t ids[ROWS_TOKENS_MOST];
    uint8_t mask[ROWS_TOKENS_MOST / 8];
    uint32_t list[ROWS_MOST]; /* 0, 1, … */
};

static inline void rows_init(struct rows *r)
{
    memset(r, 0, sizeof *r);
    r->store.rows = r->row;
    r->store.ids = r->ids;
    r->store.mask = r->mask;
}

/* A row whose tokens from `first_trained` on are trained on. */
static inline void rows_add(struct rows *r, const uint32_t *ids, uint32_t n, uint32_t first_trained)
{
    struct row_store *s = &r->store;
    r->list[s->n_rows] = s->n_rows;
    r->row[s->n_rows++] = (struct stored_row){.first = s->n_tokens, .len = n};
    for (uint32_t t = 0; t < n; t++, s->n_tokens++) {
        r->ids[s->n_tokens] = ids[t];
        if (t >= first_trained)
            r->mask[s->n_tokens / 8] |= (uint8_t)(1 << s->n_tokens % 8);
    }
}

/*
 * Random rows that begin as others do: each takes a random part of an earlier row, then goes on by
 * itself, up to `longest` tokens below `vocabulary`.
 */
static inline void rows_fill(struct rows *r, uint64_t seed, size_t n, uint32_t longest,
                             uint32_t vocabulary)
{
    struct rng rng = {.seed = seed};
    uint32_t ids[ROWS_TOKENS_MOST];
    rows_init(r);
    for (size_t i = 0; i < n; i++) {
        uint32_t len = 1 + (uint32_t)rng_below(&rng, longest), kept = 0;
        if (i > 0 && rng_below(&rng, 4) > 0) {
            uint32_t other = (uint32_t)rng_below(&rng, i);
            kept = (uint32_t)rng_below(&rng, r->row[other].len + 1);
            memcpy(ids, row_store_ids(&r->store, other), kept * sizeof *ids);
        }
        len = len < kept ? kept : len;
        for (uint32_t t = kept; t < len; t++)
            ids[t] = (uint32_t)rng_below(&rng, vocabulary);
        rows_add(r, ids, len, (uint32_t)rng_below(&rng, len));
    }
}

#endif
