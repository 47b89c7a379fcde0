#include "test/support/support.h"

#include <stdio.h>
#include <unistd.h>

#include "base/file.h"
#include "train/origin.h"

static struct arena arena;
static struct err err;
static struct options o, back;
static struct buf text;

static const char *path_of(const char *name)
{
    return file_join(&arena, file_absolute(&arena, temporary_folder()), name);
}

static void put(const char *name, const char *content)
{
    ASSERT_OK(file_put(path_of(name), span_of(content), &err));
}

static void set(struct options *options, const char *name, const char *value)
{
    ASSERT_OK(options_set(options, options_find(span_of(name)), value, FOR_TUNE, &err));
}

/* A model's folder, two files of rows, and the options of a run on them. */
static void begin(void)
{
    ASSERT_OK(file_make_folder(path_of("model"), &err));
    ASSERT_OK(file_make_folder(path_of("data"), &err));
    put("model/config.json", "{}");
    put("model/model.safetensors", "weights");
    put("model/README.md", "about");
    put("data/a.jsonl", "rows");
    put("data/b.jsonl", "more rows");
    options_init(&o);
    o.arguments[o.n_arguments++] = path_of("model");
    o.arguments[o.n_arguments++] = path_of("data");
    set(&o, "learning-rate", "2e-4");
    set(&o, "output-dir", "old");
    buf_init(&text, BUF_NO_LIMIT);
    ASSERT_OK(origin_put(&text, &o, &err));
}

static void finish(void)
{
    buf_release(&text);
}

static bool check(void)
{
    return origin_check(buf_span(&text), &o, &err);
}

static void the_same_files_are_accepted_whatever_their_dates(void **state)
{
    (void)state;
    begin();
    ASSERT_OK(check());
    put("data/a.jsonl", "rows");
    put("model/README.md", "changed");
    ASSERT_OK(check());
    finish();
}

static void a_changed_file_is_named(void **state)
{
    (void)state;
    begin();
    put("data/b.jsonl", "more row5");
    ASSERT_FAILS(check(), "it has changed since the run began (9 bytes then, 9 now)");
    assert_int_equal(err.kind, ERR_INPUT);
    assert_string_equal(err.where, path_of("data/b.jsonl"));
    put("data/b.jsonl", "more rows");
    put("model/model.safetensors", "weight");
    ASSERT_FAILS(check(), "(7 bytes then, 6 now)");
    finish();
}

static void files_that_came_or_went_are_named(void **state)
{
    (void)state;
    begin();
    put("data/c.jsonl", "x");
    ASSERT_FAILS(check(), "it was not there when the run began");
    assert_string_equal(err.where, path_of("data/c.jsonl"));
    ASSERT_OK(file_remove(path_of("data/c.jsonl"), &err));
    ASSERT_OK(file_remove(path_of("data/a.jsonl"), &err));
    ASSERT_FAILS(check(), "it was there when the run began");
    assert_string_equal(err.where, path_of("data/a.jsonl"));
    o.arguments[0] = "/none/model";
    ASSERT_FAILS(check(), "cannot open");
    finish();
}

static void adapter_and_template_count(void **state)
{
    (void)state;
    begin();
    ASSERT_OK(file_make_folder(path_of("adapter"), &err));
    put("adapter/adapter_config.json", "{}");
    put("chat.jinja", "x");
    set(&o, "adapter", path_of("adapter"));
    set(&o, "chat-template-path", path_of("chat.jinja"));
    buf_clear(&text);
    ASSERT_OK(origin_put(&text, &o, &err));
    ASSERT_OK(check());
    put("chat.jinja", "y");
    ASSERT_FAILS(check(), "it has changed");
    put("chat.jinja", "x");
    put("adapter/adapter_config.json", "{ }");
    ASSERT_FAILS(check(), "it has changed");
    set(&o, "chat-template-path", "chatml");
    o.adapter = NULL;
    buf_clear(&text);
    ASSERT_OK(origin_put(&text, &o, &err));
    ASSERT_OK(check());
    finish();
}

static void options_come_back_with_what_is_said_anew(void **state)
{
    (void)state;
    struct options said;
    begin();
    options_init(&said);
    set(&said, "resume", "here");
    set(&said, "threads", "3");
    ASSERT_OK(origin_options(&back, &arena, buf_span(&text), &said, &err));
    assert_string_equal(back.learning_rate, "2e-4");
    assert_string_equal(back.output_dir, "here");
    assert_string_equal(back.arguments[1], path_of("data"));
    assert_int_equal(back.threads, 3);
    set(&said, "seed", "1");
    ASSERT_FAILS(origin_options(&back, &arena, buf_span(&text), &said, &err),
                 "--seed cannot be given with --resume");
    assert_int_equal(err.kind, ERR_USAGE);
    said.arguments[said.n_arguments++] = "m";
    ASSERT_FAILS(origin_options(&back, &arena, buf_span(&text), &said, &err),
                 "--resume needs no model and no data: 'm'");
    finish();
}

static void text_that_is_none_of_ours_is_refused(void **state)
{
    (void)state;
    struct options said;
    begin();
    options_init(&said);
    ASSERT_FAILS(origin_options(&back, &arena, span_of("{}"), &said, &err),
                 "a run has a model and data");
    ASSERT_FAILS(origin_options(&back, &arena, span_of("[]"), &said, &err), "object");
    ASSERT_FAILS(origin_check(span_of("{\"files\": [{\"x\": 1}]}"), &o, &err), "an unknown member");
    o.arguments[0] = "/none/model";
    ASSERT_FAILS(origin_put(&text, &o, &err), "cannot open");
    finish();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_files_are_accepted_whatever_their_dates),
        cmocka_unit_test(a_changed_file_is_named),
        cmocka_unit_test(files_that_came_or_went_are_named),
        cmocka_unit_test(adapter_and_template_count),
        cmocka_unit_test(options_come_back_with_what_is_said_anew),
        cmocka_unit_test(text_that_is_none_of_ours_is_refused),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
