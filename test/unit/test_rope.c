#include "model/rope.h"

#include <math.h>

#include "test/support/support.h"

static struct err err;
static struct arena arena;

enum { POSITIONS = 40 };

static struct rope_config plain(void)
{
    return (struct rope_config){.theta = 10000, .rotary = 8};
}

static struct rope_keys typed(const char *type)
{
    struct rope_keys keys;
    rope_keys_init(&keys);
    keys.type = type;
    return keys;
}

static void assert_near(const double *found, const double *wanted, size_t n)
{
    for (size_t j = 0; j < n; j++) {
        if (!(fabs(found[j] - wanted[j]) <= 1e-6 * wanted[j]))
            fail_msg("number %zu is %.9g, not %.9g", j, found[j], wanted[j]);
    }
}

static void a_plain_rope_divides_nothing(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    struct rope_keys keys = typed(NULL);
    ASSERT_OK(rope_scale(&rope, &arena, &keys, 64, &err));
    assert_true(!rope.divisor && !rope.long_divisor && rope.attention_factor == 1);
    keys.type = "dynamic"; /* the same, up to the length that pace allows */
    ASSERT_OK(rope_scale(&rope, &arena, &keys, 64, &err));
    assert_null(rope.divisor);
}

static void linear_divides_all_alike(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    struct rope_keys keys = typed("linear");
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "factor is missing");
    keys.factor = 4;
    ASSERT_OK(rope_scale(&rope, &arena, &keys, 64, &err));
    assert_near(rope.divisor, (double[]){4, 4, 4, 4}, 4);
    keys.factor = -4;
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "factor is -4; it must be above zero");
}

/* Made with transformers' own function: 1 / (inv_freq / plain inv_freq). */
static void llama3_spares_fast_pairs(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    struct rope_keys keys = typed("llama3");
    keys.factor = 8;
    keys.low_freq_factor = 1;
    keys.high_freq_factor = 4;
    keys.original = 64;
    ASSERT_OK(rope_scale(&rope, &arena, &keys, 512, &err));
    /* waves 6.28, 62.8, 628, 6283: 64 / 62.8 = 1.0186 lies just above low */
    double smooth = (64 / (2 * 3.14159265358979 * 10) - 1) / 3;
    assert_near(rope.divisor, (double[]){1, 1 / ((1 - smooth) / 8 + smooth), 8, 8}, 4);
    keys.high_freq_factor = 1;
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 512, &err), "is not above low_freq_factor");
    keys.original = NAN;
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 512, &err),
                 "original_max_position_embeddings is missing");
}

static void yarn_mixes_between_two_pairs(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    struct rope_keys keys = typed("yarn");
    keys.factor = 4;
    keys.original = 1024;
    ASSERT_OK(rope_scale(&rope, &arena, &keys, 4096, &err));
    /* 8 ln(1024 / (32 2 pi)) / (2 ln 10000) = 0.707 -> 0; 8 ln(1024 / 2 pi) / (2 ln 10000) = 2.21
     * -> 3 */
    double one = 1 / (1.0 / 3 / 4 + 2.0 / 3), two = 1 / (2.0 / 3 / 4 + 1.0 / 3);
    assert_near(rope.divisor, (double[]){1, one, two, 4}, 4);
    assert_true(fabs(rope.attention_factor - (0.1 * log(4) + 1)) < 1e-12);
    keys.attention_factor = 0.7;
    ASSERT_OK(rope_scale(&rope, &arena, &keys, 4096, &err));
    assert_true(rope.attention_factor == 0.7);
}

static void longrope_has_a_list_for_each_length(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    struct rope_keys keys = typed("longrope");
    double near[] = {1, 1, 1, 1}, far[] = {1, 2, 4, 8};
    keys.original = 16;
    keys.short_factor = near;
    keys.long_factor = far;
    keys.n_short = 4;
    keys.n_long = 3;
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "long_factor has 3 numbers");
    keys.n_long = 4;
    ASSERT_OK(rope_scale(&rope, &arena, &keys, 64, &err));
    assert_near(rope.long_divisor, far, 4);
    assert_true(fabs(rope.attention_factor - sqrt(1 + log(4) / log(16))) < 1e-12);
    float c[2][POSITIONS * 4], s[2][POSITIONS * 4];
    rope_table(&rope, 16, c[0], s[0]);
    rope_table(&rope, 17, c[1], s[1]);
    float growth = (float)rope.attention_factor;
    assert_true(fabsf(s[0][5 * 4 + 1] - growth * sinf(0.5f)) < 1e-6f);
    assert_true(fabsf(s[1][5 * 4 + 1] - growth * sinf(0.25f)) < 1e-6f);
    keys.type = "longrope";
    far[2] = 0;
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "long_factor is 0");
}

static void other_types_are_refused_by_name(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    struct rope_keys keys = typed("proportional");
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "\"proportional\" is not supported");
    keys = typed("linear");
    keys.factor = 1e-30; /* a divisor whose inverse times a position is beyond float32 */
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "give no angles within float32");
    keys = typed("yarn");
    keys.factor = 2;
    keys.original = 64;
    keys.attention_factor = -1;
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "give no angles within float32");
}

static void theta_must_be_above_one(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    struct rope_keys keys = typed(NULL);
    rope.theta = 1;
    ASSERT_FAILS(rope_scale(&rope, &arena, &keys, 64, &err), "rope_theta is 1; it must be above 1");
}

static void the_table_holds_cosines_and_sines_of_each_position(void **state)
{
    (void)state;
    struct rope_config rope = plain();
    rope.attention_factor = 1;
    float c[POSITIONS * 4], s[POSITIONS * 4];
    rope_table(&rope, POSITIONS, c, s);
    for (size_t position = 0; position < POSITIONS; position++) {
        for (size_t j = 0; j < 4; j++) {
            double angle = (double)position * pow(10, -(double)j);
            assert_true(fabs((double)c[position * 4 + j] - cos(angle)) < 1e-5);
            assert_true(fabs((double)s[position * 4 + j] - sin(angle)) < 1e-5);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plain_rope_divides_nothing),
        cmocka_unit_test(linear_divides_all_alike),
        cmocka_unit_test(llama3_spares_fast_pairs),
        cmocka_unit_test(yarn_mixes_between_two_pairs),
        cmocka_unit_test(longrope_has_a_list_for_each_length),
        cmocka_unit_test(other_types_are_refused_by_name),
        cmocka_unit_test(theta_must_be_above_one),
        cmocka_unit_test(the_table_holds_cosines_and_sines_of_each_position),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
