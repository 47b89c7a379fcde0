/*
 * program.h - a tape turned into instructions on buffers: forward alone, or forward, adjoints and
 * what must be computed anew between. Private to graph/.
 */
#ifndef PACE_GRAPH_PROGRAM_H
#define PACE_GRAPH_PROGRAM_H

#include "graph/node.h"
#include "graph/place.h"

enum instruction_kind {
    INSTRUCTION_FORWARD,
    INSTRUCTION_BACK,
    INSTRUCTION_NARROW, /* in[0], float32, to out, 16 bits */
    INSTRUCTION_WIDEN,  /* and back */
    INSTRUCTION_ZERO,   /* out */
};

enum { BUFFER_NONE = -1 };

/* Operands are numbers of buffers, or BUFFER_NONE. */
struct instruction {
    enum instruction_kind kind;
    const struct node *node; /* of a forward or back */
    const struct node *add;  /* of a norm that does this addition before it as well, or NULL */
    size_t width;            /* of the others: floats in a row */
    int32_t in[NODE_INPUTS_MOST], out, state, sum;
    int32_t d_out, d_in[NODE_INPUTS_MOST];
    bool adds[NODE_INPUTS_MOST]; /* to d_in, which else is replaced */
};

struct program {
    struct instruction *instructions;
    size_t n_instructions;
    struct buffer *buffers;
    size_t n_buffers;
    uint64_t bytes;      /* of the block in which the buffers lie */
    uint64_t kept_bytes; /* of those that wait for the adjoint while the losses are computed */
};

struct program_options {
    size_t rows;
    bool trains, keeps_bf16;
    size_t layers_redone; /* the first so many */
};

/* All memory comes from the arena. The last node is a cross-entropy (CHECKed). */
void program_make(struct program *program, struct arena *arena, const struct tape *tape,
                  const struct program_options *options);

#endif
