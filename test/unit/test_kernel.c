/* The innermost loops of every set that this processor has, against plain loops in double. */
#include "test/unit/cpu_check.h"

#include "tensor/half.h"
#include "tensor/quant.h"

/* The distance in units of the last place of the wanted number. */
static double ulps(float found, double wanted)
{
    int exponent;
    (void)frexp(wanted, &exponent);
    double unit = ldexp(1, (exponent > -125 ? exponent : -125) - 24);
    return fabs((double)found - wanted) / unit;
}

#define FOR_EACH_SET(k)                                                                            \
    const struct kernels *k;                                                                       \
    for (size_t set = 0; ((k) = kernels_at(set)) != NULL; set++)

static void exp_is_within_2_units_of_the_last_place(void **state)
{
    (void)state;
    FOR_EACH_SET(k)
    {
        float z[64];
        for (double from = -104; from < 88.7; from += 0.37) {
            for (int i = 0; i < 64; i++)
                z[i] = (float)(from + i * 0.0057);
            float x[64];
            memcpy(x, z, sizeof x);
            (void)k->exp_row(z, 64, 0, 0);
            for (int i = 0; i < 64; i++) {
                if (x[i] < 88.72f && ulps(z[i], exp((double)x[i])) > 2)
                    fail_msg("%s: exp(%.9g) = %.9g", k->name, (double)x[i], (double)z[i]);
            }
        }
    }
}

static void exp_of_the_ends(void **state)
{
    (void)state;
    FOR_EACH_SET(k)
    {
        float z[5] = {-INFINITY, INFINITY, NAN, 0, -1000};
        (void)k->exp_row(z, 5, 0, 0);
        assert_true(z[0] == 0 && z[1] == INFINITY && isnan(z[2]) && z[3] == 1 && z[4] == 0);
    }
}

static void tanh_is_within_2_units_of_the_last_place(void **state)
{
    (void)state;
    FOR_EACH_SET(k)
    {
        for (double from = -12; from < 12; from += 0.01) {
            float z[33], x[33];
            for (int i = 0; i < 33; i++)
                x[i] = z[i] = (float)(from + i * 0.0003);
            struct logit_row row = {z, NULL, 33, 1, 1};
            (void)k->logit_row(&row);
            for (int i = 0; i < 33; i++) {
                if (ulps(z[i], tanh((double)x[i])) > 2)
                    fail_msg("%s: tanh(%.9g) = %.9g", k->name, (double)x[i], (double)z[i]);
            }
        }
    }
}

static void bends_are_those_of_their_formulas(void **state)
{
    (void)state;
    FOR_EACH_SET(k)
    {
        float x[401], y[401];
        for (int i = 0; i <= 400; i++)
            x[i] = (float)(i - 200) * 0.05f;
        struct act_row row = {.kind = ACT_GELU, .n = 401, .x = x, .y = y};
        k->act(&row);
        for (int i = 0; i <= 400; i++)
            assert_near(y[i], 0.5 * x[i] * (1 + erf((double)x[i] * sqrt(0.5))), 1e-6);
        row.kind = ACT_SILU;
        k->act(&row);
        for (int i = 0; i <= 400; i++)
            assert_near(y[i], x[i] / (1 + exp(-(double)x[i])), 3e-7);
    }
}

