/*
 * verdict.c - whether a run made its model better, what it forgot, and what it says now.
 *
 * Better or not is asked on rows that were used for nothing else, row by row, with an interval
 * (bootstrap.c). What was forgotten is asked on the base's own texts (passages.c); what it means,
 * by a few answers before and after (answers.c). The base's side is always taken before training,
 * with adapters too: then there is one way for both methods, and no second model in memory.
 *
 * Passages and answers have their budgets (budget.c), in forward passes of a token, of which a step
 * of generation takes some tens (generator_step_cost). Short runs thus get fewer texts and answers,
 * and very short ones none, which the verdict says.
 */
#include "train/verdict.h"

#include <math.h>
#include <stdio.h>

#include "base/log.h"
#include "model/generate.h"
#include "train/run_journal.h"

enum {
    TEXT_LONGEST = 64,
    TEXTS_MOST = 32,
    TEXTS_LEAST = 4,
    STEPS_LEAST = 32, /* of each text */
    TOKENS_MOST = 4096,
    CACHE_BYTES_MOST = 64 << 20, /* of keys and values */
};

/* The same for all runs: two runs on one base are asked the same. */
static const uint64_t SEED = 42;

/* --------------------------------------------------------------------------------- choosing -- */

/* A step says a token of each text, and each is evaluated by the base and by the tuned model. */
static double passages_step_cost(size_t texts)
{
    return generator_step_cost(texts) + 2 * (double)texts;
}

/* How much is said; steps 0 where it would be too little. */
static struct passages_options choose_passages(const struct model_config *config, double cost)
{
    struct passages_options o = {.longest = min_size(TEXT_LONGEST, config->max_positions),
                                 .seed = SEED};
    for (o.texts = TEXTS_MOST; o.texts >= TEXTS_LEAST && o.longest >= 2; o.texts /= 2) {
        double steps =
            fmin(floor(cost / passages_step_cost(o.texts)), (double)(TOKENS_MOST / o.texts));
        if (o.texts * generator_text_bytes(config, o.longest) > CACHE_BYTES_MOST)
            continue;
        o.steps = (size_t)steps;
        if (steps >= STEPS_LEAST)
            return o;
    }
    o.steps = 0;
    return o;
}

static bool choose_answers(struct verdict *v, struct err *err)
{
    const struct verdict_options *o = &v->options;
    struct answers_limits limits = {.cost = o->budget->answers,
                                    .positions = o->engine->model.config.max_positions};
    if (o->test->n == 0)
        return true;
    if (!tokenizer_open(&v->tokenizer, o->model, err))
        return false;
    answers_choose(&v->state.answers, o->store, o->test, &v->tokenizer, &limits);
    v->has_tokenizer = v->state.answers.n > 0;
    v->cost += answers_cost(&v->state.answers);
    if (!v->has_tokenizer)
        tokenizer_close(&v->tokenizer);
    return true;
}

bool verdict_init(struct verdict *v, struct arena *arena, const struct verdict_options *options,
                  struct err *err)
{
    *v = (struct verdict){.options = *options,
                          .base = arena_array(arena, struct row_loss, options->test->n),
                          .tuned = arena_array(arena, struct row_loss, options->test->n)};
    struct passages_options passages =
        choose_passages(&options->engine->model.config, options->budget->passages);
    v->has_passages = passages.steps > 0;
    if (v->has_passages) {
        passages_init(&v->passages, arena, &passages);
        v->cost += (double)passages.steps * passages_step_cost(passages.texts);
    }
    return choose_answers(v, err);
}

void verdict_release(struct verdict *v)
{
    if (v->has_tokenizer)
        tokenizer_close(&v->tokenizer);
    *v = (struct verdict){0};
}

/* -------------------------------------------------------------------------------- measuring -- */

/* Over the targets of the rows for which the base has a finite loss. */
static double evaluate(struct verdict *v, struct row_loss *losses)
{
    const struct verdict_options *o = &v->options;
    struct step_sums sums;
    double sum = 0, targets = 0;
    if (o->test->n == 0)
        return NAN;
    stepper_evaluate_rows(o->stepper, o->store, o->test->rows, o->test->n, losses, &sums);
    v->state.tokens += sums.tokens;
    for (size_t i = 0; i < o->test->n; i++) {
        if (!isfinite(v->base[i].sum))
            continue;
        sum += losses[i].sum;
        targets += (double)losses[i].targets;
    }
    return sum / targets;
}

