/*
 * doctor_view.c - a diagnosis for a person and for a script.
 *
 * For a person, in the order in which one asks: what happened, with the curve; why it is thought
 * so, in numbers; what to set; and last the line to paste.
 *
 * The JSON:
 *
 *   files [{path (as given), file (what was read), format, points, columns, notes,
 *           findings [{kind, step, last_step, evidence, advice}],
 *           learning_rate {used, suggested}, verdict}]
 */
#include "cli/doctor_view.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/num.h"
#include "format/json.h"

enum { SENTENCE_SIZE = 800, LEAST_LOSSES = 5, LEAST_FOR_CURVE = 3, MARKS_MOST = 4 };

/* ------------------------------------------------------------------------------------ shared -- */

/* A rate as people write it: 2e-4, 3.5e-5, 0.02. */
static void add_rate(struct buf *out, double rate)
{
    char text[40];
    if (rate >= 9.995e-4 || rate <= 0) {
        buf_printf(out, "%.3g", rate);
        return;
    }
    snprintf(text, sizeof text, "%.2e", rate); /* 1.50e-04 */
    char *mark = strchr(text, 'e');
    size_t len = (size_t)(mark - text);
    while (text[len - 1] == '0' || text[len - 1] == '.')
        len--;
    int64_t exponent = 0;
    CHECK(num_parse_i64(span_of(mark + 1), &exponent));
    buf_printf(out, "%.*se%" PRId64, (int)len, text, exponent);
}

static size_t count_losses(const struct pace_series *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n_points; i++)
        n += isfinite(s->points[i].loss) || isfinite(s->points[i].eval_loss) ||
             (s->points[i].flags & (PACE_LOSS_NOT_FINITE | PACE_EVAL_NOT_FINITE));
    return n;
}

void doctor_add_summary(const struct doctor_case *c, struct buf *out)
{
    const struct pace_series *s = &c->log.series;
    size_t n = count_losses(s);
    buf_printf(out, "%s, ", c->log.format);
    term_add_count(out, n, NULL);
    buf_printf(out, n == 1 ? " loss" : " losses");
    if (s->n_points > 0)
        buf_printf(out, ", steps %" PRId64 " to %" PRId64, s->points[0].step,
                   s->points[s->n_points - 1].step);
    if (isfinite(c->diagnosis.used)) {
        buf_add_text(out, ", learning rate up to ");
        add_rate(out, c->diagnosis.used);
    } else {
        buf_add_text(out, ", no learning rate logged");
    }
}

static const char *const verdicts[PACE_VERDICT_COUNT] = {
    [PACE_VERDICT_TOO_HIGH] = "the learning rate is too high",
    [PACE_VERDICT_DIVERGED] = "the run has diverged: the learning rate is far too high for it",
    [PACE_VERDICT_TOO_LOW] = "the learning rate is too low",
    [PACE_VERDICT_DECAYS_TOO_FAST] = "the learning rate decays too fast",
    [PACE_VERDICT_NOT_LEARNING_RATE] = "something is wrong, but not the learning rate",
    [PACE_VERDICT_PLATEAU] = "the loss is stuck on a plateau",
    [PACE_VERDICT_OVERFIT] = "the model overfits",
    [PACE_VERDICT_WARMUP_TOO_SHORT] = "the warmup is too short",
};

void doctor_add_verdict(const struct doctor_case *c, struct buf *out)
{
    size_t n = count_losses(&c->log.series);
    if (c->diagnosis.verdict != PACE_VERDICT_HEALTHY) {
        buf_add_text(out, verdicts[c->diagnosis.verdict]);
    } else if (n < LEAST_LOSSES) {
        buf_printf(out, "nothing wrong to be seen in %zu line%s", n, n == 1 ? "" : "s");
    } else {
        buf_add_text(out, "healthy: leave the learning rate as it is");
    }
}

/* The epochs after which the held-out loss was lowest, rounded up; 0 where that is not known. */
static int best_epochs(const struct doctor_case *c)
{
    const struct pace_finding *f = &c->diagnosis.findings[0];
    const struct pace_series *s = &c->log.series;
    if (isnan(f->number[0]))
        return 0;
    for (size_t i = 0; i < s->n_points; i++) {
        if (s->points[i].step >= f->step && isfinite(s->points[i].epoch))
            return (int)fmax(0, fmin(ceil(s->points[i].epoch - 0.01), 1000));
    }
    return 0;
}

