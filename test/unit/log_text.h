/*
 * log_text.h - for the tests of readers: text into a sheet and points, and looking at them.
 */
#ifndef PACE_TEST_UNIT_LOG_TEXT_H
#define PACE_TEST_UNIT_LOG_TEXT_H

#include "test/support/support.h"

#include <math.h>

#include "logs/points.h"

static struct arena arena;
static struct err err;
static struct sheet sheet;
static struct pace_series series;

static inline void begin_log(void)
{
    arena_release(&arena);
    sheet_release(&sheet);
    sheet_init(&sheet, &arena);
}

static inline void make_points(void)
{
    const char *columns[FIELD_COUNT];
    points_of_sheet(&sheet, &series, columns);
}

static inline bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

/* The point at `index` is {step, loss, eval_loss, grad_norm, learning_rate}; NAN: not logged. */
#define ASSERT_POINT(index, ...)                                                                   \
    do {                                                                                           \
        const double wanted[] = {__VA_ARGS__};                                                     \
        assert_true((index) < series.n_points);                                                    \
        const struct pace_point *p = &series.points[index];                                        \
        if ((double)p->step != wanted[0] || !is_same(p->loss, wanted[1]) ||                        \
            !is_same(p->eval_loss, wanted[2]) || !is_same(p->grad_norm, wanted[3]) ||              \
            !is_same(p->learning_rate, wanted[4]))                                                 \
            fail_msg("point %d is %lld: %g %g %g %g", (int)(index), (long long)p->step, p->loss,   \
                     p->eval_loss, p->grad_norm, p->learning_rate);                                \
    } while (0)

static inline bool has_note(const char *part)
{
    for (size_t i = 0; i < sheet.n_notes; i++) {
        if (strstr(sheet.notes[i], part))
            return true;
    }
    return false;
}

#endif
