/*
 * plot_points.h - what a picture is drawn from: its axes, and its lines cut down to what can be
 * seen.
 */
#ifndef PACE_REPORT_PLOT_POINTS_H
#define PACE_REPORT_PLOT_POINTS_H

#include "report/plot.h"
#include "report/plot_scale.h"

struct plot_axes {
    struct plot_scale x, left, right;
    bool has_right; /* some line is measured on the right axis */
    bool is_empty;  /* no point can be drawn */
};

/* Axes for all lines, with at most so many intervals. */
void plot_axes_fit(struct plot_axes *axes, const struct plot *plot, int most_x_steps,
                   int most_y_steps);

/* A point of a line in the unit square of its axes; (0, 0) is the lower left corner. */
struct plot_place {
    double x, y;
    bool begins; /* not joined with the one before: the first, or one behind a gap */
};

/*
 * Walks over a line in at most four points per column: those that are first, least, greatest and
 * last among neighbours that fall into the same of `columns` columns. Start with a zeroed struct
 * and the three fields set.
 */
struct plot_walk {
    const struct plot_axes *axes;
    const struct plot_line *line;
    int columns;
    size_t next;                /* point to be read */
    struct plot_place group[4]; /* of the present column, in the order of the line */
    size_t n_group, at;
    bool behind_gap;
};

/* The next place; false behind the last. */
bool plot_walk_next(struct plot_walk *walk, struct plot_place *place);

/* A label that is safe to show, in at most `size` bytes; "" for NULL. Returns its characters. */
size_t plot_safe_text(char *out, size_t size, const char *text);

#endif
