/*
 * doctor_page.c - the diagnosis as a page: the same words as in the terminal, the curves as SVG.
 */
#include <inttypes.h>

#include "cli/doctor_view.h"
#include "report/html.h"

enum { WIDTH = 920, HEIGHT = 400, SENTENCE_SIZE = 800 };

static void put_finding(const struct doctor_case *c, size_t i, struct buf *out)
{
    const struct pace_finding *f = &c->diagnosis.findings[i];
    char text[SENTENCE_SIZE];
    pace_finding_evidence(f, text, sizeof text);
    html_put(out, "dt", pace_finding_name(f->kind));
    html_put(out, "dd", text);
    pace_finding_advice(f, &c->diagnosis, text, sizeof text);
    html_put(out, "dd class=\"soft\"", text);
}

static void put_findings(const struct doctor_case *c, struct buf *out)
{
    if (c->diagnosis.n_findings == 0)
        return;
    buf_add_text(out, "<dl>\n");
    for (size_t i = 0; i < c->diagnosis.n_findings; i++)
        put_finding(c, i, out);
    buf_add_text(out, "</dl>\n");
}

static void put_curve(const struct doctor_case *c, struct buf *out)
{
    struct arena arena = {0};
    struct buf svg;
    struct plot plot = doctor_plot(c, &arena);
    buf_init(&svg, BUF_NO_LIMIT);
    if (plot.n_lines > 0)
        plot_svg(&svg, &plot, WIDTH, HEIGHT);
    html_add_svg(out, buf_span(&svg));
    buf_add_byte(out, '\n');
    buf_release(&svg);
    arena_release(&arena);
}

static void put_options(const struct doctor_case *c, struct buf *out)
{
    struct buf flags, arguments;
    buf_init(&flags, 400);
    buf_init(&arguments, 400);
    if (doctor_add_options(c, &flags, &arguments)) {
        buf_add_text(out, "<pre>");
        html_add_text(out, buf_string(&flags));
        buf_add_text(out, "\nTrainingArguments(");
        html_add_text(out, buf_string(&arguments));
        buf_add_text(out, ")</pre>\n");
    }
    buf_release(&flags);
    buf_release(&arguments);
}

static void put_case(const struct doctor_case *c, struct buf *out)
{
    bool is_healthy = c->diagnosis.verdict == PACE_VERDICT_HEALTHY;
    struct buf line;
    buf_init(&line, 1 << 16);
    html_put(out, "h2", c->path);
    doctor_add_summary(c, &line);
    html_put(out, "p class=\"soft\"", buf_string(&line));
    buf_clear(&line);
    doctor_add_verdict(c, &line);
    html_put(out, is_healthy ? "p class=\"good\"" : "p class=\"bad\"", buf_string(&line));
    put_curve(c, out);
    put_findings(c, out);
    put_options(c, out);
    for (size_t i = 0; i < c->log.n_notes; i++)
        html_put(out, "p class=\"soft\"", c->log.notes[i]);
    buf_release(&line);
}

void doctor_page(const struct doctor_case *cases, size_t n, struct buf *out)
{
    html_begin(out, "Training logs, seen by pace doctor");
    for (size_t i = 0; i < n; i++)
        put_case(&cases[i], out);
    html_end(out);
}
