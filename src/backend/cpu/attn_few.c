/*
 * attn_few.c - attention of a few queries to many keys, as generation needs it.
 *
 * With one query each key and each value is used once for each of the heads that share them: what
 * counts is reading them. So nothing is packed; a block of work is one query and one head, whose
 * scores of the whole chain stand in the worker's scratch, from the segment's own keys up to those
 * of the root.
 */
#include <math.h>

#include "backend/cpu/attn.h"

struct few {
    const struct attn_args *a;
    const struct kernels *k;
    float *scores;
    size_t longest;
};

/* One query and one head. */
struct query {
    const struct segment *segment;
    size_t row, head, kv; /* first columns of the heads in q, and in k and v */
    int32_t position;
    float *scores;
};

/* The chain's next segment, towards the root; NULL behind it. */
static const struct segment *parent_of(const struct attn_args *a, const struct segment *s)
{
    return s->parent == SEGMENT_NO_PARENT ? NULL : &a->segment[s->parent];
}

/* Returns the number of keys. */
static size_t score_keys(const struct few *f, const struct query *q)
{
    const struct attn_args *a = f->a;
    const float *query = mat_row(a->q, q->row) + q->head;
    size_t n = 0;
    for (const struct segment *of = q->segment; of; of = parent_of(a, of)) {
        struct key_range seen = key_range_seen(a, of, q->position);
        for (int32_t key = seen.first; key < seen.last; key++)
            q->scores[n++] = f->k->dot(query, mat_row(a->k, (size_t)key) + q->kv, a->head);
    }
    return n;
}

static void add_values(const struct few *f, const struct query *q, float factor)
{
    const struct attn_args *a = f->a;
    float *o = mat_row(a->o, q->row) + q->head;
    size_t n = 0;
    for (const struct segment *of = q->segment; of; of = parent_of(a, of)) {
        struct key_range seen = key_range_seen(a, of, q->position);
        for (int32_t key = seen.first; key < seen.last; key++, n++)
            f->k->axpby(o, factor * q->scores[n], mat_row(a->v, (size_t)key) + q->kv,
                        n > 0 ? 1.0f : 0.0f, a->head);
    }
}

static void attend(void *context, size_t index, size_t worker)
{
    const struct few *f = context;
    const struct attn_args *a = f->a;
    size_t head = index % a->heads;
    const struct segment *s = a->segment;
    for (index /= a->heads; s->query == SEGMENT_NO_QUERIES || index >= (size_t)s->n; s++)
        index -= s->query == SEGMENT_NO_QUERIES ? 0 : (size_t)s->n;
    struct query q = {.segment = s,
                      .row = (size_t)s->query + index,
                      .head = head * a->head,
                      .kv = head / (a->heads / a->kv_heads) * a->head,
                      .position = s->position + (int32_t)index,
                      .scores = f->scores + worker * f->longest};
    size_t n = score_keys(f, &q);
    struct logit_row row = {.z = q.scores, .n = n, .scale = a->scale, .softcap = a->softcap};
    float most = f->k->logit_row(&row);
    float sum = f->k->exp_row(q.scores, n, most, 0);
    add_values(f, &q, 1 / sum);
    mat_row(a->lse, q.row)[head] = most + logf(sum);
}

void attn_few(const struct backend *b, const struct attn_args *a)
{
    struct few f = {.a = a, .k = cpu_kernels(b), .longest = round_up(attn_longest(a), 16)};
    struct scratch scratch = scratch_of(b);
    f.scores = scratch_take(&scratch, cpu_workers(b) * f.longest, sizeof(float));
    size_t queries = 0;
    for (size_t i = 0; i < a->n_segments; i++) {
        if (a->segment[i].query != SEGMENT_NO_QUERIES)
            queries += (size_t)a->segment[i].n;
    }
    cpu_run(b, queries * a->heads, attend, &f);
}

size_t attn_few_scratch(const struct backend *b, const struct backend_sizes *sizes)
{
    return scratch_need(cpu_workers(b) * round_up(sizes->keys, 16), sizeof(float));
}
