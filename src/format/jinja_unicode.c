/*
 * jinja_unicode.c - character classes and letter case as Python's str has them.
 *
 * The classes come from Unicode's general categories (utf8proc), with Python's own list of white
 * space. Case: utf8proc gives the simple mapping of one letter to one; the hundred letters that
 * grow (the German sharp s, ligatures, Greek with iota) are in jinja_case_table.h. Two rules need
 * the neighbours: a capital sigma at the end of a word becomes a final sigma, and title case begins
 * a word behind every character that has no case.
 *
 * utf8proc of Debian 12 knows Unicode 15.0, Python 3.11 14.0: they differ in characters that were
 * new.
 */
#include "format/jinja_unicode.h"

#include <utf8proc.h>

#include "base/utf8.h"
#include "format/jinja_case_table.h"

static bool is_space(uint32_t c)
{
    if (c < 0x80)
        return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) || c == 0x2028 ||
           c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

static bool is_alpha(int category)
{
    return category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO;
}

/* Characters with a digit's value that are not decimal: superscripts, circled digits. */
static bool is_digit_only(uint32_t c)
{
    return c == 0xb2 || c == 0xb3 || c == 0xb9 || (c >= 0x1369 && c <= 0x1371) || c == 0x19da ||
           c == 0x2070 || (c >= 0x2074 && c <= 0x2079) || (c >= 0x2080 && c <= 0x2089) ||
           (c >= 0x2460 && c <= 0x2468) || (c >= 0x2474 && c <= 0x247c) ||
           (c >= 0x2488 && c <= 0x2490) || c == 0x24ea || (c >= 0x24f5 && c <= 0x24fd) ||
           c == 0x24ff || (c >= 0x2776 && c <= 0x277e) || (c >= 0x2780 && c <= 0x2788) ||
           (c >= 0x278a && c <= 0x2792) || (c >= 0x10a40 && c <= 0x10a43) ||
           (c >= 0x10e60 && c <= 0x10e68) || (c >= 0x11052 && c <= 0x1105a) ||
           (c >= 0x1f100 && c <= 0x1f10a);
}

/* Ideographs that stand for numbers; the category says only that they are letters. */
static bool is_number_ideograph(uint32_t c)
{
    static const uint16_t common[] = {
        0x3405, 0x3483, 0x382a, 0x3b4d, 0x4e00, 0x4e03, 0x4e07, 0x4e09, 0x4e5d, 0x4e8c,
        0x4e94, 0x4e96, 0x4ebf, 0x4ec0, 0x4edf, 0x4ee8, 0x4f0d, 0x4f70, 0x5104, 0x5146,
        0x5169, 0x516b, 0x516d, 0x5341, 0x5343, 0x5344, 0x5345, 0x534c, 0x53c1, 0x53c2,
        0x53c3, 0x53c4, 0x56db, 0x58f1, 0x58f9, 0x5e7a, 0x5efe, 0x5eff, 0x5f0c, 0x5f0d,
        0x5f0e, 0x5f10, 0x62fe, 0x634c, 0x67d2, 0x6f06, 0x7396, 0x767e, 0x8086, 0x842c,
        0x8cae, 0x8cb3, 0x8d30, 0x9621, 0x9646, 0x964c, 0x9678, 0x96f6};
    for (size_t i = 0; i < COUNT_OF(common); i++) {
        if (common[i] == c)
            return true;
    }
    return false;
}

static bool is_numeric(uint32_t c, int category)
{
    return category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_NL ||
           category == UTF8PROC_CATEGORY_NO || is_number_ideograph(c);
}

/* The property Lowercase: letters of the category, and the few others that Unicode adds. */
static bool is_lower(uint32_t c, int category)
{
    return category == UTF8PROC_CATEGORY_LL || c == 0xaa || c == 0xba ||
           (c >= 0x2b0 && c <= 0x2b8) || c == 0x2c0 || c == 0x2c1 || (c >= 0x2e0 && c <= 0x2e4) ||
           c == 0x345 || c == 0x37a || (c >= 0x1d2c && c <= 0x1d6a) || c == 0x1d78 ||
           (c >= 0x1d9b && c <= 0x1dbf) || c == 0x2071 || c == 0x207f ||
           (c >= 0x2090 && c <= 0x209c) || (c >= 0x2170 && c <= 0x217f) ||
           (c >= 0x24d0 && c <= 0x24e9) || c == 0x2c7c || c == 0x2c7d;
}

