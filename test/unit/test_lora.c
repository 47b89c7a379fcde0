#include "model/lora.h"

#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "format/safetensors.h"
#include "model/parts.h"
#include "test/support/model_folder.h"

static struct err err;
static struct arena arena;
static struct model model;

static void open_folder(const char *members)
{
    ASSERT_OK(model_open(&model, model_folder(members), plain_backend(), &err));
}

static const char *new_folder(void)
{
    static int count;
    const char *folder = arena_printf(&arena, "%s/adapter%d", temporary_folder(), count++);
    assert_int_equal(mkdir(folder, 0700), 0);
    return folder;
}

static void a_fresh_adapter_begins_as_peft_begins(void **state)
{
    (void)state;
    struct lora_options o = {.all_linear = true, .rank = 4, .alpha = 8};
    open_folder(TINY_LLAMA);
    ASSERT_OK(lora_attach(&model, &o, 3, &err));
    assert_int_equal(model.n_adapters, 2 * 2 * 7);
    assert_int_equal(lora_options_of(&model)->rank, 4);
    const struct module *down = model_module(&model, SLOT_DOWN, 1);
    assert_true(down->lora_scale == 2);
    assert_true(param_count(down->lora_a) == 4 * 24 && param_count(down->lora_b) == 16 * 4);
    assert_string_equal(down->lora_a->name,
                        "base_model.model.model.layers.1.mlp.down_proj.lora_A.weight");
    float most = 0;
    for (size_t i = 0; i < 4 * 24; i++)
        most = fmaxf(most, fabsf(down->lora_a->value[i]));
    assert_true(most <= 1 / sqrtf(24) && most > 0.9f / sqrtf(24));
    for (size_t i = 0; i < 16 * 4; i++)
        assert_true(down->lora_b->value[i] == 0);
    model_close(&model);
}

static void the_scale_of_rslora_is_by_the_root(void **state)
{
    (void)state;
    struct lora_options o = {.rank = 4, .alpha = 8, .rslora = true};
    open_folder(TINY_LLAMA);
    ASSERT_OK(lora_attach(&model, &o, 3, &err));
    assert_true(model_module(&model, SLOT_Q, 0)->lora_scale == 4);
    model_close(&model);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    struct lora_options o = {.rank = 0, .alpha = 8};
    open_folder(TINY_LLAMA);
    ASSERT_FAILS(lora_attach(&model, &o, 3, &err), "lora r is 0");
    o = (struct lora_options){.rank = 4, .alpha = 0};
    ASSERT_FAILS(lora_attach(&model, &o, 3, &err), "lora_alpha is 0");
    o = (struct lora_options){.rank = 4, .alpha = 8, .dropout = 1};
    ASSERT_FAILS(lora_attach(&model, &o, 3, &err), "lora_dropout is 1");
    model_close(&model);
}

/* Random numbers into all adapters. */
static void stir(void)
{
    for (size_t i = 0; i < model.n_adapters; i++) {
        for (size_t j = 0; j < param_count(model.adapters[i]); j++)
            model.adapters[i]->value[j] += 0.1f * sinf((float)(7 * i + j));
    }
}

static void check_round_trip(const char *members, const struct lora_options *o)
{
    const char *base = model_folder(members), *first = new_folder(), *second = new_folder();
    float plain[11], before[11], after[11], without[11];
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    model_losses(&model, false, 12, plain);
    ASSERT_OK(lora_attach(&model, o, 3, &err));
    stir();
    model_losses(&model, false, 12, before);
    model_losses(&model, true, 12, without);
    assert_memory_equal(plain, without, sizeof plain);
    assert_memory_not_equal(plain, before, sizeof plain);
    ASSERT_OK(lora_save(&model, first, base, &err));
    model_close(&model);
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_OK(lora_load(&model, first, &err));
    model_losses(&model, false, 12, after);
    assert_memory_equal(before, after, sizeof before);
    ASSERT_OK(lora_save(&model, second, base, &err));
    model_close(&model);
    static const char *const files[] = {"adapter_config.json", "adapter_model.safetensors"};
    for (size_t i = 0; i < 2; i++) {
        struct file_map a, b;
        ASSERT_OK(file_map(&a, file_join(&arena, first, files[i]), &err));
        ASSERT_OK(file_map(&b, file_join(&arena, second, files[i]), &err));
        assert_true(span_equal(a.bytes, b.bytes));
        file_unmap(&a);
        file_unmap(&b);
    }
}

