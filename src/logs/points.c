/*
 * points.c - the points of one run, from rows as they were logged.
 *
 * Four passes:
 *
 *   columns   one column per field. Of several the barest name wins ("loss" before "train_loss"),
 *             unless it has fewer than a tenth of the other's values. W&B's exports hold several
 *             runs: the one with the most losses is read.
 *   rows      a row's step is its own, or the last one seen (trainers print it on a line of its
 *             own), or the number of losses so far. Where the step falls while the epoch rises,
 *             steps are counted within an epoch and are added up. What was logged for one step
 *             (a loss; its evaluation) becomes one point.
 *   parts     where the step of a loss falls, the run was taken up again from a checkpoint: a new
 *             part begins. A part is put in the order of its steps: event files are in the order of
 *             writing. When losses fall back all the time, several processes wrote at once, and
 *             there is but one part.
 *   joining   the later part wins, as it did for the weights: points that it trained again are
 *             left out, and its first is marked. What is left out is told in a note.
 */
#include "logs/points.h"

#include <inttypes.h>
#include <math.h>

#include "logs/shift.h"

/* --------------------------------------------------------------------------------- columns -- */

static bool is_loss(enum field field)
{
    return field == FIELD_LOSS || field == FIELD_EVAL_LOSS;
}

/* The run with the most losses, where the sheet holds several: a table's columns name them. */
static struct span choose_group(struct sheet *s)
{
    struct span best = {0};
    size_t most = 0, n_groups = 0;
    for (size_t i = 0; i < s->n_columns; i++) {
        const struct sheet_column *a = &s->columns[i];
        size_t n = 0;
        bool is_first = is_loss(a->match.field) && a->n_cells > 0;
        for (size_t j = 0; is_first && j < s->n_columns; j++) {
            const struct sheet_column *b = &s->columns[j];
            if (!is_loss(b->match.field) || !span_equal(a->match.group, b->match.group))
                continue;
            is_first = j >= i;
            n += b->n_cells;
        }
        n_groups += is_first;
        if (is_first && n > most) {
            most = n;
            best = a->match.group;
        }
    }
    if (n_groups > 1)
        sheet_note(s, "%zu runs are in it; the one with the most losses is read: \"%.*s\"",
                   n_groups, (int)min_size(best.len, 80), (const char *)best.at);
    return best;
}

/* A Trainer's mean loss of the whole run, beside its train_runtime: no point. */
static bool is_summary(const struct sheet_column *column, size_t n_runtimes)
{
    return column->match.field == FIELD_LOSS && column->match.rank > 0 &&
           column->n_cells <= n_runtimes;
}

/* Held-out losses of several data sets: one is read. */
static void note_others(struct sheet *s, const int chosen[FIELD_COUNT])
{
    size_t n = 0;
    int eval = chosen[FIELD_EVAL_LOSS];
    for (size_t i = 0; eval >= 0 && i < s->n_columns; i++) {
        const struct field_match *m = &s->columns[i].match;
        n += m->field == FIELD_EVAL_LOSS && s->columns[i].n_cells > 0 &&
             span_equal(m->group, s->columns[eval].match.group);
    }
    if (n > 1)
        sheet_note(s, "%zu held-out losses are in it: %.60s is read", n, s->columns[eval].name);
}

/* chosen[field]: the column's index, or -1. */
static void choose_columns(struct sheet *s, int chosen[FIELD_COUNT])
{
    struct span group = choose_group(s);
    size_t most[FIELD_COUNT] = {0}, n_runtimes = 0;
    for (size_t i = 0; i < s->n_columns; i++) {
        if (s->columns[i].match.field == FIELD_RUNTIME)
            n_runtimes += s->columns[i].n_cells;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < (int)s->n_columns; i++) {
            const struct sheet_column *c = &s->columns[i];
            enum field field = c->match.field;
            bool is_ours = c->match.group.len == 0 || span_equal(c->match.group, group);
            if (!is_ours || c->n_cells == 0 || is_summary(c, n_runtimes))
                continue;
            if (pass == 0)
                most[field] = max_size(most[field], c->n_cells);
            else if (c->n_cells * 10 >= most[field] &&
                     (chosen[field] < 0 || c->match.rank < s->columns[chosen[field]].match.rank))
                chosen[field] = i;
        }
    }
}

/* ------------------------------------------------------------------------------------ rows -- */

