/*
 * attn_back.c - the adjoint of attention.
 *
 * With P computed anew from lse, and delta = o . do for each query:
 *
 *     S = Q K^T          dP = dO V^T          dS = scale P (dP - delta) cap'
 *     dV += P^T dO       dK += dS^T Q         dQ += dS K
 *
 * A block of work is a tree of segments and a key head: it owns the rows of dq of the query heads
 * that read it, and those of dk and dv, whose sums stand in a place of their own meanwhile. Where
 * such blocks would be few, a block has one query head, and a second loop adds up the sums of those
 * that read the same keys. Within a head, blocks of queries meet tiles of keys. P and dS lie with
 * queries down, so that they are the left operands of dV and dK as they lie; dS is transposed once
 * for dQ.
 *
 * With products in bfloat16 all are but dP: delta is subtracted from it, and where one key has most
 * of the weight little is left. P and dS become cells in place, once their rows are complete.
 *
 * What the diagonal cuts off is left out strip by strip: for a strip of queries the scores of later
 * keys are set to 0 without being computed, and a strip of keys begins with the first queries that
 * see it. As in attn.c, keys and values are packed once, by rows of k.
 */
#include "backend/cpu/attn.h"

/* Multiples of every tile's rows, and of every panel. BLOCKS_WANTED: by shapes alone, as sums over
 * heads differ. */
enum { QUERIES_AT_ONCE = 84, KEYS_AT_ONCE = 256, BLOCKS_WANTED = 16 };

struct back {
    const struct attn_args *a;
    const struct kernels *k;
    struct key_range all;
    enum products products;
    const struct product *product;
    size_t n_keys, width;         /* D in whole panels */
    size_t head_cells, key_cells; /* of D, and of the keys in all */
    /* Packed, for each key head: K^T and V^T [panels of keys][D][panel], K [panels of
     * D][keys][panel]. */
    float *keys_across, *values_across, *keys;
    size_t slots;   /* of sums: one for each key head, or for each query head */
    float *dk, *dv; /* [slots][keys][D] */
    float *delta;   /* [R][H] */
    int32_t *root;  /* of each segment */
    float *own;
    size_t own_floats;
};

/* A worker's memory for one block of queries. */
struct own {
    float *q_strips, *do_strips; /* [strips][D][tile_rows] */
    float *q_panels, *do_panels; /* [panels of D][queries][panel] */
    float *p, *ds;               /* [queries][KEYS_AT_ONCE] */
    float *ds_strip;             /* [KEYS_AT_ONCE][tile_rows] */
};

/* A block of queries of one segment, and one head. */
struct queries {
    const struct back *f;
    const struct segment *segment;
    struct own own;
    size_t row, n; /* of q */
    int32_t position;
    size_t head, kv, slot;
};

/* ------------------------------------------------------------------------------------ memory -- */

static size_t carve(struct own *own, float *at, const struct kernels *k, size_t head)
{
    size_t rows = round_up(QUERIES_AT_ONCE, k->tile_rows), width = round_up(head, k->panel);
    size_t first = 0;
    float **pieces[] = {&own->q_strips, &own->do_strips, &own->q_panels, &own->do_panels,
                        &own->p,        &own->ds,        &own->ds_strip};
    size_t floats[] = {rows * head,
                       rows * head,
                       rows * width,
                       rows * width,
                       rows * KEYS_AT_ONCE,
                       rows * KEYS_AT_ONCE,
                       KEYS_AT_ONCE * k->tile_rows};
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        *pieces[i] = at ? at + first : NULL;
        first += round_up(floats[i], 16);
    }
    return first;
}

static void take_memory(struct back *f, struct scratch *s, size_t n_segments, size_t workers)
{
    size_t panel = f->k->panel, head = f->a->head, across = round_up(f->n_keys, panel) * head;
    struct own own;
    f->width = round_up(head, panel);
    f->product = kernels_product(f->k, f->products);
    f->head_cells = gemm_cells(f->k, f->products, head);
    f->key_cells = gemm_cells(f->k, f->products, f->n_keys);
    f->own_floats = carve(&own, NULL, f->k, head);
    f->keys_across = scratch_take(s, f->a->kv_heads * across, sizeof(float));
    f->values_across = scratch_take(s, f->a->kv_heads * across, sizeof(float));
    f->keys = scratch_take(s, f->a->kv_heads * f->n_keys * f->width, sizeof(float));
    f->dk = scratch_take(s, f->a->heads * f->n_keys * head, sizeof(float));
    f->dv = scratch_take(s, f->a->heads * f->n_keys * head, sizeof(float));
    f->delta = scratch_take(s, f->n_keys * f->a->heads, sizeof(float));
    f->root = scratch_take(s, n_segments, sizeof *f->root);
    f->own = scratch_take(s, workers * f->own_floats, sizeof(float));
}

