/*
 * ref_attn.c - attention of each token to those before it in its text.
 *
 * A text is a chain of segments, the root first. `position` counts along the chain, so the key at
 * position p of a chain lies in the row that `rows` holds at p, and the query at position p sees
 * positions max(0, p + 1 - window) … p. For a head, with z_j = scale q k_j:
 *
 *     s_j = cap(z_j)     lse = log(sum_j exp(s_j))     w_j = exp(s_j - lse)     o = sum_j w_j v_j
 *
 *     dv_j += w_j do         e_j = do v_j         ds_j = w_j (e_j - sum_i w_i e_i)
 *     dz_j  = ds_j cap'(z_j)        dq += scale dz_j k_j        dk_j += scale dz_j q
 *
 * The weights are computed anew from lse in the adjoint. A key that several texts share gathers the
 * gradients of all of them, which is why a shared beginning is exact. The heads that read the same
 * keys are summed in double before they are stored.
 *
 * Vaswani et al. 2017, arXiv:1706.03762; grouped heads: Ainslie et al. 2023, arXiv:2305.13245; the
 * softcap: Gemma 2, arXiv:2408.00118, section 2.
 */
#include <math.h>

#include "backend/ref/ref.h"

/* The chain of one segment, and one head. */
struct chain {
    const struct attn_args *a;
    const struct segment *segment;
    int32_t *rows;   /* [keys] rows of k and v by position */
    double *w, *e;   /* [keys] */
    double *dq;      /* [D] */
    double *dk, *dv; /* [rows of k, D], of the key head at work */
    size_t head, kv; /* first columns of the heads in q and o, k and v */
    size_t lse;      /* column */
};

size_t ref_attn_scratch(const struct backend_sizes *sizes)
{
    size_t doubles =
        2 * scratch_need(sizes->keys, sizeof(double)) + scratch_need(sizes->head, sizeof(double));
    if (sizes->trains)
        doubles += 2 * scratch_need(sizes->rows * sizes->head, sizeof(double));
    return doubles + scratch_need(sizes->keys, sizeof(int32_t));
}

/* The longest chain of the call. */
static size_t longest(const struct attn_args *a)
{
    size_t most = 0;
    for (size_t i = 0; i < a->n_segments; i++)
        most = max_size(most, (size_t)a->segment[i].position + (size_t)a->segment[i].n);
    return most;
}

static struct chain open_chain(const struct backend *b, const struct attn_args *a, bool is_adjoint)
{
    CHECK(a->heads % a->kv_heads == 0 && a->q.width == a->heads * a->head);
    CHECK(a->k.width == a->kv_heads * a->head && a->v.width == a->k.width);
    struct scratch scratch = scratch_of(b);
    size_t keys = longest(a);
    struct chain c = {.a = a};
    c.w = scratch_take(&scratch, keys, sizeof *c.w);
    c.e = scratch_take(&scratch, keys, sizeof *c.e);
    c.rows = scratch_take(&scratch, keys, sizeof *c.rows);
    c.dq = scratch_take(&scratch, a->head, sizeof *c.dq);
    if (is_adjoint) {
        c.dk = scratch_take(&scratch, a->k.rows * a->head, sizeof *c.dk);
        c.dv = scratch_take(&scratch, a->k.rows * a->head, sizeof *c.dv);
    }
    return c;
}

/* Takes up the segment's chain; false where it has no queries. */
static bool follow(struct chain *c, size_t index)
{
    const struct segment *all = c->a->segment;
    c->segment = &all[index];
    if (c->segment->query == SEGMENT_NO_QUERIES)
        return false;
    for (int32_t at = (int32_t)index; at != SEGMENT_NO_PARENT; at = all[at].parent) {
        const struct segment *s = &all[at];
        CHECK(s->parent < at);
        CHECK(s->position ==
              (s->parent == SEGMENT_NO_PARENT ? 0 : all[s->parent].position + all[s->parent].n));
        for (int32_t i = 0; i < s->n; i++)
            c->rows[s->position + i] = s->key + i;
    }
    return true;
}

static void take_head(struct chain *c, size_t head)
{
    const struct attn_args *a = c->a;
    c->head = head * a->head;
    c->kv = head / (a->heads / a->kv_heads) * a->head;
    c->lse = head;
}

