/*
 * save.h - a whole model as a Hugging Face folder.
 */
#ifndef PACE_MODEL_SAVE_H
#define PACE_MODEL_SAVE_H

#include "base/buf.h"
#include "model/model.h"

/* True for a model that model_save takes: one from a Hugging Face folder, or a fresh one. Errors:
 * ERR_USAGE. */
MUST_CHECK bool model_can_save(const struct model *model, struct err *err);

/*
 * Writes model.safetensors with the base's parameters as they are now and the adapters folded in,
 * each in the dtype that it had in its file (of a fresh model: that of its description);
 * config.json (a copy of the one in the folder `path`, which the model was opened from;
 * tie_word_embeddings is false where an adapter ended the tie) and generation_config.json where
 * there is one. The folder is there; it is not `path`. Errors: ERR_IO; ERR_USAGE for a model that
 * is not from such a folder; ERR_INPUT for numbers that are not finite.
 */
MUST_CHECK bool model_save(const struct model *model, const char *path, const char *folder,
                           struct err *err);

/*
 * Adds the text of a config.json with one member set to `value`, which is JSON; all else stays as
 * it is written. The text is an object that is not empty. Errors: ERR_INPUT where it is no JSON.
 */
MUST_CHECK bool model_put_setting(struct buf *out, struct span text, const char *name,
                                  const char *value, struct err *err);

/* The names of what a model's folder may have beside its weights. */
extern const char *const model_companions[];
extern const size_t model_n_companions;

/* Copies what a model's folder has beside its weights: tokenizer and chat template. Where there is
 * none (a GGUF file) nothing is. Errors: ERR_IO. */
MUST_CHECK bool model_copy_companions(const char *path, const char *folder, struct err *err);

/*
 * Rounds what was trained to the dtypes that model_save writes, so that a loss measured behind it
 * is that of the saved model. True where a number changed.
 */
bool model_round(struct model *model);

#endif
