/*
 * export_keys.h - a decoder's description as the keys of a GGUF file. For the folder model/ alone.
 */
#ifndef PACE_MODEL_EXPORT_KEYS_H
#define PACE_MODEL_EXPORT_KEYS_H

#include "format/gguf_writer.h"
#include "model/model.h"

/* True for a family that can be written. Errors: ERR_INPUT, naming those that can. */
MUST_CHECK bool export_knows(const struct model *model, struct err *err);

/*
 * Puts general.architecture and the sizes, epsilon and rope that the model's config.json in the
 * folder `path` describes. *divisors [head / 2] (in the arena) are to be written as the tensor
 * rope_freqs.weight; NULL: none. Errors: ERR_IO; ERR_INPUT for what llama.cpp does not compute in
 * this family, by name: windows, activations, biases, kinds of rope.
 */
MUST_CHECK bool export_put_keys(struct gguf_writer *w, const struct model *model, const char *path,
                                struct arena *arena, const float **divisors, struct err *err);

/*
 * Puts the sampling defaults of the folder's generation_config.json, where there is one, as
 * general.sampling.*; one that cannot be read is told and passed over.
 */
void export_put_sampling(struct gguf_writer *w, const char *path, struct arena *arena);

#endif
