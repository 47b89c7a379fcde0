/*
 * merge.h - the tensors of a model with its adapters folded in, one at a time.
 *
 *     W' = W + scale B A      or the trained copy, where modules_to_save has one
 *
 * A model without adapters gives its own tensors as they are now. For the folder model/ alone.
 */
#ifndef PACE_MODEL_MERGE_H
#define PACE_MODEL_MERGE_H

#include "model/parts.h"

struct merged {
    const char *name; /* in Hugging Face's checkpoints */
    const char *what; /* "weight" or "bias" */
    const struct module *module;
    const struct param *base;
    const struct param *own; /* a trained copy that takes its place, or NULL */
};

/*
 * Lists the tensors in the order of the modules, into the arena. A head that is tied to the tokens
 * is not among them, unless an adapter stands on it or has a copy of one of the two: then they are
 * tied no longer.
 */
struct merged *merge_list(const struct model *model, struct arena *arena, size_t *n);

/* True where the list has a head that the base did not have. */
bool merge_unties(const struct model *model);

/* True where the numbers are others than the base's. */
bool merge_changes(const struct merged *m);

/*
 * The numbers [base->weight.rows, base->weight.width] in float32, in pace's order of rows: rows of
 * B A are summed in float32 and added to the base's once. The same bits for any number of threads.
 */
void merge_values(const struct model *model, const struct merged *m, float *out);

/*
 * Rounds to F16 or BF16 in place (F32: leaves as it is): the bytes are then the first of `values`.
 * Returns the place of the first number that is not finite then, or n.
 */
size_t merge_round(float *values, size_t n, enum dtype dtype);

/* The error for such a place of m: what was folded in does not fit the type. Returns false. */
MUST_CHECK bool merge_refuse(const struct merged *m, size_t place, enum dtype dtype,
                             struct err *err);

#endif
