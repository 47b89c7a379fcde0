/*
 * search_race.c - the race: which beginnings of the run are tried, how long, and when one is ended.
 *
 * The first arm has the prior's rate. The second lies a step away: above where the held-out loss
 * has fallen far (jobs that gain much want more than the prior says), below where it has not. Then
 * the search goes on beyond the best while that lies at an edge, downwards in growing steps: where
 * a base knows the text already, the best rate can be a tenth of the prior's. Where the best lies
 * inside, the wider of the gaps beside it is halved. No arm comes near a rate that diverged.
 *
 * All arms have the same number of steps: as many arms as get SEARCH_STEPS_LEAST each out of
 *
 *     steps = (budget * total - (arms + 1) * evaluation) / arms
 *
 * More of them with fewer steps did better than fewer with more (doc/RATE.md).
 *
 * Where the run sees few rows several times, so does an arm: it goes through the rows of its first
 * fresh_steps again and again. A beginning of such a run sees everything for the first time and
 * cannot show what the rate does to rows that come again; the run in small shows it (doc/RATE.md).
 *
 * An arm that diverges ends at once; what it did not use is there for others. It does so where its
 * losses are not finite, or where the mean of its newest few is above the base's held-out loss, its
 * own first loss and that of the first arm at the same steps, by more than SEARCH_LOST: that arm
 * saw the same rows, and for itself, or further on, the base's loss is what rows are usually worth,
 * whereas a first batch may be of easy ones.
 */
#include "rate/search.h"

#include <math.h>

/* Below so many steps an arm has seen too little; without room for two there is no race. Where rows
 * come again three arms of four steps do better than two of six. */
#define SEARCH_STEPS_LEAST 5
#define SEARCH_STEPS_LEAST_AGAIN 4
#define SEARCH_ARMS_PLANNED 4
/* Decades between neighbours; downwards, a second time, so many times as far. */
#define SEARCH_STEP 0.33
#define SEARCH_GROWTH 1.75
/* Gaps wider than a step by this are worth halving. */
#define SEARCH_WIDE 1.2
/* A fall of the held-out loss, as a share, from which the second arm lies above the first. */
#define SEARCH_FALL 0.12
/* Arms keep so far away from a rate that diverged, in decades. */
#define SEARCH_CLEARANCE 0.15
#define SEARCH_NEWEST 3
#define SEARCH_LOST 0.25

/* ---------------------------------------------------------------------------------- bounds -- */

static int64_t steps_of_arms(const struct pace_search *s, int arms)
{
    const struct pace_search_options *o = &s->options;
    double left = o->budget * (double)o->total_steps - (arms + 1) * o->eval_cost;
    return (int64_t)fmin(fmax(floor(left / arms), 0), PACE_SEARCH_STEPS);
}

/* How often an arm sees its rows. */
static double times_of(const struct pace_search *s)
{
    return fmax(round(pow(10, s->options.repeats)), 1);
}

static int64_t steps_least(const struct pace_search *s, int arms)
{
    bool few = times_of(s) > 1 && arms < SEARCH_ARMS_PLANNED;
    return few ? SEARCH_STEPS_LEAST_AGAIN : SEARCH_STEPS_LEAST;
}

enum pace_search_reason search_race_obstacle(const struct pace_search *s)
{
    if (s->options.held_out_rows < 1)
        return PACE_FOUND_NO_ROWS;
    if (s->options.n_states < 1)
        return PACE_FOUND_NO_MEMORY;
    if (s->arm_steps < steps_least(s, 2))
        return PACE_FOUND_TOO_SHORT;
    return PACE_FOUND_COUNT;
}

bool search_race_diverges(const struct pace_search *s, const struct pace_arm *arm)
{
    double mine = 0, others = 0;
    const struct pace_arm *first = &s->arms[0];
    if (arm->done < SEARCH_NEWEST)
        return false;
    for (int64_t i = arm->done - SEARCH_NEWEST; i < arm->done; i++) {
        bool has_other = arm != first && i < first->done && isfinite(first->trace[i]);
        mine += arm->trace[i] / SEARCH_NEWEST;
        others += (has_other ? first->trace[i] : arm->trace[0]) / SEARCH_NEWEST;
    }
    double level = fmax(fmax(others, arm->trace[0]), s->base_loss);
    return mine > level + SEARCH_LOST * fabs(level);
}

/* ------------------------------------------------------------------------------------ arms -- */

