/*
 * param.c - see param.h. Vectors are asked for as plain float32: whoever opens a model has turned
 * them into that, whatever their file holds.
 */
#include "graph/param.h"

const float *param_vector(const struct param *p)
{
    if (!p)
        return NULL;
    CHECK(p->weight.dtype == DTYPE_F32);
    CHECK((uintptr_t)p->weight.at % sizeof(float) == 0);
    return p->weight.at;
}
