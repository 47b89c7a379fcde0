#include "test/support/support.h"

#include "text/grapheme.h"

static void a_cluster_is_what_a_person_calls_a_character(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t len;
    } cases[] = {
        {"", 0},
        {"ab", 1},
        {"e\xcc\x81x", 3},
        {"\r\nx", 2},
        {"\n\xcc\x81", 1},
        {"\xf0\x9f\x87\xa9\xf0\x9f\x87\xaa\xf0\x9f\x87\xab", 8}, /* a flag of two letters */
        {"\xf0\x9f\x91\xa8\xe2\x80\x8d\xf0\x9f\x91\xa9", 11},    /* joined emoji */
        {"\xe1\x84\x80\xe1\x85\xa1\xe1\x86\xa8\xe1\x84\x80", 9}, /* Hangul: L V T, L */
        {"\xd8\x80"
         "a",
         3}, /* a sign before */
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++)
        assert_int_equal(grapheme_length(span_of(cases[i].text)), cases[i].len);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cluster_is_what_a_person_calls_a_character),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
