#include "model/config_check.h"

#include <math.h>

#include "test/support/support.h"

static struct err err;

static struct model_config small(void)
{
    return (struct model_config){.width = 16,
                                 .n_layers = 2,
                                 .heads = 4,
                                 .kv_heads = 2,
                                 .head = 4,
                                 .feed_forward = 24,
                                 .vocabulary = 32,
                                 .max_positions = 64,
                                 .norm_eps = 1e-5f,
                                 .attn_scale = 0.5f,
                                 .init_range = 0.02};
}

static void sizes_must_be_there_and_within_bounds(void **state)
{
    (void)state;
    struct model_config c = small();
    ASSERT_OK(config_check_sizes(&c, &err));
    c.width = 0;
    ASSERT_FAILS(config_check_sizes(&c, &err), "(hidden_size) is missing or 0");
    c = small();
    c.n_layers = 1000000;
    ASSERT_FAILS(config_check_sizes(&c, &err), "layers is 1000000; at most 4096");
    c = small();
    c.head = 1 << 20;
    ASSERT_FAILS(config_check_sizes(&c, &err), "width of a head");
    c = small();
    c.vocabulary = 0;
    ASSERT_FAILS(config_check_sizes(&c, &err), "vocabulary is missing");
}

static void heads_must_share_keys_evenly(void **state)
{
    (void)state;
    struct model_config c = small();
    c.kv_heads = 3;
    ASSERT_FAILS(config_check_sizes(&c, &err), "4 attention heads cannot share 3");
}

static void scales_must_be_finite_and_above_zero(void **state)
{
    (void)state;
    struct model_config c = small();
    ASSERT_OK(config_check_numbers(&c, &err));
    c.norm_eps = -1;
    ASSERT_FAILS(config_check_numbers(&c, &err), "epsilon of the norms is -1");
    c = small();
    c.attn_scale = INFINITY;
    ASSERT_FAILS(config_check_numbers(&c, &err), "scale of attention is inf");
    c = small();
    c.logit_softcap = NAN;
    ASSERT_FAILS(config_check_numbers(&c, &err), "final_logit_softcapping is");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_must_be_there_and_within_bounds),
        cmocka_unit_test(heads_must_share_keys_evenly),
        cmocka_unit_test(scales_must_be_finite_and_above_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
