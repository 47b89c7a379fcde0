#include "test/support/support.h"

#include <math.h>

#include "format/yaml.h"

static struct arena arena;
static struct err err;
static struct yaml y;

static bool opens(const char *text)
{
    yaml_close(&y);
    return yaml_open(&y, span_of(text), &err);
}

static const char *as_json(const char *text)
{
    struct buf out;
    buf_init(&out, 1 << 20);
    struct json_writer w = {.out = &out, .python_nan = true};
    ASSERT_OK(opens(text));
    yaml_put_json(y.root, &w);
    char *copy = arena_string(&arena, buf_span(&out));
    buf_release(&out);
    return copy;
}

static void a_run_file_is_read_with_its_lines(void **state)
{
    (void)state;
    ASSERT_OK(opens("# run\nmodel: ./base\nlearning_rate: 2e-4\n\ntarget_modules:\n  - q_proj\n"
                    "  - v_proj\nlr_scheduler_kwargs: {num_cycles: 2}\nbf16: no\nseed: null\n"));
    assert_int_equal(y.root->type, YAML_MAP);
    assert_int_equal(y.root->n_items, 6);
    ASSERT_SPAN(y.root->keys[1], "learning_rate");
    const struct yaml_node *rate = yaml_find(y.root, "learning_rate");
    assert_int_equal(rate->type, YAML_FLOAT);
    assert_true(rate->number == 2e-4);
    ASSERT_SPAN(rate->text, "2e-4");
    assert_int_equal(rate->line, 3);
    const struct yaml_node *modules = yaml_find(y.root, "target_modules");
    assert_int_equal(modules->n_items, 2);
    ASSERT_SPAN(modules->items[1]->text, "v_proj");
    assert_int_equal(modules->items[1]->line, 7);
    const struct yaml_node *kwargs = yaml_find(y.root, "lr_scheduler_kwargs");
    assert_int_equal(yaml_find(kwargs, "num_cycles")->whole, 2);
    assert_null(yaml_find(y.root, "none"));
    assert_null(yaml_find(rate, "none"));
    assert_null(yaml_find(NULL, "none"));
}

static void an_empty_document_is_null(void **state)
{
    (void)state;
    assert_string_equal(as_json(""), "null");
    assert_string_equal(as_json("# nothing\n"), "null");
    assert_string_equal(as_json("---\n"), "null");
}

