/*
 * jinja_run.h - one rendering in progress, and what the files that begin with jinja_ share.
 *
 * Functions that can fail return false after jinja_fail has filled run->err. Text is always built
 * at the end of run->out and cut off again where it becomes a value, so nothing needs to be freed.
 */
#ifndef PACE_FORMAT_JINJA_RUN_H
#define PACE_FORMAT_JINJA_RUN_H

#include "format/jinja.h"
#include "format/jinja_node.h"

struct jinja_binding {
    uint32_t name;
    struct jinja_value value;
};

/* The variables of a loop's body, a macro call, a `with`; then those around it. */
struct jinja_scope {
    struct jinja_scope *outer;
    struct jinja_binding *bindings;
    size_t n, cap;
};

enum jinja_flow { JINJA_FLOW_ON, JINJA_FLOW_BREAK, JINJA_FLOW_CONTINUE };

struct jinja_run {
    const struct jinja_job *job;
    struct arena *arena;
    struct err *err;
    struct jinja_limits limits;
    size_t memory_before; /* bytes that the arena held at the start */
    uint64_t steps;
    uint32_t depth;
    uint32_t line; /* of what is being evaluated */
    enum jinja_flow flow;
    struct buf out;
    size_t captures; /* macros and blocks around, whose output is not the template's own yet */
    struct jinja_scope *scope;
    struct jinja_value *context; /* by name: the variables given, else the globals */
};

/* Fills run->err (ERR_INPUT, the line in `where`); false, for `return jinja_fail(…)`. */
bool jinja_fail(struct jinja_run *run, const char *format, ...) PRINTF_LIKE(2, 3);

/* The error of using an undefined value; false. */
bool jinja_fail_undefined(struct jinja_run *run, struct jinja_value v);

/* Counts steps against the limit. */
MUST_CHECK bool jinja_charge(struct jinja_run *run, uint64_t steps);

/* False, with the error, where `bytes` more would pass the limit on memory. */
MUST_CHECK bool jinja_room(struct jinja_run *run, uint64_t bytes);

/* False where a value holds too many items, or lists too deep inside each other. */
MUST_CHECK bool jinja_check_extent(struct jinja_run *run, struct jinja_value v);

/* The text written since `mark` (an earlier run->out.len) becomes a string and leaves the output.
 */
MUST_CHECK bool jinja_take_text(struct jinja_run *run, size_t mark, struct jinja_value *out);

/* --- Undefined values (jinja_run.c). --------------------------------------------------------- */

struct jinja_undefined {
    struct span hint;          /* the whole message; empty: built from the next two */
    struct jinja_value object; /* MISSING for a variable */
    struct jinja_value name;
};

struct jinja_value jinja_undefined_name(struct jinja_run *run, struct jinja_value name);
struct jinja_value jinja_undefined_member(struct jinja_run *run, struct jinja_value object,
                                          struct jinja_value name);
struct jinja_value jinja_undefined_hint(struct jinja_run *run, struct span hint);

/* --- Arguments (jinja_args.c). --------------------------------------------------------------- */

/* The arguments of a call, a filter or a test; args[0] of the latter two is what they apply to. */
struct jinja_call {
    struct jinja_value *args;
    size_t n_args;
    struct jinja_pair *named; /* key: the name, a string */
    size_t n_named;
};

enum { JINJA_ARGS_MAX = 8 };

/*
 * Puts a call's arguments into the places of `params`: names with spaces between them, '=' behind
 * those that may be missing (their place is then MISSING), '/' before those without a name for the
 * caller.
 */
MUST_CHECK bool jinja_bind(struct jinja_run *run, const char *function, const char *params,
                           const struct jinja_call *call, struct jinja_value args[JINJA_ARGS_MAX]);

/* An argument as a type, or a TypeError. A MISSING or None one gives the default. */
MUST_CHECK bool jinja_arg_int(struct jinja_run *run, struct jinja_value v, int64_t otherwise,
                              int64_t *out);
MUST_CHECK bool jinja_arg_text(struct jinja_run *run, struct jinja_value v, const char *otherwise,
                               struct span *out);

/* --- Printing (jinja_text.c). ---------------------------------------------------------------- */

/* Appends str(v), or repr(v), to run->out. */
MUST_CHECK bool jinja_print(struct jinja_run *run, struct jinja_value v);
MUST_CHECK bool jinja_print_repr(struct jinja_run *run, struct jinja_value v);

/* str(v) as a string; a string is itself. */
MUST_CHECK bool jinja_to_text(struct jinja_run *run, struct jinja_value v, struct jinja_value *out);

/* Appends json.dumps(v, …), with the arguments of the filter. */
MUST_CHECK bool jinja_print_json(struct jinja_run *run, const struct jinja_value args[]);

/* --- Operators (jinja_op.c). ----------------------------------------------------------------- */

MUST_CHECK bool jinja_binary(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                             struct jinja_value b, struct jinja_value *out);
MUST_CHECK bool jinja_negate(struct jinja_run *run, bool is_minus, struct jinja_value v,
                             struct jinja_value *out);

/* ==, !=, <, <=, >, >=, in, not in. */
MUST_CHECK bool jinja_compare(struct jinja_run *run, enum jinja_op op, struct jinja_value a,
                              struct jinja_value b, bool *out);

/* a == b with its cost counted. */
MUST_CHECK bool jinja_equal_charged(struct jinja_run *run, struct jinja_value a,
                                    struct jinja_value b, bool *out);

MUST_CHECK bool jinja_concat(struct jinja_run *run, struct jinja_value a, struct jinja_value b,
                             struct jinja_value *out);

