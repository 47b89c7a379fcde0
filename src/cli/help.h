/*
 * help.h - what the tables say, as text for people and shells.
 */
#ifndef PACE_CLI_HELP_H
#define PACE_CLI_HELP_H

#include "cli/command.h"

/* The commands with their summaries: `pace --help`. */
void help_overview(struct buf *out);

/* One command: usage, what it does, its options by purpose: `pace data --help`. */
void help_command(struct buf *out, const struct command *command);

/* A man page in roff: of the program for command NULL, else of "pace-<command>". */
void help_man_page(struct buf *out, const struct command *command, const char *version);

/* A bash completion script. */
void help_completion(struct buf *out);

#endif
