/*
 * fuzz_sheet.c - any text is scanned for a number and stored under any name.
 */
#include "fuzz.h"

#include "fuzz_log.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = {0};
    struct sheet sheet;
    sheet_init(&sheet, &arena);
    sheet_row(&sheet);
    struct span text = {bytes, len};
    for (size_t i = 0; i < len; i++) {
        double value = 0;
        struct span rest = span_from(text, i), name = span_part(text, 0, i);
        CHECK(sheet_scan_number(rest, &value) <= rest.len);
        if (i < 32)
            (void)sheet_put_text(&sheet, sheet_column(&sheet, name), rest);
        if (i % 7 == 0)
            sheet_row(&sheet);
        if (i % 31 == 0)
            sheet_drop_row(&sheet);
    }
    check_sheet(&sheet);
    sheet_release(&sheet);
    arena_release(&arena);
    return 0;
}
