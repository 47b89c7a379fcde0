/*
 * cmd_tune.c - pace tune: fine-tunes a model on data.
 *
 * What was chosen and what it takes comes before the first step, a line on how it goes while it
 * runs (one that is written over on a terminal, some twenty in a log), the result at the end.
 * Standard output has the result alone. Ctrl-C ends the run behind the step that is being made,
 * with its state saved; a second one ends the program at once.
 *
 * --resume goes on with what a checkpoint holds: the options are read from there, and the files
 * that they name must be those of then.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/find_view.h"
#include "cli/tune_view.h"
#include "format/json.h"
#include "report/report.h"
#include "train/origin.h"
#include "train/tune_state.h"

enum { LINES_OF_A_LOG = 20 };

static volatile sig_atomic_t is_interrupted;

static void let_interrupts(bool end_the_program);

static void interrupt(int signal_number)
{
    (void)signal_number;
    is_interrupted = 1;
    let_interrupts(true);
}

/* What Ctrl-C and a plain kill do: end the program, or ask the run for its end. */
static void let_interrupts(bool end_the_program)
{
    struct sigaction action = {.sa_handler = end_the_program ? SIG_DFL : interrupt};
    (void)sigaction(SIGINT, &action, NULL);
    (void)sigaction(SIGTERM, &action, NULL);
}

