#include "test/support/tiny_model.h"

#include "train/tokenizer_fit.h"

static struct tokenizer tokenizer;
static char doubt[TOKENIZER_DOUBT_SIZE];

static int begin(void **state)
{
    (void)state;
    struct err err;
    ASSERT_OK(tokenizer_open(&tokenizer, tiny_model("tiny", NULL, NULL), &err));
    return 0;
}

static int end(void **state)
{
    (void)state;
    tokenizer_close(&tokenizer);
    return 0;
}

static void the_model_s_own_tokenizer_raises_no_doubt(void **state)
{
    (void)state;
    struct model_config c = {.vocabulary = TINY_VOCABULARY, .eos = {TINY_END}, .n_eos = 1};
    assert_false(tokenizer_fit_doubt(&tokenizer, &c, doubt));
    c.eos[0] = 2;
    c.eos[1] = TINY_END;
    c.n_eos = 2;
    assert_false(tokenizer_fit_doubt(&tokenizer, &c, doubt));
    c.n_eos = 0;
    assert_false(tokenizer_fit_doubt(&tokenizer, &c, doubt));
    c.vocabulary = 11; /* padded */
    assert_false(tokenizer_fit_doubt(&tokenizer, &c, doubt));
}

static void a_vocabulary_that_is_far_larger_raises_one(void **state)
{
    (void)state;
    struct model_config c = {.vocabulary = 12, .eos = {TINY_END}, .n_eos = 1};
    assert_true(tokenizer_fit_doubt(&tokenizer, &c, doubt));
    assert_string_equal(doubt, "the tokenizer has 10 tokens, the model's vocabulary 12");
    c.is_gguf = true; /* one file */
    assert_false(tokenizer_fit_doubt(&tokenizer, &c, doubt));
}

static void an_end_of_text_that_is_a_word_raises_one(void **state)
{
    (void)state;
    struct model_config c = {.vocabulary = TINY_VOCABULARY, .eos = {4}, .n_eos = 1};
    assert_true(tokenizer_fit_doubt(&tokenizer, &c, doubt));
    assert_string_equal(
        doubt, "the model ends a text with token 4, which is the word \"ab\" in the tokenizer");
    c.vocabulary = 11;
    c.eos[0] = 10;
    assert_true(tokenizer_fit_doubt(&tokenizer, &c, doubt));
    assert_string_equal(doubt, "the model ends a text with token 10, which the tokenizer has not");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_model_s_own_tokenizer_raises_no_doubt),
        cmocka_unit_test(a_vocabulary_that_is_far_larger_raises_one),
        cmocka_unit_test(an_end_of_text_that_is_a_word_raises_one),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
