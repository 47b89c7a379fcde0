#include "test/support/support.h"

#include <math.h>

#include "model/sample.h"

enum { N = 8, DRAWS = 40000 };

static const float logits[N] = {0, 1, 2, -1, 2.5f, -INFINITY, NAN, 1};

/* How often each token is drawn, as shares. */
static void count_draws(const struct sample_options *options, double shares[N])
{
    struct rng rng = {.seed = 7};
    struct sample_candidate scratch[N];
    for (size_t i = 0; i < N; i++)
        shares[i] = 0;
    for (size_t i = 0; i < DRAWS; i++)
        shares[sample_token(options, logits, N, &rng, scratch)] += 1.0 / DRAWS;
}

/* The shares that exp(z / t) calls for among the tokens in `kept`. */
static void assert_shares(const struct sample_options *options, const char *kept)
{
    double shares[N], sum = 0;
    count_draws(options, shares);
    for (size_t i = 0; i < N; i++)
        sum += kept[i] == 'x' ? exp((double)logits[i] / options->temperature) : 0;
    for (size_t i = 0; i < N; i++) {
        double wanted = kept[i] == 'x' ? exp((double)logits[i] / options->temperature) / sum : 0;
        double se = sqrt(wanted * (1 - wanted) / DRAWS);
        assert_true(fabs(shares[i] - wanted) <= 4.5 * se + 1e-9);
    }
}

static void without_temperature_the_likeliest_is_taken(void **state)
{
    (void)state;
    double shares[N];
    count_draws(&(struct sample_options){.temperature = 0, .top_p = 1}, shares);
    assert_true(fabs(shares[4] - 1) < 1e-9);
    count_draws(&(struct sample_options){.temperature = 1, .top_p = 1, .top_k = 1}, shares);
    assert_true(fabs(shares[4] - 1) < 1e-9);
}

static void draws_follow_the_softmax(void **state)
{
    (void)state;
    assert_shares(&(struct sample_options){.temperature = 1, .top_p = 1}, "xxxxx..x");
    assert_shares(&(struct sample_options){.temperature = 0.5, .top_p = 1}, "xxxxx..x");
    assert_shares(&(struct sample_options){.temperature = 2, .top_p = 1, .top_k = 100}, "xxxxx..x");
}

static void top_k_keeps_the_likeliest_and_of_equals_the_first(void **state)
{
    (void)state;
    assert_shares(&(struct sample_options){.temperature = 1, .top_p = 1, .top_k = 2}, "..x.x...");
    assert_shares(&(struct sample_options){.temperature = 1, .top_p = 1, .top_k = 3}, ".xx.x...");
}

/* Shares at temperature 1: of token 4 0.46, of 2 0.28, of 1 and 7 0.10 each, of 0 0.04. */
static void top_p_keeps_the_fewest_that_reach_the_share(void **state)
{
    (void)state;
    assert_shares(&(struct sample_options){.temperature = 1, .top_p = 0.4}, "....x...");
    assert_shares(&(struct sample_options){.temperature = 1, .top_p = 0.6}, "..x.x...");
    assert_shares(&(struct sample_options){.temperature = 1, .top_p = 0.75}, ".xx.x...");
    assert_shares(&(struct sample_options){.temperature = 1, .top_p = 1e-9}, "....x...");
}

/* Among the three that top-k leaves, the shares are 0.55, 0.33, 0.12. */
static void top_p_counts_within_top_k(void **state)
{
    (void)state;
    assert_shares(&(struct sample_options){.temperature = 1, .top_k = 3, .top_p = 0.8}, "..x.x...");
}

static void a_vocabulary_without_a_number_gives_its_first_token(void **state)
{
    (void)state;
    const float broken[3] = {NAN, NAN, NAN};
    struct sample_candidate scratch[3];
    struct rng rng = {.seed = 1};
    struct sample_options options = {.temperature = 1, .top_p = 0.9};
    assert_int_equal(sample_token(&options, broken, 3, &rng, scratch), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_temperature_the_likeliest_is_taken),
        cmocka_unit_test(draws_follow_the_softmax),
        cmocka_unit_test(top_k_keeps_the_likeliest_and_of_equals_the_first),
        cmocka_unit_test(top_p_keeps_the_fewest_that_reach_the_share),
        cmocka_unit_test(top_p_counts_within_top_k),
        cmocka_unit_test(a_vocabulary_without_a_number_gives_its_first_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
