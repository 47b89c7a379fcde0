/*
 * cases_trial.c - the numbers of a case, and running it.
 *
 * Every matrix that an operation reads or writes is registered under a name with its role, so that
 * checking (cases_check.c) need not know operations. Numbers are drawn from the standard normal
 * distribution, in the order of registration, from the case's name: a trial made twice is the same
 * twice. Whatever will be written holds random numbers too.
 *
 * Frozen weights are stored at an odd address, as they may lie in a mapped file.
 */
#include "backend/cases_trial.h"

#include <math.h>
#include <string.h>

#include "base/map.h"
#include "tensor/quant.h"

enum { GAP = 3 }; /* columns behind those of a strided matrix */

bool trial_has(const struct trial *t, enum case_flag flag)
{
    return t->row->flags & flag;
}

static void draw(struct trial *t, float *out, size_t n, double mean, double spread)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(mean + spread * rng_normal(&t->rng));
}

static struct array *add_array(struct trial *t, const char *name, enum array_role role)
{
    CHECK(t->n_arrays < TRIAL_ARRAYS);
    struct array *array = &t->arrays[t->n_arrays++];
    *array = (struct array){.name = name, .role = role};
    return array;
}

struct array *trial_matrix(struct trial *t, const char *name, enum array_role role, size_t rows,
                           size_t width)
{
    struct array *array = add_array(t, name, role);
    size_t stride = width + (trial_has(t, CASE_STRIDED) ? GAP : 0);
    array->mat = (struct mat){arena_array(&t->arena, float, rows *stride), rows, width, stride};
    draw(t, array->mat.at, rows * stride, 0, 1);
    return array;
}

struct adjoint trial_adjoint(struct trial *t, const char *name, const struct array *of)
{
    if (trial_has(t, CASE_NO_DX) || trial_has(t, CASE_FORWARD))
        return (struct adjoint){0};
    struct array *array = trial_matrix(t, name, ARRAY_GRADIENT, of->mat.rows, of->mat.width);
    array->of = of;
    array->adds = trial_has(t, CASE_ADDS);
    return (struct adjoint){array->mat, array->adds};
}

struct array *trial_parameter(struct trial *t, const char *name, size_t n, double mean,
                              double spread)
{
    struct array *array = add_array(t, name, ARRAY_INPUT);
    array->mat = (struct mat){arena_array(&t->arena, float, n), 1, n, n};
    draw(t, array->mat.at, n, mean, spread);
    return array;
}

float *trial_gradient(struct trial *t, const char *name, const struct array *of)
{
    if (trial_has(t, CASE_FORWARD))
        return NULL;
    struct array *array = trial_parameter(t, name, of->mat.width, 0, 1);
    array->role = ARRAY_GRADIENT;
    array->of = of;
    array->adds = true;
    return array->mat.at;
}

static enum dtype dtype(const struct trial *t)
{
    return t->row->dtype ? t->row->dtype : DTYPE_F32;
}

static bool is_trained(const struct trial *t)
{
    return !trial_has(t, CASE_FROZEN) && dtype(t) == DTYPE_F32;
}

float *trial_result(struct trial *t, const char *name, size_t n, bool is_exact)
{
    struct array *array = trial_parameter(t, name, n, 0, 1);
    array->role = ARRAY_OUTPUT;
    array->is_exact = is_exact;
    return array->mat.at;
}

struct weight trial_weight(struct trial *t, size_t index, size_t rows, size_t width,
                           float **dweight)
{
    static const char *const names[] = {"weight 0", "weight 1", "weight 2"};
    static const char *const gradients[] = {"dweight 0", "dweight 1", "dweight 2"};
    double spread = trial_has(t, CASE_TIES) ? 0 : 1 / sqrt((double)t->row->C);
    struct array *values = trial_parameter(t, names[index], rows * width, 0, spread);
    struct weight w = {values->mat.at, dtype(t), rows, width, false};
    t->decoded[index] = values->mat.at;
    *dweight = NULL;
    if (is_trained(t)) {
        *dweight = trial_gradient(t, gradients[index], values);
        return w;
    }
    uint64_t bytes;
    CHECK(dtype_bytes(w.dtype, rows * width, &bytes));
    uint8_t *stored = arena_array(&t->arena, uint8_t, bytes + 1);
    quant_encode(w.dtype, values->mat.at, stored + 1, rows * width);
    quant_decode(w.dtype, stored + 1, values->mat.at, rows * width);
    w.at = stored + 1;
    return w;
}

int32_t *trial_whole_numbers(struct trial *t, size_t count, size_t n)
{
    int32_t *out = arena_array(&t->arena, int32_t, count);
    for (size_t i = 0; i < count; i++)
        out[i] = i % 3 == 2 ? out[i - 1] : (int32_t)rng_below(&t->rng, n);
    return out;
}

struct mat trial_factor(struct trial *t, const char *name, const struct array *value)
{
    t->value = value;
    t->factor = trial_matrix(t, name, ARRAY_INPUT, value->mat.rows, value->mat.width);
    return t->factor->mat;
}

const char *cases_op_name(enum case_op op)
{
    CHECK((unsigned)op < CASE_OPS);
    return case_kinds[op].name;
}

bool cases_has_products(enum case_op op)
{
    return op == CASE_LINEAR || op == CASE_ATTN || op == CASE_XENT || op == CASE_LOGITS;
}

void trial_init(struct trial *t, const struct case_row *row)
{
    *t = (struct trial){.row = row, .rng = {.seed = hash_bytes(span_of(row->name), row->op)}};
    case_kinds[t->row->op].make(t);
    t->sizes.trains = !trial_has(t, CASE_FORWARD);
}

void trial_release(struct trial *t)
{
    arena_release(&t->arena);
}

bool trial_run(struct trial *t, const struct case_backend *on, struct err *err)
{
    struct backend b;
    backend_init(&b, on->ops, on->threads);
    b.device = on->device;
    b.products = on->products;
    if (!backend_reserve(&b, &t->sizes, err))
        return false;
    /* NaN, to whoever takes it for a number. */
    memset(b.scratch, 0xff, b.scratch_bytes);
    case_kinds[t->row->op].run(t, &b);
    backend_release(&b);
    return true;
}
