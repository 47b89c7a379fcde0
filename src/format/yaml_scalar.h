/*
 * yaml_scalar.h - what type an unquoted word of YAML has. Used by yaml.c alone.
 */
#ifndef PACE_FORMAT_YAML_SCALAR_H
#define PACE_FORMAT_YAML_SCALAR_H

#include "format/yaml.h"

/* Sets type and value from the text of a plain scalar. False for "<<", the merge key. */
bool yaml_scalar_type(struct yaml_node *node);

/* The same where an explicit tag says the type. False where the text does not fit, or for others.
 */
bool yaml_scalar_retype(struct yaml_node *node, const char *tag);

#endif
