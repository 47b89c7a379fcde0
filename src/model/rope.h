/*
 * rope.h - rotary embeddings: the ways in which models stretch them over longer texts, and the
 * tables of cosines and sines.
 */
#ifndef PACE_MODEL_ROPE_H
#define PACE_MODEL_ROPE_H

#include "model/config.h"

/* What a description says of one rope; numbers that it does not give are NAN, texts NULL. */
struct rope_keys {
    const char *type;
    double theta, factor, original, partial;
    double attention_factor, mscale, mscale_all_dim, beta_fast, beta_slow; /* yarn, longrope */
    double low_freq_factor, high_freq_factor;                              /* llama3 */
    bool keeps_fractions;                                                  /* yarn: not truncate */
    const double *short_factor, *long_factor; /* longrope: [n_short], [n_long] */
    size_t n_short, n_long;
};

/* All absent. */
void rope_keys_init(struct rope_keys *keys);

/*
 * Fills divisors and attention_factor of a rope whose theta and rotary are set. `max_positions` is
 * the model's. Errors: ERR_INPUT for a type that is not known, a factor that is missing, not
 * positive or of the wrong number.
 */
MUST_CHECK bool rope_scale(struct rope_config *rope, struct arena *arena,
                           const struct rope_keys *keys, size_t max_positions, struct err *err);

/* The angles of all positions are finite in float32. Errors: ERR_INPUT. */
MUST_CHECK bool rope_check(const struct rope_config *rope, struct err *err);

/*
 * cos and sin [n_positions, rotary/2], for texts of at most n_positions tokens. Rounded as
 * transformers rounds: frequencies and angles are float32.
 */
void rope_table(const struct rope_config *rope, size_t n_positions, float *cosines, float *sines);

#endif
