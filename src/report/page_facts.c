/*
 * page_facts.c - answers before and after, what was chosen and why, the data, memory and time.
 */
#include <math.h>

#include "report/html.h"
#include "report/page_part.h"
#include "report/words.h"

enum { COLORS = 8 }; /* s0 … s7 in page.css */

/* ---------------------------------------------------------------------------------- answers -- */

static void put_side(const struct page *p, const char *class, const char *name, const char *text)
{
    buf_printf(p->out, "<div class=\"side %s\"><h4>%s</h4><div class=\"text\">", class, name);
    html_add_lines(p->out, text && text[0] ? text : "(nothing)");
    buf_add_text(p->out, "</div></div>\n");
}

static void put_answer(const struct page *p, const struct facts_answer *answer)
{
    buf_add_text(p->out, "<div class=\"answer\"><div class=\"prompt text\">");
    html_add_lines(p->out, answer->prompt ? answer->prompt : "");
    buf_add_text(p->out, "</div>\n<div class=\"sides\">\n");
    put_side(p, "base", "Before", answer->base);
    put_side(p, "tuned", "After", answer->tuned);
    buf_add_text(p->out, "</div>\n");
    if (answer->expected && answer->expected[0]) {
        buf_add_text(p->out, "<div class=\"expected text\">In the data: ");
        html_add_lines(p->out, answer->expected);
        buf_add_text(p->out, "</div>\n");
    }
    buf_add_text(p->out, "</div>\n");
}

static void put_answers(const struct page *p)
{
    const struct facts *f = p->facts;
    if (f->n_answers == 0)
        return;
    buf_add_text(p->out, "<section id=\"answers\">\n<h2>Before and after</h2>\n");
    html_put(p->out, "p class=\"soft\"",
             "The same questions, from rows that were not trained on, put to the base and to the "
             "tuned model.");
    for (size_t i = 0; i < f->n_answers && i < PAGE_ANSWERS; i++)
        put_answer(p, &f->answers[i]);
    buf_add_text(p->out, "</section>\n");
}

/* ---------------------------------------------------------------------------------- choices -- */

static void put_choices(const struct page *p)
{
    const struct facts *f = p->facts;
    if (f->n_options == 0)
        return;
    buf_add_text(p->out,
                 "<section id=\"choices\">\n<h2>What was chosen</h2>\n<table class=\"stack\">\n"
                 "<thead><tr><th>option</th><th>value</th><th>because</th></tr></thead>\n");
    for (size_t i = 0; i < f->n_options && i < PAGE_ROWS; i++) {
        buf_add_text(p->out, "<tr>");
        page_cell(p, "mono nowrap",
                  arena_printf(p->arena, "--%s", f->options[i].option ? f->options[i].option : ""));
        bool is_short = f->options[i].value && strlen(f->options[i].value) < 16;
        page_cell(p, is_short ? "mono nowrap" : "mono", f->options[i].value);
        page_cell(p, f->options[i].reason ? "" : "soft",
                  f->options[i].reason ? f->options[i].reason : "it was given");
        buf_add_text(p->out, "</tr>\n");
    }
    buf_add_text(p->out, "</table>\n</section>\n");
}

/* ------------------------------------------------------------------------------------- data -- */

static const char *place_of_row(const struct page *p, const struct facts_incident *q)
{
    struct arena *a = p->arena;
    if (q->file && isfinite(q->line))
        return arena_printf(a, "%s, line %.0f", words_name(a, q->file), q->line);
    if (isfinite(q->row))
        return arena_printf(a, "row %s", words_count(a, q->row));
    return q->file ? words_name(a, q->file) : "not known";
}

static void put_quarantined(const struct page *p)
{
    const struct facts *f = p->facts;
    size_t n = min_size(f->n_quarantined, PAGE_ROWS);
    if (n == 0)
        return;
    html_put(p->out, "h3", n == 1 ? "A row that was left out" : "Rows that were left out");
    buf_add_text(p->out, "<table class=\"stack\">\n");
    for (size_t i = 0; i < n; i++) {
        buf_add_text(p->out, "<tr>");
        page_cell(p, "nowrap", place_of_row(p, &f->quarantined[i]));
        page_cell(p, "", f->quarantined[i].reason);
        buf_add_text(p->out, "</tr>\n");
    }
    buf_add_text(p->out, "</table>\n");
    if (f->n_quarantined > n)
        html_put(p->out, "p class=\"soft\"",
                 arena_printf(p->arena, "%zu more stand in journal.jsonl.", f->n_quarantined - n));
}

