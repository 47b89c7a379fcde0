/*
 * tune.c - pace tune: everything between the options and the folder that a run leaves.
 *
 * Nothing is decided here: what a run is made of is chosen in setup.c and job.c, what happens to
 * the rate is rate.h's decision, and the loop is the trainer's. Here they follow one another, and
 * what they say goes into the journal and the history.
 */
#include "train/tune.h"

#include <math.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "model/save.h"
#include "train/find_journal.h"
#include "train/origin.h"
#include "train/output.h"
#include "train/tune_journal.h"
#include "train/tune_state.h"
#include "train/tune_verdict.h"

/* ----------------------------------------------------------------------------- the beginning -- */

static bool record(void *context, const struct trainer_event *e);
static bool record_search(void *context, const struct find_event *e);
static void record_quarantine(void *context, const struct quarantined *row);

static struct trainer_options trainer_options_of(struct tune *t)
{
    struct setup *s = &t->setup;
    bool averages = s->averages && s->rate.guard == PACE_GUARD_ACT;
    return (struct trainer_options){.stepper = &s->stepper,
                                    .optim = &s->optim,
                                    .snapshots = &s->snapshots,
                                    .quarantine = &s->quarantine,
                                    .average = averages ? &s->average : NULL,
                                    .average_every = s->eval_steps,
                                    .average_steps = (s->eval_steps + 1) / 2,
                                    .store = &s->store,
                                    .order = setup_order(s),
                                    .eval_rows = s->eval.rows,
                                    .n_eval = s->eval.n,
                                    .eval_steps = s->eval_steps,
                                    .eval_on_start = s->rate.guard == PACE_GUARD_ACT,
                                    .rate = s->rate,
                                    .on_event = record,
                                    .on_quarantine = record_quarantine,
                                    .context = t};
}

/* All that a run's state lies in. Errors: those of tune_verdict_init. */
static bool prepare(struct tune *t, struct err *err)
{
    const struct setup *s = &t->setup;
    struct history_run run = {.steps = s->steps,
                              .logging_steps = s->logging_steps,
                              .eval_steps = s->eval_steps,
                              .batch = (int64_t)s->job.batch_rows,
                              .epochs = s->job.rate_job.epochs};
    struct trainer_options options = trainer_options_of(t);
    history_init(&t->history, &run, clock_wall_seconds());
    buf_init(&t->incidents, BUF_NO_LIMIT);
    buf_init(&t->arm, BUF_NO_LIMIT);
    for (size_t i = 0; i < FIND_HELD; i++)
        buf_init(&t->held[i], BUF_NO_LIMIT);
    buf_init(&t->origin, BUF_NO_LIMIT);
    trainer_init(&t->trainer, &t->setup.arena, &options);
    if (!tune_verdict_init(t, err))
        return false;
    if (s->learning_rate == 0) {
        struct find_options search;
        find_options_init(&search);
        search.lost = s->budget.search + tune_verdict_unspent(t);
        search.on_event = record_search;
        search.context = t;
        find_init(&t->find, &t->setup, &search);
    }
    tune_state_list(t);
    return true;
}

/* Errors: as output_check_room. A run that is gone on with has its checkpoint. */
static bool check_room(struct tune *t, bool begins, struct err *err)
{
    const struct setup *s = &t->setup;
    uint64_t checkpoint = checkpoint_bytes(&t->saver.list);
    struct output_need need = {.result = output_bytes(&s->engine.model, s->options),
                               .checkpoint = begins ? checkpoint : 0,
                               .most_checkpoint = checkpoint + s->memory.snapshots,
                               .steps = s->steps};
    return output_check_room(s->options, &need, err);
}

static void clear(struct tune *t)
{
    *t = (struct tune){.lock.fd = -1};
    run_journal_init(&t->journal);
}

bool tune_open(struct tune *t, const struct options *o, struct err *err)
{
    clear(t);
    bool ok = output_check(o, err) && setup_open(&t->setup, o, err) && prepare(t, err) &&
              origin_put(&t->origin, o, err) && check_room(t, true, err) &&
              output_hold(o, &t->lock, err) && output_begin(o, err) &&
              run_journal_open(&t->journal, o->output_dir, 0, err) &&
              history_open(&t->history, o->output_dir, err);
    if (!ok)
        tune_close(t);
    return ok;
}

bool tune_reopen(struct tune *t, const struct options *o, const struct checkpoint_file *f,
                 struct err *err)
{
    clear(t);
    bool ok = tune_state_kept(f, &t->kept, err) && setup_reopen(&t->setup, o, &t->kept, err) &&
              prepare(t, err) && check_room(t, false, err) && tune_state_load(t, f, err);
    if (!ok)
        tune_close(t);
    return ok;
}

