/*
 * use.h - how the result of a run is used: what to type, what to paste.
 */
#ifndef PACE_REPORT_USE_H
#define PACE_REPORT_USE_H

#include "report/report.h"

/* "OUT/adapter", or "OUT/model" where all weights were trained. */
const char *use_weights(const struct report *report, struct arena *arena);

/* The command that talks to the tuned model. */
const char *use_chat(const struct report *report, struct arena *arena);

/* The command that folds the adapter into the base; NULL where there is no adapter. */
const char *use_merge(const struct report *report, struct arena *arena);

/* Python that loads it with transformers and PEFT; NULL where they cannot read the base. */
const char *use_python(const struct report *report, struct arena *arena);

#endif