static void put_data(const struct page *p)
{
    const struct facts *f = p->facts;
    struct arena *a = p->arena;
    if (!f->has_run)
        return;
    buf_add_text(p->out, "<section id=\"data\">\n<h2>Model and data</h2>\n<dl class=\"pairs\">\n");
    page_pair(p, "Model", f->model);
    page_pair(p, "Kind",
              arena_printf(a, "%s, %s parameters, of which %s were trained",
                           f->model_type ? f->model_type : "not known",
                           words_size(a, f->parameters), words_size(a, f->trained_parameters)));
    page_pair(p, "Method",
              arena_printf(a, "%s with %s", f->method ? f->method : "not known",
                           f->optimizer ? f->optimizer : "an optimizer not known"));
    page_pair(p, "Data", f->data);
    page_pair(p, "Rows",
              arena_printf(a, "%s to train on, %s held out for choices, %s for the verdict alone",
                           words_count(a, f->train_rows), words_count(a, f->eval_rows),
                           words_count(a, f->test_rows)));
    if (isfinite(f->epochs))
        page_pair(p, "Passes",
                  arena_printf(a, "%.3g over the data, %s a step", f->epochs,
                               words_number(a, f->batch_rows, "row")));
    if (isfinite(f->seed))
        page_pair(p, "Seed", words_count(a, f->seed));
    buf_add_text(p->out, "</dl>\n");
    put_quarantined(p);
    buf_add_text(p->out, "</section>\n");
}

/* -------------------------------------------------------------------------- memory and time -- */

struct part {
    const char *name;
    double size;
    const char *text;
};

/* A bar cut into shares, and the names of its parts. Only sizes above zero are shown. */
static void put_parts(const struct page *p, const struct part *parts, size_t n)
{
    double total = 0;
    for (size_t i = 0; i < n; i++)
        total += parts[i].size > 0 && isfinite(parts[i].size) ? parts[i].size : 0;
    if (!(total > 0) || !isfinite(total))
        return;
    buf_add_text(p->out, "<div class=\"bar\">");
    for (size_t i = 0; i < n; i++) {
        if (parts[i].size > 0)
            buf_printf(p->out, "<span class=\"s%zu\" style=\"width:%.3f%%\"></span>", i % COLORS,
                       100 * parts[i].size / total);
    }
    buf_add_text(p->out, "</div>\n<ul class=\"parts\">\n");
    for (size_t i = 0; i < n; i++) {
        if (!(parts[i].size > 0))
            continue;
        buf_printf(p->out, "<li><i class=\"s%zu\"></i>", i % COLORS);
        html_put(p->out, "span", parts[i].name);
        html_put(p->out, "b", parts[i].text);
        buf_add_text(p->out, "</li>\n");
    }
    buf_add_text(p->out, "</ul>\n");
}

static void put_memory(const struct page *p)
{
    const struct facts *f = p->facts;
    struct part *parts = arena_array(p->arena, struct part, f->n_memory);
    size_t n = 0;
    if (f->n_memory == 0)
        return;
    for (size_t i = 0; i < f->n_memory && i < PAGE_ROWS; i++) {
        const struct facts_memory *m = &f->memory[i];
        if (strcmp(m->name, "total") != 0)
            parts[n++] = (struct part){words_key(p->arena, m->name), m->bytes,
                                       words_bytes(p->arena, m->bytes)};
    }
    buf_add_text(p->out, "<div class=\"card\">\n<h3>Memory reserved</h3>\n");
    put_parts(p, parts, n);
    if (isfinite(f->end.peak_memory_bytes))
        html_put(p->out, "p class=\"soft small\"",
                 arena_printf(p->arena, "The process took %s at most.",
                              words_bytes(p->arena, f->end.peak_memory_bytes)));
    buf_add_text(p->out, "</div>\n");
}

static void put_time(const struct page *p)
{
    const struct facts_end *e = &p->facts->end;
    struct arena *a = p->arena;
    if (!e->is_there)
        return;
    struct part parts[] = {
        {"training", e->main, words_share(a, e->main)},
        {"search", e->search, words_share(a, e->search)},
        {"held-out and test losses", e->eval, words_share(a, e->eval)},
        {"steps done again", e->redo, words_share(a, e->redo)},
    };
    double speed = isfinite(e->tokens_per_second) ? e->tokens_per_second : e->tokens / e->seconds;
    buf_add_text(p->out,
                 "<div class=\"card\">\n<h3>Computing, as shares of the planned run</h3>\n");
    put_parts(p, parts, COUNT_OF(parts));
    buf_add_text(p->out, "<p class=\"soft small\">");
    html_add_text(p->out,
                  arena_printf(a, "%s, %s in %s", words_number(a, e->steps, "step"),
                               words_number(a, e->tokens, "token"), words_time(a, e->seconds)));
    if (isfinite(speed))
        html_add_text(p->out, arena_printf(a, ", %s a second", words_count(a, speed)));
    buf_add_text(p->out, ".</p>\n</div>\n");
}

void page_facts_put(const struct page *p)
{
    put_answers(p);
    put_choices(p);
    put_data(p);
    if (p->facts->n_memory == 0 && !p->facts->end.is_there)
        return;
    buf_add_text(p->out, "<section id=\"cost\">\n<h2>What it took</h2>\n<div class=\"two\">\n");
    put_time(p);
    put_memory(p);
    buf_add_text(p->out, "</div>\n</section>\n");
}
