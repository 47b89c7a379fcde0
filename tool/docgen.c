/*
 * docgen.c - writes the generated documentation: a man page for the program and one per command,
 * and the bash completion, from the tables of options and commands. The build runs it.
 *
 *     docgen FOLDER   ->  FOLDER/pace.1, FOLDER/pace-<command>.1, FOLDER/pace.bash
 */
#include <stdio.h>

#include "base/file.h"
#include "base/log.h"
#include "cli/help.h"

static bool save(const char *folder, const char *name, struct buf *text, struct err *err)
{
    struct arena arena = {0};
    struct file_writer w;
    bool ok = file_writer_open(&w, file_join(&arena, folder, name), err);
    if (ok) {
        file_write(&w, buf_span(text));
        ok = file_commit(&w, err);
    }
    buf_clear(text);
    arena_release(&arena);
    return ok;
}

static bool generate(const char *folder, struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    help_completion(&text);
    bool ok = save(folder, "pace.bash", &text, err);
    help_man_page(&text, NULL, PACE_VERSION);
    ok = ok && save(folder, "pace.1", &text, err);
    for (size_t i = 0; ok && i < command_count; i++) {
        char name[64];
        snprintf(name, sizeof name, "pace-%s.1", command_table[i].name);
        help_man_page(&text, &command_table[i], PACE_VERSION);
        ok = save(folder, name, &text, err);
    }
    buf_release(&text);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    if (argc == 2 && generate(argv[1], &err))
        return 0;
    if (argc != 2)
        err_set(&err, ERR_USAGE, "usage: docgen FOLDER");
    log_error(&err);
    return 1;
}
