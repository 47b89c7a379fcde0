/* The loss at sizes where passes end; test/op has the options. */
#include "test/unit/cpu_check.h"

#include "backend/cpu/xent.h"

static void a_vocabulary_larger_than_a_pass_is_gone_through_in_passes(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_XENT,
                           .name = "passes",
                           .R = 9,
                           .C = 64,
                           .V = 33001,
                           .n_targets = 7,
                           .scale = 1,
                           .flags = CASE_BIAS};
    assert_true(row.C * row.V > XENT_PACKED_MOST / 2);
    check_large_case(&row);
    row.softcap = 2;
    row.flags = CASE_ADDS;
    check_large_case(&row);
}

static void targets_of_one_row_add_up_whatever_block_they_are_in(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_XENT,
                           .name = "many",
                           .R = 5,
                           .C = 32,
                           .V = 700,
                           .n_targets = 190,
                           .scale = 0.5f};
    check_case(&row);
}

static void gradients_of_weights_are_summed_in_rounds_of_targets(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_XENT,
                           .name = "rounds",
                           .R = 11,
                           .C = 8,
                           .V = XENT_KEPT_MOST / (2 * XENT_KEPT_LEAST) + 7,
                           .n_targets = XENT_KEPT_LEAST + 5,
                           .scale = 1,
                           .softcap = 3,
                           .flags = CASE_BIAS};
    check_large_case(&row);
}

/* Logits that rise from token to token: the greatest so far changes in every piece. */
static void the_sum_follows_a_greatest_logit_that_rises(void **state)
{
    (void)state;
    enum { V = 3 * XENT_TOKENS_AT_ONCE };
    static float w[V], loss[1], h[1] = {1}, dh[1], coef[1] = {1};
    int32_t best[1];
    struct target target = {0, 0};
    double sum = 0, mean = 0;
    for (int v = 0; v < V; v++)
        w[v] = 0.05f * (float)v;
    for (int v = 0; v < V; v++) {
        sum += exp((double)w[v] - (double)w[V - 1]);
        mean += exp((double)w[v] - (double)w[V - 1]) * (double)w[v];
    }
    struct err err = {0};
    struct backend b;
    struct backend_sizes sizes = {
        .rows = 1, .targets = 1, .vocabulary = V, .vocabulary_width = 1, .trains = true};
    backend_init(&b, &backend_cpu, NULL);
    ASSERT_OK(backend_reserve(&b, &sizes, &err));
    struct xent_args a = {.h = {h, 1, 1, 1},
                          .head.weight = {w, DTYPE_F32, V, 1, false},
                          .logit_scale = 1,
                          .target = &target,
                          .n_targets = 1,
                          .loss = loss,
                          .best = best,
                          .coef = coef,
                          .dh = {{dh, 1, 1, 1}, false}};
    b.ops->xent(&b, &a);
    assert_near(loss[0], (double)w[V - 1] + log(sum), 1e-6);
    assert_int_equal(best[0], V - 1);
    assert_near(dh[0], mean / sum, 1e-6);
    backend_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vocabulary_larger_than_a_pass_is_gone_through_in_passes),
        cmocka_unit_test(targets_of_one_row_add_up_whatever_block_they_are_in),
        cmocka_unit_test(gradients_of_weights_are_summed_in_rounds_of_targets),
        cmocka_unit_test(the_sum_follows_a_greatest_logit_that_rises),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
