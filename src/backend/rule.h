/*
 * rule.h - the arithmetic of the optimisers: how a parameter, its gradient and what is remembered
 * of it become the next parameter.
 *
 * A rule is one pass over one parameter, cut into blocks by the parameter's shape alone. A block
 * reads and writes its own part of the arrays, and leaves up to two sums behind; whoever asked adds
 * the blocks' sums up in their order. So every backend gets the same bits from any number of
 * threads: `ref` runs the blocks one behind another, `cpu` shares them out, both through
 * rule_run_block. Optimisers that need a number of the whole parameter, or of all of them, before
 * they can move are two rules or more: optim.c puts them together.
 *
 * The order of the roundings is that of PyTorch's float32 arithmetic, scalars computed in double:
 *
 *   sgd            g += decay w;  m = momentum m + g;  w -= rate (nesterov ? g + momentum m : m)
 *   adamw          w -= rate decay w;  m += (1-b1)(g - m);  v = b2 v + (1-b2) g^2
 *                  w -= rate/c1 m / (sqrt(v)/sqrt(c2) + eps),  c = 1 - b^step
 *                  Loshchilov and Hutter 2019, arXiv:1711.05101
 *   lion           w -= rate decay w;  w -= rate sign(b1 m + (1-b1) g);  m = b2 m + (1-b2) g
 *                  Chen et al. 2023, arXiv:2302.06675
 *   schedule free  z -= rate (g/(sqrt(v/c2) + eps) + decay y);  x += c (z - x);
 *                  y = z + b1 (x - z), which is where g is taken.
 *                  Defazio et al. 2024, arXiv:2405.15682
 *   prodigy        adamw on d g, where d grows with how far the weights have come.
 *                  Mishchenko and Defazio 2024, arXiv:2306.06101
 *   adafactor      v of a matrix is the product of its row and column means; the update is
 *                  clipped by its root mean square. Shazeer and Stern 2018, arXiv:1804.04235
 *   adamw, 8 bits  m and v are a byte each: an index into a table of 256 numbers, times the
 *                  largest of 256 neighbours. Dettmers et al. 2022, arXiv:2110.02861
 */
#ifndef PACE_BACKEND_RULE_H
#define PACE_BACKEND_RULE_H

#include <math.h>
#include <string.h>

#include "base/base.h"

enum rule {
    RULE_SGD,
    RULE_ADAMW,
    RULE_ADAMW_8BIT,
    RULE_LION,
    RULE_SCHEDULE_FREE,
    RULE_SCHEDULE_FREE_Y,   /* y from x and z again, after x stood in its place */
    RULE_PRODIGY_SENSE,     /* m, v, s; sums: <g, start - w>, |s| */
    RULE_PRODIGY,           /* the step */
    RULE_ADAFACTOR_ROWS,    /* the rows' moments, or all of a vector's; sums: those, w^2 */
    RULE_ADAFACTOR_COLUMNS, /* the columns' moments of a matrix */
    RULE_ADAFACTOR_SENSE,   /* sums: the squares of the update */
    RULE_ADAFACTOR,         /* the step */
};

enum { RULE_STATES = 4, RULE_SUMS = 2 };

/* One pass of a rule over one parameter. Fields that a rule does not name are ignored by it. */
struct optim_args {
    enum rule rule;
    float *w;           /* [rows, width] */
    const float *g;     /* the gradient of the loss, before `grad_scale` */
    size_t rows, width; /* a vector is [1, n] */

    /* sgd, lion: m · adamw: m, v; in 8 bits the blocks' scales of both · schedule free: v, z, x ·
     * prodigy: m, v, s, start · adafactor: [rows] and [width] moments, or [n] of a vector */
    float *state[RULE_STATES];
    uint8_t *code[2];     /* 8 bits: m, v */
    const float *book[2]; /* 8 bits: the numbers that the codes of m and v stand for */

    float grad_scale; /* clipping */
    float rate;
    float decay; /* adamw, lion: what w is multiplied with first. Others: the share that it loses;
                    sgd, schedule free: what w counts in its gradient */
    float beta1, beta2, beta3; /* how much of m, v, s stays; sgd: beta1 is the momentum */
    float new1, new2, new3;    /* what is added to them counts this much */
    float eps;
    float correction; /* sqrt(1 - b2^step); schedule free: 1 - b2^step */
    float weight;     /* schedule free: c · adafactor: the mean of the rows' moments */
    bool nesterov;

    double (*sums)[RULE_SUMS]; /* [rule_blocks] written; NULL for rules that leave none */
};

/* Elements of a block; a multiple of the 256 that share a scale in 8 bits. */
enum { RULE_BLOCK = 16384, RULE_COLUMNS = 64, RULE_CODE_BLOCK = 256, RULE_CODES = 256 };

