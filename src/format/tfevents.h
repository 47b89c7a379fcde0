/*
 * tfevents.h - TensorBoard's event files: the scalars in them, read and written.
 *
 *     struct tfevents t;
 *     struct tfevents_point point;
 *     bool more;
 *     if (!tfevents_open(&t, path, err)) …
 *     while ((ok = tfevents_next(&t, &point, &more, err)) && more) …
 *     if (t.is_cut) …      the last record is not whole: a run that is still writing, or that died
 *     tfevents_close(&t);
 *
 * Scalars stand in two forms, a plain float (PyTorch, TensorFlow 1) and a tensor of one element
 * (TensorFlow 2); both are given. Everything else (texts, images, histograms, hyper-parameters) is
 * passed over.
 */
#ifndef PACE_FORMAT_TFEVENTS_H
#define PACE_FORMAT_TFEVENTS_H

#include "base/file.h"

struct tfevents_point {
    double wall_time; /* seconds since 1970 */
    int64_t step;
    struct span tag; /* "train/loss"; of a point read: valid until the next call */
    double value;
};

struct tfevents {
    struct file_map file;
    struct cursor rest;
    const char *path;    /* NULL for bytes in memory */
    struct arena event;  /* the present event, unpacked */
    const void *summary; /* of it, or NULL */
    size_t next_value;
    double wall_time;
    int64_t step;
    uint64_t n_records;
    bool is_cut; /* the file ends inside a record */
};

/* Maps the file as long as it is now. `path` must outlive the struct. Errors: ERR_IO. */
MUST_CHECK bool tfevents_open(struct tfevents *t, const char *path, struct err *err);

/* The same of bytes in memory. */
void tfevents_open_bytes(struct tfevents *t, struct span bytes);

/*
 * The next scalar, in the file's order; *more is false at the end. Errors: ERR_INPUT for a record
 * whose checksum or content is wrong, with its byte in `where`.
 */
MUST_CHECK bool tfevents_next(struct tfevents *t, struct tfevents_point *point, bool *more,
                              struct err *err);

/* Safe on a zeroed struct. */
void tfevents_close(struct tfevents *t);

/* True where the bytes begin with a whole record head, as an event file does. */
bool tfevents_is(struct span bytes);

/*
 * Writing: records are appended to a buffer; the caller puts it into a file named
 * "events.out.tfevents.<seconds>.<anything>". The first record gives the version of the format.
 */
void tfevents_begin(struct buf *out, double wall_time);
void tfevents_add(struct buf *out, const struct tfevents_point *point);

#endif
