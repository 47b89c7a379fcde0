/*
 * program.c - from the record of a model to the list of instructions of a step.
 *
 * The list is made by walking the tape as the step will: forward node by node, then backward. The
 * walk knows for each value the buffer that holds it now, if one does (struct holding). A buffer
 * lives from the first instruction that names it to the last, so nobody states lifetimes: they
 * follow from the list, whatever was put into it, and so do the offsets (place.c).
 *
 * What is kept. Adjoints say what they read (struct op, needs). Before the walk each such value is
 * asked for (demand): a cheap one asks for the inputs of its operation instead, and so does one of
 * a layer that is redone, as far as that layer reaches; any other is kept. On the way back a value
 * that is asked for and held by no buffer is computed anew at that moment (materialise), by the
 * same operations on the same numbers, thus to the same bits; it then lives until its last reader.
 * So one rule serves the norm before a product and a whole layer, and a layer that is redone
 * computes only what its adjoint reads (not the last product, for instance).
 *
 * Adjoints. A value has one if a trained parameter stands before it and the loss behind it. Who
 * writes it first replaces, later ones add. Views that cut a value into disjoint parts each write
 * theirs; where they leave a hole or overlap otherwise, it is filled with zeros first.
 *
 * Sharing. After s = x + y the adjoints of s, x and y are equal, and the walk gives them one buffer
 * where nobody can notice. Number the nodes by their place on the tape; the way back visits them
 * downwards. Let t be the addition. From t on nobody touches ds any more. dx is written at nodes
 * w < t that read x, and is read last at the node p(x) that computed x, all w > p(x). Likewise dy.
 * A write to dx at w can be noticed through y only if dy is still to be read, at w or later: if
 * w >= p(y). So x and y may share if no such w exists, for x against y and for y against x; and a
 * third value that joins is held against all that share already. In a decoder the whole stream of
 * residuals is one buffer: the block's output y is read by its product's adjoint before the norm in
 * front of the block, which stands earlier on the tape, adds to dx. Otherwise (a value added to its
 * own norm, say) the adjoint is copied.
 */
#include "graph/program.h"

/* A view of an adjoint that has been written. */
struct written {
    struct view view;
    struct written *next;
};

/* What is known of a value during the walk. */
struct holding {
    int32_t now;    /* its buffer, or BUFFER_NONE */
    int32_t narrow; /* its copy in 16 bits */
    int32_t adjoint;
    struct written *written; /* of the adjoint */
    bool has_adjoint;
    bool is_kept;
    size_t asked_by; /* 1 + the layer that asked for it last */
    size_t last_use; /* in the forward pass */
};

struct builder {
    const struct tape *tape;
    const struct program_options *options;
    struct arena *arena;
    struct program *program;
    struct holding *holdings; /* [n_values] */
    size_t instructions_cap, buffers_cap;
};

static struct holding *holding_of(const struct builder *b, const struct value *v)
{
    return &b->holdings[v->index];
}

/* --- Instructions and buffers. --------------------------------------------------------------- */

static int32_t new_buffer(struct builder *b, uint64_t row_bytes)
{
    struct program *p = b->program;
    CHECK(p->n_buffers < b->buffers_cap);
    uint64_t bytes = row_bytes * b->options->rows;
    bytes = (bytes + PLACE_ALIGN_BYTES - 1) / PLACE_ALIGN_BYTES * PLACE_ALIGN_BYTES;
    p->buffers[p->n_buffers] = (struct buffer){.bytes = bytes, .first = SIZE_MAX};
    return (int32_t)p->n_buffers++;
}

static int32_t new_matrix(struct builder *b, size_t width)
{
    return new_buffer(b, width * sizeof(float));
}

static struct instruction instruction(enum instruction_kind kind, const struct node *node)
{
    struct instruction ins = {.kind = kind, .node = node};
    ins.out = ins.state = ins.sum = ins.d_out = BUFFER_NONE;
    for (size_t i = 0; i < NODE_INPUTS_MOST; i++)
        ins.in[i] = ins.d_in[i] = BUFFER_NONE;
    return ins;
}

static void touch(struct builder *b, int32_t buffer, size_t when)
{
    if (buffer == BUFFER_NONE)
        return;
    struct buffer *at = &b->program->buffers[buffer];
    at->first = min_size(at->first, when);
    at->last = max_size(at->last, when);
}

