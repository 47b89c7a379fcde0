/*
 * normalize_step.c - what each kind of normalizer does to a text.
 *
 * Each kind first looks whether there is anything to do at all, and leaves the text (and its
 * memory) alone where there is not: most texts are plain.
 */
#include "text/normalize_step.h"

#include "base/utf8.h"
#include "text/form.h"
#include "text/transform.h"
#include "text/unicode.h"

static bool run_nfc(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    return form_run(FORM_NFC, t, err);
}

static bool run_nfd(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    return form_run(FORM_NFD, t, err);
}

static bool run_nfkc(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    return form_run(FORM_NFKC, t, err);
}

static bool run_nfkd(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    return form_run(FORM_NFKD, t, err);
}

/* ------------------------------------------------------------------- character by character -- */

/* A character's replacement: n (0 to 3) code points; false to leave it as it is. */
typedef bool replace_character(uint32_t c, uint32_t out[3], size_t *n);

static bool replace_characters(struct text *t, replace_character *replace, struct err *err)
{
    uint32_t out[3];
    size_t n, kept = 0, next;
    bool begun = false;
    for (size_t at = 0; at < t->bytes.len; at = next) {
        uint32_t c = transform_decode(t->bytes, at, &next);
        if (!replace(c, out, &n))
            continue;
        if (!begun)
            text_begin_rewrite(t);
        begun = true;
        text_keep(t, kept, at);
        for (size_t i = 0; i < n; i++) {
            uint8_t bytes[4];
            text_put(t, (struct span){bytes, unicode_encode(bytes, out[i])}, at);
        }
        kept = next;
    }
    if (!begun)
        return true;
    text_keep(t, kept, t->bytes.len);
    return text_end_rewrite(t, err);
}

static bool lower(uint32_t c, uint32_t out[3], size_t *n)
{
    if (!(unicode_flags(c) & UNICODE_LOWERS))
        return false;
    *n = unicode_lower(c, out);
    return true;
}

static bool run_lowercase(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    return replace_characters(t, lower, err);
}

static bool drop_mark(uint32_t c, uint32_t out[3], size_t *n)
{
    (void)out;
    *n = 0;
    return unicode_flags(c) & UNICODE_MARK;
}

static bool run_strip_accents(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    return replace_characters(t, drop_mark, err);
}

/* The characters that SentencePiece's NMT rule drops, and those that it takes for a space. */
static bool clean_nmt(uint32_t c, uint32_t out[3], size_t *n)
{
    bool dropped = (c >= 0x01 && c <= 0x08) || c == 0x0b || (c >= 0x0e && c <= 0x1f) || c == 0x7f ||
                   c == 0x8f || c == 0x9f;
    bool space = c == 0x09 || c == 0x0a || c == 0x0c || c == 0x0d || c == 0x1680 ||
                 (c >= 0x200b && c <= 0x200f) || c == 0x2028 || c == 0x2029 || c == 0x2581 ||
                 c == 0xfeff || c == 0xfffd;
    out[0] = ' ';
    *n = space;
    return dropped || space;
}

static bool run_nmt(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    return replace_characters(t, clean_nmt, err);
}

/* -------------------------------------------------------------------------------------- BERT -- */

static bool clean_bert(uint32_t c, uint32_t out[3], size_t *n)
{
    unsigned flags = unicode_flags(c);
    bool space = flags & UNICODE_SPACE;
    out[0] = ' ';
    *n = !(flags & UNICODE_CONTROL) && space;
    return (flags & UNICODE_CONTROL) || (space && c != ' ');
}

static bool pad_chinese(uint32_t c, uint32_t out[3], size_t *n)
{
    /* The library's list; what it has as 0x2B920 … 0x2CEAF is 0x2B820 … in the standard. */
    bool chinese = (c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) ||
                   (c >= 0x20000 && c <= 0x2a6df) || (c >= 0x2a700 && c <= 0x2b81f) ||
                   (c >= 0x2b920 && c <= 0x2ceaf) || (c >= 0xf900 && c <= 0xfaff) ||
                   (c >= 0x2f800 && c <= 0x2fa1f);
    out[0] = out[2] = ' ';
    out[1] = c;
    *n = 3;
    return chinese;
}

