/*
 * pretoken.h - the "pre_tokenizer" of a tokenizer.json: the steps that cut a text into the pieces
 * that the model sees one by one.
 *
 * Every kind of the `tokenizers` library: ByteLevel Metaspace Split Digits Punctuation Whitespace
 * WhitespaceSplit BertPreTokenizer CharDelimiterSplit UnicodeScripts FixedLength Sequence.
 */
#ifndef PACE_TEXT_PRETOKEN_H
#define PACE_TEXT_PRETOKEN_H

#include "format/json.h"
#include "text/text.h"

struct pretoken_step;

struct pretokenizer {
    struct pretoken_step *steps; /* sequences are flattened; in the reader's arena */
    size_t n_steps;              /* 0: null, or an empty sequence: the text stays one piece */
    bool byte_level;             /* see below */
    bool asks_start;    /* the first step asks where the text began: see pretokenizer_run */
    bool needs_origins; /* a later step asks where a piece began */
};

/*
 * Byte-level vocabularies write each byte as a printable character (unicode_of_byte). Where
 * ByteLevel is the last step, the text is NOT written so: `byte_level` is true, the pieces are raw
 * UTF-8 bytes, and it is the vocabulary that has to be read through unicode_byte_of, once. Where
 * another step follows ByteLevel, the text is written in the byte alphabet as the library does, and
 * `byte_level` is false.
 */

/*
 * Reads the value of "pre_tokenizer" (null included) at the reader's place. An unknown kind or a
 * wrong field is the reader's error: see json_close. pretokenizer_release in any case.
 */
void pretokenizer_read(struct pretokenizer *p, struct json_reader *r);

/* Safe on a zeroed struct. */
void pretokenizer_release(struct pretokenizer *p);

/*
 * Where the last step is ByteLevel: the text is written in the byte alphabet after all, for a model
 * that does not read raw bytes. `byte_level` becomes false.
 */
void pretokenizer_write_letters(struct pretokenizer *p);

/*
 * Cuts the text: t->pieces, over t->bytes. The text must be tracked where needs_origins says so
 * (CHECKed), and where asks_start does if a normalizer may have taken away its beginning. Errors:
 * as normalizer_run.
 */
MUST_CHECK bool pretokenizer_run(const struct pretokenizer *p, struct text *t, struct err *err);

#endif
