/* Operations against numbers worked out by hand; the table of cases (test/op) does the rest. */
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "backend/dropout.h"
#include "backend/ref/ref.h"
#include "tensor/half.h"

static struct backend backend;

static const struct backend_sizes sizes = {
    .rows = 16,
    .targets = 16,
    .linear_in = 64,
    .linear_out = 64,
    .linear_weights = 4096,
    .linear_rank = 16,
    .width = 64,
    .vocabulary = 64,
    .vocabulary_width = 64,
    .trains_vocabulary = true,
    .heads = 4,
    .kv_heads = 4,
    .head = 16,
    .keys = 16,
    .trains = true,
};

static int open_backend(void **state)
{
    (void)state;
    struct err err = {0};
    backend_init(&backend, &backend_ref, NULL);
    return backend_reserve(&backend, &sizes, &err) ? 0 : -1;
}

static int close_backend(void **state)
{
    (void)state;
    backend_release(&backend);
    return 0;
}

static struct mat matrix(float *at, size_t rows, size_t width)
{
    return (struct mat){at, rows, width, width};
}

static struct weight weights(const float *at, size_t rows, size_t width)
{
    return (struct weight){at, DTYPE_F32, rows, width, false};
}

static void assert_numbers(const float *found, const double *wanted, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(fabs(found[i] - wanted[i]) <= 1e-6 * (1 + fabs(wanted[i]))))
            fail_msg("number %zu is %.9g, not %.9g", i, (double)found[i], wanted[i]);
    }
}

#define ASSERT_NUMBERS(found, ...)                                                                 \
    assert_numbers((found), (const double[]){__VA_ARGS__},                                         \
                   COUNT_OF(((const double[]){__VA_ARGS__})))

static void embedding_looks_rows_up_and_gathers_their_gradients(void **state)
{
    (void)state;
    const float tokens[] = {1, 2, 3, 4, 5, 6}, positions[] = {10, 20, 30, 40};
    const int32_t id[] = {2, 0, 2}, position[] = {0, 1, 1};
    float y[6], dy[] = {1, 2, 3, 4, 5, 6}, dtokens[6] = {0}, dpositions[4] = {1, 1, 1, 1};
    struct embed_args a = {.y = matrix(y, 3, 2),
                           .tokens = weights(tokens, 3, 2),
                           .positions = weights(positions, 2, 2),
                           .id = id,
                           .position = position,
                           .scale = 2,
                           .dy = matrix(dy, 3, 2),
                           .dtokens = dtokens,
                           .dpositions = dpositions};
    ref_embed(&backend, &a);
    ASSERT_NUMBERS(y, 20, 32, 32, 44, 40, 52);
    ref_embed_back(&backend, &a);
    ASSERT_NUMBERS(dtokens, 6, 8, 0, 0, 12, 16);
    ASSERT_NUMBERS(dpositions, 2, 3, 9, 11);
    a.has_padding = true;
    a.padding = 2; /* learns nothing more; its positions do */
    ref_embed_back(&backend, &a);
    ASSERT_NUMBERS(dtokens, 12, 16, 0, 0, 12, 16);
    ASSERT_NUMBERS(dpositions, 3, 5, 17, 21);
}

static void linear_layers_stand_side_by_side_with_their_adapters(void **state)
{
    (void)state;
    float x[] = {1, 2, 3, 4}, y[6], u[2];
    const float first[] = {1, 0, 0, 1}, second[] = {5, 7}; /* the second is stored [in, out] */
    const float bias[] = {100}, lora_a[] = {1, -1}, lora_b[] = {10, 20};
    struct linear_args a = {.x = matrix(x, 2, 2),
                            .y = matrix(y, 2, 3),
                            .u = matrix(u, 2, 1),
                            .n_parts = 2,
                            .part = {{.weight = weights(first, 2, 2),
                                      .lora_a = lora_a,
                                      .lora_b = lora_b,
                                      .rank = 1,
                                      .lora_scale = 0.5f},
                                     {.weight = weights(second, 2, 1), .bias = bias}}};
    a.part[1].weight.transposed = true;
    ref_linear(&backend, &a);
    ASSERT_NUMBERS(u, -1, -1);
    ASSERT_NUMBERS(y, 1 - 5, 2 - 10, 100 + 19, 3 - 5, 4 - 10, 100 + 43);
    float dy[] = {1, 0, 1, 0, 1, 2}, dx[] = {1, 1, 1, 1};
    float da[2] = {0}, db[2] = {0}, dw[2] = {0}, dbias[1] = {0};
    a.dy = matrix(dy, 2, 3);
    a.dx = (struct adjoint){matrix(dx, 2, 2), .adds = true};
    a.part[0].dlora_a = da;
    a.part[0].dlora_b = db;
    a.part[1].dweight = dw;
    a.part[1].dbias = dbias;
    ref_linear_back(&backend, &a);
    /* du is 5 and 10 */
    ASSERT_NUMBERS(dx, 1 + 1 + 5 + 5, 1 + 0 - 5 + 7, 1 + 0 + 10 + 10, 1 + 1 - 10 + 14);
    ASSERT_NUMBERS(da, 5 * 1 + 10 * 3, 5 * 2 + 10 * 4);
    ASSERT_NUMBERS(db, -0.5, -0.5);
    ASSERT_NUMBERS(dw, 1 * 1 + 2 * 3, 1 * 2 + 2 * 4);
    ASSERT_NUMBERS(dbias, 3);
}

