/*
 * preflight.c - a look at a run before its first step.
 *
 *     targets      tokens that are trained on
 *     base_loss    of some rows of the first step: finite, not far above log V, not nearly 0
 *     duplicates   rows that are trained on and stand among the held-out or the test rows too
 *     first_step   a step at the rate, a quarter and four times of it: does one of them change
 *                  the weights and lower the loss of its own rows?
 *
 * A model that knows nothing says every token with probability 1 / V: a loss of log V, where random
 * weights begin. A loss far above is worse than knowing nothing, and nearly always means that
 * the ids are those of another tokenizer. A single row without a finite loss may be a poisoned one,
 * which the guard sets aside; where that happens more rows are looked at, and if most of them have
 * none the numbers of the model itself are broken.
 *
 * A step along the gradient lowers the loss of its own rows unless it is too long, so a rate at
 * which none of three steps does is far off (or the model is at a minimum for these rows). The
 * peak of a run with warmup stands behind many smaller steps, and one that raises the loss at the
 * very start is no mistake by itself; hence the quarter. Steps are taken from the true state and
 * taken back from a copy.
 *
 * All of it has a budget, counted in tokens: the rows are as many of the first step's as that
 * allows.
 */
#include "train/preflight.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/map.h"
#include "optim/grad.h"
#include "train/run_journal.h"

/* Times its budget, where a single row takes more. */
static const double ALONE = 2;

/* In nats: above log V; and below that a text is known by heart. */
static const double FAR_ABOVE = 0.5, KNOWN = 0.1;

enum { LOOKED_AT = 32, TRIED = 3 };

/* What a check is made with. */
struct looker {
    const struct preflight_options *o;
    struct preflight *p;
    uint32_t rows[LOOKED_AT]; /* of the first step that are looked at */
    struct row_loss loss[LOOKED_AT];
    size_t n;
};

static struct preflight_check *begin_check(struct looker *l, const char *name)
{
    struct preflight_check *c = &l->p->check[l->p->n++];
    CHECK(l->p->n <= PREFLIGHT_CHECKS_MOST);
    *c = (struct preflight_check){.name = name};
    return c;
}

static void note(struct preflight_check *c, double number)
{
    CHECK(c->n_numbers < PREFLIGHT_NUMBERS_MOST);
    c->numbers[c->n_numbers++] = number;
}

static void conclude(struct preflight_check *c, enum preflight_action action, const char *format,
                     ...) PRINTF_LIKE(3, 4);

static void conclude(struct preflight_check *c, enum preflight_action action, const char *format,
                     ...)
{
    va_list args;
    va_start(args, format);
    c->action = action;
    (void)vsnprintf(c->reason, sizeof c->reason, format, args);
    va_end(args);
}

/* --------------------------------------------------------------------------------- targets -- */

static bool check_targets(struct looker *l, struct err *err)
{
    const struct row_store *store = l->o->store;
    const struct row_list *train = l->o->train;
    struct preflight_check *c = begin_check(l, "targets");
    uint64_t targets = 0, tokens = 0;
    for (size_t i = 0; i < train->n; i++) {
        uint32_t row = train->rows[i];
        tokens += store->rows[row].len;
        for (uint32_t t = 1; t < store->rows[row].len; t++)
            targets += row_store_is_trained(store, row, t);
    }
    note(c, (double)targets);
    note(c, (double)tokens);
    if (targets > 0) {
        conclude(c, PREFLIGHT_GO, "%llu of %llu tokens of the rows are trained on",
                 (unsigned long long)targets, (unsigned long long)tokens);
        return true;
    }
    conclude(c, PREFLIGHT_STOP, "no token of the %zu rows is trained on", train->n);
    err_set(err, ERR_INPUT, "%s", c->reason);
    err_hint(err, "pace data shows what is trained on; --max-length may cut the answers off");
    return false;
}

/* ------------------------------------------------------------------------------- base loss -- */

