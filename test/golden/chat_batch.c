/*
 * chat_batch.c - renders many conversations in one process, for the comparison with transformers.
 *
 * Reads one JSON object a line: {"template": …, "model": FOLDER, "request": {"messages": …},
 * "prompt": bool, "mask": bool}; writes one a line: {"text": …, "spans": [[start, end], …]}, in
 * bytes, or {"error": …, "where": …}. A template that comes twice in a row is parsed once.
 */
#include <stdio.h>

#include "base/file.h"
#include "format/json.h"
#include "text/chat.h"

struct line_request {
    struct span template, model;
    struct chat_request chat;
};

struct state {
    struct arena arena;
    struct chat chat;
    struct span template, model;
    bool is_open;
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

static bool read_request(struct line_request *out, struct span line, struct arena *arena,
                         struct err *err)
{
    struct json_reader r;
    struct span key;
    json_open(&r, line, arena);
    for (json_enter_object(&r); json_next_key(&r, &key);) {
        if (span_is(key, "template"))
            out->template = json_string(&r);
        else if (span_is(key, "model"))
            out->model = json_string(&r);
        else if (span_is(key, "request"))
            out->chat.messages = json_raw(&r);
        else if (span_is(key, "prompt"))
            out->chat.add_generation_prompt = json_bool(&r);
        else if (span_is(key, "mask"))
            out->chat.wants_spans = json_bool(&r);
        else
            json_skip(&r);
    }
    return json_close(&r, err);
}

/* Opens the template, unless it is the one that is open. */
static bool use_template(struct state *s, const struct line_request *request, struct err *err)
{
    if (s->is_open && span_equal(s->template, request->template) &&
        span_equal(s->model, request->model))
        return true;
    chat_close(&s->chat);
    arena_release(&s->arena);
    s->is_open = false;
    s->template = arena_copy(&s->arena, request->template);
    s->model = arena_copy(&s->arena, request->model);
    if (request->model.len > 0) {
        struct chat_source source = {.model = arena_string(&s->arena, s->model)};
        s->is_open = chat_open(&s->chat, &source, err);
    } else {
        s->is_open = chat_open_text(&s->chat, s->template, err);
    }
    s->chat.now = fixed_clock;
    return s->is_open;
}

static void write_answer(bool ok, const struct chat_text *text, const struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    struct json_writer w = {.out = &out};
    json_begin_object(&w);
    json_key(&w, ok ? "text" : "error");
    if (ok)
        json_put_string(&w, buf_span(&text->text));
    else
        json_put_text(&w, err->what);
    json_key(&w, ok ? "spans" : "where");
    if (ok) {
        json_begin_array(&w);
        for (size_t i = 0; i < text->n_spans; i++) {
            json_begin_array(&w);
            json_put_int(&w, (int64_t)text->spans[i].start);
            json_put_int(&w, (int64_t)text->spans[i].end);
            json_end(&w);
        }
        json_end(&w);
    } else {
        json_put_text(&w, err->where);
    }
    json_end(&w);
    printf("%s\n", buf_string(&out));
    buf_release(&out);
}

int main(void)
{
    struct file_lines lines;
    struct err err = {0};
    struct span line;
    struct state state = {0};
    struct chat_text text;
    bool more = true;
    chat_text_init(&text);
    if (!file_lines_open(&lines, "-", (size_t)1 << 30, &err))
        return 3;
    while (file_lines_next(&lines, &line, &more, &err) && more) {
        struct arena arena = {0};
        struct line_request request = {0};
        bool ok = read_request(&request, line, &arena, &err) &&
                  use_template(&state, &request, &err) &&
                  chat_render(&state.chat, &request.chat, &text, &err);
        write_answer(ok, &text, &err);
        arena_release(&arena);
    }
    fflush(stdout);
    file_lines_close(&lines);
    chat_text_release(&text);
    chat_close(&state.chat);
    arena_release(&state.arena);
    return 0;
}
