#include "test/support/model_folder.h"

#include <sys/stat.h>

#include "base/file.h"
#include "format/safetensors.h"
#include "model/save.h"
#include "tensor/half.h"

enum { N = 12 };

static const char Q[] = "model.layers.0.self_attn.q_proj.weight";
static struct arena arena;

static const char *new_folder(const char *name)
{
    const char *folder = file_join(&arena, temporary_folder(), name);
    assert_int_equal(mkdir(folder, 0700), 0);
    return folder;
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
    struct err err = {0};
    struct file_map x, y;
    ASSERT_OK(file_map(&x, file_join(&arena, a, name), &err));
    ASSERT_OK(file_map(&y, file_join(&arena, b, name), &err));
    assert_int_equal(x.bytes.len, y.bytes.len);
    assert_memory_equal(x.bytes.at, y.bytes.at, x.bytes.len);
    file_unmap(&x);
    file_unmap(&y);
}

/* Every trained number moves, as a step would move it. */
static void train_a_little(struct model *model)
{
    struct err err = {0};
    ASSERT_OK(model_train_all(model, &err));
    for (size_t i = 0; i < model->n_params; i++) {
        struct param *p = model->params[i];
        for (size_t j = 0; j < param_count(p); j++)
            p->value[j] += 0.01f * (float)(j % 7);
    }
}

static void a_setting_is_replaced_or_added_and_all_else_kept(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    ASSERT_OK(model_put_setting(&out, span_of("{ \"a\": [1, 2],\n\"b\": 1e-5 }"), "a", "0", &err));
    assert_string_equal(buf_string(&out), "{ \"a\": 0,\n\"b\": 1e-5 }");
    buf_clear(&out);
    ASSERT_OK(model_put_setting(&out, span_of("{\"b\": 1e-5}"), "a", "false", &err));
    assert_string_equal(buf_string(&out), "{\"a\": false,\"b\": 1e-5}");
    ASSERT_FAILS(model_put_setting(&out, span_of("[1]"), "a", "0", &err), "expected an object");
    buf_release(&out);
}

static void a_saved_model_opens_with_the_same_losses(void **state)
{
    (void)state;
    static const char *const families[] = {TINY_LLAMA, TINY_GPT2, TINY_NEOX};
    for (size_t f = 0; f < COUNT_OF(families); f++) {
        struct err err = {0};
        struct model model, again;
        float before[N], after[N];
        const char *from = model_folder(families[f]);
        const char *to = new_folder(f == 0 ? "llama" : f == 1 ? "gpt2" : "neox");
        ASSERT_OK(model_open(&model, from, plain_backend(), &err));
        train_a_little(&model);
        model_losses(&model, false, N, before);
        ASSERT_OK(model_save(&model, from, to, &err));
        ASSERT_OK(model_open(&again, to, plain_backend(), &err));
        model_losses(&again, false, N, after);
        assert_memory_equal(before, after, (N - 1) * sizeof *before);
        assert_same_file(from, to, "config.json");
        model_close(&again);
        model_close(&model);
    }
}

static void each_tensor_keeps_its_type_and_shape(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    struct safetensors old, new;
    model_folder_add(Q, DTYPE_BF16, 16, 16);
    model_folder_add("model.layers.1.self_attn.o_proj.weight", DTYPE_F16, 16, 16);
    const char *from = model_folder(TINY_LLAMA), *to = new_folder("types");
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    train_a_little(&model);
    ASSERT_OK(model_save(&model, from, to, &err));
    ASSERT_OK(safetensors_open(&old, from, &err));
    ASSERT_OK(safetensors_open(&new, to, &err));
    assert_int_equal(new.n_tensors, old.n_tensors);
    for (size_t i = 0; i < old.n_tensors; i++) {
        const struct tensor *a = &old.tensors[i], *b = safetensors_find(&new, a->name);
        assert_non_null(b);
        assert_int_equal(b->dtype, a->dtype);
        assert_int_equal(b->n_dims, a->n_dims);
        assert_int_equal(b->dims[0], a->dims[0]);
    }
    const struct tensor *q = safetensors_find(&new, span_of(Q));
    uint16_t half;
    memcpy(&half, q->bytes.at + 2 * 5, sizeof half);
    assert_int_equal(half, half_to_bf16(0.05f));
    struct span format;
    assert_true(safetensors_metadata(&new, "format", &format));
    ASSERT_SPAN(format, "pt");
    safetensors_close(&new);
    safetensors_close(&old);
    model_close(&model);
}

