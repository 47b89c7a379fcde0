/*
 * journal_rows.h - pace's own journal as the log of a run.
 */
#ifndef PACE_LOGS_JOURNAL_ROWS_H
#define PACE_LOGS_JOURNAL_ROWS_H

#include "base/err.h"
#include "logs/sheet.h"

/* Errors: those of journal_read. */
MUST_CHECK bool journal_rows_read(struct sheet *sheet, struct span text, struct err *err);

#endif
