#include "model/weights.h"

#include "model/parts.h"
#include "test/support/model_folder.h"

static struct err err;
static struct weights w;

static void open_folder(const char *members)
{
    ASSERT_OK(weights_open(&w, model_folder(members), &err));
}

static void matrices_and_vectors_are_taken_by_name_and_shape(void **state)
{
    (void)state;
    struct weight matrix;
    float vector[16];
    open_folder(TINY_LLAMA);
    ASSERT_OK(weights_take(&w, "model.embed_tokens.weight", 32, 16, &matrix, &err));
    assert_true(matrix.dtype == DTYPE_F32 && matrix.rows == 32 && matrix.width == 16);
    ASSERT_OK(weights_take_vector(&w, "model.norm.weight", 16, vector, &err));
    assert_true(vector[15] == 1);
    weights_close(&w);
}

static void what_is_missing_or_of_another_shape_is_named(void **state)
{
    (void)state;
    struct weight matrix;
    float vector[16];
    open_folder(TINY_LLAMA);
    ASSERT_FAILS(weights_take(&w, "model.other.weight", 1, 1, &matrix, &err), "it is missing");
    assert_string_equal(err.where, "tensor model.other.weight");
    ASSERT_FAILS(weights_take(&w, "lm_head.weight", 33, 16, &matrix, &err),
                 "its shape is [32, 16]; [33, 16] is wanted");
    ASSERT_FAILS(weights_take(&w, "model.norm.weight", 1, 16, &matrix, &err),
                 "its shape is [16]; [1, 16] is wanted");
    ASSERT_FAILS(weights_take_vector(&w, "lm_head.weight", 16, vector, &err),
                 "its shape is [32, 16]; [16] is wanted");
    weights_close(&w);
}

static void types_that_are_no_weights_are_refused(void **state)
{
    (void)state;
    struct weight matrix;
    model_folder_add("lm_head.weight", DTYPE_I32, 32, 16);
    open_folder(TINY_LLAMA);
    ASSERT_FAILS(weights_take(&w, "lm_head.weight", 32, 16, &matrix, &err),
                 "weights of type I32 are not supported");
    assert_non_null(strstr(err.hint, "BF16"));
    weights_close(&w);
}

static void what_was_not_taken_is_an_error_unless_it_says_nothing(void **state)
{
    (void)state;
    struct weight matrix;
    model_folder_add("model.layers.0.self_attn.rotary_emb.inv_freq", DTYPE_F32, 0, 2);
    open_folder("\"tie_word_embeddings\": true, " TINY_LLAMA);
    ASSERT_FAILS(weights_check_rest(&w, &err), "no such tensor");
    assert_string_equal(err.where, "tensor model.embed_tokens.weight");
    ASSERT_OK(weights_take(&w, "model.embed_tokens.weight", 32, 16, &matrix, &err));
    for (size_t i = 0; i < w.safetensors.n_tensors; i++)
        map_put(&w.taken, w.safetensors.tensors[i].name, 0);
    ASSERT_OK(weights_check_rest(&w, &err));
    weights_close(&w);
}

static void a_prefix_may_be_left_out(void **state)
{
    (void)state;
    model_folder_drop("model.norm.weight");
    model_folder_add("norm.weight", DTYPE_F32, 0, 16);
    open_folder(TINY_LLAMA);
    assert_null(weights_find(&w, "model.norm.weight"));
    weights_find_prefix(&w, "model.norm.weight", "model.");
    assert_non_null(weights_find(&w, "model.norm.weight"));
    weights_close(&w);
}

static void what_is_forgotten_is_read_again(void **state)
{
    (void)state;
    struct weight matrix;
    float before[32 * 16], after[32 * 16];
    open_folder(TINY_LLAMA);
    ASSERT_OK(weights_take(&w, "lm_head.weight", 32, 16, &matrix, &err));
    weight_decode(&matrix, before);
    weights_forget(&w);
    weight_decode(&matrix, after);
    assert_memory_equal(before, after, sizeof before);
    weights_close(&w);
}

static void a_path_that_is_no_model_is_refused(void **state)
{
    (void)state;
    ASSERT_FAILS(weights_open(&w, config_folder(TINY_LLAMA), &err), "no model.safetensors");
    weights_close(&w);
    const char *path = temporary_file("text", span_of("some text that is no model"));
    ASSERT_FAILS(weights_open(&w, path, &err), "");
    assert_non_null(strstr(err.hint, ".gguf"));
    weights_close(&w);
    path = temporary_file("cut.gguf", span_of("GGUF\3"));
    ASSERT_FAILS(weights_open(&w, path, &err), "the file ends inside the header");
    assert_non_null(strstr(err.hint, "incomplete")); /* what reads the file knows more */
    weights_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrices_and_vectors_are_taken_by_name_and_shape),
        cmocka_unit_test(what_is_missing_or_of_another_shape_is_named),
        cmocka_unit_test(types_that_are_no_weights_are_refused),
        cmocka_unit_test(what_was_not_taken_is_an_error_unless_it_says_nothing),
        cmocka_unit_test(a_prefix_may_be_left_out),
        cmocka_unit_test(what_is_forgotten_is_read_again),
        cmocka_unit_test(a_path_that_is_no_model_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
