/*
 * explain_view.c - what `pace explain` shows.
 *
 * On the terminal: how the run was set up and where the losses went, a plot of loss and learning
 * rate with a mark at each decision that changed the run, the decisions as the sentences that the
 * run itself wrote, and how it ended. A sentence comes from a file and goes through term_add_safe.
 *
 * The JSON:
 *
 *   path, format "journal", guard, schedule, learning_rate, total_steps, warmup_steps,
 *   gradients, evaluations, steps (done), loss {first, last}, eval {first, best, best_step, last},
 *   decisions [{step, last_step, count, action, advice, rule, reason, numbers, learning_rate}],
 *   end "done" | "stopped" | "unfinished", cut (the file ends inside a line)
 *
 * Numbers that are not there, or not finite, are null.
 */
#include "cli/explain_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "format/json.h"
#include "report/plot.h"

enum { LABEL_COLUMNS = 10, STEP_COLUMNS = 8, ACTION_COLUMNS = 11, PLOT_ROWS = 16 };

struct view {
    const struct story *story;
    const struct term *term;
    struct buf *out;
};

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

static const char *action_label(enum pace_action action)
{
    return action == PACE_ROLL_BACK ? "roll back" : pace_action_name(action);
}

static const char *guard_name(enum pace_guard guard)
{
    static const char *const names[] = {
        [PACE_GUARD_ACT] = "act", [PACE_GUARD_WATCH] = "watch", [PACE_GUARD_OFF] = "off"};
    return names[guard];
}

/* ------------------------------------------------------------------------------------ lines -- */

/* One word of foreign text, made harmless. Returns its columns. */
static size_t add_word(const struct term *term, struct buf *out, struct span word)
{
    size_t columns = 0;
    while (word.len > 0) {
        size_t len;
        columns += term_add_safe(term, out, word, &len);
        word = span_from(word, len);
    }
    return columns;
}

/* Foreign text, its lines broken between words and indented alike. */
static void add_wrapped(struct view *v, struct span text, size_t indent)
{
    size_t column = indent;
    struct buf word;
    buf_init(&word, BUF_NO_LIMIT);
    while (text.len > 0) {
        size_t len = span_find(text, span_of(" "));
        buf_clear(&word);
        size_t columns = add_word(v->term, &word, span_part(text, 0, len));
        if (column > indent && column + 1 + columns > v->term->width) {
            buf_printf(v->out, "\n%*s", (int)indent, "");
            column = indent;
        } else if (column > indent) {
            buf_add_byte(v->out, ' ');
            column++;
        }
        buf_add(v->out, buf_span(&word));
        column += columns;
        text = span_from(text, min_size(len + 1, text.len));
    }
    buf_add_byte(v->out, '\n');
    buf_release(&word);
}

/* A line with its name in a column of its own; what does not fit goes on below. */
static void add_entry(struct view *v, const char *label, const char *format, ...) PRINTF_LIKE(3, 4);

static void add_entry(struct view *v, const char *label, const char *format, ...)
{
    char text[256];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    buf_printf(v->out, "%s%-*s%s", term_style(v->term, TERM_DIM), LABEL_COLUMNS, label,
               term_style(v->term, TERM_PLAIN));
    add_wrapped(v, span_of(text), LABEL_COLUMNS);
}

/* ---------------------------------------------------------------------------------- opening -- */

static void add_setup(struct view *v)
{
    const struct pace_rate_options *o = &v->story->journal->options;
    const struct pace_schedule *s = &o->schedule;
    char warmup[48] = "", prior[96] = "";
    if (s->warmup_steps > 0)
        snprintf(warmup, sizeof warmup, ", %" PRId64 " of warmup", s->warmup_steps);
    if (o->prior_rate > 0)
        snprintf(prior, sizeof prior, "; a rate of %.3g was expected, give or take %.2g decades",
                 o->prior_rate, o->prior_sd);
    add_entry(v, "schedule", "%s, learning rate %.4g, %" PRId64 " step%s%s",
              pace_schedule_name(s->kind), s->learning_rate, s->total_steps, plural(s->total_steps),
              warmup);
    add_entry(v, "guard", "%s%s", guard_name(o->guard), prior);
}

static void add_losses(struct view *v)
{
    const struct story *s = v->story;
    char best[64] = "";
    if (s->n_gradients > 0)
        add_entry(v, "loss", "%.4g at first, %.4g at the end", s->first_loss, s->last_loss);
    if (isfinite(s->best_eval))
        snprintf(best, sizeof best, "; lowest %.4g at step %" PRId64, s->best_eval,
                 s->best_eval_step);
    if (s->n_evals > 0)
        add_entry(v, "held out", "%.4g at first, %.4g at the end%s", s->first_eval, s->last_eval,
                  best);
}

