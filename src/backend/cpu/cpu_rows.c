/*
 * cpu_rows.c - operations that go through rows one by one: norms, bends, rotation, sums, and
 * looking up embeddings. Rows are shared out in blocks; what a row is made of is in kernel_row.c.
 *
 * These are bound by memory, not by arithmetic, so a block is no larger than a core's own cache and
 * each row is read once. Gradients of norms' weights are sums over rows: each block sums its own
 * into scratch memory, and these are added in the order of the blocks.
 */
#include <math.h>

#include "backend/cpu/cpu.h"
#include "backend/cpu/weight_row.h"

enum { ROWS_OF_BLOCK = 32, NUMBERS_OF_BLOCK = 1 << 14 };

/* The context of every loop here: the arguments of one of the operations. */
struct rows {
    const struct kernels *k;
    size_t n;
    const void *args;
    float *sums; /* of norm's gradients: [blocks][2][group] */
};

static size_t end_of(const struct rows *r, size_t block)
{
    return min_size(r->n, (block + 1) * ROWS_OF_BLOCK);
}

static void run_rows(struct backend *b, struct rows *r,
                     void (*work)(void *context, size_t block, size_t worker))
{
    r->k = cpu_kernels(b);
    cpu_run(b, ceil_div(r->n, ROWS_OF_BLOCK), work, r);
}

/* -------------------------------------------------------------------------------------- norm -- */

static void norm_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct norm_args *a = r->args;
    struct norm_group g = {.kind = a->kind,
                           .n = a->group,
                           .eps = a->eps,
                           .shift = a->shift,
                           .weight = a->weight,
                           .bias = a->bias};
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++) {
        const float *x = mat_row(a->x, i);
        if (a->add.at) {
            r->k->add(mat_row(a->sum, i), x, mat_row(a->add, i), a->x.width);
            x = mat_row(a->sum, i);
        }
        for (size_t first = 0; first < a->x.width; first += a->group) {
            g.x = x + first;
            g.y = mat_row(a->y, i) + first;
            g.stat = mat_row(a->stat, i) + 2 * (first / a->group);
            r->k->norm(&g);
        }
    }
}

void cpu_norm(struct backend *b, const struct norm_args *a)
{
    CHECK(a->x.width % a->group == 0 && a->y.width == a->x.width);
    run_rows(b, &(struct rows){.n = a->x.rows, .args = a}, norm_rows);
}

static void norm_back_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct norm_args *a = r->args;
    float *sums = r->sums + block * 2 * a->group;
    struct norm_group g = {.kind = a->kind,
                           .n = a->group,
                           .eps = a->eps,
                           .shift = a->shift,
                           .weight = a->weight,
                           .adds = a->dx.adds,
                           .dweight = a->dweight ? sums : NULL,
                           .dbias = a->dbias ? sums + a->group : NULL};
    for (size_t i = 0; (a->dweight || a->dbias) && i < 2 * a->group; i++)
        sums[i] = 0;
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++) {
        for (size_t first = 0; first < a->dy.width; first += a->group) {
            g.x = mat_row(a->x, i) + first;
            g.dy = mat_row(a->dy, i) + first;
            g.dx = a->dx.to.at ? mat_row(a->dx.to, i) + first : NULL;
            g.stat = mat_row(a->stat, i) + 2 * (first / a->group);
            r->k->norm_back(&g);
        }
    }
}

size_t cpu_norm_scratch(const struct backend *b, const struct backend_sizes *sizes)
{
    (void)b;
    size_t group = max_size(sizes->width, sizes->heads * sizes->head);
    return scratch_need(ceil_div(sizes->rows, ROWS_OF_BLOCK) * 2 * group, sizeof(float));
}

void cpu_norm_back(struct backend *b, const struct norm_args *a)
{
    struct rows r = {.n = a->dy.rows, .args = a};
    size_t blocks = ceil_div(r.n, ROWS_OF_BLOCK);
    struct scratch scratch = scratch_of(b);
    if (a->dweight || a->dbias)
        r.sums = scratch_take(&scratch, blocks * 2 * a->group, sizeof(float));
    run_rows(b, &r, norm_back_rows);
    for (size_t i = 0; i < blocks; i++) {
        const float *sums = r.sums + i * 2 * a->group;
        if (a->dweight)
            r.k->add(a->dweight, a->dweight, sums, a->group);
        if (a->dbias)
            r.k->add(a->dbias, a->dbias, sums + a->group, a->group);
    }
}

/* --------------------------------------------------------------------------------------- act -- */