bool doctor_add_options(const struct doctor_case *c, struct buf *flags, struct buf *arguments)
{
    const struct pace_diagnosis *d = &c->diagnosis;
    int epochs;
    if (isfinite(d->suggested)) {
        buf_add_text(flags, "--learning-rate ");
        add_rate(flags, d->suggested);
        buf_add_text(arguments, "learning_rate=");
        add_rate(arguments, d->suggested);
        return true;
    }
    switch (d->verdict) {
    case PACE_VERDICT_WARMUP_TOO_SHORT:
        buf_add_text(flags, "--warmup-ratio 0.05");
        buf_add_text(arguments, "warmup_ratio=0.05");
        return true;
    case PACE_VERDICT_DECAYS_TOO_FAST:
        buf_add_text(flags, "--lr-scheduler-type linear");
        buf_add_text(arguments, "lr_scheduler_type=\"linear\"");
        return true;
    case PACE_VERDICT_OVERFIT:
        epochs = best_epochs(c);
        if (epochs > 0) {
            buf_printf(flags, "--num-train-epochs %d", epochs);
            buf_printf(arguments, "num_train_epochs=%d", epochs);
        } else {
            buf_add_text(flags, "--eval-strategy epoch");
            buf_add_text(arguments, "eval_strategy=\"epoch\"");
        }
        return true;
    default:
        return false;
    }
}

/* --------------------------------------------------------------------------------- the curve -- */

/* The finite values of one field against the steps. */
static struct plot_line line_of(const struct pace_series *s, size_t field, struct arena *arena)
{
    double *x = arena_array(arena, double, s->n_points),
           *y = arena_array(arena, double, s->n_points);
    size_t n = 0;
    for (size_t i = 0; i < s->n_points; i++) {
        double value;
        memcpy(&value, (const uint8_t *)&s->points[i] + field, sizeof value);
        if (!isfinite(value))
            continue;
        x[n] = (double)s->points[i].step;
        y[n++] = value;
    }
    return (struct plot_line){.x = x, .y = y, .n = n};
}

/* True where the greatest loss would press all others to the ground. */
static bool wants_logarithm(const struct plot_line *loss)
{
    double least = INFINITY, most = 0, sum = 0;
    for (size_t i = 0; i < loss->n; i++) {
        least = fmin(least, loss->y[i]);
        most = fmax(most, loss->y[i]);
        sum += loss->y[i];
    }
    return least > 0 && most > 12 * sum / (double)loss->n;
}

