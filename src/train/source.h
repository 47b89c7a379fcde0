/*
 * source.h - which model and which adapter are meant by a folder that a run or PEFT left.
 */
#ifndef PACE_TRAIN_SOURCE_H
#define PACE_TRAIN_SOURCE_H

#include "base/arena.h"
#include "base/err.h"

struct source {
    const char *model;   /* a Hugging Face folder or a GGUF file */
    const char *adapter; /* a PEFT folder, or NULL */
};

/*
 * A model's own path stands for itself, with `adapter` (which may be NULL) beside it. The output
 * folder of a run stands for what it trained: its adapter/ and the base that the adapter names, or
 * its model/; a PEFT folder stands for itself and its base. Texts live in the arena. Errors:
 * ERR_USAGE where there would be two adapters; ERR_INPUT where the adapter names no base that is
 * there; ERR_IO.
 */
MUST_CHECK bool source_find(struct source *source, struct arena *arena, const char *path,
                            const char *adapter, struct err *err);

#endif
