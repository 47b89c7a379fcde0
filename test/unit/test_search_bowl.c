#include "test/support/support.h"

#include <math.h>

#include "pace/rate.h"

/* Of what the arms' held-out losses are less than the base's. */
static double error = 0.01;

/* A race whose arms' losses are `loss` of their offset in decades from the prior's rate; the base's
 * is 4. On rows that come again training losses fall with the rate. */
static struct pace_search_result race(const struct pace_search_options *o, double noise,
                                      double (*loss)(double off))
{
    struct pace_search s;
    struct pace_search_result result;
    pace_search_init(&s, o);
    for (;;) {
        struct pace_search_request r = pace_search_next(&s);
        if (r.action == PACE_SEARCH_DONE)
            break;
        double off = r.steps > 0 ? log10(r.learning_rate / 1e-3) : 0;
        double y = r.steps > 0 ? loss(off) : 4;
        for (int64_t i = 0; i < r.steps; i++) {
            double train = i < r.fresh_steps ? y + noise * (i % 2 ? off : -off) : 2 - off;
            if (!pace_search_watch(&s, train))
                break;
        }
        pace_search_tell(&s, y, error);
    }
    pace_search_find(&s, &result);
    return result;
}

static struct pace_search_options options_of(int64_t steps, double epochs, double prior_sd)
{
    struct pace_search_options o;
    pace_search_options_init(&o);
    o.prior_rate = 1e-3;
    o.prior_sd = prior_sd;
    o.total_steps = steps;
    o.eval_cost = 1;
    o.repeats = log10(epochs);
    o.held_out_rows = 24;
    return o;
}

static struct pace_search_result found_in(int64_t steps, double epochs, double prior_sd,
                                          double noise, double (*loss)(double off))
{
    struct pace_search_options o = options_of(steps, epochs, prior_sd);
    return race(&o, noise, loss);
}

static struct pace_search_result found(double epochs, double prior_sd, double noise,
                                       double (*loss)(double off))
{
    return found_in(100, epochs, prior_sd, noise, loss);
}

static double moved(struct pace_search_result r)
{
    return log10(r.learning_rate / 1e-3);
}

static double best_above(double off)
{
    return 3 + 0.8 * (off - 0.4) * (off - 0.4);
}

static double best_below(double off)
{
    return 3.8 + 0.8 * (off + 0.4) * (off + 0.4);
}

static double best_here(double off)
{
    return 3 + 0.8 * off * off;
}

static double flat(double off)
{
    return 3.5 + 0 * off;
}

static void the_rate_moves_towards_the_vertex_but_not_all_the_way(void **state)
{
    (void)state;
    struct pace_search_result up = found(1, 0.25, 0, best_above);
    struct pace_search_result down = found(1, 0.25, 0, best_below);
    assert_true(moved(up) > 0.2 && moved(up) < 0.4);
    assert_true(moved(down) < -0.15 && moved(down) > -0.4);
    assert_int_equal(up.reason, PACE_FOUND_HIGHER);
    assert_int_equal(down.reason, PACE_FOUND_LOWER);
    assert_int_equal(found(1, 0.25, 0, best_here).reason, PACE_FOUND_AGREES);
}

static void arms_that_warm_up_speak_for_the_rates_that_they_had(void **state)
{
    (void)state;
    struct pace_search_options o = options_of(100, 1, 0.25);
    double at_once = moved(race(&o, 0, best_above)), before = at_once;
    for (o.warmup_steps = 1; o.warmup_steps <= 6; o.warmup_steps++) {
        double now = moved(race(&o, 0, best_above));
        assert_true(now < before);
        before = now;
    }
    assert_true(before < at_once - 0.1); /* arms are of 6 steps: a mean rate of 5 / 12 */
}

static double falls(double off)
{
    return 2 - 0.5 * off;
}

static void no_rate_far_above_the_highest_arm_is_chosen(void **state)
{
    (void)state;
    double unsure = moved(found(1, 3, 0, falls));
    assert_true(moved(found(1, 0.25, 0, falls)) > 0.3);
    assert_true(unsure > 0.3 && unsure < 4 * 0.33 + 0.1); /* arms are a third of a decade apart */
    assert_true(moved(found(5, 3, 0, falls)) <= 4 * 0.33);
}

