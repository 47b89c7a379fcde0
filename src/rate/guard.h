/*
 * guard.h - what the guard is made of: its limits, its senses, its rules. The method is told in
 * guard.c. Included by guard*.c and rate.c alone.
 */
#ifndef PACE_RATE_GUARD_H
#define PACE_RATE_GUARD_H

#include "base/base.h"
#include "pace/rate.h"

/* ==================================================================================== limits == */
/*
 * Every threshold of the guard, with its reason. "Sigma" is the noise of a single batch's loss,
 * measured from differences of neighbours, so that neither a trend nor a few outliers count.
 */

/* --- numbers that are not finite */
/* One is a batch; two may be chance; three batches in a row are broken weights. */
#define GUARD_NOT_FINITE_IN_ROW 3
/* Rate after a batch that was not finite, until as many finite losses have been seen. */
#define GUARD_QUICK_CUT 0.5
#define GUARD_QUICK_STEPS 16

/* --- nothing to learn from */
/* Empty batches from the first on; one alone may be a long prompt that was cut off. */
#define GUARD_EMPTY_IN_ROW 3

/* --- gradients */
/* ZClip begins after 25, OLMo after 64; the ninth decile of fewer than 32 is three numbers. */
#define GUARD_NORMS_LEAST 32
/* Spread = ninth decile minus median of log norms: 1.28 sigma of a normal, 1.6 of a Pareto tail.
 * 5.5 of them are 7 sigma of a normal, and once in ten thousand steps of any Pareto tail. */
#define GUARD_CLIP_SPREADS 5.5
#define GUARD_CLIP_TARGET_SPREADS 2.0
#define GUARD_SKIP_SPREADS 8.0
/* Norms that hardly vary: a spread of 0.2 is 17 % of noise; below that, chance looks extreme. */
#define GUARD_SPREAD_LEAST 0.2
/* Whatever the spread: twice the usual is no outlier. Clipping from 4 times on, skipping from 8. */
#define GUARD_CLIP_RATIO 4.0
#define GUARD_SKIP_RATIO 8.0
/* More in a row are no outliers but a new level, which the rules for losses are to judge. */
#define GUARD_SKIPS_IN_ROW 3

/* --- levels of the loss: medians of the newest few */
#define GUARD_SHORT 5  /* what is called risen: one or two bad batches do not move it */
#define GUARD_LEVEL 16 /* what is called the level */
#define GUARD_BASE 48  /* what is called the level before: older than those of GUARD_SHORT */
/* What is called the lowest, once there are so many. The lowest of all medians in 100,000 steps is
 * too low by 0.7 sigma with 64 losses, by 1.4 with 16. */
#define GUARD_LONG 64
/* A median of 5 has a standard error of 0.56 sigma: 3.4 sigma are six of them. */
#define GUARD_SPIKE_SIGMAS 3.4
/* Against one loss, the first: its own sigma adds up to 1.15. It is drawn once in a run and not at
 * each step: 3.5 sigma are three errors, one run in seven hundred. */
#define GUARD_START_SIGMAS 3.5
/* That sigma is itself a guess: the median of n differences errs by 1.17 / sqrt(n), of five by a
 * half. So many differences double the margin; thirty hardly widen it. */
#define GUARD_START_FEW 4.0
/* Whatever the noise: batches differ by a nat at most, so three nats, or three times the first
 * loss, above it are out of the ordinary. */
#define GUARD_START_TIMES 3.0
/* What is taken for a loss's share in a block's mean. */
#define GUARD_TAMED_SIGMAS 5.0
/* What a spike must undo of the progress so far, or add to the loss, to be worth a roll-back. */
#define GUARD_SPIKE_PROGRESS 0.10
#define GUARD_SPIKE_SHARE 0.05
/* Divergence, against the lowest level ever: half of all progress is gone. */
#define GUARD_DIVERGENCE_PROGRESS 0.5
#define GUARD_DIVERGENCE_SIGMAS 3.0
/* The same of block means: how many standard errors, how much of the progress. */
#define GUARD_LOST_ERRORS 5.0
#define GUARD_LOST_PROGRESS 0.75
/* Most spikes go away by themselves. A raised loss is looked at every so many steps (a share of the
 * run, within bounds); while its excess falls by this share in between, it is left alone. */
