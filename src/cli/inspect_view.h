/*
 * inspect_view.h - how `pace inspect` shows what a file of weights holds.
 */
#ifndef PACE_CLI_INSPECT_VIEW_H
#define PACE_CLI_INSPECT_VIEW_H

#include "cli/term.h"
#include "format/gguf.h"
#include "format/json.h"
#include "format/safetensors.h"

/* Appends text for people. Names and values from the file are made safe to show. */
void inspect_view_gguf(const struct gguf *g, const struct term *term, struct buf *out);
void inspect_view_safetensors(const struct safetensors *st, const struct term *term,
                              struct buf *out);

/* Appends the same as one JSON document; inspect_view.c lists its fields. */
void inspect_view_gguf_json(const struct gguf *g, const char *path, struct buf *out);
void inspect_view_safetensors_json(const struct safetensors *st, const char *path, struct buf *out);

#endif