static inline size_t rule_count(const struct optim_args *a)
{
    return a->rows * a->width;
}

/* Adafactor factors what has rows and columns; of a single row or column nothing would change. */
static inline bool rule_is_factored(size_t rows, size_t width)
{
    return rows > 1 && width > 1;
}

/* How many rows a block of a rule that walks by rows takes. */
static inline size_t rule_block_rows(size_t width)
{
    return max_size(RULE_BLOCK / max_size(width, 1), 1);
}

static inline bool rule_walks_rows(const struct optim_args *a)
{
    return a->rule >= RULE_ADAFACTOR_ROWS && rule_is_factored(a->rows, a->width);
}

/* The number of blocks of a pass. */
static inline size_t rule_blocks(const struct optim_args *a)
{
    size_t each = RULE_BLOCK, of = rule_count(a);
    if (a->rule == RULE_ADAFACTOR_COLUMNS) {
        each = RULE_COLUMNS;
        of = a->width;
    } else if (rule_walks_rows(a)) {
        each = rule_block_rows(a->width);
        of = a->rows;
    }
    return (of + each - 1) / each;
}

/* The most blocks, and so sums, of any rule for a parameter of this shape. */
static inline size_t rule_blocks_most(size_t rows, size_t width)
{
    size_t by_rows = (rows + rule_block_rows(width) - 1) / rule_block_rows(width);
    return max_size((rows * width + RULE_BLOCK - 1) / RULE_BLOCK, by_rows);
}

/* ------------------------------------------------------------------------------ by element -- */

static inline void rule_sgd(const struct optim_args *a, size_t first, size_t n)
{
    float *restrict w = a->w + first, *restrict m = a->state[0] ? a->state[0] + first : NULL;
    const float *restrict g = a->g + first;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * a->grad_scale + a->decay * w[i];
        if (m) {
            m[i] = m[i] * a->beta1 + d;
            d = a->nesterov ? d + a->beta1 * m[i] : m[i];
        }
        w[i] -= a->rate * d;
    }
}

static inline void rule_adamw(const struct optim_args *a, size_t first, size_t n)
{
    float *restrict w = a->w + first, *restrict m = a->state[0] + first;
    float *restrict v = a->state[1] + first;
    const float *restrict g = a->g + first;
    const float scale = a->grad_scale, rate = a->rate, decay = a->decay, eps = a->eps;
    const float beta2 = a->beta2, new1 = a->new1, new2 = a->new2, correction = a->correction;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * scale;
        m[i] += new1 * (d - m[i]);
        v[i] = v[i] * beta2 + new2 * d * d;
        w[i] = w[i] * decay - rate * (m[i] / (sqrtf(v[i]) / correction + eps));
    }
}

static inline void rule_lion(const struct optim_args *a, size_t first, size_t n)
{
    float *restrict w = a->w + first, *restrict m = a->state[0] + first;
    const float *restrict g = a->g + first;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * a->grad_scale, u = m[i] * a->beta1 + a->new1 * d;
        w[i] = w[i] * a->decay - a->rate * (float)((u > 0) - (u < 0));
        m[i] = m[i] * a->beta2 + a->new2 * d;
    }
}

static inline void rule_schedule_free(const struct optim_args *a, size_t first, size_t n)
{
    float *restrict y = a->w + first, *restrict v = a->state[0] + first;
    float *restrict z = a->state[1] + first, *restrict x = a->state[2] + first;
    const float *restrict g = a->g + first;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * a->grad_scale;
        v[i] = v[i] * a->beta2 + a->new2 * d * d;
        z[i] -= a->rate * (d / (sqrtf(v[i] / a->correction) + a->eps) + a->decay * y[i]);
        x[i] += a->weight * (z[i] - x[i]);
        y[i] = z[i] + a->beta1 * (x[i] - z[i]);
    }
}

static inline void rule_schedule_free_y(const struct optim_args *a, size_t first, size_t n)
{
    float *restrict y = a->w + first;
    const float *restrict z = a->state[1] + first, *restrict x = a->state[2] + first;
    for (size_t i = 0; i < n; i++)
        y[i] = z[i] + a->beta1 * (x[i] - z[i]);
}

static inline void rule_prodigy_moments(const struct optim_args *a, size_t first, size_t n)
{
    float *restrict m = a->state[0] + first, *restrict v = a->state[1] + first;
    float *restrict s = a->state[2] + first;
    const float *restrict g = a->g + first;
    const float scale = a->grad_scale, beta1 = a->beta1, beta2 = a->beta2, beta3 = a->beta3;
    const float new1 = a->new1, new2 = a->new2, new3 = a->new3;
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * scale;
        m[i] = m[i] * beta1 + new1 * d;
        v[i] = v[i] * beta2 + new2 * (d * d);
        s[i] = s[i] * beta3 + new3 * d;
    }
}

