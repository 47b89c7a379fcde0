/*
 * cases.c - the table of cases.
 *
 * Each operation has a plain case, one for each of its options, and ones that meet the edges: a
 * single row, widths that fill no block of eight or sixteen, matrices with gaps. Those marked large
 * are for fast backends: sizes at which they cut their work into several blocks.
 *
 * To add one: a row. Where an operation has a new option: a flag, and the line of cases_trial.c
 * that makes it an argument, and of cases_exact.c that says what it means.
 */
#include "backend/cases.h"

#define NO_PARENT SEGMENT_NO_PARENT
#define CACHED SEGMENT_NO_QUERIES

/* query, key, n, position, parent */
static const struct segment one[] = {{0, 0, 1, 0, NO_PARENT}};
static const struct segment plain[] = {{0, 0, 9, 0, NO_PARENT}};
static const struct segment packed[] = {
    {0, 0, 5, 0, NO_PARENT}, {5, 5, 1, 0, NO_PARENT}, {6, 6, 7, 0, NO_PARENT}};
/* A beginning that three texts share, and a text of its own. */
static const struct segment shared[] = {{0, 0, 4, 0, NO_PARENT},
                                        {4, 4, 3, 4, 0},
                                        {7, 7, 1, 4, 0},
                                        {8, 8, 5, 4, 0},
                                        {13, 13, 3, 0, NO_PARENT}};
/* A tree of three generations; a second one lies between its rows. */
static const struct segment nested[] = {
    {0, 0, 3, 0, NO_PARENT}, {3, 3, 2, 0, NO_PARENT}, {5, 5, 2, 3, 0},  {7, 7, 3, 5, 2},
    {10, 10, 2, 5, 2},       {12, 12, 1, 2, 1},       {13, 13, 1, 3, 0}};
/* Generation: one new token behind 20 in the cache; the same for three texts of different lengths,
 * whose new keys lie right behind their old ones; a prompt of several tokens behind a cache. */
static const struct segment next[] = {{CACHED, 2, 20, 0, NO_PARENT}, {0, 22, 1, 20, 0}};
static const struct segment batch_next[] = {{CACHED, 0, 7, 0, NO_PARENT},   {0, 7, 1, 7, 0},
                                            {CACHED, 10, 1, 0, NO_PARENT},  {1, 11, 1, 1, 2},
                                            {CACHED, 20, 33, 0, NO_PARENT}, {2, 53, 1, 33, 4}};
static const struct segment prompt[] = {
    {CACHED, 5, 6, 0, NO_PARENT}, {CACHED, 0, 3, 6, 0}, {0, 11, 8, 9, 1}};
/* Long enough for several blocks of queries and keys. */
static const struct segment long_plain[] = {{0, 0, 200, 0, NO_PARENT}};
static const struct segment long_packed[] = {{0, 0, 67, 0, NO_PARENT},
                                             {67, 67, 130, 0, NO_PARENT},
                                             {197, 197, 1, 0, NO_PARENT},
                                             {198, 198, 33, 0, NO_PARENT}};
static const struct segment long_shared[] = {
    {0, 0, 150, 0, NO_PARENT}, {150, 150, 40, 150, 0}, {190, 190, 3, 150, 0},
    {193, 193, 70, 150, 0},    {263, 263, 20, 220, 3}, {283, 283, 5, 0, NO_PARENT}};

#define SEGMENTS(layout) .segments = (layout), .n_segments = COUNT_OF(layout)

