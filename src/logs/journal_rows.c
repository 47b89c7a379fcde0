/*
 * journal_rows.c - what a journal's observations say of the run.
 *
 * Each observation of a gradient is a row: its loss and norm, and the rate of the update that
 * followed. Behind a roll-back the decision names the step to go on with, not the one that was
 * seen, and its rate is that of the repeated update: the row has the step after the last one, and
 * no rate. Steps that were run again then look as they do in the log of a run that was resumed.
 */
#include "logs/journal_rows.h"

#include <math.h>

#include "logs/journal.h"

static void put(struct sheet *s, const char *name, double value)
{
    sheet_put(s, sheet_column(s, span_of(name)), value);
}

static bool goes_back(const struct pace_rate_decision *d)
{
    return d->restore_slot >= 0;
}

static void put_entry(struct sheet *s, const struct journal_entry *e, int64_t step)
{
    sheet_row(s);
    put(s, "step", (double)step);
    if (e->obs.kind == PACE_OBS_EVAL) {
        put(s, "eval_loss", e->obs.loss);
        return;
    }
    put(s, "loss", e->obs.loss);
    if (!(e->obs.grad_norm < 0))
        put(s, "grad_norm", e->obs.grad_norm);
    if (!goes_back(&e->decision))
        put(s, "learning_rate", e->decision.learning_rate);
}

bool journal_rows_read(struct sheet *sheet, struct span text, struct err *err)
{
    struct arena arena = {0};
    struct journal journal;
    int64_t next = 0; /* the update that the next gradient is for */
    bool ok = journal_read(&journal, text, &arena, err);
    for (size_t i = 0; ok && i < journal.n_entries; i++) {
        const struct journal_entry *e = &journal.entries[i];
        bool is_step = e->obs.kind == PACE_OBS_STEP;
        int64_t step = is_step && !goes_back(&e->decision) ? e->decision.step : next;
        put_entry(sheet, e, step);
        if (goes_back(&e->decision))
            next = e->decision.step;
        else if (is_step)
            next = e->decision.step + 1;
    }
    if (ok && journal.has_options)
        sheet->total_steps = journal.options.schedule.total_steps;
    if (ok && journal.is_cut)
        sheet_note(sheet, "its last line is not whole and was passed over");
    arena_release(&arena);
    return ok;
}
