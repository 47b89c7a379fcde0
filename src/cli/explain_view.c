/*
 * explain_view.c - what `pace explain` shows on the terminal.
 *
 * The order is that of the run: what it was and what was chosen, what was known of the learning
 * rate, where the losses went (a plot, with a mark at each decision that changed the run), what
 * happened, in the sentences that the run itself wrote, and what came of it. A journal that lacks a
 * part (a run that was killed, one of an earlier version) is told without it. All texts come from a
 * file and go through term_add_safe.
 */
#include "cli/explain_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "report/plot.h"
#include "report/words.h"

enum {
    LABEL_COLUMNS = 10,
    STEP_COLUMNS = 8,
    ACTION_COLUMNS = 11,

    PLOT_ROWS = 16
};

/* More rows left out than these are counted alone. */
enum { ROWS_TOLD = 10 };

struct view {
    const struct report *report;
    const struct facts *facts;
    const struct story *story;
    const struct term *term;
    struct arena *arena;
    struct buf *out;
};

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
static void add_entry(struct view *v, const char *label, const char *text)
{
    buf_printf(v->out, "%s%-*s%s", term_style(v->term, TERM_DIM), LABEL_COLUMNS, label,
               term_style(v->term, TERM_PLAIN));
    add_wrapped(v, span_of(text), LABEL_COLUMNS);
}

static void add_format(struct view *v, const char *label, const char *format, ...)
    PRINTF_LIKE(3, 4);

static void add_format(struct view *v, const char *label, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    add_entry(v, label, text);
}

static void add_heading(struct view *v, const char *text)
{
    buf_printf(v->out, "\n%s%s%s\n", term_style(v->term, TERM_BOLD), text,
               term_style(v->term, TERM_PLAIN));
}

/* ---------------------------------------------------------------------------------- opening -- */

static void add_run(struct view *v)
{
    const struct facts *f = v->facts;
    struct arena *a = v->arena;
    if (!f->has_run)
        return;
    add_entry(v, "model", f->model ? f->model : "not known");
    add_format(v, "", "%s parameters, %s trained", words_size(a, f->parameters),
               words_size(a, f->trained_parameters));
    add_entry(v, "data", f->data ? f->data : "not known");
    add_format(v, "", "%s to train on, %s held out, %s to test on",
               words_number(a, f->train_rows, "row"), words_count(a, f->eval_rows),
               words_count(a, f->test_rows));
    add_entry(v, "method",
              arena_printf(a, "%s, %s", f->method ? f->method : "not known",
                           f->optimizer ? f->optimizer : "optimizer not known"));
}

static void add_setup(struct view *v)
{
    const struct pace_rate_options *o = &v->story->journal->options;
    const struct pace_schedule *s = &o->schedule;
    char warmup[48] = "", prior[96] = "";
    if (!v->story->journal->has_options)
        return;
    if (s->warmup_steps > 0)
        (void)snprintf(warmup, sizeof warmup, ", %" PRId64 " of warmup", s->warmup_steps);
    if (o->prior_rate > 0)
        (void)snprintf(prior, sizeof prior,
                       "; a rate of %.3g was expected, give or take %.2g decades", o->prior_rate,
                       o->prior_sd);
    add_format(v, "schedule", "%s, learning rate %.4g, %s%s", pace_schedule_name(s->kind),
               s->learning_rate, arena_count(v->arena, (uint64_t)s->total_steps, "step"), warmup);
    add_format(v, "guard", "%s%s", guard_name(o->guard), prior);
}

static void add_losses(struct view *v)
{
    const struct story *s = v->story;
    char best[64] = "";
    if (s->n_gradients > 0)
        add_format(v, "loss", "%.4g at first, %.4g at the end", s->first_loss, s->last_loss);
    if (isfinite(s->best_eval))
        (void)snprintf(best, sizeof best, "; lowest %.4g at step %" PRId64, s->best_eval,
                       s->best_eval_step);
    if (s->n_evals > 0)
        add_format(v, "held out", "%.4g at first, %.4g at the end%s", s->first_eval, s->last_eval,
                   best);
}

/* An option and its reason, or a check that did not hold. */
static void add_item(struct view *v, const char *name, const char *value, const char *reason)
{
    const char *text = value ? arena_printf(v->arena, "%s %s: %s", name, value, reason)
                             : arena_printf(v->arena, "%s: %s", name, reason);
    buf_add_text(v->out, "  ");
    add_wrapped(v, span_of(text), 2);
}

static void add_choices(struct view *v)
{
    const struct facts *f = v->facts;
    if (f->n_options > 0)
        add_heading(v, "Chosen");
    for (size_t i = 0; i < f->n_options; i++)
        add_item(v, f->options[i].option ? f->options[i].option : "an option",
                 f->options[i].value ? f->options[i].value : "none",
                 f->options[i].reason ? f->options[i].reason : "given");
}

