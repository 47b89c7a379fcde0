/*
 * optim_options.h - which optimiser, and its numbers: Hugging Face's optim and optim_args.
 */
#ifndef PACE_OPTIM_OPTIM_OPTIONS_H
#define PACE_OPTIM_OPTIM_OPTIONS_H

#include "base/err.h"
#include "base/span.h"

enum optim_kind {
    OPTIM_ADAMW,
    OPTIM_ADAMW_8BIT,
    OPTIM_SGD,
    OPTIM_LION,
    OPTIM_ADAFACTOR,
    OPTIM_SCHEDULE_FREE,
    OPTIM_PRODIGY,
    OPTIM_COUNT
};

struct optim_options {
    enum optim_kind kind;
    double weight_decay;      /* of the parameters that decay */
    double beta1, beta2, eps; /* adam_beta1, adam_beta2, adam_epsilon */

    double momentum; /* sgd */
    bool nesterov;

    double clip_threshold, decay_rate; /* adafactor */
    bool scale_parameter;              /* the rate is a share of the parameter's size */
    bool relative_step;                /* the rate is 1 / sqrt(step), whatever the caller says */
    bool warmup_init;                  /* and grows from 1e-6 on */

    double d0, d_coef, growth_rate; /* prodigy */
};

/* Hugging Face's defaults: AdamW, 0.9, 0.999, 1e-8, no decay. */
void optim_options_init(struct optim_options *o);

/* The name that Hugging Face has for it: "adamw_torch_fused". */
const char *optim_name(enum optim_kind kind);

/* One line on what it is, and where it comes from. */
const char *optim_about(enum optim_kind kind);

/* By any of its names; false for a name that is none. */
bool optim_find(struct span name, enum optim_kind *kind);

/*
 * Sets what optim_args says: "momentum=0.9,nesterov=true". Errors (ERR_USAGE): a name that the
 * optimiser does not take, a value that is none or out of range, Nesterov's momentum without one.
 */
MUST_CHECK bool optim_options_read(struct optim_options *o, struct span text, struct err *err);

#endif
