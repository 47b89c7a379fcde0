#include "model/model.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/mem.h"
#include "model/parts.h"
#include "test/support/model_folder.h"

static struct err err;
static struct model model;

static void open_folder(const char *members)
{
    ASSERT_OK(model_open(&model, model_folder(members), plain_backend(), &err));
}

static const struct param *param_named(const struct model *m, const char *name)
{
    for (size_t i = 0; i < m->n_params; i++) {
        if (strcmp(m->params[i]->name, name) == 0)
            return m->params[i];
    }
    return NULL;
}

static void matrices_stay_in_the_file_and_vectors_are_float32(void **state)
{
    (void)state;
    open_folder(TINY_LLAMA);
    const struct param *q = param_named(&model, "model.layers.0.self_attn.q_proj.weight");
    const struct param *norm = param_named(&model, "model.norm.weight");
    assert_true(!q->value && !q->grad && q->decays);
    assert_true(norm->value && !norm->decays && norm->weight.rows == 1);
    assert_non_null(param_named(&model, "lm_head.weight"));
    model_close(&model);
    model_close(&model);
}

static void a_tied_head_is_the_tokens_parameter(void **state)
{
    (void)state;
    open_folder("\"tie_word_embeddings\": true, " TINY_LLAMA);
    assert_null(param_named(&model, "lm_head.weight"));
    assert_ptr_equal(model_module(&model, SLOT_HEAD, 0)->weight,
                     model_module(&model, SLOT_TOKENS, 0)->weight);
    model_close(&model);
}

static void a_head_in_the_file_that_differs_is_believed(void **state)
{
    (void)state;
    model_folder_add("lm_head.weight", DTYPE_F32, 32, 16); /* zeros */
    open_folder("\"tie_word_embeddings\": true, " TINY_LLAMA);
    assert_false(model.config.is_tied);
    assert_non_null(param_named(&model, "lm_head.weight"));
    model_close(&model);
}

static void rows_of_gpt_neox_are_put_in_order_and_back(void **state)
{
    (void)state;
    const char *folder = model_folder(TINY_NEOX);
    struct model fresh;
    float back[48 * 16];
    ASSERT_OK(model_create(&fresh, folder, plain_backend(), 7, &err));
    ASSERT_OK(model_open(&model, folder, plain_backend(), &err));
    const char *name = "gpt_neox.layers.1.attention.query_key_value.weight";
    const struct param *there = param_named(&fresh, name), *here = param_named(&model, name);
    assert_memory_equal(here->weight.at, there->value, sizeof back);
    model_in_file_order(&model, here, here->weight.at, back);
    /* head 1's first key row, there 8 + 24 rows down, here behind 16 q rows and 8 of k */
    const float *ours = (const float *)here->weight.at + 24 * 16;
    assert_memory_equal(back + 32 * 16, ours, 16 * sizeof(float));
    const void *copy = here->weight.at; /* which is trained as it is, not copied once more */
    ASSERT_OK(model_train_all(&model, &err));
    assert_ptr_equal(here->value, copy);
    assert_non_null(param_named(&model, "embed_out.weight"));
    model_close(&fresh);
    model_close(&model);
}

static void gpt_2_lies_transposed(void **state)
{
    (void)state;
    open_folder(TINY_GPT2);
    const struct param *c = param_named(&model, "transformer.h.0.attn.c_attn.weight");
    assert_true(c->weight.transposed && c->weight.rows == 16 && c->weight.width == 48);
    model_close(&model);
}

static void all_can_be_trained(void **state)
{
    (void)state;
    open_folder(TINY_LLAMA);
    const struct param *q = param_named(&model, "model.layers.0.self_attn.q_proj.weight");
    float before[16 * 16];
    weight_decode(&q->weight, before);
    ASSERT_OK(model_train_all(&model, &err));
    for (size_t i = 0; i < model.n_params; i++)
        assert_true(model.params[i]->value && model.params[i]->grad);
    assert_memory_equal(q->value, before, sizeof before);
    assert_ptr_equal(q->weight.at, q->value);
    model_close(&model);
    open_folder(TINY_LLAMA);
    mem_fail_after(1);
    ASSERT_FAILS(model_train_all(&model, &err), "no memory for");
    mem_fail_after(0);
    assert_non_null(strstr(err.hint, "adapters"));
    model_close(&model);
}

