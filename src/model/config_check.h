/*
 * config_check.h - what must hold of any description, from wherever it was read.
 */
#ifndef PACE_MODEL_CONFIG_CHECK_H
#define PACE_MODEL_CONFIG_CHECK_H

#include "model/config.h"

/* The sizes are there, within bounds, and divide each other. Errors: ERR_INPUT. */
MUST_CHECK bool config_check_sizes(const struct model_config *c, struct err *err);

/* The scales and the epsilon are finite numbers of the right sign. Errors: ERR_INPUT. */
MUST_CHECK bool config_check_numbers(const struct model_config *c, struct err *err);

#endif