size_t attn_back_scratch(const struct backend *b, const struct backend_sizes *sizes)
{
    struct attn_args a = {.heads = sizes->heads, .kv_heads = sizes->kv_heads, .head = sizes->head};
    struct back f = {.a = &a, .k = cpu_kernels(b), .n_keys = sizes->rows};
    struct scratch counter = scratch_counter();
    take_memory(&f, &counter, sizes->rows, cpu_workers(b));
    return scratch_counted(&counter);
}

/* ----------------------------------------------------------------------------------- packing -- */

/* A panel of keys and values of one head. */
static void pack_panel(const struct back *f, size_t kv, size_t first, size_t n)
{
    const struct attn_args *a = f->a;
    size_t panel = f->k->panel, at = (size_t)f->all.first + first;
    size_t to = kv * round_up(f->n_keys, panel) + first;
    float *rows = f->keys + kv * f->width * f->key_cells + first / f->product->terms * panel;
    const float *k = mat_row(a->k, at) + kv * a->head, *v = mat_row(a->v, at) + kv * a->head;
    f->product->pack(f->keys_across + to * f->head_cells, panel, k, a->k.stride, n, a->head);
    f->k->f32.pack(f->values_across + to * a->head, panel, v, a->v.stride, n, a->head);
    for (size_t j = 0; j < a->head; j += panel)
        f->product->copy(rows + j * f->key_cells, panel, k + j, a->k.stride, n,
                         min_size(a->head - j, panel));
}

/* What all heads need of some rows, which are so read along. */
static void prepare(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct back *f = context;
    const struct attn_args *a = f->a;
    size_t first = index * f->k->panel, n = min_size(f->n_keys - first, f->k->panel);
    for (size_t kv = 0; kv < a->kv_heads; kv++)
        pack_panel(f, kv, first, n);
    for (size_t row = first; row < first + n; row++) {
        const float *o = mat_row(a->o, row), *d_o = mat_row(a->d_o, row);
        for (size_t head = 0; head < a->heads; head++)
            f->delta[row * a->heads + head] =
                f->k->dot(o + head * a->head, d_o + head * a->head, a->head);
    }
}

static void pack_queries(struct queries *q)
{
    const struct back *f = q->f;
    const struct attn_args *a = f->a;
    const struct kernels *k = f->k;
    size_t cells = gemm_cells(k, f->products, q->n);
    struct mat query = mat_columns(a->q, q->head * a->head, a->head);
    struct mat d_o = mat_columns(a->d_o, q->head * a->head, a->head);
    gemm_pack_a(k, f->products, q->own.q_strips, query, q->row, q->n);
    gemm_pack_a(k, PRODUCTS_F32, q->own.do_strips, d_o, q->row, q->n);
    for (size_t j = 0; j < a->head; j += k->panel) {
        size_t n = min_size(a->head - j, k->panel);
        f->product->copy(q->own.q_panels + j * cells, k->panel, mat_row(query, q->row) + j,
                         query.stride, q->n, n);
        f->product->copy(q->own.do_panels + j * cells, k->panel, mat_row(d_o, q->row) + j,
                         d_o.stride, q->n, n);
    }
}

/* ------------------------------------------------------------------------------------- tiles -- */

/* A tile of keys: rows from … from + n - 1 of k, from at the beginning of a panel, of segment `of`.
 * The first that a block of queries meets does not add to its dq. */
struct keys {
    const struct segment *of;
    int32_t from;
    size_t n;
    bool adds;
};

