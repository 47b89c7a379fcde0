#include "test/support/support.h"

#include "text/regex.h"

static struct err err;
static struct regex_search search;

/* All matches of the pattern in the text, as "start-end start-end". */
static const char *matches(const char *pattern, const char *text)
{
    static struct buf out = {.max = BUF_NO_LIMIT};
    struct regex re;
    size_t start, end;
    bool found;
    buf_clear(&out);
    ASSERT_OK(regex_compile(&re, span_of(pattern), &err));
    regex_begin(&search, &re, span_of(text));
    for (;;) {
        ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
        if (!found)
            break;
        buf_printf(&out, "%s%zu-%zu", out.len ? " " : "", start, end);
    }
    regex_release(&re);
    return buf_string(&out);
}

#define GPT2 "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

static void the_pattern_of_gpt2_cuts_words_with_the_space_before_them(void **state)
{
    (void)state;
    assert_string_equal(matches(GPT2, "I'm  12 cats!"), "0-1 1-3 3-4 4-7 7-12 12-13");
    assert_string_equal(matches(GPT2, "a   "), "0-1 1-4");
}

static void places_are_bytes_whatever_the_script(void **state)
{
    (void)state;
    /* "é一 😀x": 2 + 3 + 1 + 4 + 1 bytes. */
    assert_string_equal(matches("\\p{L}+", "\xc3\xa9\xe4\xb8\x80 \xf0\x9f\x98\x80x"), "0-5 10-11");
    assert_string_equal(matches(".", "\xf0\x9f\x98\x80x"), "0-4 4-5");
}

static void classes_are_those_of_the_library_not_of_pcre2(void **state)
{
    (void)state;
    /* U+1C89, a letter since Unicode 16, U+11F04 since 15. */
    assert_string_equal(matches("\\p{L}", "\xe1\xb2\x89"), "0-3");
    assert_string_equal(matches("\\p{L}", "\xf0\x91\xbc\x84"), "0-4");
    assert_string_equal(matches("\\h+", "xafg"), "1-3");
}

static void lines_begin_and_end_at_newlines_alone(void **state)
{
    (void)state;
    assert_string_equal(matches("^.", "a\nb\rc\n"), "0-1 2-3");
    assert_string_equal(matches(".$", "a\nb\rc\n"), "0-1 4-5");
    assert_string_equal(matches("\\A.|.\\z", "a\nb"), "0-1 2-3");
    assert_string_equal(matches("b\\Z", "b\nb\n"), "2-3");
    assert_string_equal(matches("(?m:a.)", "a\n"), "0-2");
}

static void case_folds_as_oniguruma_folds(void **state)
{
    (void)state;
    /* KELVIN SIGN, LONG S, SHARP S. */
    assert_string_equal(matches("(?i:k)", "kK\xe2\x84\xaa"), "0-1 1-2 2-5");
    assert_string_equal(matches("(?i:ss)", "sS\xc3\x9f\xc5\xbfs"), "0-2 2-4 4-7");
    assert_string_equal(matches("(?i:\xc3\x9f)", "ss\xe1\xba\x9e"), "0-2 2-5");
    assert_string_equal(matches("(?i:ffi)", "\xef\xac\x83"
                                            "ff\xef\xac\x80i"),
                        "0-3 5-9");
    assert_string_equal(matches("a(?i)b|c", "aBC"), "0-2");
}

static void a_quantifier_on_a_quantifier_repeats_it(void **state)
{
    (void)state;
    assert_string_equal(matches("a{2}+", "aaaaa"), "0-4");
    assert_string_equal(matches("a{2}?b", "aab b"), "0-3 4-5");
    assert_string_equal(matches("a{,2}b", "aaab"), "1-4");
    assert_string_equal(matches("a{,}", "a{,}"), "0-4");
    assert_string_equal(matches("a++b", "aab"), "0-3");
}

static void empty_matches_do_not_follow_a_match(void **state)
{
    (void)state;
    assert_string_equal(matches("x*", "axxb"), "0-0 1-3 4-4");
    assert_string_equal(matches("", "\xc3\xa9"), "0-0 2-2");
    assert_string_equal(matches("x*", ""), "0-0");
}

