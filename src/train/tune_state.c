/*
 * tune_state.c - what of a run is saved.
 *
 * All that a run goes on with is plain data or arrays of floats, so saving is a list of them:
 *
 *     origin            options and hashes of the inputs (origin.c); it outlives the run
 *     kept              what the machine decided (setup.h)
 *     phase, report     how far the run is, and what it has come to so far
 *     trainer.…         controller, sums, last held-out loss, best state, choice
 *     quarantine, test  rows that are left out, and the test rows that are left
 *     weights/NAME      what is trained
 *     optimizer, average, states/I      with their counters
 *     history.…, incidents              what trainer_state.json and TensorBoard say
 *     arm, held, reused                 steps of the search that may become the run's
 *     verdict.…         the base's side of it (tune_verdict.c)
 *     journal           how many bytes of journal.jsonl count
 *
 * Where the run is in its data follows from the step, random draws follow from seed and step, and
 * all else from the options. The journal is cut back to where it was: what stood behind is done
 * again, and written again.
 */
#include "train/tune_state.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "train/tune_journal.h"
#include "train/tune_verdict.h"

#define ADD(list, name, object) checkpoint_add(list, name, &(object), sizeof(object))

static void list_trainer(struct tune *t, struct checkpoint *c)
{
    struct trainer *trainer = &t->trainer;
    ADD(c, "trainer.rate", trainer->rate);
    ADD(c, "trainer.totals", trainer->totals);
    ADD(c, "trainer.last_eval", trainer->last_eval);
    ADD(c, "trainer.best", trainer->best);
    ADD(c, "trainer.choice", trainer->choice);
    ADD(c, "trainer.wants_eval", trainer->wants_eval);
}

static void list_states(struct setup *s, struct checkpoint *c)
{
    for (size_t i = 0; i < s->n_states; i++) {
        struct snapshot *slot = &s->snapshots.slots[i];
        const char *name = arena_printf(&c->arena, "states/%zu", i);
        checkpoint_add_optional(c, name, slot->at, s->snapshots.n_floats, &slot->is_kept);
        ADD(c, arena_printf(&c->arena, "%s.memory", name), slot->memory);
        ADD(c, arena_printf(&c->arena, "%s.averaged", name), slot->averaged);
    }
}

static void list_training(struct setup *s, struct checkpoint *c)
{
    for (size_t i = 0; i < s->n_params; i++) {
        struct param *p = s->params[i];
        checkpoint_add_floats(c, arena_printf(&c->arena, "weights/%s", p->name), p->value,
                              param_count(p));
    }
    checkpoint_add_floats(c, "optimizer", s->optim.state, s->optim.n_state);
    ADD(c, "optimizer.memory", s->optim.memory);
    if (s->averages) {
        checkpoint_add_floats(c, "average", s->average.mean, s->average.n_floats);
        ADD(c, "average.n", s->average.n);
    }
    list_states(s, c);
}

static void list_history(struct history *h, struct checkpoint *c)
{
    checkpoint_add_buf(c, "history.lines", &h->lines, 1);
    checkpoint_add_buf(c, "history.events", &h->events, 1);
    ADD(c, "history.began", h->began);
    ADD(c, "history.last", h->last);
    ADD(c, "history.best", h->best);
}

void tune_state_list(struct tune *t)
{
    struct setup *s = &t->setup;
    struct checkpoint *c = &t->saver.list;
    saver_begin(&t->saver, s->options->output_dir, engine_machine(), s->save_steps);
    t->kept = setup_kept(s);
    checkpoint_add_buf(c, "origin", &t->origin, 1);
    ADD(c, "kept", t->kept);
    ADD(c, "phase", t->phase);
    ADD(c, "rate", s->rate);
    ADD(c, "find", t->find.memory);
    ADD(c, "report", t->report);
    list_trainer(t, c);
    ADD(c, "quarantine", s->quarantine);
    list_training(s, c);
    list_history(&t->history, c);
    tune_verdict_list(t, c);
    checkpoint_add_buf(c, "incidents", &t->incidents, sizeof(struct tune_incident));
    checkpoint_add_buf(c, "arm", &t->arm, sizeof(struct find_step));
    for (size_t i = 0; i < FIND_HELD; i++)
        checkpoint_add_buf(c, arena_printf(&c->arena, "held/%zu", i), &t->held[i],
                           sizeof(struct find_step));
    ADD(c, "reused", t->reused);
    ADD(c, "last_step", t->last_step);
    ADD(c, "loss_sum", t->loss_sum);
    ADD(c, "n_loss", t->n_loss);
    ADD(c, "n_evaluated", t->n_evaluated);
    ADD(c, "journal", t->journal_bytes);
}

bool tune_state_kept(const struct checkpoint_file *f, struct setup_kept *kept, struct err *err)
{
    struct span bytes;
    if (!checkpoint_find(f, "kept", &bytes, err))
        return false;
    if (bytes.len == sizeof *kept) {
        memcpy(kept, bytes.at, sizeof *kept);
        if (kept->n_states <= SNAPSHOTS_MOST)
            return true;
    }
    err_set(err, ERR_INPUT, "'kept' is not what this build of pace writes");
    err_in(err, "%s", f->path);
    return false;
}

bool tune_state_sweep(const char *folder, struct err *err)
{
    static const char *const names[] = {"checkpoint", "adapter", "model", "tensorboard"};
    struct arena arena = {0};
    bool ok = file_sweep(folder, err);
    for (size_t i = 0; ok && i < COUNT_OF(names); i++)
        ok = file_sweep(file_join(&arena, folder, names[i]), err);
    arena_release(&arena);
    return ok;
}

bool tune_state_load(struct tune *t, const struct checkpoint_file *f, struct err *err)
{
    if (!checkpoint_load(&t->saver.list, f, err))
        return false;
    verdict_resume(&t->verdict);
    t->setup.rate = t->trainer.options.rate = t->trainer.rate.options;
    t->saver.saved_step = f->about.step;
    const char *folder = t->setup.options->output_dir;
    if (!tune_state_sweep(folder, err) ||
        !run_journal_open(&t->journal, folder, t->journal_bytes, err) ||
        !history_open(&t->history, folder, err))
        return false;
    tune_journal_place(t, "resume");
    return true;
}

/* Its time counts among what saving costs. */
static void save_history(struct tune *t)
{
    struct err err = {0};
    double began = clock_seconds();
    if (!history_save(&t->history, &err)) /* told of at the end */
        log_detail("trainer_state.json cannot be written: %s", err.what);
    saver_spend(&t->saver, clock_seconds() - began);
}

bool tune_state_save(struct tune *t)
{
    struct err err = {0};
    bool was_told = t->saver.failed;
    tune_journal_place(t, "checkpoint");
    t->journal_bytes = t->journal.file.len;
    if (!append_sync(&t->journal.file, t->journal.path, &err)) /* told of at the end */
        log_detail("the journal cannot be written: %s", err.what);
    if (saver_save(&t->saver, t->trainer.rate.step, &err)) {
        save_history(t);
        return true;
    }
    if (!was_told && t->saver.saved_step >= 0)
        log_warning("no checkpoint could be saved: %s; the run goes on, and the one of step %lld "
                    "is still there",
                    err.what, (long long)t->saver.saved_step);
    else if (!was_told)
        log_warning("no checkpoint could be saved: %s; the run goes on", err.what);
    return false;
}
