/*
 * answers.c - what the model says to a few test prompts before training, and after.
 *
 * Two numbers for a loss say little to a person; the same question answered twice says what they
 * mean. The prompts are test rows, up to the first token that would be trained on, and the answers
 * are the likeliest tokens, so that they change for no other reason than the weights. An answer
 * ends with the model's end token, or with the special token that ends the row's own answer (a
 * template's end of turn, which configurations forget to name).
 *
 * The prompts are answered side by side (generate.h): a step costs reading the weights, for three
 * answers as for one.
 */
#include "train/answers.h"

#include <string.h>

#include "model/generate.h"

/* Prompts longer than that are passed over; plain texts are read so far at most. */
enum { PROMPT_MOST = 512, TEXT_PROMPT_MOST = 32, TOKENS_LEAST = 12 };

/* --------------------------------------------------------------------------------- choosing -- */

/* The first stretch that is trained on. */
static void find_stretch(const struct row_store *store, uint32_t row, uint32_t *first,
                         uint32_t *end)
{
    uint32_t len = store->rows[row].len, t = 1;
    while (t < len && !row_store_is_trained(store, row, t))
        t++;
    *first = t;
    while (t < len && row_store_is_trained(store, row, t))
        t++;
    *end = t;
}

static struct answer answer_of(const struct row_store *store, uint32_t row,
                               const struct tokenizer *tokenizer)
{
    struct answer a = {.row = row, .stop = -1};
    find_stretch(store, row, &a.prompt, &a.end);
    uint32_t last = row_store_ids(store, row)[a.end - 1];
    if (tokenizer_is_special(tokenizer, last))
        a.stop = (int32_t)last;
    if (a.prompt <= 1) { /* nothing, or what stands before every text */
        a.prompt = (uint32_t)min_size((a.end + 1) / 2, TEXT_PROMPT_MOST);
        a.end = (uint32_t)min_size(a.end, a.prompt + ANSWER_TOKENS_MOST);
    }
    return a;
}

static bool is_asked(const struct answers *a, const struct row_store *store,
                     const struct answer *wanted)
{
    const uint32_t *ids = row_store_ids(store, wanted->row);
    for (uint32_t i = 0; i < a->n; i++) {
        const struct answer *other = &a->answer[i];
        if (other->prompt == wanted->prompt &&
            memcmp(ids, row_store_ids(store, other->row), wanted->prompt * sizeof *ids) == 0)
            return true;
    }
    return false;
}

double answers_cost(const struct answers *a)
{
    double prompts = 0;
    for (uint32_t i = 0; i < a->n; i++)
        prompts += a->answer[i].prompt;
    return a->n == 0 ? 0 : ANSWERS_SIDES * (prompts + a->tokens * generator_step_cost(a->n));
}

void answers_choose(struct answers *a, const struct row_store *store, const struct row_list *test,
                    const struct tokenizer *tokenizer, const struct answers_limits *limits)
{
    *a = (struct answers){0};
    for (size_t i = 0; i < test->n && a->n < ANSWERS_MOST; i++) {
        struct answer answer = answer_of(store, test->rows[i], tokenizer);
        if (answer.prompt < answer.end && answer.prompt <= PROMPT_MOST &&
            answer.prompt + ANSWER_TOKENS_MOST <= limits->positions && !is_asked(a, store, &answer))
            a->answer[a->n++] = answer;
    }
    for (; a->n > 0; a->n--) {
        for (a->tokens = ANSWER_TOKENS_MOST; a->tokens >= TOKENS_LEAST; a->tokens--) {
            if (answers_cost(a) <= limits->cost)
                return;
        }
    }
}

/* -------------------------------------------------------------------------------- answering -- */

struct speaker {
    struct answers *a;
    enum answers_side side;
    const struct model_config *config;
    const struct row_store *store;
    struct generator generator;
    int32_t id[ANSWERS_MOST]; /* to be fed next; -1: the answer is whole */
};

