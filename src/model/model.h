/*
 * model.h - a decoder with its weights: opened from a folder or a GGUF file, or made at random;
 * fitted with low-rank adapters (lora.h); recorded on a tape.
 */
#ifndef PACE_MODEL_MODEL_H
#define PACE_MODEL_MODEL_H

#include "graph/tape.h"
#include "model/config.h"

struct weights;
struct model_parts;

struct model {
    struct model_config config;
    struct arena arena;
    struct backend *backend;
    struct param **params; /* of the base, in the order of the layers */
    size_t n_params;
    struct param **adapters; /* lora_A and lora_B, then copies of whole modules; see lora.h */
    size_t n_adapters;
    struct weights *files;     /* what is mapped; NULL of a fresh model */
    struct model_parts *parts; /* private to model/ */
};

/* Opens, checks every tensor's name and shape, maps: no matrix is read. Errors: ERR_IO, ERR_INPUT,
 * ERR_MEMORY. */
MUST_CHECK bool model_open(struct model *model, const char *path, struct backend *backend,
                           struct err *err);

/*
 * A model with random weights, all trainable, from a config.json (a folder's, or the file itself):
 * as transformers begins, normal with the description's initializer_range, norms one, biases zero.
 * Errors: as model_open.
 */
MUST_CHECK bool model_create(struct model *model, const char *path, struct backend *backend,
                             uint64_t seed, struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void model_close(struct model *model);

/* Every weight is a finite number. Reads them all. Errors: ERR_INPUT, naming tensor and place. */
MUST_CHECK bool model_check_finite(const struct model *model, struct err *err);

struct record_options {
    size_t longest;        /* tokens of the longest text that will be run; at most max_positions */
    bool without_adapters; /* the base alone */
};

/* Records the model on an empty tape: from ids to the loss. The model must outlive the tape. */
void model_record(const struct model *model, struct tape *tape,
                  const struct record_options *options);

/* Makes every parameter of the base trainable (float32, with a gradient): full fine-tuning. Not
 * with adapters (CHECKed). Errors: ERR_MEMORY. */
MUST_CHECK bool model_train_all(struct model *model, struct err *err);

/*
 * Numbers of a parameter [rows, width] that lie as pace has them (its values, its gradient), in the
 * order of Hugging Face's files: `out` may not be `values`.
 */
void model_in_file_order(const struct model *model, const struct param *param, const float *values,
                         float *out);

#endif
