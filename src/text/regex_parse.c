/*
 * regex_parse.c - Oniguruma's Ruby syntax, rewritten piece by piece into PCRE2's.
 *
 *     pattern  = branch { '|' branch }
 *     branch   = { atom { quantifier } }
 *     atom     = group | class | '.' | anchor | escape | character
 *
 * The output is a skeleton: operators as PCRE2 writes them, and for each character and class a mark
 * with the number of its set. What differs between the two syntaxes:
 *
 *   ^ $          are always at lines: PCRE2's MULTILINE, with \n the only newline
 *   (?m)         lets '.' match \n (PCRE2's s)
 *   (?i) alone   holds to the end of the group, over '|' : a(?i)b|c is a(?i:b|c)
 *   {n,m}+       is not possessive but a quantifier on a quantifier, as is a** ; {,m} is {0,m}
 *   {n}?         is (?:…{n})?
 *   \h           is a hexadecimal digit, \O any character, \R and \b are written out over sets
 *
 * Groups capture nothing here: only the whole match is ever asked for. In a case-blind literal,
 * "ss" also matches ß: characters that fold to several are tried at every place of a run of
 * literals.
 */
#include "text/regex_parse.h"

#include "text/regex_class.h"
#include "text/unicode_data.h"

enum { MAX_REPEAT = 65535 }; /* PCRE2's */

static void put(struct regex_parser *p, const char *text)
{
    buf_add_text(&p->skeleton->text, text);
}

static void put_set(struct regex_parser *p, struct charset set)
{
    struct regex_skeleton *s = p->skeleton;
    size_t i = 0;
    while (i < s->n_sets && !charset_equal(s->sets[i], set))
        i++;
    if (i == REGEX_MAX_SETS) {
        regex_parser_fail(p, p->at, "more than %d different characters and classes",
                          REGEX_MAX_SETS);
        return;
    }
    if (i == s->n_sets)
        s->sets[s->n_sets++] = set;
    buf_add_byte(&s->text, REGEX_SET_MARK);
    buf_add_u16_le(&s->text, (uint16_t)i);
}

static struct charset character_set(struct regex_parser *p, uint32_t c)
{
    struct charset set = charset_range(p->arena, c, c);
    return p->ignore_case ? charset_fold(p->arena, set) : set;
}

static void put_range(struct regex_parser *p, uint32_t first, uint32_t last)
{
    put_set(p, charset_range(p->arena, first, last));
}

static void put_named(struct regex_parser *p, const char *name)
{
    put_set(p, charset_named(p->arena, name));
}

/* ----------------------------------------------------------------------------- case folding -- */

/* The characters that a folded text stands for: U+00DF -> 's', 's'. Returns how many; 0: just c. */
static size_t multi_fold_of(uint32_t c, const uint32_t **folded)
{
    for (size_t i = 0; i < unicode_multi_folds_len;) {
        size_t n = 0;
        while (unicode_multi_folds[i + 1 + n])
            n++;
        *folded = unicode_multi_folds + i + 1;
        if (unicode_multi_folds[i] == c)
            return n;
        i += n + 2;
    }
    return 0;
}

static bool same_folded(struct regex_parser *p, uint32_t a, uint32_t b)
{
    return a == b || charset_has(charset_fold(p->arena, charset_range(p->arena, a, a)), b);
}

/* The characters that fold to exactly these n; empty where there is none. */
static struct charset folding_to(struct regex_parser *p, const uint32_t *text, size_t n)
{
    struct charset set = {0};
    for (size_t i = 0; i < unicode_multi_folds_len;) {
        size_t len = 0;
        bool same = true;
        for (; unicode_multi_folds[i + 1 + len]; len++)
            same = same && len < n && same_folded(p, text[len], unicode_multi_folds[i + 1 + len]);
        if (same && len == n) {
            uint32_t c = unicode_multi_folds[i];
            set = charset_union(p->arena, set, charset_range(p->arena, c, c));
        }
        i += len + 2;
    }
    return set;
}

