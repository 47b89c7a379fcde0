/*
 * cmd_tune.c - pace tune: fine-tunes a model on data.
 *
 * What was chosen and what it takes comes before the first step, a line on how it goes while it
 * runs (one that is written over on a terminal, some twenty in a log), the result at the end.
 * Standard output has the result alone. Ctrl-C ends the run after the step that is being made; a
 * second one ends the program at once.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/tune_view.h"
#include "report/report.h"

enum { LINES_OF_A_LOG = 20 };

static volatile sig_atomic_t is_interrupted;

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
}

struct screen {
    const struct tune *tune;
    bool is_quiet, is_terminal;
    struct term term;
    struct tune_progress progress;
    double shown; /* when, in seconds */
    int64_t step; /* of the last line of a log */
    size_t n_incidents;
    struct buf line;
};

static void put_line(struct screen *s)
{
    buf_clear(&s->line);
    tune_view_progress(s->tune, &s->progress, s->is_terminal ? s->term.width - 1 : 0, &s->line);
    if (s->is_terminal)
        (void)fprintf(stderr, "\r\033[K%s", buf_string(&s->line));
    else
        (void)fprintf(stderr, "%s\n", buf_string(&s->line));
    s->shown = clock_seconds();
    s->step = s->progress.step;
}

/* What the guard did since; but for the end of the run, which is an error's to tell. */
static void put_incidents(struct screen *s)
{
    for (; s->n_incidents < tune_incident_count(s->tune); s->n_incidents++) {
        struct tune_incident incident = tune_incident_at(s->tune, s->n_incidents);
        buf_clear(&s->line);
        tune_view_incident(&incident, &s->term, &s->line);
        if (incident.action != PACE_STOP)
            (void)fprintf(stderr, "%s%s", s->is_terminal ? "\r\033[K" : "", buf_string(&s->line));
    }
}

/* A log has a line behind the first step and the last, and some between; the last one with the
 * held-out loss that is measured behind it. */
static bool is_due(const struct screen *s, const struct trainer_event *e)
{
    int64_t steps = s->tune->setup.steps;
    bool is_last = e->step == steps;
    if (s->is_terminal)
        return is_last || clock_seconds() - s->shown > 0.2;
    if (is_last)
        return e->moment == TRAINER_EVAL || s->tune->setup.eval.n == 0;
    return e->moment == TRAINER_STEP &&
           (e->step == 1 || (e->step - s->step) * LINES_OF_A_LOG >= steps);
}

static bool show(void *context, const struct trainer_event *e)
{
    struct screen *s = context;
    if (e->moment == TRAINER_STEP)
        s->progress = (struct tune_progress){e->step, e->sums->loss, e->decision.learning_rate};
    if (!s->is_quiet)
        put_incidents(s);
    if (!s->is_quiet && is_due(s, e))
        put_line(s);
    return !is_interrupted;
}

static bool tell_plan(const struct tune *t, const struct term *term, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    tune_view_plan(&t->setup, term, &out);
    bool ok = fwrite(out.at, 1, out.len, stderr) == out.len;
    if (!ok)
        err_set(err, ERR_IO, "cannot write to standard error");
    buf_release(&out);
    return ok;
}

static bool tell_result(const struct tune *t, struct err *err)
{
    struct buf out;
    struct term term = term_of_stdout();
    buf_init(&out, BUF_NO_LIMIT);
    if (t->setup.options->json)
        tune_view_result_json(t, &out);
    else
        tune_view_result(t, &term, &out);
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

bool cmd_tune(const struct options *o, struct err *err)
{
    struct tune tune;
    struct screen screen = {.tune = &tune, .is_quiet = o->quiet, .term = term_of_stderr()};
    struct sigaction on_interrupt = {.sa_handler = interrupt, .sa_flags = SA_RESETHAND};
    if (!tune_open(&tune, o, err))
        return false;
    screen.is_terminal = isatty(STDERR_FILENO);
    buf_init(&screen.line, BUF_NO_LIMIT);
    (void)sigaction(SIGINT, &on_interrupt, NULL);
    bool ok =
        (o->quiet || tell_plan(&tune, &screen.term, err)) && tune_run(&tune, show, &screen, err);
    (void)signal(SIGINT, SIG_DFL);
    if (screen.is_terminal && !o->quiet)
        (void)fputc('\n', stderr);
    if (tune.report.is_saved) { /* what the guard ended, too */
        struct err trouble;
        bool told = report_write(o->output_dir, &trouble) && tell_result(&tune, &trouble);
        if (ok && !told)
            *err = trouble;
        ok = ok && told;
    }
    buf_release(&screen.line);
    tune_close(&tune);
    return ok;
}