static void put(struct builder *b, size_t index, const struct instruction *ins)
{
    b->program->instructions[index] = *ins;
    for (size_t i = 0; i < NODE_INPUTS_MOST; i++) {
        touch(b, ins->in[i], index);
        touch(b, ins->d_in[i], index);
    }
    touch(b, ins->out, index);
    touch(b, ins->state, index);
    touch(b, ins->sum, index);
    touch(b, ins->d_out, index);
}

static void emit(struct builder *b, const struct instruction *ins)
{
    CHECK(b->program->n_instructions < b->instructions_cap);
    put(b, b->program->n_instructions++, ins);
}

static void emit_move(struct builder *b, enum instruction_kind kind, size_t width, int32_t from,
                      int32_t to)
{
    struct instruction ins = instruction(kind, NULL);
    ins.width = width;
    ins.in[0] = from;
    ins.out = to;
    emit(b, &ins);
}

/* --- Forward. -------------------------------------------------------------------------------- */

/* The buffer that the value will be written to: the one it is in already, or a new one. */
static int32_t target_buffer(struct builder *b, const struct value *v)
{
    if (!v)
        return BUFFER_NONE;
    struct holding *h = holding_of(b, v);
    if (h->now == BUFFER_NONE)
        h->now = new_matrix(b, v->width);
    return h->now;
}

/* Whether the node is a norm of all of what `add` computes. */
static bool norms_sum(const struct node *node, const struct node *add)
{
    return node->kind == OP_NORM && add && add->kind == OP_ADD && node->in[0].of == add->out &&
           view_is_whole(node->in[0]);
}

static void emit_forward(struct builder *b, const struct node *node)
{
    struct instruction ins = instruction(INSTRUCTION_FORWARD, node);
    for (size_t i = 0; i < node->n_in; i++) {
        ins.in[i] = holding_of(b, node->in[i].of)->now;
        CHECK(ins.in[i] != BUFFER_NONE);
    }
    ins.out = target_buffer(b, node->out);
    ins.state = target_buffer(b, node->state);
    size_t n = b->program->n_instructions;
    const struct instruction *before = n > 0 ? &b->program->instructions[n - 1] : NULL;
    if (before && before->kind == INSTRUCTION_FORWARD && norms_sum(node, before->node)) {
        ins.add = before->node;
        ins.in[0] = before->in[0];
        ins.in[1] = before->in[1];
        ins.sum = before->out;
        put(b, n - 1, &ins); /* takes the addition's place */
    } else {
        emit(b, &ins);
    }
}

/* Turns what the node was the last to read, and what is kept, into 16 bits. */
static void narrow_inputs(struct builder *b, const struct node *node, size_t now)
{
    for (size_t i = 0; i < node->n_in; i++) {
        const struct value *v = node->in[i].of;
        struct holding *h = holding_of(b, v);
        if (h->last_use > now || !h->is_kept || h->now == BUFFER_NONE)
            continue;
        h->narrow = new_buffer(b, v->width * sizeof(uint16_t));
        emit_move(b, INSTRUCTION_NARROW, v->width, h->now, h->narrow);
        h->now = BUFFER_NONE;
    }
}

/* Narrowing waits for the norm behind an addition: the two are to become one instruction. */
static void narrow_behind(struct builder *b, size_t index)
{
    struct node *const *nodes = b->tape->nodes;
    if (index + 1 < b->tape->n_nodes && norms_sum(nodes[index + 1], nodes[index]))
        return;
    if (index > 0)
        narrow_inputs(b, nodes[index - 1], index);
    narrow_inputs(b, nodes[index], index);
}

/* --- What is kept. --------------------------------------------------------------------------- */

static bool is_redone(const struct builder *b, size_t layer)
{
    return layer >= 1 && layer <= b->options->layers_redone;
}

/* Somebody in the layer will want the value on the way back. */
static void demand(struct builder *b, const struct value *v, size_t layer)
{
    struct holding *h = holding_of(b, v);
    if (h->is_kept || h->asked_by == layer + 1)
        return;
    h->asked_by = layer + 1;
    const struct node *node = v->node;
    if (!node_op(node)->is_cheap && !(node->layer == layer && is_redone(b, layer))) {
        h->is_kept = true;
        return;
    }
    for (size_t i = 0; i < node->n_in; i++)
        demand(b, node->in[i].of, layer);
}

