/*
 * survey.h - one pass over a data set: how many rows, how long, how much of them is trained on, and
 * a few of them to look at. Memory does not grow with the rows, but for 8 bytes each.
 */
#ifndef PACE_TEXT_SURVEY_H
#define PACE_TEXT_SURVEY_H

#include "text/dataset.h"
#include "text/lengths.h"
#include "text/row_encoder.h"

enum { SURVEY_CHARACTERS_A_TOKEN = 4 };

struct survey_options {
    struct split_sizes sizes;
    uint32_t max_length;         /* tokens */
    struct row_encoder *encoder; /* NULL: characters are counted, not tokens */
    size_t n_previews;           /* rows to keep for looking at */
};

/* A stretch of a row to look at; long ones have lost their middle. */
struct survey_segment {
    struct span text;
    bool is_trained;
    bool is_cut; /* the text between this segment and the next is left out */
};

struct survey_preview {
    const char *path;
    uint64_t line;
    uint64_t hash;
    struct arena arena;
    struct survey_segment *segments;
    size_t n_segments;
    uint32_t *ids; /* with an encoder; NULL for parts of a plain text */
    uint8_t *mask; /* 1: trained on */
    size_t n_tokens;
};

struct survey {
    struct dataset_split split;
    uint64_t rows[PART_COUNT];       /* pieces, for plain texts; without those dropped */
    struct lengths lengths;          /* of rows, in tokens or characters; before any cut */
    uint64_t trained;                /* tokens or characters that are trained on */
    uint64_t too_long;               /* rows longer than max_length */
    uint64_t added;                  /* rows that splitting them makes beside the first of each */
    uint64_t lost;                   /* tokens cut away from them */
    uint64_t dropped;                /* rows with nothing left to train on after the cut */
    uint64_t merged;                 /* rows whose prompt and answer share a token */
    bool are_pieces;                 /* the rows are pieces of plain text */
    bool are_split;                  /* rows that are too long are split, not cut */
    struct survey_preview *previews; /* by hash: the same whatever the order */
    size_t n_previews;
    struct arena arena;
};

/*
 * Reads all rows. The previews' paths are the data set's. Errors: those of dataset_next and
 * split_finish; bad rows are no error here (dataset_check tells).
 */
MUST_CHECK bool survey_run(struct survey *s, struct dataset *d,
                           const struct survey_options *options, struct err *err);

/* Safe on a zeroed struct. */
void survey_release(struct survey *s);

#endif
