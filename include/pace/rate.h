/*
 * rate.h - the learning rate as a library: found, scheduled, guarded and explained.
 *
 * For whoever writes a trainer, in C or C++. Numbers go in (losses, gradient norms); a learning
 * rate, an action and a reason come out. No tensors, no files, no threads, no clock, no random
 * draws: the same observations give the same decisions, bit for bit. State is plain data: copying
 * the struct is a checkpoint.
 *
 * Five parts, each usable without the others:
 *
 *   schedules   pace_schedule_*   how the rate changes over a run, as Hugging Face and torch do it
 *   prior       pace_prior        a first guess of the rate, and how far it may be off
 *   search      pace_search_*     short runs at neighbouring rates, and what they say of the guess
 *   controller  pace_rate_*       schedule and guard in one: asked before every update
 *   diagnosis   pace_diagnose     what a finished log says of its learning rate
 *
 * A training loop with the controller:
 *
 *     struct pace_rate_options options;
 *     pace_rate_options_init(&options);
 *     pace_schedule_init(&options.schedule, PACE_SCHEDULE_COSINE);
 *     options.schedule.learning_rate = 2e-4;
 *     options.schedule.total_steps = 1000;
 *     options.n_slots = PACE_SLOTS;              // copies of weights and optimizer we can hold
 *     struct pace_problem problem;
 *     if (!pace_rate_options_check(&options, &problem))
 *         give_up(problem.what, problem.hint);
 *     struct pace_rate rate;
 *     pace_rate_init(&rate, &options);
 *     while (!pace_rate_finished(&rate)) {
 *         double loss = forward_backward(next_batch());
 *         obey(pace_rate_obs_step(loss, gradient_norm()));
 *         if (time_to_evaluate())                // where there are held-out rows: now and then,
 *             obey(pace_rate_obs_eval(held_out_loss()));        // and behind the last update
 *     }
 *
 * and obey, the same for both kinds of observations:
 *
 *     pace_rate_observe(&rate, &obs);
 *     struct pace_rate_decision d = pace_rate_next(&rate);
 *     if (d.keep_slot >= 0)
 *         save_state(d.keep_slot);               // before the update: this state was seen to work
 *     if (d.restore_slot >= 0)
 *         restore_state(d.restore_slot);
 *     if (d.apply_update)
 *         optimizer_step(d.learning_rate, d.gradient_scale);
 *
 * Gradients come from the weights before the update, their norm is taken before clipping; the
 * optimizer multiplies them with gradient_scale, which does the clipping. pace_rate_explain turns d
 * into a sentence. example/toy_loop.c is such a loop, whole; it is built with
 *
 *     cc toy_loop.c $(pkg-config --cflags --libs pace_rate)
 *
 * One more held-out loss before the first update is worth its time: without it a rate that undoes
 * what the model knew is seen late.
 *
 * Units: learning rates as the optimizer takes them; losses in nats per target token; norms as
 * torch reports them before clipping; spreads of rates in decades (log10).
 */
#ifndef PACE_RATE_H
#define PACE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define PACE_API __attribute__((visibility("default")))
#else
#define PACE_API
#endif

/* What is wrong with a request, for a person: a line of fact, and what to do about it. */
struct pace_problem {
    char what[240];
    char hint[240];
};

/* Numbers that a sentence has room for. */
enum { PACE_NUMBERS = 4 };

/* ================================================================================ schedules == */

/*
 * The names are Hugging Face's (lr_scheduler_type), then torch's StepLR and ExponentialLR. Equal to
 * transformers 5.23 and torch 2.13 in double arithmetic.
 */
enum pace_schedule_kind {
    PACE_SCHEDULE_LINEAR,
    PACE_SCHEDULE_COSINE,
    PACE_SCHEDULE_COSINE_WITH_RESTARTS,
    PACE_SCHEDULE_POLYNOMIAL,
    PACE_SCHEDULE_CONSTANT,
    PACE_SCHEDULE_CONSTANT_WITH_WARMUP,
    PACE_SCHEDULE_INVERSE_SQRT,
    PACE_SCHEDULE_REDUCE_LR_ON_PLATEAU,
    PACE_SCHEDULE_COSINE_WITH_MIN_LR,
    PACE_SCHEDULE_COSINE_WARMUP_WITH_MIN_LR,
    PACE_SCHEDULE_WARMUP_STABLE_DECAY,
    PACE_SCHEDULE_GREEDY,
    PACE_SCHEDULE_STEP,
    PACE_SCHEDULE_EXPONENTIAL,
    PACE_SCHEDULE_COUNT
};

