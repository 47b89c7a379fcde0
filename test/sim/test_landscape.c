/*
 * The simulator itself: that its landscapes are what they claim, since everything that is said of
 * the guard rests on them.
 */
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "test/sim/plain.h"

static struct arena arena;

static void make(struct sim_landscape *l, const char *kind, uint64_t seed, struct sim_terms terms)
{
    sim_landscape_make(l, sim_kind_find(kind), seed, &terms, &arena);
}

static struct sim_plan plan_of(const struct sim_landscape *l, int64_t steps, double peak)
{
    return (struct sim_plan){.landscape = l,
                             .steps = steps,
                             .decay = SIM_LINEAR,
                             .peak = peak,
                             .max_grad_norm = 1,
                             .optimizer = SIM_ADAMW};
}

/* The batch's loss without its noise: central differences of the true loss and, where rows are, of
 * the batch's own. */
static double difference(const struct sim_landscape *l, double *x, size_t i, bool of_batch)
{
    double unused[SIM_PARAMETERS_MOST];
    const double h = 1e-5;
    double x_i = x[i];
    struct sim_batch batch = {.id = 3};
    x[i] = x_i + h;
    double above = of_batch ? sim_batch_loss(l, x, batch, unused) : sim_true_loss(l, x);
    x[i] = x_i - h;
    double below = of_batch ? sim_batch_loss(l, x, batch, unused) : sim_true_loss(l, x);
    x[i] = x_i;
    return (above - below) / (2 * h);
}

static void gradients_are_those_of_the_losses(void **state)
{
    (void)state;
    static struct sim_landscape l;
    for (size_t k = 0; k < sim_kind_count; k++) {
        struct sim_terms quiet = {.noise_times = 1e-12};
        sim_landscape_make(&l, &sim_kinds[k], 7, &quiet, &arena);
        double x[SIM_PARAMETERS_MOST], gradient[SIM_PARAMETERS_MOST];
        struct rng rng = {.seed = k};
        for (size_t i = 0; i < l.n; i++)
            x[i] = 0.7 * l.start[i] + 0.2 * rng_normal(&rng);
        (void)sim_batch_loss(&l, x, (struct sim_batch){.id = 3}, gradient);
        for (size_t i = 0; i < l.n; i++) {
            double wanted = difference(&l, x, i, l.kind->has_rows);
            if (fabs(gradient[i] - wanted) > 1e-5 * (1 + fabs(wanted)))
                fail_msg("%s, parameter %zu: %g is not %g", l.kind->name, i, gradient[i], wanted);
        }
    }
}

static void the_noise_of_batches_has_no_bias(void **state)
{
    (void)state;
    enum { BATCHES = 4000 };
    static struct sim_landscape l;
    double gradient[SIM_PARAMETERS_MOST], mean[SIM_PARAMETERS_MOST] = {0}, loss = 0;
    make(&l, "quadratic", 4, (struct sim_terms){0});
    for (uint64_t id = 0; id < BATCHES; id++) {
        loss += sim_batch_loss(&l, l.start, (struct sim_batch){.id = id}, gradient) / BATCHES;
        for (size_t i = 0; i < l.n; i++)
            mean[i] += gradient[i] / BATCHES;
    }
    double sd = 2 * l.noise_scale; /* s_b spreads, so its mean is above 1 */
    for (size_t i = 0; i < l.n; i++)
        assert_true(fabs(mean[i] - l.curvature[i] * l.start[i]) < 5 * sd / sqrt(BATCHES));
    assert_true(fabs(loss - sim_true_loss(&l, l.start)) < 0.05);
}

static void a_batch_met_again_is_the_same_data(void **state)
{
    (void)state;
    static struct sim_landscape l;
    for (size_t k = 0; k < sim_kind_count; k++) {
        double first[SIM_PARAMETERS_MOST], second[SIM_PARAMETERS_MOST];
        sim_landscape_make(&l, &sim_kinds[k], 11, &(struct sim_terms){.heavy_tails = true}, &arena);
        struct sim_batch batch = {.id = 42}, other = {.id = 43};
        double loss = sim_batch_loss(&l, l.start, batch, first);
        (void)sim_batch_loss(&l, l.start, other, second);
        assert_memory_not_equal(first, second, l.n * sizeof first[0]);
        assert_true(loss == sim_batch_loss(&l, l.start, batch, second));
        assert_memory_equal(first, second, l.n * sizeof first[0]);
    }
}