void tune_close(struct tune *t)
{
    run_journal_close(&t->journal);
    history_release(&t->history);
    buf_release(&t->incidents);
    buf_release(&t->arm);
    for (size_t i = 0; i < FIND_HELD; i++)
        buf_release(&t->held[i]);
    buf_release(&t->origin);
    saver_release(&t->saver);
    verdict_release(&t->verdict);
    setup_close(&t->setup);
    lock_release(&t->lock);
    clear(t);
}

/* ----------------------------------------------------------------------------------- the run -- */

/* A line of the history, where one is due, has the mean loss of the steps since the last one. */
static void record_step(struct tune *t, struct history_step line, double wall_time)
{
    t->loss_sum += line.loss;
    t->n_loss++;
    if (line.step % t->setup.logging_steps != 0 && line.step != t->setup.steps)
        return;
    line.epoch = (double)line.step / (double)t->trainer.order.steps_per_epoch;
    line.loss = t->loss_sum / (double)t->n_loss;
    history_add_step(&t->history, &line, wall_time);
    t->loss_sum = 0;
    t->n_loss = 0;
}

static void record_eval(struct tune *t, const struct trainer_event *e)
{
    struct history_eval line = {.step = e->step,
                                .epoch = e->epoch,
                                .loss = e->sums->loss,
                                .seconds = e->seconds,
                                .rows = t->setup.eval.n};
    history_add_eval(&t->history, &line, clock_wall_seconds());
}

size_t tune_incident_count(const struct tune *t)
{
    return t->incidents.len / sizeof(struct tune_incident);
}

struct tune_incident tune_incident_at(const struct tune *t, size_t i)
{
    struct tune_incident incident;
    CHECK(i < tune_incident_count(t));
    memcpy(&incident, t->incidents.at + i * sizeof incident, sizeof incident);
    return incident;
}

/* Neither the schedule's rate nor a clipped gradient. */
static bool is_incident(const struct pace_rate_decision *d)
{
    return d->advice != PACE_GO && d->advice != PACE_CLIP;
}

static void record_incident(struct tune *t, const struct trainer_event *e)
{
    int64_t next = t->last_step + (e->moment == TRAINER_STEP); /* e->step may lie far back */
    struct tune_incident i = {.step = e->decision.restore_slot >= 0 ? next : e->step,
                              .action = e->decision.action,
                              .advice = e->decision.advice};
    (void)pace_rate_explain(&e->decision, i.reason, sizeof i.reason);
    buf_add(&t->incidents, (struct span){(const uint8_t *)&i, sizeof i});
}

/* The trainer's listener: writes history and journal, tells the caller's, saves what is due. */
static bool record(void *context, const struct trainer_event *e)
{
    struct tune *t = context;
    struct history_step line = {.step = e->step,
                                .loss = e->sums->loss,
                                .grad_norm = e->sums->grad_norm,
                                .learning_rate = e->decision.learning_rate,
                                .tokens = t->reused.tokens + t->trainer.totals.tokens};
    if (e->moment == TRAINER_STEP)
        record_step(t, line, clock_wall_seconds());
    else
        record_eval(t, e);
    run_journal_observe(&t->journal, &e->obs, &e->decision);
    if (is_incident(&e->decision))
        record_incident(t, e);
    t->last_step = e->step;
    bool goes_on = !t->on_event || t->on_event(t->context, e);
    bool is_last = pace_rate_finished(&t->trainer.rate) && !t->trainer.wants_eval;
    bool is_due = e->moment == TRAINER_STEP && saver_is_due(&t->saver, e->step);
    if (goes_on && (is_last || is_due))
        (void)tune_state_save(t);
    return goes_on;
}

static void record_quarantine(void *context, const struct quarantined *row)
{
    struct tune *t = context;
    const struct row_store *store = &t->setup.store;
    const struct stored_row *place = &store->rows[row->row];
    log_warning("%s:%llu: %s", store->files[place->file], (unsigned long long)place->line,
                quarantine_reason(row));
    tune_journal_quarantine(t, row);
}

/* A base of 16 bits is saved in 16 bits: the loss that is told is that of the saved weights. */
static void round_weights(struct tune *t)
{
    static const double MUCH = 0.1;
    struct tune_report *r = &t->report;
    double whole = r->tuned_loss;
    if (!setup_trains_all(&t->setup) || !model_round(&t->setup.engine.model))
        return;
    r->tuned_loss = tune_verdict_test_loss(t);
    double lost = (r->tuned_loss - whole) / (r->base_loss - whole);
    if (r->base_loss > whole && lost > MUCH)
        log_warning("rounding to the base's 16 bits took %.0f %% of the gain: the steps were small "
                    "beside the weights; adapters are saved in 32 bits",
                    100 * fmin(lost, 1));
}