static const char *label_of(enum pace_finding_kind kind, struct arena *arena)
{
    char *label = arena_string(arena, span_of(pace_finding_name(kind)));
    for (char *c = label; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    return label;
}

struct plot doctor_plot(const struct doctor_case *c, struct arena *arena)
{
    const struct pace_series *s = &c->log.series;
    const struct pace_diagnosis *d = &c->diagnosis;
    struct plot_line *lines = arena_array(arena, struct plot_line, 3);
    struct plot_mark *marks = arena_array(arena, struct plot_mark, PACE_FINDINGS_MOST);
    struct plot plot = {.x_label = "step", .y_label = "loss", .lines = lines, .marks = marks};
    lines[0] = line_of(s, offsetof(struct pace_point, loss), arena);
    lines[0].label = "loss";
    lines[1] = line_of(s, offsetof(struct pace_point, eval_loss), arena);
    lines[1].label = "held-out loss";
    lines[1].is_dots = true;
    lines[2] = line_of(s, offsetof(struct pace_point, learning_rate), arena);
    lines[2].label = "learning rate";
    lines[2].on_right = true;
    plot.log_y = wants_logarithm(&lines[0]);
    for (size_t i = 0; i < 3; i++) {
        if (lines[i].n > 0)
            lines[plot.n_lines++] = lines[i];
    }
    if (plot.n_lines > 0 && lines[plot.n_lines - 1].on_right)
        plot.right_label = "learning rate";
    for (size_t i = 0; i < d->n_findings && i < MARKS_MOST; i++)
        marks[plot.n_marks++] =
            (struct plot_mark){(double)d->findings[i].step, label_of(d->findings[i].kind, arena)};
    return plot;
}

/* -------------------------------------------------------------------------------------- text -- */

static void put_finding(const struct doctor_case *c, size_t i, const struct term *term,
                        struct buf *out)
{
    const struct pace_finding *f = &c->diagnosis.findings[i];
    char text[SENTENCE_SIZE];
    struct arena arena = {0};
    buf_printf(out, "\n  %s%zu. %s%s", term_style(term, TERM_BOLD), i + 1,
               label_of(f->kind, &arena), term_style(term, TERM_PLAIN));
    if (f->last_step > f->step)
        buf_printf(out, ", steps %" PRId64 " to %" PRId64 "\n", f->step, f->last_step);
    else
        buf_printf(out, ", step %" PRId64 "\n", f->step);
    pace_finding_evidence(f, text, sizeof text);
    term_add_paragraph(term, out, "     seen: ", text);
    pace_finding_advice(f, &c->diagnosis, text, sizeof text);
    term_add_paragraph(term, out, "     do:   ", text);
    arena_release(&arena);
}

static void put_curve(const struct doctor_case *c, const struct term *term, struct buf *out)
{
    struct arena arena = {0};
    struct plot plot = doctor_plot(c, &arena);
    struct plot_screen screen = {.columns = (int)min_size(term->width, 100),
                                 .rows = 18,
                                 .has_color = term->has_color,
                                 .has_unicode = term->has_unicode};
    if (plot.n_lines > 0 && plot.lines[0].n >= LEAST_FOR_CURVE) {
        buf_add_byte(out, '\n');
        plot_text(out, &plot, &screen);
    }
    arena_release(&arena);
}

static void put_options(const struct doctor_case *c, const struct term *term, struct buf *out)
{
    struct buf flags, arguments;
    buf_init(&flags, 400);
    buf_init(&arguments, 400);
    if (doctor_add_options(c, &flags, &arguments))
        buf_printf(out, "\n  set: %s%s%s\n  TrainingArguments(%s)\n", term_style(term, TERM_BOLD),
                   buf_string(&flags), term_style(term, TERM_PLAIN), buf_string(&arguments));
    buf_release(&flags);
    buf_release(&arguments);
}

void doctor_view_text(const struct doctor_case *c, const struct term *term, struct buf *out)
{
    bool is_healthy = c->diagnosis.verdict == PACE_VERDICT_HEALTHY;
    struct buf line;
    buf_init(&line, 1 << 16);
    buf_add_text(out, term_style(term, TERM_BOLD));
    term_add_line(term, out, span_of(c->path), term->width);
    buf_printf(out, "%s\n", term_style(term, TERM_PLAIN));
    doctor_add_summary(c, &line);
    term_add_paragraph(term, out, "  ", buf_string(&line));
    for (size_t i = 0; i < c->log.n_notes; i++)
        term_add_paragraph(term, out, "  note: ", c->log.notes[i]);
    put_curve(c, term, out);
    buf_clear(&line);
    doctor_add_verdict(c, &line);
    buf_printf(out, "\n%s", term_style(term, is_healthy ? TERM_GREEN : TERM_YELLOW));
    term_add_paragraph(term, out, "  ", buf_string(&line));
    buf_add_text(out, term_style(term, TERM_PLAIN));
    for (size_t i = 0; i < c->diagnosis.n_findings; i++)
        put_finding(c, i, term, out);
    put_options(c, term, out);
    buf_release(&line);
}

/* -------------------------------------------------------------------------------------- JSON -- */

static void put_rate(struct json_writer *w, const char *key, double rate)
{
    json_key(w, key);
    if (isfinite(rate))
        json_put_double(w, rate);
    else
        json_put_null(w);
}

static void put_findings(struct json_writer *w, const struct pace_diagnosis *d)
{
    char text[SENTENCE_SIZE];
    json_key(w, "findings");
    json_begin_array(w);
    for (size_t i = 0; i < d->n_findings; i++) {
        const struct pace_finding *f = &d->findings[i];
        json_begin_object(w);
        json_key(w, "kind");
        json_put_text(w, pace_finding_name(f->kind));
        json_key(w, "step");
        json_put_int(w, f->step);
        json_key(w, "last_step");
        json_put_int(w, f->last_step);
        pace_finding_evidence(f, text, sizeof text);
        json_key(w, "evidence");
        json_put_text(w, text);
        pace_finding_advice(f, d, text, sizeof text);
        json_key(w, "advice");
        json_put_text(w, text);
        json_end(w);
    }
    json_end(w);
}

static void put_texts(struct json_writer *w, const char *key, const char *const *texts, size_t n)
{
    json_key(w, key);
    json_begin_array(w);
    for (size_t i = 0; i < n; i++)
        json_put_text(w, texts[i]);
    json_end(w);
}

static void put_case(struct json_writer *w, const struct doctor_case *c)
{
    json_begin_object(w);
    json_key(w, "path");
    json_put_text(w, c->path);
    json_key(w, "file");
    json_put_text(w, c->log.path);
    json_key(w, "format");
    json_put_text(w, c->log.format);
    json_key(w, "points");
    json_put_int(w, (int64_t)c->log.series.n_points);
    put_texts(w, "columns", c->log.columns, c->log.n_columns);
    put_texts(w, "notes", c->log.notes, c->log.n_notes);
    put_findings(w, &c->diagnosis);
    json_key(w, "learning_rate");
    json_begin_object(w);
    put_rate(w, "used", c->diagnosis.used);
    put_rate(w, "suggested", c->diagnosis.suggested);
    json_end(w);
    json_key(w, "verdict");
    json_put_text(w, pace_verdict_name(c->diagnosis.verdict));
    json_end(w);
}

void doctor_view_json(const struct doctor_case *cases, size_t n, struct buf *out)
{
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    json_key(&w, "files");
    json_begin_array(&w);
    for (size_t i = 0; i < n; i++)
        put_case(&w, &cases[i]);
    json_end(&w);
    json_end(&w);
    buf_add_byte(out, '\n');
}
