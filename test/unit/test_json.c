#include "test/support/support.h"

#include <math.h>

#include "format/json.h"

static struct arena arena;
static struct err err;

static struct json_reader reader(const char *text)
{
    struct json_reader r;
    json_open(&r, span_of(text), &arena);
    return r;
}

/* True where the whole text is one valid value. */
static bool is_valid(const char *text)
{
    struct json_reader r = reader(text);
    json_skip(&r);
    return json_close(&r, &err);
}

static void an_object_is_read_member_by_member(void **state)
{
    (void)state;
    struct json_reader r = reader(" {\"rank\": 16, \"name\": \"a\\u00e9\\ud83d\\ude00\\n\", "
                                  "\"scale\": 2.5e-1, \"on\": true, \"off\": null} ");
    struct span key;
    json_enter_object(&r);
    assert_true(json_next_key(&r, &key));
    ASSERT_SPAN(key, "rank");
    assert_int_equal(json_int(&r), 16);
    assert_true(json_next_key(&r, &key));
    ASSERT_SPAN(json_string(&r), "a\xc3\xa9\xf0\x9f\x98\x80\n");
    assert_true(json_next_key(&r, &key));
    assert_true(json_double(&r) == 0.25);
    assert_true(json_next_key(&r, &key));
    assert_true(json_bool(&r));
    assert_true(json_next_key(&r, &key));
    assert_true(json_null(&r));
    assert_false(json_next_key(&r, &key));
    ASSERT_OK(json_close(&r, &err));
}

static void nested_values_are_skipped_whole(void **state)
{
    (void)state;
    struct json_reader r = reader("[{\"a\": [1, {\"b\": []}]}, 7]");
    json_enter_array(&r);
    assert_true(json_next_item(&r));
    ASSERT_SPAN(json_raw(&r), "{\"a\": [1, {\"b\": []}]}");
    assert_true(json_next_item(&r));
    assert_int_equal(json_int(&r), 7);
    assert_false(json_next_item(&r));
    ASSERT_OK(json_close(&r, &err));
}

static void python_numbers_that_are_not_finite_are_read(void **state)
{
    (void)state;
    struct json_reader r = reader("[NaN, Infinity, -Infinity, 1e999, -1e999, 1e-999]");
    double values[6];
    json_enter_array(&r);
    for (int i = 0; i < 6; i++) {
        assert_true(json_next_item(&r));
        values[i] = json_double(&r);
    }
    assert_true(isnan(values[0]));
    assert_true(values[1] == INFINITY && values[2] == -INFINITY);
    assert_true(values[3] == INFINITY && values[4] == -INFINITY && values[5] == 0);
}

static void an_error_names_line_column_and_path(void **state)
{
    (void)state;
    struct json_reader r = reader("{\"model\":\n {\"merges\": [1, \"x\"]}}");
    struct span key;
    json_enter_object(&r);
    assert_true(json_next_key(&r, &key));
    json_enter_object(&r);
    assert_true(json_next_key(&r, &key));
    for (json_enter_array(&r); json_next_item(&r);)
        json_int(&r);
    assert_false(json_next_key(&r, &key));
    ASSERT_FAILS(json_close(&r, &err), "expected a number, found a string");
    assert_string_equal(err.where, "line 2, column 17: model.merges[1]");
}

static void malformed_text_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(is_valid(""), "the text ends early");
    ASSERT_FAILS(is_valid("[1, 2"), "the text ends early");
    ASSERT_FAILS(is_valid("{\"a\" 1}"), "expected ':'");
    ASSERT_FAILS(is_valid("{a: 1}"), "expected a member's name");
    ASSERT_FAILS(is_valid("[1 2]"), "expected ',' or ']'");
    ASSERT_FAILS(is_valid("[1,]"), "expected a value");
    ASSERT_FAILS(is_valid("01"), "malformed number");
    ASSERT_FAILS(is_valid("1."), "malformed number");
    ASSERT_FAILS(is_valid("-"), "malformed number");
    ASSERT_FAILS(is_valid("1 2"), "text after the end");
    ASSERT_FAILS(is_valid("nul"), "expected a value");
    ASSERT_FAILS(is_valid("truely"), "expected a value");
    ASSERT_FAILS(is_valid("\"a"), "unclosed string");
    ASSERT_FAILS(is_valid("\"\\x\""), "unknown escape");
    ASSERT_FAILS(is_valid("\"\\u12g4\""), "four hexadecimal digits");
    ASSERT_FAILS(is_valid("\"\\ud800x\""), "unpaired surrogate");
    ASSERT_FAILS(is_valid("\"\\udc00\""), "unpaired surrogate");
    ASSERT_FAILS(is_valid("\"\x80\""), "invalid UTF-8");
    ASSERT_FAILS(is_valid("\"\xc0\xaf\""), "invalid UTF-8");
    ASSERT_FAILS(is_valid("\"\x01\""), "control character");
}

