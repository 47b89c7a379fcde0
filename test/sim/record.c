/*
 * record.c - the recorded journals of test/sim/replay.
 *
 *     record FOLDER            writes the journal of each row below into FOLDER, as NAME.jsonl
 *     record FOLDER NAME       only that one
 *
 * They are what a change of the guard must reproduce (test_replay.c), unless it means to decide
 * otherwise: then they are made again, and the difference is looked at, sentence by sentence.
 */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "logs/journal.h"
#include "test/sim/scenario.h"

/* Runs that show each thing that the guard does; short, so that a journal stays below 60 KB. */
static const struct recording {
    const char *name;
    uint64_t seed;
    const char *scenario;
    const char *kind;
    int64_t steps;
    enum pace_guard guard;
    int n_slots;
} recordings[] = {
    {"clean", 2, "clean", "adapter", 150, PACE_GUARD_ACT, 4},
    {"heavy_tails", 4, "heavy tails", "quadratic", 150, PACE_GUARD_ACT, 4},
    {"rate_x10", 6, "rate x10", "softmax", 150, PACE_GUARD_ACT, 4},
    {"rate_x30", 6, "rate x30", "basin", 120, PACE_GUARD_ACT, 4},
    {"rate_x30_watched", 6, "rate x30", "basin", 120, PACE_GUARD_WATCH, 4},
    {"rate_x30_no_slots", 6, "rate x30", "basin", 120, PACE_GUARD_ACT, 0},
    {"rate_x300", 8, "rate x300", "net", 120, PACE_GUARD_ACT, 4},
    {"overflow", 10, "rate x300, overflow", "chain", 120, PACE_GUARD_ACT, 4},
    {"overflow_unguarded", 10, "rate x300, overflow", "chain", 120, PACE_GUARD_OFF, 4},
    {"rate_too_low", 126, "rate /300", "plateau", 150, PACE_GUARD_ACT, 4},
    {"converged", 97, "clean", "quadratic", 125, PACE_GUARD_ACT, 4},
    {"huge_batches", 156, "1 % huge, no clipping", "stairs", 120, PACE_GUARD_ACT, 4},
    {"nan_batches", 42, "2 % NaN batches", "adapter", 150, PACE_GUARD_ACT, 4},
    {"broken_weight", 18, "a weight becomes NaN", "net", 120, PACE_GUARD_ACT, 4},
    {"no_targets", 20, "no targets at all", "softmax", 60, PACE_GUARD_ACT, 4},
    {"over_fit", 22, "few rows, rate x5", "net", 150, PACE_GUARD_ACT, 4},
};

static const struct sim_scenario *find_scenario(const char *name)
{
    const struct sim_scenario *found = NULL;
    for (size_t i = 0; i < sim_scenario_count; i++) {
        if (strcmp(sim_scenarios[i].name, name) == 0)
            found = &sim_scenarios[i];
    }
    CHECK(found != NULL);
    return found;
}

static void write_event(void *listener, const struct pace_rate *rate, const struct sim_event *event)
{
    (void)rate;
    journal_put(listener, &event->obs, &event->decision);
}

/* The prior and the evaluations are as the seed draws them; the length is the recording's. */
static void record(const struct recording *r, struct buf *out)
{
    static struct sim_ground ground;
    struct arena arena = {0};
    struct sim_case c;
    struct sim_job job;
    struct sim_result result;
    const struct sim_scenario *scenario = find_scenario(r->scenario);
    sim_case_draw(&c, r->seed);
    c.kind = sim_kind_find(r->kind);
    c.plan.steps = r->steps;
    c.plan.warmup = r->steps / 20;
    sim_ground_make(&ground, &c, scenario, r->seed, &arena);
    sim_case_job(&c, scenario, &ground, &job);
    job.options.guard = r->guard;
    job.options.n_slots = r->n_slots;
    job.listen = write_event;
    job.listener = out;
    journal_put_options(out, &job.options);
    sim_train(&job, &result);
    arena_release(&arena);
}

static bool write_recording(const struct recording *r, const char *folder, struct err *err)
{
    struct file_writer writer = {.fd = -1};
    struct arena arena = {0};
    struct buf journal;
    buf_init(&journal, BUF_NO_LIMIT);
    record(r, &journal);
    const char *name = arena_printf(&arena, "%s.jsonl", r->name);
    bool ok = file_writer_open(&writer, file_join(&arena, folder, name), err);
    if (ok) {
        file_write(&writer, buf_span(&journal));
        ok = file_commit(&writer, err);
    }
    file_discard(&writer);
    (void)printf("%-22s %6zu bytes\n", r->name, journal.len);
    buf_release(&journal);
    arena_release(&arena);
    return ok;
}

int main(int argc, char **argv)
{
    struct err err = {0};
    bool ok = true;
    if (argc < 2 || argc > 3) {
        (void)fprintf(stderr, "usage: record FOLDER [NAME]\n");
        return 2;
    }
    for (size_t i = 0; i < COUNT_OF(recordings) && ok; i++) {
        if (argc < 3 || strcmp(argv[2], recordings[i].name) == 0)
            ok = write_recording(&recordings[i], argv[1], &err);
    }
    if (!ok)
        (void)fprintf(stderr, "record: %s: %s\n", err.where, err.what);
    return ok ? 0 : 1;
}
