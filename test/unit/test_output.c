#include "test/support/model_folder.h"
#include "test/support/tiny_model.h"

#include "base/file.h"
#include "model/lora.h"
#include "train/output.h"

static struct arena arena;

static const char *below(const char *name)
{
    return file_join(&arena, temporary_folder(), name);
}

static bool is_there(const char *folder, const char *name)
{
    return file_kind_of(file_join(&arena, folder, name)) == FILE_REGULAR;
}

static void the_folder_must_be_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o;
    options_init(&o);
    ASSERT_FAILS(output_prepare(&o, &err), "-o OUT names the folder");
    assert_int_equal(err.kind, ERR_USAGE);
}

static void a_folder_is_made_and_may_be_empty(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o;
    options_init(&o);
    o.output_dir = below("new");
    ASSERT_OK(output_prepare(&o, &err));
    assert_int_equal(file_kind_of(o.output_dir), FILE_FOLDER);
    ASSERT_OK(output_prepare(&o, &err));
}

static void a_folder_with_something_in_it_is_left_alone(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o;
    options_init(&o);
    o.output_dir = below("full");
    ASSERT_OK(output_prepare(&o, &err));
    (void)write_into(o.output_dir, "notes.txt", "mine");
    ASSERT_FAILS(output_prepare(&o, &err), "is not empty");
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.hint, "--overwrite-output-dir"));
    o.overwrite_output_dir = true;
    ASSERT_OK(output_prepare(&o, &err));
    assert_true(is_there(o.output_dir, "notes.txt"));
}

static void a_folder_that_holds_a_folder_is_not_empty(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o;
    options_init(&o);
    o.output_dir = below("nest");
    ASSERT_OK(file_make_folder(below("nest"), &err));
    ASSERT_OK(file_make_folder(below("nest/adapter"), &err));
    ASSERT_FAILS(output_prepare(&o, &err), "is not empty");
}

static void a_file_is_no_folder(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o;
    options_init(&o);
    o.output_dir = temporary_file("file", span_of("x"));
    assert_false(output_prepare(&o, &err));
    assert_int_equal(err.kind, ERR_IO);
}

static void an_adapter_gets_tokenizer_and_template_along(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model, again;
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 4};
    const char *from = model_folder(TINY_TALKER), *to = below("adapted");
    tiny_tokenizer(from, "{}", "{{ messages }}");
    ASSERT_OK(file_make_folder(to, &err));
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(lora_attach(&model, &lora, 3, &err));
    ASSERT_OK(output_save(&model, from, to, &err));
    const char *adapter = file_join(&arena, to, "adapter");
    assert_true(is_there(adapter, "adapter_model.safetensors"));
    assert_true(is_there(adapter, "tokenizer.json") && is_there(adapter, "chat_template.jinja"));
    assert_true(is_there(adapter, "tokenizer_config.json"));
    assert_false(is_there(adapter, "merges.txt"));
    assert_int_equal(file_kind_of(file_join(&arena, to, "model")), FILE_MISSING);
    ASSERT_OK(model_open(&again, from, plain_backend(), &err));
    ASSERT_OK(lora_load(&again, adapter, &err));
    assert_int_equal(lora_options_of(&again)->rank, 2);
    model_close(&again);
    model_close(&model);
}

static void a_base_is_saved_whole(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model, again;
    const char *from = model_folder(TINY_TALKER), *to = below("whole");
    tiny_tokenizer(from, NULL, NULL);
    ASSERT_OK(file_make_folder(to, &err));
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(output_save(&model, from, to, &err));
    const char *saved = file_join(&arena, to, "model");
    assert_true(is_there(saved, "tokenizer.json"));
    ASSERT_OK(model_open(&again, saved, plain_backend(), &err));
    model_close(&again);
    model_close(&model);
}

static int release(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_folder_must_be_named),
        cmocka_unit_test(a_folder_is_made_and_may_be_empty),
        cmocka_unit_test(a_folder_with_something_in_it_is_left_alone),
        cmocka_unit_test(a_folder_that_holds_a_folder_is_not_empty),
        cmocka_unit_test(a_file_is_no_folder),
        cmocka_unit_test(an_adapter_gets_tokenizer_and_template_along),
        cmocka_unit_test(a_base_is_saved_whole),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