/* As many rows of the first step as the check of the step may cost. */
static void choose_rows(struct looker *l)
{
    const struct preflight_options *o = l->o;
    double each = 1 + o->step_cost + TRIED, cost = 0;
    for (size_t i = 0; i < o->n_first && l->n < LOOKED_AT; i++) {
        cost += each * (double)o->store->rows[o->first[i]].len;
        if (l->n > 0 && cost > o->budget)
            return;
        l->rows[l->n++] = o->first[i];
    }
}

static void evaluate(struct looker *l, const uint32_t *rows, size_t n, struct row_loss *loss)
{
    struct step_sums sums;
    stepper_evaluate_rows(l->o->stepper, l->o->store, rows, n, loss, &sums);
    l->p->cost += (double)sums.computed;
}

/* Of rows that have targets, those with a finite loss: how many, and the mean. */
static size_t count_finite(const struct row_loss *loss, size_t n, size_t *of, double *mean)
{
    double sum = 0, targets = 0;
    size_t finite = 0;
    *of = 0;
    for (size_t i = 0; i < n; i++) {
        bool is_finite = isfinite(loss[i].sum);
        *of += loss[i].targets > 0;
        if (loss[i].targets == 0 || !is_finite)
            continue;
        finite++;
        sum += loss[i].sum;
        targets += (double)loss[i].targets;
    }
    *mean = sum / targets;
    return finite;
}

static uint32_t first_broken(const struct looker *l)
{
    size_t i = 0;
    while (isfinite(l->loss[i].sum))
        i++;
    return l->rows[i];
}

/* Some row has no finite loss: is it the row, or the model? */
static bool check_broken(struct looker *l, struct preflight_check *c, struct err *err)
{
    const struct row_list *train = l->o->train;
    struct row_loss loss[LOOKED_AT];
    uint32_t rows[LOOKED_AT];
    double mean;
    size_t n = min_size(train->n, LOOKED_AT), of;
    for (size_t i = 0; i < n; i++)
        rows[i] = train->rows[i * train->n / n];
    evaluate(l, rows, n, loss);
    size_t finite = count_finite(loss, n, &of, &mean);
    uint32_t broken = first_broken(l);
    const struct stored_row *row = &l->o->store->rows[broken];
    const char *file = l->o->store->files[row->file];
    unsigned long long line = row->line;
    note(c, (double)broken);
    if (2 * finite >= of && finite > 0) {
        conclude(c, PREFLIGHT_WARN,
                 "the loss of the row at %s:%llu is not a finite number; of %zu rows that were "
                 "looked at %zu have none, the others %.4g nats a token",
                 file, line, of, of - finite, mean);
        return true;
    }
    conclude(c, PREFLIGHT_STOP,
             "the model's loss is not a finite number: not of the row at %s:%llu, and of %zu rows "
             "that were looked at not of %zu",
             file, line, of, of - finite);
    err_set(err, ERR_INPUT, "%s", c->reason);
    err_hint(err, "the model's weights are broken, or it needs another configuration");
    return false;
}

static void judge_loss(const struct looker *l, struct preflight_check *c, double mean)
{
    double uniform = log((double)l->o->vocabulary);
    if (mean > uniform + FAR_ABOVE)
        conclude(c, PREFLIGHT_WARN,
                 "the model's loss is %.4g nats a token, worse than knowing nothing (log V = "
                 "%.4g): the tokenizer may be another model's",
                 mean, uniform);
    else if (mean < KNOWN)
        conclude(c, PREFLIGHT_WARN,
                 "the model's loss is %.2g nats a token: it already knows these rows", mean);
    else
        conclude(c, PREFLIGHT_GO,
                 "the model's loss is %.4g nats a token before training; knowing nothing would be "
                 "%.4g",
                 mean, uniform);
}

static bool check_base_loss(struct looker *l, struct err *err)
{
    struct preflight_check *c = begin_check(l, "base_loss");
    double mean;
    size_t of;
    evaluate(l, l->rows, l->n, l->loss);
    size_t finite = count_finite(l->loss, l->n, &of, &mean);
    note(c, mean);
    note(c, log((double)l->o->vocabulary));
    note(c, (double)of);
    if (finite < of)
        return check_broken(l, c, err);
    if (of == 0)
        conclude(c, PREFLIGHT_GO, "the first rows have nothing that is trained on");
    else
        judge_loss(l, c, mean);
    return true;
}

