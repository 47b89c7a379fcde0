/*
 * jinja_batch.c - renders many templates in one process, for the comparison with jinja2.
 *
 * Reads one JSON object a line: {"template": …, "context": {…}}; writes one a line: {"text": …} or
 * {"error": …, "where": …}.
 */
#include <stdio.h>

#include "base/file.h"
#include "format/jinja.h"
#include "format/json.h"

struct request {
    struct span source;
    struct jinja_value context;
};

static void fixed_clock(struct tm *local)
{
    *local = (struct tm){.tm_year = 124,
                         .tm_mon = 6,
                         .tm_mday = 4,
                         .tm_hour = 13,
                         .tm_min = 5,
                         .tm_sec = 9,
                         .tm_wday = 4,
                         .tm_yday = 185};
}

static bool read_request(struct request *request, struct span line, struct arena *arena,
                         struct err *err)
{
    struct json_reader r;
    struct span key;
    json_open(&r, line, arena);
    for (json_enter_object(&r); json_next_key(&r, &key);) {
        if (span_is(key, "template"))
            request->source = json_string(&r);
        else if (span_is(key, "context"))
            request->context = jinja_from_json(&r, arena);
        else
            json_skip(&r);
    }
    return json_close(&r, err);
}

static bool answer(struct span line, struct arena *arena, struct buf *text, struct err *err)
{
    struct request request = {.context = jinja_dict_new(arena)};
    struct jinja_template *template;
    if (!read_request(&request, line, arena, err) ||
        !jinja_compile(&template, arena, request.source, err))
        return false;
    struct jinja_job job = {.template = template,
                            .context = request.context.as.dict,
                            .arena = arena,
                            .now = fixed_clock};
    return jinja_render(&job, text, err);
}

int main(void)
{
    struct file_lines lines;
    struct err err = {0};
    struct span line;
    bool more = true;
    if (!file_lines_open(&lines, "-", (size_t)1 << 30, &err))
        return 3;
    while (file_lines_next(&lines, &line, &more, &err) && more) {
        struct arena arena = {0};
        struct buf text, out;
        buf_init(&text, BUF_NO_LIMIT);
        buf_init(&out, BUF_NO_LIMIT);
        struct json_writer w = {.out = &out};
        json_begin_object(&w);
        if (answer(line, &arena, &text, &err)) {
            json_key(&w, "text");
            json_put_string(&w, buf_span(&text));
        } else {
            json_key(&w, "error");
            json_put_text(&w, err.what);
            json_key(&w, "where");
            json_put_text(&w, err.where);
        }
        json_end(&w);
        printf("%s\n", buf_string(&out));
        fflush(stdout);
        buf_release(&text);
        buf_release(&out);
        arena_release(&arena);
    }
    file_lines_close(&lines);
    return 0;
}
