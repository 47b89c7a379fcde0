/*
 * talk.h - a conversation with a model: the template applied, the answer as it comes.
 *
 *     struct talk talk;
 *     if (!talk_open(&talk, &model, model_path, &options, err)) …
 *     talk_say(&talk, span_of("Hello!"), show, NULL, err);     show is called with piece after
 * piece talk_close(&talk);
 *
 * A model without a chat template continues the text instead.
 */
#ifndef PACE_TRAIN_TALK_H
#define PACE_TRAIN_TALK_H

#include "model/generate.h"
#include "text/chat.h"
#include "text/tokenizer.h"

struct talk_options {
    const char *template_path; /* --chat-template-path: a file, "chatml", or NULL */
    const char *system;        /* what the system says first, or NULL */
    struct sample_options sample;
    uint64_t seed;
    size_t context; /* tokens; at most the model's */
    size_t most;    /* tokens of an answer */
};

struct talk {
    struct model *model;
    struct talk_options options;
    struct tokenizer tokenizer;
    struct tokenizer_work work;
    struct chat chat;
    bool has_chat;
    int32_t end_of_turn; /* the token with which the template ends an answer, or -1 */
    struct generator generator;
    struct rng rng;
    struct buf messages;   /* JSON, without the closing bracket; or the text so far */
    struct tokens prompt;  /* of the last turn */
    struct tokens fed;     /* what the generator holds */
    struct tokens answer;  /* of the last turn */
    struct buf text, said; /* scratch; the last answer */
    size_t shown;          /* bytes of the decoded answer that are in `said` */
};

/* Why an answer ended. */
enum talk_end { TALK_ENDED, TALK_FULL, TALK_STOPPED };

/*
 * `path`: the model's, for its tokenizer and template. Model and texts must outlive the struct.
 * Errors: ERR_INPUT where there is no tokenizer, or ids beyond the model's vocabulary; ERR_MEMORY.
 */
MUST_CHECK bool talk_open(struct talk *t, struct model *model, const char *path,
                          const struct talk_options *options, struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void talk_close(struct talk *t);

/*
 * Adds what the user says, and answers: `show` gets each new piece of text (whole characters), and
 * ends the answer by returning false. TALK_FULL: as long as it may be, or the context is full.
 * Errors: ERR_INPUT where the conversation is longer than the context, or the template refuses it;
 * then the turn is taken back.
 */
MUST_CHECK bool talk_say(struct talk *t, struct span words,
                         bool (*show)(void *context, struct span text), void *context,
                         enum talk_end *end, struct err *err);

/* Forgets all turns. */
void talk_forget(struct talk *t);

/* From the next turn on with the model's adapters, or without; turns stay. Errors: ERR_MEMORY. */
MUST_CHECK bool talk_use_adapters(struct talk *t, bool wanted, struct err *err);

#endif
