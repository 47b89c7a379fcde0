#include "model/merge.h"

#include <math.h>
#include <sys/stat.h>

#include "base/file.h"
#include "model/save.h"
#include "tensor/half.h"
#include "test/support/model_folder.h"

enum { N = 12 };

static struct err err;
static struct arena arena;

static const char *new_folder(void)
{
    static int count;
    const char *folder = arena_printf(&arena, "%s/merged%d", temporary_folder(), count++);
    assert_int_equal(mkdir(folder, 0700), 0);
    return folder;
}

/* Adapters whose B is not zero any more, and copies that have moved. */
static void adapt(struct model *model, const struct lora_options *o)
{
    ASSERT_OK(lora_attach(model, o, 3, &err));
    for (size_t i = 0; i < model->n_adapters; i++) {
        struct param *p = model->adapters[i];
        for (size_t k = 0; k < param_count(p); k++)
            p->value[k] += 0.02f * (float)(k % 5) - 0.03f;
    }
}

/* The losses of a model with its adapter, and of what is saved, opened without one. */
static void check_saved(const char *members, const struct lora_options *o)
{
    struct model model, merged;
    float base[N], adapted[N], losses[N];
    const char *from = model_folder(members), *to = new_folder();
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    adapt(&model, o);
    model_losses(&model, true, N, base);
    model_losses(&model, false, N, adapted);
    ASSERT_OK(model_save(&model, from, to, &err));
    ASSERT_OK(model_open(&merged, to, plain_backend(), &err));
    model_losses(&merged, false, N, losses);
    float most = 0, moved = 0;
    for (size_t i = 0; i + 1 < N; i++) {
        most = fmaxf(most, fabsf(losses[i] - adapted[i]));
        moved = fmaxf(moved, fabsf(base[i] - adapted[i]));
    }
    assert_true(most < 2e-5f);
    assert_true(moved > 1e-3f);
    model_close(&merged);
    model_close(&model);
}

static void a_merged_model_gives_the_losses_of_the_adapted_one(void **state)
{
    (void)state;
    static const char *const families[] = {TINY_LLAMA, TINY_GPT2, TINY_NEOX};
    for (size_t i = 0; i < COUNT_OF(families); i++) {
        check_saved(families[i], &(struct lora_options){.all_linear = true, .rank = 3, .alpha = 5});
        check_saved(families[i], &(struct lora_options){
                                     .all_linear = true, .rank = 3, .alpha = 2, .rslora = true});
    }
}

static void an_adapter_on_the_head_is_merged_tied_or_not(void **state)
{
    (void)state;
    static const char *const names[] = {"lm_head"}, *const tokens[] = {"embed_tokens"};
    struct lora_options o = {.targets = names, .n_targets = 1, .rank = 2, .alpha = 2};
    check_saved(TINY_LLAMA, &o);
    check_saved(TINY_NEOX, &o);
    check_saved(TINY_GPT2, &o); /* tied */
    o.saved = tokens;
    o.n_saved = 1;
    check_saved(TINY_LLAMA ", \"tie_word_embeddings\": true", &o);
}

static void copies_of_whole_modules_take_the_place_of_the_base(void **state)
{
    (void)state;
    static const char *const norms[] = {"input_layernorm", "norm"}, *const head[] = {"lm_head"},
                             *const tokens[] = {"embed_tokens"}, *const wte[] = {"wte", "ln_1"};
    struct lora_options o = {.all_linear = true, .rank = 2, .alpha = 2};
    o.saved = norms;
    o.n_saved = 2;
    check_saved(TINY_LLAMA, &o);
    o.saved = head;
    o.n_saved = 1;
    check_saved(TINY_LLAMA, &o);
    check_saved(TINY_NEOX, &o);
    check_saved(TINY_LLAMA ", \"tie_word_embeddings\": true", &o);
    o.saved = tokens;
    check_saved(TINY_LLAMA ", \"tie_word_embeddings\" :  true ", &o);
    o.saved = wte;
    o.n_saved = 2;
    check_saved(TINY_GPT2, &o); /* tied where nothing is said */
}