/* The literal text[0 … n-1], each way in which its characters can be taken together. */
static void put_tilings(struct regex_parser *p, const uint32_t *text, size_t n)
{
    if (n == 0 || p->failed)
        return;
    struct charset two = n >= 2 ? folding_to(p, text, 2) : (struct charset){0};
    struct charset three = n >= 3 ? folding_to(p, text, 3) : (struct charset){0};
    bool several = two.n_edges > 0 || three.n_edges > 0;
    if (buf_span(&p->skeleton->text).len > 8 * (size_t)REGEX_MAX_PATTERN_BYTES)
        regex_parser_fail(p, p->at, "too many ways to read a text without regard to case");
    if (several)
        put(p, "(?:");
    put_set(p, character_set(p, text[0]));
    if (several) {
        put_tilings(p, text + 1, n - 1);
        if (two.n_edges > 0) {
            put(p, "|");
            put_set(p, two);
            put_tilings(p, text + 2, n - 2);
        }
        if (three.n_edges > 0) {
            put(p, "|");
            put_set(p, three);
            put_tilings(p, text + 3, n - 3);
        }
        put(p, ")");
    } else {
        put_tilings(p, text + 1, n - 1);
    }
}

/* True where an unescaped letter comes next that no quantifier follows. */
static bool plain_letter_next(const struct regex_parser *p)
{
    int c = regex_parser_peek(p);
    int after = p->at + 1 < p->pattern.len ? p->pattern.at[p->at + 1] : -1;
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    return letter && after != '*' && after != '+' && after != '?' && after != '{';
}

static bool quantifier_next(const struct regex_parser *p)
{
    int c = regex_parser_peek(p);
    return c == '*' || c == '+' || c == '?' || c == '{';
}

static void put_character(struct regex_parser *p, uint32_t c)
{
    enum { LONGEST_RUN = 32 };
    if (!p->ignore_case) {
        put_set(p, character_set(p, c));
        return;
    }
    uint32_t run[LONGEST_RUN + 3];
    const uint32_t *folded;
    size_t n = multi_fold_of(c, &folded);
    for (size_t i = 0; i < n; i++)
        run[i] = folded[i];
    bool was_several = n > 0;
    if (n == 0)
        run[n++] = c;
    while (!p->extended && !quantifier_next(p) && n < LONGEST_RUN && plain_letter_next(p))
        run[n++] = p->pattern.at[p->at++];
    if (was_several)
        put(p, "(?:");
    put_tilings(p, run, n);
    if (was_several)
        put(p, ")");
}

/* -------------------------------------------------------------------------------- anchors -- */

static void put_word_boundary(struct regex_parser *p, bool negated)
{
    const char *before[2] = {"(?<=", "(?<!"}, *behind[2] = {"(?!", "(?="};
    put(p, "(?:");
    for (int i = 0; i < 2; i++) {
        put(p, i ? "|" : "");
        put(p, before[i]);
        put_named(p, "word");
        put(p, ")");
        put(p, behind[negated ? 1 - i : i]);
        put_named(p, "word");
        put(p, ")");
    }
    put(p, ")");
}

/* \R: "\r\n" or one character that breaks a line. */
static void put_line_break(struct regex_parser *p)
{
    put(p, "(?>");
    put_range(p, '\r', '\r');
    put_range(p, '\n', '\n');
    put(p, "|");
    struct charset set = charset_range(p->arena, '\n', '\r');
    set = charset_union(p->arena, set, charset_range(p->arena, 0x85, 0x85));
    put_set(p, charset_union(p->arena, set, charset_range(p->arena, 0x2028, 0x2029)));
    put(p, ")");
}

static struct charset all_but_newline(struct regex_parser *p)
{
    return charset_complement(p->arena, charset_range(p->arena, '\n', '\n'));
}

/* ---------------------------------------------------------------------------------- escapes -- */

