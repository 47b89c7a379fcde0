#include "test/support/support.h"

#include "text/gguf_pre.h"

static struct err err;
static struct arena arena;

static struct pretokenizer read_json(const char *json)
{
    struct pretokenizer p = {0};
    struct json_reader r;
    json_open(&r, span_of(json), &arena);
    pretokenizer_read(&p, &r);
    ASSERT_OK(json_close(&r, &err));
    return p;
}

/* The name that GGUF has for a pre_tokenizer, or NULL. */
static const char *name_of(const char *json, bool ignore_merges, bool add_bos)
{
    struct pretokenizer p = read_json(json);
    const struct gguf_pre *pre = gguf_pre_like(&p, ignore_merges, add_bos);
    pretokenizer_release(&p);
    return pre ? pre->names[0] : NULL;
}

static const char byte_level[] = "{\"type\": \"ByteLevel\", \"add_prefix_space\": false, "
                                 "\"trim_offsets\": true, \"use_regex\": true}";

static void names_are_found(void **state)
{
    (void)state;
    const struct gguf_pre *pre = gguf_pre_find(span_of("qwen2"), &err);
    assert_non_null(pre);
    assert_false(pre->ignore_merges);
    assert_ptr_equal(gguf_pre_find(span_of("megrez"), &err), pre);
    assert_string_equal(gguf_pre_find(span_of("llama3"), &err)->names[0], "llama-bpe");
    assert_null(gguf_pre_find(span_of("nobody"), &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.what, "pre-tokenizer \"nobody\" is not supported");
    assert_string_equal(err.where, "tokenizer.ggml.pre");
}

static void a_way_of_cutting_has_its_name_however_it_is_written(void **state)
{
    (void)state;
    assert_string_equal(name_of(byte_level, false, false), "gpt-2");
    const char *digits = arena_printf(&arena,
                                      "{\"type\": \"Sequence\", \"pretokenizers\": [{\"type\": "
                                      "\"Digits\", \"individual_digits\": true}, %s]}",
                                      byte_level);
    assert_string_equal(name_of(digits, false, false), "smollm");
}

static void each_row_is_told_from_the_others(void **state)
{
    (void)state;
    /* all but bailingmoe, which writes qwen2's cuts in another way */
    static const char *const names[] = {
        "default", "llama-bpe",    "dbrx",           "glm4",        "qwen2",     "qwen35",
        "gpt-2",   "smollm",       "falcon",         "deepseek-v3", "tekken",    "gpt-4o",
        "viking",  "deepseek-llm", "deepseek-coder", "poro-chat",   "seed-coder"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct gguf_pre *row = gguf_pre_find(span_of(names[i]), &err);
        struct buf json;
        assert_non_null(row);
        buf_init(&json, BUF_NO_LIMIT);
        gguf_pre_put(row, true, &(struct json_writer){.out = &json});
        const char *text = arena_string(&arena, buf_span(&json));
        assert_string_equal(name_of(text, row->ignore_merges, row->add_bos), names[i]);
        buf_release(&json);
    }
}

static void where_two_rows_cut_alike_the_token_before_the_text_decides(void **state)
{
    (void)state;
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    gguf_pre_put(gguf_pre_find(span_of("glm4"), &err), true, &(struct json_writer){.out = &json});
    const char *text = arena_string(&arena, buf_span(&json));
    buf_release(&json);
    assert_string_equal(name_of(text, true, false), "glm4");
    assert_string_equal(name_of(text, true, true), "llama-bpe");
    assert_string_equal(name_of(text, false, true), "dbrx"); /* no row has both */
}

static void what_has_no_name_is_not_found(void **state)
{
    (void)state;
    assert_null(name_of(byte_level, true, false));
    assert_null(name_of("{\"type\": \"ByteLevel\", \"add_prefix_space\": true, "
                        "\"trim_offsets\": true, \"use_regex\": true}",
                        false, false));
    assert_null(name_of("{\"type\": \"Whitespace\"}", false, false));
    assert_null(name_of("null", false, false));
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_found),
        cmocka_unit_test(a_way_of_cutting_has_its_name_however_it_is_written),
        cmocka_unit_test(each_row_is_told_from_the_others),
        cmocka_unit_test(where_two_rows_cut_alike_the_token_before_the_text_decides),
        cmocka_unit_test(what_has_no_name_is_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
