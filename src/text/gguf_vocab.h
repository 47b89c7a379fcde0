/*
 * gguf_vocab.h - the tokenizer of a Hugging Face folder as the keys of a GGUF file.
 */
#ifndef PACE_TEXT_GGUF_VOCAB_H
#define PACE_TEXT_GGUF_VOCAB_H

#include "base/err.h"
#include "format/gguf_writer.h"

struct gguf_vocab_source {
    const char *folder;          /* with tokenizer.json and tokenizer_config.json */
    const char *template_folder; /* whose chat template goes before that of `folder`; or NULL */
    size_t vocabulary;           /* rows of the embedding: as many tokens are written */
};

/*
 * Puts tokenizer.ggml.* and tokenizer.chat_template: tokens, types, merges or scores, the ids of
 * special tokens, what stands around a text. Errors: ERR_IO; ERR_INPUT for a tokenizer that GGUF
 * has no words for (how it cuts texts, what kind it is), or that has more ids than the embedding.
 */
MUST_CHECK bool gguf_vocab_put(struct gguf_writer *w, const struct gguf_vocab_source *source,
                               struct err *err);

/*
 * Encodes some texts with a folder's tokenizer and with that of a GGUF file; *n_other of them, of
 * *n, gave other ids. Errors: those of tokenizer_open.
 */
MUST_CHECK bool gguf_vocab_compare(const char *folder, const char *gguf, size_t *n_other, size_t *n,
                                   struct err *err);

#endif
