/*
 * jinja_parse.c - statements: {% for %}, {% if %}, {% set %}, {% macro %} and the rest.
 *
 * One function for each tag, in a table. What Jinja has and pace has not (include, import, extends,
 * block, autoescape, recursive loops) is known by name and refused by name, so that a template
 * fails when it is read and not somewhere in the middle of a run.
 *
 * A filter or test that does not exist is an error at once, as in Jinja, except under an `if`:
 * there it is one only when it is reached, because templates ask "is there such a filter?" first.
 */
#include "format/jinja_parse.h"

#include <stdarg.h>
#include <stdio.h>

/* -------------------------------------------------------------------------------- the tokens -- */

bool jinja_parse_fail(struct jinja_parser *p, const char *format, ...)
{
    char what[sizeof p->err->what];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return jinja_syntax_error(p->err, p->token.line, "%s", what);
}

bool jinja_parse_next(struct jinja_parser *p)
{
    if (p->has_ahead) {
        p->token = p->ahead;
        p->has_ahead = false;
        return true;
    }
    return jinja_lex_next(&p->lexer, &p->token, p->err);
}

bool jinja_parse_look(struct jinja_parser *p, const struct jinja_token **token)
{
    if (!p->has_ahead && !jinja_lex_next(&p->lexer, &p->ahead, p->err))
        return false;
    p->has_ahead = true;
    *token = &p->ahead;
    return true;
}

bool jinja_at_name(const struct jinja_parser *p, const char *name)
{
    return p->token.kind == JINJA_TOKEN_NAME && span_is(p->token.text, name);
}

bool jinja_at_operator(const struct jinja_parser *p, const char *op)
{
    return p->token.kind == JINJA_TOKEN_OPERATOR && span_is(p->token.text, op);
}

struct jinja_node *jinja_node_new(struct jinja_parser *p, enum jinja_node_kind kind, uint32_t line)
{
    struct jinja_node *node = arena_new(p->arena, struct jinja_node);
    node->kind = kind;
    node->line = line;
    return node;
}

uint32_t jinja_name_of(struct jinja_parser *p, struct span name)
{
    struct jinja_template *t = p->template;
    uint32_t index;
    if (map_get(&p->names, name, &index))
        return index;
    if (t->n_names == t->names_cap) {
        size_t cap = max_size(32, 2 * t->names_cap);
        struct jinja_value *names = arena_array(p->arena, struct jinja_value, cap);
        if (t->n_names > 0)
            memcpy(names, t->names, t->n_names * sizeof *names);
        t->names = names;
        t->names_cap = cap;
    }
    index = (uint32_t)t->n_names;
    t->names[t->n_names++] = jinja_string(p->arena, name);
    map_put(&p->names, name, index);
    return index;
}

bool jinja_parse_enter(struct jinja_parser *p)
{
    if (++p->depth > JINJA_NESTING)
        return jinja_parse_fail(p, "nested more than %d deep", JINJA_NESTING);
    return true;
}

/* Reports the oldest unknown filter or test since `mark`. */
static bool check_unknown(struct jinja_parser *p, const struct jinja_unknown *mark)
{
    const struct jinja_unknown *oldest = NULL;
    for (const struct jinja_unknown *u = p->unknown; u != mark; u = u->older)
        oldest = u;
    if (!oldest)
        return true;
    return jinja_syntax_error(p->err, oldest->line, "No %s named '%.*s'.",
                              oldest->is_test ? "test" : "filter", SPAN_ARGS(oldest->name));
}

/* -------------------------------------------------------------------------------- the bodies -- */

static bool parse_statement(struct jinja_parser *p, struct jinja_node **out);

static bool at_any(const struct jinja_parser *p, const char *const *names)
{
    for (size_t i = 0; names && names[i]; i++) {
        if (jinja_at_name(p, names[i]))
            return true;
    }
    return false;
}

/* {{ … }} */
static bool parse_output(struct jinja_parser *p, struct jinja_node **out)
{
    struct jinja_tuple_rule rule = {.with_condition = true};
    struct jinja_token end;
    *out = jinja_node_new(p, JINJA_NODE_OUTPUT, p->token.line);
    return jinja_parse_next(p) && jinja_parse_tuple(p, &rule, &(*out)->items) &&
           jinja_expect_kind(p, JINJA_TOKEN_VARIABLE_END, &end);
}

