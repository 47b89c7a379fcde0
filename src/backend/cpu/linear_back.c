/*
 * linear_back.c - the adjoint of linear layers that share an input.
 *
 *     du = s dy B        dx = dy W + drop(du A)        and gradients: linear_grad.c
 *
 * As in linear.c, with the roles turned: the columns of dy of all parts, side by side, are the
 * depth of one product, so dx is the sum over the parts without being added to in memory. W's
 * panels are packed some of the depth at a time where all would not fit the shared cache. du is
 * kept for the gradients, and s u is laid out in panels for them while its rows are at hand.
 */
#include "backend/cpu/linear.h"

/* Rows of W of one part: some of the depth of dx = dy W. */
struct strip {
    const struct linear_view *part;
    size_t first, n; /* rows of the part's W */
    size_t at;       /* where they begin in the pass's depth */
};

struct pass {
    const struct linear *l;
    struct strip strip[LINEAR_PARTS_MOST];
    size_t n_strips, depth;
    bool is_first, is_last;
};

static void fill_pass(struct pass *pass, size_t *part, size_t *first)
{
    const struct linear *l = pass->l;
    size_t in = round_up(l->sizes.in, l->k->panel);
    size_t left = max_size(LINEAR_PACKED_MOST / in / LINEAR_COLUMNS_LEAST, 1);
    left = min_size(left * LINEAR_COLUMNS_LEAST, LINEAR_DEPTH_MOST);
    pass->n_strips = pass->depth = 0;
    while (*part < l->a->n_parts && left > 0) {
        const struct linear_view *p = &l->part[*part];
        size_t n = min_size(p->n - *first, left);
        pass->strip[pass->n_strips++] = (struct strip){p, *first, n, pass->depth};
        pass->depth += n;
        *first += n;
        /* A strip that does not end its part ends the pass, at a multiple of 256. */
        left = *first < p->n ? 0 : (left - n) / LINEAR_COLUMNS_LEAST * LINEAR_COLUMNS_LEAST;
        if (*first == p->n) {
            ++*part;
            *first = 0;
        }
    }
    pass->is_last = *part == l->a->n_parts;
}

static void pack_pass(const struct pass *pass)
{
    const struct linear *l = pass->l;
    struct packing packings[PACKINGS_MOST];
    struct weight adapter[2 * LINEAR_PARTS_MOST];
    size_t n = 0, in = l->sizes.in;
    for (size_t i = 0; l->a->dx.to.at && i < pass->n_strips; i++) {
        const struct strip *s = &pass->strip[i];
        packings[n++] =
            (struct packing){&s->part->of->weight, false, 0,          in, s->first, s->n, l->packed,
                             pass->depth,          s->at, l->products};
    }
    for (size_t i = 0; pass->is_first && i < l->a->n_parts; i++) {
        const struct linear_view *p = &l->part[i];
        if (p->rank == 0)
            continue;
        struct weight *a = &adapter[2 * i], *b = a + 1;
        *a = (struct weight){p->of->lora_a, DTYPE_F32, p->rank, in, false};
        *b = (struct weight){p->of->lora_b, DTYPE_F32, p->n, p->rank, false};
        packings[n++] =
            (struct packing){a, false, 0, in, 0, p->rank, p->packed_a, p->rank, 0, PRODUCTS_F32};
        packings[n++] =
            (struct packing){b, false, 0, p->rank, 0, p->n, p->packed_b, p->n, 0, PRODUCTS_F32};
    }
    packing_run(l->b, packings, n, l->decoded);
}

/* A block of rows in one pass. */
struct block {
    const struct pass *pass;
    const struct linear *l;
    struct linear_own own;
    size_t first, n;
};

/* du (+)= dy B over the strip's columns of dy, and s times that when it is complete. */
static void compute_du(const struct block *blk, const struct strip *s)
{
    const struct linear *l = blk->l;
    const struct linear_view *p = s->part;
    struct gemm g = {
        .rows = blk->n,
        .columns = p->rank,
        .depth = s->n,
        .a = blk->own.rows + s->at * l->k->tile_rows,
        .a_step = l->k->tile_rows,
        .a_strip = blk->pass->depth * l->k->tile_rows,
        .b = p->packed_b + s->first * l->k->panel,
        .b_step = l->k->panel,
        .b_panel = p->n * l->k->panel,
        .c = l->du + blk->first * l->sizes.ranks + p->first_u,
        .c_step = l->sizes.ranks,
        .adds = s->first > 0,
    };
    gemm_run(l->k, &g);
    for (size_t i = 0; s->first + s->n == p->n && i < blk->n; i++)
        l->k->scale(g.c + i * g.c_step, p->of->lora_scale, p->rank);
}

/* s u of the block's rows into the part's panels: [panels][R][panel]. */
static void lay_out_u(const struct block *blk, const struct linear_view *p)
{
    const struct linear *l = blk->l;
    size_t panel = l->k->panel;
    float *out = l->u_panels + l->sizes.rows * (p->first_u + (size_t)(p - l->part) * panel);
    for (size_t j = 0; j < p->rank; j += panel, out += l->sizes.rows * panel) {
        float *rows = out + blk->first * panel;
        l->k->f32.copy(rows, panel, mat_row(l->a->u, blk->first) + p->first_u + j, l->a->u.stride,
                       blk->n, min_size(p->rank - j, panel));
        l->k->scale(rows, p->of->lora_scale, blk->n * panel);
    }
}

