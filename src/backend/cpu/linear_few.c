/*
 * linear_few.c - linear layers on a few rows, as generation needs them.
 *
 * With one row each weight is used once: what counts is reading it. So nothing is packed; a block
 * of work takes some outputs, and each stored row is decoded into the innermost cache, a piece at a
 * time, and multiplied with every row of x while it is there. Where the weights are stored the
 * other way around, [in, out], a block takes columns and adds up scaled rows.
 *
 * The same weights as in a batch, but another order of sums: results differ in rounding from those
 * of linear.c.
 */
#include "backend/cpu/linear.h"
#include "backend/cpu/weight_row.h"

enum { OUTPUTS_OF_BLOCK = 64 };

/* y[i] = x[i] W^T for some outputs of a part. */
static void dot_rows(const struct linear *l, const struct linear_view *p, size_t first, size_t n,
                     float *decoded)
{
    for (size_t j = first; j < first + n; j++) {
        for (size_t from = 0; from < l->sizes.in; from += PACKING_FLOATS) {
            size_t width = min_size(l->sizes.in - from, PACKING_FLOATS);
            const float *w = weight_row(l->k, &p->of->weight, j, from, decoded, width);
            for (size_t i = 0; i < l->sizes.rows; i++) {
                float *y = mat_row(l->a->y, i) + p->first_y + j;
                float sum = l->k->dot(w, mat_row(l->a->x, i) + from, width);
                *y = from > 0 ? *y + sum : sum;
            }
        }
    }
}

/* The same for weights stored as [in, out]. */
static void add_rows(const struct linear *l, const struct linear_view *p, size_t first, size_t n,
                     float *decoded)
{
    for (size_t c = 0; c < l->sizes.in; c++) {
        const float *w = weight_row(l->k, &p->of->weight, c, first, decoded, n);
        for (size_t i = 0; i < l->sizes.rows; i++)
            l->k->axpby(mat_row(l->a->y, i) + p->first_y + first, mat_row(l->a->x, i)[c], w,
                        c > 0 ? 1.0f : 0.0f, n);
    }
}

static void add_adapter(const struct linear *l, const struct linear_view *p, size_t first, size_t n)
{
    for (size_t i = 0; p->rank > 0 && i < l->sizes.rows; i++) {
        const float *u = mat_row(l->a->u, i) + p->first_u;
        for (size_t j = first; j < first + n; j++)
            mat_row(l->a->y, i)[p->first_y + j] +=
                p->of->lora_scale * l->k->dot(u, p->of->lora_b + j * p->rank, p->rank);
    }
    for (size_t i = 0; p->of->bias && i < l->sizes.rows; i++) {
        float *y = mat_row(l->a->y, i) + p->first_y + first;
        l->k->add(y, y, p->of->bias + first, n);
    }
}

/* Columns of weights stored as [in, out] are blocks of the quantised types. */
static size_t block_outputs(const struct linear_view *p)
{
    return p->of->weight.transposed ? LINEAR_COLUMNS_LEAST : OUTPUTS_OF_BLOCK;
}

static void compute_outputs(void *context, size_t index, size_t worker)
{
    const struct linear *l = context;
    const struct linear_view *p = l->part;
    for (; index >= ceil_div(p->n, block_outputs(p)); p++)
        index -= ceil_div(p->n, block_outputs(p));
    size_t first = index * block_outputs(p), n = min_size(p->n - first, block_outputs(p));
    float *decoded = l->decoded + worker * PACKING_FLOATS;
    if (p->of->weight.transposed)
        add_rows(l, p, first, n, decoded);
    else
        dot_rows(l, p, first, n, decoded);
    add_adapter(l, p, first, n);
}

static void compute_u(const struct linear *l, const struct linear_view *p)
{
    for (size_t i = 0; i < l->sizes.rows; i++) {
        for (size_t j = 0; j < p->rank; j++)
            mat_row(l->a->u, i)[p->first_u + j] =
                l->k->dot(mat_row(l->a->x, i), p->of->lora_a + j * l->sizes.in, l->sizes.in);
    }
}

void linear_few(struct linear *l)
{
    size_t blocks = 0;
    for (size_t i = 0; i < l->a->n_parts; i++) {
        compute_u(l, &l->part[i]);
        blocks += ceil_div(l->part[i].n, block_outputs(&l->part[i]));
    }
    cpu_run(l->b, blocks, compute_outputs, l);
}
