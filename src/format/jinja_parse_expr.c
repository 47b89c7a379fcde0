/*
 * jinja_parse_expr.c - expressions, by recursive descent, one function for each level of binding.
 *
 *   a if b else c  <  or  <  and  <  not  <  == != < <= > >= in, not in  <  + -  <  ~  <
 *   * / // %  <  **  <  unary - +  <  . [] ()  <  | is
 *
 * As in Jinja: ** binds to the left (2 ** 3 ** 2 is 64), ~ binds tighter than +, and filters bind
 * tighter than any operator: 1 + 2 | abs is 1 + (2 | abs).
 */
#include "format/jinja_filter.h"
#include "format/jinja_parse.h"

static bool parse_unary(struct jinja_parser *p, bool with_filter, struct jinja_node **out);

static bool parse_condition_free(struct jinja_parser *p, struct jinja_node **out);

/* --------------------------------------------------------------------------------- operators -- */

static bool make_binary(struct jinja_parser *p, enum jinja_op op, struct jinja_node *right,
                        struct jinja_node **left)
{
    struct jinja_node *node = jinja_node_new(p, JINJA_NODE_BINARY, p->token.line);
    node->op = op;
    node->a = *left;
    node->b = right;
    *left = node;
    return true;
}

static bool parse_pow(struct jinja_parser *p, struct jinja_node **out)
{
    if (!parse_unary(p, true, out))
        return false;
    while (jinja_at_operator(p, "**")) {
        struct jinja_node *right;
        if (!jinja_parse_next(p) || !parse_unary(p, true, &right))
            return false;
        make_binary(p, JINJA_OP_POW, right, out);
    }
    return true;
}

static bool parse_product(struct jinja_parser *p, struct jinja_node **out)
{
    static const struct {
        const char *text;
        enum jinja_op op;
    } ops[] = {
        {"*", JINJA_OP_MUL}, {"/", JINJA_OP_DIV}, {"//", JINJA_OP_FLOORDIV}, {"%", JINJA_OP_MOD}};
    if (!parse_pow(p, out))
        return false;
    for (;;) {
        size_t i = 0;
        while (i < COUNT_OF(ops) && !jinja_at_operator(p, ops[i].text))
            i++;
        if (i == COUNT_OF(ops))
            return true;
        struct jinja_node *right;
        if (!jinja_parse_next(p) || !parse_pow(p, &right))
            return false;
        make_binary(p, ops[i].op, right, out);
    }
}

static bool parse_concat(struct jinja_parser *p, struct jinja_node **out)
{
    if (!parse_product(p, out))
        return false;
    if (!jinja_at_operator(p, "~"))
        return true;
    struct jinja_node *node = jinja_node_new(p, JINJA_NODE_CONCAT, p->token.line);
    node->items = *out;
    struct jinja_node *last = *out;
    *out = node;
    while (jinja_at_operator(p, "~")) {
        if (!jinja_parse_next(p) || !parse_product(p, &last->next))
            return false;
        last = last->next;
    }
    return true;
}

static bool parse_sum(struct jinja_parser *p, struct jinja_node **out)
{
    if (!parse_concat(p, out))
        return false;
    while (jinja_at_operator(p, "+") || jinja_at_operator(p, "-")) {
        enum jinja_op op = jinja_at_operator(p, "+") ? JINJA_OP_ADD : JINJA_OP_SUB;
        struct jinja_node *right;
        if (!jinja_parse_next(p) || !parse_concat(p, &right))
            return false;
        make_binary(p, op, right, out);
    }
    return true;
}

/* The comparison at the present token, which is passed over; *found is false where there is none.
 */
static bool take_comparison(struct jinja_parser *p, enum jinja_op *op, bool *found)
{
    static const char *const texts[] = {"==", "!=", "<", "<=", ">", ">="};
    *found = true;
    for (size_t i = 0; i < COUNT_OF(texts); i++) {
        if (jinja_at_operator(p, texts[i])) {
            *op = (enum jinja_op)(JINJA_OP_EQ + i);
            return jinja_parse_next(p);
        }
    }
    if (jinja_at_name(p, "in")) {
        *op = JINJA_OP_IN;
        return jinja_parse_next(p);
    }
    *found = false;
    if (!jinja_at_name(p, "not"))
        return true;
    const struct jinja_token *ahead;
    if (!jinja_parse_look(p, &ahead))
        return false;
    if (ahead->kind != JINJA_TOKEN_NAME || !span_is(ahead->text, "in"))
        return true;
    *op = JINJA_OP_NOT_IN;
    *found = true;
    return jinja_parse_next(p) && jinja_parse_next(p);
}

