/*
 * row_text.c - rows as text: the common form from which previews are drawn and tokens are masked.
 *
 * A preference shows its preferred answer; the other one is not learned but moved away from.
 */
#include "text/row_text.h"

#include "base/utf8.h"

void row_text_init(struct row_text *t)
{
    buf_init(&t->text, BUF_NO_LIMIT);
    buf_init(&t->trained, BUF_NO_LIMIT);
}

void row_text_clear(struct row_text *t)
{
    buf_clear(&t->text);
    buf_clear(&t->trained);
}

void row_text_release(struct row_text *t)
{
    buf_release(&t->text);
    buf_release(&t->trained);
}

void row_text_add(struct row_text *t, struct span bytes, bool is_trained)
{
    size_t start = t->text.len;
    buf_add(&t->text, bytes);
    if (!is_trained || bytes.len == 0)
        return;
    size_t n = row_text_n_trained(t);
    struct text_range *ranges = (struct text_range *)(void *)t->trained.at;
    if (n > 0 && ranges[n - 1].end == start) {
        ranges[n - 1].end = t->text.len;
        return;
    }
    struct text_range range = {start, t->text.len};
    buf_add(&t->trained, (struct span){(const uint8_t *)&range, sizeof range});
}

/* True where the message is part of what is learned. */
static bool is_learned(const struct dataset_row *row, size_t i)
{
    return row->n_prompt > 0 ? i >= row->n_prompt : row->chat.messages[i].is_trained;
}

static void add_chat(struct row_text *t, const struct dataset_row *row)
{
    for (size_t i = 0; i < row->chat.count; i++) {
        const struct chat_message *message = &row->chat.messages[i];
        bool is_trained = is_learned(row, i);
        row_text_add(t, message->role, false);
        row_text_add(t, span_of(": "), false);
        row_text_add(t, message->content, is_trained);
        row_text_add(t, message->calls, is_trained);
        if (i + 1 < row->chat.count)
            row_text_add(t, span_of("\n"), false);
    }
}

void row_text_add_plain(struct row_text *t, const struct dataset_row *row)
{
    if (row->kind == ROW_CHAT) {
        add_chat(t, row);
        return;
    }
    row_text_add(t, row->prompt, false);
    row_text_add(t, row->completion, true);
}

void row_text_count(const struct dataset_row *row, uint64_t *characters, uint64_t *trained)
{
    *trained = utf8_count(row->completion);
    *characters = *trained + utf8_count(row->prompt);
    for (size_t i = 0; i < row->chat.count; i++) {
        const struct chat_message *message = &row->chat.messages[i];
        uint64_t n = utf8_count(message->content) + utf8_count(message->calls);
        *characters += n;
        *trained += is_learned(row, i) ? n : 0;
    }
}