bool verdict_begin(struct verdict *v, struct err *err)
{
    const struct verdict_options *o = &v->options;
    v->state.base_loss = evaluate(v, v->base);
    v->state.tuned_loss = NAN;
    if (v->has_passages && !passages_sample(&v->passages, o->engine, err))
        return false;
    v->state.passages = v->passages.counts;
    return answers_say(&v->state.answers, ANSWERS_BASE, o->engine, o->store, err);
}

void verdict_resume(struct verdict *v)
{
    v->passages.counts = v->state.passages;
    passages_resume(&v->passages);
}

double verdict_test_loss(struct verdict *v)
{
    v->state.tuned_loss = evaluate(v, v->tuned);
    return v->state.tuned_loss;
}

/* -------------------------------------------------------------------------------- in words -- */

enum bootstrap_verdict verdict_of(const struct verdict *v)
{
    return bootstrap_verdict(&v->test);
}

static void say_better(const struct bootstrap *b, const char *rows, struct buf *out)
{
    buf_printf(out,
               "Better: on %s, used for nothing else, the loss fell from %.4g to %.4g "
               "nats a token, by %.3g to %.3g (95 %% interval).",
               rows, b->before, b->after, -b->high, -b->low);
}

static void say_worse(const struct bootstrap *b, const char *rows, struct buf *out)
{
    if (b->broken > 0)
        buf_printf(out, "Not better: on %zu of the test rows the loss is not a number any more.",
                   b->broken);
    else
        buf_printf(out,
                   "Not better: on %s the loss rose from %.4g to %.4g nats a token, by "
                   "%.3g to %.3g (95 %% interval).",
                   rows, b->before, b->after, b->low, b->high);
}

static void say_unsure(const struct bootstrap *b, const char *rows, struct buf *out)
{
    buf_printf(out, "Cannot be told: the loss went from %.4g to %.4g nats a token, ", b->before,
               b->after);
    if (b->rows < BOOTSTRAP_ROWS_LEAST)
        buf_printf(out, "but with %s that may be chance; --test-split sets more aside.", rows);
    else
        buf_printf(out,
                   "and with %s the change may be anything from %+.3g to %+.3g (95 %% "
                   "interval).",
                   rows, b->low, b->high);
}

static void say_divergence(const struct divergence *d, struct arena *arena, struct buf *out)
{
    if (d->tokens == 0)
        buf_add_text(out, "What was forgotten was not measured: the run is too short to spend "
                          "anything on it.");
    else if (!isfinite(d->kl))
        buf_add_text(out, "Of what the base says by itself it makes no numbers any more.");
    else
        buf_printf(out,
                   "On %s that the base said by itself it has moved %.3g nats a token "
                   "away (KL divergence; standard error %.2g).",
                   arena_count(arena, d->tokens, "token"), d->kl, d->se);
}

static void say_exactness(const struct exactness *e, struct arena *arena, struct buf *out)
{
    uint64_t before = e[ANSWERS_BASE].exact, now = e[ANSWERS_TUNED].exact;
    if (before + now > 0)
        buf_printf(out, "Said word for word: %s of their %s, %s before.",
                   arena_count(arena, now, NULL), arena_count(arena, e->answers, "answer"),
                   arena_count(arena, before, NULL));
}