static bool parse_compare(struct jinja_parser *p, struct jinja_node **out)
{
    if (!parse_sum(p, out))
        return false;
    struct jinja_node *compare = NULL, **last = NULL;
    for (;;) {
        uint32_t line = p->token.line;
        enum jinja_op op;
        bool found;
        if (!take_comparison(p, &op, &found))
            return false;
        if (!found)
            return true;
        if (!compare) {
            compare = jinja_node_new(p, JINJA_NODE_COMPARE, line);
            compare->a = *out;
            last = &compare->items;
            *out = compare;
        }
        *last = jinja_node_new(p, JINJA_NODE_OPERAND, line);
        (*last)->op = op;
        if (!parse_sum(p, &(*last)->a))
            return false;
        last = &(*last)->next;
    }
}

static bool parse_not(struct jinja_parser *p, struct jinja_node **out)
{
    if (!jinja_at_name(p, "not"))
        return parse_compare(p, out);
    *out = jinja_node_new(p, JINJA_NODE_NOT, p->token.line);
    if (!jinja_parse_enter(p) || !jinja_parse_next(p) || !parse_not(p, &(*out)->a))
        return false;
    jinja_parse_leave(p);
    return true;
}

static bool parse_and(struct jinja_parser *p, struct jinja_node **out)
{
    if (!parse_not(p, out))
        return false;
    while (jinja_at_name(p, "and")) {
        struct jinja_node *node = jinja_node_new(p, JINJA_NODE_AND, p->token.line);
        node->a = *out;
        *out = node;
        if (!jinja_parse_next(p) || !parse_not(p, &node->b))
            return false;
    }
    return true;
}

static bool parse_condition_free(struct jinja_parser *p, struct jinja_node **out)
{
    if (!parse_and(p, out))
        return false;
    while (jinja_at_name(p, "or")) {
        struct jinja_node *node = jinja_node_new(p, JINJA_NODE_OR, p->token.line);
        node->a = *out;
        *out = node;
        if (!jinja_parse_next(p) || !parse_and(p, &node->b))
            return false;
    }
    return true;
}

static bool parse_conditional(struct jinja_parser *p, struct jinja_node **out)
{
    struct jinja_unknown *mark = p->unknown;
    uint32_t line = p->token.line;
    if (!parse_condition_free(p, out))
        return false;
    while (jinja_at_name(p, "if")) {
        struct jinja_node *node = jinja_node_new(p, JINJA_NODE_COND, line);
        node->a = *out;
        *out = node;
        if (!jinja_parse_next(p) || !parse_condition_free(p, &node->b))
            return false;
        if (jinja_at_name(p, "else")) {
            if (!jinja_parse_next(p) || !jinja_parse_expression(p, true, &node->c))
                return false;
        }
        jinja_unknown_forget(p, mark);
        line = p->token.line;
    }
    return true;
}

bool jinja_parse_expression(struct jinja_parser *p, bool with_condition, struct jinja_node **out)
{
    if (!jinja_parse_enter(p))
        return false;
    if (with_condition ? !parse_conditional(p, out) : !parse_condition_free(p, out))
        return false;
    jinja_parse_leave(p);
    return true;
}

/* ---------------------------------------------------------------------------------- literals -- */

static bool parse_list(struct jinja_parser *p, struct jinja_node **out)
{
    *out = jinja_node_new(p, JINJA_NODE_LIST, p->token.line);
    struct jinja_node **last = &(*out)->items;
    if (!jinja_parse_next(p))
        return false;
    while (!jinja_at_operator(p, "]")) {
        if ((*out)->items && !jinja_expect_operator(p, ","))
            return false;
        if (jinja_at_operator(p, "]"))
            break;
        if (!jinja_parse_expression(p, true, last))
            return false;
        last = &(*last)->next;
    }
    return jinja_parse_next(p);
}

