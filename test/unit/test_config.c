#include "model/config.h"

#include <math.h>
#include <stdio.h>

#include "test/support/model_folder.h"

static struct err err;
static struct arena arena;

static struct span braces(const char *members, const char *more)
{
    return span_of(arena_printf(&arena, "{%s%s%s}", members, *more ? ", " : "", more));
}

static struct model_config parse(const char *members, const char *more)
{
    struct model_config c;
    ASSERT_OK(model_config_parse(&c, &arena, braces(members, more), &err));
    return c;
}

#define REFUSES(members, more, text)                                                               \
    do {                                                                                           \
        struct model_config c_;                                                                    \
        ASSERT_FAILS(model_config_parse(&c_, &arena, braces(members, more), &err), text);          \
        assert_int_equal(err.kind, ERR_INPUT);                                                     \
    } while (0)

static void absent_keys_mean_what_the_family_says(void **state)
{
    (void)state;
    struct model_config c = parse(TINY_LLAMA, "");
    assert_string_equal(c.family, "llama");
    assert_int_equal(c.head, 4);
    assert_false(c.is_tied || c.qkv_bias || c.out_bias || c.ff_bias || c.learned_positions);
    assert_true(c.attn_scale == 0.5f && c.embed_scale == 1 && c.norm_eps == 1e-6f);
    assert_true(c.rope[0].theta == 1e4 && c.rope[0].rotary == 4 && c.n_ropes == 1);
    assert_int_equal(c.eos[0], 2);
    assert_int_equal(c.pad, -1);
    c = parse(TINY_GPT2, "");
    assert_true(c.is_tied && c.learned_positions && c.norm_bias && c.ff_bias && c.n_ropes == 0);
    assert_int_equal(c.feed_forward, 64);
    assert_int_equal(c.layers[0].rope, ROPE_NONE);
    c = parse(TINY_NEOX, "");
    assert_true(c.is_parallel && c.qkv_bias && c.rope[0].rotary == 4 && c.act == ACT_GELU);
}

static void keys_of_both_layouts_mean_the_same(void **state)
{
    (void)state;
    struct model_config old =
        parse(TINY_LLAMA, "\"rope_theta\": 5e5, \"rope_scaling\": {\"type\": \"linear\", "
                          "\"factor\": 4}, \"torch_dtype\": \"bfloat16\"");
    struct model_config new =
        parse(TINY_LLAMA, "\"rope_parameters\": {\"rope_theta\": 5e5, \"rope_type\": \"linear\", "
                          "\"factor\": 4}, \"dtype\": \"bfloat16\"");
    assert_true(old.rope[0].theta == 5e5 && new.rope[0].theta == 5e5);
    assert_true(old.rope[0].divisor[1] == 4 && new.rope[0].divisor[1] == 4);
}

static void gemma_scales_shifts_and_caps(void **state)
{
    (void)state;
    struct model_config c =
        parse("\"model_type\": \"gemma2\", " TINY_SIZES,
              "\"head_dim\": 8, \"query_pre_attn_scalar\": 16, \"attn_logit_softcapping\": 50, "
              "\"final_logit_softcapping\": 30, \"hidden_act\": \"relu\"");
    assert_true(c.embed_scale == 4 && c.attn_scale == 0.25f && c.norm_shift == 1);
    assert_true(c.attn_softcap == 50 && c.logit_softcap == 30 && c.is_tied);
    assert_int_equal(c.act, ACT_GELU_TANH); /* it looks at hidden_activation alone */
    assert_int_equal(c.layers[0].window, 4096);
    assert_int_equal(c.layers[1].window, 0);
    c = parse("\"model_type\": \"gemma\", " TINY_SIZES, "\"hidden_act\": \"gelu\"");
    assert_int_equal(c.act, ACT_GELU_TANH);
    c = parse("\"model_type\": \"gemma2\", " TINY_SIZES, "\"hidden_activation\": \"gelu\"");
    assert_int_equal(c.act, ACT_GELU); /* only the first Gemma's files mean the tanh form by it */
}

static void gemma_3_has_two_ropes(void **state)
{
    (void)state;
    struct model_config c =
        parse("\"model_type\": \"gemma3_text\", " TINY_SIZES,
              "\"sliding_window\": 5, \"sliding_window_pattern\": 2, \"rope_scaling\": "
              "{\"rope_type\": \"linear\", \"factor\": 8}, \"rope_local_base_freq\": 20000");
    assert_int_equal(c.n_ropes, 2);
    assert_true(c.rope[0].theta == 1e6 && c.rope[0].divisor[0] == 8);
    assert_true(c.rope[1].theta == 20000 && !c.rope[1].divisor);
    assert_int_equal(c.layers[0].rope, 1);
    assert_int_equal(c.layers[0].window, 5);
    assert_int_equal(c.layers[1].rope, 0);
    assert_int_equal(c.layers[1].window, 0);
}

