/*
 * normalize.h - the "normalizer" of a tokenizer.json: the steps that rewrite a text before it is
 * cut.
 *
 * Every kind of the `tokenizers` library: NFC NFD NFKC NFKD Lowercase Strip StripAccents
 * BertNormalizer Nmt Precompiled Replace Prepend ByteLevel Sequence.
 */
#ifndef PACE_TEXT_NORMALIZE_H
#define PACE_TEXT_NORMALIZE_H

#include "format/json.h"
#include "text/text.h"

struct normalize_step;

struct normalizer {
    struct normalize_step *steps; /* sequences are flattened; in the reader's arena */
    size_t n_steps;               /* 0: null, or an empty sequence */
};

/*
 * Reads the value of "normalizer" (null included) at the reader's place. An unknown kind or a wrong
 * field is the reader's error: see json_close. normalizer_release in any case.
 */
void normalizer_read(struct normalizer *n, struct json_reader *r);

/* Safe on a zeroed struct. */
void normalizer_release(struct normalizer *n);

/*
 * Rewrites the text, which must be one piece (CHECKed), and leaves it one piece, or none where
 * nothing is left. Errors: ERR_INPUT for a pattern that takes too long, or a text that grows beyond
 * all measure.
 */
MUST_CHECK bool normalizer_run(const struct normalizer *n, struct text *t, struct err *err);

#endif
