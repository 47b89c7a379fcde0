#include "test/support/support.h"

#include "text/bpe_train.h"
#include "text/tokenizer.h"

static const char *const special[] = {"<e>", "<s>"};

static void train(struct bpe_train *t, size_t vocab_size, const char *const *texts, size_t n)
{
    struct err err = {0};
    struct bpe_train_options options = {
        .vocab_size = vocab_size, .special = special, .n_special = 2};
    bpe_train_init(t, &options);
    for (size_t i = 0; i < n; i++)
        ASSERT_OK(bpe_train_feed(t, span_of(texts[i]), &err));
    bpe_train_run(t);
}

static void assert_token(const struct bpe_train *t, size_t id, const char *text)
{
    assert_int_equal(t->tokens[id].len, strlen(text));
    assert_memory_equal(t->tokens[id].at, text, strlen(text));
}

static void the_most_frequent_pair_comes_first_and_of_equals_the_one_with_smaller_ids(void **state)
{
    (void)state;
    struct bpe_train t;
    /* "ab" thrice in all, "cd" and "bc" twice; '!' has the first byte's id. */
    static const char *const texts[] = {"abcd", "abcd", "ab", "!"};
    train(&t, 261, texts, COUNT_OF(texts));
    assert_int_equal(t.n_tokens, 261);
    assert_token(&t, 0, "<e>");
    assert_token(&t, 2, "!");
    assert_token(&t, 258, "ab");
    assert_token(&t, 259, "cd"); /* (c, d) before (ab, c): c has the smaller id */
    assert_token(&t, 260, "abcd");
    assert_int_equal(t.n_merges, 3);
    assert_int_equal(t.merges[2].left, 258);
    bpe_train_release(&t);
}

static void repeated_letters_are_counted_as_they_overlap(void **state)
{
    (void)state;
    struct bpe_train t;
    static const char *const texts[] = {"aaaaa", "aab"};
    train(&t, 300, texts, COUNT_OF(texts));
    assert_token(&t, 258, "aa");
    assert_true(t.n_merges >= 3 && t.n_tokens < 300); /* nothing is left to merge */
    bpe_train_release(&t);
}

static void special_tokens_cut_a_text_and_are_not_learnt(void **state)
{
    (void)state;
    struct bpe_train t;
    static const char *const texts[] = {"<s>ab<e>", "<e><s>ab", ""};
    train(&t, 300, texts, COUNT_OF(texts));
    assert_int_equal(t.n_tokens, 259);
    assert_token(&t, 258, "ab");
    bpe_train_release(&t);
}

static void rare_pairs_are_left_where_a_frequency_is_asked_for(void **state)
{
    (void)state;
    struct bpe_train t;
    struct err err = {0};
    struct bpe_train_options options = {.vocab_size = 300, .min_frequency = 2};
    bpe_train_init(&t, &options);
    ASSERT_OK(bpe_train_feed(&t, span_of("abab xy"), &err));
    bpe_train_run(&t);
    assert_int_equal(t.n_merges, 1);
    assert_token(&t, 256, "ab");
    bpe_train_release(&t);
}

static void what_is_written_is_read_and_gives_the_same_words(void **state)
{
    (void)state;
    struct bpe_train t;
    struct err err = {0};
    struct buf json;
    struct tokenizer tokenizer;
    struct tokenizer_work work = {0};
    struct tokens ids = {0};
    static const char *const texts[] = {"the cat \xc3\xa4 the cat", "the dog <s>"};
    train(&t, 270, texts, COUNT_OF(texts));
    buf_init(&json, BUF_NO_LIMIT);
    bpe_train_write(&t, &json);
    ASSERT_OK(tokenizer_open_json(&tokenizer, buf_span(&json), &err));
    ASSERT_OK(tokenizer_encode(&tokenizer, &work, span_of("<s>the dog"), false, &ids, &err));
    assert_int_equal(ids.n, 3);
    assert_int_equal(ids.ids[0], 1);
    assert_token(&t, ids.ids[1], "the");
    assert_token(&t, ids.ids[2], " dog");
    tokens_release(&ids);
    tokenizer_work_release(&work);
    tokenizer_close(&tokenizer);
    buf_release(&json);
    bpe_train_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_most_frequent_pair_comes_first_and_of_equals_the_one_with_smaller_ids),
        cmocka_unit_test(repeated_letters_are_counted_as_they_overlap),
        cmocka_unit_test(special_tokens_cut_a_text_and_are_not_learnt),
        cmocka_unit_test(rare_pairs_are_left_where_a_frequency_is_asked_for),
        cmocka_unit_test(what_is_written_is_read_and_gives_the_same_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
