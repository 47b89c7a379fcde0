/*
 * dataset_format.h - what a file's columns mean.
 *
 * A format is known by the roles that its columns play ("messages"; "prompt" and "completion"). A
 * column plays the role of its own name, or the one that --columns gives it.
 */
#ifndef PACE_TEXT_DATASET_FORMAT_H
#define PACE_TEXT_DATASET_FORMAT_H

#include "text/dataset_read.h"

/* What a column can be. The names are those of role_names in the .c file. */
enum dataset_role {
    ROLE_MESSAGES,
    ROLE_CONVERSATIONS,
    ROLE_INSTRUCTION,
    ROLE_INPUT,
    ROLE_OUTPUT,
    ROLE_PROMPT,
    ROLE_COMPLETION,
    ROLE_QUESTION,
    ROLE_ANSWER,
    ROLE_TEXT,
    ROLE_LABEL,
    ROLE_CATEGORY,
    ROLE_CHOSEN,
    ROLE_REJECTED,
    ROLE_SYSTEM,
    ROLE_HISTORY,
    ROLE_TOOLS,
    ROLE_FUNCTIONS,
    ROLE_COUNT,
};

enum dataset_format_id {
    FORMAT_PREFERENCE,
    FORMAT_MESSAGES,
    FORMAT_SHAREGPT,
    FORMAT_ALPACA,
    FORMAT_PROMPT_COMPLETION,
    FORMAT_QUESTION_ANSWER,
    FORMAT_TEXT_LABEL,
    FORMAT_TEXT,
    FORMAT_DOCUMENT, /* .txt: one text, cut into pieces */
    FORMAT_COUNT,
};

/* "messages", "alpaca", … as --json says it. */
const char *dataset_format_name(enum dataset_format_id id);

/* The pairs of --columns: which column plays which role. A zeroed struct maps nothing. */
struct dataset_columns {
    struct span column[ROLE_COUNT]; /* at NULL: not mapped */
    bool any;
};

/* Reads "prompt=question,completion=query"; the text must outlive the struct. Errors: ERR_USAGE. */
MUST_CHECK bool dataset_columns_parse(struct dataset_columns *columns, const char *text,
                                      struct err *err);

/* A column seen in the first records, in order of appearance. */
struct dataset_column {
    struct span name;
    enum json_type type; /* of the first value that is not null */
    bool is_used;        /* it plays a role in the format */
};

struct dataset_format {
    enum dataset_format_id id;
    struct span column[ROLE_COUNT]; /* the column that plays each role; at NULL: none does */
    struct dataset_column *columns;
    size_t n_columns;
    size_t room; /* in `columns` */
};

/*
 * Collects the columns of a record. `known` counts those already there; names are copied into the
 * arena. Columns beyond 1,000 are not collected.
 */
void dataset_format_look(struct dataset_format *format, struct arena *arena,
                         const struct record *record);

/*
 * Decides from the columns collected. Errors: ERR_INPUT where they name no format or several, with
 * the columns listed and, as a hint, the --columns that would settle it.
 */
MUST_CHECK bool dataset_format_recognise(struct dataset_format *format,
                                         const struct dataset_columns *mapped, struct err *err);

#endif
