#include "test/support/support.h"

#include <math.h>

#include "base/utf8.h"
#include "report/plot.h"

static struct buf out;

static int set_up(void **state)
{
    (void)state;
    buf_init(&out, BUF_NO_LIMIT);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_release(&out);
    return 0;
}

/* The picture without its escape sequences, measured. */
static void measure(size_t *widest, size_t *rows)
{
    size_t columns = 0;
    *widest = *rows = 0;
    for (size_t i = 0; i < out.len; i++) {
        if (out.at[i] == 0x1b) {
            while (out.at[i] != 'm')
                i++;
            continue;
        }
        columns += !utf8_is_inner(out.at[i]);
        if (out.at[i] == '\n') {
            *widest = *widest > columns - 1 ? *widest : columns - 1;
            columns = 0;
            ++*rows;
        }
    }
}

static const double steps[] = {0, 250, 500, 750, 1000};
static const double rates[] = {0, 2e-4, 1.5e-4, 5e-5, 0};
static const double losses[] = {4, 3, 2, 1.5, 1.2};

static void draw(struct plot_line *lines, size_t n, int columns, int rows, bool has_color)
{
    struct plot_mark marks[] = {{500, "spike"}, {510, "nan"}, {5000, "outside"}};
    struct plot plot = {.title = "a run",
                        .x_label = "step",
                        .y_label = "loss",
                        .right_label = "learning rate",
                        .lines = lines,
                        .n_lines = n,
                        .marks = marks,
                        .n_marks = 3};
    struct plot_screen screen = {columns, rows, has_color, true};
    plot_text(&out, &plot, &screen);
}

static void a_straight_line_is_drawn_from_corner_to_corner(void **state)
{
    (void)state;
    const double x[] = {0, 10}, y[] = {0, 1};
    struct plot_line line = {"one", x, y, 2, false, false};
    struct plot plot = {.x_label = "step", .lines = &line, .n_lines = 1};
    struct plot_screen screen = {32, 8, false, false};
    plot_text(&out, &plot, &screen);
    assert_string_equal(buf_string(&out), " 1.0 +                     ****\n"
                                          "     |               ******\n"
                                          " 0.5 +         ******\n"
                                          "     |   ******\n"
                                          "   0 +***\n"
                                          "     ++-----------+-----------+\n"
                                          "step  0           5          10\n");
}

static void pictures_fit_their_screen(void **state)
{
    (void)state;
    struct plot_line lines[] = {{"loss", steps, losses, 5, false, false},
                                {"held-out loss", steps, losses, 5, false, true},
                                {"learning rate", steps, rates, 5, true, false}};
    for (int columns = 32; columns <= 200; columns += 7) {
        for (int rows = 8; rows <= 40; rows += 3) {
            size_t widest, n;
            buf_clear(&out);
            draw(lines, 3, columns, rows, rows % 2);
            measure(&widest, &n);
            assert_true(widest <= (size_t)columns);
            assert_true(n <= (size_t)(rows < 10 ? 10 : rows));
        }
    }
}

static void a_screen_too_small_is_taken_for_the_least(void **state)
{
    (void)state;
    size_t widest, n;
    struct plot_line line = {"loss", steps, losses, 5, false, false};
    draw(&line, 1, 3, 1, false);
    measure(&widest, &n);
    assert_int_equal(widest, 32);
    assert_true(n >= 6);
}

static void colours_are_said_only_where_there_are_any(void **state)
{
    (void)state;
    struct plot_line line = {"loss", steps, losses, 5, false, false};
    draw(&line, 1, 80, 20, false);
    assert_null(strchr(buf_string(&out), 0x1b));
    draw(&line, 1, 80, 20, true);
    assert_non_null(strstr(buf_string(&out), "\x1b[36m"));
}

static void axes_names_and_marks_are_written(void **state)
{
    (void)state;
    struct plot_line lines[] = {{"loss", steps, losses, 5, false, false},
                                {"rate", steps, rates, 5, true, false}};
    draw(lines, 2, 80, 20, false);
    static const char *const texts[] = {
        "a run",   "\xe2\xa0\xa4 loss", "learning rate \xe2\xa0\xa4", "spike", "2e-4", "step",
        " 600   ", "\xe2\x94\x8a"};
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (!strstr(buf_string(&out), texts[i]))
            fail_msg("'%s' is not in the picture:\n%s", texts[i], buf_string(&out));
    }
    assert_null(strstr(buf_string(&out), "outside"));
    assert_null(strstr(buf_string(&out), "nan")); /* no room beside "spike" */
}

static void nothing_is_drawn_as_no_data(void **state)
{
    (void)state;
    const double nothing[] = {NAN, INFINITY};
    struct plot_line line = {"loss", nothing, nothing, 2, false, false};
    draw(NULL, 0, 80, 20, false);
    assert_non_null(strstr(buf_string(&out), "no data"));
    buf_clear(&out);
    draw(&line, 1, 80, 20, true);
    assert_non_null(strstr(buf_string(&out), "no data"));
}

static void a_single_point_is_seen(void **state)
{
    (void)state;
    struct plot_line line = {"loss", steps + 2, losses, 1, false, false};
    struct plot plot = {.lines = &line, .n_lines = 1};
    struct plot_screen screen = {40, 10, false, false};
    plot_text(&out, &plot, &screen);
    assert_non_null(strchr(buf_string(&out), '*'));
}

static void points_behind_a_gap_are_not_joined(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3, 4}, y[] = {0, 0, NAN, 0, 0};
    struct plot_line line = {"one", x, y, 5, false, false};
    struct plot plot = {.lines = &line, .n_lines = 1};
    struct plot_screen screen = {45, 8, false, false};
    plot_text(&out, &plot, &screen);
    assert_non_null(strstr(buf_string(&out), "+***********"));
    assert_non_null(strstr(buf_string(&out), "*          "));
}

static void labels_of_strangers_are_made_safe(void **state)
{
    (void)state;
    struct plot_line lines[] = {{"\x1b[2Jbad\n", steps, losses, 5, false, false},
                                {"\xffworse", steps, losses, 5, false, false}};
    draw(lines, 2, 80, 20, false);
    assert_null(strchr(buf_string(&out), 0x1b));
    assert_non_null(strstr(buf_string(&out), "?[2Jbad?"));
    assert_int_equal(utf8_first_invalid(buf_span(&out)), out.len);
}

static void many_lines_have_a_legend_of_several_rows(void **state)
{
    (void)state;
    struct plot_line lines[12];
    for (int i = 0; i < 12; i++)
        lines[i] = (struct plot_line){"a line with a long label", steps, losses, 5, false, false};
    size_t widest, n;
    draw(lines, 12, 60, 24, false);
    measure(&widest, &n);
    assert_true(widest <= 60 && n <= 24);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_straight_line_is_drawn_from_corner_to_corner),
        TEST(pictures_fit_their_screen),
        TEST(a_screen_too_small_is_taken_for_the_least),
        TEST(colours_are_said_only_where_there_are_any),
        TEST(axes_names_and_marks_are_written),
        TEST(nothing_is_drawn_as_no_data),
        TEST(a_single_point_is_seen),
        TEST(points_behind_a_gap_are_not_joined),
        TEST(labels_of_strangers_are_made_safe),
        TEST(many_lines_have_a_legend_of_several_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
