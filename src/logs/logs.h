/*
 * logs.h - what other trainers leave behind, read into one form.
 *
 *     struct log_file log;
 *     if (!log_read(&log, "output/checkpoint-500", &arena, err)) …
 *     pace_diagnose(&log.series, &diagnosis);
 *
 * The format is recognised by content, not by name: a table of readers, each with a test for the
 * first bytes and a function that reads the whole. A folder is searched for what it holds:
 * trainer_state.json (the newest checkpoint's), trainer_log.jsonl, event files, journal.jsonl.
 */
#ifndef PACE_LOGS_LOGS_H
#define PACE_LOGS_LOGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "pace/rate.h"

struct log_file {
    const char *path;   /* the file that was read; inside the folder that was given */
    const char *format; /* the reader's name: "trainer_state", "tensorboard", "console" … */
    struct pace_series series; /* the points live in the arena */
    const char *const
        *columns; /* what was found: "loss", "learning_rate", … as the log calls them */
    size_t n_columns;
    const char *notes[8]; /* what the reader corrected or left out, a sentence each */
    size_t n_notes;
};

/*
 * Reads a log, whatever its format; `path` "-" is standard input. Points are in the order of steps;
 * what was trained again after a run was taken up from a checkpoint is left out. Errors: ERR_IO;
 * ERR_INPUT for content that no reader knows (the hint lists what is read, `what` says what was
 * found instead), or that is broken.
 */
MUST_CHECK bool log_read(struct log_file *log, const char *path, struct arena *arena,
                         struct err *err);

/* The same of bytes in memory, which need not outlive the call; `path` is kept for the report. */
MUST_CHECK bool log_read_bytes(struct log_file *log, struct span bytes, const char *path,
                               struct arena *arena, struct err *err);

/* The readers, for help: name and one line about it. False behind the last. */
bool log_reader(size_t index, const char **name, const char **about);

#endif
