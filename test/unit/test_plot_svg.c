#include "test/support/support.h"

#include <math.h>

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

static const double steps[] = {0, 250, 500, 750, 1000};
static const double losses[] = {4, 3, NAN, 1.5, 1.2};
static const double rates[] = {0, 2e-4, 1.5e-4, 5e-5, 0};

static void assert_holds(const char *text)
{
    if (!strstr(buf_string(&out), text))
        fail_msg("'%s' is not in the picture:\n%s", text, buf_string(&out));
}

static size_t count(const char *text)
{
    size_t n = 0;
    for (const char *at = buf_string(&out); (at = strstr(at, text)); at++)
        n++;
    return n;
}

static void it_is_one_element_without_outside_resources(void **state)
{
    (void)state;
    struct plot_line line = {"loss", steps, losses, 5, false, false};
    struct plot plot = {.title = "a run", .x_label = "step", .lines = &line, .n_lines = 1};
    plot_svg(&out, &plot, 900, 420);
    assert_int_equal(strncmp(buf_string(&out), "<svg ", 5), 0);
    assert_string_equal(buf_string(&out) + out.len - 7, "</svg>\n");
    assert_holds("width=\"900\" height=\"420\" viewBox=\"0 0 900 420\"");
    assert_int_equal(count("http"), 1); /* the name space */
    assert_int_equal(count("url("), 0);
    assert_int_equal(count(" id="), 0);
    assert_int_equal(count("<script"), 0);
    assert_int_equal(count("<text"), count("</text>"));
}

static void it_tells_what_there_is_to_see(void **state)
{
    (void)state;
    struct plot_line lines[] = {{"loss", steps, losses, 5, false, false},
                                {"learning rate", steps, rates, 5, true, false},
                                {"none", steps, losses, 0, false, true}};
    struct plot_mark marks[] = {{500, "spike"}};
    struct plot plot = {.title = "a run",
                        .x_label = "step",
                        .right_label = "learning rate",
                        .lines = lines,
                        .n_lines = 3,
                        .marks = marks,
                        .n_marks = 1};
    plot_svg(&out, &plot, 900, 420);
    assert_holds("<title>a run</title>");
    assert_holds("loss: from 1.2 to 4, at last 1.2. ");
    assert_holds("learning rate: from 0 to 0.0002, at last 0. ");
    assert_holds("none: no data. ");
    assert_holds("spike at 500. ");
    assert_holds("prefers-color-scheme:dark");
    assert_holds(">2e-4</text>");
    assert_holds(">step</text>");
}

static void gaps_break_the_line_and_lone_points_are_dots(void **state)
{
    (void)state;
    const double y[] = {1, NAN, 2, 3, NAN};
    struct plot_line line = {"loss", steps, y, 5, false, false};
    struct plot plot = {.lines = &line, .n_lines = 1};
    plot_svg(&out, &plot, 400, 300);
    assert_int_equal(count("<circle"), 1);
    const char *path = strstr(buf_string(&out), "class=\"plot-line");
    assert_non_null(path);
    buf_clear(&out);
    line.is_dots = true;
    plot_svg(&out, &plot, 400, 300);
    assert_int_equal(count("<circle"), 3);
}

static void labels_of_strangers_are_escaped(void **state)
{
    (void)state;
    struct plot_line lines[] = {{"<script>&\"'\x1b", steps, losses, 5, false, false},
                                {"b", steps, losses, 5, false, false}};
    struct plot plot = {.title = "</title><b>", .lines = lines, .n_lines = 2};
    plot_svg(&out, &plot, 900, 420);
    assert_int_equal(count("<script"), 0);
    assert_int_equal(count("<b>"), 0);
    assert_holds("&lt;script&gt;&amp;&#34;&#39;?");
}

static void marks_that_would_cover_each_other_stand_in_rows(void **state)
{
    (void)state;
    struct plot_line line = {"loss", steps, losses, 5, false, false};
    struct plot_mark marks[] = {
        {500, "first"}, {505, "second"}, {510, "third"}, {515, "fourth"}, {9e9, "outside"}};
    struct plot plot = {.lines = &line, .n_lines = 1, .marks = marks, .n_marks = 5};
    plot_svg(&out, &plot, 900, 420);
    assert_holds(">first</text>");
    assert_holds(">third</text>");
    assert_int_equal(count(">fourth</text>"), 0);
    assert_holds("<title>fourth</title>");
    assert_int_equal(count("<title>outside</title>"), 0);
}

static void more_lines_than_colours_are_dashed(void **state)
{
    (void)state;
    struct plot_line lines[8];
    for (int i = 0; i < 8; i++)
        lines[i] = (struct plot_line){"line", steps, rates, 5, false, false};
    struct plot plot = {.lines = lines, .n_lines = 8};
    plot_svg(&out, &plot, 900, 420);
    assert_int_equal(count("stroke-dasharray=\"5 4\""), 4); /* two lines, two samples */
}

static void nothing_is_no_data(void **state)
{
    (void)state;
    struct plot plot = {.x_label = "step"};
    plot_svg(&out, &plot, -5, 1000000);
    assert_holds("no data");
    assert_holds("width=\"240\" height=\"20000\"");
    assert_int_equal(count("nan"), 0);
}

static void a_single_line_over_zero_has_a_tint(void **state)
{
    (void)state;
    struct plot_line line = {"rate", steps, rates, 5, false, false};
    struct plot plot = {.lines = &line, .n_lines = 1};
    plot_svg(&out, &plot, 900, 420);
    assert_holds("class=\"plot-area plot-fill-0\"");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_is_one_element_without_outside_resources),
        TEST(it_tells_what_there_is_to_see),
        TEST(gaps_break_the_line_and_lone_points_are_dots),
        TEST(labels_of_strangers_are_escaped),
        TEST(marks_that_would_cover_each_other_stand_in_rows),
        TEST(more_lines_than_colours_are_dashed),
        TEST(nothing_is_no_data),
        TEST(a_single_line_over_zero_has_a_tint),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
