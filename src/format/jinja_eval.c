/*
 * jinja_eval.c - evaluating expressions: a walk over the tree.
 *
 * Variables are looked up by the number of their name through the scopes from the inside out, then
 * in the context. Arguments of a call are evaluated before any text is begun, because text is built
 * at the end of the output (see jinja_run.h).
 */
#include "format/jinja_run.h"

/* --------------------------------------------------------------------------------- variables -- */

static struct jinja_value look_up(struct jinja_run *run, uint32_t name)
{
    for (const struct jinja_scope *scope = run->scope; scope; scope = scope->outer) {
        for (size_t i = 0; i < scope->n; i++) {
            const struct jinja_binding *b = &scope->bindings[i];
            if (b->name == name && b->value.type != JINJA_MISSING)
                return b->value;
            if (b->name == name) /* a parameter whose default is being evaluated */
                return jinja_undefined_name(run, run->job->template->names[name]);
        }
    }
    struct jinja_value v = run->context[name];
    if (v.type == JINJA_MISSING)
        return jinja_undefined_name(run, run->job->template->names[name]);
    return v;
}

/* ---------------------------------------------------------------------------------- literals -- */

static bool eval_items(struct jinja_run *run, const struct jinja_node *node,
                       struct jinja_value *out)
{
    bool is_tuple = node->kind == JINJA_NODE_TUPLE;
    *out = jinja_list_new(run->arena, is_tuple ? JINJA_TUPLE : JINJA_LIST);
    for (const struct jinja_node *item = node->items; item; item = item->next) {
        struct jinja_value v;
        if (!jinja_eval(run, item, &v))
            return false;
        jinja_list_add(run->arena, out->as.list, v);
    }
    return jinja_check_extent(run, *out);
}

static bool eval_dict(struct jinja_run *run, const struct jinja_node *node, struct jinja_value *out)
{
    *out = jinja_dict_new(run->arena);
    for (const struct jinja_node *item = node->items; item; item = item->next) {
        struct jinja_value key, value;
        if (!jinja_eval(run, item->a, &key) || !jinja_eval(run, item->b, &value))
            return false;
        if (!jinja_is_hashable(key))
            return jinja_fail(run, "unhashable type: '%s'", jinja_type_name(key));
        if (!jinja_charge(run, jinja_extent_of(key).weight))
            return false;
        jinja_dict_put(run->arena, out->as.dict, key, value);
    }
    return jinja_check_extent(run, *out);
}

/* ------------------------------------------------------------------------------------- calls -- */

static bool add_named(struct jinja_run *run, struct jinja_dict *named, struct jinja_value key,
                      struct jinja_value value)
{
    struct jinja_value before;
    if (key.type != JINJA_STRING)
        return jinja_fail(run, "keywords must be strings");
    if (jinja_dict_get(named, key, &before))
        return jinja_fail(run, "got multiple values for keyword argument '%.*s'",
                          SPAN_ARGS(jinja_span(key)));
    jinja_dict_put(run->arena, named, key, value);
    return true;
}

/* What stands behind * and ** in a call. */
static bool eval_starred(struct jinja_run *run, const struct jinja_node *node,
                         struct jinja_list *args, struct jinja_dict *named)
{
    struct jinja_value v, list;
    if (node->b) {
        if (!jinja_eval(run, node->b, &v) || !jinja_to_list(run, v, &list))
            return false;
        for (size_t i = 0; i < list.as.list->n; i++)
            jinja_list_add(run->arena, args, list.as.list->items[i]);
    }
    if (!node->c)
        return true;
    if (!jinja_eval(run, node->c, &v))
        return false;
    if (v.type != JINJA_DICT)
        return jinja_fail(run, "argument after ** must be a mapping, not %s", jinja_type_name(v));
    for (size_t i = 0; i < v.as.dict->n; i++) {
        if (!add_named(run, named, v.as.dict->pairs[i].key, v.as.dict->pairs[i].value))
            return false;
    }
    return jinja_charge(run, v.as.dict->n);
}

bool jinja_eval_arguments(struct jinja_run *run, const struct jinja_node *node,
                          const struct jinja_value *first, struct jinja_call *call)
{
    struct jinja_list args = {0};
    struct jinja_dict named = {0};
    if (first)
        jinja_list_add(run->arena, &args, *first);
    for (const struct jinja_node *item = node->items; item; item = item->next) {
        struct jinja_value v;
        if (!jinja_eval(run, item, &v))
            return false;
        jinja_list_add(run->arena, &args, v);
    }
    for (const struct jinja_node *item = node->d; item; item = item->next) {
        struct jinja_value v;
        if (!jinja_eval(run, item->a, &v) || !add_named(run, &named, item->value, v))
            return false;
    }
    if ((node->b || node->c) && !eval_starred(run, node, &args, &named))
        return false;
    *call = (struct jinja_call){args.items, args.n, named.pairs, named.n};
    return true;
}

