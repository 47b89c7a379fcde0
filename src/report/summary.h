/*
 * summary.h - report.json: what a run came to, in numbers.
 */
#ifndef PACE_REPORT_SUMMARY_H
#define PACE_REPORT_SUMMARY_H

#include "report/report.h"

/* Appends the document; summary.c lists its members. */
void summary_put(const struct report *report, struct buf *out);

#endif
