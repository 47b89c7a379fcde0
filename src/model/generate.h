/*
 * generate.h - text from a model, token by token, with keys and values kept.
 *
 *     struct generator g;
 *     if (!generator_open(&g, &model, &(struct record_options){.longest = 2048}, err)) …
 *     const float *logits = generator_feed(&g, prompt, n_prompt);
 *     while (…) {
 *         int32_t id = sample_token(&options, logits, V, &rng, g.candidates);
 *         logits = generator_feed(&g, &id, 1);
 *     }
 *     generator_close(&g);
 */
#ifndef PACE_MODEL_GENERATE_H
#define PACE_MODEL_GENERATE_H

#include "graph/run.h"
#include "model/model.h"
#include "model/sample.h"

struct generator {
    const struct model *model;
    struct tape tape;
    struct run run;
    struct cache cache;
    void *memory; /* of the cache */
    size_t memory_bytes;
    size_t n_fed;                        /* tokens in the cache */
    int32_t *id, *position;              /* [rows] of one pass */
    float *logits;                       /* [V] */
    struct sample_candidate *candidates; /* [V] scratch for sample_token */
    struct arena arena;
};

/*
 * `record.longest` is the room for tokens (prompt and answer), at most the model's context
 * (CHECKed). Reads the model's weights and adapters as they are at each feed. Errors: ERR_MEMORY.
 */
MUST_CHECK bool generator_open(struct generator *g, const struct model *model,
                               const struct record_options *record, struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void generator_close(struct generator *g);

/*
 * Puts n >= 1 tokens behind those fed so far; n_fed + n <= n_positions and ids below the vocabulary
 * (CHECKed). Returns the logits [V] of the token that comes next, valid until the next call.
 */
const float *generator_feed(struct generator *g, const int32_t *ids, size_t n);

/* Keeps the first n tokens, n <= n_fed (CHECKed): what follows is forgotten. */
void generator_rewind(struct generator *g, size_t n);

#endif
