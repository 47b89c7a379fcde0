/*
 * cmd_schedule.c - pace schedule: the learning rate of every update of a run, printed, drawn or
 * compared, before anything is trained.
 *
 * The numbers are those that Hugging Face's Trainer gives its optimizer. What is unlike what its
 * options suggest (a warmup that the schedule passes over, a greedy schedule whose floor lies above
 * the rate) is said in a note.
 */
#include <math.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/schedule_view.h"
#include "options/schedule_options.h"

/* Hugging Face's learning_rate, and a length to look at. */
static const double usual_rate = 5e-5;
static const int64_t usual_steps = 1000;

/* ------------------------------------------------------------------------------------ notes -- */

static void note_metric_schedule(const struct pace_schedule *s, const char *label, bool has_metrics)
{
    if (!has_metrics)
        log_note("%s moves after evaluations: without --metrics it stays at its peak", label);
    if (s->kind == PACE_SCHEDULE_GREEDY && s->min_lr >= s->learning_rate)
        log_note("%s: min_lr %.3g is not below the learning rate %.3g, so it never falls", label,
                 s->min_lr, s->learning_rate);
    else if (s->learning_rate * (1 - s->factor) <= s->eps)
        log_note("%s: its first reduction would be smaller than eps %.3g, so it is never made",
                 label, s->eps);
}

static void note_stages(const struct pace_schedule *s, const char *label)
{
    int64_t end = s->warmup_steps + s->num_stable_steps + s->num_decay_steps;
    if (s->num_stable_steps >= 0 && end != s->total_steps)
        log_note("%s: warmup, stable and decay steps are %lld together, the run has %lld", label,
                 (long long)end, (long long)s->total_steps);
}

static void note_surprises(const struct course *course, bool has_metrics)
{
    const struct pace_schedule *s = &course->schedule;
    if (s->warmup_steps > 0 && !pace_schedule_uses_warmup(s->kind))
        log_note("%s has no warmup: it is passed over, as Hugging Face and torch do",
                 course->label);
    if (pace_schedule_uses_metric(s->kind))
        note_metric_schedule(s, course->label, has_metrics);
    if (s->kind == PACE_SCHEDULE_WARMUP_STABLE_DECAY)
        note_stages(s, course->label);
}

/* ----------------------------------------------------------------------------------- courses -- */

/* The rates before and behind each evaluation of the run. */
static void follow_metrics(struct course *course, const struct metric_list *metrics,
                           struct arena *arena)
{
    struct pace_metric_rate rate;
    int64_t n_evaluations = (course->schedule.total_steps - 1) / metrics->eval_steps;
    size_t n = min_size(metrics->n, (size_t)n_evaluations);
    double *levels = arena_array(arena, double, n + 1);
    pace_metric_rate_init(&rate, &course->schedule);
    levels[0] = rate.learning_rate;
    for (size_t i = 0; i < n; i++) {
        pace_metric_rate_observe(&rate, &course->schedule, metrics->values[i]);
        levels[i + 1] = rate.learning_rate;
    }
    course->levels = levels;
    course->n_levels = n + 1;
    course->eval_steps = metrics->eval_steps;
    if (n < metrics->n)
        log_note("%s: the last %zu of %zu metrics come too late to move a rate of the run",
                 course->label, metrics->n - n, metrics->n);
}

static bool read_comparison(const struct options *o, struct arena *arena, struct comparison *c,
                            struct err *err)
{
    struct schedule_list list;
    struct metric_list metrics;
    c->total_steps = o->max_steps < 0 ? usual_steps : o->max_steps;
    if (c->total_steps == 0) {
        err_set(err, ERR_USAGE, "--max-steps: a run has at least one step");
        return false;
    }
    if (!schedule_options_rate(o, &c->learning_rate, err))
        return false;
    c->learning_rate = c->learning_rate > 0 ? c->learning_rate : usual_rate;
    if (!schedule_options_list(o, c->learning_rate, c->total_steps, arena, &list, err) ||
        !schedule_options_metrics(o, &list, c->total_steps, arena, &metrics, err))
        return false;
    struct course *courses = arena_array(arena, struct course, list.n);
    for (size_t i = 0; i < list.n; i++) {
        courses[i] = (struct course){.label = list.labels[i], .schedule = list.schedules[i]};
        if (pace_schedule_uses_metric(courses[i].schedule.kind))
            follow_metrics(&courses[i], &metrics, arena);
        note_surprises(&courses[i], o->metrics != NULL);
    }
    c->warmup_steps = list.schedules[0].warmup_steps;
    c->courses = courses;
    c->n = list.n;
    return true;
}

/* ----------------------------------------------------------------------------------- output -- */

static bool check_output(const struct options *o, struct err *err)
{
    if (o->json + o->csv + o->plot <= 1)
        return true;
    err_set(err, ERR_USAGE, "--json, --csv and --plot all write to standard output");
    err_hint(err, "take one of them; --svg FILE may stand beside");
    return false;
}

static bool write_svg(const struct comparison *c, const char *path, struct err *err)
{
    struct buf svg;
    buf_init(&svg, BUF_NO_LIMIT);
    schedule_view_svg(c, &svg);
    bool ok = file_put(path, buf_span(&svg), err);
    buf_release(&svg);
    if (ok)
        log_note("drawn into %s", path);
    return ok;
}

static bool print_text(const struct comparison *c, bool as_plot, struct err *err)
{
    struct buf out;
    struct term term = term_of_stdout();
    buf_init(&out, BUF_NO_LIMIT);
    (as_plot ? schedule_view_plot : schedule_view_table)(c, &term, &out);
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

static bool show(const struct options *o, const struct comparison *c, struct err *err)
{
    if (o->svg_path && !write_svg(c, o->svg_path, err))
        return false;
    if (o->json)
        return schedule_view_json(c, err);
    if (o->csv)
        return schedule_view_csv(c, err);
    return (o->svg_path && !o->plot) || print_text(c, o->plot, err);
}

bool cmd_schedule(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    struct comparison comparison;
    bool ok = check_output(o, err) && read_comparison(o, &arena, &comparison, err) &&
              show(o, &comparison, err);
    arena_release(&arena);
    return ok;
}
