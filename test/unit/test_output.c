#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

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

static struct options to(const char *folder)
{
    struct options o;
    options_init(&o);
    o.output_dir = folder;
    return o;
}

static const char *template_path; /* --chat-template-path */

static bool save_to(const struct model *model, const char *from, const char *folder,
                    struct err *err)
{
    struct options o = to(folder);
    o.arguments[0] = from;
    o.chat_template_path = template_path;
    return output_save(model, &o, err);
}

static void the_folder_must_be_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o = to(NULL);
    ASSERT_FAILS(output_check(&o, &err), "-o OUT names the folder");
    assert_int_equal(err.kind, ERR_USAGE);
}

static void a_folder_is_made_when_the_run_begins_and_not_before(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o = to(below("new"));
    ASSERT_OK(output_check(&o, &err));
    assert_int_equal(file_kind_of(o.output_dir), FILE_MISSING);
    ASSERT_OK(output_begin(&o, &err));
    assert_int_equal(file_kind_of(o.output_dir), FILE_FOLDER);
    ASSERT_OK(output_check(&o, &err)); /* empty */
    assert_int_equal(file_kind_of(o.output_dir), FILE_FOLDER);
    o = to(below("no/such/folder"));
    assert_false(output_check(&o, &err));
    assert_int_equal(err.kind, ERR_IO);
}

static void a_folder_with_something_in_it_is_left_alone(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o = to(below("full"));
    ASSERT_OK(output_begin(&o, &err));
    (void)write_into(o.output_dir, "notes.txt", "mine");
    ASSERT_FAILS(output_check(&o, &err), "is not empty");
    assert_int_equal(err.kind, ERR_USAGE);
    assert_non_null(strstr(err.hint, "--overwrite-output-dir"));
    o.overwrite_output_dir = true;
    ASSERT_OK(output_check(&o, &err));
    assert_true(is_there(o.output_dir, "notes.txt"));
}

static void a_folder_that_holds_a_folder_is_not_empty(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o = to(below("nest"));
    ASSERT_OK(file_make_folder(below("nest"), &err));
    ASSERT_OK(file_make_folder(below("nest/adapter"), &err));
    ASSERT_FAILS(output_check(&o, &err), "is not empty");
}

static void a_file_and_a_folder_that_cannot_be_written_to_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o = to(temporary_file("file", span_of("x")));
    assert_false(output_check(&o, &err));
    assert_int_equal(err.kind, ERR_IO);
    if (geteuid() == 0) /* may write everywhere */
        return;
    o = to("/");
    assert_false(output_check(&o, &err));
    assert_int_equal(err.kind, ERR_IO);
}

/* A folder as an earlier run leaves it, with two files that are somebody's own. */
static const char *used_folder(const char *name)
{
    static const char *const folders[] = {"", "adapter", "model"};
    static const char *const files[][2] = {{"", "report.html"},
                                           {"", "notes.txt"},
                                           {"adapter", "adapter_config.json"},
                                           {"adapter", "adapter_model.safetensors"},
                                           {"adapter", "merges.txt"},
                                           {"model", "config.json"},
                                           {"model", "model.safetensors"},
                                           {"model", "merges.txt"},
                                           {"model", "mine.txt"}};
    struct err err = {0};
    const char *folder = below(name);
    for (size_t i = 0; i < COUNT_OF(folders); i++)
        ASSERT_OK(file_make_folder(file_join(&arena, folder, folders[i]), &err));
    for (size_t i = 0; i < COUNT_OF(files); i++)
        (void)write_into(file_join(&arena, folder, files[i][0]), files[i][1], "old");
    return folder;
}

static void what_an_earlier_run_left_goes_when_the_new_result_is_there(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 4};
    const char *from = model_folder(TINY_TALKER), *folder = used_folder("used");
    const char *adapter = file_join(&arena, folder, "adapter");
    const char *old = file_join(&arena, folder, "model");
    tiny_tokenizer(from, NULL, NULL);
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(lora_attach(&model, &lora, 3, &err));
    ASSERT_OK(save_to(&model, from, folder, &err));
    assert_true(is_there(adapter, "adapter_model.safetensors"));
    assert_true(is_there(adapter, "tokenizer.json"));
    assert_false(is_there(adapter, "merges.txt")); /* this base has none */
    assert_false(is_there(old, "config.json") || is_there(old, "model.safetensors") ||
                 is_there(old, "merges.txt") || is_there(folder, "report.html"));
    assert_true(is_there(old, "mine.txt") && is_there(folder, "notes.txt"));
    model_close(&model);
}

