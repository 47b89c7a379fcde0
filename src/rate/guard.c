/*
 * guard.c - what watches over a run: the method, and the table of its rules.
 *
 * A learning rate that is too high is not always seen at once: the run goes well for 300 steps,
 * then the loss jumps and stays up; or a batch turns up that makes all numbers NaN. The field's
 * answers, and where each is found here:
 *
 *   scale down gradients far above their norm      ZClip, arXiv 2504.02507          guard_gradient
 *   leave out batches that are further out still   OLMo's skip-step optimizer       guard_gradient
 *   go back to before a spike, and on from there   PaLM, arXiv 2204.02311, 5.1      guard_risen
 *   halve the rate before changing anything else   every guide there is             guard_risen
 *   the same, by means over many losses            (noise hides what explodes)      guard_lost
 *   the same, where all tokens are given alike     (the loss of a guess, exactly)   guard_collapsed
 *   the same, of random weights, which have        (with a prior: they can only    guard_overshot,
 *   nothing to undo                                fail to learn)                  guard_stuck
 *   the same, by held-out losses                   (which have hardly any noise)    guard_held_out_
 *   raise it three- to five-fold where the loss    the same guides; with a prior    guard_flat,
 *   does not move                                  as the second witness            guard_slow_
 *   let the rate fall where only noise is left     arXiv 2405.18392                 guard_plateau
 *   keep the best state, stop when over-fitting    Prechelt 1998, early stopping    guard_overfit
 *
 * Each is known to do harm when it is triggered by chance, so the work is in not being fooled. All
 * rules share four principles:
 *
 *   robust     levels are medians, noise comes from differences: no single number decides
 *   certain    what is called unusual is so by five standard errors or more, since a run of 100,000
 *              steps asks the question 100,000 times
 *   material   and it must matter: a share of the loss, or of the progress made
 *   patient    what mends itself is left alone; what is done is bounded in number
 *
 * At each observation the senses (guard_sense.c) are updated, then the rules are asked in the order
 * of this table; the first one that fires decides, and rate.c carries it out. A rule changes
 * nothing. To add one: write the function, declare it in guard.h, give it a row here and its reason
 * a sentence in reason.c. Its thresholds go to guard.h, where all of them stand with their reasons.
 *
 * Order: what makes other evidence worthless comes first. A batch without targets has no loss; a
 * loss that is not a number has no level; a raise on trial explains what happens under it; a jump
 * of the loss explains swings; trends mean something only where none of these happened.
 */
#include "rate/guard.h"

static const struct guard_row {
    enum pace_obs_kind on;
    guard_rule *fires;
} rules[] = {
    /* clang-format off */
    {PACE_OBS_STEP, guard_no_targets},
    {PACE_OBS_STEP, guard_raise_failed},
    {PACE_OBS_STEP, guard_not_finite},
    {PACE_OBS_STEP, guard_collapsed},
    {PACE_OBS_STEP, guard_overshot},
    {PACE_OBS_STEP, guard_risen},
    {PACE_OBS_STEP, guard_lost},
    {PACE_OBS_STEP, guard_gradient},
    {PACE_OBS_STEP, guard_oscillation},
    {PACE_OBS_STEP, guard_stuck},
    {PACE_OBS_STEP, guard_flat},
    {PACE_OBS_STEP, guard_plateau},
    {PACE_OBS_EVAL, guard_best_at_the_end},
    {PACE_OBS_EVAL, guard_slow_held_out},
    {PACE_OBS_EVAL, guard_held_out_risen},
    {PACE_OBS_EVAL, guard_best_so_far},
    {PACE_OBS_EVAL, guard_overfit},
    /* clang-format on */
};

bool guard_judge(const struct guard_scene *scene, struct guard_verdict *verdict)
{
    for (size_t i = 0; i < COUNT_OF(rules); i++) {
        *verdict = (struct guard_verdict){.change = 0};
        if (rules[i].on == scene->obs->kind && rules[i].fires(scene, verdict))
            return true;
    }
    return false;
}