static void windows_follow_each_family_s_rule(void **state)
{
    (void)state;
    struct model_config c = parse("\"model_type\": \"mistral\", " TINY_SIZES, "");
    assert_int_equal(c.layers[1].window, 4096);
    c = parse("\"model_type\": \"mistral\", " TINY_SIZES, "\"sliding_window\": null");
    assert_int_equal(c.layers[1].window, 0);
    c = parse("\"model_type\": \"qwen2\", " TINY_SIZES, "\"sliding_window\": 7");
    assert_int_equal(c.layers[1].window, 0);
    const char *qwen = "\"model_type\": \"qwen2\", \"use_sliding_window\": true, " TINY_SIZES;
    c = parse(qwen, "\"sliding_window\": 7, \"max_window_layers\": 1");
    assert_int_equal(c.layers[0].window, 0);
    assert_int_equal(c.layers[1].window, 7);
    c = parse(qwen, "\"sliding_window\": 7, \"layer_types\": [\"sliding_attention\", "
                    "\"full_attention\"]");
    assert_int_equal(c.layers[0].window, 7);
    assert_int_equal(c.layers[1].window, 0);
    c = parse("\"model_type\": \"smollm3\", " TINY_SIZES, "\"no_rope_layers\": [0, 1]");
    assert_int_equal(c.layers[0].rope, ROPE_NONE);
    assert_int_equal(c.layers[1].rope, 0);
}

static void heads_are_grouped_only_where_the_family_knows_it(void **state)
{
    (void)state;
    struct model_config c = parse(TINY_NEOX, "\"num_key_value_heads\": 1");
    assert_int_equal(c.kv_heads, c.heads);
    c = parse(TINY_GPT2, "\"num_key_value_heads\": 1");
    assert_int_equal(c.kv_heads, c.heads);
}

static void several_end_tokens_are_kept(void **state)
{
    (void)state;
    struct model_config c = parse(TINY_LLAMA, "\"eos_token_id\": [5, 6], \"pad_token_id\": -1");
    assert_int_equal(c.n_eos, 2);
    assert_int_equal(c.eos[1], 6);
    assert_int_equal(c.pad, -1);
    REFUSES(TINY_LLAMA, "\"eos_token_id\": [1,2,3,4,5,6,7,8,9]", "at most 8 ids");
    REFUSES(TINY_LLAMA, "\"eos_token_id\": -1", "-1 is no token's id");
    REFUSES(TINY_LLAMA, "\"eos_token_id\": [2, 1.5]", "1.5 is no token's id");
    assert_non_null(strstr(err.where, "eos_token_id"));
}

static void what_is_wrong_within_a_key_is_found_by_its_name(void **state)
{
    (void)state;
    static const char *const keys[] = {"architectures", "eos_token_id", "rope_scaling",
                                       "rope_parameters"};
    for (size_t i = 0; i < COUNT_OF(keys); i++) {
        REFUSES(TINY_LLAMA, arena_printf(&arena, "\"%s\": \"x\"", keys[i]), "found a string");
        assert_non_null(strstr(err.where, keys[i]));
    }
    REFUSES("\"model_type\": \"smollm3\", " TINY_SIZES, "\"no_rope_layers\": \"x\"", "a string");
    assert_non_null(strstr(err.where, "no_rope_layers"));
    REFUSES("\"model_type\": \"gemma3_text\", " TINY_SIZES,
            "\"head_dim\": 4, \"rope_parameters\": {\"full_attention\": {\"rope_theta\": \"x\"}}",
            "found a string");
    assert_non_null(strstr(err.where, "full_attention"));
}

/* transformers divides by these, or gives heads no width. */
static void a_size_of_zero_is_not_an_absent_one(void **state)
{
    (void)state;
    REFUSES(TINY_LLAMA, "\"head_dim\": 0", "head_dim is no whole number from 1");
    REFUSES(TINY_LLAMA, "\"num_key_value_heads\": 0", "num_key_value_heads is no whole number");
    REFUSES("\"model_type\": \"smollm3\", " TINY_SIZES, "\"no_rope_layer_interval\": 0",
            "no_rope_layer_interval is no whole number from 1");
    REFUSES(TINY_GPT2, "\"n_inner\": 0", "n_inner is no whole number from 1");
    struct model_config c = parse(TINY_LLAMA, "\"head_dim\": null");
    assert_int_equal(c.head, c.width / c.heads);
}

/* As transformers' classes of these families do. */
static void a_share_of_a_head_is_passed_over_where_the_family_knows_none(void **state)
{
    (void)state;
    static const char *const members[] = {
        "\"partial_rotary_factor\": 0.5",
        "\"rope_parameters\": {\"rope_type\": \"default\", \"partial_rotary_factor\": 0.5}"};
    for (size_t i = 0; i < COUNT_OF(members); i++) {
        struct model_config c = parse(TINY_LLAMA, members[i]);
        assert_int_equal(c.rope[0].rotary, c.head);
    }
}

