/*
 * test_bpe.c - merging, unknown characters, affixes. The library's answers for each case were taken
 * from `tokenizers` 0.23; test/golden/tokenizer_check.py compares on real vocabularies.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "text/bpe.h"

static struct err err;

/* Words are numbered in their order; merges are "a b". */
static void build(struct bpe *b, const char *const *words, const char *const *merges)
{
    for (uint32_t i = 0; words[i]; i++)
        vocab_put(&b->vocab, span_of(words[i]), i);
    for (size_t i = 0; merges && merges[i]; i++) {
        struct span line = span_of(merges[i]);
        size_t at = span_find(line, span_of(" "));
        ASSERT_OK(bpe_add_merge(b, span_part(line, 0, at), span_from(line, at + 1), &err));
    }
}

/* The ids of the word, with ranges, as "3[0,2) 1[2,3)"; encoded twice: the cache says the same. */
static const char *encode(const struct bpe *b, const char *word)
{
    static char found[256];
    char first[256] = "";
    struct bpe_work w = {0};
    for (int round = 0; round < 2; round++) {
        struct tokens out = {.with_ranges = true};
        size_t len = 0;
        found[0] = '\0';
        ASSERT_OK(bpe_encode(b, &w, span_of(word), &out, &err));
        for (size_t i = 0; i < out.n; i++)
            len += (size_t)snprintf(found + len, sizeof found - len, "%s%u[%zu,%zu)", i ? " " : "",
                                    out.ids[i], out.ranges[i].start, out.ranges[i].end);
        if (round == 0)
            memcpy(first, found, sizeof first);
        tokens_release(&out);
    }
    assert_string_equal(found, first);
    bpe_work_release(&w);
    return found;
}

static const char *const letters[] = {"a", "b", "c", "ab", "bc", "abc", "aa", NULL};

static void the_merge_of_the_smallest_rank_goes_first(void **state)
{
    (void)state;
    static const char *const merges[] = {"b c", "a b", "a bc", NULL};
    struct bpe b = {0};
    build(&b, letters, merges);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "abc"), "5[0,3)");
    assert_string_equal(encode(&b, "ab"), "3[0,2)");
    assert_string_equal(encode(&b, "cab"), "2[0,1) 3[1,3)");
    assert_string_equal(encode(&b, ""), "");
    bpe_release(&b);
}

static void of_equal_ranks_the_leftmost_goes_first(void **state)
{
    (void)state;
    static const char *const merges[] = {"a a", NULL};
    struct bpe b = {0};
    build(&b, letters, merges);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "aaa"), "6[0,2) 0[2,3)");
    bpe_release(&b);
}

/* A long word, so that the heap is used: the same rules hold. */
static void a_word_of_many_characters_is_merged_as_a_short_one(void **state)
{
    (void)state;
    static const char *const merges[] = {"b c", "a b", "a bc", "a a", NULL};
    enum { REPEATS = 40000 };
    struct bpe b = {0};
    struct bpe_work w = {0};
    struct tokens out = {0};
    struct buf text;
    build(&b, letters, merges);
    b.ignore_merges = true; /* no cutting: one word */
    ASSERT_OK(bpe_finish(&b, false, &err));
    buf_init(&text, BUF_NO_LIMIT);
    for (size_t i = 0; i < REPEATS; i++)
        buf_add_text(&text, "abcaab");
    ASSERT_OK(bpe_encode(&b, &w, buf_span(&text), &out, &err));
    assert_int_equal(out.n, 3 * REPEATS);
    for (size_t i = 0; i < out.n; i += 3) {
        assert_int_equal(out.ids[i], 5);
        assert_int_equal(out.ids[i + 1], 0);
        assert_int_equal(out.ids[i + 2], 3);
    }
    buf_release(&text);
    tokens_release(&out);
    bpe_work_release(&w);
    bpe_release(&b);
}

/* "c" never joins "a" there: words may be cut between them, and the tokens are the same. */
static void a_long_word_is_cut_where_no_merge_can_cross(void **state)
{
    (void)state;
    static const char *const merges[] = {"b c", "a b", "a bc", NULL};
    struct bpe cutting = {0}, whole = {0};
    build(&cutting, letters, merges);
    build(&whole, letters, merges);
    whole.ignore_merges = true;
    ASSERT_OK(bpe_finish(&cutting, false, &err));
    ASSERT_OK(bpe_finish(&whole, false, &err));
    assert_true(cutting.cuts_words && !whole.cuts_words);
    static const char text[] = "abcabxcaabbccabcabcxxabbbcaaaccab\xc3\xa9"
                               "cabcabc";
    char expected[256];
    snprintf(expected, sizeof expected, "%s", encode(&whole, text));
    assert_string_equal(encode(&cutting, text), expected);
    bpe_release(&cutting);
    bpe_release(&whole);
}

static void unknown_characters_vanish_without_an_unk_token(void **state)
{
    (void)state;
    struct bpe b = {0};
    build(&b, letters, NULL);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "xax"), "0[1,2)");
    bpe_release(&b);
}

static void unknown_characters_are_fused_only_where_the_file_says_so(void **state)
{
    (void)state;
    static const char *const words[] = {"<u>", "a", NULL};
    struct bpe b = {.unk_token = span_of("<u>")};
    build(&b, words, NULL);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "axya"), "1[0,1) 0[1,2) 0[2,3) 1[3,4)");
    b.fuse_unk = true;
    assert_string_equal(encode(&b, "ax\xc3\xa9"), "1[0,1) 0[1,4)");
    bpe_release(&b);
}

