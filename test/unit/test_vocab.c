/*
 * test_vocab.c - text to id and back.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "text/vocab.h"

static struct err err;

static void a_word_is_found_by_text_and_by_id(void **state)
{
    (void)state;
    struct vocab v = {0};
    struct span word;
    assert_int_equal(vocab_id(&v, span_of("a")), VOCAB_NONE);
    vocab_put(&v, span_of("a"), 5);
    vocab_put(&v, span_of(""), 0);
    vocab_put(&v, span_of("ab"), 9);
    ASSERT_OK(vocab_index(&v, &err));
    assert_int_equal(vocab_id(&v, span_of("a")), 5);
    assert_int_equal(vocab_id(&v, span_of("ab")), 9);
    assert_int_equal(vocab_id(&v, span_of("b")), VOCAB_NONE);
    assert_int_equal(v.id_limit, 10);
    assert_true(vocab_text(&v, 9, &word));
    ASSERT_SPAN(word, "ab");
    assert_true(vocab_text(&v, 0, &word));
    assert_int_equal(word.len, 0);
    assert_false(vocab_text(&v, 1, &word));
    assert_false(vocab_text(&v, 10, &word));
    vocab_release(&v);
}

static void a_word_given_twice_has_its_last_id(void **state)
{
    (void)state;
    struct vocab v = {0};
    uint32_t first = vocab_put(&v, span_of("x"), 1);
    assert_int_equal(vocab_put(&v, span_of("x"), 2), first);
    assert_int_equal(v.n_words, 1);
    assert_int_equal(vocab_id(&v, span_of("x")), 2);
    vocab_release(&v);
}

static void many_words_survive_the_growing_of_the_table(void **state)
{
    (void)state;
    struct vocab v = {0};
    char text[16];
    for (uint32_t i = 0; i < 20000; i++) {
        snprintf(text, sizeof text, "w%u", i);
        vocab_put(&v, span_of(text), i);
    }
    ASSERT_OK(vocab_index(&v, &err));
    for (uint32_t i = 0; i < 20000; i++) {
        struct span word;
        snprintf(text, sizeof text, "w%u", i);
        assert_int_equal(vocab_id(&v, span_of(text)), i);
        assert_true(vocab_text(&v, i, &word));
        ASSERT_SPAN(word, text);
    }
    vocab_release(&v);
}

static void an_id_far_beyond_the_words_is_refused(void **state)
{
    (void)state;
    struct vocab v = {0};
    vocab_put(&v, span_of("x"), 4000000000u);
    ASSERT_FAILS(vocab_index(&v, &err), "id 4000000000 in a vocabulary of 1 words");
    vocab_release(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_word_is_found_by_text_and_by_id),
        cmocka_unit_test(a_word_given_twice_has_its_last_id),
        cmocka_unit_test(many_words_survive_the_growing_of_the_table),
        cmocka_unit_test(an_id_far_beyond_the_words_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
