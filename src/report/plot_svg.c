/*
 * plot_svg.c - curves as one <svg> element.
 *
 * It stands alone as a file and within a page: no script, no font, no other resource, no ids that
 * two pictures on one page could share. Colours are classes with a rule for light and one for dark
 * surroundings (prefers-color-scheme), chosen so that colour-blind readers can tell them apart, and
 * always said by a legend too; from the seventh line on they come back dashed. <title> and <desc>
 * tell a screen reader what there is to see, with its numbers.
 *
 * A page that wants other colours overrides the classes: plot-surface, plot-text, plot-muted,
 * plot-grid, plot-0 ... plot-5.
 */
#include <math.h>
#include <stdio.h>

#include "base/arena.h"
#include "report/html.h"
#include "report/plot.h"
#include "report/plot_points.h"

enum {
    LEAST_WIDTH = 240,
    LEAST_HEIGHT = 160,
    MOST_SIZE = 20000,
    TEXT_SIZE = 256,
    COLORS = 6,
    PADDING = 16,
    ROW = 20, /* of text, pixels */
    SAMPLE = 22,
};

/* Mean width of a character at 12 pixels; a little too much for most fonts. */
static const double character = 7;

static const char style_sheet[] =
    "<style>"
    ".pace-plot text{font:12px system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,"
    "sans-serif;font-variant-numeric:tabular-nums}"
    ".pace-plot .plot-title{font-size:15px;font-weight:600}"
    ".plot-surface{fill:#fff}.plot-text{fill:#1f2328}.plot-muted{fill:#59636e}"
    ".plot-grid{stroke:#e7e9ec}.plot-axis{stroke:#b5bbc2}"
    ".plot-mark{fill:none;stroke:#8b949e;stroke-dasharray:3 3}"
    ".plot-line{fill:none;stroke-width:1.8;stroke-linejoin:round;stroke-linecap:round}"
    ".plot-area{stroke:none;fill-opacity:.09}.plot-dot{stroke:#fff;stroke-width:1}"
    ".plot-0{stroke:#0969da}.plot-1{stroke:#d1570a}.plot-2{stroke:#11875d}"
    ".plot-3{stroke:#9a3fb5}.plot-4{stroke:#a17700}.plot-5{stroke:#c4314b}"
    ".plot-fill-0{fill:#0969da}.plot-fill-1{fill:#d1570a}.plot-fill-2{fill:#11875d}"
    ".plot-fill-3{fill:#9a3fb5}.plot-fill-4{fill:#a17700}.plot-fill-5{fill:#c4314b}"
    "@media (prefers-color-scheme:dark){"
    ".plot-surface{fill:#0d1117}.plot-text{fill:#e6edf3}.plot-muted{fill:#9198a1}"
    ".plot-grid{stroke:#22282f}.plot-axis{stroke:#4a525c}.plot-mark{stroke:#7d8590}"
    ".plot-dot{stroke:#0d1117}"
    ".plot-0{stroke:#58a6ff}.plot-1{stroke:#ff9a56}.plot-2{stroke:#3fce96}"
    ".plot-3{stroke:#d99bf0}.plot-4{stroke:#e3b341}.plot-5{stroke:#ff7b8a}"
    ".plot-fill-0{fill:#58a6ff}.plot-fill-1{fill:#ff9a56}.plot-fill-2{fill:#3fce96}"
    ".plot-fill-3{fill:#d99bf0}.plot-fill-4{fill:#e3b341}.plot-fill-5{fill:#ff7b8a}"
    "}</style>";

struct sheet {
    struct buf *out;
    const struct plot *plot;
    struct plot_axes axes;
    double width, height;            /* of everything */
    double left, right, top, bottom; /* edges of the area inside the axes */
};

/* -------------------------------------------------------------------------------------- text -- */

static void add_escaped(struct buf *out, const char *text)
{
    char safe[TEXT_SIZE];
    plot_safe_text(safe, sizeof safe, text);
    html_add_text(out, safe);
}

static double text_width(const char *text)
{
    char safe[TEXT_SIZE];
    return character * (double)plot_safe_text(safe, sizeof safe, text);
}

/* `anchor`: start, middle or end. */
static void add_text(const struct sheet *s, double x, double y, const char *anchor,
                     const char *class, const char *text)
{
    buf_printf(s->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", x, y, anchor,
               class);
    add_escaped(s->out, text);
    buf_add_text(s->out, "</text>");
}

