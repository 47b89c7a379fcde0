#include "test/support/support.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "options/options_json.h"

static struct arena arena;
static struct err err;
static struct options o, back;

static void set(const char *name, const char *text)
{
    ASSERT_OK(options_set(&o, options_find(span_of(name)), text, FOR_TUNE, &err));
}

static const char *write_options(void)
{
    struct buf out;
    struct json_writer w = {.out = &out, .python_nan = true};
    buf_init(&out, BUF_NO_LIMIT);
    options_json_put(&w, &o);
    const char *text = arena_string(&arena, buf_span(&out));
    buf_release(&out);
    return text;
}

static bool read_options(const char *text)
{
    struct json_reader r;
    json_open(&r, span_of(text), &arena);
    options_json_read(&r, &arena, FOR_TUNE, &back);
    return json_close(&r, &err);
}

/* A value of the row's type that is not its default. */
static const char *some_value(const struct option_row *row)
{
    switch (row->type) {
    case OPTION_BOOL:
        return row->offset == offsetof(struct options, bf16) ? "false" : "true";
    case OPTION_INT:
        return row->high >= 7 || row->high == 0 ? "7" : "1";
    case OPTION_NUMBER:
        return row->high == 0 || row->high > 0.1 ? "0.1" : "0.01";
    case OPTION_TEXT:
        return "a \"b\" \xC3\xA4/c";
    case OPTION_BYTES:
        return "3GiB";
    }
    return NULL;
}

static void every_option_of_tune_comes_back(void **state)
{
    (void)state;
    options_init(&o);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (row->users & FOR_TUNE)
            set(row->name, some_value(row));
    }
    o.arguments[o.n_arguments++] = "/none/model";
    o.arguments[o.n_arguments++] = "/none/data";
    ASSERT_OK(read_options(write_options()));
    assert_int_equal(back.n_arguments, 2);
    assert_string_equal(back.arguments[1], "/none/data");
    assert_string_equal(back.learning_rate, o.learning_rate);
    assert_true(back.lora_alpha == o.lora_alpha && back.memory_bytes == 3ull << 30);
    assert_true(back.no_shuffle && !back.bf16 && back.lora_rank == 7);
    for (size_t i = 0; i < option_count; i++) {
        const char *name = option_table[i].name;
        bool is_of_a_start = strcmp(name, "output-dir") == 0 || strcmp(name, "resume") == 0 ||
                             strcmp(name, "overwrite-output-dir") == 0;
        assert_int_equal(back.given[i], o.given[i] && !is_of_a_start);
    }
    o = back;
    const char *again = write_options();
    ASSERT_OK(read_options(again));
    assert_string_equal(write_options(), again);
}

static void what_was_not_given_stays_the_default(void **state)
{
    (void)state;
    options_init(&o);
    ASSERT_OK(read_options(write_options()));
    for (size_t i = 0; i < option_count; i++)
        assert_false(back.given[i]);
    assert_true(back.max_grad_norm == 1 && back.seed == 42);
}

static void numbers_keep_every_digit(void **state)
{
    (void)state;
    static const char *const numbers[] = {"0.1", "1e-300", "0.30000000000000004", "12.0009765625"};
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        options_init(&o);
        set("weight-decay", numbers[i]);
        ASSERT_OK(read_options(write_options()));
        assert_true(back.weight_decay == o.weight_decay);
    }
}

static void paths_become_absolute_where_something_is_there(void **state)
{
    (void)state;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    const char *whole = file_absolute(&arena, temporary_file("rows.jsonl", span_of("{}")));
    const char *folder = file_absolute(&arena, temporary_folder());
    assert_int_equal(chdir(folder), 0);
    options_init(&o);
    set("adapter", "rows.jsonl");
    set("chat-template-path", "chatml");
    o.arguments[o.n_arguments++] = ".";
    o.arguments[o.n_arguments++] = "rows.jsonl";
    bool ok = read_options(write_options());
    assert_int_equal(chdir(here), 0);
    ASSERT_OK(ok);
    assert_string_equal(back.arguments[0], folder);
    assert_string_equal(back.arguments[1], whole);
    assert_string_equal(back.adapter, whole);
    assert_string_equal(back.chat_template_path, "chatml");
}

static void what_is_no_option_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(read_options("{\"given\": {\"colour\": 1}}"), "there is no option colour");
    ASSERT_FAILS(read_options("{\"given\": {\"csv\": true}}"), "no option --csv");
    ASSERT_FAILS(read_options("{\"given\": {\"seed\": \"x\"}}"), "'x' is not a whole number");
    ASSERT_FAILS(read_options("{\"given\": {\"seed\": [1]}}"), "string");
    ASSERT_FAILS(read_options("{\"taken\": {}}"), "an unknown member");
    struct buf many;
    buf_init(&many, BUF_NO_LIMIT);
    buf_add_text(&many, "{\"arguments\": [\"\"");
    for (size_t i = 0; i < OPTIONS_MOST_ARGUMENTS; i++)
        buf_add_text(&many, ", \"\"");
    buf_add_text(&many, "]}");
    ASSERT_FAILS(read_options(buf_string(&many)), "more than 4096 arguments");
    buf_release(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_option_of_tune_comes_back),
        cmocka_unit_test(what_was_not_given_stays_the_default),
        cmocka_unit_test(numbers_keep_every_digit),
        cmocka_unit_test(paths_become_absolute_where_something_is_there),
        cmocka_unit_test(what_is_no_option_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
