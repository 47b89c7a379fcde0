/*
 * trace.c - from the observations of a run to lines.
 *
 * Where a decision leads back, the steps behind it are run again: the lines are broken there, not
 * drawn backwards.
 *
 * The smooth loss is an exponential mean with the memory of a twenty-fifth of the run, without the
 * bias of its start; it begins anew behind a gap, and passes over losses that are not finite.
 *
 * A line of 100,000 points has no place on a page. It is cut into stretches of equal numbers of
 * points, and of each the first, the least, the greatest and the last are kept, and a gap: what a
 * screen would have shown of them.
 */
#include "report/trace.h"

#include <math.h>

#include "base/stat.h"

static void add_point(struct trace_line *line, double x, double y)
{
    line->x[line->n] = x;
    line->y[line->n] = y;
    line->n++;
}

static struct trace_line new_line(struct arena *arena, size_t most)
{
    return (struct trace_line){arena_array(arena, double, most), arena_array(arena, double, most),
                               0};
}

static void add_points(struct trace *t, const struct story *s)
{
    const struct journal *j = s->journal;
    int64_t before = -1;
    for (size_t i = 0; i < j->n_entries; i++) {
        const struct journal_entry *entry = &j->entries[i];
        const struct pace_rate_decision *d = &entry->decision;
        double step = (double)s->steps[i];
        if (entry->obs.kind == PACE_OBS_EVAL) {
            add_point(&t->eval, step, entry->obs.loss);
            continue;
        }
        if (s->steps[i] < before) {
            add_point(&t->loss, NAN, NAN);
            add_point(&t->rate, NAN, NAN);
        }
        before = s->steps[i];
        add_point(&t->loss, step + 1, entry->obs.loss);
        add_point(&t->rate, step + 1, d->apply_update ? d->learning_rate : NAN);
    }
}

static void add_smooth(struct trace *t, int64_t n_steps)
{
    double memory = fmax(1, (double)n_steps / 25);
    struct stat_ema mean = {.beta = 1 - 1 / memory};
    for (size_t i = 0; i < t->loss.n; i++) {
        if (isnan(t->loss.x[i]))
            mean = (struct stat_ema){.beta = mean.beta};
        else if (isfinite(t->loss.y[i]))
            stat_ema_add(&mean, t->loss.y[i]);
        add_point(&t->smooth, t->loss.x[i], stat_ema_mean(&mean));
    }
}

/* Losses that shoot up, and rates that were cut or raised several times, need a logarithm. */
static void pick_scales(struct trace *t, const struct story *s)
{
    double most = 0, changed = 1, furthest = 1;
    for (size_t i = 0; i < t->loss.n; i++)
        most = isfinite(t->loss.y[i]) ? fmax(most, t->loss.y[i]) : most;
    for (size_t i = 0; i < s->journal->n_entries; i++) {
        changed *= s->journal->entries[i].decision.change;
        furthest = fmax(furthest, fmax(changed, 1 / changed));
    }
    t->log_loss = most > 5 * fmax(s->first_loss, s->last_loss);
    t->log_rate = furthest > 5;
    for (size_t i = 0; t->log_rate && i < t->rate.n; i++)
        t->rate.y[i] = t->rate.y[i] > 0 ? t->rate.y[i] : NAN; /* the first of a warmup is zero */
}

void trace_make(struct trace *t, const struct story *s, struct arena *arena)
{
    size_t most = 2 * s->journal->n_entries;
    *t = (struct trace){new_line(arena, most), new_line(arena, most), new_line(arena, most),
                        new_line(arena, most)};
    add_points(t, s);
    add_smooth(t, s->n_gradients);
    pick_scales(t, s);
}

/* Of the points [from, to): the first, least, greatest, last, and a gap, in their order. */
static void add_stretch(struct trace_line *out, const struct trace_line *in, size_t from, size_t to)
{
    size_t least = from, greatest = from, gap = to;
    for (size_t i = from; i < to; i++) {
        if (isnan(in->x[i]))
            gap = i;
        if (isfinite(in->y[i]) && !(in->y[i] >= in->y[least]))
            least = i;
        if (isfinite(in->y[i]) && !(in->y[i] <= in->y[greatest]))
            greatest = i;
    }
    for (size_t i = from; i < to; i++) {
        if (i == from || i == least || i == greatest || i == gap || i + 1 == to)
            add_point(out, in->x[i], in->y[i]);
    }
}

struct trace_line trace_thin(const struct trace_line *line, size_t most, struct arena *arena)
{
    enum { KEPT = 5 }; /* of a stretch, at most */
    size_t stretches = max_size(most / KEPT, 1);
    size_t each = line->n <= most ? 1 : (line->n + stretches - 1) / stretches;
    struct trace_line out = new_line(arena, line->n <= most ? line->n : KEPT * stretches);
    for (size_t from = 0; from < line->n; from += each)
        add_stretch(&out, line, from, min_size(from + each, line->n));
    return out;
}
