/*
 * logs_tool.c - logs as their readers understand them, for logs_check.py: one JSON document a line
 * for each path named, points and all. With --quiet the points are counted, not shown.
 */
#include <math.h>
#include <stdio.h>

#include "format/json.h"
#include "logs/logs.h"

static struct buf out;
static struct json_writer json = {.out = &out, .python_nan = true};

static void put_point(const struct pace_point *p)
{
    const double values[] = {p->epoch, p->loss, p->eval_loss, p->grad_norm, p->learning_rate};
    json_begin_array(&json);
    json_put_int(&json, p->step);
    for (size_t i = 0; i < COUNT_OF(values); i++)
        json_put_double(&json, values[i]);
    json_put_int(&json, p->flags);
    json_end(&json);
}

static void put_log(const struct log_file *log, bool with_points)
{
    const struct pace_series *s = &log->series;
    json_key(&json, "format");
    json_put_text(&json, log->format);
    json_key(&json, "read");
    json_put_text(&json, log->path);
    json_key(&json, "n_points");
    json_put_int(&json, (int64_t)s->n_points);
    json_key(&json, "total_steps");
    json_put_int(&json, s->total_steps);
    json_key(&json, "total_epochs");
    json_put_double(&json, s->total_epochs);
    json_key(&json, "rate_is_of_next");
    json_put_bool(&json, s->rate_is_of_next);
    json_key(&json, "hides_nan");
    json_put_bool(&json, s->hides_nan);
    json_key(&json, "columns");
    json_begin_array(&json);
    for (size_t i = 0; i < log->n_columns; i++)
        json_put_text(&json, log->columns[i]);
    json_end(&json);
    json_key(&json, "notes");
    json_begin_array(&json);
    for (size_t i = 0; i < log->n_notes; i++)
        json_put_text(&json, log->notes[i]);
    json_end(&json);
    json_key(&json, "points");
    json_begin_array(&json);
    for (size_t i = 0; with_points && i < s->n_points; i++)
        put_point(&s->points[i]);
    json_end(&json);
}

static void show(const char *path, bool with_points)
{
    struct arena arena = {0};
    struct err err = {0};
    struct log_file log;
    buf_clear(&out);
    json_begin_object(&json);
    json_key(&json, "path");
    json_put_text(&json, path);
    if (log_read(&log, path, &arena, &err)) {
        put_log(&log, with_points);
    } else {
        json_key(&json, "kind");
        json_put_int(&json, err.kind);
        json_key(&json, "error");
        json_put_text(&json, err.what);
        json_key(&json, "hint");
        json_put_text(&json, err.hint);
    }
    json_end(&json);
    printf("%s\n", buf_string(&out));
    arena_release(&arena);
}

int main(int argc, char **argv)
{
    bool with_points = true;
    buf_init(&out, BUF_NO_LIMIT);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quiet") == 0)
            with_points = false;
        else
            show(argv[i], with_points);
    }
    buf_release(&out);
    return 0;
}
