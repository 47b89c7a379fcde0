/*
 * plain.c - the loop that everybody writes first: gradient, clip, rate of the schedule, update.
 */
#include "test/sim/plain.h"

#include <math.h>

struct sim_trace sim_trace_make(const struct sim_plan *plan, struct arena *arena)
{
    size_t n = (size_t)plan->steps;
    return (struct sim_trace){arena_array(arena, double, n), arena_array(arena, double, n),
                              arena_array(arena, double, n), arena_array(arena, double, n)};
}

double sim_plan_rate(const struct sim_plan *plan, int64_t step)
{
    if (step < plan->warmup)
        return plan->peak * (double)step / (double)plan->warmup;
    double share = (double)(step - plan->warmup) / (double)(plan->steps - plan->warmup);
    switch (plan->decay) {
    case SIM_LINEAR:
        return plan->peak * (1 - share);
    case SIM_COSINE:
        return plan->peak * 0.5 * (1 + cos(3.14159265358979323846 * share));
    case SIM_EXPONENTIAL:
        return plan->peak * pow(plan->gamma, (double)(step - plan->warmup));
    case SIM_CONSTANT:
        break;
    }
    return plan->peak;
}

static void write_trace(struct sim_trace *trace, int64_t step, double loss, double norm,
                        double rate)
{
    trace->loss[step] = loss;
    trace->grad_norm[step] = norm;
    trace->rate[step] = rate;
}

/* True loss along the way: its lowest so far, its largest climb above that. */
struct climb {
    double low, rise;
};

static void climb_add(struct climb *c, double loss)
{
    c->rise = fmax(c->rise, isfinite(loss) ? loss - c->low : INFINITY);
    c->low = fmin(c->low, loss);
}

/* Held-out rows cost more than the gradient: they are looked at every few steps. */
static bool looks_at(const struct sim_plan *plan, int64_t step)
{
    return !plan->landscape->kind->has_rows || step % (1 + plan->steps / 50) == 0;
}

double sim_plain_run(const struct sim_plan *plan, struct sim_trace *trace, double *rise)
{
    const struct sim_landscape *l = plan->landscape;
    struct climb climb = {.low = INFINITY};
    struct sim_weights w;
    double gradient[SIM_PARAMETERS_MOST];
    sim_weights_init(&w, l, plan->optimizer);
    for (int64_t step = 0; step < plan->steps; step++) {
        if (plan->forget_at > 0 && step == plan->forget_at)
            sim_weights_init(&w, l, plan->optimizer);
        bool restarted = plan->restart_at > 0 && step >= plan->restart_at;
        uint64_t id = sim_batch_at(l, (uint64_t)step);
        double loss = sim_poisoned_loss(l, &plan->faults, w.x, id, gradient);
        double norm = sim_norm(gradient, l->n);
        double rate = sim_plan_rate(plan, restarted ? step - plan->restart_at : step);
        if (trace) {
            write_trace(trace, step, loss, norm, rate);
            trace->true_loss[step] = sim_true_loss(l, w.x);
        }
        if (rise && looks_at(plan, step))
            climb_add(&climb, sim_true_loss(l, w.x));
        sim_weights_update(&w, gradient, rate, sim_clip_scale(norm, plan->max_grad_norm));
    }
    if (rise)
        *rise = climb.rise;
    return sim_true_loss(l, w.x);
}

/* What a rate of the grid led to. */
struct trial {
    double loss, rise;
};

/* The lowest loss among the calm; where none is calm, among all. */
static double best_of(const struct trial *trials, int n, double *calm, double first)
{
    double best = INFINITY, least = INFINITY;
    for (int i = 0; i < n; i++)
        least = fmin(least, trials[i].rise / fmax(first - trials[i].loss, 1e-3));
    *calm = fmax(0.15, least > 0 ? least : 0.15);
    for (int i = 0; i < n; i++) {
        if (trials[i].rise <= *calm * fmax(first - trials[i].loss, 1e-3))
            best = fmin(best, trials[i].loss);
    }
    return best;
}

double sim_good_rate(const struct sim_plan *plan, double *loss)
{
    enum { GRID = 10, MIDDLE = 6 };
    struct sim_plan tried = *plan;
    struct trial trials[GRID];
    double middle = plan->landscape->kind->rate[plan->optimizer];
    double first = sim_true_loss(plan->landscape, plan->landscape->start);
    for (int i = 0; i < GRID; i++) {
        tried.peak = ldexp(middle, i - MIDDLE);
        trials[i].loss = sim_plain_run(&tried, NULL, &trials[i].rise);
    }
    double calm, sum = 0;
    double best = best_of(trials, GRID, &calm, first);
    int n = 0;
    for (int i = 0; i < GRID; i++) {
        bool is_good = trials[i].loss <= best + 0.03 * (first - best) &&
                       trials[i].rise <= calm * fmax(first - trials[i].loss, 1e-3);
        sum += is_good ? i - MIDDLE : 0;
        n += is_good;
    }
    tried.peak = middle * exp2(n > 0 ? sum / n : 0);
    *loss = sim_plain_run(&tried, NULL, NULL);
    return tried.peak;
}
