/*
 * test_tokenizer.c - a whole tokenizer.json: ids, ranges, added tokens, decoding, errors; and that
 * threads with workspaces of their own share one.
 */
#include "test/support/support.h"

#include <pthread.h>
#include <stdio.h>

#include "text/tokenizer.h"

static struct err err;

#define MODEL                                                                                      \
    "\"model\":{\"type\":\"BPE\",\"unk_token\":\"<unk>\",\"vocab\":{\"<unk>\":0,\"a\":1,\"b\":2,"  \
    "\"ab\":3,\"\\u2581\":4,\"\\u2581a\":5,\"<s>\":6},\"merges\":[\"a b\",\"\\u2581 a\"]}"
#define ADDED                                                                                      \
    "\"added_tokens\":[{\"id\":6,\"content\":\"<s>\",\"special\":true},"                           \
    "{\"id\":900,\"content\":\"NEW\",\"normalized\":false},"                                       \
    "{\"id\":901,\"content\":\"Low\",\"normalized\":true}]"
#define AROUND                                                                                     \
    "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"Lowercase\"},"             \
    "{\"type\":\"Prepend\",\"prepend\":\"\\u2581\"}]},\"pre_tokenizer\":null,"                     \
    "\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":[{\"SpecialToken\":{\"id\":"   \
    "\"<s>\",\"type_id\":0}},{\"Sequence\":{\"id\":\"A\",\"type_id\":0}}],\"pair\":[],"            \
    "\"special_tokens\":{\"<s>\":{\"id\":\"<s>\",\"ids\":[6],\"tokens\":[\"<s>\"]}}},"             \
    "\"decoder\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\",\"prepend_scheme\":"          \
    "\"always\"}"
#define FILE_TEXT                                                                                  \
    "{\"version\":\"1.0\",\"truncation\":{\"max_length\":1},\"padding\":{},\n" ADDED ",\n" AROUND  \
    ",\n" MODEL "}"

static void open_text(struct tokenizer *t, const char *text)
{
    ASSERT_OK(tokenizer_open_json(t, span_of(text), &err));
}

static const char *encode(const struct tokenizer *t, const char *text, bool special)
{
    static char found[256];
    struct tokenizer_work w = {0};
    struct tokens out = {.with_ranges = true};
    size_t len = 0;
    found[0] = '\0';
    ASSERT_OK(tokenizer_encode(t, &w, span_of(text), special, &out, &err));
    for (size_t i = 0; i < out.n; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%u[%zu,%zu)", i ? " " : "",
                                out.ids[i], out.ranges[i].start, out.ranges[i].end);
    tokens_release(&out);
    tokenizer_work_release(&w);
    return found;
}

static void ids_and_ranges_of_a_text(void **state)
{
    (void)state;
    struct tokenizer t;
    open_text(&t, FILE_TEXT);
    assert_string_equal(encode(&t, "AB", false), "4[0,1) 3[0,2)");
    assert_string_equal(encode(&t, "b", true), "6[0,0) 4[0,1) 2[0,1)");
    assert_string_equal(encode(&t, "", true), "6[0,0)");
    assert_string_equal(encode(&t, "", false), "");
    tokenizer_close(&t);
}

/* NEW is not in the model: its id follows the seven words, whatever the file says. */
static void added_tokens_are_cut_out_and_numbered_as_the_library_does(void **state)
{
    (void)state;
    struct tokenizer t;
    uint32_t id;
    struct span text;
    open_text(&t, FILE_TEXT);
    assert_string_equal(encode(&t, "a<s>NEWb", false), "5[0,1) 6[1,4) 7[4,7) 4[7,8) 2[7,8)");
    assert_string_equal(encode(&t, "alow", false), "5[0,1) 0[1,2) 0[2,3) 0[3,4)");
    assert_int_equal(t.n_words, 9);
    assert_int_equal(t.id_limit, 9);
    assert_true(tokenizer_id(&t, span_of("NEW"), &id));
    assert_int_equal(id, 7);
    assert_true(tokenizer_id(&t, span_of("ab"), &id));
    assert_int_equal(id, 3);
    assert_false(tokenizer_id(&t, span_of("abc"), &id));
    assert_true(tokenizer_text(&t, 8, &text));
    ASSERT_SPAN(text, "Low");
    assert_true(tokenizer_text(&t, 3, &text));
    ASSERT_SPAN(text, "ab");
    assert_false(tokenizer_text(&t, 9, &text));
    assert_true(tokenizer_is_special(&t, 6));
    assert_false(tokenizer_is_special(&t, 7));
    assert_false(tokenizer_is_special(&t, 1));
    tokenizer_close(&t);
}

/* Between normalised tokens the rest of the normalised text is encoded: no second prefix. */
static void a_normalized_token_is_found_in_normalised_text(void **state)
{
    (void)state;
    struct tokenizer t;
    static const char text[] = "{" MODEL ",\"normalizer\":{\"type\":\"Lowercase\"},"
                               "\"added_tokens\":[{\"content\":\"Low\",\"normalized\":true}]}";
    open_text(&t, text);
    assert_string_equal(encode(&t, "aLOWb", false), "1[0,1) 7[1,4) 2[4,5)");
    struct buf out;
    const uint32_t ids[] = {7, 1};
    buf_init(&out, BUF_NO_LIMIT);
    ASSERT_OK(tokenizer_decode(&t, ids, 2, false, &out, &err));
    ASSERT_SPAN(buf_span(&out), "low a");
    buf_release(&out);
    tokenizer_close(&t);
}

static void ids_become_text_again(void **state)
{
    (void)state;
    struct tokenizer t;
    struct buf out;
    const uint32_t ids[] = {6, 5, 2, 12345, 4, 3, 7};
    open_text(&t, FILE_TEXT);
    buf_init(&out, BUF_NO_LIMIT);
    ASSERT_OK(tokenizer_decode(&t, ids, COUNT_OF(ids), false, &out, &err));
    ASSERT_SPAN(buf_span(&out), "<s> ab abNEW");
    buf_clear(&out);
    ASSERT_OK(tokenizer_decode(&t, ids, COUNT_OF(ids), true, &out, &err));
    ASSERT_SPAN(buf_span(&out), "ab abNEW");
    buf_release(&out);
    tokenizer_close(&t);
}

static void a_template_can_want_the_text_twice(void **state)
{
    (void)state;
    struct tokenizer t;
    open_text(&t, "{" MODEL ",\"post_processor\":{\"type\":\"TemplateProcessing\",\"single\":["
                  "{\"Sequence\":{\"id\":\"A\"}},{\"SpecialToken\":{\"id\":\"x\"}},"
                  "{\"Sequence\":{\"id\":\"A\"}}],\"special_tokens\":{\"x\":{\"ids\":[0]}}}}");
    assert_string_equal(encode(&t, "ab", true), "3[0,2) 0[2,2) 3[0,2)");
    tokenizer_close(&t);
}

static void text_that_is_not_utf8_is_refused_with_its_place(void **state)
{
    (void)state;
    struct tokenizer t;
    struct tokenizer_work w = {0};
    struct tokens out = {0};
    open_text(&t, FILE_TEXT);
    ASSERT_FAILS(tokenizer_encode(&t, &w, span_of("ab\xff"), true, &out, &err), "not valid UTF-8");
    assert_string_equal(err.where, "byte 2");
    struct span huge = {(const uint8_t *)"", (size_t)1 << 33};
    ASSERT_FAILS(tokenizer_encode(&t, &w, huge, true, &out, &err), "a text of 8589934592 bytes");
    tokens_release(&out);
    tokenizer_work_release(&w);
    tokenizer_close(&t);
}

static void the_first_piece_is_the_one_from_the_text_s_beginning(void **state)
{
    (void)state;
    struct tokenizer t;
    open_text(&t, "{\"normalizer\":{\"type\":\"Strip\",\"strip_left\":true,\"strip_right\":false},"
                  "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"\\u2581\","
                  "\"prepend_scheme\":\"first\"}," MODEL "}");
    assert_string_equal(encode(&t, "ab", false), "4[0,1) 3[0,2)");
    assert_string_equal(encode(&t, " ab", false), "3[1,3)");
    tokenizer_close(&t);
}

static void a_unigram_model_reads_the_letters_of_bytes(void **state)
{
    (void)state;
    struct tokenizer t;
    open_text(&t, "{\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
                  "\"trim_offsets\":true,\"use_regex\":false},\"model\":{\"type\":\"Unigram\","
                  "\"unk_id\":0,\"vocab\":[[\"<unk>\",0],[\"\\u0120a\",-1],[\"b\",-2]]}}");
    assert_string_equal(encode(&t, " ab", false), "1[0,2) 2[2,3)");
    tokenizer_close(&t);
}

static void a_token_that_is_there_twice_is_decoded_as_it_was_normalised(void **state)
{
    (void)state;
    struct tokenizer t;
    struct buf text;
    uint32_t id = 7;
    open_text(&t,
              "{\"added_tokens\":[{\"content\":\"Low\",\"normalized\":true},{\"content\":\"Low\","
              "\"normalized\":false}],\"normalizer\":{\"type\":\"Lowercase\"}," MODEL "}");
    assert_string_equal(encode(&t, "Low", false), "7[0,3)");
    buf_init(&text, BUF_NO_LIMIT);
    ASSERT_OK(tokenizer_decode(&t, &id, 1, false, &text, &err));
    ASSERT_SPAN(buf_span(&text), "low");
    buf_release(&text);
    tokenizer_close(&t);
}

static void what_is_wrong_in_the_file_is_refused(void **state)
{
    (void)state;
    struct tokenizer t;
    ASSERT_FAILS(tokenizer_open_json(&t, span_of("{}"), &err), "no \"model\" in it");
    ASSERT_FAILS(tokenizer_open_json(&t, span_of("{\"version\":\"2.0\"}"), &err),
                 "version \"2.0\" of tokenizer.json is not known");
    ASSERT_FAILS(tokenizer_open_json(&t, span_of("{\"model\":"), &err), "the text ends early");
    ASSERT_FAILS(
        tokenizer_open_json(
            &t,
            span_of("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"a\":4000000000},\"merges\":[]}}"),
            &err),
        "id 4000000000 in a vocabulary of 1 words");
    assert_string_equal(err.where, "model");
    ASSERT_FAILS(tokenizer_open_json(&t,
                                     span_of("{\"model\":{\"type\":\"Unigram\",\"unk_id\":3,"
                                             "\"vocab\":[[\"a\",0]]}}"),
                                     &err),
                 "unk_id is 3");
    ASSERT_FAILS(tokenizer_open(&t, "/nonexistent/x", &err), "cannot open");
}

static void a_folder_or_the_file_can_be_named(void **state)
{
    (void)state;
    struct tokenizer t;
    const char *path = temporary_file("tokenizer.json", span_of(FILE_TEXT));
    ASSERT_OK(tokenizer_open(&t, path, &err));
    tokenizer_close(&t);
    ASSERT_OK(tokenizer_open(&t, temporary_folder(), &err));
    assert_string_equal(encode(&t, "ab", false), "4[0,1) 3[0,2)");
    tokenizer_close(&t);
    path = temporary_file("broken.json", span_of("{\"model\":{\n\"type\":3}}"));
    ASSERT_FAILS(tokenizer_open(&t, path, &err), "expected a string, found a number");
    assert_non_null(strstr(err.where, "broken.json: line 2, column 8: model.type"));
    tokenizer_close(&t);
}

static void *encode_often(void *at)
{
    const struct tokenizer *t = at;
    struct tokenizer_work w = {0};
    struct err failure;
    size_t total = 0;
    for (int i = 0; i < 2000; i++) {
        struct tokens out = {0};
        char text[64];
        snprintf(text, sizeof text, "ab%d a<s>b NEW", i);
        if (tokenizer_encode(t, &w, span_of(text), true, &out, &failure))
            total += out.n;
        tokens_release(&out);
    }
    tokenizer_work_release(&w);
    return (void *)total;
}

static void threads_share_a_tokenizer(void **state)
{
    (void)state;
    struct tokenizer t;
    pthread_t threads[4];
    void *total, *expected;
    open_text(&t, FILE_TEXT);
    expected = encode_often(&t);
    for (size_t i = 0; i < COUNT_OF(threads); i++)
        assert_int_equal(pthread_create(&threads[i], NULL, encode_often, &t), 0);
    for (size_t i = 0; i < COUNT_OF(threads); i++) {
        assert_int_equal(pthread_join(threads[i], &total), 0);
        assert_ptr_equal(total, expected);
    }
    tokenizer_close(&t);
}

/* The ranges of a real byte-level tokenizer cover the text without a gap. */
static void ranges_cover_the_text(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct tokenizer t;
    struct tokenizer_work w = {0};
    struct tokens out = {.with_ranges = true};
    const char *path = data_path(&arena, "models/own-3M");
    if (!path)
        skip_without_data();
    ASSERT_OK(tokenizer_open(&t, path, &err));
    struct span text =
        span_of("<|im_start|>user\nna\xc3\xafve \xf0\x9f\x98\x80  x1234<|im_end|>\n");
    ASSERT_OK(tokenizer_encode(&t, &w, text, true, &out, &err));
    size_t at = 0;
    for (size_t i = 0; i < out.n; i++) {
        /* A character of several tokens is the place of each of them. */
        assert_true(out.ranges[i].start <= at && out.ranges[i].end >= at);
        assert_true(out.ranges[i].start < out.ranges[i].end);
        at = out.ranges[i].end;
    }
    assert_int_equal(at, text.len);
    tokens_release(&out);
    tokenizer_work_release(&w);
    tokenizer_close(&t);
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_and_ranges_of_a_text),
        cmocka_unit_test(added_tokens_are_cut_out_and_numbered_as_the_library_does),
        cmocka_unit_test(a_normalized_token_is_found_in_normalised_text),
        cmocka_unit_test(ids_become_text_again),
        cmocka_unit_test(a_template_can_want_the_text_twice),
        cmocka_unit_test(text_that_is_not_utf8_is_refused_with_its_place),
        cmocka_unit_test(the_first_piece_is_the_one_from_the_text_s_beginning),
        cmocka_unit_test(a_unigram_model_reads_the_letters_of_bytes),
        cmocka_unit_test(a_token_that_is_there_twice_is_decoded_as_it_was_normalised),
        cmocka_unit_test(what_is_wrong_in_the_file_is_refused),
        cmocka_unit_test(a_folder_or_the_file_can_be_named),
        cmocka_unit_test(threads_share_a_tokenizer),
        cmocka_unit_test(ranges_cover_the_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
