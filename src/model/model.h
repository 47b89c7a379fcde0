/*
 * model.h - a decoder with its weights: opened from a folder or a GGUF file, or made at random;
 * fitted with low-rank adapters; recorded on a tape.
 */
#ifndef PACE_MODEL_MODEL_H
#define PACE_MODEL_MODEL_H

#include "graph/tape.h"
#include "model/config.h"

struct model {
    struct model_config config;
    struct arena arena;
    struct backend *backend;
    struct param **params; /* of the base, in the order of the layers */
    size_t n_params;
    struct param **adapters; /* lora_A and lora_B, in the same order; see lora.h */
    size_t n_adapters;
    void *files; /* what is mapped */
    /* more, private to model/ */
    struct model_parts *parts;
};

/* Opens, checks every tensor's name and shape, maps: no weight is read. Errors: ERR_IO, ERR_INPUT,
 * ERR_MEMORY. */
MUST_CHECK bool model_open(struct model *model, const char *path, struct backend *backend,
                           struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void model_close(struct model *model);

/* Records the model: from ids to the loss. */
void model_record(const struct model *model, struct tape *tape);

/* Makes every parameter of the base trainable (float32, with a gradient): full fine-tuning. */
MUST_CHECK bool model_train_all(struct model *model, struct err *err);

#endif
