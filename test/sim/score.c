/*
 * score.c - how well the guard does, as a table.
 *
 *     score [even|odd] [SEEDS] [LANDSCAPE]     all landscapes where none is named
 *
 * For each scenario, over the seeds: how many runs recover, how much is lost against the clean run
 * (a good rate, nothing wrong, no guard), what the guard costs, and the same runs with the guard
 * off. Losses are true ones, without noise:
 *
 *     excess     (last - clean) / (first - clean): 0 as good as the clean run, 1 nothing learned
 *     recovered  share of runs with an excess of at most 0.1; where there is nothing to learn, of
 *                runs that were stopped before half of the steps
 *     worse      share of runs that end above where they began, or broken
 *     alarms     actions other than go and clip, per 100 steps; the end of the run is none
 *     clips      gradients scaled down beyond ordinary clipping, per 100 steps
 *     redo       gradients computed more than the run has steps, in % of the steps
 *
 * The last table says in how many runs (in %) each rule made the guard do something.
 *
 * Even seeds are for tuning the rules, odd ones for reporting.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"
#include "base/stat.h"
#include "test/sim/scenario.h"

enum { RUNS_MOST = 4096 };

/* Sums over runs of one row of the table. */
struct score {
    double excess[RUNS_MOST];
    size_t n, n_recovered, n_worse, n_endless;
    double n_steps, n_alarms, n_clips, n_redo;
    size_t n_rule[PACE_REASON_COUNT]; /* runs in which it acted */
};

/* Broken runs count as this much: as bad as losing the gain once more; and no run counts as more
 * than the gain better. */
static const double worst_excess = 2, best_excess = -1;
/* Where a clean run gains less (few rows, over-fitted), differences are measured by this. */
static const double least_gain = 0.1;

static double excess_of(const struct sim_ground *g, const struct sim_result *r)
{
    double gain = fmax(r->first_loss - g->clean_loss, least_gain);
    double excess = (r->final_loss - g->clean_loss) / gain;
    return isfinite(excess) ? fmax(fmin(excess, worst_excess), best_excess) : worst_excess;
}

static bool is_alarm(enum pace_action action)
{
    return action != PACE_GO && action != PACE_CLIP;
}

static bool recovered(const struct sim_scenario *s, double excess, const struct sim_result *r,
                      double total)
{
    if (!s->is_hopeless)
        return excess <= 0.1;
    return r->n_actions[PACE_STOP] > 0 && (double)r->n_steps < total / 2;
}

static void score_add(struct score *score, const struct sim_scenario *s, double total,
                      const struct sim_ground *g, const struct sim_result *r)
{
    CHECK(score->n < RUNS_MOST);
    double excess = excess_of(g, r);
    score->excess[score->n++] = excess;
    score->n_recovered += recovered(s, excess, r, total);
    score->n_worse += !(r->final_loss <= r->first_loss);
    score->n_endless += r->endless;
    score->n_steps += total;
    score->n_redo += fmax((double)r->n_steps - total, 0);
    score->n_clips += (double)r->n_actions[PACE_CLIP];
    for (int action = 0; action < PACE_ACTION_COUNT; action++)
        score->n_alarms += is_alarm(action) ? (double)r->n_actions[action] : 0;
    score->n_alarms -= fmin((double)r->n_reasons[PACE_REASON_DONE], 1);
    for (int rule = 0; rule < PACE_REASON_COUNT; rule++)
        score->n_rule[rule] += r->n_reasons[rule] > 0;
}

static void print_heading(const char *first)
{
    (void)printf(
        "| %-28s | runs | recovered | excess mean | median | worse | alarms | clips | redo "
        "| off: recovered | mean | worse |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n",
        first);
}

static void print_score(const char *name, struct score *on, struct score *off)
{
    if (on->n == 0)
        return;
    double n = (double)on->n, steps = on->n_steps / 100;
    (void)printf("| %-28s | %zu | %.0f %% | %.3f | %.3f | %.0f %% | %.2f | %.2f | %.1f %% "
                 "| %.0f %% | %.3f | %.0f %% |\n",
                 name, on->n, 100 * (double)on->n_recovered / n, stat_mean(on->excess, on->n),
                 stat_median(on->excess, on->n), 100 * (double)on->n_worse / n,
                 on->n_alarms / steps, on->n_clips / steps, on->n_redo / steps,
                 100 * (double)off->n_recovered / n, stat_mean(off->excess, off->n),
                 100 * (double)off->n_worse / n);
    if (on->n_endless > 0)
        (void)printf("  %zu runs of '%s' never ended\n", on->n_endless, name);
}

/* All rows: by scenario, and by landscape within a group. */
struct table {
    struct score *on, *off;           /* [sim_scenario_count] */
    struct score *kind_on, *kind_off; /* [SIM_GROUPS, sim_kind_count] */
};