static void what_is_saved_loads_the_same(void **state)
{
    (void)state;
    const char *saved[] = {"lm_head"}, *names[] = {"layers.1.self_attn.q_proj", "up_proj"};
    struct lora_pattern rank = {"up_proj", 2};
    struct lora_options all = {.all_linear = true, .rank = 4, .alpha = 8};
    struct lora_options some = {.targets = names,
                                .n_targets = 2,
                                .rank = 3,
                                .alpha = 5,
                                .ranks = &rank,
                                .n_ranks = 1,
                                .rslora = true,
                                .saved = saved,
                                .n_saved = 1};
    check_round_trip(TINY_LLAMA, &all);
    check_round_trip(TINY_NEOX, &all);
    check_round_trip(TINY_GPT2, &all);
    check_round_trip("\"tie_word_embeddings\": true, " TINY_LLAMA, &some);
}

static void an_adapter_on_the_head_loads_the_same(void **state)
{
    (void)state;
    const char *names[] = {"lm_head"}, *saved[] = {"embed_tokens"};
    struct lora_options o = {.targets = names, .n_targets = 1, .rank = 3, .alpha = 5};
    check_round_trip(TINY_LLAMA, &o);
    check_round_trip(TINY_NEOX, &o);
    check_round_trip(TINY_GPT2, &o);
    o.saved = saved;
    o.n_saved = 1;
    check_round_trip("\"tie_word_embeddings\": true, " TINY_LLAMA, &o);
}

/* Another adapter file from that of `from`: the head called `head`, and `extra` beside it. */
static const char *rewritten(const char *from, const char *head, const struct tensor *extra)
{
    struct safetensors st;
    const char *to = new_folder(), *name = "adapter_model.safetensors";
    struct file_map map;
    ASSERT_OK(safetensors_open(&st, file_join(&arena, from, name), &err));
    struct tensor *tensors = arena_array(&arena, struct tensor, st.n_tensors + 1);
    for (size_t i = 0; i < st.n_tensors; i++) {
        size_t at = span_find(st.tensors[i].name, span_of("lm_head"));
        tensors[i] = st.tensors[i];
        if (at < tensors[i].name.len)
            tensors[i].name = span_of(
                arena_printf(&arena, "base_model.model.%s%.*s", head,
                             SPAN_ARGS(span_from(tensors[i].name, at + strlen("lm_head")))));
    }
    if (extra)
        tensors[st.n_tensors] = *extra;
    struct safetensors_content content = {.tensors = tensors, .n_tensors = st.n_tensors + !!extra};
    ASSERT_OK(safetensors_write(file_join(&arena, to, name), &content, &err));
    safetensors_close(&st);
    ASSERT_OK(file_map(&map, file_join(&arena, from, "adapter_config.json"), &err));
    ASSERT_OK(file_put(file_join(&arena, to, "adapter_config.json"), map.bytes, &err));
    file_unmap(&map);
    return to;
}

static const char *adapter_on_head(const char *base)
{
    const char *names[] = {"lm_head"}, *folder = new_folder();
    struct lora_options o = {.targets = names, .n_targets = 1, .rank = 3, .alpha = 5};
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_OK(lora_attach(&model, &o, 3, &err));
    ASSERT_OK(lora_save(&model, folder, base, &err));
    model_close(&model);
    return folder;
}

