#include "test/support/support.h"

#include <math.h>

#include "report/plot_points.h"

static struct plot_axes axes;

static void fit(const struct plot_line *lines, size_t n)
{
    struct plot plot = {.lines = lines, .n_lines = n};
    plot_axes_fit(&axes, &plot, 5, 5);
}

static void lines_have_axes_of_their_own(void **state)
{
    (void)state;
    const double x[] = {0, 50, 100}, loss[] = {4, 3, 2}, rate[] = {0, 2e-4, 1e-4};
    const struct plot_line lines[] = {{.x = x, .y = loss, .n = 3},
                                      {.x = x, .y = rate, .n = 3, .on_right = true}};
    fit(lines, 2);
    assert_true(axes.has_right && !axes.is_empty);
    assert_true(axes.x.high == 100 && axes.left.high == 4 && axes.right.high == 2e-4);
    fit(lines, 1);
    assert_false(axes.has_right);
    fit(lines, 0);
    assert_true(axes.is_empty);
}

static void points_without_both_numbers_do_not_count(void **state)
{
    (void)state;
    const double x[] = {0, NAN, 2, 900}, y[] = {1, 1000, 2, NAN};
    const struct plot_line line = {.x = x, .y = y, .n = 4};
    fit(&line, 1);
    assert_true(axes.x.high == 2 && axes.left.high == 2);
}

static void gaps_begin_anew(void **state)
{
    (void)state;
    const double x[] = {0, 1, 2, 3, 4}, y[] = {1, 2, NAN, 2, 1};
    const bool begins[] = {true, false, true, false};
    const struct plot_line line = {.x = x, .y = y, .n = 5};
    fit(&line, 1);
    struct plot_walk walk = {.axes = &axes, .line = &line, .columns = 100};
    struct plot_place place;
    for (size_t i = 0; i < COUNT_OF(begins); i++) {
        assert_true(plot_walk_next(&walk, &place));
        assert_int_equal(place.begins, begins[i]);
    }
    assert_false(plot_walk_next(&walk, &place));
    assert_false(plot_walk_next(&walk, &place));
}

static void a_spike_among_a_million_points_is_kept(void **state)
{
    (void)state;
    enum { N = 1000000, COLUMNS = 100 };
    struct arena arena = {0};
    double *x = arena_array(&arena, double, N);
    double *y = arena_array(&arena, double, N);
    for (int i = 0; i < N; i++) {
        x[i] = i;
        y[i] = 1 + 0.001 * (i % 7);
    }
    y[123456] = 9;
    y[654321] = 0;
    const struct plot_line line = {.x = x, .y = y, .n = N};
    fit(&line, 1);
    struct plot_walk walk = {.axes = &axes, .line = &line, .columns = COLUMNS};
    struct plot_place place;
    size_t n = 0;
    double highest = 0, lowest = 1;
    for (; plot_walk_next(&walk, &place); n++) {
        highest = fmax(highest, place.y);
        lowest = fmin(lowest, place.y);
    }
    assert_true(n <= 4 * (COLUMNS + 1));
    assert_true(highest == 0.9 && lowest == 0);
    arena_release(&arena);
}

static void a_column_keeps_the_order_of_its_points(void **state)
{
    (void)state;
    const double x[] = {0, 0.001, 0.002, 0.003, 1}, y[] = {5, 9, 1, 4, 5};
    const double wanted[] = {0.5, 0.9, 0.1, 0.4, 0.5};
    const struct plot_line line = {.x = x, .y = y, .n = 5};
    fit(&line, 1);
    axes.left.low = 0;
    axes.left.high = 10;
    struct plot_walk walk = {.axes = &axes, .line = &line, .columns = 10};
    struct plot_place place;
    for (size_t i = 0; i < COUNT_OF(wanted); i++) {
        assert_true(plot_walk_next(&walk, &place));
        assert_true(place.y == wanted[i]);
    }
    assert_false(plot_walk_next(&walk, &place));
}

static void a_text_is_cut_between_characters_and_made_safe(void **state)
{
    (void)state;
    char text[8];
    assert_int_equal(plot_safe_text(text, sizeof text, NULL), 0);
    assert_string_equal(text, "");
    assert_int_equal(plot_safe_text(text, sizeof text, "a\x1b[31m\xff"), 7);
    assert_string_equal(text, "a?[31m?");
    assert_int_equal(plot_safe_text(text, sizeof text, "abcdef\xc3\xa4"), 6);
    assert_string_equal(text, "abcdef");
    assert_int_equal(plot_safe_text(text, sizeof text, "abcde\xc3\xa4"), 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_have_axes_of_their_own),
        cmocka_unit_test(points_without_both_numbers_do_not_count),
        cmocka_unit_test(gaps_begin_anew),
        cmocka_unit_test(a_spike_among_a_million_points_is_kept),
        cmocka_unit_test(a_column_keeps_the_order_of_its_points),
        cmocka_unit_test(a_text_is_cut_between_characters_and_made_safe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
