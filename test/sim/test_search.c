/*
 * What must hold of the search whatever it is told: it ends, within its budget, with a rate that
 * can be used; the same answers give the same search; a copy goes on as the original. The answers
 * are those of made-up bowls with noise, and numbers that no trainer would give.
 */
#include "test/support/support.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "pace/rate.h"

enum { SEARCHES = 4000, CALLS_MOST = 2 + PACE_SEARCH_ARMS, KINDS = 7 };

/* A made-up job: where its best rate is, how its loss falls, what else goes wrong. */
struct job {
    struct pace_search_options options;
    double best, base, gain, noise; /* best: log10 of the rate */
    unsigned kind;
    struct rng rng;
};

static void draw_job(struct job *job, uint64_t seed)
{
    *job = (struct job){.rng = {.seed = seed, .stream = 7}};
    struct rng *rng = &job->rng;
    struct pace_search_options *o = &job->options;
    pace_search_options_init(o);
    o->prior_rate = pow(10, -6 + 5 * rng_uniform(rng));
    o->prior_sd = 0.1 + 0.6 * rng_uniform(rng);
    o->total_steps = (int64_t)pow(10, 3.7 * rng_uniform(rng));
    o->budget = 0.25 * rng_uniform(rng);
    if (rng_below(rng, 2))
        o->budget = 0.25;
    o->eval_cost = rng_uniform(rng) * 0.02 * (double)o->total_steps;
    o->repeats = 0.6 * (double)rng_below(rng, 3);
    o->is_full = rng_below(rng, 2);
    o->n_states = (int)rng_below(rng, 3);
    o->held_out_rows = (int64_t)rng_below(rng, 40);
    job->best = log10(o->prior_rate) + 0.4 * rng_normal(rng);
    job->base = 0.5 + 9 * rng_uniform(rng);
    job->gain = job->base * rng_uniform(rng);
    job->noise = 0.1 * rng_uniform(rng);
    job->kind = (unsigned)rng_below(rng, KINDS);
}

/* The loss after a share of the run at a rate; some kinds give garbage now and then, or always. */
static double answer(struct job *job, double rate, double share)
{
    static const double garbage[] = {NAN, INFINITY, -INFINITY, 1e300, -1e300, 0, 5e-324};
    double draw = rng_uniform(&job->rng), noise = job->noise * rng_normal(&job->rng);
    double off = log10(rate) - job->best;
    switch (job->kind) {
    case 0:
        return draw < 0.05 ? garbage[rng_below(&job->rng, COUNT_OF(garbage))] : 3;
    case 1:
        return garbage[rng_below(&job->rng, COUNT_OF(garbage))];
    case 2:
        return job->base; /* ties */
    case 3:
        return off > 0 ? NAN : job->base - share * job->gain;
    default:
        return job->base - sqrt(share) * job->gain * (1 - 2 * off * off) + noise;
    }
}

static bool is_same(const struct pace_search_result *a, const struct pace_search_result *b)
{
    return a->learning_rate == b->learning_rate && a->low == b->low && a->high == b->high &&
           a->sd == b->sd && a->double_cost == b->double_cost && a->half_cost == b->half_cost &&
           a->cost == b->cost && a->arm == b->arm && a->reason == b->reason;
}

static void assert_sane(const struct pace_search *s, const struct pace_search_result *r)
{
    const struct pace_search_options *o = &s->options;
    assert_true(s->spent <= o->budget * (double)o->total_steps + 1e-9);
    assert_true(r->cost >= 0 && r->cost <= 0.25 + 1e-12);
    assert_true(r->learning_rate >= 1e-9 && r->learning_rate <= 10);
    assert_true(r->low <= r->learning_rate && r->learning_rate <= r->high);
    assert_true(r->low > 0 && isfinite(r->high));
    assert_true(r->sd > 0.05 && r->sd <= o->prior_sd + 1e-12);
    assert_true(isfinite(r->double_cost) && isfinite(r->half_cost));
    assert_true(r->arm >= -1 && r->arm < s->n_arms);
    assert_true(r->arm < 0 || s->arms[r->arm].status == PACE_ARM_MEASURED);
    assert_true(fabs(log10(r->learning_rate / o->prior_rate)) < 3.5);
    char text[512];
    assert_in_range(pace_search_explain(r, text, sizeof text), 20, sizeof text - 1);
    for (int i = 0; i < s->n_arms; i++)
        if (s->arms[i].status == PACE_ARM_DIVERGED)
            assert_true(r->learning_rate < s->arms[i].learning_rate);
}

