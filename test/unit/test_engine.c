#include "test/support/model_folder.h"

#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "model/lora.h"
#include "train/engine.h"

static const char *adapter_of(const char *base, struct arena *arena, const char *name)
{
    struct err err = {0};
    struct model model;
    struct lora_options lora = {.all_linear = true, .rank = 2, .alpha = 4};
    const char *folder = file_join(arena, temporary_folder(), name);
    assert_int_equal(mkdir(folder, 0700), 0);
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_OK(lora_attach(&model, &lora, 3, &err));
    ASSERT_OK(lora_save(&model, folder, base, &err));
    model_close(&model);
    return folder;
}

static void threads_are_as_many_as_asked_for(void **state)
{
    (void)state;
    struct err err = {0};
    struct engine engine;
    struct options o;
    options_init(&o);
    o.threads = 3;
    ASSERT_OK(engine_start(&engine, &o, &err));
    assert_int_equal(thread_pool_size(engine.threads), 3);
    engine_close(&engine);
    o.threads = 0;
    ASSERT_OK(engine_start(&engine, &o, &err));
    assert_int_equal(thread_pool_size(engine.threads), thread_processors());
    engine_close(&engine);
    engine_close(&engine); /* safe on a zeroed struct */
}

static void a_model_is_opened_with_its_adapter(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct engine engine;
    struct options o;
    const char *base = model_folder(TINY_LLAMA);
    options_init(&o);
    ASSERT_OK(engine_open(&engine, base, &o, &err));
    assert_int_equal(engine.model.n_adapters, 0);
    engine_close(&engine);
    o.adapter = adapter_of(base, &arena, "fitting");
    ASSERT_OK(engine_open(&engine, base, &o, &err));
    assert_int_equal(engine.model.n_adapters, 2 * 7 * 2);
    engine_close(&engine);
    arena_release(&arena);
}

static void an_adapter_of_another_base_is_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct engine engine;
    struct options o;
    options_init(&o);
    o.adapter = adapter_of(model_folder(TINY_GPT2), &arena, "foreign");
    assert_false(engine_open(&engine, model_folder(TINY_LLAMA), &o, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.where, "foreign"));
    engine_close(&engine);
    arena_release(&arena);
}

static void a_weight_that_is_not_finite_is_refused_before_anything_computes(void **state)
{
    (void)state;
    struct err err = {0};
    struct arena arena = {0};
    struct engine engine;
    struct options o;
    struct buf bytes;
    struct file_map map;
    const char *base = model_folder(TINY_LLAMA);
    const char *path = file_join(&arena, base, "model.safetensors");
    float nan_value = NAN;
    options_init(&o);
    buf_init(&bytes, BUF_NO_LIMIT);
    ASSERT_OK(file_map(&map, path, &err));
    buf_add(&bytes, map.bytes);
    file_unmap(&map);
    memcpy(bytes.at + bytes.len - 8, &nan_value, sizeof nan_value);
    ASSERT_OK(file_put(path, buf_span(&bytes), &err));
    assert_false(engine_open(&engine, base, &o, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.what, "is not a finite number"));
    assert_non_null(strstr(err.where, "tensor model."));
    buf_release(&bytes);
    arena_release(&arena);
}

static void a_model_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct engine engine;
    struct options o;
    options_init(&o);
    assert_false(engine_open(&engine, "/no-model", &o, &err));
    assert_non_null(strstr(err.where, "/no-model"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_are_as_many_as_asked_for),
        cmocka_unit_test(a_model_is_opened_with_its_adapter),
        cmocka_unit_test(an_adapter_of_another_base_is_refused),
        cmocka_unit_test(a_weight_that_is_not_finite_is_refused_before_anything_computes),
        cmocka_unit_test(a_model_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