static void what_was_tied_is_said_to_be_tied_no_longer(void **state)
{
    (void)state;
    static const char *const head[] = {"lm_head"};
    struct lora_options copy = {.all_linear = true, .rank = 2, .alpha = 2}, adapter = copy;
    copy.saved = adapter.targets = head;
    copy.n_saved = adapter.n_targets = 1;
    adapter.all_linear = false;
    static const char *const llama = "\"tie_word_embeddings\":\ttrue, " TINY_LLAMA;
    const struct {
        const char *members, *wanted;
        const struct lora_options *o;
    } cases[] = {
        {llama, "\"tie_word_embeddings\":\tfalse, ", &copy},
        {llama, "\"tie_word_embeddings\":\tfalse, ", &adapter},
        {TINY_GPT2, "{\"tie_word_embeddings\": false,", &copy},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct model model;
        struct file_map map;
        size_t n;
        const char *from = model_folder(cases[i].members), *to = new_folder();
        ASSERT_OK(model_open(&model, from, plain_backend(), &err));
        (void)merge_list(&model, &arena, &n);
        assert_int_equal(n, model.n_params);
        assert_false(merge_unties(&model));
        adapt(&model, cases[i].o);
        assert_true(merge_unties(&model));
        const struct merged *list = merge_list(&model, &arena, &n);
        assert_int_equal(n, model.n_params + 1);
        assert_string_equal(list[n - 1].name, "lm_head.weight");
        ASSERT_OK(model_save(&model, from, to, &err));
        ASSERT_OK(file_map(&map, file_join(&arena, to, "config.json"), &err));
        assert_non_null(strstr(arena_string(&arena, map.bytes), cases[i].wanted));
        file_unmap(&map);
        model_close(&model);
    }
}

static void threads_do_not_change_a_bit(void **state)
{
    (void)state;
    struct thread_pool *threads;
    struct backend backend;
    struct model model;
    const char *wide =
        "\"model_type\": \"llama\", \"hidden_size\": 48, \"intermediate_size\": 210, "
        "\"num_hidden_layers\": 1, \"num_attention_heads\": 4, \"vocab_size\": 32, "
        "\"max_position_embeddings\": 64";
    const char *from = model_folder(wide);
    float *results[2];
    for (size_t i = 0; i < 2; i++) {
        size_t n;
        ASSERT_OK(thread_pool_open(&threads, 1 + 2 * i, &err));
        backend_init(&backend, &backend_ref, threads);
        ASSERT_OK(model_open(&model, from, &backend, &err));
        adapt(&model, &(struct lora_options){.all_linear = true, .rank = 7, .alpha = 5});
        const struct merged *list = merge_list(&model, &arena, &n);
        results[i] = arena_array(&arena, float, 210 * 48);
        for (size_t k = 0; k < n; k++) {
            if (list[k].module->slot == SLOT_UP)
                merge_values(&model, &list[k], results[i]);
        }
        model_close(&model);
        backend_release(&backend);
        thread_pool_close(threads);
    }
    assert_memory_equal(results[0], results[1], 210 * 48 * sizeof(float));
}

static void rounding_finds_what_does_not_fit(void **state)
{
    (void)state;
    float values[] = {1, 3e38f, 70000, 65000, (float)NAN};
    float a[5], b[5], c[5];
    uint16_t half;
    memcpy(a, values, sizeof a);
    memcpy(b, values, sizeof b);
    memcpy(c, values, sizeof c);
    assert_int_equal(merge_round(a, 5, DTYPE_F32), 4);
    assert_int_equal(merge_round(a, 4, DTYPE_F32), 4);
    assert_int_equal(merge_round(b, 5, DTYPE_BF16), 4);
    assert_int_equal(merge_round(c, 5, DTYPE_F16), 1);
    memcpy(&half, (uint8_t *)b + 4, sizeof half);
    assert_int_equal(half, half_to_bf16(70000));
    memcpy(&half, (uint8_t *)c + 6, sizeof half);
    assert_int_equal(half, half_to_f16(65000));
}

static void an_adapter_that_breaks_the_numbers_is_refused_and_leaves_nothing(void **state)
{
    (void)state;
    struct model model;
    model_folder_add("model.layers.1.mlp.up_proj.weight", DTYPE_F16, 24, 16);
    const char *from = model_folder(TINY_LLAMA), *to = new_folder();
    char **names;
    size_t n;
    ASSERT_OK(model_open(&model, from, plain_backend(), &err));
    adapt(&model, &(struct lora_options){.all_linear = true, .rank = 2, .alpha = 2});
    model_module(&model, SLOT_UP, 1)->lora_b->value[2 * 5] = 1e7f;
    assert_false(model_save(&model, from, to, &err));
    assert_int_equal(err.kind, ERR_INPUT);
    assert_non_null(strstr(err.what, "row 5, column "));
    assert_non_null(strstr(err.what, "F16"));
    assert_non_null(strstr(err.where, "model.layers.1.mlp.up_proj.weight"));
    ASSERT_OK(file_list(&arena, to, &names, &n, &err));
    assert_int_equal(n, 0);
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
        cmocka_unit_test(a_merged_model_gives_the_losses_of_the_adapted_one),
        cmocka_unit_test(an_adapter_on_the_head_is_merged_tied_or_not),
        cmocka_unit_test(copies_of_whole_modules_take_the_place_of_the_base),
        cmocka_unit_test(what_was_tied_is_said_to_be_tied_no_longer),
        cmocka_unit_test(threads_do_not_change_a_bit),
        cmocka_unit_test(rounding_finds_what_does_not_fit),
        cmocka_unit_test(an_adapter_that_breaks_the_numbers_is_refused_and_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