static const struct value *changed_value(const struct node *node)
{
    return node->out ? node->out : node->in[0].of;
}

/* Whether the node has work to do on the way back. */
static bool has_back(const struct builder *b, const struct node *node)
{
    if (node->kind == OP_XENT || !holding_of(b, changed_value(node))->has_adjoint)
        return false;
    bool gives = node_is_trained(node);
    for (size_t i = 0; i < node->n_in; i++)
        gives |= holding_of(b, node->in[i].of)->has_adjoint;
    return gives;
}

static void demand_values(struct builder *b, const struct node *node)
{
    unsigned needs = node_op(node)->needs(node);
    for (size_t i = 0; i < node->n_in && (needs & NEEDS_IN); i++)
        demand(b, node->in[i].of, node->layer);
    if (needs & NEEDS_OUT)
        demand(b, node->out, node->layer);
}

/* What a node notes comes along when its output is computed anew, which is before its own adjoint:
 * whoever reads the output stands behind it on the tape. Otherwise it is kept; it is small. */
static void demand_state(struct builder *b, const struct node *node)
{
    const struct holding *out = holding_of(b, node->out);
    bool comes_along = out->asked_by != 0 && !out->is_kept;
    if (node_op(node)->needs(node) & NEEDS_STATE)
        holding_of(b, node->state)->is_kept = !comes_along;
}

static void demand_all(struct builder *b)
{
    struct node *const *nodes = b->tape->nodes;
    for (size_t i = b->tape->n_nodes; i-- > 0;) {
        if (has_back(b, nodes[i]))
            demand_values(b, nodes[i]);
    }
    for (size_t i = 0; i < b->tape->n_nodes; i++) {
        if (nodes[i]->state && has_back(b, nodes[i]))
            demand_state(b, nodes[i]);
    }
}

/* --- What is computed anew. ------------------------------------------------------------------ */

/* The buffer of an output; where none holds it, instructions that compute it come first. */
static int32_t materialise(struct builder *b, const struct value *v)
{
    struct holding *h = holding_of(b, v);
    if (h->now != BUFFER_NONE)
        return h->now;
    if (h->narrow != BUFFER_NONE) {
        h->now = new_matrix(b, v->width);
        emit_move(b, INSTRUCTION_WIDEN, v->width, h->narrow, h->now);
        return h->now;
    }
    const struct node *node = v->node;
    for (size_t i = 0; i < node->n_in; i++)
        materialise(b, node->in[i].of);
    emit_forward(b, node);
    for (size_t i = node->index + 1; i < b->tape->n_nodes; i++) {
        const struct node *rope = b->tape->nodes[i];
        if (rope->kind == OP_ROPE && rope->in[0].of == node->out)
            emit_forward(b, rope);
    }
    return h->now;
}

/* --- Adjoints. ------------------------------------------------------------------------------- */

/* A trained parameter before it, the loss behind it. */
static void find_adjoints(struct builder *b)
{
    const struct tape *tape = b->tape;
    bool *reaches = arena_array(b->arena, bool, tape->n_values); /* the loss */
    for (size_t i = tape->n_nodes; i-- > 0;) {
        const struct node *node = tape->nodes[i];
        bool counts = node->kind == OP_XENT || (node->out && reaches[node->out->index]);
        for (size_t j = 0; j < node->n_in; j++)
            reaches[node->in[j].of->index] |= counts;
    }
    for (size_t i = 0; i < tape->n_nodes; i++) {
        const struct node *node = tape->nodes[i];
        if (!node->out)
            continue;
        bool is_wanted = node_is_trained(node);
        for (size_t j = 0; j < node->n_in; j++)
            is_wanted |= holding_of(b, node->in[j].of)->has_adjoint;
        is_wanted &= reaches[node->out->index];
        holding_of(b, node->out)->has_adjoint = is_wanted;
        for (size_t j = 0; j < node->n_in && node->kind == OP_ATTN; j++)
            holding_of(b, node->in[j].of)->has_adjoint = is_wanted; /* it gives all or none */
    }
}

