/*
 * fuzz_log.h - what must hold for the points of any log, and a reader driven with any bytes.
 */
#ifndef PACE_TEST_FUZZ_LOG_H
#define PACE_TEST_FUZZ_LOG_H

#include <math.h>

#include "logs/points.h"

/* Steps never fall, nothing but the step is infinite, and what is flagged is not there. */
static inline void check_series(const struct pace_series *s)
{
    for (size_t i = 0; i < s->n_points; i++) {
        const struct pace_point *p = &s->points[i];
        CHECK(p->step >= 0 && (i == 0 || p->step >= p[-1].step));
        CHECK(!isinf(p->epoch) && !isinf(p->loss) && !isinf(p->eval_loss) && !isinf(p->grad_norm));
        CHECK(isnan(p->learning_rate) || (p->learning_rate >= 0 && !isinf(p->learning_rate)));
        CHECK(!(p->flags & PACE_LOSS_NOT_FINITE) || isnan(p->loss));
        CHECK(!(p->flags & PACE_EVAL_NOT_FINITE) || isnan(p->eval_loss));
        CHECK(!(p->flags & PACE_GRAD_NOT_FINITE) || isnan(p->grad_norm));
        CHECK(!(p->flags & PACE_RESUMED) || i > 0);
    }
    CHECK(s->total_steps >= 0 && s->total_epochs >= 0);
    CHECK(s->n_points == 0 || s->total_steps == 0 ||
          s->total_steps >= s->points[s->n_points - 1].step);
}

static inline void check_sheet(struct sheet *sheet)
{
    const char *columns[FIELD_COUNT];
    struct pace_series series;
    points_of_sheet(sheet, &series, columns);
    check_series(&series);
    CHECK(sheet->n_notes <= SHEET_NOTES);
}

static inline void check_reader(bool (*read)(struct sheet *, struct span, struct err *),
                                struct span text)
{
    struct arena arena = {0};
    struct sheet sheet;
    struct err err = {0};
    sheet_init(&sheet, &arena);
    if (read(&sheet, text, &err))
        check_sheet(&sheet);
    else
        CHECK(err.kind == ERR_INPUT);
    CHECK(arena.total_bytes <= 64 * text.len + (1 << 20));
    sheet_release(&sheet);
    arena_release(&arena);
}

#endif