/* The curve of a warmup or a decay in warmup_stable_decay. */
enum pace_curve { PACE_CURVE_LINEAR, PACE_CURVE_COSINE, PACE_CURVE_1_SQRT };

/*
 * A schedule with its parameters: Hugging Face's lr_scheduler_kwargs under their own names. Fields
 * that a kind does not use are ignored. pace_schedule_init sets each to its kind's default; NAN (or
 * -1 for a count) is "not given" where Hugging Face's default is None.
 */
struct pace_schedule {
    enum pace_schedule_kind kind;
    double learning_rate;  /* the peak; > 0 */
    int64_t total_steps;   /* optimizer updates of the run */
    int64_t warmup_steps;  /* updates; see pace_warmup_steps for ratios */
    double num_cycles;     /* cosines: 0.5; with restarts: 1 */
    double lr_end;         /* polynomial: 1e-7 */
    double power;          /* polynomial: 1 */
    double timescale;      /* inverse_sqrt: the warmup, or 10000 */
    double min_lr;         /* cosines with a minimum; reduce_lr_on_plateau: 0; greedy: 1e-3 */
    double min_lr_rate;    /* cosines with a minimum: min_lr as a share of the peak */
    double warmup_lr_rate; /* cosine_warmup_with_min_lr: the first rate as a share of the peak */
    int64_t num_decay_steps, num_stable_steps; /* warmup_stable_decay */
    enum pace_curve warmup_type, decay_type;   /* warmup_stable_decay: linear, cosine */
    double min_lr_ratio;                       /* warmup_stable_decay: 0 */
    double factor;                             /* reduce_lr_on_plateau: 0.1; greedy: 0.95 */
    int64_t patience;                          /* evaluations: 10 */
    double threshold;                          /* reduce_lr_on_plateau: 1e-4; greedy: 1e-6 */
    bool threshold_abs;                        /* "threshold_mode": abs; else rel */
    bool mode_max;       /* "mode": max; else min: smaller metrics are better */
    int64_t cooldown;    /* evaluations: 0 */
    double eps;          /* reduce_lr_on_plateau: 1e-8 */
    double max_lr;       /* greedy: 1 */
    int64_t warmup;      /* greedy: evaluations after an increase: 0 */
    bool verbose;        /* greedy: taken for its sake, without effect */
    bool smooth;         /* greedy: judge the mean of the last window_size metrics */
    int64_t window_size; /* greedy: 50 */
    int64_t reset_start; /* greedy: 500 */
    int64_t step_size;   /* step: updates between two falls; has no default */
    double gamma;        /* step: 0.1; exponential has no default */
};

/*
 * Sets the kind and its defaults; rate, total and warmup steps are left as they are. Start from a
 * struct of zeros. A kind that is set by hand keeps the parameters of another one.
 */
PACE_API void pace_schedule_init(struct pace_schedule *s, enum pace_schedule_kind kind);

/* "cosine_with_restarts"; and back, underscores or hyphens: false for a name that is none. */
PACE_API const char *pace_schedule_name(enum pace_schedule_kind kind);
PACE_API bool pace_schedule_find(const char *name, enum pace_schedule_kind *kind);

/* One line on what it does, and where it comes from. */
PACE_API const char *pace_schedule_about(enum pace_schedule_kind kind);

/* Name of a parameter that the kind takes, by index; NULL behind the last. */
PACE_API const char *pace_schedule_parameter(enum pace_schedule_kind kind, size_t index);

/*
 * Sets a parameter by its name in lr_scheduler_kwargs from its text: "0.5", "linear", "true"; or
 * "null" for one whose default is "not given". False, with the problem told, for a name that the
 * kind does not take or a value that is none.
 */
PACE_API bool pace_schedule_set(struct pace_schedule *s, const char *name, const char *value,
                                struct pace_problem *problem);

/*
 * The other way: a parameter's value as pace_schedule_set reads it ("0.5", "linear", "null" where
 * it is not given), every digit kept; 32 bytes suffice. False for a name that the kind does not
 * take.
 */
