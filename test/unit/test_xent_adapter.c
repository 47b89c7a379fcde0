/* The projection's adapter at sizes where passes end, and folded in; test/op has the options. */
#include "test/unit/cpu_check.h"

#include "backend/cpu/xent.h"

static void the_vocabulary_of_an_adapter_is_gone_through_in_passes(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_XENT,
                           .name = "passes",
                           .R = 9,
                           .C = 64,
                           .V = 33001,
                           .n_targets = 7,
                           .scale = 1,
                           .rank = {8},
                           .dropout = 0.1f,
                           .flags = CASE_FROZEN};
    assert_true(row.C * row.V > XENT_PACKED_MOST / 2);
    check_large_case(&row);
    row.op = CASE_LOGITS;
    row.dropout = 0;
    row.flags = CASE_FORWARD;
    check_large_case(&row);
}

static void targets_of_one_row_share_what_dropout_leaves(void **state)
{
    (void)state;
    struct case_row row = {.op = CASE_XENT,
                           .name = "many",
                           .R = 5,
                           .C = 33,
                           .V = 700,
                           .n_targets = 190,
                           .scale = 0.5f,
                           .rank = {5},
                           .dropout = 0.5f};
    check_case(&row);
}

enum { R = 3, C = 24, V = 50, RANK = 4 };

struct outcome {
    float loss[R], dh[R * C];
};

static void run(const struct linear_part *head, struct outcome *out)
{
    static const struct target target[R] = {{0, 3}, {1, 49}, {2, 0}};
    static const float coef[R] = {1, 0.5f, 0.25f};
    static float h[R * C];
    struct backend b;
    struct err err = {0};
    struct backend_sizes sizes = {.rows = R,
                                  .targets = R,
                                  .vocabulary = V,
                                  .vocabulary_width = C,
                                  .vocabulary_rank = RANK,
                                  .trains = true};
    for (size_t i = 0; i < R * C; i++)
        h[i] = sinf(2 * (float)i);
    backend_init(&b, &backend_cpu, NULL);
    ASSERT_OK(backend_reserve(&b, &sizes, &err));
    struct xent_args a = {.h = {h, R, C, C},
                          .head = *head,
                          .logit_scale = 1.5f,
                          .target = target,
                          .n_targets = R,
                          .loss = out->loss,
                          .coef = coef,
                          .dh = {{out->dh, R, C, C}, false}};
    b.ops->xent(&b, &a);
    backend_release(&b);
}

static void an_adapter_is_the_same_as_weights_that_have_it_folded_in(void **state)
{
    (void)state;
    static float w[V * C], folded[V * C], lora_a[RANK * C], lora_b[V * RANK];
    for (size_t i = 0; i < RANK * C; i++)
        lora_a[i] = 0.3f * cosf((float)i);
    for (size_t i = 0; i < V * RANK; i++)
        lora_b[i] = 0.3f * cosf(3 * (float)i);
    for (size_t i = 0; i < V * C; i++) {
        w[i] = folded[i] = 0.2f * sinf(5 * (float)i);
        for (size_t r = 0; r < RANK; r++)
            folded[i] += 2 * lora_b[i / C * RANK + r] * lora_a[r * C + i % C];
    }
    struct linear_part apart = {.weight = {w, DTYPE_F32, V, C, false},
                                .lora_a = lora_a,
                                .lora_b = lora_b,
                                .rank = RANK,
                                .lora_scale = 2};
    struct linear_part in_one = {.weight = {folded, DTYPE_F32, V, C, false}};
    struct outcome wanted, found;
    run(&in_one, &wanted);
    run(&apart, &found);
    for (size_t i = 0; i < R; i++)
        assert_near(found.loss[i], wanted.loss[i], 1e-5);
    for (size_t i = 0; i < R * C; i++)
        assert_near(found.dh[i], wanted.dh[i], 1e-5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_vocabulary_of_an_adapter_is_gone_through_in_passes),
        cmocka_unit_test(targets_of_one_row_share_what_dropout_leaves),
        cmocka_unit_test(an_adapter_is_the_same_as_weights_that_have_it_folded_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
