/*
 * jinja_lex.c - cuts a template into text and tags, and the tags into tokens.
 *
 * White space is where templates are easily rendered wrong. The rules, with trim_blocks and
 * lstrip_blocks on as transformers has them:
 *
 *   {%-  {{-  {#-     all white space before the tag goes
 *   {%   {#           blanks before the tag go, when nothing else stands before it on its line
 *   {%+  {{+  {{      nothing before the tag goes
 *   -%}  -}}  -#}     all white space behind the tag goes
 *   %}   #}           one line break behind the tag goes
 *   +%}  +#}  }}      nothing behind the tag goes
 *
 * A closing tag inside brackets is not one: {{ {"a": {}} }}. Between {% raw %} and {% endraw %}
 * nothing is a tag. Escapes in strings are Python's.
 *
 * Source: the behaviour of jinja2 3.1 (its lexer is a set of regular expressions; this is a
 * scanner).
 */
#include "format/jinja_lex.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/utf8.h"
#include "format/jinja_unicode.h"

bool jinja_syntax_error(struct err *err, uint32_t line, const char *format, ...)
{
    char what[sizeof err->what];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    err_set(err, ERR_INPUT, "%s", what);
    err_in(err, "line %u", line);
    return false;
}

bool jinja_lex_open(struct jinja_lexer *lexer, struct arena *arena, struct span source,
                    struct err *err)
{
    *lexer = (struct jinja_lexer){.line = 1, .line_starting = true, .arena = arena};
    size_t invalid = utf8_first_invalid(source);
    if (invalid < source.len) {
        err_set(err, ERR_INPUT, "invalid UTF-8");
        err_in(err, "byte %zu", invalid);
        return false;
    }
    uint8_t *text = arena_alloc(arena, source.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < source.len; i++) {
        bool is_pair = source.at[i] == '\r' && i + 1 < source.len && source.at[i + 1] == '\n';
        if (!is_pair)
            text[len++] = source.at[i] == '\r' ? '\n' : source.at[i];
    }
    if (len > 0 && text[len - 1] == '\n')
        len--;
    lexer->source = (struct span){text, len};
    return true;
}

static struct span rest_of(const struct jinja_lexer *lexer)
{
    return span_from(lexer->source, lexer->offset);
}

static bool starts_with(struct span text, const char *prefix)
{
    return span_starts_with(text, span_of(prefix));
}

static void advance(struct jinja_lexer *lexer, size_t len)
{
    for (size_t i = 0; i < len; i++)
        lexer->line += lexer->source.at[lexer->offset + i] == '\n';
    lexer->offset += len;
    if (len > 0)
        lexer->line_starting = lexer->source.at[lexer->offset - 1] == '\n';
}

static size_t sign_length(struct span text)
{
    return text.len > 0 && (text.at[0] == '-' || text.at[0] == '+');
}

/* Length of a closing tag ("%}", "#}", "}}") with its sign and what it takes behind; 0: none here.
 */
static size_t end_tag_length(struct span text, const char *tag)
{
    size_t sign = sign_length(text);
    char which = sign ? (char)text.at[0] : ' ';
    if (!starts_with(span_from(text, sign), tag) || (which == '+' && tag[0] == '}'))
        return 0;
    size_t len = sign + 2;
    struct span behind = span_from(text, len);
    if (which == '-')
        return len + jinja_space_before(behind);
    if (which == ' ' && tag[0] != '}' && starts_with(behind, "\n"))
        return len + 1;
    return len;
}

/* Length of "{% word %}" with signs; what it takes behind by `trims`; 0: not here. */
static size_t word_tag_length(struct span text, const char *word, bool trims)
{
    if (!starts_with(text, "{%"))
        return 0;
    size_t i = 2 + sign_length(span_from(text, 2));
    i += jinja_space_before(span_from(text, i));
    if (!starts_with(span_from(text, i), word))
        return 0;
    i += strlen(word);
    i += jinja_space_before(span_from(text, i));
    struct span end = span_from(text, i);
    if (trims) {
        size_t len = end_tag_length(end, "%}");
        return len > 0 ? i + len : 0;
    }
    if (starts_with(end, "%}"))
        return i + 2;
    return starts_with(end, "-%}") ? i + 3 + jinja_space_before(span_from(end, 3)) : 0;
}

