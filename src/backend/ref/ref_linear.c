/*
 * ref_linear.c - linear layers that share an input, with low-rank adapters.
 *
 * For each part, with W [n, k] however it is stored, s = lora_scale, and x' the input after dropout
 * (which only the adapter sees):
 *
 *     u = x' A^T                 [R, r]
 *     y = x W^T + b + s u B^T    [R, n]
 *
 *     du  = s dy B               dA += du^T x'
 *     dB += s dy^T u             dW += dy^T x          db += column sums of dy
 *     dx  = dy W + drop(du A)    summed over the parts; drop multiplies by the same factors
 *
 * Adapters: Hu et al. 2021, arXiv:2106.09685, section 4.1. That dropout lies before A and not on
 * the frozen path is PEFT's convention.
 */
#include "backend/dropout.h"
#include "backend/ref/ref.h"

/* One part with its columns of the shared matrices, and its pieces of the scratch memory. */
struct part {
    const struct linear_part *of;
    size_t rows, n, k, rank;
    struct mat x, y, dy, u; /* x.at NULL: the adjoint has no use for it */
    struct mat dropped;     /* x' [R, k] */
    struct dropout dropout;
    float *weight; /* [n, k] */
    float *du;     /* [R, r] */
    double *row;   /* [k] */
};

size_t ref_linear_scratch(const struct backend_sizes *sizes)
{
    return scratch_need(sizes->linear_weights, sizeof(float)) +
           scratch_need(sizes->rows * sizes->linear_in, sizeof(float)) +
           scratch_need(sizes->rows * sizes->linear_rank, sizeof(float)) +
           scratch_need(sizes->linear_in, sizeof(double)) +
           scratch_need(max_size(sizes->linear_in, sizes->linear_out), sizeof(float));
}

/* The weights as float32 [n, k]; `row` has room for one as it is stored. */
static void decode(const struct weight *w, float *out, float *row)
{
    size_t k = weight_in(w);
    for (size_t i = 0; i < w->rows; i++) {
        if (!w->transposed) {
            ref_weight_row(w, i, out + i * k);
            continue;
        }
        ref_weight_row(w, i, row);
        for (size_t j = 0; j < w->width; j++)
            out[j * k + i] = row[j];
    }
}

static void drop(const struct part *p)
{
    for (size_t i = 0; i < p->rows; i++) {
        for (size_t c = 0; c < p->k; c++)
            mat_row(p->dropped, i)[c] =
                mat_row(p->x, i)[c] * dropout_factor(&p->dropout, i * p->k + c);
    }
}

/* Part `index`, whose outputs and u begin at the given columns. */
static struct part open_part(const struct backend *b, const struct linear_args *a, size_t index,
                             size_t first_y, size_t first_u)
{
    const struct linear_part *of = &a->part[index];
    struct part p = {.of = of, .n = weight_out(&of->weight), .k = weight_in(&of->weight)};
    CHECK(!a->x.at || p.k == a->x.width);
    p.rows = a->dy.at ? a->dy.rows : a->x.rows;
    struct scratch scratch = scratch_of(b);
    p.weight = scratch_take(&scratch, p.n * p.k, sizeof *p.weight);
    p.row = scratch_take(&scratch, p.k, sizeof *p.row);
    decode(&of->weight, p.weight, scratch_take(&scratch, of->weight.width, sizeof(float)));
    p.rank = of->rank;
    p.x = p.dropped = a->x;
    if (a->y.at)
        p.y = mat_columns(a->y, first_y, p.n);
    if (a->dy.at)
        p.dy = mat_columns(a->dy, first_y, p.n);
    if (p.rank > 0) {
        p.u = mat_columns(a->u, first_u, p.rank);
        p.du = scratch_take(&scratch, p.rows * p.rank, sizeof *p.du);
    }
    p.dropout = dropout_init(a->dropout, a->dropout_seed, of->dropout_stream);
    if (p.rank > 0 && a->dropout > 0 && a->x.at) {
        p.dropped.at = scratch_take(&scratch, p.rows * p.k, sizeof(float));
        p.dropped.stride = p.k;
        drop(&p);
    }
    return p;
}

