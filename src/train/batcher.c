/*
 * batcher.c - rows laid out for the model; common beginnings once.
 *
 * What a token becomes depends on the tokens before it alone. So where rows begin with the same n
 * tokens, these n are the same numbers in each, and are computed once: as a segment of their own,
 * the parent of the segments that hold what follows. In the backward pass each child adds its share
 * to the gradients of the parent's keys and values, which is what the sum over separate copies
 * would have been. Losses are a sum over targets: token t of a row is predicted at token t - 1, in
 * the parent or not. A row whose targets lie in a shared part has them in common with others; such
 * a target stands in the batch once and counts as often as there are rows. Where rows part, the
 * last shared token has a target for each of them. Nothing is left out or approximated; only the
 * order of additions differs.
 *
 * Finding them: sorted by their tokens, rows with a common beginning are neighbours, and the tree
 * of all common beginnings is told by one number for each row, how much it shares with the one
 * before it. So much less is there to compute: the tokens of a batch are the sum of length -
 * shared. Attention gets cheaper too, as the shared queries attend once. Each cut costs something
 * (smaller blocks in attention), so fewer than SHARE_LEAST tokens are not shared, and a row joins
 * at a cut that is there already where that loses fewer.
 *
 * Batches are filled with rows up to a number of tokens. How the rows of a step are divided does
 * not matter to its result: all losses are divided by the targets of the whole step, as Hugging
 * Face's Trainer divides by num_items_in_batch.
 */
#include "train/batcher.h"

#include <stdlib.h>

enum { SHARE_LEAST = 16 };

void batcher_init(struct batcher *b, struct arena *arena, const struct batcher_options *options)
{
    size_t tokens = options->tokens, rows = options->rows;
    CHECK(tokens <= INT32_MAX && rows <= UINT32_MAX);
    *b = (struct batcher){.options = *options,
                          .rows = arena_array(arena, struct batcher_row, rows),
                          .cuts = arena_array(arena, uint32_t, rows),
                          .id = arena_array(arena, int32_t, tokens),
                          .position = arena_array(arena, int32_t, tokens),
                          .target_of = arena_array(arena, int32_t, tokens),
                          .segment = arena_array(arena, struct segment, tokens),
                          .path = arena_array(arena, struct batcher_path, tokens),
                          .target = arena_array(arena, struct target, tokens),
                          .coef = arena_array(arena, float, tokens),
                          .count = arena_array(arena, uint32_t, tokens)};
}

/* ---------------------------------------------------------------------------------- the rows -- */

/* By tokens, then by place. */
static int compare_rows(const void *a, const void *b)
{
    const struct batcher_row *x = a, *y = b;
    size_t n = min_size(x->len, y->len), i = 0;
    while (i < n && x->ids[i] == y->ids[i])
        i++;
    if (i < n)
        return x->ids[i] < y->ids[i] ? -1 : 1;
    if (x->len != y->len)
        return x->len < y->len ? -1 : 1;
    return (x->row > y->row) - (x->row < y->row);
}

static uint64_t count_targets(const struct row_store *store, uint32_t row)
{
    uint64_t n = 0;
    for (uint32_t t = 1; t < store->rows[row].len; t++)
        n += row_store_is_trained(store, row, t);
    return n;
}

void batcher_begin(struct batcher *b, const struct row_store *store, const uint32_t *rows, size_t n)
{
    CHECK(n <= b->options.rows);
    b->store = store;
    b->n_rows = b->first = b->next = b->batch_rows = 0;
    b->n_targets = b->n_tokens = b->n_computed = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t targets = count_targets(store, rows[i]);
        uint32_t len = store->rows[rows[i]].len;
        if (targets == 0)
            continue;
        CHECK(len <= b->options.tokens);
        b->rows[b->n_rows++] = (struct batcher_row){.ids = row_store_ids(store, rows[i]),
                                                    .len = len,
                                                    .row = rows[i],
                                                    .place = (uint32_t)i,
                                                    .leaf = SEGMENT_NO_PARENT};
        b->n_targets += targets;
        b->n_tokens += len;
    }
    if (b->options.shares)
        qsort(b->rows, b->n_rows, sizeof *b->rows, compare_rows);
}

/* -------------------------------------------------------------------------- what they share -- */

static uint32_t common_beginning(const struct batcher_row *x, const struct batcher_row *y)
{
    uint32_t n = 0, most = x->len < y->len ? x->len : y->len;
    while (n < most && x->ids[n] == y->ids[n])
        n++;
    return n;
}

/*
 * How much a row shares with the one before it, `common` of whose `length` tokens it begins with.
 * `cuts` holds the places at which that one is cut already, rising; it becomes those of this row.
 */
static uint32_t choose_shared(uint32_t *cuts, size_t *n_cuts, uint32_t common, uint32_t length)
{
    while (*n_cuts > 0 && cuts[*n_cuts - 1] > common)
        --*n_cuts;
    uint32_t cut = *n_cuts > 0 ? cuts[*n_cuts - 1] : 0;
    if (common == cut || (common - cut < SHARE_LEAST && common < length))
        return cut;
    cuts[(*n_cuts)++] = common;
    return common;
}

