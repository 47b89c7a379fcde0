/*
 * test_unigram.c - the best cutting, ties, unknown characters.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "text/unigram.h"

static struct err err;

static void add(struct unigram *u, const char *text, double score)
{
    ASSERT_OK(unigram_add(u, span_of(text), score, &err));
}

static const char *encode(const struct unigram *u, const char *word)
{
    static char found[256];
    struct unigram_work w = {0};
    struct tokens out = {.with_ranges = true};
    size_t len = 0;
    found[0] = '\0';
    ASSERT_OK(unigram_encode(u, &w, span_of(word), &out, &err));
    for (size_t i = 0; i < out.n; i++)
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%u[%zu,%zu)", i ? " " : "",
                                out.ids[i], out.ranges[i].start, out.ranges[i].end);
    tokens_release(&out);
    unigram_work_release(&w);
    return found;
}

static void the_cutting_of_the_largest_sum_wins(void **state)
{
    (void)state;
    struct unigram u = {.unk_id = 0};
    add(&u, "<unk>", 0);
    add(&u, "a", -1);
    add(&u, "b", -1);
    add(&u, "ab", -1.5);
    add(&u, "abc", -9);
    add(&u, "c", -1);
    ASSERT_OK(unigram_finish(&u, &err));
    assert_string_equal(encode(&u, "abc"), "3[0,2) 5[2,3)");
    assert_string_equal(encode(&u, ""), "");
    unigram_release(&u);
}

static void of_equal_sums_the_one_found_first_stays(void **state)
{
    (void)state;
    struct unigram u = {.unk_id = 0};
    add(&u, "<unk>", 0);
    add(&u, "a", -1);
    add(&u, "aa", -2);
    ASSERT_OK(unigram_finish(&u, &err));
    assert_string_equal(encode(&u, "aa"), "2[0,2)");
    assert_string_equal(encode(&u, "aaa"), "1[0,1) 2[1,3)");
    unigram_release(&u);
}

static void neighbouring_unknown_characters_become_one_token(void **state)
{
    (void)state;
    struct unigram u = {.unk_id = 0};
    add(&u, "<unk>", 0);
    add(&u, "a", -1);
    ASSERT_OK(unigram_finish(&u, &err));
    assert_string_equal(encode(&u, "ax\xc3\xa9"
                                   "a"),
                        "1[0,1) 0[1,4) 1[4,5)");
    assert_string_equal(encode(&u, "<unk>x"), "0[0,6)");
    unigram_release(&u);
}

static void bytes_stand_in_where_all_are_there(void **state)
{
    (void)state;
    struct unigram u = {.unk_id = 0, .byte_fallback = true};
    add(&u, "<unk>", 0);
    add(&u, "<0xC3>", -5);
    add(&u, "<0xA9>", -5);
    ASSERT_OK(unigram_finish(&u, &err));
    assert_string_equal(encode(&u, "\xc3\xa9"), "1[0,2) 2[0,2)");
    assert_string_equal(encode(&u, "\xc3\xaa"), "0[0,2)");
    unigram_release(&u);
}

static void of_equal_pieces_the_last_counts_and_both_can_be_read(void **state)
{
    (void)state;
    struct unigram u = {.unk_id = 0};
    struct span text;
    add(&u, "<unk>", 0);
    add(&u, "a", -1);
    add(&u, "a", -2);
    ASSERT_OK(unigram_finish(&u, &err));
    assert_string_equal(encode(&u, "a"), "2[0,1)");
    assert_true(unigram_text(&u, 1, &text));
    ASSERT_SPAN(text, "a");
    assert_false(unigram_text(&u, 3, &text));
    unigram_release(&u);
}

static void what_is_wrong_is_refused(void **state)
{
    (void)state;
    struct unigram u = {.unk_id = VOCAB_NONE};
    struct unigram_work w = {0};
    struct tokens out = {0};
    char longest[UNIGRAM_LONGEST_PIECE + 2];
    memset(longest, 'a', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    ASSERT_FAILS(unigram_add(&u, span_of(longest), 0, &err), "piece 0 has 1025 bytes");
    add(&u, "a", 0);
    ASSERT_OK(unigram_finish(&u, &err));
    ASSERT_FAILS(unigram_encode(&u, &w, span_of("ax"), &out, &err), "the model has no unk_id");
    u.unk_id = 1;
    ASSERT_FAILS(unigram_finish(&u, &err), "unk_id is 1, but there are 1 pieces");
    tokens_release(&out);
    unigram_work_release(&w);
    unigram_release(&u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cutting_of_the_largest_sum_wins),
        cmocka_unit_test(of_equal_sums_the_one_found_first_stays),
        cmocka_unit_test(neighbouring_unknown_characters_become_one_token),
        cmocka_unit_test(bytes_stand_in_where_all_are_there),
        cmocka_unit_test(of_equal_pieces_the_last_counts_and_both_can_be_read),
        cmocka_unit_test(what_is_wrong_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