static void rounding_gives_the_losses_of_the_saved_model(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model, again;
    float whole[N], rounded[N], saved[N];
    model_folder_add(Q, DTYPE_BF16, 16, 16);
    model_folder_add("model.layers.1.self_attn.o_proj.weight", DTYPE_F16, 16, 16);
    const char *from = model_folder(TINY_LLAMA), *to = new_folder("rounded");
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    train_a_little(&model);
    model_losses(&model, false, N, whole);
    assert_true(model_round(&model));
    model_losses(&model, false, N, rounded);
    assert_memory_not_equal(whole, rounded, (N - 1) * sizeof *whole);
    assert_false(model_round(&model)); /* once is enough */
    ASSERT_OK(model_save(&model, from, to, &err));
    ASSERT_OK(model_open(&again, to, plain_backend(), &err));
    model_losses(&again, false, N, saved);
    assert_memory_equal(rounded, saved, (N - 1) * sizeof *rounded);
    model_close(&again);
    model_close(&model);
}

static void float32_is_not_rounded(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    ASSERT_OK(model_open(&model, model_folder(TINY_LLAMA), plain_backend(), &err));
    train_a_little(&model);
    assert_false(model_round(&model));
    model_close(&model);
}

static void a_description_of_generation_comes_along(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    const char *from = model_folder(TINY_LLAMA), *to = new_folder("generation");
    ASSERT_OK(file_put(file_join(&arena, from, "generation_config.json"), span_of("{}"), &err));
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    ASSERT_OK(model_save(&model, from, to, &err));
    assert_same_file(from, to, "generation_config.json");
    model_close(&model);
}

static void a_fresh_model_is_saved_in_the_type_that_its_description_names(void **state)
{
    (void)state;
    struct err err = {0};
    struct model fresh, opened;
    const char *from = config_folder(TINY_LLAMA ", \"torch_dtype\": \"bfloat16\""),
               *to = new_folder("fresh");
    ASSERT_OK(model_create(&fresh, from, plain_backend(), 1, &err));
    assert_true(model_round(&fresh));
    ASSERT_OK(model_save(&fresh, from, to, &err));
    ASSERT_OK(model_open(&opened, to, plain_backend(), &err));
    assert_int_equal(opened.n_params, fresh.n_params);
    assert_int_equal(opened.params[0]->weight.dtype, DTYPE_BF16);
    model_close(&fresh);
    model_close(&opened);
}

static void a_folder_that_is_not_there_is_named(void **state)
{
    (void)state;
    struct err err = {0};
    struct model model;
    const char *from = model_folder(TINY_LLAMA);
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    assert_false(model_save(&model, from, "/nowhere/at/all", &err));
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.where, "/nowhere/at/all"));
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
        cmocka_unit_test(a_setting_is_replaced_or_added_and_all_else_kept),
        cmocka_unit_test(a_saved_model_opens_with_the_same_losses),
        cmocka_unit_test(each_tensor_keeps_its_type_and_shape),
        cmocka_unit_test(rounding_gives_the_losses_of_the_saved_model),
        cmocka_unit_test(float32_is_not_rounded),
        cmocka_unit_test(a_description_of_generation_comes_along),
        cmocka_unit_test(a_fresh_model_is_saved_in_the_type_that_its_description_names),
        cmocka_unit_test(a_folder_that_is_not_there_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
