/*
 * generate.h - text from a model, token by token, with keys and values kept; one text, or several
 * side by side.
 *
 *     struct generator g;
 *     if (!generator_open(&g, &model, &(struct record_options){.longest = 2048}, 1, err)) …
 *     const float *logits = generator_feed(&g, 0, prompt, n_prompt);
 *     while (…) {
 *         int32_t id = sample_token(&options, logits, V, &rng, g.candidates);
 *         logits = generator_feed(&g, 0, &id, 1);
 *     }
 *     generator_close(&g);
 *
 * A step of one text reads every weight for one token; a step of several reads them no more often.
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
    size_t n_texts, room;                /* room: tokens of a text */
    size_t *n_fed;                       /* [n_texts] tokens of each in the cache */
    int32_t *id, *position;              /* [rows] of one pass */
    int32_t *last;                       /* [n_texts] rows whose logits are wanted */
    struct segment *segments;            /* [2 n_texts] */
    float *logits;                       /* [n_texts, V] */
    struct sample_candidate *candidates; /* [V] scratch for sample_token */
    struct arena arena;
};

/*
 * `record.longest` is the room for tokens of each of the texts (prompt and answer), at most the
 * model's context (CHECKed). Reads the model's weights and adapters as they are at each feed.
 * Errors: ERR_MEMORY.
 */
MUST_CHECK bool generator_open(struct generator *g, const struct model *model,
                               const struct record_options *record, size_t n_texts,
                               struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void generator_close(struct generator *g);

/*
 * Puts n >= 1 tokens behind those fed so far of one text; n_fed + n <= room and ids below the
 * vocabulary (CHECKed). Returns the logits [V] of the token that comes next, valid until the next
 * call.
 */
const float *generator_feed(struct generator *g, size_t text, const int32_t *ids, size_t n);

/* Puts one token behind each text: ids [n_texts]; a text whose id is below 0 rests. Returns the
 * logits [n_texts, V], valid until the next call; those of texts that rest mean nothing. */
const float *generator_step(struct generator *g, const int32_t *ids);

/* Keeps the first n tokens of a text, n <= n_fed (CHECKed): what follows is forgotten. */
void generator_rewind(struct generator *g, size_t text, size_t n);

/* The memory of the backend that the keys and values of a text of that room take. */
uint64_t generator_text_bytes(const struct model_config *config, size_t room);

/*
 * About what a step of several texts costs, in tokens of a large batch: for who plans with it. From
 * shapes alone, so that a plan does not depend on the machine's mood.
 */
double generator_step_cost(size_t n_texts);

#endif
