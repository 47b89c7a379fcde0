#include "test/support/support.h"

#include <math.h>
#include <stdio.h>

#include "train/model_info.h"

static struct err err;
static struct arena arena;

static struct model_info parse(const char *text)
{
    struct model_info info;
    ASSERT_OK(model_info_parse(&info, &arena, span_of(text), &err));
    return info;
}

static void a_llama_is_counted_from_its_shapes(void **state)
{
    (void)state;
    struct model_info m =
        parse("{\"model_type\": \"llama\", \"hidden_size\": 64, \"intermediate_size\": 172,"
              "\"num_hidden_layers\": 5, \"num_attention_heads\": 8, \"num_key_value_heads\": 4,"
              "\"vocab_size\": 512, \"tie_word_embeddings\": true}");
    assert_string_equal(m.model_type, "llama");
    assert_int_equal(m.hidden_size, 64);
    assert_int_equal(m.head_size, 8);
    /* 512 * 64 + 5 * (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 172) */
    assert_true(m.parameters == 32768 + 5 * (8192 + 4096 + 33024));
    assert_false(m.is_gguf || m.is_quantized || m.has_tokenizer);
}

static void the_names_of_gpt_2_are_known(void **state)
{
    (void)state;
    struct model_info m = parse("{\"n_embd\": 48, \"n_head\": 3, \"n_layer\": 3, \"n_inner\": null,"
                                "\"vocab_size\": 3, \"model_type\": \"gpt2\"}");
    assert_int_equal(m.hidden_size, 48);
    assert_int_equal(m.layers, 3);
    assert_int_equal(m.intermediate_size, 192);
    assert_true(m.parameters == 3 * 48 + 3 * (4 * 48 * 48 + 2 * 48 * 192));
}

static void a_model_that_sees_keeps_its_numbers_inside_text_config(void **state)
{
    (void)state;
    struct model_info m = parse(
        "{\"text_config\": {\"model_type\": \"inner\", \"hidden_size\": 2560, \"head_dim\": 256,"
        "\"num_hidden_layers\": 34, \"num_attention_heads\": 8, \"vocab_size\": 1000},"
        "\"vision_config\": {\"hidden_size\": 1152}, \"model_type\": \"outer\","
        "\"dtype\": \"bfloat16\", \"rope_parameters\": {\"rope_theta\": 1e6}}");
    assert_string_equal(m.model_type, "outer");
    assert_int_equal(m.hidden_size, 2560);
    assert_int_equal(m.head_size, 256);
    assert_int_equal(m.layers, 34);
}

static void every_expert_is_counted(void **state)
{
    (void)state;
    const char *dense = "{\"hidden_size\": 100, \"intermediate_size\": 300, \"num_layers\": 1,"
                        "\"num_attention_heads\": 10, \"vocab_size\": 1";
    char text[400];
    snprintf(text, sizeof text, "%s}", dense);
    struct model_info one = parse(text);
    snprintf(text, sizeof text, "%s, \"num_local_experts\": 8}", dense);
    assert_true(parse(text).parameters - one.parameters == 7 * 3 * 100 * 300);
    snprintf(text, sizeof text, "%s, \"num_experts\": 8, \"moe_intermediate_size\": 30}", dense);
    assert_true(parse(text).parameters - one.parameters == 3 * 100 * (8 * 30 - 300));
    snprintf(text, sizeof text, "%s, \"tie_word_embeddings\": false}", dense);
    assert_true(parse(text).parameters - one.parameters == 100);
}

static void what_is_no_description_of_a_model_is_refused(void **state)
{
    (void)state;
    struct model_info m;
    ASSERT_FAILS(model_info_parse(&m, &arena, span_of("{}"), &err), "no hidden_size");
    assert_int_equal(err.kind, ERR_INPUT);
    ASSERT_FAILS(model_info_parse(&m, &arena, span_of("{\"hidden_size\": -5}"), &err),
                 "no hidden_size");
    ASSERT_FAILS(model_info_parse(&m, &arena, span_of("{\"hidden_size\": [64]}"), &err),
                 "no hidden_size");
    ASSERT_FAILS(model_info_parse(&m, &arena, span_of("[1]"), &err), "object");
    ASSERT_FAILS(model_info_parse(&m, &arena, span_of("{\"hidden_size\": 64"), &err), "");
    ASSERT_FAILS(model_info_parse(&m, &arena, span_of(""), &err), "");
    const char *path = temporary_file("config.json", span_of("{\"n_layer\": 2}"));
    ASSERT_FAILS(model_info_read(&m, &arena, path, &err), "no hidden_size");
    assert_non_null(strstr(err.where, "config.json"));
    ASSERT_FAILS(model_info_read(&m, &arena, "/no/such/folder", &err), "");
    assert_int_equal(err.kind, ERR_IO);
    assert_non_null(strstr(err.hint, "config.json"));
}

static void absurd_numbers_do_no_harm(void **state)
{
    (void)state;
    struct model_info m = parse("{\"hidden_size\": 1e14, \"num_attention_heads\": 1e14,"
                                "\"num_hidden_layers\": 1e14, \"vocab_size\": 1e300,"
                                "\"head_dim\": NaN, \"num_experts\": -1}");
    assert_true(isfinite(m.parameters));
    assert_int_equal(m.head_size, 1);
}

static void real_models_have_the_size_that_they_have(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double parameters;
        bool is_quantized;
    } models[] = {{"models/stories260K", 260e3, false},
                  {"models/poem750K", 750e3, false},
                  {"models/own-3M", 3.93e6, false},
                  {"models/tiny-random/gpt2", 182e3, false},
                  {"models/stories260K/gguf/stories260K-Q8_0.gguf", 260e3, true}};
    if (!data_path(&arena, ""))
        skip_without_data();
    for (size_t i = 0; i < COUNT_OF(models); i++) {
        struct model_info m;
        const char *path = data_path(&arena, models[i].name);
        ASSERT_OK(model_info_read(&m, &arena, path, &err));
        assert_true(fabs(m.parameters / models[i].parameters - 1) < 0.05);
        assert_int_equal(m.is_quantized, models[i].is_quantized);
        assert_true(m.has_tokenizer || i == 3);
    }
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
        cmocka_unit_test(a_llama_is_counted_from_its_shapes),
        cmocka_unit_test(the_names_of_gpt_2_are_known),
        cmocka_unit_test(a_model_that_sees_keeps_its_numbers_inside_text_config),
        cmocka_unit_test(every_expert_is_counted),
        cmocka_unit_test(what_is_no_description_of_a_model_is_refused),
        cmocka_unit_test(absurd_numbers_do_no_harm),
        cmocka_unit_test(real_models_have_the_size_that_they_have),
    };
    return cmocka_run_group_tests(tests, NULL, release);
}
