/*
 * fuzz_field.c - any name means something or nothing; the run it names is a part of it; letter case
 * of a name without capitals does not matter.
 */
#include "fuzz.h"

#include "logs/field.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span name = {bytes, len};
    struct field_match m = field_of(name);
    CHECK(m.field < FIELD_COUNT && field_name(m.field)[0]);
    CHECK(m.rank >= 0);
    CHECK(m.group.len == 0 || (m.group.at >= bytes && m.group.at + m.group.len <= bytes + len));
    return 0;
}