static void dropout_keeps_its_share_and_draws_the_same_again(void **state)
{
    (void)state;
    struct dropout d = dropout_init(0.25f, 7, 3);
    size_t kept = 0;
    enum { N = 40000 };
    for (size_t i = 0; i < N; i += 4) {
        float factors[4];
        dropout_factors(&d, i / 4, factors);
        for (size_t k = 0; k < 4; k++) {
            assert_true(factors[k] == 0 || factors[k] == (float)(1 / 0.75));
            assert_true(factors[k] == dropout_factor(&d, i + k));
            kept += factors[k] > 0;
        }
    }
    assert_true(kept > N * 74 / 100 && kept < N * 76 / 100);
    struct dropout none = dropout_init(0, 7, 3);
    for (size_t i = 0; i < 1000; i++)
        assert_true(dropout_factor(&none, i) == 1);
}

static void norms_have_unit_size_and_gradients_across_them(void **state)
{
    (void)state;
    float x[] = {3, 4}, add[] = {0, 0}, sum[2], y[2], stat[2];
    const float weight[] = {0, 1}, bias[] = {5, 5};
    struct norm_args a = {.kind = NORM_RMS,
                          .group = 2,
                          .shift = 1,
                          .x = matrix(x, 1, 2),
                          .add = matrix(add, 1, 2),
                          .sum = matrix(sum, 1, 2),
                          .y = matrix(y, 1, 2),
                          .weight = weight,
                          .stat = matrix(stat, 1, 2)};
    ref_norm(&backend, &a);
    double rstd = 1 / sqrt(12.5);
    ASSERT_NUMBERS(y, 3 * rstd, 8 * rstd);
    ASSERT_NUMBERS(stat, 0, rstd);
    ASSERT_NUMBERS(sum, 3, 4);
    float dy[] = {1, 0}, dx[2], dweight[2] = {0};
    a.dy = matrix(dy, 1, 2);
    a.dx.to = matrix(dx, 1, 2);
    a.dweight = dweight;
    ref_norm_back(&backend, &a);
    ASSERT_NUMBERS(dx, rstd * (1 - 9 * rstd * rstd / 2), -rstd * 12 * rstd * rstd / 2);
    ASSERT_NUMBERS(dweight, 3 * rstd, 0);
    a.kind = NORM_LAYER;
    a.bias = bias;
    a.add.at = NULL;
    ref_norm(&backend, &a);
    ASSERT_NUMBERS(y, 5 - 1, 5 + 2);
    ASSERT_NUMBERS(stat, 3.5, 2);
}

static void rope_turns_pairs_and_back(void **state)
{
    (void)state;
    float x[] = {1, 2, 3, 4, 5, 1, 2, 3, 4, 5};
    const float cos[] = {1, 1, 0, -1}, sin[] = {0, 0, 1, 0};
    const int32_t position[] = {1, 0};
    struct rope_args a = {
        .x = matrix(x, 2, 5), .head = 5, .rotary = 4, .cos = cos, .sin = sin, .position = position};
    ref_rope(&backend, &a);
    ASSERT_NUMBERS(x, -3, -2, 1, -4, 5, 1, 2, 3, 4, 5);
    ref_rope_back(&backend, &a);
    ASSERT_NUMBERS(x, 1, 2, 3, 4, 5, 1, 2, 3, 4, 5);
    a.interleaved = true;
    ref_rope(&backend, &a);
    ASSERT_NUMBERS(x, -2, 1, -3, -4, 5, 1, 2, 3, 4, 5);
}

