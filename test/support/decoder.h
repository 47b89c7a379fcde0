/*
 * decoder.h - small decoders of many kinds with random weights, recorded on a tape, and batches for
 * them: what the tests of graph/ run.
 */
#ifndef PACE_TEST_DECODER_H
#define PACE_TEST_DECODER_H

#include "graph/run.h"
#include "test/support/support.h"

struct decoder_options {
    const char *name;
    size_t layers, width, heads, kv_heads, head, feed_forward, vocabulary;
    bool is_gpt2;     /* layer norm, biases, learned positions, transposed weights, no gate */
    bool is_parallel; /* attention and feed-forward read the same residual */
    bool norms_qk, norms_behind;
    bool is_tied;
    bool apart; /* q, k and v are three linear layers */
    int64_t window;
    float softcap, logit_softcap;
    size_t rank; /* of adapters everywhere; 0: all parameters are trained */
    bool q_only; /* the adapters stand at q alone */
    float dropout;
    bool is_hollow; /* without numbers: for planning alone */
};

enum { DECODER_PARAMS_MOST = 1024, DECODER_POSITIONS = 64 };

struct toy_decoder {
    struct decoder_options options;
    struct arena arena;
    struct tape tape;
    struct backend backend;
    struct param *params[DECODER_PARAMS_MOST]; /* all */
    size_t n_params;
    float *cos, *sin;
};

/* Models that differ in what their tapes look like. */
extern const struct decoder_options decoder_kinds[];
extern const size_t decoder_kind_count;

/* SmolLM2-135M with adapters of rank 16 everywhere, hollow. */
extern const struct decoder_options decoder_smollm2;

void toy_decoder_make(struct toy_decoder *d, const struct decoder_options *options);
void toy_decoder_release(struct toy_decoder *d);

/* All gradients 0. */
void toy_decoder_clear(struct toy_decoder *d);

/* Copies of all gradients, one behind another; `n` their number. */
float *toy_decoder_gradients(const struct toy_decoder *d, struct arena *arena, size_t *n);

enum { SAMPLE_MOST = 64 };

/* A batch with its arrays. */
struct sample {
    struct batch batch;
    int32_t id[SAMPLE_MOST], position[SAMPLE_MOST];
    struct segment segment[SAMPLE_MOST];
    struct target target[SAMPLE_MOST];
    float coef[SAMPLE_MOST], loss[SAMPLE_MOST];
};

/* Appends a segment of random ids behind the parent's tokens, or with the ids given. Returns its
 * index. */
int32_t sample_add(struct sample *s, const struct toy_decoder *d, int32_t parent, const int32_t *id,
                   int32_t n);

/* The token behind a row should be `id`. */
void sample_target(struct sample *s, int32_t row, int32_t id);

/* Two texts of lengths 7 and 4, some of their tokens targets. */
void sample_two(struct sample *s, const struct toy_decoder *d);

/* sum(coef * loss) of what s->loss holds. */
double sample_sum(const struct sample *s);

struct run_options sample_options(bool trains);

#endif