static void note_written(struct builder *b, struct view view)
{
    struct holding *h = holding_of(b, view.of);
    struct written *w = arena_new(b->arena, struct written);
    *w = (struct written){view, h->written};
    h->written = w;
}

/* The node writes the adjoint of its input i on the way back. */
static bool writes_adjoint(const struct builder *b, const struct node *node)
{
    return node->kind == OP_XENT || (node->out && has_back(b, node));
}

/* Whether the views through which the value is read cut it into parts, equal or disjoint, that
 * leave nothing out. */
static bool is_partitioned(const struct builder *b, const struct value *v)
{
    struct written *parts = NULL;
    size_t width = 0;
    struct arena arena = {0};
    bool fits = true;
    for (size_t i = v->node->index + 1; i < b->tape->n_nodes; i++) {
        const struct node *node = b->tape->nodes[i];
        for (size_t j = 0; j < node->n_in && writes_adjoint(b, node); j++) {
            struct view view = node->in[j];
            if (view.of != v)
                continue;
            struct written *w = parts;
            while (w && !views_overlap(w->view, view))
                w = w->next;
            if (w) {
                fits &= w->view.first == view.first && w->view.width == view.width;
                continue;
            }
            w = arena_new(&arena, struct written);
            *w = (struct written){view, parts};
            parts = w;
            width += view.width;
        }
    }
    arena_release(&arena);
    return fits && width == v->width;
}

/* Makes the adjoint's buffer ready for a write to the view; true where the write must add. */
static bool prepare_adjoint(struct builder *b, struct view view)
{
    struct holding *h = holding_of(b, view.of);
    if (h->adjoint == BUFFER_NONE) {
        h->adjoint = new_matrix(b, view.of->width);
        if (!is_partitioned(b, view.of)) {
            emit_move(b, INSTRUCTION_ZERO, view.of->width, BUFFER_NONE, h->adjoint);
            note_written(b, op_whole(view.of));
        }
    }
    bool adds = false;
    for (const struct written *w = h->written; w; w = w->next)
        adds |= views_overlap(w->view, view);
    note_written(b, view);
    return adds;
}

/* The buffer for the adjoint of input i, into the instruction. */
static void want_adjoint(struct builder *b, struct instruction *ins, size_t i)
{
    struct view view = ins->node->in[i];
    if (!holding_of(b, view.of)->has_adjoint)
        return;
    ins->adds[i] = prepare_adjoint(b, view);
    ins->d_in[i] = holding_of(b, view.of)->adjoint;
}

/* A write to dx can be noticed through dy, from node `t` on downwards: see the essay. */
static bool disturbs(const struct builder *b, const struct value *x, const struct value *y,
                     size_t t)
{
    for (size_t w = y->node->index; w < t; w++) {
        const struct node *node = b->tape->nodes[w];
        for (size_t i = 0; i < node->n_in; i++) {
            if (node->in[i].of == x)
                return true;
        }
    }
    return false;
}

static bool may_share(const struct builder *b, const struct value *x, const struct node *add)
{
    int32_t buffer = holding_of(b, add->out)->adjoint;
    size_t t = add->index;
    for (size_t i = 0; i < b->tape->n_values; i++) {
        const struct value *y = b->tape->values[i];
        bool is_read = y != x && y != add->out && y->node->index < t;
        if (!is_read || b->holdings[i].adjoint != buffer)
            continue;
        if (disturbs(b, x, y, t) || disturbs(b, y, x, t))
            return false;
    }
    return true;
}

static void emit_add_back(struct builder *b, const struct node *node)
{
    struct instruction ins = instruction(INSTRUCTION_BACK, node);
    ins.d_out = holding_of(b, node->out)->adjoint;
    for (size_t i = 0; i < node->n_in; i++) {
        const struct value *x = node->in[i].of;
        struct holding *h = holding_of(b, x);
        if (h->has_adjoint && h->adjoint == BUFFER_NONE && may_share(b, x, node)) {
            h->adjoint = ins.d_out;
            note_written(b, node->in[i]);
        } else {
            want_adjoint(b, &ins, i);
        }
    }
    if (ins.d_in[0] != BUFFER_NONE || ins.d_in[1] != BUFFER_NONE)
        emit(b, &ins);
}

