/*
 * engine.h - what every command that computes begins with: threads, backend, model, adapter.
 */
#ifndef PACE_TRAIN_ENGINE_H
#define PACE_TRAIN_ENGINE_H

#include "model/model.h"
#include "options/options.h"

struct engine {
    struct thread_pool *threads;
    struct backend backend;
    struct model model;
};

/* Threads and backend alone; its products are in float32 unless --bf16 asks for bfloat16. Errors:
 * ERR_MEMORY. */
MUST_CHECK bool engine_start(struct engine *e, const struct options *o, struct err *err);

/*
 * The same with the model at `path`, checked for numbers that are not finite, and --adapter
 * applied. Errors: those of model_open and lora_load.
 */
MUST_CHECK bool engine_open(struct engine *e, const char *path, const struct options *o,
                            struct err *err);

/* The same with random weights for the description at `path`. Errors: those of model_create. */
MUST_CHECK bool engine_create(struct engine *e, const char *path, const struct options *o,
                              struct err *err);

/*
 * The chat template's path where it is not the model's own: --chat-template-path, or what the
 * adapter was trained with; NULL otherwise.
 */
const char *engine_template(const struct options *o, struct arena *arena);

/* What of machine and build decides the last bits of a result: "cpu avx512, compiler 12.2.0". */
const char *engine_machine(void);

/* Safe on a zeroed struct and after a failure. */
void engine_close(struct engine *e);

#endif
