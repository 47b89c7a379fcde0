/*
 * attn.c - attention, forward.
 *
 * As in FlashAttention (Dao et al. 2022, arXiv:2205.14135) no matrix of scores exists: a block of
 * work takes a panel of queries of one segment and one key head, and for each of the query heads
 * that read it goes through the keys, some hundred at a time:
 *
 *     S^T = K Q^T     P^T, sums = softmax so far (kernel_soft.c)     O = f O + P V
 *
 * S is computed transposed, keys down: then a query is a lane, softmax needs no sum across a
 * vector, and P^T is the left operand of the product with V as it lies. Keys that no query of the
 * panel sees are left out strip by strip.
 *
 * With products in bfloat16 the scores are; P and V stay float32, so that the adjoint's differences
 * of dP and o do (attn_back.c) vanish where a query sees one key.
 *
 * Before that the keys are packed in strips and the values in panels, once for all queries. Strips
 * go by the rows of k, whatever segment these belong to: a segment may begin within a strip, whose
 * other keys are then not seen. The chain of a segment is a few ranges of rows, taken from the
 * segment itself up to the root.
 */
#include "backend/cpu/attn.h"

#include <math.h>

/* Keys at once: a multiple of every tile's rows. */
enum { KEYS_AT_ONCE = 504, PANEL_MOST = 32 };

struct forward {
    const struct attn_args *a;
    const struct kernels *k;
    struct key_range all;
    enum products products;
    const struct product *product;
    size_t strips;              /* of keys, in all */
    size_t width;               /* D in whole panels */
    size_t head_cells;          /* of D */
    float *keys, *values, *own; /* packed: [K][strips][D][tile_rows], [K][panels][keys][panel] */
    size_t own_floats;
};

/* --------------------------------------------------------------------------------- segments -- */

struct key_range key_range_all(const struct attn_args *a)
{
    struct key_range all = {INT32_MAX, 0};
    for (size_t i = 0; i < a->n_segments; i++) {
        struct key_range here = key_range_of(&a->segment[i]);
        all.first = here.first < all.first ? here.first : all.first;
        all.last = here.last > all.last ? here.last : all.last;
    }
    return all;
}

size_t attn_longest(const struct attn_args *a)
{
    size_t most = 0;
    for (size_t i = 0; i < a->n_segments; i++)
        most = max_size(most, (size_t)a->segment[i].position + (size_t)a->segment[i].n);
    return most;
}

void attn_check(const struct attn_args *a)
{
    CHECK(a->heads % a->kv_heads == 0 && a->q.width == a->heads * a->head);
    CHECK(a->k.width == a->kv_heads * a->head && a->v.width == a->k.width);
    for (size_t i = 0; i < a->n_segments; i++) {
        const struct segment *s = &a->segment[i];
        CHECK(s->n >= 0 && s->key >= 0 && (size_t)s->key + (size_t)s->n <= a->k.rows);
        CHECK(s->parent == SEGMENT_NO_PARENT || ((size_t)s->parent < i));
        CHECK(s->position == (s->parent == SEGMENT_NO_PARENT
                                  ? 0
                                  : a->segment[s->parent].position + a->segment[s->parent].n));
    }
}

/* ----------------------------------------------------------------------------------- packing -- */

static void take_memory(struct forward *f, struct scratch *s, size_t keys, size_t workers)
{
    size_t rows = f->k->tile_rows, panel = f->k->panel, head = f->a->head;
    f->strips = ceil_div(keys, rows);
    f->width = round_up(head, panel);
    f->product = kernels_product(f->k, f->products);
    f->head_cells = gemm_cells(f->k, f->products, head);
    f->own_floats = round_up((KEYS_AT_ONCE + rows) * panel + head * panel, 16);
    f->keys = scratch_take(s, f->a->kv_heads * f->strips * rows * head, sizeof(float));
    f->values = scratch_take(s, f->a->kv_heads * keys * f->width, sizeof(float));
    f->own = scratch_take(s, workers * f->own_floats, sizeof(float));
}

static size_t n_keys(const struct forward *f)
{
    return (size_t)(f->all.last - f->all.first);
}

enum { STRIPS_OF_BLOCK = 6 };