static void what_pace_has_not_is_refused_by_name(void **state)
{
    (void)state;
    REFUSES(TINY_SIZES, "", "no model_type");
    REFUSES("\"model_type\": \"mamba\"", "", "\"mamba\" is not supported");
    REFUSES("\"model_type\": \"gemma3\"", "\"text_config\": {}", "\"gemma3\" is not supported");
    assert_non_null(strstr(err.hint, "also sees or hears"));
    REFUSES(TINY_LLAMA, "\"architectures\": [\"LlamaModel\"]", "\"LlamaModel\" is not supported");
    REFUSES(TINY_LLAMA, "\"architectures\": 3", "expected a list");
    REFUSES(TINY_LLAMA, "\"quantization_config\": {}", "quantization_config");
    REFUSES(TINY_LLAMA, "\"num_local_experts\": 8", "mixture of experts");
    REFUSES(TINY_LLAMA, "\"is_encoder_decoder\": true", "an encoder");
    REFUSES(TINY_GPT2, "\"add_cross_attention\": true", "add_cross_attention");
    REFUSES(TINY_LLAMA, "\"use_bidirectional_attention\": true", "use_bidirectional_attention");
    REFUSES(TINY_LLAMA, "\"rope_scaling\": {\"type\": \"linear\", \"partial_rotary_factor\": 0.5}",
            "partial_rotary_factor with scaled rope in this family");
    REFUSES(TINY_LLAMA, "\"attn_logit_softcapping\": 50", "attn_logit_softcapping in this family");
    REFUSES(TINY_LLAMA, "\"hidden_act\": \"mish\"", "\"mish\" is not supported");
    REFUSES(TINY_LLAMA, "\"rope_scaling\": {\"type\": \"ntk\"}", "\"ntk\" is not supported");
    REFUSES(TINY_LLAMA, "\"rope_parameters\": {\"full_attention\": {}}",
            "a rope for each kind of layer");
    REFUSES("\"model_type\": \"qwen2\", " TINY_SIZES, "\"layer_types\": [\"linear_attention\"]",
            "\"linear_attention\" is not supported");
    REFUSES("\"model_type\": \"qwen2\", " TINY_SIZES, "\"layer_types\": [\"full_attention\"]",
            "lists 1 layers of 2");
    REFUSES("\"model_type\": \"smollm3\", " TINY_SIZES, "\"no_rope_layers\": [1]",
            "lists 1 layers of 2");
}

static void impossible_sizes_are_refused(void **state)
{
    (void)state;
    REFUSES("\"model_type\": \"llama\"", "", "(hidden_size) is missing");
    REFUSES(TINY_LLAMA, "\"rope_theta\": 1", "rope_theta is 1");
    REFUSES(TINY_NEOX, "\"partial_rotary_factor\": 0.4", "3 numbers of a head of 8 would turn");
    REFUSES(TINY_NEOX, "\"partial_rotary_factor\": 1.5", "partial_rotary_factor is 1.5");
    REFUSES(TINY_LLAMA, "\"rms_norm_eps\": -1", "epsilon");
    REFUSES(TINY_LLAMA, "\"rms_norm_eps\": NaN", "rms_norm_eps is not a number");
    REFUSES(TINY_LLAMA, "\"rope_theta\": 1e30", "above 1 and below 1e20");
    REFUSES(TINY_LLAMA, "\"rope_scaling\": {\"type\": \"longrope\", \"short_factor\": [NaN]}",
            "a list of numbers is wanted");
}

static void a_folder_or_a_file_is_read(void **state)
{
    (void)state;
    struct model_config c;
    const char *folder = config_folder(TINY_LLAMA);
    ASSERT_OK(model_config_read(&c, &arena, folder, &err));
    ASSERT_OK(model_config_read(&c, &arena, arena_printf(&arena, "%s/config.json", folder), &err));
    assert_int_equal(c.width, 16);
    ASSERT_FAILS(model_config_read(&c, &arena, "/nowhere", &err), "No such file");
    assert_string_equal(err.where, "/nowhere");
    ASSERT_FAILS(model_config_read(&c, &arena, config_folder("\"model_type\": 3"), &err),
                 "expected a string");
    assert_non_null(strstr(err.where, "config.json"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(absent_keys_mean_what_the_family_says),
        cmocka_unit_test(keys_of_both_layouts_mean_the_same),
        cmocka_unit_test(gemma_scales_shifts_and_caps),
        cmocka_unit_test(gemma_3_has_two_ropes),
        cmocka_unit_test(windows_follow_each_family_s_rule),
        cmocka_unit_test(heads_are_grouped_only_where_the_family_knows_it),
        cmocka_unit_test(several_end_tokens_are_kept),
        cmocka_unit_test(what_is_wrong_within_a_key_is_found_by_its_name),
        cmocka_unit_test(a_size_of_zero_is_not_an_absent_one),
        cmocka_unit_test(a_share_of_a_head_is_passed_over_where_the_family_knows_none),
        cmocka_unit_test(what_pace_has_not_is_refused_by_name),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(a_folder_or_a_file_is_read),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
