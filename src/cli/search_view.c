/*
 * search_view.c - the evidence of a search, for a person and for a script.
 *
 * The plot has two scales. The curve (left) is what is believed: how many nats a rate would cost at
 * the end of the run, a parabola around the best rate, 1.6 times as steep on its right; the marks
 * are the chosen rate and the ends of the 80 % interval. The dots (right) are what was seen: the
 * held-out losses of the arms, after a few steps each. They need not have the same shape: a short
 * run favours other rates than a long one, and how far its word counts is the search's business.
 */
#include "cli/search_view.h"

#include <math.h>
#include <stdio.h>

#include "report/plot.h"

enum { POINTS = 81, PLOT_ROWS = 14, PLOT_COLUMNS = 72 };

static const double right_side = 1.6;

/* ------------------------------------------------------------------------------------- text -- */

static void end_line(const struct term *term, struct buf *line, struct buf *out)
{
    term_add_line(term, out, buf_span(line), term->width);
    buf_add_byte(out, '\n');
    buf_clear(line);
}

static void add_loss(struct buf *line, const struct pace_arm *arm, double base)
{
    if (arm->status != PACE_ARM_MEASURED) {
        buf_printf(line, "%9s%10s%8s", "-", "-", "-");
        return;
    }
    buf_printf(line, "%9.4f%+10.4f", arm->loss, arm->loss - base);
    if (arm->se > 0)
        buf_printf(line, "%8.4f", arm->se);
    else
        buf_printf(line, "%8s", "-");
}

/* Columns below which the table of arms would lose its last columns. */
enum { NARROW = 72 };

static const char *status_of(const struct search_shown *shown, int i, struct arena *arena)
{
    const struct pace_arm *arm = &shown->search->arms[i];
    return arena_printf(arena, "%s%s%s", pace_arm_status_name(arm->status),
                        arm->is_edge ? ", at an edge" : "",
                        i == shown->result->arm ? ", nearest" : "");
}

/* The same as a row of the table, in words. */
static void put_arm_narrow(const struct search_shown *shown, int i, const struct term *term,
                           struct buf *out)
{
    const struct pace_arm *arm = &shown->search->arms[i];
    struct arena arena = {0};
    const char *loss = arm->status == PACE_ARM_MEASURED
                           ? arena_printf(&arena, "held out %.4f (%+.4f to base), ", arm->loss,
                                          arm->loss - shown->search->base_loss)
                           : "";
    term_add_paragraph(term, out, "  ",
                       arena_printf(&arena, "%.3g, %s: %straining %.4f, %s", arm->learning_rate,
                                    arena_count(&arena, (uint64_t)arm->done, "step"), loss,
                                    arm->train, status_of(shown, i, &arena)));
    arena_release(&arena);
}

static void put_arms(const struct search_shown *shown, const struct term *term, struct buf *out)
{
    const struct pace_search *s = shown->search;
    struct arena arena = {0};
    struct buf line;
    buf_init(&line, 4096);
    buf_printf(out, "\n%sArms: %s%s\n", term_style(term, TERM_BOLD),
               pace_search_repeats(s) ? "the run in small, few rows seen several times"
                                      : "beginnings of the run",
               term_style(term, TERM_PLAIN));
    for (int i = 0; term->width < NARROW && i < s->n_arms; i++)
        put_arm_narrow(shown, i, term, out);
    if (term->width < NARROW)
        return;
    buf_printf(&line, "  %-9s%6s%9s%10s%8s%10s  %s", "rate", "steps", "held out", "to base", "+-",
               "training", "status");
    end_line(term, &line, out);
    for (int i = 0; i < s->n_arms; i++) {
        const struct pace_arm *arm = &s->arms[i];
        buf_printf(&line, "  %-9.3g%6lld", arm->learning_rate, (long long)arm->done);
        add_loss(&line, arm, s->base_loss);
        buf_printf(&line, "%10.4f  ", arm->train);
        term_add_paragraph(term, out, buf_string(&line), status_of(shown, i, &arena));
        buf_clear(&line);
    }
    buf_release(&line);
    arena_release(&arena);
}

static void put_plot(const struct search_shown *shown, const struct term *term, struct buf *out)
{
    const struct pace_search *s = shown->search;
    const struct pace_search_result *r = shown->result;
    double x[POINTS], y[POINTS], arm_x[PACE_SEARCH_ARMS], arm_y[PACE_SEARCH_ARMS];
    double best = (log10(r->low) + log10(r->high)) / 2, low = log10(r->low), high = log10(r->high);
    size_t n = 0;
    for (int i = 0; i < s->n_arms; i++) {
        if (s->arms[i].status != PACE_ARM_MEASURED)
            continue;
        arm_x[n] = log10(s->arms[i].learning_rate);
        arm_y[n] = s->arms[i].loss;
        low = fmin(low, arm_x[n]);
        high = fmax(high, arm_x[n++]);
    }
    for (size_t i = 0; i < POINTS; i++) {
        x[i] = low + (high - low) * (double)i / (POINTS - 1);
        double off = x[i] - best;
        y[i] = r->curvature * off * off * (off > 0 ? right_side : 1);
    }
    struct plot_line lines[] = {{.label = "cost at the end, expected", .x = x, .y = y, .n = POINTS},
                                {.label = "held-out loss of the arms",
                                 .x = arm_x,
                                 .y = arm_y,
                                 .n = n,
                                 .on_right = true,
                                 .is_dots = true}};
    struct plot_mark marks[] = {
        {log10(r->low), "10 %"}, {log10(r->learning_rate), "chosen"}, {log10(r->high), "90 %"}};
    struct plot plot = {.title = "the bowl",
                        .x_label = "log10 lr",
                        .y_label = "nats",
                        .right_label = "arms",
                        .lines = lines,
                        .n_lines = n > 0 ? 2 : 1,
                        .marks = marks,
                        .n_marks = COUNT_OF(marks)};
    struct plot_screen screen = {.columns = (int)min_size(term->width, PLOT_COLUMNS),
                                 .rows = PLOT_ROWS,
                                 .has_color = term->has_color,
                                 .has_unicode = term->has_unicode};
    buf_add_byte(out, '\n');
    plot_text(out, &plot, &screen);
}

static void put_costs(const struct search_shown *shown, const struct term *term, struct buf *out)
{
    const struct pace_search *s = shown->search;
    const struct pace_search_result *r = shown->result;
    int64_t steps = 0;
    struct arena arena = {0};
    char text[512];
    for (int i = 0; i < s->n_arms; i++)
        steps += s->arms[i].done;
    snprintf(text, sizeof text,
             "twice that rate is expected to cost %.2g nats, half of it %.2g (of a loss of %.3g "
             "before the run)",
             r->double_cost, r->half_cost, s->base_loss);
    buf_add_byte(out, '\n');
    term_add_paragraph(term, out, "  if wrong:  ", text);
    snprintf(text, sizeof text, "%s of arms and %d evaluations, %.1f %% of the run of %s",
             arena_count(&arena, (uint64_t)steps, "step"), s->n_arms + 1, 100 * r->cost,
             arena_count(&arena, (uint64_t)s->options.total_steps, "step"));
    term_add_paragraph(term, out, "  the bill:  ", text);
    arena_release(&arena);
}

void search_view_text(const struct search_shown *shown, const struct term *term, struct buf *out)
{
    char reason[512];
    (void)pace_search_explain(shown->result, reason, sizeof reason);
    buf_add_byte(out, '\n');
    term_add_paragraph(term, out, "", reason);
    if (shown->search->n_arms == 0)
        return;
    put_arms(shown, term, out);
    put_plot(shown, term, out);
    put_costs(shown, term, out);
}

/* ------------------------------------------------------------------------------------- JSON -- */

void search_view_json_arms(const struct search_shown *shown, struct json_writer *w)
{
    const struct pace_search *s = shown->search;
    json_key(w, "arms");
    json_begin_array(w);
    for (int i = 0; i < s->n_arms; i++) {
        const struct pace_arm *arm = &s->arms[i];
        json_begin_object(w);
        json_member_double(w, "learning_rate", arm->learning_rate);
        json_member_double(w, "loss", arm->loss);
        json_member_double(w, "se", arm->se);
        json_member_text(w, "status", pace_arm_status_name(arm->status));
        json_member_int(w, "steps", arm->done);
        json_member_double(w, "train_loss", arm->train);
        json_end(w);
    }
    json_end(w);
}

void search_view_json_outcome(const struct search_shown *shown, struct json_writer *w)
{
    const struct pace_search_result *r = shown->result;
    json_key(w, "search");
    json_begin_object(w);
    json_member_text(w, "method", pace_search_method_name(r->method));
    json_member_text(w, "reason", pace_search_reason_name(r->reason));
    json_member_double(w, "sd", r->sd);
    json_member_double(w, "base_loss", shown->search->base_loss);
    json_member_double(w, "double_cost", r->double_cost);
    json_member_double(w, "half_cost", r->half_cost);
    json_member_double(w, "curvature", r->curvature);
    json_member_int(w, "arm", r->arm);
    json_end(w);
}
