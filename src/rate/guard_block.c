/*
 * guard_block.c - the run in twenty blocks.
 *
 * Whether a loss falls at all is asked over long stretches, of which no window can hold all losses.
 * A block keeps count, mean and squared deviations of a twentieth of the run (Welford's update). A
 * straight line through means of blocks has two standard errors: one from the noise inside of
 * them, one from how the means scatter about the line. The larger one counts, since the scatter
 * knows of slow wandering and the noise is known better where the blocks are few.
 */
#include "rate/guard_block.h"

#include <math.h>

#include "base/stat.h"

int64_t guard_block_steps(int64_t total)
{
    int64_t steps = (total + PACE_BLOCKS - 1) / PACE_BLOCKS;
    return steps > GUARD_BLOCK_LEAST ? steps : GUARD_BLOCK_LEAST;
}

static struct pace_block *block_at(struct pace_memory *m, int64_t step, int64_t total)
{
    int64_t i = step / guard_block_steps(total);
    return &m->block[i < PACE_BLOCKS ? i : PACE_BLOCKS - 1];
}

void block_add(struct pace_memory *m, int64_t step, int64_t total, double loss)
{
    struct pace_block *b = block_at(m, step, total);
    double from_mean = loss - b->mean;
    b->n++;
    b->mean += from_mean / (double)b->n;
    b->squares += from_mean * (loss - b->mean);
}

void block_forget(struct pace_memory *m, int64_t step, int64_t total)
{
    for (struct pace_block *b = block_at(m, step, total); b < m->block + PACE_BLOCKS; b++)
        *b = (struct pace_block){0};
}

int64_t block_beginning(const struct guard_scene *s)
{
    int64_t steps = guard_block_steps(s->total);
    int64_t block = s->step / steps;
    return s->step % steps == 0 && block < PACE_BLOCKS ? block : -1;
}

int64_t block_after(const struct guard_scene *s, int64_t step)
{
    int64_t steps = guard_block_steps(s->total);
    return (step + steps - 1) / steps;
}

double block_error(const struct pace_block *b)
{
    return b->n > 1 ? sqrt(b->squares / (double)((b->n - 1) * b->n)) : INFINITY;
}

bool block_trend(const struct guard_scene *s, int64_t from, int64_t to, struct trend *t)
{
    const struct pace_block *block = s->memory->block;
    double mean[PACE_BLOCKS], variance_of_slope = 0, variance_of_level = 0, xx = 0;
    size_t n = (size_t)(to - from);
    if (n < 2)
        return false;
    for (size_t i = 0; i < n; i++) {
        const struct pace_block *b = &block[(size_t)from + i];
        if (b->n < guard_block_steps(s->total) / 2)
            return false;
        double x = (double)i - 0.5 * (double)(n - 1);
        double variance = block_error(b) * block_error(b);
        mean[i] = b->mean;
        xx += x * x;
        variance_of_slope += x * x * variance;
        variance_of_level += variance;
    }
    struct stat_line line = stat_fit_line(NULL, mean, n);
    double slope_se = sqrt(variance_of_slope) / xx;
    if (n > 2)
        slope_se = fmax(slope_se, line.slope_se);
    t->descent = -line.slope * (double)n;
    t->se = slope_se * (double)n;
    t->level = stat_mean(mean, n);
    t->level_se = sqrt(variance_of_level) / (double)n;
    t->steps = (int64_t)n * guard_block_steps(s->total);
    return true;
}

void block_tell(const struct trend *t, struct guard_verdict *v)
{
    v->number[0] = t->descent;
    v->number[1] = GUARD_SIGNIFICANT * t->se;
    v->number[2] = (double)t->steps;
    v->number[3] = t->level;
}
