/*
 * kernel_set.c - the table of one set's functions. See kernel.h. Compiled once more with KERNEL_AMX
 * it is the same set with the processor's own tiles for products in bfloat16 (kernel_amx.h).
 */
#include "backend/cpu/kernel_amx.h"
#include "backend/cpu/simd.h"

#define KERNEL_STRING(name) #name
#define KERNEL_NAME(name) KERNEL_STRING(name)

#ifdef KERNEL_AMX
#define TABLE kernels_amx
static const char name[] = "amx";
enum { ROWS = AMX_TILE_ROWS };
#else
#define TABLE KERNEL(kernels)
static const char name[] = KERNEL_NAME(KERNEL_SET);
enum { ROWS = TILE_ROWS };
#endif

extern const struct kernels TABLE;

const struct kernels TABLE = {
    .name = name,
    .tile_rows = ROWS,
    .panel = PANEL,
#ifdef KERNEL_AMX
    .f32 = AMX_PRODUCT_F32,
    .bf16 = AMX_PRODUCT_BF16,
#else
    .f32 = {.terms = 1,
            .is_native = true,
            .tile = KERNEL(kernel_tile),
            .pack = KERNEL(kernel_pack),
            .copy = KERNEL(kernel_copy),
            .piece = 1,
            .pack_left = KERNEL(kernel_pack),
            .copy_left = KERNEL(kernel_copy)},
    .bf16 = {.terms = 2,
             .is_native = SIMD_HAS_BF16,
             .tile = KERNEL(kernel_tile_bf16),
             .pack = KERNEL(kernel_pack_bf16),
             .copy = KERNEL(kernel_copy_bf16),
             .piece = 2,
             .pack_left = KERNEL(kernel_pack_bf16),
             .copy_left = KERNEL(kernel_copy_bf16)},
#endif
    .soft_columns = KERNEL(kernel_soft_columns),
    .soft_back = KERNEL(kernel_soft_back),
    .logit_row = KERNEL(kernel_logit_row),
    .exp_row = KERNEL(kernel_exp_row),
    .norm = KERNEL(kernel_norm),
    .norm_back = KERNEL(kernel_norm_back),
    .act = KERNEL(kernel_act),
    .act_back = KERNEL(kernel_act_back),
    .turn = KERNEL(kernel_turn),
    .dot = KERNEL(kernel_dot),
    .add = KERNEL(kernel_add),
    .scale = KERNEL(kernel_scale),
    .axpby = KERNEL(kernel_axpby),
    .decode = KERNEL(kernel_decode),
    .to_bf16 = KERNEL(kernel_to_bf16),
    .update = KERNEL(kernel_update),
    .reduce = KERNEL(kernel_reduce),
};