/* format % value, and format.format(…) (jinja_format.c). */
MUST_CHECK bool jinja_percent(struct jinja_run *run, struct jinja_value format,
                              struct jinja_value value, struct jinja_value *out);
MUST_CHECK bool jinja_format(struct jinja_run *run, struct jinja_value format,
                             const struct jinja_call *call, struct jinja_value *out);

/* --- Members (jinja_member.c). --------------------------------------------------------------- */

/* object.name, and object[key]: Jinja tries both ways, each in its own order. */
MUST_CHECK bool jinja_get_attribute(struct jinja_run *run, struct jinja_value object,
                                    struct jinja_value name, struct jinja_value *out);
MUST_CHECK bool jinja_get_item(struct jinja_run *run, struct jinja_value object,
                               struct jinja_value key, struct jinja_value *out);

/* object[start:stop:step]; parts that are not there are MISSING. */
MUST_CHECK bool jinja_slice(struct jinja_run *run, struct jinja_value object,
                            const struct jinja_value part[3], struct jinja_value *out);

/* len(v); *has is false where Python has no length for it. */
MUST_CHECK bool jinja_length(struct jinja_run *run, struct jinja_value v, bool *has, size_t *n);

/* --- Iterating (jinja_iter.c). --------------------------------------------------------------- */

struct jinja_iterator;

/* iter(v); a TypeError where it cannot be. A generator gives itself. */
MUST_CHECK bool jinja_iterate(struct jinja_run *run, struct jinja_value v,
                              struct jinja_iterator **out);
bool jinja_is_iterable(struct jinja_value v);

/* The next item; *more is false at the end. */
MUST_CHECK bool jinja_next(struct jinja_run *run, struct jinja_iterator *it,
                           struct jinja_value *item, bool *more);

/* list(v). */
MUST_CHECK bool jinja_to_list(struct jinja_run *run, struct jinja_value v, struct jinja_value *out);

/*
 * A generator over `source` that asks `step` what becomes of each item: it changes the item or sets
 * *keep to false.
 */
typedef bool jinja_step_function(struct jinja_run *run, void *state, struct jinja_value *item,
                                 bool *keep);
struct jinja_value jinja_generator(struct jinja_run *run, struct jinja_iterator *source,
                                   jinja_step_function *step, void *state);

/* --- Loops, macros, functions. --------------------------------------------------------------- */

struct jinja_loop {
    struct jinja_iterator *source;
    struct jinja_value iterable; /* where it has a length; else MISSING */
    struct jinja_value before, current, after;
    struct jinja_value last_changed;
    bool has_after, ended;
    int64_t index0;
    size_t length;
    bool has_length;
};

MUST_CHECK bool jinja_loop_attribute(struct jinja_run *run, struct jinja_value loop,
                                     struct span name, struct jinja_value *out, bool *found);

/* The next item into loop->current; *more is false at the end. */
MUST_CHECK bool jinja_loop_next(struct jinja_run *run, struct jinja_loop *loop, bool *more);

struct jinja_macro {
    const struct jinja_node *node;
    struct jinja_scope *scope; /* where it was defined */
    struct jinja_value name;   /* None for a call block's */
};

/* A named function with its parameters; args[0] of a method is the object. */
struct jinja_builtin {
    const char *name;
    const char *params; /* NULL: the function takes the call as it is */
    bool (*apply)(struct jinja_run *run, const struct jinja_value args[], struct jinja_value *out);
    bool (*variadic)(struct jinja_run *run, const struct jinja_call *call, struct jinja_value *out);
};

struct jinja_function {
    const struct jinja_builtin *builtin;
    struct jinja_value object; /* MISSING for a global function */
};

MUST_CHECK bool jinja_apply(struct jinja_run *run, const struct jinja_builtin *builtin,
                            const struct jinja_call *call, struct jinja_value *out);

/* The method of that name, or NULL (jinja_method.c). */
const struct jinja_builtin *jinja_method_find(struct jinja_value object, struct span name);

/* The global function of that name, or NULL (jinja_global.c). */
const struct jinja_builtin *jinja_global_find(struct span name);

/* --- Evaluating (jinja_eval.c, jinja_exec.c). ------------------------------------------------ */

MUST_CHECK bool jinja_eval(struct jinja_run *run, const struct jinja_node *node,
                           struct jinja_value *out);
MUST_CHECK bool jinja_call_value(struct jinja_run *run, struct jinja_value function,
                                 const struct jinja_call *call, struct jinja_value *out);
MUST_CHECK bool jinja_eval_arguments(struct jinja_run *run, const struct jinja_node *node,
                                     const struct jinja_value *first, struct jinja_call *call);
MUST_CHECK bool jinja_apply_filter(struct jinja_run *run, const struct jinja_node *node,
                                   struct jinja_value input, struct jinja_value *out);
MUST_CHECK bool jinja_exec(struct jinja_run *run, const struct jinja_node *body);
MUST_CHECK bool jinja_call_macro(struct jinja_run *run, const struct jinja_macro *macro,
                                 const struct jinja_call *call, struct jinja_value *out);

void jinja_scope_set(struct jinja_run *run, struct jinja_scope *scope, uint32_t name,
                     struct jinja_value value);
struct jinja_scope *jinja_scope_new(struct jinja_run *run, struct jinja_scope *outer);

/* One level deeper in the evaluation; the limit on depth, steps and memory is checked here. */
MUST_CHECK bool jinja_enter(struct jinja_run *run);
static inline void jinja_leave(struct jinja_run *run)
{
    run->depth--;
}

#endif