/* Text, prints and statements up to a tag of `ends`, whose name is then the present token. */
static bool parse_body(struct jinja_parser *p, const char *const *ends, struct jinja_node **out)
{
    struct jinja_node **last = out;
    struct jinja_token end;
    while (p->token.kind != JINJA_TOKEN_END) {
        if (p->token.kind == JINJA_TOKEN_DATA) {
            *last = jinja_node_new(p, JINJA_NODE_DATA, p->token.line);
            (*last)->value = jinja_string(p->arena, p->token.text);
            if (!jinja_parse_next(p))
                return false;
        } else if (p->token.kind == JINJA_TOKEN_VARIABLE_BEGIN) {
            if (!parse_output(p, last))
                return false;
        } else {
            if (!jinja_parse_next(p))
                return false;
            if (at_any(p, ends))
                return true;
            if (!parse_statement(p, last) || !jinja_expect_kind(p, JINJA_TOKEN_BLOCK_END, &end))
                return false;
        }
        if (*last)
            last = &(*last)->next;
    }
    if (!ends)
        return true;
    return jinja_parse_fail(p,
                            "Unexpected end of template. Jinja was looking for the following tags: "
                            "'%s'.",
                            ends[0]);
}

/* ":"? "%}" body; at the end the present token is the end tag's name. */
static bool parse_block(struct jinja_parser *p, const char *const *ends, struct jinja_node **out)
{
    struct jinja_token end;
    if (jinja_at_operator(p, ":") && !jinja_parse_next(p))
        return false;
    if (!jinja_parse_enter(p) || !jinja_expect_kind(p, JINJA_TOKEN_BLOCK_END, &end) ||
        !parse_body(p, ends, out))
        return false;
    jinja_parse_leave(p);
    return true;
}

/* A block with one end tag, which is passed over. Unknown filters in it count at once. */
static bool parse_scoped_block(struct jinja_parser *p, const char *end, struct jinja_node **out)
{
    const char *const ends[] = {end, NULL};
    const struct jinja_unknown *mark = p->unknown;
    return parse_block(p, ends, out) && check_unknown(p, mark) && jinja_parse_next(p);
}

/* ------------------------------------------------------------------------------- the targets -- */

static bool check_target(struct jinja_parser *p, const struct jinja_node *target)
{
    if (target->kind == JINJA_NODE_NAME) {
        if (target->name == JINJA_NAME_LOOP)
            p->loop_set = target->line;
        return true;
    }
    if (target->kind == JINJA_NODE_NSREF)
        return true;
    if (target->kind != JINJA_NODE_TUPLE)
        return jinja_parse_fail(p, "can't assign to this expression");
    for (const struct jinja_node *item = target->items; item; item = item->next) {
        if (!check_target(p, item))
            return false;
    }
    return true;
}

static bool parse_target(struct jinja_parser *p, const char *end, bool with_namespace,
                         struct jinja_node **out)
{
    struct jinja_tuple_rule rule = {
        .is_target = true, .with_namespace = with_namespace, .end = end};
    uint8_t *uses = p->uses; /* a name that is assigned to is not used */
    p->uses = NULL;
    bool ok = jinja_parse_tuple(p, &rule, out) && check_target(p, *out);
    p->uses = uses;
    return ok;
}

/* A single name that is being defined. */
static bool parse_new_name(struct jinja_parser *p, struct jinja_node **out)
{
    struct jinja_token token;
    if (!jinja_expect_kind(p, JINJA_TOKEN_NAME, &token))
        return false;
    *out = jinja_node_new(p, JINJA_NODE_NAME, token.line);
    (*out)->name = jinja_name_of(p, token.text);
    static const char *const constants[] = {"true", "false", "none", "True", "False", "None"};
    for (size_t i = 0; i < COUNT_OF(constants); i++) {
        if (span_is(token.text, constants[i]))
            return jinja_parse_fail(p, "can't assign to 'name'");
    }
    return true;
}

/* ---------------------------------------------------------------------------- the statements -- */

static bool parse_for(struct jinja_parser *p, struct jinja_node *node)
{
    static const char *const ends[] = {"endfor", "else", NULL};
    struct jinja_tuple_rule rule = {.end = "recursive"};
    uint32_t loop_set = p->loop_set;
    p->loop_set = 0;
    node->kind = JINJA_NODE_FOR;
    if (!parse_target(p, "in", false, &node->a) || !jinja_expect_name(p, "in") ||
        !jinja_parse_tuple(p, &rule, &node->b))
        return false;
    const struct jinja_unknown *mark = p->unknown;
    if (jinja_at_name(p, "if") &&
        (!jinja_parse_next(p) || !jinja_parse_expression(p, true, &node->c)))
        return false;
    if (jinja_at_name(p, "recursive"))
        return jinja_parse_fail(p, "recursive loops are not supported");
    p->loop_depth++;
    if (!parse_block(p, ends, &node->d))
        return false;
    p->loop_depth--;
    bool has_else = jinja_at_name(p, "else");
    if (!jinja_parse_next(p) || !check_unknown(p, mark))
        return false;
    if (has_else && !parse_scoped_block(p, "endfor", &node->items))
        return false;
    if (p->loop_set > 0)
        return jinja_syntax_error(p->err, p->loop_set,
                                  "Can't assign to special loop variable in for-loop target");
    p->loop_set = loop_set;
    return true;
}