static void a_good_rate_gains_and_a_rate_far_too_high_does_not(void **state)
{
    (void)state;
    static struct sim_landscape l;
    for (size_t k = 0; k < sim_kind_count; k++) {
        double loss;
        sim_landscape_make(&l, &sim_kinds[k], 5, &(struct sim_terms){0}, &arena);
        struct sim_plan plan = plan_of(&l, 200, 0);
        plan.decay = SIM_CONSTANT;
        double first = sim_true_loss(&l, l.start);
        plan.peak = sim_good_rate(&plan, &loss);
        double low = plan.peak / 1000, high = plan.peak * 1000;
        if (!(loss < first - 0.15))
            fail_msg("%s: from %g to %g", l.kind->name, first, loss);
        plan.peak = low;
        assert_true(sim_plain_run(&plan, NULL, NULL) > loss + 0.7 * (first - loss));
        plan.peak = high;
        assert_true(!(sim_plain_run(&plan, NULL, NULL) < first));
    }
}

static void the_quadratic_reaches_its_floor(void **state)
{
    (void)state;
    static struct sim_landscape l;
    make(&l, "quadratic", 4, (struct sim_terms){.noise_times = 0.01});
    struct sim_plan plan = plan_of(&l, 1500, 0.05);
    assert_true(sim_true_loss(&l, l.start) > l.floor + 0.9);
    assert_true(sim_plain_run(&plan, NULL, NULL) < l.floor + 0.01);
}

static void the_quadratic_diverges_beyond_twice_the_inverse_curvature(void **state)
{
    (void)state;
    static struct sim_landscape l;
    double rise;
    make(&l, "quadratic", 4, (struct sim_terms){.noise_times = 1e-9});
    struct sim_plan plan = plan_of(&l, 60, 0);
    plan.decay = SIM_CONSTANT;
    plan.optimizer = SIM_SGD; /* with momentum 0.9 stable up to 2 (1 + 0.9) / curvature */
    plan.max_grad_norm = 0;
    plan.peak = 3.7;
    assert_true(sim_plain_run(&plan, NULL, &rise) < sim_true_loss(&l, l.start));
    plan.peak = 3.9;
    assert_true(sim_plain_run(&plan, NULL, &rise) > 10 * sim_true_loss(&l, l.start));
    assert_true(rise > 10);
}

static void who_leaves_the_basin_does_not_find_back(void **state)
{
    (void)state;
    static struct sim_landscape l;
    make(&l, "basin", 9, (struct sim_terms){0});
    struct sim_plan plan = plan_of(&l, 300, 0.05);
    double first = sim_true_loss(&l, l.start);
    assert_true(sim_plain_run(&plan, NULL, NULL) < first - 0.5);
    plan.peak = 10;
    assert_true(sim_plain_run(&plan, NULL, NULL) > first);
}

static void few_rows_are_memorised_while_the_held_out_loss_rises(void **state)
{
    (void)state;
    static struct sim_landscape l;
    make(&l, "net", 2, (struct sim_terms){.few_rows = true});
    struct sim_plan plan = plan_of(&l, 400, 0.05);
    struct sim_trace trace = sim_trace_make(&plan, &arena);
    double last = sim_plain_run(&plan, &trace, NULL);
    double least = INFINITY;
    for (int64_t i = 0; i < plan.steps; i++)
        least = fmin(least, trace.true_loss[i]);
    assert_true(last > least + 0.2);
    assert_true(trace.loss[plan.steps - 1] < 0.3 * trace.loss[0]);
    assert_true(sim_landscape_batches(&l) < 12);
}

