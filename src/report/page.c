/*
 * page.c - report.html, from the top: the verdict in plain words, then the evidence.
 *
 * The page stands alone. Style, Chart.js and script are embedded (asset.h); nothing is loaded, and
 * the Content-Security-Policy in its head lets only these two scripts run, known by their hashes:
 * should a text of the run ever slip through unescaped, it can run nothing. Without scripts each
 * chart is a still picture, everything else is text.
 *
 * The order is that of the questions: is it better? was the learning rate right? did the run go
 * well? what does it say now? what was chosen, on which data, at what cost? how do I use it?
 */
#include "report/page.h"

#include <math.h>

#include "report/asset.h"
#include "report/html.h"
#include "report/page_part.h"
#include "report/use.h"
#include "report/words.h"

/* Pixels of still pictures. */
enum { STILL_WIDTH = 880, STILL_HEIGHT = 330 };

/* Bytes up to which a cell of a table keeps what its class says of it: that it is not broken. */
enum { SHORT_CELL = 40 };

/* ----------------------------------------------------------------------------- common parts -- */

void page_pair(const struct page *p, const char *name, const char *value)
{
    html_put(p->out, "dt", name);
    html_put(p->out, "dd", value ? value : "not known");
}

void page_cell(const struct page *p, const char *class, const char *text)
{
    bool is_broken = strstr(class, "nowrap") && text && strlen(text) > SHORT_CELL;
    class = is_broken ? "" : class;
    buf_printf(p->out, "<td%s%s%s>", class[0] ? " class=\"" : "", class, class[0] ? "\"" : "");
    html_add_text(p->out, text ? text : "");
    buf_add_text(p->out, "</td>");
}

void page_chart(const struct page *p, const char *id, const char *kind, const struct plot *plot)
{
    struct buf svg;
    buf_init(&svg, BUF_NO_LIMIT);
    plot_svg(&svg, plot, STILL_WIDTH, STILL_HEIGHT);
    buf_printf(p->out, "<div class=\"chart still %s\" id=\"%s\" data-label=\"%s\">\n", kind, id,
               plot->y_label ? plot->y_label : "loss against learning rate");
    html_add_svg(p->out, buf_span(&svg));
    buf_add_text(p->out, "</div>\n");
    buf_release(&svg);
}

/* ---------------------------------------------------------------------------------- verdict -- */

static void put_number(const struct page *p, const char *before, const char *value,
                       const char *name)
{
    buf_add_text(p->out, "<div class=\"number\"><b>");
    if (before) {
        buf_add_text(p->out, "<i>");
        html_add_text(p->out, before);
        buf_add_text(p->out, " → </i>");
    }
    html_add_text(p->out, value);
    buf_add_text(p->out, "</b>");
    html_put(p->out, "span", name);
    buf_add_text(p->out, "</div>\n");
}

static void put_numbers(const struct page *p)
{
    const struct facts_verdict *v = &p->facts->verdict;
    struct arena *a = p->arena;
    buf_add_text(p->out, "<div class=\"numbers\">\n");
    if (isfinite(v->base_loss) && isfinite(v->tuned_loss)) {
        put_number(
            p, words_loss(a, v->base_loss), words_loss(a, v->tuned_loss),
            arena_printf(a, "loss on %s, nats per token", words_number(a, v->rows, "test row")));
        put_number(p, words_perplexity(a, v->base_loss), words_perplexity(a, v->tuned_loss),
                   "perplexity there");
    }
    if (v->base_exact + v->tuned_exact > 0)
        put_number(p, words_count(a, v->base_exact), words_count(a, v->tuned_exact),
                   arena_printf(a, "of %s there said word for word",
                                words_number(a, v->answers, "answer")));
    if (isfinite(v->kl))
        put_number(p, NULL, words_loss(a, v->kl), "forgotten: divergence from the base, nats");
    put_number(p, NULL, words_rate(a, report_rate(p->report)), "learning rate");
    buf_add_text(p->out, "</div>\n");
}

/* The gain with its interval, against "no difference". */
static void put_strip(const struct page *p)
{
    struct words_gain g = words_gain(&p->facts->verdict);
    struct arena *a = p->arena;
    double low = fmin(0, g.low), high = fmax(0, g.high), width = high - low;
    if (!isfinite(g.gain) || !isfinite(g.low) || !isfinite(g.high) || !(width > 0) ||
        !isfinite(width))
        return;
    low -= 0.06 * width;
    width *= 1.12;
    buf_printf(p->out, "<div class=\"strip%s\"><div class=\"track\">", g.high < 0 ? " bad" : "");
    buf_printf(p->out, "<span class=\"zero\" style=\"left:%.2f%%\"></span>", -100 * low / width);
    buf_printf(p->out, "<span class=\"span\" style=\"left:%.2f%%;width:%.2f%%\"></span>",
               100 * (g.low - low) / width, 100 * (g.high - g.low) / width);
    buf_printf(p->out, "<span class=\"dot\" style=\"left:%.2f%%\"></span></div>\n",
               100 * (g.gain - low) / width);
    buf_add_text(p->out, "<div class=\"legend\"><span>upright line: no difference</span>");
    html_put(p->out, "span",
             arena_printf(a, "the loss %s (95 %%: %s to %s)", words_change(a, g.gain),
                          words_loss(a, g.gain < 0 ? -g.high : g.low),
                          words_loss(a, g.gain < 0 ? -g.low : g.high)));
    buf_add_text(p->out, "</div></div>\n");
}

