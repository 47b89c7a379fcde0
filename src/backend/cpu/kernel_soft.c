/*
 * kernel_soft.c - softmax: over the columns of a tile of attention, in its adjoint, and over rows
 * of logits.
 *
 * Attention is computed as S^T = K Q^T, keys down and queries across: a query is a lane, its
 * greatest score and its sum are lanes of a vector, and the weights come out in the order in which
 * the product with V reads them. Keys that a query does not see are told by a first and a last row
 * for each lane; only rows in which some lane differs from another pay for the comparison.
 *
 * The softmax goes on from tile to tile (Milakov and Gimelshein 2018, arXiv:1805.02867): when a
 * greater score turns up, what was summed before is multiplied by exp(old - new). `most` begins at
 * a finite number, so that a tile in which a query sees nothing does not make it infinity minus
 * infinity.
 */
#include <math.h>

#include "backend/cpu/kernel.h"
#include "backend/cpu/simd_math.h"

SIMD vec cap(vec z, float softcap)
{
    return softcap > 0 ? softcap * vec_tanh(z / softcap) : z;
}

/* The cap's derivative at the place where its value is z. */
SIMD vec cap_slope(vec z, float softcap)
{
    vec part = z / softcap;
    return 1.0f - part * part;
}

/* ---------------------------------------------------------------------- columns of attention -- */

struct lanes {
    vec most, sum;
    veci first, last;
};

SIMD veci sees(const struct lanes *l, size_t key)
{
    veci at = veci_of((int32_t)key);
    return (at >= l->first) & (at < l->last);
}

SIMD void find_most(const struct soft_columns *s, float *column, struct lanes *l, size_t from,
                    size_t to, bool masks)
{
    for (size_t key = from; key < to; key++) {
        float *at = column + key * s->step;
        vec z = cap(s->scale * vec_load(at), s->softcap);
        if (masks)
            z = vec_select(sees(l, key), z, vec_of(-INFINITY));
        vec_store(at, z);
        l->most = vec_max(z, l->most);
    }
}

SIMD void weigh(const struct soft_columns *s, float *column, struct lanes *l, size_t from,
                size_t to)
{
    for (size_t key = from; key < to; key++) {
        float *at = column + key * s->step;
        vec p = vec_exp(vec_load(at) - l->most);
        vec_store(at, p);
        l->sum += p;
    }
}

void KERNEL(kernel_soft_columns)(const struct soft_columns *s)
{
    for (size_t j = 0; j < PANEL; j += LANES) {
        struct lanes l = {.most = vec_load(s->most + j), .sum = vec_load(s->sum + j)};
        memcpy(&l.first, s->first + j, sizeof l.first);
        memcpy(&l.last, s->last + j, sizeof l.last);
        /* Between these rows every lane sees every key. */
        size_t from = 0, to = s->n_keys;
        for (size_t i = j; i < j + LANES; i++) {
            from = max_size(from, (size_t)(s->first[i] > 0 ? s->first[i] : 0));
            to = min_size(to, (size_t)(s->last[i] > 0 ? s->last[i] : 0));
        }
        from = min_size(from, s->n_keys);
        to = max_size(from, to);
        vec before = l.most;
        find_most(s, s->s + j, &l, 0, from, true);
        find_most(s, s->s + j, &l, from, to, false);
        find_most(s, s->s + j, &l, to, s->n_keys, true);
        vec factor = vec_exp(before - l.most);
        l.sum *= factor;
        weigh(s, s->s + j, &l, 0, s->n_keys);
        vec_store(s->most + j, l.most);
        vec_store(s->sum + j, l.sum);
        vec_store(s->factor + j, factor);
    }
}

/* Keys j … j + n - 1, n <= LANES. */
SIMD void back_part(const struct soft_back *s, size_t j, size_t n, bool caps)
{
    if (j >= s->last || j + n <= s->first) {
        vec_store_some(s->s + j, (vec){0}, n);
        vec_store_some(s->dp + j, (vec){0}, n);
        return;
    }
    vec z = s->scale * vec_load_some(s->s + j, n);
    z = caps ? cap(z, s->softcap) : z;
    vec p = vec_exp(z - s->lse);
    vec d = p * (vec_load_some(s->dp + j, n) - s->delta);
    d = caps ? d * cap_slope(z, s->softcap) : d;
    if (j < s->first || j + n > s->last) {
        veci at = veci_count() + (int32_t)j;
        veci seen = (at >= (int32_t)s->first) & (at < (int32_t)s->last);
        p = (vec)((veci)p & seen);
        d = (vec)((veci)d & seen);
    }
    vec_store_some(s->s + j, p, n);
    vec_store_some(s->dp + j, s->scale * d, n);
}

SIMD void soft_back(const struct soft_back *s, bool caps)
{
    size_t j = 0;
    for (; j + LANES <= s->n_keys; j += LANES)
        back_part(s, j, LANES, caps);
    if (j < s->n_keys)
        back_part(s, j, s->n_keys - j, caps);
}

void KERNEL(kernel_soft_back)(const struct soft_back *s)
{
    const struct soft_back here = *s; /* not among what the stores may change */
    if (s->softcap > 0)
        soft_back(&here, true);
    else
        soft_back(&here, false);
}

/* ---------------------------------------------------------------------------- rows of logits -- */

float KERNEL(kernel_logit_row)(const struct logit_row *r)
{
    vec most = vec_of(-INFINITY);
    for (size_t j = 0; j < r->n; j += LANES) {
        size_t n = min_size(r->n - j, LANES);
        vec z = r->scale * vec_load_some(r->z + j, n);
        if (r->bias)
            z += vec_load_some(r->bias + j, n);
        z = cap(z, r->softcap);
        vec_store_some(r->z + j, z, n);
        if (n < LANES)
            z = vec_select(veci_count() < (int32_t)n, z, vec_of(-INFINITY));
        most = vec_max(z, most);
    }
    return vec_largest(most);
}

float KERNEL(kernel_exp_row)(float *z, size_t n, float most, float softcap)
{
    vec sum = {0};
    for (size_t j = 0; j < n; j += LANES) {
        size_t here = min_size(n - j, LANES);
        vec x = vec_load_some(z + j, here);
        vec p = vec_exp(x - most);
        if (here < LANES)
            p = vec_select(veci_count() < (int32_t)here, p, (vec){0});
        sum += p;
        if (softcap > 0)
            p *= cap_slope(x, softcap);
        vec_store_some(z + j, p, here);
    }
    return vec_sum(sum);
}
