/*
 * row_encoder.c - text to tokens, and which of them the loss counts.
 *
 * Prompt and completion, as TRL 1.16 prepares them: the end-of-text token's text is put behind the
 * completion unless it ends so; prompt and completion are encoded as one text; the prompt is
 * encoded alone; the mask begins where the two differ. Usually that is the prompt's length; where
 * letters of both sides have become one token, that token is trained on and `is_merged` says so.
 *
 * A text is trained on as a whole, its first token included (whatever comes before it, nothing
 * predicts it, so no loss falls on it).
 *
 * A conversation is rendered by the template (chat.h) and encoded without what the tokenizer puts
 * around a text, since templates write that themselves. A token is trained on where it holds a
 * letter that the assistant said. Prompt and completion given as messages are masked as TRL does
 * it: from where the tokens of the whole part from those of the prompt with its generation prompt.
 *
 * A plain text comes in parts of a megabyte that end with a line. Each is encoded by itself; only
 * what a tokenizer would have made of letters on both sides of that line break can differ from the
 * encoding of the whole.
 */
#include "text/row_encoder.h"

#include "text/end_token.h"

static bool open_chat(struct row_encoder *e, const char *model, const char *template_path,
                      struct err *err)
{
    struct chat_source source = {.model = model, .template_path = template_path};
    e->has_chat = chat_open(&e->chat, &source, &e->chat_error);
    if (e->has_chat || !template_path)
        return true;
    *err = e->chat_error;
    return false;
}

bool row_encoder_open(struct row_encoder *e, const char *model, const char *template_path,
                      struct err *err)
{
    *e = (struct row_encoder){0};
    row_text_init(&e->text);
    buf_init(&e->mask, BUF_NO_LIMIT);
    chat_text_init(&e->rendered);
    chat_text_init(&e->rendered_prompt);
    if (!tokenizer_open(&e->tokenizer, model, err))
        goto fail;
    if (!end_token_find(model, &e->tokenizer, &e->arena, &e->end, err))
        goto fail;
    if (!open_chat(e, model, template_path, err))
        goto fail;
    return true;

fail:
    row_encoder_close(e);
    return false;
}

void row_encoder_close(struct row_encoder *e)
{
    tokenizer_close(&e->tokenizer);
    tokenizer_work_release(&e->work);
    if (e->has_chat)
        chat_close(&e->chat);
    chat_text_release(&e->rendered);
    chat_text_release(&e->rendered_prompt);
    row_text_release(&e->text);
    tokens_release(&e->tokens);
    tokens_release(&e->prompt);
    tokens_release(&e->ranged);
    buf_release(&e->mask);
    arena_release(&e->arena);
    *e = (struct row_encoder){0};
}

bool row_encoder_can(const struct row_encoder *e, const struct dataset_row *row, struct err *err)
{
    if (row->kind != ROW_CHAT || e->has_chat)
        return true;
    *err = e->chat_error;
    err_hint(err, "conversations need a chat template: --chat-template-path FILE, or "
                  "--chat-template-path chatml");
    return false;
}

static bool encode(struct row_encoder *e, struct span text, bool add_special, struct tokens *out,
                   struct err *err)
{
    out->n = 0;
    return tokenizer_encode(&e->tokenizer, &e->work, text, add_special, out, err);
}

/* Masks all tokens from `first` on as trained on, those before as not. */
static void mask_from(struct row_encoder *e, size_t first)
{
    buf_clear(&e->mask);
    buf_reserve(&e->mask, e->tokens.n);
    e->mask.len = e->tokens.n;
    e->n_trained = e->tokens.n - first;
    if (e->tokens.n == 0)
        return;
    memset(e->mask.at, 0, first);
    memset(e->mask.at + first, 1, e->n_trained);
}

static size_t common_tokens(const struct tokens *a, const struct tokens *b)
{
    size_t n = 0, most = min_size(a->n, b->n);
    while (n < most && a->ids[n] == b->ids[n])
        n++;
    return n;
}