static void emit_rope_back(struct builder *b, const struct node *node)
{
    struct instruction ins = instruction(INSTRUCTION_BACK, node);
    ins.d_in[0] = holding_of(b, node->in[0].of)->adjoint;
    emit(b, &ins);
}

static void emit_back(struct builder *b, const struct node *node)
{
    struct instruction ins = instruction(INSTRUCTION_BACK, node);
    unsigned needs = node_op(node)->needs(node);
    for (size_t i = 0; i < node->n_in && (needs & NEEDS_IN); i++)
        ins.in[i] = materialise(b, node->in[i].of);
    if (needs & NEEDS_OUT)
        ins.out = materialise(b, node->out);
    if (needs & NEEDS_STATE)
        ins.state = holding_of(b, node->state)->now;
    ins.d_out = holding_of(b, node->out)->adjoint;
    for (size_t i = 0; i < node->n_in; i++) {
        want_adjoint(b, &ins, i);
        CHECK(node->kind != OP_ATTN || !ins.adds[i]); /* it can only replace */
    }
    emit(b, &ins);
}

/* --- The walk. ------------------------------------------------------------------------------- */

static void walk_forward(struct builder *b)
{
    const struct tape *tape = b->tape;
    for (size_t i = 0; i + 1 < tape->n_nodes; i++) {
        emit_forward(b, tape->nodes[i]);
        if (b->options->keeps_bf16)
            narrow_behind(b, i);
    }
    const struct node *last = tape->nodes[tape->n_nodes - 1];
    struct instruction ins = instruction(INSTRUCTION_FORWARD, last);
    ins.in[0] = holding_of(b, last->in[0].of)->now;
    if (b->options->trains)
        want_adjoint(b, &ins, 0);
    emit(b, &ins);
}

static void walk_back(struct builder *b)
{
    const struct tape *tape = b->tape;
    for (size_t i = 0; i < tape->n_values; i++) {
        if (!b->holdings[i].is_kept)
            b->holdings[i].now = BUFFER_NONE;
    }
    for (size_t i = tape->n_nodes; i-- > 0;) {
        const struct node *node = tape->nodes[i];
        if (!has_back(b, node))
            continue;
        CHECK(holding_of(b, changed_value(node))->adjoint != BUFFER_NONE);
        if (node->kind == OP_ADD)
            emit_add_back(b, node);
        else if (node->kind == OP_ROPE)
            emit_rope_back(b, node);
        else
            emit_back(b, node);
    }
}

static void start(struct builder *b)
{
    const struct tape *tape = b->tape;
    CHECK(tape->n_nodes > 0 && tape->nodes[tape->n_nodes - 1]->kind == OP_XENT);
    /* Each node forward, anew and back; each value narrowed, widened and its adjoint zeroed. Each
     * value's buffers: forward, in 16 bits, anew, the adjoint. */
    b->instructions_cap = 3 * tape->n_nodes + 3 * tape->n_values;
    b->buffers_cap = 4 * tape->n_values;
    b->program->instructions = arena_array(b->arena, struct instruction, b->instructions_cap);
    b->program->buffers = arena_array(b->arena, struct buffer, b->buffers_cap);
    b->holdings = arena_array(b->arena, struct holding, tape->n_values);
    for (size_t i = 0; i < tape->n_values; i++) {
        struct holding *h = &b->holdings[i];
        h->now = h->narrow = h->adjoint = BUFFER_NONE;
    }
    for (size_t i = 0; i < tape->n_nodes; i++) {
        for (size_t j = 0; j < tape->nodes[i]->n_in; j++)
            holding_of(b, tape->nodes[i]->in[j].of)->last_use = i;
    }
}

void program_make(struct program *program, struct arena *arena, const struct tape *tape,
                  const struct program_options *options)
{
    *program = (struct program){0};
    struct builder b = {.tape = tape, .options = options, .arena = arena, .program = program};
    start(&b);
    if (options->trains) {
        find_adjoints(&b);
        demand_all(&b);
    }
    walk_forward(&b);
    size_t losses = program->n_instructions - 1;
    if (options->trains)
        walk_back(&b);
    program->bytes = place_buffers(program->buffers, program->n_buffers);
    for (size_t i = 0; i < program->n_buffers; i++) {
        const struct buffer *at = &program->buffers[i];
        if (at->first < losses && at->last > losses)
            program->kept_bytes += at->bytes;
    }
}
