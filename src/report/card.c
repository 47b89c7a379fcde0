/*
 * card.c - the model card: a head in YAML for the Hub (base_model, library_name, tags), then what
 * the model is, how it was trained and with which learning rate, what came of it, how to load it.
 *
 * Names and answers come from files. In the head they are JSON strings, which YAML reads; in the
 * text every character that Markdown or HTML could take for its own gets a backslash; in fences the
 * fence is longer than any run of its sign inside.
 */
#include "report/card.h"

#include <inttypes.h>
#include <math.h>

#include "base/utf8.h"
#include "format/json.h"
#include "report/use.h"
#include "report/words.h"

enum { ANSWERS_MOST = 3, INCIDENTS_MOST = 20 };

struct card {
    const struct report *report;
    const struct facts *facts;
    struct buf *out;
    struct arena arena;
};

/* --------------------------------------------------------------------------------- markdown -- */

/* Foreign text on one line, none of its characters with a meaning. */
static void add_text(struct card *c, const char *text)
{
    char *safe = arena_string(&c->arena, span_of(text));
    utf8_make_printable(safe);
    for (; *safe; safe++) {
        if (strchr("\\`*_{}[]<>()#+!|~&$", *safe))
            buf_add_byte(c->out, '\\');
        buf_add_byte(c->out, (uint8_t)*safe);
    }
}

static void add_row(struct card *c, const char *name, const char *value)
{
    buf_printf(c->out, "| %s | ", name);
    add_text(c, value);
    buf_add_text(c->out, " |\n");
}

static size_t longest_fence(const char *text)
{
    size_t longest = 0;
    for (size_t run = 0; *text; text++) {
        run = *text == '`' ? run + 1 : 0;
        longest = max_size(longest, run);
    }
    return longest;
}

static void add_fence(struct card *c, size_t length, const char *language)
{
    for (size_t i = 0; i < length; i++)
        buf_add_byte(c->out, '`');
    buf_printf(c->out, "%s\n", language);
}

/* Text as it is, line by line, in a fence. */
static void add_block(struct card *c, const char *language, const char *text)
{
    size_t fence = max_size(longest_fence(text) + 1, 3);
    add_fence(c, fence, language);
    for (size_t len; *text; text += len + (text[len] == '\n')) {
        len = strcspn(text, "\n");
        char *line = arena_string(&c->arena, (struct span){(const uint8_t *)text, len});
        utf8_make_printable(line);
        buf_printf(c->out, "%s\n", line);
    }
    add_fence(c, fence, "");
}

/* ------------------------------------------------------------------------------------- head -- */

static void put_head(struct card *c)
{
    bool is_full = words_is_full(c->facts);
    char *model = arena_string(&c->arena, span_of(c->facts->model ? c->facts->model : ""));
    struct json_writer w = {.out = c->out};
    utf8_make_printable(model); /* YAML breaks lines at characters that JSON lets stand */
    buf_add_text(c->out, "---\nbase_model: ");
    json_put_text(&w, model);
    buf_printf(c->out, "\nlibrary_name: %s\npipeline_tag: text-generation\ntags:\n- pace\n",
               is_full ? "transformers" : "peft");
    buf_add_text(c->out, is_full ? "- full-fine-tuning\n---\n\n" : "- lora\n- adapter\n---\n\n");
}

/* ---------------------------------------------------------------------------------- results -- */

static void put_results(struct card *c)
{
    const struct facts_verdict *v = &c->facts->verdict;
    const char *forgotten = words_forgotten(&c->arena, c->facts);
    buf_printf(c->out, "**%s.** ", words_headline(c->facts));
    add_text(c, words_verdict(&c->arena, c->facts));
    buf_add_text(c->out, "\n");
    if (v->is_there && isfinite(v->base_loss)) {
        buf_add_text(c->out, "\n| on the test rows | base | tuned |\n|---|---|---|\n");
        buf_printf(c->out, "| loss, nats per token | %s | %s |\n",
                   words_loss(&c->arena, v->base_loss), words_loss(&c->arena, v->tuned_loss));
        buf_printf(c->out, "| perplexity | %s | %s |\n", words_perplexity(&c->arena, v->base_loss),
                   words_perplexity(&c->arena, v->tuned_loss));
        if (v->base_exact + v->tuned_exact > 0)
            buf_printf(c->out, "| of %s, said word for word | %s | %s |\n",
                       words_number(&c->arena, v->answers, "answer"),
                       words_count(&c->arena, v->base_exact),
                       words_count(&c->arena, v->tuned_exact));
    }
    if (forgotten) {
        buf_add_text(c->out, "\nForgotten: ");
        add_text(c, forgotten);
        buf_add_text(c->out, "\n");
    }
}