static bool is_upper(uint32_t c, int category)
{
    return category == UTF8PROC_CATEGORY_LU || (c >= 0x2160 && c <= 0x216f) ||
           (c >= 0x24b6 && c <= 0x24cf) || (c >= 0x1f130 && c <= 0x1f149) ||
           (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

static bool is_printable(uint32_t c, int category)
{
    if (c == ' ')
        return true;
    return category != UTF8PROC_CATEGORY_CC && category != UTF8PROC_CATEGORY_CF &&
           category != UTF8PROC_CATEGORY_CS && category != UTF8PROC_CATEGORY_CO &&
           category != UTF8PROC_CATEGORY_CN && category != UTF8PROC_CATEGORY_ZL &&
           category != UTF8PROC_CATEGORY_ZP && category != UTF8PROC_CATEGORY_ZS;
}

static bool is_name(uint32_t c, int category)
{
    return c == '_' || is_alpha(category) || category == UTF8PROC_CATEGORY_NL ||
           category == UTF8PROC_CATEGORY_ND || category == UTF8PROC_CATEGORY_MN ||
           category == UTF8PROC_CATEGORY_MC || category == UTF8PROC_CATEGORY_PC;
}

bool jinja_char_is(uint32_t c, enum jinja_class class)
{
    if (class == JINJA_IS_SPACE)
        return is_space(c);
    int category = utf8proc_category((utf8proc_int32_t)c);
    switch (class) {
    case JINJA_IS_ALPHA:
        return is_alpha(category);
    case JINJA_IS_DECIMAL:
        return category == UTF8PROC_CATEGORY_ND;
    case JINJA_IS_DIGIT:
        return category == UTF8PROC_CATEGORY_ND || is_digit_only(c);
    case JINJA_IS_NUMERIC:
        return is_numeric(c, category);
    case JINJA_IS_ALNUM:
        return is_alpha(category) || is_numeric(c, category);
    case JINJA_IS_LOWER:
        return is_lower(c, category);
    case JINJA_IS_UPPER:
        return is_upper(c, category);
    case JINJA_IS_TITLE:
        return category == UTF8PROC_CATEGORY_LT;
    case JINJA_IS_PRINTABLE:
        return is_printable(c, category);
    case JINJA_IS_NAME_START:
        return c == '_' || is_alpha(category) || category == UTF8PROC_CATEGORY_NL;
    case JINJA_IS_NAME:
        return is_name(c, category);
    case JINJA_IS_SPACE:
        break;
    }
    return false;
}

/* -------------------------------------------------------------------------------------- case -- */

static const struct jinja_case_row *special_row(uint32_t c)
{
    if (c < jinja_case_table[0].letter)
        return NULL;
    for (size_t i = 0; i < COUNT_OF(jinja_case_table); i++) {
        if (jinja_case_table[i].letter == c)
            return &jinja_case_table[i];
    }
    return NULL;
}

static void add_special(struct buf *out, const uint16_t letters[3])
{
    for (size_t i = 0; i < 3 && letters[i] != 0; i++)
        buf_add_utf8(out, letters[i]);
}

static void add_upper(struct buf *out, uint32_t c)
{
    const struct jinja_case_row *row = special_row(c);
    if (row)
        add_special(out, row->upper);
    else
        buf_add_utf8(out, (uint32_t)utf8proc_toupper((utf8proc_int32_t)c));
}

static void add_title(struct buf *out, uint32_t c)
{
    const struct jinja_case_row *row = special_row(c);
    if (row)
        add_special(out, row->title);
    else
        buf_add_utf8(out, (uint32_t)utf8proc_totitle((utf8proc_int32_t)c));
}

static bool is_cased(uint32_t c)
{
    return jinja_char_is(c, JINJA_IS_LOWER) || jinja_char_is(c, JINJA_IS_UPPER) ||
           jinja_char_is(c, JINJA_IS_TITLE);
}

/* Marks and modifiers that a word goes on behind (the property Case_Ignorable, nearly). */
static bool is_ignorable(uint32_t c)
{
    int category = utf8proc_category((utf8proc_int32_t)c);
    return category == UTF8PROC_CATEGORY_MN || category == UTF8PROC_CATEGORY_ME ||
           category == UTF8PROC_CATEGORY_CF || category == UTF8PROC_CATEGORY_LM ||
           category == UTF8PROC_CATEGORY_SK || c == '\'' || c == '.' || c == ':' || c == 0xb7 ||
           c == 0x2018 || c == 0x2019 || c == 0x2024 || c == 0x2027;
}

/* The sigma at `at` ends a word: a cased letter before it, none behind. */
static bool is_final_sigma(struct span text, size_t at)
{
    bool cased_before = false;
    for (size_t i = at; i > 0 && !cased_before;) {
        do
            i--;
        while (i > 0 && utf8_is_inner(text.at[i]));
        uint32_t c = utf8_decode(text.at + i);
        if (is_ignorable(c))
            continue;
        cased_before = is_cased(c);
        break;
    }
    if (!cased_before)
        return false;
    for (size_t i = at + 2; i < text.len; i += utf8_length(span_from(text, i))) {
        uint32_t c = utf8_decode(text.at + i);
        if (!is_ignorable(c))
            return !is_cased(c);
    }
    return true;
}

static void add_lower(struct buf *out, struct span text, size_t at)
{
    uint32_t c = utf8_decode(text.at + at);
    if (c == 0x3a3) {
        buf_add_utf8(out, is_final_sigma(text, at) ? 0x3c2 : 0x3c3);
    } else if (c == 0x130) { /* I with a dot: i and a combining dot */
        buf_add_utf8(out, 'i');
        buf_add_utf8(out, 0x307);
    } else {
        buf_add_utf8(out, (uint32_t)utf8proc_tolower((utf8proc_int32_t)c));
    }
}

void jinja_add_case(struct buf *out, struct span text, enum jinja_case to)
{
    bool in_word = false; /* for title case: the last character had a case */
    for (size_t i = 0, len; i < text.len; i += len) {
        len = utf8_length(span_from(text, i));
        uint32_t c = utf8_decode(text.at + i);
        bool begins = to == JINJA_CAPITALIZE ? i == 0 : to == JINJA_TITLE && !in_word;
        if (to == JINJA_UPPER || (to == JINJA_SWAP && jinja_char_is(c, JINJA_IS_LOWER)))
            add_upper(out, c);
        else if (begins)
            add_title(out, c);
        else if (to == JINJA_SWAP && !jinja_char_is(c, JINJA_IS_UPPER))
            buf_add_utf8(out, c);
        else
            add_lower(out, text, i);
        in_word = to == JINJA_TITLE && is_cased(c);
    }
}

/* ------------------------------------------------------------------------------- white space -- */

size_t jinja_space_before(struct span text)
{
    size_t i = 0;
    while (i < text.len && is_space(utf8_decode(text.at + i)))
        i += utf8_length(span_from(text, i));
    return i;
}

size_t jinja_space_behind(struct span text)
{
    size_t end = text.len;
    while (end > 0) {
        size_t i = end - 1;
        while (i > 0 && utf8_is_inner(text.at[i]))
            i--;
        if (!is_space(utf8_decode(text.at + i)))
            break;
        end = i;
    }
    return text.len - end;
}

size_t jinja_line_break(struct span text)
{
    if (text.len == 0)
        return 0;
    uint32_t c = utf8_decode(text.at);
    if (c == '\r')
        return text.len > 1 && text.at[1] == '\n' ? 2 : 1;
    if (c == '\n' || c == '\v' || c == '\f' || (c >= 0x1c && c <= 0x1e))
        return 1;
    return c == 0x85 ? 2 : c == 0x2028 || c == 0x2029 ? 3 : 0;
}
