/*
 * options_json.h - what the user asked for, as JSON: kept with a run, so that it can be gone on
 * with without being told again.
 *
 *     {"arguments": ["/home/a/model", "/home/a/rows.jsonl"], "from_scratch": false,
 *      "given": {"learning-rate": "2e-4", "max-steps": 300, "no-shuffle": true}}
 */
#ifndef PACE_OPTIONS_OPTIONS_JSON_H
#define PACE_OPTIONS_OPTIONS_JSON_H

#include "format/json.h"
#include "options/options.h"

/*
 * Writes the arguments and the options that were given, as one object. Paths of what is there
 * become absolute, so that they hold in whatever folder they are read. The output folder is left
 * out: whoever reads this has found it. The writer's python_nan is set.
 */
void options_json_put(struct json_writer *w, const struct options *o);

/*
 * Reads the object that comes next into fresh options, whose texts then live in the arena. What
 * no command of `user`, their bits, knows or takes fails the reader.
 */
void options_json_read(struct json_reader *r, struct arena *arena, unsigned user,
                       struct options *o);

#endif
