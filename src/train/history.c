/*
 * history.c - a run's losses in the forms that other tools read.
 *
 * trainer_state.json has the members that transformers' TrainerState writes, in its order (sorted),
 * so that whatever reads a Trainer's folder reads ours: our own doctor too. Event files use the
 * tags of its TensorBoardCallback (train/loss, eval/loss). Unlike the Trainer, losses are not
 * rounded: a plateau of a small loss is otherwise a row of equal numbers.
 *
 * A run has one event file, however often it is cut off. Going on, the file is written again from
 * its beginning, in place and up to where the checkpoint was. What comes then is as long as what
 * was lost, byte for byte but for times, so a TensorBoard that has read further finds the next
 * record where it waits for it. A second file with the later steps, which is what Trainer and
 * PyTorch leave, is shown with steps that stand twice by TensorBoard's loader in Python (2.21),
 * whether or not a SessionLog.START is put in front; only its data server drops the older ones.
 */
#include "train/history.h"

#include <math.h>
#include <unistd.h>

#include "base/file.h"
#include "format/json.h"
#include "format/tfevents.h"

enum line_kind { LINE_STEP, LINE_EVAL, LINE_END };

/* A member of log_history. */
struct history_line {
    enum line_kind kind;
    struct history_step step;
    struct history_eval eval;
    struct history_end end;
};

void history_init(struct history *h, const struct history_run *run, double wall_time)
{
    *h = (struct history){.run = *run, .began = wall_time};
    buf_init(&h->lines, BUF_NO_LIMIT);
    buf_init(&h->events, BUF_NO_LIMIT);
    tfevents_begin(&h->events, wall_time);
    h->file.fd = -1;
}

void history_release(struct history *h)
{
    if (h->folder)
        append_close(&h->file);
    arena_release(&h->arena);
    buf_release(&h->lines);
    buf_release(&h->events);
    *h = (struct history){0};
}

static void add_event(struct history *h, const char *tag, int64_t step, double value,
                      double wall_time)
{
    struct tfevents_point point = {wall_time, step, span_of(tag), value};
    tfevents_add(&h->events, &point);
}

static void add_line(struct history *h, const struct history_line *line)
{
    buf_add(&h->lines, (struct span){(const uint8_t *)line, sizeof *line});
}

/* The events that are not in the file yet. */
static void put_events(struct history *h)
{
    if (h->folder)
        append_put(&h->file, span_from(buf_span(&h->events), h->file.len));
}

void history_add_step(struct history *h, const struct history_step *s, double wall_time)
{
    add_line(h, &(struct history_line){.kind = LINE_STEP, .step = *s});
    add_event(h, "train/loss", s->step, s->loss, wall_time);
    add_event(h, "train/grad_norm", s->step, s->grad_norm, wall_time);
    add_event(h, "train/learning_rate", s->step, s->learning_rate, wall_time);
    add_event(h, "train/epoch", s->step, s->epoch, wall_time);
    put_events(h);
    h->last = *s;
}

void history_add_eval(struct history *h, const struct history_eval *e, double wall_time)
{
    add_line(h, &(struct history_line){.kind = LINE_EVAL, .eval = *e});
    add_event(h, "eval/loss", e->step, e->loss, wall_time);
    put_events(h);
    if (h->best.rows == 0 || e->loss < h->best.loss)
        h->best = *e;
}

void history_add_end(struct history *h, const struct history_end *e, double wall_time)
{
    add_line(h, &(struct history_line){.kind = LINE_END, .step = h->last, .end = *e});
    add_event(h, "train/train_loss", h->last.step, e->loss, wall_time);
    add_event(h, "train/train_runtime", h->last.step, e->seconds, wall_time);
    put_events(h);
}

/* --------------------------------------------------------------------------------- writing -- */

static void put_rate(struct json_writer *w, const char *key, double count, double seconds)
{
    json_member_double(w, key, count / fmax(seconds, 1e-9));
}

static void put_step(struct json_writer *w, const struct history_step *s)
{
    json_member_double(w, "epoch", s->epoch);
    json_member_double(w, "grad_norm", s->grad_norm);
    json_member_double(w, "learning_rate", s->learning_rate);
    json_member_double(w, "loss", s->loss);
    json_member_int(w, "step", s->step);
}

static void put_eval(struct json_writer *w, const struct history_eval *e)
{
    json_member_double(w, "epoch", e->epoch);
    json_member_double(w, "eval_loss", e->loss);
    json_member_double(w, "eval_runtime", e->seconds);
    put_rate(w, "eval_samples_per_second", (double)e->rows, e->seconds);
    json_member_int(w, "step", e->step);
}