static void an_epoch_meets_every_batch_once(void **state)
{
    (void)state;
    static struct sim_landscape l;
    make(&l, "softmax", 2, (struct sim_terms){0});
    uint64_t n = sim_landscape_batches(&l);
    for (uint64_t epoch = 0; epoch < 2; epoch++) {
        bool met[256] = {false};
        for (uint64_t i = 0; i < n; i++)
            met[sim_batch_at(&l, epoch * n + i)] = true;
        for (uint64_t i = 0; i < n; i++)
            assert_true(met[i]);
    }
    assert_true(sim_batch_at(&l, 0) != sim_batch_at(&l, n) ||
                sim_batch_at(&l, 1) != sim_batch_at(&l, n + 1));
}

static void poison_follows_the_batch_and_its_share(void **state)
{
    (void)state;
    enum { BATCHES = 5000 };
    static struct sim_landscape l;
    struct sim_faults faults = {.poison = SIM_POISON_HUGE, .poison_share = 0.1};
    double gradient[SIM_PARAMETERS_MOST];
    int n = 0;
    make(&l, "quadratic", 6, (struct sim_terms){0});
    for (uint64_t id = 0; id < BATCHES; id++) {
        bool poisoned = sim_batch_is_poisoned(&faults, l.seed, id);
        double loss = sim_poisoned_loss(&l, &faults, l.start, id, gradient);
        n += poisoned;
        assert_int_equal(loss > sim_true_loss(&l, l.start) + 2, poisoned);
    }
    assert_in_range(n, BATCHES / 10 - 100, BATCHES / 10 + 100);
    faults.poison = SIM_POISON_NONE;
    assert_false(sim_batch_is_poisoned(&faults, l.seed, 0));
}

static void poison_is_what_it_is_called(void **state)
{
    (void)state;
    static struct sim_landscape l;
    double gradient[SIM_PARAMETERS_MOST];
    struct sim_faults faults = {.poison_share = 2};
    make(&l, "softmax", 6, (struct sim_terms){0});
    double clean = sim_poisoned_loss(&l, &faults, l.start, 1, gradient);
    double norm = sim_norm(gradient, l.n);
    faults.poison = SIM_POISON_NAN;
    assert_true(isnan(sim_poisoned_loss(&l, &faults, l.start, 1, gradient)));
    assert_true(isnan(sim_norm(gradient, l.n)));
    faults.poison = SIM_POISON_INFINITY;
    assert_true(sim_poisoned_loss(&l, &faults, l.start, 1, gradient) == clean);
    assert_true(isinf(sim_norm(gradient, l.n)));
    faults.poison = SIM_POISON_EMPTY;
    assert_true(sim_poisoned_loss(&l, &faults, l.start, 1, gradient) == 0);
    assert_true(sim_norm(gradient, l.n) == 0);
    faults.poison = SIM_POISON_HUGE;
    assert_true(sim_poisoned_loss(&l, &faults, l.start, 1, gradient) > clean + 2);
    assert_true(sim_norm(gradient, l.n) > 5 * norm);
    faults.poison = SIM_POISON_LABELS;
    (void)sim_poisoned_loss(&l, &faults, l.start, 1, gradient);
    assert_true(fabs(sim_norm(gradient, l.n) - norm) > 1e-9);
}

static void large_parameters_overflow_where_they_are_told_to(void **state)
{
    (void)state;
    static struct sim_landscape l;
    double gradient[SIM_PARAMETERS_MOST];
    make(&l, "quadratic", 6, (struct sim_terms){.overflows = true});
    assert_true(isfinite(sim_true_loss(&l, l.start)));
    l.start[1] = 1e4;
    assert_true(isnan(sim_true_loss(&l, l.start)));
    assert_true(isnan(sim_batch_loss(&l, l.start, (struct sim_batch){.id = 1}, gradient)));
    assert_true(isnan(gradient[0]));
}

