/*
 * history.h - a run's losses in the forms that other tools read, as it goes on: Hugging Face's
 * trainer_state.json and TensorBoard's event files.
 *
 *     history_init(&h, &run, clock_wall_seconds());
 *     ok = history_open(&h, "OUT", err);            from here on events are in the file at once
 *     history_add_step(&h, &step, clock_wall_seconds());
 *     ok = history_save(&h, err);                   trainer_state.json, with each checkpoint
 *     ok = history_end(&h, err);
 *     history_release(&h);
 */
#ifndef PACE_TRAIN_HISTORY_H
#define PACE_TRAIN_HISTORY_H

#include "base/append.h"
#include "base/arena.h"
#include "base/buf.h"

/* What trainer_state.json says of the run as a whole. */
struct history_run {
    int64_t steps, logging_steps, eval_steps, batch;
    double epochs;
};

/* One line: the mean over the updates since the last one. */
struct history_step {
    int64_t step;
    double epoch, loss, grad_norm, learning_rate;
    uint64_t tokens; /* read so far, since the beginning */
};

struct history_eval {
    int64_t step;
    double epoch, loss, seconds;
    uint64_t rows;
};

/* What a run came to. */
struct history_end {
    double loss; /* mean of all updates */
    double seconds;
    uint64_t rows; /* read, all epochs */
};

struct history {
    struct history_run run;
    struct buf lines; /* of struct history_line */
    struct buf events;
    double began; /* wall time of the first event, seconds since 1970 */
    struct history_step last;
    struct history_eval best; /* rows 0: none yet */
    const char *folder;       /* NULL: nothing is written */
    struct append file;       /* the events'; file.len of them are in it */
    struct arena arena;
    const char *path; /* of that file */
};

/* `wall_time`: seconds since 1970. */
void history_init(struct history *h, const struct history_run *run, double wall_time);
void history_release(struct history *h);

/* Appends. `wall_time` is for TensorBoard's axis. Losses keep every digit; NaN is written bare. */
void history_add_step(struct history *h, const struct history_step *s, double wall_time);
void history_add_eval(struct history *h, const struct history_eval *e, double wall_time);
void history_add_end(struct history *h, const struct history_end *e, double wall_time);

/*
 * Puts all events so far into folder/tensorboard/events.out.tfevents.<began>.pace, and each that is
 * added later; event files of earlier runs are removed. The folder is there; its name must outlive
 * the struct. Errors: ERR_IO.
 */
MUST_CHECK bool history_open(struct history *h, const char *folder, struct err *err);

/* Writes folder/trainer_state.json, as a whole. Errors: ERR_IO. */
MUST_CHECK bool history_save(const struct history *h, struct err *err);

/* The same, and makes sure that all events are in their file. Errors: ERR_IO. */
MUST_CHECK bool history_end(const struct history *h, struct err *err);

#endif
