/*
 * story.h - what happened in a run, from its journal: the few decisions that matter among the many
 * that only follow the schedule, where the losses went, how it ended.
 */
#ifndef PACE_REPORT_STORY_H
#define PACE_REPORT_STORY_H

#include "logs/journal.h"

/* A decision worth telling, with those alike that follow it. */
struct story_event {
    const struct journal_entry *entry; /* the first of them */
    int64_t step, last_step; /* at which they were made, the first step being 1, as logs have it */
    size_t n;
};

enum story_end {
    STORY_DONE,       /* all steps were done */
    STORY_STOPPED,    /* the guard ended it */
    STORY_UNFINISHED, /* the journal ends in the middle: killed, or still running */
};

struct story {
    const struct journal *journal;
    struct story_event *events;
    size_t n_events;
    int64_t *steps;      /* [journal->n_entries]: steps done before each observation */
    int64_t n_gradients; /* observations of steps */
    int64_t n_evals;
    double first_loss; /* a mean of the first few, of the last few: NAN where there are none */
    double last_loss;
    double first_eval, best_eval, last_eval;
    int64_t best_eval_step;
    enum story_end end;
    int64_t first_step; /* above 0 where the search's steps before it are not told */
    int64_t end_step;   /* steps done */
};

/* The journal must outlive the story; arrays live in the arena. */
void story_make(struct story *story, const struct journal *journal, struct arena *arena);

#endif
