#include "model/peft_config.h"

#include "base/file.h"
#include "test/support/support.h"

static struct err err;
static struct arena arena;

static struct peft_config parse(const char *members)
{
    struct peft_config c;
    ASSERT_OK(peft_config_parse(
        &c, &arena, span_of(arena_printf(&arena, "{\"peft_type\": \"LORA\", %s}", members)), &err));
    return c;
}

#define REFUSES(members, text)                                                                     \
    do {                                                                                           \
        struct peft_config c_;                                                                     \
        const char *json_ = arena_printf(&arena, "{\"peft_type\": \"LORA\", %s}", members);        \
        ASSERT_FAILS(peft_config_parse(&c_, &arena, span_of(json_), &err), text);                  \
        assert_int_equal(err.kind, ERR_INPUT);                                                     \
    } while (0)

static void the_choices_of_an_adapter_are_read(void **state)
{
    (void)state;
    struct peft_config c =
        parse("\"r\": 4, \"lora_alpha\": 6.5, \"lora_dropout\": 0.25, \"use_rslora\": true, "
              "\"target_modules\": [\"q_proj\", \"v_proj\"], \"modules_to_save\": [\"lm_head\"], "
              "\"rank_pattern\": {\"v_proj\": 2}, \"alpha_pattern\": {\"q_proj\": 3}, "
              "\"base_model_name_or_path\": \"b\", \"bias\": \"none\", \"fan_in_fan_out\": true");
    assert_true(c.lora.rank == 4 && c.lora.alpha == 6.5 && c.lora.dropout == 0.25);
    assert_true(c.lora.rslora && c.fan_in_fan_out && !c.is_partial);
    assert_int_equal(c.lora.n_targets, 2);
    assert_string_equal(c.lora.targets[1], "v_proj");
    assert_string_equal(c.lora.saved[0], "lm_head");
    assert_string_equal(c.lora.ranks[0].pattern, "v_proj");
    assert_true(c.lora.ranks[0].value == 2 && c.lora.alphas[0].value == 3);
    assert_string_equal(c.base, "b");
}

static void null_means_what_peft_begins_with(void **state)
{
    (void)state;
    struct peft_config c =
        parse("\"use_rslora\": null, \"rank_pattern\": null, \"alpha_pattern\": {}, "
              "\"modules_to_save\": null, \"base_model_name_or_path\": null, "
              "\"init_lora_weights\": true, \"megatron_config\": null, \"use_dora\": false, "
              "\"layer_replication\": null, \"peft_version\": \"0.21\", \"target_modules\": null");
    assert_true(c.lora.rank == 8 && c.lora.alpha == 8 && !c.lora.rslora && c.is_partial);
    assert_string_equal(c.base, "");
    c = parse("\"rank_pattern\": {\"a\": 1}, \"rank_pattern\": null"); /* the later one counts */
    assert_int_equal(c.lora.n_ranks, 0);
}

static void choosing_by_other_means_leaves_it_to_the_tensors(void **state)
{
    (void)state;
    assert_true(parse("\"target_modules\": \".*q_proj\"").is_partial);
    assert_true(parse("\"target_modules\": [\"q_proj\"], \"layers_to_transform\": [1]").is_partial);
    assert_false(parse("\"target_modules\": [\"q_proj\"], \"exclude_modules\": []").is_partial);
}

static void what_pace_has_not_is_refused_by_name(void **state)
{
    (void)state;
    struct peft_config c;
    ASSERT_FAILS(peft_config_parse(&c, &arena, span_of("{\"r\": 4}"), &err), "no peft_type");
    ASSERT_FAILS(peft_config_parse(&c, &arena, span_of("{\"peft_type\": \"IA3\"}"), &err),
                 "an adapter of type \"IA3\" is not supported");
    REFUSES("\"use_dora\": true", "the option \"use_dora\" is not supported");
    REFUSES("\"bias\": \"lora_only\"", "trains biases");
    REFUSES("\"lora_bias\": true", "\"lora_bias\"");
    REFUSES("\"ensure_weight_tying\": true", "\"ensure_weight_tying\"");
    REFUSES("\"trainable_token_indices\": [1]", "\"trainable_token_indices\"");
    REFUSES("\"invented_later\": {\"a\": 1}", "\"invented_later\"");
    REFUSES("\"init_lora_weights\": \"pissa_niter_4\"", "begun with \"pissa_niter_4\"");
}

