/*
 * linear.c - linear layers that share an input, with low-rank adapters.
 *
 *     u = x' A^T        y = x W^T + b + s u B^T        (ref_linear.c)
 *
 * Two parallel loops. The first packs W, A and B of all parts, panel by panel. The second takes
 * blocks of rows: packs the rows of x once for all parts, computes u, and then for each panel of W
 * the columns of y, to which the adapter's share and the bias are added while they are in the
 * innermost cache. So x is read once and y written once, and an adapter costs its arithmetic.
 *
 * Where all panels together would not fit the shared cache (LINEAR_PACKED_MOST) the columns of y
 * are computed some at a time, the two loops for each; a very deep product is summed a few thousand
 * terms at a time. Blocks depend on shapes alone.
 */
#include "backend/cpu/linear.h"

/* ------------------------------------------------------------------- shared with the adjoint -- */

static void open_parts(struct linear *l, size_t out)
{
    const struct linear_args *a = l->a;
    CHECK(a->n_parts >= 1 && a->n_parts <= LINEAR_PARTS_MOST);
    size_t in = weight_in(&a->part[0].weight), first_y = 0, first_u = 0, weights = 0;
    bool pairs_fit = true; /* into each part: the columns of dy are the depth of dx */
    for (size_t i = 0; i < a->n_parts; i++) {
        const struct linear_part *of = &a->part[i];
        CHECK(weight_in(&of->weight) == in);
        l->part[i] = (struct linear_view){
            of, weight_out(&of->weight), of->rank, first_y, first_u, {0}, NULL, NULL};
        if (a->dropout > 0)
            l->part[i].dropout = dropout_init(a->dropout, a->dropout_seed, of->dropout_stream);
        pairs_fit = pairs_fit && (l->part[i].n % 2 == 0 || a->n_parts == 1);
        first_y += l->part[i].n;
        first_u += of->rank;
        weights += in * l->part[i].n;
    }
    CHECK(first_y == out && (first_u == 0 || a->u.width == first_u));
    if (!pairs_fit)
        l->products = PRODUCTS_F32;
    l->sizes.in = in;
    l->sizes.out = out;
    l->sizes.weights = weights;
    l->sizes.ranks = first_u;
}

/* Floats of the packed rows of a block, at most. */
static size_t block_floats(const struct linear *l)
{
    size_t depth = min_size(max_size(l->sizes.in, l->sizes.out), LINEAR_DEPTH_MOST);
    size_t floats = gemm_a_floats(l->k, l->block_rows, depth);
    return round_up(max_size(floats, LINEAR_ROWS_OF_BLOCK * LINEAR_ROWS_AT_ONCE), 16);
}

static size_t blocks_of_own(const struct linear *l)
{
    return l->products == PRODUCTS_BF16 ? 4 : 3;
}

static size_t rank_floats(const struct linear *l)
{
    return round_up(gemm_a_floats(l->k, l->block_rows, l->sizes.ranks), 16);
}

static void take_memory(struct linear *l, struct scratch *s)
{
    const struct linear_sizes *z = &l->sizes;
    size_t panel = l->k->panel, parts = LINEAR_PARTS_MOST, workers = cpu_workers(l->b);
    /* Every panel of the least width, in either direction. */
    size_t pads = (max_size(z->in, z->out) + panel) * panel * (parts + 1);
    size_t least = max_size(z->in, z->out) * LINEAR_COLUMNS_LEAST;
    size_t all = min_size(z->weights, max_size(LINEAR_PACKED_MOST, least));
    l->packed = scratch_take(s, all + pads, sizeof(float));
    l->packed_a = scratch_take(s, (z->in + panel) * (z->ranks + parts * panel), sizeof(float));
    l->packed_b = scratch_take(s, (z->out + parts * panel) * (z->ranks + panel), sizeof(float));
    l->decoded = scratch_take(s, workers * PACKING_FLOATS, sizeof(float));
    l->own_floats = blocks_of_own(l) * block_floats(l) + rank_floats(l);
    l->own = scratch_take(s, workers * l->own_floats, sizeof(float));
    l->du = scratch_take(s, z->rows * z->ranks, sizeof(float));
    l->u_panels = scratch_take(s, z->rows * (z->ranks + parts * panel), sizeof(float));
    l->outer = scratch_take(s, outer_floats(l->b, max_size(z->in, z->out)), sizeof(float));
}