/* Keys of zero see all alike: each token's output is the mean of the values that it sees. */
static void tokens_see_their_chain_and_window_alone(void **state)
{
    (void)state;
    float q[] = {1, 1, 1, 1, 1, 1}, k[6] = {0}, v[] = {1, 3, 10, 20, 100, 300}, o[6], lse[6];
    const struct segment segments[] = {
        {0, 0, 2, 0, SEGMENT_NO_PARENT}, {2, 2, 1, 2, 0}, {3, 3, 1, 2, 0}, {4, 4, 2, 3, 2}};
    struct attn_args a = {.q = matrix(q, 6, 1),
                          .k = matrix(k, 6, 1),
                          .v = matrix(v, 6, 1),
                          .o = matrix(o, 6, 1),
                          .lse = matrix(lse, 6, 1),
                          .heads = 1,
                          .kv_heads = 1,
                          .head = 1,
                          .scale = 1,
                          .segment = segments,
                          .n_segments = 4};
    ref_attn(&backend, &a);
    ASSERT_NUMBERS(o, 1, 2, 14 / 3.0, 8, 31, 424 / 5.0);
    ASSERT_NUMBERS(lse, 0, log(2), log(3), log(3), log(4), log(5));
    a.window = 2;
    ref_attn(&backend, &a);
    ASSERT_NUMBERS(o, 1, 2, 6.5, 11.5, 60, 200);
    float d_o[] = {1, 1, 1, 1, 1, 1}, dq[6], dk[6], dv[6];
    a.d_o = matrix(d_o, 6, 1);
    a.dq = matrix(dq, 6, 1);
    a.dk = matrix(dk, 6, 1);
    a.dv = matrix(dv, 6, 1);
    ref_attn_back(&backend, &a);
    ASSERT_NUMBERS(dv, 1.5, 1.5, 0.5, 1, 1, 0.5);
    ASSERT_NUMBERS(dq, 0, 0, 0, 0, 0, 0);
    /* Half of half the distance of the two values, for each query that sees the pair. */
    ASSERT_NUMBERS(dk, -0.5, 0.5 - 1.75 - 4.25, 1.75, 4.25 - 20, 20 - 50, 50);
}

static void queries_find_the_keys_of_the_cache(void **state)
{
    (void)state;
    float q[] = {1}, k[4] = {0}, v[] = {8, 1, 3, 5}, o[1], lse[1];
    const struct segment segments[] = {{SEGMENT_NO_QUERIES, 1, 2, 0, SEGMENT_NO_PARENT},
                                       {0, 3, 1, 2, 0}};
    struct attn_args a = {.q = matrix(q, 1, 1),
                          .k = matrix(k, 4, 1),
                          .v = matrix(v, 4, 1),
                          .o = matrix(o, 1, 1),
                          .lse = matrix(lse, 1, 1),
                          .heads = 1,
                          .kv_heads = 1,
                          .head = 1,
                          .scale = 1,
                          .segment = segments,
                          .n_segments = 2};
    ref_attn(&backend, &a);
    ASSERT_NUMBERS(o, 3);
}

static void bends_have_their_known_values(void **state)
{
    (void)state;
    static const struct {
        enum act_kind kind;
        double at_1, at_minus_2, slope_at_1;
    } rows[] = {
        {ACT_SILU, 0.731058579, -0.238405844, 0.927670512},
        {ACT_GELU, 0.841344746, -0.0455002639, 1.08331547},
        {ACT_GELU_TANH, 0.841191991, -0.0454022947, 1.08296409},
        {ACT_RELU, 1, 0, 1},
        {ACT_RELU_SQUARED, 1, 0, 2},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        float x[] = {1, -2, 3, 5}, y[4], dy[] = {1, 1, 1, 1}, dx[4];
        struct act_args a = {.kind = rows[i].kind,
                             .x = matrix(x, 2, 2),
                             .y = matrix(y, 2, 2),
                             .dy = matrix(dy, 2, 2),
                             .dx.to = matrix(dx, 2, 2)};
        ref_act(&backend, &a);
        ref_act_back(&backend, &a);
        ASSERT_NUMBERS(y, rows[i].at_1, rows[i].at_minus_2);
        ASSERT_NUMBERS(dx, rows[i].slope_at_1);
        a.glu = true;
        a.x = matrix(x, 1, 4);
        a.y = matrix(y, 1, 2);
        a.dy = matrix(dy, 1, 2);
        a.dx.to = matrix(dx, 1, 4);
        ref_act(&backend, &a);
        ref_act_back(&backend, &a);
        ASSERT_NUMBERS(y, 3 * rows[i].at_1, 5 * rows[i].at_minus_2);
        assert_true(fabs(dx[0] - 3 * rows[i].slope_at_1) < 1e-6);
        assert_true(fabs(dx[3] - rows[i].at_minus_2) < 1e-6);
        x[0] = NAN;
        ref_act(&backend, &a);
        assert_true(isnan(y[0]));
    }
}