#define GUARD_PATIENCE_SHARE 0.04
#define GUARD_PATIENCE_LEAST 3
#define GUARD_PATIENCE_MOST 12
#define GUARD_RECOVERING 0.7
/* Risen again at the same steps by as much, though the rate was cut: so it is the data. */
#define GUARD_AGAIN_STEPS 5
#define GUARD_AGAIN_SHARE 0.2
/* A start at less than this share of the loss of a guess is one of a trained model. */
#define GUARD_BELOW_GUESS 0.9

/* Where a prior says that the rate is too high by two of its deviations, a rise above the base by
 * this share, and by the noise of so many losses, is enough: two findings that agree. */
#define GUARD_SHOCK_SHARE 0.1
#define GUARD_SHOCK_SIGMAS 1.0
/* A model that begins as a guess, where a prior says that the rate is too high by two of its
 * deviations: so far above the base is more than its batches differ by. Good rates never went above
 * it, ten times a good one by 4 %, twenty times by 5 to 28. */
#define GUARD_OVERSHOT_SHARE 0.03
/* ... and in so many blocks its loss goes on falling, while more than this share of it is left:
 * frequencies alone are worth a seventh of it in a vocabulary of 1,000, a third in one of 50,000.
 */
#define GUARD_STUCK_BLOCKS 3
#define GUARD_STUCK_LEVEL 0.6
/* With half of the run left, to begin again can still pay. */
#define GUARD_GUESS_BEFORE 0.5
/* So many losses in a row, each that of a guess to within this share, are a model that gives all
 * tokens alike: batches of a model that says anything differ by a hundredth. The first loss must
 * have been further away, by so many times. */
#define GUARD_GUESSES 8
#define GUARD_GUESS_SHARE 1e-4
#define GUARD_GUESS_AWAY 5

/* --- oscillation: swings around the trend of so many losses, against their usual size */
#define GUARD_SWING 32
#define GUARD_SWING_RATIO 4.0
/* Noise may grow by itself (a classifier's does, as its answers get surer); swings of the weights
 * show as correlation of neighbours, of either sign: chance gives 0.18 with 32 losses. */
#define GUARD_SWING_CORRELATION 0.6

/* --- trends: blocks of a twentieth of the run */
#define GUARD_BLOCK_LEAST 8
/* Two standard errors: what is called significant. */
#define GUARD_SIGNIFICANT 2.0
/* Flat: at least so many blocks behind the warmup, over which the loss can have fallen by no more
 * than this share of itself; and by no more than that in the whole run, were it to go on so. */
#define GUARD_FLAT_BLOCKS 2
#define GUARD_FLAT_SHARE 0.05
#define GUARD_FLAT_PACE 0.1
/* Where a prior says that the rate is too low by more than two of its deviations, slow is enough:
 * two findings that agree need less of each. */
#define GUARD_SLOW_SHARE 0.1
/* A prior that says so by as many deviations needs no certainty of the losses beside it. */
#define GUARD_SURE 4.0
/* No prior is better than this, in decades. */
#define GUARD_PRIOR_SD_LEAST 0.05
/* With half of the run left, a raise can still pay. */
#define GUARD_RAISE_BEFORE 0.5
#define GUARD_RAISE_LEAST 3.0
#define GUARD_RAISE_MOST 5.0
#define GUARD_RAISES 4
/* Not to within this share of a rate that broke the run. */
#define GUARD_RAISE_BELOW 0.5
/* Blocks in which a raise is on trial; how much worse, in standard errors and as a share, is worse.
 * One trial is seen many times over a run's life, hence not the two errors of above. */
