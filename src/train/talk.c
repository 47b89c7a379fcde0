/*
 * talk.c - a conversation with a model: the template applied, the answer as it comes.
 *
 * Each turn the whole conversation is rendered and encoded anew, because a template may change what
 * it wrote before (drop old reasoning, move the system prompt). Of the ids the longest beginning
 * that the generator already holds is kept, and only the rest is fed: usually the new turn alone.
 *
 * An answer ends with one of the model's end tokens, or with the token by which the template itself
 * ends an answer. The latter is found by rendering a small conversation and looking at the last
 * token that training would learn from; configurations forget it more often than not.
 *
 * Pieces of an answer are shown when they are whole: a token may end in the middle of a character,
 * which decoders write as U+FFFD until the next one completes it.
 */
#include "train/talk.h"

#include "base/log.h"
#include "base/utf8.h"
#include "format/json.h"
#include "train/tokenizer_fit.h"

static const char REPLACEMENT[] = "\xef\xbf\xbd";

/* ----------------------------------------------------------------------------------- opening -- */

static void put_message(struct buf *messages, const char *role, struct span content)
{
    struct json_writer w = {.out = messages};
    buf_add_text(messages, messages->len == 0 ? "[" : ",");
    json_begin_object(&w);
    json_key(&w, "role");
    json_put_text(&w, role);
    json_key(&w, "content");
    json_put_string(&w, content);
    json_end(&w);
}

/* The conversation so far as JSON; `out` is a copy. */
static void close_messages(const struct talk *t, struct buf *out)
{
    buf_clear(out);
    buf_add(out, buf_span(&t->messages));
    buf_add_byte(out, ']');
}

/* The token behind the words of an answer, as training would learn it; -1: there is none. */
static bool find_end_of_turn(struct talk *t, struct err *err)
{
    static const char sample[] = "[{\"role\":\"user\",\"content\":\"a\"},"
                                 "{\"role\":\"assistant\",\"content\":\"b\"}]";
    struct chat_text text;
    struct tokens ids = {.with_ranges = true};
    struct chat_request request = {.messages = span_of(sample), .wants_spans = true};
    chat_text_init(&text);
    t->end_of_turn = -1;
    bool ok = chat_render(&t->chat, &request, &text, err) &&
              tokenizer_encode(&t->tokenizer, &t->work, buf_span(&text.text), false, &ids, err);
    if (ok && ids.n > 0) {
        uint8_t *mask = arena_array(&text.arena, uint8_t, ids.n);
        chat_mask(&text, ids.ranges, ids.n, mask);
        for (size_t i = 0; i < ids.n; i++) {
            if (mask[i])
                t->end_of_turn = (int32_t)ids.ids[i];
        }
        if (t->end_of_turn >= 0 && !tokenizer_is_special(&t->tokenizer, (uint32_t)t->end_of_turn))
            t->end_of_turn = -1;
    }
    tokens_release(&ids);
    chat_text_release(&text);
    return ok;
}

static bool open_chat(struct talk *t, const char *path, struct err *err)
{
    struct chat_source source = {.model = path, .template_path = t->options.template_path};
    struct err none = {0};
    t->has_chat = chat_open(&t->chat, &source, source.template_path ? err : &none);
    if (!t->has_chat && source.template_path)
        return false;
    if (!t->has_chat)
        log_note("the model has no chat template: it continues the text that it is given");
    return !t->has_chat || find_end_of_turn(t, err);
}

static bool check_ids(const struct talk *t, struct err *err)
{
    size_t vocabulary = t->model->config.vocabulary;
    if (t->tokenizer.id_limit <= vocabulary) {
        tokenizer_fit_warn(&t->tokenizer, &t->model->config);
        return true;
    }
    err_set(err, ERR_INPUT, "the tokenizer has ids up to %zu, but the model's vocabulary is %zu",
            t->tokenizer.id_limit - 1, vocabulary);
    err_hint(err, "tokenizer and model do not belong together");
    return false;
}

bool talk_open(struct talk *t, struct model *model, const char *path,
               const struct talk_options *options, struct err *err)
{
    *t = (struct talk){.model = model, .options = *options, .end_of_turn = -1};
    t->rng = (struct rng){.seed = options->seed};
    buf_init(&t->messages, BUF_NO_LIMIT);
    buf_init(&t->text, BUF_NO_LIMIT);
    buf_init(&t->said, BUF_NO_LIMIT);
    if (!tokenizer_open(&t->tokenizer, path, err) || !check_ids(t, err) ||
        !open_chat(t, path, err) || !talk_use_adapters(t, true, err)) {
        talk_close(t);
        return false;
    }
    talk_forget(t);
    return true;
}

void talk_close(struct talk *t)
{
    generator_close(&t->generator);
    if (t->has_chat)
        chat_close(&t->chat);
    tokenizer_close(&t->tokenizer);
    tokenizer_work_release(&t->work);
    tokens_release(&t->prompt);
    tokens_release(&t->fed);
    tokens_release(&t->answer);
    buf_release(&t->messages);
    buf_release(&t->text);
    buf_release(&t->said);
    *t = (struct talk){0};
}

void talk_forget(struct talk *t)
{
    buf_clear(&t->messages);
    if (t->has_chat && t->options.system)
        put_message(&t->messages, "system", span_of(t->options.system));
}

