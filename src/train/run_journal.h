/*
 * run_journal.h - OUT/journal.jsonl as a run writes it: a line for all that was seen and decided,
 * at the moment it happens.
 *
 *     struct json_writer *w = run_journal_begin(&j, "arm");       {"record": "arm"
 *     json_member_double(w, "learning_rate", 1e-3);
 *     run_journal_end(&j);                                        …}
 *
 * The records of the controller are those of logs/journal.h; the others are listed in
 * run_journal.c.
 */
#ifndef PACE_TRAIN_RUN_JOURNAL_H
#define PACE_TRAIN_RUN_JOURNAL_H

#include "base/append.h"
#include "base/buf.h"
#include "format/json.h"
#include "pace/rate.h"

struct run_journal {
    struct append file; /* .len: bytes so far, for a checkpoint */
    char path[4096];
    struct buf line;
    struct json_writer writer;
};

/* A journal that keeps nothing: for who runs without a folder. */
void run_journal_init(struct run_journal *j);

/*
 * Goes on behind the first `len` bytes of folder/journal.jsonl, 0 for a new run; what was behind
 * them is cut off. Errors: ERR_IO.
 */
MUST_CHECK bool run_journal_open(struct run_journal *j, const char *folder, uint64_t len,
                                 struct err *err);

/* Safe after init, and twice. */
void run_journal_close(struct run_journal *j);

/* Begins a record of that kind; the caller adds members to the writer, then ends it. */
struct json_writer *run_journal_begin(struct run_journal *j, const char *record);
void run_journal_end(struct run_journal *j);

/* A decision of any part: members action and reason, besides what was added. */
void run_journal_decide(struct run_journal *j, const char *action, const char *reason);

/* The controller's records. */
void run_journal_options(struct run_journal *j, const struct pace_rate_options *options);
void run_journal_observe(struct run_journal *j, const struct pace_rate_obs *obs,
                         const struct pace_rate_decision *decision);

/* Errors: ERR_IO, the first line that could not be written. */
MUST_CHECK bool run_journal_check(const struct run_journal *j, struct err *err);

#endif