/* What is not a character; false, and nothing read, where it is one. *repeats: may be repeated. */
static bool parse_special_escape(struct regex_parser *p, bool *repeats)
{
    static const char *const anchors[] = {"A", "z", "Z", "G", "K"};
    size_t start = p->at - 1;
    for (size_t i = 0; i < COUNT_OF(anchors); i++) {
        if (regex_parser_take(p, anchors[i])) {
            put(p, "\\");
            put(p, anchors[i]);
            *repeats = false;
            return true;
        }
    }
    int c = regex_parser_peek(p);
    switch (c) {
    case 'b':
    case 'B':
        p->at++;
        *repeats = false;
        put_word_boundary(p, c == 'B');
        return true;
    case 'R':
        p->at++;
        put_line_break(p);
        return true;
    case 'N':
        p->at++;
        put_set(p, all_but_newline(p));
        return true;
    case 'O':
        p->at++;
        put_range(p, 0, CHARSET_END - 1);
        return true;
    case 'X':
    case 'y':
    case 'Y':
    case 'k':
    case 'g':
        regex_parser_fail(p, start, "\\%c is not supported", c);
        return true;
    default:
        return false;
    }
}

static bool parse_escape(struct regex_parser *p)
{
    bool repeats = true;
    struct charset set;
    if (p->at == p->pattern.len)
        regex_parser_fail(p, p->at - 1, "the pattern ends in a backslash");
    else if (regex_parse_shorthand(p, false, &set))
        put_set(p, set); /* as it is: (?i:\p{Lu}) matches no small letter, (?i:[\p{Lu}]) does */
    else if (!parse_special_escape(p, &repeats))
        put_character(p, regex_parse_escaped(p));
    return repeats;
}

/* ----------------------------------------------------------------------------------- groups -- */

static void parse_alternatives(struct regex_parser *p);

/* The rest of a group behind its opening, which is written already. */
static void finish_group(struct regex_parser *p, size_t start)
{
    bool ignore_case = p->ignore_case, dot_all = p->dot_all, extended = p->extended;
    if (++p->depth > REGEX_MAX_DEPTH)
        regex_parser_fail(p, start, "nested more than %d deep", REGEX_MAX_DEPTH);
    parse_alternatives(p);
    if (!regex_parser_take(p, ")"))
        regex_parser_fail(p, start, "unclosed group");
    put(p, ")");
    p->depth--;
    p->ignore_case = ignore_case;
    p->dot_all = dot_all;
    p->extended = extended;
}

/* (?imx-imx) or (?imx-imx:…) behind the '?'. */
static void parse_options(struct regex_parser *p, size_t start)
{
    bool ignore_case = p->ignore_case, dot_all = p->dot_all, extended = p->extended, on = true;
    for (;;) {
        int c = regex_parser_peek(p);
        if (c == 'i')
            p->ignore_case = on;
        else if (c == 'm')
            p->dot_all = on;
        else if (c == 'x')
            p->extended = on;
        else if (c == '-')
            on = false;
        else
            break;
        p->at++;
    }
    if (regex_parser_take(p, ":")) {
        put(p, "(?:");
        finish_group(p, start);
    } else if (regex_parser_take(p, ")")) {
        /* To the end of the enclosing group, which closes this one too. */
        put(p, "(?:");
        if (++p->depth > REGEX_MAX_DEPTH)
            regex_parser_fail(p, start, "nested more than %d deep", REGEX_MAX_DEPTH);
        parse_alternatives(p);
        put(p, ")");
        p->depth--;
    } else {
        regex_parser_fail(p, start, "a group that begins with (?%.1s is not supported",
                          p->at < p->pattern.len ? (const char *)p->pattern.at + p->at : "");
    }
    p->ignore_case = ignore_case;
    p->dot_all = dot_all;
    p->extended = extended;
}

static void skip_group_name(struct regex_parser *p, size_t start, int closing)
{
    size_t name = p->at;
    while (regex_parser_peek(p) >= 0 && regex_parser_peek(p) != closing)
        p->at++;
    int first = name < p->pattern.len ? p->pattern.at[name] : -1;
    if (p->at == name || p->at == p->pattern.len || first == ')' || first == '-' ||
        (first >= '0' && first <= '9'))
        regex_parser_fail(p, start, "a group's name is empty, unclosed or a number");
    else
        p->at++;
}

