/*
 * schedule_parameter.c - the parameters of a schedule: defaults, reading from text, checks.
 *
 * Each schedule's row lists its parameters with default and range (schedule.c). Everything here
 * walks these lists, so a new parameter is a field and a line there.
 *
 * Refused is what Hugging Face or torch raise an exception for, at the start or during the run, and
 * what cannot be meant: a rate below zero, a count below zero, a warmup longer than the run.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "rate/problem.h"
#include "rate/schedule.h"

/* Beyond this not every whole number is a double. */
static const int64_t most_steps = (int64_t)1 << 53;

enum { MOST_WORDS = 3, NOT_GIVEN = -1 };

/* ------------------------------------------------------------------------------------- words -- */

struct word_list {
    const char *name;              /* of the parameter */
    const char *words[MOST_WORDS]; /* in the order of the values */
};

/* The words of a switch or a curve; the last list is for every other switch. */
static const struct word_list word_lists[] = {
    {"mode", {"min", "max"}},
    {"threshold_mode", {"rel", "abs"}},
    {"warmup_type", {"linear", "cosine", "1-sqrt"}},
    {"decay_type", {"linear", "cosine", "1-sqrt"}},
    {NULL, {"false", "true"}},
};

static const char *const *words_of(const struct parameter *p)
{
    const struct word_list *list = word_lists;
    while (list->name && strcmp(list->name, p->name) != 0)
        list++;
    return list->words;
}

static bool find_word(const char *const *words, const char *text, double *value)
{
    for (int i = 0; i < MOST_WORDS && words[i]; i++) {
        if (strcmp(words[i], text) != 0)
            continue;
        *value = i;
        return true;
    }
    return false;
}

/* ------------------------------------------------------------------------------------ fields -- */

static void put(struct pace_schedule *s, const struct parameter *p, double value)
{
    void *field = (char *)s + p->offset;
    switch (p->type) {
    case PARAMETER_NUMBER:
        *(double *)field = value;
        break;
    case PARAMETER_COUNT:
        *(int64_t *)field = isnan(value) ? NOT_GIVEN : (int64_t)value;
        break;
    case PARAMETER_SWITCH:
        *(bool *)field = value > 0;
        break;
    case PARAMETER_CURVE:
        *(enum pace_curve *)field = (enum pace_curve)value;
        break;
    }
}

static double get(const struct pace_schedule *s, const struct parameter *p)
{
    const void *field = (const char *)s + p->offset;
    switch (p->type) {
    case PARAMETER_NUMBER:
        return *(const double *)field;
    case PARAMETER_COUNT: {
        int64_t count = *(const int64_t *)field;
        return count == NOT_GIVEN ? NAN : (double)count;
    }
    case PARAMETER_SWITCH:
        return *(const bool *)field;
    case PARAMETER_CURVE:
        return *(const enum pace_curve *)field;
    }
    return NAN;
}

void pace_schedule_init(struct pace_schedule *s, enum pace_schedule_kind kind)
{
    struct pace_schedule fresh = {.kind = kind,
                                  .learning_rate = s->learning_rate,
                                  .total_steps = s->total_steps,
                                  .warmup_steps = s->warmup_steps};
    for (const struct parameter *p = schedule_row(kind)->parameters; p->name; p++)
        put(&fresh, p, p->normal);
    *s = fresh;
}

const char *pace_schedule_parameter(enum pace_schedule_kind kind, size_t index)
{
    const struct parameter *p = schedule_row(kind)->parameters;
    for (size_t i = 0; i < index && p->name; i++)
        p++;
    return p->name;
}

/* The parameter, or the nameless end of the list. */
static const struct parameter *find_parameter(enum pace_schedule_kind kind, const char *name)
{
    const struct parameter *p = schedule_row(kind)->parameters;
    while (p->name && strcmp(p->name, name) != 0)
        p++;
    return p;
}

bool pace_schedule_get(const struct pace_schedule *s, const char *name, char *text, size_t size)
{
    const struct parameter *p = find_parameter(s->kind, name);
    if (!p->name)
        return false;
    double value = get(s, p);
    char number[NUM_TEXT_SIZE] = "null";
    if (!isnan(value))
        (void)num_format_double(number, value);
    bool is_word = p->type == PARAMETER_SWITCH || p->type == PARAMETER_CURVE;
    (void)snprintf(text, size, "%s", is_word ? words_of(p)[(int)value] : number);
    return true;
}

/* ------------------------------------------------------------------------------- from a text -- */