static void act_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct act_args *a = r->args;
    size_t width = a->y.width;
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++) {
        const float *x = mat_row(a->x, i);
        struct act_row row = {.kind = a->kind,
                              .n = width,
                              .x = x,
                              .gate = a->glu ? x + width : NULL,
                              .y = mat_row(a->y, i)};
        r->k->act(&row);
    }
}

void cpu_act(struct backend *b, const struct act_args *a)
{
    CHECK(a->x.width == (a->glu ? 2 : 1) * a->y.width);
    run_rows(b, &(struct rows){.n = a->y.rows, .args = a}, act_rows);
}

static void act_back_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct act_args *a = r->args;
    size_t width = a->dy.width;
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++) {
        const float *x = mat_row(a->x, i);
        float *dx = mat_row(a->dx.to, i);
        struct act_row row = {.kind = a->kind,
                              .n = width,
                              .x = x,
                              .gate = a->glu ? x + width : NULL,
                              .dy = mat_row(a->dy, i),
                              .dx = dx,
                              .dgate = a->glu ? dx + width : NULL,
                              .adds = a->dx.adds};
        r->k->act_back(&row);
    }
}

void cpu_act_back(struct backend *b, const struct act_args *a)
{
    CHECK(a->x.width == (a->glu ? 2 : 1) * a->dy.width);
    run_rows(b, &(struct rows){.n = a->dy.rows, .args = a}, act_back_rows);
}

/* -------------------------------------------------------------------------------------- rope -- */

static void turn_head(const struct kernels *k, const struct rope_args *a, float *head,
                      const float *cos, const float *sin, float sign)
{
    size_t half = a->rotary / 2;
    if (a->interleaved) {
        for (size_t j = 0; j < half; j++) {
            float p = head[2 * j], q = head[2 * j + 1];
            head[2 * j] = p * cos[j] - sign * q * sin[j];
            head[2 * j + 1] = q * cos[j] + sign * p * sin[j];
        }
    } else if (sign > 0) {
        k->turn(head, head + half, cos, sin, half);
    } else { /* the same with p and q exchanged */
        k->turn(head + half, head, cos, sin, half);
    }
}

static void turn_rows(const struct rows *r, size_t block, float sign)
{
    const struct rope_args *a = r->args;
    size_t half = a->rotary / 2;
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++) {
        const float *cos = a->cos + (size_t)a->position[i] * half;
        const float *sin = a->sin + (size_t)a->position[i] * half;
        for (size_t first = 0; first < a->x.width; first += a->head)
            turn_head(r->k, a, mat_row(a->x, i) + first, cos, sin, sign);
    }
}

static void rope_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    turn_rows(context, block, 1);
}

static void rope_back_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    turn_rows(context, block, -1);
}

static void check_rope(const struct rope_args *a)
{
    CHECK(a->rotary % 2 == 0 && a->rotary <= a->head && a->x.width % a->head == 0);
}

void cpu_rope(struct backend *b, const struct rope_args *a)
{
    check_rope(a);
    run_rows(b, &(struct rows){.n = a->x.rows, .args = a}, rope_rows);
}

void cpu_rope_back(struct backend *b, const struct rope_args *a)
{
    check_rope(a);
    run_rows(b, &(struct rows){.n = a->x.rows, .args = a}, rope_back_rows);
}

/* ------------------------------------------------------------------------------------- embed -- */

enum { PIECE = 256 }; /* the longest block of the quantised types */

static void embed_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct embed_args *a = r->args;
    float decoded[PIECE];
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++) {
        for (size_t c = 0; c < a->y.width; c += PIECE) {
            size_t n = min_size(a->y.width - c, PIECE);
            float *y = mat_row(a->y, i) + c;
            r->k->axpby(y, a->scale, weight_row(r->k, &a->tokens, (size_t)a->id[i], c, decoded, n),
                        0, n);
            if (a->positions.at)
                r->k->add(y, y,
                          weight_row(r->k, &a->positions, (size_t)a->position[i], c, decoded, n),
                          n);
        }
    }
}

void cpu_embed(struct backend *b, const struct embed_args *a)
{
    size_t width = a->y.width;
    CHECK(a->tokens.width == width && !a->tokens.transposed);
    CHECK(!a->positions.at || (a->positions.width == width && !a->positions.transposed));
    run_rows(b, &(struct rows){.n = a->y.rows, .args = a}, embed_rows);
}

