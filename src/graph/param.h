/*
 * param.h - the numbers that a model is made of, each with its name, and the adjoint of those that
 * are trained.
 *
 * A matrix that is frozen stays as it lies in its file (any dtype, mapped) and is turned into
 * float32 a piece at a time as it is used. What is trained is float32 in memory of the backend.
 * Vectors (norms, biases) are always float32.
 */
#ifndef PACE_GRAPH_PARAM_H
#define PACE_GRAPH_PARAM_H

#include "backend/backend.h"

struct param {
    const char *name;     /* as in a Hugging Face checkpoint; of an adapter as PEFT names it */
    struct weight weight; /* a vector is [1, n] */
    float *value;         /* the same numbers where they are float32 and ours to change; or NULL */
    float *grad;          /* NULL: frozen */
    bool decays;          /* weight decay applies: neither a norm's weight nor a bias */
    bool has_padding;     /* of an embedding: the row `padding` learns nothing from look-ups */
    int32_t padding;
};

/* The number of elements. */
static inline size_t param_count(const struct param *p)
{
    return p->weight.rows * p->weight.width;
}

/* A vector's numbers (CHECKed to be float32), or NULL of NULL. */
const float *param_vector(const struct param *p);

#endif
