/*
 * checkpoint.h - the state of a run on the disk: a list of named pieces of memory, which saves and
 * loads itself.
 *
 *     struct checkpoint c;
 *     checkpoint_init(&c);
 *     checkpoint_add(&c, "rate", &rate, sizeof rate);
 *     checkpoint_add_floats(&c, "optimizer", state, n);
 *     if (!checkpoint_save(&c, "OUT", &about, err)) …            the old one is still there
 *
 *     if (!checkpoint_open(&file, "OUT", err)) …                 whole, and of this version
 *     if (!checkpoint_load(&c, &file, err)) …                    all of the list, or nothing
 *     checkpoint_close(&file);
 *     checkpoint_release(&c);
 *
 * The pieces stay where they are: they are written from there and read into there, so saving takes
 * no memory of its own.
 */
#ifndef PACE_TRAIN_CHECKPOINT_H
#define PACE_TRAIN_CHECKPOINT_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/lock.h"
#include "format/safetensors.h"

struct checkpoint {
    struct arena arena;
    struct buf blobs; /* of struct checkpoint_blob */
};

/* How a run stands that a checkpoint is of. */
enum checkpoint_status {
    CHECKPOINT_RUNNING, /* it can be gone on with */
    CHECKPOINT_DONE,    /* all steps are made, and the result is saved */
    CHECKPOINT_STOPPED, /* the guard ended it; what there is of a result is saved */
};

/* "done" */
const char *checkpoint_status_name(enum checkpoint_status status);

/* What a checkpoint says about itself. */
struct checkpoint_about {
    enum checkpoint_status status;
    int64_t step;
    const char *machine; /* what decides the last bits: another one may compute others */
    const char *reason;  /* of one that ended: how, as a sentence */
};

struct checkpoint_file {
    struct safetensors st;
    struct checkpoint_about about; /* its texts live in the arena */
    struct arena arena;
    char *path;
};

void checkpoint_init(struct checkpoint *c);

/* Safe on a zeroed struct. */
void checkpoint_release(struct checkpoint *c);

/*
 * Add a piece of the state. Names differ; each piece outlives the list. `bytes` is the size on both
 * sides: a file with another one is of another run.
 */
void checkpoint_add(struct checkpoint *c, const char *name, void *at, size_t bytes);
void checkpoint_add_floats(struct checkpoint *c, const char *name, float *at, size_t n);

/* A buffer of whole items, as long as it happens to be; loading replaces what is in it. */
void checkpoint_add_buf(struct checkpoint *c, const char *name, struct buf *buf, size_t item_bytes);

/* An array that means something only where *is_there; loading sets that too. */
void checkpoint_add_optional(struct checkpoint *c, const char *name, float *at, size_t n,
                             bool *is_there);

/* Keeps the first n pieces alone. */
void checkpoint_cut(struct checkpoint *c, size_t n);

/* The size of the file that would be written, but for its header. */
uint64_t checkpoint_bytes(const struct checkpoint *c);

/*
 * Writes folder/checkpoint/, so that whatever happens the old one is there or the whole new one.
 * Errors: ERR_IO.
 */
MUST_CHECK bool checkpoint_save(const struct checkpoint *c, const char *folder,
                                const struct checkpoint_about *about, struct err *err);

/*
 * Opens folder/checkpoint/ and reads all of it once. Errors: ERR_INPUT where there is none, it is
 * damaged, or it is not from this version of pace; ERR_IO.
 */
MUST_CHECK bool checkpoint_open(struct checkpoint_file *f, const char *folder, struct err *err);

/* The bytes of one piece, valid until the file is closed. Errors: ERR_INPUT: there is none. */
MUST_CHECK bool checkpoint_find(const struct checkpoint_file *f, const char *name, struct span *out,
                                struct err *err);

/*
 * Fills all pieces of the list. Errors: ERR_INPUT where the file's are not the same ones; nothing
 * has been changed then.
 */
MUST_CHECK bool checkpoint_load(const struct checkpoint *c, const struct checkpoint_file *f,
                                struct err *err);

/* Safe on a zeroed struct and after a failed open. */
void checkpoint_close(struct checkpoint_file *f);

/* True where the folder has one, whatever is in it. */
bool checkpoint_is_there(const char *folder);

/*
 * Keeps other processes from writing this run as long as this one lives, or until the lock is
 * released; nothing where there is no folder/checkpoint/. Errors: ERR_IO, with who writes.
 */
MUST_CHECK bool checkpoint_hold(struct lock *lock, const char *folder, struct err *err);

/*
 * Makes sure that `folder` holds no checkpoint: that of an earlier run must not be taken for the
 * present one's. Errors: ERR_IO.
 */
MUST_CHECK bool checkpoint_remove(const char *folder, struct err *err);

#endif
