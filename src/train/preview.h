/*
 * preview.h - a row to look at before anything is trained on it.
 */
#ifndef PACE_TRAIN_PREVIEW_H
#define PACE_TRAIN_PREVIEW_H

#include "text/row_store.h"
#include "text/tokenizer.h"

/* The first stretch of a row that is trained on, and what stands before it. */
struct preview {
    const char *path; /* NULL: there is no row */
    uint64_t line;
    const char *before, *trained;
    bool begins_late; /* more stands before `before` */
    bool ends_early;  /* the stretch is longer than `trained` */
    bool has_more;    /* further ones follow */
    double share;     /* of the data's tokens that are trained on */
};

/*
 * Of the rows to train on the one with the smallest hash: always the same, whatever their order.
 * Texts live in the arena, the path in the store. Errors: those of tokenizer_decode.
 */
MUST_CHECK bool preview_read(struct preview *p, struct arena *arena, const struct row_store *store,
                             const struct tokenizer *tokenizer, struct err *err);

#endif