static void add_segment(const struct sheet *s, const char *class, const double from[2],
                        const double to[2])
{
    buf_printf(s->out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>",
               from[0], from[1], to[0], to[1], class);
}

/* ---------------------------------------------------------------------------------- for ears -- */

static void describe_line(const struct plot_line *line, struct buf *out)
{
    struct plot_range range = {0};
    double last = NAN;
    for (size_t i = 0; i < line->n; i++) {
        if (!plot_is_drawable(line->x[i]) || !plot_is_drawable(line->y[i]))
            continue;
        plot_range_add(&range, line->y[i]);
        last = line->y[i];
    }
    add_escaped(out, line->label);
    if (range.is_known)
        buf_printf(out, ": from %.3g to %.3g, at last %.3g. ", range.low, range.high, last);
    else
        buf_add_text(out, ": no data. ");
}

static void write_description(const struct sheet *s)
{
    const struct plot *plot = s->plot;
    buf_add_text(s->out, "<title>");
    add_escaped(s->out, plot->title ? plot->title : plot->y_label);
    buf_add_text(s->out, "</title><desc>");
    for (size_t i = 0; i < plot->n_lines; i++)
        describe_line(&plot->lines[i], s->out);
    for (size_t i = 0; i < plot->n_marks; i++) {
        if (!plot_is_drawable(plot->marks[i].x))
            continue;
        add_escaped(s->out, plot->marks[i].label);
        buf_printf(s->out, " at %.6g. ", plot->marks[i].x);
    }
    buf_add_text(s->out, "</desc>");
}

/* ------------------------------------------------------------------------------------ legend -- */

static void add_sample(const struct sheet *s, size_t line, double x, double y)
{
    int color = (int)(line % COLORS);
    if (s->plot->lines[line].is_dots)
        buf_printf(s->out,
                   "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" class=\"plot-dot plot-fill-%d\"/>",
                   x + 8, y - 4, color);
    else
        buf_printf(s->out, "<path d=\"M%.1f %.1fh16\" class=\"plot-line plot-%d\"%s/>", x, y - 4,
                   color, line >= COLORS ? " stroke-dasharray=\"5 4\"" : "");
}

static size_t lines_on(const struct plot *plot, bool right)
{
    size_t n = 0;
    for (size_t i = 0; i < plot->n_lines; i++)
        n += plot->lines[i].on_right == right;
    return n;
}

/* Samples and labels of lines that share an axis; *y is the base line of the last row. */
static void write_legend(const struct sheet *s, double *y)
{
    double x = PADDING;
    bool has_any = false;
    for (size_t i = 0; i < s->plot->n_lines; i++) {
        const struct plot_line *line = &s->plot->lines[i];
        if (lines_on(s->plot, line->on_right) < 2)
            continue;
        double wanted = SAMPLE + text_width(line->label);
        if (!has_any || x + wanted > s->width - PADDING) {
            *y += ROW;
            x = PADDING;
        }
        has_any = true;
        add_sample(s, i, x, *y);
        add_text(s, x + SAMPLE, *y, "start", "plot-text", line->label);
        x += wanted + 18;
    }
}

/* The name above an axis, with a sample where one of several lines alone is measured on it. */
static bool write_name(const struct sheet *s, bool right, double y)
{
    const struct plot *plot = s->plot;
    const char *name = right ? plot->right_label : plot->y_label;
    bool has_sample = plot->n_lines > 1 && lines_on(plot, right) == 1;
    size_t line = 0;
    while (has_sample && plot->lines[line].on_right != right)
        line++;
    if (!name && has_sample)
        name = plot->lines[line].label;
    if (!name || (right && lines_on(plot, true) == 0))
        return false;
    double offset = has_sample ? SAMPLE : 0;
    if (has_sample)
        add_sample(s, line, right ? s->width - PADDING - 16 : PADDING, y);
    add_text(s, right ? s->width - PADDING - offset : PADDING + offset, y, right ? "end" : "start",
             "plot-muted", name);
    return true;
}

/* Title, legend, names of the axes; returns the height that they take. */
static double write_header(const struct sheet *s)
{
    double y = PADDING - 6;
    if (s->plot->title) {
        y += ROW;
        add_text(s, PADDING, y, "start", "plot-title plot-text", s->plot->title);
        y += 2;
    }
    write_legend(s, &y);
    bool has_left = write_name(s, false, y + ROW);
    bool has_right = write_name(s, true, y + ROW);
    return y + (has_left || has_right ? ROW : 0) + 12;
}

/* -------------------------------------------------------------------------------------- axes -- */

