/*
 * export.h - models and adapters as GGUF files, as llama.cpp reads them.
 */
#ifndef PACE_MODEL_EXPORT_H
#define PACE_MODEL_EXPORT_H

#include "model/model.h"

struct export_options {
    bool has_type;               /* `type` was asked for; else: that of the model's embedding */
    enum dtype type;             /* of matrices: F32, F16 or BF16; vectors are F32 */
    const char *template_folder; /* whose chat template goes before the model's own; or NULL */
};

/* "f32", "f16", "bf16"; false for any other text. */
bool export_type_named(const char *name, enum dtype *type);

/* The type that matrices get. */
enum dtype export_type(const struct model *model, const struct export_options *options);

/*
 * Writes the model with its adapters folded in as one GGUF file. `path` is what it was opened from:
 * of a Hugging Face folder the description and the tokenizer are translated, of a GGUF file all
 * keys are copied. Tensors are made one after another, so that no second copy of the model is in
 * memory. Errors: ERR_IO; ERR_INPUT for a family, a description or a tokenizer that GGUF or
 * llama.cpp has not, and for numbers that are not finite in the type. No file is left then.
 */
MUST_CHECK bool export_model(const struct model *model, const char *path,
                             const struct export_options *options, const char *file,
                             struct err *err);

/*
 * Writes the model's adapters alone (there are some: CHECKed), F32 unless a type was asked for; for
 * llama.cpp's --lora. Errors: ERR_IO; ERR_INPUT for a family that is not known, and for copies of
 * whole modules, which such a file cannot hold.
 */
MUST_CHECK bool export_adapter(const struct model *model, const char *path,
                               const struct export_options *options, const char *file,
                               struct err *err);

#endif
