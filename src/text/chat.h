/*
 * chat.h - conversations as the text that a model was trained to read, and which of it the
 * assistant said.
 *
 *     struct chat chat;
 *     struct chat_source source = {.model = "model-folder"};
 *     chat_open(&chat, &source, err);
 *     struct chat_text text;
 *     chat_text_init(&text);
 *     chat_render(&chat, &request, &text, err);
 *
 * The text is that of transformers' apply_chat_template, byte for byte. Like it, pace drops members
 * of a message that are null, and gives a message's reasoning under each name that templates read
 * it by (reasoning_content, thinking).
 *
 * What is trained on: the assistant's own words and the mark that ends its turn, so that a tuned
 * model stops; not the header that opens the turn (the generation prompt writes it), and not the
 * line break that a template puts behind the end mark (the model has stopped by then). chat_turns.c
 * says how the places are found.
 */
#ifndef PACE_TEXT_CHAT_H
#define PACE_TEXT_CHAT_H

#include "format/jinja.h"
#include "text/tokens.h"

struct chat {
    struct arena arena;
    struct jinja_template *template;
    struct jinja_template
        *tool_template;                /* "tool_use" of a list of templates; NULL: there is none */
    struct jinja_value tokens;         /* dict: bos_token, eos_token, … */
    void (*now)(struct tm *local);     /* strftime_now's clock; NULL: the machine's */
    const struct jinja_limits *limits; /* of one rendering; NULL: jinja_default_limits */
    const char *path;                  /* of the template, for messages; or NULL */
    struct span source;                /* the template's text */
};

/* The template that is called "chatml". */
extern const char chat_chatml[];

/* Where the template comes from. All NULL but one is fine. */
struct chat_source {
    const char *model;         /* a folder, a file inside it, or a GGUF file */
    const char *template_path; /* a file: Jinja text, or JSON with a member chat_template; or
                                  "chatml" */
};

/*
 * Finds and parses the template: --template's file, else chat_template.jinja, chat_template.json,
 * the member chat_template of tokenizer_config.json (of a named list: "default", and "tool_use"
 * where there are tools). Errors: ERR_IO; ERR_INPUT for a template that is not there, cannot be
 * parsed or needs what pace has not.
 */
MUST_CHECK bool chat_open(struct chat *chat, const struct chat_source *source, struct err *err);

/* The same from a template's text; no tokens. */
MUST_CHECK bool chat_open_text(struct chat *chat, struct span template, struct err *err);

/* Safe on a zeroed struct. */
void chat_close(struct chat *chat);

/* A conversation to render. */
struct chat_request {
    struct span messages; /* JSON: a list of messages, or an object with "messages", "tools" and
                             further variables of the template */
    struct span tools;    /* JSON list; empty: none but the object's */
    bool add_generation_prompt;
    bool wants_spans;    /* find what is trained on */
    const bool *trained; /* for each message; NULL: those of the assistant */
    size_t n_trained;
};

struct chat_text {
    struct buf text;
    struct arena arena;       /* of the spans, and of everything that rendering needed */
    struct text_range *spans; /* trained on; in order, apart from each other */
    size_t n_spans;
};

void chat_text_init(struct chat_text *text);

/* Safe on a zeroed struct. */
void chat_text_release(struct chat_text *text);

/*
 * Renders; what `text` held before is forgotten. Errors (ERR_INPUT): what is wrong with the
 * messages; what the template raised, in its own words; a turn that cannot be found in the text.
 */
MUST_CHECK bool chat_render(const struct chat *chat, const struct chat_request *request,
                            struct chat_text *text, struct err *err);

/* 1 for each token that has a part of a trained span, else 0; `tokens` are their places. */
void chat_mask(const struct chat_text *text, const struct text_range *tokens, size_t n,
               uint8_t *mask);

#endif