static void plain_words_have_the_types_of_yaml_1_1(void **state)
{
    (void)state;
    static const struct {
        const char *text, *json;
    } rows[] = {
        {"~", "null"},
        {"NULL", "null"},
        {"nULL", "\"nULL\""},
        {"yes", "true"},
        {"Off", "false"},
        {"tRUE", "\"tRUE\""},
        {"12", "12"},
        {"-12", "-12"},
        {"+1_000", "1000"},
        {"_1", "\"_1\""},
        {"0x1F", "31"},
        {"0b101", "5"},
        {"0xg", "\"0xg\""},
        {"017", "15"},
        {"08", "\"08\""},
        {"0o17", "\"0o17\""},
        {"9223372036854775807", "9223372036854775807"},
        {"-9223372036854775807", "-9223372036854775807"},
        {"1"
         "0000000000000000000000",
         "1e+22"},
        {"1:30", "90"},
        {"190:20:30", "685230"},
        {"1:60", "\"1:60\""},
        {"1::2", "\"1::2\""},
        {"01:30", "\"01:30\""},
        {"1:30.5", "90.5"},
        {"a:b", "\"a:b\""},
        {"1.5", "1.5"},
        {"1.", "1.0"},
        {".5", "0.5"},
        {"1e-4", "0.0001"},
        {"1.0e5", "100000.0"},
        {"-2E+3", "-2000.0"},
        {"1e", "\"1e\""},
        {".inf", "Infinity"},
        {"-.INF", "-Infinity"},
        {".NaN", "NaN"},
        {"inf", "\"inf\""},
        {"--5", "\"--5\""},
        {"+-5", "\"+-5\""},
        {"1e999", "\"1e999\""},
        {"2024-01-31", "\"2024-01-31\""},
        {"\"12\"", "\"12\""},
        {"'no'", "\"no\""},
        {"!!str 12", "\"12\""},
        {"! 12", "\"12\""},
        {"!!float 12", "12.0"},
        {"!!int 12", "12"},
        {"!!bool yes", "true"},
        {"!!null ~", "null"},
        {"\"a\\u00e9\\n\"", "\"a\xc3\xa9\\n\""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        assert_string_equal(as_json(rows[i].text), rows[i].json);
}

static void an_alias_is_the_node_that_it_names(void **state)
{
    (void)state;
    assert_string_equal(as_json("a: &x [1, two]\nb: *x\nc: &y z\nd: *y\n"),
                        "{\"a\": [1, \"two\"], \"b\": [1, \"two\"], \"c\": \"z\", \"d\": \"z\"}");
    assert_ptr_equal(yaml_find(y.root, "a"), yaml_find(y.root, "b"));
    ASSERT_FAILS(opens("a: *x\n"), "an alias names no anchor before it");
    ASSERT_FAILS(opens("a: &x [1, *x]\n"), "an alias names no anchor before it");
}

static void laughs_are_counted(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, 4096);
    buf_add_text(&text, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++)
        buf_printf(&text, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1,
                   i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    ASSERT_FAILS(opens(buf_string(&text)), "too many values, aliases counted");
    assert_string_equal(err.where, "line 5");
    buf_release(&text);
}

static void a_document_that_cannot_be_a_run_file_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(opens("a: 1\nb: 2\na: 3\n"), "the key \"a\" stands twice");
    assert_string_equal(err.where, "line 3");
    ASSERT_FAILS(opens("[a]: 1\n"), "a key must be a word");
    ASSERT_FAILS(opens("a: &x 1\n*x : 1\n"), "a key must be a word");
    ASSERT_FAILS(opens("a: &x {b: 1}\nc:\n  <<: *x\n"), "a merge key (<<) is not supported");
    ASSERT_FAILS(opens("a: !!python/object:os.system x\n"), "a tag that is not supported");
    ASSERT_FAILS(opens("a: !!int x\n"), "a tag that is not supported, or does not fit the value");
    ASSERT_FAILS(opens("a: !!set {x}\n"), "a tag on a list or a mapping");
    ASSERT_FAILS(opens("a: 1\n---\nb: 2\n"), "a second document begins");
    ASSERT_FAILS(opens("a: [1, 2\nb: 3\n"), "did not find expected");
    assert_non_null(strstr(err.where, "line "));
    ASSERT_FAILS(opens("a: \"x\n"), "found unexpected end of stream");
    ASSERT_FAILS(opens("a: \xff\n"), "invalid leading UTF-8 octet");
    ASSERT_FAILS(opens("a:\n\t- b\n"), "cannot start any token");
}

static void depth_and_size_are_bounded(void **state)
{
    (void)state;
    char text[200];
    memset(text, '[', sizeof text);
    text[sizeof text - 1] = '\0';
    ASSERT_FAILS(opens(text), "nested too deeply");
    memset(text, '[', YAML_MOST_DEPTH);
    memset(text + YAML_MOST_DEPTH, ']', YAML_MOST_DEPTH);
    text[2 * YAML_MOST_DEPTH] = '\0';
    ASSERT_OK(opens(text));

    struct buf chain;
    buf_init(&chain, 1 << 16);
    buf_add_text(&chain, "a0: &a0 [x]\n");
    for (int i = 1; i < 200; i++)
        buf_printf(&chain, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    ASSERT_FAILS(opens(buf_string(&chain)), "nested too deeply");
    buf_release(&chain);
    struct buf large;
    buf_init(&large, BUF_NO_LIMIT);
    for (int i = 0; i <= YAML_MOST_BYTES; i++)
        buf_add_byte(&large, ' ');
    yaml_close(&y);
    ASSERT_FAILS(yaml_open(&y, buf_span(&large), &err), "1048577 bytes of YAML; at most 1048576");
    buf_release(&large);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_run_file_is_read_with_its_lines),
        cmocka_unit_test(an_empty_document_is_null),
        cmocka_unit_test(plain_words_have_the_types_of_yaml_1_1),
        cmocka_unit_test(an_alias_is_the_node_that_it_names),
        cmocka_unit_test(laughs_are_counted),
        cmocka_unit_test(a_document_that_cannot_be_a_run_file_is_refused),
        cmocka_unit_test(depth_and_size_are_bounded),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    yaml_close(&y);
    arena_release(&arena);
    return failed;
}
