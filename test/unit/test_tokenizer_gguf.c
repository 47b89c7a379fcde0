/*
 * test_tokenizer_gguf.c - tokenizers in GGUF files made here, and their errors. llama.cpp has test
 * vectors of its own: test/golden/tokenizer_check.py runs them.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "format/gguf_writer.h"
#include "text/tokenizer_gguf.h"

#define KEY(name) "tokenizer.ggml." name

static struct err err;
static struct gguf_writer writer;

static void put_strings(const char *key, const char *const *texts)
{
    uint64_t n = 0;
    while (texts[n])
        n++;
    gguf_put_array(&writer, key, GGUF_STRING, n);
    for (uint64_t i = 0; i < n; i++)
        gguf_item_string(&writer, span_of(texts[i]));
}

static void put_types(const char *types) /* one digit each */
{
    gguf_put_array(&writer, KEY("token_type"), GGUF_I32, strlen(types));
    for (; *types; types++)
        gguf_item_i32(&writer, *types - '0');
}

static void put_scores(size_t n)
{
    gguf_put_array(&writer, KEY("scores"), GGUF_F32, n);
    for (size_t i = 0; i < n; i++)
        gguf_item_f32(&writer, -(float)i);
}

static void begin(const char *model, const char *const *tokens)
{
    gguf_writer_init(&writer);
    gguf_put_text(&writer, KEY("model"), model);
    if (tokens)
        put_strings(KEY("tokens"), tokens);
}

/* Ends the file and opens its tokenizer. */
static bool opens(struct tokenizer *t)
{
    struct arena arena = {0};
    char *path = file_join(&arena, temporary_folder(), "t.gguf");
    ASSERT_OK(gguf_writer_open(&writer, path, &err));
    ASSERT_OK(gguf_writer_commit(&writer, &err));
    gguf_writer_release(&writer);
    bool ok = tokenizer_open(t, path, &err);
    arena_release(&arena);
    return ok;
}

static const char *encode(const struct tokenizer *t, const char *text)
{
    static char found[256];
    struct tokenizer_work w = {0};
    struct tokens out = {0};
    size_t len = 0;
    found[0] = '\0';
    ASSERT_OK(tokenizer_encode(t, &w, span_of(text), true, &out, &err));
    for (size_t i = 0; i < out.n; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%u", i ? " " : "", out.ids[i]);
    struct buf back;
    buf_init(&back, BUF_NO_LIMIT);
    ASSERT_OK(tokenizer_decode(t, out.ids, out.n, true, &back, &err));
    ASSERT_SPAN(buf_span(&back), text);
    buf_release(&back);
    tokens_release(&out);
    tokenizer_work_release(&w);
    return found;
}

static const char *const byte_tokens[] = {"H", "i", "Hi", "\xc4\xa0", "\xc4\xa0Hi", "<s>", "1",
                                          "11", "<|im_end|>", NULL};
static const char *const byte_merges[] = {"H i", "\xc4\xa0 Hi", "1 1", NULL};

static void a_byte_level_vocabulary_is_cut_by_the_name_of_its_patterns(void **state)
{
    (void)state;
    struct tokenizer t;
    begin("gpt2", byte_tokens);
    put_strings(KEY("merges"), byte_merges);
    gguf_put_text(&writer, KEY("pre"), "qwen2");
    put_types("111113111");
    ASSERT_OK(opens(&t));
    assert_string_equal(encode(&t, "Hi Hi11"), "2 4 6 6");
    /* <|im_end|> is an ordinary token by its type, but not by its text. */
    assert_true(tokenizer_is_special(&t, 5) && tokenizer_is_special(&t, 8));
    tokenizer_close(&t);

    begin("gpt2", byte_tokens);
    put_strings(KEY("merges"), byte_merges);
    gguf_put_text(&writer, KEY("pre"), "llama-bpe");
    gguf_put_u32(&writer, KEY("bos_token_id"), 5);
    put_types("111113111");
    ASSERT_OK(opens(&t));
    struct tokens out = {0};
    struct tokenizer_work w = {0};
    ASSERT_OK(tokenizer_encode(&t, &w, span_of("Hi11"), true, &out, &err));
    assert_int_equal(out.n, 3);
    assert_int_equal(out.ids[0], 5);
    assert_int_equal(out.ids[2], 7);
    tokens_release(&out);
    tokenizer_work_release(&w);
    tokenizer_close(&t);
}

static void a_vocabulary_of_scores_has_blanks_as_blocks(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "H", "i", "Hi", "\xe2\x96\x81",
                                         "\xe2\x96\x81Hi", "<0xC3>", "<0xA9>", "USER", NULL};
    struct tokenizer t;
    begin("llama", tokens);
    put_scores(11);
    put_types("23311111664");
    gguf_put_bool(&writer, KEY("add_bos_token"), false);
    gguf_put_bool(&writer, KEY("add_eos_token"), true);
    ASSERT_OK(opens(&t));
    assert_string_equal(encode(&t, "Hi Hi"), "7 7 2");
    assert_string_equal(encode(&t, "\xc3\xa9"), "6 8 9 2");
    assert_true(tokenizer_is_special(&t, 0) && !tokenizer_is_special(&t, 10));
    tokenizer_close(&t);
}

