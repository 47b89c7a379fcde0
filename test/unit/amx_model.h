/*
 * amx_model.h - the tile instructions of AMX-BF16 in plain C, as Intel's manual (volume 2,
 * LDTILECFG, TILELOADD, TILESTORED, TILEZERO, TDPBF16PS) has them, for machines without the unit.
 *
 * It serves twice. A source that is compiled with AMX_MODEL calls it in place of the intrinsics;
 * and where the compiled instructions meet a processor that does not know them, the signal that
 * this raises is answered by reading the instruction and doing what it says (amx_model_answer), so
 * that the program's own code runs, with its own registers and addresses.
 *
 * What the processor would refuse (a reserved field that is not 0, shapes that do not fit, a tile
 * used before shapes were loaded) fails a CHECK. State is a thread's, as it is there.
 */
#ifndef PACE_TEST_UNIT_AMX_MODEL_H
#define PACE_TEST_UNIT_AMX_MODEL_H

#include <float.h>
#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "backend/cpu/kernel_amx_ops.h"
#include "base/base.h"

enum { MODEL_TILES = 8, MODEL_ROWS = 16, MODEL_ROW_BYTES = 64 };

struct amx_model {
    bool is_configured;
    struct amx_config config;
    uint8_t tile[MODEL_TILES][MODEL_ROWS][MODEL_ROW_BYTES];
};

static _Thread_local struct amx_model model;

static inline void amx_model_configure(const void *from)
{
    static const uint8_t zeros[14] = {0};
    struct amx_config c;
    memcpy(&c, from, sizeof c);
    CHECK(c.palette == 1 && c.start_row == 0 && memcmp(c.zeros, zeros, sizeof zeros) == 0);
    for (int i = 0; i < 16; i++) {
        bool is_tile = i < MODEL_TILES;
        CHECK(c.rows[i] <= (is_tile ? MODEL_ROWS : 0));
        CHECK(c.row_bytes[i] <= (is_tile ? MODEL_ROW_BYTES : 0));
        CHECK((c.rows[i] == 0) == (c.row_bytes[i] == 0));
    }
    memset(&model, 0, sizeof model);
    model.config = c;
    model.is_configured = true;
}

static inline void amx_model_release(void)
{
    memset(&model, 0, sizeof model);
}

static inline void amx_model_zero(int tile)
{
    CHECK(model.is_configured && model.config.rows[tile] > 0);
    memset(model.tile[tile], 0, sizeof model.tile[tile]);
}

static inline void amx_model_load(int tile, const void *from, ptrdiff_t step_bytes)
{
    amx_model_zero(tile);
    for (int i = 0; i < model.config.rows[tile]; i++)
        memcpy(model.tile[tile][i], (const uint8_t *)from + i * step_bytes,
               model.config.row_bytes[tile]);
}

static inline void amx_model_store(int tile, void *to, ptrdiff_t step_bytes)
{
    CHECK(model.is_configured && model.config.rows[tile] > 0);
    for (int i = 0; i < model.config.rows[tile]; i++)
        memcpy((uint8_t *)to + i * step_bytes, model.tile[tile][i], model.config.row_bytes[tile]);
}

static inline float model_flush(float x)
{
    return fabsf(x) < FLT_MIN ? copysignf(0, x) : x;
}

/* Term `index` of a row of bfloat16. */
static inline float model_term(const uint8_t *row, int index)
{
    uint32_t bits = (uint32_t)(row[2 * index] | row[2 * index + 1] << 8) << 16;
    float x;
    memcpy(&x, &bits, sizeof x);
    return model_flush(x);
}

/* Rows of terms, as float32. */
typedef float model_terms[MODEL_ROWS][MODEL_ROW_BYTES / 2];

/* c + the dot product of n cells of a row of A and column `cell` of B, first and second terms
 * apart. */
