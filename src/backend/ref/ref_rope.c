/*
 * ref_rope.c - rotary positions.
 *
 * A pair (p, q) of a head's numbers turns by the angle of its position and frequency; the adjoint
 * is the transposed matrix, which turns back:
 *
 *     p' = p cos - q sin          dp = dp' cos + dq' sin
 *     q' = q cos + p sin          dq = dq' cos - dp' sin
 *
 * cos and sin come from a table, where a scaling of the angles and a factor on both (YaRN,
 * LongRoPE) are already in. Su et al. 2021, arXiv:2104.09864.
 */
#include "backend/ref/ref.h"

static void turn(const struct rope_args *a, double sign)
{
    size_t half = a->rotary / 2;
    CHECK(a->rotary % 2 == 0 && a->rotary <= a->head && a->x.width % a->head == 0);
    for (size_t i = 0; i < a->x.rows; i++) {
        const float *cos = a->cos + (size_t)a->position[i] * half;
        const float *sin = a->sin + (size_t)a->position[i] * half;
        for (size_t first = 0; first < a->x.width; first += a->head) {
            float *head = mat_row(a->x, i) + first;
            for (size_t j = 0; j < half; j++) {
                float *p = a->interleaved ? &head[2 * j] : &head[j];
                float *q = a->interleaved ? &head[2 * j + 1] : &head[j + half];
                double p_was = *p, q_was = *q;
                *p = (float)(p_was * cos[j] - sign * q_was * sin[j]);
                *q = (float)(q_was * cos[j] + sign * p_was * sin[j]);
            }
        }
    }
}

void ref_rope(struct backend *b, const struct rope_args *a)
{
    (void)b;
    turn(a, 1);
}

void ref_rope_back(struct backend *b, const struct rope_args *a)
{
    (void)b;
    turn(a, -1);
}