PACE_API bool pace_schedule_get(const struct pace_schedule *s, const char *name, char *text,
                                size_t size);

/* False where the parameters do not make a schedule (Hugging Face raises there, or we refuse). */
PACE_API bool pace_schedule_check(const struct pace_schedule *s, struct pace_problem *problem);

/*
 * The rate of update `step` (from 0), without metrics: reduce_lr_on_plateau and greedy give the
 * peak. Any step >= 0 is defined, as the lambdas are; s must pass pace_schedule_check.
 */
PACE_API double pace_schedule_rate(const struct pace_schedule *s, int64_t step);

/* True for the kinds that move after evaluations. */
PACE_API bool pace_schedule_uses_metric(enum pace_schedule_kind kind);

/* False for the kinds that pass over a warmup, as they do in Hugging Face and torch. */
PACE_API bool pace_schedule_uses_warmup(enum pace_schedule_kind kind);

/*
 * Updates of warmup from what a user may give: steps if > 0, else ceil(total * ratio). Hugging Face
 * v5 lets steps below 1 mean a ratio: the same holds here.
 */
PACE_API int64_t pace_warmup_steps(double steps, double ratio, int64_t total_steps);

enum { PACE_METRICS_MOST = 512 };

/* A schedule that moves after evaluations: its rate and its memory. Plain data. */
struct pace_metric_rate {
    double learning_rate; /* of the next update */
    double best;
    int64_t n_metrics, n_bad, n_good;
    int64_t cooldown, warmup;
    int64_t reset_left;               /* greedy: reductions at the minimum until it begins afresh */
    double window[PACE_METRICS_MOST]; /* greedy with smooth: a ring of the last metrics */
    int64_t n_window;                 /* that went into the ring */
    double sum;                       /* of those in the ring */
};

PACE_API void pace_metric_rate_init(struct pace_metric_rate *m, const struct pace_schedule *s);
/* Takes the metric of an evaluation; moves m->learning_rate as torch or GreedyLR would. */
PACE_API void pace_metric_rate_observe(struct pace_metric_rate *m, const struct pace_schedule *s,
                                       double metric);

/* ==================================================================================== prior == */

enum pace_method { PACE_LORA, PACE_QLORA, PACE_FULL, PACE_DPO_LORA, PACE_DPO_FULL };

/* How the adapter's output is scaled: alpha / r, alpha / sqrt(r) (rsLoRA), or by alpha itself. */
enum pace_scaling { PACE_SCALING_RANK, PACE_SCALING_SQRT_RANK, PACE_SCALING_PLAIN };

/* A job to guess a learning rate for. Zero, or NULL, is "not known": the guess is wider. */
struct pace_job {
    enum pace_method method;
    bool from_scratch;      /* random weights, all of them trained */
    const char *model_type; /* config.json's: "llama", "qwen3" */
    double parameters;      /* of the base model */
    double hidden_size;
    double lora_rank, lora_alpha;
    enum pace_scaling scaling;
    double tokens_per_step; /* that the loss is taken on, all rows of an update */
    double rows_per_step;
    double steps;  /* optimizer updates of the whole run */
    double epochs; /* times that each row is seen */
    double rows;   /* rows to train on */
    bool has_questions; /* the loss is that of answers to something, not of whole texts */
    double weight_decay;
    enum pace_schedule_kind schedule;
};

/* One reason of the guess: "LoRA rank 64: x1.4". */
struct pace_prior_term {
    const char *name;   /* "lora_rank" */
    double value;       /* of the job: 64 */
    double effect;      /* decades that it moves the rate */
    double se;          /* standard error of the effect, decades */
    int runs;           /* that the coefficient rests on; 0: taken from the source */
    const char *source; /* where it comes from, one line */
};

enum { PACE_PRIOR_TERMS = 16 };

struct pace_prior {
    double learning_rate;
    double sd;                                      /* decades */
    double low, high;                               /* an 80 % interval */
    double repeats; /* decades of epochs, where rows are few; 0: seeing them again does nothing */
    struct pace_prior_term terms[PACE_PRIOR_TERMS]; /* their effects add up to log10 of the rate */
    size_t n_terms;
};

/* A first guess of the peak learning rate. Defined, positive and finite for every job. */
PACE_API void pace_prior(const struct pace_job *job, struct pace_prior *prior);

/* =================================================================================== search == */

