/*
 * params.h - a few parameters for tests of what trains them: two matrices and a vector, their
 * values and gradients filled with reproducible numbers.
 */
#ifndef PACE_TEST_PARAMS_H
#define PACE_TEST_PARAMS_H

#include "base/rng.h"
#include "graph/param.h"

enum { PARAMS_N = 3, PARAMS_ROWS = 70, PARAMS_WIDTH = 300 };

struct params {
    struct param all[PARAMS_N];
    struct param *list[PARAMS_N];
    float value[PARAMS_N][PARAMS_ROWS * PARAMS_WIDTH], grad[PARAMS_N][PARAMS_ROWS * PARAMS_WIDTH];
};

static inline void params_fill(float *at, size_t n, struct rng *rng, double size)
{
    for (size_t i = 0; i < n; i++)
        at[i] = (float)(size * rng_normal(rng));
}

/* New gradients of that step. */
static inline void params_set_grads(struct params *p, uint64_t step)
{
    struct rng rng = {.seed = 7, .stream = step + 1};
    for (size_t i = 0; i < PARAMS_N; i++)
        params_fill(p->all[i].grad, param_count(&p->all[i]), &rng, 0.1);
}

static inline void params_init(struct params *p)
{
    static const struct weight shapes[PARAMS_N] = {{.rows = PARAMS_ROWS, .width = PARAMS_WIDTH},
                                                   {.rows = 1, .width = 50},
                                                   {.rows = 20, .width = 30}};
    static const char *const names[PARAMS_N] = {"layers.0.up_proj.weight", "layers.0.norm.weight",
                                                "model.embed_tokens.weight"};
    struct rng rng = {.seed = 7};
    for (size_t i = 0; i < PARAMS_N; i++) {
        p->all[i] = (struct param){.name = names[i],
                                   .weight = shapes[i],
                                   .value = p->value[i],
                                   .grad = p->grad[i],
                                   .decays = shapes[i].rows > 1};
        p->list[i] = &p->all[i];
        params_fill(p->value[i], param_count(&p->all[i]), &rng, 0.02);
    }
    params_set_grads(p, 0);
}

#endif