static bool parse_if(struct jinja_parser *p, struct jinja_node *node)
{
    static const char *const ends[] = {"elif", "else", "endif", NULL};
    static const char *const endif[] = {"endif", NULL};
    struct jinja_tuple_rule rule = {0};
    struct jinja_unknown *mark = p->unknown;
    struct jinja_node *branch = node, **last = &node->items;
    for (;;) {
        branch->kind = JINJA_NODE_IF;
        if (!jinja_parse_tuple(p, &rule, &branch->a) || !parse_block(p, ends, &branch->b))
            return false;
        bool is_elif = jinja_at_name(p, "elif"), is_else = jinja_at_name(p, "else");
        if (!jinja_parse_next(p))
            return false;
        if (is_else && (!parse_block(p, endif, &node->c) || !jinja_parse_next(p)))
            return false;
        if (!is_elif)
            break;
        branch = *last = jinja_node_new(p, JINJA_NODE_IF, p->token.line);
        last = &branch->next;
    }
    jinja_unknown_forget(p, mark);
    return true;
}

static bool parse_set(struct jinja_parser *p, struct jinja_node *node)
{
    struct jinja_tuple_rule rule = {.with_condition = true};
    if (!parse_target(p, NULL, true, &node->a))
        return false;
    if (jinja_at_operator(p, "=")) {
        node->kind = JINJA_NODE_SET;
        return jinja_parse_next(p) && jinja_parse_tuple(p, &rule, &node->b);
    }
    node->kind = JINJA_NODE_SET_BLOCK;
    const struct jinja_unknown *mark = p->unknown;
    return jinja_parse_filters(p, false, NULL, &node->c) && check_unknown(p, mark) &&
           parse_scoped_block(p, "endset", &node->b);
}

/* "(name, name=default, …)" of a macro or a call block. */
static bool parse_signature(struct jinja_parser *p, struct jinja_node *macro)
{
    struct jinja_node **last = &macro->items;
    bool has_default = false;
    if (!jinja_expect_operator(p, "("))
        return false;
    while (!jinja_at_operator(p, ")")) {
        if (macro->items && !jinja_expect_operator(p, ","))
            return false;
        if (!parse_new_name(p, last))
            return false;
        if (jinja_at_operator(p, "=")) {
            has_default = true;
            if (!jinja_parse_next(p) || !jinja_parse_expression(p, true, &(*last)->a))
                return false;
        } else if (has_default) {
            return jinja_parse_fail(p, "non-default argument follows default argument");
        }
        last = &(*last)->next;
    }
    return jinja_parse_next(p);
}

static bool has_parameter(const struct jinja_parser *p, const struct jinja_node *macro,
                          const char *name, bool *has_default)
{
    for (const struct jinja_node *item = macro->items; item; item = item->next) {
        *has_default = item->a;
        if (span_is(jinja_span(p->template->names[item->name]), name))
            return true;
    }
    return false;
}

/* The body of a macro, call block or generation block: a function of its own. */
static bool parse_function_body(struct jinja_parser *p, const char *end, struct jinja_node *macro)
{
    uint8_t *outer = p->uses, uses = 0;
    size_t loop_depth = p->loop_depth;
    p->uses = &uses;
    p->loop_depth = 0;
    if (!parse_scoped_block(p, end, &macro->b))
        return false;
    p->loop_depth = loop_depth;
    p->uses = outer;
    if (outer)
        *outer |= uses;
    bool has_default = false;
    if (has_parameter(p, macro, "kwargs", &has_default))
        uses &= (uint8_t)~JINJA_USES_KWARGS;
    if (has_parameter(p, macro, "varargs", &has_default))
        uses &= (uint8_t)~JINJA_USES_VARARGS;
    bool has_caller = has_parameter(p, macro, "caller", &has_default);
    if (has_caller && (uses & JINJA_USES_CALLER) && !has_default)
        return jinja_parse_fail(p, "When defining macros or call blocks the special \"caller\" "
                                   "argument must be omitted or be given a default.");
    macro->uses = uses;
    return true;
}

static bool parse_macro(struct jinja_parser *p, struct jinja_node *node)
{
    struct jinja_node *name;
    node->kind = JINJA_NODE_MACRO;
    if (!parse_new_name(p, &name))
        return false;
    node->name = name->name;
    return parse_signature(p, node) && parse_function_body(p, "endmacro", node);
}