/* The ids of e->ranged into e->tokens. */
static void copy_ids(struct row_encoder *e)
{
    e->tokens.n = 0;
    tokens_reserve(&e->tokens, e->ranged.n);
    if (e->ranged.n > 0)
        memcpy(e->tokens.ids, e->ranged.ids, e->ranged.n * sizeof *e->ranged.ids);
    e->tokens.n = e->ranged.n;
}

/* Sets e->text to prompt and completion, with the end-of-text token behind, and encodes it. */
static bool encode_whole(struct row_encoder *e, struct span prompt, struct span completion,
                         struct err *err)
{
    row_text_clear(&e->text);
    row_text_add(&e->text, prompt, false);
    row_text_add(&e->text, completion, true);
    if (e->end.len > 0 && !span_ends_with(completion, e->end))
        row_text_add(&e->text, e->end, true);
    e->is_merged = false;
    return encode(e, buf_span(&e->text.text), true, &e->tokens, err);
}

static bool encode_text(struct row_encoder *e, struct span text, struct err *err)
{
    bool ok = encode_whole(e, (struct span){0}, text, err);
    mask_from(e, 0);
    return ok;
}

static bool encode_pair(struct row_encoder *e, struct span prompt, struct span completion,
                        struct err *err)
{
    if (!encode_whole(e, prompt, completion, err) || !encode(e, prompt, true, &e->prompt, err))
        return false;
    size_t first = common_tokens(&e->prompt, &e->tokens);
    e->is_merged = first < e->prompt.n;
    mask_from(e, first);
    return true;
}

/* Messages 0 … n of the row, and those of `more`, as JSON. */
static struct span messages_json(const struct chat_list *chat, size_t n,
                                 const struct chat_list *more, struct arena *arena)
{
    struct chat_list all = {0};
    for (size_t i = 0; i < n; i++)
        chat_list_append(&all, arena, &chat->messages[i]);
    for (size_t i = 0; more && i < more->count; i++)
        chat_list_append(&all, arena, &more->messages[i]);
    return chat_list_json(&all, 0, all.count, arena);
}

/* Puts the rendered text and its trained stretches into e->text. */
static void take_rendered(struct row_encoder *e)
{
    const struct chat_text *rendered = &e->rendered;
    struct span text = buf_span(&rendered->text);
    size_t at = 0;
    row_text_clear(&e->text);
    for (size_t i = 0; i < rendered->n_spans; i++) {
        const struct text_range *span = &rendered->spans[i];
        row_text_add(&e->text, span_part(text, at, span->start - at), false);
        row_text_add(&e->text, span_part(text, span->start, span->end - span->start), true);
        at = span->end;
    }
    row_text_add(&e->text, span_from(text, at), false);
}

/* Masks the tokens by their places in the text. */
static void mask_spans(struct row_encoder *e)
{
    size_t n = e->ranged.n;
    mask_from(e, n);
    chat_mask(&e->rendered, e->ranged.ranges, n, e->mask.at);
    for (size_t i = 0; i < n; i++)
        e->n_trained += e->mask.at[i];
}

/* A conversation whose assistant turns are trained on. */
static bool encode_turns(struct row_encoder *e, const struct dataset_row *row, struct arena *arena,
                         struct err *err)
{
    size_t n = row->chat.count;
    bool *trained = arena_array(arena, bool, n);
    for (size_t i = 0; i < n; i++)
        trained[i] = row->chat.messages[i].is_trained;
    struct chat_request request = {.messages = messages_json(&row->chat, n, NULL, arena),
                                   .tools = row->tools,
                                   .wants_spans = true,
                                   .trained = trained,
                                   .n_trained = n};
    if (!chat_render(&e->chat, &request, &e->rendered, err))
        return false;
    take_rendered(e);
    e->ranged.with_ranges = true;
    if (!encode(e, buf_span(&e->rendered.text), false, &e->ranged, err))
        return false;
    copy_ids(e);
    e->is_merged = false;
    mask_spans(e);
    return true;
}

