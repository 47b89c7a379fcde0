/*
 * report_text.h - what one of the report's writers makes of a journal, for tests that look into it.
 */
#ifndef PACE_TEST_REPORT_TEXT_H
#define PACE_TEST_REPORT_TEXT_H

#include "test/support/made_run.h"
#include "test/support/support.h"

#include <string.h>

#include "report/report.h"

static struct buf report_output;

/* The text that `put` writes of the journal that `make` writes; valid until the next call. */
static inline const char *report_text(void (*make)(struct buf *),
                                      void (*put)(const struct report *, struct buf *))
{
    struct err err = {0};
    struct report r;
    struct buf journal;
    buf_init(&journal, BUF_NO_LIMIT);
    make(&journal);
    const char *path = temporary_file("journal.jsonl", buf_span(&journal));
    buf_release(&journal);
    buf_release(&report_output);
    buf_init(&report_output, BUF_NO_LIMIT);
    ASSERT_OK(report_open(&r, path, &err));
    put(&r, &report_output);
    report_close(&r);
    return buf_string(&report_output);
}

#define ASSERT_HAS(text, part)                                                                     \
    do {                                                                                           \
        if (!strstr((text), (part)))                                                               \
            fail_msg("\"%s\" is not in it", (part));                                               \
    } while (0)

#endif