static void the_base_of_the_run_is_not_removed(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 4};
    const char *folder = used_folder("based"), *base = file_join(&arena, folder, "model");
    struct file_map config, weights;
    const char *from = model_folder(TINY_TALKER);
    ASSERT_OK(file_map(&config, file_join(&arena, from, "config.json"), &err));
    ASSERT_OK(file_map(&weights, file_join(&arena, from, "model.safetensors"), &err));
    ASSERT_OK(file_put(file_join(&arena, base, "config.json"), config.bytes, &err));
    ASSERT_OK(file_put(file_join(&arena, base, "model.safetensors"), weights.bytes, &err));
    file_unmap(&config);
    file_unmap(&weights);
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_OK(lora_attach(&model, &lora, 3, &err));
    ASSERT_OK(save_to(&model, base, folder, &err));
    assert_true(is_there(base, "config.json") && is_there(base, "model.safetensors"));
    assert_true(is_there(base, "merges.txt"));
    model_close(&model);
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
    ASSERT_OK(save_to(&model, from, to, &err));
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

static void the_template_that_was_trained_with_is_saved(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 4};
    const char *from = model_folder(TINY_TALKER), *folder = below("templated");
    const char *saved = file_join(&arena, folder, "adapter/chat_template.jinja");
    struct file_map text;
    tiny_tokenizer(from, NULL, "{{ messages }}");
    ASSERT_OK(file_make_folder(folder, &err));
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(lora_attach(&model, &lora, 3, &err));
    template_path = temporary_file("own.jinja", span_of("own {{ messages }}"));
    ASSERT_OK(save_to(&model, from, folder, &err));
    ASSERT_OK(file_map(&text, saved, &err));
    ASSERT_SPAN(text.bytes, "own {{ messages }}");
    file_unmap(&text);
    template_path = "/not/there/any/more";
    ASSERT_OK(save_to(&model, from, folder, &err)); /* a warning */
    template_path = NULL;
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
    const char *saved = file_join(&arena, to, "model");
    ASSERT_OK(file_make_folder(saved, &err));
    write_into(saved, "generation_config.json", "{}"); /* an earlier base's; this one has none */
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(save_to(&model, from, to, &err));
    assert_true(is_there(saved, "tokenizer.json"));
    assert_false(is_there(saved, "generation_config.json"));
    ASSERT_OK(model_open(&again, saved, plain_backend(), &err));
    model_close(&again);
    model_close(&model);
}

static void a_run_that_the_disk_has_no_room_for_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o = to(below("unmade/")); /* asked for before it is made */
    struct output_need need = {.result = 1000, .checkpoint = 1000, .steps = 20};
    ASSERT_OK(output_check_room(&o, &need, &err));
    need.result = (uint64_t)1 << 60;
    ASSERT_FAILS(output_check_room(&o, &need, &err), "the disk has room for");
    assert_non_null(strstr(err.what, " 0.4 MB of report and logs"));
    need.steps = (int64_t)1 << 50; /* to be ended by hand */
    ASSERT_FAILS(output_check_room(&o, &need, &err), " 102.8 MB of report and logs");
    assert_int_equal(err.kind, ERR_MEMORY);
    assert_string_equal(err.where, o.output_dir);
    assert_non_null(strstr(err.hint, "another disk"));
    o = to("/proc"); /* tells nothing */
    ASSERT_OK(output_check_room(&o, &need, &err));
    o = to("/not/there/at/all");
    ASSERT_OK(output_check_room(&o, &need, &err));
}

