/*
 * nearest.c - "did you mean": Damerau's edit distance, the variant in which no letter is edited
 * twice: insertions, deletions, replacements and swaps of neighbours each cost 1.
 *
 * A word counts as near where a third of its letters at most are wrong, and one always may be.
 * Beyond that a guess would only distract.
 */
#include "base/nearest.h"

static uint8_t plain_letter(uint8_t c)
{
    return c == '_' ? '-' : c;
}

enum { LONGEST_WORD = 48 };

/* SIZE_MAX where one of the words is longer than LONGEST_WORD. */
static size_t edit_distance(struct span a, struct span b)
{
    size_t rows[3][LONGEST_WORD + 1];
    if (a.len > LONGEST_WORD || b.len > LONGEST_WORD)
        return SIZE_MAX;
    for (size_t j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        size_t *now = rows[i % 3];
        const size_t *before = rows[(i + 2) % 3], *before_that = rows[(i + 1) % 3];
        now[0] = i;
        for (size_t j = 1; j <= b.len; j++) {
            uint8_t x = plain_letter(a.at[i - 1]), y = plain_letter(b.at[j - 1]);
            size_t best = min_size(before[j], now[j - 1]) + 1;
            best = min_size(best, before[j - 1] + (x != y));
            bool swapped =
                i > 1 && j > 1 && x == plain_letter(b.at[j - 2]) && plain_letter(a.at[i - 2]) == y;
            if (swapped)
                best = min_size(best, before_that[j - 2] + 1);
            now[j] = best;
        }
    }
    return rows[a.len % 3][b.len];
}

const char *nearest_word(struct span word, const char *const *candidates, size_t n)
{
    const char *nearest = NULL;
    size_t least = max_size(word.len / 3, 1) + 1;
    for (size_t i = 0; i < n; i++) {
        size_t distance = edit_distance(word, span_of(candidates[i]));
        if (distance < least) {
            least = distance;
            nearest = candidates[i];
        }
    }
    return nearest;
}