/* Takes rows into the batch while they fit. Returns the first that is not in it. */
static size_t choose_rows(struct batcher *b)
{
    size_t tokens = 0, i = b->next, n_cuts = 0;
    for (; i < b->n_rows; i++) {
        struct batcher_row *row = &b->rows[i];
        row->shared = 0;
        if (b->options.shares && i > b->next)
            row->shared =
                choose_shared(b->cuts, &n_cuts, common_beginning(&row[-1], row), row[-1].len);
        if (row->len - row->shared > b->options.tokens - tokens)
            break;
        tokens += row->len - row->shared;
    }
    return i;
}

/* ------------------------------------------------------------------------------- laying out -- */

/* Adds tokens first … end - 1 of a row as a segment behind those of the path. */
static void add_segment(struct batcher *b, const struct batcher_row *row, uint32_t first,
                        uint32_t end)
{
    struct batch *batch = &b->batch;
    int32_t parent = b->n_path > 0 ? b->path[b->n_path - 1].segment : SEGMENT_NO_PARENT;
    b->path[b->n_path++] = (struct batcher_path){end, (int32_t)batch->n_segments};
    b->segment[batch->n_segments++] = (struct segment){.query = (int32_t)batch->n_tokens,
                                                       .key = (int32_t)batch->n_tokens,
                                                       .n = (int32_t)(end - first),
                                                       .position = (int32_t)first,
                                                       .parent = parent};
    for (uint32_t t = first; t < end; t++) {
        b->id[batch->n_tokens] = (int32_t)row->ids[t];
        b->position[batch->n_tokens] = (int32_t)t;
        b->target_of[batch->n_tokens++] = -1;
    }
}

/* Lays out what row `i` does not share, cut where later rows of the batch (up to `end`) part. */
static void add_tokens(struct batcher *b, size_t i, size_t end)
{
    const struct batcher_row *row = &b->rows[i];
    size_t n_cuts = 0;
    uint32_t lowest = row->len, first = row->shared;
    while (b->n_path > 0 && b->path[b->n_path - 1].end > row->shared)
        b->n_path--;
    for (size_t k = i + 1; k < end && b->rows[k].shared > row->shared; k++) {
        if (b->rows[k].shared < lowest) {
            lowest = b->rows[k].shared;
            b->cuts[n_cuts++] = lowest;
        }
    }
    while (n_cuts > 0) {
        uint32_t cut = b->cuts[--n_cuts];
        add_segment(b, row, first, cut);
        first = cut;
    }
    if (first < row->len)
        add_segment(b, row, first, row->len);
}

/* The token at row `at` of the batch is to be predicted at row `before`. */
static void add_target(struct batcher *b, int32_t before, int32_t at)
{
    struct batch *batch = &b->batch;
    if (b->target_of[at] < 0) {
        b->target_of[at] = (int32_t)batch->n_targets;
        b->target[batch->n_targets] = (struct target){before, b->id[at]};
        b->count[batch->n_targets++] = 0;
    }
    b->count[b->target_of[at]]++;
}

/* The row's tokens lie where its path says. */
static void add_targets(struct batcher *b, const struct batcher_row *row)
{
    int32_t before = -1;
    for (size_t i = 0; i < b->n_path; i++) {
        const struct segment *s = &b->segment[b->path[i].segment];
        for (int32_t k = 0; k < s->n; k++) {
            int32_t at = s->query + k;
            if (before >= 0 &&
                row_store_is_trained(b->store, row->row, (uint32_t)(s->position + k)))
                add_target(b, before, at);
            before = at;
        }
    }
}

bool batcher_next(struct batcher *b)
{
    if (b->next == b->n_rows)
        return false;
    size_t end = choose_rows(b);
    b->batch = (struct batch){.id = b->id,
                              .position = b->position,
                              .segment = b->segment,
                              .target = b->target,
                              .coef = b->coef};
    b->n_path = 0;
    for (size_t i = b->next; i < end; i++) {
        add_tokens(b, i, end);
        add_targets(b, &b->rows[i]);
        b->rows[i].leaf = b->path[b->n_path - 1].segment;
    }
    for (size_t i = 0; i < b->batch.n_targets; i++)
        b->coef[i] = (float)((double)b->count[i] / (double)b->n_targets);
    b->batch_rows = end - b->next;
    b->n_computed += b->batch.n_tokens;
    b->first = b->next;
    b->next = end;
    return true;
}

const struct batcher_row *batcher_row(const struct batcher *b, size_t i)
{
    CHECK(i < b->batch_rows);
    return &b->rows[b->first + i];
}

void batcher_token_losses(const struct batcher *b, size_t i, const float *loss, float *out)
{
    const struct batcher_row *row = batcher_row(b, i);
    for (int32_t at = row->leaf; at != SEGMENT_NO_PARENT; at = b->segment[at].parent) {
        const struct segment *s = &b->segment[at];
        for (int32_t k = 0; k < s->n; k++) {
            uint32_t t = (uint32_t)(s->position + k);
            bool is_target = t > 0 && row_store_is_trained(b->store, row->row, t);
            out[t] = is_target ? loss[b->target_of[s->query + k]] : 0;
        }
    }
}
