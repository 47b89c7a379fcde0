/*
 * search.h - what the search for the rate is made of. The method is told in search.c, the estimate
 * in search_bowl.c. Included by search*.c alone.
 */
#ifndef PACE_RATE_SEARCH_H
#define PACE_RATE_SEARCH_H

#include "base/base.h"
#include "pace/rate.h"

/* What is believed of the best rate's logarithm. */
struct search_estimate {
    double mean, sd; /* decades */
    enum pace_search_reason reason;
    double number[PACE_NUMBERS];
};

/* A way to search: a row of the table in search.c. Each leaves the next request in s->request. */
struct search_row {
    const char *name;
    void (*begin)(struct pace_search *s);
    void (*go_on)(struct pace_search *s); /* behind each arm */
    void (*estimate)(const struct pace_search *s, struct search_estimate *e);
};

/* Ends the search. */
void search_finish(struct pace_search *s);

/* Steps that may still be spent. */
double search_left(const struct pace_search *s);

/* The arms of the race: search_race.c. */
void search_race_begin(struct pace_search *s);
void search_race_go_on(struct pace_search *s);

/* Why there is no race; PACE_FOUND_COUNT where there is one. */
enum pace_search_reason search_race_obstacle(const struct pace_search *s);

/* Whether the running arm, whose newest losses are in its trace, is beyond hope. */
bool search_race_diverges(const struct pace_search *s, const struct pace_arm *arm);

/* What the arms say: search_bowl.c. */
void search_bowl_estimate(const struct pace_search *s, struct search_estimate *e);

/* The loss's expected curvature at its best: nats per squared decade, below it; the right side is
 * SEARCH_RIGHT times as steep. */
double search_bowl_curvature(const struct pace_search *s);

#define SEARCH_RIGHT 1.6

/* As in prior.c: the chosen rate is so many sd below the mean, which is the least expected cost of
 * such a bowl. */
#define SEARCH_CAUTION 0.185

#endif
