/*
 * log.h - what pace tells the person while it works. All of it goes to standard error: standard
 * output belongs to results.
 */
#ifndef PACE_BASE_LOG_H
#define PACE_BASE_LOG_H

#include "base/err.h"

enum log_level {
    LOG_QUIET,   /* errors alone */
    LOG_NORMAL,  /* notes and warnings */
    LOG_VERBOSE, /* details too */
};

void log_set_level(enum log_level level);

/* Breaks lines between words so that none has more columns, for a terminal; 0, as it is at first:
 * not. A warning is then written over an unfinished line, of progress. */
void log_set_width(size_t columns);

/* One line each; what is not safe to show in it becomes '?'. */
void log_detail(const char *format, ...) PRINTF_LIKE(1, 2);
void log_note(const char *format, ...) PRINTF_LIKE(1, 2);
void log_warning(const char *format, ...) PRINTF_LIKE(1, 2);

/*
 * "pace: where: what" and, below it, the hint:
 *
 *     pace: base model: model.safetensors: header claims 900 bytes but 40 follow
 *       hint: the download may be incomplete; fetch the file again
 */
void log_error(const struct err *err);

#endif