static void wrong_values_are_errors(void **state)
{
    (void)state;
    REFUSES("\"r\": 0", "r is 0; a whole number above zero");
    REFUSES("\"r\": 2.5", "r is 2.5; a whole number");
    REFUSES("\"lora_alpha\": -1", "lora_alpha is -1; a number above zero");
    REFUSES("\"lora_dropout\": 1", "lora_dropout is 1; it is a share below 1");
    REFUSES("\"r\": 1e12", "above zero and below 1e9 is wanted");
    REFUSES("\"target_modules\": [1]", "a list of names is wanted");
    REFUSES("\"target_modules\": 3", "expected a string, found a number");
    REFUSES("\"init_lora_weights\": 3", "expected a string, found a number");
    REFUSES("\"rank_pattern\": {\"a\": 1.5}", "a pattern's value is 1.5; a whole number");
    REFUSES("\"rank_pattern\": 3", "expected an object");
}

static void what_is_written_is_sorted_and_read_back(void **state)
{
    (void)state;
    const char *targets[] = {"q_proj"};
    struct lora_pattern rank = {"v_proj", 2}, alpha = {"v_proj", 2.5};
    struct peft_config c = {.base = "base",
                            .lora = {.targets = targets,
                                     .n_targets = 1,
                                     .rank = 4,
                                     .alpha = 8,
                                     .dropout = 0.1,
                                     .ranks = &rank,
                                     .n_ranks = 1,
                                     .alphas = &alpha,
                                     .n_alphas = 1}};
    const char *path = arena_printf(&arena, "%s/adapter_config.json", temporary_folder());
    struct file_map file;
    ASSERT_OK(peft_config_write(&c, path, &err));
    ASSERT_OK(file_map(&file, path, &err));
    ASSERT_SPAN(file.bytes, "{\n  \"alpha_pattern\": {\n    \"v_proj\": 2.5\n  },\n"
                            "  \"base_model_name_or_path\": \"base\",\n  \"bias\": \"none\",\n"
                            "  \"fan_in_fan_out\": false,\n  \"inference_mode\": true,\n"
                            "  \"init_lora_weights\": true,\n  \"lora_alpha\": 8,\n"
                            "  \"lora_dropout\": 0.1,\n  \"modules_to_save\": null,\n"
                            "  \"peft_type\": \"LORA\",\n  \"r\": 4,\n"
                            "  \"rank_pattern\": {\n    \"v_proj\": 2\n  },\n"
                            "  \"target_modules\": [\n    \"q_proj\"\n  ],\n"
                            "  \"task_type\": \"CAUSAL_LM\",\n  \"use_dora\": false,\n"
                            "  \"use_rslora\": false\n}");
    struct peft_config back;
    ASSERT_OK(peft_config_parse(&back, &arena, arena_copy(&arena, file.bytes), &err));
    assert_true(back.lora.rank == 4 && back.lora.alphas[0].value == 2.5 && !back.is_partial);
    file_unmap(&file);
    ASSERT_FAILS(peft_config_write(&c, "/nowhere/x.json", &err), "");
    assert_int_equal(err.kind, ERR_IO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_choices_of_an_adapter_are_read),
        cmocka_unit_test(null_means_what_peft_begins_with),
        cmocka_unit_test(choosing_by_other_means_leaves_it_to_the_tensors),
        cmocka_unit_test(what_pace_has_not_is_refused_by_name),
        cmocka_unit_test(wrong_values_are_errors),
        cmocka_unit_test(what_is_written_is_sorted_and_read_back),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