/*
 * Finds the peak rate with short runs. The search is asked what to run next, and told what came of
 * it:
 *
 *     pace_search_options_init(&options);         // prior, steps, budget, cost of an evaluation
 *     pace_search_init(&search, &options);
 *     for (;;) {
 *         struct pace_search_request r = pace_search_next(&search);
 *         if (r.action == PACE_SEARCH_DONE)
 *             break;
 *         restore_initial_state();                // each arm is the beginning of the run itself
 *         for (step = 0; step < r.steps; step++)  // with r.learning_rate as the schedule's peak
 *             if (!pace_search_watch(&search, loss_of(step % r.fresh_steps)))
 *                 break;                          // it diverges: what is left of it is not run
 *         pace_search_tell(&search, held_out_loss(), se);    // of weights averaged from
 *     }                                                      // r.average_from on
 *     pace_search_find(&search, &found);          // the rate, how sure, and what an error costs
 *
 * Arms run on the same rows in the same order, so that their losses differ by the rate alone. The
 * main run may go on from the arm `found.arm` with the chosen rate's schedule. Where the run sees
 * few rows several times an arm is the run in small: its first steps' rows come again as often, and
 * nothing goes on from it. No clock, no draws, no pointers: a copy of the struct is a checkpoint,
 * also between two steps of an arm.
 */

/* How the rate is searched for: rows of a table in src/rate/search.c. */
enum pace_search_method {
    PACE_SEARCH_PRIOR, /* the prior alone */
    PACE_SEARCH_RACE,  /* short beginnings of the run at neighbouring rates */
    PACE_SEARCH_METHOD_COUNT
};

/* The journal's word: "prior", "race". */
PACE_API const char *pace_search_method_name(enum pace_search_method method);

struct pace_search_options {
    enum pace_search_method method;
    double prior_rate, prior_sd; /* pace_prior's, or experience; sd in decades */
    int64_t total_steps;         /* of the run */
    double budget;               /* share of the run that the search may compute, at most 0.25 */
    double eval_cost;            /* of one held-out evaluation, in training steps */
    double repeats;              /* pace_prior's; 0: rows are seen once */
    int64_t warmup_steps;        /* in which the rate rises in a straight line, from 0 */
    int64_t held_out_rows;       /* that arms are measured on */
    bool is_full;                /* all weights are trained, not adapters */
    int n_states;                /* that can be kept beside the running one; arms need one */
};

enum { PACE_SEARCH_ARMS = 5, PACE_SEARCH_STEPS = 128 };

/* The defaults: race, a budget of 0.25, nothing known. */
PACE_API void pace_search_options_init(struct pace_search_options *o);

/* False, with the problem told, where the options make no search. */
PACE_API bool pace_search_options_check(const struct pace_search_options *o,
                                        struct pace_problem *problem);

enum pace_search_action {
    PACE_SEARCH_BASE, /* measure the state that the run begins with, and tell: no step is made */
    PACE_SEARCH_ARM,
    PACE_SEARCH_DONE
};

/* What to do next. */
struct pace_search_request {
    enum pace_search_action action;
    int arm; /* its number, from 0 */
    double learning_rate;
    int64_t steps;
    int64_t fresh_steps;  /* step i takes the rows of the run's step i % fresh_steps */
    int64_t average_from; /* weights behind more updates than these go into the average */
};

enum pace_arm_status {
    PACE_ARM_RUNNING,
    PACE_ARM_MEASURED,
    PACE_ARM_DIVERGED, /* stopped early, or its held-out loss was not finite */
    PACE_ARM_STATUS_COUNT
};

/* The journal's word: "measured", "diverged". */
PACE_API const char *pace_arm_status_name(enum pace_arm_status status);

struct pace_arm {
    double learning_rate;
    enum pace_arm_status status;
    bool is_edge;    /* it lies beyond the others: the best was at the edge */
    int64_t done;    /* steps */
    double loss, se; /* held-out; se of its difference to the base's, 0: not known */
    double train;    /* mean training loss of the second half of its steps */
    double trace[PACE_SEARCH_STEPS]; /* its training losses */
};

struct pace_search {
    struct pace_search_options options;
    struct pace_arm arms[PACE_SEARCH_ARMS];
    int n_arms;          /* begun */
    int64_t arm_steps;   /* of each; 0: there is room for none */
    int64_t fresh_steps; /* of them; the others see the same rows again */
    double base_loss;    /* held-out, before the first step; NAN: not measured */
    double spent;        /* steps, evaluations counted */
    struct pace_search_request request;
};

