/*
 * jinja_exec.c - running statements.
 *
 * Scopes are Jinja's. A loop's body, a `with`, a block set, a filter block, a macro have variables
 * of their own: what is set there is gone afterwards, and names from outside can be read but not
 * changed (that is what namespace() is for). An `if` has none. A loop's body begins every time with
 * nothing set. A macro sees the names around its definition as they are when it is called.
 *
 * Whatever captures output (macros, block sets, filter blocks) lets it be written at the end of the
 * one buffer and cuts it off there, so that nothing is to be freed when an error ends the
 * rendering.
 */
#include "format/jinja_run.h"

#include <stdio.h>

static bool assign(struct jinja_run *run, const struct jinja_node *target,
                   struct jinja_value value);

struct jinja_scope *jinja_scope_new(struct jinja_run *run, struct jinja_scope *outer)
{
    struct jinja_scope *scope = arena_new(run->arena, struct jinja_scope);
    scope->outer = outer;
    return scope;
}

void jinja_scope_set(struct jinja_run *run, struct jinja_scope *scope, uint32_t name,
                     struct jinja_value value)
{
    for (size_t i = 0; i < scope->n; i++) {
        if (scope->bindings[i].name == name) {
            scope->bindings[i].value = value;
            return;
        }
    }
    if (scope->n == scope->cap) {
        size_t cap = max_size(4, 2 * scope->cap);
        struct jinja_binding *bindings = arena_array(run->arena, struct jinja_binding, cap);
        if (scope->n > 0)
            memcpy(bindings, scope->bindings, scope->n * sizeof *bindings);
        scope->bindings = bindings;
        scope->cap = cap;
    }
    scope->bindings[scope->n++] = (struct jinja_binding){name, value};
}

/* --------------------------------------------------------------------------------- assigning -- */

static bool assign_attribute(struct jinja_run *run, const struct jinja_node *target,
                             struct jinja_value value)
{
    struct jinja_value object;
    struct jinja_node name = {.kind = JINJA_NODE_NAME, .line = target->line, .name = target->name};
    if (!jinja_eval(run, &name, &object))
        return false;
    if (object.type != JINJA_NAMESPACE)
        return jinja_fail(run, "cannot assign attribute on non-namespace object");
    struct span attribute = jinja_span(target->value);
    if (attribute.at[0] == '_')
        return jinja_fail(run,
                          "Chat templates cannot store underscore-prefixed attributes on a "
                          "namespace, but got '%.*s'. Please rename the attribute.",
                          SPAN_ARGS(attribute));
    jinja_dict_put(run->arena, object.as.dict, target->value, value);
    return true;
}

static bool assign_tuple(struct jinja_run *run, const struct jinja_node *target,
                         struct jinja_value value)
{
    struct jinja_value list;
    size_t wanted = 0, i = 0;
    for (const struct jinja_node *item = target->items; item; item = item->next)
        wanted++;
    if (!jinja_is_iterable(value))
        return jinja_fail(run, "cannot unpack non-iterable %s object", jinja_type_name(value));
    if (!jinja_to_list(run, value, &list))
        return false;
    size_t n = list.as.list->n;
    if (n < wanted)
        return jinja_fail(run, "not enough values to unpack (expected %zu, got %zu)", wanted, n);
    if (n > wanted)
        return jinja_fail(run, "too many values to unpack (expected %zu)", wanted);
    for (const struct jinja_node *item = target->items; item; item = item->next) {
        if (!assign(run, item, list.as.list->items[i++]))
            return false;
    }
    return true;
}

static bool assign(struct jinja_run *run, const struct jinja_node *target, struct jinja_value value)
{
    run->line = target->line;
    if (target->kind == JINJA_NODE_NAME) {
        jinja_scope_set(run, run->scope, target->name, value);
        return true;
    }
    if (target->kind == JINJA_NODE_NSREF)
        return assign_attribute(run, target, value);
    return assign_tuple(run, target, value);
}

/* --------------------------------------------------------------------------------- capturing -- */

/* Runs a body in a scope of its own; its output becomes a string. */
static bool capture(struct jinja_run *run, const struct jinja_node *body, struct jinja_scope *scope,
                    struct jinja_value *out)
{
    struct jinja_scope *before = run->scope;
    size_t mark = run->out.len;
    run->scope = scope;
    run->captures++;
    if (!jinja_exec(run, body) || !jinja_take_text(run, mark, out))
        return false;
    run->captures--;
    run->scope = before;
    return true;
}

