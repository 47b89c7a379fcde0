/*
 * jinja_run.c - starting a rendering, its limits, its errors, and undefined values.
 *
 * What a template can cost is bounded in four ways, all checked in one place (jinja_enter, which
 * every expression and statement passes):
 *
 *   steps    each expression and statement is one; moving text costs one for 64 bytes, comparing or
 *            copying a list one for each item
 *   memory   values live in one arena until the rendering ends; its size is the measure
 *   output   the buffer's limit; text inside macros counts while it is being made
 *   depth    evaluations inside each other, so that the C stack is safe
 *
 * An undefined value remembers how it came about, because the message is only needed when it is
 * used for something: printing it gives nothing, and asking for a member of it is the error.
 */
#include "format/jinja_run.h"

#include <stdarg.h>
#include <stdio.h>

#include "format/jinja_parse.h"

const struct jinja_limits jinja_default_limits = {
    .steps = 20000000, .memory_bytes = 512u << 20, .output_bytes = 64u << 20, .depth = 1500};

enum { BYTES_PER_STEP = 64, DEEPEST_VALUE = 200, HEAVIEST_VALUE = 1 << 24 };

bool jinja_fail(struct jinja_run *run, const char *format, ...)
{
    char what[sizeof run->err->what];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    return jinja_syntax_error(run->err, run->line, "%s", what);
}

static bool fail_limit(struct jinja_run *run, const char *what, uint64_t limit)
{
    jinja_fail(run, "the template was stopped: it passed the limit of %llu %s",
               (unsigned long long)limit, what);
    err_hint(run->err, "a chat template needs far less; this one loops or grows without end");
    return false;
}

bool jinja_charge(struct jinja_run *run, uint64_t steps)
{
    if (steps > run->limits.steps - run->steps)
        return fail_limit(run, "steps", run->limits.steps);
    run->steps += steps;
    return true;
}

static size_t memory_used(const struct jinja_run *run)
{
    return run->arena->total_bytes - run->memory_before;
}

bool jinja_room(struct jinja_run *run, uint64_t bytes)
{
    size_t used = memory_used(run);
    if (used > run->limits.memory_bytes || bytes > run->limits.memory_bytes - used)
        return fail_limit(run, "bytes of memory", run->limits.memory_bytes);
    return jinja_charge(run, bytes / BYTES_PER_STEP);
}

bool jinja_enter(struct jinja_run *run)
{
    if (run->depth >= run->limits.depth)
        return fail_limit(run, "levels of depth", run->limits.depth);
    run->depth++;
    if (memory_used(run) > run->limits.memory_bytes)
        return fail_limit(run, "bytes of memory", run->limits.memory_bytes);
    if (run->out.overflowed)
        return fail_limit(run, "bytes of output", run->limits.output_bytes);
    return jinja_charge(run, 1);
}

bool jinja_take_text(struct jinja_run *run, size_t mark, struct jinja_value *out)
{
    if (run->out.overflowed)
        return fail_limit(run, "bytes of output", run->limits.output_bytes);
    size_t len = run->out.len - mark;
    if (!jinja_room(run, len))
        return false;
    *out = jinja_string_copy(run->arena, span_from(buf_span(&run->out), mark));
    run->out.len = mark;
    return true;
}

bool jinja_check_extent(struct jinja_run *run, struct jinja_value v)
{
    struct jinja_extent extent = jinja_extent_of(v);
    if (extent.depth > DEEPEST_VALUE)
        return fail_limit(run, "levels of lists inside lists", DEEPEST_VALUE);
    if (extent.weight > HEAVIEST_VALUE)
        return fail_limit(run, "items in one value", HEAVIEST_VALUE);
    return true;
}

/* --------------------------------------------------------------------------------- undefined -- */

static struct jinja_value new_undefined(struct jinja_run *run, struct jinja_undefined content)
{
    struct jinja_undefined *u = arena_new(run->arena, struct jinja_undefined);
    *u = content;
    return (struct jinja_value){.type = JINJA_UNDEFINED, .as.undefined = u};
}

struct jinja_value jinja_undefined_name(struct jinja_run *run, struct jinja_value name)
{
    return new_undefined(run, (struct jinja_undefined){.name = name});
}

