/*
 * tokenizer_fit.c - does the tokenizer belong to the model?
 *
 * Two things tell, and neither proves it, so it is a doubt and no error:
 *
 *   size   a vocabulary is padded to a multiple of 64 or 128, and a few percent are kept for later
 *          (phi's has 2 % more than its tokenizer, deepseek's 2.3 %); more than a tenth is
 * another's end    the token that the model's description calls the end of the text is a special
 * one; in another tokenizer the same id is a word, or none at all
 *
 * Two tokenizers of one family agree in both (Llama 2's and Mistral's); only a loss far above that
 * of guessing tells them apart. In a GGUF file the two are one.
 */
#include "train/tokenizer_fit.h"

#include <stdio.h>

#include "base/log.h"

static const double LEAST_SHARE = 0.9;

static bool is_an_end(const struct tokenizer *t, const struct model_config *c)
{
    for (size_t i = 0; i < c->n_eos; i++) {
        if (tokenizer_is_special(t, (uint32_t)c->eos[i]))
            return true;
    }
    return c->n_eos == 0;
}

bool tokenizer_fit_doubt(const struct tokenizer *t, const struct model_config *c,
                         char doubt[TOKENIZER_DOUBT_SIZE])
{
    struct span word;
    if (c->is_gguf)
        return false;
    if ((double)t->id_limit < LEAST_SHARE * (double)c->vocabulary) {
        snprintf(doubt, TOKENIZER_DOUBT_SIZE,
                 "the tokenizer has %zu tokens, the model's vocabulary %zu", t->id_limit,
                 c->vocabulary);
        return true;
    }
    if (is_an_end(t, c))
        return false;
    if (tokenizer_text(t, (uint32_t)c->eos[0], &word))
        snprintf(doubt, TOKENIZER_DOUBT_SIZE,
                 "the model ends a text with token %d, which is the word \"%.*s\" in the tokenizer",
                 (int)c->eos[0], (int)min_size(word.len, 64), (const char *)word.at);
    else
        snprintf(doubt, TOKENIZER_DOUBT_SIZE,
                 "the model ends a text with token %d, which the tokenizer has not",
                 (int)c->eos[0]);
    return true;
}

void tokenizer_fit_warn(const struct tokenizer *t, const struct model_config *c)
{
    char doubt[TOKENIZER_DOUBT_SIZE];
    if (tokenizer_fit_doubt(t, c, doubt))
        log_warning("%s: do they belong together?", doubt);
}
