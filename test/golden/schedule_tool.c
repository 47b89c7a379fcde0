/*
 * schedule_tool.c - rates of many schedules in one process, for schedule_check.py.
 *
 * A line of standard input is a schedule: words between spaces,
 *
 *     KIND LEARNING_RATE TOTAL WARMUP STEPS [name=value ...] [@METRIC ...]
 *
 * and the answer is a line: the rates of the updates 0 ... STEPS - 1, or, with metrics, the rate
 * before each of them and behind the last; or "refused: " and why. Numbers are written so that they
 * read back as the same double. The line "warmup STEPS RATIO TOTAL" is answered by
 * pace_warmup_steps.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "pace/rate.h"

enum { LONGEST_LINE = 1 << 20, MOST_WORDS = 8192 };

static char line[LONGEST_LINE];
static char *words[MOST_WORDS];
static size_t n_words;

static void split_line(void)
{
    n_words = 0;
    for (char *at = line; *at && n_words < MOST_WORDS;) {
        size_t len = strcspn(at, " \n");
        if (len > 0)
            words[n_words++] = at;
        at += len;
        if (*at)
            *at++ = '\0';
    }
}

static void show(double rate)
{
    char text[NUM_TEXT_SIZE];
    num_format_double(text, rate);
    printf("%s ", text);
}

static bool read_schedule(struct pace_schedule *s, struct pace_problem *problem)
{
    enum pace_schedule_kind kind;
    if (n_words < 5 || !pace_schedule_find(words[0], &kind))
        return false;
    *s = (struct pace_schedule){.learning_rate = strtod(words[1], NULL),
                                .total_steps = strtoll(words[2], NULL, 10),
                                .warmup_steps = strtoll(words[3], NULL, 10)};
    pace_schedule_init(s, kind);
    for (size_t i = 5; i < n_words; i++) {
        char *value = strchr(words[i], '=');
        if (!value)
            continue;
        *value = '\0';
        if (!pace_schedule_set(s, words[i], value + 1, problem))
            return false;
    }
    return pace_schedule_check(s, problem);
}

static void show_rates(const struct pace_schedule *s)
{
    int64_t n_steps = strtoll(words[4], NULL, 10);
    if (pace_schedule_uses_metric(s->kind)) {
        struct pace_metric_rate m;
        pace_metric_rate_init(&m, s);
        show(m.learning_rate);
        for (size_t i = 5; i < n_words; i++) {
            if (words[i][0] != '@')
                continue;
            pace_metric_rate_observe(&m, s, strtod(words[i] + 1, NULL));
            show(m.learning_rate);
        }
        return;
    }
    for (int64_t i = 0; i < n_steps; i++)
        show(pace_schedule_rate(s, i));
}

int main(void)
{
    while (fgets(line, sizeof line, stdin)) {
        struct pace_schedule s;
        struct pace_problem problem = {.what = "no schedule"};
        split_line();
        if (n_words == 4 && strcmp(words[0], "warmup") == 0)
            printf("%lld",
                   (long long)pace_warmup_steps(strtod(words[1], NULL), strtod(words[2], NULL),
                                                strtoll(words[3], NULL, 10)));
        else if (read_schedule(&s, &problem))
            show_rates(&s);
        else
            printf("refused: %s", problem.what);
        putchar('\n');
    }
    return 0;
}
