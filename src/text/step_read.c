/*
 * step_read.c - members of steps: their names, choices and patterns.
 */
#include "text/step_read.h"

void step_note_name(struct step_names *names, struct span name)
{
    if (name.len > UINT8_MAX || name.len + 1 > sizeof names->bytes - names->len)
        return;
    names->bytes[names->len++] = (uint8_t)name.len;
    if (name.len > 0)
        memcpy(names->bytes + names->len, name.at, name.len);
    names->len += name.len;
}

static bool has_name(const struct step_names *names, struct span name)
{
    for (size_t at = 0; at < names->len; at += names->bytes[at] + 1u) {
        if (span_equal((struct span){names->bytes + at + 1, names->bytes[at]}, name))
            return true;
    }
    return false;
}

/* The first of `fields` that is not among the names; empty where all are. */
static struct span find_missing(const struct step_names *names, const char *fields)
{
    for (const char *at = fields; *at;) {
        struct span field = {(const uint8_t *)at, strcspn(at, " ")};
        if (!has_name(names, field))
            return field;
        at += field.len + 1;
    }
    return (struct span){0};
}

bool step_has_fields(const struct step_names *names, const char *fields)
{
    return find_missing(names, fields).len == 0;
}

void step_check_fields(struct json_reader *r, const struct step_names *names, const char *kind,
                       const char *fields)
{
    struct span missing = find_missing(names, fields);
    if (missing.len > 0)
        json_fail(r, "%s lacks \"%.*s\"", kind, SPAN_ARGS(missing));
}

size_t step_read_choice(struct json_reader *r, const char *const *words, size_t n)
{
    struct span text = json_string(r);
    for (size_t i = 0; i < n; i++) {
        if (span_is(text, words[i]))
            return i;
    }
    json_fail(r, "unknown value \"%.*s\"", SPAN_ARGS(text));
    return 0;
}

void step_read_pattern(struct json_reader *r, struct step_pattern *pattern)
{
    struct span key;
    size_t n = 0;
    for (json_enter_object(r); json_next_key(r, &key); n++) {
        pattern->is_regex = span_is(key, "Regex");
        if (!pattern->is_regex && !span_is(key, "String"))
            json_fail(r, "unknown kind of pattern \"%.*s\"", SPAN_ARGS(key));
        pattern->text = json_string(r);
    }
    if (n != 1)
        json_fail(r, "expected one pattern, String or Regex");
}

void step_compile(struct json_reader *r, const struct step_pattern *pattern, struct regex *re)
{
    struct err err = {0};
    if (!pattern->is_regex)
        regex_literal(re, pattern->text);
    else if (!regex_compile(re, pattern->text, &err))
        json_fail(r, "%s%s%s", err.where, err.where[0] ? ": " : "", err.what);
}
