/*
 * field.h - what a column of a training log holds, told by its name: "train/loss", "val_loss",
 * "lr-AdamW", "gpt2 - train/grad_norm", "global_step/max_steps".
 */
#ifndef PACE_LOGS_FIELD_H
#define PACE_LOGS_FIELD_H

#include "base/span.h"

enum field {
    FIELD_NONE,
    FIELD_STEP,
    FIELD_TOTAL_STEPS, /* planned */
    FIELD_EPOCH,
    FIELD_TOTAL_EPOCHS, /* planned */
    FIELD_LOSS,
    FIELD_EVAL_LOSS,
    FIELD_GRAD_NORM,
    FIELD_RATE,
    FIELD_RUNTIME, /* of the whole run: the mark of a Trainer's final summary */
    FIELD_COUNT
};

struct field_match {
    enum field field;
    int rank;          /* words beyond the bare name: of two names for a field the lower is meant */
    struct span group; /* the run in front of " - ", as W&B exports it; empty where there is none */
};

/* FIELD_NONE for what is none of these: "loss_scale", "lr_scheduler_type", "train/loss__MIN". */
struct field_match field_of(struct span name);

/* "learning rate": for messages. */
const char *field_name(enum field field);

#endif