static void a_nul_is_a_character_like_any_other(void **state)
{
    (void)state;
    struct regex re;
    size_t start, end;
    bool found;
    ASSERT_OK(regex_compile(&re, (struct span){(const uint8_t *)"\0b", 2}, &err));
    regex_begin(&search, &re, (struct span){(const uint8_t *)"a\0b", 3});
    ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
    assert_true(found && start == 1 && end == 3);
    regex_release(&re);
}

static void a_literal_is_found_as_it_is_written(void **state)
{
    (void)state;
    struct regex re;
    size_t start, end;
    bool found;
    regex_literal(&re, span_of("a.b"));
    regex_begin(&search, &re, span_of("aXb a.b"));
    ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
    assert_true(found && start == 4 && end == 7);
    ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
    assert_false(found);
    regex_release(&re);

    regex_literal(&re, span_of(""));
    regex_begin(&search, &re, span_of("\xc3\xa9x"));
    for (size_t wanted = 0; wanted <= 3; wanted += wanted ? 1 : 2) {
        ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
        assert_true(found && start == wanted && end == wanted);
    }
    ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
    assert_false(found);
    regex_release(&re);
}

static bool compiles(const char *pattern)
{
    struct regex re;
    bool ok = regex_compile(&re, span_of(pattern), &err);
    regex_release(&re);
    return ok;
}

static void what_cannot_be_matched_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(compiles("(?<=a+)b"), "lookbehind assertion is not fixed length");
    struct buf many;
    buf_init(&many, 8000);
    for (uint32_t c = 0x4e00; c < 0x4e00 + 300; c++)
        buf_add_utf8(&many, c);
    ASSERT_FAILS(compiles(buf_string(&many)), "more than 255 kinds of characters");
    buf_release(&many);
}

static void a_pattern_that_backtracks_without_end_is_stopped(void **state)
{
    (void)state;
    struct regex re;
    size_t start, end;
    bool found;
    struct buf text;
    buf_init(&text, 1000);
    for (int i = 0; i < 500; i++)
        buf_add_text(&text, "a");
    buf_add_text(&text, "cb");
    ASSERT_OK(regex_compile(&re, span_of("(?:a|a|a)*b"), &err));
    regex_begin(&search, &re, buf_span(&text));
    ASSERT_FAILS(regex_next(&search, &start, &end, &found, &err), "takes too long");
    assert_non_null(strstr(err.hint, "backtracks"));
    regex_release(&re);
    buf_release(&text);
}

static void long_runs_are_matched_in_one_go(void **state)
{
    (void)state;
    enum { LEN = 10 << 20 };
    struct buf text;
    struct regex re;
    size_t start, end;
    bool found;
    buf_init(&text, LEN);
    assert_true(buf_reserve(&text, LEN));
    memset(text.at, ' ', LEN);
    text.len = LEN;
    ASSERT_OK(regex_compile(&re, span_of("\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"), &err));
    regex_begin(&search, &re, buf_span(&text));
    ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
    assert_true(found && start == 0 && end == LEN);
    memset(text.at, 'a', LEN);
    regex_release(&re);
    ASSERT_OK(regex_compile(&re, span_of("(?:\\p{L}|\\p{N})+"), &err));
    regex_begin(&search, &re, (struct span){text.at, 100000});
    ASSERT_OK(regex_next(&search, &start, &end, &found, &err));
    assert_true(found && end == 100000);
    regex_release(&re);
    buf_release(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pattern_of_gpt2_cuts_words_with_the_space_before_them),
        cmocka_unit_test(places_are_bytes_whatever_the_script),
        cmocka_unit_test(classes_are_those_of_the_library_not_of_pcre2),
        cmocka_unit_test(lines_begin_and_end_at_newlines_alone),
        cmocka_unit_test(case_folds_as_oniguruma_folds),
        cmocka_unit_test(a_quantifier_on_a_quantifier_repeats_it),
        cmocka_unit_test(empty_matches_do_not_follow_a_match),
        cmocka_unit_test(a_nul_is_a_character_like_any_other),
        cmocka_unit_test(a_literal_is_found_as_it_is_written),
        cmocka_unit_test(what_cannot_be_matched_is_refused),
        cmocka_unit_test(a_pattern_that_backtracks_without_end_is_stopped),
        cmocka_unit_test(long_runs_are_matched_in_one_go),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    regex_search_release(&search);
    return failed;
}
