/*
 * timeline.h - everything that happened in a run besides steps going as scheduled, in its order:
 * decisions of the guard, rows left out, resumes, the choice of what is saved.
 */
#ifndef PACE_REPORT_TIMELINE_H
#define PACE_REPORT_TIMELINE_H

#include "report/facts.h"
#include "report/story.h"

struct timeline_item {
    const char *action; /* "roll_back", "quarantine", … */
    const char *advice; /* what the guard thought; the action where it acts */
    const char *label;  /* what was done, or advised, as a person reads it: "roll back" */
    const char *reason; /* a sentence; "" where none was recorded */
    int64_t step, last_step;
    size_t n;         /* decisions alike that it stands for */
    bool changes_run; /* worth a mark in a picture: no gradient scaled down, no batch skipped */
    const struct story_event *event;       /* of the guard, or NULL */
    const struct facts_incident *incident; /* of another kind, or NULL */
};

struct timeline {
    struct timeline_item *items;
    size_t n_items;
};

/* Story and facts must outlive it; arrays and texts live in the arena. */
void timeline_make(struct timeline *timeline, const struct story *story, const struct facts *facts,
                   struct arena *arena);

#endif
