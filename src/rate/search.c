/*
 * search.c - the learning rate, found: what every way of searching has in common.
 *
 * A search asks for arms (the beginning of the run at some peak rate, so many steps), sees their
 * training losses, is told their held-out losses, and ends with an estimate of the best rate's
 * logarithm: a mean and a spread. What lies between is a row of the table below, so that another
 * way can be put beside these and compared on the same runs. Here is the rest: the bill, which
 * counts every step and every evaluation against the budget; the end of arms that diverge; and what
 * follows from the estimate:
 *
 *     log10 rate = mean - 0.185 sd        caution: too high costs more than too low (prior.c)
 *     cost of a rate d decades off        k d^2 below, 1.6 k d^2 above the best
 *
 * To add a way: a value in rate.h, a row here, its three functions.
 */
#include "rate/search.h"

#include <math.h>

#include "rate/problem.h"

/* No rate beyond these is ever asked for or found. */
static const double least_rate = 1e-9, most_rate = 10;

static void estimate_prior(const struct pace_search *s, struct search_estimate *e)
{
    e->mean = log10(s->options.prior_rate) + SEARCH_CAUTION * s->options.prior_sd;
    e->sd = s->options.prior_sd;
    e->reason = PACE_FOUND_ASKED;
}

static const struct search_row rows[PACE_SEARCH_METHOD_COUNT] = {
    [PACE_SEARCH_PRIOR] = {"prior", search_finish, search_finish, estimate_prior},
    [PACE_SEARCH_RACE] = {"race", search_race_begin, search_race_go_on, search_bowl_estimate},
};

const char *pace_search_method_name(enum pace_search_method method)
{
    CHECK((unsigned)method < PACE_SEARCH_METHOD_COUNT);
    return rows[method].name;
}

/* -------------------------------------------------------------------------------- options -- */

void pace_search_options_init(struct pace_search_options *o)
{
    *o = (struct pace_search_options){
        .method = PACE_SEARCH_RACE, .budget = 0.25, .held_out_rows = 1, .n_states = 1};
}

bool pace_search_options_check(const struct pace_search_options *o, struct pace_problem *problem)
{
    if ((unsigned)o->method >= PACE_SEARCH_METHOD_COUNT)
        return problem_set(problem, "", "the search's method %d is none", (int)o->method);
    if (!(o->prior_rate >= least_rate && o->prior_rate <= most_rate))
        return problem_set(problem, "pace_prior gives one", "%g is no rate to begin with",
                           o->prior_rate);
    if (!(o->prior_sd > 0 && o->prior_sd <= 3))
        return problem_set(problem, "pace_prior gives one; 0.3 is usual",
                           "%g decades are no spread of a guess", o->prior_sd);
    if (o->total_steps < 1)
        return problem_set(problem, "", "a run of %lld steps", (long long)o->total_steps);
    if (!(o->budget >= 0 && o->budget <= 0.25))
        return problem_set(problem, "the search may compute up to a quarter of the run",
                           "a budget of %g", o->budget);
    if (!(o->eval_cost >= 0) || isinf(o->eval_cost))
        return problem_set(problem, "0 says that it is not known",
                           "an evaluation that costs %g steps", o->eval_cost);
    if (!(o->repeats >= 0 && o->repeats <= 3))
        return problem_set(problem, "pace_prior gives them; 0 says that rows are seen once",
                           "%g decades of epochs", o->repeats);
    if (o->n_states < 0 || o->held_out_rows < 0 || o->warmup_steps < 0)
        return problem_set(problem, "0 says that there are none",
                           "%d states, %lld held-out rows, %lld steps of warmup", o->n_states,
                           (long long)o->held_out_rows, (long long)o->warmup_steps);
    return true;
}

/* ---------------------------------------------------------------------------------- search -- */

double search_left(const struct pace_search *s)
{
    return s->options.budget * (double)s->options.total_steps - s->spent;
}

void search_finish(struct pace_search *s)
{
    s->request = (struct pace_search_request){.action = PACE_SEARCH_DONE, .arm = -1};
}

void pace_search_init(struct pace_search *s, const struct pace_search_options *o)
{
    struct pace_problem problem;
    CHECK(pace_search_options_check(o, &problem));
    *s = (struct pace_search){.options = *o, .base_loss = NAN};
    rows[o->method].begin(s);
}

struct pace_search_request pace_search_next(const struct pace_search *s)
{
    return s->request;
}

static struct pace_arm *running(struct pace_search *s)
{
    CHECK(s->request.action == PACE_SEARCH_ARM);
    struct pace_arm *arm = &s->arms[s->request.arm];
    CHECK(arm->status == PACE_ARM_RUNNING);
    return arm;
}

