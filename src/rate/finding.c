/*
 * finding.c - the sentences of the doctor: what was seen, in numbers, and what to do about it.
 *
 * One row a kind, so that terminal, JSON and page say the same. What finding.number holds:
 *
 *   no_targets        lines with a loss of 0; those whose gradient norm is NaN
 *   nan               last finite loss; broken lines; lines from there on; rate there
 *   hidden_nan        last real loss; dead lines; those with a loss of 0; rate there
 *   diverged          level before; level at the end; loss at the start; rate where it turned
 *   spike             level before; highest loss; surprise in standard errors; rate. Surprise 0:
 *                     of the held-out loss. Level NAN: before the first line, by the bound third
 *   oscillation       level below; highest loss; number of rises; rate. Number 0: spread (log)
 *                     beside a falling curve up to last_step; behind it; 0; highest rate
 *   resumed_wrong     level before; level behind; rate before; rate behind
 *   flat              level of the first fifth; of the last fifth; fall (log); its standard error
 *   overfit           lowest held-out loss; the last; training loss then; training loss now. Where
 *                     none is held out: NAN; epochs; loss at the start; at the end
 *   warmup_too_short  first loss; highest level; step at which the rate has its peak; the peak
 *   decay_too_fast    share of the log done when the rate was a tenth; loss then; at the end; peak
 *   plateau           loss at the start; level since; share of the log without progress; mean rate
 */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "base/base.h"
#include "pace/rate.h"

/* Text that is added to; what does not fit is counted, as snprintf does. */
struct sentence {
    char *text;
    size_t size, len;
};

PRINTF_LIKE(2, 3) static void add(struct sentence *s, const char *format, ...)
{
    va_list args;
    size_t room = s->len < s->size ? s->size - s->len : 0;
    va_start(args, format);
    int len = vsnprintf(room > 0 ? s->text + s->len : NULL, room, format, args);
    va_end(args);
    CHECK(len >= 0);
    s->len += (size_t)len;
}

/* Nothing is added where no rate was logged. */
static void add_rate(struct sentence *s, const char *before, double rate, const char *behind)
{
    if (isfinite(rate))
        add(s, "%s%.3g%s", before, rate, behind);
}

/* -------------------------------------------------------------------------------- evidence -- */

static void say_no_targets(struct sentence *s, const struct pace_finding *f)
{
    add(s, "the loss is exactly 0 from the first line on, for %.0f lines", f->number[0]);
    if (f->number[1] > 0)
        add(s, ", with a gradient norm of NaN in %.0f of them", f->number[1]);
    add(s, "; no learning rate does that to a first step");
}

static void say_nan(struct sentence *s, const struct pace_finding *f)
{
    add(s, "the loss is no longer a number at step %" PRId64, f->step);
    if (isfinite(f->number[0]))
        add(s, ", after %.4g on the line before", f->number[0]);
    add(s, "; %.0f of the %.0f lines from there on are NaN or infinite", f->number[1],
        f->number[2]);
    add_rate(s, "; the rate was ", f->number[3], "");
}

static void say_hidden_nan(struct sentence *s, const struct pace_finding *f)
{
    add(s,
        "from step %" PRId64 " to the end (%.0f lines) the gradient norm is NaN or the loss is "
        "exactly 0, after a loss of %.4g: trainers that filter NaN out of their log show a dead "
        "run like this",
        f->step, f->number[1], f->number[0]);
    add_rate(s, "; the rate was ", f->number[3], "");
}

static void say_diverged(struct sentence *s, const struct pace_finding *f)
{
    add(s,
        "the loss fell to %.4g by step %" PRId64 ", then rose and stayed up: %.4g at the end, "
        "against %.4g at the start",
        f->number[0], f->step, f->number[1], f->number[2]);
    add_rate(s, "; the rate was ", f->number[3], " where it turned");
}

