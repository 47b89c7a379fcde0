/*
 * main.c - finds the command, reads its options, runs it, and turns the kind of error into the exit
 * code that scripts rely on.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "base/nearest.h"
#include "cli/args.h"
#include "cli/help.h"
#include "cli/term.h"

static int exit_code(enum err_kind kind)
{
    static const int codes[] = {
        [ERR_NONE] = 0,   [ERR_USAGE] = 2,  [ERR_INPUT] = 3,   [ERR_IO] = 3,
        [ERR_MEMORY] = 4, [ERR_DEVICE] = 5, [ERR_STOPPED] = 6, [ERR_INTERRUPTED] = 130,
    };
    return codes[kind];
}

static bool print_overview(struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    help_overview(&text);
    bool ok = command_print(&text, err);
    buf_release(&text);
    return ok;
}

static bool print_help(const struct command *command, struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    help_command(&text, command);
    bool ok = command_print(&text, err);
    buf_release(&text);
    return ok;
}

static bool print_version(struct err *err)
{
    struct buf text;
    buf_init(&text, BUF_NO_LIMIT);
    buf_printf(&text, "pace %s\n", PACE_VERSION);
    bool ok = command_print(&text, err);
    buf_release(&text);
    return ok;
}

static bool refuse_command(const char *name, struct err *err)
{
    const char *names[64];
    CHECK(command_count <= COUNT_OF(names));
    for (size_t i = 0; i < command_count; i++)
        names[i] = command_table[i].name;
    const char *nearest = nearest_word(span_of(name), names, command_count);
    err_set(err, ERR_USAGE, "there is no command '%s'", name);
    if (nearest)
        err_hint(err, "did you mean 'pace %s'?", nearest);
    else
        err_hint(err, "pace --help lists the commands");
    return false;
}

static bool run_command(const struct command *command, char *const *words, size_t n,
                        struct err *err)
{
    struct options options;
    struct arena arena = {0};
    options_init(&options);
    bool ok = args_read(&options, &arena, command, words, n, err);
    log_set_level(options.quiet ? LOG_QUIET : options.verbose ? LOG_VERBOSE : LOG_NORMAL);
    options_note_needless(&options);
    if (ok)
        ok = options.help ? print_help(command, err) : command->run(&options, err);
    arena_release(&arena);
    return ok;
}

static bool run(int n_words, char *const *words, struct err *err)
{
    const char *first = n_words > 1 ? words[1] : "--help";
    if (strcmp(first, "--version") == 0)
        return print_version(err);
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0 || strcmp(first, "help") == 0)
        return print_overview(err);
    const struct command *command = command_find(first);
    return command ? run_command(command, words + 2, (size_t)n_words - 2, err)
                   : refuse_command(first, err);
}

int main(int argc, char **argv)
{
    struct err err = {0};
    /* A file over the shell's limit (ulimit -f) is an error of a write, not the end of a run. */
    (void)signal(SIGXFSZ, SIG_IGN);
    if (isatty(STDERR_FILENO))
        log_set_width(term_of_stderr().width);
    bool ok = run(argc, argv, &err);
    if (ok && fflush(stdout) != 0) {
        err_set(&err, ERR_IO, "cannot write: %s", strerror(errno));
        err_in(&err, "standard output");
        ok = false;
    }
    if (!ok)
        log_error(&err);
    return exit_code(err.kind);
}