size_t cpu_linear_scratch(const struct backend *b, const struct backend_sizes *s)
{
    struct linear l = {.b = b,
                       .k = cpu_kernels(b),
                       .block_rows = cpu_row_block(b, s->rows),
                       .products = b->products};
    l.sizes = (struct linear_sizes){s->rows, s->linear_in, s->linear_out, s->linear_weights,
                                    s->linear_rank};
    struct scratch counter = scratch_counter();
    take_memory(&l, &counter);
    return scratch_counted(&counter);
}

struct linear linear_open(const struct backend *b, const struct linear_args *a, size_t rows,
                          size_t out)
{
    struct linear l = {.a = a,
                       .b = b,
                       .k = cpu_kernels(b),
                       .block_rows = cpu_row_block(b, rows),
                       .products = b->products};
    open_parts(&l, out);
    l.sizes.rows = rows;
    l.blocks = cpu_row_blocks(b, rows, l.block_rows);
    struct scratch scratch = scratch_of(b);
    take_memory(&l, &scratch);
    return l;
}

struct linear_own linear_own(const struct linear *l, size_t worker)
{
    float *at = l->own + worker * l->own_floats;
    size_t block = block_floats(l);
    return (struct linear_own){.rows = at,
                               .dropped = at + block,
                               .spare = at + 2 * block,
                               .pairs = at + 3 * block,
                               .ranks = at + blocks_of_own(l) * block};
}

void linear_drop(const struct linear *l, const struct linear_view *p, struct mat out, struct mat in,
                 size_t row, size_t column)
{
    for (size_t i = 0; i < out.rows; i++)
        dropout_apply(&p->dropout, (row + i) * l->sizes.in + column, mat_row(out, i),
                      mat_row(in, i), out.width);
}

/* ---------------------------------------------------------------------------------- one pass -- */

/* Some columns of a part, with their packed weights. */
struct slice {
    const struct linear_view *part;
    size_t first, n;
    float *packed;
};

struct pass {
    const struct linear *l;
    struct slice slice[LINEAR_PARTS_MOST];
    size_t n_slices;
    bool is_first;
};

/* The columns of the next pass, from column *first of part *part on, which are moved on. */
static void fill_pass(struct pass *pass, size_t *part, size_t *first)
{
    const struct linear *l = pass->l;
    size_t depth = gemm_cells(l->k, l->products, l->sizes.in), taken = 0;
    size_t left = max_size(LINEAR_PACKED_MOST / depth, 1);
    left = max_size(left / LINEAR_COLUMNS_LEAST, 1) * LINEAR_COLUMNS_LEAST;
    pass->n_slices = 0;
    while (*part < l->a->n_parts && left > 0) {
        const struct linear_view *p = &l->part[*part];
        size_t n = min_size(p->n - *first, left);
        pass->slice[pass->n_slices++] = (struct slice){p, *first, n, l->packed + taken * depth};
        taken += round_up(n, l->k->panel);
        *first += n;
        /* A slice that does not end its part ends the pass: it begins at a multiple of 256. */
        left = *first < p->n ? 0 : (left - n) / LINEAR_COLUMNS_LEAST * LINEAR_COLUMNS_LEAST;
        if (*first == p->n) {
            ++*part;
            *first = 0;
        }
    }
}