static void put_answers(struct card *c)
{
    const struct facts *f = c->facts;
    if (f->n_answers > 0)
        buf_add_text(c->out, "\n## Before and after\n");
    for (size_t i = 0; i < f->n_answers && i < ANSWERS_MOST; i++) {
        const struct facts_answer *a = &f->answers[i];
        buf_add_text(c->out, "\nAsked:\n\n");
        add_block(c, "text", a->prompt ? a->prompt : "");
        buf_add_text(c->out, "\nBase:\n\n");
        add_block(c, "text", a->base ? a->base : "");
        buf_add_text(c->out, "\nTuned:\n\n");
        add_block(c, "text", a->tuned ? a->tuned : "");
    }
}

/* ----------------------------------------------------------------------------- learning rate -- */

static void put_rate(struct card *c)
{
    const struct facts_search *s = &c->facts->search;
    const struct journal *j = &c->report->journal;
    struct arena *a = &c->arena;
    buf_add_text(c->out, "\n## Learning rate\n\n");
    add_text(c, words_rate_origin(a, c->facts));
    buf_add_text(c->out, "\n\n| | |\n|---|---|\n");
    add_row(c, "learning rate", words_rate(a, report_rate(c->report)));
    if (j->has_options)
        add_row(c, "schedule",
                arena_printf(a, "%s, %s, %s of warmup",
                             pace_schedule_name(j->options.schedule.kind),
                             words_number(a, (double)j->options.schedule.total_steps, "step"),
                             words_count(a, (double)j->options.schedule.warmup_steps)));
    if (isfinite(s->low))
        add_row(c, "the best lies with 80 % between",
                arena_printf(a, "%s and %s", words_rate(a, s->low), words_rate(a, s->high)));
    if (isfinite(s->double_cost))
        add_row(c, "twice the rate would have cost",
                arena_printf(a, "%s nats per token", words_loss(a, s->double_cost)));
    if (isfinite(s->half_cost))
        add_row(c, "half the rate would have cost",
                arena_printf(a, "%s nats per token", words_loss(a, s->half_cost)));
    if (isfinite(s->cost))
        add_row(c, "the search took", words_search_cost(a, c->facts));
}

static void put_incidents(struct card *c)
{
    const struct timeline *t = &c->report->timeline;
    size_t n = min_size(t->n_items, INCIDENTS_MOST);
    if (n > 0)
        buf_add_text(c->out, "\nWhat happened:\n\n");
    for (size_t i = 0; i < n; i++) {
        buf_printf(c->out, "- step %" PRId64 ", ", t->items[i].step);
        add_text(c, t->items[i].label);
        buf_add_text(c->out, ": ");
        add_text(c, t->items[i].reason);
        buf_add_text(c->out, "\n");
    }
    if (t->n_items > n)
        buf_printf(c->out, "- and %zu more, in journal.jsonl\n", t->n_items - n);
}

/* --------------------------------------------------------------------------------- training -- */

static void put_training(struct card *c)
{
    const struct facts *f = c->facts;
    struct arena *a = &c->arena;
    buf_add_text(c->out, "\n## Training\n\n| | |\n|---|---|\n");
    add_row(c, "data", words_name(a, f->data));
    add_row(c, "rows",
            arena_printf(a, "%s to train on, %s held out, %s to test on",
                         words_count(a, f->train_rows), words_count(a, f->eval_rows),
                         words_count(a, f->test_rows)));
    if (f->n_quarantined > 0)
        add_row(c, "rows left out", words_count(a, (double)f->n_quarantined));
    add_row(c, "method", f->method ? f->method : "not known");
    add_row(c, "optimizer", f->optimizer ? f->optimizer : "not known");
    add_row(c, "parameters",
            arena_printf(a, "%s, of which %s were trained", words_size(a, f->parameters),
                         words_size(a, f->trained_parameters)));
    add_row(c, "epochs", isfinite(f->epochs) ? arena_printf(a, "%.3g", f->epochs) : "not known");
    add_row(c, "rows a step", words_count(a, f->batch_rows));
    add_row(c, "seed", words_count(a, f->seed));
    add_row(c, "time", words_time(a, f->end.seconds));
    add_row(c, "memory at most", words_bytes(a, f->end.peak_memory_bytes));
    add_row(c, "ended", report_status(c->report));
}

static void put_use(struct card *c)
{
    const char *python = use_python(c->report, &c->arena);
    buf_add_text(c->out, "\n## Use\n\n");
    add_block(c, "sh", use_chat(c->report, &c->arena));
    if (python) {
        buf_add_text(c->out, "\n");
        add_block(c, "python", python);
    }
}

void card_put(const struct report *r, struct buf *out)
{
    struct card c = {.report = r, .facts = &r->facts, .out = out};
    put_head(&c);
    buf_add_text(out, "# ");
    add_text(&c, words_name(&c.arena, r->facts.model ? r->facts.model : r->folder));
    if (r->facts.data) {
        buf_add_text(out, ", tuned on ");
        add_text(&c, words_name(&c.arena, r->facts.data));
    }
    buf_add_text(out, "\n\n");
    put_results(&c);
    put_rate(&c);
    put_incidents(&c);
    put_training(&c);
    put_answers(&c);
    put_use(&c);
    buf_add_text(out, "\nTrained by pace, whose report.html shows the run.\n");
    arena_release(&c.arena);
}
