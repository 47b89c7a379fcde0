/*
 * cmd_find.c - pace find: which learning rate, before anything is trained for good.
 *
 * With --prior-only the first guess, which needs the model's description and the data alone. Else
 * the search of train/find on a run that is set up as pace tune would, and a line on how far it is.
 */
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"
#include "cli/command.h"
#include "cli/find_view.h"
#include "train/find.h"

static bool show(const struct options *o, struct find_shown *shown, struct err *err)
{
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    shown->data = o->arguments[1];
    if (o->json) {
        find_view_json(shown, &out);
    } else {
        struct term term = term_of_stdout();
        find_view_text(shown, &term, &out);
    }
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

static bool guess(const struct options *o, struct err *err)
{
    struct job job;
    struct pace_prior prior;
    struct arena arena = {0};
    struct find_shown shown = {.job = &job, .prior = &prior};
    bool ok = job_read(&job, &arena, o->arguments[0], o->arguments[1], o, err);
    if (ok) {
        pace_prior(&job.rate_job, &prior);
        ok = show(o, &shown, err);
    }
    arena_release(&arena);
    return ok;
}

/* A line at each arm's end; on a terminal one that is written over at each step. */
static bool tell(void *context, const struct find_event *e)
{
    struct buf line;
    const bool *is_terminal = context;
    if (e->moment == FIND_STEP && !*is_terminal)
        return true;
    buf_init(&line, BUF_NO_LIMIT);
    find_view_progress(e, *is_terminal ? term_of_stderr().width - 1 : 0, &line);
    (void)fprintf(stderr, "%s%s%s", *is_terminal ? "\r\033[K" : "", buf_string(&line),
                  *is_terminal ? "" : "\n");
    buf_release(&line);
    return true;
}

static bool search(const struct options *o, struct err *err)
{
    struct setup setup;
    struct find find;
    struct find_options options;
    struct pace_search_result result;
    bool is_terminal = isatty(STDERR_FILENO);
    if (!setup_open_to_find(&setup, o, err))
        return false;
    find_options_init(&options);
    if (!o->quiet) {
        options.on_event = tell;
        options.context = &is_terminal;
    }
    find_init(&find, &setup, &options);
    (void)find_run(&find); /* which `tell` never ends */
    if (is_terminal && !o->quiet)
        (void)fputs("\r\033[K", stderr);
    pace_search_find(&find.memory.search, &result);
    struct find_shown shown = {
        .job = &setup.job, .prior = &setup.prior, .search = {&find.memory.search, &result}};
    bool ok = show(o, &shown, err);
    setup_close(&setup);
    return ok;
}

bool cmd_find(const struct options *o, struct err *err)
{
    return o->prior_only ? guess(o, err) : search(o, err);
}
