/*
 * tune_journal.c - the records of a run as a whole in its journal.
 *
 * Paths stand as they were given, so that a folder can be moved together with what it was made of.
 * Whatever reads the journal (the report, pace explain) needs no other file.
 */
#include "train/tune_journal.h"

#include <math.h>
#include <time.h>

#include "base/clock.h"

#ifndef PACE_VERSION
#error "meson.build says which version this is"
#endif

static void put_rows(const struct setup *s, struct json_writer *w)
{
    json_key(w, "rows");
    json_begin_object(w);
    json_member_int(w, "train", (int64_t)s->train.n);
    json_member_int(w, "eval", (int64_t)s->eval.n);
    json_member_int(w, "test", (int64_t)s->test.n);
    json_end(w);
}

static void put_choices(const struct job *job, struct json_writer *w)
{
    json_key(w, "choices");
    json_begin_array(w);
    for (size_t i = 0; i < job->n_choices; i++) {
        const struct job_choice *c = &job->choices[i];
        json_begin_object(w);
        json_member_text(w, "option", c->option);
        json_member_text(w, "value", c->value);
        if (c->reason)
            json_member_text(w, "reason", c->reason);
        else
            json_member_null(w, "reason");
        json_end(w);
    }
    json_end(w);
}

void tune_journal_memory(const struct setup_memory *m, struct json_writer *w)
{
    json_key(w, "memory");
    json_begin_object(w);
    json_member_int(w, "parameters", (int64_t)m->parameters);
    json_member_int(w, "adapters", (int64_t)m->adapters);
    json_member_int(w, "gradients", (int64_t)m->gradients);
    json_member_int(w, "optimizer", (int64_t)m->optimizer);
    json_member_int(w, "activations", (int64_t)m->activations);
    json_member_int(w, "workspace", (int64_t)m->workspace);
    json_member_int(w, "snapshots", (int64_t)m->snapshots);
    json_member_int(w, "total", (int64_t)m->total);
    json_end(w);
}

static void put_time(struct json_writer *w)
{
    char text[32];
    struct tm parts;
    time_t now = (time_t)clock_wall_seconds();
    if (gmtime_r(&now, &parts) && strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts) > 0)
        json_member_text(w, "time", text);
}

static int64_t count_numbers(struct param *const *params, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (int64_t)param_count(params[i]);
    return sum;
}

void tune_journal_run(struct tune *t)
{
    const struct setup *s = &t->setup;
    const struct options *o = s->options;
    struct json_writer *w = run_journal_begin(&t->journal, "run");
    json_member_int(w, "journal", 1);
    json_member_text(w, "pace", PACE_VERSION);
    json_member_text(w, "model", o->arguments[0]);
    json_member_text(w, "data", o->arguments[1]);
    if (o->adapter)
        json_member_text(w, "adapter", o->adapter);
    json_member_text(w, "method", job_method_name(s->job.rate_job.method));
    json_member_text(w, "optimizer", o->optim);
    json_member_text(w, "model_type", s->job.model.model_type);
    json_member_int(w, "parameters",
                    count_numbers(s->engine.model.params, s->engine.model.n_params));
    json_member_int(w, "trained_parameters", count_numbers(s->params, s->n_params));
    put_rows(s, w);
    json_member_int(w, "steps", s->steps);
    json_member_int(w, "batch_rows", (int64_t)(s->job.batch_rows * s->job.accumulation));
    json_member_double(w, "epochs", s->job.rate_job.epochs);
    json_member_int(w, "seed", o->seed);
    json_member_text(w, "guard", o->guard);
    put_time(w);
    put_choices(&s->job, w);
    tune_journal_memory(&s->memory, w);
    run_journal_end(&t->journal);
}

