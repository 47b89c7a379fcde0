/*
 * fuzz_normalize.c - a "normalizer" in JSON, a byte 0xFF, a text: what comes out is UTF-8, and each
 * byte of it comes from somewhere in the text.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "text/normalize.h"

static void run(const struct normalizer *n, struct text *t)
{
    struct err err = {0};
    size_t len = t->bytes.len;
    if (!normalizer_run(n, t, &err)) {
        CHECK(err.kind == ERR_INPUT);
        return;
    }
    CHECK(utf8_first_invalid(t->bytes) == t->bytes.len);
    for (size_t i = 0; i < t->bytes.len; i++) {
        struct text_origin origin = text_origin_of(t, i, i + 1);
        CHECK(origin.start <= origin.end && origin.end <= len);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span input = {bytes, len};
    static const uint8_t mark = 0xff;
    size_t cut = span_find(input, (struct span){&mark, 1});
    struct span bytes_of_text = cut < len ? span_from(input, cut + 1) : (struct span){0};
    bytes_of_text = span_part(bytes_of_text, 0, utf8_first_invalid(bytes_of_text));
    struct arena arena = {0};
    struct json_reader r;
    struct normalizer n;
    struct err err = {0};
    json_open(&r, span_part(input, 0, cut), &arena);
    normalizer_read(&n, &r);
    if (json_close(&r, &err)) {
        struct text t;
        text_init(&t);
        text_set(&t, bytes_of_text, 0, true);
        run(&n, &t);
        text_release(&t);
    }
    normalizer_release(&n);
    arena_release(&arena);
    return 0;
}
