/*
 * page_part.h - the parts of report.html, each in a file of its own.
 */
#ifndef PACE_REPORT_PAGE_PART_H
#define PACE_REPORT_PAGE_PART_H

#include "report/bowl.h"
#include "report/report.h"

/* More would make the page long, not clear: the journal has them all. */
enum { PAGE_EVENTS = 200, PAGE_ROWS = 100, PAGE_ANSWERS = 12, PAGE_POINTS = 2000 };

struct page {
    const struct report *report;
    const struct facts *facts;
    struct buf *out;
    struct arena *arena;
    struct bowl bowl;
};

/* The card of the learning rate: what was chosen, and the evidence. */
void page_rate_put(const struct page *page);

/* The curves as still pictures, and what happened in the run. */
void page_run_put(const struct page *page);

/* Answers, choices, data, memory and time. */
void page_facts_put(const struct page *page);

/* What the charts are drawn from, as JSON. */
void page_data_put(const struct page *page);

/* --- What the parts have in common. ----------------------------------------------------------- */

/* A pair of a <dl class="pairs">. */
void page_pair(const struct page *page, const char *name, const char *value);

/* A cell of a table; `class` may be "". NULL shows as nothing. */
void page_cell(const struct page *page, const char *class, const char *text);

/* A chart's place with its still picture; `kind` is its class. */
void page_chart(const struct page *page, const char *id, const char *kind, const struct plot *plot);

#endif