static void say(struct verdict *v)
{
    struct buf out;
    struct arena arena = {0};
    const char *rows = arena_count(&arena, v->test.rows, "test row");
    buf_init(&out, sizeof v->reason - 1);
    switch (verdict_of(v)) {
    case BOOTSTRAP_NO_ROWS:
        buf_add_text(&out, "Not measured: there are no test rows.");
        break;
    case BOOTSTRAP_BETTER:
        say_better(&v->test, rows, &out);
        break;
    case BOOTSTRAP_WORSE:
        say_worse(&v->test, rows, &out);
        break;
    case BOOTSTRAP_UNSURE:
        say_unsure(&v->test, rows, &out);
        break;
    }
    (void)snprintf(v->reason, sizeof v->reason, "%s", buf_string(&out));
    buf_clear(&out);
    if (v->options.budget->passages > 0)
        say_divergence(&v->divergence, &arena, &out);
    (void)snprintf(v->forgotten, sizeof v->forgotten, "%s", buf_string(&out));
    buf_clear(&out);
    say_exactness(v->exact, &arena, &out);
    (void)snprintf(v->exactly, sizeof v->exactly, "%s", buf_string(&out));
    buf_release(&out);
    arena_release(&arena);
}

bool verdict_end(struct verdict *v, struct err *err)
{
    const struct verdict_options *o = &v->options;
    bootstrap_compare(&v->test, v->base, v->tuned, o->test->n, SEED);
    v->exact[ANSWERS_BASE] = evaluate_exactness(o->store, o->test, v->base);
    v->exact[ANSWERS_TUNED] = evaluate_exactness(o->store, o->test, v->tuned);
    if (v->has_passages && !passages_compare(&v->passages, o->engine, &v->divergence, err))
        return false;
    say(v);
    return answers_say(&v->state.answers, ANSWERS_TUNED, o->engine, o->store, err);
}

/* ------------------------------------------------------------------------------ the journal -- */

static void put_answer(const struct answer_text *text, struct run_journal *journal)
{
    struct json_writer *w = run_journal_begin(journal, "answer");
    json_member_text(w, "prompt", text->prompt);
    json_member_text(w, "expected", text->expected);
    json_member_text(w, "base", text->said[ANSWERS_BASE]);
    json_member_text(w, "tuned", text->said[ANSWERS_TUNED]);
    run_journal_end(journal);
}

/* Null where it was not measured or is no number. */
static void put_number(struct json_writer *w, const char *name, double number)
{
    if (isfinite(number))
        json_member_double(w, name, number);
    else
        json_member_null(w, name);
}

static void put_verdict(const struct verdict *v, struct run_journal *journal)
{
    static const char *const actions[] = {[BOOTSTRAP_NO_ROWS] = "not_measured",
                                          [BOOTSTRAP_BETTER] = "better",
                                          [BOOTSTRAP_WORSE] = "not_better",
                                          [BOOTSTRAP_UNSURE] = "cannot_be_told"};
    const struct divergence *d = &v->divergence;
    struct json_writer *w = run_journal_begin(journal, "verdict");
    put_number(w, "base_loss", v->state.base_loss);
    put_number(w, "tuned_loss", v->state.tuned_loss);
    put_number(w, "difference", v->test.difference);
    put_number(w, "low", v->test.low);
    put_number(w, "high", v->test.high);
    json_member_int(w, "rows", (int64_t)v->test.rows);
    json_member_bool(w, "better", verdict_of(v) == BOOTSTRAP_BETTER);
    put_number(w, "kl", d->tokens > 0 ? d->kl : NAN);
    put_number(w, "kl_se", d->tokens > 0 ? d->se : NAN);
    json_member_int(w, "kl_tokens", (int64_t)d->tokens);
    json_member_int(w, "answers", (int64_t)v->exact[ANSWERS_BASE].answers);
    json_member_int(w, "base_exact", (int64_t)v->exact[ANSWERS_BASE].exact);
    json_member_int(w, "tuned_exact", (int64_t)v->exact[ANSWERS_TUNED].exact);
    run_journal_decide(journal, actions[verdict_of(v)], v->reason);
    run_journal_end(journal);
}

bool verdict_journal(const struct verdict *v, struct run_journal *journal, struct err *err)
{
    const struct answers *a = &v->state.answers;
    struct arena arena = {0};
    bool ok = true;
    for (uint32_t i = 0; ok && i < a->n; i++) {
        struct answer_text text;
        ok = answers_text(&a->answer[i], v->options.store, &v->tokenizer, &arena, &text, err);
        if (ok)
            put_answer(&text, journal);
    }
    if (ok)
        put_verdict(v, journal);
    arena_release(&arena);
    return ok;
}
