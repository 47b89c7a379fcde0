/*
 * rows.h - the rows of a data set as tokens that a model can be run on.
 */
#ifndef PACE_TRAIN_ROWS_H
#define PACE_TRAIN_ROWS_H

#include "model/config.h"
#include "options/options.h"
#include "text/row_store.h"
#include "train/preview.h"

struct rows_wanted {
    const char *model, *data;          /* paths */
    const struct model_config *config; /* every id is below its vocabulary */
    struct split_sizes sizes;
    size_t longest;   /* tokens of a row */
    bool refuses_cut; /* a row that is longer, and no text that may be split, is an error */
    struct preview *preview; /* where one is wanted, with the arena for its texts; else NULL */
    struct arena *arena;
};

/* Some of a store's rows, by their numbers. */
struct row_list {
    uint32_t *rows;
    size_t n;
    size_t longest; /* tokens */
};

/*
 * Fills the store, which row_store_release frees. Errors: those of row_encoder_open, dataset_open
 * and row_store_fill; ERR_INPUT where ids are beyond the model's vocabulary or a row is too long,
 * with file and line.
 */
MUST_CHECK bool rows_read(struct row_store *store, const struct rows_wanted *wanted,
                          const struct options *o, struct err *err);

/* The rows of one part, at most `most` (0: all), without rejected answers; in the arena. */
struct row_list rows_of(const struct row_store *store, struct arena *arena, enum dataset_part part,
                        size_t most);

/* Tokens of a row, on average; 0: there are none. */
double rows_mean_length(const struct row_list *list, const struct row_store *store);

/* Leaves at most `most` rows, evenly spread over those that are there. */
void rows_thin(struct row_list *list, const struct row_store *store, size_t most);

#endif