struct walk {
    struct sheet *sheet;
    int chosen[FIELD_COUNT];
    struct buf points; /* struct pace_point */
    int64_t step;      /* the last one seen */
    int64_t offset;    /* of the epochs before, where steps are counted within an epoch */
    int64_t n_losses;
    int64_t spacing; /* between two losses, where steps are counted */
    double epoch;
    int64_t loss_step; /* of the last loss, as logged */
    double loss_epoch;
    bool are_together; /* losses and held-out losses, in a table */
    bool has_steps;
    bool is_summary; /* the present row */
    bool is_within_epoch;
};

static struct pace_point *points_in(const struct walk *w, size_t *n)
{
    *n = w->points.len / sizeof(struct pace_point);
    return (struct pace_point *)(void *)w->points.at;
}

static bool has_loss(const struct pace_point *p)
{
    return !isnan(p->loss) || (p->flags & PACE_LOSS_NOT_FINITE);
}

static bool has_eval(const struct pace_point *p)
{
    return !isnan(p->eval_loss) || (p->flags & PACE_EVAL_NOT_FINITE);
}

static bool has_norm(const struct pace_point *p)
{
    return !isnan(p->grad_norm) || (p->flags & PACE_GRAD_NOT_FINITE);
}

static bool is_step(double value)
{
    return value > -1 && value < 9e15;
}

/* A number that may be logged as not finite. */
static void set_value(struct pace_point *p, double *field, unsigned flag, double value)
{
    *field = isfinite(value) ? value : NAN;
    p->flags = isfinite(value) ? p->flags & ~flag : p->flags | flag;
}

static void set_field(struct walk *w, struct pace_point *p, enum field field, double value)
{
    struct sheet *s = w->sheet;
    switch (field) {
    case FIELD_STEP:
        if (is_step(value))
            p->step = (int64_t)value;
        break;
    case FIELD_TOTAL_STEPS:
        if (value >= 1 && is_step(value))
            s->total_steps = (int64_t)value;
        break;
    case FIELD_EPOCH:
        p->epoch = isfinite(value) ? value : NAN;
        break;
    case FIELD_TOTAL_EPOCHS:
        if (value > 0 && value < 1e9)
            s->total_epochs = value;
        break;
    case FIELD_LOSS:
        set_value(p, &p->loss, PACE_LOSS_NOT_FINITE, value);
        break;
    case FIELD_EVAL_LOSS:
        set_value(p, &p->eval_loss, PACE_EVAL_NOT_FINITE, value);
        break;
    case FIELD_GRAD_NORM:
        set_value(p, &p->grad_norm, PACE_GRAD_NOT_FINITE, value);
        break;
    case FIELD_RATE:
        p->learning_rate = isfinite(value) && value >= 0 ? value : NAN;
        break;
    case FIELD_RUNTIME:
        w->is_summary = true;
        break;
    case FIELD_NONE:
    case FIELD_COUNT:
        break;
    }
}

/* Steps that start anew with each epoch are added up. */
static int64_t whole_step(struct walk *w, const struct pace_point *p)
{
    if (!has_loss(p) && has_eval(p)) /* evaluations may have a count of their own */
        return w->step + w->offset;
    bool is_behind = has_loss(p) ? w->step <= w->loss_step : w->step < w->loss_step;
    if (is_behind && floor(w->epoch) > floor(w->loss_epoch) && is_step((double)w->offset)) {
        int64_t total = w->sheet->total_steps;
        w->offset += total >= w->loss_step ? total : w->loss_step;
        w->is_within_epoch = true;
    }
    w->loss_step = w->step;
    w->loss_epoch = w->epoch;
    return w->step + w->offset;
}

/* True where b only adds to what is known of a's step. */
static bool can_merge(const struct pace_point *a, const struct pace_point *b)
{
    return a->step == b->step && !(has_loss(a) && has_loss(b)) && !(has_eval(a) && has_eval(b)) &&
           !(has_norm(a) && has_norm(b)) &&
           (isnan(a->learning_rate) || isnan(b->learning_rate) ||
            a->learning_rate == b->learning_rate);
}

static void merge(struct pace_point *a, const struct pace_point *b)
{
    a->flags |= b->flags;
    if (!isnan(b->epoch) && isnan(a->epoch))
        a->epoch = b->epoch;
    if (!isnan(b->loss))
        a->loss = b->loss;
    if (!isnan(b->eval_loss))
        a->eval_loss = b->eval_loss;
    if (!isnan(b->grad_norm))
        a->grad_norm = b->grad_norm;
    if (!isnan(b->learning_rate))
        a->learning_rate = b->learning_rate;
}

