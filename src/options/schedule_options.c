/*
 * schedule_options.c - from option texts to `struct pace_schedule`.
 *
 * The brain reads and checks parameters itself (pace_schedule_set, pace_schedule_check); here its
 * problems get the name of the option that they come from, a "did you mean", and the kind
 * ERR_USAGE. Values of kwargs are kept as texts between the two, so that a number in JSON and one
 * behind "num_cycles=" are read by the same code.
 */
#include "options/schedule_options.h"

#include <math.h>

#include "base/nearest.h"
#include "base/num.h"
#include "format/json.h"

enum { MOST_KWARGS = 32 };

/* The members of --lr-scheduler-kwargs. */
struct kwargs {
    const char *names[MOST_KWARGS];
    const char *values[MOST_KWARGS];
    bool used[MOST_KWARGS];
    size_t n;
};

/* ------------------------------------------------------------------------------------ errors -- */

static const char *const kwargs_option = "--lr-scheduler-kwargs";

/* The brain's problem as an error that begins with the option's name. */
static bool refuse(const char *option, const struct pace_problem *problem, struct err *err)
{
    err_set(err, ERR_USAGE, "%s: %s", option, problem->what);
    if (problem->hint[0])
        err_hint(err, "%s", problem->hint);
    return false;
}

static bool refuse_schedule(const char *option, struct span name, struct err *err)
{
    const char *names[PACE_SCHEDULE_COUNT];
    struct buf all;
    buf_init(&all, sizeof err->hint);
    for (int i = 0; i < PACE_SCHEDULE_COUNT; i++) {
        names[i] = pace_schedule_name((enum pace_schedule_kind)i);
        buf_printf(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    }
    const char *nearest = nearest_word(name, names, PACE_SCHEDULE_COUNT);
    err_set(err, ERR_USAGE, "%s: there is no schedule '%.*s'", option, SPAN_ARGS(name));
    if (nearest)
        err_hint(err, "did you mean %s?", nearest);
    else
        err_hint(err, "%s", buf_string(&all));
    buf_release(&all);
    return false;
}

static bool takes(enum pace_schedule_kind kind, const char *name)
{
    const char *own;
    for (size_t i = 0; (own = pace_schedule_parameter(kind, i)); i++) {
        if (strcmp(own, name) == 0)
            return true;
    }
    return false;
}

/* Sets a parameter; where the name is unknown but near one, the hint says which. */
static bool set_parameter(struct pace_schedule *s, const char *option, const char *name,
                          const char *value, struct err *err)
{
    const char *names[MOST_KWARGS];
    struct pace_problem problem;
    size_t n = 0;
    if (pace_schedule_set(s, name, value, &problem))
        return true;
    (void)refuse(option, &problem, err);
    while (n < MOST_KWARGS && (names[n] = pace_schedule_parameter(s->kind, n)))
        n++;
    const char *nearest = takes(s->kind, name) ? NULL : nearest_word(span_of(name), names, n);
    if (nearest)
        err_hint(err, "did you mean %s?", nearest);
    return false;
}

/* ------------------------------------------------------------------------------------ kwargs -- */

/* The text of a scalar: what stands there, without the quotes. */
static const char *scalar_text(struct json_reader *r, struct arena *arena)
{
    switch (json_peek(r)) {
    case JSON_STRING:
        return arena_string(arena, json_string(r));
    case JSON_NUMBER:
        return arena_string(arena, json_number_text(r));
    case JSON_BOOL:
        return json_bool(r) ? "true" : "false";
    case JSON_NULL:
        json_skip(r);
        return "null";
    default:
        json_fail(r, "one value is expected");
        return "";
    }
}

static bool read_kwargs(const char *text, struct arena *arena, struct kwargs *kwargs,
                        struct err *err)
{
    struct json_reader r;
    struct span key;
    struct err problem = {0};
    *kwargs = (struct kwargs){0};
    if (!text)
        return true;
    json_open(&r, span_of(text), arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (kwargs->n == MOST_KWARGS) {
            json_fail(&r, "more than %d parameters", MOST_KWARGS);
            break;
        }
        kwargs->names[kwargs->n] = arena_string(arena, key);
        kwargs->values[kwargs->n++] = scalar_text(&r, arena);
    }
    if (json_close(&r, &problem))
        return true;
    err_set(err, ERR_USAGE, "%s is not a JSON object of parameters: %s%s%s", kwargs_option,
            problem.where, problem.where[0] ? ": " : "", problem.what);
    err_hint(err, "%s '{\"num_cycles\": 2}'", kwargs_option);
    return false;
}

/* Sets those that the schedule takes; with `all`, a stranger is an error. */
static bool apply_kwargs(struct pace_schedule *s, struct kwargs *kwargs, bool all, struct err *err)
{
    for (size_t i = 0; i < kwargs->n; i++) {
        if (!all && !takes(s->kind, kwargs->names[i]))
            continue;
        if (!set_parameter(s, kwargs_option, kwargs->names[i], kwargs->values[i], err))
            return false;
        kwargs->used[i] = true;
    }
    return true;
}

static bool check_kwargs_used(const struct kwargs *kwargs, struct err *err)
{
    for (size_t i = 0; i < kwargs->n; i++) {
        if (kwargs->used[i])
            continue;
        err_set(err, ERR_USAGE, "%s: none of the schedules has a parameter '%s'", kwargs_option,
                kwargs->names[i]);
        return false;
    }
    return true;
}

/* -------------------------------------------------------------------------------- schedules -- */

bool schedule_options_rate(const struct options *o, double *rate, struct err *err)
{
    const char *text = o->learning_rate;
    *rate = 0;
    if (!text || strcmp(text, "auto") == 0)
        return true;
    if (num_parse_double(span_of(text), rate) && *rate > 0)
        return true;
    err_set(err, ERR_USAGE, "--learning-rate: '%s' is not a finite number above 0", text);
    err_hint(err, "2e-4, say");
    return false;
}

/* The next part of "a:b:c", and the rest behind it; at the end an empty rest. */
static struct span next_part(struct span *rest, uint8_t separator)
{
    size_t len = 0;
    while (len < rest->len && rest->at[len] != separator)
        len++;
    struct span part = span_part(*rest, 0, len);
    *rest = span_from(*rest, min_size(len + 1, rest->len));
    return part;
}

/* The parameters of "name:key=value:key=value", behind the name. */
static bool apply_inline(struct pace_schedule *s, struct span rest, struct arena *arena,
                         struct err *err)
{
    while (rest.len > 0) {
        struct span value = next_part(&rest, ':');
        struct span name = next_part(&value, '=');
        if (!set_parameter(s, pace_schedule_name(s->kind), arena_string(arena, name),
                           arena_string(arena, value), err))
            return false;
    }
    return true;
}

static bool check(const struct pace_schedule *s, bool is_inline, struct err *err)
{
    struct pace_problem problem;
    if (pace_schedule_check(s, &problem))
        return true;
    if (s->warmup_steps > s->total_steps)
        return refuse("--warmup-steps", &problem, err);
    return refuse(is_inline ? pace_schedule_name(s->kind) : kwargs_option, &problem, err);
}

/* A schedule without parameters that needs some: how they are given. */
static void hint_at_parameters(const struct pace_schedule *s, struct err *err)
{
    if (s->warmup_steps <= s->total_steps)
        err_hint(err, "it has no default: %s:NAME=VALUE, or %s '{\"NAME\": VALUE}'",
                 pace_schedule_name(s->kind), kwargs_option);
}

/* What all schedules of one command line share. */
struct request {
    struct pace_schedule run; /* peak, total and warmup steps */
    struct kwargs kwargs;
    bool is_alone; /* one schedule: it must take all the kwargs */
    struct arena *arena;
};

static bool read_request(struct request *r, const struct options *o, double learning_rate,
                         int64_t total_steps, struct err *err)
{
    r->run = (struct pace_schedule){
        .learning_rate = learning_rate,
        .total_steps = total_steps,
        .warmup_steps = pace_warmup_steps(o->warmup_steps, o->warmup_ratio, total_steps)};
    return read_kwargs(o->lr_scheduler_kwargs, r->arena, &r->kwargs, err);
}

/* "name" or "name:key=value:key=value"; `option` is where the text comes from. */
static bool read_schedule(struct request *r, const char *option, struct span text,
                          struct pace_schedule *s, struct err *err)
{
    enum pace_schedule_kind kind;
    struct span rest = text, name = next_part(&rest, ':');
    if (!pace_schedule_find(arena_string(r->arena, name), &kind))
        return refuse_schedule(option, name, err);
    bool is_inline = name.len < text.len;
    if (is_inline && text.at[text.len - 1] == ':') {
        err_set(err, ERR_USAGE, "%s: '%.*s' ends where a parameter is expected", option,
                SPAN_ARGS(text));
        err_hint(err, "NAME=VALUE, as in cosine:num_cycles=2");
        return false;
    }
    *s = r->run;
    pace_schedule_init(s, kind);
    if (!apply_kwargs(s, &r->kwargs, r->is_alone, err) || !apply_inline(s, rest, r->arena, err))
        return false;
    bool ok = check(s, is_inline, err);
    if (!ok && !is_inline && r->kwargs.n == 0)
        hint_at_parameters(s, err);
    return ok;
}

bool schedule_options_read(const struct options *o, double learning_rate, int64_t total_steps,
                           struct pace_schedule *schedule, struct err *err)
{
    struct arena arena = {0};
    struct request r = {.is_alone = true, .arena = &arena};
    bool ok =
        read_request(&r, o, learning_rate, total_steps, err) &&
        read_schedule(&r, "--lr-scheduler-type", span_of(o->lr_scheduler_type), schedule, err);
    arena_release(&arena);
    return ok;
}

/* The texts of the schedules: arguments, or the option's parts between commas. */
static bool list_texts(const struct options *o, struct span texts[SCHEDULES_MOST], size_t *n,
                       struct err *err)
{
    struct span rest = span_of(o->lr_scheduler_type);
    if (o->n_arguments > 0 && options_given(o, "lr-scheduler-type")) {
        err_set(err, ERR_USAGE, "--lr-scheduler-type beside schedules named as arguments");
        err_hint(err, "name them all in one place");
        return false;
    }
    for (*n = 0; *n < o->n_arguments && *n < SCHEDULES_MOST; ++*n)
        texts[*n] = span_of(o->arguments[*n]);
    bool more = *n < o->n_arguments;
    if (o->n_arguments == 0) {
        do
            texts[(*n)++] = next_part(&rest, ',');
        while (rest.len > 0 && *n < SCHEDULES_MOST);
        more = rest.len > 0;
    }
    if (more)
        err_set(err, ERR_USAGE, "more than %d schedules", SCHEDULES_MOST);
    return !more;
}

bool schedule_options_list(const struct options *o, double learning_rate, int64_t total_steps,
                           struct arena *arena, struct schedule_list *list, struct err *err)
{
    struct span texts[SCHEDULES_MOST];
    struct request r = {.arena = arena};
    if (!list_texts(o, texts, &list->n, err) ||
        !read_request(&r, o, learning_rate, total_steps, err))
        return false;
    r.is_alone = list->n == 1;
    const char *option = o->n_arguments > 0 ? "argument" : "--lr-scheduler-type";
    for (size_t i = 0; i < list->n; i++) {
        if (!read_schedule(&r, option, texts[i], &list->schedules[i], err))
            return false;
        list->labels[i] = arena_string(arena, texts[i]);
    }
    return check_kwargs_used(&r.kwargs, err);
}

/* ---------------------------------------------------------------------------------- metrics -- */

static bool read_metrics(const char *text, struct arena *arena, struct metric_list *metrics,
                         struct err *err)
{
    struct json_reader r;
    struct err problem = {0};
    double *values = arena_array(arena, double, strlen(text) / 2 + 1); /* "[1,2,3]" */
    json_open(&r, span_of(text), arena);
    json_enter_array(&r);
    for (metrics->n = 0; json_next_item(&r); metrics->n++)
        values[metrics->n] = json_double(&r);
    metrics->values = values;
    if (json_close(&r, &problem))
        return true;
    err_set(err, ERR_USAGE, "--metrics is not a JSON list of numbers: %s%s%s", problem.where,
            problem.where[0] ? ": " : "", problem.what);
    err_hint(err, "--metrics '[2.1, 2.0, 1.95]'");
    return false;
}

static bool refuse_metrics(struct err *err, const char *what, const char *hint)
{
    err_set(err, ERR_USAGE, "%s", what);
    err_hint(err, "%s", hint);
    return false;
}

bool schedule_options_metrics(const struct options *o, const struct schedule_list *list,
                              int64_t total_steps, struct arena *arena, struct metric_list *metrics,
                              struct err *err)
{
    bool is_used = false;
    *metrics = (struct metric_list){.eval_steps = 1};
    for (size_t i = 0; i < list->n; i++)
        is_used |= pace_schedule_uses_metric(list->schedules[i].kind);
    if (!o->metrics)
        return true;
    if (!is_used)
        return refuse_metrics(err, "--metrics: none of the schedules moves after evaluations",
                              "reduce_lr_on_plateau and greedy do");
    if (o->eval_steps <= 0)
        return refuse_metrics(err, "--metrics needs --eval-steps",
                              "--eval-steps N: one evaluation per N updates");
    if (o->eval_steps > 1 && o->eval_steps != floor(o->eval_steps))
        return refuse_metrics(err, "--eval-steps: neither a whole number nor a share of the run",
                              "below 1 it is a share of the run");
    metrics->eval_steps = pace_warmup_steps(o->eval_steps, 0, total_steps);
    return read_metrics(o->metrics, arena, metrics, err);
}
