/*
 * logs_folder.h - which files of a folder are the log of its newest run.
 */
#ifndef PACE_LOGS_LOGS_FOLDER_H
#define PACE_LOGS_LOGS_FOLDER_H

#include "base/arena.h"
#include "base/err.h"

struct logs_folder {
    const char **paths; /* to be read one behind another; more than one for event files alone */
    const char **parts; /* "train", "validation": what to put before the tags of each; or "" */
    size_t n_paths;
    const char *note; /* what was chosen among; or NULL */
};

/*
 * Searches the folder, and those below it. Errors: ERR_IO; ERR_INPUT where there is no log, or
 * where there are several that nothing chooses between: they are listed.
 */
MUST_CHECK bool logs_folder_find(struct logs_folder *log, const char *folder, struct arena *arena,
                                 struct err *err);

#endif