static void end_row(struct walk *w, struct pace_point *p)
{
    size_t n;
    bool is_train = has_loss(p);
    if (!isnan(p->epoch))
        w->epoch = p->epoch;
    p->epoch = w->epoch;
    if (p->step >= 0)
        w->step = p->step;
    w->n_losses += is_train;
    if (w->is_summary)
        w->sheet->end_step = w->has_steps ? w->step + w->offset : w->n_losses * w->spacing;
    w->is_summary = false;
    if (!is_train && !has_eval(p) && !has_norm(p) && isnan(p->learning_rate))
        return;
    p->step = w->has_steps ? whole_step(w, p) : w->n_losses * w->spacing;
    struct pace_point *last = points_in(w, &n);
    if (n > 0 && can_merge(&last[n - 1], p))
        merge(&last[n - 1], p);
    else
        buf_add(&w->points, (struct span){(const uint8_t *)p, sizeof *p});
}

/* The value of the field's chosen column in the row that `cells` begins with; NAN for none. */
static double value_in_row(const struct walk *w, const struct sheet_cell *cells, size_t n,
                           enum field field)
{
    for (size_t i = 0; i < n && w->chosen[field] >= 0 && cells[i].row == cells[0].row; i++) {
        if (w->chosen[field] == (int)cells[i].column)
            return cells[i].value;
    }
    return NAN;
}

/* True where a row holds a loss and a held-out loss, both numbers. */
static bool are_together(const struct walk *w)
{
    size_t n;
    const struct sheet_cell *cells = sheet_cells(w->sheet, &n);
    for (size_t i = 0; i < n; i++) {
        bool is_first = i == 0 || cells[i].row != cells[i - 1].row;
        if (is_first && isfinite(value_in_row(w, &cells[i], n - i, FIELD_LOSS)) &&
            isfinite(value_in_row(w, &cells[i], n - i, FIELD_EVAL_LOSS)))
            return true;
    }
    return false;
}

/*
 * A table may write NaN where it has no number: most of the time, or, when losses and held-out ones
 * never share a row, beside the other one; and in the final summary. Numbers come back behind it.
 */
static bool is_empty(const struct walk *w, const struct sheet_cell *row, size_t n,
                     const struct sheet_cell *cell)
{
    const struct sheet_column *column = &w->sheet->columns[cell->column];
    if (!w->sheet->nan_is_empty || !isnan(cell->value) || column->n_returns < 2)
        return false;
    if (column->n_nan * 2 > column->n_cells || isfinite(value_in_row(w, row, n, FIELD_RUNTIME)))
        return true;
    return !w->are_together && (isfinite(value_in_row(w, row, n, FIELD_LOSS)) ||
                                isfinite(value_in_row(w, row, n, FIELD_EVAL_LOSS)));
}

static void walk_rows(struct walk *w)
{
    static const struct pace_point nothing = {-1, NAN, NAN, NAN, NAN, NAN, 0};
    size_t n, row = 0;
    const struct sheet_cell *cells = sheet_cells(w->sheet, &n);
    struct pace_point p = nothing;
    for (size_t i = 0; i < n; i++) {
        enum field field = w->sheet->columns[cells[i].column].match.field;
        if (w->chosen[field] == (int)cells[i].column &&
            !is_empty(w, &cells[row], n - row, &cells[i]))
            set_field(w, &p, field, cells[i].value);
        if (i + 1 == n || cells[i + 1].row != cells[i].row) {
            end_row(w, &p);
            p = nothing;
            row = i + 1;
        }
    }
}

/* The roundest number in (low, high]: what a person would have chosen. */
static int64_t roundest(double low, double high)
{
    int64_t best = (int64_t)high;
    for (int64_t unit = 1; unit <= best; unit *= 10) {
        static const int factors[] = {1, 2, 5};
        for (size_t i = 0; i < COUNT_OF(factors); i++) {
            int64_t candidate = (int64_t)high / (unit * factors[i]) * (unit * factors[i]);
            if ((double)candidate > low)
                best = candidate;
        }
    }
    return best;
}

/* Without steps in it, a log's progress bar tells how far the run came: every how many steps? */
static void find_spacing(struct walk *w)
{
    struct sheet *s = w->sheet;
    int loss = w->chosen[FIELD_LOSS];
    double n = loss >= 0 ? (double)s->columns[loss].n_cells : 0;
    w->spacing = 1;
    if (n > 0 && (double)s->last_step >= n) {
        w->spacing = roundest((double)s->last_step / (n + 1), (double)s->last_step / n);
        sheet_note(s, "its lines have no steps; by its progress bar there is one every %" PRId64,
                   w->spacing);
    } else {
        sheet_note(s, "it has no steps; its losses are counted");
    }
}

