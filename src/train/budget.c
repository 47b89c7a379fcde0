/*
 * budget.c - what a run may compute beside its own steps, and how that is shared out.
 *
 * A run that looked at nothing would know nothing: which rate, whether it still learns, which state
 * is best, whether it is better than its base, what it forgot. All of that together may cost a
 * quarter of the steps. It is counted, not timed, or a seed would not give the same files: in
 * forward passes of a token, of which a token that is trained on takes two or three.
 *
 *     preflight           1 %     of the steps' cost
 *     the base's texts    2 %     and how far the tuned model has moved from them
 *     answers             1 %     before and after
 *     test rows           3 %     both sides: as many rows as that allows, since they alone say how
 *                                 sure the verdict is
 *     held-out losses     4 %     of the base, every eval_steps, and twice at the end
 *     search              the rest of the quarter
 *
 * Rows are few before evaluations are: two states are compared on the same rows, so most of the
 * noise falls out of the difference, while a loss that is not measured for a third of a run cannot
 * stop it. Numbers that were asked for are kept, at the search's cost.
 *
 * Below some tens of steps the least that says much (EVAL_LEAST and TEST_LEAST rows) costs more
 * than its part; then evaluations are fewer, the search has what is left or nothing, and the plan
 * says what it comes to.
 */
#include "train/budget.h"

#include <math.h>

static const double PREFLIGHT = 0.01, PASSAGES = 0.02, ANSWERS = 0.01, TEST = 0.03, EVAL = 0.04;

enum {
    EVAL_LEAST = 8,
    EVAL_USUAL = 64, /* before there are more, evaluations are more often */
    TEST_LEAST = 16,
    ROWS_LEAST = 6, /* of either, whatever it costs: fewer decide nothing (bootstrap.h) */
    EVALS_FEW = 2,  /* along a run that cannot pay for its rows */
    EVALS_LEAST = 3,
    EVALS_MOST = 10,
};

/* Beside those along the run: of the base, and the second one at the end. */
static const double EVALS_BESIDE = 2;

/* Of the steps' cost: where even the least rows of either would cost more, they are fewer. */
static const double LEAST_SHARE = 0.25;

/* Rows of which each may be read `times` for a share of the run. */
static double rows_for(const struct budget_job *job, double share, const struct budget_rows *rows,
                       double times)
{
    return share * job->step_cost * job->tokens / (times * fmax(rows->length, 1));
}

/* How many are read `times` for a share of the run, or `least` where that is very little. */
static size_t choose_rows(const struct budget_job *job, double share,
                          const struct budget_rows *rows, double times, double least)
{
    double n = fmax(rows_for(job, share, rows, times),
                    fmin(least, rows_for(job, LEAST_SHARE, rows, times)));
    return rows->all_wanted || n >= (double)rows->n ? rows->n : (size_t)fmax(n, ROWS_LEAST);
}

/* Evaluations along the run. */
static double choose_evals(const struct budget_job *job)
{
    const struct budget_rows *eval = &job->eval;
    size_t usual = eval->all_wanted || eval->n < EVAL_USUAL ? eval->n : EVAL_USUAL;
    size_t least = eval->all_wanted || eval->n < EVAL_LEAST ? eval->n : EVAL_LEAST;
    double times = rows_for(job, EVAL, eval, fmax((double)usual, 1)) - EVALS_BESIDE;
    bool pays = rows_for(job, EVAL, eval, EVALS_LEAST + EVALS_BESIDE) >= (double)least;
    return fmin(fmax(times, pays ? EVALS_LEAST : EVALS_FEW), EVALS_MOST);
}

static double share_of_rows(const struct budget_job *job, const struct budget_rows *rows, size_t n,
                            double times)
{
    return times * (double)n * rows->length / (job->step_cost * job->tokens);
}

void budget_plan(struct budget *b, const struct budget_job *job)
{
    double run = job->step_cost * job->tokens, steps = (double)job->steps;
    double passages = job->from_scratch ? 0 : PASSAGES;
    *b = (struct budget){.run = run,
                         .preflight = PREFLIGHT * run,
                         .passages = passages * run,
                         .answers = ANSWERS * run};
    b->eval_steps =
        job->eval_steps > 0 ? job->eval_steps : (int64_t)ceil(steps / choose_evals(job));
    double evals = ceil(steps / (double)b->eval_steps) + EVALS_BESIDE;
    b->eval_rows = choose_rows(job, EVAL, &job->eval, evals, EVAL_LEAST);
    struct budget_rows read = {.n = b->eval_rows, .length = job->eval.length};
    b->search_rows = choose_rows(job, EVAL, &read, EVALS_LEAST + EVALS_BESIDE, EVAL_LEAST);
    b->test_rows = choose_rows(job, TEST, &job->test, 2, TEST_LEAST);
    b->measured = PREFLIGHT + passages + ANSWERS +
                  share_of_rows(job, &job->eval, b->eval_rows, evals) +
                  share_of_rows(job, &job->test, b->test_rows, 2);
    b->search = job->searches ? fmax(BUDGET_WHOLE - b->measured, 0) : 0;
    b->is_short = b->measured > BUDGET_WHOLE;
}

void budget_explain(const struct budget *b, struct buf *out)
{
    double percent = 100 * b->measured;
    if (b->is_short)
        buf_printf(out,
                   "measuring costs %.0f %% of the steps: the run is too short for less, and for "
                   "short runs that test the rate",
                   percent);
    else if (b->search > 0)
        buf_printf(out, "measuring costs %.0f %% of the steps, finding the rate at most %.0f %%",
                   percent, 100 * b->search);
    else
        buf_printf(out, "measuring costs %.0f %% of the steps", percent);
}
