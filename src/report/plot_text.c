/*
 * plot_text.c - curves in a terminal.
 *
 *     loss                                                     learning rate ⠤⠤⠤
 *        3 ┤⡇                                                           ├ 2e-4
 *          │⠸⡀   ⢀⠔⠒⠒⠢⢄                                                 │
 *        2 ┤ ⢣ ⡠⠃      ⠑⢄⡀                                              ├ 1e-4
 *          │  ⠱⡀          ⠈⠑⠢⢄⣀                                         │
 *        1 ┤   ⠈⠢⣀⣀             ⠉⠑⠒⠤⢄⣀⣀                                 ├ 0
 *          └┬──────────┬──────────┬──────────┬──────────┬──────────┬────┘
 *     step  0         200        400        600        800       1000
 *
 * A cell of the terminal holds 2 x 4 dots (Unicode's braille patterns): 80 columns and 20 rows have
 * 12,800 of them, enough for a curve. Without Unicode a cell is one dot, and lines are told apart
 * by their letter; without colour they are told apart by dashes.
 *
 * Ticks stand on rows, so the rows are chosen to be a multiple of the ticks' distance: the picture
 * may come out a few rows lower than it was asked to be, and its ticks are evenly spaced.
 */
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/utf8.h"
#include "report/plot.h"
#include "report/plot_points.h"

enum {
    LEAST_COLUMNS = 32,
    LEAST_WIDTH = 8,
    LEAST_HEIGHT = 3,
    MOST_COLUMNS = 1000,
    MOST_ROWS = 1000,
    TEXT_SIZE = 256,
    DOTS_WIDE = 2,
    DOTS_HIGH = 4,
    NOBODY = 255, /* owner of a cell without dots */
};

struct canvas {
    const struct plot_screen *screen;
    struct plot_axes axes;
    int columns;                   /* of the whole picture */
    int width, height;             /* cells inside the axes */
    int left_margin, right_margin; /* columns of the labels beside them */
    int dots_wide, dots_high;      /* dots of a cell */
    uint8_t *dots;                 /* [height][width] bits of the braille pattern */
    uint8_t *owners;               /* [height][width] line that was drawn last */
    bool *is_marked;               /* [width] */
    struct arena arena;
};

/* ----------------------------------------------------------------------------------- colours -- */

/* Readable on dark and on light. */
static const char *const line_colors[] = {"\x1b[36m", "\x1b[33m", "\x1b[35m",
                                          "\x1b[32m", "\x1b[31m", "\x1b[34m"};
static const char ascii_letters[] = "*o+x#%";

static const char *style(const struct canvas *c, const char *code)
{
    return c->screen->has_color ? code : "";
}

static const char *plain(const struct canvas *c)
{
    return style(c, "\x1b[0m");
}

static const char *dim(const struct canvas *c)
{
    return style(c, "\x1b[2m");
}

static const char *line_color(const struct canvas *c, size_t line)
{
    return style(c, line_colors[line % COUNT_OF(line_colors)]);
}

static char ascii_letter(size_t line)
{
    return ascii_letters[line % (sizeof ascii_letters - 1)];
}

/* Without colour, dots 0 ... n - 1 along a line are drawn or left out in these rhythms. */
static bool is_dash(const struct canvas *c, size_t line, size_t dot)
{
    static const char *const rhythms[] = {"1", "1111110000", "110000", "11111111001100", "1000"};
    if (c->screen->has_color || !c->screen->has_unicode)
        return true;
    const char *rhythm = rhythms[line % COUNT_OF(rhythms)];
    return rhythm[dot % strlen(rhythm)] == '1';
}

/* -------------------------------------------------------------------------------------- dots -- */

static void put_dot(struct canvas *c, size_t line, int x, int y)
{
    static const uint8_t bits[DOTS_HIGH][DOTS_WIDE] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    int column = x / c->dots_wide, row = y / c->dots_high;
    if (x < 0 || y < 0 || column >= c->width || row >= c->height)
        return;
    size_t cell = (size_t)row * (size_t)c->width + (size_t)column;
    c->dots[cell] |= bits[y % c->dots_high][x % c->dots_wide];
    c->owners[cell] = (uint8_t)line;
}

