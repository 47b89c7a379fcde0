/*
 * run_file.h - a YAML file in place of flags: `pace data run.yaml`.
 *
 *     model: models/small
 *     data: tickets.jsonl
 *     max_length: 512
 *     columns: prompt=question,completion=query
 *     lr_scheduler_kwargs: {num_cycles: 2}
 *
 * Keys are the option table's names in either spelling, and the names of the command's arguments. A
 * list is joined by commas, a mapping becomes JSON, null leaves the default. What the command line
 * says wins over the file. Options that belong to other commands are passed over, so that one file
 * serves them all.
 */
#ifndef PACE_OPTIONS_RUN_FILE_H
#define PACE_OPTIONS_RUN_FILE_H

#include "base/arena.h"
#include "options/options.h"

/* True where the name ends in .yaml or .yml. */
bool run_file_is(const char *path);

/*
 * Reads the file into the options. `user` is the command's bit; `arguments` its arguments in order,
 * as its usage line names them ("MODEL DATA"). They are put behind those that the options hold
 * already. The texts live in the arena. Errors: ERR_IO; ERR_INPUT for YAML that is malformed;
 * ERR_USAGE, with file and line, for a key that no command knows and a value of the wrong kind.
 */
MUST_CHECK bool run_file_read(struct options *o, struct arena *arena, const char *path,
                              unsigned user, const char *arguments, struct err *err);

#endif
