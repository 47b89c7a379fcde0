/*
 * plot.h - curves, in the terminal and as SVG, from one description.
 *
 *     struct plot_line lines[] = {{.label = "loss", .x = steps, .y = loss, .n = n}};
 *     struct plot plot = {.title = "loss", .x_label = "step", .lines = lines, .n_lines = 1};
 *     struct plot_screen screen = {.columns = 80, .rows = 20, .has_unicode = true};
 *     plot_text(&text, &plot, &screen);                braille dots, axes with round numbers
 *     plot_svg(&svg, &plot, 900, 420);                 one <svg> element, no outside resource
 *
 * Points that are not finite are gaps. Lines longer than the picture has columns are drawn by their
 * least and greatest value per column, so that no spike is lost. Texts may come from strangers:
 * what is not safe to show in them becomes '?'.
 */
#ifndef PACE_REPORT_PLOT_H
#define PACE_REPORT_PLOT_H

#include "base/buf.h"

struct plot_line {
    const char *label;
    const double *x, *y; /* [n] */
    size_t n;
    bool on_right; /* measured on the right axis: a learning rate beside a loss */
    bool is_dots;  /* points that are not joined: evaluations */
};

/* A place on the x axis that is pointed at: "spike". */
struct plot_mark {
    double x;
    const char *label;
};

struct plot {
    const char *title;
    const char *x_label, *y_label, *right_label;
    const struct plot_line *lines;
    size_t n_lines;
    const struct plot_mark *marks;
    size_t n_marks;
    bool log_y, log_right; /* logarithmic where all values are positive */
};

/* What a terminal can show. */
struct plot_screen {
    int columns, rows; /* of the whole picture, labels and legend included; at least 32 and 8 */
    bool has_color;
    bool has_unicode; /* without it: ASCII letters in place of braille */
};

/* Appends the picture as lines of text, each at most `columns` wide, at most `rows` of them. */
void plot_text(struct buf *out, const struct plot *plot, const struct plot_screen *screen);

/* Appends one <svg> element, `width` by `height` pixels; readable on light and dark. */
void plot_svg(struct buf *out, const struct plot *plot, int width, int height);

#endif
