/*
 * decode.h - the "decoder" of a tokenizer.json: tokens back into text.
 *
 * Every kind of the `tokenizers` library: ByteLevel ByteFallback Fuse Strip Replace Metaspace
 * BPEDecoder WordPiece CTC Sequence. A null decoder puts spaces between the tokens.
 */
#ifndef PACE_TEXT_DECODE_H
#define PACE_TEXT_DECODE_H

#include "format/json.h"
#include "text/regex.h"

struct decode_step;

struct decoder {
    struct decode_step *steps; /* sequences are flattened; in the reader's arena */
    size_t n_steps;
    bool is_null;
};

/*
 * Reads the value of "decoder" (null included) at the reader's place. What is unknown or wrong is
 * the reader's error: see json_close. decoder_release in any case.
 */
void decoder_read(struct decoder *d, struct json_reader *r);

/* Safe on a zeroed struct. */
void decoder_release(struct decoder *d);

/*
 * Appends the text of the tokens (valid UTF-8 each) to `out`. `tokens` is overwritten. Errors:
 * ERR_INPUT for a pattern that takes too long.
 */
MUST_CHECK bool decoder_run(const struct decoder *d, struct span *tokens, size_t n, struct buf *out,
                            struct err *err);

#endif
