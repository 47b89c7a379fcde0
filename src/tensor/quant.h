/*
 * quant.h - weights in any supported storage, to and from float32.
 */
#ifndef PACE_TENSOR_QUANT_H
#define PACE_TENSOR_QUANT_H

#include "tensor/dtype.h"

/* True where quant_decode, or quant_encode, knows the type. */
bool quant_can_decode(enum dtype dtype);
bool quant_can_encode(enum dtype dtype);

/*
 * Turns `n` stored elements into float32. `n` is a multiple of the type's block (CHECKed), `bytes`
 * lie at any address. The values are those of ggml and the `gguf` package, bit for bit.
 */
void quant_decode(enum dtype dtype, const uint8_t *bytes, float *out, size_t n);

/*
 * Turns `n` float32 numbers into storage; `n` is a multiple of the type's block (CHECKed), which is
 * a part of one row. Q8_0 and Q4_0 are the bytes of the `gguf` package; Q4_K and Q6_K follow ggml's
 * search for the scales with the least weighted square error. The numbers should be finite: what is
 * not gives some block, without harm.
 */
void quant_encode(enum dtype dtype, const float *values, uint8_t *bytes, size_t n);

#endif
