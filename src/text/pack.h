/*
 * pack.h - rows of tokens put together into sequences of at most a fixed length.
 */
#ifndef PACE_TEXT_PACK_H
#define PACE_TEXT_PACK_H

#include "base/arena.h"

enum pack_strategy {
    PACK_NONE,    /* a row a sequence, in the order given */
    PACK_BFD,     /* best fit, longest first; no row is cut */
    PACK_WRAPPED, /* one behind the other, cut where a sequence is full */
};

/* A stretch of a row inside a sequence: its own attention block, its positions from 0. */
struct pack_piece {
    uint32_t row;
    uint32_t first; /* token of the row; not 0 only where the row was cut */
    uint32_t len;
    uint32_t start; /* where it stands in the sequence */
};

struct pack {
    struct pack_piece *pieces;
    size_t *sequence; /* sequence i is pieces sequence[i] … sequence[i + 1] - 1 */
    size_t n_sequences;
    size_t n_pieces;
    uint32_t capacity;
    uint64_t tokens; /* in all pieces */
};

/*
 * Packs rows of `lengths` tokens (0 < length <= capacity for PACK_NONE and PACK_BFD, CHECKed; a row
 * of length 0 is left out) in the order given; ties in length keep it. All memory is the arena's.
 * Time O(n log capacity), or O(n) for the others. n, and the pieces, must fit 32 bits.
 */
void pack_rows(struct pack *pack, struct arena *arena, enum pack_strategy strategy,
               const uint32_t *lengths, size_t n, uint32_t capacity);

#endif