static void pack_keys(void *context, size_t index, size_t worker)
{
    (void)worker;
    const struct forward *f = context;
    const struct attn_args *a = f->a;
    size_t blocks = ceil_div(f->strips, STRIPS_OF_BLOCK), kv = index / blocks;
    size_t rows = STRIPS_OF_BLOCK * f->k->tile_rows, first = index % blocks * rows;
    size_t n = min_size(rows, n_keys(f) - first), at = (size_t)f->all.first + first;
    gemm_pack_a(f->k, f->products,
                f->keys + (kv * f->strips * f->k->tile_rows + first) * f->head_cells,
                mat_columns(a->k, kv * a->head, a->head), at, n);
    for (size_t j = 0; j < a->head; j += f->k->panel)
        f->k->f32.copy(f->values + kv * n_keys(f) * f->width + j * n_keys(f) + first * f->k->panel,
                       f->k->panel, mat_row(a->v, at) + kv * a->head + j, a->v.stride, n,
                       min_size(a->head - j, f->k->panel));
}

/* ------------------------------------------------------------------------ a panel of queries -- */

struct queries {
    const struct segment *segment;
    size_t row, n;    /* of q */
    int32_t position; /* of the first */
    size_t kv, head;
    float *scores, *panel; /* S^T; Q^T */
    float most[PANEL_MOST], sum[PANEL_MOST], factor[PANEL_MOST];
};

/* Whom each lane sees of the segment, as rows of k. Lanes without a query are as the first. */
static struct key_range find_seen(const struct forward *f, const struct queries *q,
                                  const struct segment *of, struct key_range seen[PANEL_MOST])
{
    struct key_range hull = {INT32_MAX, 0};
    for (size_t i = 0; i < f->k->panel; i++) {
        int32_t position = q->position + (int32_t)(i < q->n ? i : 0);
        seen[i] = key_range_seen(f->a, of, position);
        if (seen[i].first >= seen[i].last)
            continue;
        hull.first = seen[i].first < hull.first ? seen[i].first : hull.first;
        hull.last = seen[i].last > hull.last ? seen[i].last : hull.last;
    }
    return hull;
}

static void softmax(const struct forward *f, struct queries *q,
                    const struct key_range seen[PANEL_MOST], int32_t from, size_t n)
{
    int32_t first[PANEL_MOST], last[PANEL_MOST];
    for (size_t i = 0; i < f->k->panel; i++) {
        first[i] = seen[i].first - from;
        last[i] = seen[i].last - from;
    }
    struct soft_columns s = {.s = q->scores,
                             .step = f->k->panel,
                             .n_keys = n,
                             .first = first,
                             .last = last,
                             .scale = f->a->scale,
                             .softcap = f->a->softcap,
                             .most = q->most,
                             .sum = q->sum,
                             .factor = q->factor};
    f->k->soft_columns(&s);
}

/* S^T = K Q^T for n keys from row `from` of k on, at the beginning of a strip. */
static void score(const struct forward *f, const struct queries *q, int32_t from, size_t n)
{
    size_t rows = f->k->tile_rows, strip = (size_t)(from - f->all.first) / rows;
    struct gemm g = {
        .products = f->products,
        .rows = n,
        .columns = f->k->panel,
        .depth = f->head_cells,
        .a = f->keys + (q->kv * f->strips + strip) * rows * f->head_cells,
        .a_step = rows,
        .a_strip = rows * f->head_cells,
        .b = q->panel,
        .b_step = f->k->panel,
        .c = q->scores,
        .c_step = f->k->panel,
    };
    gemm_run(f->k, &g);
}

/* O = f O + P V */
static void add_values(const struct forward *f, const struct queries *q, int32_t from, size_t n,
                       bool is_first)
{
    const struct attn_args *a = f->a;
    size_t panel = f->k->panel;
    float *o = mat_row(a->o, q->row) + q->head * a->head;
    for (size_t i = 0; !is_first && i < q->n; i++) {
        if (q->factor[i] != 1)
            f->k->scale(o + i * a->o.stride, q->factor[i], a->head);
    }
    struct gemm g = {
        .rows = q->n,
        .columns = a->head,
        .depth = n,
        .a = q->scores,
        .a_step = panel,
        .a_strip = f->k->tile_rows,
        .b = f->values + q->kv * n_keys(f) * f->width + (size_t)(from - f->all.first) * panel,
        .b_step = panel,
        .b_panel = n_keys(f) * panel,
        .c = o,
        .c_step = a->o.stride,
        .adds = !is_first,
    };
    gemm_run(f->k, &g);
}