/* dx's panel += drop(du A) */
static void add_adapter(const struct block *blk, const struct linear_view *p, struct gemm g,
                        size_t column)
{
    const struct linear *l = blk->l;
    g.products = PRODUCTS_F32;
    g.depth = p->rank;
    g.a = blk->own.ranks + gemm_a_floats(l->k, blk->n, p->first_u);
    g.a_strip = p->rank * l->k->tile_rows;
    g.b = p->packed_a + column / l->k->panel * (p->rank * l->k->panel);
    if (l->a->dropout == 0) {
        g.adds = true;
        gemm_run(l->k, &g);
        return;
    }
    struct mat share = {blk->own.spare, blk->n, g.columns, g.columns};
    struct mat to = {g.c, blk->n, g.columns, g.c_step};
    g.c = share.at;
    g.c_step = share.stride;
    g.adds = false;
    gemm_run(l->k, &g);
    linear_drop(l, p, share, share, blk->first, column);
    for (size_t i = 0; i < blk->n; i++)
        l->k->add(mat_row(to, i), mat_row(to, i), mat_row(share, i), to.width);
}

static void compute_dx(const struct block *blk)
{
    const struct linear *l = blk->l;
    struct mat dx = l->a->dx.to;
    bool is_bf16 = l->products == PRODUCTS_BF16;
    size_t depth = gemm_cells(l->k, l->products, blk->pass->depth);
    for (size_t j = 0; j < l->sizes.in; j += l->k->panel) {
        struct gemm g = {
            .rows = blk->n,
            .columns = min_size(l->sizes.in - j, l->k->panel),
            .products = l->products,
            .depth = depth,
            .a = is_bf16 ? blk->own.pairs : blk->own.rows,
            .a_step = l->k->tile_rows,
            .a_strip = depth * l->k->tile_rows,
            .b = l->packed + j * depth,
            .b_step = l->k->panel,
            .c = mat_row(dx, blk->first) + j,
            .c_step = dx.stride,
            .adds = l->a->dx.adds || !blk->pass->is_first,
        };
        gemm_run(l->k, &g);
        for (size_t i = 0; blk->pass->is_last && i < l->a->n_parts; i++) {
            if (l->part[i].rank > 0)
                add_adapter(blk, &l->part[i], g, j);
        }
    }
}

/* False where only dx is wanted of a frozen layer's parameters, or nothing at all. */
static bool has_adapter(const struct linear *l)
{
    return l->sizes.ranks > 0;
}

static void compute_block(void *context, size_t index, size_t worker)
{
    const struct pass *pass = context;
    const struct linear *l = pass->l;
    struct block blk = {.pass = pass, .l = l, .own = linear_own(l, worker)};
    blk.n = cpu_rows_of_block(&l->blocks, index, &blk.first);
    const struct strip *s = &pass->strip[0];
    struct mat dy = mat_columns(l->a->dy, s->part->first_y + s->first, pass->depth);
    if (l->products == PRODUCTS_BF16 && l->a->dx.to.at)
        gemm_pack_a(l->k, PRODUCTS_BF16, blk.own.pairs, dy, blk.first, blk.n);
    if (l->products == PRODUCTS_F32 || has_adapter(l))
        gemm_pack_a(l->k, PRODUCTS_F32, blk.own.rows, dy, blk.first, blk.n);
    for (size_t i = 0; i < pass->n_strips; i++) {
        if (pass->strip[i].part->rank > 0)
            compute_du(&blk, &pass->strip[i]);
    }
    for (size_t i = 0; pass->is_last && i < l->a->n_parts; i++) {
        const struct linear_view *p = &l->part[i];
        if (p->rank == 0)
            continue;
        struct mat du = {l->du + p->first_u, l->sizes.rows, p->rank, l->sizes.ranks};
        gemm_pack_a(l->k, PRODUCTS_F32, blk.own.ranks + gemm_a_floats(l->k, blk.n, p->first_u), du,
                    blk.first, blk.n);
        lay_out_u(&blk, p);
    }
    if (l->a->dx.to.at)
        compute_dx(&blk);
}

void cpu_linear_back(struct backend *b, const struct linear_args *a)
{
    struct linear l = linear_open(b, a, a->dy.rows, a->dy.width);
    CHECK(!a->dx.to.at || (a->dx.to.width == l.sizes.in && a->dx.to.rows == a->dy.rows));
    float *packed_a = l.packed_a, *packed_b = l.packed_b;
    for (size_t i = 0; i < a->n_parts; i++) {
        l.part[i].packed_a = packed_a;
        l.part[i].packed_b = packed_b;
        packed_a += gemm_b_floats(l.k, l.sizes.in, l.part[i].rank);
        packed_b += gemm_b_floats(l.k, l.part[i].rank, l.part[i].n);
    }
    struct pass pass = {.l = &l, .is_first = true};
    for (size_t part = 0, first = 0; part < a->n_parts; pass.is_first = false) {
        if (!a->dx.to.at && !has_adapter(&l))
            break;
        fill_pass(&pass, &part, &first);
        pack_pass(&pass);
        cpu_run(b, l.blocks.n, compute_block, &pass);
    }
    linear_gradients(&l);
}