static void gemma_takes_newlines_whole(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<bos>", "H", "i", "Hi", "\xe2\x96\x81", "\n", "\n\n",
                                         "<0xC3>", "<0xA9>", NULL};
    static const char *const merges[] = {"H i", NULL};
    struct tokenizer t;
    begin("gemma4", tokens);
    put_strings(KEY("merges"), merges);
    gguf_put_u32(&writer, KEY("bos_token_id"), 0);
    put_types("311111166");
    ASSERT_OK(opens(&t));
    assert_string_equal(encode(&t, "Hi Hi\n\n\xc3\xa9"), "0 3 4 3 6 7 8");
    tokenizer_close(&t);
}

static void phi3_swallows_blanks_behind_its_tokens(void **state)
{
    (void)state;
    static const char *const tokens[] = {"<unk>", "<s>", "</s>", "<|user|>", "a", "\xe2\x96\x81",
                                         NULL};
    struct tokenizer t;
    begin("llama", tokens);
    put_scores(6);
    put_types("233311");
    gguf_put_text(&writer, "general.name", "My Phi-3 mini");
    ASSERT_OK(opens(&t));
    struct tokens out = {0};
    struct tokenizer_work w = {0};
    ASSERT_OK(tokenizer_encode(&t, &w, span_of("<|user|>  a<s> a"), false, &out, &err));
    static const uint32_t wanted[] = {3, 5, 4, 1, 5, 5, 4};
    assert_int_equal(out.n, COUNT_OF(wanted));
    assert_memory_equal(out.ids, wanted, sizeof wanted);
    tokens_release(&out);
    tokenizer_work_release(&w);
    tokenizer_close(&t);
}

static void what_is_not_supported_is_named(void **state)
{
    (void)state;
    struct tokenizer t;
    begin("t5", byte_tokens);
    ASSERT_FAILS(opens(&t), "tokenizer model \"t5\" is not supported");
    begin("gpt2", byte_tokens);
    put_strings(KEY("merges"), byte_merges);
    gguf_put_text(&writer, KEY("pre"), "other");
    ASSERT_FAILS(opens(&t), "pre-tokenizer \"other\" is not supported");
    assert_non_null(strstr(err.hint, "tokenizer.json"));
}

static void keys_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const char *const bad_merges[] = {"Hi", NULL};
    static const char *const other_merges[] = {"H x", NULL};
    static const char *const bad_tokens[] = {"a", "\xff", NULL};
    struct tokenizer t;
    begin("gpt2", NULL);
    ASSERT_FAILS(opens(&t), "tokens");
    begin("gpt2", bad_tokens);
    ASSERT_FAILS(opens(&t), "token 1 is not valid UTF-8");
    begin("gpt2", byte_tokens);
    put_strings(KEY("merges"), bad_merges);
    ASSERT_FAILS(opens(&t), "merge 0 is not two tokens");
    begin("gpt2", byte_tokens);
    put_strings(KEY("merges"), other_merges);
    ASSERT_FAILS(opens(&t), "\"x\" is not in the vocabulary");
    begin("gpt2", byte_tokens);
    put_strings(KEY("merges"), byte_merges);
    gguf_put_bool(&writer, KEY("add_bos_token"), true);
    ASSERT_FAILS(opens(&t), "between tokens that the file does not name");
    begin("llama", byte_tokens);
    put_scores(3);
    ASSERT_FAILS(opens(&t), "3 scores for 9 tokens");
}

static void a_special_token_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    char longest[ADDED_LONGEST + 2];
    memset(longest, 'x', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    const char *const tokens[] = {longest, NULL};
    static const char *const merges[] = {NULL};
    struct tokenizer t;
    begin("gpt2", tokens);
    put_strings(KEY("merges"), merges);
    put_types("3");
    ASSERT_FAILS(opens(&t), "special token 0 has 1025 bytes; 1024 is the most");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_byte_level_vocabulary_is_cut_by_the_name_of_its_patterns),
        cmocka_unit_test(a_vocabulary_of_scores_has_blanks_as_blocks),
        cmocka_unit_test(gemma_takes_newlines_whole),
        cmocka_unit_test(phi3_swallows_blanks_behind_its_tokens),
        cmocka_unit_test(what_is_not_supported_is_named),
        cmocka_unit_test(keys_that_do_not_fit_are_refused),
        cmocka_unit_test(a_special_token_beyond_the_limit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
