/*
 * tensorboard.c - scalars of event files as rows: the tag is the column's name.
 *
 * Scalars of one step that follow each other are one row. Every file begins a new row, so that a
 * second file of a run that was taken up again shows its step going back. Records behind a broken
 * one cannot be found: what stands before it is read.
 *
 * Keras writes a folder "train" and a folder "validation" with the same tags; PyTorch's add_scalars
 * does the same with "Loss_train" and "Loss_val". There the folder's name goes before the tag.
 */
#include "logs/tensorboard.h"

#include "format/tfevents.h"

enum { LONGEST_TAG = 200 };

bool tensorboard_is(struct span bytes)
{
    return tfevents_is(bytes);
}

static int column_of(struct sheet *sheet, const char *part, struct span tag)
{
    char name[LONGEST_TAG];
    size_t len = strlen(part);
    if (len == 0 || len + 1 + tag.len > sizeof name)
        return sheet_column(sheet, tag);
    memcpy(name, part, len);
    name[len] = '/';
    memcpy(name + len + 1, tag.at, tag.len);
    return sheet_column(sheet, (struct span){(const uint8_t *)name, len + 1 + tag.len});
}

bool tensorboard_read_part(struct sheet *sheet, struct span bytes, const char *part,
                           struct err *err)
{
    struct tfevents t;
    struct tfevents_point point;
    struct err problem;
    bool ok, more = true, is_begun = false;
    int64_t step = 0;
    int step_column = sheet_column(sheet, span_of("step"));
    tfevents_open_bytes(&t, bytes);
    while ((ok = tfevents_next(&t, &point, &more, &problem)) && more) {
        int column = column_of(sheet, part, point.tag);
        if (column < 0)
            continue;
        if (!is_begun || point.step != step) {
            sheet_row(sheet);
            sheet_put(sheet, step_column, (double)point.step);
        }
        is_begun = true;
        step = point.step;
        sheet_put(sheet, column, point.value);
    }
    if (!ok && t.n_records > 0)
        sheet_note(sheet, "it is damaged (%s, %s): what stands before that was read", problem.where,
                   problem.what);
    else if (!ok)
        *err = problem;
    else if (t.is_cut)
        sheet_note(sheet, "its last record is not whole: the run died, or still writes");
    ok = ok || t.n_records > 0;
    tfevents_close(&t);
    return ok;
}

bool tensorboard_read(struct sheet *sheet, struct span bytes, struct err *err)
{
    return tensorboard_read_part(sheet, bytes, "", err);
}