/* Behind '('. False for a comment, which is no atom. *repeats: may be repeated. */
static bool parse_group(struct regex_parser *p, bool *repeats)
{
    static const struct {
        const char *opening;
        bool repeats;
    } kinds[] = {{"?:", true}, {"?>", true}, {"?=", false}, {"?!", false}, {"?<=", false},
                 {"?<!", false}};
    size_t start = p->at - 1;
    if (regex_parser_peek(p) == '*')
        regex_parser_fail(p, start, "callouts, (*…), are not supported");
    if (regex_parser_take(p, "?#")) {
        while (regex_parser_peek(p) >= 0 && regex_parser_peek(p) != ')')
            p->at += regex_parser_peek(p) == '\\' && p->at + 1 < p->pattern.len ? 2 : 1;
        if (!regex_parser_take(p, ")"))
            regex_parser_fail(p, start, "unclosed comment");
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        if (regex_parser_take(p, kinds[i].opening)) {
            put(p, "(");
            put(p, kinds[i].opening);
            *repeats = kinds[i].repeats;
            finish_group(p, start);
            return true;
        }
    }
    if (regex_parser_take(p, "?<") || regex_parser_take(p, "?'"))
        skip_group_name(p, start, p->pattern.at[p->at - 1] == '<' ? '>' : '\'');
    else if (regex_parser_take(p, "?")) {
        parse_options(p, start);
        return true;
    }
    put(p, "(?:");
    finish_group(p, start);
    return true;
}

/* ------------------------------------------------------------------------------ quantifiers -- */

struct quantifier {
    char text[24];
    bool is_fixed; /* {n}: what follows a '?' is another quantifier */
    bool is_interval;
};

static bool take_number(struct regex_parser *p, uint32_t *value)
{
    size_t start = p->at;
    *value = 0;
    for (int c; c = regex_parser_peek(p), c >= '0' && c <= '9'; p->at++) {
        if (*value <= MAX_REPEAT)
            *value = *value * 10 + (uint32_t)(c - '0');
    }
    return p->at > start;
}

/* {n} {n,} {,m} {n,m}; false, and nothing read, for anything else: then '{' is a character. */
static bool take_interval(struct regex_parser *p, struct quantifier *q)
{
    size_t start = p->at++;
    uint32_t low, high;
    bool has_low = take_number(p, &low), has_comma = regex_parser_take(p, ",");
    bool has_high = has_comma && take_number(p, &high);
    if ((!has_low && !has_high) || !regex_parser_take(p, "}")) {
        p->at = start;
        return false;
    }
    if (low > MAX_REPEAT || (has_high && high > MAX_REPEAT))
        regex_parser_fail(p, start, "repeated more than %d times", MAX_REPEAT);
    if (has_high && low > high)
        regex_parser_fail(p, start, "repeated at least %u and at most %u times", low, high);
    struct buf text;
    buf_init(&text, sizeof q->text);
    buf_printf(&text, has_comma ? "{%u," : "{%u", low);
    if (has_high)
        buf_printf(&text, "%u", high);
    buf_add_text(&text, "}");
    CHECK(text.len < sizeof q->text);
    memcpy(q->text, text.at, text.len);
    q->text[text.len] = '\0';
    buf_release(&text);
    q->is_interval = true;
    q->is_fixed = !has_comma;
    return true;
}

static bool take_quantifier(struct regex_parser *p, struct quantifier *q)
{
    *q = (struct quantifier){0};
    int c = regex_parser_peek(p);
    if (c == '{')
        return take_interval(p, q);
    if (c != '*' && c != '+' && c != '?')
        return false;
    p->at++;
    q->text[0] = (char)c;
    return true;
}

/* Puts "(?:" before what was written since `start`, and ")" behind it. */
static void wrap(struct regex_parser *p, size_t start)
{
    struct buf *out = &p->skeleton->text;
    put(p, "(?:)");
    if (out->overflowed)
        return;
    size_t len = out->len - start - 4;
    memmove(out->at + start + 3, out->at + start, len);
    memcpy(out->at + start, "(?:", 3);
    out->at[out->len - 1] = ')';
}