static void adamw_moves_by_the_rate_at_first_and_sgd_by_the_gradient(void **state)
{
    (void)state;
    static struct sim_landscape l;
    struct sim_weights w;
    make(&l, "quadratic", 6, (struct sim_terms){0});
    double gradient[SIM_PARAMETERS_MOST];
    for (size_t i = 0; i < l.n; i++)
        gradient[i] = i % 2 ? -3 : 0.01;
    sim_weights_init(&w, &l, SIM_ADAMW);
    sim_weights_update(&w, gradient, 0.1, 0.5);
    assert_true(fabs(w.x[0] - (l.start[0] - 0.1)) < 1e-6);
    assert_true(fabs(w.x[1] - (l.start[1] + 0.1)) < 1e-6);
    sim_weights_init(&w, &l, SIM_SGD);
    sim_weights_update(&w, gradient, 0.1, 0.5);
    sim_weights_update(&w, gradient, 0.1, 0.5);
    assert_true(fabs(w.x[1] - (l.start[1] + 0.15 + 0.15 * 1.9)) < 1e-12);
    assert_true(sim_clip_scale(2, 1) < 0.5 && sim_clip_scale(2, 1) > 0.4999);
    assert_true(sim_clip_scale(0.5, 1) == 1 && sim_clip_scale(2, 0) == 1);
}

static void a_plan_follows_its_schedule(void **state)
{
    (void)state;
    static struct sim_landscape l;
    make(&l, "quadratic", 6, (struct sim_terms){0});
    struct sim_plan plan = plan_of(&l, 110, 2);
    plan.warmup = 10;
    assert_true(sim_plan_rate(&plan, 0) == 0 && sim_plan_rate(&plan, 5) == 1);
    assert_true(sim_plan_rate(&plan, 10) == 2 && sim_plan_rate(&plan, 60) == 1);
    plan.decay = SIM_COSINE;
    assert_true(fabs(sim_plan_rate(&plan, 60) - 1) < 1e-12);
    plan.decay = SIM_CONSTANT;
    assert_true(sim_plan_rate(&plan, 109) == 2);
    plan.decay = SIM_EXPONENTIAL;
    plan.gamma = 0.5;
    assert_true(sim_plan_rate(&plan, 12) == 0.5);
}

static void a_run_that_forgets_begins_again(void **state)
{
    (void)state;
    static struct sim_landscape l;
    make(&l, "chain", 6, (struct sim_terms){0});
    struct sim_plan plan = plan_of(&l, 100, 0.02);
    plan.forget_at = 60;
    struct sim_trace trace = sim_trace_make(&plan, &arena);
    (void)sim_plain_run(&plan, &trace, NULL);
    assert_true(trace.true_loss[59] < trace.true_loss[0] - 0.5);
    assert_true(trace.true_loss[60] == trace.true_loss[0]);
    plan.restart_at = 60;
    (void)sim_plain_run(&plan, &trace, NULL);
    assert_true(trace.rate[60] == trace.rate[0] && trace.rate[59] < trace.rate[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_the_losses),
        cmocka_unit_test(the_noise_of_batches_has_no_bias),
        cmocka_unit_test(a_batch_met_again_is_the_same_data),
        cmocka_unit_test(a_good_rate_gains_and_a_rate_far_too_high_does_not),
        cmocka_unit_test(the_quadratic_reaches_its_floor),
        cmocka_unit_test(the_quadratic_diverges_beyond_twice_the_inverse_curvature),
        cmocka_unit_test(who_leaves_the_basin_does_not_find_back),
        cmocka_unit_test(few_rows_are_memorised_while_the_held_out_loss_rises),
        cmocka_unit_test(an_epoch_meets_every_batch_once),
        cmocka_unit_test(poison_follows_the_batch_and_its_share),
        cmocka_unit_test(poison_is_what_it_is_called),
        cmocka_unit_test(large_parameters_overflow_where_they_are_told_to),
        cmocka_unit_test(adamw_moves_by_the_rate_at_first_and_sgd_by_the_gradient),
        cmocka_unit_test(a_plan_follows_its_schedule),
        cmocka_unit_test(a_run_that_forgets_begins_again),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