static bool parse_dict(struct jinja_parser *p, struct jinja_node **out)
{
    *out = jinja_node_new(p, JINJA_NODE_DICT, p->token.line);
    struct jinja_node **last = &(*out)->items;
    if (!jinja_parse_next(p))
        return false;
    while (!jinja_at_operator(p, "}")) {
        if ((*out)->items && !jinja_expect_operator(p, ","))
            return false;
        if (jinja_at_operator(p, "}"))
            break;
        *last = jinja_node_new(p, JINJA_NODE_PAIR, p->token.line);
        if (!jinja_parse_expression(p, true, &(*last)->a) || !jinja_expect_operator(p, ":") ||
            !jinja_parse_expression(p, true, &(*last)->b))
            return false;
        last = &(*last)->next;
    }
    return jinja_parse_next(p);
}

static void note_use(struct jinja_parser *p, struct span name)
{
    if (!p->uses)
        return;
    if (span_is(name, "caller"))
        *p->uses |= JINJA_USES_CALLER;
    else if (span_is(name, "kwargs"))
        *p->uses |= JINJA_USES_KWARGS;
    else if (span_is(name, "varargs"))
        *p->uses |= JINJA_USES_VARARGS;
}

static bool parse_name(struct jinja_parser *p, bool with_namespace, struct jinja_node **out)
{
    struct span name = p->token.text;
    *out = jinja_node_new(p, JINJA_NODE_CONST, p->token.line);
    if (!jinja_parse_next(p))
        return false;
    if (span_is(name, "true") || span_is(name, "True"))
        (*out)->value = jinja_bool(true);
    else if (span_is(name, "false") || span_is(name, "False"))
        (*out)->value = jinja_bool(false);
    else if (span_is(name, "none") || span_is(name, "None"))
        (*out)->value = jinja_none();
    else
        (*out)->kind = JINJA_NODE_NAME;
    if ((*out)->kind == JINJA_NODE_CONST)
        return true;
    (*out)->name = jinja_name_of(p, name);
    if (with_namespace && jinja_at_operator(p, ".")) {
        struct jinja_token attribute;
        (*out)->kind = JINJA_NODE_NSREF;
        if (!jinja_parse_next(p) || !jinja_expect_kind(p, JINJA_TOKEN_NAME, &attribute))
            return false;
        (*out)->value = jinja_string(p->arena, attribute.text);
        return true;
    }
    note_use(p, name);
    if (span_is(name, "self"))
        return jinja_parse_fail(p, "the name self (a template's blocks) is not supported");
    return true;
}

/* One string, or several that follow each other and become one. */
static bool parse_string(struct jinja_parser *p, struct jinja_node **out)
{
    *out = jinja_node_new(p, JINJA_NODE_CONST, p->token.line);
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    while (p->token.kind == JINJA_TOKEN_STRING) {
        buf_add(&text, p->token.text);
        if (!jinja_parse_next(p)) {
            buf_release(&text);
            return false;
        }
    }
    (*out)->value = jinja_string_copy(p->arena, buf_span(&text));
    buf_release(&text);
    return true;
}

static const char *describe(const struct jinja_token *token, char text[64])
{
    static const char *const names[] = {
        [JINJA_TOKEN_END] = "end of template",
        [JINJA_TOKEN_DATA] = "template data / text",
        [JINJA_TOKEN_VARIABLE_BEGIN] = "begin of print statement",
        [JINJA_TOKEN_VARIABLE_END] = "end of print statement",
        [JINJA_TOKEN_BLOCK_BEGIN] = "begin of statement block",
        [JINJA_TOKEN_BLOCK_END] = "end of statement block",
        [JINJA_TOKEN_STRING] = "string",
        [JINJA_TOKEN_INTEGER] = "integer",
        [JINJA_TOKEN_FLOAT] = "float",
    };
    if (token->kind != JINJA_TOKEN_NAME && token->kind != JINJA_TOKEN_OPERATOR)
        return names[token->kind];
    size_t len = min_size(token->text.len, 63);
    memcpy(text, token->text.at, len);
    text[len] = '\0';
    return text;
}

static bool fail_at_token(struct jinja_parser *p, const char *wanted)
{
    char text[64];
    if (!wanted)
        return jinja_parse_fail(p, "unexpected '%s'", describe(&p->token, text));
    if (p->token.kind == JINJA_TOKEN_END)
        return jinja_parse_fail(p, "unexpected end of template, expected '%s'.", wanted);
    return jinja_parse_fail(p, "expected token '%s', got '%s'", wanted, describe(&p->token, text));
}

bool jinja_expect_name(struct jinja_parser *p, const char *name)
{
    return jinja_at_name(p, name) ? jinja_parse_next(p) : fail_at_token(p, name);
}