/* Low is the middle of the lowest row, high that of the uppermost: where the ticks are. */
static int dot_x(const struct canvas *c, double place)
{
    return (int)lround(place * (c->width * c->dots_wide - 1));
}

static int dot_y(const struct canvas *c, double place)
{
    double rows = (1 - place) * (c->height - 1);
    return (int)floor(rows * c->dots_high + c->dots_high / 2.0);
}

/* All dots from one place to the next, without the first; *n_dots counts along the line. */
static void draw_stroke(struct canvas *c, size_t line, const int from[2], const int to[2],
                        size_t *n_dots)
{
    int dx = to[0] - from[0], dy = to[1] - from[1];
    int steps = abs(dx) > abs(dy) ? abs(dx) : abs(dy);
    for (int i = 1; i <= steps; i++) {
        int x = from[0] + (int)lround((double)dx * i / steps);
        int y = from[1] + (int)lround((double)dy * i / steps);
        if (is_dash(c, line, (*n_dots)++))
            put_dot(c, line, x, y);
    }
}

static void draw_line(struct canvas *c, const struct plot_line *line, size_t index)
{
    struct plot_walk walk = {.axes = &c->axes, .line = line, .columns = c->width * c->dots_wide};
    struct plot_place place;
    int from[2] = {0, 0};
    size_t n_dots = 0;
    while (plot_walk_next(&walk, &place)) {
        int to[2] = {dot_x(c, place.x), dot_y(c, place.y)};
        if (place.begins || line->is_dots)
            put_dot(c, index, to[0], to[1]);
        else
            draw_stroke(c, index, from, to, &n_dots);
        if (line->is_dots) /* a single dot is hard to see: two by two */
            put_dot(c, index, to[0] ^ 1, to[1]);
        from[0] = to[0];
        from[1] = to[1];
    }
}

/* The first line is drawn last of the lines, so it lies on top; dots lie on all lines. */
static void draw_lines(struct canvas *c, const struct plot *plot)
{
    size_t cells = (size_t)c->width * (size_t)c->height;
    c->dots = arena_array(&c->arena, uint8_t, cells);
    c->owners = arena_array(&c->arena, uint8_t, cells);
    memset(c->owners, NOBODY, cells);
    for (size_t i = 2 * plot->n_lines; i-- > 0;) {
        size_t line = i % plot->n_lines;
        bool is_for_dots = i < plot->n_lines;
        if (plot->lines[line].is_dots == is_for_dots)
            draw_line(c, &plot->lines[line], line % NOBODY);
    }
}

/* ------------------------------------------------------------------------------------ layout -- */

static int within(int value, int least, int most)
{
    return value < least ? least : value > most ? most : value;
}

static int label_width(const struct plot_scale *s)
{
    size_t width = 0;
    for (size_t i = 0; i < s->n_ticks; i++)
        width = max_size(width, strlen(s->ticks[i].label));
    return (int)width;
}

static int intervals(const struct plot_scale *s)
{
    return s->n_ticks > 1 ? (int)s->n_ticks - 1 : 1;
}

/* Chooses the size of everything; `rows` are those that the header leaves. */
static void lay_out(struct canvas *c, const struct plot *plot, int rows)
{
    rows -= (plot->n_marks > 0) + 2;
    rows = within(rows, LEAST_HEIGHT, MOST_ROWS);
    plot_axes_fit(&c->axes, plot, c->columns / 11 + 1, rows / 3 > 2 ? rows / 3 : 2);
    int steps = intervals(&c->axes.left);
    c->height = rows > steps && !c->axes.left.is_log ? (rows - 1) / steps * steps + 1 : rows;
    int name = plot->x_label ? (int)utf8_count(span_of(plot->x_label)) : 0;
    int labels = label_width(&c->axes.left);
    c->left_margin = labels > name ? labels : name < 9 ? name : 9;
    c->right_margin = c->axes.has_right ? label_width(&c->axes.right) + 2 : 1;
    c->width = within(c->columns - c->left_margin - 2 - c->right_margin, LEAST_WIDTH, MOST_COLUMNS);
    c->is_marked = arena_array(&c->arena, bool, (size_t)c->width);
}

