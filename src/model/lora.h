/*
 * lora.h - low-rank adapters on a model, as PEFT has them: fresh, from a folder, to a folder.
 *
 *     y = x W^T + scale (drop(x) A^T) B^T      scale = alpha / r, or alpha / sqrt(r) for rsLoRA
 *
 * Hu et al. 2021, arXiv:2106.09685; Kalajdzievski 2023, arXiv:2312.03732 (rsLoRA). Names of
 * modules, choices and files are PEFT's (0.21).
 */
#ifndef PACE_MODEL_LORA_H
#define PACE_MODEL_LORA_H

#include "base/arena.h"
#include "base/err.h"

struct model;

/* A rank or alpha of its own for the modules whose path, or an end of it behind a '.', matches the
 * regular expression. The first that matches counts. */
struct lora_pattern {
    const char *pattern;
    double value;
};

struct lora_options {
    const char *const *targets; /* paths, or ends of paths behind a '.'; none: PEFT's choice for the
                                   family, or all linear layers where PEFT has none */
    size_t n_targets;
    bool all_linear; /* all but the head; then `targets` are not looked at */
    size_t rank;
    double alpha, dropout;
    bool rslora;
    const struct lora_pattern *ranks, *alphas;
    size_t n_ranks, n_alphas;
    const char *const *saved; /* modules_to_save: trained copies of whole modules */
    size_t n_saved;
};

/*
 * Attaches fresh adapters: A uniform within 1 / sqrt(width of the input), B zero, as PEFT begins;
 * the copies of `saved` begin as what they copy. The model has none yet (CHECKed). Errors:
 * ERR_USAGE for a rank of 0, a target that names nothing or that cannot be adapted; ERR_MEMORY.
 */
MUST_CHECK bool lora_attach(struct model *model, const struct lora_options *options, uint64_t seed,
                            struct err *err);

/*
 * Attaches the adapters of a PEFT folder. Errors: ERR_IO; ERR_INPUT for another kind of adapter, an
 * option that pace has not (DoRA, biases …), or one made for another base: named with the tensor
 * and the shape that is wanted.
 */
MUST_CHECK bool lora_load(struct model *model, const char *folder, struct err *err);

/*
 * Writes adapter_config.json and adapter_model.safetensors (float32, Hugging Face's order of rows)
 * into a folder that is there. `base` is what base_model_name_or_path says. Errors: ERR_IO.
 */
MUST_CHECK bool lora_save(const struct model *model, const char *folder, const char *base,
                          struct err *err);

/* The options that the adapters were attached with; rank 0: there are none. */
const struct lora_options *lora_options_of(const struct model *model);

#endif