bool jinja_expect_operator(struct jinja_parser *p, const char *op)
{
    return jinja_at_operator(p, op) ? jinja_parse_next(p) : fail_at_token(p, op);
}

bool jinja_expect_kind(struct jinja_parser *p, enum jinja_token_kind kind,
                       struct jinja_token *token)
{
    if (p->token.kind != kind) {
        char text[64];
        struct jinja_token wanted = {.kind = kind, .text = span_of("name")};
        return fail_at_token(p, describe(&wanted, text));
    }
    *token = p->token;
    return jinja_parse_next(p);
}

static bool parse_primary(struct jinja_parser *p, bool with_namespace, struct jinja_node **out)
{
    uint32_t line = p->token.line;
    switch (p->token.kind) {
    case JINJA_TOKEN_NAME:
        return parse_name(p, with_namespace, out);
    case JINJA_TOKEN_STRING:
        return parse_string(p, out);
    case JINJA_TOKEN_INTEGER:
        *out = jinja_node_new(p, JINJA_NODE_CONST, line);
        (*out)->value = jinja_int(p->token.integer);
        return jinja_parse_next(p);
    case JINJA_TOKEN_FLOAT:
        *out = jinja_node_new(p, JINJA_NODE_CONST, line);
        (*out)->value = jinja_float(p->token.number);
        return jinja_parse_next(p);
    default:
        break;
    }
    if (jinja_at_operator(p, "(")) {
        struct jinja_tuple_rule rule = {.with_condition = true, .in_parentheses = true};
        return jinja_parse_next(p) && jinja_parse_tuple(p, &rule, out) &&
               jinja_expect_operator(p, ")");
    }
    if (jinja_at_operator(p, "["))
        return parse_list(p, out);
    if (jinja_at_operator(p, "{"))
        return parse_dict(p, out);
    return fail_at_token(p, NULL);
}

static bool at_tuple_end(const struct jinja_parser *p, const char *end)
{
    return p->token.kind == JINJA_TOKEN_VARIABLE_END || p->token.kind == JINJA_TOKEN_BLOCK_END ||
           jinja_at_operator(p, ")") || (end && jinja_at_name(p, end));
}

bool jinja_parse_tuple(struct jinja_parser *p, const struct jinja_tuple_rule *rule,
                       struct jinja_node **out)
{
    struct jinja_node *tuple = jinja_node_new(p, JINJA_NODE_TUPLE, p->token.line);
    struct jinja_node **last = &tuple->items;
    bool is_tuple = false;
    if (!jinja_parse_enter(p))
        return false;
    for (;;) {
        if (tuple->items && !jinja_expect_operator(p, ","))
            return false;
        if (at_tuple_end(p, rule->end))
            break;
        bool ok = rule->is_target ? parse_primary(p, rule->with_namespace, last)
                                  : jinja_parse_expression(p, rule->with_condition, last);
        if (!ok)
            return false;
        last = &(*last)->next;
        if (!jinja_at_operator(p, ","))
            break;
        is_tuple = true;
    }
    jinja_parse_leave(p);
    if (!is_tuple && !tuple->items && !rule->in_parentheses) {
        char text[64];
        return jinja_parse_fail(p, "Expected an expression, got '%s'", describe(&p->token, text));
    }
    *out = is_tuple || !tuple->items ? tuple : tuple->items;
    return true;
}

/* ---------------------------------------------------------------- subscripts, calls, filters -- */

/* One of the three parts of a slice, where there is one. */
static bool parse_slice_part(struct jinja_parser *p, struct jinja_node **out)
{
    if (jinja_at_operator(p, ":") || jinja_at_operator(p, "]") || jinja_at_operator(p, ","))
        return true;
    return jinja_parse_expression(p, true, out);
}

static bool parse_brackets(struct jinja_parser *p, struct jinja_node *object,
                           struct jinja_node **out)
{
    uint32_t line = p->token.line;
    struct jinja_node *node = jinja_node_new(p, JINJA_NODE_GETITEM, line);
    node->a = object;
    *out = node;
    if (!jinja_parse_next(p) || !parse_slice_part(p, &node->b))
        return false;
    if (jinja_at_operator(p, ":")) {
        node->kind = JINJA_NODE_SLICE;
        if (!jinja_parse_next(p) || !parse_slice_part(p, &node->c))
            return false;
        if (jinja_at_operator(p, ":") && (!jinja_parse_next(p) || !parse_slice_part(p, &node->d)))
            return false;
        return jinja_expect_operator(p, "]");
    }
    if (!node->b)
        return fail_at_token(p, NULL);
    if (!jinja_at_operator(p, ","))
        return jinja_expect_operator(p, "]");
    struct jinja_node *tuple = jinja_node_new(p, JINJA_NODE_TUPLE, line);
    tuple->items = node->b;
    struct jinja_node *last = node->b;
    node->b = tuple;
    while (!jinja_at_operator(p, "]")) {
        if (!jinja_expect_operator(p, ",") || !jinja_parse_expression(p, true, &last->next))
            return false;
        last = last->next;
    }
    return jinja_parse_next(p);
}

