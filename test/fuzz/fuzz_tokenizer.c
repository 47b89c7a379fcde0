/*
 * fuzz_tokenizer.c - a tokenizer from hostile bytes (a tokenizer.json or a GGUF file), then hostile
 * text through it: up to the first NUL the JSON, behind it the text. Ids come back within the
 * limit, decoding gives valid UTF-8, and a GGUF file's own bytes serve as text, too.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "format/gguf.h"
#include "text/tokenizer.h"

static void decode(const struct tokenizer *t, const struct tokens *ids)
{
    struct err err;
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    if (tokenizer_decode(t, ids->ids, ids->n, false, &text, &err))
        CHECK(utf8_first_invalid(buf_span(&text)) == text.len);
    buf_release(&text);
}

static void encode(const struct tokenizer *t, struct span text)
{
    struct err err;
    struct tokenizer_work w = {0};
    struct tokens out = {.with_ranges = true};
    if (tokenizer_encode(t, &w, text, true, &out, &err)) {
        for (size_t i = 0; i < out.n; i++) {
            CHECK(out.ranges[i].start <= out.ranges[i].end);
            CHECK(out.ranges[i].end <= text.len);
        }
        decode(t, &out);
    } else {
        CHECK(err.kind == ERR_INPUT);
    }
    tokens_release(&out);
    tokenizer_work_release(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct err err = {0};
    struct tokenizer t;
    struct span input = {bytes, len}, text = span_of("Hi  a\n\n<s> \xc3\xa9\xe4\xbd\xa0 12");
    bool ok;
    if (gguf_is(input)) {
        ok = tokenizer_open_gguf(&t, input, &err);
    } else {
        static const uint8_t nul[1];
        size_t end = span_find(input, (struct span){nul, 1});
        ok = tokenizer_open_json(&t, span_part(input, 0, end), &err);
        if (end < len)
            text = span_from(input, end + 1);
    }
    CHECK(ok || err.kind == ERR_INPUT);
    if (ok)
        encode(&t, text);
    tokenizer_close(&t);
    return 0;
}