bool talk_use_adapters(struct talk *t, bool wanted, struct err *err)
{
    struct record_options record = {.longest = t->options.context, .without_adapters = !wanted};
    generator_close(&t->generator);
    t->fed.n = 0;
    return generator_open(&t->generator, t->model, &record, 1, err);
}

/* ------------------------------------------------------------------------------------- turns -- */

/* Fills t->prompt with what the model is to continue. */
static bool encode_prompt(struct talk *t, struct err *err)
{
    t->prompt.n = 0;
    if (!t->has_chat)
        return tokenizer_encode(&t->tokenizer, &t->work, buf_span(&t->messages), true, &t->prompt,
                                err);
    struct chat_text rendered;
    chat_text_init(&rendered);
    close_messages(t, &t->text);
    struct chat_request request = {.messages = buf_span(&t->text), .add_generation_prompt = true};
    bool ok =
        chat_render(&t->chat, &request, &rendered, err) &&
        tokenizer_encode(&t->tokenizer, &t->work, buf_span(&rendered.text), false, &t->prompt, err);
    chat_text_release(&rendered);
    return ok;
}

/* Feeds what the generator does not hold yet, at least one token. */
static const float *feed_prompt(struct talk *t)
{
    size_t same = 0;
    while (same < t->fed.n && same + 1 < t->prompt.n && t->fed.ids[same] == t->prompt.ids[same])
        same++;
    generator_rewind(&t->generator, 0, same);
    t->fed.n = same;
    for (size_t i = same; i < t->prompt.n; i++)
        tokens_add(&t->fed, t->prompt.ids[i], 0, 0);
    return generator_feed(&t->generator, 0, (const int32_t *)t->prompt.ids + same,
                          t->prompt.n - same);
}

static bool is_end(const struct talk *t, int32_t id)
{
    const struct model_config *c = &t->model->config;
    for (size_t i = 0; i < c->n_eos; i++) {
        if (c->eos[i] == id)
            return true;
    }
    return id == t->end_of_turn;
}

/* The answer's text so far; what ends in the middle of a character is left out unless `all`. */
static bool decode_answer(struct talk *t, bool all, struct err *err)
{
    buf_clear(&t->text);
    if (!tokenizer_decode(&t->tokenizer, t->answer.ids, t->answer.n, true, &t->text, err))
        return false;
    size_t mark = sizeof REPLACEMENT - 1;
    while (!all && t->text.len >= mark &&
           memcmp(t->text.at + t->text.len - mark, REPLACEMENT, mark) == 0)
        t->text.len -= mark;
    return true;
}

/* Shows what is new. False where nobody wants more. */
static bool show_new(struct talk *t, bool (*show)(void *context, struct span text), void *context)
{
    while (t->shown < t->text.len && utf8_is_inner(t->text.at[t->shown]))
        t->shown++; /* only where a decoder took back what it gave */
    if (t->text.len <= t->shown)
        return true;
    struct span piece = span_part(buf_span(&t->text), t->shown, t->text.len - t->shown);
    t->shown = t->text.len;
    buf_add(&t->said, piece);
    return show(context, piece);
}

static bool answer(struct talk *t, const float *logits,
                   bool (*show)(void *context, struct span text), void *context, enum talk_end *end,
                   struct err *err)
{
    size_t vocabulary = t->model->config.vocabulary;
    *end = TALK_FULL;
    while (t->answer.n < t->options.most && t->fed.n < t->options.context) {
        int32_t id =
            sample_token(&t->options.sample, logits, vocabulary, &t->rng, t->generator.candidates);
        if (is_end(t, id)) {
            *end = TALK_ENDED;
            break;
        }
        tokens_add(&t->answer, (uint32_t)id, 0, 0);
        if (!decode_answer(t, false, err))
            return false;
        if (!show_new(t, show, context)) {
            *end = TALK_STOPPED;
            return true;
        }
        tokens_add(&t->fed, (uint32_t)id, 0, 0);
        logits = generator_feed(&t->generator, 0, &id, 1);
    }
    if (!decode_answer(t, true, err))
        return false;
    (void)show_new(t, show, context);
    return true;
}

bool talk_say(struct talk *t, struct span words, bool (*show)(void *context, struct span text),
              void *context, enum talk_end *end, struct err *err)
{
    size_t before = t->messages.len;
    t->answer.n = 0;
    t->shown = 0;
    buf_clear(&t->said);
    if (t->has_chat)
        put_message(&t->messages, "user", words);
    else
        buf_add(&t->messages, words);
    bool ok = encode_prompt(t, err);
    if (ok && (t->prompt.n == 0 || t->prompt.n >= t->options.context)) {
        err_set(err, ERR_INPUT, "the conversation has %zu tokens, the context room for %zu",
                t->prompt.n, t->options.context - 1);
        err_hint(err, "begin anew with /forget");
        ok = false;
    }
    ok = ok && answer(t, feed_prompt(t), show, context, end, err);
    if (!ok)
        t->messages.len = before;
    else if (t->has_chat)
        put_message(&t->messages, "assistant", buf_span(&t->said));
    else
        buf_add(&t->messages, buf_span(&t->said));
    return ok;
}
