/*
 * fuzz_points.c - any sheet gives points that hold together. Two bytes are a cell: its column and
 * whether a row begins, then its value.
 */
#include "fuzz.h"

#include "fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static const char *const names[] = {"step",  "loss",      "train_loss",    "eval_loss",
                                        "epoch", "grad_norm", "learning_rate", "total_steps"};
    struct arena arena = {0};
    struct sheet sheet;
    sheet_init(&sheet, &arena);
    sheet.is_trainer = len & 1;
    sheet.nan_is_empty = len & 2;
    sheet.last_step = (int64_t)len;
    sheet_row(&sheet);
    for (size_t i = 0; i + 1 < len; i += 2) {
        double value = bytes[i + 1];
        if (bytes[i] & 128)
            sheet_row(&sheet);
        if (bytes[i] & 64)
            value = value > 250 ? NAN : value > 240 ? -INFINITY : value * 1e16;
        sheet_put(&sheet, sheet_column(&sheet, span_of(names[bytes[i] & 7])), value);
    }
    check_sheet(&sheet);
    sheet_release(&sheet);
    arena_release(&arena);
    return 0;
}