static bool parse_call_block(struct jinja_parser *p, struct jinja_node *node)
{
    node->kind = JINJA_NODE_CALL_BLOCK;
    node->c = jinja_node_new(p, JINJA_NODE_MACRO, node->line);
    node->c->flag = true; /* it has no name */
    if (jinja_at_operator(p, "(") && !parse_signature(p, node->c))
        return false;
    if (!jinja_parse_expression(p, true, &node->a))
        return false;
    if (node->a->kind != JINJA_NODE_CALL)
        return jinja_parse_fail(p, "expected call");
    return parse_function_body(p, "endcall", node->c);
}

static bool parse_filter_block(struct jinja_parser *p, struct jinja_node *node)
{
    node->kind = JINJA_NODE_FILTER_BLOCK;
    const struct jinja_unknown *mark = p->unknown;
    return jinja_parse_filters(p, true, NULL, &node->a) && check_unknown(p, mark) &&
           parse_scoped_block(p, "endfilter", &node->b);
}

static bool parse_with(struct jinja_parser *p, struct jinja_node *node)
{
    struct jinja_node **last = &node->items;
    node->kind = JINJA_NODE_WITH;
    while (p->token.kind != JINJA_TOKEN_BLOCK_END) {
        if (node->items && !jinja_expect_operator(p, ","))
            return false;
        *last = jinja_node_new(p, JINJA_NODE_PAIR, p->token.line);
        if (!parse_target(p, NULL, false, &(*last)->a) || !jinja_expect_operator(p, "=") ||
            !jinja_parse_expression(p, true, &(*last)->b))
            return false;
        last = &(*last)->next;
    }
    return parse_scoped_block(p, "endwith", &node->b);
}

static bool parse_generation(struct jinja_parser *p, struct jinja_node *node)
{
    node->kind = JINJA_NODE_GENERATION;
    p->template->has_generation = true;
    return parse_function_body(p, "endgeneration", node);
}

static bool parse_break(struct jinja_parser *p, struct jinja_node *node)
{
    node->kind = JINJA_NODE_BREAK;
    return p->loop_depth > 0 || jinja_parse_fail(p, "'break' outside loop");
}

static bool parse_continue(struct jinja_parser *p, struct jinja_node *node)
{
    node->kind = JINJA_NODE_CONTINUE;
    return p->loop_depth > 0 || jinja_parse_fail(p, "'continue' not properly in loop");
}

static bool parse_print(struct jinja_parser *p, struct jinja_node *node)
{
    struct jinja_node **last = &node->items;
    node->kind = JINJA_NODE_OUTPUT;
    while (p->token.kind != JINJA_TOKEN_BLOCK_END) {
        if (node->items && !jinja_expect_operator(p, ","))
            return false;
        if (!jinja_parse_expression(p, true, last))
            return false;
        last = &(*last)->next;
    }
    return true;
}

static bool parse_statement(struct jinja_parser *p, struct jinja_node **out)
{
    static const struct {
        const char *name;
        bool (*parse)(struct jinja_parser *p, struct jinja_node *node);
    } tags[] = {
        {"for", parse_for},         {"if", parse_if},
        {"set", parse_set},         {"macro", parse_macro},
        {"call", parse_call_block}, {"filter", parse_filter_block},
        {"with", parse_with},       {"generation", parse_generation},
        {"break", parse_break},     {"continue", parse_continue},
        {"print", parse_print},     {"include", NULL},
        {"import", NULL},           {"from", NULL},
        {"extends", NULL},          {"block", NULL},
        {"autoescape", NULL},
    };
    if (p->token.kind != JINJA_TOKEN_NAME)
        return jinja_parse_fail(p, "tag name expected");
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        if (!jinja_at_name(p, tags[i].name))
            continue;
        if (!tags[i].parse)
            return jinja_parse_fail(p, "the tag {%% %s %%} is not supported", tags[i].name);
        *out = jinja_node_new(p, JINJA_NODE_OUTPUT, p->token.line);
        if (!jinja_parse_enter(p) || !jinja_parse_next(p) || !tags[i].parse(p, *out))
            return false;
        jinja_parse_leave(p);
        return true;
    }
    return jinja_parse_fail(p, "Encountered unknown tag '%.*s'.", SPAN_ARGS(p->token.text));
}

bool jinja_parse(struct jinja_template *template, struct arena *arena, struct span source,
                 struct err *err)
{
    struct jinja_parser p = {.arena = arena, .template = template, .err = err};
    static const char *const special[] = {"loop", "caller", "kwargs", "varargs"};
    for (uint32_t i = 0; i < COUNT_OF(special); i++)
        CHECK(jinja_name_of(&p, span_of(special[i])) == i);
    bool ok = jinja_lex_open(&p.lexer, arena, source, err) && jinja_parse_next(&p) &&
              parse_body(&p, NULL, &template->body) && check_unknown(&p, NULL);
    map_release(&p.names);
    return ok;
}
