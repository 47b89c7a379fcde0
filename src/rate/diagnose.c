/*
 * diagnose.c - from a finished or foreign log to findings, a verdict and another learning rate.
 *
 * Each detector is a row of a table: it looks at the log as curves (curve.c) and reports what it
 * sees once. The rows stand in the order of importance, which is also the order in which causes
 * hide effects: a run without targets has no learning rate to judge, one whose numbers have broken
 * down has no plateau, a jump that a bad resume explains is no spike. A row says which earlier
 * findings make its own meaningless. The verdict is that of the first finding.
 *
 * The advice is the field's: halve after spikes, a third after a breakdown, four times as much
 * where nothing moves. The suggested rate stays within the bounds that the contract names.
 *
 * To add a detector: its function in diagnose_loss.c (reads the training loss) or diagnose_run.c
 * (reads the rest), a row here, its sentences in finding.c.
 */
#include <float.h>
#include <math.h>

#include "rate/diagnose.h"

struct detector {
    bool (*detect)(const struct curve *curve, struct pace_finding *found);
    unsigned silenced_by; /* a bit for each kind of finding that explains this one away */
};

#define BIT(kind) (1u << (kind))

enum {
    BROKEN = BIT(PACE_FINDING_NO_TARGETS) | BIT(PACE_FINDING_NAN) | BIT(PACE_FINDING_HIDDEN_NAN),
    RISEN = BIT(PACE_FINDING_DIVERGED) | BIT(PACE_FINDING_SPIKE) | BIT(PACE_FINDING_OSCILLATION) |
            BIT(PACE_FINDING_WARMUP_TOO_SHORT) | BIT(PACE_FINDING_RESUMED_WRONG),
};

static const struct detector detectors[] = {
    {detect_no_targets, 0},
    {detect_nan, BIT(PACE_FINDING_NO_TARGETS)},
    {detect_hidden_nan, BIT(PACE_FINDING_NO_TARGETS) | BIT(PACE_FINDING_NAN)},
    {detect_resumed_wrong, BROKEN},
    {detect_overfit, BROKEN},
    {detect_diverged, BROKEN | BIT(PACE_FINDING_RESUMED_WRONG)},
    {detect_blown_start, BROKEN | RISEN},
    {detect_eval_rise, BROKEN | RISEN | BIT(PACE_FINDING_OVERFIT)},
    {detect_early_rise, BROKEN | RISEN},
    {detect_excursions, BROKEN | RISEN},
    {detect_decay_too_fast, BROKEN | RISEN},
    {detect_unrest, BROKEN | RISEN | BIT(PACE_FINDING_DECAY_TOO_FAST)},
    {detect_flat, BROKEN | RISEN | BIT(PACE_FINDING_DECAY_TOO_FAST)},
    {detect_plateau, ~0u}, /* anything else explains it better */
};

static enum pace_verdict verdict_of(enum pace_finding_kind kind)
{
    static const enum pace_verdict verdicts[PACE_FINDING_COUNT] = {
        [PACE_FINDING_NO_TARGETS] = PACE_VERDICT_NOT_LEARNING_RATE,
        [PACE_FINDING_NAN] = PACE_VERDICT_DIVERGED,
        [PACE_FINDING_HIDDEN_NAN] = PACE_VERDICT_DIVERGED,
        [PACE_FINDING_DIVERGED] = PACE_VERDICT_DIVERGED,
        [PACE_FINDING_SPIKE] = PACE_VERDICT_TOO_HIGH,
        [PACE_FINDING_OSCILLATION] = PACE_VERDICT_TOO_HIGH,
        [PACE_FINDING_RESUMED_WRONG] = PACE_VERDICT_NOT_LEARNING_RATE,
        [PACE_FINDING_FLAT] = PACE_VERDICT_TOO_LOW,
        [PACE_FINDING_OVERFIT] = PACE_VERDICT_OVERFIT,
        [PACE_FINDING_WARMUP_TOO_SHORT] = PACE_VERDICT_WARMUP_TOO_SHORT,
        [PACE_FINDING_DECAY_TOO_FAST] = PACE_VERDICT_DECAYS_TOO_FAST,
        [PACE_FINDING_PLATEAU] = PACE_VERDICT_PLATEAU,
    };
    return verdicts[kind];
}

/*
 * The number that people would write next to x: at most x, or at least. Neighbours differ by a
 * third at most, so what is asked for between a third and a half of a rate stays there.
 */
static double round_number(double x, bool at_least)
{
    static const double digits[] = {1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10};
    static const double SLACK = 1e-9;
    double unit = pow(10, floor(log10(x) + SLACK)), found = 0;
    for (size_t i = 0; i < COUNT_OF(digits); i++) {
        /* Divided, not multiplied: 2 / 1e4 is the double that "2e-4" reads as. */
        double number = unit < 1 ? digits[i] / round(1 / unit) : digits[i] * unit;
        if (at_least && number >= x * (1 - SLACK))
            return number;
        if (number <= x * (1 + SLACK))
            found = number;
    }
    return found;
}

static double suggest(const struct pace_diagnosis *d)
{
    static const double RAISE = 3.6;
    if (!(d->used > DBL_MIN / DBL_EPSILON && isfinite(d->used)) || d->n_findings == 0)
        return NAN;
    switch (d->verdict) {
    case PACE_VERDICT_TOO_HIGH:
        return round_number(d->used / 2, false);
    case PACE_VERDICT_DIVERGED:
        return round_number(d->used / 3, true);
    case PACE_VERDICT_TOO_LOW:
        return round_number(d->used * RAISE, true);
    default:
        return NAN;
    }
}

void pace_diagnose(const struct pace_series *series, struct pace_diagnosis *diagnosis)
{
    struct arena arena = {0};
    struct curve curve;
    unsigned seen = 0;
    *diagnosis = (struct pace_diagnosis){.verdict = PACE_VERDICT_HEALTHY};
    curve_init(&curve, series, &arena);
    for (size_t i = 0; i < COUNT_OF(detectors); i++) {
        struct pace_finding found;
        if ((seen & detectors[i].silenced_by) || !detectors[i].detect(&curve, &found))
            continue;
        seen |= BIT(found.kind);
        diagnosis->findings[diagnosis->n_findings++] = found;
    }
    if (diagnosis->n_findings > 0)
        diagnosis->verdict = verdict_of(diagnosis->findings[0].kind);
    diagnosis->used = curve.peak;
    diagnosis->suggested = suggest(diagnosis);
    arena_release(&arena);
}