/* ----------------------------------------------------------------------------------- parts -- */

/*
 * True where evaluations have a count of their own (epochs, say): most of those between two losses
 * are behind the first of them, and yet the losses go on.
 */
static bool have_own_count(const struct pace_point *p, size_t n)
{
    size_t n_behind = 0, n_between = 0, behind = 0, between = 0;
    int64_t last = -1;
    for (size_t i = 0; i < n; i++) {
        if (!has_loss(&p[i])) {
            between += has_eval(&p[i]);
            behind += has_eval(&p[i]) && p[i].step < last;
            continue;
        }
        n_between += between;
        n_behind += p[i].step > last ? behind : 0;
        between = behind = 0;
        last = p[i].step;
    }
    return n_behind > 0 && n_behind * 2 >= n_between;
}

/* Such evaluations belong to the loss that they follow. */
static void place_evaluations(struct walk *w)
{
    size_t n;
    int64_t last = -1;
    struct pace_point *p = points_in(w, &n);
    if (!have_own_count(p, n))
        return;
    for (size_t i = 0; i < n; i++) {
        if (has_loss(&p[i]))
            last = p[i].step;
        else if (has_eval(&p[i]) && p[i].step < last)
            p[i].step = last;
    }
    sheet_note(w->sheet,
               "its evaluations count differently from its losses: each is taken to belong "
               "to the loss before it");
}

/* Stable: bottom-up merging, n log n whatever the input. */
static void sort_points(struct pace_point *p, size_t n)
{
    bool is_sorted = true;
    for (size_t i = 1; i < n && is_sorted; i++)
        is_sorted = p[i - 1].step <= p[i].step;
    if (is_sorted)
        return;
    struct arena scratch = {0};
    struct pace_point *from = p, *to = arena_array(&scratch, struct pace_point, n);
    for (size_t width = 1; width < n; width *= 2) {
        for (size_t start = 0; start < n; start += 2 * width) {
            size_t middle = min_size(start + width, n), end = min_size(start + 2 * width, n);
            size_t a = start, b = middle;
            for (size_t i = start; i < end; i++)
                to[i] = a < middle && (b == end || from[a].step <= from[b].step) ? from[a++]
                                                                                 : from[b++];
        }
        struct pace_point *swap = from;
        from = to;
        to = swap;
    }
    if (from != p)
        memcpy(p, from, n * sizeof *p);
    arena_release(&scratch);
}

/* Puts a part in order and joins what belongs to one step. Returns the new number of points. */
static size_t tidy_part(struct pace_point *p, size_t n)
{
    size_t kept = 0;
    sort_points(p, n);
    for (size_t i = 0; i < n; i++) {
        if (kept > 0 && can_merge(&p[kept - 1], &p[i]))
            merge(&p[kept - 1], &p[i]);
        else
            p[kept++] = p[i];
    }
    return kept;
}

/* The end of the part that begins at `start`: where a loss falls back behind the one before. */
static size_t part_end(const struct pace_point *p, size_t start, size_t n)
{
    int64_t last = INT64_MIN;
    for (size_t i = start; i < n; i++) {
        if (!has_loss(&p[i]))
            continue;
        if (p[i].step < last)
            return i;
        last = p[i].step;
    }
    return n;
}

struct join {
    size_t n_kept;
    size_t n_again;    /* times that the run was taken up again */
    size_t n_dropped;  /* points that a later part trained again */
    size_t n_restarts; /* times that it began anew */
    size_t n_reset;    /* times that one run counted its steps from the start again */
};

/* One run that was taken up without its state: its steps go on behind those that were counted. */
static void count_on(struct join *j, struct pace_point *p, size_t part, size_t first, size_t n)
{
    int64_t last = p[j->n_kept - 1].step;
    for (size_t i = part; i < part + n; i++)
        p[i].step = p[i].step < INT64_MAX - last ? p[i].step + last : p[i].step;
    p[first].flags |= PACE_RESUMED;
    memmove(p + j->n_kept, p + part, n * sizeof *p);
    j->n_kept += n;
    j->n_reset++;
}

static bool has_any_loss(const struct pace_point *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (has_loss(&p[i]))
            return true;
    }
    return false;
}

