/*
 * err.h - the one way in which pace reports that something outside it went wrong.
 *
 *     MUST_CHECK bool gguf_open(struct gguf *g, const char *path, struct err *err);
 *
 * A function that can fail returns false and fills `err`, which is never NULL and which it leaves
 * alone on success. An error has three parts:
 *
 *   what    a line of fact with the numbers          "header claims 900 bytes but 40 follow"
 *   where   the place, built outward by the callers  "base model: model.safetensors: byte 8"
 *   hint    something that the user can do           "the download may be incomplete"
 *
 * The texts are kept inside the struct, cut to its size on a character boundary; what is not safe
 * to show in them (they may quote a hostile file) becomes '?'.
 */
#ifndef PACE_BASE_ERR_H
#define PACE_BASE_ERR_H

#include "base/base.h"

enum err_kind {
    ERR_NONE,
    ERR_USAGE,       /* the command line or an option is wrong */
    ERR_INPUT,       /* a file's content is wrong or not supported */
    ERR_IO,          /* a file cannot be read or written */
    ERR_MEMORY,      /* it does not fit */
    ERR_DEVICE,      /* an accelerator failed or is missing */
    ERR_STOPPED,     /* the guard stopped the run */
    ERR_INTERRUPTED, /* the user did */
};

struct err {
    enum err_kind kind;
    char what[480];
    char where[480];
    char hint[320];
};

/* Sets kind and what; clears where and hint. */
void err_set(struct err *err, enum err_kind kind, const char *format, ...) PRINTF_LIKE(3, 4);

/* Prepends a place: err_in(err, "byte 8"), then err_in(err, "x.gguf"), make "x.gguf: byte 8". */
void err_in(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

/* Sets the hint: one sentence, no full stop at the end. */
void err_hint(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);

#endif