static void add_warnings(struct view *v)
{
    const struct facts *f = v->facts;
    size_t n = 0;
    for (size_t i = 0; i < f->n_checks; i++) {
        if (f->checks[i].ok)
            continue;
        if (n++ == 0)
            add_heading(v, "Warnings before the first step");
        add_item(v, words_key(v->arena, f->checks[i].check), NULL,
                 f->checks[i].reason ? f->checks[i].reason : "did not hold");
    }
}

/* ---------------------------------------------------------------------------- learning rate -- */

static void add_arm(struct view *v, const struct facts_arm *arm)
{
    struct arena *a = v->arena;
    bool goes_on = v->facts->search.arm >= 0 && arm->arm == v->facts->search.arm;
    const char *loss = isfinite(arm->loss)
                           ? arena_printf(a, "loss %s", words_spread(a, arm->loss, arm->se))
                           : "no loss";
    const char *text =
        arena_printf(a, "%s %s, %s: %s, %s%s%s%s", goes_on ? "*" : "-",
                     words_rate(a, arm->learning_rate), words_number(a, arm->steps, "step"), loss,
                     arm->status ? words_key(a, arm->status) : "not known",
                     arm->reason && arm->reason[0] ? "; " : "", arm->reason ? arm->reason : "",
                     goes_on ? " (the run goes on from it)" : "");
    buf_add_text(v->out, "  ");
    add_wrapped(v, span_of(text), 4);
}

static void add_costs(struct view *v)
{
    const struct facts_search *s = &v->facts->search;
    struct arena *a = v->arena;
    if (isfinite(s->low) && isfinite(s->high))
        add_format(v, "80 %", "%s to %s", words_rate(a, s->low), words_rate(a, s->high));
    if (isfinite(s->double_cost))
        add_format(v, "twice it", "would cost %s nats per token", words_loss(a, s->double_cost));
    if (isfinite(s->half_cost))
        add_format(v, "half it", "would cost %s nats per token", words_loss(a, s->half_cost));
    if (isfinite(s->cost))
        add_entry(v, "search", words_search_cost(a, v->facts));
}

static void add_rate(struct view *v)
{
    const struct facts *f = v->facts;
    struct arena *a = v->arena;
    if (!f->prior.is_there && !f->search.is_there && f->n_arms == 0)
        return;
    add_heading(v, "Learning rate");
    if (f->prior.is_there)
        add_format(v, "guess", "%s, 80 %% from %s to %s", words_rate(a, f->prior.learning_rate),
                   words_rate(a, f->prior.low), words_rate(a, f->prior.high));
    for (size_t i = 0; i < f->n_arms; i++)
        add_arm(v, &f->arms[i]);
    if (f->search.is_there || v->story->journal->has_options) {
        add_format(v, "rate", "%s", words_rate(a, report_rate(v->report)));
        add_entry(v, "because", words_rate_origin(a, f));
    }
    add_costs(v);
}

/* ------------------------------------------------------------------------------------- plot -- */

/* Only what changes the run is marked: gradients scaled down can be many. */
static size_t make_marks(const struct timeline *t, struct plot_mark *marks)
{
    size_t n = 0;
    for (size_t i = 0; i < t->n_items; i++) {
        if (!t->items[i].changes_run)
            continue;
        marks[n++] = (struct plot_mark){(double)t->items[i].step, t->items[i].label};
    }
    return n;
}

static void add_plot(struct view *v)
{
    const struct trace *t = &v->report->trace;
    struct plot_mark *marks = arena_array(v->arena, struct plot_mark, v->report->timeline.n_items);
    struct plot_line lines[] = {
        {.label = "loss", .x = t->loss.x, .y = t->loss.y, .n = t->loss.n},
        {.label = "learning rate",
         .x = t->rate.x,
         .y = t->rate.y,
         .n = t->rate.n,
         .on_right = true},
        {.label = "held out", .x = t->eval.x, .y = t->eval.y, .n = t->eval.n, .is_dots = true},
    };
    struct plot plot = {.x_label = "step",
                        .lines = lines,
                        .n_lines = t->eval.n > 0 ? 3 : 2,
                        .marks = marks,
                        .n_marks = make_marks(&v->report->timeline, marks),
                        .log_y = t->log_loss,
                        .log_right = t->log_rate};
    struct plot_screen screen = {(int)v->term->width, PLOT_ROWS, v->term->has_color,
                                 v->term->has_unicode};
    buf_add_byte(v->out, '\n');
    plot_text(v->out, &plot, &screen);
}

/* ----------------------------------------------------------------------------- what happened -- */

/* What was decided, with the place of a row that was left out. */
static const char *event_text(struct view *v, const struct timeline_item *item)
{
    const struct facts_incident *i = item->incident;
    if (!i || !i->file || !isfinite(i->line))
        return item->reason;
    return arena_printf(v->arena, "%s, line %.0f: %s", i->file, i->line, item->reason);
}

