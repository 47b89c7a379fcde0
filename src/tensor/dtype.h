/*
 * dtype.h - the types of numbers that tensors are stored in, as safetensors and GGUF name them.
 *
 * A type is a row of one table. Elements come in blocks: of one element for plain numbers, of 32 or
 * 256 for GGUF's quantised types, whose blocks share a scale.
 */
#ifndef PACE_TENSOR_DTYPE_H
#define PACE_TENSOR_DTYPE_H

#include "base/span.h"

/* Those of safetensors come first, in the order in which its library writes a file's tensors. */
enum dtype {
    DTYPE_U64,
    DTYPE_I64,
    DTYPE_F64,
    DTYPE_C64,
    DTYPE_F32,
    DTYPE_U32,
    DTYPE_I32,
    DTYPE_BF16,
    DTYPE_F16,
    DTYPE_U16,
    DTYPE_I16,
    DTYPE_F8_E5M2FNUZ,
    DTYPE_F8_E4M3FNUZ,
    DTYPE_F8_E8M0,
    DTYPE_F8_E4M3,
    DTYPE_F8_E5M2,
    DTYPE_I8,
    DTYPE_U8,
    DTYPE_F6_E3M2,
    DTYPE_F6_E2M3,
    DTYPE_F4,
    DTYPE_BOOL,
    DTYPE_Q4_0,
    DTYPE_Q4_1,
    DTYPE_Q5_0,
    DTYPE_Q5_1,
    DTYPE_Q8_0,
    DTYPE_Q8_1,
    DTYPE_Q2_K,
    DTYPE_Q3_K,
    DTYPE_Q4_K,
    DTYPE_Q5_K,
    DTYPE_Q6_K,
    DTYPE_Q8_K,
    DTYPE_IQ2_XXS,
    DTYPE_IQ2_XS,
    DTYPE_IQ3_XXS,
    DTYPE_IQ1_S,
    DTYPE_IQ4_NL,
    DTYPE_IQ3_S,
    DTYPE_IQ2_S,
    DTYPE_IQ4_XS,
    DTYPE_IQ1_M,
    DTYPE_TQ1_0,
    DTYPE_TQ2_0,
    DTYPE_MXFP4,
    DTYPE_NVFP4,
    DTYPE_Q1_0,
    DTYPE_COUNT,
};

enum { GGML_ID_NONE = -1 };

struct dtype_info {
    const char *name; /* "BF16", "Q4_K": the same word in safetensors, GGUF and our output */
    int ggml_id;      /* number of the type in GGUF, or GGML_ID_NONE */
    bool in_safetensors;
    bool is_float;           /* weights: real numbers, quantised ones included */
    uint32_t block_elements; /* elements that are stored together */
    uint32_t block_bytes;
};

/* The table's row; CHECKs that the type is one. */
const struct dtype_info *dtype_info(enum dtype dtype);

/* False where no type has that name. */
bool dtype_from_name(struct span name, enum dtype *out);

/* The type that safetensors calls so; false where it knows none. */
bool dtype_from_safetensors(struct span name, enum dtype *out);

/* The type of a number in GGUF; false for numbers unknown or withdrawn. */
bool dtype_from_ggml(uint32_t id, enum dtype *out);

/* Bytes that `count` elements take; false where they do not fill whole blocks, or overflow. */
bool dtype_bytes(enum dtype dtype, uint64_t count, uint64_t *out);

#endif