/* What a strip of queries first … sees of the tile, as columns. */
static void strip_sees(const struct queries *q, const struct keys *t, size_t first, size_t n,
                       size_t *low, size_t *high)
{
    struct key_range a = key_range_seen(q->f->a, t->of, q->position + (int32_t)first);
    struct key_range b = key_range_seen(q->f->a, t->of, q->position + (int32_t)(first + n - 1));
    int32_t end = b.last - t->from;
    *high = min_size((size_t)(end > 0 ? end : 0), t->n);
    *low = min_size((size_t)(a.first > t->from ? a.first - t->from : 0), *high);
}

/* Rows of P and dS of one query, from S and dP in columns begin … end - 1. */
static void weigh_row(const struct queries *q, const struct keys *t, size_t i, size_t begin,
                      size_t end)
{
    const struct attn_args *a = q->f->a;
    float *p = q->own.p + i * KEYS_AT_ONCE, *ds = q->own.ds + i * KEYS_AT_ONCE;
    struct key_range seen = key_range_seen(a, t->of, q->position + (int32_t)i);
    int32_t from = t->from + (int32_t)begin;
    size_t n = end - begin;
    struct soft_back s = {
        .s = p + begin,
        .dp = ds + begin,
        .n_keys = n,
        .first = min_size((size_t)(seen.first > from ? seen.first - from : 0), n),
        .last = min_size((size_t)(seen.last > from ? seen.last - from : 0), n),
        .scale = a->scale,
        .softcap = a->softcap,
        .lse = mat_row(a->lse, q->row + i)[q->head],
        .delta = q->f->delta[(q->row + i) * a->heads + q->head],
    };
    q->f->k->soft_back(&s);
    memset(p, 0, begin * sizeof *p);
    memset(ds, 0, begin * sizeof *ds);
    size_t rest = min_size(t->n - end, q->f->k->tile_rows); /* of the last strip of keys */
    memset(p + end, 0, rest * sizeof *p);
    memset(ds + end, 0, rest * sizeof *ds);
}

/* P and dS of a strip of queries; dQ of the strip. */
static void back_strip(const struct queries *q, const struct keys *t, size_t first)
{
    const struct back *f = q->f;
    const struct attn_args *a = f->a;
    size_t panel = f->k->panel, rows = f->k->tile_rows, low, high;
    size_t n = min_size(q->n - first, rows), at = (size_t)(t->from - f->all.first);
    strip_sees(q, t, first, n, &low, &high);
    size_t begin = low / panel * panel, end = min_size(round_up(high, panel / 2), t->n);
    size_t across = q->kv * round_up(f->n_keys, panel) + at + begin;
    struct gemm g = {.products = f->products,
                     .rows = n,
                     .columns = end - begin,
                     .depth = f->head_cells,
                     .a = q->own.q_strips + first * f->head_cells,
                     .a_step = rows,
                     .b = f->keys_across + across * f->head_cells,
                     .b_step = panel,
                     .b_panel = panel * f->head_cells,
                     .c = q->own.p + first * KEYS_AT_ONCE + begin,
                     .c_step = KEYS_AT_ONCE};
    gemm_run(f->k, &g);
    g.products = PRODUCTS_F32;
    g.depth = a->head;
    g.a = q->own.do_strips + first * a->head;
    g.b = f->values_across + across * a->head;
    g.b_panel = panel * a->head;
    g.c = q->own.ds + first * KEYS_AT_ONCE + begin;
    gemm_run(f->k, &g);
    for (size_t i = first; i < first + n; i++)
        weigh_row(q, t, i, begin, end);
    f->product->pack_left(q->own.ds_strip, rows, q->own.ds + first * KEYS_AT_ONCE + begin,
                          KEYS_AT_ONCE, n, end - begin);
    struct gemm dq = {.products = f->products,
                      .rows = n,
                      .columns = a->head,
                      .depth = gemm_cells(f->k, f->products, end - begin),
                      .a = q->own.ds_strip,
                      .a_step = rows,
                      .b = f->keys + q->kv * f->width * f->key_cells +
                           (at + begin) / f->product->terms * panel,
                      .b_step = panel,
                      .b_panel = f->key_cells * panel,
                      .c = mat_row(a->dq, q->row + first) + q->head * a->head,
                      .c_step = a->dq.stride,
                      .adds = t->adds};
    gemm_run(f->k, &dq);
}