/* The options must pass pace_search_options_check. */
PACE_API void pace_search_init(struct pace_search *s, const struct pace_search_options *o);

PACE_API struct pace_search_request pace_search_next(const struct pace_search *s);

/* Takes the training loss of the running arm's next step, NaN and infinity included. False: the arm
 * is to end here; pace_search_tell is still to be called, with NAN. */
PACE_API bool pace_search_watch(struct pace_search *s, double loss);

/* Takes the held-out loss of the base or of the running arm; `se`: that of its difference to the
 * base's loss on the same rows, 0 where it is not known. */
PACE_API void pace_search_tell(struct pace_search *s, double loss, double se);

/* Why the rate is what it is: a row each in src/rate/search_reason.c. */
enum pace_search_reason {
    PACE_FOUND_ASKED,     /* the prior alone, as asked */
    PACE_FOUND_TOO_SHORT, /* the run is too short for arms that tell anything */
    PACE_FOUND_NO_ROWS,   /* no held-out rows to measure on */
    PACE_FOUND_NO_MEMORY, /* no room for a second state */
    PACE_FOUND_BROKEN,    /* no arm could be measured: far below the lowest that was tried */
    PACE_FOUND_AGREES,    /* the arms moved the guess by little */
    PACE_FOUND_HIGHER,
    PACE_FOUND_LOWER,
    PACE_FOUND_COUNT
};

/* What the search has found. */
struct pace_search_result {
    double learning_rate;
    double low, high, sd;          /* an 80 % interval; decades */
    double double_cost, half_cost; /* nats that twice and half of it are expected to cost */
    double curvature; /* nats per squared decade, below the best rate; NAN: not known */
    double cost;      /* share of the run that was computed */
    int arm;          /* the main run may go on from it: the nearest; -1: from the start */
    enum pace_search_method method;
    enum pace_search_reason reason;
    double number[PACE_NUMBERS]; /* what the sentence says */
};

/* Whether arms see rows again: then they are the run in small and not beginnings of it. */
PACE_API bool pace_search_repeats(const struct pace_search *s);

/* How ill the beginning that an arm made suits a run at this rate, in decades; more so where the
 * arm's rate is the higher one, since what it broke stays broken. */
PACE_API double pace_search_distance(const struct pace_search *s, int arm, double learning_rate);

/* May be asked before the search is done: what is known so far. */
PACE_API void pace_search_find(const struct pace_search *s, struct pace_search_result *result);

/* The journal's word: "higher"; and the sentence, as snprintf writes. */
PACE_API const char *pace_search_reason_name(enum pace_search_reason reason);
PACE_API size_t pace_search_explain(const struct pace_search_result *r, char *text, size_t size);

/* ============================================================================== controller == */

enum pace_guard {
    PACE_GUARD_ACT,   /* act on what goes wrong */
    PACE_GUARD_WATCH, /* tell, but follow the schedule */
    PACE_GUARD_OFF,   /* the plain loop; a loss that is not finite stops it */
};

enum pace_action {
    PACE_GO,        /* apply the update as it is */
    PACE_CLIP,      /* apply the update with a smaller gradient */
    PACE_SKIP,      /* drop this gradient; the step counts as done */
    PACE_CUT,       /* this and all later rates are lower; apply the update */
    PACE_RAISE,     /* this and all later rates are higher; apply the update */
    PACE_ROLL_BACK, /* drop the gradient, restore an earlier state, go on from its step, slower */
    PACE_BEST,      /* restore the best held-out state and go on from it */
    PACE_ANNEAL,    /* from here on the rate falls in a straight line to zero */
    PACE_STOP,      /* end the run, with the restored state if one is named */
    PACE_ACTION_COUNT
};

/* The journal's word: "roll_back". */
PACE_API const char *pace_action_name(enum pace_action action);

