/*
 * answers.h - what the model says to a few test prompts before training, and after.
 *
 *     answers_choose(&a, &store, &test, &tokenizer, &limits);
 *     answers_say(&a, ANSWERS_BASE, &engine, &store, err)
 *     … training …
 *     answers_say(&a, ANSWERS_TUNED, &engine, &store, err)
 *     answers_text(&a, i, &store, &tokenizer, &arena, &text, err)
 */
#ifndef PACE_TRAIN_ANSWERS_H
#define PACE_TRAIN_ANSWERS_H

#include "text/tokenizer.h"
#include "train/engine.h"
#include "train/rows.h"

enum { ANSWERS_MOST = 3, ANSWER_TOKENS_MOST = 48 };

enum answers_side { ANSWERS_BASE, ANSWERS_TUNED, ANSWERS_SIDES };

struct answer {
    uint32_t row;    /* in the store */
    uint32_t prompt; /* how many of its tokens are read */
    uint32_t end;    /* behind the last token of the answer that is expected */
    int32_t stop;    /* the special token that it ends with, or -1 */
    uint32_t n[ANSWERS_SIDES];
    uint32_t id[ANSWERS_SIDES][ANSWER_TOKENS_MOST];
};

/* Plain data: a copy is a copy. */
struct answers {
    uint32_t n;
    uint32_t tokens; /* of an answer, at most */
    struct answer answer[ANSWERS_MOST];
};

struct answers_limits {
    double cost;      /* of both sides together, in forward passes of a token */
    size_t positions; /* the model's context */
};

/*
 * Takes the first test rows with different prompts, and how many tokens an answer may have, so that
 * the cost is kept; fewer rows where they are dear, none where nothing would be left to read. The
 * prompt of a row without one (a plain text) is its first half.
 */
void answers_choose(struct answers *a, const struct row_store *store, const struct row_list *test,
                    const struct tokenizer *tokenizer, const struct answers_limits *limits);

/* In forward passes of a token, both sides. */
double answers_cost(const struct answers *a);

/* Lets the model as it is answer, always the likeliest token. Errors: ERR_MEMORY. */
MUST_CHECK bool answers_say(struct answers *a, enum answers_side side, struct engine *engine,
                            const struct row_store *store, struct err *err);

/* As a person reads them: line breaks where special tokens stood. */
struct answer_text {
    const char *prompt, *expected, *said[ANSWERS_SIDES];
};

/* In the arena. Errors: those of tokenizer_decode. */
MUST_CHECK bool answers_text(const struct answer *a, const struct row_store *store,
                             const struct tokenizer *tokenizer, struct arena *arena,
                             struct answer_text *text, struct err *err);

#endif
