/*
 * pack.c - bin packing of rows, so that no step is spent on padding.
 *
 * Best fit decreasing: rows from the longest to the shortest, each into the fullest sequence that
 * has room for it, a new one where none has. Never more than 11/9 of the least possible number of
 * sequences, and on real lengths within a percent of it ("Fewer Truncations Improve Language
 * Modeling", arXiv:2404.10830; TRL's "bfd"). Of several sequences with the same room the one that
 * got that room first is taken, as TRL does, so the result is the same to the row.
 *
 * How, in n log capacity: lengths are small integers, so the sort is by counting; and a tree over
 * the room sizes 1 … capacity, whose leaves say whether a sequence with exactly that room exists,
 * finds the smallest room that is enough in one walk. The sequences of one room size hang in a
 * queue.
 *
 * TRL packs per batch of 1,000 rows as `datasets` maps them; here all rows are packed together,
 * which needs as many sequences or fewer.
 *
 * Wrapped: the rows as one stream, cut every `capacity` tokens. A row that is cut goes on in the
 * next sequence as a piece of its own, with positions from 0; it does not see what was cut off.
 */
#include "text/pack.h"

#include "base/buf.h"

enum { NO_BIN = UINT32_MAX };

/* ---------------------------------------------------------------------- best fit decreasing -- */

/* Sequences that still have room: queues by room, and a tree over the rooms that are not empty. */
struct rooms {
    uint32_t n_leaves;     /* a power of two above the capacity */
    uint8_t *tree;         /* tree[1] is the root; leaf of room r is tree[n_leaves + r] */
    uint32_t *head, *tail; /* of the queue of room r; NO_BIN: empty */
    uint32_t *next;        /* of each bin in its queue */
};

static void rooms_init(struct rooms *rooms, struct arena *arena, uint32_t capacity, size_t n)
{
    rooms->n_leaves = 1;
    while (rooms->n_leaves <= capacity)
        rooms->n_leaves *= 2;
    rooms->tree = arena_array(arena, uint8_t, 2 * (size_t)rooms->n_leaves);
    rooms->head = arena_array(arena, uint32_t, (size_t)capacity + 1);
    rooms->tail = arena_array(arena, uint32_t, (size_t)capacity + 1);
    rooms->next = arena_array(arena, uint32_t, n);
    for (uint32_t r = 0; r <= capacity; r++)
        rooms->head[r] = NO_BIN;
}

static void set_leaf(struct rooms *rooms, uint32_t room, bool there)
{
    uint32_t i = rooms->n_leaves + room;
    rooms->tree[i] = there;
    for (i /= 2; i > 0; i /= 2)
        rooms->tree[i] = rooms->tree[2 * i] | rooms->tree[2 * i + 1];
}

static void rooms_add(struct rooms *rooms, uint32_t room, uint32_t bin)
{
    if (room == 0)
        return;
    rooms->next[bin] = NO_BIN;
    if (rooms->head[room] == NO_BIN) {
        rooms->head[room] = bin;
        set_leaf(rooms, room, true);
    } else {
        rooms->next[rooms->tail[room]] = bin;
    }
    rooms->tail[room] = bin;
}

/* The smallest room of at least `wanted` that some sequence has; 0 where none has. */
static uint32_t rooms_find(const struct rooms *rooms, uint32_t wanted)
{
    uint32_t i = rooms->n_leaves + wanted;
    if (rooms->tree[i])
        return wanted;
    /* Up to the first ancestor with something to the right, then down its left edge. */
    while (i > 1 && !(i % 2 == 0 && rooms->tree[i + 1]))
        i /= 2;
    if (i <= 1)
        return 0;
    for (i++; i < rooms->n_leaves;)
        i = rooms->tree[2 * i] ? 2 * i : 2 * i + 1;
    return i - rooms->n_leaves;
}

static uint32_t rooms_take(struct rooms *rooms, uint32_t room)
{
    uint32_t bin = rooms->head[room];
    rooms->head[room] = rooms->next[bin];
    if (rooms->head[room] == NO_BIN)
        set_leaf(rooms, room, false);
    return bin;
}

/* Row indices from the longest to the shortest, ties in the order given. Returns how many. */
static size_t sort_by_length(const uint32_t *lengths, size_t n, uint32_t capacity, uint32_t *order,
                             struct arena *arena)
{
    size_t *begin = arena_array(arena, size_t, (size_t)capacity + 2);
    for (size_t i = 0; i < n; i++) {
        CHECK(lengths[i] <= capacity);
        begin[capacity - lengths[i] + 1]++;
    }
    for (uint32_t k = 0; k <= capacity; k++)
        begin[k + 1] += begin[k];
    size_t n_rows = begin[capacity]; /* those of length 0 come last */
    for (size_t i = 0; i < n; i++)
        order[begin[capacity - lengths[i]]++] = (uint32_t)i;
    return n_rows;
}

