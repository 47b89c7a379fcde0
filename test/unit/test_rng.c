#include "test/support/support.h"

#include <math.h>
#include <stdlib.h>

#include "base/rng.h"

/* The known answers for philox4x32-10 that come with Random123 (kat_vectors). */
static void the_cipher_gives_the_known_answers(void **state)
{
    (void)state;
    static const struct {
        uint64_t seed, stream, index;
        uint32_t wanted[4];
    } rows[] = {
        {0, 0, 0, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {0x299f31d0a4093822, 0x0370734413198a2e, 0x85a308d3243f6a88,
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        uint32_t out[4];
        rng_block(rows[i].seed, rows[i].stream, rows[i].index, out);
        assert_memory_equal(out, rows[i].wanted, sizeof out);
    }
}

static void a_draw_depends_on_seed_stream_and_index_alone(void **state)
{
    (void)state;
    struct rng a = {.seed = 7, .stream = 1}, b = {.seed = 7, .stream = 1, .index = 100};
    for (int i = 0; i < 100; i++)
        (void)rng_u64(&a);
    assert_true(rng_u64(&a) == rng_u64(&b));
    struct rng other_stream = {.seed = 7, .stream = 2, .index = 100};
    struct rng other_seed = {.seed = 8, .stream = 1, .index = 100};
    b.index = 100;
    uint64_t draw = rng_u64(&b);
    assert_true(draw != rng_u64(&other_stream));
    assert_true(draw != rng_u64(&other_seed));
}

static void whole_numbers_below_n_are_equally_likely(void **state)
{
    (void)state;
    struct rng rng = {.seed = 1};
    enum { N = 7, DRAWS = 70000 };
    int counts[N] = {0};
    for (int i = 0; i < DRAWS; i++)
        counts[rng_below(&rng, N)]++;
    double chi_squared = 0;
    for (int i = 0; i < N; i++)
        chi_squared += pow(counts[i] - DRAWS / N, 2) / (DRAWS / N);
    assert_true(chi_squared < 22.5); /* 6 degrees of freedom: one in a thousand */
    assert_int_equal(rng_below(&rng, 1), 0);
    /* Half of the draws must be refused here. */
    uint64_t n = (UINT64_MAX >> 1) + 2;
    uint64_t before = rng.index;
    for (int i = 0; i < 1000; i++)
        assert_true(rng_below(&rng, n) < n);
    assert_true(rng.index - before > 1800 && rng.index - before < 2200);
}

static void uniform_numbers_fill_the_unit_interval(void **state)
{
    (void)state;
    struct rng rng = {.seed = 2};
    double sum = 0, least = 1, greatest = 0;
    for (int i = 0; i < 100000; i++) {
        double u = rng_uniform(&rng);
        assert_true(u >= 0 && u < 1);
        sum += u;
        least = fmin(least, u);
        greatest = fmax(greatest, u);
    }
    assert_true(fabs(sum / 100000 - 0.5) < 0.004);
    assert_true(least < 1e-4 && greatest > 1 - 1e-4);
}

static void normal_numbers_have_the_moments_of_the_normal(void **state)
{
    (void)state;
    struct rng rng = {.seed = 3};
    double sum[5] = {0};
    enum { DRAWS = 200000 };
    for (int i = 0; i < DRAWS; i++) {
        double z = rng_normal(&rng);
        assert_true(isfinite(z));
        for (int k = 1; k < 5; k++)
            sum[k] += pow(z, k) / DRAWS;
    }
    assert_true(fabs(sum[1]) < 0.01);
    assert_true(fabs(sum[2] - 1) < 0.015);
    assert_true(fabs(sum[3]) < 0.04);
    assert_true(fabs(sum[4] - 3) < 0.1);
}

static void shuffling_keeps_the_items_and_moves_each_anywhere(void **state)
{
    (void)state;
    struct rng rng = {.seed = 4};
    enum { N = 5, ROUNDS = 20000 };
    int counts[N][N] = {{0}};
    for (int round = 0; round < ROUNDS; round++) {
        uint32_t items[N] = {0, 1, 2, 3, 4};
        uint32_t seen = 0;
        rng_shuffle(&rng, items, N);
        for (int i = 0; i < N; i++) {
            seen |= 1u << items[i];
            counts[i][items[i]]++;
        }
        assert_int_equal(seen, (1u << N) - 1);
    }
    for (int i = 0; i < N; i++) {
        for (int k = 0; k < N; k++)
            assert_true(abs(counts[i][k] - ROUNDS / N) < 300);
    }
    rng_shuffle(&rng, NULL, 0);
}

static void draw_below_nothing(void)
{
    struct rng rng = {0};
    (void)rng_below(&rng, 0);
}

static void drawing_below_zero_is_a_mistake_of_the_programmer(void **state)
{
    (void)state;
    assert_check_fails(draw_below_nothing, "n > 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_cipher_gives_the_known_answers),
        cmocka_unit_test(a_draw_depends_on_seed_stream_and_index_alone),
        cmocka_unit_test(whole_numbers_below_n_are_equally_likely),
        cmocka_unit_test(uniform_numbers_fill_the_unit_interval),
        cmocka_unit_test(normal_numbers_have_the_moments_of_the_normal),
        cmocka_unit_test(shuffling_keeps_the_items_and_moves_each_anywhere),
        cmocka_unit_test(drawing_below_zero_is_a_mistake_of_the_programmer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