static bool is_end(const struct speaker *s, const struct answer *answer, int32_t id)
{
    for (size_t i = 0; i < s->config->n_eos; i++) {
        if (s->config->eos[i] == id)
            return true;
    }
    return id == answer->stop;
}

static void take_token(struct speaker *s, size_t i, const float *logits)
{
    static const struct sample_options likeliest = {.top_p = 1};
    struct answer *answer = &s->a->answer[i];
    uint32_t *n = &answer->n[s->side];
    int32_t id =
        sample_token(&likeliest, logits, s->config->vocabulary, NULL, s->generator.candidates);
    s->id[i] = -1;
    if (is_end(s, answer, id))
        return;
    answer->id[s->side][(*n)++] = (uint32_t)id;
    if (*n < s->a->tokens)
        s->id[i] = id;
}

static bool is_speaking(const struct speaker *s)
{
    for (size_t i = 0; i < s->a->n; i++) {
        if (s->id[i] >= 0)
            return true;
    }
    return false;
}

static void speak(struct speaker *s)
{
    for (size_t i = 0; i < s->a->n; i++) {
        struct answer *answer = &s->a->answer[i];
        const int32_t *prompt = (const int32_t *)row_store_ids(s->store, answer->row);
        answer->n[s->side] = 0;
        take_token(s, i, generator_feed(&s->generator, i, prompt, answer->prompt));
    }
    while (is_speaking(s)) {
        int32_t fed[ANSWERS_MOST];
        memcpy(fed, s->id, sizeof fed);
        const float *logits = generator_step(&s->generator, fed);
        for (size_t i = 0; i < s->a->n; i++) {
            if (fed[i] >= 0)
                take_token(s, i, logits + i * s->config->vocabulary);
        }
    }
}

bool answers_say(struct answers *a, enum answers_side side, struct engine *engine,
                 const struct row_store *store, struct err *err)
{
    struct speaker s = {.a = a, .side = side, .config = &engine->model.config, .store = store};
    struct record_options record = {0};
    if (a->n == 0)
        return true;
    for (uint32_t i = 0; i < a->n; i++)
        record.longest = max_size(record.longest, a->answer[i].prompt + a->tokens);
    if (!generator_open(&s.generator, &engine->model, &record, a->n, err))
        return false;
    speak(&s);
    generator_close(&s.generator);
    return true;
}

/* ---------------------------------------------------------------------------------- as text -- */

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static bool put_text(const struct tokenizer *tokenizer, const uint32_t *ids, size_t n,
                     struct arena *arena, const char **out, struct err *err)
{
    struct buf text;
    bool ok = true;
    buf_init(&text, BUF_NO_LIMIT);
    for (size_t first = 0, i = 0; ok && i <= n; i++) {
        if (i < n && !tokenizer_is_special(tokenizer, ids[i]))
            continue;
        ok = tokenizer_decode(tokenizer, ids + first, i - first, true, &text, err);
        if (i < n && text.len > 0 && text.at[text.len - 1] != '\n')
            buf_add_byte(&text, '\n');
        first = i + 1;
    }
    struct span trimmed = buf_span(&text);
    while (trimmed.len > 0 && is_blank(trimmed.at[trimmed.len - 1]))
        trimmed.len--;
    while (trimmed.len > 0 && is_blank(trimmed.at[0]))
        trimmed = span_part(trimmed, 1, trimmed.len - 1);
    *out = arena_string(arena, trimmed);
    buf_release(&text);
    return ok;
}

bool answers_text(const struct answer *a, const struct row_store *store,
                  const struct tokenizer *tokenizer, struct arena *arena, struct answer_text *text,
                  struct err *err)
{
    const uint32_t *ids = row_store_ids(store, a->row);
    bool ok = put_text(tokenizer, ids, a->prompt, arena, &text->prompt, err) &&
              put_text(tokenizer, ids + a->prompt, a->end - a->prompt, arena, &text->expected, err);
    for (int side = 0; ok && side < ANSWERS_SIDES; side++)
        ok = put_text(tokenizer, a->id[side], a->n[side], arena, &text->said[side], err);
    return ok;
}