/* ------------------------------------------------------------------------------------- plot -- */

struct curves {
    double *step, *loss, *rate;
    double *eval_step, *eval_loss;
    size_t n, n_evals;
    struct plot_mark *marks;
    size_t n_marks;
};

/* A point that is a gap in both lines. */
static void add_gap(struct curves *c)
{
    c->step[c->n] = c->loss[c->n] = c->rate[c->n] = NAN;
    c->n++;
}

/* Where a decision leads back the lines are broken, not drawn backwards. */
static void add_points(struct curves *c, const struct story *s)
{
    const struct journal *j = s->journal;
    int64_t before = -1;
    for (size_t i = 0; i < j->n_entries; i++) {
        const struct journal_entry *entry = &j->entries[i];
        double step = (double)s->steps[i];
        if (entry->obs.kind == PACE_OBS_EVAL) {
            c->eval_step[c->n_evals] = step;
            c->eval_loss[c->n_evals++] = entry->obs.loss;
            continue;
        }
        if (s->steps[i] < before)
            add_gap(c);
        before = s->steps[i];
        c->step[c->n] = step;
        c->loss[c->n] = entry->obs.loss;
        c->rate[c->n] = entry->decision.apply_update ? entry->decision.learning_rate : NAN;
        c->n++;
    }
}

/* Only what changes the run is marked: gradients scaled down can be many. */
static void add_marks(struct curves *c, const struct story *s)
{
    for (size_t i = 0; i < s->n_events; i++) {
        enum pace_action advice = s->events[i].entry->decision.advice;
        if (advice == PACE_GO || advice == PACE_CLIP || advice == PACE_SKIP)
            continue;
        c->marks[c->n_marks++] =
            (struct plot_mark){(double)s->events[i].step, action_label(advice)};
    }
}

/* Losses that shoot up, and rates that were cut or raised several times, need a logarithm. */
static void pick_scales(struct plot *plot, const struct curves *c, const struct story *s)
{
    double most = 0, changed = 1, furthest = 1;
    for (size_t i = 0; i < c->n; i++)
        most = isfinite(c->loss[i]) ? fmax(most, c->loss[i]) : most;
    for (size_t i = 0; i < s->journal->n_entries; i++) {
        changed *= s->journal->entries[i].decision.change;
        furthest = fmax(furthest, fmax(changed, 1 / changed));
    }
    plot->log_y = most > 5 * fmax(s->first_loss, s->last_loss);
    plot->log_right = furthest > 5;
    for (size_t i = 0; plot->log_right && i < c->n; i++)
        c->rate[i] = c->rate[i] > 0 ? c->rate[i] : NAN; /* the first of a warmup is zero */
}

static void add_plot(struct view *v)
{
    const struct story *s = v->story;
    struct arena arena = {0};
    size_t most = 2 * s->journal->n_entries;
    struct curves c = {
        .step = arena_array(&arena, double, most),
        .loss = arena_array(&arena, double, most),
        .rate = arena_array(&arena, double, most),
        .eval_step = arena_array(&arena, double, most),
        .eval_loss = arena_array(&arena, double, most),
        .marks = arena_array(&arena, struct plot_mark, s->n_events),
    };
    add_points(&c, s);
    add_marks(&c, s);
    struct plot_line lines[] = {
        {.label = "loss", .x = c.step, .y = c.loss, .n = c.n},
        {.label = "learning rate", .x = c.step, .y = c.rate, .n = c.n, .on_right = true},
        {.label = "held out", .x = c.eval_step, .y = c.eval_loss, .n = c.n_evals, .is_dots = true},
    };
    struct plot plot = {.x_label = "step",
                        .lines = lines,
                        .n_lines = c.n_evals > 0 ? 3 : 2,
                        .marks = c.marks,
                        .n_marks = c.n_marks};
    pick_scales(&plot, &c, s);
    struct plot_screen screen = {(int)v->term->width, PLOT_ROWS, v->term->has_color,
                                 v->term->has_unicode};
    buf_add_byte(v->out, '\n');
    plot_text(v->out, &plot, &screen);
    arena_release(&arena);
}

/* -------------------------------------------------------------------------------- decisions -- */

static void add_event(struct view *v, const struct story_event *e)
{
    const size_t indent = STEP_COLUMNS + 2 + ACTION_COLUMNS;
    buf_printf(v->out, "%*" PRId64 "  %s%-*s%s", STEP_COLUMNS, e->step,
               term_style(v->term, TERM_BOLD), ACTION_COLUMNS,
               action_label(e->entry->decision.advice), term_style(v->term, TERM_PLAIN));
    add_wrapped(v, e->entry->reason, indent);
    if (e->n > 1)
        buf_printf(v->out, "%*s%zu more like it, the last at step %" PRId64 "\n", (int)indent, "",
                   e->n - 1, e->last_step);
}

