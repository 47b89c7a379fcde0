/*
 * unicode.c - lookups in the generated tables, and the byte alphabet.
 *
 * Flags come from a two-stage table: the upper bits of a code point choose one of a few hundred
 * different blocks, the lower seven a place in it. What is asked for seldom is found by halving.
 *
 * The byte alphabet is GPT-2's: the 188 bytes that Latin-1 prints as visible characters stand for
 * themselves; the others, in order, are U+0100, U+0101, … So a space (the 33rd of those) is U+0120.
 */
#include "text/unicode.h"

#include "text/unicode_data.h"

uint16_t unicode_flags(uint32_t code_point)
{
    const uint32_t mask = (1 << UNICODE_BLOCK_BITS) - 1;
    size_t block = unicode_flag_index[code_point >> UNICODE_BLOCK_BITS];
    return unicode_flag_values[unicode_flag_blocks[(block << UNICODE_BLOCK_BITS) +
                                                   (code_point & mask)]];
}

static uint8_t find_range(const struct unicode_range *ranges, size_t n, uint32_t code_point)
{
    size_t low = 0, high = n; /* ranges before `low` start at or before the code point */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (ranges[middle].start <= code_point)
            low = middle + 1;
        else
            high = middle;
    }
    return ranges[low - 1].value; /* the first one starts at 0 */
}

uint8_t unicode_script(uint32_t code_point)
{
    return find_range(unicode_scripts, unicode_scripts_len, code_point);
}

uint8_t unicode_combining_class(uint32_t code_point)
{
    return find_range(unicode_combining, unicode_combining_len, code_point);
}

/* The run that holds the code point, or NULL. Runs with step 2 can interleave with the one before.
 */
static const struct unicode_run *find_run(const struct unicode_run *runs, size_t n, uint32_t c)
{
    size_t low = 0, high = n; /* runs before `low` start at or before c */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (runs[middle].start <= c)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = low; i > 0 && i + 2 > low; i--) {
        const struct unicode_run *run = &runs[i - 1];
        uint32_t offset = c - run->start;
        if (offset % run->step == 0 && offset / run->step < run->count)
            return run;
    }
    return NULL;
}

size_t unicode_lower(uint32_t code_point, uint32_t out[2])
{
    if (code_point == 0x130) { /* the only one of two: i with a dot, and a dot above it */
        out[0] = 'i';
        out[1] = 0x307;
        return 2;
    }
    const struct unicode_run *run = find_run(unicode_lowers, unicode_lowers_len, code_point);
    out[0] = run ? (uint32_t)((int32_t)code_point + run->distance) : code_point;
    return 1;
}

/* True where Latin-1 shows the byte as a visible character. */
#define VISIBLE(b) (((b) > 0x20 && (b) < 0x7f) || ((b) > 0xa0 && (b) != 0xad))
/* How many bytes below b are not visible. */
#define HIDDEN_BELOW(b)                                                                            \
    ((b) <= 0x20 ? (b) : (b) < 0x7f ? 0x21 : (b) <= 0xa0 ? 0x21 + (b)-0x7f : 0x43)
#define LETTER(b) (uint16_t)(VISIBLE(b) ? (b) : 0x100 + HIDDEN_BELOW(b))
#define LETTERS_4(b) LETTER(b), LETTER((b) + 1), LETTER((b) + 2), LETTER((b) + 3)
#define LETTERS_16(b) LETTERS_4(b), LETTERS_4((b) + 4), LETTERS_4((b) + 8), LETTERS_4((b) + 12)
#define LETTERS_64(b)                                                                              \
    LETTERS_16(b), LETTERS_16((b) + 16), LETTERS_16((b) + 32), LETTERS_16((b) + 48)

const uint16_t unicode_of_byte[256] = {LETTERS_64(0), LETTERS_64(64), LETTERS_64(128),
                                       LETTERS_64(192)};

int unicode_byte_of(uint32_t code_point)
{
    if (code_point < 0x100)
        return VISIBLE(code_point) ? (int)code_point : -1;
    if (code_point <= 0x120)
        return (int)code_point - 0x100;
    if (code_point <= 0x142)
        return (int)code_point - 0x121 + 0x7f; /* 0x7f … 0xa0 */
    return code_point == 0x143 ? 0xad : -1;
}

size_t unicode_encode(uint8_t *out, uint32_t c)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        out[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    out[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}
