/*
 * search_view.h - how a search for the learning rate is shown: its arms, the bowl, the bill.
 */
#ifndef PACE_CLI_SEARCH_VIEW_H
#define PACE_CLI_SEARCH_VIEW_H

#include "cli/term.h"
#include "format/json.h"
#include "pace/rate.h"

/* A search that has ended, and what it has found. */
struct search_shown {
    const struct pace_search *search;
    const struct pace_search_result *result;
};

/* For the terminal: why, a table of arms, a plot of the bowl, what errors cost, the bill. */
void search_view_text(const struct search_shown *shown, const struct term *term, struct buf *out);

/* "arms": [{"learning_rate", "loss", "se", "status", "steps", "train_loss"}…] */
void search_view_json_arms(const struct search_shown *shown, struct json_writer *w);

/* "search": {"method", "reason", "sd", "base_loss", "double_cost", "half_cost", "curvature",
 * "arm", "steps"} */
void search_view_json_outcome(const struct search_shown *shown, struct json_writer *w);

#endif