/* One request obeyed. */
static void obey(struct job *job, struct pace_search *s, const struct pace_search_request *r)
{
    double total = (double)job->options.total_steps;
    double loss = r->action == PACE_SEARCH_BASE ? answer(job, 1, 0) : NAN;
    bool goes_on = true;
    for (int64_t i = 0; i < r->steps && goes_on; i++)
        goes_on = pace_search_watch(s, answer(job, r->learning_rate, (double)i / total));
    if (r->action == PACE_SEARCH_ARM && goes_on)
        loss = answer(job, r->learning_rate, (double)r->steps / total);
    pace_search_tell(s, loss, fabs(job->noise));
}

/* Runs the search of a seed; at call `copy_at` it is copied, and the copy goes on in its place. */
static void run_search(uint64_t seed, int copy_at, struct pace_search *s)
{
    struct job job;
    struct pace_search copy;
    draw_job(&job, seed);
    pace_search_init(s, &job.options);
    for (int i = 0;; i++) {
        struct pace_search_request r = pace_search_next(s);
        if (i == copy_at) {
            copy = *s;
            memset(s, 0xa5, sizeof *s);
            *s = copy;
        }
        if (r.action == PACE_SEARCH_DONE)
            return;
        assert_true(i < CALLS_MOST);
        assert_true(r.steps >= 0 && r.steps <= PACE_SEARCH_STEPS);
        assert_true(r.action == PACE_SEARCH_BASE || (r.steps > 0 && r.average_from < r.steps));
        obey(&job, s, &r);
    }
}

static void a_search_ends_within_its_budget_with_a_usable_rate(void **state)
{
    (void)state;
    int raced = 0;
    for (uint64_t seed = 0; seed < SEARCHES; seed++) {
        struct pace_search s;
        struct pace_search_result r;
        run_search(seed, -1, &s);
        pace_search_find(&s, &r);
        assert_sane(&s, &r);
        raced += s.n_arms > 1;
    }
    assert_true(raced > SEARCHES / 5);
}

static void the_same_answers_give_the_same_search_and_a_copy_goes_on_as_the_original(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEARCHES / 4; seed++) {
        struct pace_search a, b;
        struct pace_search_result of_a, of_b;
        run_search(seed, -1, &a);
        run_search(seed, (int)(seed % 4), &b);
        pace_search_find(&a, &of_a);
        pace_search_find(&b, &of_b);
        assert_true(is_same(&of_a, &of_b));
    }
}

/* Of jobs whose best is far from the prior, most are found to lie on the right side of it. */
static void bowls_move_the_guess_towards_their_best(void **state)
{
    (void)state;
    int right = 0, wrong = 0;
    for (uint64_t seed = 0; seed < SEARCHES; seed++) {
        struct job job;
        struct pace_search s;
        struct pace_search_result r;
        draw_job(&job, seed);
        run_search(seed, -1, &s);
        pace_search_find(&s, &r);
        double off = job.best - log10(job.options.prior_rate);
        double moved = log10(r.learning_rate / job.options.prior_rate);
        bool counts = job.kind > 3 && s.n_arms > 1 && fabs(off) > 0.3 && job.noise < 0.05;
        right += counts && moved * off > 0;
        wrong += counts && moved * off < 0;
    }
    assert_true(right > 3 * wrong);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_ends_within_its_budget_with_a_usable_rate),
        cmocka_unit_test(the_same_answers_give_the_same_search_and_a_copy_goes_on_as_the_original),
        cmocka_unit_test(bowls_move_the_guess_towards_their_best),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
