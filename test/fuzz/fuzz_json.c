/*
 * fuzz_json.c - whatever the reader accepts, the writer writes, and reading that gives the same
 * text again: a fixed point after one round.
 */
#include "fuzz.h"

#include "format/json.h"

static void copy_value(struct json_reader *r, struct json_writer *w)
{
    struct span key;
    switch (json_peek(r)) {
    case JSON_OBJECT:
        json_enter_object(r);
        if (r->failed) /* too deep */
            break;
        json_begin_object(w);
        while (json_next_key(r, &key)) {
            json_key_span(w, key);
            copy_value(r, w);
        }
        json_end(w);
        break;
    case JSON_ARRAY:
        json_enter_array(r);
        if (r->failed)
            break;
        json_begin_array(w);
        while (json_next_item(r))
            copy_value(r, w);
        json_end(w);
        break;
    case JSON_STRING:
        json_put_string(w, json_string(r));
        break;
    case JSON_NUMBER:
        json_put_double(w, json_double(r));
        break;
    case JSON_BOOL:
        json_put_bool(w, json_bool(r));
        break;
    case JSON_NULL:
        (void)json_null(r);
        json_put_null(w);
        break;
    case JSON_BROKEN:
        break;
    }
    if (r->failed && w->after_key) /* the value that was not written */
        json_put_null(w);
}

static bool round_trip(struct span text, struct buf *out)
{
    struct arena arena = {0};
    struct err err = {0};
    struct json_reader r;
    struct json_writer w = {.out = out, .python_nan = true};
    json_open(&r, text, &arena);
    if (json_peek(&r) != JSON_BROKEN)
        copy_value(&r, &w);
    bool ok = json_close(&r, &err);
    CHECK(ok || err.kind == ERR_INPUT);
    arena_release(&arena);

    json_open(&r, text, &arena);
    json_skip(&r);
    CHECK(json_close(&r, &err) == ok);
    arena_release(&arena);
    return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct buf once, twice;
    buf_init(&once, BUF_NO_LIMIT);
    buf_init(&twice, BUF_NO_LIMIT);
    if (round_trip((struct span){bytes, len}, &once)) {
        CHECK(round_trip(buf_span(&once), &twice));
        CHECK(span_equal(buf_span(&once), buf_span(&twice)));
    }
    buf_release(&once);
    buf_release(&twice);
    return 0;
}