/* dK and dV of a strip of keys, from the queries that see it: those from strip `first` on. */
static void back_keys(const struct queries *q, const struct keys *t, size_t key, size_t first)
{
    const struct back *f = q->f;
    size_t panel = f->k->panel, head = f->a->head, row = (size_t)(t->from - f->all.first) + key;
    size_t to = (q->slot * f->n_keys + row) * head, cell = first / f->product->terms;
    struct gemm g = {.products = f->products,
                     .rows = min_size(t->n - key, f->k->tile_rows),
                     .columns = head,
                     .depth = gemm_cells(f->k, f->products, q->n - first),
                     .a = q->own.p + cell * KEYS_AT_ONCE + key,
                     .a_step = KEYS_AT_ONCE,
                     .b = q->own.do_panels + cell * panel,
                     .b_step = panel,
                     .b_panel = gemm_cells(f->k, f->products, q->n) * panel,
                     .c = f->dv + to,
                     .c_step = head,
                     .adds = true};
    gemm_run(f->k, &g);
    g.a = q->own.ds + cell * KEYS_AT_ONCE + key;
    g.b = q->own.q_panels + cell * panel;
    g.c = f->dk + to;
    gemm_run(f->k, &g);
}

static void back_tile(const struct queries *q, const struct keys *t)
{
    size_t rows = q->f->k->tile_rows;
    for (size_t first = 0; first < q->n; first += rows)
        back_strip(q, t, first);
    if (q->f->products == PRODUCTS_BF16) { /* in place: cells lie before what they are of */
        const struct product *m = q->f->product;
        m->copy(q->own.p, KEYS_AT_ONCE, q->own.p, KEYS_AT_ONCE, q->n, t->n);
        m->copy(q->own.ds, KEYS_AT_ONCE, q->own.ds, KEYS_AT_ONCE, q->n, t->n);
    }
    /* The tile may begin before the segment, with keys that others own. */
    size_t first = 0, key = (size_t)(t->of->key > t->from ? t->of->key - t->from : 0);
    for (; key < t->n; key += rows) {
        for (size_t low, high; first < q->n; first += rows) {
            strip_sees(q, t, first, min_size(q->n - first, rows), &low, &high);
            if (high > key)
                break;
        }
        if (first >= q->n)
            break;
        back_keys(q, t, key, first);
    }
}

/* ------------------------------------------------------------------------------------ blocks -- */

static void back_segment(const struct queries *q, const struct segment *of, bool adds)
{
    const struct back *f = q->f;
    struct key_range last = key_range_seen(f->a, of, q->position + (int32_t)q->n - 1);
    struct key_range first = key_range_seen(f->a, of, q->position);
    int32_t panel = (int32_t)f->k->panel;
    int32_t from = first.first - (first.first - f->all.first) % panel;
    for (; from < last.last; from += KEYS_AT_ONCE) {
        struct keys t = {of, from, min_size((size_t)(last.last - from), KEYS_AT_ONCE), adds};
        back_tile(q, &t);
        adds = true;
    }
}

static void back_queries(struct queries *q)
{
    const struct attn_args *a = q->f->a;
    pack_queries(q);
    for (const struct segment *of = q->segment;;) {
        back_segment(q, of, of != q->segment);
        if (of->parent == SEGMENT_NO_PARENT)
            break;
        of = &a->segment[of->parent];
    }
}

static void back_segment_head(struct queries *q, const struct segment *s)
{
    q->segment = s;
    for (size_t first = 0; first < (size_t)s->n; first += QUERIES_AT_ONCE) {
        q->row = (size_t)s->query + first;
        q->position = s->position + (int32_t)first;
        q->n = min_size((size_t)s->n - first, QUERIES_AT_ONCE);
        back_queries(q);
    }
}

/* Where the sums of a segment's keys stand. */
static size_t sums_at(const struct back *f, size_t slot, const struct segment *s)
{
    return (slot * f->n_keys + (size_t)(s->key - f->all.first)) * f->a->head;
}

static void clear_sums(const struct back *f, size_t slot, const struct segment *s)
{
    size_t at = sums_at(f, slot, s), bytes = (size_t)s->n * f->a->head * sizeof(float);
    memset(f->dk + at, 0, bytes);
    memset(f->dv + at, 0, bytes);
}