#define GUARD_TRIAL_BLOCKS 2
#define GUARD_WORSE_ERRORS 3.0
#define GUARD_WORSE_SHARE 0.01
/* Plateau: at most this share of all progress in a fifth of the run. */
#define GUARD_PLATEAU_SHARE 0.02
#define GUARD_PLATEAU_BLOCKS 4
/* A rate that the schedule leaves at half or more until the end is not falling. */
#define GUARD_STILL_HIGH 0.5

/* --- held-out loss */
/* How far above the best: a share of it, and of what was gained; how many evaluations in a row. The
 * best state is safe in its slot, so that waiting costs no more than time: hence the patience. */
#define GUARD_OVERFIT_SHARE 0.01
#define GUARD_OVERFIT_GAIN 0.1
#define GUARD_OVERFIT_EVALS 3
/* Broken, where the training loss does not fall: by half of the gain, and by this share of the
 * best; or, at the first evaluation, of the first training loss, which is of other rows. */
#define GUARD_EVAL_SHARE 0.1
#define GUARD_FIRST_EVAL_SHARE 0.3
#define GUARD_EVAL_GROWS 1.1
/* Meanwhile the level of the training loss must have fallen: 0.9 sigma are two errors of that. */
#define GUARD_OVERFIT_SIGMAS 0.9
/* ... and most of its largest fall still be there. */
#define GUARD_OVERFIT_HOLDS 0.75

/* --- remedies */
/* States are kept every fiftieth of the run, and for four and sixteen times as long (guard_slot.c).
 */
#define GUARD_KEEP_SHARE 0.02
#define GUARD_KEEP_TIMES 4
/* Not while the loss is on its way up: half-way to an alarm. */
#define GUARD_KEEP_STRAIN 0.5
#define GUARD_KEEP_LEAST 10
#define GUARD_KEEP_MOST 200
/* A state must be older than the onset by this: the update that broke it came before. */
#define GUARD_ONSET_MARGIN 2
/* The short warmup behind a roll-back. */
#define GUARD_WARM_STEPS 10
/* An incident after so much calm begins at the first rung of the ladder again. */
#define GUARD_CALM_SHARE 0.2
#define GUARD_CALM_LEAST 100
/* A state that was gone back to so often in a row, and broke again, is not trusted any more. */
#define GUARD_SAME_STATE 2
/* What keeps a hopeless run from going on for ever: incidents, and steps done twice, as a share of
 * the run or, in short ones, so many, but never more than the run has. */
#define GUARD_INCIDENTS 8
#define GUARD_REDONE_SHARE 0.25
#define GUARD_REDONE_LEAST 100

/* ==================================================================================== senses == */

/* What the rules look at: the observation, and the memory boiled down to a few numbers. */
struct guard_scene {
    const struct pace_rate *rate;
    const struct pace_rate_obs *obs;
    const struct pace_memory *memory;
    int64_t step, total;
    double loss_now;  /* median of the newest GUARD_SHORT; NaN before there are so many */
    double level;     /* median of the newest GUARD_LEVEL; NaN before */
    double swing;     /* size of the swings in the newest GUARD_SWING; NaN before */
    double sigma;     /* noise of one loss */
    double strain;    /* how far the loss is above the level before: 1 raises the alarm */
    double progress;  /* the base's loss, or the start's, minus the lowest level; >= 0 */
    int64_t offences; /* how often this batch was left out before */
};

/* Takes an observation in and looks around. */
void guard_sense(struct pace_rate *r, const struct pace_rate_obs *obs, struct guard_scene *scene);

/* Raises the alarm, lets it fall due, or ends it, by the newest losses: guard_alarm.c. */
void guard_sense_alarm(struct pace_alarm *a, struct guard_scene *scene);