static void bytes_stand_in_for_an_unknown_character_where_all_are_there(void **state)
{
    (void)state;
    static const char *const words[] = {"<u>", "a", "<0xC3>", "<0xA9>", NULL};
    struct bpe b = {.unk_token = span_of("<u>"), .byte_fallback = true};
    build(&b, words, NULL);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "a\xc3\xa9"), "1[0,1) 2[1,2) 3[2,3)");
    assert_string_equal(encode(&b, "\xc3\xaa"), "0[0,2)");
    /* The library writes a pending unknown token behind the bytes that come after it. */
    assert_string_equal(encode(&b, "x\xc3\xa9"), "2[1,2) 3[2,3) 0[0,1)");
    bpe_release(&b);
}

static void an_unk_token_that_is_missing_is_an_error_when_needed(void **state)
{
    (void)state;
    struct bpe b = {.unk_token = span_of("<u>")};
    struct bpe_work w = {0};
    struct tokens out = {0};
    build(&b, letters, NULL);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "a"), "0[0,1)");
    ASSERT_FAILS(bpe_encode(&b, &w, span_of("x"), &out, &err),
                 "unk_token \"<u>\" is not in the vocabulary");
    tokens_release(&out);
    bpe_work_release(&w);
    bpe_release(&b);
}

static void affixes_mark_the_inside_and_the_end_of_a_word(void **state)
{
    (void)state;
    static const char *const words[] = {"a", "##b", "##b</w>", "a</w>", "ab</w>", NULL};
    static const char *const merges[] = {"a ##b</w>", NULL};
    struct bpe b = {.prefix = span_of("##"), .suffix = span_of("</w>")};
    build(&b, words, merges);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "a"), "3[0,1)");
    assert_string_equal(encode(&b, "ab"), "4[0,2)");
    assert_string_equal(encode(&b, "abb"), "0[0,1) 1[1,2) 2[2,3)");
    bpe_release(&b);
}

static void raw_bytes_are_read_through_the_byte_alphabet(void **state)
{
    (void)state;
    static const char *const words[] = {"\xc4\xa0", "a",
                                        "\xc4\xa0"
                                        "a",
                                        "\xc3\x83", NULL};
    static const char *const merges[] = {"\xc4\xa0 a", NULL};
    struct bpe b = {0};
    build(&b, words, merges);
    ASSERT_OK(bpe_finish(&b, true, &err));
    assert_string_equal(encode(&b, " a"), "2[0,2)");
    assert_string_equal(encode(&b, "\xc3"), "3[0,1)");
    b.ignore_merges = true;
    assert_string_equal(encode(&b, " a"), "2[0,2)");
    bpe_release(&b);
}

static void a_word_of_the_vocabulary_needs_no_merges_where_the_file_says_so(void **state)
{
    (void)state;
    struct bpe b = {.ignore_merges = true};
    build(&b, letters, NULL);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "abc"), "5[0,3)");
    assert_string_equal(encode(&b, "abcc"), "0[0,1) 1[1,2) 2[2,3) 2[3,4)");
    bpe_release(&b);
}

static void newlines_alone_are_one_word_for_gemma(void **state)
{
    (void)state;
    static const char *const words[] = {"\n", "\n\n", "a", NULL};
    struct bpe b = {.whole_newlines = true};
    build(&b, words, NULL);
    ASSERT_OK(bpe_finish(&b, false, &err));
    assert_string_equal(encode(&b, "\n\n"), "1[0,2)");
    assert_string_equal(encode(&b, "\n\n\n"), "0[0,1) 0[1,2) 0[2,3)");
    bpe_release(&b);
}

static void a_merge_of_words_that_are_not_there_is_refused(void **state)
{
    (void)state;
    struct bpe b = {.prefix = span_of("##")};
    build(&b, letters, NULL);
    ASSERT_FAILS(bpe_add_merge(&b, span_of("a"), span_of("zz"), &err),
                 "\"zz\" is not in the vocabulary");
    assert_string_equal(err.where, "merge 0");
    ASSERT_FAILS(bpe_add_merge(&b, span_of("bc"), span_of("abc"), &err),
                 "\"bcc\" is not in the vocabulary");
    ASSERT_FAILS(bpe_add_merge(&b, span_of("a"), span_of("b"), &err),
                 "shorter than continuing_subword_prefix");
    bpe_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_merge_of_the_smallest_rank_goes_first),
        cmocka_unit_test(of_equal_ranks_the_leftmost_goes_first),
        cmocka_unit_test(a_word_of_many_characters_is_merged_as_a_short_one),
        cmocka_unit_test(a_long_word_is_cut_where_no_merge_can_cross),
        cmocka_unit_test(unknown_characters_vanish_without_an_unk_token),
        cmocka_unit_test(unknown_characters_are_fused_only_where_the_file_says_so),
        cmocka_unit_test(bytes_stand_in_for_an_unknown_character_where_all_are_there),
        cmocka_unit_test(an_unk_token_that_is_missing_is_an_error_when_needed),
        cmocka_unit_test(affixes_mark_the_inside_and_the_end_of_a_word),
        cmocka_unit_test(raw_bytes_are_read_through_the_byte_alphabet),
        cmocka_unit_test(a_word_of_the_vocabulary_needs_no_merges_where_the_file_says_so),
        cmocka_unit_test(newlines_alone_are_one_word_for_gemma),
        cmocka_unit_test(a_merge_of_words_that_are_not_there_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
