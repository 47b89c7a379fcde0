/*
 * reason.c - the sentences: why something is done, and what.
 *
 * One table per question, so that the log line, the report and the web page say the same thing.
 * A sentence is put together from
 *
 *   the reason     what was seen, with its numbers:   "loss rose from 2.1 to 3.9 within 6 steps"
 *   the remedy     what is done about it:             "back to step 140, learning rate halved"
 *   or an advice   what the guard would do but may not:       "advice: leave this batch out"
 *
 * In a text, {0} to {3} stand for the decision's numbers, {step} for its step, {rate} for its
 * learning rate, {change} for what the rate was changed by, {s} for an s unless the number before
 * it is 1. The words in the first column are those
 * of journals and `--json`: scripts compare them.
 *
 * To add a reason: its value in rate.h, its row here, its numbers by the rule that gives it.
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/base.h"
#include "pace/rate.h"

static const struct reason_row {
    const char *word;
    const char *seen;
} reasons[PACE_REASON_COUNT] = {
    [PACE_REASON_SCHEDULE] = {"schedule", "learning rate {rate}, as scheduled"},
    [PACE_REASON_GRADIENT_OUTLIER] = {"gradient_outlier",
                                      "gradient norm {0} is {2} times the usual {1}"},
    [PACE_REASON_POISONED_BATCH] =
        {"poisoned_batch", "batch {0} is out of the ordinary for the {1}. time: its data is bad"},
    [PACE_REASON_NON_FINITE] = {"non_finite", "not finite: loss {0}, gradient norm {1}"},
    [PACE_REASON_NON_FINITE_STATE] =
        {"non_finite_state",
         "{0} batches in a row were not finite, behind {1} update{s}: the weights "
         "themselves are broken"},
    [PACE_REASON_LOSS_SPIKE] =
        {"loss_spike",
         "loss rose from {0} to {1} within {2} step{s} and stayed there (its noise: {3})"},
    [PACE_REASON_DIVERGENCE] = {"divergence",
                                "loss was {3} at the start, {0} at its lowest, and is {1} now"},
    [PACE_REASON_COLLAPSED] =
        {"collapsed", "loss is {0}, that of a guess among all tokens, on {1} batches in a row: the "
                      "model gives all tokens alike"},
    [PACE_REASON_OVERSHOT] = {"overshot",
                              "loss went from {0}, that of a guess, up to {1}, and a far "
                              "lower learning rate is expected"},
    [PACE_REASON_STUCK] = {"stuck",
                           "loss {3} fell by {0} in {2} steps, by no more than chance ({1}), "
                           "and a far lower learning rate is expected"},
    [PACE_REASON_HELD_OUT_RISEN] = {"held_out_risen",
                                    "held-out loss is {1}, {2} step{s} after a loss of {0}"},
    [PACE_REASON_HARDER_DATA] = {"harder_data",
                                 "loss rises by {1} from step {0} on at a lower learning rate as "
                                 "well: the data is harder there"},
    [PACE_REASON_OSCILLATION] = {"oscillation",
                                 "loss swings by {0} over {2} step{s}, usually by {1}"},
    [PACE_REASON_FLAT] = {"flat",
                          "loss {3} fell by {0} in {2} step{s}, by no more than chance ({1})"},
    [PACE_REASON_SLOW] = {"slow", "loss {3} fell by only {0} in {2} step{s}, and a higher learning "
                                  "rate is expected"},
    [PACE_REASON_RAISE_FAILED] = {"raise_failed",
                                  "loss went from {0} to {1} in {2} step{s} behind a raise by {3}"},
    [PACE_REASON_RECOVERED] =
        {"recovered", "all numbers were finite for {0} step{s}: the temporary cut is over"},
    [PACE_REASON_PLATEAU] =
        {"plateau",
         "loss {3} fell by {0} in {2} step{s}, by no more than chance ({1}), after it had "
         "fallen well"},
    [PACE_REASON_OVERFIT] =
        {"overfit",
         "held-out loss is {1}, it was {0} at step {2}; training loss fell by {3} since"},
    [PACE_REASON_NO_TARGETS] =
        {"no_targets", "nothing to learn from in {0} batches in a row: no target tokens, or a loss "
                       "of exactly zero"},
    [PACE_REASON_BEST_SO_FAR] = {"best_so_far", "held-out loss {0} is the lowest so far"},
    [PACE_REASON_GIVE_UP] = {"give_up",
                             "{0} incident{s}, {1} step{s} done twice, and it still breaks"},
    [PACE_REASON_DONE] = {"done", "all {0} steps are done"},
};

/* Why the search found what it found. {0}: arms, {1}: their steps, {2}: a factor, {3}: percent by
 * which the held-out loss had fallen; TOO_SHORT: {0}: steps of the run; BROKEN: {2}: the lowest. */
static const struct reason_row found[PACE_FOUND_COUNT] = {
    [PACE_FOUND_ASKED] = {"asked", "the first guess alone, from other jobs' runs; nothing was "
                                   "trained"},
    [PACE_FOUND_TOO_SHORT] = {"too_short",
                              "the first guess alone: in a run of {0} step{s} a quarter "
                              "has no room for arms that tell anything"},
    [PACE_FOUND_NO_ROWS] = {"no_rows", "the first guess alone: there are no held-out rows to "
                                       "measure arms on"},
    [PACE_FOUND_NO_MEMORY] = {"no_memory", "the first guess alone: there is no memory for a second "
                                           "state of what is trained"},
    [PACE_FOUND_BROKEN] = {"broken", "none of {0} arms could be measured, down to a rate of {2}: "
                                     "the rate is not what is wrong, or it must be far lower"},
    [PACE_FOUND_AGREES] = {"agrees",
                           "{0} arms of {1} step{s}, in which the held-out loss fell by {3} "
                           "%, agree with the first guess (by a factor of {2})"},
    [PACE_FOUND_HIGHER] = {"higher",
                           "{0} arms of {1} step{s}, in which the held-out loss fell by {3} "
                           "%, speak for {2} times the first guess"},
    [PACE_FOUND_LOWER] = {"lower",
                          "{0} arms of {1} step{s}, in which the held-out loss fell by {3} "
                          "%, speak for the first guess divided by {2}"},
};