/* PEFT saves them beside an adapter on the head. */
static void the_base_s_own_numbers_must_be_the_base_s(void **state)
{
    (void)state;
    const char *base = model_folder(TINY_LLAMA), *folder = adapter_on_head(base);
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    const struct module *head = model_module(&model, SLOT_HEAD, 0);
    float *values = arena_array(&arena, float, 32 * 16);
    weight_decode(&head->weight->weight, values);
    for (size_t i = 0; i < 32 * 16; i++)
        values[i] *= i % 2 ? 1.002f : 0.998f;
    struct tensor extra = {.name = span_of("base_model.model.lm_head.base_layer.weight"),
                           .dtype = DTYPE_F32,
                           .n_dims = 2,
                           .dims = {32, 16},
                           .bytes = {(const uint8_t *)values, 32 * 16 * 4}};
    ASSERT_OK(lora_load(&model, rewritten(folder, "lm_head", &extra), &err));
    model_close(&model);
    for (size_t i = 0; i < 32; i++)
        values[i] *= 1.5f;
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_FAILS(lora_load(&model, rewritten(folder, "lm_head", &extra), &err),
                 "are not this base's: they differ by");
    assert_non_null(strstr(err.where, "lm_head.base_layer.weight"));
    model_close(&model);
    extra.dims[0] = 16;
    extra.bytes.len /= 2;
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_FAILS(lora_load(&model, rewritten(folder, "lm_head", &extra), &err), "[32, 16] is");
    model_close(&model);
}

static void the_head_of_gpt_neox_has_two_names(void **state)
{
    (void)state;
    const char *base = model_folder(TINY_NEOX), *folder = adapter_on_head(base);
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_OK(lora_load(&model, rewritten(folder, "embed_out", NULL), &err));
    assert_string_equal(model.adapters[0]->name, "base_model.model.lm_head.lora_A.weight");
    model_close(&model);
    base = model_folder(TINY_LLAMA);
    folder = adapter_on_head(base);
    ASSERT_OK(model_open(&model, base, plain_backend(), &err));
    ASSERT_FAILS(lora_load(&model, rewritten(folder, "embed_out", NULL), &err), "it is missing");
    model_close(&model);
}

static void rows_of_gpt_neox_are_saved_in_hugging_face_s_order(void **state)
{
    (void)state;
    struct lora_options o = {.rank = 1, .alpha = 1};
    struct safetensors st;
    const char *folder = new_folder();
    open_folder(TINY_NEOX);
    ASSERT_OK(lora_attach(&model, &o, 3, &err));
    const struct module *qkv = model_module(&model, SLOT_QKV, 0);
    for (size_t i = 0; i < 48; i++)
        qkv->lora_b->value[i] = (float)i;
    ASSERT_OK(lora_save(&model, folder, "base", &err));
    ASSERT_OK(safetensors_open(&st, file_join(&arena, folder, "adapter_model.safetensors"), &err));
    const struct tensor *t = safetensors_find(&st, span_of(qkv->lora_b->name));
    float there[48];
    memcpy(there, t->bytes.at, sizeof there);
    assert_true(there[8] == 16 && there[16] == 32 && there[24] == 8); /* k0, v0, q1 */
    safetensors_close(&st);
    model_close(&model);
}

/* A folder with a plain description and one tensor. */
static const char *one_tensor(const char *config, const char *name, size_t rows, size_t width)
{
    static float zeros[4096];
    const char *folder = new_folder();
    struct file_writer w;
    struct tensor t = {.name = span_of(name),
                       .dtype = DTYPE_F32,
                       .n_dims = 2,
                       .dims = {rows, width},
                       .bytes = {(const uint8_t *)zeros, rows * width * 4}};
    struct safetensors_content content = {.tensors = &t, .n_tensors = 1};
    ASSERT_OK(
        safetensors_write(file_join(&arena, folder, "adapter_model.safetensors"), &content, &err));
    ASSERT_OK(file_writer_open(&w, file_join(&arena, folder, "adapter_config.json"), &err));
    file_write(&w, span_of(config));
    ASSERT_OK(file_commit(&w, &err));
    file_discard(&w);
    return folder;
}