/* Why: a row each in src/rate/reason.c, which holds the sentences. */
enum pace_reason {
    PACE_REASON_SCHEDULE, /* nothing happened: the schedule's rate */
    PACE_REASON_GRADIENT_OUTLIER,
    PACE_REASON_POISONED_BATCH, /* the same batch again and again */
    PACE_REASON_NON_FINITE,
    PACE_REASON_NON_FINITE_STATE, /* batch after batch: the weights themselves are broken */
    PACE_REASON_LOSS_SPIKE,
    PACE_REASON_DIVERGENCE,
    PACE_REASON_COLLAPSED,      /* the loss is that of a guess, exactly, batch after batch */
    PACE_REASON_OVERSHOT,       /* random weights: the loss rises, and a prior expects less */
    PACE_REASON_STUCK,          /* random weights: it rests early on, and the same */
    PACE_REASON_HELD_OUT_RISEN, /* the held-out loss is far above its best, or above the start */
    PACE_REASON_HARDER_DATA,    /* a rise that a lower rate did not change: its cut is taken back */
    PACE_REASON_OSCILLATION,
    PACE_REASON_FLAT,
    PACE_REASON_SLOW,         /* falls by little, and a prior says that the rate is too low */
    PACE_REASON_RAISE_FAILED, /* a raise made it worse: taken back */
    PACE_REASON_RECOVERED,    /* a temporary cut is over */
    PACE_REASON_PLATEAU,
    PACE_REASON_OVERFIT,
    PACE_REASON_NO_TARGETS,
    PACE_REASON_BEST_SO_FAR, /* the held-out loss is the lowest yet: this state is kept */
    PACE_REASON_GIVE_UP,     /* too many incidents */
    PACE_REASON_DONE,        /* all steps are done */
    PACE_REASON_COUNT
};

/* The journal's word: "loss_spike". */
PACE_API const char *pace_reason_name(enum pace_reason reason);

enum { PACE_SLOTS = 4, PACE_SLOT_BEST = 0 };

struct pace_rate_options {
    struct pace_schedule schedule; /* its learning_rate is the peak of the run */
    enum pace_guard guard;
    double prior_rate;       /* what pace_prior or experience expects; 0: not known */
    double prior_sd;         /* decades; used with prior_rate */
    double max_grad_norm;    /* ordinary clipping, as clip_grad_norm_ does it; 0: none */
    double uniform_loss;     /* log of the vocabulary's size: the loss of a guess; 0: not known */
    int64_t steps_per_epoch; /* 0: not known */
    /* Updates that the weights already have: a search's beginning; 0. A held-out loss that is told
     * before anything else is that of the weights without them: of step 0. */
    int64_t first_step;
    /* States (weights, optimizer) that the trainer can keep. Slot 0 is for the best held-out state,
     * the others are for recent ones. Without any a roll-back becomes a cut. */
    int n_slots;
};

/* The defaults: linear schedule, guard acting, max_grad_norm 1, nothing known. */
PACE_API void pace_rate_options_init(struct pace_rate_options *o);

/* False, with the problem told, where the options make no run. */
PACE_API bool pace_rate_options_check(const struct pace_rate_options *o,
                                      struct pace_problem *problem);

enum pace_obs_kind {
    PACE_OBS_STEP, /* a gradient has been computed and waits to be applied */
    PACE_OBS_EVAL, /* a held-out loss of the present weights */
};

/* What the trainer saw. Make it with pace_rate_obs_step or pace_rate_obs_eval, then add to it. */
struct pace_rate_obs {
    enum pace_obs_kind kind;
    double loss;       /* of the batch before the update, or held out; NaN and infinity are fine */
    double grad_norm;  /* before clipping; -1: not measured */
    int64_t n_targets; /* tokens that the loss is the mean of; -1: not known */
    int64_t batch;     /* which data this was: equal for the same rows; -1: not known */
};

PACE_API struct pace_rate_obs pace_rate_obs_step(double loss, double grad_norm);
PACE_API struct pace_rate_obs pace_rate_obs_eval(double loss);

/* What to do, and why. */
struct pace_rate_decision {
    enum pace_action action; /* what to do: already spelled out in the fields below */
    enum pace_action advice; /* what the guard thinks: differs from action when it only watches */
    enum pace_reason reason;
    int64_t step; /* the update that this is about; behind a roll-back: the one to go on with */
    double learning_rate;  /* of that update */
    double gradient_scale; /* to multiply the gradient with: ordinary clipping and CLIP in one */
    bool apply_update;     /* false behind an evaluation, SKIP, ROLL_BACK, BEST, STOP */
    int restore_slot;      /* the state to restore; -1: none */
    /* Where to keep a copy of the present state (weights, optimizer, place in the data) before
     * anything is applied to it; -1: nowhere. Never together with restore_slot. */
    int keep_slot;
    double change; /* what all later rates are multiplied with: 0.5 halves them; 1: as before */
    double number[PACE_NUMBERS]; /* the evidence: what the sentence of the reason says */
};