static void fresh_weights_are_normal_and_norms_one(void **state)
{
    (void)state;
    const char *folder = config_folder("\"pad_token_id\": 3, " TINY_LLAMA);
    ASSERT_OK(model_create(&model, folder, plain_backend(), 7, &err));
    const struct param *tokens = param_named(&model, "model.embed_tokens.weight");
    double sum = 0, squares = 0;
    for (size_t i = 0; i < 512; i++) {
        sum += (double)tokens->value[i];
        squares += (double)tokens->value[i] * (double)tokens->value[i];
    }
    assert_true(fabs(sum / 512) < 0.05 && fabs(sqrt(squares / 496) - 0.3) < 0.03);
    assert_true(tokens->value[3 * 16 + 5] == 0); /* the padding token's row */
    assert_true(param_named(&model, "model.norm.weight")->value[2] == 1);
    model_close(&model);
    ASSERT_OK(model_create(&model, config_folder(TINY_GPT2), plain_backend(), 7, &err));
    const struct param *proj = param_named(&model, "transformer.h.0.mlp.c_proj.weight");
    squares = 0;
    for (size_t i = 0; i < param_count(proj); i++)
        squares += (double)proj->value[i] * (double)proj->value[i];
    assert_true(fabs(sqrt(squares / (double)param_count(proj)) - 0.15) < 0.015);
    assert_true(param_named(&model, "transformer.h.0.mlp.c_proj.bias")->value[1] == 0);
    model_close(&model);
}

static void what_does_not_belong_together_is_named(void **state)
{
    (void)state;
    model_folder_drop("model.layers.1.mlp.up_proj.weight");
    const char *folder = model_folder(TINY_LLAMA);
    ASSERT_FAILS(model_open(&model, folder, plain_backend(), &err), "it is missing");
    assert_non_null(strstr(err.where, folder));
    assert_non_null(strstr(err.where, "tensor model.layers.1.mlp.up_proj.weight"));
    model_folder_add("model.layers.2.mlp.up_proj.weight", DTYPE_F32, 24, 16);
    ASSERT_FAILS(model_open(&model, model_folder(TINY_LLAMA), plain_backend(), &err),
                 "no such tensor");
    ASSERT_FAILS(model_open(&model, config_folder("\"model_type\": \"x\""), plain_backend(), &err),
                 "\"x\" is not supported");
    ASSERT_FAILS(model_create(&model, "/nowhere", plain_backend(), 1, &err), "No such file");
}

static void a_gguf_file_opens_and_is_no_description_for_a_fresh_model(void **state)
{
    (void)state;
    struct arena arena = {0};
    const char *path = data_path(&arena, "models/stories260K/gguf/stories260K-Q8_0.gguf");
    if (!path)
        skip_without_data();
    ASSERT_OK(model_open(&model, path, plain_backend(), &err));
    const struct param *k = param_named(&model, "model.layers.0.self_attn.k_proj.weight");
    assert_true(k->weight.dtype == DTYPE_Q8_0 && model.config.rope[0].interleaved);
    model_close(&model);
    ASSERT_FAILS(model_create(&model, path, plain_backend(), 1, &err), "has weights already");
    arena_release(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_stay_in_the_file_and_vectors_are_float32),
        cmocka_unit_test(a_tied_head_is_the_tokens_parameter),
        cmocka_unit_test(a_head_in_the_file_that_differs_is_believed),
        cmocka_unit_test(rows_of_gpt_neox_are_put_in_order_and_back),
        cmocka_unit_test(gpt_2_lies_transposed),
        cmocka_unit_test(all_can_be_trained),
        cmocka_unit_test(fresh_weights_are_normal_and_norms_one),
        cmocka_unit_test(what_does_not_belong_together_is_named),
        cmocka_unit_test(a_gguf_file_opens_and_is_no_description_for_a_fresh_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