static void pack_pass(const struct pass *pass)
{
    const struct linear *l = pass->l;
    struct packing packings[PACKINGS_MOST];
    size_t n = 0, depth = l->sizes.in;
    struct weight adapter[2 * LINEAR_PARTS_MOST];
    for (size_t i = 0; i < pass->n_slices; i++) {
        const struct slice *s = &pass->slice[i];
        packings[n++] = (struct packing){
            &s->part->of->weight, true, s->first, s->n, 0, depth, s->packed, depth, 0, l->products};
    }
    for (size_t i = 0; pass->is_first && i < l->a->n_parts; i++) {
        const struct linear_view *p = &l->part[i];
        if (p->rank == 0)
            continue;
        struct weight *a = &adapter[2 * i], *b = a + 1;
        *a = (struct weight){p->of->lora_a, DTYPE_F32, p->rank, depth, false};
        *b = (struct weight){p->of->lora_b, DTYPE_F32, p->n, p->rank, false};
        packings[n++] =
            (struct packing){a, true, 0, p->rank, 0, depth, p->packed_a, depth, 0, PRODUCTS_F32};
        packings[n++] =
            (struct packing){b, true, 0, p->n, 0, p->rank, p->packed_b, p->rank, 0, PRODUCTS_F32};
    }
    packing_run(l->b, packings, n, l->decoded);
}

/* ---------------------------------------------------------------------------------- the rows -- */

/* A block of rows, and some of the depth. */
struct block {
    const struct linear *l;
    struct linear_own own;
    size_t first, n, from, depth;
    size_t strip;               /* distance of the strips of packed rows */
    const float *left;          /* the rows as they are packed for W, */
    size_t left_strip, n_cells; /* the distance of their strips, and their depth */
};

static struct mat piece_of(struct mat m, size_t first, size_t n, size_t from, size_t width)
{
    return (struct mat){mat_row(m, first) + from, n, width, m.stride};
}

static void compute_u(const struct block *blk, const struct linear_view *p, struct mat x)
{
    const struct linear *l = blk->l;
    const float *rows = blk->own.rows;
    if (l->a->dropout > 0) {
        struct mat dropped = {blk->own.spare, blk->n, blk->depth, blk->depth};
        linear_drop(l, p, dropped, x, blk->first, blk->from);
        gemm_pack_a(l->k, PRODUCTS_F32, blk->own.dropped, dropped, 0, blk->n);
        rows = blk->own.dropped;
    }
    struct gemm g = {
        .rows = blk->n,
        .columns = p->rank,
        .depth = blk->depth,
        .a = rows,
        .a_step = l->k->tile_rows,
        .a_strip = blk->strip,
        .b = p->packed_a + blk->from * l->k->panel,
        .b_step = l->k->panel,
        .b_panel = l->sizes.in * l->k->panel,
        .c = mat_row(l->a->u, blk->first) + p->first_u,
        .c_step = l->a->u.stride,
        .adds = blk->from > 0,
    };
    gemm_run(l->k, &g);
}

/* s u of the block, packed. */
static void pack_u(const struct block *blk, const struct linear_view *p, float *out)
{
    const struct linear *l = blk->l;
    struct mat u = mat_columns(l->a->u, p->first_u, p->rank);
    gemm_pack_a(l->k, PRODUCTS_F32, out, u, blk->first, blk->n);
    l->k->scale(out, p->of->lora_scale, gemm_a_floats(l->k, blk->n, p->rank));
}

static void finish_panel(const struct block *blk, const struct linear_view *p, const float *u,
                         struct gemm g, size_t column)
{
    const struct linear *l = blk->l;
    if (p->rank > 0) {
        g.products = PRODUCTS_F32;
        g.depth = p->rank;
        g.a = u;
        g.a_strip = p->rank * l->k->tile_rows;
        g.b = p->packed_b + column / l->k->panel * (p->rank * l->k->panel);
        g.adds = true;
        gemm_run(l->k, &g);
    }
    for (size_t i = 0; p->of->bias && i < blk->n; i++)
        l->k->add(g.c + i * g.c_step, g.c + i * g.c_step, p->of->bias + column, g.columns);
}

