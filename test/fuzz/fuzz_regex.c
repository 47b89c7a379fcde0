/*
 * fuzz_regex.c - a pattern, a byte 0xFF, a text: whatever compiles matches within bounds, from
 * left to right, and comes to an end. UTF-8 that is not valid is passed over as U+FFFD.
 */
#include "fuzz.h"

#include "text/regex.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct span input = {bytes, len};
    static const uint8_t mark = 0xff;
    size_t cut = span_find(input, (struct span){&mark, 1});
    struct span text = cut < len ? span_from(input, cut + 1) : (struct span){0};
    struct regex re;
    struct err err = {0};
    if (!regex_compile(&re, span_part(input, 0, cut), &err)) {
        CHECK(err.kind == ERR_INPUT);
        return 0;
    }
    struct regex_search search = {0};
    size_t start, end, last = 0;
    bool found = true;
    regex_begin(&search, &re, text);
    for (size_t n = 0; found; n++) {
        CHECK(n <= 2 * text.len + 2);
        if (!regex_next(&search, &start, &end, &found, &err))
            break;
        if (found)
            CHECK(last <= start && start <= end && end <= text.len);
        last = found ? end : last;
    }
    regex_search_release(&search);
    regex_release(&re);
    return 0;
}
