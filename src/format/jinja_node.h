/*
 * jinja_node.h - a parsed template: a tree of nodes of one shape.
 *
 * What the children mean, by kind (lists hang together through `next`):
 *
 *   CONST       value
 *   NAME        name
 *   NSREF       name, attribute in value          (a target: ns.x)
 *   TUPLE LIST  items
 *   DICT        items: PAIR (a: key, b: value)
 *   COND        a if b else c                     (c may be NULL)
 *   CALL        a(items, d: KEYWORD, *b, **c)
 *   FILTER TEST a | row(items, d: KEYWORD, *b, **c); value holds the name
 *               (a is NULL where a filter stands at the head of a block)
 *   GETATTR     a.value        GETITEM  a[b]      SLICE  a[b:c:d]
 *   CONCAT      items          COMPARE  a, items: OPERAND (op, a)
 *   NOT NEG POS a              AND OR   a, b      BINARY a op b
 *
 *   DATA        value          OUTPUT   items
 *   FOR         for a in b if c: d, else items; flag: recursive
 *   IF          if a: b; items: further IF (elif); c: else
 *   SET         a = b          SET_BLOCK  a = body b through filter c
 *   MACRO       name(items: NAME with default in a): b; uses
 *   CALL_BLOCK  c: its MACRO, a: the call
 *   FILTER_BLOCK a: filter, b: body
 *   WITH        items: PAIR (a: target, b: value), b: body
 *   GENERATION  b: body        BREAK CONTINUE
 */
#ifndef PACE_FORMAT_JINJA_NODE_H
#define PACE_FORMAT_JINJA_NODE_H

#include "base/map.h"
#include "format/jinja_value.h"

enum jinja_node_kind {
    JINJA_NODE_CONST,
    JINJA_NODE_NAME,
    JINJA_NODE_NSREF,
    JINJA_NODE_TUPLE,
    JINJA_NODE_LIST,
    JINJA_NODE_DICT,
    JINJA_NODE_PAIR,
    JINJA_NODE_KEYWORD,
    JINJA_NODE_COND,
    JINJA_NODE_CALL,
    JINJA_NODE_FILTER,
    JINJA_NODE_TEST,
    JINJA_NODE_GETATTR,
    JINJA_NODE_GETITEM,
    JINJA_NODE_SLICE,
    JINJA_NODE_CONCAT,
    JINJA_NODE_COMPARE,
    JINJA_NODE_OPERAND,
    JINJA_NODE_NOT,
    JINJA_NODE_NEG,
    JINJA_NODE_POS,
    JINJA_NODE_AND,
    JINJA_NODE_OR,
    JINJA_NODE_BINARY,
    JINJA_NODE_DATA,
    JINJA_NODE_OUTPUT,
    JINJA_NODE_FOR,
    JINJA_NODE_IF,
    JINJA_NODE_SET,
    JINJA_NODE_SET_BLOCK,
    JINJA_NODE_MACRO,
    JINJA_NODE_CALL_BLOCK,
    JINJA_NODE_FILTER_BLOCK,
    JINJA_NODE_WITH,
    JINJA_NODE_GENERATION,
    JINJA_NODE_BREAK,
    JINJA_NODE_CONTINUE,
};

enum jinja_op {
    JINJA_OP_ADD,
    JINJA_OP_SUB,
    JINJA_OP_MUL,
    JINJA_OP_DIV,
    JINJA_OP_FLOORDIV,
    JINJA_OP_MOD,
    JINJA_OP_POW,
    JINJA_OP_EQ,
    JINJA_OP_NE,
    JINJA_OP_LT,
    JINJA_OP_LE,
    JINJA_OP_GT,
    JINJA_OP_GE,
    JINJA_OP_IN,
    JINJA_OP_NOT_IN,
};

/* Special names that a macro's body mentions, so that a call may bring them. */
enum jinja_uses { JINJA_USES_CALLER = 1, JINJA_USES_KWARGS = 2, JINJA_USES_VARARGS = 4 };

/* The first names of every template: those that Jinja itself sets. */
enum { JINJA_NAME_LOOP, JINJA_NAME_CALLER, JINJA_NAME_KWARGS, JINJA_NAME_VARARGS };

struct jinja_builtin;

struct jinja_node {
    enum jinja_node_kind kind;
    uint32_t line;
    uint32_t name; /* index into the template's names */
    uint8_t uses;
    bool flag;
    enum jinja_op op;
    const struct jinja_builtin *row; /* of a filter or test; NULL: there is none of that name */
    struct jinja_node *next;
    struct jinja_node *a, *b, *c, *d;
    struct jinja_node *items;
    struct jinja_value value;
};

struct jinja_template {
    struct jinja_node *body;
    struct jinja_value *names; /* strings */
    size_t n_names, names_cap;
    bool has_generation; /* a {% generation %} tag stands somewhere */
};

#endif