static int tick_row(const struct canvas *c, const struct plot_scale *s, const struct plot_tick *t)
{
    return dot_y(c, plot_scale_at(s, t->value)) / c->dots_high;
}

/* The tick on that row, or NULL. */
static const struct plot_tick *tick_at(const struct canvas *c, const struct plot_scale *s, int row)
{
    for (size_t i = 0; i < s->n_ticks; i++) {
        if (tick_row(c, s, &s->ticks[i]) == row)
            return &s->ticks[i];
    }
    return NULL;
}

static int column_of(const struct canvas *c, double x)
{
    double place = plot_scale_at(&c->axes.x, x);
    return place >= 0 && place <= 1 ? dot_x(c, place) / c->dots_wide : -1;
}

/* ------------------------------------------------------------------------------------- lines -- */

static void add_spaces(struct buf *out, int n)
{
    for (int i = 0; i < n; i++)
        buf_add_byte(out, ' ');
}

/* A row of characters that labels are put on where there is room. */
struct strip {
    char text[MOST_COLUMNS + 1];
    int width;
};

static void strip_clear(struct strip *s, int width)
{
    memset(s->text, ' ', sizeof s->text);
    s->width = width;
}

/* True where the label was put; it keeps a blank from its neighbours. */
static bool strip_put(struct strip *s, int at, const char *label)
{
    int len = (int)strlen(label);
    if (at < 0 || at + len > s->width)
        return false;
    for (int i = at > 0 ? at - 1 : 0; i <= at + len && i < s->width; i++) {
        if (s->text[i] != ' ')
            return false;
    }
    memcpy(s->text + at, label, (size_t)len);
    return true;
}

static void strip_write(const struct strip *s, struct buf *out)
{
    int len = s->width;
    while (len > 0 && s->text[len - 1] == ' ')
        len--;
    buf_add(out, (struct span){(const uint8_t *)s->text, (size_t)len});
    buf_add_byte(out, '\n');
}

/* ------------------------------------------------------------------------------------ header -- */

static void write_title(const struct canvas *c, const struct plot *plot, struct buf *out)
{
    char text[TEXT_SIZE];
    if (!plot->title)
        return;
    plot_safe_text(text, min_size(sizeof text, (size_t)c->columns + 1), plot->title);
    buf_printf(out, "%s%s%s\n", style(c, "\x1b[1m"), text, plain(c));
}

static size_t lines_on(const struct plot *plot, bool right)
{
    size_t n = 0;
    for (size_t i = 0; i < plot->n_lines; i++)
        n += plot->lines[i].on_right == right;
    return n;
}

/* What the line looks like: three columns. */
static void add_sample(const struct canvas *c, const struct plot_line *line, size_t index,
                       struct buf *out)
{
    static const char *const dashes[] = {"⠤⠤⠤", "⠤⠄⠤", "⠤⠀⠤", "⠤⠤⠄", "⠄⠄⠄"};
    buf_add_text(out, line_color(c, index));
    if (!c->screen->has_unicode)
        buf_printf(out, "%c%c%c", ascii_letter(index), ascii_letter(index), ascii_letter(index));
    else if (line->is_dots)
        buf_add_text(out, "⠆ ⠆");
    else
        buf_add_text(out, dashes[c->screen->has_color ? 0 : index % COUNT_OF(dashes)]);
    buf_add_text(out, plain(c));
}

/* The name above an axis, with a sample where one of several lines alone is measured on it. */
static int add_name(const struct canvas *c, const struct plot *plot, bool right, struct buf *out)
{
    const char *name = right ? plot->right_label : plot->y_label;
    bool has_sample = plot->n_lines > 1 && lines_on(plot, right) == 1;
    size_t index = 0;
    while (has_sample && plot->lines[index].on_right != right)
        index++;
    char text[TEXT_SIZE];
    int used = (int)plot_safe_text(text, min_size(sizeof text, (size_t)c->columns / 2 - 4),
                                   name || !has_sample ? name : plot->lines[index].label);
    if (has_sample && !right) {
        add_sample(c, &plot->lines[index], index, out);
        buf_add_byte(out, ' ');
    }
    buf_add_text(out, text);
    if (has_sample && right) {
        buf_add_byte(out, ' ');
        add_sample(c, &plot->lines[index], index, out);
    }
    return used + (has_sample ? 4 : 0);
}

