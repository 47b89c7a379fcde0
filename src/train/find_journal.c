/*
 * find_journal.c - the records of a search: what each arm showed, and what follows.
 *
 *     {"record":"arm","arm","learning_rate","steps","loss","se","base_loss","train_loss",
 *      "status":"measured"|"diverged"|"edge","action":"branch","reason"}
 *     {"record":"search","learning_rate","low","high","sd","method","double_cost","half_cost",
 *      "best_loss","base_loss","curvature","cost","arm","steps","action":"choose","reason"}
 *
 * "edge" is an arm that was measured beyond the others, because the best lay at their edge. A loss
 * that was not measured is null.
 */
#include "train/find_journal.h"

#include <math.h>
#include <stdio.h>

static void add_number(struct json_writer *w, const char *key, double x)
{
    if (isfinite(x))
        json_member_double(w, key, x);
    else
        json_member_null(w, key);
}

void find_journal_arm(struct run_journal *j, const struct pace_search *search, int arm)
{
    const struct pace_arm *a = &search->arms[arm];
    bool is_edge = a->is_edge && a->status == PACE_ARM_MEASURED;
    struct json_writer *w = run_journal_begin(j, "arm");
    char reason[160];
    json_member_int(w, "arm", arm);
    json_member_double(w, "learning_rate", a->learning_rate);
    json_member_int(w, "steps", a->done);
    add_number(w, "loss", a->loss);
    json_member_double(w, "se", a->se);
    add_number(w, "base_loss", search->base_loss);
    add_number(w, "train_loss", a->train);
    json_member_text(w, "status", is_edge ? "edge" : pace_arm_status_name(a->status));
    if (a->status == PACE_ARM_DIVERGED)
        snprintf(reason, sizeof reason, "ended after %lld step%s: the loss left that of the base",
                 (long long)a->done, a->done == 1 ? "" : "s");
    else
        snprintf(reason, sizeof reason, "%s at a rate of %.3g: held-out loss %.4f, of %.4f before",
                 pace_search_repeats(search) ? "the run in small, with rows seen again,"
                                             : "the beginning of the run",
                 a->learning_rate, a->loss, search->base_loss);
    run_journal_decide(j, "branch", reason);
    run_journal_end(j);
}

static double best_loss(const struct pace_search *search)
{
    double best = NAN;
    for (int i = 0; i < search->n_arms; i++)
        if (search->arms[i].status == PACE_ARM_MEASURED)
            best = fmin(best, search->arms[i].loss); /* fmin passes over NaN */
    return best;
}

void find_journal_result(struct run_journal *j, const struct pace_search *search,
                         const struct pace_search_result *result)
{
    struct json_writer *w = run_journal_begin(j, "search");
    char reason[512];
    (void)pace_search_explain(result, reason, sizeof reason);
    json_member_double(w, "learning_rate", result->learning_rate);
    json_member_double(w, "low", result->low);
    json_member_double(w, "high", result->high);
    json_member_double(w, "sd", result->sd);
    json_member_text(w, "method", pace_search_method_name(result->method));
    add_number(w, "double_cost", result->double_cost);
    add_number(w, "half_cost", result->half_cost);
    add_number(w, "best_loss", best_loss(search));
    add_number(w, "base_loss", search->base_loss);
    add_number(w, "curvature", result->curvature);
    json_member_double(w, "cost", result->cost);
    json_member_int(w, "arm", result->arm);
    json_member_int(w, "steps", search->arm_steps);
    run_journal_decide(j, "choose", reason);
    run_journal_end(j);
}
