/*
 * jinja.h - chat templates: Jinja2 as transformers runs it.
 *
 *     struct jinja_template *template;
 *     jinja_compile(&template, &arena, source, &err);
 *     struct jinja_value context = jinja_dict_new(&arena);
 *     jinja_dict_put_text(&arena, context.as.dict, "messages", messages);
 *     struct jinja_job job = {.template = template, .context = context.as.dict, .arena = &arena};
 *     jinja_render(&job, &out, &err);
 *
 * The output is, byte for byte, what transformers' apply_chat_template gives: jinja2's sandbox with
 * trim_blocks and lstrip_blocks, loop controls, the {% generation %} tag, its own tojson,
 * raise_exception and strftime_now, and Python's way to print numbers, lists and dicts.
 *
 * A template is a program from a stranger. It can read what the context holds and write text,
 * nothing else, and its steps, memory, depth and output are limited. What Jinja has and pace has
 * not (see jinja_parse.c and the tables of filters and methods) is refused by name and line.
 */
#ifndef PACE_FORMAT_JINJA_H
#define PACE_FORMAT_JINJA_H

#include <time.h>

#include "base/buf.h"
#include "base/err.h"
#include "format/jinja_value.h"

struct jinja_template;
struct json_reader;

struct jinja_limits {
    uint64_t steps;      /* expressions and statements run, plus a share of the text moved */
    size_t memory_bytes; /* of values, over one rendering */
    size_t output_bytes;
    uint32_t depth; /* of evaluations inside each other: macros, loops, brackets */
};

/* 20 million steps (a few seconds), 512 MiB, 64 MiB, 1500. */
extern const struct jinja_limits jinja_default_limits;

/* Bytes of the output that {% generation %} blocks wrote: the assistant's. */
struct jinja_span {
    size_t start, end;
};

struct jinja_spans {
    struct jinja_span *at; /* in the job's arena, in the order they were written */
    size_t n, cap;
    bool lost; /* one was written inside a macro or a captured block: its place is not known */
};

struct jinja_job {
    const struct jinja_template *template;
    const struct jinja_dict *context;  /* the template's variables */
    struct arena *arena;               /* holds every value that the rendering makes */
    const struct jinja_limits *limits; /* NULL: jinja_default_limits */
    uint64_t *steps_left; /* what several renderings may use together; NULL: no such limit */
    void (*now)(struct tm *local); /* for strftime_now; NULL: the machine's clock */
    struct jinja_spans *spans;     /* filled where it is not NULL */
};

/*
 * Parses a template; it lives in the arena and may be rendered many times. Errors (ERR_INPUT):
 * Jinja's own sentence for bad syntax, or the construct that is not supported; the line in `where`.
 */
MUST_CHECK bool jinja_compile(struct jinja_template **template, struct arena *arena,
                              struct span source, struct err *err);

/* The template marks what the assistant says with {% generation %}. */
bool jinja_has_generation(const struct jinja_template *template);

/*
 * Appends the rendered text. Errors (ERR_INPUT): what the template raised by raise_exception,
 * Python's and Jinja's own sentences for run-time errors, or the limit that was reached; the line
 * in `where`.
 */
MUST_CHECK bool jinja_render(const struct jinja_job *job, struct buf *out, struct err *err);

/*
 * The next JSON value as a template's value: numbers without fraction or exponent are ints. The
 * text must outlive the value. Errors are the reader's; a whole number beyond 64 bits is one.
 */
struct jinja_value jinja_from_json(struct json_reader *r, struct arena *arena);

#endif