const struct case_row cases_table[] = {
    {CASE_EMBED, "plain", .R = 7, .C = 10, .V = 13, .scale = 1},
    {CASE_EMBED, "scaled, with positions", .R = 7, .C = 10, .V = 13, .scale = 3.5f,
     .flags = CASE_POSITIONS | CASE_STRIDED},
    {CASE_EMBED, "one token", .R = 1, .C = 1, .V = 1, .scale = 1},
    {CASE_EMBED, "frozen F16", .R = 7, .C = 10, .V = 13, .scale = 1, .dtype = DTYPE_F16,
     .flags = CASE_POSITIONS},
    {CASE_EMBED, "Q8_0", .R = 7, .C = 64, .V = 13, .scale = 2, .dtype = DTYPE_Q8_0},
    {CASE_EMBED, "Q6_K", .R = 5, .C = 256, .V = 13, .scale = 1, .dtype = DTYPE_Q6_K},
    {CASE_EMBED, "many tokens", .R = 300, .C = 96, .V = 50, .scale = 1, .flags = CASE_LARGE},

    {CASE_LINEAR, "plain", .R = 7, .C = 20, .out = {11}},
    {CASE_LINEAR, "one number", .R = 1, .C = 1, .out = {1}, .flags = CASE_BIAS},
    {CASE_LINEAR, "bias, strided", .R = 7, .C = 20, .out = {11}, .flags = CASE_BIAS | CASE_STRIDED},
    {CASE_LINEAR, "adds", .R = 5, .C = 19, .out = {17}, .flags = CASE_ADDS},
    {CASE_LINEAR, "transposed", .R = 6, .C = 18, .out = {13}, .flags = CASE_BIAS | CASE_TRANSPOSED},
    {CASE_LINEAR, "two parts", .R = 6, .C = 18, .out = {16, 24}},
    {CASE_LINEAR, "three parts, bias, adds, strided", .R = 6, .C = 16, .out = {16, 8, 8},
     .flags = CASE_BIAS | CASE_ADDS | CASE_STRIDED},
    {CASE_LINEAR, "transposed, three parts", .R = 4, .C = 12, .out = {12, 12, 12},
     .flags = CASE_BIAS | CASE_TRANSPOSED},
    {CASE_LINEAR, "adapter", .R = 7, .C = 20, .out = {11}, .rank = {8}, .flags = CASE_FROZEN},
    {CASE_LINEAR, "adapter of rank 1", .R = 7, .C = 20, .out = {11}, .rank = {1},
     .flags = CASE_FROZEN},
    {CASE_LINEAR, "adapter and weights trained", .R = 7, .C = 20, .out = {11}, .rank = {4},
     .flags = CASE_BIAS},
    {CASE_LINEAR, "adapters on some parts", .R = 5, .C = 24, .out = {24, 8, 8}, .rank = {8, 0, 16},
     .flags = CASE_FROZEN | CASE_BIAS | CASE_ADDS | CASE_STRIDED},
    {CASE_LINEAR, "dropout", .R = 9, .C = 21, .out = {11}, .rank = {8}, .dropout = 0.3f,
     .flags = CASE_FROZEN},
    {CASE_LINEAR, "dropout, two parts, strided", .R = 9, .C = 22, .out = {11, 6}, .rank = {8, 4},
     .dropout = 0.5f, .flags = CASE_FROZEN | CASE_STRIDED | CASE_ADDS},
    {CASE_LINEAR, "dropout, weights trained", .R = 5, .C = 22, .out = {11}, .rank = {3},
     .dropout = 0.1f, .flags = CASE_BIAS},
    {CASE_LINEAR, "transposed, adapter, dropout", .R = 5, .C = 12, .out = {36}, .rank = {4},
     .dropout = 0.2f, .flags = CASE_FROZEN | CASE_BIAS | CASE_TRANSPOSED},
    {CASE_LINEAR, "frozen, no adapter", .R = 7, .C = 20, .out = {11, 5}, .flags = CASE_FROZEN},
    {CASE_LINEAR, "input's adjoint not wanted", .R = 7, .C = 20, .out = {11}, .rank = {4},
     .flags = CASE_NO_DX},
    {CASE_LINEAR, "forward alone", .R = 3, .C = 20, .out = {11, 3}, .rank = {0, 2},
     .flags = CASE_FORWARD},
    {CASE_LINEAR, "one row", .R = 1, .C = 64, .out = {70}, .rank = {8},
     .flags = CASE_FROZEN | CASE_BIAS},
    {CASE_LINEAR, "F16", .R = 5, .C = 20, .out = {11}, .dtype = DTYPE_F16},
    {CASE_LINEAR, "BF16, adapter", .R = 5, .C = 20, .out = {11, 6}, .rank = {4, 4},
     .dtype = DTYPE_BF16},
    {CASE_LINEAR, "BF16, transposed", .R = 5, .C = 20, .out = {11}, .rank = {4},
     .dtype = DTYPE_BF16, .flags = CASE_TRANSPOSED},
    {CASE_LINEAR, "Q8_0", .R = 5, .C = 64, .out = {11}, .rank = {4}, .dtype = DTYPE_Q8_0},
    {CASE_LINEAR, "Q4_0", .R = 5, .C = 96, .out = {7}, .rank = {4}, .dtype = DTYPE_Q4_0},
    {CASE_LINEAR, "Q4_K", .R = 3, .C = 256, .out = {6}, .rank = {4}, .dtype = DTYPE_Q4_K},
    {CASE_LINEAR, "Q6_K, two parts", .R = 3, .C = 256, .out = {6, 4}, .rank = {4, 0},
     .dtype = DTYPE_Q6_K},
    {CASE_LINEAR, "large", .R = 131, .C = 200, .out = {136, 72, 72}, .rank = {16, 16, 16},
     .flags = CASE_FROZEN | CASE_LARGE},
    {CASE_LINEAR, "large, trained", .R = 131, .C = 200, .out = {136, 72},
     .flags = CASE_BIAS | CASE_LARGE},
    {CASE_LINEAR, "large, trained, transposed", .R = 131, .C = 136, .out = {200},
     .flags = CASE_BIAS | CASE_LARGE | CASE_TRANSPOSED},
    {CASE_LINEAR, "large, dropout, strided", .R = 131, .C = 200, .out = {136}, .rank = {16},
     .dropout = 0.1f, .flags = CASE_FROZEN | CASE_LARGE | CASE_STRIDED | CASE_ADDS},
    {CASE_LINEAR, "large, BF16", .R = 70, .C = 300, .out = {530}, .rank = {8}, .dtype = DTYPE_BF16,
     .flags = CASE_LARGE},
    {CASE_LINEAR, "large, Q8_0", .R = 70, .C = 320, .out = {530}, .rank = {8}, .dtype = DTYPE_Q8_0,
     .flags = CASE_LARGE},
    {CASE_LINEAR, "large, Q4_K", .R = 70, .C = 512, .out = {330}, .rank = {8}, .dtype = DTYPE_Q4_K,
     .flags = CASE_LARGE},
    {CASE_LINEAR, "large, one row", .R = 1, .C = 600, .out = {700, 300}, .rank = {16, 0},
     .flags = CASE_LARGE | CASE_FORWARD},
    {CASE_LINEAR, "many rows", .R = 1100, .C = 40, .out = {24}, .rank = {4}, .flags = CASE_LARGE},

    {CASE_NORM, "rms", .R = 5, .C = 20, .H = 1},
    {CASE_NORM, "rms, shift 1, adds, strided", .R = 5, .C = 20, .H = 1, .shift = 1,
     .flags = CASE_ADDS | CASE_STRIDED},
    {CASE_NORM, "rms of a sum", .R = 5, .C = 20, .H = 1, .flags = CASE_ADDED | CASE_STRIDED},
    {CASE_NORM, "rms of each head", .R = 5, .C = 8, .H = 3, .flags = CASE_STRIDED},
    {CASE_NORM, "rms, frozen", .R = 5, .C = 20, .H = 1, .flags = CASE_FROZEN},
    {CASE_NORM, "rms, weight alone", .R = 5, .C = 20, .H = 1, .flags = CASE_NO_DX},
    {CASE_NORM, "layer", .R = 5, .C = 21, .H = 1, .flags = CASE_LAYER | CASE_BIAS},
    {CASE_NORM, "layer, no bias", .R = 5, .C = 21, .H = 1, .flags = CASE_LAYER},
    {CASE_NORM, "layer of a sum, adds", .R = 5, .C = 21, .H = 1,
     .flags = CASE_LAYER | CASE_BIAS | CASE_ADDED | CASE_ADDS},
    {CASE_NORM, "layer of each head, frozen", .R = 4, .C = 7, .H = 3,
     .flags = CASE_LAYER | CASE_BIAS | CASE_FROZEN | CASE_STRIDED},
    {CASE_NORM, "rms, large", .R = 300, .C = 576, .H = 1, .flags = CASE_LARGE | CASE_ADDED},
    {CASE_NORM, "rms of each head, large", .R = 200, .C = 64, .H = 9, .flags = CASE_LARGE},
    {CASE_NORM, "layer, large", .R = 300, .C = 203, .H = 1,
     .flags = CASE_LARGE | CASE_LAYER | CASE_BIAS},

    {CASE_ROPE, "halves", .R = 6, .C = 8, .H = 3, .rotary = 8},
    {CASE_ROPE, "neighbours", .R = 6, .C = 8, .H = 3, .rotary = 8, .flags = CASE_INTERLEAVED},
    {CASE_ROPE, "part of a head, strided", .R = 6, .C = 10, .H = 2, .rotary = 4,
     .flags = CASE_STRIDED},
    {CASE_ROPE, "neighbours, part of a head", .R = 6, .C = 10, .H = 2, .rotary = 6,
     .flags = CASE_INTERLEAVED | CASE_STRIDED},
    {CASE_ROPE, "large", .R = 300, .C = 64, .H = 9, .rotary = 64, .flags = CASE_LARGE},

    {CASE_ATTN, "one token", .C = 4, .H = 1, .K = 1, SEGMENTS(one)},
    {CASE_ATTN, "plain", .C = 6, .H = 2, .K = 2, SEGMENTS(plain)},
    {CASE_ATTN, "grouped heads, strided", .C = 6, .H = 6, .K = 2, .flags = CASE_STRIDED,
     SEGMENTS(plain)},
    {CASE_ATTN, "packed", .C = 5, .H = 2, .K = 1, SEGMENTS(packed)},
    {CASE_ATTN, "packed, window", .C = 5, .H = 2, .K = 1, .window = 3, SEGMENTS(packed)},
    {CASE_ATTN, "window of one", .C = 5, .H = 2, .K = 1, .window = 1, SEGMENTS(plain)},
    {CASE_ATTN, "softcap", .C = 6, .H = 2, .K = 1, .softcap = 1.5f, SEGMENTS(plain)},
    {CASE_ATTN, "shared beginning", .C = 6, .H = 4, .K = 2, SEGMENTS(shared)},
    {CASE_ATTN, "shared beginning, window, softcap", .C = 6, .H = 4, .K = 2, .window = 4,
     .softcap = 2, .flags = CASE_STRIDED, SEGMENTS(shared)},
    {CASE_ATTN, "tree", .C = 4, .H = 3, .K = 1, SEGMENTS(nested)},
    {CASE_ATTN, "tree, window", .C = 4, .H = 2, .K = 2, .window = 5, SEGMENTS(nested)},
    {CASE_ATTN, "tree, window, softcap, strided", .C = 4, .H = 2, .K = 2, .window = 2, .softcap = 1,
     .flags = CASE_STRIDED, SEGMENTS(nested)},
    {CASE_ATTN, "next token", .C = 8, .H = 4, .K = 2, .flags = CASE_FORWARD, SEGMENTS(next)},
    {CASE_ATTN, "next token, window, softcap", .C = 8, .H = 4, .K = 2, .window = 6, .softcap = 3,
     .flags = CASE_FORWARD | CASE_STRIDED, SEGMENTS(next)},
    {CASE_ATTN, "next tokens of three texts", .C = 8, .H = 4, .K = 1, .flags = CASE_FORWARD,
     SEGMENTS(batch_next)},
    {CASE_ATTN, "prompt behind a cache", .C = 8, .H = 4, .K = 2, .flags = CASE_FORWARD,
     SEGMENTS(prompt)},
    {CASE_ATTN, "prompt behind a cache, window", .C = 8, .H = 4, .K = 2, .window = 7,
     .flags = CASE_FORWARD, SEGMENTS(prompt)},
    {CASE_ATTN, "large", .C = 64, .H = 6, .K = 2, .flags = CASE_LARGE, SEGMENTS(long_plain)},
    {CASE_ATTN, "large, odd head", .C = 20, .H = 2, .K = 2, .flags = CASE_LARGE | CASE_STRIDED,
     SEGMENTS(long_plain)},
    {CASE_ATTN, "large, window", .C = 32, .H = 2, .K = 1, .window = 50, .flags = CASE_LARGE,
     SEGMENTS(long_plain)},
    {CASE_ATTN, "large, packed", .C = 32, .H = 3, .K = 3, .flags = CASE_LARGE,
     SEGMENTS(long_packed)},
    {CASE_ATTN, "large, packed, window, softcap", .C = 32, .H = 3, .K = 1, .window = 65,
     .softcap = 2, .flags = CASE_LARGE, SEGMENTS(long_packed)},
    {CASE_ATTN, "large, shared beginning", .C = 32, .H = 4, .K = 2, .flags = CASE_LARGE,
     SEGMENTS(long_shared)},
    {CASE_ATTN, "large, shared beginning, window", .C = 32, .H = 2, .K = 2, .window = 100,
     .flags = CASE_LARGE | CASE_STRIDED, SEGMENTS(long_shared)},

    {CASE_ACT, "silu", .R = 5, .C = 19, .act = ACT_SILU},
    {CASE_ACT, "gelu", .R = 5, .C = 19, .act = ACT_GELU},
    {CASE_ACT, "gelu, tanh", .R = 5, .C = 19, .act = ACT_GELU_TANH, .flags = CASE_STRIDED},
    {CASE_ACT, "relu", .R = 5, .C = 19, .act = ACT_RELU},
    {CASE_ACT, "relu squared", .R = 5, .C = 19, .act = ACT_RELU_SQUARED, .flags = CASE_ADDS},
    {CASE_ACT, "gated silu", .R = 5, .C = 19, .act = ACT_SILU, .flags = CASE_GLU},
    {CASE_ACT, "gated gelu, adds, strided", .R = 5, .C = 19, .act = ACT_GELU,
     .flags = CASE_GLU | CASE_ADDS | CASE_STRIDED},
    {CASE_ACT, "gated gelu, tanh", .R = 5, .C = 19, .act = ACT_GELU_TANH, .flags = CASE_GLU},
    {CASE_ACT, "gated relu", .R = 5, .C = 19, .act = ACT_RELU, .flags = CASE_GLU},
    {CASE_ACT, "gated relu squared", .R = 5, .C = 19, .act = ACT_RELU_SQUARED, .flags = CASE_GLU},
    {CASE_ACT, "gated silu, large", .R = 200, .C = 300, .act = ACT_SILU,
     .flags = CASE_GLU | CASE_LARGE},
    {CASE_ACT, "gelu, tanh, large", .R = 200, .C = 300, .act = ACT_GELU_TANH, .flags = CASE_LARGE},
    {CASE_ACT, "gelu, large", .R = 200, .C = 301, .act = ACT_GELU,
     .flags = CASE_LARGE | CASE_STRIDED},

    {CASE_SUM, "plain", .R = 5, .C = 19},
    {CASE_SUM, "strided", .R = 5, .C = 19, .flags = CASE_STRIDED},
    {CASE_SUM, "large", .R = 300, .C = 301, .flags = CASE_LARGE},

    {CASE_XENT, "plain", .R = 6, .C = 10, .V = 23, .n_targets = 6, .scale = 1},
    {CASE_XENT, "bias, scale, strided", .R = 6, .C = 10, .V = 23, .n_targets = 5, .scale = 0.5f,
     .flags = CASE_BIAS | CASE_STRIDED},
    {CASE_XENT, "softcap", .R = 6, .C = 10, .V = 23, .n_targets = 6, .scale = 1, .softcap = 2},
    {CASE_XENT, "softcap, bias, scale, adds", .R = 6, .C = 10, .V = 23, .n_targets = 6, .scale = 2,
     .softcap = 1.5f, .flags = CASE_BIAS | CASE_ADDS | CASE_STRIDED},
    {CASE_XENT, "rows with many targets", .R = 3, .C = 10, .V = 23, .n_targets = 14, .scale = 1},
    {CASE_XENT, "rows without targets", .R = 20, .C = 10, .V = 23, .n_targets = 4, .scale = 1},
    {CASE_XENT, "rows without targets, adds", .R = 20, .C = 10, .V = 23, .n_targets = 4, .scale = 1,
     .flags = CASE_ADDS},
    {CASE_XENT, "no targets", .R = 3, .C = 10, .V = 23, .n_targets = 0, .scale = 1},
    {CASE_XENT, "frozen", .R = 6, .C = 10, .V = 23, .n_targets = 6, .scale = 1,
     .flags = CASE_FROZEN | CASE_BIAS},
    {CASE_XENT, "weights' gradient alone", .R = 6, .C = 10, .V = 23, .n_targets = 6, .scale = 1,
     .flags = CASE_NO_DX},
    {CASE_XENT, "losses alone", .R = 6, .C = 10, .V = 23, .n_targets = 9, .scale = 1,
     .flags = CASE_FORWARD},
    {CASE_XENT, "all alike", .R = 4, .C = 10, .V = 37, .n_targets = 5, .scale = 1,
     .flags = CASE_TIES},
    {CASE_XENT, "BF16", .R = 6, .C = 10, .V = 23, .n_targets = 6, .scale = 1, .dtype = DTYPE_BF16},
    {CASE_XENT, "Q8_0", .R = 6, .C = 64, .V = 23, .n_targets = 6, .scale = 1, .dtype = DTYPE_Q8_0},
    {CASE_XENT, "Q6_K", .R = 6, .C = 256, .V = 23, .n_targets = 6, .scale = 1, .dtype = DTYPE_Q6_K},
    {CASE_XENT, "large", .R = 150, .C = 64, .V = 3001, .n_targets = 140, .scale = 1,
     .flags = CASE_FROZEN | CASE_LARGE},
    {CASE_XENT, "large, trained", .R = 100, .C = 64, .V = 2003, .n_targets = 80, .scale = 1,
     .softcap = 5, .flags = CASE_BIAS | CASE_LARGE | CASE_ADDS},
    {CASE_XENT, "large, BF16, losses alone", .R = 100, .C = 64, .V = 2003, .n_targets = 80,
     .scale = 1, .dtype = DTYPE_BF16, .flags = CASE_FORWARD | CASE_LARGE},

    {CASE_LOGITS, "plain", .R = 6, .C = 10, .V = 23, .n_targets = 4, .scale = 1,
     .flags = CASE_FORWARD},
    {CASE_LOGITS, "bias, scale, softcap, strided", .R = 6, .C = 10, .V = 23, .n_targets = 4,
     .scale = 1.5f, .softcap = 2, .flags = CASE_FORWARD | CASE_BIAS | CASE_STRIDED},
    {CASE_LOGITS, "one row of Q8_0", .R = 1, .C = 64, .V = 50, .n_targets = 1, .scale = 1,
     .dtype = DTYPE_Q8_0, .flags = CASE_FORWARD},
    {CASE_LOGITS, "large, one row", .R = 2, .C = 200, .V = 3001, .n_targets = 1, .scale = 1,
     .flags = CASE_FORWARD | CASE_LARGE},
    {CASE_LOGITS, "large, BF16", .R = 40, .C = 200, .V = 3001, .n_targets = 40, .scale = 1,
     .dtype = DTYPE_BF16, .flags = CASE_FORWARD | CASE_LARGE},

    {CASE_ARRAY, "one", .R = 1},
    {CASE_ARRAY, "some", .R = 37},
    {CASE_ARRAY, "large", .R = 70001, .flags = CASE_LARGE},
};

const size_t cases_count = COUNT_OF(cases_table);
