/*
 * snapshot.c - copies of the trainable state, in slots that are reserved before the run.
 *
 * A slot is one array: the values of the parameters in their order, the optimiser's state, the mean
 * of the average. For adapters that is a few megabytes and costs nothing to keep; for all weights
 * of a model it is three times its size in float32, which the plan counts.
 */
#include "optim/snapshot.h"

static size_t count_floats(const struct optim *optim, const struct average *average)
{
    size_t n = optim->n_state + (average ? average->n_floats : 0);
    for (size_t i = 0; i < optim->n_params; i++)
        n += param_count(optim->params[i]);
    return n;
}

uint64_t snapshot_bytes(const struct optim *optim, const struct average *average)
{
    return count_floats(optim, average) * sizeof(float);
}

bool snapshots_init(struct snapshots *s, struct optim *optim, struct average *average,
                    size_t n_slots, struct err *err)
{
    CHECK(n_slots <= SNAPSHOTS_MOST);
    *s = (struct snapshots){.optim = optim,
                            .average = average,
                            .n_floats = count_floats(optim, average),
                            .n_slots = n_slots};
    size_t bytes = s->n_floats * sizeof(float);
    for (size_t i = 0; i < n_slots; i++) {
        s->slots[i].at = optim->backend->ops->alloc(optim->backend, bytes);
        if (!s->slots[i].at) {
            snapshots_release(s);
            err_set(err, ERR_MEMORY, "%zu copies of the training's state, %.1f MB each, do not fit",
                    n_slots, (double)bytes / 1e6);
            return false;
        }
    }
    return true;
}

void snapshots_release(struct snapshots *s)
{
    for (size_t i = 0; i < s->n_slots; i++)
        if (s->slots[i].at)
            s->optim->backend->ops->release(s->optim->backend, s->slots[i].at,
                                            s->n_floats * sizeof(float));
    *s = (struct snapshots){0};
}

/* Copies one array of the state into the slot, or back; returns where the next one lies there. */
static float *move(struct backend *b, float *kept, float *live, size_t n, bool restores)
{
    struct mat slot = {kept, 1, n, n}, state = {live, 1, n, n};
    if (n > 0)
        b->ops->copy(b, restores ? state : slot, restores ? slot : state);
    return kept + n;
}

static void move_all(struct snapshots *s, struct snapshot *slot, bool restores)
{
    struct optim *o = s->optim;
    float *at = slot->at;
    for (size_t i = 0; i < o->n_params; i++)
        at = move(o->backend, at, o->params[i]->value, param_count(o->params[i]), restores);
    at = move(o->backend, at, o->state, o->n_state, restores);
    if (s->average)
        move(o->backend, at, s->average->mean, s->average->n_floats, restores);
}

void snapshots_keep(struct snapshots *s, size_t slot)
{
    CHECK(slot < s->n_slots && !s->optim->shows_average && !(s->average && s->average->is_shown));
    struct snapshot *kept = &s->slots[slot];
    move_all(s, kept, false);
    kept->memory = s->optim->memory;
    kept->averaged = s->average ? s->average->n : 0;
    kept->is_kept = true;
}

void snapshots_restore(struct snapshots *s, size_t slot)
{
    CHECK(slot < s->n_slots && s->slots[slot].is_kept && !s->optim->shows_average);
    CHECK(!(s->average && s->average->is_shown));
    struct snapshot *kept = &s->slots[slot];
    move_all(s, kept, true);
    s->optim->memory = kept->memory;
    if (s->average)
        s->average->n = kept->averaged;
}
