/*
 * fuzz_logs.c - any bytes, whatever format they are taken for: points that hold together, or an
 * error that says what is read instead.
 */
#include "fuzz.h"

#include "fuzz_log.h"
#include "logs/logs.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = {0};
    struct err err = {0};
    struct log_file log;
    if (log_read_bytes(&log, (struct span){bytes, len}, "log", &arena, &err)) {
        CHECK(log.series.n_points > 0 && log.n_columns > 0 && log.format);
        check_series(&log.series);
    } else {
        CHECK(err.kind == ERR_INPUT && err.what[0] && err.hint[0]);
    }
    arena_release(&arena);
    return 0;
}
