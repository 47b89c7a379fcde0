/*
 * jinja_lex.h - a template's text as tokens, one at a time.
 */
#ifndef PACE_FORMAT_JINJA_LEX_H
#define PACE_FORMAT_JINJA_LEX_H

#include "base/arena.h"
#include "base/err.h"

enum jinja_token_kind {
    JINJA_TOKEN_END,
    JINJA_TOKEN_DATA, /* text between the tags */
    JINJA_TOKEN_VARIABLE_BEGIN,
    JINJA_TOKEN_VARIABLE_END,
    JINJA_TOKEN_BLOCK_BEGIN,
    JINJA_TOKEN_BLOCK_END,
    JINJA_TOKEN_NAME,
    JINJA_TOKEN_STRING,
    JINJA_TOKEN_INTEGER,
    JINJA_TOKEN_FLOAT,
    JINJA_TOKEN_OPERATOR, /* its text tells which */
};

struct jinja_token {
    enum jinja_token_kind kind;
    uint32_t line;
    struct span text; /* of data and strings: the value, without escapes */
    int64_t integer;
    double number;
};

/* Where the lexer stands. Text outside tags, inside {{ }} or inside {% %}. */
enum jinja_lex_state { JINJA_LEX_DATA, JINJA_LEX_VARIABLE, JINJA_LEX_BLOCK };

enum { JINJA_BRACKETS = 256 }; /* nested brackets inside one tag */

struct jinja_lexer {
    struct span source; /* line ends are \n; the last one is gone */
    size_t offset;
    uint32_t line;
    enum jinja_lex_state state;
    bool line_starting; /* the last match ended with a line break */
    char brackets[JINJA_BRACKETS];
    size_t n_brackets;
    bool has_pending_tag; /* one was found together with the data before it */
    struct jinja_token pending_tag;
    struct arena *arena;
};

/* Prepares the text: line ends become \n, one at the end is dropped. Errors: invalid UTF-8. */
MUST_CHECK bool jinja_lex_open(struct jinja_lexer *lexer, struct arena *arena, struct span source,
                               struct err *err);

/* The next token; JINJA_TOKEN_END for ever once the text is used up. */
MUST_CHECK bool jinja_lex_next(struct jinja_lexer *lexer, struct jinja_token *token,
                               struct err *err);

/* An ERR_INPUT with the line as its place; returns false. */
bool jinja_syntax_error(struct err *err, uint32_t line, const char *format, ...) PRINTF_LIKE(3, 4);

#endif