/* What is left of the text before a tag, by the tag's sign and kind. */
static struct span strip_before(struct span text, char sign, bool is_variable, bool line_starting)
{
    if (sign == '-')
        return span_part(text, 0, text.len - jinja_space_behind(text));
    if (sign == '+' || is_variable)
        return text;
    size_t line = text.len;
    while (line > 0 && text.at[line - 1] != '\n')
        line--;
    if (line == 0 && !line_starting)
        return text;
    struct span last = span_from(text, line);
    return jinja_space_before(last) == last.len ? span_part(text, 0, line) : text;
}

static size_t find_tag(struct span text)
{
    for (size_t i = 0; i + 1 < text.len; i++) {
        if (text.at[i] == '{' && strchr("{%#", text.at[i + 1]) && text.at[i + 1] != '\0')
            return i;
    }
    return text.len;
}

/* Passes over a comment's inside and end. */
static bool skip_comment(struct jinja_lexer *lexer, struct err *err)
{
    struct span rest = rest_of(lexer);
    for (size_t i = 0; i < rest.len; i++) {
        size_t len = end_tag_length(span_from(rest, i), "#}");
        if (len > 0) {
            advance(lexer, i + len);
            return true;
        }
    }
    return jinja_syntax_error(err, lexer->line, "Missing end of comment tag");
}

/* The text up to {% endraw %}, which is passed over too. */
static bool take_raw(struct jinja_lexer *lexer, struct span *data, struct err *err)
{
    struct span rest = rest_of(lexer);
    for (size_t i = 0; i < rest.len; i++) {
        size_t len = rest.at[i] == '{' ? word_tag_length(span_from(rest, i), "endraw", true) : 0;
        if (len == 0)
            continue;
        char sign = (char)rest.at[i + 2];
        *data = strip_before(span_part(rest, 0, i), sign, false, lexer->line_starting);
        advance(lexer, i + len);
        return true;
    }
    return jinja_syntax_error(err, lexer->line, "Missing end of raw directive");
}

/* Text up to the next tag, and the tag's opening; *data may be empty. */
static bool next_outside(struct jinja_lexer *lexer, struct span *data, struct jinja_token *tag,
                         struct err *err)
{
    struct span rest = rest_of(lexer);
    size_t at = find_tag(rest);
    *tag = (struct jinja_token){.kind = JINJA_TOKEN_END};
    if (at == rest.len) {
        *data = rest;
        advance(lexer, rest.len);
        tag->line = lexer->line;
        return true;
    }
    struct span begin = span_from(rest, at);
    char kind = (char)begin.at[1];
    char sign = sign_length(span_from(begin, 2)) ? (char)begin.at[2] : ' ';
    *data = strip_before(span_part(rest, 0, at), sign, kind == '{', lexer->line_starting);
    size_t raw = word_tag_length(begin, "raw", false);
    advance(lexer, at + (raw > 0 ? raw : 2 + (sign != ' ')));
    tag->line = lexer->line;
    if (raw > 0) {
        tag->kind = JINJA_TOKEN_DATA;
        return take_raw(lexer, &tag->text, err);
    }
    if (kind == '#') {
        tag->kind = JINJA_TOKEN_DATA;
        return skip_comment(lexer, err);
    }
    tag->kind = kind == '{' ? JINJA_TOKEN_VARIABLE_BEGIN : JINJA_TOKEN_BLOCK_BEGIN;
    lexer->state = kind == '{' ? JINJA_LEX_VARIABLE : JINJA_LEX_BLOCK;
    return true;
}

/* ----------------------------------------------------------------------------------- numbers -- */

static unsigned digit_value(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - (unsigned)'0';
    unsigned letter = c | 32u;
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 99;
}

static bool is_digit(uint8_t c, unsigned base)
{
    return digit_value(c) < base;
}