static void forward(const struct part *p)
{
    const struct linear_part *of = p->of;
    for (size_t i = 0; i < p->rows; i++) {
        for (size_t j = 0; j < p->rank; j++)
            mat_row(p->u, i)[j] =
                (float)ref_dot(mat_row(p->dropped, i), of->lora_a + j * p->k, p->k);
        for (size_t j = 0; j < p->n; j++) {
            double y = ref_dot(mat_row(p->x, i), p->weight + j * p->k, p->k);
            y += of->bias ? of->bias[j] : 0;
            if (p->rank > 0)
                y += of->lora_scale * ref_dot(mat_row(p->u, i), of->lora_b + j * p->rank, p->rank);
            mat_row(p->y, i)[j] = (float)y;
        }
    }
}

void ref_linear(struct backend *b, const struct linear_args *a)
{
    size_t first_y = 0, first_u = 0;
    for (size_t i = 0; i < a->n_parts; i++) {
        struct part p = open_part(b, a, i, first_y, first_u);
        forward(&p);
        first_y += p.n;
        first_u += p.rank;
    }
    CHECK(first_y == a->y.width);
}

static void back_adapter(const struct part *p)
{
    const struct linear_part *of = p->of;
    for (size_t i = 0; i < p->rows; i++) {
        for (size_t j = 0; j < p->rank; j++) {
            double du = 0;
            for (size_t n = 0; n < p->n; n++)
                du += (double)mat_row(p->dy, i)[n] * of->lora_b[n * p->rank + j];
            p->du[i * p->rank + j] = (float)(of->lora_scale * du);
        }
    }
    for (size_t j = 0; of->dlora_a && j < p->rank; j++) {
        for (size_t c = 0; c < p->k; c++)
            p->row[c] = 0;
        for (size_t i = 0; i < p->rows; i++)
            ref_add_scaled(p->row, p->du[i * p->rank + j], mat_row(p->dropped, i), p->k);
        for (size_t c = 0; c < p->k; c++)
            ref_add_to(&of->dlora_a[j * p->k + c], p->row[c]);
    }
    for (size_t n = 0; of->dlora_b && n < p->n; n++) {
        for (size_t j = 0; j < p->rank; j++) {
            double sum = 0;
            for (size_t i = 0; i < p->rows; i++)
                sum += (double)mat_row(p->dy, i)[n] * mat_row(p->u, i)[j];
            ref_add_to(&of->dlora_b[n * p->rank + j], of->lora_scale * sum);
        }
    }
}

static void back_weight(const struct part *p)
{
    const struct linear_part *of = p->of;
    for (size_t n = 0; of->dbias && n < p->n; n++) {
        double sum = 0;
        for (size_t i = 0; i < p->rows; i++)
            sum += mat_row(p->dy, i)[n];
        ref_add_to(&of->dbias[n], sum);
    }
    for (size_t n = 0; of->dweight && n < p->n; n++) {
        for (size_t c = 0; c < p->k; c++)
            p->row[c] = 0;
        for (size_t i = 0; i < p->rows; i++)
            ref_add_scaled(p->row, mat_row(p->dy, i)[n], mat_row(p->x, i), p->k);
        for (size_t c = 0; c < p->k; c++)
            ref_add_to(&of->dweight[of->weight.transposed ? c * p->n + n : n * p->k + c],
                       p->row[c]);
    }
}

static void back_input(const struct part *p, struct mat dx, bool adds)
{
    for (size_t i = 0; i < p->rows; i++) {
        for (size_t c = 0; c < p->k; c++) {
            p->row[c] = 0;
            for (size_t j = 0; j < p->rank; j++)
                p->row[c] += (double)p->du[i * p->rank + j] * p->of->lora_a[j * p->k + c];
            if (p->rank > 0)
                p->row[c] *= dropout_factor(&p->dropout, i * p->k + c);
        }
        for (size_t n = 0; n < p->n; n++)
            ref_add_scaled(p->row, mat_row(p->dy, i)[n], p->weight + n * p->k, p->k);
        for (size_t c = 0; c < p->k; c++)
            ref_put(&mat_row(dx, i)[c], p->row[c], adds);
    }
}

void ref_linear_back(struct backend *b, const struct linear_args *a)
{
    size_t first_y = 0, first_u = 0;
    for (size_t i = 0; i < a->n_parts; i++) {
        struct part p = open_part(b, a, i, first_y, first_u);
        back_adapter(&p);
        back_weight(&p);
        if (a->dx.to.at)
            back_input(&p, a->dx.to, a->dx.adds || i > 0);
        first_y += p.n;
        first_u += p.rank;
    }
    CHECK(first_y == a->dy.width);
}
