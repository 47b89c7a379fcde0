/*
 * tune_view.c - how `pace tune` shows a run.
 *
 * The JSON of the result: output, learning_rate, steps, base {loss}, tuned {loss}, test_rows,
 * tokens, compute {main, search, eval, redo, total_ratio}, seconds, tokens_per_second,
 * peak_memory_bytes, incidents [], status ("done", "stopped"), plan {method, optimizer,
 * batch_tokens, max_length, memory {parameters, adapters, gradients, optimizer, activations,
 * workspace, total}}. Losses that were not measured are null.
 */
#include "cli/tune_view.h"

#include <inttypes.h>
#include <math.h>

#include "format/json.h"

/* ------------------------------------------------------------------------------------- before --
 */

static void put_choices(const struct job *job, const struct term *term, struct buf *out)
{
    struct buf line;
    buf_init(&line, BUF_NO_LIMIT);
    for (size_t i = 0; i < job->n_choices; i++) {
        const struct job_choice *c = &job->choices[i];
        buf_printf(&line, "  %-28s %-8s %s", c->option, c->value, c->reason ? c->reason : "given");
        term_add_line(term, out, buf_span(&line), term->width);
        buf_add_byte(out, '\n');
        buf_clear(&line);
    }
    buf_release(&line);
}

static void put_memory(const struct tune_memory *m, struct buf *out)
{
    const struct {
        const char *name;
        uint64_t bytes;
    } rows[] = {{"weights", m->parameters},      {"adapters", m->adapters},
                {"gradients", m->gradients},     {"optimizer", m->optimizer},
                {"activations", m->activations}, {"workspace", m->workspace},
                {"together", m->total}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        if (rows[i].bytes > 0)
            buf_printf(out, "  %-28s %10.1f MB\n", rows[i].name, (double)rows[i].bytes / 1e6);
    }
}

void tune_view_plan(const struct tune *t, const struct term *term, struct buf *out)
{
    const char *bold = term_style(term, TERM_BOLD), *plain = term_style(term, TERM_PLAIN);
    buf_printf(out, "%sThe run%s\n", bold, plain);
    put_choices(&t->job, term, out);
    buf_printf(out, "  %-28s %-8.3g given\n", "learning-rate", t->report.learning_rate);
    buf_printf(out, "  %-28s %zu to train on, %zu held out, %zu for the test\n", "rows", t->train.n,
               t->eval.n, t->test.n);
    buf_printf(out, "%sMemory%s\n", bold, plain);
    put_memory(&t->memory, out);
    if (t->run.plan.layers_redone > 0)
        buf_printf(out, "  %zu layers are computed twice, to fit\n", t->run.plan.layers_redone);
}

/* ------------------------------------------------------------------------------------- during --
 */

static void put_time(double seconds, struct buf *out)
{
    int64_t s = (int64_t)fmin(seconds, 1e9);
    if (s >= 3600)
        buf_printf(out, "%" PRId64 " h %02" PRId64 " min", s / 3600, s / 60 % 60);
    else if (s >= 60)
        buf_printf(out, "%" PRId64 " min %02" PRId64 " s", s / 60, s % 60);
    else
        buf_printf(out, "%" PRId64 " s", s);
}

void tune_view_progress(const struct tune *t, const struct trainer_event *e, struct buf *out)
{
    const struct trainer_totals *totals = &t->trainer.totals;
    double left =
        (double)(t->report.steps - e->step) * totals->seconds / fmax((double)totals->steps, 1);
    buf_printf(out, "step %" PRId64 "/%" PRId64, e->step, t->report.steps);
    buf_printf(out, e->moment == TRAINER_EVAL ? "  held-out loss %.4f" : "  loss %.4f",
               e->sums->loss);
    if (e->moment == TRAINER_STEP && t->trainer.last_eval.targets > 0)
        buf_printf(out, "  held out %.4f", t->trainer.last_eval.loss);
    buf_printf(out, "  rate %.3g  %.0f tokens/s  ", e->decision.learning_rate,
               (double)totals->tokens / fmax(totals->seconds, 1e-9));
    put_time(left, out);
    buf_add_text(out, " left");
}

