/*
 * names.c - the words of journals, logs of decisions and `--json` for what rate.h enumerates.
 *
 * They are part of the contract: scripts compare them. A new enum value wants its word here; the
 * tables are sized by the enums' counts, so one that is missing is NULL and fails the test.
 */
#include "base/base.h"
#include "pace/rate.h"

const char *pace_action_name(enum pace_action action)
{
    static const char *const names[PACE_ACTION_COUNT] = {
        [PACE_GO] = "go",     [PACE_CLIP] = "clip",     [PACE_SKIP] = "skip",
        [PACE_CUT] = "cut",   [PACE_RAISE] = "raise",   [PACE_ROLL_BACK] = "roll_back",
        [PACE_BEST] = "best", [PACE_ANNEAL] = "anneal", [PACE_STOP] = "stop",
    };
    CHECK((unsigned)action < PACE_ACTION_COUNT);
    return names[action];
}

const char *pace_arm_status_name(enum pace_arm_status status)
{
    static const char *const names[PACE_ARM_STATUS_COUNT] = {
        [PACE_ARM_RUNNING] = "running",
        [PACE_ARM_MEASURED] = "measured",
        [PACE_ARM_DIVERGED] = "diverged",
    };
    CHECK((unsigned)status < PACE_ARM_STATUS_COUNT);
    return names[status];
}

const char *pace_finding_name(enum pace_finding_kind kind)
{
    static const char *const names[PACE_FINDING_COUNT] = {
        [PACE_FINDING_NO_TARGETS] = "no_targets",
        [PACE_FINDING_NAN] = "nan",
        [PACE_FINDING_HIDDEN_NAN] = "hidden_nan",
        [PACE_FINDING_DIVERGED] = "diverged",
        [PACE_FINDING_SPIKE] = "spike",
        [PACE_FINDING_OSCILLATION] = "oscillation",
        [PACE_FINDING_RESUMED_WRONG] = "resumed_wrong",
        [PACE_FINDING_FLAT] = "flat",
        [PACE_FINDING_OVERFIT] = "overfit",
        [PACE_FINDING_WARMUP_TOO_SHORT] = "warmup_too_short",
        [PACE_FINDING_DECAY_TOO_FAST] = "decay_too_fast",
        [PACE_FINDING_PLATEAU] = "plateau",
    };
    CHECK((unsigned)kind < PACE_FINDING_COUNT);
    return names[kind];
}

const char *pace_verdict_name(enum pace_verdict verdict)
{
    static const char *const names[PACE_VERDICT_COUNT] = {
        [PACE_VERDICT_HEALTHY] = "healthy",
        [PACE_VERDICT_TOO_HIGH] = "too_high",
        [PACE_VERDICT_DIVERGED] = "diverged",
        [PACE_VERDICT_TOO_LOW] = "too_low",
        [PACE_VERDICT_DECAYS_TOO_FAST] = "decays_too_fast",
        [PACE_VERDICT_NOT_LEARNING_RATE] = "not_learning_rate",
        [PACE_VERDICT_PLATEAU] = "plateau",
        [PACE_VERDICT_OVERFIT] = "overfit",
        [PACE_VERDICT_WARMUP_TOO_SHORT] = "warmup_too_short",
    };
    CHECK((unsigned)verdict < PACE_VERDICT_COUNT);
    return names[verdict];
}
