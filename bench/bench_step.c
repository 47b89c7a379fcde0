/*
 * bench_step.c - a training step's operations in their order, without a model: the shape of
 * SmolLM2-135M, adapters of rank 16 on all linear layers, 4 rows of 512 tokens, all of them
 * targets.
 *
 *     bench_step [THREADS [STEPS [DTYPE [CLOCK]]]]      2 3 F32 wall
 *
 * Prints seconds and useful arithmetic of the best step, of each kind of operation in it, and
 * (where oneDNN was found) of one product 2048 x 2048 x 2048 between steps on as many threads.
 * Useful: what the mathematics asks for; scores of attention that the adjoint computes anew do not
 * count, nor do keys that are not seen.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backend/backend.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/rng.h"
#include "tensor/quant.h"

#ifdef PACE_ONEDNN
#include <dnnl.h>
#include <omp.h>
#endif

enum { B = 4, T = 512, R = B * T, C = 576, L = 30, H = 9, K = 3, D = 64, F = 1536, V = 49152 };
enum { QKV = (H + 2 * K) * D, RANK = 16, LARGE = 2048 };

enum kind { LINEAR, LINEAR_BACK, ATTN, ATTN_BACK, XENT, NORM, ACT, ROPE, KINDS };
static const char *const kind_names[] = {"linear", "linear back", "attn", "attn back",
                                         "xent",   "norm",        "act",  "rope"};

/* What is kept of a layer. */
struct layer {
    struct linear_part qkv[3], out[1], gate_up[2], down[1];
    struct mat residual, normed, stat, joined, u_qkv, lse, o, u_out;
    struct mat residual2, normed2, stat2, wide, u_wide, bent, u_down;
};

static struct {
    struct backend b;
    enum dtype dtype;
    struct layer layer[L];
    struct weight embedding;
    struct mat start, last, h, stat, dh, d_residual, d_joined, d_o, d_wide, d_bent, out, dn;
    float *ones, *loss, *coef, *cos, *sin;
    int32_t position[R];
    struct segment segment[B];
    struct target target[R];
    double seconds[KINDS], flops[KINDS];
    bool by_processor;
    int64_t n_threads;
} run;

/* Seconds; of the process on all processors, divided by the threads, where so asked: then other
 * programs on the machine count little. */