/*
 * The decision's sentence in plain words with its numbers, as snprintf writes: "loss rose from 2.1
 * to 3.9 within 6 steps and stayed there; back to step 140, learning rate halved". Returns the
 * length that the whole sentence has.
 */
PACE_API size_t pace_rate_explain(const struct pace_rate_decision *d, char *text, size_t size);

/*
 * What the guard remembers. Fixed in size, whatever the length of the run; what the fields mean
 * is the guard's own business (src/rate/guard.h), and no trainer has to look at them.
 */
enum { PACE_WINDOW = 128, PACE_BLOCKS = 20, PACE_OFFENDERS = 16 };

/* The newest numbers, each with the step that it was seen at. */
struct pace_window {
    double value[PACE_WINDOW];
    int64_t step[PACE_WINDOW];
    int64_t next, held; /* where the next one goes, not wrapped; how many of the newest are valid */
};

/* Mean and spread of the losses of a twentieth of the run. */
struct pace_block {
    int64_t n;
    double mean, squares; /* squares: sum of squared deviations */
};

/* The loss has risen and has not come back yet. */
struct pace_alarm {
    bool raised, due;     /* due: at this step it is to be decided on */
    int64_t since, check; /* the step of the onset; of the next look at it */
    double reference;     /* the level before */
    double margin;        /* how far above it counts as raised */
    double most;          /* largest excess since the last look */
};

/* Held-out losses since the start, or since the run went back to before the lowest of them. */
struct pace_held_out {
    int64_t n, n_worse; /* n_worse: in a row, up to the last one */
    double first, last, lowest;
    int64_t first_step, lowest_step;
    double train; /* level of the training loss at the lowest */
};

struct pace_memory {
    struct pace_window loss, log_norm;
    struct pace_block block[PACE_BLOCKS];
    struct pace_alarm alarm;
    double first, start;  /* the first loss; the median of the first few */
    double lowest, swing; /* the lowest level so far; the usual size of swings around it */
    int64_t lowest_step, n_losses;
    int64_t n_updates, n_without_targets, n_not_finite, n_skips; /* the last three: in a row */
    int64_t not_finite_since;
    int64_t offender[PACE_OFFENDERS], offences[PACE_OFFENDERS], n_offenders;
    int64_t slot_step[PACE_SLOTS];     /* the step that the state kept there goes on with; -1 */
    int64_t kept_turn;                 /* of the last state that was kept; -1 */
    int64_t n_incidents, rung, redone; /* rung: of the ladder of cuts */
    int64_t last_incident;             /* steps: as are all below */
    int64_t risen_since; /* the last rise that was rolled back: its onset, size, and the cut */
    double risen_excess, risen_change;
    int64_t quick_until;             /* the temporary cut ends there; -1: there is none */
    int64_t warm_from;               /* of the short warmup behind a roll-back; -1 */
    int64_t trend_from;              /* the blocks from this step on belong together */
    int64_t raise_step, anneal_step; /* -1: none pending; none */
    int raise_slot, n_raises;
    double raise_change, raise_level, raise_level_se, anneal_rate;
    bool raise_failed, plateau_told;
    double trend_eval;       /* the first held-out loss since trend_from */
    int64_t trend_eval_step; /* -1: there is none yet */
    struct pace_held_out held_out;
    double best_eval;                  /* that of slot 0; NaN: there was none */
    int64_t went_back_to, n_went_back; /* the last roll-back's step, -1; how often in a row there */
    double broke_scale; /* the scale that the last cut was made at; 0: there was none */
    bool stopped;
};

/*
 * The controller: a schedule, and a guard that watches over it. All fields are its own; copying the
 * struct copies everything. The struct is large (some KiB) and holds no pointers.
 */
struct pace_rate {
    struct pace_rate_options options;
    struct pace_rate_decision decision; /* the newest */
    struct pace_metric_rate metric;     /* of schedules that move after evaluations */
    struct pace_memory memory;
    int64_t step; /* the update that the next STEP observation is about */
    double scale; /* product of all lasting cuts and raises */
};