static void add_events(struct view *v)
{
    const struct story *s = v->story;
    if (s->n_events == 0) {
        buf_add_text(v->out, "\nNothing happened: every update was made as scheduled.\n");
        return;
    }
    buf_printf(v->out, "\n%s%*s  %s%s\n", term_style(v->term, TERM_DIM), STEP_COLUMNS, "step",
               s->journal->options.guard == PACE_GUARD_ACT ? "decision" : "advice",
               term_style(v->term, TERM_PLAIN));
    for (size_t i = 0; i < s->n_events; i++)
        add_event(v, &s->events[i]);
}

static void add_end(struct view *v)
{
    static const char *const ends[] = {
        [STORY_DONE] = "all steps are done",
        [STORY_STOPPED] = "the guard ended the run",
        [STORY_UNFINISHED] = "the journal ends here: the run was killed, or is still going on",
    };
    const struct story *s = v->story;
    char again[48] = "";
    int64_t n_again = s->n_gradients - s->end_step;
    if (n_again > 0)
        snprintf(again, sizeof again, "; %" PRId64 " step%s done again", n_again, plural(n_again));
    buf_add_byte(v->out, '\n');
    add_entry(v, "end", "step %" PRId64 ": %s", s->end_step, ends[s->end]);
    add_entry(v, "computed", "%" PRId64 " gradient%s, %" PRId64 " evaluation%s%s", s->n_gradients,
              plural(s->n_gradients), s->n_evals, plural(s->n_evals), again);
}

void explain_view_text(const struct story *story, const char *path, const struct term *term,
                       struct buf *out)
{
    struct view v = {story, term, out};
    add_entry(&v, "journal", "%s", path);
    add_setup(&v);
    add_losses(&v);
    if (story->n_gradients > 1)
        add_plot(&v);
    add_events(&v);
    add_end(&v);
}

/* ------------------------------------------------------------------------------------- JSON -- */

static void put_losses(struct json_writer *w, const struct story *s)
{
    json_key(w, "loss");
    json_begin_object(w);
    json_member_double(w, "first", s->first_loss);
    json_member_double(w, "last", s->last_loss);
    json_end(w);
    json_key(w, "eval");
    if (s->n_evals == 0) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_member_double(w, "first", s->first_eval);
    json_member_double(w, "best", s->best_eval);
    json_member_int(w, "best_step", s->best_eval_step);
    json_member_double(w, "last", s->last_eval);
    json_end(w);
}

static void put_event(struct json_writer *w, const struct story_event *e)
{
    const struct pace_rate_decision *d = &e->entry->decision;
    json_begin_object(w);
    json_member_int(w, "step", e->step);
    json_member_int(w, "last_step", e->last_step);
    json_member_int(w, "count", (int64_t)e->n);
    json_member_text(w, "action", pace_action_name(d->action));
    json_member_text(w, "advice", pace_action_name(d->advice));
    json_member_text(w, "rule", pace_reason_name(d->reason));
    json_key(w, "reason");
    json_put_string(w, e->entry->reason);
    json_key(w, "numbers");
    json_begin_array(w);
    for (int i = 0; i < PACE_NUMBERS; i++)
        json_put_double(w, d->number[i]);
    json_end(w);
    json_member_double(w, "learning_rate", d->learning_rate);
    json_end(w);
}

void explain_view_json(const struct story *s, const char *path, struct buf *out)
{
    static const char *const ends[] = {
        [STORY_DONE] = "done", [STORY_STOPPED] = "stopped", [STORY_UNFINISHED] = "unfinished"};
    const struct pace_rate_options *o = &s->journal->options;
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    json_member_text(&w, "path", path);
    json_member_text(&w, "format", "journal");
    json_member_text(&w, "guard", guard_name(o->guard));
    json_member_text(&w, "schedule", pace_schedule_name(o->schedule.kind));
    json_member_double(&w, "learning_rate", o->schedule.learning_rate);
    json_member_int(&w, "total_steps", o->schedule.total_steps);
    json_member_int(&w, "warmup_steps", o->schedule.warmup_steps);
    json_member_int(&w, "gradients", s->n_gradients);
    json_member_int(&w, "evaluations", s->n_evals);
    json_member_int(&w, "steps", s->end_step);
    put_losses(&w, s);
    json_key(&w, "decisions");
    json_begin_array(&w);
    for (size_t i = 0; i < s->n_events; i++)
        put_event(&w, &s->events[i]);
    json_end(&w);
    json_member_text(&w, "end", ends[s->end]);
    json_key(&w, "cut");
    json_put_bool(&w, s->journal->is_cut);
    json_end(&w);
    buf_add_byte(out, '\n');
}
