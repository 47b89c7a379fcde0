/*
 * job.h - a fine-tuning job from a model, data and options: what is not given is chosen, and each
 * choice says why. Nothing is trained; of the model only the description is read.
 *
 * The choices (also for `pace tune`):
 *
 *     method         lora; qlora where the base is quantised; dpo where the data holds preferences
 *     epochs         3 below 1,000 rows, 2 below 10,000, else 1
 *     rows a step    the power of two, 4 to 32, that brings the run nearest to 200 steps
 *     steps          as Hugging Face rounds: ceil(epochs * ceil(ceil(rows / batch) / accumulation))
 *     r, lora_alpha  16, 32
 *     weight decay   0; the schedule: linear to zero
 */
#ifndef PACE_TRAIN_JOB_H
#define PACE_TRAIN_JOB_H

#include "options/options.h"
#include "pace/rate.h"
#include "train/model_info.h"

enum { JOB_CHOICES = 16, JOB_VALUE_SIZE = 24 };

/* What was chosen for an option: its value, and why. */
struct job_choice {
    const char *option; /* "num-train-epochs" */
    char value[JOB_VALUE_SIZE];
    const char *reason; /* NULL: the user gave it */
};

struct job {
    struct model_info model;

    uint64_t rows;           /* to train on; pieces, for plain texts */
    uint64_t trained_tokens; /* of one pass over all rows, held-out ones included */
    uint64_t all_rows;       /* those that trained_tokens are of */
    bool is_preference;      /* prompt, chosen, rejected */
    bool has_questions;      /* the loss is that of answers, a part of each row */
    bool tokens_are_guessed; /* no tokenizer: four characters were taken for a token */

    uint64_t batch_rows; /* of one backward pass */
    uint64_t accumulation;
    uint64_t steps; /* optimizer updates of the run */
    struct pace_job rate_job;
    struct job_choice choices[JOB_CHOICES];
    size_t n_choices;
};

/*
 * Reads the description of `model` and counts the rows and tokens of `data`, then chooses. The
 * texts live in the arena. Errors: those of model_info_read, of dataset_open and survey_run;
 * ERR_INPUT for bad rows unless they are to be skipped; those of job_choose.
 */
MUST_CHECK bool job_read(struct job *job, struct arena *arena, const char *model, const char *data,
                         const struct options *o, struct err *err);

/*
 * The choosing alone: model, rows and tokens are set. Errors: ERR_USAGE for a method or a schedule
 * that is none.
 */
MUST_CHECK bool job_choose(struct job *job, const struct options *o, struct err *err);

/* One more choice, which is made where the machine is known; the texts outlive the job. `reason`
 * NULL: the user gave it. */
void job_note_choice(struct job *job, const char *option, const char *value, const char *reason);

/* "lora", "qlora", "full", "dpo" for both kinds of adapters and of full training. */
const char *job_method_name(enum pace_method method);

#endif
