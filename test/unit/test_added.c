/*
 * test_added.c - added tokens: which of them are found, and what they take along.
 */
#include "test/support/support.h"

#include <stdio.h>

#include "text/added.h"

static struct arena arena;

/* Reads a list of tokens and numbers them from 0. */
static void read(struct added *a, const char *text)
{
    struct json_reader r;
    struct err err;
    *a = (struct added){0};
    json_open(&r, span_of(text), &arena);
    added_read(a, &r);
    ASSERT_OK(json_close(&r, &err));
    for (uint32_t i = 0; i < a->n_tokens; i++)
        a->tokens[i].id = i;
    added_finish(a);
}

/* The parts of the text: "0(</s>) -( x)" with '-' for what is no token. */
static const char *parts(const struct added *a, const struct added_set *set, const char *text)
{
    static char found[256];
    struct added_walk walk;
    struct added_part part;
    size_t len = 0;
    found[0] = '\0';
    added_begin(&walk, a, set, span_of(text));
    while (added_next(&walk, &part)) {
        char name[16] = "-";
        if (part.token)
            snprintf(name, sizeof name, "%u", part.token->id);
        len += (size_t)snprintf(found + len, sizeof found - len, "%s%s(%.*s)", len ? " " : "", name,
                                (int)(part.end - part.start), text + part.start);
    }
    return found;
}

static void the_leftmost_and_longest_token_is_found(void **state)
{
    (void)state;
    struct added a;
    read(&a, "[{\"content\":\"<s>\"},{\"content\":\"<s><s>\"},{\"content\":\"<s>x\"}]");
    assert_string_equal(parts(&a, &a.raw, "a<s>b<s><s>x"), "-(a) 0(<s>) -(b) 1(<s><s>) -(x)");
    assert_string_equal(parts(&a, &a.raw, "<s"), "-(<s)");
    assert_string_equal(parts(&a, &a.raw, ""), "");
    assert_string_equal(parts(&a, &a.normalized, "<s>"), "-(<s>)");
    added_release(&a);
}

static void tokens_that_begin_differently_are_found_too(void **state)
{
    (void)state;
    struct added a;
    read(&a, "[{\"content\":\"<s>\"},{\"content\":\"b\"},{\"content\":\"  \"}]");
    assert_string_equal(parts(&a, &a.raw, "a b  c<s>b"), "-(a ) 1(b) 2(  ) -(c) 0(<s>) 1(b)");
    added_release(&a);
}

static void white_space_is_taken_along_where_the_rules_say_so(void **state)
{
    (void)state;
    struct added a;
    read(&a, "[{\"content\":\"L\",\"lstrip\":true},{\"content\":\"R\",\"rstrip\":true}]");
    assert_string_equal(parts(&a, &a.raw, "a \xe3\x80\x80L b"), "-(a) 0( \xe3\x80\x80L) -( b)");
    assert_string_equal(parts(&a, &a.raw, "a R \tb"), "-(a ) 1(R \t) -(b)");
    assert_string_equal(parts(&a, &a.raw, "R L"), "1(R ) 0(L)");
    added_release(&a);
}

/* The library drops what is left empty when both rules ask for the same white space. */
static void a_token_inside_of_stripped_white_space_is_dropped(void **state)
{
    (void)state;
    struct added a;
    read(&a, "[{\"content\":\"  \",\"lstrip\":true,\"rstrip\":true}]");
    assert_string_equal(parts(&a, &a.raw, "a      "), "-(a) 0(      )");
    added_release(&a);
}

static void a_single_word_has_no_letter_beside_it(void **state)
{
    (void)state;
    struct added a;
    read(&a, "[{\"content\":\"he\",\"single_word\":true}]");
    assert_string_equal(parts(&a, &a.raw, "the he, h\xc3\xa9"), "-(the ) 0(he) -(, h\xc3\xa9)");
    assert_string_equal(parts(&a, &a.raw, "he\xc3\xa9 \xc3\xa9he he"),
                        "-(he\xc3\xa9 \xc3\xa9he ) 0(he)");
    added_release(&a);
}

static void tokens_are_looked_up_by_content_and_id(void **state)
{
    (void)state;
    struct added a;
    read(&a, "[{\"id\":9,\"content\":\"<s>\",\"special\":true},{\"content\":\"\"},"
             "{\"content\":\"x\",\"normalized\":true}]");
    assert_int_equal(a.n_tokens, 2);
    assert_ptr_equal(added_by_content(&a, span_of("x")), &a.tokens[1]);
    assert_null(added_by_content(&a, span_of("y")));
    assert_ptr_equal(added_by_id(&a, 0), &a.tokens[0]);
    assert_null(added_by_id(&a, 7));
    assert_true(added_is_special(&a, span_of("<s>")));
    assert_false(added_is_special(&a, span_of("x")));
    assert_string_equal(parts(&a, &a.normalized, "ax"), "-(a) 2(x)");
    added_release(&a);
}

static void a_token_beyond_the_limit_is_refused(void **state)
{
    (void)state;
    struct added a = {0};
    struct json_reader r;
    struct err err;
    char text[ADDED_LONGEST + 64];
    int len = snprintf(text, sizeof text, "[{\"content\":\"");
    memset(text + len, 'a', ADDED_LONGEST + 1);
    memcpy(text + len + ADDED_LONGEST + 1, "\"}]", 4);
    json_open(&r, span_of(text), &arena);
    added_read(&a, &r);
    ASSERT_FAILS(json_close(&r, &err), "an added token of 1025 bytes; 1024 is the most");
    added_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_leftmost_and_longest_token_is_found),
        cmocka_unit_test(tokens_that_begin_differently_are_found_too),
        cmocka_unit_test(white_space_is_taken_along_where_the_rules_say_so),
        cmocka_unit_test(a_token_inside_of_stripped_white_space_is_dropped),
        cmocka_unit_test(a_single_word_has_no_letter_beside_it),
        cmocka_unit_test(tokens_are_looked_up_by_content_and_id),
        cmocka_unit_test(a_token_beyond_the_limit_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
