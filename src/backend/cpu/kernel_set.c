/*
 * kernel_set.c - the table of one set's functions. See kernel.h.
 */
#include "backend/cpu/kernel.h"
#include "backend/cpu/simd.h"

#define KERNEL_STRING(name) #name
#define KERNEL_NAME(name) KERNEL_STRING(name)

extern const struct kernels KERNEL(kernels);

const struct kernels KERNEL(kernels) = {
    .name = KERNEL_NAME(KERNEL_SET),
    .tile_rows = TILE_ROWS,
    .panel = PANEL,
    .f32 = {1, true, KERNEL(kernel_tile), KERNEL(kernel_pack), KERNEL(kernel_copy)},
    .bf16 = {2, SIMD_HAS_BF16, KERNEL(kernel_tile_bf16), KERNEL(kernel_pack_bf16),
             KERNEL(kernel_copy_bf16)},
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
