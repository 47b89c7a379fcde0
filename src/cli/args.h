/*
 * args.h - the words of a command line into options.
 */
#ifndef PACE_CLI_ARGS_H
#define PACE_CLI_ARGS_H

#include "cli/command.h"

/*
 * Reads `n` words behind the command's name. "--name value", "--name=value", "-o value"; a Boolean
 * may stand bare; "--" ends the options; "-" is an argument (standard input). Errors: ERR_USAGE.
 * The words must outlive the options.
 */
MUST_CHECK bool args_read(struct options *o, const struct command *command, char *const *words,
                          size_t n, struct err *err);

#endif