static void run_case(struct table *t, size_t scenario, const struct sim_case *c,
                     const struct sim_ground *g)
{
    const struct sim_scenario *s = &sim_scenarios[scenario];
    struct sim_job job;
    struct sim_result result;
    size_t row = (size_t)s->group * sim_kind_count + (size_t)(c->kind - sim_kinds);
    double total = (double)c->plan.steps;
    sim_case_job(c, s, g, &job);
    sim_train(&job, &result);
    score_add(&t->on[scenario], s, total, g, &result);
    score_add(&t->kind_on[row], s, total, g, &result);
    job.options.guard = PACE_GUARD_OFF;
    sim_train(&job, &result);
    score_add(&t->off[scenario], s, total, g, &result);
    score_add(&t->kind_off[row], s, total, g, &result);
}

/* A clean run of the one is a clean run of the other. */
static bool same_grounds(const struct sim_scenario *a, const struct sim_scenario *b)
{
    return a->terms.heavy_tails == b->terms.heavy_tails && a->terms.few_rows == b->terms.few_rows &&
           a->terms.overflows == b->terms.overflows && a->is_unclipped == b->is_unclipped;
}

/* The grounds are made once for neighbours in the table that share them. */
static void run_seed(struct table *t, uint64_t seed, const char *only)
{
    static struct sim_ground ground;
    struct arena arena = {0};
    struct sim_case c;
    const struct sim_scenario *made = NULL;
    sim_case_draw(&c, seed);
    for (size_t i = 0; i < sim_scenario_count; i++) {
        const struct sim_scenario *s = &sim_scenarios[i];
        if (!sim_scenario_fits(s, c.kind) || (only && strcmp(only, c.kind->name) != 0))
            continue;
        if (!made || !same_grounds(made, s))
            sim_ground_make(&ground, &c, s, seed, &arena);
        made = s;
        run_case(t, i, &c, &ground);
    }
    arena_release(&arena);
}

static void print_table(struct table *t)
{
    print_heading("scenario");
    for (size_t i = 0; i < sim_scenario_count; i++)
        print_score(sim_scenarios[i].name, &t->on[i], &t->off[i]);
    (void)printf("\n");
    print_heading("landscape");
    for (size_t group = 0; group < SIM_GROUPS; group++) {
        for (size_t kind = 0; kind < sim_kind_count; kind++) {
            char name[64];
            size_t row = group * sim_kind_count + kind;
            (void)snprintf(name, sizeof name, "%s: %s", sim_group_name((enum sim_group)group),
                           sim_kinds[kind].name);
            print_score(name, &t->kind_on[row], &t->kind_off[row]);
        }
    }
}

/* Rules that never acted have no column. */
static void print_rules(const struct table *t)
{
    bool acted[PACE_REASON_COUNT] = {false};
    for (size_t i = 0; i < sim_scenario_count; i++) {
        for (int rule = 0; rule < PACE_REASON_COUNT; rule++)
            acted[rule] = acted[rule] || t->on[i].n_rule[rule] > 0;
    }
    acted[PACE_REASON_SCHEDULE] = acted[PACE_REASON_DONE] = acted[PACE_REASON_BEST_SO_FAR] = false;
    (void)printf("\n| %-28s |", "rules that acted, % of runs");
    for (int rule = 0; rule < PACE_REASON_COUNT; rule++) {
        if (acted[rule])
            (void)printf(" %s |", pace_reason_name((enum pace_reason)rule));
    }
    (void)printf("\n|---|");
    for (int rule = 0; rule < PACE_REASON_COUNT; rule++)
        (void)printf("%s", acted[rule] ? "---|" : "");
    for (size_t i = 0; i < sim_scenario_count; i++) {
        const struct score *score = &t->on[i];
        if (score->n == 0)
            continue;
        (void)printf("\n| %-28s |", sim_scenarios[i].name);
        for (int rule = 0; rule < PACE_REASON_COUNT; rule++) {
            if (acted[rule])
                (void)printf(" %.0f |", 100 * (double)score->n_rule[rule] / (double)score->n);
        }
    }
    (void)printf("\n");
}

int main(int argc, char **argv)
{
    int64_t n_seeds = 240;
    bool odd = argc > 1 && strcmp(argv[1], "odd") == 0;
    bool ok = argc < 2 || odd || strcmp(argv[1], "even") == 0;
    ok = ok && (argc < 3 || num_parse_i64(span_of(argv[2]), &n_seeds)) && n_seeds >= 0;
    if (!ok || argc > 4) {
        (void)fprintf(stderr, "usage: score [even|odd] [SEEDS] [LANDSCAPE]\n");
        return 2;
    }
    size_t n_rows = SIM_GROUPS * sim_kind_count;
    struct table t = {
        mem_alloc(sim_scenario_count * sizeof *t.on), mem_alloc(sim_scenario_count * sizeof *t.off),
        mem_alloc(n_rows * sizeof *t.kind_on), mem_alloc(n_rows * sizeof *t.kind_off)};
    for (int64_t i = 0; i < n_seeds; i++)
        run_seed(&t, (uint64_t)(2 * i + odd), argc > 3 ? argv[3] : NULL);
    print_table(&t);
    print_rules(&t);
    mem_free(t.on);
    mem_free(t.off);
    mem_free(t.kind_on);
    mem_free(t.kind_off);
    return 0;
}