void tune_journal_prior_members(const struct pace_prior *p, struct json_writer *w)
{
    json_member_double(w, "learning_rate", p->learning_rate);
    json_member_double(w, "sd", p->sd);
    json_member_double(w, "low", p->low);
    json_member_double(w, "high", p->high);
    json_key(w, "terms");
    json_begin_array(w);
    for (size_t i = 0; i < p->n_terms; i++) {
        const struct pace_prior_term *term = &p->terms[i];
        json_begin_object(w);
        json_member_text(w, "name", term->name);
        json_member_double(w, "value", term->value);
        json_member_double(w, "effect", term->effect);
        json_member_double(w, "se", term->se);
        json_member_int(w, "runs", term->runs);
        json_member_text(w, "source", term->source);
        json_end(w);
    }
    json_end(w);
}

void tune_journal_prior(struct tune *t)
{
    tune_journal_prior_members(&t->setup.prior, run_journal_begin(&t->journal, "prior"));
    run_journal_end(&t->journal);
}

void tune_journal_quarantine(struct tune *t, const struct quarantined *row)
{
    const struct row_store *store = &t->setup.store;
    const struct stored_row *place = &store->rows[row->row];
    struct json_writer *w = run_journal_begin(&t->journal, "quarantine");
    json_member_int(w, "step", row->step);
    json_member_int(w, "row", row->row);
    json_member_text(w, "file", store->files[place->file]);
    json_member_int(w, "line", (int64_t)place->line);
    run_journal_decide(&t->journal, "quarantine", quarantine_reason(row));
    run_journal_end(&t->journal);
}

void tune_journal_choice(struct tune *t)
{
    static const char *const actions[] = {
        [TRAINER_LAST] = "go", [TRAINER_AVERAGE] = "average", [TRAINER_KEPT] = "restore"};
    const struct trainer_choice *c = &t->trainer.choice;
    const double losses[] = {c->last_loss, c->average_loss, c->kept_loss};
    struct buf reason;
    if (t->setup.rate.guard != PACE_GUARD_ACT || t->setup.eval.n == 0)
        return;
    struct json_writer *w = run_journal_begin(&t->journal, "choice");
    json_member_int(w, "step", c->step);
    json_member_double(w, "loss", losses[c->state]);
    buf_init(&reason, BUF_NO_LIMIT);
    trainer_explain_choice(c, &reason);
    run_journal_decide(&t->journal, actions[c->state], buf_string(&reason));
    buf_release(&reason);
    run_journal_end(&t->journal);
}

void tune_journal_place(struct tune *t, const char *record)
{
    struct json_writer *w = run_journal_begin(&t->journal, record);
    json_member_int(w, "step", t->trainer.rate.step);
    run_journal_end(&t->journal);
}

void tune_journal_compute(const struct tune *t, struct json_writer *w)
{
    const struct tune_report *r = &t->report;
    double main = r->main_share > 0 ? r->main_share : 1; /* 0: interrupted before the first step */
    json_key(w, "compute");
    json_begin_object(w);
    json_member_double(w, "main", main);
    json_member_double(w, "search", r->search_share);
    json_member_double(w, "eval", r->eval_share);
    json_member_double(w, "redo", r->redo_share);
    double beside = r->search_share + r->eval_share + r->redo_share;
    json_member_double(w, "total_ratio", 1 + beside / main);
    json_end(w);
}

void tune_journal_end(struct tune *t)
{
    static const char *const names[] = {[TRAINER_DONE] = "done",
                                        [TRAINER_STOPPED] = "stopped",
                                        [TRAINER_INTERRUPTED] = "interrupted"};
    const struct tune_report *r = &t->report;
    struct json_writer *w = run_journal_begin(&t->journal, "end");
    json_member_text(w, "status", names[r->end]);
    json_member_int(w, "steps", t->trainer.rate.step);
    json_member_int(w, "tokens", (int64_t)r->tokens);
    json_member_double(w, "seconds", r->seconds);
    tune_journal_compute(t, w);
    json_member_int(w, "peak_memory_bytes", (int64_t)r->peak_memory_bytes);
    json_member_text(w, "reason", r->reason);
    run_journal_end(&t->journal);
}