static double at(const struct pace_search *s, int i)
{
    return log10(s->arms[i].learning_rate);
}

/* The measured arm with the lowest loss; -1 where none was measured. */
static int best_arm(const struct pace_search *s)
{
    int best = -1;
    for (int i = 0; i < s->n_arms; i++)
        if (s->arms[i].status == PACE_ARM_MEASURED &&
            (best < 0 || s->arms[i].loss < s->arms[best].loss))
            best = i;
    return best;
}

static void start_arm(struct pace_search *s, double log_rate)
{
    CHECK(s->n_arms < PACE_SEARCH_ARMS);
    struct pace_arm *arm = &s->arms[s->n_arms];
    *arm = (struct pace_arm){.learning_rate = pow(10, log_rate), .loss = NAN, .train = NAN};
    for (int i = 0; i < PACE_SEARCH_STEPS; i++)
        arm->trace[i] = NAN;
    s->request = (struct pace_search_request){.action = PACE_SEARCH_ARM,
                                              .arm = s->n_arms,
                                              .learning_rate = arm->learning_rate,
                                              .steps = s->arm_steps,
                                              .fresh_steps = s->fresh_steps,
                                              .average_from = s->arm_steps / 2};
    arm->is_edge = s->n_arms >= 2 && best_arm(s) > 0;
    s->n_arms++;
}

/* The tried rates next to an arm's, below and above; infinite for none. */
struct gap {
    double below, above;
};

static struct gap gaps_beside(const struct pace_search *s, int arm)
{
    struct gap gap = {INFINITY, INFINITY};
    for (int i = 0; i < s->n_arms; i++) {
        double off = at(s, i) - at(s, arm);
        if (off < 0)
            gap.below = fmin(gap.below, -off);
        if (off > 0)
            gap.above = fmin(gap.above, off);
    }
    return gap;
}

/* The lowest of the rates that diverged; infinite for none. */
static double diverged_rate(const struct pace_search *s)
{
    double x = INFINITY;
    for (int i = 0; i < s->n_arms; i++)
        if (s->arms[i].status == PACE_ARM_DIVERGED)
            x = fmin(x, at(s, i));
    return x;
}

/* Behind the first arm. */
static double second_place(const struct pace_search *s, double diverged)
{
    double fall = 1 - s->arms[0].loss / s->base_loss;
    double place = at(s, 0) + (fall > SEARCH_FALL ? SEARCH_STEP : -SEARCH_STEP);
    return place > diverged - SEARCH_CLEARANCE ? at(s, 0) - SEARCH_STEP : place;
}

/* Where the next arm would tell most; NAN where none would tell much. */
static double next_place(const struct pace_search *s)
{
    double diverged = diverged_rate(s), place = NAN;
    int best = best_arm(s);
    if (best < 0) /* all diverged: far below */
        return diverged - SEARCH_GROWTH * SEARCH_STEP;
    if (s->n_arms == 1)
        return second_place(s, diverged);
    struct gap gap = gaps_beside(s, best);
    double x = at(s, best), widest = fmax(gap.below, gap.above);
    if (isinf(gap.below))
        place = x - SEARCH_STEP * (x < at(s, 0) ? SEARCH_GROWTH : 1);
    else if (isinf(gap.above))
        place = x + SEARCH_STEP;
    else if (widest > SEARCH_WIDE * SEARCH_STEP)
        place = gap.below >= gap.above ? x - gap.below / 2 : x + gap.above / 2;
    return place > diverged - SEARCH_CLEARANCE ? NAN : place;
}

void search_race_begin(struct pace_search *s)
{
    int arms = SEARCH_ARMS_PLANNED;
    do
        s->arm_steps = steps_of_arms(s, arms);
    while (s->arm_steps < steps_least(s, arms) && --arms >= 2);
    s->fresh_steps = (int64_t)ceil((double)s->arm_steps / times_of(s));
    search_finish(s);
    if (search_race_obstacle(s) == PACE_FOUND_COUNT)
        s->request.action = PACE_SEARCH_BASE;
}

void search_race_go_on(struct pace_search *s)
{
    double place = log10(s->options.prior_rate);
    bool may = isfinite(s->base_loss) && s->n_arms < PACE_SEARCH_ARMS &&
               search_left(s) >= (double)s->arm_steps + s->options.eval_cost;
    if (s->n_arms > 0 && may)
        place = next_place(s);
    if (may && isfinite(place) && place > -9 && place < 1)
        start_arm(s, place);
    else
        search_finish(s);
}
