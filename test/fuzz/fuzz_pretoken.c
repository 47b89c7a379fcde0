/*
 * fuzz_pretoken.c - a "pre_tokenizer" in JSON, a byte 0xFF, a text: pieces are in order, none is
 * empty, and none cuts a character.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "text/pretoken.h"

static void run(const struct pretokenizer *p, struct text *t)
{
    struct err err = {0};
    size_t len = t->bytes.len, last = 0;
    if (!pretokenizer_run(p, t, &err)) {
        CHECK(err.kind == ERR_INPUT);
        return;
    }
    for (size_t i = 0; i < t->n_pieces; i++) {
        struct text_piece piece = t->pieces[i];
        CHECK(last <= piece.start && piece.start < piece.end && piece.end <= t->bytes.len);
        struct span part = span_part(t->bytes, piece.start, piece.end - piece.start);
        CHECK(utf8_first_invalid(part) == part.len);
        CHECK(text_origin_of(t, piece.start, piece.end).end <= len);
        last = piece.end;
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
    struct pretokenizer p;
    struct err err = {0};
    json_open(&r, span_part(input, 0, cut), &arena);
    pretokenizer_read(&p, &r);
    if (json_close(&r, &err)) {
        struct text t;
        text_init(&t);
        text_set(&t, bytes_of_text, 0, true);
        run(&p, &t);
        text_release(&t);
    }
    pretokenizer_release(&p);
    arena_release(&arena);
    return 0;
}
