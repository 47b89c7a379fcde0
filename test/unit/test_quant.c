#include "test/support/support.h"

#include <math.h>

#include "base/rng.h"
#include "tensor/half.h"
#include "tensor/quant.h"
#include "tensor/quant_search.h"

enum { N = 256 };

/* Normal numbers with a few outliers, as weights are. */
static void fill(float *values, uint64_t seed)
{
    struct rng rng = {.seed = seed};
    for (int i = 0; i < N; i++)
        values[i] = (float)(rng_normal(&rng) * (i % 61 == 0 ? 0.2 : 0.05));
}

/* Root mean square of what is lost, over that of the values. */
static double loss_of(enum dtype dtype, const float *values)
{
    uint8_t bytes[N * 4];
    float back[N];
    double lost = 0, whole = 0;
    quant_encode(dtype, values, bytes, N);
    quant_decode(dtype, bytes, back, N);
    for (int i = 0; i < N; i++) {
        lost += pow((double)back[i] - (double)values[i], 2);
        whole += pow((double)values[i], 2);
    }
    return sqrt(lost / whole);
}

static void more_bits_lose_less(void **state)
{
    (void)state;
    static const struct {
        enum dtype dtype;
        double most;
    } rows[] = {{DTYPE_F32, 0},     {DTYPE_F16, 3e-4}, {DTYPE_BF16, 3e-3}, {DTYPE_Q8_0, 0.01},
                {DTYPE_Q6_K, 0.03}, {DTYPE_Q4_K, 0.1}, {DTYPE_Q4_0, 0.14}};
    double before = -1;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        double worst = 0, sum = 0;
        for (uint64_t seed = 0; seed < 20; seed++) {
            float values[N];
            fill(values, seed);
            double loss = loss_of(rows[i].dtype, values);
            worst = fmax(worst, loss);
            sum += loss;
        }
        if (worst > rows[i].most)
            fail_msg("%s loses %g", dtype_info(rows[i].dtype)->name, worst);
        assert_true(sum > before);
        before = sum;
    }
}

static void a_block_of_known_bytes_decodes(void **state)
{
    (void)state;
    uint8_t block[34] = {0x00, 0x38}; /* 0.5 */
    float out[32];
    for (int i = 0; i < 32; i++)
        block[2 + i] = (uint8_t)(i * 8 - 128);
    quant_decode(DTYPE_Q8_0, block, out, 32);
    for (int i = 0; i < 32; i++)
        assert_true(out[i] == 0.5f * (float)(i * 8 - 128));
    block[2] = 0xf0;
    quant_decode(DTYPE_Q4_0, block, out, 32);
    assert_true(out[0] == 0.5f * -8 && out[16] == 0.5f * 7);
    static const uint8_t q5_1[24] = {0x00, 0x3c, 0x00, 0xc0, 0x01, 0, 0x01, 0, 0x21};
    quant_decode(DTYPE_Q5_1, q5_1, out, 32);
    assert_true(out[0] == 17 - 2 && out[16] == 18 - 2 && out[1] == -2);
}

static void the_fifth_bits_add_sixteen(void **state)
{
    (void)state;
    /* Scales of 0.5; the minimum of the _1 types is -2; low bits 1 and 2 in every byte. */
    uint8_t q4_1[20] = {0x00, 0x38, 0x00, 0xc0}, q5_0[22] = {0x00, 0x38, 1, 0, 0, 0x80};
    float out[32];
    memset(q4_1 + 4, 0x21, 16);
    memset(q5_0 + 6, 0x21, 16);
    quant_decode(DTYPE_Q4_1, q4_1, out, 32);
    assert_true(out[0] == 0.5f * 1 - 2 && out[15] == -1.5f && out[16] == 0.5f * 2 - 2);
    quant_decode(DTYPE_Q5_0, q5_0, out, 32);
    assert_true(out[0] == 0.5f * (17 - 16) && out[1] == 0.5f * (1 - 16));
    assert_true(out[30] == 0.5f * (2 - 16) && out[31] == 0.5f * (18 - 16));
}

static void q5_k_is_q4_k_with_fifth_bits(void **state)
{
    (void)state;
    float values[N], four[N], five[N];
    uint8_t q4_k[144], q5_k[176] = {0};
    fill(values, 7);
    quant_encode(DTYPE_Q4_K, values, q4_k, N);
    quant_decode(DTYPE_Q4_K, q4_k, four, N);
    memcpy(q5_k, q4_k, 16);
    memcpy(q5_k + 48, q4_k + 16, 128);
    quant_decode(DTYPE_Q5_K, q5_k, five, N);
    assert_memory_equal(four, five, sizeof four);
    /* Bit i of byte k belongs to element k of sub-block i. */
    q5_k[16 + 9] = 1 << 3;
    quant_decode(DTYPE_Q5_K, q5_k, five, N);
    for (int i = 0; i < N; i++)
        assert_int_equal(five[i] > four[i], i == 3 * 32 + 9);
}