static void write_names(const struct canvas *c, const struct plot *plot, struct buf *out)
{
    struct buf right;
    buf_init(&right, BUF_NO_LIMIT);
    size_t before = out->len;
    int used = add_name(c, plot, false, out);
    if (lines_on(plot, true) > 0) {
        int wanted = add_name(c, plot, true, &right);
        add_spaces(out, c->columns - used - wanted);
        buf_add(out, buf_span(&right));
    }
    if (out->len > before)
        buf_add_byte(out, '\n');
    buf_release(&right);
}

/* Samples and labels of lines that share an axis, as many to a row as there is room for. */
static void write_legend(const struct canvas *c, const struct plot *plot, struct buf *out)
{
    int used = 0;
    for (size_t i = 0; i < plot->n_lines; i++) {
        const struct plot_line *line = &plot->lines[i];
        char text[TEXT_SIZE];
        if (lines_on(plot, line->on_right) < 2)
            continue;
        int wanted = 4 + (int)plot_safe_text(text, min_size(sizeof text, (size_t)c->columns - 3),
                                             line->label);
        if (used > 0 && used + 3 + wanted > c->columns) {
            buf_add_byte(out, '\n');
            used = 0;
        }
        add_spaces(out, used > 0 ? 3 : 0);
        add_sample(c, line, i, out);
        buf_printf(out, " %s", text);
        used += wanted + (used > 0 ? 3 : 0);
    }
    if (used > 0)
        buf_add_byte(out, '\n');
}

/* Returns the rows that were written. */
static int write_header(const struct canvas *c, const struct plot *plot, struct buf *out)
{
    size_t before = out->len;
    int rows = 0;
    write_title(c, plot, out);
    write_legend(c, plot, out);
    write_names(c, plot, out);
    for (size_t i = before; i < out->len; i++)
        rows += out->at[i] == '\n';
    return rows;
}

/* -------------------------------------------------------------------------------------- body -- */

/* The labels of the marks above their columns, where there is room. */
static void write_marks(struct canvas *c, const struct plot *plot, struct buf *out)
{
    struct strip strip;
    char text[TEXT_SIZE];
    if (plot->n_marks == 0)
        return;
    strip_clear(&strip, c->columns);
    for (size_t i = 0; i < plot->n_marks; i++) {
        int column = column_of(c, plot->marks[i].x);
        if (column < 0)
            continue;
        c->is_marked[column] = true;
        size_t len = plot_safe_text(text, sizeof text, plot->marks[i].label);
        int at = c->left_margin + 2 + column - (int)len / 2;
        int most = c->columns - (int)len;
        strip_put(&strip, at > most ? most : at, text);
    }
    buf_add_text(out, dim(c));
    strip_write(&strip, out);
    buf_add_text(out, plain(c));
}

static void add_cell(const struct canvas *c, size_t cell, size_t column, struct buf *out)
{
    bool is_empty = c->dots[cell] == 0;
    if (is_empty && c->is_marked[column])
        buf_printf(out, "%s%s%s", dim(c), c->screen->has_unicode ? "┊" : ":", plain(c));
    else if (is_empty)
        buf_add_byte(out, ' ');
    else if (c->screen->has_unicode)
        buf_add_utf8(out, 0x2800u + c->dots[cell]);
    else
        buf_add_byte(out, (uint8_t)ascii_letter(c->owners[cell]));
}