/* Length of digits with single '_' between them. */
static size_t digits_length(struct span text, unsigned base)
{
    size_t i = 0;
    while (i < text.len && (is_digit(text.at[i], base) ||
                            (text.at[i] == '_' && i > 0 && i + 1 < text.len &&
                             is_digit(text.at[i + 1], base) && text.at[i - 1] != '_')))
        i++;
    return i;
}

/* Length of a number with a fraction or an exponent; 0: none here. */
static size_t float_length(struct span text)
{
    size_t whole = digits_length(text, 10);
    if (whole == 0)
        return 0;
    size_t len = whole;
    if (len < text.len && text.at[len] == '.') {
        size_t fraction = digits_length(span_from(text, len + 1), 10);
        len += fraction > 0 ? 1 + fraction : 0;
    }
    if (len < text.len && (text.at[len] | 32) == 'e') {
        size_t sign = sign_length(span_from(text, len + 1));
        size_t exponent = digits_length(span_from(text, len + 1 + sign), 10);
        len += exponent > 0 ? 1 + sign + exponent : 0;
    }
    return len > whole ? len : 0;
}

static struct span without_underscores(struct arena *arena, struct span text)
{
    uint8_t *copy = arena_alloc(arena, text.len + 1);
    size_t len = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] != '_')
            copy[len++] = text.at[i];
    }
    return (struct span){copy, len};
}

static bool parse_integer(struct span digits, unsigned base, int64_t *out)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = digit_value(digits.at[i]);
        if (value > ((uint64_t)INT64_MAX - digit) / base)
            return false;
        value = value * base + digit;
    }
    *out = (int64_t)value;
    return true;
}

static bool next_number(struct jinja_lexer *lexer, struct jinja_token *token, struct err *err)
{
    struct span rest = rest_of(lexer);
    bool behind_dot = lexer->offset > 0 && lexer->source.at[lexer->offset - 1] == '.';
    size_t len = behind_dot ? 0 : float_length(rest);
    if (len > 0) {
        token->kind = JINJA_TOKEN_FLOAT;
        struct span text = without_underscores(lexer->arena, span_part(rest, 0, len));
        if (!num_parse_double(text, &token->number))
            return jinja_syntax_error(err, lexer->line, "%.*s is beyond a float's range",
                                      SPAN_ARGS(text));
        advance(lexer, len);
        return true;
    }
    unsigned base = 10;
    size_t prefix = 0;
    if (rest.len > 2 && rest.at[0] == '0') {
        uint8_t mark = rest.at[1] | 32;
        unsigned wanted = mark == 'x' ? 16 : mark == 'o' ? 8 : mark == 'b' ? 2 : 10;
        size_t skipped = 2 + (rest.at[2] == '_');
        if (wanted != 10 &&
            digits_length(span_from(rest, min_size(skipped, rest.len)), wanted) > 0) {
            base = wanted;
            prefix = skipped;
        }
    }
    len = digits_length(span_from(rest, prefix), base);
    /* A number that begins with 0 goes on with zeros alone. */
    for (size_t i = 0; base == 10 && rest.at[0] == '0' && i < len; i++) {
        if (rest.at[i] != '0' && rest.at[i] != '_')
            len = i;
    }
    struct span digits = without_underscores(lexer->arena, span_part(rest, prefix, len));
    token->kind = JINJA_TOKEN_INTEGER;
    if (!parse_integer(digits, base, &token->integer))
        return jinja_syntax_error(err, lexer->line, "the number %.*s needs more than 64 bits",
                                  SPAN_ARGS(digits));
    advance(lexer, prefix + len);
    return true;
}

/* ----------------------------------------------------------------------------------- strings -- */

static bool add_code_point(struct buf *out, uint32_t c)
{
    if (c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
        return false;
    buf_add_utf8(out, c);
    return true;
}

/* \xhh, \uhhhh, \Uhhhhhhhh: `n` digits behind the letter. */
static bool add_hex(struct buf *out, struct span digits, size_t n)
{
    int64_t c;
    if (digits.len < n)
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(digits.at[i], 16))
            return false;
    }
    return parse_integer(span_part(digits, 0, n), 16, &c) && add_code_point(out, (uint32_t)c);
}