/* "cosine takes num_cycles, min_lr" */
static void list_parameters(enum pace_schedule_kind kind, char *out, size_t size)
{
    const struct schedule_row *row = schedule_row(kind);
    int len = snprintf(out, size, "%s takes", row->name);
    if (!row->parameters[0].name)
        snprintf(out + len, size - (size_t)len, " no parameters");
    for (const struct parameter *p = row->parameters; p->name; p++) {
        len += snprintf(out + len, size - (size_t)len, "%s %s", p > row->parameters ? "," : "",
                        p->name);
        CHECK((size_t)len < size);
    }
}

static bool refuse_value(const struct parameter *p, const char *text, struct pace_problem *problem)
{
    const char *const *words = words_of(p);
    if (p->type == PARAMETER_CURVE)
        return problem_set(problem, "", "%s: '%.40s' is not %s, %s or %s", p->name, text, words[0],
                           words[1], words[2]);
    if (p->type == PARAMETER_SWITCH)
        return problem_set(problem, "", "%s: '%.40s' is not %s or %s", p->name, text, words[0],
                           words[1]);
    return problem_set(problem, "", "%s: '%.40s' is not a %snumber", p->name, text,
                       p->type == PARAMETER_COUNT ? "whole " : "");
}

static bool check_range(const struct parameter *p, double value, struct pace_problem *problem)
{
    if (p->type == PARAMETER_SWITCH || p->type == PARAMETER_CURVE)
        return true;
    if (!isfinite(value))
        return problem_set(problem, "", "%s is not a finite number", p->name);
    if (value < p->low)
        return problem_set(problem, "", "%s: %.6g is below %.6g", p->name, value, p->low);
    if (value <= p->high)
        return true;
    return p->high < 1
               ? problem_set(problem, "", "%s: %.6g is not below 1", p->name, value)
               : problem_set(problem, "", "%s: %.6g is above %.6g", p->name, value, p->high);
}

/* A count may be written as "10.0". */
static bool read_value(const struct parameter *p, const char *text, double *value)
{
    switch (p->type) {
    case PARAMETER_NUMBER:
        return num_parse_double(span_of(text), value);
    case PARAMETER_COUNT:
        return num_parse_double(span_of(text), value) && *value == floor(*value);
    case PARAMETER_SWITCH:
    case PARAMETER_CURVE:
        return find_word(words_of(p), text, value);
    }
    return false;
}

bool pace_schedule_set(struct pace_schedule *s, const char *name, const char *value,
                       struct pace_problem *problem)
{
    char hint[sizeof problem->hint];
    double number = NAN;
    const struct parameter *p = find_parameter(s->kind, name);
    if (!p->name) {
        list_parameters(s->kind, hint, sizeof hint);
        return problem_set(problem, hint, "%s has no parameter '%.60s'",
                           pace_schedule_name(s->kind), name);
    }
    bool is_none = isnan(p->normal) && !p->must_be_given && strcmp(value, "null") == 0;
    if (!is_none) {
        if (!read_value(p, value, &number))
            return refuse_value(p, value, problem);
        if (!check_range(p, number, problem))
            return false;
    }
    put(s, p, number);
    return true;
}

/* ------------------------------------------------------------------------------------- check -- */

static bool check_parameter(const struct pace_schedule *s, const struct parameter *p,
                            struct pace_problem *problem)
{
    double value = get(s, p);
    bool may_be_missing = isnan(p->normal) && !p->must_be_given;
    if (!isnan(value) || !isnan(p->normal))
        return check_range(p, value, problem);
    return may_be_missing || problem_set(problem, "it has no default", "%s needs %s",
                                         pace_schedule_name(s->kind), p->name);
}

static bool check_run(const struct pace_schedule *s, struct pace_problem *problem)
{
    if (!(s->learning_rate > 0) || !isfinite(s->learning_rate))
        return problem_set(problem, "between 1e-6 and 1e-2 for nearly every model",
                           "the learning rate %.6g is not a finite number above 0",
                           s->learning_rate);
    if (s->total_steps < 1 || s->total_steps > most_steps)
        return problem_set(problem, "", "the run has %lld steps: not between 1 and 2^53",
                           (long long)s->total_steps);
    if (s->warmup_steps < 0)
        return problem_set(problem, "", "the warmup has %lld steps", (long long)s->warmup_steps);
    if (s->warmup_steps > s->total_steps)
        return problem_set(problem, "make the warmup shorter, a twentieth of the run, say",
                           "a warmup of %lld steps is longer than the run of %lld",
                           (long long)s->warmup_steps, (long long)s->total_steps);
    return true;
}

bool pace_schedule_check(const struct pace_schedule *s, struct pace_problem *problem)
{
    const struct schedule_row *row = schedule_row(s->kind);
    if (!check_run(s, problem))
        return false;
    for (const struct parameter *p = row->parameters; p->name; p++) {
        if (!check_parameter(s, p, problem))
            return false;
    }
    return !row->check || row->check(s, problem);
}