struct jinja_value jinja_undefined_member(struct jinja_run *run, struct jinja_value object,
                                          struct jinja_value name)
{
    return new_undefined(run, (struct jinja_undefined){.object = object, .name = name});
}

struct jinja_value jinja_undefined_hint(struct jinja_run *run, struct span hint)
{
    return new_undefined(run, (struct jinja_undefined){.hint = hint});
}

/* "dict object", "None": what Jinja calls the thing that lacks a member. */
static const char *object_name(struct jinja_value v, char text[96])
{
    const char *module = "";
    if (v.type == JINJA_NONE)
        return "None";
    if (v.type == JINJA_NAMESPACE)
        module = "transformers.utils.chat_template_utils.";
    else if (v.type == JINJA_MACRO || v.type == JINJA_LOOP)
        module = "jinja2.runtime.";
    else if (v.type == JINJA_CYCLER || v.type == JINJA_JOINER)
        module = "jinja2.utils.";
    else if (v.type == JINJA_STRING && v.is_safe)
        module = "markupsafe.";
    snprintf(text, 96, "%s%s object", module, jinja_type_name(v));
    return text;
}

bool jinja_fail_undefined(struct jinja_run *run, struct jinja_value v)
{
    const struct jinja_undefined *u = v.as.undefined;
    char object[96];
    size_t mark = run->out.len;
    if (u->hint.len > 0)
        return jinja_fail(run, "%.*s", SPAN_ARGS(u->hint));
    struct jinja_value name;
    if (!jinja_print_repr(run, u->name) || !jinja_take_text(run, mark, &name))
        return false;
    if (u->object.type == JINJA_MISSING)
        return jinja_fail(run, "%.*s is undefined", SPAN_ARGS(jinja_span(name)));
    if (u->name.type != JINJA_STRING)
        return jinja_fail(run, "%s has no element %.*s", object_name(u->object, object),
                          SPAN_ARGS(jinja_span(name)));
    return jinja_fail(run, "'%s' has no attribute %.*s", object_name(u->object, object),
                      SPAN_ARGS(jinja_span(name)));
}

/* --------------------------------------------------------------------------------- rendering -- */

bool jinja_compile(struct jinja_template **template, struct arena *arena, struct span source,
                   struct err *err)
{
    *template = arena_new(arena, struct jinja_template);
    return jinja_parse(*template, arena, source, err);
}

bool jinja_has_generation(const struct jinja_template *template)
{
    return template->has_generation;
}

/* The value of each name that the template mentions: the variable given, else the global function.
 */
static void resolve_names(struct jinja_run *run)
{
    const struct jinja_template *t = run->job->template;
    run->context = arena_array(run->arena, struct jinja_value, t->n_names);
    for (size_t i = 0; i < t->n_names; i++) {
        if (jinja_dict_get(run->job->context, t->names[i], &run->context[i]))
            continue;
        const struct jinja_builtin *global = jinja_global_find(jinja_span(t->names[i]));
        if (!global)
            continue;
        struct jinja_function *function = arena_new(run->arena, struct jinja_function);
        function->builtin = global;
        run->context[i] = (struct jinja_value){.type = JINJA_FUNCTION, .as.function = function};
    }
}

bool jinja_render(const struct jinja_job *job, struct buf *out, struct err *err)
{
    struct jinja_run run = {
        .job = job,
        .arena = job->arena,
        .err = err,
        .limits = job->limits ? *job->limits : jinja_default_limits,
        .memory_before = job->arena->total_bytes,
        .line = 1,
    };
    if (job->spans)
        *job->spans = (struct jinja_spans){0};
    if (job->steps_left && *job->steps_left < run.limits.steps)
        run.limits.steps = *job->steps_left;
    buf_init(&run.out, run.limits.output_bytes);
    run.scope = jinja_scope_new(&run, NULL);
    resolve_names(&run);
    bool ok = jinja_exec(&run, job->template->body);
    if (ok && run.out.overflowed)
        ok = fail_limit(&run, "bytes of output", run.limits.output_bytes);
    if (ok)
        buf_add(out, buf_span(&run.out));
    if (job->steps_left)
        *job->steps_left -= run.steps;
    buf_release(&run.out);
    return ok;
}