#define REFUSES(config, name, rows, width, text)                                                   \
    do {                                                                                           \
        open_folder(TINY_LLAMA);                                                                   \
        const char *folder_ = one_tensor(config, name, rows, width);                               \
        ASSERT_FAILS(lora_load(&model, folder_, &err), text);                                      \
        assert_non_null(strstr(err.where, folder_));                                               \
        model_close(&model);                                                                       \
    } while (0)

static void an_adapter_for_another_base_is_named_with_its_tensor(void **state)
{
    (void)state;
    const char *q = "{\"peft_type\": \"LORA\", \"r\": 4, \"target_modules\": [\"q_proj\"]}";
    const char *any = "{\"peft_type\": \"LORA\", \"r\": 4, \"target_modules\": \".*\"}";
    const char *path = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
    REFUSES(q, path, 4, 99, "its shape is [4, 99]; [4, 16] is wanted");
    assert_non_null(strstr(err.where, path));
    REFUSES(q, path, 8, 16, "its shape is [8, 16]; [4, 16] is wanted");
    REFUSES(q, path, 4, 16, "it is missing");
    REFUSES(any, path, 4, 16, "it is missing");
    assert_non_null(strstr(err.where, "layers.0.self_attn.q_proj.lora_B.weight"));
    REFUSES(any, "base_model.model.model.layers.7.self_attn.q_proj.lora_A.weight", 4, 16,
            "the base has no such layer, or target_modules does not name it");
    REFUSES(any, "base_model.model.lm_head.weight", 32, 16, "modules_to_save does not name it");
    REFUSES(any, "base_model.model.model.embed_tokens.lora_embedding_A", 4, 32,
            "adapters on embeddings");
    REFUSES(any, "base_model.model.model.layers.0.mlp.up_proj.lora_magnitude_vector", 1, 24,
            "DoRA is not supported");
    REFUSES("{\"peft_type\": \"IA3\"}", path, 4, 16, "type \"IA3\" is not supported");
}

static void a_folder_without_files_is_refused(void **state)
{
    (void)state;
    open_folder(TINY_LLAMA);
    ASSERT_FAILS(lora_load(&model, "/nowhere", &err), "No such file");
    model_close(&model);
}

static void norms_of_a_gguf_gemma_cannot_be_saved(void **state)
{
    (void)state;
    const char *saved[] = {"norm"};
    struct lora_options o = {.rank = 4, .alpha = 8, .saved = saved, .n_saved = 1};
    ASSERT_OK(model_create(&model, config_folder("\"model_type\": \"gemma\", " TINY_SIZES),
                           plain_backend(), 1, &err));
    model.config.is_gguf = true; /* as if */
    ASSERT_FAILS(lora_attach(&model, &o, 1, &err), "of a GGUF file is not supported");
    model_close(&model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fresh_adapter_begins_as_peft_begins),
        cmocka_unit_test(the_scale_of_rslora_is_by_the_root),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(what_is_saved_loads_the_same),
        cmocka_unit_test(an_adapter_on_the_head_loads_the_same),
        cmocka_unit_test(the_base_s_own_numbers_must_be_the_base_s),
        cmocka_unit_test(the_head_of_gpt_neox_has_two_names),
        cmocka_unit_test(rows_of_gpt_neox_are_saved_in_hugging_face_s_order),
        cmocka_unit_test(an_adapter_for_another_base_is_named_with_its_tensor),
        cmocka_unit_test(a_folder_without_files_is_refused),
        cmocka_unit_test(norms_of_a_gguf_gemma_cannot_be_saved),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
