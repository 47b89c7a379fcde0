/*
 * row_encoder.h - rows as token ids, with a mask of those that are trained on.
 */
#ifndef PACE_TEXT_ROW_ENCODER_H
#define PACE_TEXT_ROW_ENCODER_H

#include "text/chat.h"
#include "text/row_text.h"
#include "text/tokenizer.h"

struct row_encoder {
    struct tokenizer tokenizer;
    struct tokenizer_work work;
    struct span end; /* the end-of-text token's text; empty: the model names none */
    struct chat chat;
    bool has_chat;
    struct err chat_error; /* where !has_chat: why there is no template */
    struct arena arena;

    /* The row encoded last. */
    struct row_text text;
    struct tokens tokens;
    struct buf mask;      /* a byte a token: 1 where it is trained on */
    uint64_t n_trained;   /* those that are 1 */
    bool is_merged;       /* the prompt's last token reaches into the completion, or changed */
    struct tokens prompt; /* scratch */
    struct tokens ranged; /* scratch, with ranges */
    struct chat_text rendered, rendered_prompt; /* scratch */
};

/*
 * `model` as tokenizer_open takes it. `template_path`: a template's file, "chatml", or NULL for the
 * model's own; a model without a template still encodes rows that are no conversations. Errors:
 * those of tokenizer_open, end_token_find and, for a template_path, chat_open.
 */
MUST_CHECK bool row_encoder_open(struct row_encoder *e, const char *model,
                                 const char *template_path, struct err *err);

/*
 * False, with an ERR_INPUT that offers --chat-template-path, where the row is a conversation and
 * there is no template: no other row of its kind can be encoded either.
 */
MUST_CHECK bool row_encoder_can(const struct row_encoder *e, const struct dataset_row *row,
                                struct err *err);

/*
 * Encodes a row: a conversation through the template; a text, or a prompt with its completion, with
 * the end-of-text token behind it unless it ends so. Errors: ERR_INPUT where the tokenizer or the
 * template refuses the row.
 */
MUST_CHECK bool row_encoder_row(struct row_encoder *e, const struct dataset_row *row,
                                struct err *err);

/* The same with a preference's rejected answer. */
MUST_CHECK bool row_encoder_rejected(struct row_encoder *e, const struct dataset_row *row,
                                     struct err *err);

/*
 * Encodes a part of a plain text. The first part of a document begins with what the tokenizer puts
 * before a text.
 */
MUST_CHECK bool row_encoder_part(struct row_encoder *e, struct span text, bool is_first,
                                 struct err *err);

/* The end of a document: the end-of-text token, where there is one. */
MUST_CHECK bool row_encoder_end(struct row_encoder *e, struct err *err);

/* Safe on a zeroed struct. */
void row_encoder_close(struct row_encoder *e);

#endif