/* ------------------------------------------------------------------------------ duplicates -- */

static struct span ids_of(const struct row_store *store, uint32_t row)
{
    return (struct span){(const uint8_t *)row_store_ids(store, row),
                         store->rows[row].len * sizeof(uint32_t)};
}

/* Rows of `train` whose tokens are also a row's of the list. */
static size_t count_common(const struct row_store *store, const struct row_list *train,
                           const struct row_list *list)
{
    struct map rows = {0};
    size_t n = 0;
    map_reserve(&rows, list->n);
    for (size_t i = 0; i < list->n; i++)
        (void)map_put(&rows, ids_of(store, list->rows[i]), 0);
    for (size_t i = 0; list->n > 0 && i < train->n; i++)
        n += map_get(&rows, ids_of(store, train->rows[i]), NULL);
    map_release(&rows);
    return n;
}

static void check_duplicates(struct looker *l)
{
    const struct preflight_options *o = l->o;
    struct preflight_check *c = begin_check(l, "duplicates");
    size_t eval = count_common(o->store, o->train, o->eval);
    size_t test = count_common(o->store, o->train, o->test);
    note(c, (double)eval);
    note(c, (double)test);
    if (eval + test == 0)
        conclude(c, PREFLIGHT_GO, "no row that is trained on stands among the held-out rows");
    else if (eval == 0 || test == 0)
        conclude(c, PREFLIGHT_WARN,
                 "of the rows that are trained on %zu stand among the %s rows too: the losses "
                 "there look better than they are",
                 eval + test, eval > 0 ? "held-out" : "test");
    else
        conclude(c, PREFLIGHT_WARN,
                 "of the rows that are trained on %zu stand among the held-out rows too, and %zu "
                 "among the test rows: the losses there look better than they are",
                 eval, test);
}

/* --------------------------------------------------------------------------------- a step -- */

static double sum_squares(struct looker *l)
{
    const struct optim *optim = l->o->optim;
    double sum = 0;
    for (size_t i = 0; i < optim->n_params; i++) {
        struct reduce_result one;
        const struct param *p = optim->params[i];
        optim->backend->ops->reduce(optim->backend, &one, p->value, param_count(p));
        sum += one.sum_squares;
    }
    return sum;
}

/* Leaves only rows with a finite loss. */
static void keep_finite(struct looker *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->n; i++) {
        if (l->loss[i].targets == 0 || !isfinite(l->loss[i].sum))
            continue;
        l->rows[n] = l->rows[i];
        l->loss[n++] = l->loss[i];
    }
    l->n = n;
}

/* The steps, each from the state in the slot. */
static void try_steps(struct looker *l, struct preflight_check *c, struct snapshots *s,
                      double grad_norm)
{
    static const double factors[TRIED] = {1, 0.25, 4};
    const struct preflight_options *o = l->o;
    struct row_loss loss[LOOKED_AT];
    double before, after, start = sum_squares(l);
    bool moved = false;
    size_t of;
    (void)count_finite(l->loss, l->n, &of, &before);
    double scale = o->max_grad_norm > 0 ? fmin(1, o->max_grad_norm / grad_norm) : 1;
    note(c, before);
    for (size_t i = 0; i < TRIED; i++) {
        double rate = factors[i] * o->learning_rate;
        if (i > 0)
            snapshots_restore(s, 0);
        optim_step(o->optim, rate, scale);
        moved = moved || sum_squares(l) != start;
        optim_show_average(o->optim, true);
        evaluate(l, l->rows, l->n, loss);
        optim_show_average(o->optim, false);
        size_t finite = count_finite(loss, l->n, &of, &after);
        note(c, finite == l->n ? after : INFINITY);
        if (finite < l->n || !(after < before))
            continue;
        conclude(c, PREFLIGHT_GO,
                 "a step at a rate of %.3g lowers the loss of its own rows, from "
                 "%.4g to %.4g%s",
                 rate, before, after,
                 i == 0   ? ""
                 : i == 1 ? "; one at four times that, the run's, does not"
                          : "; one at a quarter of that, the run's, does not");
        return;
    }
    conclude(c, PREFLIGHT_WARN,
             moved ? "no step at a rate of %.3g, a quarter or four times of it, lowers the loss of "
                     "its own rows: the rate may be far off"
                   : "a step at a rate of %.3g, or four times of it, changes no weight",
             o->learning_rate);
}

