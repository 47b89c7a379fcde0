/*
 * command.h - the commands: one row and one file each.
 *
 * A command reads its options, does its work through the lower layers and prints the result on
 * standard output. It never exits: it returns false with an error, and main turns the kind of error
 * into the exit code.
 */
#ifndef PACE_CLI_COMMAND_H
#define PACE_CLI_COMMAND_H

#include "options/options.h"

struct command {
    const char *name;
    enum option_user user;
    const char *arguments; /* "MODEL DATA", as the usage line shows them */
    size_t least_arguments, most_arguments;
    const char *summary; /* one line, no full stop */
    const char *about;   /* a paragraph or two for --help and the man page, 79 columns wide */
    bool (*run)(const struct options *options, struct err *err);
    bool takes_run_file; /* a YAML file may stand for arguments and options */
};

/* What the commands do: one function a file, cmd_<name>.c. */
bool cmd_chat(const struct options *options, struct err *err);
bool cmd_data(const struct options *options, struct err *err);
bool cmd_doctor(const struct options *options, struct err *err);
bool cmd_eval(const struct options *options, struct err *err);
bool cmd_explain(const struct options *options, struct err *err);
bool cmd_export(const struct options *options, struct err *err);
bool cmd_find(const struct options *options, struct err *err);
bool cmd_inspect(const struct options *options, struct err *err);
bool cmd_merge(const struct options *options, struct err *err);
bool cmd_plan(const struct options *options, struct err *err);
bool cmd_pretrain(const struct options *options, struct err *err);
bool cmd_schedule(const struct options *options, struct err *err);
bool cmd_selftest(const struct options *options, struct err *err);
bool cmd_tokenize(const struct options *options, struct err *err);
bool cmd_tokenize_chat(const struct options *options, struct err *err); /* its --chat */
bool cmd_tune(const struct options *options, struct err *err);

extern const struct command command_table[];
extern const size_t command_count;

/* The row with that name, or NULL. */
const struct command *command_find(const char *name);

/* Writes everything that is in the buffer to standard output and clears it. Errors: ERR_IO. */
MUST_CHECK bool command_print(struct buf *text, struct err *err);

#endif