/* Tokens repeat: a block of columns goes through all rows in order. */
static void embed_back_columns(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct embed_args *a = r->args;
    size_t width = a->dy.width, first = block * ROWS_OF_BLOCK;
    size_t n = min_size(width - first, ROWS_OF_BLOCK);
    for (size_t i = 0; i < a->dy.rows; i++) {
        const float *dy = mat_row(a->dy, i) + first;
        bool is_padding = a->has_padding && a->id[i] == a->padding;
        if (a->dtokens && !is_padding)
            r->k->axpby(a->dtokens + (size_t)a->id[i] * width + first, a->scale, dy, 1, n);
        if (a->dpositions)
            r->k->axpby(a->dpositions + (size_t)a->position[i] * width + first, 1, dy, 1, n);
    }
}

void cpu_embed_back(struct backend *b, const struct embed_args *a)
{
    run_rows(b, &(struct rows){.n = a->dy.width, .args = a}, embed_back_columns);
}

/* ------------------------------------------------------------------------------ sums, copies -- */

struct triple {
    struct mat y, a, c;
};

static void add_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct triple *t = r->args;
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++)
        r->k->add(mat_row(t->y, i), mat_row(t->a, i), mat_row(t->c, i), t->y.width);
}

void cpu_add(struct backend *b, struct mat y, struct mat a, struct mat c)
{
    CHECK(a.rows == y.rows && c.rows == y.rows && a.width == y.width && c.width == y.width);
    struct triple t = {y, a, c};
    run_rows(b, &(struct rows){.n = y.rows, .args = &t}, add_rows);
}

static void copy_rows(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct rows *r = context;
    const struct triple *t = r->args;
    for (size_t i = block * ROWS_OF_BLOCK; i < end_of(r, block); i++)
        memmove(mat_row(t->y, i), mat_row(t->a, i), t->y.width * sizeof(float));
}

void cpu_copy(struct backend *b, struct mat y, struct mat x)
{
    CHECK(x.rows == y.rows && x.width == y.width);
    struct triple t = {y, x, x};
    run_rows(b, &(struct rows){.n = y.rows, .args = &t}, copy_rows);
}

/* ------------------------------------------------------------------------------ plain arrays -- */

struct array {
    const struct kernels *k;
    float *y;
    const float *x;
    uint16_t *y_bf16;
    const uint16_t *x_bf16;
    float alpha, beta;
    size_t n;
};

static void run_array(struct backend *b, struct array *a,
                      void (*work)(void *context, size_t block, size_t worker))
{
    a->k = cpu_kernels(b);
    cpu_run(b, ceil_div(a->n, NUMBERS_OF_BLOCK), work, a);
}

static size_t length_of(const struct array *a, size_t block)
{
    return min_size(a->n - block * NUMBERS_OF_BLOCK, NUMBERS_OF_BLOCK);
}

static void narrow(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct array *a = context;
    size_t first = block * NUMBERS_OF_BLOCK;
    a->k->to_bf16(a->y_bf16 + first, a->x + first, length_of(a, block));
}

void cpu_to_bf16(struct backend *b, uint16_t *y, const float *x, size_t n)
{
    run_array(b, &(struct array){.y_bf16 = y, .x = x, .n = n}, narrow);
}

static void widen(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct array *a = context;
    size_t first = block * NUMBERS_OF_BLOCK;
    a->k->decode(DTYPE_BF16, (const uint8_t *)(a->x_bf16 + first), a->y + first,
                 length_of(a, block));
}

void cpu_from_bf16(struct backend *b, float *y, const uint16_t *x, size_t n)
{
    run_array(b, &(struct array){.y = y, .x_bf16 = x, .n = n}, widen);
}

static void fill_numbers(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct array *a = context;
    float *y = a->y + block * NUMBERS_OF_BLOCK;
    size_t n = length_of(a, block);
    if (a->alpha == 0 && !signbit(a->alpha)) {
        memset(y, 0, n * sizeof *y);
        return;
    }
    for (size_t i = 0; i < n; i++)
        y[i] = a->alpha;
}

void cpu_fill(struct backend *b, float *y, float value, size_t n)
{
    run_array(b, &(struct array){.y = y, .alpha = value, .n = n}, fill_numbers);
}

static void add_scaled(void *context, size_t block, size_t worker)
{
    (void)worker;
    const struct array *a = context;
    size_t first = block * NUMBERS_OF_BLOCK;
    a->k->axpby(a->y + first, a->alpha, a->x + first, a->beta, length_of(a, block));
}

void cpu_axpby(struct backend *b, float *y, float alpha, const float *x, float beta, size_t n)
{
    struct array a = {.y = y, .alpha = alpha, .x = x, .beta = beta, .n = n};
    run_array(b, &a, add_scaled);
}
