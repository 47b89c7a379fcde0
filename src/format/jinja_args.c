/*
 * jinja_args.c - from a call's arguments to a function's parameters, as Python binds them.
 *
 * A parameter list is a string: "s old new count=" has two that must be given, by place or by name,
 * and one that may be missing; "/sep" can be given by place alone.
 */
#include "format/jinja_run.h"

struct param {
    struct span name;
    bool is_optional, is_positional;
};

/* Cuts the list; returns the number of parameters. */
static size_t split_params(const char *text, struct param params[JINJA_ARGS_MAX])
{
    size_t n = 0;
    while (*text) {
        size_t len = strcspn(text, " ");
        CHECK(n < JINJA_ARGS_MAX);
        struct span name = {(const uint8_t *)text, len};
        params[n].is_positional = text[0] == '/';
        params[n].is_optional = text[len - 1] == '=';
        params[n].name = span_part(name, params[n].is_positional,
                                   len - params[n].is_positional - params[n].is_optional);
        n++;
        text += len + (text[len] == ' ');
    }
    return n;
}

static bool put_named(struct jinja_run *run, const char *function, const struct param *params,
                      size_t n, const struct jinja_pair *named, struct jinja_value *args)
{
    struct span name = jinja_span(named->key);
    for (size_t i = 0; i < n; i++) {
        if (params[i].is_positional || !span_equal(params[i].name, name))
            continue;
        if (args[i].type != JINJA_MISSING)
            return jinja_fail(run, "%s() got multiple values for argument '%.*s'", function,
                              SPAN_ARGS(name));
        args[i] = named->value;
        return true;
    }
    return jinja_fail(run, "%s() got an unexpected keyword argument '%.*s'", function,
                      SPAN_ARGS(name));
}

bool jinja_bind(struct jinja_run *run, const char *function, const char *list,
                const struct jinja_call *call, struct jinja_value args[JINJA_ARGS_MAX])
{
    struct param params[JINJA_ARGS_MAX];
    size_t n = split_params(list, params);
    memset(args, 0, JINJA_ARGS_MAX * sizeof *args);
    if (call->n_args > n)
        return jinja_fail(run, "%s() takes %zu positional arguments but %zu were given", function,
                          n, call->n_args);
    for (size_t i = 0; i < call->n_args; i++)
        args[i] = call->args[i];
    for (size_t i = 0; i < call->n_named; i++) {
        if (!put_named(run, function, params, n, &call->named[i], args))
            return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (args[i].type == JINJA_MISSING && !params[i].is_optional)
            return jinja_fail(run, "%s() missing 1 required positional argument: '%.*s'", function,
                              SPAN_ARGS(params[i].name));
    }
    return true;
}

bool jinja_apply(struct jinja_run *run, const struct jinja_builtin *builtin,
                 const struct jinja_call *call, struct jinja_value *out)
{
    struct jinja_value args[JINJA_ARGS_MAX];
    if (builtin->variadic)
        return builtin->variadic(run, call, out);
    if (!builtin->apply)
        return jinja_fail(run, "%s is not supported", builtin->name);
    return jinja_bind(run, builtin->name, builtin->params, call, args) &&
           builtin->apply(run, args, out);
}

bool jinja_arg_int(struct jinja_run *run, struct jinja_value v, int64_t otherwise, int64_t *out)
{
    *out = otherwise;
    if (v.type == JINJA_MISSING || v.type == JINJA_NONE || jinja_as_int(v, out))
        return true;
    if (v.type == JINJA_UNDEFINED)
        return jinja_fail_undefined(run, v);
    return jinja_fail(run, "'%s' object cannot be interpreted as an integer", jinja_type_name(v));
}

bool jinja_arg_text(struct jinja_run *run, struct jinja_value v, const char *otherwise,
                    struct span *out)
{
    if (v.type == JINJA_STRING) {
        *out = jinja_span(v);
        return true;
    }
    if (otherwise && (v.type == JINJA_MISSING || v.type == JINJA_NONE)) {
        *out = span_of(otherwise);
        return true;
    }
    return jinja_fail(run, "expected str, got %s", jinja_type_name(v));
}
