/*
 * diagnose.h - the detectors behind pace_diagnose: each looks at a log and reports one trouble.
 */
#ifndef PACE_RATE_DIAGNOSE_H
#define PACE_RATE_DIAGNOSE_H

#include "rate/curve.h"

/*
 * A detector fills `found` (kind, step, last_step, number) and returns true where it sees its
 * trouble: `return FOUND(kind, step, last_step, number ...);`. See finding.c for the numbers.
 */
#define FOUND(kind, step, last_step, ...)                                                          \
    (*found = (struct pace_finding){kind, step, last_step, {__VA_ARGS__}}, true)

bool detect_no_targets(const struct curve *c, struct pace_finding *found);
bool detect_nan(const struct curve *c, struct pace_finding *found);
bool detect_hidden_nan(const struct curve *c, struct pace_finding *found);
bool detect_resumed_wrong(const struct curve *c, struct pace_finding *found);
bool detect_diverged(const struct curve *c, struct pace_finding *found);
bool detect_blown_start(const struct curve *c, struct pace_finding *found);
bool detect_excursions(const struct curve *c, struct pace_finding *found);
bool detect_unrest(const struct curve *c, struct pace_finding *found);
bool detect_eval_rise(const struct curve *c, struct pace_finding *found);
bool detect_early_rise(const struct curve *c, struct pace_finding *found);
bool detect_flat(const struct curve *c, struct pace_finding *found);
bool detect_plateau(const struct curve *c, struct pace_finding *found);
bool detect_overfit(const struct curve *c, struct pace_finding *found);
bool detect_decay_too_fast(const struct curve *c, struct pace_finding *found);

#endif
