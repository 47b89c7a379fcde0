/*
 * jinja_parse.h - from a template's text to its tree. Used by the files that begin with jinja_
 * alone; everybody else calls jinja_compile.
 */
#ifndef PACE_FORMAT_JINJA_PARSE_H
#define PACE_FORMAT_JINJA_PARSE_H

#include "format/jinja_lex.h"
#include "format/jinja_node.h"

/* A filter or test that does not exist: an error, unless it stands where it may never be reached.
 */
struct jinja_unknown {
    struct jinja_unknown *older;
    uint32_t line;
    struct span name;
    bool is_test;
};

struct jinja_parser {
    struct jinja_lexer lexer;
    struct jinja_token token; /* the present one */
    struct jinja_token ahead;
    bool has_ahead;
    struct arena *arena;
    struct jinja_template *template;
    struct map names;
    struct jinja_unknown *unknown;
    size_t depth;
    uint8_t *uses;     /* of the innermost macro */
    size_t loop_depth; /* in the innermost macro */
    uint32_t loop_set; /* line where `loop` was last assigned, or 0 */
    struct err *err;
};

enum { JINJA_NESTING = 150 }; /* of expressions and statements inside each other */

MUST_CHECK bool jinja_parse(struct jinja_template *template, struct arena *arena,
                            struct span source, struct err *err);

/* --- Between the two parser files. ----------------------------------------------------------- */

bool jinja_parse_fail(struct jinja_parser *p, const char *format, ...) PRINTF_LIKE(2, 3);
MUST_CHECK bool jinja_parse_next(struct jinja_parser *p);
MUST_CHECK bool jinja_parse_look(struct jinja_parser *p, const struct jinja_token **token);

bool jinja_at_name(const struct jinja_parser *p, const char *name);
bool jinja_at_operator(const struct jinja_parser *p, const char *op);

/* Passes over the token where it is there; otherwise an error that names both. */
MUST_CHECK bool jinja_expect_name(struct jinja_parser *p, const char *name);
MUST_CHECK bool jinja_expect_operator(struct jinja_parser *p, const char *op);
MUST_CHECK bool jinja_expect_kind(struct jinja_parser *p, enum jinja_token_kind kind,
                                  struct jinja_token *token);

struct jinja_node *jinja_node_new(struct jinja_parser *p, enum jinja_node_kind kind, uint32_t line);
uint32_t jinja_name_of(struct jinja_parser *p, struct span name);
MUST_CHECK bool jinja_parse_enter(struct jinja_parser *p);
static inline void jinja_parse_leave(struct jinja_parser *p)
{
    p->depth--;
}

MUST_CHECK bool jinja_parse_expression(struct jinja_parser *p, bool with_condition,
                                       struct jinja_node **out);

/* How a list of expressions with commas may look and end. */
struct jinja_tuple_rule {
    bool is_target;      /* names alone */
    bool with_condition; /* "a if b" is allowed */
    bool in_parentheses; /* may be empty */
    bool with_namespace; /* ns.x is allowed as a target */
    const char *end;     /* a name that ends it, or NULL */
};
MUST_CHECK bool jinja_parse_tuple(struct jinja_parser *p, const struct jinja_tuple_rule *rule,
                                  struct jinja_node **out);

/* "| name(…) | …" behind `node`, which is NULL in a filter block (there the first '|' is missing).
 */
MUST_CHECK bool jinja_parse_filters(struct jinja_parser *p, bool starts_inside,
                                    struct jinja_node *node, struct jinja_node **out);

/* Forgets the unknown filters since `mark`: they stand under an if. */
static inline void jinja_unknown_forget(struct jinja_parser *p, struct jinja_unknown *mark)
{
    p->unknown = mark;
}

#endif
