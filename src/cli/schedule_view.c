/*
 * schedule_view.c - what `pace schedule` shows.
 *
 * JSON and CSV hold one number per update, every digit of it. They are written while they are made,
 * so a run of any length needs no memory:
 *
 *   {"schedule", "learning_rate", "steps", "warmup_steps", "lr": [...]}
 *   and, of several,  "schedules": [{"name", "lr": [...]}, ...], "lr" being that of the first
 *
 * Pictures are drawn from at most MOST_POINTS updates at even distances; a picture is some hundred
 * points wide. The table shows every tenth of the run and the warmup's end.
 */
#include "cli/schedule_view.h"

#include <stdio.h>

#include "base/num.h"
#include "cli/command.h"
#include "format/json.h"
#include "report/plot.h"

enum { MOST_POINTS = 4096, PIECE_BYTES = 1 << 16, MOST_COURSES = 16 };

double course_rate(const struct course *course, int64_t step)
{
    if (course->n_levels == 0)
        return pace_schedule_rate(&course->schedule, step);
    size_t level = min_size((size_t)(step / course->eval_steps), course->n_levels - 1);
    return course->levels[level];
}

/* "1,000 steps, 100 of warmup" */
static void add_length(const struct comparison *c, struct buf *out)
{
    term_add_count(out, (uint64_t)c->total_steps, "step");
    if (c->warmup_steps > 0) {
        buf_add_text(out, ", ");
        term_add_count(out, (uint64_t)c->warmup_steps, NULL);
        buf_add_text(out, " of warmup");
    }
}

/* ------------------------------------------------------------------------------------- table -- */

enum { MOST_ROWS = 12, RATE_COLUMNS = 9, MOST_BAR = 40 };

/* "1.50e-4" */
static void format_rate(char text[NUM_TEXT_SIZE], double rate)
{
    char digits[NUM_TEXT_SIZE];
    int exponent = 0;
    snprintf(digits, sizeof digits, "%.2e", rate);
    char *mark = strchr(digits, 'e');
    if (rate == 0 || !mark) {
        snprintf(text, NUM_TEXT_SIZE, "%.3g", rate);
        return;
    }
    sscanf(mark + 1, "%d", &exponent);
    *mark = '\0';
    snprintf(text, NUM_TEXT_SIZE, "%.12se%d", digits, exponent);
}

/* Rising and without repetition: tenths of the run, its last update, the warmup's end. */
static size_t choose_rows(const struct comparison *c, int64_t rows[MOST_ROWS])
{
    int64_t last = c->total_steps - 1;
    size_t n = 0;
    for (int i = 0; i <= 10; i++) {
        int64_t step = last < 10 ? i : c->total_steps / 10 * i + c->total_steps % 10 * i / 10;
        int64_t row = step > last ? last : step;
        int64_t before = n > 0 ? rows[n - 1] : -1;
        if (c->warmup_steps > before && c->warmup_steps < row)
            rows[n++] = c->warmup_steps;
        if (row > before)
            rows[n++] = row;
    }
    return n;
}

static void add_padded(struct buf *out, const char *text, size_t width)
{
    buf_printf(out, "%*s", (int)width, text);
}

static size_t step_columns(const struct comparison *c)
{
    struct buf text;
    buf_init(&text, NUM_TEXT_SIZE);
    term_add_count(&text, (uint64_t)c->total_steps, NULL);
    size_t columns = max_size(text.len, strlen("step"));
    buf_release(&text);
    return columns;
}

static void add_step(const struct comparison *c, int64_t step, struct buf *out)
{
    struct buf text;
    buf_init(&text, NUM_TEXT_SIZE);
    term_add_count(&text, (uint64_t)step, NULL);
    add_padded(out, buf_string(&text), step_columns(c));
    buf_release(&text);
}

/* Step, rate, and a bar as long as the share of the greatest rate. */
static void table_of_one(const struct comparison *c, const struct term *t, struct buf *out)
{
    int64_t rows[MOST_ROWS];
    size_t n = choose_rows(c, rows), used = step_columns(c) + 2 + RATE_COLUMNS + 3;
    size_t room = t->width > used ? min_size(t->width - used, MOST_BAR) : 1;
    double most = c->learning_rate;
    char text[NUM_TEXT_SIZE];
    for (size_t i = 0; i < n; i++) {
        double rate = course_rate(c->courses, rows[i]);
        most = rate > most ? rate : most;
    }
    add_padded(out, "step", step_columns(c));
    buf_add_text(out, "  learning rate\n");
    for (size_t i = 0; i < n; i++) {
        double rate = course_rate(c->courses, rows[i]);
        add_step(c, rows[i], out);
        format_rate(text, rate);
        buf_printf(out, "  %-*s", rate > 0 ? RATE_COLUMNS : 0, text);
        if (rate > 0) {
            buf_printf(out, "  %s", term_style(t, TERM_GREEN));
            term_add_bar(t, out, rate / most, room);
            buf_add_text(out, term_style(t, TERM_PLAIN));
        }
        buf_add_byte(out, '\n');
    }
}

