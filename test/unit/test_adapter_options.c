#include "test/support/support.h"

#include <stdio.h>

#include "train/adapter_options.h"

static struct arena arena;
static struct lora_options lora;
static struct options o;

static int begin(void **state)
{
    (void)state;
    options_init(&o);
    lora = (struct lora_options){.rank = 4, .alpha = 8};
    return 0;
}

static int end(void **state)
{
    (void)state;
    arena_release(&arena);
    return 0;
}

static void all_linear_layers_get_adapters_unless_others_are_named(void **state)
{
    (void)state;
    struct err err = {0};
    ASSERT_OK(adapter_options_read(&o, &arena, &lora, &err));
    assert_true(lora.all_linear);
    assert_int_equal(lora.n_ranks + lora.n_alphas + lora.n_saved, 0);
    assert_int_equal(lora.rank, 4);
    o.target_modules = "q_proj";
    ASSERT_OK(adapter_options_read(&o, &arena, &lora, &err));
    assert_false(lora.all_linear);
    assert_int_equal(lora.n_targets, 1);
}

static void names_stand_between_commas(void **state)
{
    (void)state;
    struct err err = {0};
    o.target_modules = "q_proj, v_proj ,,up_proj,";
    o.modules_to_save = "lm_head";
    ASSERT_OK(adapter_options_read(&o, &arena, &lora, &err));
    assert_int_equal(lora.n_targets, 3);
    assert_string_equal(lora.targets[0], "q_proj");
    assert_string_equal(lora.targets[1], "v_proj");
    assert_string_equal(lora.targets[2], "up_proj");
    assert_int_equal(lora.n_saved, 1);
    assert_string_equal(lora.saved[0], "lm_head");
}

static void patterns_are_numbers_by_module(void **state)
{
    (void)state;
    struct err err = {0};
    o.rank_pattern = "{\"q_proj\": 32, \"layers\\\\.0\\\\.\": 8}";
    o.alpha_pattern = "{\"q_proj\": 0.5}";
    o.lora_dropout = 0.25;
    o.use_rslora = true;
    ASSERT_OK(adapter_options_read(&o, &arena, &lora, &err));
    assert_int_equal(lora.n_ranks, 2);
    assert_string_equal(lora.ranks[1].pattern, "layers\\.0\\.");
    assert_true(lora.ranks[1].value > 7.9 && lora.ranks[1].value < 8.1);
    assert_int_equal(lora.n_alphas, 1);
    assert_true(lora.alphas[0].value > 0.49 && lora.alphas[0].value < 0.51);
    assert_true(lora.rslora && lora.dropout > 0.24);
}

static void a_pattern_that_is_none_is_named_with_its_option(void **state)
{
    (void)state;
    struct err err = {0};
    static const struct {
        const char *text, *message;
    } bad[] = {{"{\"q_proj\": 0}", "--rank-pattern: a whole number from 1 to 65536 is expected"},
               {"{\"q_proj\": 0.5}", "--rank-pattern: a whole number from 1 to 65536"},
               {"{\"q_proj\": 65537}", "--rank-pattern: a whole number from 1 to 65536"},
               {"{\"q_proj\": \"8\"}", "--rank-pattern: "},
               {"[8]", "--rank-pattern: "},
               {"{\"q_proj\": 8", "--rank-pattern: "}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        o.rank_pattern = bad[i].text;
        ASSERT_FAILS(adapter_options_read(&o, &arena, &lora, &err), bad[i].message);
        assert_int_equal(err.kind, ERR_USAGE);
        assert_non_null(strstr(err.hint, "{\"q_proj\": 32}"));
    }
    o.rank_pattern = NULL;
    o.alpha_pattern = "{\"q_proj\": -1}";
    ASSERT_FAILS(adapter_options_read(&o, &arena, &lora, &err),
                 "--alpha-pattern: a number above 0 is expected");
    o.alpha_pattern = "8";
    ASSERT_FAILS(adapter_options_read(&o, &arena, &lora, &err), "--alpha-pattern: ");
}

static void more_names_than_any_model_needs_are_refused(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf names, ranks;
    buf_init(&names, BUF_NO_LIMIT);
    buf_init(&ranks, BUF_NO_LIMIT);
    for (int i = 0; i < 300; i++) {
        buf_printf(&names, "m%d,", i);
        buf_printf(&ranks, "%s\"m%d\": 1", i == 0 ? "{" : ",", i);
    }
    buf_add_byte(&ranks, '}');
    o.target_modules = buf_string(&names);
    ASSERT_FAILS(adapter_options_read(&o, &arena, &lora, &err),
                 "--target-modules: more than 256 names");
    o.target_modules = NULL;
    o.rank_pattern = buf_string(&ranks);
    ASSERT_FAILS(adapter_options_read(&o, &arena, &lora, &err),
                 "--rank-pattern: more than 256 names");
    buf_release(&names);
    buf_release(&ranks);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(all_linear_layers_get_adapters_unless_others_are_named, begin),
        cmocka_unit_test_setup(names_stand_between_commas, begin),
        cmocka_unit_test_setup(patterns_are_numbers_by_module, begin),
        cmocka_unit_test_setup(a_pattern_that_is_none_is_named_with_its_option, begin),
        cmocka_unit_test_setup(more_names_than_any_model_needs_are_refused, begin),
    };
    return cmocka_run_group_tests(tests, NULL, end);
}