/* A backslash before a character that is not ASCII stays, and so does the character's escape. */
static size_t add_escaped_foreign(struct buf *out, struct span text)
{
    uint32_t c = utf8_decode(text.at + 1);
    buf_printf(out, c < 0x100 ? "\\x%02x" : c < 0x10000 ? "\\u%04x" : "\\U%08x", c);
    return 1 + utf8_length(span_from(text, 1));
}

/* One escape at the start of `text`; its length, or 0 where it is malformed. */
static size_t add_escape(struct buf *out, struct span text)
{
    static const char letters[] = "\\'\"abfnrtv", values[] = "\\'\"\a\b\f\n\r\t\v";
    uint8_t c = text.at[1];
    const char *letter = c ? strchr(letters, c) : NULL;
    if (c == '\n')
        return 2;
    if (letter) {
        buf_add_byte(out, (uint8_t)values[letter - letters]);
        return 2;
    }
    if (c == 'x' || c == 'u' || c == 'U') {
        size_t n = c == 'x' ? 2 : c == 'u' ? 4 : 8;
        return add_hex(out, span_from(text, 2), n) ? 2 + n : 0;
    }
    if (is_digit(c, 8)) {
        size_t n = 1;
        while (n < 3 && 1 + n < text.len && is_digit(text.at[1 + n], 8))
            n++;
        int64_t value;
        return parse_integer(span_part(text, 1, n), 8, &value) &&
                       add_code_point(out, (uint32_t)value)
                   ? 1 + n
                   : 0;
    }
    if (c == 'N')
        return 0;
    if (c >= 0x80)
        return add_escaped_foreign(out, text);
    buf_add(out, span_part(text, 0, 2));
    return 2;
}

static bool unescape(struct jinja_lexer *lexer, struct span raw, struct span *out, struct err *err)
{
    if (!memchr(raw.at, '\\', raw.len)) {
        *out = raw;
        return true;
    }
    struct buf text;
    buf_init(&text, 8 * raw.len + 16);
    for (size_t i = 0; i < raw.len;) {
        size_t len = 1;
        if (raw.at[i] == '\\')
            len = add_escape(&text, span_from(raw, i));
        else
            buf_add_byte(&text, raw.at[i]);
        if (len == 0) {
            buf_release(&text);
            return jinja_syntax_error(
                err, lexer->line, "the escape \\%c is malformed or not supported", raw.at[i + 1]);
        }
        i += len;
    }
    *out = arena_copy(lexer->arena, buf_span(&text));
    buf_release(&text);
    return true;
}

static bool next_string(struct jinja_lexer *lexer, struct jinja_token *token, struct err *err)
{
    struct span rest = rest_of(lexer);
    uint8_t quote = rest.at[0];
    size_t end = 1;
    while (end < rest.len && rest.at[end] != quote)
        end += rest.at[end] == '\\' ? 2 : 1;
    if (end >= rest.len)
        return jinja_syntax_error(err, lexer->line, "unexpected char \"%c\" at %zu", quote,
                                  lexer->offset);
    token->kind = JINJA_TOKEN_STRING;
    if (!unescape(lexer, span_part(rest, 1, end - 1), &token->text, err))
        return false;
    advance(lexer, end + 1);
    return true;
}

/* ----------------------------------------------------------------------- names and operators -- */

static size_t name_length(struct span text)
{
    size_t i = 0;
    while (i < text.len) {
        uint32_t c = utf8_decode(text.at + i);
        bool fits =
            c < 0x80 ? c == '_' || is_digit((uint8_t)c, 10) || ((c | 32) >= 'a' && (c | 32) <= 'z')
                     : jinja_char_is(c, i == 0 ? JINJA_IS_NAME_START : JINJA_IS_NAME);
        if (!fits)
            break;
        i += utf8_length(span_from(text, i));
    }
    return i;
}

