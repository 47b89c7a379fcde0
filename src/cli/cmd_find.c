/*
 * cmd_find.c - pace find: which learning rate, before anything is trained.
 *
 * What is there is the first guess (--prior-only). The search that tests it with short runs needs
 * the training engine; until that is built the command says so and ends with code 2, so that no
 * script takes the guess for a measurement.
 */
#include "cli/command.h"
#include "cli/find_view.h"

static bool show(const struct options *o, const struct job *job, struct err *err)
{
    struct pace_prior prior;
    struct buf out;
    buf_init(&out, BUF_NO_LIMIT);
    pace_prior(&job->rate_job, &prior);
    if (o->json) {
        find_view_json(job, &prior, &out);
    } else {
        struct term term = term_of_stdout();
        find_view_text(job, &prior, o->arguments[1], &term, &out);
    }
    bool ok = command_print(&out, err);
    buf_release(&out);
    return ok;
}

bool cmd_find(const struct options *o, struct err *err)
{
    if (!o->prior_only) {
        err_set(err, ERR_USAGE, "the search for the rate is not built yet");
        err_hint(err,
                 "pace find --prior-only gives the first guess that the search will start from");
        return false;
    }
    struct job job;
    struct arena arena = {0};
    bool ok =
        job_read(&job, &arena, o->arguments[0], o->arguments[1], o, err) && show(o, &job, err);
    arena_release(&arena);
    return ok;
}