/* The keys of one segment of the chain. Returns false where no query sees any. */
static bool attend_segment(const struct forward *f, struct queries *q, const struct segment *of,
                           bool is_first)
{
    struct key_range seen[PANEL_MOST];
    struct key_range hull = find_seen(f, q, of, seen);
    if (hull.first >= hull.last)
        return false;
    int32_t rows = (int32_t)f->k->tile_rows;
    int32_t from = hull.first - (hull.first - f->all.first) % rows;
    for (; from < hull.last; from += KEYS_AT_ONCE) {
        size_t n = min_size((size_t)(hull.last - from), KEYS_AT_ONCE);
        score(f, q, from, n);
        softmax(f, q, seen, from, n);
        add_values(f, q, from, n, is_first);
        is_first = false;
    }
    return true;
}

static void attend_head(const struct forward *f, struct queries *q)
{
    const struct attn_args *a = f->a;
    f->product->pack(q->panel, f->k->panel, mat_row(a->q, q->row) + q->head * a->head, a->q.stride,
                     q->n, a->head);
    for (size_t i = 0; i < PANEL_MOST; i++) {
        q->most[i] = -1e30f;
        q->sum[i] = 0;
    }
    bool is_first = true;
    for (const struct segment *of = q->segment;;) {
        if (attend_segment(f, q, of, is_first))
            is_first = false;
        if (of->parent == SEGMENT_NO_PARENT)
            break;
        of = &a->segment[of->parent];
    }
    for (size_t i = 0; i < q->n; i++) {
        f->k->scale(mat_row(a->o, q->row + i) + q->head * a->head, 1 / q->sum[i], a->head);
        mat_row(a->lse, q->row + i)[q->head] = q->most[i] + logf(q->sum[i]);
    }
}

static size_t panels_of(const struct forward *f, const struct segment *s)
{
    return s->query == SEGMENT_NO_QUERIES ? 0 : ceil_div((size_t)s->n, f->k->panel);
}

/* Blocks of a segment's last queries come first: they see most, and the pool should not end with
 * the longest. */
static void attend_block(void *context, size_t index, size_t worker)
{
    const struct forward *f = context;
    const struct attn_args *a = f->a;
    size_t kv = index % a->kv_heads, group = a->heads / a->kv_heads;
    const struct segment *s = a->segment;
    for (index /= a->kv_heads; index >= panels_of(f, s); s++)
        index -= panels_of(f, s);
    size_t first = (panels_of(f, s) - 1 - index) * f->k->panel;
    struct queries q = {.segment = s, .row = (size_t)s->query + first, .kv = kv};
    q.n = min_size((size_t)s->n - first, f->k->panel);
    q.position = s->position + (int32_t)first;
    q.scores = f->own + worker * f->own_floats;
    q.panel = q.scores + (KEYS_AT_ONCE + f->k->tile_rows) * f->k->panel;
    for (q.head = kv * group; q.head < (kv + 1) * group; q.head++)
        attend_head(f, &q);
}

void cpu_attn(struct backend *b, const struct attn_args *a)
{
    attn_check(a);
    struct forward f = {
        .a = a, .k = cpu_kernels(b), .all = key_range_all(a), .products = b->products};
    /* Keys scattered over a cache of many texts are not packed: there may be more of them than
     * memory was reserved for. */
    if (a->q.rows <= ATTN_FEW || n_keys(&f) > max_size(a->q.rows, attn_longest(a))) {
        attn_few(b, a);
        return;
    }
    CHECK(f.k->panel <= PANEL_MOST);
    struct scratch s = scratch_of(b);
    take_memory(&f, &s, n_keys(&f), cpu_workers(b));
    cpu_run(b, a->kv_heads * ceil_div(f.strips, STRIPS_OF_BLOCK), pack_keys, &f);
    size_t panels = 0;
    for (size_t i = 0; i < a->n_segments; i++)
        panels += panels_of(&f, &a->segment[i]);
    cpu_run(b, panels * a->kv_heads, attend_block, &f);
}

static size_t forward_scratch(const struct backend *b, const struct backend_sizes *sizes)
{
    struct attn_args a = {.heads = sizes->heads, .kv_heads = sizes->kv_heads, .head = sizes->head};
    struct forward f = {.a = &a, .k = cpu_kernels(b)};
    struct scratch counter = scratch_counter();
    take_memory(&f, &counter, max_size(sizes->rows, sizes->keys), cpu_workers(b));
    return scratch_counted(&counter);
}

size_t cpu_attn_scratch(const struct backend *b, const struct backend_sizes *sizes)
{
    size_t forward = max_size(forward_scratch(b, sizes), attn_few_scratch(b, sizes));
    return max_size(forward, sizes->trains ? attn_back_scratch(b, sizes) : 0);
}