/* Forgets what was seen at `step` and later: the run goes back to there. */
void guard_forget(struct pace_memory *m, int64_t step, int64_t total);

/* Takes the level that the loss has now for the usual one: what rose is not to be undone. */
void guard_accept(struct pace_memory *m, const struct guard_scene *scene);

/* The steps of a block; see struct pace_block. */
int64_t guard_block_steps(int64_t total);

bool guard_is_finite(const struct pace_rate_obs *obs);

/* Keeps what later evaluations are compared with. */
void guard_remember_eval(struct pace_rate *r, const struct guard_scene *scene);

/* By how many of its deviations the prior says that the rate is too low; NaN without a prior. */
double guard_low_by_prior(const struct pace_rate *r);

/* Early in a run, true where a model began as a guess, at a rate that the prior calls too high. */
bool guard_suspects_guess(const struct pace_rate *r);

/* True while a raise may still be taken back. */
bool guard_on_trial(const struct pace_rate *r);

/* ===================================================================================== rules == */

/* What a rule wants done. */
struct guard_verdict {
    enum pace_action action;
    enum pace_reason reason;
    double change;          /* CUT, ROLL_BACK, RAISE: of the rate; 0: by the ladder of cuts */
    double grad_norm;       /* CLIP: down to this */
    int64_t onset;          /* ROLL_BACK: the state must be older */
    bool only_tell;         /* an advice, whatever the guard's mode */
    bool is_broken;         /* the weights are: to go on with them slower is no help */
    bool above_start;       /* worse than untrained: cut by more at once */
    double anneal_rate;     /* ANNEAL: the scheduled rate from which to fall */
    double level, level_se; /* RAISE: what the loss was before */
    double number[PACE_NUMBERS];
};

/* The first rule that fires fills the verdict; false where none does. */
bool guard_judge(const struct guard_scene *scene, struct guard_verdict *verdict);

/* A rule sees the scene and changes nothing; its row is in guard.c. */
typedef bool guard_rule(const struct guard_scene *scene, struct guard_verdict *verdict);

guard_rule guard_no_targets, guard_not_finite, guard_gradient; /* guard_batch.c */
/*
 * A rise since that step by that much: true, with the verdict filled, where it is the one that was
 * rolled back, come again.
 */
bool guard_is_the_data(const struct guard_scene *s, int64_t since, double excess,
                       struct guard_verdict *v);

guard_rule guard_collapsed, guard_risen, guard_lost, guard_oscillation; /* guard_loss.c */
guard_rule guard_overshot, guard_stuck;                                 /* guard_guess.c */
guard_rule guard_raise_failed, guard_flat, guard_slow_held_out;         /* guard_raise.c */
guard_rule guard_plateau;                                               /* guard_trend.c */
guard_rule guard_best_so_far, guard_held_out_risen, guard_overfit,      /* guard_eval.c */
    guard_best_at_the_end;

/* ================================================================================== remedies == */

/* Carries a verdict out: fills the decision and moves the controller. */
void guard_act(struct pace_rate *r, const struct guard_scene *scene, const struct guard_verdict *v,
               struct pace_rate_decision *d);

/* The newest state older than the onset; failing that, the oldest; -1 where there is none. */
int guard_slot_before(const struct pace_rate *r, int64_t onset);

/* Has the present state kept in a slot. */
void guard_keep(struct pace_rate *r, struct pace_rate_decision *d, int slot);

/* The stretch of the run that the present step is in: one recent state is kept of each. */
int64_t guard_turn(const struct pace_rate *r);

/* Has it kept among the recent ones, if it is time and nothing looks wrong. */
void guard_keep_if_due(struct pace_rate *r, const struct guard_scene *scene,
                       struct pace_rate_decision *d);

/* Held out, before the first update; without, the first losses: batches differ, and one may be bad.
 * Behind a search the first losses that the guard judges are those of an arm's end. */
double guard_base_loss(const struct pace_memory *m);

#endif
