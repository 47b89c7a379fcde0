/*
 * run_journal.c - OUT/journal.jsonl as a run writes it.
 *
 * In the order in which a run goes:
 *
 *     run          what it is: model, data, method, rows, what was chosen and why, memory
 *     preflight    a check before the first step
 *     prior        the first guess of the rate and its terms
 *     arm          a short branch of the search and what it came to
 *     search       the rate that was found, and what speaks for it
 *     options      of the controller (logs/journal.h); then step and eval, the bulk of the file
 *     quarantine   a row that is left out from here on
 *     checkpoint, resume
 *     choice       which of the run's states is kept as its result
 *     answer       what the base and the tuned model say to a test row's question
 *     verdict      base and tuned on the test rows, and how far the tuned one has moved away
 *     end          how it ended, and what it cost
 *
 * Numbers are unrounded, losses in nats a target token. Lines are written whole and at once, so a
 * run that is killed leaves all but perhaps its last line. A line that cannot be written does not
 * stop a run: it is told at the end.
 */
#include "train/run_journal.h"

#include <stdio.h>

#include "logs/journal.h"

void run_journal_init(struct run_journal *j)
{
    *j = (struct run_journal){.file.fd = -1};
    buf_init(&j->line, BUF_NO_LIMIT);
}

bool run_journal_open(struct run_journal *j, const char *folder, uint64_t len, struct err *err)
{
    run_journal_init(j);
    (void)snprintf(j->path, sizeof j->path, "%s/journal.jsonl", folder);
    return append_open(&j->file, j->path, len, err);
}

void run_journal_close(struct run_journal *j)
{
    append_close(&j->file);
    buf_release(&j->line);
}

static void write_line(struct run_journal *j)
{
    append_put(&j->file, buf_span(&j->line));
}

struct json_writer *run_journal_begin(struct run_journal *j, const char *record)
{
    buf_clear(&j->line);
    j->writer = (struct json_writer){.out = &j->line};
    json_begin_object(&j->writer);
    json_member_text(&j->writer, "record", record);
    return &j->writer;
}

void run_journal_end(struct run_journal *j)
{
    json_end(&j->writer);
    buf_add_byte(&j->line, '\n');
    write_line(j);
}

void run_journal_decide(struct run_journal *j, const char *action, const char *reason)
{
    json_member_text(&j->writer, "action", action);
    json_member_text(&j->writer, "reason", reason);
}

void run_journal_options(struct run_journal *j, const struct pace_rate_options *options)
{
    buf_clear(&j->line);
    journal_put_options(&j->line, options);
    write_line(j);
}

void run_journal_observe(struct run_journal *j, const struct pace_rate_obs *obs,
                         const struct pace_rate_decision *decision)
{
    buf_clear(&j->line);
    journal_put(&j->line, obs, decision);
    write_line(j);
}

bool run_journal_check(const struct run_journal *j, struct err *err)
{
    return append_check(&j->file, j->path, err);
}