static void say_spike(struct sentence *s, const struct pace_finding *f)
{
    if (isnan(f->number[0])) {
        add(s,
            "the first line already holds a loss of %.4g, and a cross-entropy begins at %.3g at "
            "most (the logarithm of the vocabulary): it blew up before step %" PRId64,
            f->number[1], f->number[2], f->step);
        add_rate(s, "; the rate was ", f->number[3], "");
        return;
    }
    bool is_held_out = f->number[2] == 0;
    add(s, "the %sloss rose from %.4g to %.4g", is_held_out ? "held-out " : "", f->number[0],
        f->number[1]);
    if (f->step == f->last_step)
        add(s, " at step %" PRId64, f->step);
    else
        add(s, " between steps %" PRId64 " and %" PRId64, f->step, f->last_step);
    if (is_held_out)
        add(s, " and came down again: its rows are the same each time, so it is not the batches");
    else if (isfinite(f->number[2]))
        add(s, ", %.0f standard errors above what the noise of this log explains", f->number[2]);
    add_rate(s, "; the rate was ", f->number[3], "");
}

static void say_oscillation(struct sentence *s, const struct pace_finding *f)
{
    if (f->number[2] == 0) {
        add(s,
            "until step %" PRId64 " the loss goes up and down by %.0f %% beside a falling curve, "
            "behind it by %.2g %%: batch noise does not calm down as the rate does",
            f->last_step, 100 * f->number[0], 100 * f->number[1]);
        add_rate(s, "; the peak of the rate was ", f->number[3], "");
        return;
    }
    add(s,
        "the loss rose %.0f times between steps %" PRId64 " and %" PRId64
        ", at most from %.4g to %.4g, in waves that batch noise does not make",
        f->number[2], f->step, f->last_step, f->number[0], f->number[1]);
    add_rate(s, "; the rate was ", f->number[3], "");
}

static void say_resumed_wrong(struct sentence *s, const struct pace_finding *f)
{
    add(s, "the log breaks off at step %" PRId64 " and goes on with a loss of %.4g instead of %.4g",
        f->step, f->number[1], f->number[0]);
    if (isfinite(f->number[2]) && isfinite(f->number[3]))
        add(s, "; the rate went from %.3g to %.3g", f->number[2], f->number[3]);
}

static void say_flat(struct sentence *s, const struct pace_finding *f)
{
    add(s,
        "the loss is %.4g over the first fifth and %.4g over the last: a change of %.1f %% (give "
        "or take %.1f) over the whole run",
        f->number[0], f->number[1], -100 * f->number[2], 100 * f->number[3]);
}

static void say_overfit(struct sentence *s, const struct pace_finding *f)
{
    if (isnan(f->number[0])) {
        add(s,
            "the training loss went from %.4g to %.4g within %.3g epochs, close to knowing the "
            "rows by heart; there is no held-out loss in the log to tell",
            f->number[2], f->number[3], f->number[1]);
        return;
    }
    add(s, "the held-out loss was lowest at step %" PRId64 " (%.4g) and is %.4g at step %" PRId64,
        f->step, f->number[0], f->number[1], f->last_step);
    if (isfinite(f->number[2]) && isfinite(f->number[3]))
        add(s, ", while the training loss went from %.4g to %.4g", f->number[2], f->number[3]);
}

static void say_warmup_too_short(struct sentence *s, const struct pace_finding *f)
{
    add(s,
        "the rate is at its peak by step %.0f; the loss rose from %.4g to %.4g by step %" PRId64
        " and was back by step %" PRId64 ", at much the same rate",
        f->number[2], f->number[0], f->number[1], f->step, f->last_step);
    add_rate(s, " (", f->number[3], ")");
}

static void say_decay_too_fast(struct sentence *s, const struct pace_finding *f)
{
    add(s,
        "the rate is down to a tenth of its peak (%.3g) by step %" PRId64
        ", with %.0f %% of the log to go; since then the loss went from %.4g to %.4g",
        f->number[3], f->step, 100 * (1 - f->number[0]), f->number[1], f->number[2]);
}