static double place_x(const struct sheet *s, double place)
{
    return s->left + place * (s->right - s->left);
}

static double place_y(const struct sheet *s, double place)
{
    return s->bottom - place * (s->bottom - s->top);
}

static double widest_label(const struct plot_scale *scale)
{
    double width = 0;
    for (size_t i = 0; i < scale->n_ticks; i++)
        width = fmax(width, text_width(scale->ticks[i].label));
    return width;
}

static void write_y_axis(const struct sheet *s, const struct plot_scale *scale, bool right)
{
    for (size_t i = 0; i < scale->n_ticks; i++) {
        const struct plot_tick *tick = &scale->ticks[i];
        double y = place_y(s, plot_scale_at(scale, tick->value));
        double from[2] = {s->left, y}, to[2] = {s->right, y};
        if (!right)
            add_segment(s, "plot-grid", from, to);
        add_text(s, right ? s->right + 8 : s->left - 8, y + 4, right ? "start" : "end",
                 "plot-muted", tick->label);
    }
}

static void write_x_axis(const struct sheet *s)
{
    double from[2] = {s->left, s->bottom}, to[2] = {s->right, s->bottom};
    add_segment(s, "plot-axis", from, to);
    for (size_t i = 0; i < s->axes.x.n_ticks; i++) {
        const struct plot_tick *tick = &s->axes.x.ticks[i];
        double x = place_x(s, plot_scale_at(&s->axes.x, tick->value));
        double upper[2] = {x, s->bottom}, lower[2] = {x, s->bottom + 4};
        add_segment(s, "plot-axis", upper, lower);
        add_text(s, x, s->bottom + 18, "middle", "plot-muted", tick->label);
    }
    if (s->plot->x_label)
        add_text(s, (s->left + s->right) / 2, s->height - 10, "middle", "plot-muted",
                 s->plot->x_label);
}

/* ------------------------------------------------------------------------------------- marks -- */

enum { MARK_ROWS = 3, MOST_MARKS = 64 };

/* Labels of marks, in rows so that they do not cover each other; those without a place have none.
 */
struct mark_rows {
    double ends[MARK_ROWS]; /* where the row's last label ends */
    int rows[MOST_MARKS];   /* -1: no place */
    int n_rows;
};

static double mark_x(const struct sheet *s, size_t mark)
{
    return place_x(s, plot_scale_at(&s->axes.x, s->plot->marks[mark].x));
}

static bool is_mark_visible(const struct sheet *s, size_t mark)
{
    double place = plot_scale_at(&s->axes.x, s->plot->marks[mark].x);
    return place >= 0 && place <= 1;
}

static void place_marks(const struct sheet *s, struct mark_rows *m)
{
    *m = (struct mark_rows){.ends = {-1e9, -1e9, -1e9}};
    for (size_t i = 0; i < s->plot->n_marks && i < MOST_MARKS; i++) {
        double half = text_width(s->plot->marks[i].label) / 2 + 4;
        m->rows[i] = -1;
        for (int row = 0; row < MARK_ROWS && m->rows[i] < 0 && is_mark_visible(s, i); row++) {
            if (mark_x(s, i) - half < m->ends[row])
                continue;
            m->rows[i] = row;
            m->ends[row] = mark_x(s, i) + half;
            m->n_rows = row + 1 > m->n_rows ? row + 1 : m->n_rows;
        }
    }
}

static void write_marks(const struct sheet *s, const struct mark_rows *m)
{
    for (size_t i = 0; i < s->plot->n_marks && i < MOST_MARKS; i++) {
        if (!is_mark_visible(s, i))
            continue;
        double x = mark_x(s, i), label_y = s->top - 6 - 14 * (m->rows[i] < 0 ? 0 : m->rows[i]);
        double half = fmin(text_width(s->plot->marks[i].label) / 2, s->right - s->left);
        double middle = fmax(s->left + half, fmin(x, s->right - half));
        buf_printf(s->out, "<path d=\"M%.1f %.1fV%.1f\" class=\"plot-mark\"><title>", x, s->bottom,
                   m->rows[i] < 0 ? s->top : label_y + 3);
        add_escaped(s->out, s->plot->marks[i].label);
        buf_add_text(s->out, "</title></path>");
        if (m->rows[i] >= 0)
            add_text(s, middle, label_y, "middle", "plot-muted", s->plot->marks[i].label);
    }
}

/* ------------------------------------------------------------------------------------- lines -- */

