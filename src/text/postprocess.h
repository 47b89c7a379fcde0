/*
 * postprocess.h - the "post_processor" of a tokenizer.json: which special tokens stand around a
 * text.
 *
 * Every kind of the `tokenizers` library (TemplateProcessing, BertProcessing, RobertaProcessing,
 * ByteLevel, Sequence), for single texts.
 */
#ifndef PACE_TEXT_POSTPROCESS_H
#define PACE_TEXT_POSTPROCESS_H

#include "format/json.h"

struct postprocess_item {
    bool is_text; /* the text's tokens; otherwise one special token */
    uint32_t id;
};

struct postprocess_list {
    struct postprocess_item *items; /* in the reader's arena */
    size_t n;
};

struct postprocess {
    struct postprocess_list special; /* with special tokens */
    struct postprocess_list plain;   /* without: the text alone, nearly always */
};

/*
 * Reads the value of "post_processor" (null included) at the reader's place. What is unknown or
 * wrong is the reader's error: see json_close.
 */
void postprocess_read(struct postprocess *p, struct json_reader *r);

/* Special tokens around the text: `before`, `after` of them. For a text that stands there once. */
void postprocess_make(struct postprocess *p, struct arena *arena, const uint32_t *before,
                      size_t n_before, const uint32_t *after, size_t n_after);

#endif
