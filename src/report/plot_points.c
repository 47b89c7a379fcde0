/*
 * plot_points.c - axes for a set of lines, and lines of any length cut down to a picture's width.
 *
 * A log of a million points is drawn on a few hundred columns. Of the neighbours that fall into one
 * column only four matter to the picture: the first and the last, which are joined with the columns
 * beside, and the least and the greatest, between which the line covers everything. Drawn in their
 * order they give the same picture as the whole line would.
 */
#include "report/plot_points.h"

#include <math.h>

#include "base/utf8.h"

/* -------------------------------------------------------------------------------------- axes -- */

void plot_axes_fit(struct plot_axes *axes, const struct plot *plot, int most_x_steps,
                   int most_y_steps)
{
    struct plot_range x = {0}, left = {0}, right = {0};
    axes->has_right = false;
    for (size_t i = 0; i < plot->n_lines; i++) {
        const struct plot_line *line = &plot->lines[i];
        axes->has_right |= line->on_right;
        for (size_t j = 0; j < line->n; j++) {
            if (!plot_is_drawable(line->x[j]) || !plot_is_drawable(line->y[j]))
                continue;
            plot_range_add(&x, line->x[j]);
            plot_range_add(line->on_right ? &right : &left, line->y[j]);
        }
    }
    axes->is_empty = !x.is_known;
    plot_scale_fit(&axes->x, &x, false, false, most_x_steps);
    plot_scale_fit(&axes->left, &left, true, plot->log_y, most_y_steps);
    plot_scale_fit(&axes->right, &right, true, plot->log_right, most_y_steps);
}

/* -------------------------------------------------------------------------------------- walk -- */

static struct plot_place place_of(const struct plot_walk *w, size_t i)
{
    const struct plot_scale *y = w->line->on_right ? &w->axes->right : &w->axes->left;
    return (struct plot_place){.x = plot_scale_at(&w->axes->x, w->line->x[i]),
                               .y = plot_scale_at(y, w->line->y[i])};
}

static bool is_gap(struct plot_place p)
{
    return isnan(p.x) || isnan(p.y);
}

static double column_of(const struct plot_walk *w, struct plot_place p)
{
    return floor(p.x * w->columns);
}

static bool same_place(struct plot_place a, struct plot_place b)
{
    return a.x == b.x && a.y == b.y;
}

/* Keeps first, least, greatest and last of a column in the order in which they came. */
static void fill_group(struct plot_walk *w, struct plot_place first)
{
    struct plot_place least = first, greatest = first, last = first, p;
    bool least_is_older = true;
    double column = column_of(w, first);
    while (w->next < w->line->n) {
        p = place_of(w, w->next);
        if (is_gap(p) || column_of(w, p) != column)
            break;
        if (p.y < least.y) {
            least = p;
            least_is_older = false;
        }
        if (p.y > greatest.y) {
            greatest = p;
            least_is_older = true;
        }
        last = p;
        w->next++;
    }
    const struct plot_place all[] = {first, least_is_older ? least : greatest,
                                     least_is_older ? greatest : least, last};
    w->n_group = w->at = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        if (w->n_group == 0 || !same_place(w->group[w->n_group - 1], all[i]))
            w->group[w->n_group++] = all[i];
    }
    w->group[0].begins = w->behind_gap;
    for (size_t i = 1; i < w->n_group; i++)
        w->group[i].begins = false;
    w->behind_gap = false;
}

bool plot_walk_next(struct plot_walk *walk, struct plot_place *place)
{
    walk->behind_gap |= walk->next == 0;
    while (walk->at == walk->n_group) {
        if (walk->next == walk->line->n)
            return false;
        struct plot_place first = place_of(walk, walk->next++);
        if (is_gap(first))
            walk->behind_gap = true;
        else
            fill_group(walk, first);
    }
    *place = walk->group[walk->at++];
    return true;
}

/* ------------------------------------------------------------------------------------ labels -- */

size_t plot_safe_text(char *out, size_t size, const char *text)
{
    struct span rest = span_of(text ? text : "");
    size_t used = 0;
    while (rest.len > 0) {
        size_t len = max_size(utf8_length(rest), 1);
        if (used + len >= size)
            break;
        memcpy(out + used, rest.at, len);
        used += len;
        rest = span_from(rest, len);
    }
    out[used] = '\0';
    utf8_make_printable(out);
    return utf8_count(span_of(out));
}