static inline void rule_prodigy_sense(const struct optim_args *a, size_t first, size_t n,
                                      double sums[RULE_SUMS])
{
    const float *w = a->w + first, *start = a->state[3] + first, *g = a->g + first;
    const float *s = a->state[2] + first;
    rule_prodigy_moments(a, first, n);
    for (size_t i = 0; i < n; i++) {
        float d = g[i] * a->grad_scale;
        sums[0] += (double)d * ((double)start[i] - (double)w[i]);
        sums[1] += fabs((double)s[i]);
    }
}

static inline void rule_prodigy(const struct optim_args *a, size_t first, size_t n)
{
    float *restrict w = a->w + first;
    const float *restrict m = a->state[0] + first, *restrict v = a->state[1] + first;
    for (size_t i = 0; i < n; i++)
        w[i] = w[i] - a->decay * w[i] - a->rate * (m[i] / (sqrtf(v[i]) + a->eps));
}

/* ---------------------------------------------------------------------------- in eight bits -- */

/*
 * The codes of the nearest numbers of a book that rises; of two as near, the lower one. All n
 * numbers (RULE_CODE_BLOCK at most) take each step of the halving together, so that none waits for
 * the one before it.
 */
static inline void rule_encode(const float *book, const float *x, size_t n, uint8_t *code)
{
    memset(code, 0, n);
    for (size_t step = RULE_CODES / 2; step > 0; step /= 2) {
        for (size_t i = 0; i < n; i++)
            code[i] = (uint8_t)(code[i] + (book[code[i] + step] <= x[i] ? step : 0));
    }
    for (size_t i = 0; i < n; i++) {
        size_t low = code[i], next = min_size(low + 1, RULE_CODES - 1);
        bool is_nearer = fabsf(x[i] - book[next]) < fabsf(x[i] - book[low]);
        code[i] = (uint8_t)(is_nearer ? next : low);
    }
}

static inline void rule_encode_block(const float *book, const float *x, size_t n, uint8_t *code,
                                     float *scale)
{
    float most = 0, share[RULE_CODE_BLOCK];
    for (size_t i = 0; i < n; i++)
        most = fabsf(x[i]) > most ? fabsf(x[i]) : most;
    *scale = most;
    for (size_t i = 0; i < n; i++)
        share[i] = x[i] / most;
    if (most > 0)
        rule_encode(book, share, n, code);
    else
        memset(code, 0, n);
}

static inline void rule_adamw_8bit(const struct optim_args *a, size_t first, size_t n)
{
    for (size_t at = first; at < first + n; at += RULE_CODE_BLOCK) {
        size_t count = min_size(RULE_CODE_BLOCK, first + n - at), block = at / RULE_CODE_BLOCK;
        float m[RULE_CODE_BLOCK], v[RULE_CODE_BLOCK];
        struct optim_args plain = *a;
        for (size_t i = 0; i < count; i++) {
            m[i] = a->book[0][a->code[0][at + i]] * a->state[0][block];
            v[i] = a->book[1][a->code[1][at + i]] * a->state[1][block];
        }
        plain.w += at;
        plain.g += at;
        plain.state[0] = m;
        plain.state[1] = v;
        rule_adamw(&plain, 0, count);
        rule_encode_block(a->book[0], m, count, a->code[0] + at, &a->state[0][block]);
        rule_encode_block(a->book[1], v, count, a->code[1] + at, &a->state[1][block]);
    }
}

/* --------------------------------------------------------------------------------- adafactor -- */

static inline float rule_square(const struct optim_args *a, size_t i)
{
    float d = a->g[i] * a->grad_scale;
    return d * d + a->eps;
}

/* All moments of a vector. */
static inline void rule_adafactor_vector(const struct optim_args *a, size_t first, size_t n,
                                         double sums[RULE_SUMS])
{
    for (size_t i = first; i < first + n; i++) {
        a->state[0][i] = a->state[0][i] * a->beta2 + a->new2 * rule_square(a, i);
        sums[1] += (double)a->w[i] * (double)a->w[i];
    }
}

static inline void rule_adafactor_rows(const struct optim_args *a, size_t first, size_t n,
                                       double sums[RULE_SUMS])
{
    for (size_t row = first; row < first + n; row++) {
        double sum = 0;
        for (size_t i = row * a->width; i < (row + 1) * a->width; i++) {
            sum += (double)rule_square(a, i);
            sums[1] += (double)a->w[i] * (double)a->w[i];
        }
        float mean = (float)(sum / (double)a->width);
        a->state[0][row] = a->state[0][row] * a->beta2 + a->new2 * mean;
        sums[0] += (double)a->state[0][row];
    }
}