static void losses_are_those_of_the_softmax(void **state)
{
    (void)state;
    float h[] = {1, 0, 0, 2, 7, 7};
    const float weight[] = {1, 0, 0, 1, 1, 1}, coef[] = {1, 0.5f, 0};
    const struct target target[] = {{0, 0}, {0, 1}, {1, 2}};
    float loss[3], dh[6] = {9, 9, 9, 9, 9, 9}, dweight[6] = {0}, dbias[3] = {0}, z[6];
    int32_t best[3];
    struct xent_args a = {.h = matrix(h, 3, 2),
                          .head.weight = weights(weight, 3, 2),
                          .logit_scale = 2,
                          .target = target,
                          .n_targets = 3,
                          .loss = loss,
                          .best = best,
                          .coef = coef,
                          .dh.to = matrix(dh, 3, 2),
                          .head.dweight = dweight,
                          .head.dbias = dbias};
    ref_xent(&backend, &a);
    double sum = exp(2) + 1 + exp(2), big = exp(2) / sum, little = 1 / sum;
    ASSERT_NUMBERS(loss, log(sum) - 2, log(sum), log(1 + 2 * exp(4)) - 4);
    assert_int_equal(best[0], 0);
    assert_int_equal(best[2], 1);
    double d0 = (big - 1) + 0.5 * big, d1 = little + 0.5 * (little - 1), d2 = 1.5 * big;
    ASSERT_NUMBERS(dbias, d0, d1, d2);
    ASSERT_NUMBERS(dh, 2 * (d0 + d2), 2 * (d1 + d2), 0, 0, 0, 0);
    ASSERT_NUMBERS(dweight, 2 * d0, 0, 2 * d1, 0, 2 * d2, 0);
    const int32_t row[] = {1, 0};
    a.softcap = 3;
    struct logits_args logits = {.of = a, .row = row, .z = matrix(z, 2, 3)};
    ref_logits(&backend, &logits);
    double four = 3 * tanh(4 / 3.0), two = 3 * tanh(2 / 3.0);
    ASSERT_NUMBERS(z, 0, four, four, two, 0, two);
}

static void arrays_are_moved_and_looked_at(void **state)
{
    (void)state;
    float x[] = {1, -3, NAN, INFINITY, 2}, y[] = {NAN, 1, 1, 1, 1};
    struct reduce_result found;
    ref_reduce(&backend, &found, x, 5);
    assert_true(found.sum_squares == 14 && found.largest == 3 && found.not_finite == 2);
    ref_axpby(&backend, y, 2, x, 0, 2);
    ASSERT_NUMBERS(y, 2, -6, 1);
    ref_axpby(&backend, y, 2, x, -1, 2);
    ASSERT_NUMBERS(y, 0, 0, 1);
    ref_fill(&backend, y, 7, 2);
    ASSERT_NUMBERS(y, 7, 7, 1);
    float a[] = {1, 2, 3, 4}, c[] = {10, 20};
    ref_add(&backend, matrix(y, 2, 1), (struct mat){a, 2, 1, 2}, matrix(c, 2, 1));
    ASSERT_NUMBERS(y, 11, 23, 1);
    ref_copy(&backend, matrix(y, 2, 1), (struct mat){a + 1, 2, 1, 2});
    ASSERT_NUMBERS(y, 2, 4, 1);
    uint16_t half[2];
    ref_to_bf16(&backend, half, (const float[]){1, 1.00390625f}, 2);
    assert_int_equal(half[0], 0x3f80);
    assert_int_equal(half[1], half_to_bf16(1.00390625f));
    ref_from_bf16(&backend, y, half, 1);
    assert_true(y[0] == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(embedding_looks_rows_up_and_gathers_their_gradients),
        cmocka_unit_test(linear_layers_stand_side_by_side_with_their_adapters),
        cmocka_unit_test(dropout_keeps_its_share_and_draws_the_same_again),
        cmocka_unit_test(norms_have_unit_size_and_gradients_across_them),
        cmocka_unit_test(rope_turns_pairs_and_back),
        cmocka_unit_test(tokens_see_their_chain_and_window_alone),
        cmocka_unit_test(queries_find_the_keys_of_the_cache),
        cmocka_unit_test(bends_have_their_known_values),
        cmocka_unit_test(losses_are_those_of_the_softmax),
        cmocka_unit_test(arrays_are_moved_and_looked_at),
    };
    return cmocka_run_group_tests(tests, open_backend, close_backend);
}
