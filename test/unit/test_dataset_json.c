#include "test/support/support.h"

#include "text/dataset_json.h"

static struct err err;
static enum json_rows_kind kind;
static size_t start;

static bool find(const char *text)
{
    return json_rows_find(span_of(text), &kind, &start, &err);
}

static void the_layout_is_found(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum json_rows_kind kind;
        size_t start;
    } cases[] = {
        {" [ {\"a\": 1}]", JSON_ROWS_LIST, 3},
        {"\xef\xbb\xbf[{}]", JSON_ROWS_LIST, 4},
        {"[]", JSON_ROWS_LIST, 1},
        {"{\"a\": 1}\n{\"a\": 2}\n", JSON_ROWS_LINES, 0},
        {"{\"a\": 1} \r\n\n{\"a\": 2}", JSON_ROWS_LINES, 0},
        {"{\"a\": oops}\n{\"a\": 2}", JSON_ROWS_LINES, 0},
        {"{\n\"a\": 1\n}\n{\n\"a\": 2}", JSON_ROWS_STREAM, 0},
        {"{\"a\": 1}", JSON_ROWS_STREAM, 0},
        {"{\"version\": \"1\", \"data\": [{\"a\": 1}]}", JSON_ROWS_LIST, 26},
        {"{\"names\": [\"x\"], \"n\": {\"k\": [{}]}, \"rows\": [ {}]}", JSON_ROWS_LIST, 45},
        {"{\"messages\": [{\"role\": \"user\"}]}", JSON_ROWS_STREAM, 0},
        {"{\"chosen\": [{}], \"rejected\": [{}]}", JSON_ROWS_STREAM, 0},
        {"{\"data\": [{\"a\"", JSON_ROWS_LIST, 10},
        {"", JSON_ROWS_LINES, 0},
        {" \n", JSON_ROWS_LINES, 2},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        ASSERT_OK(find(cases[i].text));
        if (kind != cases[i].kind || start != cases[i].start)
            fail_msg("%s: kind %d, start %zu", cases[i].text, kind, start);
    }
}

static void what_holds_no_rows_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(find("hello"), "neither '[' nor '{'");
    ASSERT_FAILS(find("{\"train\": [{}], \"test\": [{}]}"),
                 "the object holds 2 lists of rows: train, test");
}

static size_t end_of(const char *text)
{
    return json_value_end(span_of(text), 0);
}

static void the_end_of_a_value_is_found_by_brackets_and_quotes(void **state)
{
    (void)state;
    assert_int_equal(end_of("{\"a}\\\"\": [1, {}]} x"), 17);
    assert_int_equal(end_of("\"a\\\\\" x"), 5);
    assert_int_equal(end_of("12, 3"), 2);
    assert_int_equal(end_of("12"), 2);
    assert_int_equal(end_of("[1"), 3);
    assert_int_equal(end_of("\"a"), 3);
    assert_int_equal(end_of("\"a\\\""), 5);
    assert_int_equal(end_of("\"a\\"), 4);
    assert_int_equal(end_of("{\"a\": \"x"), 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_layout_is_found),
        cmocka_unit_test(what_holds_no_rows_is_refused),
        cmocka_unit_test(the_end_of_a_value_is_found_by_brackets_and_quotes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
