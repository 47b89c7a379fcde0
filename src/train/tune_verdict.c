/*
 * tune_verdict.c - a run's look at its base before training, and at what it made of it.
 *
 * Between the run and the parts that look (preflight.c, verdict.c): what they need of the setup,
 * and what they have computed counted among the evaluations.
 */
#include "train/tune_verdict.h"

#include <math.h>

#include "base/log.h"
#include "base/mem.h"
#include "train/preflight.h"

bool tune_verdict_init(struct tune *t, struct err *err)
{
    struct setup *s = &t->setup;
    struct verdict_options options = {.engine = &s->engine,
                                      .stepper = &s->stepper,
                                      .store = &s->store,
                                      .test = &s->test,
                                      .model = s->options->arguments[0],
                                      .budget = &s->budget};
    return verdict_init(&t->verdict, &s->arena, &options, err);
}

double tune_verdict_unspent(const struct tune *t)
{
    const struct budget *b = &t->setup.budget;
    return (b->passages + b->answers - t->verdict.cost) / b->run;
}

void tune_verdict_list(struct tune *t, struct checkpoint *c)
{
    struct verdict *v = &t->verdict;
    struct passages *p = &v->passages;
    checkpoint_add(c, "verdict", &v->state, sizeof v->state);
    if (t->setup.test.n > 0)
        checkpoint_add(c, "verdict.base", v->base, t->setup.test.n * sizeof *v->base);
    if (!v->has_passages)
        return;
    checkpoint_add(c, "verdict.texts", p->rows, p->rows_most * sizeof *p->rows);
    checkpoint_add(c, "verdict.ids", p->ids, p->tokens_most * sizeof *p->ids);
    checkpoint_add_floats(c, "verdict.losses", p->base, p->tokens_most);
}

static uint64_t spare_bytes(const struct setup *s)
{
    uint64_t bound =
        s->options->memory_bytes > 0 ? s->options->memory_bytes : mem_available() + s->memory.total;
    return bound > s->memory.total ? bound - s->memory.total : 0;
}

static bool look(struct tune *t, struct err *err)
{
    struct setup *s = &t->setup;
    struct preflight p;
    struct order order;
    struct order_options order_options = setup_order(s);
    struct preflight_options options = {.stepper = &s->stepper,
                                        .optim = &s->optim,
                                        .snapshots = &s->snapshots,
                                        .spare_bytes = spare_bytes(s),
                                        .store = &s->store,
                                        .train = &s->train,
                                        .eval = &s->eval,
                                        .test = &s->test,
                                        .learning_rate = s->rate.schedule.learning_rate,
                                        .max_grad_norm = s->rate.max_grad_norm,
                                        .vocabulary = s->engine.model.config.vocabulary,
                                        .budget = s->budget.preflight,
                                        .step_cost = setup_step_cost(s)};
    order_init(&order, &s->arena, &order_options);
    options.first = order_step(&order, 0, &options.n_first);
    bool ok = preflight_run(&p, &options, err);
    preflight_journal(&p, &t->journal);
    t->n_evaluated += (uint64_t)p.cost;
    for (size_t i = 0; i < p.n; i++) {
        if (p.check[i].action == PREFLIGHT_WARN)
            log_warning("%s", p.check[i].reason);
    }
    return ok;
}

/* Test rows for which the base has no finite loss are told as the guard tells such rows. How many
 * are left. */
static uint64_t leave_out(struct tune *t)
{
    struct setup *s = &t->setup;
    uint64_t left = s->test.n;
    for (size_t i = 0; i < s->test.n; i++) {
        if (isfinite(t->verdict.base[i].sum))
            continue;
        left--;
        if (s->rate.guard == PACE_GUARD_ACT)
            quarantine_add(&s->quarantine, s->test.rows[i], -1, QUARANTINE_NOT_FINITE,
                           QUARANTINE_FOUND);
    }
    return left;
}

bool tune_verdict_begin(struct tune *t, struct err *err)
{
    struct verdict *v = &t->verdict;
    if (!look(t, err) || !verdict_begin(v, err))
        return false;
    t->report.test_rows = leave_out(t);
    t->report.base_loss = v->state.base_loss;
    t->n_evaluated += v->state.tokens + (uint64_t)v->cost; /* of both sides */
    return true;
}

double tune_verdict_test_loss(struct tune *t)
{
    uint64_t before = t->verdict.state.tokens;
    double loss = verdict_test_loss(&t->verdict);
    t->n_evaluated += t->verdict.state.tokens - before;
    return loss;
}

bool tune_verdict_end(struct tune *t, struct err *err)
{
    return verdict_end(&t->verdict, err) && verdict_journal(&t->verdict, &t->journal, err);
}