static void add_event(struct view *v, const struct timeline_item *item)
{
    const size_t indent = STEP_COLUMNS + 2 + ACTION_COLUMNS;
    struct buf safe;
    buf_init(&safe, BUF_NO_LIMIT);
    size_t columns = term_add_line(v->term, &safe, span_of(item->label), ACTION_COLUMNS - 1);
    buf_printf(v->out, "%*" PRId64 "  %s%s%s%*s", STEP_COLUMNS, item->step,
               term_style(v->term, TERM_BOLD), buf_string(&safe), term_style(v->term, TERM_PLAIN),
               (int)(ACTION_COLUMNS - columns), "");
    add_wrapped(v, span_of(event_text(v, item)), indent);
    if (item->n > 1) {
        const char *more = arena_printf(v->arena, "%zu more like it, the last at step %" PRId64,
                                        item->n - 1, item->last_step);
        buf_printf(v->out, "%*s", (int)indent, "");
        add_wrapped(v, span_of(more), indent);
    }
    buf_release(&safe);
}

static bool is_row(const struct timeline_item *item)
{
    return item->incident && item->incident->row >= 0;
}

static void add_events(struct view *v)
{
    const struct timeline *t = &v->report->timeline;
    size_t n_rows = 0;
    if (v->story->n_gradients + v->story->n_evals == 0 && t->n_items == 0)
        return;
    if (t->n_items == 0) {
        buf_add_byte(v->out, '\n');
        add_wrapped(v, span_of("Nothing happened: every update was made as scheduled."), 0);
        return;
    }
    bool is_advice = v->story->journal->options.guard != PACE_GUARD_ACT;
    buf_printf(v->out, "\n%s%*s  %s%s\n", term_style(v->term, TERM_DIM), STEP_COLUMNS, "step",
               is_advice ? "advice" : "decision", term_style(v->term, TERM_PLAIN));
    for (size_t i = 0; i < t->n_items; i++) {
        n_rows += is_row(&t->items[i]);
        if (!is_row(&t->items[i]) || n_rows <= ROWS_TOLD)
            add_event(v, &t->items[i]);
    }
    if (n_rows > ROWS_TOLD)
        buf_printf(v->out, "%*s  %s more left out\n", STEP_COLUMNS, "",
                   arena_count(v->arena, n_rows - ROWS_TOLD, "row"));
}

/* -------------------------------------------------------------------------------------- end -- */

static void add_verdict(struct view *v)
{
    const char *forgotten = words_forgotten(v->arena, v->facts);
    if (!v->facts->verdict.is_there)
        return;
    buf_add_byte(v->out, '\n');
    add_format(v, "verdict", "%s.", words_headline(v->facts));
    add_entry(v, "", words_verdict(v->arena, v->facts));
    if (forgotten)
        add_entry(v, "forgotten", forgotten);
}

static const char *end_words(const struct report *r)
{
    static const struct {
        const char *status, *words;
    } ends[] = {
        {"done", "all steps are done"},
        {"stopped", "the guard ended the run"},
        {"interrupted", "the run was interrupted"},
        {"unfinished", "the journal ends here: the run was killed, or is still going on"},
    };
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        if (strcmp(report_status(r), ends[i].status) == 0)
            return ends[i].words;
    }
    return report_status(r);
}

static void add_end(struct view *v)
{
    const struct story *s = v->story;
    const struct facts_end *end = &v->facts->end;
    char again[48] = "";
    int64_t n_again = s->n_gradients - (s->end_step - s->first_step);
    if (n_again > 0)
        (void)snprintf(again, sizeof again, "; %s done again",
                       arena_count(v->arena, (uint64_t)n_again, "step"));
    buf_add_byte(v->out, '\n');
    add_entry(v, "end",
              arena_printf(v->arena, "step %" PRId64 ": %s", s->end_step, end_words(v->report)));
    add_format(v, "computed", "%s, %s%s",
               arena_count(v->arena, (uint64_t)s->n_gradients, "gradient"),
               arena_count(v->arena, (uint64_t)s->n_evals, "evaluation"), again);
    if (isfinite(end->tokens) && isfinite(end->seconds))
        add_format(v, "", "%s in %s, %s of memory at most",
                   words_number(v->arena, end->tokens, "token"), words_time(v->arena, end->seconds),
                   words_bytes(v->arena, end->peak_memory_bytes));
}

void explain_view_text(const struct report *r, const struct term *term, struct buf *out)
{
    struct arena arena = {0};
    struct view v = {r, &r->facts, &r->story, term, &arena, out};
    add_entry(&v, "journal", r->path);
    add_run(&v);
    add_setup(&v);
    add_losses(&v);
    add_choices(&v);
    add_warnings(&v);
    add_rate(&v);
    if (r->story.n_gradients > 1)
        add_plot(&v);
    add_events(&v);
    add_verdict(&v);
    add_end(&v);
    arena_release(&arena);
}
