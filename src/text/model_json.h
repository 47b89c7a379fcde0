/*
 * model_json.h - the "model" of a tokenizer.json: vocabulary and merges, or pieces and scores.
 */
#ifndef PACE_TEXT_MODEL_JSON_H
#define PACE_TEXT_MODEL_JSON_H

#include "format/json.h"
#include "text/bpe.h"
#include "text/unigram.h"

enum model_kind {
    MODEL_NONE,
    MODEL_BPE,
    MODEL_UNIGRAM,
    MODEL_SPM, /* of GGUF files only */
};

/*
 * Reads the model at the reader's place into the one of the two that it is; bpe_finish or
 * unigram_finish is left to the caller. Both must be zeroed before, and released in any case. What
 * is unknown or wrong is the reader's error: see json_close.
 */
enum model_kind model_json_read(struct bpe *bpe, struct unigram *unigram, struct json_reader *r);

#endif
