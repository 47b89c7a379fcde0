/*
 * prior_tool.c - pace_prior as a command, for prior_check.py.
 *
 * Standard input: a JSON object a line with the fields of struct pace_job by their names (the enums
 * as numbers); what is absent is not known. Standard output: a line for each,
 *
 *     {"learning_rate": …, "sd": …, "low": …, "high": …, "effects": {"base": …, …}}
 */
#include <stdio.h>

#include "base/file.h"
#include "format/json.h"
#include "pace/rate.h"

struct field {
    const char *name;
    size_t offset;
};

#define AT(field) offsetof(struct pace_job, field)

static const struct field numbers[] = {
    {"parameters", AT(parameters)},
    {"hidden_size", AT(hidden_size)},
    {"lora_rank", AT(lora_rank)},
    {"lora_alpha", AT(lora_alpha)},
    {"tokens_per_step", AT(tokens_per_step)},
    {"rows_per_step", AT(rows_per_step)},
    {"steps", AT(steps)},
    {"epochs", AT(epochs)},
    {"rows", AT(rows)},
    {"weight_decay", AT(weight_decay)},
};

static bool read_number(struct json_reader *r, struct span key, struct pace_job *job)
{
    for (size_t i = 0; i < COUNT_OF(numbers); i++) {
        if (span_is(key, numbers[i].name)) {
            *(double *)(void *)((char *)job + numbers[i].offset) = json_double(r);
            return true;
        }
    }
    return false;
}

static bool read_job(struct span line, struct arena *arena, struct pace_job *job, struct err *err)
{
    struct json_reader r;
    struct span key;
    *job = (struct pace_job){0};
    json_open(&r, line, arena);
    json_enter_object(&r);
    while (json_next_key(&r, &key)) {
        if (read_number(&r, key, job))
            continue;
        if (span_is(key, "method"))
            job->method = (enum pace_method)json_int(&r);
        else if (span_is(key, "scaling"))
            job->scaling = (enum pace_scaling)json_int(&r);
        else if (span_is(key, "schedule"))
            job->schedule = (enum pace_schedule_kind)json_int(&r);
        else if (span_is(key, "from_scratch"))
            job->from_scratch = json_bool(&r);
        else if (span_is(key, "has_questions"))
            job->has_questions = json_bool(&r);
        else if (span_is(key, "model_type"))
            job->model_type = arena_string(arena, json_string(&r));
        else
            json_fail(&r, "unknown field");
    }
    return json_close(&r, err);
}

static void put_prior(const struct pace_prior *p, struct buf *out)
{
    struct json_writer w = {.out = out};
    json_begin_object(&w);
    json_key(&w, "learning_rate");
    json_put_double(&w, p->learning_rate);
    json_key(&w, "sd");
    json_put_double(&w, p->sd);
    json_key(&w, "low");
    json_put_double(&w, p->low);
    json_key(&w, "high");
    json_put_double(&w, p->high);
    json_key(&w, "effects");
    json_begin_object(&w);
    for (size_t i = 0; i < p->n_terms; i++) {
        json_key(&w, p->terms[i].name);
        json_put_double(&w, p->terms[i].effect);
    }
    json_end(&w);
    json_end(&w);
    buf_add_byte(out, '\n');
}

int main(void)
{
    struct file_lines lines;
    struct arena arena = {0};
    struct buf out;
    struct err err = {0};
    struct span line;
    bool more = true;
    buf_init(&out, BUF_NO_LIMIT);
    bool ok = file_lines_open(&lines, "-", 1 << 20, &err);
    while (ok && (ok = file_lines_next(&lines, &line, &more, &err)) && more) {
        struct pace_job job;
        struct pace_prior prior;
        ok = read_job(line, &arena, &job, &err);
        pace_prior(&job, &prior);
        put_prior(&prior, &out);
        arena_release(&arena);
    }
    fwrite(out.at, 1, out.len, stdout);
    if (!ok)
        fprintf(stderr, "%s: %s\n", err.where, err.what);
    buf_release(&out);
    return ok ? 0 : 1;
}
