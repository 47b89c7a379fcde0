/*
 * dataset_json.h - where the rows stand in a JSON file, found without reading what is in them.
 */
#ifndef PACE_TEXT_DATASET_JSON_H
#define PACE_TEXT_DATASET_JSON_H

#include "base/err.h"
#include "base/span.h"

enum json_rows_kind {
    JSON_ROWS_LINES,  /* an object a line */
    JSON_ROWS_STREAM, /* objects, one behind the other */
    JSON_ROWS_LIST,   /* the items of a list */
};

/*
 * Says how the file's rows are laid out, and at which byte the first can stand. An object whose one
 * list of objects has a name that is no column ("data", "train") holds its rows in that list.
 * Errors: ERR_INPUT where the text begins with neither an object nor a list, or holds two such
 * lists.
 */
MUST_CHECK bool json_rows_find(struct span text, enum json_rows_kind *kind, size_t *start,
                               struct err *err);

/*
 * End of the value that begins at `at`, found by its brackets and quotes alone, so that an error
 * inside it stays inside; text.len + 1 where the text ends first.
 */
size_t json_value_end(struct span text, size_t at);

/* Position of the first byte from `at` on that is not white space. */
size_t json_skip_space(struct span text, size_t at);

#endif