static struct jinja_value make_macro(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_macro *macro = arena_new(run->arena, struct jinja_macro);
    macro->node = node;
    macro->scope = run->scope;
    macro->name = node->flag ? jinja_none() : run->job->template->names[node->name];
    return (struct jinja_value){.type = JINJA_MACRO, .as.macro = macro};
}

struct binding_state {
    const struct jinja_macro *macro;
    const struct jinja_call *call;
    struct jinja_scope *scope;
    bool *used; /* by named argument */
};

static bool take_named(struct binding_state *b, struct jinja_value name, struct jinja_value *value)
{
    for (size_t i = 0; i < b->call->n_named; i++) {
        if (!b->used[i] && jinja_equal(b->call->named[i].key, name)) {
            b->used[i] = true;
            *value = b->call->named[i].value;
            return true;
        }
    }
    return false;
}

static bool is_missing(const struct jinja_scope *scope, uint32_t name)
{
    for (size_t i = 0; i < scope->n; i++) {
        if (scope->bindings[i].name == name)
            return scope->bindings[i].value.type == JINJA_MISSING;
    }
    return false;
}

/* The macro's parameters: by place, by name, by default (evaluated inside the macro). */
static bool bind_parameters(struct jinja_run *run, struct binding_state *b)
{
    size_t place = 0;
    const struct jinja_node *first_default = NULL;
    for (const struct jinja_node *p = b->macro->node->items; p; p = p->next) {
        struct jinja_value value = {0};
        if (place < b->call->n_args)
            value = b->call->args[place];
        else if (!take_named(b, run->job->template->names[p->name], &value) && !first_default)
            first_default = p;
        place++;
        jinja_scope_set(run, b->scope, p->name, value);
    }
    run->scope = b->scope;
    for (const struct jinja_node *p = first_default; p; p = p->next) {
        struct jinja_value value;
        if (!is_missing(b->scope, p->name))
            continue;
        if (p->a) {
            if (!jinja_eval(run, p->a, &value))
                return false;
        } else {
            struct span parameter = jinja_span(run->job->template->names[p->name]);
            value = jinja_undefined_hint(
                run, span_of(arena_printf(run->arena, "parameter '%.*s' was not provided",
                                          SPAN_ARGS(parameter))));
        }
        jinja_scope_set(run, b->scope, p->name, value);
    }
    return true;
}

/* What is left: caller, kwargs, varargs, where the body mentions them; else it is too much. */
static bool bind_rest(struct jinja_run *run, struct binding_state *b)
{
    const struct jinja_node *node = b->macro->node;
    struct jinja_value value, rest = jinja_dict_new(run->arena);
    struct jinja_value more = jinja_list_new(run->arena, JINJA_TUPLE);
    size_t n_params = 0;
    char name[64] = "None";
    for (const struct jinja_node *p = node->items; p; p = p->next)
        n_params++;
    if (b->macro->name.type == JINJA_STRING)
        snprintf(name, sizeof name, "'%.*s'", SPAN_ARGS(jinja_span(b->macro->name)));
    if (node->uses & JINJA_USES_CALLER) {
        struct jinja_value key = jinja_string(run->arena, span_of("caller"));
        if (!take_named(b, key, &value) || value.type == JINJA_NONE)
            value = jinja_undefined_hint(run, span_of("No caller defined"));
        jinja_scope_set(run, b->scope, JINJA_NAME_CALLER, value);
    }
    for (size_t i = 0; i < b->call->n_named; i++) {
        struct jinja_value key = b->call->named[i].key;
        if (b->used[i])
            continue;
        if (!(node->uses & JINJA_USES_KWARGS)) {
            if (span_is(jinja_span(key), "caller"))
                return jinja_fail(run,
                                  "macro %s was invoked with two values for the special "
                                  "caller argument. This is most likely a bug.",
                                  name);
            return jinja_fail(run, "macro %s takes no keyword argument '%.*s'", name,
                              SPAN_ARGS(jinja_span(key)));
        }
        jinja_dict_put(run->arena, rest.as.dict, key, b->call->named[i].value);
    }
    for (size_t i = n_params; i < b->call->n_args; i++)
        jinja_list_add(run->arena, more.as.list, b->call->args[i]);
    if (more.as.list->n > 0 && !(node->uses & JINJA_USES_VARARGS))
        return jinja_fail(run, "macro %s takes not more than %zu argument(s)", name, n_params);
    if (node->uses & JINJA_USES_KWARGS)
        jinja_scope_set(run, b->scope, JINJA_NAME_KWARGS, rest);
    if (node->uses & JINJA_USES_VARARGS)
        jinja_scope_set(run, b->scope, JINJA_NAME_VARARGS, more);
    return true;
}

