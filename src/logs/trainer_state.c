/*
 * trainer_state.c - the Trainer's state.
 *
 *     {"best_global_step": …, "global_step": 500, "max_steps": 1000, "num_train_epochs": 3,
 *      "log_history": [{"epoch": 0.1, "grad_norm": NaN, "learning_rate": 5e-05, "loss": 2.1,
 *                       "step": 10}, {"eval_loss": …, "step": …}, … {"train_runtime": …}]}
 *
 * Python writes NaN and Infinity bare. A file that ends early (the trainer was killed while it
 * wrote) is read as far as it goes. "best_global_step" dates the Trainer: see shift.c.
 *
 * Source: transformers, trainer_callback.py and trainer.py.
 */
#include "logs/trainer_state.h"

#include <math.h>

#include "format/json.h"
#include "logs/json_rows.h"

bool trainer_state_is(struct span text)
{
    return json_rows_is(text) && span_find(text, span_of("\"log_history\"")) < text.len;
}

static void read_history(struct json_reader *json, struct sheet *sheet)
{
    for (json_enter_array(json); json_next_item(json);)
        json_rows_object(json, sheet);
}

/* A count that may be null, or -1 where it is not known. */
static double read_count(struct json_reader *json)
{
    double value = 0;
    if (json_peek(json) == JSON_NUMBER)
        value = json_double(json);
    else
        json_skip(json);
    return value >= 1 && value < 9e15 ? value : 0;
}

static void read_state(struct json_reader *json, struct sheet *sheet)
{
    struct span key;
    sheet->rate_owner = RATE_OF_NEXT;
    json_enter_object(json);
    while (json_next_key(json, &key)) {
        if (span_is(key, "log_history")) {
            read_history(json, sheet);
        } else if (span_is(key, "max_steps")) {
            sheet->total_steps = (int64_t)read_count(json);
        } else if (span_is(key, "num_train_epochs")) {
            sheet->total_epochs = read_count(json);
        } else {
            if (span_is(key, "best_global_step"))
                sheet->rate_owner = RATE_OF_UPDATE;
            json_skip(json);
        }
    }
}

bool trainer_state_read(struct sheet *sheet, struct span text, struct err *err)
{
    struct arena arena = {0};
    struct json_reader json;
    struct err problem;
    json_open(&json, text, &arena);
    sheet->is_trainer = sheet->is_one_run = true;
    read_state(&json, sheet);
    bool ok = json_close(&json, &problem);
    if (!ok && sheet->n_rows > 1) {
        sheet_note(sheet, "it is damaged (%s, %s): what stands before that was read", problem.what,
                   problem.where);
        ok = true;
    } else if (!ok) {
        *err = problem;
    }
    arena_release(&arena);
    return ok;
}