static const struct remedy_row {
    const char *done;
    const char *advised;
} remedies[PACE_ACTION_COUNT] = {
    [PACE_GO] = {"", ""},
    [PACE_CLIP] = {"scaled down to {3}", "scale it down"},
    [PACE_SKIP] = {"this batch is left out", "leave this batch out"},
    [PACE_CUT] = {"learning rate {change}", "halve the learning rate"},
    [PACE_RAISE] = {"learning rate {change}", "raise the learning rate three- to five-fold"},
    [PACE_ROLL_BACK] = {"back to step {step}, learning rate {change}, with a short warmup",
                        "go back to an earlier state and go on at half the learning rate"},
    [PACE_BEST] = {"back to the state with the lowest held-out loss, {2}; it was {1} at the end",
                   "take the state with the lowest held-out loss"},
    [PACE_ANNEAL] = {"from here on the learning rate falls in a straight line to zero",
                     "let the learning rate fall to zero from here on"},
    [PACE_STOP] = {"the run ends here", "end the run here"},
};

const char *pace_reason_name(enum pace_reason reason)
{
    CHECK((unsigned)reason < PACE_REASON_COUNT);
    return reasons[reason].word;
}

/* -------------------------------------------------------------------------------- writing -- */

/* As snprintf: writes what fits, counts everything. */
struct text {
    char *at;
    size_t size, len;
    double number; /* the last one in it */
};

static void put(struct text *t, const char *format, ...) PRINTF_LIKE(2, 3);

static void put(struct text *t, const char *format, ...)
{
    va_list args;
    size_t left = t->len < t->size ? t->size - t->len : 0;
    va_start(args, format);
    int n = vsnprintf(left > 0 ? t->at + t->len : NULL, left, format, args);
    va_end(args);
    t->len += n > 0 ? (size_t)n : 0;
}

static void put_number(struct text *t, double x)
{
    t->number = x;
    if (isnan(x))
        put(t, "nan"); /* without the sign that printf shows */
    else if (x == floor(x) && fabs(x) < 1e15)
        put(t, "%.0f", x);
    else
        put(t, "%.3g", x);
}

static void put_change(struct text *t, double change)
{
    if (change == 0.5)
        put(t, "halved");
    else if (change == 2)
        put(t, "doubled");
    else if (change < 1)
        put(t, "divided by %.3g", 1 / change);
    else
        put(t, "multiplied by %.3g", change);
}

static void put_place(struct text *t, const struct pace_rate_decision *d, const char *place)
{
    if (strncmp(place, "step}", 5) == 0)
        put_number(t, (double)d->step);
    else if (strncmp(place, "rate}", 5) == 0)
        put(t, "%.3g", d->learning_rate);
    else if (strncmp(place, "change}", 7) == 0)
        put_change(t, d->change);
    else if (strncmp(place, "s}", 2) == 0)
        put(t, "%s", t->number == 1 ? "" : "s");
    else
        put_number(t, d->number[place[0] - '0']);
}

static void fill_in(struct text *t, const struct pace_rate_decision *d, const char *sentence)
{
    for (const char *at = sentence; *at; at++) {
        if (*at != '{') {
            put(t, "%c", *at);
            continue;
        }
        put_place(t, d, at + 1);
        at = strchr(at, '}');
    }
}

size_t pace_rate_explain(const struct pace_rate_decision *d, char *text, size_t size)
{
    struct text t = {text, size, 0, 0};
    CHECK((unsigned)d->reason < PACE_REASON_COUNT && (unsigned)d->action < PACE_ACTION_COUNT);
    CHECK((unsigned)d->advice < PACE_ACTION_COUNT);
    fill_in(&t, d, reasons[d->reason].seen);
    if (d->action != PACE_GO) {
        put(&t, "; ");
        fill_in(&t, d, remedies[d->action].done);
        if (d->action == PACE_SKIP && d->change < 1)
            fill_in(&t, d,
                    ", learning rate {change} until the numbers have been finite for a while");
        if (d->action == PACE_STOP && d->restore_slot >= 0)
            put(&t, ", with the state of step %lld", (long long)d->step);
    } else if (d->advice != PACE_GO) {
        put(&t, "; advice: ");
        fill_in(&t, d, remedies[d->advice].advised);
    }
    if (size > 0 && t.len == 0)
        text[0] = '\0';
    return t.len;
}

const char *pace_search_reason_name(enum pace_search_reason reason)
{
    CHECK((unsigned)reason < PACE_FOUND_COUNT);
    return found[reason].word;
}

size_t pace_search_explain(const struct pace_search_result *r, char *text, size_t size)
{
    struct text t = {text, size, 0, 0};
    struct pace_rate_decision numbers = {0};
    CHECK((unsigned)r->reason < PACE_FOUND_COUNT);
    memcpy(numbers.number, r->number, sizeof numbers.number);
    fill_in(&t, &numbers, found[r->reason].seen);
    return t.len;
}