/* Appends the part at `part` to the points kept so far, which stand in front of it. */
static void join_part(struct join *j, struct pace_point *p, size_t part, size_t n, bool is_one_run)
{
    size_t keep = j->n_kept, first = part;
    while (first + 1 < part + n && !has_loss(&p[first]))
        first++;
    while (keep > 0 && p[keep - 1].step >= p[first].step)
        keep--;
    if (!has_any_loss(p, keep)) /* an evaluation before the first step is nothing to go on from */
        keep = 0;
    if (part > 0 && keep == 0 && is_one_run) {
        count_on(j, p, part, first, n);
        return;
    }
    j->n_restarts += part > 0 && keep == 0;
    if (part > 0 && keep == 0 && n < j->n_kept / 10) /* a start that came to nothing */
        return;
    j->n_dropped += keep > 0 ? j->n_kept - keep : 0;
    j->n_again += keep > 0;
    if (keep > 0)
        p[first].flags |= PACE_RESUMED;
    memmove(p + keep, p + part, n * sizeof *p);
    j->n_kept = keep + n;
}

static size_t join_parts(struct walk *w)
{
    struct join j = {0};
    size_t n, n_parts = 0;
    struct pace_point *p = points_in(w, &n);
    for (size_t at = 0; at < n; at = part_end(p, at, n))
        n_parts++;
    if (n_parts > 4 && n_parts > n / 20) {
        sheet_note(w->sheet, "its steps are out of order all over: they were sorted");
        return tidy_part(p, n);
    }
    for (size_t at = 0, end; at < n; at = end) {
        end = part_end(p, at, n);
        join_part(&j, p, at, tidy_part(p + at, end - at), w->sheet->is_one_run);
    }
    if (j.n_reset > 0)
        sheet_note(w->sheet,
                   "the run was taken up without its state: its steps begin again and are counted "
                   "on from where they stood");
    if (j.n_restarts > 0)
        sheet_note(w->sheet,
                   "%zu runs are in it, one behind another: the last of some length is read",
                   j.n_restarts + 1);
    if (j.n_again > 0)
        sheet_note(w->sheet,
                   "the run was taken up again %zu time%s; %zu points that were trained again are "
                   "left out",
                   j.n_again, j.n_again > 1 ? "s" : "", j.n_dropped);
    return tidy_part(p, j.n_kept); /* evaluations may have been logged late */
}

/* -------------------------------------------------------------------------------- together -- */

static void set_totals(const struct walk *w, struct pace_series *series)
{
    const struct sheet *s = w->sheet;
    int64_t last = series->points[series->n_points - 1].step;
    series->total_epochs = s->total_epochs;
    series->total_steps = s->total_steps;
    if (w->is_within_epoch)
        series->total_steps = s->total_epochs * (double)s->total_steps < 9e15
                                  ? (int64_t)(s->total_epochs * (double)s->total_steps)
                                  : 0;
    if (series->total_steps < last)
        series->total_steps = 0;
}

/* A step here and there, in a setting that was printed, is none. */
static bool has_steps(const struct walk *w)
{
    size_t n_losses = 0;
    for (size_t i = 0; i < w->sheet->n_columns; i++) {
        const struct sheet_column *c = &w->sheet->columns[i];
        if (is_loss(c->match.field) && w->chosen[c->match.field] == (int)i)
            n_losses += c->n_cells;
    }
    int step = w->chosen[FIELD_STEP];
    return step >= 0 && w->sheet->columns[step].n_cells * 10 >= n_losses;
}

void points_of_sheet(struct sheet *sheet, struct pace_series *series, const char **columns)
{
    struct walk w = {.sheet = sheet, .epoch = NAN, .loss_epoch = NAN, .loss_step = -1};
    *series = (struct pace_series){0};
    buf_init(&w.points, BUF_NO_LIMIT);
    for (int i = 0; i < FIELD_COUNT; i++)
        w.chosen[i] = -1;
    choose_columns(sheet, w.chosen);
    note_others(sheet, w.chosen);
    for (int i = 0; i < FIELD_COUNT; i++)
        columns[i] = w.chosen[i] < 0 ? NULL : sheet->columns[w.chosen[i]].name;
    if (w.chosen[FIELD_LOSS] < 0 && w.chosen[FIELD_EVAL_LOSS] < 0)
        return;

    w.has_steps = has_steps(&w);
    w.are_together = sheet->nan_is_empty && are_together(&w);
    if (!w.has_steps)
        find_spacing(&w);
    walk_rows(&w);
    place_evaluations(&w);
    size_t n = join_parts(&w);
    struct pace_point *points = arena_array(sheet->arena, struct pace_point, n);
    if (n > 0)
        memcpy(points, w.points.at, n * sizeof *points);
    buf_release(&w.points);
    *series = (struct pace_series){.points = points, .n_points = n};
    if (n == 0)
        return;
    set_totals(&w, series);
    if (sheet->is_trainer || shift_concerns(sheet))
        shift_judge(sheet, series);
}