static inline void rule_adafactor_columns(const struct optim_args *a, size_t first, size_t n)
{
    double sum[RULE_COLUMNS] = {0};
    for (size_t row = 0; row < a->rows; row++)
        for (size_t i = 0; i < n; i++)
            sum[i] += (double)rule_square(a, row * a->width + first + i);
    for (size_t i = 0; i < n; i++) {
        float *moment = &a->state[1][first + i];
        *moment = *moment * a->beta2 + a->new2 * (float)(sum[i] / (double)a->rows);
    }
}

/* Elements first … first + n - 1 of one row: the squares of the update before it is clipped. */
static inline double rule_adafactor_squares(const struct optim_args *a, float by_row, size_t first,
                                            size_t n, const float *moment)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) {
        float u = by_row * (1 / sqrtf(moment[i])) * (a->g[first + i] * a->grad_scale);
        sum += (double)u * (double)u;
    }
    return sum;
}

static inline void rule_adafactor_move(const struct optim_args *a, float by_row, size_t first,
                                       size_t n, const float *restrict moment)
{
    float *restrict w = a->w + first;
    const float *restrict g = a->g + first;
    const float decay = a->decay, rate = a->rate, scale = a->grad_scale;
    for (size_t i = 0; i < n; i++)
        w[i] = w[i] - decay * w[i] - rate * (by_row * (1 / sqrtf(moment[i])) * (g[i] * scale));
}

static inline void rule_adafactor_walk(const struct optim_args *a, size_t row, size_t first,
                                       size_t n, double sums[RULE_SUMS])
{
    bool is_factored = a->state[1] != NULL;
    const float *moment = is_factored ? a->state[1] : a->state[0] + first;
    float by_row = is_factored ? 1 / sqrtf(a->state[0][row] / a->weight) : 1;
    if (a->rule == RULE_ADAFACTOR)
        rule_adafactor_move(a, by_row, first, n, moment);
    else
        sums[0] += rule_adafactor_squares(a, by_row, first, n, moment);
}

/* ------------------------------------------------------------------------------------ blocks -- */

static inline void rule_run_rows(const struct optim_args *a, size_t block, double sums[RULE_SUMS])
{
    size_t each = rule_block_rows(a->width), first = block * each;
    size_t n = min_size(each, a->rows - first);
    if (a->rule == RULE_ADAFACTOR_ROWS) {
        rule_adafactor_rows(a, first, n, sums);
        return;
    }
    for (size_t row = first; row < first + n; row++)
        rule_adafactor_walk(a, row, row * a->width, a->width, sums);
}

static inline void rule_run_elements(const struct optim_args *a, size_t block,
                                     double sums[RULE_SUMS])
{
    size_t first = block * RULE_BLOCK, n = min_size(RULE_BLOCK, rule_count(a) - first);
    switch (a->rule) {
    case RULE_SGD:
        rule_sgd(a, first, n);
        break;
    case RULE_ADAMW:
        rule_adamw(a, first, n);
        break;
    case RULE_ADAMW_8BIT:
        rule_adamw_8bit(a, first, n);
        break;
    case RULE_LION:
        rule_lion(a, first, n);
        break;
    case RULE_SCHEDULE_FREE:
        rule_schedule_free(a, first, n);
        break;
    case RULE_SCHEDULE_FREE_Y:
        rule_schedule_free_y(a, first, n);
        break;
    case RULE_PRODIGY_SENSE:
        rule_prodigy_sense(a, first, n, sums);
        break;
    case RULE_PRODIGY:
        rule_prodigy(a, first, n);
        break;
    case RULE_ADAFACTOR_ROWS:
        rule_adafactor_vector(a, first, n, sums);
        break;
    case RULE_ADAFACTOR_COLUMNS:
        CHECK(rule_is_factored(a->rows, a->width));
        break;
    case RULE_ADAFACTOR_SENSE:
    case RULE_ADAFACTOR:
        rule_adafactor_walk(a, 0, first, n, sums);
        break;
    }
}

/* Runs one block of a pass; blocks may run in any order and side by side. */
static inline void rule_run_block(const struct optim_args *a, size_t block)
{
    double sums[RULE_SUMS] = {0};
    if (a->rule == RULE_ADAFACTOR_COLUMNS) {
        size_t first = block * RULE_COLUMNS;
        rule_adafactor_columns(a, first, min_size(RULE_COLUMNS, a->width - first));
        return;
    }
    if (rule_walks_rows(a))
        rule_run_rows(a, block, sums);
    else
        rule_run_elements(a, block, sums);
    if (a->sums)
        memcpy(a->sums[block], sums, sizeof sums);
}

#endif
