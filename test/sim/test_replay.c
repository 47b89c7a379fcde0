/*
 * The recorded runs of test/sim/replay, played again: the controller must decide what it decided
 * then, bit for bit. Where a rule is changed on purpose, the recordings are made again; see
 * test/sim/replay/README.md.
 */
#include "test/support/support.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/file.h"
#include "logs/journal.h"

static struct arena arena;

static bool same_number(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0;
}

static bool same_decision(const struct pace_rate_decision *a, const struct pace_rate_decision *b)
{
    bool same = a->action == b->action && a->advice == b->advice && a->reason == b->reason &&
                a->step == b->step && a->apply_update == b->apply_update &&
                a->restore_slot == b->restore_slot && a->keep_slot == b->keep_slot &&
                same_number(a->learning_rate, b->learning_rate) &&
                same_number(a->gradient_scale, b->gradient_scale) &&
                same_number(a->change, b->change);
    for (int i = 0; i < PACE_NUMBERS; i++)
        same = same && same_number(a->number[i], b->number[i]);
    return same;
}

static void replay(const char *name, const struct journal *journal)
{
    static struct pace_rate rate;
    pace_rate_init(&rate, &journal->options);
    for (size_t i = 0; i < journal->n_entries; i++) {
        const struct journal_entry *entry = &journal->entries[i];
        pace_rate_observe(&rate, &entry->obs);
        struct pace_rate_decision now = pace_rate_next(&rate);
        if (same_decision(&now, &entry->decision))
            continue;
        char text[512];
        (void)pace_rate_explain(&now, text, sizeof text);
        fail_msg("%s, line %zu: then: %s: %.*s\n  now, step %" PRId64 ": %s: %s", name, i + 2,
                 pace_action_name(entry->decision.action), SPAN_ARGS(entry->reason), now.step,
                 pace_action_name(now.action), text);
    }
}

static void recorded_runs_are_decided_as_they_were(void **state)
{
    (void)state;
    struct err err = {0};
    char **names;
    size_t n;
    int n_replayed = 0;
    const char *folder = source_path(&arena, "test/sim/replay");
    ASSERT_OK(file_list(&arena, folder, &names, &n, &err));
    for (size_t i = 0; i < n; i++) {
        struct buf text;
        struct journal journal;
        if (!file_has_suffix(names[i], ".jsonl"))
            continue;
        buf_init(&text, 1 << 20);
        ASSERT_OK(file_read(&text, file_join(&arena, folder, names[i]), &err));
        assert_true(text.len < 60000);
        ASSERT_OK(journal_read(&journal, buf_span(&text), &arena, &err));
        assert_false(journal.is_cut);
        assert_true(journal.n_entries > 0);
        replay(names[i], &journal);
        buf_release(&text);
        n_replayed++;
    }
    assert_true(n_replayed >= 12);
}

/* A recording shows what it is named for; one that shows nothing guards nothing. */
static void the_recordings_show_every_action(void **state)
{
    (void)state;
    struct err err = {0};
    char **names;
    size_t n;
    bool seen[PACE_ACTION_COUNT] = {false};
    const char *folder = source_path(&arena, "test/sim/replay");
    ASSERT_OK(file_list(&arena, folder, &names, &n, &err));
    for (size_t i = 0; i < n; i++) {
        struct buf text;
        struct journal journal;
        buf_init(&text, 1 << 20);
        if (file_has_suffix(names[i], ".jsonl")) {
            ASSERT_OK(file_read(&text, file_join(&arena, folder, names[i]), &err));
            ASSERT_OK(journal_read(&journal, buf_span(&text), &arena, &err));
            for (size_t k = 0; k < journal.n_entries; k++)
                seen[journal.entries[k].decision.action] = true;
        }
        buf_release(&text);
    }
    for (int action = 0; action < PACE_ACTION_COUNT; action++) {
        if (!seen[action])
            fail_msg("no recording shows '%s'", pace_action_name((enum pace_action)action));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(recorded_runs_are_decided_as_they_were),
        cmocka_unit_test(the_recordings_show_every_action),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    arena_release(&arena);
    return failed;
}