static bool parse_dot(struct jinja_parser *p, struct jinja_node *object, struct jinja_node **out)
{
    struct jinja_node *node = jinja_node_new(p, JINJA_NODE_GETATTR, p->token.line);
    node->a = object;
    *out = node;
    if (!jinja_parse_next(p))
        return false;
    if (p->token.kind == JINJA_TOKEN_INTEGER) {
        node->kind = JINJA_NODE_GETITEM;
        node->b = jinja_node_new(p, JINJA_NODE_CONST, p->token.line);
        node->b->value = jinja_int(p->token.integer);
        return jinja_parse_next(p);
    }
    if (p->token.kind != JINJA_TOKEN_NAME)
        return jinja_parse_fail(p, "expected name or number");
    node->value = jinja_string(p->arena, p->token.text);
    return jinja_parse_next(p);
}

/* name=value inside a call. */
static bool parse_keyword(struct jinja_parser *p, struct jinja_node **out)
{
    *out = jinja_node_new(p, JINJA_NODE_KEYWORD, p->token.line);
    (*out)->value = jinja_string(p->arena, p->token.text);
    return jinja_parse_next(p) && jinja_parse_next(p) &&
           jinja_parse_expression(p, true, &(*out)->a);
}

struct argument_lists {
    struct jinja_node **positional, **keyword;
};

static bool parse_argument(struct jinja_parser *p, struct jinja_node *call,
                           struct argument_lists *lists)
{
    const struct jinja_token *ahead;
    bool is_star = jinja_at_operator(p, "*"), is_keyword = false;
    if (is_star || jinja_at_operator(p, "**")) {
        if (call->c || (is_star && call->b))
            return jinja_parse_fail(p, "invalid syntax for function call expression");
        return jinja_parse_next(p) &&
               jinja_parse_expression(p, true, is_star ? &call->b : &call->c);
    }
    if (p->token.kind == JINJA_TOKEN_NAME) {
        if (!jinja_parse_look(p, &ahead))
            return false;
        is_keyword = ahead->kind == JINJA_TOKEN_OPERATOR && span_is(ahead->text, "=");
    }
    if (call->c || (!is_keyword && (call->b || call->d)))
        return jinja_parse_fail(p, "invalid syntax for function call expression");
    struct jinja_node ***last = is_keyword ? &lists->keyword : &lists->positional;
    if (is_keyword ? !parse_keyword(p, *last) : !jinja_parse_expression(p, true, *last))
        return false;
    *last = &(**last)->next;
    return true;
}

/* "(…)" into the call's lists. */
static bool parse_arguments(struct jinja_parser *p, struct jinja_node *call)
{
    struct argument_lists lists = {&call->items, &call->d};
    bool needs_comma = false;
    if (!jinja_expect_operator(p, "("))
        return false;
    while (!jinja_at_operator(p, ")")) {
        if (needs_comma && !jinja_expect_operator(p, ","))
            return false;
        if (needs_comma && jinja_at_operator(p, ")"))
            break;
        if (!parse_argument(p, call, &lists))
            return false;
        needs_comma = true;
    }
    return jinja_parse_next(p);
}

static bool parse_call(struct jinja_parser *p, struct jinja_node *function, struct jinja_node **out)
{
    struct jinja_node *node = jinja_node_new(p, JINJA_NODE_CALL, p->token.line);
    node->a = function;
    *out = node;
    return parse_arguments(p, node);
}

static bool parse_postfix(struct jinja_parser *p, struct jinja_node **node)
{
    for (;;) {
        bool ok;
        if (jinja_at_operator(p, "."))
            ok = parse_dot(p, *node, node);
        else if (jinja_at_operator(p, "["))
            ok = parse_brackets(p, *node, node);
        else if (jinja_at_operator(p, "("))
            ok = parse_call(p, *node, node);
        else
            return true;
        if (!ok)
            return false;
    }
}

