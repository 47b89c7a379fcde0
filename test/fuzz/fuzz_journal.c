/*
 * fuzz_journal.c - a journal that is accepted is written again and read back the same; what it
 * holds is fit for a controller and for pace_rate_explain.
 */
#include "fuzz.h"

#include "format/json.h"
#include "logs/journal.h"

/* Those of other kinds are objects, in order, and stand among the entries. */
static void check_lines(const struct journal *journal, struct arena *arena)
{
    struct err err = {0};
    for (size_t i = 0; i < journal->n_lines; i++) {
        const struct journal_line *line = &journal->lines[i];
        struct json_reader json;
        CHECK(line->n_entries <= journal->n_entries && line->line > 0);
        CHECK(i == 0 || (line->line > line[-1].line && line->n_entries >= line[-1].n_entries));
        json_open(&json, line->text, arena);
        CHECK(json_peek(&json) == JSON_OBJECT);
        json_skip(&json);
        CHECK(json_close(&json, &err));
    }
}

static void write_again(const struct journal *journal, struct buf *out)
{
    if (!journal->has_options)
        return;
    journal_put_options(out, &journal->options);
    for (size_t i = 0; i < journal->n_entries; i++)
        journal_put(out, &journal->entries[i].obs, &journal->entries[i].decision);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct arena arena = {0};
    struct err err = {0};
    struct journal journal, again = {0};
    struct pace_problem problem;
    struct buf once, twice;
    buf_init(&once, BUF_NO_LIMIT);
    buf_init(&twice, BUF_NO_LIMIT);
    (void)journal_is((struct span){bytes, len});
    if (journal_read(&journal, (struct span){bytes, len}, &arena, &err)) {
        CHECK(!journal.has_options || pace_rate_options_check(&journal.options, &problem));
        CHECK(journal.has_options || journal.n_entries == 0);
        check_lines(&journal, &arena);
        write_again(&journal, &once);
        CHECK(once.len == 0 || journal_read(&again, buf_span(&once), &arena, &err));
        CHECK(once.len == 0 || (again.n_entries == journal.n_entries && !again.is_cut));
        write_again(&again, &twice);
        CHECK(span_equal(buf_span(&once), buf_span(&twice)));
    } else {
        CHECK(err.kind == ERR_INPUT);
    }
    CHECK(arena.total_bytes < 64 * len + once.len * 64 + 65536);
    buf_release(&once);
    buf_release(&twice);
    arena_release(&arena);
    return 0;
}
