/*
 * report.c - what a run leaves for a person, made from its journal alone: so that it can be made
 * again at any time, by whoever has the folder.
 *
 * The model card stands in the run's folder and beside the weights: that folder is what is handed
 * on, and where others look for a card.
 */
#include "report/report.h"

#include <math.h>

#include "base/file.h"
#include "report/card.h"
#include "report/page.h"
#include "report/summary.h"

/* Beyond this no journal is read: some millions of steps. */
static const size_t longest_journal = (size_t)4 << 30;

static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return ".";
    size_t len = slash == path ? 1 : (size_t)(slash - path);
    return arena_string(arena, (struct span){(const uint8_t *)path, len});
}

bool report_open(struct report *r, const char *path, struct err *err)
{
    *r = (struct report){.path = path};
    buf_init(&r->text, longest_journal);
    bool is_folder = file_kind_of(path) == FILE_FOLDER;
    r->path = is_folder ? file_join(&r->arena, path, "journal.jsonl")
                        : arena_string(&r->arena, span_of(path));
    r->folder = is_folder ? arena_string(&r->arena, span_of(path)) : folder_of(&r->arena, path);
    if (!file_read(&r->text, r->path, err))
        goto fail;
    if (!journal_read(&r->journal, buf_span(&r->text), &r->arena, err)) {
        err_in(err, "%s", r->path);
        goto fail;
    }
    story_make(&r->story, &r->journal, &r->arena);
    facts_read(&r->facts, &r->journal, &r->arena);
    timeline_make(&r->timeline, &r->story, &r->facts, &r->arena);
    trace_make(&r->trace, &r->story, &r->arena);
    return true;

fail:
    report_close(r);
    return false;
}

void report_close(struct report *r)
{
    buf_release(&r->text);
    arena_release(&r->arena);
    *r = (struct report){0};
}

const char *report_status(const struct report *r)
{
    static const char *const ends[] = {
        [STORY_DONE] = "done", [STORY_STOPPED] = "stopped", [STORY_UNFINISHED] = "unfinished"};
    return r->facts.end.status ? r->facts.end.status : ends[r->story.end];
}

double report_rate(const struct report *r)
{
    if (isfinite(r->facts.search.learning_rate))
        return r->facts.search.learning_rate;
    if (r->journal.has_options)
        return r->journal.options.schedule.learning_rate;
    return r->facts.prior.learning_rate;
}

static bool put_file(const struct report *r, const char *folder, const char *name,
                     void (*put)(const struct report *r, struct buf *out), struct err *err)
{
    struct arena arena = {0};
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    put(r, &out);
    bool ok = file_put(file_join(&arena, folder, name), buf_span(&out), err);
    buf_release(&out);
    arena_release(&arena);
    return ok;
}

bool report_write(const char *folder, struct err *err)
{
    static const char *const weights[] = {"adapter", "model"};
    struct report r;
    struct arena arena = {0};
    if (!report_open(&r, folder, err))
        return false;
    bool ok = put_file(&r, folder, "report.html", page_put, err) &&
              put_file(&r, folder, "report.json", summary_put, err);
    for (size_t i = 0; ok && i < COUNT_OF(weights); i++) {
        const char *beside = file_join(&arena, folder, weights[i]);
        if (file_kind_of(beside) == FILE_FOLDER)
            ok = put_file(&r, beside, "README.md", card_put, err);
    }
    /* The last one: where it is, all are. */
    ok = ok && put_file(&r, folder, "README.md", card_put, err);
    arena_release(&arena);
    report_close(&r);
    return ok;
}
