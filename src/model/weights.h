/*
 * weights.h - the tensors of a model's files by name, checked as they are taken: safetensors, whole
 * or sharded, or GGUF.
 */
#ifndef PACE_MODEL_WEIGHTS_H
#define PACE_MODEL_WEIGHTS_H

#include "backend/backend.h"
#include "base/buf.h"
#include "format/gguf.h"
#include "format/safetensors.h"

struct weights {
    struct safetensors safetensors;
    struct gguf gguf;
    bool is_gguf;
    struct map taken;
    const char *prefix; /* that the files leave out before each name; "" */
};

/* A folder with safetensors, or a GGUF file. Errors: ERR_IO, ERR_INPUT. */
MUST_CHECK bool weights_open(struct weights *w, const char *path, struct err *err);

/* Safe on a zeroed struct. */
void weights_close(struct weights *w);

/* Lets the system take back the memory of the files, which are read again if touched. */
void weights_forget(const struct weights *w);

/* Files saved from a model without its head leave out "model.": if there is no tensor `name`, which
 * begins with the prefix, but one without it, the prefix is left out from here on. */
void weights_find_prefix(struct weights *w, const char *name, const char *prefix);

/* NULL where there is none. */
const struct tensor *weights_find(struct weights *w, const char *name);

/*
 * A matrix where it lies in the file. Errors: ERR_INPUT where it is missing, has another shape, or
 * is of a type that cannot be read.
 */
MUST_CHECK bool weights_take(struct weights *w, const char *name, size_t rows, size_t width,
                             struct weight *out, struct err *err);

/* A vector as float32, into out [n]. */
MUST_CHECK bool weights_take_vector(struct weights *w, const char *name, size_t n, float *out,
                                    struct err *err);

/* Every tensor was taken, or is known to say nothing. Errors: ERR_INPUT, naming the first other. */
MUST_CHECK bool weights_check_rest(struct weights *w, struct err *err);

#endif
