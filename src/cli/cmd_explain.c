/*
 * cmd_explain.c - pace explain: the story of a run, from the journal that it left.
 */
#include "base/file.h"
#include "base/log.h"
#include "cli/command.h"
#include "cli/explain_view.h"

/* Beyond this no journal is read: some millions of steps. */
static const size_t longest_journal = (size_t)4 << 30;

static bool read_journal(const char *path, struct buf *text, struct journal *journal,
                         struct arena *arena, struct err *err)
{
    if (!file_read(text, path, err))
        return false;
    if (journal_read(journal, buf_span(text), arena, err))
        return true;
    err_in(err, "%s", path);
    return false;
}

bool cmd_explain(const struct options *o, struct err *err)
{
    struct arena arena = {0};
    struct buf text, out;
    struct journal journal;
    struct story story;
    const char *path = o->arguments[0];
    if (file_kind_of(path) == FILE_FOLDER)
        path = file_join(&arena, path, "journal.jsonl");
    buf_init(&text, longest_journal);
    buf_init(&out, BUF_NO_LIMIT);
    bool ok = read_journal(path, &text, &journal, &arena, err);
    if (ok) {
        struct term term = term_of_stdout();
        story_make(&story, &journal, &arena);
        if (journal.is_cut)
            log_note("%s: the last line is not whole and has been left out", path);
        if (o->json)
            explain_view_json(&story, path, &out);
        else
            explain_view_text(&story, path, &term, &out);
        ok = command_print(&out, err);
    }
    buf_release(&out);
    buf_release(&text);
    arena_release(&arena);
    return ok;
}