bool jinja_call_macro(struct jinja_run *run, const struct jinja_macro *macro,
                      const struct jinja_call *call, struct jinja_value *out)
{
    struct jinja_scope *before = run->scope;
    struct binding_state b = {macro, call, jinja_scope_new(run, macro->scope), NULL};
    b.used = arena_array(run->arena, bool, call->n_named);
    if (!bind_parameters(run, &b) || !bind_rest(run, &b) ||
        !capture(run, macro->node->b, b.scope, out))
        return false;
    run->scope = before;
    return true;
}

/* -------------------------------------------------------------------------------- statements -- */

static bool exec_output(struct jinja_run *run, const struct jinja_node *node)
{
    for (const struct jinja_node *item = node->items; item; item = item->next) {
        struct jinja_value v;
        if (!jinja_eval(run, item, &v) || !jinja_print(run, v))
            return false;
    }
    return true;
}

struct loop_filter {
    const struct jinja_node *node;
    struct jinja_scope *scope;
};

/* The condition of "for x in y if …", asked when the item is wanted. */
static bool loop_filter_step(struct jinja_run *run, void *state, struct jinja_value *item,
                             bool *keep)
{
    struct loop_filter *filter = state;
    struct jinja_scope *before = run->scope;
    struct jinja_value result;
    filter->scope->n = 0;
    run->scope = filter->scope;
    if (!assign(run, filter->node->a, *item) || !jinja_eval(run, filter->node->c, &result))
        return false;
    run->scope = before;
    *keep = jinja_is_true(result);
    return true;
}

static bool start_loop(struct jinja_run *run, const struct jinja_node *node,
                       struct jinja_loop *loop)
{
    struct jinja_value iterable;
    if (!jinja_eval(run, node->b, &iterable) || !jinja_iterate(run, iterable, &loop->source))
        return false;
    loop->index0 = -1;
    loop->iterable = iterable;
    if (node->c) {
        struct loop_filter *filter = arena_new(run->arena, struct loop_filter);
        *filter = (struct loop_filter){node, jinja_scope_new(run, run->scope)};
        struct jinja_value filtered = jinja_generator(run, loop->source, loop_filter_step, filter);
        loop->iterable = (struct jinja_value){0};
        return jinja_iterate(run, filtered, &loop->source);
    }
    if (iterable.type == JINJA_ITERATOR)
        loop->iterable = (struct jinja_value){0};
    return true;
}

static bool exec_for(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_scope *outer = run->scope;
    struct jinja_loop *loop = arena_new(run->arena, struct jinja_loop);
    struct jinja_value loop_value = {.type = JINJA_LOOP, .as.loop = loop};
    bool more;
    if (!start_loop(run, node, loop))
        return false;
    struct jinja_scope *scope = jinja_scope_new(run, outer);
    for (;;) {
        if (!jinja_charge(run, 1) || !jinja_loop_next(run, loop, &more))
            return false;
        if (!more)
            break;
        scope->n = 0;
        run->scope = scope;
        jinja_scope_set(run, scope, JINJA_NAME_LOOP, loop_value);
        if (!assign(run, node->a, loop->current) || !jinja_exec(run, node->d))
            return false;
        run->scope = outer;
        bool stops = run->flow == JINJA_FLOW_BREAK;
        run->flow = JINJA_FLOW_ON;
        if (stops)
            break;
    }
    if (loop->index0 >= 0 || !node->items)
        return true;
    run->scope = jinja_scope_new(run, outer);
    if (!jinja_exec(run, node->items))
        return false;
    run->scope = outer;
    return true;
}

static bool exec_if(struct jinja_run *run, const struct jinja_node *node)
{
    const struct jinja_node *branch = node;
    while (branch) {
        struct jinja_value test;
        if (!jinja_eval(run, branch->a, &test))
            return false;
        if (jinja_is_true(test))
            return jinja_exec(run, branch->b);
        branch = branch == node ? node->items : branch->next;
    }
    return jinja_exec(run, node->c);
}

/* Filters hang together from the last to the first. */
static bool apply_chain(struct jinja_run *run, const struct jinja_node *filter,
                        struct jinja_value *text)
{
    if (!jinja_enter(run) || (filter->a && !apply_chain(run, filter->a, text)))
        return false;
    struct jinja_value input = *text;
    if (!jinja_apply_filter(run, filter, input, text))
        return false;
    jinja_leave(run);
    return true;
}

