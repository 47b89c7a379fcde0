/*
 * fuzz_shift.c - any learning rates are judged: no crash, and no verdict on rates that never vary.
 * Two bytes are a point: the distance from the step before, and the rate.
 */
#include "fuzz.h"

#include "fuzz_log.h"
#include "logs/shift.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = {0};
    struct sheet sheet;
    sheet_init(&sheet, &arena);
    size_t n = len / 2;
    struct pace_point *points = arena_array(&arena, struct pace_point, n);
    bool varies = false;
    int64_t step = 0;
    for (size_t i = 0; i < n; i++) {
        double rate = bytes[2 * i + 1] == 255 ? NAN : bytes[2 * i + 1] * 1e-6;
        step += bytes[2 * i];
        points[i] = (struct pace_point){step, NAN, 1, NAN, NAN, rate, 0};
        varies |= rate != points[0].learning_rate;
    }
    struct pace_series series = {.points = points, .n_points = n, .total_steps = step};
    shift_judge(&sheet, &series);
    CHECK(series.hides_nan && (varies || !series.rate_is_of_next));
    sheet_release(&sheet);
    arena_release(&arena);
    return 0;
}