/* Columns of a course: what its label needs, at most `most`, never less than a rate needs. */
static size_t course_columns(const struct course *course, size_t most)
{
    return max_size(min_size(strlen(course->label), most), RATE_COLUMNS);
}

/* The widest that a column may be, so that `shown` of them with a gap each fit into the room. */
static size_t widest_column(const struct comparison *c, size_t shown, size_t room)
{
    size_t most = room, used;
    do {
        used = 0;
        for (size_t i = 0; i < shown; i++)
            used += 2 + course_columns(&c->courses[i], most);
    } while (used > room && --most > RATE_COLUMNS);
    return most;
}

static void add_label(const struct term *t, const char *label, size_t columns, struct buf *out)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    size_t used = term_add_line(t, &text, span_of(label), columns);
    buf_printf(out, "  %*s%s", (int)(columns - used), "", buf_string(&text));
    buf_release(&text);
}

static void table_of_several(const struct comparison *c, const struct term *t, struct buf *out)
{
    int64_t rows[MOST_ROWS];
    size_t n = choose_rows(c, rows);
    size_t room = t->width > step_columns(c) ? t->width - step_columns(c) : 0;
    size_t shown = min_size(c->n, max_size(room / (RATE_COLUMNS + 2), 1));
    size_t most = widest_column(c, shown, max_size(room, RATE_COLUMNS + 1));
    char text[NUM_TEXT_SIZE];
    add_padded(out, "step", step_columns(c));
    for (size_t i = 0; i < shown; i++)
        add_label(t, c->courses[i].label, course_columns(&c->courses[i], most), out);
    buf_add_byte(out, '\n');
    for (size_t row = 0; row < n; row++) {
        add_step(c, rows[row], out);
        for (size_t i = 0; i < shown; i++) {
            format_rate(text, course_rate(&c->courses[i], rows[row]));
            add_padded(out, text, 2 + course_columns(&c->courses[i], most));
        }
        buf_add_byte(out, '\n');
    }
    if (shown < c->n)
        buf_printf(out, "no room for %zu more: --csv shows all\n", c->n - shown);
}

void schedule_view_table(const struct comparison *c, const struct term *t, struct buf *out)
{
    char peak[NUM_TEXT_SIZE];
    num_format_double(peak, c->learning_rate);
    for (size_t i = 0; i < c->n; i++) {
        const struct course *course = &c->courses[i];
        struct buf line;
        buf_init(&line, BUF_NO_LIMIT);
        buf_printf(&line, "%s: %s", course->label, pace_schedule_about(course->schedule.kind));
        buf_add_text(out, i == 0 && c->n == 1 ? term_style(t, TERM_BOLD) : "");
        term_add_line(t, out, buf_span(&line), t->width);
        buf_printf(out, "%s\n", i == 0 && c->n == 1 ? term_style(t, TERM_PLAIN) : "");
        buf_release(&line);
    }
    add_length(c, out);
    buf_printf(out, ", learning rate %s\n\n", peak);
    if (c->n == 1)
        table_of_one(c, t, out);
    else
        table_of_several(c, t, out);
}

/* ---------------------------------------------------------------------------------- pictures -- */

/* The plot of all courses; its arrays live in the arena. */
static struct plot make_plot(const struct comparison *c, struct arena *arena)
{
    size_t n = (size_t)c->total_steps;
    n = n < MOST_POINTS ? n : MOST_POINTS;
    double *x = arena_array(arena, double, n);
    struct plot_line *lines = arena_array(arena, struct plot_line, c->n);
    for (size_t i = 0; i < c->n; i++) {
        double *y = arena_array(arena, double, n);
        for (size_t j = 0; j < n; j++) {
            double share = n > 1 ? (double)j / (double)(n - 1) : 0;
            int64_t step = (int64_t)(share * (double)(c->total_steps - 1) + 0.5);
            x[j] = (double)step;
            y[j] = course_rate(&c->courses[i], step);
        }
        lines[i] = (struct plot_line){.label = c->courses[i].label, .x = x, .y = y, .n = n};
    }
    struct buf title;
    buf_init(&title, BUF_NO_LIMIT);
    if (c->n == 1)
        buf_printf(&title, "%s, ", c->courses[0].label);
    add_length(c, &title);
    struct plot plot = {.title = arena_string(arena, buf_span(&title)),
                        .x_label = "step",
                        .y_label = "learning rate",
                        .lines = lines,
                        .n_lines = c->n};
    buf_release(&title);
    return plot;
}