/* A prompt of messages, and the messages behind it, all of which are trained on. */
static bool encode_completion(struct row_encoder *e, const struct dataset_row *row,
                              const struct chat_list *more, struct arena *arena, struct err *err)
{
    size_t n = more ? row->n_prompt : row->chat.count;
    struct chat_request whole = {.messages = messages_json(&row->chat, n, more, arena),
                                 .tools = row->tools};
    struct chat_request prompt = {.messages = messages_json(&row->chat, row->n_prompt, NULL, arena),
                                  .tools = row->tools,
                                  .add_generation_prompt = true};
    if (!chat_render(&e->chat, &whole, &e->rendered, err) ||
        !chat_render(&e->chat, &prompt, &e->rendered_prompt, err) ||
        !encode(e, buf_span(&e->rendered.text), false, &e->tokens, err) ||
        !encode(e, buf_span(&e->rendered_prompt.text), false, &e->prompt, err))
        return false;
    struct span text = buf_span(&e->rendered.text), start = buf_span(&e->rendered_prompt.text);
    size_t shared = 0;
    while (shared < min_size(text.len, start.len) && text.at[shared] == start.at[shared])
        shared++;
    row_text_clear(&e->text);
    row_text_add(&e->text, span_part(text, 0, shared), false);
    row_text_add(&e->text, span_from(text, shared), true);
    size_t first = common_tokens(&e->prompt, &e->tokens);
    e->is_merged = first < e->prompt.n;
    mask_from(e, first);
    return true;
}

static bool encode_chat(struct row_encoder *e, const struct dataset_row *row,
                        const struct chat_list *more, struct err *err)
{
    struct arena arena = {0};
    bool ok = row_encoder_can(e, row, err);
    if (ok && row->n_prompt == 0)
        ok = encode_turns(e, row, &arena, err);
    else if (ok)
        ok = encode_completion(e, row, more, &arena, err);
    arena_release(&arena);
    return ok;
}

bool row_encoder_row(struct row_encoder *e, const struct dataset_row *row, struct err *err)
{
    CHECK(row->kind != ROW_DOCUMENT);
    if (row->kind == ROW_TEXT)
        return encode_text(e, row->completion, err);
    return row->kind == ROW_CHAT ? encode_chat(e, row, NULL, err)
                                 : encode_pair(e, row->prompt, row->completion, err);
}

bool row_encoder_rejected(struct row_encoder *e, const struct dataset_row *row, struct err *err)
{
    CHECK(row->is_preference);
    return row->kind == ROW_CHAT ? encode_chat(e, row, &row->chat_rejected, err)
                                 : encode_pair(e, row->prompt, row->rejected, err);
}

/* The first part: all but what the tokenizer puts behind a text, which is an empty range there. */
static bool encode_first_part(struct row_encoder *e, struct span text, struct err *err)
{
    struct tokens *found = &e->ranged;
    found->with_ranges = true;
    if (!encode(e, text, true, found, err))
        return false;
    while (found->n > 0 && found->ranges[found->n - 1].start == text.len)
        found->n--;
    copy_ids(e);
    return true;
}

bool row_encoder_part(struct row_encoder *e, struct span text, bool is_first, struct err *err)
{
    e->is_merged = false;
    bool ok = is_first ? encode_first_part(e, text, err) : encode(e, text, false, &e->tokens, err);
    mask_from(e, 0);
    return ok;
}

bool row_encoder_end(struct row_encoder *e, struct err *err)
{
    e->tokens.n = 0;
    bool ok = e->end.len == 0 || encode(e, e->end, false, &e->tokens, err);
    mask_from(e, 0);
    return ok;
}
