/*
 * saver.c - when a run saves its state.
 *
 * Every so many steps where the user said so; otherwise by the clock, so that saving takes a
 * hundredth of the time at most: the next one is due when a hundred times what the last one took
 * has gone by. Before the first there is only the size to go by, and an ordinary disk's speed. What
 * is saved does not depend on when, so the clock decides nothing that can be seen in a result.
 */
#include "train/saver.h"

#include "base/clock.h"

static const double SHARE = 0.01;

/* An ordinary disk: bytes a second, and seconds for a file however small. */
static const double DISK_SPEED = 2e8, DISK_DELAY = 0.02;

void saver_begin(struct saver *s, const char *folder, const char *machine, int64_t every)
{
    *s = (struct saver){.folder = folder,
                        .machine = machine,
                        .every = every,
                        .last = clock_seconds(),
                        .saved_step = -1};
    checkpoint_init(&s->list);
}

void saver_release(struct saver *s)
{
    checkpoint_release(&s->list);
    *s = (struct saver){0};
}

bool saver_is_due(const struct saver *s, int64_t step)
{
    if (s->every > 0)
        return step % s->every == 0;
    double cost = s->cost;
    if (cost == 0)
        cost = DISK_DELAY + (double)checkpoint_bytes(&s->list) / DISK_SPEED;
    return clock_seconds() - s->last >= cost / SHARE;
}

bool saver_save(struct saver *s, int64_t step, struct err *err)
{
    struct checkpoint_about about = {
        .status = CHECKPOINT_RUNNING, .step = step, .machine = s->machine};
    double began = clock_seconds();
    bool ok = checkpoint_save(&s->list, s->folder, &about, err);
    s->last = clock_seconds();
    s->cost = s->last - began;
    s->failed = !ok;
    if (ok)
        s->saved_step = step;
    return ok;
}

void saver_spend(struct saver *s, double seconds)
{
    s->cost += seconds;
    s->last = clock_seconds();
}

bool saver_end(struct saver *s, enum checkpoint_status status, int64_t step, const char *reason,
               struct err *err)
{
    struct checkpoint_about about = {status, step, s->machine, reason};
    checkpoint_cut(&s->list, 1);
    return checkpoint_save(&s->list, s->folder, &about, err);
}
