/*
 * table.h - logs as comma- or tab-separated tables: W&B's export, pandas, Keras, nanoGPT, a
 * notebook's "Step  Training Loss  Validation Loss".
 */
#ifndef PACE_LOGS_TABLE_H
#define PACE_LOGS_TABLE_H

#include "base/err.h"
#include "logs/sheet.h"

/* True where the first line names a loss and the second has a number, or nothing, below it. */
bool table_is(struct span text);

/* Errors: ERR_INPUT where the table breaks off before its first row. */
MUST_CHECK bool table_read(struct sheet *sheet, struct span text, struct err *err);

#endif