/* Rows that come again are learned by heart, the faster the higher the rate. */
static void of_rows_that_come_again_held_out_losses_alone_count(void **state)
{
    (void)state;
    struct pace_search_result up = found(5, 0.4, 0, best_above);
    struct pace_search_result down = found(5, 0.4, 0, best_below);
    assert_true(moved(up) > 0.2 && moved(up) < 0.4);
    assert_true(moved(down) < -0.2 && moved(down) > -0.5);
    assert_true(found(1, 0.4, 0, best_above).sd < up.sd); /* and say a little less */
}

/* 3 % of the loss at most. */
static double little_below(double off)
{
    return 3.88 + 0.8 * (off + 0.4) * (off + 0.4);
}

static void of_a_fall_that_may_be_chance_half_is_believed(void **state)
{
    (void)state;
    struct pace_search_options o = options_of(100, 1, 0.25);
    double sure = moved(race(&o, 0, little_below));
    error = 0.2;
    double unsure = moved(race(&o, 0, little_below));
    error = 0.01;
    assert_true(sure < -0.2 && unsure < 0 && unsure > sure + 0.05);
}

/* More than the base's at every rate: learned by heart. */
static double nothing_gained(double off)
{
    return 4.02 + 0.8 * (off + 0.4) * (off + 0.4);
}

static void of_rows_that_come_again_all_is_believed_though_nothing_was_gained(void **state)
{
    (void)state;
    double once = moved(found(1, 0.4, 0, nothing_gained));
    double again = moved(found(5, 0.4, 0, nothing_gained));
    assert_true(once < 0 && again < once - 0.1 && again > -0.45);
    error = 0.2;
    assert_true(moved(found(5, 0.4, 0, nothing_gained)) == again);
    error = 0.01;
}

static void a_sure_prior_moves_less_and_an_unsure_one_more(void **state)
{
    (void)state;
    double sure = moved(found(1, 0.1, 0, best_above)), usual = moved(found(1, 0.25, 0, best_above));
    double unsure = moved(found(1, 0.6, 0, best_above));
    assert_true(sure < usual && usual < unsure);
}

static void noisy_losses_count_less(void **state)
{
    (void)state;
    struct pace_search_result calm = found(1, 0.25, 0, best_above);
    struct pace_search_result noisy = found(1, 0.25, 2, best_above);
    assert_true(moved(noisy) < moved(calm) - 0.05);
    assert_true(noisy.sd > calm.sd);
}

static void equal_losses_leave_the_guess_near_where_it_was(void **state)
{
    (void)state;
    struct pace_search_result r = found(1, 0.25, 0, flat);
    assert_true(fabs(moved(r)) < 0.3);
    assert_true(r.sd <= 0.25);
}

static double breaks_above(double off)
{
    return off > 0.2 ? NAN : 2;
}

static void where_one_arm_alone_was_measured_the_prior_stands(void **state)
{
    (void)state;
    struct pace_search_result r = found_in(60, 1, 0.25, 0, breaks_above);
    assert_true(fabs(moved(r)) < 1e-9);
    assert_true(fabs(r.sd - 0.25) < 1e-12);
}

static void an_error_costs_more_above_than_below(void **state)
{
    (void)state;
    struct pace_search_result r = found(1, 0.25, 0, best_here);
    assert_true(r.double_cost > r.half_cost && r.half_cost > 0);
    assert_true(r.curvature > 0);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_moves_towards_the_vertex_but_not_all_the_way),
        cmocka_unit_test(arms_that_warm_up_speak_for_the_rates_that_they_had),
        cmocka_unit_test(no_rate_far_above_the_highest_arm_is_chosen),
        cmocka_unit_test(of_rows_that_come_again_held_out_losses_alone_count),
        cmocka_unit_test(of_a_fall_that_may_be_chance_half_is_believed),
        cmocka_unit_test(of_rows_that_come_again_all_is_believed_though_nothing_was_gained),
        cmocka_unit_test(a_sure_prior_moves_less_and_an_unsure_one_more),
        cmocka_unit_test(noisy_losses_count_less),
        cmocka_unit_test(equal_losses_leave_the_guess_near_where_it_was),
        cmocka_unit_test(where_one_arm_alone_was_measured_the_prior_stands),
        cmocka_unit_test(an_error_costs_more_above_than_below),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
