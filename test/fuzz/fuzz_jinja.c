/*
 * fuzz_jinja.c - a template, then a NUL, then its context as JSON: whatever they are, rendering
 * ends within its limits, and what comes out is UTF-8.
 */
#include "fuzz.h"

#include "base/utf8.h"
#include "format/jinja.h"
#include "format/json.h"

static void render(struct span source, struct span json)
{
    static const struct jinja_limits limits = {
        .steps = 20000, .memory_bytes = 4u << 20, .output_bytes = 1u << 20, .depth = 600};
    struct arena arena = {0};
    struct err err = {0};
    struct json_reader r;
    struct jinja_template *template;
    struct buf out;
    buf_init(&out, 1u << 20);
    json_open(&r, json, &arena);
    struct jinja_value context = jinja_from_json(&r, &arena);
    if (!json_close(&r, &err) || context.type != JINJA_DICT)
        context = jinja_dict_new(&arena);
    if (jinja_compile(&template, &arena, source, &err)) {
        struct jinja_spans spans;
        struct jinja_job job = {.template = template,
                                .context = context.as.dict,
                                .arena = &arena,
                                .limits = &limits,
                                .spans = &spans};
        bool ok = jinja_render(&job, &out, &err);
        CHECK(ok || err.kind == ERR_INPUT);
        CHECK(!ok || utf8_first_invalid(buf_span(&out)) == out.len);
        for (size_t i = 0; ok && i < spans.n; i++)
            CHECK(spans.at[i].start <= spans.at[i].end && spans.at[i].end <= out.len);
    } else {
        CHECK(err.kind == ERR_INPUT);
    }
    buf_release(&out);
    arena_release(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const uint8_t *end = len > 0 ? memchr(bytes, 0, len) : NULL;
    struct span all = {bytes, len};
    size_t source_len = end ? (size_t)(end - bytes) : len;
    struct span json = end ? span_from(all, source_len + 1) : (struct span){0};
    render(span_part(all, 0, source_len), json);
    return 0;
}
