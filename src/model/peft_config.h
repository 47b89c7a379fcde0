/*
 * peft_config.h - adapter_config.json, as PEFT writes it.
 */
#ifndef PACE_MODEL_PEFT_CONFIG_H
#define PACE_MODEL_PEFT_CONFIG_H

#include "base/span.h"
#include "model/lora.h"

struct peft_config {
    struct lora_options lora; /* `targets`: those of a list; none of a regular expression */
    bool is_partial;          /* some modules that the targets name are left out on purpose */
    bool fan_in_fan_out;
    const char *base; /* base_model_name_or_path; "" where it is null */
};

/* Texts live in the arena. Errors: ERR_INPUT for what is no adapter of low rank, or has an option
 * that changes what it computes in a way that pace has not: named. */
MUST_CHECK bool peft_config_parse(struct peft_config *config, struct arena *arena, struct span text,
                                  struct err *err);

/* Writes the file atomically. Errors: ERR_IO. */
MUST_CHECK bool peft_config_write(const struct peft_config *config, const char *path,
                                  struct err *err);

#endif
