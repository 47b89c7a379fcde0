/*
 * explain_json.c - pace explain --json:
 *
 *   path, format "journal", guard, schedule, total_steps, warmup_steps, learning_rate,
 *   gradients, evaluations, steps (done), loss {first, last}, eval {first, best, best_step, last},
 *   decisions [{step, last_step, count, action, advice, rule, reason, numbers, learning_rate}],
 *   run, preflight, prior, arms, search, quarantined, choice, verdict, answers (report/facts.h),
 *   end "done" | "stopped" | "interrupted" | "unfinished", cut (the file ends inside a line)
 *
 * Numbers that are not there, or not finite, are null.
 */
#include "cli/explain_view.h"
#include "format/json.h"

static void put_losses(struct json_writer *w, const struct story *s)
{
    json_key(w, "loss");
    json_begin_object(w);
    json_member_double(w, "first", s->first_loss);
    json_member_double(w, "last", s->last_loss);
    json_end(w);
    json_key(w, "eval");
    if (s->n_evals == 0) {
        json_put_null(w);
        return;
    }
    json_begin_object(w);
    json_member_double(w, "first", s->first_eval);
    json_member_double(w, "best", s->best_eval);
    json_member_int(w, "best_step", s->best_eval_step);
    json_member_double(w, "last", s->last_eval);
    json_end(w);
}

static void put_event(struct json_writer *w, const struct story_event *e)
{
    const struct pace_rate_decision *d = &e->entry->decision;
    json_begin_object(w);
    json_member_int(w, "step", e->step);
    json_member_int(w, "last_step", e->last_step);
    json_member_int(w, "count", (int64_t)e->n);
    json_member_text(w, "action", pace_action_name(d->action));
    json_member_text(w, "advice", pace_action_name(d->advice));
    json_member_text(w, "rule", pace_reason_name(d->reason));
    json_key(w, "reason");
    json_put_string(w, e->entry->reason);
    json_key(w, "numbers");
    json_begin_array(w);
    for (int i = 0; i < PACE_NUMBERS; i++)
        json_put_double(w, d->number[i]);
    json_end(w);
    json_member_double(w, "learning_rate", d->learning_rate);
    json_end(w);
}

/* The run's plan; null where the journal ends before its first step. */
static void put_options(struct json_writer *w, const struct journal *j)
{
    static const char *const guards[] = {
        [PACE_GUARD_ACT] = "act", [PACE_GUARD_WATCH] = "watch", [PACE_GUARD_OFF] = "off"};
    const struct pace_schedule *s = &j->options.schedule;
    if (j->has_options) {
        json_member_text(w, "guard", guards[j->options.guard]);
        json_member_text(w, "schedule", pace_schedule_name(s->kind));
        json_member_int(w, "total_steps", s->total_steps);
        json_member_int(w, "warmup_steps", s->warmup_steps);
    } else {
        json_member_null(w, "guard");
        json_member_null(w, "schedule");
        json_member_null(w, "total_steps");
        json_member_null(w, "warmup_steps");
    }
}

void explain_view_json(const struct report *r, struct buf *out)
{
    const struct story *s = &r->story;
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    json_member_text(&w, "path", r->path);
    json_member_text(&w, "format", "journal");
    put_options(&w, s->journal);
    json_member_double(&w, "learning_rate", report_rate(r));
    json_member_int(&w, "gradients", s->n_gradients);
    json_member_int(&w, "evaluations", s->n_evals);
    json_member_int(&w, "steps", s->end_step);
    put_losses(&w, s);
    json_key(&w, "decisions");
    json_begin_array(&w);
    for (size_t i = 0; i < s->n_events; i++)
        put_event(&w, &s->events[i]);
    json_end(&w);
    facts_put(&w, &r->facts);
    json_member_text(&w, "end", report_status(r));
    json_member_bool(&w, "cut", s->journal->is_cut);
    json_end(&w);
    buf_add_byte(out, '\n');
}
