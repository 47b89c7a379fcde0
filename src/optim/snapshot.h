/*
 * snapshot.h - states of the training that are kept in memory: weights, the optimiser's state, and
 * the average where there is one. What is restored is what was kept, bit for bit, so a run goes on
 * from it as it did the first time.
 */
#ifndef PACE_OPTIM_SNAPSHOT_H
#define PACE_OPTIM_SNAPSHOT_H

#include "optim/average.h"
#include "optim/optim.h"

enum { SNAPSHOTS_MOST = 8 };

struct snapshot {
    float *at; /* all arrays, one behind another */
    struct optim_memory memory;
    int64_t averaged;
    bool is_kept;
};

struct snapshots {
    struct optim *optim;
    struct average *average; /* or NULL */
    size_t n_floats;         /* of one */
    struct snapshot slots[SNAPSHOTS_MOST];
    size_t n_slots;
};

/* How much memory of the backend one state takes. */
uint64_t snapshot_bytes(const struct optim *optim, const struct average *average);

/* Reserves n_slots <= SNAPSHOTS_MOST (CHECKed). Errors: ERR_MEMORY. */
MUST_CHECK bool snapshots_init(struct snapshots *s, struct optim *optim, struct average *average,
                               size_t n_slots, struct err *err);

/* Safe on a zeroed struct. */
void snapshots_release(struct snapshots *s);

void snapshots_keep(struct snapshots *s, size_t slot);

/* The slot was kept before (CHECKed); it stays. */
void snapshots_restore(struct snapshots *s, size_t slot);

#endif
