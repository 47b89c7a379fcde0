/*
 * finite.c - refusing weights that are not numbers, before they make everything else so.
 *
 * All of a model's bytes are looked at once, in blocks of a megabyte that threads share. Of plain
 * numbers the exponent's bits are tested; of GGUF's blocks of few bits only their scales can be
 * other than finite, and these are the 16-bit numbers at known places in each block.
 */
#include <math.h>
#include <string.h>

#include "model/parts.h"
#include "tensor/half.h"
#include "tensor/quant.h"

enum { BLOCK_BYTES = 1 << 20, SCALES_MOST = 2 };

/* Where the float16 scales of a block stand. */
static const struct {
    enum dtype dtype;
    size_t n, at[SCALES_MOST];
} scale_table[] = {
    {DTYPE_Q8_0, 1, {0}},
    {DTYPE_Q4_0, 1, {0}},
    {DTYPE_Q4_K, 2, {0, 2}},
    {DTYPE_Q6_K, 1, {208}},
};

/* Loops of a fixed length, which compilers turn into vector instructions. */
enum { RUN = 256 };

static bool all_finite_16(const uint8_t *at, size_t n, uint16_t exponent)
{
    uint16_t bits[RUN], bad = 0;
    for (size_t first = 0; first < n; first += RUN) {
        size_t count = min_size(n - first, RUN);
        if (count < RUN)
            memset(bits, 0, sizeof bits);
        memcpy(bits, at + first * sizeof bits[0], count * sizeof bits[0]);
        for (size_t i = 0; i < RUN; i++)
            bad |= (uint16_t)((bits[i] & exponent) == exponent);
    }
    return bad == 0;
}

static bool all_finite_32(const uint8_t *at, size_t n)
{
    const uint32_t exponent = 0x7f800000;
    uint32_t bits[RUN], bad = 0;
    for (size_t first = 0; first < n; first += RUN) {
        size_t count = min_size(n - first, RUN);
        if (count < RUN)
            memset(bits, 0, sizeof bits);
        memcpy(bits, at + first * sizeof bits[0], count * sizeof bits[0]);
        for (size_t i = 0; i < RUN; i++)
            bad |= (uint32_t)((bits[i] & exponent) == exponent);
    }
    return bad == 0;
}

static bool scales_are_finite(size_t row, const uint8_t *at, size_t n_blocks, size_t block_bytes)
{
    for (size_t i = 0; i < n_blocks; i++) {
        for (size_t j = 0; j < scale_table[row].n; j++) {
            uint16_t scale;
            memcpy(&scale, at + i * block_bytes + scale_table[row].at[j], sizeof scale);
            if ((scale & 0x7c00) == 0x7c00)
                return false;
        }
    }
    return true;
}

static bool decoded_is_finite(enum dtype dtype, const uint8_t *at, size_t n_blocks)
{
    const struct dtype_info *info = dtype_info(dtype);
    float values[256];
    CHECK(info->block_elements <= COUNT_OF(values));
    for (size_t i = 0; i < n_blocks; i++) {
        quant_decode(dtype, at + i * info->block_bytes, values, info->block_elements);
        if (!all_finite_32((const uint8_t *)values, info->block_elements))
            return false;
    }
    return true;
}

static bool are_finite(enum dtype dtype, const uint8_t *at, size_t n_blocks)
{
    if (dtype == DTYPE_F32)
        return all_finite_32(at, n_blocks);
    if (dtype == DTYPE_BF16)
        return all_finite_16(at, n_blocks, 0x7f80);
    if (dtype == DTYPE_F16)
        return all_finite_16(at, n_blocks, 0x7c00);
    for (size_t i = 0; i < COUNT_OF(scale_table); i++) {
        if (scale_table[i].dtype == dtype)
            return scales_are_finite(i, at, n_blocks, dtype_info(dtype)->block_bytes);
    }
    return decoded_is_finite(dtype, at, n_blocks);
}

struct scan {
    const struct weight *weight;
    size_t n_blocks, per_piece; /* blocks of the type */
    uint8_t *bad;               /* [pieces] */
};

static void scan_piece(void *context, size_t piece, size_t worker)
{
    struct scan *s = context;
    size_t first = piece * s->per_piece;
    size_t n = min_size(s->per_piece, s->n_blocks - first);
    size_t bytes = dtype_info(s->weight->dtype)->block_bytes;
    (void)worker;
    s->bad[piece] =
        !are_finite(s->weight->dtype, (const uint8_t *)s->weight->at + first * bytes, n);
}

/* The first element that is not finite, which there is. */
static size_t find_bad(const struct weight *w, size_t first, size_t n_blocks)
{
    const struct dtype_info *info = dtype_info(w->dtype);
    const uint8_t *at = w->at;
    float values[256];
    for (size_t i = first; i < n_blocks; i++) {
        quant_decode(w->dtype, at + i * info->block_bytes, values, info->block_elements);
        for (size_t j = 0; j < info->block_elements; j++) {
            if (!isfinite(values[j]))
                return i * info->block_elements + j;
        }
    }
    return first * info->block_elements;
}

static bool check_param(const struct model *model, const struct param *p, struct err *err)
{
    const struct dtype_info *info = dtype_info(p->weight.dtype);
    struct scan s = {.weight = &p->weight,
                     .n_blocks = param_count(p) / info->block_elements,
                     .per_piece = BLOCK_BYTES / info->block_bytes};
    size_t n_pieces = (s.n_blocks + s.per_piece - 1) / s.per_piece;
    struct thread_pool *threads = model->backend->threads;
    struct arena arena = {0};
    bool ok = true;
    s.bad = arena_array(&arena, uint8_t, n_pieces);
    if (threads)
        thread_pool_run(threads, n_pieces, scan_piece, &s);
    for (size_t i = 0; i < n_pieces && ok; i++) {
        if (!threads)
            scan_piece(&s, i, 0);
        if (!s.bad[i])
            continue;
        size_t place = find_bad(&p->weight, i * s.per_piece, s.n_blocks);
        err_set(err, ERR_INPUT, "the weight in row %zu, column %zu is not a finite number",
                place / p->weight.width, place % p->weight.width);
        err_hint(err, "the model is damaged, or its training had failed; fetch it again");
        err_in(err, "tensor %s", p->name);
        ok = false;
    }
    arena_release(&arena);
    return ok;
}

bool model_check_finite(const struct model *model, struct err *err)
{
    for (size_t i = 0; i < model->n_params; i++) {
        if (!check_param(model, model->params[i], err))
            return false;
    }
    for (size_t i = 0; i < model->n_adapters; i++) {
        if (!check_param(model, model->adapters[i], err))
            return false;
    }
    return true;
}
