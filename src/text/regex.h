/*
 * regex.h - the regular expressions of a tokenizer.json, matched as the `tokenizers` library does.
 *
 * The library runs them through Oniguruma in Ruby's syntax with its own Unicode tables; pace runs
 * them through PCRE2. See regex.c for how the two are made to agree, and regex_parse.c for the
 * syntax. What cannot be expressed is refused with its name and its place in the pattern:
 * back-references, subroutine calls, conditions, the absent operator, \X, \y, \Y, callouts, and
 * look-behind of unbounded length.
 */
#ifndef PACE_TEXT_REGEX_H
#define PACE_TEXT_REGEX_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

struct pcre2_real_code_8;
struct pcre2_real_match_data_8;
struct pcre2_real_match_context_8;
struct pcre2_real_jit_stack_8;

enum {
    REGEX_BLOCK_BITS = 8,
    REGEX_N_BLOCKS = 0x110000 >> REGEX_BLOCK_BITS,
};

/* A compiled pattern; constant once compiled, so threads may share it. */
struct regex {
    struct pcre2_real_code_8 *code;
    bool has_jit;
    uint16_t *block_of;                       /* code point >> 8 -> block */
    uint8_t (*blocks)[1 << REGEX_BLOCK_BITS]; /* block, code point & 255 -> letter */
    bool is_literal;
    uint8_t *literal;
    size_t literal_len;
};

/* Errors: ERR_INPUT, with the construct and its place. */
MUST_CHECK bool regex_compile(struct regex *re, struct span pattern, struct err *err);

/* A pattern that is the text itself. An empty one matches between all characters. */
void regex_literal(struct regex *re, struct span text);

/* Safe on a zeroed struct. */
void regex_release(struct regex *re);

/* One pass over one text. A zeroed struct is ready for regex_begin; its memory is used again. */
struct regex_search {
    const struct regex *re;
    struct span text;
    struct span letters; /* one a character */
    bool bytewise;       /* every character is one byte: the places are the same */
    size_t letter_at, byte_at; /* the same place, counted both ways */
    size_t next;               /* where the search goes on: letter (of a literal: byte) */
    size_t last_end;           /* behind the last match; SIZE_MAX: none yet */
    uint64_t budget;           /* steps left for what takes long; see regex.c */
    struct buf buffer;
    struct pcre2_real_match_data_8 *match;
    struct pcre2_real_match_context_8 *context;
    struct pcre2_real_jit_stack_8 *stack;
};

/* Valid UTF-8; must outlive the search. */
void regex_begin(struct regex_search *s, const struct regex *re, struct span text);

/*
 * The next match, from left to right, without overlap; an empty match right behind a match is
 * passed over. *found is false at the end. Errors: ERR_INPUT where the pattern takes too long on
 * this text.
 */
MUST_CHECK bool regex_next(struct regex_search *s, size_t *start, size_t *end, bool *found,
                           struct err *err);

/* Safe on a zeroed struct. */
void regex_search_release(struct regex_search *s);

#endif