static void what_an_earlier_run_saved_is_room_for_one_that_begins(void **state)
{
    (void)state;
    struct err err = {0};
    struct options o = to(below("reused"));
    const char *old = file_join(&arena, o.output_dir, "checkpoint/state.safetensors");
    struct output_need need = {.result = (uint64_t)1 << 59, .checkpoint = 1};
    ASSERT_OK(file_make_folder(o.output_dir, &err));
    ASSERT_OK(file_make_folder(below("reused/checkpoint"), &err));
    ASSERT_OK(file_put(old, span_of("x"), &err));
    ASSERT_FAILS(output_check_room(&o, &need, &err), "576460752303.4 MB of result");
    double with = strtod(strstr(err.what, "room for ") + 9, NULL);
    if (truncate(old, (off_t)1 << 32) != 0) /* takes no room, but counts as if it did */
        skip();
    ASSERT_FAILS(output_check_room(&o, &need, &err), "the disk has room for");
    assert_true(strtod(strstr(err.what, "room for ") + 9, NULL) > with + 4000);
    need.checkpoint = 0; /* a run that is gone on with */
    ASSERT_FAILS(output_check_room(&o, &need, &err), "the disk has room for");
    assert_true(strtod(strstr(err.what, "room for ") + 9, NULL) < with + 1000);
}

/* What stands behind the header of a safetensors file. */
static uint64_t body_of(const char *path)
{
    struct err err = {0};
    struct file_map map;
    uint64_t header = 0;
    ASSERT_OK(file_map(&map, path, &err));
    struct cursor c = cursor_of(map.bytes);
    assert_true(cursor_u64_le(&c, &header));
    uint64_t body = map.bytes.len - 8 - header;
    file_unmap(&map);
    return body;
}

static void the_size_of_a_result_is_that_of_its_files(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 4};
    const char *from = model_folder(TINY_TALKER);
    struct options o = to(below("sized"));
    o.arguments[0] = from;
    tiny_tokenizer(from, "{}", NULL);
    struct stat tokenizer;
    assert_int_equal(stat(file_join(&arena, from, "tokenizer.json"), &tokenizer), 0);
    uint64_t others = (uint64_t)tokenizer.st_size + 2; /* tokenizer_config.json: {} */
    ASSERT_OK(file_make_folder(o.output_dir, &err));
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(output_save(&model, &o, &err));
    assert_int_equal(output_bytes(&model, &o),
                     body_of(below("sized/model/model.safetensors")) + others);
    ASSERT_OK(lora_attach(&model, &lora, 3, &err));
    ASSERT_OK(output_save(&model, &o, &err));
    assert_int_equal(output_bytes(&model, &o),
                     body_of(below("sized/adapter/adapter_model.safetensors")) + others);
    model_close(&model);
}

static void a_result_that_cannot_be_written_leaves_no_empty_folder(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 4};
    const char *from = model_folder(TINY_TALKER), *folder = below("stopped");
    struct rlimit limit;
    tiny_tokenizer(from, NULL, NULL);
    ASSERT_OK(file_make_folder(folder, &err));
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(lora_attach(&model, &lora, 3, &err));
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 100;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    bool ok = save_to(&model, from, folder, &err);
    limit.rlim_cur = before;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    assert_false(ok);
    assert_int_equal(err.kind, ERR_IO);
    assert_int_equal(file_kind_of(file_join(&arena, folder, "adapter")), FILE_MISSING);
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
        cmocka_unit_test(a_folder_is_made_when_the_run_begins_and_not_before),
        cmocka_unit_test(a_folder_with_something_in_it_is_left_alone),
        cmocka_unit_test(a_folder_that_holds_a_folder_is_not_empty),
        cmocka_unit_test(a_file_and_a_folder_that_cannot_be_written_to_are_refused),
        cmocka_unit_test(what_an_earlier_run_left_goes_when_the_new_result_is_there),
        cmocka_unit_test(the_base_of_the_run_is_not_removed),
        cmocka_unit_test(an_adapter_gets_tokenizer_and_template_along),
        cmocka_unit_test(the_template_that_was_trained_with_is_saved),
        cmocka_unit_test(a_base_is_saved_whole),
        cmocka_unit_test(a_run_that_the_disk_has_no_room_for_is_refused),
        cmocka_unit_test(what_an_earlier_run_saved_is_room_for_one_that_begins),
        cmocka_unit_test(the_size_of_a_result_is_that_of_its_files),
        cmocka_unit_test(a_result_that_cannot_be_written_leaves_no_empty_folder),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
