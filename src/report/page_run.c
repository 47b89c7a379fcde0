/*
 * page_run.c - the curves of a run, and the list of what happened in it.
 *
 * Decisions that changed the run are numbered, in the curves and in the list; small ones (a
 * gradient scaled down, a batch left out) stand in the list alone.
 */
#include <inttypes.h>
#include <math.h>

#include "report/html.h"
#include "report/page_part.h"
#include "report/words.h"

static size_t make_marks(const struct page *p, struct plot_mark *marks)
{
    const struct timeline *t = &p->report->timeline;
    size_t n = 0;
    for (size_t i = 0; i < t->n_items && n < PAGE_EVENTS; i++) {
        if (!t->items[i].changes_run)
            continue;
        const char *number = arena_printf(p->arena, "%zu", n + 1);
        marks[n++] = (struct plot_mark){(double)t->items[i].step, number};
    }
    return n;
}

static void put_curves(const struct page *p)
{
    const struct trace *t = &p->report->trace;
    struct plot_mark *marks = arena_array(p->arena, struct plot_mark, PAGE_EVENTS);
    struct plot_line losses[] = {
        {.label = "loss", .x = t->smooth.x, .y = t->smooth.y, .n = t->smooth.n},
        {.label = "held out", .x = t->eval.x, .y = t->eval.y, .n = t->eval.n, .is_dots = true},
    };
    struct plot_line rates[] = {
        {.label = "learning rate", .x = t->rate.x, .y = t->rate.y, .n = t->rate.n},
    };
    struct plot loss = {.y_label = "loss, nats per token",
                        .lines = losses,
                        .n_lines = t->eval.n > 0 ? 2 : 1,
                        .marks = marks,
                        .n_marks = make_marks(p, marks),
                        .log_y = t->log_loss};
    struct plot rate = {.x_label = "step",
                        .y_label = "learning rate",
                        .lines = rates,
                        .n_lines = 1,
                        .log_y = t->log_rate};
    page_chart(p, "chart-loss", "tall", &loss);
    buf_add_text(p->out, "<ul class=\"key\"><li class=\"k-tuned\"><i></i>loss, smoothed; faint: of "
                         "each batch</li>");
    if (t->eval.n > 0)
        buf_add_text(p->out, "<li class=\"k-held\"><i class=\"dot\"></i>held-out loss</li>");
    buf_add_text(p->out, "</ul>\n");
    page_chart(p, "chart-rate", "low", &rate);
}

static void put_event(const struct page *p, const struct timeline_item *item, size_t mark)
{
    bool is_only_advice = strcmp(item->action, item->advice) != 0;
    buf_add_text(p->out, "<li>");
    html_put(p->out, mark > 0 ? "span class=\"badge\"" : "span class=\"badge quiet\"",
             mark > 0 ? arena_printf(p->arena, "%zu", mark) : "·");
    buf_add_text(p->out, "<div>");
    html_put(p->out, "b", item->label);
    const char *when = arena_printf(p->arena, "step %s", words_count(p->arena, (double)item->step));
    if (item->n > 1)
        when = arena_printf(p->arena, "%zu times, steps %s to %s", item->n,
                            words_count(p->arena, (double)item->step),
                            words_count(p->arena, (double)item->last_step));
    if (is_only_advice)
        when = arena_printf(p->arena, "%s; advised, not done", when);
    html_put(p->out, "span class=\"when\"", when);
    if (item->reason[0])
        html_put(p->out, "p", item->reason);
    if (item->incident && item->incident->file)
        html_put(p->out, "p class=\"soft small\"",
                 isfinite(item->incident->line)
                     ? arena_printf(p->arena, "%s, line %.0f", item->incident->file,
                                    item->incident->line)
                     : item->incident->file);
    buf_add_text(p->out, "</div></li>\n");
}

static void put_events(const struct page *p)
{
    const struct timeline *t = &p->report->timeline;
    size_t mark = 0, n = min_size(t->n_items, PAGE_EVENTS);
    html_put(p->out, "h3", "What happened");
    if (n == 0) {
        html_put(p->out, "p class=\"soft\"", "Nothing: every update was made as scheduled.");
        return;
    }
    buf_add_text(p->out, "<ol class=\"events\">\n");
    for (size_t i = 0; i < n; i++) {
        mark += t->items[i].changes_run;
        put_event(p, &t->items[i], t->items[i].changes_run ? mark : 0);
    }
    buf_add_text(p->out, "</ol>\n");
    if (t->n_items > n)
        html_put(p->out, "p class=\"soft\"",
                 arena_printf(p->arena, "%zu more stand in journal.jsonl.", t->n_items - n));
}

void page_run_put(const struct page *p)
{
    if (p->report->story.n_gradients == 0)
        return;
    buf_add_text(p->out, "<section id=\"run\">\n<h2>The run</h2>\n");
    put_curves(p);
    put_events(p);
    buf_add_text(p->out, "</section>\n");
}
