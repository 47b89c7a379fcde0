/*
 * batcher.h - from rows of tokens to batches that a model is run on.
 *
 *     batcher_init(&b, &arena, &options);
 *     batcher_begin(&b, &store, rows, n);        the rows of one optimiser step
 *     while (batcher_next(&b))
 *         run_train(&run, &b.batch, loss);       b.batch.coef adds up to 1 over all of them
 *
 * A batch is flat: rows lie one behind another without padding, each a segment of its own, and
 * those that begin alike share their beginning (batcher.c).
 */
#ifndef PACE_TRAIN_BATCHER_H
#define PACE_TRAIN_BATCHER_H

#include "graph/tape.h"
#include "text/row_store.h"

struct batcher_options {
    size_t tokens; /* the most of a batch; no row is longer (CHECKed) */
    size_t rows;   /* the most that batcher_begin is called with */
    /* Rows that begin alike share their beginning: the same losses and gradients for less work. Not
     * with dropout, which would then be the same for all of them. */
    bool shares;
};

struct batcher_row {
    const uint32_t *ids;
    uint32_t len;
    uint32_t row;    /* in the store */
    uint32_t shared; /* tokens that it shares with the row before it in the batch */
    uint32_t place;  /* among the rows of batcher_begin */
    int32_t leaf;    /* in the present batch: the segment with its last token */
};

/* A stretch of the row that is being laid out. */
struct batcher_path {
    uint32_t end; /* tokens of the row up to its last */
    int32_t segment;
};

struct batcher {
    struct batch batch;  /* the present one; its arrays are the batcher's */
    uint32_t *count;     /* [n_targets] how many rows have the target */
    size_t batch_rows;   /* rows in it */
    uint64_t n_targets;  /* of all rows of batcher_begin, each row's counted */
    uint64_t n_tokens;   /* of these rows, whether shared or not */
    uint64_t n_computed; /* tokens of the batches so far */

    /* The rest is the batcher's own. */
    struct batcher_options options;
    const struct row_store *store;
    struct batcher_row *rows;
    size_t n_rows, first, next; /* of the present batch, and behind it */
    int32_t *id, *position, *target_of;
    struct segment *segment;
    struct target *target;
    float *coef;
    struct batcher_path *path;
    size_t n_path;
    uint32_t *cuts;
};

/* All memory is the arena's; nothing is allocated afterwards. */
void batcher_init(struct batcher *b, struct arena *arena, const struct batcher_options *options);

/* Takes up n rows of the store. Those without a target are passed over. */
void batcher_begin(struct batcher *b, const struct row_store *store, const uint32_t *rows,
                   size_t n);

/* Makes the next batch. False where all rows were in one. */
bool batcher_next(struct batcher *b);

/* Row i of the present batch, i < batch_rows. */
const struct batcher_row *batcher_row(const struct batcher *b, size_t i);

/*
 * The losses of that row's tokens, of the batch's `loss` [n_targets]: `out` [len], 0 where a token
 * is no target. A target that rows share is each one's.
 */
void batcher_token_losses(const struct batcher *b, size_t i, const float *loss, float *out);

#endif