/* The first position that the query at `position` sees. */
static size_t first_seen(const struct attn_args *a, size_t position)
{
    size_t n = position + 1;
    return a->window > 0 && (size_t)a->window < n ? n - (size_t)a->window : 0;
}

static double score(const struct chain *c, size_t query, size_t position)
{
    const float *q = mat_row(c->a->q, query) + c->head;
    const float *k = mat_row(c->a->k, (size_t)c->rows[position]) + c->kv;
    return ref_cap(c->a->scale * ref_dot(q, k, c->a->head), c->a->softcap);
}

static void attend(const struct chain *c, size_t query, size_t position)
{
    const struct attn_args *a = c->a;
    size_t first = first_seen(a, position);
    double most = -INFINITY, sum = 0;
    for (size_t p = first; p <= position; p++) {
        c->w[p] = score(c, query, p);
        most = fmax(most, c->w[p]);
    }
    for (size_t p = first; p <= position; p++)
        sum += exp(c->w[p] - most);
    double lse = most + log(sum);
    mat_row(a->lse, query)[c->lse] = (float)lse;
    for (size_t d = 0; d < a->head; d++) {
        double o = 0;
        for (size_t p = first; p <= position; p++)
            o += exp(c->w[p] - lse) * mat_row(a->v, (size_t)c->rows[p])[c->kv + d];
        mat_row(a->o, query)[c->head + d] = (float)o;
    }
}

void ref_attn(struct backend *b, const struct attn_args *a)
{
    struct chain c = open_chain(b, a, false);
    for (size_t i = 0; i < a->n_segments; i++) {
        if (!follow(&c, i))
            continue;
        for (size_t head = 0; head < a->heads; head++) {
            take_head(&c, head);
            for (size_t k = 0; k < (size_t)c.segment->n; k++)
                attend(&c, (size_t)c.segment->query + k, (size_t)c.segment->position + k);
        }
    }
}

static void back_query(const struct chain *c, size_t query, size_t position)
{
    const struct attn_args *a = c->a;
    const float *q = mat_row(a->q, query) + c->head, *d_o = mat_row(a->d_o, query) + c->head;
    double lse = mat_row(a->lse, query)[c->lse], mean = 0;
    size_t first = first_seen(a, position);
    for (size_t p = first; p <= position; p++) {
        c->w[p] = exp(score(c, query, p) - lse);
        c->e[p] = ref_dot(d_o, mat_row(a->v, (size_t)c->rows[p]) + c->kv, a->head);
        mean += c->w[p] * c->e[p];
    }
    for (size_t d = 0; d < a->head; d++)
        c->dq[d] = 0;
    for (size_t p = first; p <= position; p++) {
        size_t row = (size_t)c->rows[p];
        double slope = ref_cap_slope(score(c, query, p), a->softcap);
        double dz = a->scale * c->w[p] * (c->e[p] - mean) * slope;
        ref_add_scaled(c->dv + row * a->head, c->w[p], d_o, a->head);
        ref_add_scaled(c->dk + row * a->head, dz, q, a->head);
        ref_add_scaled(c->dq, dz, mat_row(a->k, row) + c->kv, a->head);
    }
    for (size_t d = 0; d < a->head; d++)
        mat_row(a->dq, query)[c->head + d] = (float)c->dq[d];
}

static void back_head(struct chain *c, size_t head)
{
    take_head(c, head);
    for (size_t i = 0; i < c->a->n_segments; i++) {
        if (!follow(c, i))
            continue;
        for (size_t k = 0; k < (size_t)c->segment->n; k++)
            back_query(c, (size_t)c->segment->query + k, (size_t)c->segment->position + k);
    }
}

void ref_attn_back(struct backend *b, const struct attn_args *a)
{
    struct chain c = open_chain(b, a, true);
    size_t group = a->heads / a->kv_heads;
    for (size_t kv = 0; kv < a->kv_heads; kv++) {
        for (size_t i = 0; i < a->k.rows * a->head; i++)
            c.dk[i] = c.dv[i] = 0;
        for (size_t head = kv * group; head < (kv + 1) * group; head++)
            back_head(&c, head);
        for (size_t i = 0; i < a->k.rows * a->head; i++) {
            size_t row = i / a->head, column = kv * a->head + i % a->head;
            mat_row(a->dk, row)[column] = (float)c.dk[i];
            mat_row(a->dv, row)[column] = (float)c.dv[i];
        }
    }
}