/* The options must pass pace_rate_options_check. */
PACE_API void pace_rate_init(struct pace_rate *r, const struct pace_rate_options *o);

/*
 * Takes an observation and decides; the trainer does what pace_rate_next then says. A run that the
 * guard has stopped takes no more of them: its last decision stays.
 */
PACE_API void pace_rate_observe(struct pace_rate *r, const struct pace_rate_obs *obs);

/* The newest decision; before the first observation: GO with the first rate. */
PACE_API struct pace_rate_decision pace_rate_next(const struct pace_rate *r);

/* True once all steps are done, or the guard has stopped the run. */
PACE_API bool pace_rate_finished(const struct pace_rate *r);

/* =============================================================================== diagnosis == */

/* One line of a training log. NAN is "not logged"; see `flags` for what was logged as NaN. */
struct pace_point {
    int64_t step;
    double epoch;
    double loss;
    double eval_loss;
    double grad_norm;
    double learning_rate;
    unsigned flags;
};

enum pace_point_flag {
    PACE_LOSS_NOT_FINITE = 1 << 0, /* the log says nan or inf here */
    PACE_EVAL_NOT_FINITE = 1 << 1,
    PACE_GRAD_NOT_FINITE = 1 << 2,
    PACE_RESUMED = 1 << 3, /* the run was taken up again before this point */
};

/* A log, as its reader understood it. Points are in the order of the log. */
struct pace_series {
    const struct pace_point *points;
    size_t n_points;
    int64_t total_steps;  /* planned; 0: not known */
    double total_epochs;  /* planned; 0: not known */
    bool rate_is_of_next; /* the rate logged is that of the next update (older Trainers) */
    bool hides_nan;       /* the trainer replaces a loss that is NaN (logging_nan_inf_filter) */
};

enum pace_finding_kind {
    PACE_FINDING_NO_TARGETS,
    PACE_FINDING_NAN,
    PACE_FINDING_HIDDEN_NAN,
    PACE_FINDING_DIVERGED,
    PACE_FINDING_SPIKE,
    PACE_FINDING_OSCILLATION,
    PACE_FINDING_RESUMED_WRONG,
    PACE_FINDING_FLAT,
    PACE_FINDING_OVERFIT,
    PACE_FINDING_WARMUP_TOO_SHORT,
    PACE_FINDING_DECAY_TOO_FAST,
    PACE_FINDING_PLATEAU,
    PACE_FINDING_COUNT
};

/* "no_targets", "nan", "hidden_nan" ...: the words of `pace doctor --json`. */
PACE_API const char *pace_finding_name(enum pace_finding_kind kind);

enum pace_verdict {
    PACE_VERDICT_HEALTHY,
    PACE_VERDICT_TOO_HIGH,
    PACE_VERDICT_DIVERGED,
    PACE_VERDICT_TOO_LOW,
    PACE_VERDICT_DECAYS_TOO_FAST,
    PACE_VERDICT_NOT_LEARNING_RATE,
    PACE_VERDICT_PLATEAU,
    PACE_VERDICT_OVERFIT,
    PACE_VERDICT_WARMUP_TOO_SHORT,
    PACE_VERDICT_COUNT
};

PACE_API const char *pace_verdict_name(enum pace_verdict verdict);

struct pace_finding {
    enum pace_finding_kind kind;
    int64_t step, last_step; /* where it is seen */
    double number[PACE_NUMBERS];
};

enum { PACE_FINDINGS_MOST = 16 };

struct pace_diagnosis {
    struct pace_finding findings[PACE_FINDINGS_MOST]; /* the most important first */
    size_t n_findings;
    enum pace_verdict verdict; /* of the first finding; healthy where there is none */
    double used;               /* the peak learning rate; NAN where none was logged */
    double suggested;          /* NAN where no other rate is advised */
};

/* Judges a log. Time O(n log n), memory O(n). */
PACE_API void pace_diagnose(const struct pace_series *series, struct pace_diagnosis *diagnosis);

/* What was seen, in numbers; what to do about it. As snprintf writes; the length of the whole. */
PACE_API size_t pace_finding_evidence(const struct pace_finding *f, char *text, size_t size);
PACE_API size_t pace_finding_advice(const struct pace_finding *f, const struct pace_diagnosis *d,
                                    char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif
