/*
 * report.h - a finished run's journal, read whole, and the files that tell of it.
 *
 *     OUT/report.html   a page that stands alone
 *     OUT/report.json   the numbers: those of `pace tune --json`, and more
 *     OUT/README.md     a model card, also beside the weights
 */
#ifndef PACE_REPORT_REPORT_H
#define PACE_REPORT_REPORT_H

#include "report/facts.h"
#include "report/story.h"
#include "report/timeline.h"
#include "report/trace.h"

struct report {
    const char *path;   /* of the journal */
    const char *folder; /* that holds it; "." where the path names none */
    struct buf text;
    struct arena arena;
    struct journal journal;
    struct story story;
    struct facts facts;
    struct timeline timeline;
    struct trace trace;
};

/* Reads a journal; `path` is the file, or the folder of a run. Errors: ERR_IO, ERR_INPUT. */
MUST_CHECK bool report_open(struct report *report, const char *path, struct err *err);

/* Safe on a zeroed struct. */
void report_close(struct report *report);

/* "done", "stopped", "interrupted" or "unfinished". */
const char *report_status(const struct report *report);

/* The peak learning rate: the chosen, else that of the schedule, else the guessed; or NAN. */
double report_rate(const struct report *report);

/*
 * Writes report.html, report.json and README.md into the folder of a run, from its journal.jsonl
 * alone. Errors: ERR_IO, ERR_INPUT.
 */
MUST_CHECK bool report_write(const char *folder, struct err *err);

#endif