static void check_step_from(struct looker *l, struct preflight_check *c, struct snapshots *s)
{
    const struct preflight_options *o = l->o;
    const struct optim *optim = o->optim;
    struct step_sums sums;
    snapshots_keep(s, 0);
    stepper_train(o->stepper, o->store, l->rows, l->n, 0, &sums);
    l->p->cost += o->step_cost * (double)sums.computed;
    if (sums.not_finite > 0 || !isfinite(sums.grad_norm))
        conclude(c, PREFLIGHT_WARN,
                 "the gradient of the first rows has %llu numbers that are not "
                 "finite",
                 (unsigned long long)sums.not_finite);
    else if (sums.grad_norm == 0)
        conclude(c, PREFLIGHT_WARN,
                 "the gradient of the first rows is 0: nothing would be learned");
    else
        try_steps(l, c, s, sums.grad_norm);
    snapshots_restore(s, 0);
    s->slots[0].is_kept = false;
    grad_zero(optim->backend, optim->params, optim->n_params);
}

static bool is_affordable(const struct looker *l)
{
    double tokens = 0;
    for (size_t i = 0; i < l->n; i++)
        tokens += l->o->store->rows[l->rows[i]].len;
    return tokens * (1 + l->o->step_cost + TRIED) <= ALONE * l->o->budget;
}

static void check_first_step(struct looker *l)
{
    const struct preflight_options *o = l->o;
    struct preflight_check *c = begin_check(l, "first_step");
    struct snapshots own = {0}, *s = o->snapshots;
    struct err none = {0};
    keep_finite(l);
    if (l->n == 0 || !is_affordable(l)) {
        conclude(c, PREFLIGHT_GO, "left out: %s",
                 l->n == 0 ? "none of the first rows has a loss" : "the run is too short for it");
        return;
    }
    if (!s || s->n_slots == 0) {
        bool fits = snapshot_bytes(o->optim, NULL) <= o->spare_bytes;
        s = fits && snapshots_init(&own, o->optim, NULL, 1, &none) ? &own : NULL;
    }
    if (s)
        check_step_from(l, c, s);
    else
        conclude(c, PREFLIGHT_GO, "left out: there is no memory for a copy of the weights");
    snapshots_release(&own);
}

bool preflight_run(struct preflight *p, const struct preflight_options *options, struct err *err)
{
    struct looker l = {.o = options, .p = p};
    *p = (struct preflight){0};
    if (!check_targets(&l, err))
        return false;
    choose_rows(&l);
    if (!check_base_loss(&l, err))
        return false;
    check_duplicates(&l);
    check_first_step(&l);
    return true;
}

void preflight_journal(const struct preflight *p, struct run_journal *journal)
{
    static const char *const actions[] = {
        [PREFLIGHT_GO] = "go", [PREFLIGHT_WARN] = "warn", [PREFLIGHT_STOP] = "stop"};
    for (size_t i = 0; i < p->n; i++) {
        const struct preflight_check *c = &p->check[i];
        struct json_writer *w = run_journal_begin(journal, "preflight");
        json_member_text(w, "check", c->name);
        json_member_bool(w, "ok", c->action == PREFLIGHT_GO);
        run_journal_decide(journal, actions[c->action], c->reason);
        json_key(w, "numbers");
        json_begin_array(w);
        for (size_t k = 0; k < c->n_numbers; k++)
            json_put_double(w, c->numbers[k]);
        json_end(w);
        run_journal_end(journal);
    }
}