static inline float amx_model_sum(float c, const float *a, const model_terms b, int cell, int n)
{
    float first = 0, second = 0;
    for (int k = 0; k < n; k++) {
        first = model_flush(fmaf(a[2 * k], b[k][2 * cell], first));
        second = model_flush(fmaf(a[2 * k + 1], b[k][2 * cell + 1], second));
    }
    return model_flush(model_flush(c) + model_flush(first + second));
}

static inline void model_decode(model_terms out, int tile)
{
    for (int i = 0; i < model.config.rows[tile]; i++) {
        for (int k = 0; k < model.config.row_bytes[tile] / 2; k++)
            out[i][k] = model_term(model.tile[tile][i], k);
    }
}

static inline void amx_model_multiply(int c, int a, int b)
{
    const struct amx_config *of = &model.config;
    CHECK(model.is_configured && a != b && a != c && b != c);
    CHECK(of->row_bytes[a] % 4 == 0 && of->row_bytes[b] % 4 == 0 && of->row_bytes[c] % 4 == 0);
    CHECK(of->rows[c] > 0 && of->rows[c] == of->rows[a]);
    CHECK(of->row_bytes[c] == of->row_bytes[b] && of->row_bytes[a] / 4 == of->rows[b]);
    model_terms left, right;
    model_decode(left, a);
    model_decode(right, b);
    for (int m = 0; m < of->rows[c]; m++) {
        float sums[MODEL_ROW_BYTES / 4];
        memcpy(sums, model.tile[c][m], sizeof sums);
        for (int n = 0; n < of->row_bytes[c] / 4; n++)
            sums[n] = amx_model_sum(sums[n], left[m], right, n, of->row_bytes[a] / 4);
        memcpy(model.tile[c][m], sums, of->row_bytes[c]);
    }
}

#ifdef AMX_MODEL
#define amx_configure(config) amx_model_configure(config)
#define amx_release() amx_model_release()
#define amx_zero(tile) amx_model_zero(tile)
#define amx_load(tile, from, step_bytes) amx_model_load(tile, from, (ptrdiff_t)(step_bytes))
#define amx_store(tile, to, step_bytes) amx_model_store(tile, to, (ptrdiff_t)(step_bytes))
#define amx_multiply(c, a, b) amx_model_multiply(c, a, b)
#endif

#if defined(__x86_64__) && defined(__linux__)
#include <signal.h>
#include <ucontext.h>

enum model_did {
    MODEL_CONFIGURE,
    MODEL_RELEASE,
    MODEL_ZERO,
    MODEL_LOAD,
    MODEL_STORE,
    MODEL_MULTIPLY,
    MODEL_KINDS
};
static atomic_size_t amx_model_did[MODEL_KINDS];

/* An instruction with the three-byte VEX prefix, opcode map 2, and the registers it speaks of. */
struct model_code {
    const greg_t *gregs;
    const uint8_t *at; /* of the byte behind what was read */
    unsigned pp, source, opcode, mod, reg, rm;
    bool extends_index, extends_base;
};

static inline uintptr_t model_register(const struct model_code *m, unsigned number)
{
    static const int order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP,
                                  REG_RSI, REG_RDI, REG_R8,  REG_R9,  REG_R10, REG_R11,
                                  REG_R12, REG_R13, REG_R14, REG_R15};
    return (uintptr_t)m->gregs[order[number]];
}

static inline bool model_read_code(struct model_code *m, const greg_t *gregs)
{
    const uint8_t *at = (const uint8_t *)gregs[REG_RIP];
    *m = (struct model_code){.gregs = gregs};
    /* W and L are 0, and R of the tile's number is not extended. */
    if (at[0] != 0xc4 || (at[1] & 0x9f) != 0x82 || (at[2] & 0x84) != 0)
        return false;
    m->extends_index = !(at[1] & 0x40);
    m->extends_base = !(at[1] & 0x20);
    m->source = ~(unsigned)at[2] >> 3 & 15;
    m->pp = at[2] & 3;
    m->opcode = at[3];
    m->mod = at[4] >> 6;
    m->reg = at[4] >> 3 & 7;
    m->rm = at[4] & 7;
    m->at = at + 5;
    return true;
}

