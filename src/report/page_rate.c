/*
 * page_rate.c - the card of the learning rate: what was chosen and why, what the search saw, what
 * twice and half of it would have cost, what the search itself did, the first guess term by term.
 */
#include <math.h>

#include "report/html.h"
#include "report/page_part.h"
#include "report/words.h"

static void put_bowl(const struct page *p)
{
    const struct bowl *b = &p->bowl;
    const struct facts *f = p->facts;
    if (isnan(b->low))
        return;
    double *at = arena_array(p->arena, double, BOWL_POINTS);
    double *arm_at = arena_array(p->arena, double, f->n_arms);
    double *arm_loss = arena_array(p->arena, double, f->n_arms);
    size_t n_arms = 0, n_lines = 0;
    for (int i = 0; i < BOWL_POINTS; i++)
        at[i] = log10(b->rate[i]);
    for (size_t i = 0; i < f->n_arms; i++) {
        if (!bowl_is_measured(&f->arms[i]))
            continue;
        arm_at[n_arms] = log10(f->arms[i].learning_rate);
        arm_loss[n_arms++] = f->arms[i].loss;
    }
    struct plot_line lines[3];
    if (b->has_curve)
        lines[n_lines++] =
            (struct plot_line){"expected cost at the end", at, b->cost, BOWL_POINTS, false, false};
    else if (b->has_posterior || b->has_prior)
        lines[n_lines++] = (struct plot_line){"how likely it is the best",
                                              at,
                                              b->has_posterior ? b->posterior : b->prior,
                                              BOWL_POINTS,
                                              false,
                                              false};
    if (n_arms > 0)
        lines[n_lines++] = (struct plot_line){
            "held-out loss of short runs", arm_at, arm_loss, n_arms, n_lines > 0, true};
    struct plot plot = {
        .x_label = "learning rate (its logarithm to base 10)", .lines = lines, .n_lines = n_lines};
    if (n_lines > 0)
        page_chart(p, "chart-bowl", "bowl", &plot);
}

static void put_key(const struct page *p)
{
    const struct bowl *b = &p->bowl;
    size_t n_measured = 0;
    for (size_t i = 0; i < p->facts->n_arms; i++)
        n_measured += bowl_is_measured(&p->facts->arms[i]);
    if (isnan(b->low))
        return;
    buf_add_text(p->out, "<ul class=\"key\">");
    if (n_measured > 0)
        buf_add_text(p->out, "<li><i class=\"dot\"></i>short runs, with standard errors</li>");
    if (b->has_curve)
        buf_add_text(
            p->out, "<li class=\"k-tuned\"><i></i>what a rate is expected to cost at the end</li>");
    if (isfinite(p->facts->search.low) && isfinite(p->facts->search.high))
        buf_add_text(p->out,
                     "<li class=\"k-tuned\"><i class=\"band\"></i>where the best lies, 80 %</li>");
    if (b->has_prior)
        buf_add_text(p->out, "<li class=\"k-base\"><i class=\"band\"></i>the first guess</li>");
    buf_add_text(p->out, "</ul>\n");
}

/* What the run would have lost with another rate, beside what it gained. */
static const char *cost(const struct page *p, double nats)
{
    struct words_gain g = words_gain(&p->facts->verdict);
    const char *text = arena_printf(p->arena, "%s nats per token", words_loss(p->arena, nats));
    if (g.gain > 0 && nats >= 0 && nats < g.gain)
        text = arena_printf(p->arena, "%s, %s of the gain", text,
                            words_share(p->arena, nats / g.gain));
    return text;
}

static void put_pairs(const struct page *p)
{
    const struct facts_search *s = &p->facts->search;
    const struct journal *j = &p->report->journal;
    struct arena *a = p->arena;
    buf_add_text(p->out, "<dl class=\"pairs\">\n");
    if (isfinite(s->low) && isfinite(s->high))
        page_pair(p, "The best lies between",
                  arena_printf(a, "%s and %s, with 80 %%", words_rate(a, s->low),
                               words_rate(a, s->high)));
    if (isfinite(s->double_cost))
        page_pair(p, "Twice the rate would cost", cost(p, s->double_cost));
    if (isfinite(s->half_cost))
        page_pair(p, "Half the rate would cost", cost(p, s->half_cost));
    if (isfinite(s->cost))
        page_pair(p, "The search took", words_search_cost(a, p->facts));
    if (j->has_options)
        page_pair(p, "Schedule",
                  arena_printf(a, "%s over %s, %s of warmup",
                               pace_schedule_name(j->options.schedule.kind),
                               words_number(a, (double)j->options.schedule.total_steps, "step"),
                               words_count(a, (double)j->options.schedule.warmup_steps)));
    buf_add_text(p->out, "</dl>\n");
}

static bool is_chosen(const struct facts *f, const struct facts_arm *arm)
{
    return f->search.arm >= 0 && arm->arm == f->search.arm;
}

