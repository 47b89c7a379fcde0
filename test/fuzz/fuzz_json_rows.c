/*
 * fuzz_json_rows.c - any bytes end in points that hold together, or in an error.
 */
#include "fuzz.h"

#include "fuzz_log.h"
#include "logs/json_rows.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span text = {bytes, len};
    (void)json_rows_is(text);
    check_reader(json_rows_read, text);
    return 0;
}