/* ------------------------------------------------------------------------------------- behind --
 */

void tune_view_result(const struct tune *t, struct buf *out)
{
    const struct tune_report *r = &t->report;
    if (r->test_rows > 0)
        buf_printf(out, "loss on %" PRIu64 " test rows  %.4f before, %.4f now\n", r->test_rows,
                   r->base_loss, r->tuned_loss);
    buf_printf(out, "%" PRId64 " steps, ", r->steps);
    term_add_count(out, r->tokens);
    buf_printf(out, " tokens in ");
    put_time(r->seconds, out);
    buf_printf(out, " (%.0f a second), %.0f MB at most\n",
               (double)r->tokens / fmax(r->seconds, 1e-9), (double)r->peak_memory_bytes / 1e6);
    bool is_adapter = t->engine.model.n_adapters > 0;
    if (is_adapter)
        buf_printf(out, "\npace chat %s --adapter %s/adapter\n", t->options->arguments[0],
                   t->options->output_dir);
    else
        buf_printf(out, "\npace chat %s/model\n", t->options->output_dir);
}

static void put_number(struct json_writer *w, const char *key, double value)
{
    json_key(w, key);
    if (isnan(value))
        json_put_null(w);
    else
        json_put_double(w, value);
}

static void put_int(struct json_writer *w, const char *key, uint64_t value)
{
    json_key(w, key);
    json_put_int(w, (int64_t)value);
}

static void put_text(struct json_writer *w, const char *key, const char *value)
{
    json_key(w, key);
    json_put_text(w, value);
}

static void put_loss(struct json_writer *w, const char *key, double loss)
{
    json_key(w, key);
    json_begin_object(w);
    put_number(w, "loss", loss);
    json_end(w);
}

/* In units of the tokens that the planned run reads: an evaluation costs a third of a step. */
static void put_compute(const struct tune *t, struct json_writer *w)
{
    json_key(w, "compute");
    json_begin_object(w);
    put_number(w, "main", 1);
    put_number(w, "search", 0);
    put_number(w, "eval", t->report.eval_share);
    put_number(w, "redo", 0);
    put_number(w, "total_ratio", 1 + t->report.eval_share);
    json_end(w);
}

static void put_plan(const struct tune *t, struct json_writer *w)
{
    const struct tune_memory *m = &t->memory;
    json_key(w, "plan");
    json_begin_object(w);
    put_text(w, "method", job_method_name(t->job.rate_job.method));
    put_text(w, "optimizer", optim_name(t->optim.options.kind));
    put_int(w, "batch_tokens", t->batch_tokens);
    put_int(w, "max_length", (uint64_t)t->options->max_length);
    json_key(w, "memory");
    json_begin_object(w);
    put_int(w, "parameters", m->parameters);
    put_int(w, "adapters", m->adapters);
    put_int(w, "gradients", m->gradients);
    put_int(w, "optimizer", m->optimizer);
    put_int(w, "activations", m->activations);
    put_int(w, "workspace", m->workspace);
    put_int(w, "total", m->total);
    json_end(w);
    json_end(w);
}

void tune_view_result_json(const struct tune *t, struct buf *out)
{
    const struct tune_report *r = &t->report;
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    put_text(&w, "output", t->options->output_dir);
    put_number(&w, "learning_rate", r->learning_rate);
    put_int(&w, "steps", (uint64_t)r->steps);
    put_loss(&w, "base", r->base_loss);
    put_loss(&w, "tuned", r->tuned_loss);
    put_int(&w, "test_rows", r->test_rows);
    put_int(&w, "tokens", r->tokens);
    put_compute(t, &w);
    put_number(&w, "seconds", r->seconds);
    put_number(&w, "tokens_per_second", (double)r->tokens / fmax(r->seconds, 1e-9));
    put_int(&w, "peak_memory_bytes", r->peak_memory_bytes);
    json_key(&w, "incidents");
    json_begin_array(&w);
    json_end(&w);
    put_text(&w, "status", r->end == TRAINER_DONE ? "done" : "stopped");
    put_plan(t, &w);
    json_end(&w);
    buf_add_byte(out, '\n');
}