static bool call_function(struct jinja_run *run, const struct jinja_function *function,
                          const struct jinja_call *call, struct jinja_value *out)
{
    if (function->object.type == JINJA_MISSING)
        return jinja_apply(run, function->builtin, call, out);
    struct jinja_call with_self = *call;
    with_self.n_args = call->n_args + 1;
    with_self.args = arena_array(run->arena, struct jinja_value, with_self.n_args);
    with_self.args[0] = function->object;
    if (call->n_args > 0)
        memcpy(with_self.args + 1, call->args, call->n_args * sizeof *call->args);
    return jinja_apply(run, function->builtin, &with_self, out);
}

bool jinja_call_value(struct jinja_run *run, struct jinja_value function,
                      const struct jinja_call *call, struct jinja_value *out)
{
    switch (function.type) {
    case JINJA_FUNCTION:
        return call_function(run, function.as.function, call, out);
    case JINJA_MACRO:
        return jinja_call_macro(run, function.as.macro, call, out);
    case JINJA_UNDEFINED:
        return jinja_fail_undefined(run, function);
    case JINJA_JOINER:
        *out = function.as.joiner->used ? function.as.joiner->separator
                                        : jinja_string(run->arena, span_of(""));
        function.as.joiner->used = true;
        return true;
    case JINJA_LOOP:
        return jinja_fail(run, "The loop must have the 'recursive' marker to be called "
                               "recursively.");
    default:
        return jinja_fail(run, "'%s' object is not callable", jinja_type_name(function));
    }
}

static bool eval_call(struct jinja_run *run, const struct jinja_node *node, struct jinja_value *out)
{
    struct jinja_value function;
    struct jinja_call call;
    if (!jinja_eval(run, node->a, &function) || !jinja_eval_arguments(run, node, NULL, &call))
        return false;
    run->line = node->line;
    return jinja_call_value(run, function, &call, out);
}

bool jinja_apply_filter(struct jinja_run *run, const struct jinja_node *node,
                        struct jinja_value input, struct jinja_value *out)
{
    struct jinja_call call;
    bool is_test = node->kind == JINJA_NODE_TEST;
    if (!jinja_eval_arguments(run, node, &input, &call))
        return false;
    run->line = node->line;
    if (!node->row)
        return jinja_fail(run, "No %s named '%.*s' found.", is_test ? "test" : "filter",
                          SPAN_ARGS(jinja_span(node->value)));
    if (!node->row->apply && !node->row->variadic)
        return jinja_fail(run, "the filter %s is not supported", node->row->name);
    return jinja_apply(run, node->row, &call, out);
}

static bool eval_filter(struct jinja_run *run, const struct jinja_node *node,
                        struct jinja_value *out)
{
    struct jinja_value input;
    if (!jinja_eval(run, node->a, &input) || !jinja_apply_filter(run, node, input, out))
        return false;
    if (node->kind == JINJA_NODE_TEST)
        *out = jinja_bool(jinja_is_true(*out));
    return true;
}

/* ----------------------------------------------------------------------------------- members -- */

static bool eval_member(struct jinja_run *run, const struct jinja_node *node,
                        struct jinja_value *out)
{
    struct jinja_value object, key;
    if (!jinja_eval(run, node->a, &object))
        return false;
    if (node->kind == JINJA_NODE_GETATTR) {
        run->line = node->line;
        return jinja_get_attribute(run, object, node->value, out);
    }
    if (!jinja_eval(run, node->b, &key))
        return false;
    run->line = node->line;
    return jinja_get_item(run, object, key, out);
}

/* A literal, or literals inside a list: what Jinja computes when it reads the template. */
static bool is_constant(const struct jinja_node *node)
{
    bool is_container = node->kind == JINJA_NODE_LIST || node->kind == JINJA_NODE_TUPLE ||
                        node->kind == JINJA_NODE_DICT;
    if (!is_container)
        return node->kind == JINJA_NODE_CONST;
    for (const struct jinja_node *item = node->items; item; item = item->next) {
        if (item->kind == JINJA_NODE_PAIR ? !is_constant(item->a) || !is_constant(item->b)
                                          : !is_constant(item))
            return false;
    }
    return true;
}

static bool is_sliceable(struct jinja_value v)
{
    return v.type == JINJA_STRING || v.type == JINJA_LIST || v.type == JINJA_TUPLE ||
           v.type == JINJA_RANGE;
}