bool pace_search_watch(struct pace_search *s, double loss)
{
    struct pace_arm *arm = running(s);
    CHECK(arm->done < s->request.steps);
    arm->trace[arm->done++] = loss;
    s->spent++;
    if (isfinite(loss) && !search_race_diverges(s, arm))
        return true;
    arm->status = PACE_ARM_DIVERGED;
    return false;
}

static double mean_from(const double *x, int64_t from, int64_t to)
{
    double sum = 0;
    for (int64_t i = from; i < to; i++)
        sum += x[i];
    return sum / (double)(to - from);
}

static void take_arm(struct pace_search *s, double loss, double se)
{
    struct pace_arm *arm = &s->arms[s->request.arm];
    if (arm->status == PACE_ARM_RUNNING) {
        CHECK(arm->done == s->request.steps);
        s->spent += s->options.eval_cost;
        arm->status = isfinite(loss) ? PACE_ARM_MEASURED : PACE_ARM_DIVERGED;
    }
    arm->loss = arm->status == PACE_ARM_MEASURED ? loss : NAN;
    arm->se = se > 0 && isfinite(se) ? se : 0;
    arm->train = arm->done > 0 ? mean_from(arm->trace, arm->done / 2, arm->done) : NAN;
}

void pace_search_tell(struct pace_search *s, double loss, double se)
{
    CHECK(s->request.action != PACE_SEARCH_DONE);
    if (s->request.action == PACE_SEARCH_ARM) {
        take_arm(s, loss, se);
    } else {
        s->base_loss = loss;
        s->spent += s->options.eval_cost;
    }
    rows[s->options.method].go_on(s);
}

/* ---------------------------------------------------------------------------------- result -- */

bool pace_search_repeats(const struct pace_search *s)
{
    return s->fresh_steps < s->arm_steps;
}

double pace_search_distance(const struct pace_search *s, int arm, double learning_rate)
{
    double above = log10(s->arms[arm].learning_rate / learning_rate);
    return above > 0 ? SEARCH_RIGHT * above : -above;
}

/* The measured arm that a run at the chosen rate best goes on from. */
static int nearest_arm(const struct pace_search *s, double rate)
{
    int best = -1;
    for (int i = 0; i < s->n_arms; i++)
        if (s->arms[i].status == PACE_ARM_MEASURED &&
            (best < 0 || pace_search_distance(s, i, rate) < pace_search_distance(s, best, rate)))
            best = i;
    return best;
}

static double clamp_rate(double rate)
{
    return fmin(fmax(rate, least_rate), most_rate);
}

/* What a rate `off` decades above the chosen one costs more than the chosen one, on average over
 * what the best may be. */
static double expected_cost(double curvature, double off, double mean, double sd)
{
    static const double z[] = {-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2};
    double sum = 0, weights = 0;
    for (size_t i = 0; i < COUNT_OF(z); i++) {
        double d = off - (mean + z[i] * sd), weight = exp(-z[i] * z[i] / 2);
        sum += weight * curvature * d * d * (d > 0 ? SEARCH_RIGHT : 1);
        weights += weight;
    }
    return sum / weights;
}

void pace_search_find(const struct pace_search *s, struct pace_search_result *r)
{
    struct search_estimate e = {0};
    rows[s->options.method].estimate(s, &e);
    *r = (struct pace_search_result){
        .sd = e.sd,
        .learning_rate = clamp_rate(pow(10, e.mean - SEARCH_CAUTION * e.sd)),
        .low = clamp_rate(pow(10, e.mean - 1.2816 * e.sd)),
        .high = clamp_rate(pow(10, e.mean + 1.2816 * e.sd)),
        .curvature = search_bowl_curvature(s),
        .cost = s->spent / (double)s->options.total_steps,
        .method = s->n_arms > 0 ? s->options.method : PACE_SEARCH_PRIOR,
        .reason = e.reason,
    };
    double above = SEARCH_CAUTION * e.sd; /* of the mean above what is chosen */
    double here = expected_cost(r->curvature, 0, above, e.sd);
    r->double_cost = expected_cost(r->curvature, log10(2), above, e.sd) - here;
    r->half_cost = expected_cost(r->curvature, -log10(2), above, e.sd) - here;
    r->arm = pace_search_repeats(s) ? -1 : nearest_arm(s, r->learning_rate);
    for (int i = 0; i < PACE_NUMBERS; i++)
        r->number[i] = e.number[i];
}