/* Chooses the sequence of every row in `order`; returns the number of sequences. */
static uint32_t choose_bins(const uint32_t *lengths, const uint32_t *order, size_t n,
                            uint32_t capacity, uint32_t *bin_of, struct arena *arena)
{
    struct rooms rooms;
    rooms_init(&rooms, arena, capacity, n);
    uint32_t n_bins = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t len = lengths[order[i]];
        uint32_t room = rooms_find(&rooms, len);
        uint32_t bin = room > 0 ? rooms_take(&rooms, room) : n_bins++;
        bin_of[i] = bin;
        rooms_add(&rooms, (room > 0 ? room : capacity) - len, bin);
    }
    return n_bins;
}

static void pack_bfd(struct pack *pack, struct arena *arena, const uint32_t *lengths, size_t n)
{
    struct arena scratch = {0};
    uint32_t *order = arena_array(&scratch, uint32_t, n);
    uint32_t *bin_of = arena_array(&scratch, uint32_t, n);
    size_t n_rows = sort_by_length(lengths, n, pack->capacity, order, &scratch);
    uint32_t n_bins = choose_bins(lengths, order, n_rows, pack->capacity, bin_of, &scratch);

    /* Pieces by sequence, in the order in which they were put there. */
    pack->n_sequences = n_bins;
    pack->n_pieces = n_rows;
    pack->sequence = arena_array(arena, size_t, (size_t)n_bins + 1);
    pack->pieces = arena_array(arena, struct pack_piece, n_rows);
    size_t *filled = arena_array(&scratch, size_t, n_bins);
    uint32_t *used = arena_array(&scratch, uint32_t, n_bins);
    for (size_t i = 0; i < n_rows; i++)
        pack->sequence[bin_of[i] + 1]++;
    for (size_t b = 0; b < n_bins; b++)
        pack->sequence[b + 1] += pack->sequence[b];
    for (size_t i = 0; i < n_rows; i++) {
        uint32_t bin = bin_of[i], len = lengths[order[i]];
        pack->pieces[pack->sequence[bin] + filled[bin]++] =
            (struct pack_piece){.row = order[i], .len = len, .start = used[bin]};
        used[bin] += len;
        pack->tokens += len;
    }
    arena_release(&scratch);
}

/* ------------------------------------------------------------------------------- the others -- */

static void pack_each(struct pack *pack, struct arena *arena, const uint32_t *lengths, size_t n)
{
    pack->pieces = arena_array(arena, struct pack_piece, n);
    pack->sequence = arena_array(arena, size_t, n + 1);
    for (size_t i = 0; i < n; i++) {
        CHECK(lengths[i] <= pack->capacity);
        if (lengths[i] == 0)
            continue;
        pack->pieces[pack->n_pieces++] = (struct pack_piece){.row = (uint32_t)i, .len = lengths[i]};
        pack->sequence[++pack->n_sequences] = pack->n_pieces;
        pack->tokens += lengths[i];
    }
}

static void pack_wrapped(struct pack *pack, struct arena *arena, const uint32_t *lengths, size_t n)
{
    uint64_t tokens = 0;
    for (size_t i = 0; i < n; i++)
        tokens += lengths[i];
    uint64_t n_sequences = (tokens + pack->capacity - 1) / pack->capacity;
    CHECK(n + n_sequences <= UINT32_MAX);
    pack->pieces = arena_array(arena, struct pack_piece, n + n_sequences);
    pack->sequence = arena_array(arena, size_t, n_sequences + 1);

    uint32_t used = 0; /* of the sequence being filled */
    for (size_t i = 0; i < n; i++) {
        for (uint32_t first = 0; first < lengths[i];) {
            uint32_t room = pack->capacity - used, left = lengths[i] - first;
            uint32_t len = left < room ? left : room;
            pack->pieces[pack->n_pieces++] =
                (struct pack_piece){.row = (uint32_t)i, .first = first, .len = len, .start = used};
            first += len;
            used += len;
            if (used == pack->capacity) {
                pack->sequence[++pack->n_sequences] = pack->n_pieces;
                used = 0;
            }
        }
    }
    if (used > 0)
        pack->sequence[++pack->n_sequences] = pack->n_pieces;
    pack->tokens = tokens;
}

void pack_rows(struct pack *pack, struct arena *arena, enum pack_strategy strategy,
               const uint32_t *lengths, size_t n, uint32_t capacity)
{
    CHECK(capacity > 0 && capacity < UINT32_MAX / 4 && n < UINT32_MAX);
    *pack = (struct pack){.capacity = capacity};
    switch (strategy) {
    case PACK_NONE:
        pack_each(pack, arena, lengths, n);
        break;
    case PACK_BFD:
        pack_bfd(pack, arena, lengths, n);
        break;
    case PACK_WRAPPED:
        pack_wrapped(pack, arena, lengths, n);
        break;
    }
}
