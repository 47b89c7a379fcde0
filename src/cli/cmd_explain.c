/*
 * cmd_explain.c - pace explain: the story of a run, from the journal that it left.
 */
#include "base/log.h"
#include "cli/command.h"
#include "cli/explain_view.h"

bool cmd_explain(const struct options *o, struct err *err)
{
    struct report report;
    struct buf out;
    if (!report_open(&report, o->arguments[0], err))
        return false;
    buf_init(&out, BUF_NO_LIMIT);
    struct term term = term_of_stdout();
    if (report.journal.is_cut)
        log_note("%s: the last line is not whole and has been left out", report.path);
    if (o->json)
        explain_view_json(&report, &out);
    else
        explain_view_text(&report, &term, &out);
    bool ok = command_print(&out, err);
    buf_release(&out);
    report_close(&report);
    return ok;
}