static void put_end(struct json_writer *w, const struct history_line *line)
{
    const struct history_end *e = &line->end;
    json_member_double(w, "epoch", line->step.epoch);
    json_member_int(w, "step", line->step.step);
    json_member_double(w, "train_loss", e->loss);
    json_member_double(w, "train_runtime", e->seconds);
    put_rate(w, "train_samples_per_second", (double)e->rows, e->seconds);
    put_rate(w, "train_steps_per_second", (double)line->step.step, e->seconds);
}

static void put_lines(struct json_writer *w, const struct history *h)
{
    json_begin_array(w);
    for (size_t at = 0; at < h->lines.len; at += sizeof(struct history_line)) {
        struct history_line line;
        memcpy(&line, h->lines.at + at, sizeof line);
        json_begin_object(w);
        if (line.kind == LINE_STEP)
            put_step(w, &line.step);
        else if (line.kind == LINE_EVAL)
            put_eval(w, &line.eval);
        else
            put_end(w, &line);
        json_end(w);
    }
    json_end(w);
}

static void put_best(const struct history *h, struct json_writer *w)
{
    if (h->best.rows == 0) {
        json_member_null(w, "best_global_step");
        json_member_null(w, "best_metric");
    } else {
        json_member_int(w, "best_global_step", h->best.step);
        json_member_double(w, "best_metric", h->best.loss);
    }
    json_member_null(w, "best_model_checkpoint");
}

static void put_state(const struct history *h, struct buf *out)
{
    struct json_writer w = {.out = out, .indent = 2, .python_nan = true};
    json_begin_object(&w);
    put_best(h, &w);
    json_member_double(&w, "epoch", h->last.epoch);
    json_member_int(&w, "eval_steps", h->run.eval_steps);
    json_member_int(&w, "global_step", h->last.step);
    json_member_bool(&w, "is_hyper_param_search", false);
    json_member_bool(&w, "is_local_process_zero", true);
    json_member_bool(&w, "is_world_process_zero", true);
    json_key(&w, "log_history");
    put_lines(&w, h);
    json_member_int(&w, "logging_steps", h->run.logging_steps);
    json_member_int(&w, "max_steps", h->run.steps);
    json_member_int(&w, "num_input_tokens_seen", (int64_t)h->last.tokens);
    json_member_double(&w, "num_train_epochs", h->run.epochs);
    json_member_int(&w, "save_steps", h->run.steps);
    json_key(&w, "stateful_callbacks");
    json_begin_object(&w);
    json_end(&w);
    json_member_int(&w, "train_batch_size", h->run.batch);
    json_member_null(&w, "trial_name");
    json_member_null(&w, "trial_params");
    json_end(&w);
    buf_add_byte(out, '\n');
}

/* Event files of earlier runs would be shown as parts of this one. */
static void remove_others(const char *board, const char *events)
{
    struct arena arena = {0};
    struct err ignored;
    char **names = NULL;
    size_t n = 0;
    bool ok = file_list(&arena, board, &names, &n, &ignored);
    for (size_t i = 0; ok && i < n; i++) {
        const char *path = file_join(&arena, board, names[i]);
        bool is_ours = span_starts_with(span_of(names[i]), span_of("events.out.tfevents.")) &&
                       span_ends_with(span_of(names[i]), span_of(".pace"));
        if (is_ours && strcmp(path, events) != 0)
            (void)unlink(path);
    }
    arena_release(&arena);
}

bool history_open(struct history *h, const char *folder, struct err *err)
{
    const char *board = file_join(&h->arena, folder, "tensorboard");
    const char *path =
        arena_printf(&h->arena, "%s/events.out.tfevents.%.0f.pace", board, floor(h->began));
    if (!file_make_folder(board, err) || !append_open(&h->file, path, 0, err))
        return false;
    h->folder = folder;
    h->path = path;
    remove_others(board, path);
    put_events(h);
    return true;
}

bool history_save(const struct history *h, struct err *err)
{
    struct arena arena = {0};
    struct buf state;
    buf_init(&state, BUF_NO_LIMIT);
    put_state(h, &state);
    bool ok = file_put(file_join(&arena, h->folder, "trainer_state.json"), buf_span(&state), err);
    buf_release(&state);
    arena_release(&arena);
    return ok;
}

bool history_end(const struct history *h, struct err *err)
{
    return history_save(h, err) && append_check(&h->file, h->path, err);
}
