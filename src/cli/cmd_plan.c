/*
 * cmd_plan.c - pace plan: what pace tune would do with the same arguments, and what it would take.
 * Nothing is trained and nothing is written. A run that would not fit is a plan all the same: the
 * exit code is 0, and "fits" is false.
 */
#include "cli/command.h"
#include "cli/tune_view.h"

bool cmd_plan(const struct options *o, struct err *err)
{
    struct setup setup;
    struct buf out;
    struct term term = term_of_stdout();
    if (!setup_plan(&setup, o, err))
        return false;
    buf_init(&out, BUF_NO_LIMIT);
    if (o->json)
        tune_view_plan_json(&setup, &out);
    else
        tune_view_plan(&setup, &term, &out);
    bool ok = command_print(&out, err);
    buf_release(&out);
    setup_close(&setup);
    return ok;
}
