/*
 * save.h - a whole model as a Hugging Face folder.
 */
#ifndef PACE_MODEL_SAVE_H
#define PACE_MODEL_SAVE_H

#include "model/model.h"

/*
 * Writes config.json (a copy of the one in the folder `path`, which the model was opened from),
 * generation_config.json where there is one, and model.safetensors with the base's parameters as
 * they are now, each in the dtype that it had in its file. The folder is there; it is not `path`.
 * Errors: ERR_IO; ERR_USAGE for a model that is not from such a folder.
 */
MUST_CHECK bool model_save(const struct model *model, const char *path, const char *folder,
                           struct err *err);

/*
 * Rounds what was trained to the dtypes that model_save writes, so that a loss measured behind it
 * is that of the saved model. True where a number changed.
 */
bool model_round(struct model *model);

#endif