static bool exec_set_block(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_value text;
    if (!capture(run, node->b, jinja_scope_new(run, run->scope), &text))
        return false;
    if (node->c && !apply_chain(run, node->c, &text))
        return false;
    return assign(run, node->a, text);
}

static bool exec_filter_block(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_value text;
    return capture(run, node->b, jinja_scope_new(run, run->scope), &text) &&
           apply_chain(run, node->a, &text) && jinja_print(run, text);
}

static bool exec_with(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_scope *outer = run->scope, *scope = jinja_scope_new(run, outer);
    for (const struct jinja_node *pair = node->items; pair; pair = pair->next) {
        struct jinja_value value;
        run->scope = outer; /* a value does not see the names before it */
        if (!jinja_eval(run, pair->b, &value))
            return false;
        run->scope = scope;
        if (!assign(run, pair->a, value))
            return false;
    }
    run->scope = scope;
    if (!jinja_exec(run, node->b))
        return false;
    run->scope = outer;
    return true;
}

static bool exec_call_block(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_value function, out;
    struct jinja_call call;
    struct jinja_value caller = make_macro(run, node->c);
    if (!jinja_eval(run, node->a->a, &function) || !jinja_eval_arguments(run, node->a, NULL, &call))
        return false;
    struct jinja_pair *named = arena_array(run->arena, struct jinja_pair, call.n_named + 1);
    if (call.n_named > 0)
        memcpy(named, call.named, call.n_named * sizeof *named);
    named[call.n_named++] =
        (struct jinja_pair){jinja_string(run->arena, span_of("caller")), caller, 0};
    call.named = named;
    run->line = node->line;
    return jinja_call_value(run, function, &call, &out) && jinja_print(run, out);
}

static void note_span(struct jinja_run *run, size_t start, size_t end)
{
    struct jinja_spans *spans = run->job->spans;
    if (run->captures > 0) {
        spans->lost = true;
        return;
    }
    if (spans->n == spans->cap) {
        size_t cap = max_size(8, 2 * spans->cap);
        struct jinja_span *at = arena_array(run->arena, struct jinja_span, cap);
        if (spans->n > 0)
            memcpy(at, spans->at, spans->n * sizeof *at);
        spans->at = at;
        spans->cap = cap;
    }
    spans->at[spans->n++] = (struct jinja_span){start, end};
}

static bool exec_generation(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_value text;
    if (!capture(run, node->b, jinja_scope_new(run, run->scope), &text))
        return false;
    size_t start = run->out.len;
    if (run->job->spans)
        note_span(run, start, start + text.as.string->len);
    return jinja_print(run, text);
}

static bool exec_set(struct jinja_run *run, const struct jinja_node *node)
{
    struct jinja_value value;
    return jinja_eval(run, node->b, &value) && assign(run, node->a, value);
}

static bool exec_statement(struct jinja_run *run, const struct jinja_node *node)
{
    switch (node->kind) {
    case JINJA_NODE_DATA:
        buf_add(&run->out, jinja_span(node->value));
        return jinja_charge(run, node->value.as.string->len / 64);
    case JINJA_NODE_OUTPUT:
        return exec_output(run, node);
    case JINJA_NODE_FOR:
        return exec_for(run, node);
    case JINJA_NODE_IF:
        return exec_if(run, node);
    case JINJA_NODE_SET:
        return exec_set(run, node);
    case JINJA_NODE_SET_BLOCK:
        return exec_set_block(run, node);
    case JINJA_NODE_MACRO:
        jinja_scope_set(run, run->scope, node->name, make_macro(run, node));
        return true;
    case JINJA_NODE_CALL_BLOCK:
        return exec_call_block(run, node);
    case JINJA_NODE_FILTER_BLOCK:
        return exec_filter_block(run, node);
    case JINJA_NODE_WITH:
        return exec_with(run, node);
    case JINJA_NODE_GENERATION:
        return exec_generation(run, node);
    case JINJA_NODE_BREAK:
        run->flow = JINJA_FLOW_BREAK;
        return true;
    default:
        run->flow = JINJA_FLOW_CONTINUE;
        return true;
    }
}

bool jinja_exec(struct jinja_run *run, const struct jinja_node *body)
{
    for (const struct jinja_node *node = body; node && run->flow == JINJA_FLOW_ON;
         node = node->next) {
        run->line = node->line;
        if (!jinja_enter(run) || !exec_statement(run, node))
            return false;
        jinja_leave(run);
    }
    return true;
}
