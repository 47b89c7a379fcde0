/*
 * cmd_tune.c - pace tune: fine-tunes a model on data.
 *
 * What was chosen and what it takes comes before the first step, a line on how it goes while it
 * runs (one that is written over on a terminal, some twenty in a log), the result at the end.
 * Standard output has the result alone. Ctrl-C ends the run after the step that is being made.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/command.h"
#include "cli/tune_view.h"

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
    double shown; /* when, in seconds */
    int64_t step; /* of the last line of a log */
    struct buf line;
};

static void put_line(struct screen *s, const struct trainer_event *e)
{
    buf_clear(&s->line);
    tune_view_progress(s->tune, e, &s->line);
    if (s->is_terminal)
        (void)fprintf(stderr, "\r\033[K%s", buf_string(&s->line));
    else
        (void)fprintf(stderr, "%s\n", buf_string(&s->line));
    s->shown = clock_seconds();
    s->step = e->step;
}

static bool show(void *context, const struct trainer_event *e)
{
    struct screen *s = context;
    int64_t steps = s->tune->report.steps;
    bool is_due = s->is_terminal ? clock_seconds() - s->shown > 0.2
                                 : (e->step - s->step) * LINES_OF_A_LOG >= steps;
    if (!s->is_quiet && (is_due || e->step == 1 || e->step == steps))
        put_line(s, e);
    return !is_interrupted;
}

static bool tell_plan(const struct tune *t, struct err *err)
{
    struct buf out;
    struct term term = term_of_stdout();
    buf_init(&out, BUF_NO_LIMIT);
    tune_view_plan(t, &term, &out);
    bool ok = fwrite(out.at, 1, out.len, stderr) == out.len;
    if (!ok)
        err_set(err, ERR_IO, "cannot write to standard error");
    buf_release(&out);
    return ok;
}

static bool tell_result(const struct tune *t, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    if (t->options->json)
        tune_view_result_json(t, &out);
    else
        tune_view_result(t, &out);
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

bool cmd_tune(const struct options *o, struct err *err)
{
    struct tune tune;
    struct screen screen = {.tune = &tune, .is_quiet = o->quiet};
    if (!tune_open(&tune, o, err))
        return false;
    screen.is_terminal = isatty(STDERR_FILENO);
    buf_init(&screen.line, BUF_NO_LIMIT);
    (void)signal(SIGINT, interrupt);
    bool ok = (o->quiet || tell_plan(&tune, err)) && tune_run(&tune, show, &screen, err);
    (void)signal(SIGINT, SIG_DFL);
    if (screen.is_terminal && !o->quiet)
        (void)fputc('\n', stderr);
    ok = ok && tell_result(&tune, err);
    buf_release(&screen.line);
    tune_close(&tune);
    return ok;
}