static void plain_numbers_are_read_at_any_address(void **state)
{
    (void)state;
    uint8_t bytes[17];
    double pi = 3.14159265358979;
    memcpy(bytes + 1, &pi, 8);
    float out[2];
    quant_decode(DTYPE_F64, bytes + 1, out, 1);
    assert_true(out[0] == (float)pi);
    float two[2] = {1.5f, -0.25f};
    quant_encode(DTYPE_F32, two, bytes + 1, 2);
    quant_decode(DTYPE_F32, bytes + 1, out, 2);
    assert_memory_equal(out, two, sizeof two);
    quant_encode(DTYPE_BF16, two, bytes + 1, 2);
    quant_decode(DTYPE_BF16, bytes + 1, out, 2);
    assert_memory_equal(out, two, sizeof two);
}

static const enum dtype blocks[] = {DTYPE_Q8_0, DTYPE_Q4_0, DTYPE_Q4_K, DTYPE_Q6_K};

static void zeros_stay_zeros(void **state)
{
    (void)state;
    static const float zeros[N];
    for (size_t i = 0; i < COUNT_OF(blocks); i++) {
        uint8_t bytes[N * 4];
        float back[N];
        quant_encode(blocks[i], zeros, bytes, N);
        quant_decode(blocks[i], bytes, back, N);
        for (int k = 0; k < N; k++)
            assert_true(back[k] == 0);
    }
}

static void equal_numbers_stay_near(void **state)
{
    (void)state;
    float values[N], back[N];
    uint8_t bytes[N * 4];
    for (int sign = -1; sign <= 1; sign += 2) {
        for (int i = 0; i < N; i++)
            values[i] = 0.125f * (float)sign;
        for (size_t i = 0; i < COUNT_OF(blocks); i++) {
            quant_encode(blocks[i], values, bytes, N);
            quant_decode(blocks[i], bytes, back, N);
            for (int k = 0; k < N; k++)
                assert_true(fabsf(back[k] - values[k]) < 0.006f);
        }
    }
}

static void numbers_that_are_not_finite_do_no_harm(void **state)
{
    (void)state;
    static const float poisons[] = {NAN, INFINITY, -INFINITY, 1e38f, -1e38f, 1e-44f};
    for (size_t p = 0; p < COUNT_OF(poisons); p++) {
        for (int count = 1; count <= N; count += N - 1) {
            float values[N], back[N];
            uint8_t bytes[N * 4];
            fill(values, p);
            for (int i = 0; i < count; i++)
                values[i] = poisons[p];
            for (size_t i = 0; i < COUNT_OF(blocks); i++) {
                quant_encode(blocks[i], values, bytes, N);
                quant_decode(blocks[i], bytes, back, N);
            }
        }
    }
}

static void the_search_finds_a_grid_that_is_there(void **state)
{
    (void)state;
    float x[32], minimum;
    for (int i = 0; i < 32; i++)
        x[i] = 0.25f * (float)(i % 16) - 1.0f;
    float scale = quant_search_affine(x, 32, 15, &minimum);
    assert_true(fabsf(scale - 0.25f) < 1e-6f && fabsf(minimum - 1.0f) < 1e-5f);
    for (int i = 0; i < 16; i++)
        x[i] = 0.5f * (float)(i * 4 - 32);
    scale = quant_search_symmetric(x, 16, 32);
    assert_true(fabsf(fabsf(scale) - 0.5f) < 1e-6f);
}

static void the_table_says_what_is_supported(void **state)
{
    (void)state;
    assert_true(quant_can_decode(DTYPE_Q5_K) && !quant_can_encode(DTYPE_Q5_K));
    assert_true(quant_can_decode(DTYPE_F64) && !quant_can_encode(DTYPE_F64));
    assert_false(quant_can_decode(DTYPE_IQ4_XS) || quant_can_encode(DTYPE_IQ4_XS));
    assert_false(quant_can_decode(DTYPE_I64) || quant_can_decode(DTYPE_F8_E4M3));
}

static void decode_half_a_block(void)
{
    static const uint8_t bytes[34];
    float out[32];
    quant_decode(DTYPE_Q8_0, bytes, out, 16);
}

static void decode_the_unsupported(void)
{
    static const uint8_t bytes[8];
    float out[1];
    quant_decode(DTYPE_I64, bytes, out, 1);
}

static void wrong_calls_are_mistakes_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(decode_half_a_block, "n % info->block_elements == 0");
    assert_check_fails(decode_the_unsupported, "quant_can_decode(dtype)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_bits_lose_less),
        cmocka_unit_test(a_block_of_known_bytes_decodes),
        cmocka_unit_test(the_fifth_bits_add_sixteen),
        cmocka_unit_test(q5_k_is_q4_k_with_fifth_bits),
        cmocka_unit_test(plain_numbers_are_read_at_any_address),
        cmocka_unit_test(zeros_stay_zeros),
        cmocka_unit_test(equal_numbers_stay_near),
        cmocka_unit_test(numbers_that_are_not_finite_do_no_harm),
        cmocka_unit_test(the_search_finds_a_grid_that_is_there),
        cmocka_unit_test(the_table_says_what_is_supported),
        cmocka_unit_test(wrong_calls_are_mistakes_of_the_programmer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