static void put_status(const struct page *p)
{
    const char *status = report_status(p->report);
    const char *reason = p->facts->end.reason;
    if (strcmp(status, "done") == 0)
        return;
    buf_add_text(p->out, "<p class=\"warning\">");
    html_put(p->out, "b", arena_printf(p->arena, "The run was not done to its end: %s.", status));
    if (reason && reason[0])
        html_add_text(p->out, reason);
    buf_add_text(p->out, "</p>\n");
}

/* What was noticed before the first step: it may say how far the numbers can be trusted. */
static void put_checks(const struct page *p)
{
    const struct facts *f = p->facts;
    for (size_t i = 0; i < f->n_checks && i < PAGE_ROWS; i++) {
        if (f->checks[i].ok)
            continue;
        buf_add_text(p->out, "<p class=\"warning\">");
        html_put(p->out, "b", words_key(p->arena, f->checks[i].check));
        html_add_text(p->out, f->checks[i].reason ? f->checks[i].reason : "did not hold");
        buf_add_text(p->out, "</p>\n");
    }
}

static void put_verdict(const struct page *p)
{
    const struct facts_verdict *v = &p->facts->verdict;
    const char *forgotten = words_forgotten(p->arena, p->facts);
    const char *plainly = words_plainly(p->arena, p->facts);
    bool is_worse = v->is_there && !v->is_better && words_gain(v).high < 0;
    buf_printf(p->out, "<section class=\"verdict%s\">\n",
               v->is_there && v->is_better ? " good"
               : is_worse                  ? " bad"
                                           : "");
    html_put(p->out, "h1", arena_printf(p->arena, "%s.", words_headline(p->facts)));
    html_put(p->out, "p class=\"lead\"", words_verdict(p->arena, p->facts));
    put_status(p);
    put_strip(p);
    put_numbers(p);
    if (plainly)
        html_put(p->out, "p class=\"soft small\"", plainly);
    if (forgotten)
        html_put(p->out, "p class=\"soft small\"", forgotten);
    put_checks(p);
    buf_add_text(p->out, "</section>\n");
}

/* -------------------------------------------------------------------------------- beginning -- */

static const char *model_name(const struct page *p)
{
    return words_name(p->arena, p->facts->model ? p->facts->model : p->report->folder);
}

static void put_header(const struct page *p)
{
    const struct facts *f = p->facts;
    buf_add_text(p->out, "<header><span class=\"brand\">pace</span><span class=\"what\">");
    html_put(p->out, "b", model_name(p));
    if (f->data) {
        buf_add_text(p->out, " tuned on ");
        html_put(p->out, "b", words_name(p->arena, f->data));
    }
    buf_add_text(p->out, "</span>");
    if (f->time) /* the day of it */
        html_put(p->out, "span class=\"what\"",
                 arena_string(p->arena, span_part(span_of(f->time), 0, strcspn(f->time, "T"))));
    buf_add_text(p->out, "</header>\n");
}

/* -------------------------------------------------------------------------------------- end -- */

static void put_command(const struct page *p, const char *before, const char *command)
{
    if (!command)
        return;
    html_put(p->out, "p", before);
    buf_add_text(p->out, "<pre>");
    html_add_lines(p->out, command);
    buf_add_text(p->out, "</pre>\n");
}

static void put_use(const struct page *p)
{
    buf_add_text(p->out, "<section id=\"use\">\n<h2>Use it</h2>\n");
    put_command(p,
                words_is_full(p->facts) ? "Talk to it:"
                                        : "Talk to it; /base switches the adapter off and on:",
                use_chat(p->report, p->arena));
    put_command(p, "Fold the adapter into a model of its own:", use_merge(p->report, p->arena));
    put_command(p, "In Python:", use_python(p->report, p->arena));
    buf_add_text(p->out, "</section>\n");
}

static void put_footer(const struct page *p)
{
    const struct facts *f = p->facts;
    buf_add_text(p->out, "<footer>Made by pace");
    if (f->pace) {
        buf_add_text(p->out, " ");
        html_add_text(p->out, f->pace);
    }
    buf_add_text(p->out,
                 " from journal.jsonl, which holds every observation and decision. This page loads "
                 "nothing and sends nothing.</footer>\n");
}

static void put_scripts(const struct page *p)
{
    buf_add_text(p->out, "<script type=\"application/json\" id=\"numbers\">");
    page_data_put(p);
    buf_add_text(p->out, "</script>\n<script>");
    buf_add(p->out, asset_library);
    buf_add_text(p->out, "</script>\n<script>");
    buf_add(p->out, asset_script);
    buf_add_text(p->out, "</script>\n");
}

void page_put(const struct report *r, struct buf *out)
{
    struct arena arena = {0};
    struct page p = {.report = r, .facts = &r->facts, .out = out, .arena = &arena};
    bowl_make(&p.bowl, p.facts);
    html_begin_styled(out, arena_printf(&arena, "%s: %s", model_name(&p), words_headline(p.facts)),
                      asset_style, asset_scripts);
    put_header(&p);
    buf_add_text(out, "<main>\n");
    put_verdict(&p);
    page_rate_put(&p);
    page_run_put(&p);
    page_facts_put(&p);
    put_use(&p);
    buf_add_text(out, "</main>\n");
    put_footer(&p);
    put_scripts(&p);
    html_end(out);
    arena_release(&arena);
}
