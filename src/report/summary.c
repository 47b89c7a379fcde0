/*
 * summary.c - report.json.
 *
 * The members of `pace tune --json`:
 *
 *   output, learning_rate, steps, base {loss}, tuned {loss}, test_rows, tokens,
 *   compute {main, search, eval, redo, total_ratio}, seconds, tokens_per_second,
 *   peak_memory_bytes, incidents [{step, action, advice, reason}], status
 *
 * and what is known beside, each as the journal has it (facts.h):
 *
 *   run, preflight, prior, arms, search, quarantined, choice, verdict, answers
 *
 * What is not known, or not finite, is null.
 */
#include "report/summary.h"

#include <math.h>

#include "format/json.h"

static void put_count(struct json_writer *w, const char *key, double value)
{
    bool is_whole = fabs(value) < 9e15 && value == floor(value);
    if (is_whole)
        json_member_int(w, key, (int64_t)value);
    else
        json_member_double(w, key, value);
}

static void put_loss(struct json_writer *w, const char *key, double loss)
{
    json_key(w, key);
    json_begin_object(w);
    json_member_double(w, "loss", loss);
    json_end(w);
}

/* No gradient scaled down, which is everyday, and not the choice of the state, which comes below.
 */
static bool is_incident(const struct report *r, const struct timeline_item *item)
{
    return strcmp(item->advice, "clip") != 0 && item->incident != &r->facts.choice;
}

static void put_incidents(struct json_writer *w, const struct report *r)
{
    const struct timeline *t = &r->timeline;
    json_key(w, "incidents");
    json_begin_array(w);
    for (size_t i = 0; i < t->n_items; i++) {
        const struct timeline_item *item = &t->items[i];
        if (!is_incident(r, item))
            continue;
        json_begin_object(w);
        json_member_int(w, "step", item->step);
        json_member_text(w, "action", item->action);
        json_member_text(w, "advice", item->advice);
        json_member_int(w, "count", (int64_t)item->n);
        json_member_text(w, "reason", item->reason);
        json_end(w);
    }
    json_end(w);
}

/* ------------------------------------------------------------------------------ the document -- */

/* Rows that were tested on; those that were set aside, where the verdict does not say. */
static double test_rows(const struct facts *f)
{
    return f->verdict.is_there ? f->verdict.rows : f->test_rows;
}

void summary_put(const struct report *r, struct buf *out)
{
    const struct facts *f = &r->facts;
    const struct facts_end *end = &f->end;
    double speed = end->tokens_per_second;
    struct json_writer w = {.out = out, .indent = 2};
    json_begin_object(&w);
    json_member_text(&w, "output", r->folder);
    json_member_double(&w, "learning_rate", report_rate(r));
    put_count(&w, "steps", end->is_there ? end->steps : (double)r->story.end_step);
    put_loss(&w, "base", f->verdict.base_loss);
    put_loss(&w, "tuned", f->verdict.tuned_loss);
    put_count(&w, "test_rows", test_rows(f));
    put_count(&w, "tokens", end->tokens);
    facts_put_compute(&w, end);
    json_member_double(&w, "seconds", end->seconds);
    json_member_double(&w, "tokens_per_second",
                       isfinite(speed) ? speed : end->tokens / end->seconds);
    put_count(&w, "peak_memory_bytes", end->peak_memory_bytes);
    put_incidents(&w, r);
    json_member_text(&w, "status", report_status(r));
    facts_put(&w, f);
    json_end(&w);
    buf_add_byte(out, '\n');
}
