#include "test/support/support.h"

#include <sys/stat.h>

#include "base/file.h"
#include "train/source.h"

static struct arena arena;

static const char *folder(const char *below, const char *name)
{
    const char *path = file_join(&arena, below, name);
    assert_int_equal(mkdir(path, 0700), 0);
    return path;
}

static void put(const char *path, const char *name, const char *text)
{
    struct err err = {0};
    ASSERT_OK(file_put(file_join(&arena, path, name), span_of(text), &err));
}

static const char *adapter_for(const char *below, const char *name, const char *base)
{
    const char *path = folder(below, name);
    put(path, "adapter_config.json",
        arena_printf(&arena,
                     "{\"peft_type\": \"LORA\", "
                     "\"base_model_name_or_path\": \"%s\"}",
                     base));
    return path;
}

static void a_model_stands_for_itself(void **state)
{
    (void)state;
    struct err err = {0};
    struct source s;
    const char *model = folder(temporary_folder(), "plain");
    put(model, "config.json", "{}");
    put(model, "adapter_config.json", "{}");
    ASSERT_OK(source_find(&s, &arena, model, NULL, &err));
    assert_string_equal(s.model, model);
    assert_null(s.adapter);
    ASSERT_OK(source_find(&s, &arena, model, "a", &err));
    assert_string_equal(s.adapter, "a");
    ASSERT_OK(source_find(&s, &arena, "x.gguf", "a", &err));
    assert_string_equal(s.model, "x.gguf");
}

static void a_run_stands_for_what_it_trained(void **state)
{
    (void)state;
    struct err err = {0};
    struct source s;
    const char *base = folder(temporary_folder(), "base");
    const char *run = folder(temporary_folder(), "run");
    const char *adapter = adapter_for(run, "adapter", base);
    ASSERT_OK(source_find(&s, &arena, run, NULL, &err));
    assert_string_equal(s.model, base);
    assert_string_equal(s.adapter, adapter);
    ASSERT_OK(source_find(&s, &arena, adapter, NULL, &err));
    assert_string_equal(s.model, base);
    assert_string_equal(s.adapter, adapter);

    const char *near = adapter_for(run, "near", "../../base");
    ASSERT_OK(source_find(&s, &arena, near, NULL, &err));
    assert_string_equal(s.model, file_join(&arena, near, "../../base"));

    const char *full = folder(temporary_folder(), "full");
    const char *model = folder(full, "model");
    put(model, "config.json", "{}");
    ASSERT_OK(source_find(&s, &arena, full, NULL, &err));
    assert_string_equal(s.model, model);
    assert_null(s.adapter);
}

static void two_adapters_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct source s;
    const char *one = adapter_for(temporary_folder(), "one", temporary_folder());
    assert_false(source_find(&s, &arena, one, "two", &err));
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.what, "and so is --adapter two"));
}

static void a_base_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct source s;
    const char *lost = adapter_for(temporary_folder(), "lost", "gone/away");
    assert_false(source_find(&s, &arena, lost, NULL, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.what, "gone/away"));
    assert_non_null(strstr(err.where, "lost"));
    const char *nameless = adapter_for(temporary_folder(), "nameless", "");
    assert_false(source_find(&s, &arena, nameless, NULL, &err));
    assert_non_null(strstr(err.hint, "--adapter"));
    const char *broken = folder(temporary_folder(), "broken");
    put(broken, "adapter_config.json", "{");
    assert_false(source_find(&s, &arena, broken, NULL, &err));
    assert_int_equal(err.kind, ERR_INPUT);
}

static int teardown(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_model_stands_for_itself),
        cmocka_unit_test(a_run_stands_for_what_it_trained),
        cmocka_unit_test(two_adapters_are_refused),
        cmocka_unit_test(a_base_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, teardown);
}
