/*
 * command.c - the table of commands.
 *
 * To add one: its cmd_<name>.c with one function, a line in the list below, a row, and a bit in
 * enum option_user. Help, man pages, completion and "did you mean" follow. A command that is not
 * built yet has no row.
 */
#include "cli/command.h"

#include <errno.h>
#include <stdio.h>

/* A placeholder row keeps the table from being empty while the first commands are added. */
const struct command command_table[] = {
    {0},
};
const size_t command_count = 0;

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < command_count; i++) {
        if (strcmp(command_table[i].name, name) == 0)
            return &command_table[i];
    }
    return NULL;
}

bool command_print(struct buf *text, struct err *err)
{
    size_t written = fwrite(text->at, 1, text->len, stdout);
    bool ok = written == text->len;
    if (!ok) {
        err_set(err, ERR_IO, "cannot write: %s", strerror(errno));
        err_in(err, "standard output");
    }
    buf_clear(text);
    return ok;
}