struct screen {
    const struct tune *tune;
    bool is_quiet, is_terminal;
    struct term term;
    struct tune_progress progress;
    double shown; /* when, in seconds */
    int64_t step; /* of the last line of a log */
    size_t n_incidents;
    bool told_rate; /* that was found */
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

/* What the search has found, once. */
static void put_found(struct screen *s)
{
    s->told_rate = true;
    buf_clear(&s->line);
    tune_view_found(s->tune, &s->term, &s->line);
    (void)fprintf(stderr, "%s%s", s->is_terminal ? "\r\033[K" : "", buf_string(&s->line));
}

static bool show(void *context, const struct trainer_event *e)
{
    struct screen *s = context;
    if (!s->is_quiet && !s->told_rate)
        put_found(s);
    if (e->moment == TRAINER_STEP)
        s->progress = (struct tune_progress){e->step, e->sums->loss, e->decision.learning_rate};
    if (!s->is_quiet)
        put_incidents(s);
    if (!s->is_quiet && is_due(s, e))
        put_line(s);
    return !is_interrupted;
}

/* A line for each arm of the search; on a terminal one that is written over at each step too. */
static bool show_search(void *context, const struct find_event *e)
{
    struct screen *s = context;
    if (s->is_quiet || (e->moment == FIND_STEP && !s->is_terminal))
        return !is_interrupted;
    buf_clear(&s->line);
    find_view_progress(e, s->is_terminal ? s->term.width - 1 : 0, &s->line);
    (void)fprintf(stderr, "%s%s%s", s->is_terminal ? "\r\033[K" : "", buf_string(&s->line),
                  s->is_terminal ? "" : "\n");
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

/* How a run that ended early is gone on with, where it can be. */
static void hint_resume(const struct tune *t, struct err *err)
{
    struct buf command;
    long long saved = t->saver.saved_step, step = t->trainer.rate.step, steps = t->setup.steps;
    if (err->kind != ERR_INTERRUPTED && (err->kind != ERR_IO || step == 0))
        return;
    buf_init(&command, BUF_NO_LIMIT);
    tune_view_resume(t->setup.options->output_dir, &command);
    if (saved < 0 && err->kind == ERR_IO)
        err_hint(err, "no checkpoint could be saved before either: what was trained is lost");
    else if (saved >= 0 && err->kind == ERR_INTERRUPTED)
        err_hint(err, "%s goes on", buf_string(&command));
    else if (saved == step)
        err_hint(err, "what was trained is kept; %s saves it", buf_string(&command));
    else if (saved >= 0)
        err_hint(err, "the state of step %lld of %lld is kept; %s goes on from there", saved, steps,
                 buf_string(&command));
    buf_release(&command);
}

/* Of a run whose result is saved: the report into the folder and the result for the user. One that
 * cannot be written keeps the other from nobody. */
static bool report(const struct tune *t, struct err *err)
{
    const char *folder = t->setup.options->output_dir;
    struct err untold;
    struct buf command;
    bool is_written = report_write(folder, err);
    if (!is_written) {
        buf_init(&command, BUF_NO_LIMIT);
        tune_view_resume(folder, &command);
        err_hint(err, "what was trained is saved; %s writes the report", buf_string(&command));
        buf_release(&command);
    }
    return tell_result(t, is_written ? err : &untold) && is_written;
}

/* From here on it is the same for a run that begins and one that goes on. */
static bool run(struct tune *t, struct err *err)
{
    const struct options *o = t->setup.options;
    struct screen screen = {.tune = t,
                            .is_quiet = o->quiet,
                            .is_terminal = isatty(STDERR_FILENO),
                            .term = term_of_stderr(),
                            .n_incidents = tune_incident_count(t),
                            .told_rate = t->setup.learning_rate > 0};
    buf_init(&screen.line, BUF_NO_LIMIT);
    let_interrupts(false);
    t->on_search = show_search;
    bool ok = (o->quiet || tell_plan(t, &screen.term, err)) && tune_run(t, show, &screen, err);
    let_interrupts(true);
    if (screen.is_terminal && !o->quiet)
        (void)fputc('\n', stderr);
    if (!ok)
        hint_resume(t, err);
    if (t->report.is_saved) { /* what the guard ended, too */
        struct err trouble;
        bool told = report(t, &trouble);
        if (ok && !told)
            *err = trouble;
        ok = ok && told;
    }
    buf_release(&screen.line);
    return ok;
}

/* ------------------------------------------------------------------------------- going on -- */

/* The report comes behind all else, and the card last of its files; a run that was killed before
 * has none. */
static bool finish_report(const char *folder, struct err *err)
{
    struct arena arena = {0};
    bool is_there = file_kind_of(file_join(&arena, folder, "README.md")) == FILE_REGULAR;
    arena_release(&arena);
    return tune_state_sweep(folder, err) && (is_there || report_write(folder, err));
}

static bool tell_ended(const struct checkpoint_file *f, const struct options *o, struct err *err)
{
    const struct checkpoint_about *about = &f->about;
    struct buf out;
    if (about->status == CHECKPOINT_DONE && !finish_report(o->output_dir, err))
        return false;
    buf_init(&out, BUF_NO_LIMIT);
    if (o->json) {
        struct json_writer w = {.out = &out, .indent = 2};
        json_begin_object(&w);
        json_member_text(&w, "output", o->output_dir);
        json_member_text(&w, "status", checkpoint_status_name(about->status));
        json_member_int(&w, "steps", about->step);
        json_member_text(&w, "reason", about->reason);
        json_end(&w);
        buf_add_byte(&out, '\n');
    } else {
        buf_printf(&out, "%s: this run is finished at step %lld: %s\n", o->output_dir,
                   (long long)about->step, about->reason);
    }
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

static bool go_on(const struct checkpoint_file *f, const struct options *o, struct err *err)
{
    struct tune tune;
    if (strcmp(f->about.machine, engine_machine()) != 0)
        log_warning("the run was begun on another machine (%s; this is %s): its last digits may "
                    "differ from those of a run that was not cut off",
                    f->about.machine, engine_machine());
    if (!tune_reopen(&tune, o, f, err))
        return false;
    log_note("going on behind step %lld of %lld", (long long)f->about.step,
             (long long)tune.setup.steps);
    bool ok = run(&tune, err);
    tune_close(&tune);
    return ok;
}

static bool resume_held(const struct options *said, struct err *err)
{
    struct checkpoint_file f;
    struct arena arena = {0};
    struct span origin;
    if (!checkpoint_open(&f, said->resume, err))
        return false;
    struct options *o = arena_new(&arena, struct options);
    bool ok =
        checkpoint_find(&f, "origin", &origin, err) && origin_options(o, &arena, origin, said, err);
    if (ok) {
        log_set_level(o->quiet ? LOG_QUIET : o->verbose ? LOG_VERBOSE : LOG_NORMAL);
        ok = f.about.status == CHECKPOINT_RUNNING
                 ? origin_check(origin, o, err) && go_on(&f, o, err)
                 : tell_ended(&f, o, err);
    }
    checkpoint_close(&f);
    arena_release(&arena);
    return ok;
}

/* ------------------------------------------------------------------------------- beginning -- */

/* Where the result goes if nobody says: a folder where the reader stands, named after the data. */
static const char *folder_of_result(const char *data, struct arena *arena)
{
    bool is_file = file_kind_of(data) == FILE_REGULAR; /* of a folder: not ".", its name */
    const char *path = is_file ? data : file_absolute(arena, data), *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path, *dot = strrchr(name, '.');
    int len = (int)(is_file && dot && dot > name ? (size_t)(dot - name) : strlen(name));
    return len > 0 ? arena_printf(arena, "%.*s-tuned", len, name) : "tuned";
}

static bool begin(const struct options *o, bool is_named, struct err *err)
{
    struct tune tune;
    if (!tune_open(&tune, o, err))
        return false;
    if (!is_named)
        log_note("the result goes into %s (-o names another folder)", o->output_dir);
    bool ok = run(&tune, err);
    tune_close(&tune);
    return ok;
}

static bool resume(const struct options *said, struct err *err)
{
    struct lock lock;
    bool ok = checkpoint_hold(&lock, said->resume, err) && resume_held(said, err);
    lock_release(&lock);
    return ok;
}

bool cmd_tune(const struct options *said, struct err *err)
{
    struct arena arena = {0};
    struct options o = *said;
    if (o.resume)
        return resume(said, err);
    if (!o.output_dir)
        o.output_dir = folder_of_result(o.arguments[1], &arena);
    bool ok = begin(&o, said->output_dir != NULL, err);
    arena_release(&arena);
    return ok;
}