/* Rows of x as the products want them; as float32 where an adapter does. */
static void pack_rows(struct block *blk, struct mat x, bool has_adapter)
{
    const struct linear *l = blk->l;
    bool is_bf16 = l->products == PRODUCTS_BF16;
    blk->left = is_bf16 ? blk->own.pairs : blk->own.rows;
    blk->n_cells = gemm_cells(l->k, l->products, blk->depth);
    if (is_bf16)
        blk->left_strip = gemm_pack_a(l->k, PRODUCTS_BF16, blk->own.pairs, x, 0, blk->n);
    if (!is_bf16 || has_adapter)
        blk->strip = gemm_pack_a(l->k, PRODUCTS_F32, blk->own.rows, x, 0, blk->n);
    if (!is_bf16)
        blk->left_strip = blk->strip;
}

static void compute_slice(const struct block *blk, const struct slice *s)
{
    const struct linear *l = blk->l;
    const struct linear_view *p = s->part;
    bool is_last = blk->from + blk->depth == l->sizes.in;
    float *u = blk->own.ranks + gemm_a_floats(l->k, blk->n, p->first_u);
    if (is_last && p->rank > 0)
        pack_u(blk, p, u);
    for (size_t j = 0; j < s->n; j += l->k->panel) {
        struct gemm g = {
            .rows = blk->n,
            .columns = min_size(s->n - j, l->k->panel),
            .products = l->products,
            .depth = blk->n_cells,
            .a = blk->left,
            .a_step = l->k->tile_rows,
            .a_strip = blk->left_strip,
            .b = s->packed + j * gemm_cells(l->k, l->products, l->sizes.in) +
                 gemm_cells(l->k, l->products, blk->from) * l->k->panel,
            .b_step = l->k->panel,
            .c = mat_row(l->a->y, blk->first) + p->first_y + s->first + j,
            .c_step = l->a->y.stride,
            .adds = blk->from > 0,
        };
        gemm_run(l->k, &g);
        if (is_last)
            finish_panel(blk, p, u, g, s->first + j);
    }
}

static void compute_block(void *context, size_t index, size_t worker)
{
    const struct pass *pass = context;
    const struct linear *l = pass->l;
    struct block blk = {.l = l, .own = linear_own(l, worker)};
    blk.n = cpu_rows_of_block(&l->blocks, index, &blk.first);
    for (; blk.from < l->sizes.in; blk.from += blk.depth) {
        blk.depth = min_size(l->sizes.in - blk.from, LINEAR_DEPTH_MOST);
        struct mat x = piece_of(l->a->x, blk.first, blk.n, blk.from, blk.depth);
        pack_rows(&blk, x, pass->is_first && l->sizes.ranks > 0);
        for (size_t i = 0; pass->is_first && i < l->a->n_parts; i++) {
            if (l->part[i].rank > 0)
                compute_u(&blk, &l->part[i], x);
        }
        for (size_t i = 0; i < pass->n_slices; i++)
            compute_slice(&blk, &pass->slice[i]);
    }
}

void cpu_linear(struct backend *b, const struct linear_args *a)
{
    CHECK(a->y.rows == a->x.rows);
    struct linear l = linear_open(b, a, a->x.rows, a->y.width);
    CHECK(a->x.width == l.sizes.in);
    if (a->x.rows <= LINEAR_FEW && a->dropout == 0) {
        linear_few(&l);
        return;
    }
    float *packed_a = l.packed_a, *packed_b = l.packed_b;
    for (size_t i = 0; i < a->n_parts; i++) {
        l.part[i].packed_a = packed_a;
        l.part[i].packed_b = packed_b;
        packed_a += gemm_b_floats(l.k, l.part[i].rank, l.sizes.in);
        packed_b += gemm_b_floats(l.k, l.part[i].n, l.part[i].rank);
    }
    struct pass pass = {.l = &l, .is_first = true};
    for (size_t part = 0, first = 0; part < a->n_parts; pass.is_first = false) {
        fill_pass(&pass, &part, &first);
        pack_pass(&pass);
        cpu_run(b, l.blocks.n, compute_block, &pass);
    }
}