static void put_arm(const struct page *p, const struct facts_arm *arm)
{
    struct arena *a = p->arena;
    const char *loss = isfinite(arm->loss) ? words_spread(a, arm->loss, arm->se) : "none";
    buf_add_text(p->out, is_chosen(p->facts, arm) ? "<tr class=\"chosen\">" : "<tr>");
    page_cell(p, "nowrap", words_rate(a, arm->learning_rate));
    page_cell(p, "n wide", words_count(a, arm->steps));
    page_cell(p, "n", loss);
    bool is_edge = arm->status && strcmp(arm->status, "edge") == 0;
    page_cell(p, "nowrap", is_edge ? "added at the edge" : words_key(a, arm->status));
    page_cell(p, "more", arm->reason);
    buf_add_text(p->out, "</tr>\n");
}

static void put_arms(const struct page *p)
{
    const struct facts *f = p->facts;
    if (f->n_arms == 0)
        return;
    buf_add_text(p->out,
                 "<h3>Short runs from the same start</h3>\n<table class=\"rows\">\n"
                 "<thead><tr><th>learning rate</th><th class=\"n\">steps</th>"
                 "<th class=\"n\">held-out loss</th><th>outcome</th><th></th></tr></thead>\n");
    for (size_t i = 0; i < f->n_arms && i < PAGE_ROWS; i++)
        put_arm(p, &f->arms[i]);
    buf_add_text(p->out, "</table>\n");
    const struct journal *j = &p->report->journal;
    if (j->has_options && j->options.schedule.warmup_steps > 0)
        buf_add_text(p->out, "<p class=\"soft small\">Each is the run's beginning at that peak. "
                             "Part of it is warmup, at lower rates: the search counts it for the "
                             "mean of the rates that it had.</p>\n");
}

/* The base term is a rate; the others multiply it. */
static const char *effect(struct arena *a, const struct facts_term *t)
{
    double times = pow(10, fabs(t->effect));
    if (t->name && strcmp(t->name, "base") == 0)
        return words_rate(a, pow(10, t->effect));
    if (!isfinite(times))
        return "not known";
    return arena_printf(a, "%s %.*f", t->effect < 0 ? "÷" : "×", times < 9.95 ? 2 : 0, times);
}

static void put_prior(const struct page *p)
{
    const struct facts_prior *prior = &p->facts->prior;
    struct arena *a = p->arena;
    if (!prior->is_there)
        return;
    buf_add_text(p->out, "<details><summary>How the first guess is made up</summary>\n");
    html_put(p->out, "p",
             arena_printf(a, "%s before anything was measured; with 80 %% between %s and %s.",
                          words_rate(a, prior->learning_rate), words_rate(a, prior->low),
                          words_rate(a, prior->high)));
    buf_add_text(p->out, "<table class=\"rows\">\n<thead><tr><th>what</th>"
                         "<th class=\"n\">effect</th><th class=\"n\">runs behind it</th>"
                         "<th>from</th></tr></thead>\n");
    for (size_t i = 0; i < prior->n_terms && i < PAGE_ROWS; i++) {
        const struct facts_term *t = &prior->terms[i];
        buf_add_text(p->out, "<tr>");
        page_cell(p, "nowrap", words_key(a, t->name));
        page_cell(p, "n", effect(a, t));
        page_cell(p, "n", t->runs > 0 ? words_count(a, t->runs) : "");
        page_cell(p, "more", t->source);
        buf_add_text(p->out, "</tr>\n");
    }
    buf_add_text(p->out, "</table></details>\n");
}

/* What the guard changed of the rate while it ran. */
static void put_guard(const struct page *p)
{
    const struct timeline *t = &p->report->timeline;
    size_t n = 0;
    for (size_t i = 0; i < t->n_items; i++)
        n += t->items[i].changes_run;
    if (p->report->story.n_gradients == 0)
        return;
    if (n == 0)
        html_put(p->out, "p class=\"soft\"",
                 "In training nothing stood in its way: every update was made as scheduled.");
    else
        html_put(p->out, "p class=\"soft\"",
                 n == 1 ? "In training there was one decision more: see “What happened”."
                        : arena_printf(p->arena,
                                       "In training there were %zu decisions more: see “What "
                                       "happened”.",
                                       n));
}

void page_rate_put(const struct page *p)
{
    buf_add_text(p->out,
                 "<section id=\"learning-rate\">\n<h2>The learning rate</h2>\n"
                 "<p class=\"soft\">How far each step of the training goes: too far destroys "
                 "what the model knew, too short wastes the time.</p>\n"
                 "<div class=\"card\">\n<div class=\"rate\">");
    html_put(p->out, "span class=\"value\"", words_rate(p->arena, report_rate(p->report)));
    buf_add_text(p->out, "</div>\n");
    html_put(p->out, "p", words_rate_origin(p->arena, p->facts));
    put_bowl(p);
    put_key(p);
    put_pairs(p);
    put_arms(p);
    put_prior(p);
    put_guard(p);
    buf_add_text(p->out, "</div>\n</section>\n");
}