static bool track_bracket(struct jinja_lexer *lexer, uint8_t c, struct err *err)
{
    if (c == '(' || c == '[' || c == '{') {
        if (lexer->n_brackets == JINJA_BRACKETS)
            return jinja_syntax_error(err, lexer->line, "brackets are nested too deeply");
        lexer->brackets[lexer->n_brackets++] = c == '(' ? ')' : c == '[' ? ']' : '}';
    } else if (c == ')' || c == ']' || c == '}') {
        if (lexer->n_brackets == 0)
            return jinja_syntax_error(err, lexer->line, "unexpected '%c'", c);
        char wanted = lexer->brackets[--lexer->n_brackets];
        if (wanted != (char)c)
            return jinja_syntax_error(err, lexer->line, "unexpected '%c', expected '%c'", c,
                                      wanted);
    }
    return true;
}

static bool next_operator(struct jinja_lexer *lexer, struct jinja_token *token, struct err *err)
{
    static const char *const two[] = {"//", "**", "==", "!=", ">=", "<="};
    struct span rest = rest_of(lexer);
    size_t len = rest.at[0] != '\0' && strchr("+-*/%~[](){}><=.:|,;", rest.at[0]) ? 1 : 0;
    for (size_t i = 0; i < COUNT_OF(two); i++) {
        if (starts_with(rest, two[i]))
            len = 2;
    }
    if (len == 0)
        return jinja_syntax_error(err, lexer->line, "unexpected char '%.*s' at %zu",
                                  (int)utf8_length(rest), (const char *)rest.at, lexer->offset);
    if (len == 1 && !track_bracket(lexer, rest.at[0], err))
        return false;
    token->kind = JINJA_TOKEN_OPERATOR;
    token->text = span_part(rest, 0, len);
    advance(lexer, len);
    return true;
}

static bool next_inside(struct jinja_lexer *lexer, struct jinja_token *token, struct err *err)
{
    bool is_block = lexer->state == JINJA_LEX_BLOCK;
    size_t end =
        lexer->n_brackets == 0 ? end_tag_length(rest_of(lexer), is_block ? "%}" : "}}") : 0;
    if (end == 0) {
        advance(lexer, jinja_space_before(rest_of(lexer)));
        if (lexer->n_brackets == 0)
            end = end_tag_length(rest_of(lexer), is_block ? "%}" : "}}");
    }
    token->line = lexer->line;
    struct span rest = rest_of(lexer);
    if (end > 0) {
        token->kind = is_block ? JINJA_TOKEN_BLOCK_END : JINJA_TOKEN_VARIABLE_END;
        lexer->state = JINJA_LEX_DATA;
        advance(lexer, end);
        return true;
    }
    if (rest.len == 0) {
        token->kind = JINJA_TOKEN_END;
        return true;
    }
    if (is_digit(rest.at[0], 10))
        return next_number(lexer, token, err);
    if (rest.at[0] == '"' || rest.at[0] == '\'')
        return next_string(lexer, token, err);
    size_t len = name_length(rest);
    if (len == 0)
        return next_operator(lexer, token, err);
    token->kind = JINJA_TOKEN_NAME;
    token->text = span_part(rest, 0, len);
    advance(lexer, len);
    return true;
}

bool jinja_lex_next(struct jinja_lexer *lexer, struct jinja_token *token, struct err *err)
{
    *token = (struct jinja_token){.line = lexer->line};
    if (lexer->has_pending_tag) {
        *token = lexer->pending_tag;
        lexer->has_pending_tag = false;
        if (token->kind != JINJA_TOKEN_DATA || token->text.len > 0)
            return true;
    }
    while (lexer->state == JINJA_LEX_DATA) {
        struct jinja_token data = {.kind = JINJA_TOKEN_DATA, .line = lexer->line};
        if (!next_outside(lexer, &data.text, token, err))
            return false;
        if (data.text.len > 0) {
            lexer->pending_tag = *token;
            lexer->has_pending_tag = true;
            *token = data;
            return true;
        }
        /* A comment, or an empty {% raw %}, gives nothing: on to the next. */
        if (token->kind != JINJA_TOKEN_DATA || token->text.len > 0)
            return true;
    }
    return next_inside(lexer, token, err);
}
