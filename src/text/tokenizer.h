/*
 * tokenizer.h - text to token ids and back, as the model's own tokenizer does it.
 *
 * From a tokenizer.json: identical to the `tokenizers` library (truncation and padding in the file
 * are passed over). From a GGUF file: identical to llama.cpp.
 *
 *     struct tokenizer t;
 *     struct tokenizer_work w = {0};
 *     struct tokens ids = {0};
 *     if (tokenizer_open(&t, "model-folder", err) &&
 *         tokenizer_encode(&t, &w, text, true, &ids, err))
 *         use(ids.ids, ids.n);
 *
 * A tokenizer does not change once open: threads share it, each with a workspace of its own.
 */
#ifndef PACE_TEXT_TOKENIZER_H
#define PACE_TEXT_TOKENIZER_H

#include "text/added.h"
#include "text/decode.h"
#include "text/model_json.h"
#include "text/normalize.h"
#include "text/postprocess.h"
#include "text/pretoken.h"
#include "text/spm.h"

struct tokenizer {
    struct arena arena;
    enum model_kind model;
    struct bpe bpe;
    struct unigram unigram;
    struct spm spm;
    struct added added;
    struct normalizer normalizer;
    struct pretokenizer pretokenizer;
    struct postprocess postprocess;
    struct decoder decoder;
    size_t n_words;  /* different texts of model and added tokens */
    size_t id_limit; /* largest id + 1 */
};

/* What one thread needs to encode and decode. A zeroed struct is ready for use. */
struct tokenizer_work {
    struct text text, part;
    bool is_ready;
    struct bpe_work bpe;
    struct unigram_work unigram;
    struct spm_work spm;
};

/*
 * Opens a folder with a tokenizer.json, a tokenizer.json itself (or any JSON file of its kind), or
 * a GGUF file. Errors: ERR_IO; ERR_INPUT for what is wrong or not supported, with file and place.
 */
MUST_CHECK bool tokenizer_open(struct tokenizer *t, const char *path, struct err *err);

/* The same from the bytes of a tokenizer.json, which need not outlive the call. */
MUST_CHECK bool tokenizer_open_json(struct tokenizer *t, struct span text, struct err *err);

/* The same from the bytes of a GGUF file. */
MUST_CHECK bool tokenizer_open_gguf(struct tokenizer *t, struct span bytes, struct err *err);

/* Safe on a zeroed struct. */
void tokenizer_close(struct tokenizer *t);

void tokenizer_work_release(struct tokenizer_work *w);

/*
 * Appends the text's tokens to `out`. `add_special`: with what the post-processor adds (<s> and its
 * like); special tokens that stand in the text are recognised in any case. Where out->with_ranges,
 * each token's range is the part of `text` that it came from; tokens that were added have an empty
 * range, at the start or at the end.
 *
 * Errors: ERR_INPUT for text that is not UTF-8 (`where` tells the byte) or longer than 4 GB, and
 * for what the tokenizer cannot encode. `out` then keeps what was appended before.
 */
MUST_CHECK bool tokenizer_encode(const struct tokenizer *t, struct tokenizer_work *w,
                                 struct span text, bool add_special, struct tokens *out,
                                 struct err *err);

/*
 * Appends the text of the ids to `out`: always valid UTF-8. An id that no token has is passed over,
 * as is a special token where `skip_special`. Errors: ERR_INPUT for a decoder's pattern that takes
 * too long.
 */
MUST_CHECK bool tokenizer_decode(const struct tokenizer *t, const uint32_t *ids, size_t n,
                                 bool skip_special, struct buf *out, struct err *err);

/* True, and the id, where a token is written so in the vocabulary ("<|im_end|>", "Ġthe"). */
bool tokenizer_id(const struct tokenizer *t, struct span word, uint32_t *id);

/* True, and how the vocabulary writes it, where the id is a token's. */
bool tokenizer_text(const struct tokenizer *t, uint32_t id, struct span *word);

/* True for an added token that is special. */
bool tokenizer_is_special(const struct tokenizer *t, uint32_t id);

#endif