static struct plot_walk walk_of(const struct sheet *s, size_t line)
{
    return (struct plot_walk){
        .axes = &s->axes, .line = &s->plot->lines[line], .columns = (int)(s->right - s->left)};
}

static void add_dot(const struct sheet *s, size_t line, struct plot_place p)
{
    buf_printf(s->out,
               "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" class=\"plot-dot plot-fill-%d\"/>",
               place_x(s, p.x), place_y(s, p.y), (int)(line % COLORS));
}

/* Every point of a line of dots; of another line those that have no neighbour to be joined with. */
static void write_dots(const struct sheet *s, size_t line, bool only_lone)
{
    struct plot_walk walk = walk_of(s, line);
    struct plot_place p, before = {0};
    bool may_be_lone = false;
    while (plot_walk_next(&walk, &p)) {
        if (!only_lone)
            add_dot(s, line, p);
        else if (may_be_lone && p.begins)
            add_dot(s, line, before);
        may_be_lone = p.begins;
        before = p;
    }
    if (only_lone && may_be_lone)
        add_dot(s, line, before);
}

static void write_line(const struct sheet *s, size_t line)
{
    struct plot_walk walk = walk_of(s, line);
    struct plot_place p;
    buf_add_text(s->out, "<path d=\"");
    while (plot_walk_next(&walk, &p))
        buf_printf(s->out, "%s%.1f %.1f", p.begins ? "M" : "L", place_x(s, p.x), place_y(s, p.y));
    buf_printf(s->out, "\" class=\"plot-line plot-%d\"%s/>", (int)(line % COLORS),
               line >= COLORS ? " stroke-dasharray=\"5 4\"" : "");
}

/* A tint between a single line and zero. */
static void write_area(const struct sheet *s)
{
    struct plot_walk walk = walk_of(s, 0);
    struct plot_place p;
    bool is_open = false;
    buf_add_text(s->out, "<path d=\"");
    while (plot_walk_next(&walk, &p)) {
        double x = place_x(s, p.x);
        if (p.begins)
            buf_printf(s->out, "%sM%.1f %.1f", is_open ? "Z" : "", x, s->bottom);
        buf_printf(s->out, "L%.1f %.1f", x, place_y(s, p.y));
        is_open = true;
    }
    buf_add_text(s->out, "\" class=\"plot-area plot-fill-0\"/>");
}

/* The first line lies on the others, and dots lie on all lines. */
static void write_lines(const struct sheet *s)
{
    for (size_t i = s->plot->n_lines; i-- > 0;) {
        if (!s->plot->lines[i].is_dots)
            write_line(s, i);
    }
    for (size_t i = s->plot->n_lines; i-- > 0;)
        write_dots(s, i, !s->plot->lines[i].is_dots);
    if (s->axes.is_empty)
        add_text(s, (s->left + s->right) / 2, (s->top + s->bottom) / 2, "middle", "plot-muted",
                 "no data");
}

/* --------------------------------------------------------------------------------- interface -- */

static int within(int value, int least)
{
    return value < least ? least : value > MOST_SIZE ? MOST_SIZE : value;
}

void plot_svg(struct buf *out, const struct plot *plot, int width, int height)
{
    struct mark_rows marks;
    struct sheet s = {.out = out,
                      .plot = plot,
                      .width = within(width, LEAST_WIDTH),
                      .height = within(height, LEAST_HEIGHT)};
    buf_printf(out,
               "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"pace-plot\" role=\"img\" "
               "width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\">",
               s.width, s.height, s.width, s.height);
    write_description(&s);
    buf_add_text(out, style_sheet);
    buf_add_text(out, "<rect width=\"100%\" height=\"100%\" class=\"plot-surface\"/>");
    s.top = write_header(&s);
    plot_axes_fit(&s.axes, plot, (int)(s.width / 90) + 1, (int)(s.height / 60) + 2);
    s.left = PADDING + widest_label(&s.axes.left) + 8;
    s.right = s.width - PADDING - (s.axes.has_right ? widest_label(&s.axes.right) + 8 : 0);
    s.bottom = s.height - (plot->x_label ? 46 : 28);
    place_marks(&s, &marks);
    s.top += 14 * marks.n_rows;
    write_y_axis(&s, &s.axes.left, false);
    if (s.axes.has_right)
        write_y_axis(&s, &s.axes.right, true);
    write_x_axis(&s);
    write_marks(&s, &marks);
    if (plot->n_lines == 1 && !plot->lines[0].is_dots && s.axes.left.low == 0)
        write_area(&s);
    write_lines(&s);
    buf_add_text(out, "</svg>\n");
}