static bool drop_nonspacing(uint32_t c, uint32_t out[3], size_t *n)
{
    (void)out;
    *n = 0;
    return unicode_flags(c) & UNICODE_NONSPACING;
}

static bool run_bert(const struct normalize_step *step, struct text *t, struct err *err)
{
    if (step->clean_text && !replace_characters(t, clean_bert, err))
        return false;
    if (step->handle_chinese_chars && !replace_characters(t, pad_chinese, err))
        return false;
    if (step->strip_accents &&
        !(form_run(FORM_NFD, t, err) && replace_characters(t, drop_nonspacing, err)))
        return false;
    return !step->lowercase || replace_characters(t, lower, err);
}

/* -------------------------------------------------------------------------------- the others -- */

static bool is_space_at(struct span text, size_t at, size_t *next)
{
    return unicode_flags(transform_decode(text, at, next)) & UNICODE_SPACE;
}

static bool run_strip(const struct normalize_step *step, struct text *t, struct err *err)
{
    size_t start = 0, end = t->bytes.len, next;
    while (step->strip_left && start < end && is_space_at(t->bytes, start, &next))
        start = next;
    while (step->strip_right && start < end) {
        size_t last = end - 1;
        while (last > start && utf8_is_inner(t->bytes.at[last]))
            last--;
        if (!is_space_at(t->bytes, last, &next))
            break;
        end = last;
    }
    if (start == 0 && end == t->bytes.len)
        return true;
    text_begin_rewrite(t);
    text_keep(t, start, end);
    return text_end_rewrite(t, err);
}

static bool run_prepend(const struct normalize_step *step, struct text *t, struct err *err)
{
    if (t->bytes.len == 0 || step->content.len == 0)
        return true;
    text_begin_rewrite(t);
    text_put(t, step->content, 0);
    text_keep(t, 0, t->bytes.len);
    return text_end_rewrite(t, err);
}

static bool run_byte_level(const struct normalize_step *step, struct text *t, struct err *err)
{
    (void)step;
    text_begin_rewrite(t);
    text_put_letters(t, 0, t->bytes.len);
    return text_end_rewrite(t, err);
}

static bool run_replace(const struct normalize_step *step, struct text *t, struct err *err)
{
    size_t start, end, kept = 0;
    bool found, begun = false;
    if (t->bytes.len == 0)
        return true;
    regex_begin(&t->search, &step->regex, t->bytes);
    for (;;) {
        if (!regex_next(&t->search, &start, &end, &found, err))
            return false;
        if (!found)
            break;
        if (!begun)
            text_begin_rewrite(t);
        begun = true;
        text_keep(t, kept, start);
        if (start < end)
            text_put(t, step->content, end - 1);
        else
            text_put_behind(t, step->content);
        kept = end;
    }
    if (!begun)
        return true;
    text_keep(t, kept, t->bytes.len);
    return text_end_rewrite(t, err);
}

static bool run_precompiled(const struct normalize_step *step, struct text *t, struct err *err)
{
    return charsmap_run(&step->charsmap, t, err);
}

const struct normalize_kind normalize_kinds[] = {
    {"BertNormalizer", run_bert, "clean_text handle_chinese_chars lowercase "},
    {"ByteLevel", run_byte_level, ""},
    {"Lowercase", run_lowercase, ""},
    {"NFC", run_nfc, ""},
    {"NFD", run_nfd, ""},
    {"NFKC", run_nfkc, ""},
    {"NFKD", run_nfkd, ""},
    {"Nmt", run_nmt, ""},
    {"Precompiled", run_precompiled, "precompiled_charsmap "},
    {"Prepend", run_prepend, "prepend "},
    {"Replace", run_replace, "pattern content "},
    {"Strip", run_strip, "strip_left strip_right "},
    {"StripAccents", run_strip_accents, ""},
};
const size_t normalize_n_kinds = COUNT_OF(normalize_kinds);
