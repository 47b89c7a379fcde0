/*
 * console.h - what trainers print: dicts, lines of names and numbers, progress bars.
 */
#ifndef PACE_LOGS_CONSOLE_H
#define PACE_LOGS_CONSOLE_H

#include "base/err.h"
#include "logs/sheet.h"

/* True for any text: whether a loss is in it shows when it is read. */
bool console_is(struct span text);
MUST_CHECK bool console_read(struct sheet *sheet, struct span text, struct err *err);

#endif