static void say_plateau(struct sentence *s, const struct pace_finding *f)
{
    add(s,
        "the loss fell from %.4g to %.4g at first and did not move from step %" PRId64
        " to step %" PRId64 ", %.0f %% of the log",
        f->number[0], f->number[1], f->step, f->last_step, 100 * f->number[2]);
    add_rate(s, ", at a rate of ", f->number[3], "");
}

/* ---------------------------------------------------------------------------------- advice -- */

/* The last word stands before the rate that is suggested: "(try 1e-4)"; NULL: none is. */
struct row {
    void (*evidence)(struct sentence *s, const struct pace_finding *f);
    const char *advice;
    const char *word;
};

static const struct row rows[PACE_FINDING_COUNT] = {
    [PACE_FINDING_NO_TARGETS] =
        {say_no_targets,
         "look at what is trained on: all labels masked (-100), a prompt longer than the maximum "
         "length, a chat template without an answer. The learning rate is not to blame",
         NULL},
    [PACE_FINDING_NAN] =
        {say_nan,
         "reduce the learning rate at once and go on from a checkpoint before the step; if it "
         "happens again at the same batch, look for rows without a target and use bf16 in place of "
         "fp16",
         "try"},
    [PACE_FINDING_HIDDEN_NAN] =
        {say_hidden_nan,
         "stop this run: its weights are lost. Go on from a checkpoint before the step with a "
         "lower learning rate; if it breaks at the same batch again, look for rows without a "
         "target. Set "
         "logging_nan_inf_filter to false to see it at once",
         "try"},
    [PACE_FINDING_DIVERGED] =
        {say_diverged,
         "start again, or from a checkpoint before the rise, with a third to a half of the rate",
         "try"},
    [PACE_FINDING_SPIKE] = {say_spike, "halve the learning rate before you change anything else",
                            "to"},
    [PACE_FINDING_OSCILLATION] =
        {say_oscillation,
         "halve the learning rate before you change anything else; if the waves stay, look whether "
         "they follow the order of the rows",
         "to"},
    [PACE_FINDING_RESUMED_WRONG] =
        {say_resumed_wrong,
         "resume with the optimizer's state, the schedule and the place in the data of the same "
         "checkpoint, and with the same number of steps planned",
         NULL},
    [PACE_FINDING_FLAT] =
        {say_flat,
         "raise the learning rate three to five times; if it stays flat, look whether any weight "
         "is trained at all",
         "try"},
    [PACE_FINDING_OVERFIT] =
        {say_overfit,
         "train for fewer epochs and keep the checkpoint with the lowest held-out loss; the "
         "learning rate may stay",
         NULL},
    [PACE_FINDING_WARMUP_TOO_SHORT] =
        {say_warmup_too_short,
         "keep the learning rate and warm up over 5 to 10 % of the steps (warmup_ratio 0.05)",
         NULL},
    [PACE_FINDING_DECAY_TOO_FAST] =
        {say_decay_too_fast,
         "keep the peak and let it fall over the whole run: linear or cosine, with the number of "
         "steps that are really trained",
         NULL},
    [PACE_FINDING_PLATEAU] =
        {say_plateau,
         "raise the learning rate two to three times, or add warmup if the run breaks with more; "
         "if the loss stays where it is, it may be all that the data hold",
         NULL},
};

static const struct row *row_of(const struct pace_finding *f)
{
    CHECK((unsigned)f->kind < PACE_FINDING_COUNT);
    return &rows[f->kind];
}

size_t pace_finding_evidence(const struct pace_finding *f, char *text, size_t size)
{
    struct sentence s = {text, size, 0};
    row_of(f)->evidence(&s, f);
    return s.len;
}

size_t pace_finding_advice(const struct pace_finding *f, const struct pace_diagnosis *d, char *text,
                           size_t size)
{
    struct sentence s = {text, size, 0};
    const struct row *row = row_of(f);
    add(&s, "%s", row->advice);
    if (row->word && isfinite(d->suggested))
        add(&s, " (%s %.3g)", row->word, d->suggested);
    return s.len;
}
