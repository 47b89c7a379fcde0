/*
 * fuzz_console.c - any bytes end in points that hold together, or in an error.
 */
#include "fuzz.h"

#include "fuzz_log.h"
#include "logs/console.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span text = {bytes, len};
    (void)console_is(text);
    check_reader(console_read, text);
    return 0;
}
