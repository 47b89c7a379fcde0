/*
 * json_rows.h - logs of one JSON object a line, or of one array of objects.
 */
#ifndef PACE_LOGS_JSON_ROWS_H
#define PACE_LOGS_JSON_ROWS_H

#include "format/json.h"
#include "logs/sheet.h"

bool json_rows_is(struct span text);

/* Errors: ERR_INPUT where no line, or less than half of them, is an object. */
MUST_CHECK bool json_rows_read(struct sheet *sheet, struct span text, struct err *err);

/*
 * The object that comes next, as a row of the sheet: numbers, and strings that hold one; members of
 * an object inside it are named "outer/inner". What else it holds is passed over.
 */
void json_rows_object(struct json_reader *json, struct sheet *sheet);

#endif
