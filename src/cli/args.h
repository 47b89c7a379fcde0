/*
 * args.h - the words of a command line into options.
 */
#ifndef PACE_CLI_ARGS_H
#define PACE_CLI_ARGS_H

#include "base/arena.h"
#include "cli/command.h"

/*
 * Reads `n` words behind the command's name. "--name value", "--name=value", "-o value"; a Boolean
 * may stand bare; "--" ends the options; "-" is an argument (standard input). Where the command
 * takes run files, a first argument that ends in .yaml is one. The words must outlive the options,
 * and so must the arena, which holds the run file's texts. Errors: ERR_USAGE, and what
 * run_file_read gives.
 */
MUST_CHECK bool args_read(struct options *o, struct arena *arena, const struct command *command,
                          char *const *words, size_t n, struct err *err);

#endif
