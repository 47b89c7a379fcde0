/*
 * chat_turns.h - between the files of chat: one conversation being rendered, and finding its turns.
 */
#ifndef PACE_TEXT_CHAT_TURNS_H
#define PACE_TEXT_CHAT_TURNS_H

#include "text/chat.h"

struct chat_work {
    const struct chat *chat;
    const struct chat_request *request;
    const struct jinja_template *template;
    struct arena *arena;
    uint64_t *steps_left;         /* for all renderings of this conversation together */
    struct jinja_value variables; /* dict: all but messages and add_generation_prompt */
    struct jinja_value messages;  /* list of dicts */
};

/* Renders messages [0, n), of which the n-th may be replaced. Errors: those of the template. */
MUST_CHECK bool chat_render_part(const struct chat_work *work, const struct jinja_list *messages,
                                 bool add_generation_prompt, struct buf *out, struct err *err);

/* Finds the trained spans in the rendered text. */
MUST_CHECK bool chat_find_turns(const struct chat_work *work, struct chat_text *text,
                                struct err *err);

/* Appends a span, if it is not empty. */
void chat_add_span(struct chat_text *text, size_t start, size_t end);

#endif
