/*
 * dataset_row.h - a record as something to train on: a prompt and its completion, a conversation, a
 * text, or a pair of answers of which one is preferred.
 */
#ifndef PACE_TEXT_DATASET_ROW_H
#define PACE_TEXT_DATASET_ROW_H

#include "text/dataset_chat.h"
#include "text/dataset_format.h"

enum row_kind {
    ROW_TEXT,     /* completion: the whole text, all of it trained on */
    ROW_DOCUMENT, /* completion: a part of a document that is cut into pieces of tokens */
    ROW_PAIR,     /* prompt, then completion, which is trained on */
    ROW_CHAT,     /* messages; trained on: the assistant's turns, or all from n_prompt on */
};

struct dataset_row {
    enum row_kind kind;
    uint64_t line;
    const char *problem; /* what is wrong with the row, or NULL; then only `line` is set */

    /* ROW_TEXT, ROW_DOCUMENT, ROW_PAIR */
    struct span prompt;
    struct span completion;
    struct span rejected; /* of a preference: the answer not preferred */

    /* ROW_CHAT */
    struct chat_list chat;          /* with the completion, or the preferred answer, at the end */
    struct chat_list chat_rejected; /* of a preference: the messages behind n_prompt */
    size_t n_prompt;   /* messages of the prompt; 0: every assistant turn is trained on */
    struct span tools; /* JSON list; empty: none */

    bool is_preference;
    uint64_t hash; /* of the content, white space runs counted as one space: equal for duplicates */
};

/*
 * Makes a row of a record. With `as_chat`, instructions, questions and labels become a conversation
 * for the model's template; without, they are set in plain text (dataset_row.c says how). The hash
 * is the same either way, and depends on `seed`. Texts live in the record's memory or the arena.
 */
void dataset_row_read(struct dataset_row *row, const struct record *record,
                      const struct dataset_format *format, bool as_chat, uint64_t seed,
                      struct arena *arena);

#endif