static bool eval_slice(struct jinja_run *run, const struct jinja_node *node,
                       struct jinja_value *out)
{
    struct jinja_value object, part[3] = {{0}, {0}, {0}};
    const struct jinja_node *nodes[3] = {node->b, node->c, node->d};
    if (!jinja_eval(run, node->a, &object))
        return false;
    for (int i = 0; i < 3; i++) {
        if (nodes[i] && !jinja_eval(run, nodes[i], &part[i]))
            return false;
    }
    run->line = node->line;
    if (!is_sliceable(object) && is_constant(node->a)) {
        /* Folded by Jinja's optimizer, which goes through its own [] and finds nothing there. */
        *out = jinja_undefined_hint(run, span_of("a literal has no such slice"));
        return true;
    }
    return jinja_slice(run, object, part, out);
}

/* --------------------------------------------------------------------------------- operators -- */

static bool eval_condition(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_value *out)
{
    struct jinja_value test;
    if (!jinja_eval(run, node->b, &test))
        return false;
    if (jinja_is_true(test))
        return jinja_eval(run, node->a, out);
    if (node->c)
        return jinja_eval(run, node->c, out);
    *out = jinja_undefined_hint(
        run, span_of(arena_printf(run->arena,
                                  "the inline if-expression on line %u evaluated to false and no "
                                  "else section was defined.",
                                  node->line)));
    return true;
}

static bool eval_concat(struct jinja_run *run, const struct jinja_node *node,
                        struct jinja_value *out)
{
    struct jinja_value text;
    *out = jinja_string(run->arena, span_of(""));
    for (const struct jinja_node *item = node->items; item; item = item->next) {
        struct jinja_value v, left = *out;
        if (!jinja_eval(run, item, &v) || !jinja_to_text(run, v, &text))
            return false;
        if (item == node->items)
            *out = text;
        else if (!jinja_concat(run, left, text, out))
            return false;
    }
    out->is_safe = false;
    return true;
}

static bool eval_compare(struct jinja_run *run, const struct jinja_node *node,
                         struct jinja_value *out)
{
    struct jinja_value left, right;
    bool result = true;
    if (!jinja_eval(run, node->a, &left))
        return false;
    for (const struct jinja_node *operand = node->items; operand && result;
         operand = operand->next) {
        if (!jinja_eval(run, operand->a, &right))
            return false;
        run->line = node->line;
        if (!jinja_compare(run, operand->op, left, right, &result))
            return false;
        left = right;
    }
    *out = jinja_bool(result);
    return true;
}

static bool eval_logic(struct jinja_run *run, const struct jinja_node *node,
                       struct jinja_value *out)
{
    if (!jinja_eval(run, node->a, out))
        return false;
    if (node->kind == JINJA_NODE_NOT) {
        *out = jinja_bool(!jinja_is_true(*out));
        return true;
    }
    bool decided = jinja_is_true(*out) == (node->kind == JINJA_NODE_OR);
    return decided || jinja_eval(run, node->b, out);
}

static bool eval_arithmetic(struct jinja_run *run, const struct jinja_node *node,
                            struct jinja_value *out)
{
    struct jinja_value a, b;
    if (!jinja_eval(run, node->a, &a))
        return false;
    if (node->kind != JINJA_NODE_BINARY) {
        run->line = node->line;
        return jinja_negate(run, node->kind == JINJA_NODE_NEG, a, out);
    }
    if (!jinja_eval(run, node->b, &b))
        return false;
    run->line = node->line;
    return jinja_binary(run, node->op, a, b, out);
}

static bool eval_node(struct jinja_run *run, const struct jinja_node *node, struct jinja_value *out)
{
    switch (node->kind) {
    case JINJA_NODE_CONST:
        *out = node->value;
        return true;
    case JINJA_NODE_NAME:
        *out = look_up(run, node->name);
        return true;
    case JINJA_NODE_TUPLE:
    case JINJA_NODE_LIST:
        return eval_items(run, node, out);
    case JINJA_NODE_DICT:
        return eval_dict(run, node, out);
    case JINJA_NODE_COND:
        return eval_condition(run, node, out);
    case JINJA_NODE_CALL:
        return eval_call(run, node, out);
    case JINJA_NODE_FILTER:
    case JINJA_NODE_TEST:
        return eval_filter(run, node, out);
    case JINJA_NODE_GETATTR:
    case JINJA_NODE_GETITEM:
        return eval_member(run, node, out);
    case JINJA_NODE_SLICE:
        return eval_slice(run, node, out);
    case JINJA_NODE_CONCAT:
        return eval_concat(run, node, out);
    case JINJA_NODE_COMPARE:
        return eval_compare(run, node, out);
    case JINJA_NODE_NOT:
    case JINJA_NODE_AND:
    case JINJA_NODE_OR:
        return eval_logic(run, node, out);
    default:
        return eval_arithmetic(run, node, out);
    }
}

bool jinja_eval(struct jinja_run *run, const struct jinja_node *node, struct jinja_value *out)
{
    run->line = node->line;
    if (!jinja_enter(run) || !eval_node(run, node, out))
        return false;
    jinja_leave(run);
    return true;
}
