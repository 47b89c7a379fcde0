/*
 * row_text.h - a row as one text, with the places that are trained on.
 */
#ifndef PACE_TEXT_ROW_TEXT_H
#define PACE_TEXT_ROW_TEXT_H

#include "text/dataset_row.h"
#include "text/tokens.h"

struct row_text {
    struct buf text;
    struct buf trained; /* struct text_range each, ascending, not touching, never empty */
};

void row_text_init(struct row_text *t);
void row_text_clear(struct row_text *t);
void row_text_release(struct row_text *t);

/* Appends a stretch that is trained on, or is not. */
void row_text_add(struct row_text *t, struct span bytes, bool is_trained);

/* Appends the row as a person reads it: a conversation as "user: …" and "assistant: …". */
void row_text_add_plain(struct row_text *t, const struct dataset_row *row);

/* Characters (code points) of the row's own text, and how many of them are trained on. */
void row_text_count(const struct dataset_row *row, uint64_t *characters, uint64_t *trained);

static inline size_t row_text_n_trained(const struct row_text *t)
{
    return t->trained.len / sizeof(struct text_range);
}

static inline const struct text_range *row_text_trained(const struct row_text *t)
{
    return (const struct text_range *)(const void *)t->trained.at;
}

#endif