/* The sums of a key head. */
static void hand_out_sums(const struct back *f, size_t kv, const struct segment *s)
{
    const struct attn_args *a = f->a;
    size_t at = sums_at(f, kv, s), bytes = a->head * sizeof(float);
    for (size_t i = 0; i < (size_t)s->n; i++, at += a->head) {
        memcpy(mat_row(a->dk, (size_t)s->key + i) + kv * a->head, f->dk + at, bytes);
        memcpy(mat_row(a->dv, (size_t)s->key + i) + kv * a->head, f->dv + at, bytes);
    }
}

/* The trees follow each other in the list as their roots do. */
static void back_block(void *context, size_t index, size_t worker)
{
    const struct back *f = context;
    const struct attn_args *a = f->a;
    size_t heads = a->heads / f->slots, root = 0, tree = index / f->slots;
    struct queries q = {.f = f, .slot = index % f->slots};
    carve(&q.own, f->own + worker * f->own_floats, f->k, a->head);
    for (; f->root[root] != (int32_t)root || tree > 0; root++)
        tree -= f->root[root] == (int32_t)root;
    for (size_t i = 0; i < heads; i++) {
        q.head = q.slot * heads + i;
        q.kv = q.head / (a->heads / a->kv_heads);
        for (size_t j = root; j < a->n_segments; j++) {
            const struct segment *s = &a->segment[j];
            if (f->root[j] != (int32_t)root)
                continue;
            if (i == 0)
                clear_sums(f, q.slot, s);
            back_segment_head(&q, s);
        }
    }
    for (size_t j = root; f->slots == a->kv_heads && j < a->n_segments; j++) {
        if (f->root[j] == (int32_t)root)
            hand_out_sums(f, q.slot, &a->segment[j]);
    }
}

enum { ROWS_OF_SUM = 64 };

/* The sum of n rows over the heads that read key head kv, of dk or dv: at least two. */
static void sum_group(const struct back *f, struct mat to, const float *from, size_t kv,
                      size_t first, size_t n)
{
    const struct attn_args *a = f->a;
    size_t group = a->heads / a->kv_heads, next = f->n_keys * a->head;
    from += kv * group * next;
    for (size_t i = first; i < first + n; i++) {
        float *sum = mat_row(to, (size_t)f->all.first + i) + kv * a->head;
        const float *part = from + i * a->head;
        f->k->add(sum, part, part + next, a->head);
        for (size_t head = 2; head < group; head++)
            f->k->add(sum, sum, part + head * next, a->head);
    }
}

static void sum_heads(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct back *f = context;
    size_t first = index * ROWS_OF_SUM, n = min_size(f->n_keys - first, ROWS_OF_SUM);
    for (size_t kv = 0; kv < f->a->kv_heads; kv++) {
        sum_group(f, f->a->dk, f->dk, kv, first, n);
        sum_group(f, f->a->dv, f->dv, kv, first, n);
    }
}

void cpu_attn_back(struct backend *b, const struct attn_args *a)
{
    attn_check(a);
    struct back f = {.a = a, .k = cpu_kernels(b), .all = key_range_all(a), .products = b->products};
    f.n_keys = (size_t)(f.all.last - f.all.first);
    CHECK(f.n_keys == a->q.rows && a->n_segments <= a->q.rows);
    struct scratch s = scratch_of(b);
    take_memory(&f, &s, a->n_segments, cpu_workers(b));
    size_t trees = 0;
    for (size_t i = 0; i < a->n_segments; i++) {
        int32_t parent = a->segment[i].parent;
        f.root[i] = parent == SEGMENT_NO_PARENT ? (int32_t)i : f.root[parent];
        trees += parent == SEGMENT_NO_PARENT;
    }
    cpu_run(b, ceil_div(f.n_keys, f.k->panel), prepare, &f);
    f.slots = trees * a->kv_heads >= BLOCKS_WANTED ? a->kv_heads : a->heads;
    cpu_run(b, trees * f.slots, back_block, &f);
    if (f.slots != a->kv_heads)
        cpu_run(b, ceil_div(f.n_keys, ROWS_OF_SUM), sum_heads, &f);
}