/*
 * What the steps read, and how long they took, those of an arm that the run goes on from too; and
 * what was computed beside them, all in the cost of the planned steps, as long as those made were.
 */
static void count_steps(struct tune *t)
{
    struct tune_report *r = &t->report;
    const struct setup *s = &t->setup;
    const struct trainer_totals *totals = &t->trainer.totals;
    int64_t made = totals->steps + t->reused.steps;
    r->done = t->trainer.rate.step;
    r->tokens = totals->tokens + t->reused.tokens;
    r->seconds = totals->seconds + t->reused.seconds;
    r->train_loss = (totals->loss + t->reused.loss) / fmax((double)made, 1);
    double steps = (double)s->steps, run = (double)r->tokens * steps / fmax((double)made, 1);
    double evaluated = (double)(t->n_evaluated + totals->eval_tokens) / setup_step_cost(s);
    r->main_share = (double)r->done / steps;
    r->eval_share = evaluated / fmax(run, 1);
    r->redo_share =
        (double)(made - r->done) / steps + (double)s->quarantine.examined / fmax(run, 1);
}

static bool finish(struct tune *t, struct err *err)
{
    struct tune_report *r = &t->report;
    const struct trainer_totals *totals = &t->trainer.totals;
    struct pace_rate_decision last = pace_rate_next(&t->trainer.rate);
    tune_journal_choice(t);
    trainer_show_result(&t->trainer, true); /* what is measured is what is saved */
    r->tuned_loss = tune_verdict_test_loss(t);
    round_weights(t);
    if (!tune_verdict_end(t, err))
        return false;
    count_steps(t);
    r->peak_memory_bytes = mem_peak();
    if (r->end == TRAINER_STOPPED)
        (void)pace_rate_explain(&last, r->reason, sizeof r->reason);
    struct history_end end = {r->train_loss, r->seconds, totals->rows + t->reused.rows};
    history_add_end(&t->history, &end, clock_wall_seconds());
    return true;
}

static bool interrupt(struct tune *t, struct err *err)
{
    long long step = t->trainer.rate.step, steps = t->setup.steps;
    bool is_saved = tune_state_save(t);
    count_steps(t);
    tune_journal_end(t);
    if (is_saved)
        err_set(err, ERR_INTERRUPTED, "interrupted at step %lld of %lld; its state is saved", step,
                steps);
    else if (t->saver.saved_step >= 0)
        err_set(err, ERR_INTERRUPTED,
                "interrupted at step %lld of %lld; the state of step %lld is saved", step, steps,
                (long long)t->saver.saved_step);
    else
        err_set(err, ERR_INTERRUPTED, "interrupted at step %lld of %lld; nothing was saved", step,
                steps);
    return false;
}

/* --------------------------------------------------------------------------------- the rate -- */

static void record_arm(struct tune *t, const struct find_event *e)
{
    int place = find_held(&t->find, e->arm);
    find_journal_arm(&t->journal, e->search, e->arm);
    if (place >= 0) {
        buf_clear(&t->held[place]);
        buf_add(&t->held[place], buf_span(&t->arm));
    }
    buf_clear(&t->arm);
}

/* The search's listener: writes the journal, tells the caller's, saves what is due. */
static bool record_search(void *context, const struct find_event *e)
{
    struct tune *t = context;
    bool goes_on = !t->on_search || t->on_search(t->context, e);
    if (e->moment == FIND_STEP)
        buf_add(&t->arm, (struct span){(const uint8_t *)&e->step, sizeof e->step});
    else if (e->arm >= 0)
        record_arm(t, e);
    if (goes_on && e->moment == FIND_ARM && saver_is_due(&t->saver, t->trainer.rate.step))
        (void)tune_state_save(t);
    return goes_on;
}

/* The arm's steps are the run's. */
static void take_arm(struct tune *t, int place)
{
    const struct buf *steps = &t->held[place];
    struct trainer_totals *sum = &t->reused;
    for (size_t at = 0; at < steps->len; at += sizeof(struct find_step)) {
        struct find_step step;
        memcpy(&step, steps->at + at, sizeof step);
        *sum = (struct trainer_totals){.loss = sum->loss + step.obs.loss,
                                       .steps = sum->steps + 1,
                                       .tokens = sum->tokens + step.tokens,
                                       .rows = sum->rows + step.rows,
                                       .seconds = sum->seconds + step.seconds};
        struct history_step line = {.step = sum->steps,
                                    .loss = step.obs.loss,
                                    .grad_norm = step.obs.grad_norm,
                                    .learning_rate = step.decision.learning_rate,
                                    .tokens = sum->tokens};
        run_journal_observe(&t->journal, &step.obs, &step.decision);
        record_step(t, line, step.wall_time);
    }
}