/* The cells of a row; the colour is said where it changes. */
static void add_cells(const struct canvas *c, int row, struct buf *out)
{
    uint8_t owner = NOBODY;
    for (size_t column = 0; column < (size_t)c->width; column++) {
        size_t cell = (size_t)row * (size_t)c->width + column;
        if (c->owners[cell] != owner) {
            owner = c->owners[cell];
            buf_add_text(out, owner == NOBODY ? plain(c) : line_color(c, owner));
        }
        add_cell(c, cell, column, out);
    }
    if (owner != NOBODY)
        buf_add_text(out, plain(c));
}

static void strip_blanks(struct buf *out)
{
    while (out->len > 0 && out->at[out->len - 1] == ' ')
        out->len--;
}

/* In place of the cells where there is nothing to draw. */
static void add_no_data(const struct canvas *c, struct buf *out)
{
    static const char text[] = "no data";
    add_spaces(out, (c->width - (int)sizeof text + 1) / 2);
    buf_printf(out, "%s%s%s", dim(c), text, plain(c));
}

static void write_row(const struct canvas *c, int row, struct buf *out)
{
    bool unicode = c->screen->has_unicode;
    const struct plot_tick *left = tick_at(c, &c->axes.left, row);
    const char *axis = left ? (unicode ? "┤" : "+") : (unicode ? "│" : "|");
    buf_printf(out, "%*s %s%s%s", c->left_margin, left ? left->label : "", dim(c), axis, plain(c));
    if (c->axes.is_empty && row == c->height / 2)
        add_no_data(c, out);
    else
        add_cells(c, row, out);
    if (c->axes.has_right) {
        const struct plot_tick *right = tick_at(c, &c->axes.right, row);
        axis = right ? (unicode ? "├" : "+") : (unicode ? "│" : "|");
        buf_printf(out, "%s%s%s %s", dim(c), axis, plain(c), right ? right->label : "");
    }
    strip_blanks(out);
    buf_add_byte(out, '\n');
}

static void write_x_axis(const struct canvas *c, struct buf *out)
{
    bool unicode = c->screen->has_unicode;
    add_spaces(out, c->left_margin + 1);
    buf_printf(out, "%s%s", dim(c), unicode ? "└" : "+");
    for (int column = 0; column < c->width; column++) {
        bool is_tick = false;
        for (size_t i = 0; i < c->axes.x.n_ticks && !is_tick; i++)
            is_tick = column_of(c, c->axes.x.ticks[i].value) == column;
        buf_add_text(out, is_tick ? (unicode ? "┬" : "+") : (unicode ? "─" : "-"));
    }
    buf_printf(out, "%s%s\n", c->axes.has_right ? (unicode ? "┘" : "+") : "", plain(c));
}

static void write_x_labels(const struct canvas *c, const struct plot *plot, struct buf *out)
{
    struct strip strip;
    char name[TEXT_SIZE];
    size_t room = (size_t)c->left_margin + 1;
    strip_clear(&strip, c->columns);
    plot_safe_text(name, min_size(room, sizeof name), plot->x_label);
    strip_put(&strip, 0, name);
    for (size_t i = 0; i < c->axes.x.n_ticks; i++) {
        const struct plot_tick *tick = &c->axes.x.ticks[i];
        int column = column_of(c, tick->value), len = (int)strlen(tick->label);
        int at = c->left_margin + 2 + column - len / 2, most = c->columns - len;
        if (column >= 0)
            strip_put(&strip, at > most ? most : at, tick->label);
    }
    strip_write(&strip, out);
}

void plot_text(struct buf *out, const struct plot *plot, const struct plot_screen *screen)
{
    struct canvas c = {.screen = screen,
                       .columns = within(screen->columns, LEAST_COLUMNS, MOST_COLUMNS),
                       .dots_wide = screen->has_unicode ? DOTS_WIDE : 1,
                       .dots_high = screen->has_unicode ? DOTS_HIGH : 1};
    int header = write_header(&c, plot, out);
    lay_out(&c, plot, screen->rows - header);
    draw_lines(&c, plot);
    write_marks(&c, plot, out);
    for (int row = 0; row < c.height; row++)
        write_row(&c, row, out);
    write_x_axis(&c, out);
    write_x_labels(&c, plot, out);
    arena_release(&c.arena);
}
