/*
 * dataset_split.h - which rows are trained on, which are held out, and which are kept for the test.
 */
#ifndef PACE_TEXT_DATASET_SPLIT_H
#define PACE_TEXT_DATASET_SPLIT_H

#include "base/buf.h"
#include "base/err.h"

enum dataset_part {
    PART_TRAIN,
    PART_EVAL, /* held out: looked at while training */
    PART_TEST, /* never used for any choice */
    PART_COUNT,
};

/* "train", "eval", "test" */
const char *dataset_part_name(enum dataset_part part);

/* How much to set aside: a share below 1, or a number of rows. Negative: pace's choice. */
struct split_sizes {
    double eval, test;
};

struct split_exception {
    uint64_t hash;
    uint32_t part;
};

/* Made by split_init, rows added, then finished: from then on it answers split_part. */
struct dataset_split {
    struct buf free;            /* uint64_t hashes of rows that any part may get */
    struct buf fixed;           /* struct split_exception: rows whose file is one part's own */
    bool has_fixed[PART_COUNT]; /* some file is that part's own */
    uint64_t rows[PART_COUNT];  /* of each part, once finished */
    uint64_t duplicates;        /* rows that were seen before */
    uint64_t crossing;          /* rows for training, by their file, that are held out as well */
    uint64_t test_below, eval_from;     /* hash < test_below: test; >= eval_from: eval */
    struct split_exception *exceptions; /* hashes to which the limits do not apply, ascending */
    size_t n_exceptions;
    struct buf kept; /* memory of the exceptions */
};

void split_init(struct dataset_split *s);

/* A row by its content's hash. */
void split_add(struct dataset_split *s, uint64_t hash);

/* A row of a file that holds eval or test rows alone. */
void split_add_fixed(struct dataset_split *s, uint64_t hash, enum dataset_part part);

/*
 * Decides. Errors: ERR_USAGE where a size is not a number of rows or a share, or where no row would
 * be left to train on.
 */
MUST_CHECK bool split_finish(struct dataset_split *s, struct split_sizes sizes, struct err *err);

/* The part of a row with that hash. */
enum dataset_part split_part(const struct dataset_split *s, uint64_t hash);

/*
 * The same where the rows are pieces of plain texts, in order. On entry `rows` holds the pieces by
 * their file's part, those of PART_TRAIN free for any; on return those of each part: of the free
 * ones the first train, then come eval, then test. Errors as split_finish.
 */
MUST_CHECK bool split_contiguous(struct split_sizes sizes, uint64_t rows[PART_COUNT],
                                 struct err *err);

void split_release(struct dataset_split *s);

#endif