static double now(void)
{
    struct timespec t;
    clock_gettime(run.by_processor ? CLOCK_PROCESS_CPUTIME_ID : CLOCK_MONOTONIC, &t);
    double seconds = (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
    return run.by_processor ? seconds / (double)run.n_threads : seconds;
}

/* ------------------------------------------------------------------------------------ set-up -- */

static float *new_floats(size_t n, float size)
{
    static uint64_t stream;
    struct rng rng = {1, stream++, 0};
    float *at = run.b.ops->alloc(&run.b, n * sizeof *at);
    for (size_t i = 0; size > 0 && i < n; i++)
        at[i] = (float)(2 * rng_uniform(&rng) - 1) * size;
    return at;
}

static struct mat new_mat(size_t width)
{
    return (struct mat){new_floats(R * width, 0), R, width, width};
}

static struct weight new_weight(size_t rows, size_t width)
{
    float *values = new_floats(rows * width, 0.05f);
    if (run.dtype == DTYPE_F32)
        return (struct weight){values, DTYPE_F32, rows, width, false};
    uint64_t bytes = 0;
    if (!dtype_bytes(run.dtype, rows * width, &bytes))
        return (struct weight){0};
    uint8_t *stored = run.b.ops->alloc(&run.b, bytes);
    quant_encode(run.dtype, values, stored, rows * width);
    run.b.ops->release(&run.b, values, rows * width * sizeof *values);
    return (struct weight){stored, run.dtype, rows, width, false};
}

static struct linear_part new_part(size_t n, size_t k)
{
    return (struct linear_part){.weight = new_weight(n, k),
                                .lora_a = new_floats(RANK * k, 0.05f),
                                .lora_b = new_floats(n * RANK, 0.05f),
                                .rank = RANK,
                                .lora_scale = 2,
                                .dlora_a = new_floats(RANK * k, 0),
                                .dlora_b = new_floats(n * RANK, 0)};
}

static void make_layer(struct layer *l)
{
    l->qkv[0] = new_part(H * D, C);
    l->qkv[1] = new_part(K * D, C);
    l->qkv[2] = new_part(K * D, C);
    l->out[0] = new_part(C, H * D);
    l->gate_up[0] = new_part(F, C);
    l->gate_up[1] = new_part(F, C);
    l->down[0] = new_part(C, F);
    l->residual = new_mat(C);
    l->normed = new_mat(C);
    l->stat = new_mat(2);
    l->joined = new_mat(QKV);
    l->u_qkv = new_mat(3 * RANK);
    l->lse = new_mat(H);
    l->o = new_mat(H * D);
    l->u_out = new_mat(RANK);
    l->residual2 = new_mat(C);
    l->normed2 = new_mat(C);
    l->stat2 = new_mat(2);
    l->wide = new_mat(2 * F);
    l->u_wide = new_mat(2 * RANK);
    l->bent = new_mat(F);
    l->u_down = new_mat(RANK);
}

static void make_batch(void)
{
    struct rng rng = {2, 0, 0};
    for (int i = 0; i < R; i++) {
        run.position[i] = i % T;
        run.target[i] = (struct target){i, (int32_t)rng_below(&rng, V)};
        run.coef[i] = 1.0f / R;
    }
    for (int i = 0; i < B; i++)
        run.segment[i] = (struct segment){i * T, i * T, T, 0, SEGMENT_NO_PARENT};
}

static void make_model(void)
{
    for (size_t i = 0; i < L; i++)
        make_layer(&run.layer[i]);
    run.embedding = new_weight(V, C);
    run.start = (struct mat){new_floats(R * C, 1), R, C, C};
    run.last = new_mat(C);
    run.h = new_mat(C);
    run.stat = new_mat(2);
    run.dh = new_mat(C);
    run.d_residual = new_mat(C);
    run.d_joined = new_mat(QKV);
    run.d_o = new_mat(H * D);
    run.d_wide = new_mat(2 * F);
    run.d_bent = new_mat(F);
    run.out = new_mat(C);
    run.dn = new_mat(C);
    run.loss = new_floats(R, 0);
    run.coef = new_floats(R, 0);
    run.cos = new_floats(T * D / 2, 1);
    run.sin = new_floats(T * D / 2, 1);
    run.ones = new_floats(C, 0);
    for (size_t i = 0; i < C; i++)
        run.ones[i] = 1;
}

/* -------------------------------------------------------------------------------- operations -- */

#define TIMED(kind, useful, call)                                                                  \
    do {                                                                                           \
        double start = now();                                                                      \
        call;                                                                                      \
        run.seconds[kind] += now() - start;                                                        \
        run.flops[kind] += (useful);                                                               \
    } while (0)

static double flops_of(const struct linear_part *part, size_t n_parts)
{
    double flops = 0;
    for (size_t i = 0; i < n_parts; i++)
        flops += 2.0 * R * (double)(part[i].weight.rows * part[i].weight.width);
    return flops;
}

static double adapter_flops(const struct linear_part *part, size_t n_parts)
{
    double flops = 0;
    for (size_t i = 0; i < n_parts; i++)
        flops += 2.0 * R * RANK * (double)(part[i].weight.rows + part[i].weight.width);
    return flops;
}

static void linear(struct linear_part *part, size_t n_parts, struct mat x, struct mat y,
                   struct mat u)
{
    struct linear_args a = {.x = x, .y = y, .u = u, .n_parts = n_parts};
    memcpy(a.part, part, n_parts * sizeof *part);
    TIMED(LINEAR, flops_of(part, n_parts) + adapter_flops(part, n_parts),
          run.b.ops->linear(&run.b, &a));
}

static void linear_back(struct linear_part *part, size_t n_parts, struct mat x, struct mat dy,
                        struct mat u, struct mat dx)
{
    struct linear_args a = {.x = x, .dy = dy, .u = u, .n_parts = n_parts, .dx = {dx, false}};
    memcpy(a.part, part, n_parts * sizeof *part);
    double adapters = adapter_flops(part, n_parts) * 2;
    TIMED(LINEAR_BACK, (dx.at ? flops_of(part, n_parts) : 0) + adapters,
          run.b.ops->linear_back(&run.b, &a));
}

static struct norm_args norm_of(struct mat x, struct mat add, struct mat sum, struct mat y,
                                struct mat stat)
{
    return (struct norm_args){.kind = NORM_RMS,
                              .group = C,
                              .eps = 1e-5f,
                              .x = x,
                              .add = add,
                              .sum = sum,
                              .y = y,
                              .weight = run.ones,
                              .stat = stat};
}

static void norm(struct mat x, struct mat add, struct mat sum, struct mat y, struct mat stat)
{
    struct norm_args a = norm_of(x, add, sum, y, stat);
    TIMED(NORM, 0, run.b.ops->norm(&run.b, &a));
}

/* d_residual += the adjoint of dn. */
static void norm_back(struct mat x, struct mat stat, struct mat dy, bool adds)
{
    struct norm_args a = norm_of(x, (struct mat){0}, x, x, stat);
    a.dy = dy;
    a.dx = (struct adjoint){run.d_residual, adds};
    TIMED(NORM, 0, run.b.ops->norm_back(&run.b, &a));
}

static void rope(struct mat x, bool back)
{
    struct rope_args a = {.x = mat_columns(x, 0, (H + K) * D),
                          .head = D,
                          .rotary = D,
                          .cos = run.cos,
                          .sin = run.sin,
                          .position = run.position};
    TIMED(ROPE, 0, (back ? run.b.ops->rope_back : run.b.ops->rope)(&run.b, &a));
}

static void attn(struct layer *l, bool back)
{
    struct attn_args a = {.q = mat_columns(l->joined, 0, H * D),
                          .k = mat_columns(l->joined, H * D, K * D),
                          .v = mat_columns(l->joined, (H + K) * D, K * D),
                          .o = l->o,
                          .lse = l->lse,
                          .heads = H,
                          .kv_heads = K,
                          .head = D,
                          .scale = 0.125f,
                          .segment = run.segment,
                          .n_segments = B,
                          .d_o = run.d_o,
                          .dq = mat_columns(run.d_joined, 0, H * D),
                          .dk = mat_columns(run.d_joined, H * D, K * D),
                          .dv = mat_columns(run.d_joined, (H + K) * D, K * D)};
    double product = 2.0 * B * H * D * (T * (T + 1) / 2);
    if (back)
        TIMED(ATTN_BACK, 4 * product, run.b.ops->attn_back(&run.b, &a));
    else
        TIMED(ATTN, 2 * product, run.b.ops->attn(&run.b, &a));
}

static void act(struct layer *l, bool back)
{
    struct act_args a = {.kind = ACT_SILU,
                         .glu = true,
                         .x = l->wide,
                         .y = l->bent,
                         .dy = run.d_bent,
                         .dx = {run.d_wide, false}};
    TIMED(ACT, 0, (back ? run.b.ops->act_back : run.b.ops->act)(&run.b, &a));
}

static void forward(struct layer *l, struct mat before, struct mat add)
{
    norm(before, add, l->residual, l->normed, l->stat);
    linear(l->qkv, 3, l->normed, l->joined, l->u_qkv);
    rope(l->joined, false);
    attn(l, false);
    linear(l->out, 1, l->o, run.out, l->u_out);
    norm(l->residual, run.out, l->residual2, l->normed2, l->stat2);
    linear(l->gate_up, 2, l->normed2, l->wide, l->u_wide);
    act(l, false);
    linear(l->down, 1, l->bent, run.out, l->u_down);
}

static void backward(struct layer *l, bool is_first)
{
    linear_back(l->down, 1, l->bent, run.d_residual, l->u_down, run.d_bent);
    act(l, true);
    linear_back(l->gate_up, 2, l->normed2, run.d_wide, l->u_wide, run.dn);
    norm_back(l->residual2, l->stat2, run.dn, true);
    linear_back(l->out, 1, l->o, run.d_residual, l->u_out, run.d_o);
    attn(l, true);
    rope(run.d_joined, true);
    linear_back(l->qkv, 3, l->normed, run.d_joined, l->u_qkv, is_first ? (struct mat){0} : run.dn);
    if (!is_first)
        norm_back(l->residual, l->stat, run.dn, true);
}

static void step(void)
{
    memset(run.seconds, 0, sizeof run.seconds);
    memset(run.flops, 0, sizeof run.flops);
    for (size_t i = 0; i < L; i++)
        forward(&run.layer[i], i > 0 ? run.layer[i - 1].residual2 : run.start,
                i > 0 ? run.out : run.start);
    norm(run.layer[L - 1].residual2, run.out, run.last, run.h, run.stat);
    struct xent_args x = {.h = run.h,
                          .head.weight = run.embedding,
                          .logit_scale = 1,
                          .target = run.target,
                          .n_targets = R,
                          .loss = run.loss,
                          .coef = run.coef,
                          .dh = {run.dh, false}};
    TIMED(XENT, 4.0 * R * C * V, run.b.ops->xent(&run.b, &x));
    norm_back(run.last, run.stat, run.dh, false);
    for (size_t i = L; i > 0; i--)
        backward(&run.layer[i - 1], i == 1);
}

/* ------------------------------------------------------------------------------------ measuring */

static double yardstick(void)
{
#ifdef PACE_ONEDNN
    static float *a, *b, *c;
    if (!a) {
        a = new_floats((size_t)LARGE * LARGE, 1);
        b = new_floats((size_t)LARGE * LARGE, 1);
        c = new_floats((size_t)LARGE * LARGE, 0);
    }
    omp_set_num_threads((int)run.n_threads);
    double best = 0;
    for (int i = 0; i < 5; i++) {
        double start = now();
        dnnl_sgemm('N', 'T', LARGE, LARGE, LARGE, 1, a, LARGE, b, LARGE, 0, c, LARGE);
        double rate = 2.0 * LARGE * LARGE * LARGE / (now() - start) / 1e9;
        best = rate > best ? rate : best;
    }
    return best;
#else
    return 0;
#endif
}

static void report(double seconds, double large)
{
    double flops = 0;
    for (int i = 0; i < KINDS; i++)
        flops += run.flops[i];
    printf("step %.3f s, %.0f tokens/s, %.1f useful GFLOP/s", seconds, R / seconds,
           flops / seconds / 1e9);
    if (large > 0)
        printf(", %.1f %% of oneDNN's %.1f", 100 * flops / seconds / 1e9 / large, large);
    printf("\n");
}

static void report_kinds(void)
{
    for (int i = 0; i < KINDS; i++)
        printf("  %-12s %7.3f s %7.1f GFLOP/s\n", kind_names[i], run.seconds[i],
               run.flops[i] / run.seconds[i] / 1e9);
}

static bool read_options(int argc, char **argv, int64_t *n_steps)
{
    *n_steps = 3;
    run.n_threads = 2;
    run.dtype = DTYPE_F32;
    run.by_processor = argc > 4 && strcmp(argv[4], "processor") == 0;
    return (argc <= 1 || num_parse_i64(span_of(argv[1]), &run.n_threads)) &&
           (argc <= 2 || num_parse_i64(span_of(argv[2]), n_steps)) &&
           (argc <= 3 || dtype_from_name(span_of(argv[3]), &run.dtype));
}

int main(int argc, char **argv)
{
    struct err err = {0};
    struct thread_pool *threads;
    int64_t n_steps;
    struct backend_sizes sizes = {.rows = R,
                                  .targets = R,
                                  .linear_in = F,
                                  .linear_out = 2 * F,
                                  .linear_weights = 2 * F * C,
                                  .linear_rank = 3 * RANK,
                                  .width = C,
                                  .vocabulary = V,
                                  .vocabulary_width = C,
                                  .heads = H,
                                  .kv_heads = K,
                                  .head = D,
                                  .keys = T,
                                  .trains = true};
    if (!read_options(argc, argv, &n_steps)) {
        fprintf(stderr, "usage: bench_step [THREADS [STEPS [DTYPE [wall|processor [bf16]]]]]\n");
        return 2;
    }
    if (!thread_pool_open(&threads, (size_t)run.n_threads, &err))
        goto fail;
    backend_init(&run.b, &backend_cpu, threads);
    run.b.products = argc > 5 && strcmp(argv[5], "bf16") == 0 ? PRODUCTS_BF16 : PRODUCTS_F32;
    if (!backend_reserve(&run.b, &sizes, &err))
        goto fail;
    make_model();
    make_batch();
    for (int64_t i = 0; i < n_steps; i++) {
        double large = yardstick();
        double start = now();
        step();
        report(now() - start, large);
    }
    report_kinds();
    backend_release(&run.b);
    thread_pool_close(threads);
    return 0;

fail:
    fprintf(stderr, "%s\n", err.what);
    return 3;
}
