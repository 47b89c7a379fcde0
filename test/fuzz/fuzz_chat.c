/*
 * fuzz_chat.c - a template, then a NUL, then messages as JSON: what is trained on lies in the text,
 * in order, whatever the template does to the conversation.
 */
#include "fuzz.h"

#include "text/chat.h"

static void render(struct span template, struct span messages)
{
    static const struct jinja_limits limits = {
        .steps = 5000, .memory_bytes = 4u << 20, .output_bytes = 1u << 16, .depth = 400};
    struct err err = {0};
    struct chat chat;
    struct chat_text text;
    if (!chat_open_text(&chat, template, &err)) {
        CHECK(err.kind == ERR_INPUT);
        return;
    }
    chat.limits = &limits;
    chat_text_init(&text);
    struct chat_request request = {.messages = messages, .wants_spans = true};
    if (chat_render(&chat, &request, &text, &err)) {
        size_t last = 0;
        for (size_t i = 0; i < text.n_spans; i++) {
            CHECK(last <= text.spans[i].start && text.spans[i].start < text.spans[i].end);
            last = text.spans[i].end;
        }
        CHECK(last <= text.text.len);
    } else {
        CHECK(err.kind == ERR_INPUT);
    }
    chat_text_release(&text);
    chat_close(&chat);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = len > 0 ? memchr(bytes, 0, len) : NULL;
    if (!end)
        return 0;
    struct span all = {bytes, len};
    size_t template_len = (size_t)(end - bytes);
    render(span_part(all, 0, template_len), span_from(all, template_len + 1));
    return 0;
}
