/*
 * grapheme.c - extended grapheme clusters as the `unicode-segmentation` crate has them.
 *
 * The rules of Annex 29 between a character a and the next one, b, the first that fits:
 *
 *     CR LF                 together
 *     a or b a control      apart
 *     Hangul syllable       together: L with L, V, LV, LVT; LV or V with V, T; LVT or T with T
 *     b extends             together (marks, joiners, spacing marks)
 *     a prepends            together
 *     emoji ZWJ emoji       together
 *     two regional letters  together, by twos
 *     else                  apart
 *
 * Which characters extend and prepend comes from the library (unicode.h); the other classes, which
 * have not changed in years, from utf8proc. The rule for conjuncts of Indic consonants is left out:
 * it only joins clusters beyond five bytes, which charsmap.c takes apart again.
 */
#include "text/grapheme.h"

#include <utf8proc.h>

#include "text/transform.h"
#include "text/unicode.h"

struct cluster_state {
    bool after_emoji;  /* an emoji, and nothing since but what extends it */
    size_t n_regional; /* regional letters in a row */
};

static int class_of(uint32_t c)
{
    return utf8proc_get_property((utf8proc_int32_t)c)->boundclass;
}

static bool is_control(int class)
{
    return class == UTF8PROC_BOUNDCLASS_CONTROL || class == UTF8PROC_BOUNDCLASS_CR ||
           class == UTF8PROC_BOUNDCLASS_LF;
}

static bool is_syllable(int a, int b)
{
    enum {
        L = UTF8PROC_BOUNDCLASS_L,
        V = UTF8PROC_BOUNDCLASS_V,
        T = UTF8PROC_BOUNDCLASS_T,
        LV = UTF8PROC_BOUNDCLASS_LV,
        LVT = UTF8PROC_BOUNDCLASS_LVT,
    };
    return (a == L && (b == L || b == V || b == LV || b == LVT)) ||
           ((a == LV || a == V) && (b == V || b == T)) || ((a == LVT || a == T) && b == T);
}

static bool is_together(uint32_t a, uint32_t b, const struct cluster_state *state)
{
    int class_a = class_of(a), class_b = class_of(b);
    bool extends = unicode_flags(b) & UNICODE_EXTENDS;
    if (class_a == UTF8PROC_BOUNDCLASS_CR && class_b == UTF8PROC_BOUNDCLASS_LF)
        return true;
    if (is_control(class_a) || (is_control(class_b) && !extends))
        return false;
    if (is_syllable(class_a, class_b) || extends || (unicode_flags(a) & UNICODE_PREPENDS))
        return true;
    if (state->after_emoji && a == 0x200d && class_b == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC)
        return true;
    return state->n_regional % 2 == 1 && class_b == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR;
}

static void advance(struct cluster_state *state, uint32_t c)
{
    int class = class_of(c);
    bool emoji = class == UTF8PROC_BOUNDCLASS_EXTENDED_PICTOGRAPHIC;
    state->after_emoji = emoji || (state->after_emoji && (unicode_flags(c) & UNICODE_EXTENDS));
    if (class == UTF8PROC_BOUNDCLASS_REGIONAL_INDICATOR)
        state->n_regional++;
    else
        state->n_regional = 0;
}

size_t grapheme_length(struct span text)
{
    struct cluster_state state = {0};
    size_t at = 0, next;
    if (text.len == 0)
        return 0;
    uint32_t before = transform_decode(text, 0, &at);
    advance(&state, before);
    for (; at < text.len; at = next) {
        uint32_t c = transform_decode(text, at, &next);
        if (!is_together(before, c, &state))
            break;
        advance(&state, c);
        before = c;
    }
    return at;
}