/* A filter's or test's name, with dots, its row, and a note where there is none. */
static bool take_row(struct jinja_parser *p, struct jinja_node *node, bool is_test)
{
    struct jinja_token token;
    uint32_t line = p->token.line;
    if (!jinja_expect_kind(p, JINJA_TOKEN_NAME, &token))
        return false;
    struct span name = token.text;
    while (jinja_at_operator(p, ".")) {
        if (!jinja_parse_next(p) || !jinja_expect_kind(p, JINJA_TOKEN_NAME, &token))
            return false;
        name = span_of(arena_printf(p->arena, "%.*s.%.*s", SPAN_ARGS(name), SPAN_ARGS(token.text)));
    }
    node->value = jinja_string(p->arena, name);
    node->row = is_test ? jinja_test_find(name) : jinja_filter_find(name);
    if (!node->row) {
        struct jinja_unknown *unknown = arena_new(p->arena, struct jinja_unknown);
        *unknown = (struct jinja_unknown){p->unknown, line, name, is_test};
        p->unknown = unknown;
    }
    return true;
}

bool jinja_parse_filters(struct jinja_parser *p, bool starts_inside, struct jinja_node *node,
                         struct jinja_node **out)
{
    *out = node;
    while (starts_inside || jinja_at_operator(p, "|")) {
        struct jinja_node *filter = jinja_node_new(p, JINJA_NODE_FILTER, p->token.line);
        filter->a = *out;
        *out = filter;
        if (!starts_inside && !jinja_parse_next(p))
            return false;
        starts_inside = false;
        if (!take_row(p, filter, false))
            return false;
        if (jinja_at_operator(p, "(") && !parse_arguments(p, filter))
            return false;
    }
    return true;
}

/* The argument of a test without parentheses: x is divisibleby 3. */
static bool parse_bare_argument(struct jinja_parser *p, struct jinja_node *test)
{
    bool begins = p->token.kind == JINJA_TOKEN_NAME || p->token.kind == JINJA_TOKEN_STRING ||
                  p->token.kind == JINJA_TOKEN_INTEGER || p->token.kind == JINJA_TOKEN_FLOAT ||
                  jinja_at_operator(p, "[") || jinja_at_operator(p, "{");
    if (!begins || jinja_at_name(p, "else") || jinja_at_name(p, "or") || jinja_at_name(p, "and"))
        return true;
    if (jinja_at_name(p, "is"))
        return jinja_parse_fail(p, "You cannot chain multiple tests with is");
    return parse_primary(p, false, &test->items) && parse_postfix(p, &test->items);
}

static bool parse_test(struct jinja_parser *p, struct jinja_node **node)
{
    struct jinja_node *test = jinja_node_new(p, JINJA_NODE_TEST, p->token.line);
    test->a = *node;
    *node = test;
    if (!jinja_parse_next(p))
        return false;
    if (jinja_at_name(p, "not")) {
        *node = jinja_node_new(p, JINJA_NODE_NOT, test->line);
        (*node)->a = test;
        if (!jinja_parse_next(p))
            return false;
    }
    if (!take_row(p, test, true))
        return false;
    return jinja_at_operator(p, "(") ? parse_arguments(p, test) : parse_bare_argument(p, test);
}

static bool parse_filter_chain(struct jinja_parser *p, struct jinja_node **node)
{
    for (;;) {
        bool ok;
        if (jinja_at_operator(p, "|"))
            ok = jinja_parse_filters(p, false, *node, node);
        else if (jinja_at_name(p, "is"))
            ok = parse_test(p, node);
        else if (jinja_at_operator(p, "("))
            ok = parse_call(p, *node, node);
        else
            return true;
        if (!ok)
            return false;
    }
}

static bool parse_unary(struct jinja_parser *p, bool with_filter, struct jinja_node **out)
{
    bool is_minus = jinja_at_operator(p, "-");
    if (is_minus || jinja_at_operator(p, "+")) {
        *out = jinja_node_new(p, is_minus ? JINJA_NODE_NEG : JINJA_NODE_POS, p->token.line);
        if (!jinja_parse_enter(p) || !jinja_parse_next(p) || !parse_unary(p, false, &(*out)->a))
            return false;
        jinja_parse_leave(p);
    } else if (!parse_primary(p, false, out)) {
        return false;
    }
    return parse_postfix(p, out) && (!with_filter || parse_filter_chain(p, out));
}
