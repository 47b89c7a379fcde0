/*
 * page_data.c - the numbers behind the charts of report.html.
 *
 *   first_step, last_step, log_loss, log_rate,
 *   loss, smooth, eval, rate [[step, value or null]…],
 *   marks [{x, n}] (n: its number in the list; 0: a small decision),
 *   bowl {low, high, bottom, top, chosen, has_cost, interval [low, high] or null, arms [{x, y, se,
 * measured}], curve, prior, posterior [[rate, value]…]} or null
 *
 * Six digits are more than a screen shows; a line of 100,000 steps is thinned, so that the page
 * stays small.
 */
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "format/json.h"
#include "report/html.h"
#include "report/page_part.h"

static void put_short(struct json_writer *w, double value)
{
    char text[NUM_TEXT_SIZE];
    double rounded;
    (void)snprintf(text, sizeof text, "%.6g", value);
    json_put_double(w,
                    isfinite(value) && num_parse_double(span_of(text), &rounded) ? rounded : NAN);
}

static void put_pair(struct json_writer *w, double x, double y)
{
    json_begin_array(w);
    put_short(w, x);
    put_short(w, y);
    json_end(w);
}

/* A gap stands at the step of the point before it: the script wants numbers there. */
static void put_line(const struct page *p, struct json_writer *w, const char *key,
                     const struct trace_line *line)
{
    struct trace_line thin = trace_thin(line, PAGE_POINTS, p->arena);
    double x = 0;
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < thin.n; i++) {
        x = isfinite(thin.x[i]) ? thin.x[i] : x;
        put_pair(w, x, isfinite(thin.x[i]) ? thin.y[i] : NAN);
    }
    json_end(w);
}

static void put_marks(const struct page *p, struct json_writer *w)
{
    const struct timeline *t = &p->report->timeline;
    json_key(w, "marks");
    json_begin_array(w);
    for (size_t i = 0, n = 0; i < t->n_items && i < PAGE_EVENTS; i++) {
        n += t->items[i].changes_run;
        json_begin_object(w);
        json_member_int(w, "x", t->items[i].step);
        json_member_int(w, "n", t->items[i].changes_run ? (int64_t)n : 0);
        json_end(w);
    }
    json_end(w);
}

static void put_curve(const struct page *p, struct json_writer *w, const char *key,
                      const double *values)
{
    json_key(w, key);
    json_begin_array(w);
    for (int i = 0; i < BOWL_POINTS; i++) {
        if (isfinite(values[i]))
            put_pair(w, p->bowl.rate[i], values[i]);
    }
    json_end(w);
}

static void put_arms(const struct page *p, struct json_writer *w)
{
    json_key(w, "arms");
    json_begin_array(w);
    for (size_t i = 0; i < p->facts->n_arms; i++) {
        const struct facts_arm *arm = &p->facts->arms[i];
        json_begin_object(w);
        json_member_double(w, "x", arm->learning_rate);
        json_member_double(w, "y", arm->loss);
        json_member_double(w, "se", arm->se > 0 ? arm->se : NAN);
        json_member_bool(w, "measured", bowl_is_measured(arm));
        json_end(w);
    }
    json_end(w);
}

static void put_bowl(const struct page *p, struct json_writer *w)
{
    const struct bowl *b = &p->bowl;
    const struct facts_search *s = &p->facts->search;
    json_key(w, "bowl");
    if (isnan(b->low)) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_member_double(w, "low", b->low);
    json_member_double(w, "high", b->high);
    json_member_double(w, "bottom", b->least);
    json_member_double(w, "top", b->most);
    json_member_double(w, "chosen", report_rate(p->report));
    json_member_bool(w, "has_cost", isfinite(s->double_cost) || isfinite(s->half_cost));
    json_key(w, "interval");
    if (isfinite(s->low) && isfinite(s->high))
        put_pair(w, s->low, s->high);
    else
        json_put_null(w);
    put_arms(p, w);
    put_curve(p, w, "curve", b->cost);
    put_curve(p, w, "prior", b->prior);
    put_curve(p, w, "posterior", b->posterior);
    json_end(w);
}

void page_data_put(const struct page *p)
{
    const struct trace *t = &p->report->trace;
    struct buf json;
    buf_init(&json, BUF_NO_LIMIT);
    struct json_writer w = {.out = &json, .compact = true};
    json_begin_object(&w);
    json_member_int(&w, "first_step", 0);
    json_member_int(&w, "last_step", p->report->story.end_step);
    json_member_bool(&w, "log_loss", t->log_loss);
    json_member_bool(&w, "log_rate", t->log_rate);
    put_line(p, &w, "loss", &t->loss);
    put_line(p, &w, "smooth", &t->smooth);
    put_line(p, &w, "eval", &t->eval);
    put_line(p, &w, "rate", &t->rate);
    put_marks(p, &w);
    put_bowl(p, &w);
    json_end(&w);
    html_add_json(p->out, buf_span(&json));
    buf_release(&json);
}