static void depth_is_bounded(void **state)
{
    (void)state;
    char text[2 * JSON_DEPTH + 3];
    memset(text, '[', JSON_DEPTH);
    memset(text + JSON_DEPTH, ']', JSON_DEPTH);
    text[2 * JSON_DEPTH] = '\0';
    ASSERT_OK(is_valid(text));
    memset(text, '[', JSON_DEPTH + 1);
    ASSERT_FAILS(is_valid(text), "nested too deeply");
}

static void a_whole_number_must_be_whole(void **state)
{
    (void)state;
    struct json_reader r = reader("1.5");
    assert_int_equal(json_int(&r), 0);
    ASSERT_FAILS(json_close(&r, &err), "expected a whole number, found 1.5");
}

static void the_writer_writes_as_python_does(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    struct json_writer w = {.out = &out};
    json_begin_object(&w);
    json_key(&w, "a");
    json_begin_array(&w);
    json_put_double(&w, 0.1);
    json_put_double(&w, 1e-5);
    json_put_double(&w, 1);
    json_put_double(&w, 1e16);
    json_put_double(&w, 123456.789);
    json_put_double(&w, NAN);
    json_put_int(&w, -3);
    json_end(&w);
    json_key(&w, "b\"");
    json_put_text(&w, "x\n\x01\xc3\xa9\xff");
    json_key(&w, "c");
    json_begin_object(&w);
    json_end(&w);
    json_end(&w);
    ASSERT_SPAN(buf_span(&out), "{\"a\": [0.1, 1e-05, 1.0, 1e+16, 123456.789, null, -3], "
                                "\"b\\\"\": \"x\\n\\u0001\xc3\xa9\xef\xbf\xbd\", \"c\": {}}");
    buf_release(&out);
}

static void indented_text_is_that_of_python_with_indent(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    struct json_writer w = {.out = &out, .indent = 2};
    json_begin_object(&w);
    json_key(&w, "r");
    json_put_int(&w, 8);
    json_key(&w, "t");
    json_begin_array(&w);
    json_put_bool(&w, true);
    json_put_null(&w);
    json_end(&w);
    json_end(&w);
    ASSERT_SPAN(buf_span(&out), "{\n  \"r\": 8,\n  \"t\": [\n    true,\n    null\n  ]\n}");
    buf_release(&out);
}

static void compact_text_has_no_blanks(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, 4096);
    struct json_writer w = {.out = &out, .compact = true};
    json_begin_object(&w);
    json_key(&w, "a");
    json_begin_array(&w);
    json_put_int(&w, 1);
    json_put_int(&w, 2);
    json_end(&w);
    json_key(&w, "b");
    json_put_text(&w, "x\x7f\x1f");
    json_end(&w);
    ASSERT_SPAN(buf_span(&out), "{\"a\":[1,2],\"b\":\"x\x7f\\u001f\"}");
    buf_release(&out);
}

static void members_are_written_at_once(void **state)
{
    (void)state;
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    struct json_writer w = {.out = &out};
    json_begin_object(&w);
    json_member_text(&w, "text", "a\"b");
    json_member_text(&w, "none", NULL);
    json_member_int(&w, "int", -3);
    json_member_double(&w, "double", 0.5);
    json_member_double(&w, "nan", (double)NAN);
    json_member_bool(&w, "bool", true);
    json_member_null(&w, "null");
    json_end(&w);
    assert_string_equal(buf_string(&out),
                        "{\"text\": \"a\\\"b\", \"none\": null, \"int\": -3, \"double\": 0.5, "
                        "\"nan\": null, \"bool\": true, \"null\": null}");
    buf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(members_are_written_at_once),
        cmocka_unit_test(an_object_is_read_member_by_member),
        cmocka_unit_test(nested_values_are_skipped_whole),
        cmocka_unit_test(python_numbers_that_are_not_finite_are_read),
        cmocka_unit_test(an_error_names_line_column_and_path),
        cmocka_unit_test(malformed_text_is_refused),
        cmocka_unit_test(depth_is_bounded),
        cmocka_unit_test(a_whole_number_must_be_whole),
        cmocka_unit_test(the_writer_writes_as_python_does),
        cmocka_unit_test(indented_text_is_that_of_python_with_indent),
        cmocka_unit_test(compact_text_has_no_blanks),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
