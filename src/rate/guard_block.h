/*
 * guard_block.h - the run in twenty blocks: means of losses, and the trend of several blocks.
 */
#ifndef PACE_RATE_GUARD_BLOCK_H
#define PACE_RATE_GUARD_BLOCK_H

#include "rate/guard.h"

/* A straight line through the means of blocks. */
struct trend {
    double descent, se; /* over all of them, and its standard error */
    double level, level_se;
    int64_t steps;
};

void block_add(struct pace_memory *m, int64_t step, int64_t total, double loss);

/* Empties the block of the step and all later ones. */
void block_forget(struct pace_memory *m, int64_t step, int64_t total);

/* The block that begins at this step; -1 inside of one. */
int64_t block_beginning(const struct guard_scene *s);

/* How many blocks begin before the step: the first one that begins at it or later. */
int64_t block_after(const struct guard_scene *s, int64_t step);

/* The standard error of a block's mean; infinite for fewer than two losses. */
double block_error(const struct pace_block *b);

/* The trend of blocks from … to - 1. False for fewer than two, or where one holds too little. */
bool block_trend(const struct guard_scene *s, int64_t from, int64_t to, struct trend *t);

/* What the rules that judge trends say: descent, two errors of it, steps, level. */
void block_tell(const struct trend *t, struct guard_verdict *v);

#endif