/* White space and comments, where (?x) is on. */
static bool skip_extended(struct regex_parser *p)
{
    size_t start = p->at;
    for (int c; p->extended && (c = regex_parser_peek(p)) >= 0; p->at++) {
        if (c == '#') {
            while (regex_parser_peek(p) >= 0 && regex_parser_peek(p) != '\n')
                p->at++;
            if (regex_parser_peek(p) < 0)
                break;
        } else if (c != ' ' && (c < '\t' || c > '\r')) {
            break;
        }
    }
    return p->at > start;
}

/* The quantifiers behind an atom that was written from `start` on. */
static void parse_quantifiers(struct regex_parser *p, size_t start, bool repeats)
{
    struct quantifier q;
    for (size_t n = 0;; n++) {
        skip_extended(p);
        size_t place = p->at;
        if (p->failed || !take_quantifier(p, &q))
            return;
        if (!repeats)
            regex_parser_fail(p, place, "an anchor or a look-around cannot be repeated");
        if (n > 0)
            wrap(p, start);
        put(p, q.text);
        if (!q.is_fixed && regex_parser_take(p, "?"))
            put(p, "?");
        else if (!q.is_interval && regex_parser_take(p, "+"))
            put(p, "+");
    }
}

/* --------------------------------------------------------------------------------- branches -- */

static void parse_class_atom(struct regex_parser *p)
{
    bool negated;
    struct charset set = regex_parse_class(p, &negated);
    put_set(p, negated ? charset_complement(p->arena, set) : set);
}

/* One atom with its quantifiers, or nothing visible (a comment, white space). */
static void parse_atom(struct regex_parser *p)
{
    size_t start = p->at, written = p->skeleton->text.len;
    bool repeats = true;
    struct quantifier q;
    if (skip_extended(p))
        return;
    if (regex_parser_peek(p) != '{' ? quantifier_next(p) : take_quantifier(p, &q)) {
        regex_parser_fail(p, start, "nothing to repeat");
        return;
    }
    switch (regex_parser_peek(p)) {
    case '(':
        p->at++;
        if (!parse_group(p, &repeats))
            return;
        break;
    case '[':
        p->at++;
        parse_class_atom(p);
        break;
    case '.':
        p->at++;
        put_set(p, p->dot_all ? charset_range(p->arena, 0, CHARSET_END - 1) : all_but_newline(p));
        break;
    case '^':
    case '$':
        put(p, regex_parser_peek(p) == '^' ? "^" : "$");
        p->at++;
        repeats = false;
        break;
    case '\\':
        p->at++;
        repeats = parse_escape(p);
        break;
    default:
        put_character(p, regex_parser_character(p));
    }
    parse_quantifiers(p, written, repeats);
}

/* Up to ')' or the end. */
static void parse_alternatives(struct regex_parser *p)
{
    while (regex_parser_peek(p) >= 0 && regex_parser_peek(p) != ')') {
        if (regex_parser_take(p, "|"))
            put(p, "|");
        else
            parse_atom(p);
    }
}

bool regex_parse(struct regex_skeleton *skeleton, struct span pattern, struct arena *arena,
                 struct err *err)
{
    /* Case-blind texts grow the most; put_tilings stops at less than this. */
    buf_init(&skeleton->text, 64 * (size_t)REGEX_MAX_PATTERN_BYTES);
    skeleton->n_sets = 0;
    if (pattern.len > REGEX_MAX_PATTERN_BYTES) {
        err_set(err, ERR_INPUT, "a pattern of %zu bytes; at most %d are supported", pattern.len,
                REGEX_MAX_PATTERN_BYTES);
        return false;
    }
    struct regex_parser p = {
        .pattern = pattern, .skeleton = skeleton, .arena = arena, .err = err};
    parse_alternatives(&p);
    if (p.at < pattern.len)
        regex_parser_fail(&p, p.at, "a ')' that closes nothing");
    return !p.failed && buf_check(&skeleton->text, err);
}
