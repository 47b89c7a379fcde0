/*
 * options_json.c - the user's options to JSON and back.
 *
 * Only what was given is written: defaults are the program's, and what it chooses follows from the
 * rest. A number is written as a number, a text as it was typed ("2e-4" and "auto" alike); reading
 * goes through options_set, so that a value is checked as one on a command line is.
 */
#include "options/options_json.h"

#include "base/file.h"

/* Options that name a file or a folder to read. */
static const char *const path_names[] = {"adapter", "chat-template-path"};

/* Options that are of a start and not of a run. */
static const char *const start_names[] = {"output-dir", "overwrite-output-dir", "resume"};

static bool is_among(const char *name, const char *const *names, size_t n)
{
    size_t i = 0;
    while (i < n && strcmp(names[i], name) != 0)
        i++;
    return i < n;
}

/* ----------------------------------------------------------------------------------- writing -- */

static void put_path(struct json_writer *w, const char *path)
{
    struct arena arena = {0};
    json_put_text(w, file_absolute(&arena, path));
    arena_release(&arena);
}

static void put_value(struct json_writer *w, const struct option_row *row, const void *field)
{
    switch (row->type) {
    case OPTION_BOOL:
        json_put_bool(w, *(const bool *)field);
        break;
    case OPTION_INT:
        json_put_int(w, *(const int64_t *)field);
        break;
    case OPTION_NUMBER:
        json_put_double(w, *(const double *)field);
        break;
    case OPTION_TEXT:
        if (is_among(row->name, path_names, COUNT_OF(path_names)))
            put_path(w, *(const char *const *)field);
        else
            json_put_text(w, *(const char *const *)field);
        break;
    case OPTION_BYTES:
        json_put_int(w, (int64_t) * (const uint64_t *)field);
        break;
    }
}

void options_json_put(struct json_writer *w, const struct options *o)
{
    json_begin_object(w);
    json_key(w, "arguments");
    json_begin_array(w);
    for (size_t i = 0; i < o->n_arguments; i++)
        put_path(w, o->arguments[i]);
    json_end(w);
    json_member_bool(w, "from_scratch", o->from_scratch);
    json_key(w, "given");
    json_begin_object(w);
    for (size_t i = 0; i < option_count; i++) {
        const struct option_row *row = &option_table[i];
        if (!o->given[i] || is_among(row->name, start_names, COUNT_OF(start_names)))
            continue;
        json_key(w, row->name);
        put_value(w, row, (const char *)o + row->offset);
    }
    json_end(w);
    json_end(w);
}

/* ----------------------------------------------------------------------------------- reading -- */

static void read_arguments(struct json_reader *r, struct arena *arena, struct options *o)
{
    for (json_enter_array(r); json_next_item(r);) {
        const char *argument = arena_string(arena, json_string(r));
        if (o->n_arguments == OPTIONS_MOST_ARGUMENTS)
            json_fail(r, "more than %d arguments", OPTIONS_MOST_ARGUMENTS);
        else
            o->arguments[o->n_arguments++] = argument;
    }
}

/* The value as it would be typed. */
static const char *read_text(struct json_reader *r, struct arena *arena)
{
    switch (json_peek(r)) {
    case JSON_BOOL:
        return json_bool(r) ? "true" : "false";
    case JSON_NUMBER:
        return arena_string(arena, json_number_text(r));
    default:
        return arena_string(arena, json_string(r));
    }
}

static void read_given(struct json_reader *r, struct arena *arena, unsigned user, struct options *o)
{
    struct span key;
    json_enter_object(r);
    while (json_next_key(r, &key)) {
        struct err wrong = {0};
        size_t row = options_find(key);
        const char *text = read_text(r, arena);
        if (row == option_count)
            json_fail(r, "there is no option %.*s", SPAN_ARGS(key));
        else if (!options_set(o, row, text, user, &wrong))
            json_fail(r, "%s", wrong.what);
    }
}

void options_json_read(struct json_reader *r, struct arena *arena, unsigned user, struct options *o)
{
    struct span key;
    options_init(o);
    json_enter_object(r);
    while (json_next_key(r, &key)) {
        if (span_is(key, "arguments"))
            read_arguments(r, arena, o);
        else if (span_is(key, "from_scratch"))
            o->from_scratch = json_bool(r);
        else if (span_is(key, "given"))
            read_given(r, arena, user, o);
        else
            json_fail(r, "an unknown member");
    }
}
