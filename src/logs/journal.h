/*
 * journal.h - journal.jsonl: every observation of a run and every decision on it, as it happened.
 *
 * A JSON object a line, in the order of time, so that a run that is killed leaves all but perhaps
 * its last line. The first holds the options of the controller; each of the others an observation
 * with the decision that followed:
 *
 *     {"record": "options", "journal": 1, "guard": "act", …, "schedule": {"kind": "linear", …}}
 *     {"record": "step", "loss": 2.25, "grad_norm": 0.8, "targets": 512, "batch": 7,
 *      "action": "clip", "rule": "gradient_outlier", "reason": "gradient norm 9.1 is …",
 *      "numbers": [9.1, 0.9], "step": 7, "learning_rate": 0.0001, "gradient_scale": 0.11, …}
 *
 * What is as always is left out: no slots, scale 1, advice equal to the action, an update that is
 * applied (not behind an evaluation), numbers that are zero at the end. Numbers keep every digit,
 * NaN and Infinity are written bare as Python does: a journal read back and played into a new
 * controller gives the same decisions, bit for bit.
 *
 * A run that goes on from an arm of the search has first_step above 0, and the arm's steps behind
 * the base's held-out loss: no decisions of its controller, to be passed over by who plays it.
 *
 * A run puts records of other kinds around these ("run" before all, "arm", "verdict", …); here they
 * are kept as lines, in their places among the observations, and report/facts.h says what they
 * hold. What stands between a checkpoint and a "resume" at its step was lost with the process that
 * wrote it, and done again: it is left out.
 */
#ifndef PACE_LOGS_JOURNAL_H
#define PACE_LOGS_JOURNAL_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "pace/rate.h"

/* Append one line, its '\n' included. */
void journal_put_options(struct buf *out, const struct pace_rate_options *options);
void journal_put(struct buf *out, const struct pace_rate_obs *obs,
                 const struct pace_rate_decision *decision);

/* An observation and its decision. */
struct journal_entry {
    struct pace_rate_obs obs;
    struct pace_rate_decision decision;
    struct span reason; /* the sentence as the run wrote it */
};

/* A record of another kind. */
struct journal_line {
    struct span text; /* a JSON object, well formed */
    size_t line;      /* its number in the file, from 1 */
    size_t n_entries; /* observations before it */
};

struct journal {
    bool has_options;                 /* false: the run had not come to its first step */
    struct pace_rate_options options; /* pass pace_rate_options_check */
    const struct journal_entry *entries;
    size_t n_entries;
    const struct journal_line *lines;
    size_t n_lines;
    bool is_cut; /* the last line was not whole, and has been left out */
};

/* True where the text begins as a journal does. */
bool journal_is(struct span text);

/*
 * Reads a journal; what it points to lives in the arena or in the text. Errors: ERR_INPUT, with the
 * line.
 */
MUST_CHECK bool journal_read(struct journal *journal, struct span text, struct arena *arena,
                             struct err *err);

#endif
