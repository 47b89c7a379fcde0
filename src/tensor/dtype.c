/*
 * dtype.c - the table of number types.
 *
 * Block sizes are those of ggml's structs: a half-precision scale (2 bytes), and per block of 32
 * (or 256 for the K types) the packed values; the K types add scales of sub-blocks. GGUF's numbers
 * 4, 5, 31 to 33 and 36 to 38 belonged to layouts that were withdrawn; files with them must be made
 * anew, so they are not in the table.
 *
 * Sources: the safetensors format description and library (0.8); ggml's ggml.h and ggml-common.h.
 * To add a type: an enum value, its row; and, to compute with it, its codec in quant.c.
 */
#include "tensor/dtype.h"

/* One element a block; sizes in bytes. */
#define PLAIN(name, id, is_float, bytes)                                                           \
    {                                                                                              \
        name, id, true, is_float, 1, bytes                                                         \
    }

/* Types that GGUF alone has. */
#define GGUF_ONLY(name, id, elements, bytes)                                                       \
    {                                                                                              \
        name, id, false, true, elements, bytes                                                     \
    }

static const struct dtype_info table[DTYPE_COUNT] = {
    [DTYPE_U64] = PLAIN("U64", GGML_ID_NONE, false, 8),
    [DTYPE_I64] = PLAIN("I64", 27, false, 8),
    [DTYPE_F64] = PLAIN("F64", 28, true, 8),
    [DTYPE_C64] = PLAIN("C64", GGML_ID_NONE, false, 8),
    [DTYPE_F32] = PLAIN("F32", 0, true, 4),
    [DTYPE_U32] = PLAIN("U32", GGML_ID_NONE, false, 4),
    [DTYPE_I32] = PLAIN("I32", 26, false, 4),
    [DTYPE_BF16] = PLAIN("BF16", 30, true, 2),
    [DTYPE_F16] = PLAIN("F16", 1, true, 2),
    [DTYPE_U16] = PLAIN("U16", GGML_ID_NONE, false, 2),
    [DTYPE_I16] = PLAIN("I16", 25, false, 2),
    [DTYPE_F8_E5M2FNUZ] = PLAIN("F8_E5M2FNUZ", GGML_ID_NONE, true, 1),
    [DTYPE_F8_E4M3FNUZ] = PLAIN("F8_E4M3FNUZ", GGML_ID_NONE, true, 1),
    [DTYPE_F8_E8M0] = PLAIN("F8_E8M0", GGML_ID_NONE, true, 1),
    [DTYPE_F8_E4M3] = PLAIN("F8_E4M3", GGML_ID_NONE, true, 1),
    [DTYPE_F8_E5M2] = PLAIN("F8_E5M2", GGML_ID_NONE, true, 1),
    [DTYPE_I8] = PLAIN("I8", 24, false, 1),
    [DTYPE_U8] = PLAIN("U8", GGML_ID_NONE, false, 1),
    [DTYPE_F6_E3M2] = {"F6_E3M2", GGML_ID_NONE, true, true, 4, 3},
    [DTYPE_F6_E2M3] = {"F6_E2M3", GGML_ID_NONE, true, true, 4, 3},
    [DTYPE_F4] = {"F4", GGML_ID_NONE, true, true, 2, 1},
    [DTYPE_BOOL] = PLAIN("BOOL", GGML_ID_NONE, false, 1),
    [DTYPE_Q4_0] = GGUF_ONLY("Q4_0", 2, 32, 18),
    [DTYPE_Q4_1] = GGUF_ONLY("Q4_1", 3, 32, 20),
    [DTYPE_Q5_0] = GGUF_ONLY("Q5_0", 6, 32, 22),
    [DTYPE_Q5_1] = GGUF_ONLY("Q5_1", 7, 32, 24),
    [DTYPE_Q8_0] = GGUF_ONLY("Q8_0", 8, 32, 34),
    [DTYPE_Q8_1] = GGUF_ONLY("Q8_1", 9, 32, 40),
    [DTYPE_Q2_K] = GGUF_ONLY("Q2_K", 10, 256, 84),
    [DTYPE_Q3_K] = GGUF_ONLY("Q3_K", 11, 256, 110),
    [DTYPE_Q4_K] = GGUF_ONLY("Q4_K", 12, 256, 144),
    [DTYPE_Q5_K] = GGUF_ONLY("Q5_K", 13, 256, 176),
    [DTYPE_Q6_K] = GGUF_ONLY("Q6_K", 14, 256, 210),
    [DTYPE_Q8_K] = GGUF_ONLY("Q8_K", 15, 256, 292),
    [DTYPE_IQ2_XXS] = GGUF_ONLY("IQ2_XXS", 16, 256, 66),
    [DTYPE_IQ2_XS] = GGUF_ONLY("IQ2_XS", 17, 256, 74),
    [DTYPE_IQ3_XXS] = GGUF_ONLY("IQ3_XXS", 18, 256, 98),
    [DTYPE_IQ1_S] = GGUF_ONLY("IQ1_S", 19, 256, 50),
    [DTYPE_IQ4_NL] = GGUF_ONLY("IQ4_NL", 20, 32, 18),
    [DTYPE_IQ3_S] = GGUF_ONLY("IQ3_S", 21, 256, 110),
    [DTYPE_IQ2_S] = GGUF_ONLY("IQ2_S", 22, 256, 82),
    [DTYPE_IQ4_XS] = GGUF_ONLY("IQ4_XS", 23, 256, 136),
    [DTYPE_IQ1_M] = GGUF_ONLY("IQ1_M", 29, 256, 56),
    [DTYPE_TQ1_0] = GGUF_ONLY("TQ1_0", 34, 256, 54),
    [DTYPE_TQ2_0] = GGUF_ONLY("TQ2_0", 35, 256, 66),
    [DTYPE_MXFP4] = GGUF_ONLY("MXFP4", 39, 32, 17),
    [DTYPE_NVFP4] = GGUF_ONLY("NVFP4", 40, 64, 36),
    [DTYPE_Q1_0] = GGUF_ONLY("Q1_0", 41, 128, 18),
};

const struct dtype_info *dtype_info(enum dtype dtype)
{
    CHECK((unsigned)dtype < DTYPE_COUNT);
    return &table[dtype];
}

bool dtype_from_name(struct span name, enum dtype *out)
{
    for (enum dtype i = 0; i < DTYPE_COUNT; i++) {
        if (span_is(name, table[i].name)) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool dtype_from_safetensors(struct span name, enum dtype *out)
{
    enum dtype found;
    if (!dtype_from_name(name, &found) || !table[found].in_safetensors)
        return false;
    *out = found;
    return true;
}

bool dtype_from_ggml(uint32_t id, enum dtype *out)
{
    for (enum dtype i = 0; i < DTYPE_COUNT; i++) {
        if (table[i].ggml_id >= 0 && (uint32_t)table[i].ggml_id == id) {
            *out = i;
            return true;
        }
    }
    return false;
}

bool dtype_bytes(enum dtype dtype, uint64_t count, uint64_t *out)
{
    const struct dtype_info *info = dtype_info(dtype);
    if (count % info->block_elements != 0)
        return false;
    return !__builtin_mul_overflow(count / info->block_elements, info->block_bytes, out);
}
