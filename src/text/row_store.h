/*
 * row_store.h - all rows of a data set as tokens, in memory, ready to be trained on.
 *
 *     struct row_store store;
 *     if (!row_store_fill(&store, &dataset, &encoder, &options, err)) …
 *     for (uint32_t i = 0; i < store.n_rows; i++)
 *         … row_store_ids(&store, i), store.rows[i].len, row_store_is_trained(&store, i, t)
 *     row_store_release(&store);
 *
 * A token takes 4 bytes and a bit, a row 40 bytes.
 */
#ifndef PACE_TEXT_ROW_STORE_H
#define PACE_TEXT_ROW_STORE_H

#include "text/dataset.h"
#include "text/row_encoder.h"

/* What becomes of rows longer than max_length. */
enum row_overflow {
    OVERFLOW_AUTO,      /* texts are split, everything else is cut at the end */
    OVERFLOW_CUT_END,   /* the beginning is kept */
    OVERFLOW_CUT_START, /* the end is kept */
    OVERFLOW_SPLIT,     /* pieces of max_length, each a row of its own */
};

struct row_store_options {
    struct split_sizes sizes;
    uint32_t max_length; /* tokens */
    enum row_overflow overflow;
};

struct stored_row {
    uint64_t first; /* of its tokens in the store */
    uint64_t hash;  /* of the row's content; pieces of one row have the same */
    uint64_t line;
    uint32_t len;
    uint32_t file;    /* index in the store's files */
    uint8_t part;     /* enum dataset_part */
    bool is_rejected; /* the answer not preferred; the row before it is its better half */
};

struct row_store {
    struct stored_row *rows;
    uint32_t n_rows;
    const uint32_t *ids;
    const uint8_t *mask; /* a bit a token, lowest first */
    uint64_t n_tokens;
    uint64_t n_trained;
    uint64_t part_rows[PART_COUNT];
    uint64_t duplicates, crossing; /* as in struct dataset_split */
    uint64_t n_cut, n_split;       /* rows longer than max_length, by what became of them */
    uint64_t cut_line;             /* of the first row that was cut, in file cut_file */
    uint32_t cut_file;
    uint64_t n_lost;    /* tokens cut away */
    uint64_t n_dropped; /* rows with nothing left to train on after the cut */
    uint64_t n_merged;  /* rows whose prompt's end and answer's beginning make one token */
    const char **files; /* [n_files] paths */
    size_t n_files;
    struct arena arena; /* of the paths */
    struct buf row_memory, id_memory, mask_memory;
};

/*
 * Reads the data set from its beginning. A row that the tokenizer or the template refuses counts as
 * bad (dataset_check). Errors: those of dataset_next, dataset_check and split_finish; ERR_INPUT for
 * more than 4 billion rows.
 */
MUST_CHECK bool row_store_fill(struct row_store *s, struct dataset *d, struct row_encoder *e,
                               const struct row_store_options *options, struct err *err);

static inline const uint32_t *row_store_ids(const struct row_store *s, uint32_t row)
{
    return s->ids + s->rows[row].first;
}

/* Whether token t of the row is trained on. */
static inline bool row_store_is_trained(const struct row_store *s, uint32_t row, uint32_t t)
{
    uint64_t i = s->rows[row].first + t;
    return s->mask[i / 8] >> (i % 8) & 1;
}

/* Safe on a zeroed struct. */
void row_store_release(struct row_store *s);

#endif
