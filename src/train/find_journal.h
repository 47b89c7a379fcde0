/*
 * find_journal.h - the records of a search for the learning rate in a run's journal.
 */
#ifndef PACE_TRAIN_FIND_JOURNAL_H
#define PACE_TRAIN_FIND_JOURNAL_H

#include "train/run_journal.h"

/* "arm": one that has ended. */
void find_journal_arm(struct run_journal *j, const struct pace_search *search, int arm);

/* "search": what came of all of them. */
void find_journal_result(struct run_journal *j, const struct pace_search *search,
                         const struct pace_search_result *result);

#endif