static void packing_transposes_and_fills_with_zeros(void **state)
{
    (void)state;
    enum { ROWS = 40, WIDTH = 50, STEP = 32 };
    struct arena arena = {0};
    float *in = random_floats(&arena, ROWS * WIDTH, 1, 1);
    FOR_EACH_SET(k)
    {
        for (size_t step = 1; step <= k->panel; step++) {
            for (size_t rows = 0; rows <= step; rows++) {
                size_t n = 1 + (step * 7 + rows * 3) % WIDTH;
                float out[WIDTH * STEP + 1];
                out[n * step] = 5;
                k->f32.pack(out, step, in, WIDTH, rows, n);
                for (size_t i = 0; i < n * step; i++)
                    assert_true(out[i] == (i % step < rows ? in[i % step * WIDTH + i / step] : 0));
                k->f32.copy(out, step, in, WIDTH, min_size(n, ROWS), rows);
                for (size_t i = 0; i < min_size(n, ROWS) * step; i++)
                    assert_true(out[i] == (i % step < rows ? in[i / step * WIDTH + i % step] : 0));
                assert_true(out[n * step] == 5);
            }
        }
    }
    arena_release(&arena);
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* Of two numbers, the second of which is 0 where there is none. */
static uint32_t cell_of(float low, float high)
{
    return half_to_bf16(low) | (uint32_t)half_to_bf16(high) << 16;
}

static void pairs_are_packed_in_both_directions(void **state)
{
    (void)state;
    enum { ROWS = 40, WIDTH = 70, STEP = 32 };
    struct arena arena = {0};
    float *in = random_floats(&arena, (ROWS + 1) * WIDTH, 1, 1);
    FOR_EACH_SET(k)
    {
        for (size_t step = 1; step <= k->panel; step++) {
            for (size_t rows = 0; rows <= step; rows++) {
                size_t n = 1 + (step * 7 + rows * 3) % WIDTH, cells = (n + 1) / 2;
                float out[WIDTH * STEP + 1];
                out[cells * step] = 5;
                k->bf16.pack(out, step, in, WIDTH, rows, n);
                for (size_t i = 0; i < cells * step; i++) {
                    const float *at = in + i % step * WIDTH + i / step * 2;
                    float high = i / step * 2 + 1 < n ? at[1] : 0;
                    uint32_t wanted = i % step < rows ? cell_of(at[0], high) : 0;
                    assert_int_equal(bits_of(out[i]), wanted);
                }
                n = min_size(n, ROWS);
                k->bf16.copy(out, step, in, WIDTH, n, rows);
                for (size_t i = 0; i < (n + 1) / 2 * step; i++) {
                    const float *at = in + i / step * 2 * WIDTH + i % step;
                    float high = i / step * 2 + 1 < n ? at[WIDTH] : 0;
                    uint32_t wanted = i % step < rows ? cell_of(at[0], high) : 0;
                    assert_int_equal(bits_of(out[i]), wanted);
                }
                assert_true(out[cells * step] == 5);
            }
        }
    }
    arena_release(&arena);
}

static void rounding_to_pairs_keeps_what_is_no_finite_number(void **state)
{
    (void)state;
    const float in[] = {INFINITY, -INFINITY, NAN, 3.4e38f, 1.00390625f, 1.01171875f, -0.0f, 0};
    FOR_EACH_SET(k)
    {
        float out[4];
        k->bf16.pack(out, 1, in, 8, 1, 8);
        assert_int_equal(bits_of(out[0]), 0xff807f80);
        assert_int_equal(bits_of(out[1]) & 0x7fff, 0x7fc0);
        assert_int_equal(bits_of(out[1]) >> 16, 0x7f80);
        assert_int_equal(bits_of(out[2]), 0x3f823f80); /* ties to even */
        assert_int_equal(bits_of(out[3]), 0x00008000);
    }
}

static void sums_along_rows_of_every_length(void **state)
{
    (void)state;
    struct arena arena = {0};
    float *x = random_floats(&arena, 300, 1, 1), *y = random_floats(&arena, 300, 1, 2);
    FOR_EACH_SET(k)
    {
        for (size_t n = 1; n < 300; n += n < 70 ? 1 : 13) {
            double dot = 0, sum = 0;
            float z[300], most = -INFINITY;
            for (size_t i = 0; i < n; i++) {
                dot += (double)x[i] * y[i];
                sum += exp((double)x[i] - 1);
                most = x[i] > most ? x[i] : most;
            }
            memcpy(z, x, n * sizeof *z);
            assert_near(k->dot(x, y, n), dot, 1e-6);
            struct logit_row row = {z, NULL, n, 1, 0};
            assert_true(k->logit_row(&row) == most);
            assert_near(k->exp_row(z, n, 1, 0), sum, 1e-6);
        }
    }
    arena_release(&arena);
}

/* Random bytes are blocks of every type; a NaN as a scale is one on both sides. */
static void weights_are_decoded_to_the_same_bits_as_by_quant(void **state)
{
    (void)state;
    struct arena arena = {0};
    struct rng rng = {3, 0, 0};
    for (int type = 0; type < DTYPE_COUNT; type++) {
        if (!quant_can_decode((enum dtype)type))
            continue;
        uint64_t bytes = 0;
        assert_true(dtype_bytes((enum dtype)type, 2048, &bytes));
        uint8_t *stored = arena_alloc(&arena, bytes);
        for (uint64_t i = 0; i < bytes; i++)
            stored[i] = (uint8_t)rng_below(&rng, 256);
        float wanted[2048], found[2048];
        quant_decode((enum dtype)type, stored, wanted, 2048);
        FOR_EACH_SET(k)
        {
            k->decode((enum dtype)type, stored, found, 2048);
            for (size_t i = 0; i < 2048; i++)
                assert_true(half_bits(found[i]) == half_bits(wanted[i]) ||
                            (isnan(found[i]) && isnan(wanted[i])));
        }
    }
    arena_release(&arena);
}

static void sixteen_bits_are_rounded_as_half_h_does(void **state)
{
    (void)state;
    struct rng rng = {4, 0, 0};
    float x[100];
    uint16_t y[100];
    FOR_EACH_SET(k)
    {
        for (int i = 0; i < 100; i++)
            x[i] = half_of_bits((uint32_t)rng_u64(&rng));
        k->to_bf16(y, x, 100);
        for (int i = 0; i < 100; i++)
            assert_int_equal(y[i], half_to_bf16(x[i]));
    }
}

/* Lanes see different keys; the second piece goes on from the first. */
static void softmax_goes_on_from_piece_to_piece(void **state)
{
    (void)state;
    enum { KEYS = 50, PANEL_MOST = 32 };
    struct arena arena = {0};
    FOR_EACH_SET(k)
    {
        float *s = random_floats(&arena, KEYS * k->panel, 9, 5);
        float *was = random_floats(&arena, KEYS * k->panel, 9, 5);
        float most[PANEL_MOST], sum[PANEL_MOST] = {0}, factor[PANEL_MOST];
        int32_t first[PANEL_MOST], last[PANEL_MOST];
        for (size_t i = 0; i < k->panel; i++)
            most[i] = -1e30f;
        for (int piece = 0; piece < 2; piece++) {
            for (size_t i = 0; i < k->panel; i++) {
                first[i] = (int32_t)(i % 3) - piece * KEYS / 2;
                last[i] = (int32_t)(KEYS - i) - piece * KEYS / 2;
            }
            struct soft_columns columns = {.s = s + (size_t)piece * KEYS / 2 * k->panel,
                                           .step = k->panel,
                                           .n_keys = KEYS / 2,
                                           .first = first,
                                           .last = last,
                                           .scale = 0.5f,
                                           .most = most,
                                           .sum = sum,
                                           .factor = factor};
            k->soft_columns(&columns);
        }
        for (size_t i = 0; i < k->panel; i++) {
            double wanted = 0, greatest = -INFINITY;
            for (size_t key = i % 3; key < KEYS - i; key++)
                greatest = fmax(greatest, 0.5 * (double)was[key * k->panel + i]);
            for (size_t key = i % 3; key < KEYS - i; key++)
                wanted += exp(0.5 * (double)was[key * k->panel + i] - greatest);
            assert_near(sum[i], wanted, 1e-6);
            assert_true(most[i] == (float)greatest);
            for (size_t key = KEYS - i; key < KEYS; key++)
                assert_true(s[key * k->panel + i] == 0);
        }
    }
    arena_release(&arena);
}

static void the_best_set_is_the_last_of_the_list(void **state)
{
    (void)state;
    size_t n = 0;
    while (kernels_at(n))
        n++;
    assert_ptr_equal(kernels_best(), kernels_at(n - 1));
    assert_string_equal(kernels_at(0)->name, "plain");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exp_is_within_2_units_of_the_last_place),
        cmocka_unit_test(exp_of_the_ends),
        cmocka_unit_test(tanh_is_within_2_units_of_the_last_place),
        cmocka_unit_test(bends_are_those_of_their_formulas),
        cmocka_unit_test(packing_transposes_and_fills_with_zeros),
        cmocka_unit_test(pairs_are_packed_in_both_directions),
        cmocka_unit_test(rounding_to_pairs_keeps_what_is_no_finite_number),
        cmocka_unit_test(sums_along_rows_of_every_length),
        cmocka_unit_test(weights_are_decoded_to_the_same_bits_as_by_quant),
        cmocka_unit_test(sixteen_bits_are_rounded_as_half_h_does),
        cmocka_unit_test(softmax_goes_on_from_piece_to_piece),
        cmocka_unit_test(the_best_set_is_the_last_of_the_list),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