/* A number of 1 or 4 bytes in the code, with its sign. */
static inline uintptr_t model_displacement(struct model_code *m, size_t bytes)
{
    int32_t number = 0;
    if (bytes == 1)
        number = (int8_t)*m->at;
    else
        memcpy(&number, m->at, bytes);
    m->at += bytes;
    return (uintptr_t)(intptr_t)number;
}

/* The address of a memory operand; *index is the register that a load multiplies with its rows. */
static inline uintptr_t model_address(struct model_code *m, uintptr_t *index)
{
    *index = 0;
    unsigned base = m->rm;
    if (m->rm == 4) {
        unsigned sib = *m->at++, scaled = (sib >> 3 & 7) | (m->extends_index ? 8u : 0u);
        base = sib & 7;
        if (scaled != 4)
            *index = model_register(m, scaled) << (sib >> 6);
    } else if (m->mod == 0 && m->rm == 5) { /* behind the instruction */
        uintptr_t from = model_displacement(m, 4);
        return from + (uintptr_t)m->at;
    }
    if (m->mod == 0 && base == 5)
        return model_displacement(m, 4);
    uintptr_t at = model_register(m, base | (m->extends_base ? 8u : 0u));
    return m->mod == 0 ? at : at + model_displacement(m, m->mod == 1 ? 1 : 4);
}

static inline bool model_do(struct model_code *m)
{
    uintptr_t step = 0, at = m->mod == 3 ? 0 : model_address(m, &step);
    enum model_did did;
    if (m->opcode == 0x49 && m->pp == 0 && m->mod != 3 && m->reg == 0) {
        did = MODEL_CONFIGURE;
        amx_model_configure((const void *)(at + step));
    } else if (m->opcode == 0x49 && m->pp == 0 && m->mod == 3 && m->reg == 0 && m->rm == 0) {
        did = MODEL_RELEASE;
        amx_model_release();
    } else if (m->opcode == 0x49 && m->pp == 3 && m->mod == 3 && m->rm == 0) {
        did = MODEL_ZERO;
        amx_model_zero((int)m->reg);
    } else if (m->opcode == 0x4b && m->pp == 3 && m->mod != 3 && m->rm == 4) {
        did = MODEL_LOAD;
        amx_model_load((int)m->reg, (const void *)at, (ptrdiff_t)step);
    } else if (m->opcode == 0x4b && m->pp == 2 && m->mod != 3 && m->rm == 4) {
        did = MODEL_STORE;
        amx_model_store((int)m->reg, (void *)at, (ptrdiff_t)step);
    } else if (m->opcode == 0x5c && m->pp == 2 && m->mod == 3 && m->source < MODEL_TILES) {
        did = MODEL_MULTIPLY;
        amx_model_multiply((int)m->reg, (int)m->rm, (int)m->source);
    } else {
        return false;
    }
    atomic_fetch_add(&amx_model_did[did], 1);
    return true;
}

static inline void model_on_signal(int number, siginfo_t *info, void *context)
{
    (void)info;
    greg_t *gregs = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct model_code m;
    if (model_read_code(&m, gregs) && model_do(&m))
        gregs[REG_RIP] = (greg_t)m.at;
    else
        (void)signal(number, SIG_DFL); /* and it comes again */
}

/* From here on tile instructions that the processor refuses are done by the model. */
static inline void amx_model_answer(void)
{
    struct sigaction action = {.sa_flags = SA_SIGINFO};
    action.sa_sigaction = model_on_signal;
    (void)sigemptyset(&action.sa_mask);
    CHECK(sigaction(SIGILL, &action, NULL) == 0);
}
#endif

#endif