void schedule_view_plot(const struct comparison *c, const struct term *t, struct buf *out)
{
    enum { LEAST_ROWS = 12, MOST_PLOT_ROWS = 22 };
    struct arena arena = {0};
    struct plot plot = make_plot(c, &arena);
    int rows = (int)t->width / 4;
    struct plot_screen screen = {.columns = (int)t->width,
                                 .rows = rows < LEAST_ROWS       ? LEAST_ROWS
                                         : rows > MOST_PLOT_ROWS ? MOST_PLOT_ROWS
                                                                 : rows,
                                 .has_color = t->has_color,
                                 .has_unicode = t->has_unicode};
    plot_text(out, &plot, &screen);
    arena_release(&arena);
}

void schedule_view_svg(const struct comparison *c, struct buf *out)
{
    struct arena arena = {0};
    struct plot plot = make_plot(c, &arena);
    plot_svg(out, &plot, 900, 420);
    arena_release(&arena);
}

/* ------------------------------------------------------------------------------- all numbers -- */

/* Prints what has gathered, where that is enough for a piece. */
static bool pass_on(struct buf *out, struct err *err)
{
    return out->len < PIECE_BYTES || command_print(out, err);
}

static bool add_rates(const struct comparison *c, const struct course *course,
                      struct json_writer *w, struct err *err)
{
    json_key(w, "lr");
    json_begin_array(w);
    for (int64_t step = 0; step < c->total_steps; step++) {
        json_put_double(w, course_rate(course, step));
        if (!pass_on(w->out, err))
            return false;
    }
    json_end(w);
    return true;
}

static bool add_courses(const struct comparison *c, struct json_writer *w, struct err *err)
{
    json_key(w, "schedules");
    json_begin_array(w);
    for (size_t i = 0; i < c->n; i++) {
        json_begin_object(w);
        json_key(w, "name");
        json_put_text(w, c->courses[i].label);
        if (!add_rates(c, &c->courses[i], w, err))
            return false;
        json_end(w);
    }
    json_end(w);
    return true;
}

bool schedule_view_json(const struct comparison *c, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    struct json_writer w = {.out = &out};
    json_begin_object(&w);
    json_key(&w, "schedule");
    json_put_text(&w, c->courses[0].label);
    json_key(&w, "learning_rate");
    json_put_double(&w, c->learning_rate);
    json_key(&w, "steps");
    json_put_int(&w, c->total_steps);
    json_key(&w, "warmup_steps");
    json_put_int(&w, c->warmup_steps);
    bool ok = add_rates(c, &c->courses[0], &w, err) && (c->n == 1 || add_courses(c, &w, err));
    if (ok) {
        json_end(&w);
        buf_add_byte(&out, '\n');
        ok = command_print(&out, err);
    }
    buf_release(&out);
    return ok;
}

/* A field of CSV, between quotes where it must be. */
static void add_field(struct buf *out, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        buf_add_text(out, text);
        return;
    }
    buf_add_byte(out, '"');
    for (; *text; text++) {
        buf_add_byte(out, (uint8_t)*text);
        if (*text == '"')
            buf_add_byte(out, '"');
    }
    buf_add_byte(out, '"');
}

bool schedule_view_csv(const struct comparison *c, struct err *err)
{
    struct buf out;
    char text[NUM_TEXT_SIZE];
    bool ok = true;
    buf_init(&out, BUF_NO_LIMIT);
    buf_add_text(&out, "step");
    for (size_t i = 0; i < c->n; i++) {
        buf_add_byte(&out, ',');
        add_field(&out, c->n == 1 ? "lr" : c->courses[i].label);
    }
    buf_add_byte(&out, '\n');
    for (int64_t step = 0; ok && step < c->total_steps; step++) {
        buf_printf(&out, "%lld", (long long)step);
        for (size_t i = 0; i < c->n; i++) {
            num_format_double(text, course_rate(&c->courses[i], step));
            buf_printf(&out, ",%s", text);
        }
        buf_add_byte(&out, '\n');
        ok = pass_on(&out, err);
    }
    ok = ok && command_print(&out, err);
    buf_release(&out);
    return ok;
}
