/*
 * words.h - the numbers of a run as a person reads them, and the sentences about them that page,
 * model card and terminal have in common.
 *
 * Each text lives in the arena. What is not finite or not there is "not known".
 */
#ifndef PACE_REPORT_WORDS_H
#define PACE_REPORT_WORDS_H

#include "report/facts.h"

/* "2.3e-4": three digits, as options take it. */
const char *words_rate(struct arena *arena, double rate);

/* "2.3104": a loss, or a difference of losses; more digits where it is small. */
const char *words_loss(struct arena *arena, double loss);

/* "1.984 ± 0.012"; without the spread where it is not known. */
const char *words_spread(struct arena *arena, double loss, double se);

/* "10.0" for a loss of 2.303. */
const char *words_perplexity(struct arena *arena, double loss);

/* "1,234,567" */
const char *words_count(struct arena *arena, double count);

/* "1 row", "1,234 rows" */
const char *words_number(struct arena *arena, double count, const char *noun);

/* "1.24 billion", "512" */
const char *words_size(struct arena *arena, double count);

/* "3 min 12 s" */
const char *words_time(struct arena *arena, double seconds);

/* "1.24 GB" */
const char *words_bytes(struct arena *arena, double bytes);

/* "12 %"; below 10 with a decimal */
const char *words_share(struct arena *arena, double share);

/* The last part of a path: "model" of "/a/b/model/"; the whole where it has none, "" for NULL. */
const char *words_name(struct arena *arena, const char *path);

/* How far the loss fell, whatever sign the record gives to a difference; NAN: not measured. */
struct words_gain {
    double gain, low, high;
};
struct words_gain words_gain(const struct facts_verdict *verdict);

/* "fell by 0.533"; of a gain below zero "rose by 0.306". */
const char *words_change(struct arena *arena, double gain);

/* "Better than its base", in two to five words. */
const char *words_headline(const struct facts *facts);

/* What came of it, as the run has said it, else from its numbers. */
const char *words_verdict(struct arena *arena, const struct facts *facts);

/* What was forgotten; NULL where it was not measured, or where the run's own words say it. */
const char *words_forgotten(struct arena *arena, const struct facts *facts);

/* What the losses mean, for who has not met the word; NULL where there are none. */
const char *words_plainly(struct arena *arena, const struct facts *facts);

/* What the search took of the run's computing, and how much of that the run goes on from. */
const char *words_search_cost(struct arena *arena, const struct facts *facts);

/* Where the learning rate comes from. */
const char *words_rate_origin(struct arena *arena, const struct facts *facts);

/* "base loss" for "base_loss": a key as a person reads it. */
const char *words_key(struct arena *arena, const char *key);

/* True where all weights were trained, and the result is a model of its own. */
bool words_is_full(const struct facts *facts);

/* `path` as a shell takes it, quoted where it has to be. */
const char *words_shell(struct arena *arena, const char *path);

#endif
