#include "test/support/support.h"

#include "text/normalize.h"

static struct arena arena;
static struct err err;

static bool reads(const char *json, struct normalizer *n)
{
    struct json_reader r;
    json_open(&r, span_of(json), &arena);
    normalizer_read(n, &r);
    return json_close(&r, &err);
}

static bool is_read(const char *json)
{
    struct normalizer n;
    bool ok = reads(json, &n);
    normalizer_release(&n);
    return ok;
}

static void null_does_nothing(void **state)
{
    (void)state;
    struct normalizer n;
    struct text text;
    static const char bytes[] = "abc";
    ASSERT_OK(reads("null", &n));
    text_init(&text);
    text_set(&text, span_of(bytes), 0, false);
    ASSERT_OK(normalizer_run(&n, &text, &err));
    assert_ptr_equal(text.bytes.at, bytes);
    assert_int_equal(text.n_pieces, 1);
    text_release(&text);
    normalizer_release(&n);
}

static void sequences_become_one_list(void **state)
{
    (void)state;
    struct normalizer n;
    struct text text;
    ASSERT_OK(
        reads("{\"normalizers\": [{\"type\": \"NFD\"}, {\"type\": \"Sequence\", \"normalizers\":"
              "[{\"type\": \"StripAccents\"}, {\"type\": \"Lowercase\"}]}], \"type\": "
              "\"Sequence\"}",
              &n));
    assert_int_equal(n.n_steps, 3);
    text_init(&text);
    text_set(&text, span_of("\xc3\x89T\xc3\x89"), 0, false);
    ASSERT_OK(normalizer_run(&n, &text, &err));
    ASSERT_SPAN(text.bytes, "ete");
    text_release(&text);
    normalizer_release(&n);
}

static void without_a_type_the_members_tell_the_kind(void **state)
{
    (void)state;
    struct normalizer n;
    struct text text;
    ASSERT_OK(
        reads("{\"normalizers\": [{\"strip_left\": true, \"strip_right\": false}, {\"pattern\":"
              " {\"String\": \"a\"}, \"content\": \"bb\"}, {\"prepend\": \"x\"}]}",
              &n));
    text_init(&text);
    text_set(&text, span_of("  a "), 0, false);
    ASSERT_OK(normalizer_run(&n, &text, &err));
    ASSERT_SPAN(text.bytes, "xbb ");
    text_release(&text);
    normalizer_release(&n);
}

static void mistakes_are_named(void **state)
{
    (void)state;
    ASSERT_FAILS(is_read("{\"type\": \"Nope\"}"), "unknown normalizer \"Nope\"");
    ASSERT_FAILS(is_read("{}"), "unknown normalizer \"\"");
    ASSERT_FAILS(is_read("{\"type\": \"Strip\", \"strip_left\": true}"),
                 "Strip lacks \"strip_right\"");
    ASSERT_FAILS(is_read("{\"type\": \"Sequence\"}"), "a Sequence without \"normalizers\"");
    ASSERT_FAILS(is_read("{\"type\": \"NFC\", \"normalizers\": []}"), "that is no Sequence");
    ASSERT_FAILS(is_read("{\"type\": \"Prepend\", \"prepend\": 1}"), "expected a string");
    ASSERT_FAILS(is_read("{\"type\": \"Precompiled\", \"precompiled_charsmap\": \"A\"}"),
                 "not Base64");
    ASSERT_FAILS(is_read("{\"type\": \"Replace\", \"pattern\": {\"Regex\": \"(\"}, "
                         "\"content\": \"\"}"),
                 "unclosed group");
    ASSERT_FAILS(is_read("[]"), "expected an object");
}

static void the_number_of_steps_and_their_nesting_are_bounded(void **state)
{
    (void)state;
    struct buf json;
    buf_init(&json, 1 << 20);
    buf_add_text(&json, "{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"}");
    for (int i = 0; i < 100; i++)
        buf_add_text(&json, ",{\"type\":\"NFC\"}");
    buf_add_text(&json, "]}");
    ASSERT_FAILS(is_read(buf_string(&json)), "more than 64 normalizers");
    buf_clear(&json);
    for (int i = 0; i < 20; i++)
        buf_add_text(&json, "{\"type\":\"Sequence\",\"normalizers\":[");
    ASSERT_FAILS(is_read(buf_string(&json)), "nested more than 16 deep");
    buf_release(&json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(null_does_nothing),
        cmocka_unit_test(sequences_become_one_list),
        cmocka_unit_test(without_a_type_the_members_tell_the_kind),
        cmocka_unit_test(mistakes_are_named),
        cmocka_unit_test(the_number_of_steps_and_their_nesting_are_bounded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
