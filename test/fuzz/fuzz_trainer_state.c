/*
 * fuzz_trainer_state.c - any bytes end in points that hold together, or in an error.
 */
#include "fuzz.h"

#include "fuzz_log.h"
#include "logs/trainer_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span text = {bytes, len};
    (void)trainer_state_is(text);
    check_reader(trainer_state_read, text);
    return 0;
}
