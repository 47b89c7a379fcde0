/*
 * timeline.c - the guard's decisions and the run's other incidents, merged by their places in the
 * journal.
 *
 * The story has placed the guard's decisions; records of other kinds know how many observations
 * stood before them, and take the step of the one that follows. The choice of what is saved comes
 * last, with the step that it names.
 */
#include "report/timeline.h"

/* The step that the observation after the first n of them is about. */
static int64_t step_behind_entries(const struct story *s, size_t n)
{
    return n < s->journal->n_entries ? s->steps[n] : s->end_step;
}

static const char *label_of(const char *action, struct arena *arena)
{
    char *label = arena_string(arena, span_of(action));
    for (char *c = label; *c; c++)
        *c = *c == '_' ? ' ' : *c;
    return label;
}

static void add_event(struct timeline *t, const struct story_event *e, struct arena *arena)
{
    const struct pace_rate_decision *d = &e->entry->decision;
    t->items[t->n_items++] = (struct timeline_item){
        .action = pace_action_name(d->action),
        .advice = pace_action_name(d->advice),
        .label = label_of(pace_action_name(d->advice), arena),
        .reason = arena_string(arena, e->entry->reason),
        .step = e->step,
        .last_step = e->last_step,
        .n = e->n,
        .changes_run = d->advice != PACE_GO && d->advice != PACE_CLIP && d->advice != PACE_SKIP,
        .event = e,
    };
}

/* `action` is what it is where the record does not say. */
static void add_incident(struct timeline *t, const struct facts_incident *i, const char *action,
                         int64_t step, struct arena *arena)
{
    const char *name = i->action ? i->action : action;
    t->items[t->n_items++] = (struct timeline_item){
        .action = name,
        .advice = name,
        .label = label_of(name, arena),
        .reason = i->reason ? i->reason
                  : strcmp(name, "resume") == 0
                      ? "the run was cut off, and went on from the checkpoint of this step"
                      : "",
        .step = step,
        .last_step = step,
        .n = 1,
        .incident = i,
    };
}

static size_t entry_index(const struct story *s, size_t event)
{
    return (size_t)(s->events[event].entry - s->journal->entries);
}

/* Incidents of one kind, and how many of them have been told. */
struct told {
    const struct facts_incident *list;
    size_t n, at;
    const char *action;
};

/* Of two kinds the one whose next incident comes first; NULL where none stands before the entry. */
static struct told *next_before(struct told *a, struct told *b, size_t until)
{
    size_t at_a = a->at < a->n ? a->list[a->at].n_entries : SIZE_MAX;
    size_t at_b = b->at < b->n ? b->list[b->at].n_entries : SIZE_MAX;
    struct told *first = at_a <= at_b ? a : b;
    return first->at < first->n && first->list[first->at].n_entries <= until ? first : NULL;
}

void timeline_make(struct timeline *t, const struct story *s, const struct facts *f,
                   struct arena *arena)
{
    size_t most = s->n_events + f->n_quarantined + f->n_resumes + 1;
    struct told resumes = {f->resumes, f->n_resumes, 0, "resume"};
    struct told rows = {f->quarantined, f->n_quarantined, 0, "quarantine"};
    *t = (struct timeline){.items = arena_array(arena, struct timeline_item, most)};
    for (size_t i = 0; i <= s->n_events; i++) {
        size_t until = i < s->n_events ? entry_index(s, i) : SIZE_MAX;
        for (struct told *told; (told = next_before(&resumes, &rows, until)) != NULL; told->at++) {
            const struct facts_incident *incident = &told->list[told->at];
            add_incident(t, incident, told->action, step_behind_entries(s, incident->n_entries),
                         arena);
        }
        if (i < s->n_events)
            add_event(t, &s->events[i], arena);
    }
    if (!f->choice.action)
        return;
    bool has_step = f->choice.step >= 0 && f->choice.step < 1e15;
    add_incident(t, &f->choice, "go", has_step ? (int64_t)f->choice.step : s->end_step, arena);
    struct timeline_item *choice = &t->items[t->n_items - 1];
    choice->changes_run = strcmp(f->choice.action, "go") != 0;
    if (!choice->changes_run) /* the last weights, as they are */
        choice->label = "saved";
}
