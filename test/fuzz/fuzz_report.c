/*
 * fuzz_report.c - whatever a journal says, its page, its numbers and its model card are whole: the
 * numbers are JSON, and no text of the journal becomes a script or an address of the page.
 */
#include "fuzz.h"

#include "format/json.h"
#include "report/card.h"
#include "report/facts.h"
#include "report/page.h"
#include "report/summary.h"

static size_t count(struct span text, const char *part)
{
    size_t n = 0, at;
    while ((at = span_find(text, span_of(part))) < text.len) {
        text = span_from(text, at + 1);
        n++;
    }
    return n;
}

static void check_json(struct span text)
{
    struct arena arena = {0};
    struct err err = {0};
    struct json_reader json;
    json_open(&json, text, &arena);
    json_skip(&json);
    CHECK(json_close(&json, &err));
    arena_release(&arena);
}

/* As report_open does, without a file. */
static bool make(struct report *r, struct span text, struct err *err)
{
    *r = (struct report){.path = "journal.jsonl", .folder = "."};
    if (!journal_read(&r->journal, text, &r->arena, err))
        return false;
    story_make(&r->story, &r->journal, &r->arena);
    facts_read(&r->facts, &r->journal, &r->arena);
    timeline_make(&r->timeline, &r->story, &r->facts, &r->arena);
    trace_make(&r->trace, &r->story, &r->arena);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct report r;
    struct err err = {0};
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    if (make(&r, (struct span){bytes, len}, &err)) {
        CHECK(r.arena.total_bytes < 256 * len + (1 << 20));
        summary_put(&r, &out);
        check_json(buf_span(&out));
        buf_clear(&out);
        page_put(&r, &out);
        CHECK(count(buf_span(&out), "<script") == 3 && count(buf_span(&out), "</script") == 3);
        CHECK(count(buf_span(&out), "<img") == 0 && count(buf_span(&out), "<a ") == 0);
        CHECK(out.len < 400000 + 600 * len);
        buf_clear(&out);
        card_put(&r, &out);
    }
    arena_release(&r.arena);
    buf_release(&out);
    return 0;
}
