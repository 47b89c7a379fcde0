/*
 * page.h - report.html: a run as a page that stands alone.
 */
#ifndef PACE_REPORT_PAGE_H
#define PACE_REPORT_PAGE_H

#include "report/report.h"

/* Appends the whole document. */
void page_put(const struct report *report, struct buf *out);

#endif