/*
 * The main run goes on from the arm that the search chose, at the rate that it found. Before that
 * the guard sees the base, as in a run without a search: it is what must not be lost.
 */
static bool begin_main_run(struct tune *t, const struct pace_search_result *found, struct err *err)
{
    struct setup *s = &t->setup;
    if (!setup_schedule(s, found->learning_rate, &s->rate.schedule, err))
        return false;
    s->rate.first_step = find_steps(&t->find, found);
    find_begin_again(&t->find);
    t->trainer.options.base = find_base(&t->find);
    trainer_restart(&t->trainer, &s->rate);
    run_journal_options(&t->journal, &s->rate);
    (void)trainer_run_until(&t->trainer, s->rate.first_step);
    if (s->rate.first_step > 0)
        take_arm(t, find_held(&t->find, found->arm));
    (void)find_go_on(&t->find, found);
    return true;
}

/* The rate of the main run; false also where the search was interrupted. */
static bool find_rate(struct tune *t, struct err *err)
{
    struct setup *s = &t->setup;
    struct tune_report *r = &t->report;
    struct pace_search_result found;
    r->learning_rate = s->learning_rate;
    if (s->learning_rate > 0) {
        run_journal_options(&t->journal, &s->rate);
        return true;
    }
    if (!find_run(&t->find)) {
        r->end = TRAINER_INTERRUPTED;
        return interrupt(t, err);
    }
    find_result(&t->find, &found);
    find_journal_result(&t->journal, &t->find.memory.search, &found);
    r->learning_rate = found.learning_rate;
    r->search_share = found.cost - (double)find_steps(&t->find, &found) / (double)s->steps;
    return begin_main_run(t, &found, err);
}

/* Nothing is left to go on with. A note that cannot be written costs a second end of the run. */
static void close_checkpoint(struct tune *t)
{
    struct err err = {0};
    const struct tune_report *r = &t->report;
    bool is_done = r->end == TRAINER_DONE;
    enum checkpoint_status status = is_done ? CHECKPOINT_DONE : CHECKPOINT_STOPPED;
    if (!saver_end(&t->saver, status, r->done, is_done ? "all steps are made" : r->reason, &err))
        log_warning("the checkpoint could not be closed: %s", err.what);
}

static bool save(struct tune *t, struct err *err)
{
    const struct options *o = t->setup.options;
    bool is_broken = t->report.end == TRAINER_STOPPED && t->setup.rate.guard != PACE_GUARD_ACT;
    if (!is_broken && !output_save(&t->setup.engine.model, o, err))
        return false;
    t->report.is_saved = !is_broken;
    tune_journal_end(t);
    if (!history_end(&t->history, err) || !run_journal_check(&t->journal, err))
        return false;
    close_checkpoint(t);
    return true;
}

bool tune_run(struct tune *t, bool (*on_event)(void *context, const struct trainer_event *event),
              void *context, struct err *err)
{
    t->on_event = on_event;
    t->context = context;
    if (t->phase == TUNE_BEGINS) {
        tune_journal_run(t);
        if (!tune_verdict_begin(t, err))
            return false;
        if (t->setup.learning_rate == 0)
            tune_journal_prior(t);
        t->phase = TUNE_FINDS;
        if (t->setup.learning_rate == 0)
            (void)tune_state_save(t);
    }
    if (t->phase == TUNE_FINDS) {
        if (!find_rate(t, err))
            return false;
        t->phase = TUNE_TRAINS;
        (void)tune_state_save(t);
    }
    t->report.end = trainer_run(&t->trainer);
    if (t->report.end == TRAINER_INTERRUPTED)
        return interrupt(t, err);
    if (!finish(t, err) || !save(t, err))
        return false;
    if (t->report.end != TRAINER_STOPPED)
        return true;
    err_set(err, ERR_STOPPED, "%s", t->report.reason);
    bool is_broken = pace_rate_next(&t->trainer.rate).reason == PACE_REASON_NON_FINITE;
    if (is_broken && t->setup.rate.guard != PACE_GUARD_ACT)
        err_hint(err, "--guard act leaves such rows out, or goes back to an earlier state");
    return false;
}
