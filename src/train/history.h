/*
 * history.h - a run's losses in the forms that other tools read: Hugging Face's trainer_state.json
 * and TensorBoard's event files.
 */
#ifndef PACE_TRAIN_HISTORY_H
#define PACE_TRAIN_HISTORY_H

#include "base/buf.h"
#include "base/err.h"

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
    struct history_eval best; /* step 0: none yet */
};

/* `wall_time`: seconds since 1970. */
void history_init(struct history *h, const struct history_run *run, double wall_time);
void history_release(struct history *h);

/* Appends. `wall_time` is for TensorBoard's axis. Losses keep every digit; NaN is written bare. */
void history_add_step(struct history *h, const struct history_step *s, double wall_time);
void history_add_eval(struct history *h, const struct history_eval *e, double wall_time);
void history_add_end(struct history *h, const struct history_end *e, double wall_time);

/*
 * Writes folder/trainer_state.json and folder/tensorboard/events.out.tfevents.<time>.pace; the
 * folder is there. Errors: ERR_IO.
 */
MUST_CHECK bool history_write(const struct history *h, const char *folder, struct err *err);

#endif
