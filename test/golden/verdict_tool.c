/*
 * verdict_tool.c - the statistics of a verdict, for verdict_check.py and measurements.
 *
 *     verdict_tool bootstrap FILE SEED       FILE: a row a line, "before after targets"
 *     verdict_tool kl MODEL ADAPTER OUT TEXTS STEPS LONGEST [THREADS]
 *
 * bootstrap prints difference, low, high. kl lets the base say texts and compares the model with
 * the adapter: it prints the divergence, its standard error, tokens, and the processor's seconds of
 * sampling and of comparing; OUT gets a text a line, "id:loss" for each token.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "train/bootstrap.h"
#include "train/passages.h"

enum { ROWS_MOST = 100000 };

static struct err err;
static struct arena arena;

static void must(bool ok)
{
    if (ok)
        return;
    fprintf(stderr, "verdict_tool: %s: %s\n", err.where, err.what);
    exit(1);
}

/* Of the processor: other programs do not count. */
static double seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

static void run_bootstrap(char **argv)
{
    struct row_loss *before = arena_array(&arena, struct row_loss, ROWS_MOST);
    struct row_loss *after = arena_array(&arena, struct row_loss, ROWS_MOST);
    struct bootstrap b;
    unsigned long long targets;
    size_t n = 0;
    FILE *file = fopen(argv[2], "r");
    must(file != NULL);
    for (; n < ROWS_MOST &&
           fscanf(file, "%lf %lf %llu", &before[n].sum, &after[n].sum, &targets) == 3;
         n++)
        before[n].targets = after[n].targets = targets;
    fclose(file);
    double began = seconds();
    bootstrap_compare(&b, before, after, n, strtoull(argv[3], NULL, 10));
    printf("%.17g %.17g %.17g %zu %.3f\n", b.difference, b.low, b.high, b.draws, seconds() - began);
}

static void write_texts(const struct passages *p, const char *path)
{
    FILE *out = fopen(path, "w");
    must(out != NULL);
    for (uint64_t i = 0; i < p->counts.rows; i++) {
        for (uint64_t t = p->rows[i].first; t < p->rows[i].first + p->rows[i].len; t++)
            fprintf(out, "%u:%.9g ", p->ids[t], (double)p->base[t]);
        fprintf(out, "\n");
    }
    fclose(out);
}

static void run_kl(int argc, char **argv)
{
    struct engine base, tuned;
    struct options o;
    struct passages p;
    struct divergence d = {0};
    struct passages_options wanted = {.texts = strtoul(argv[5], NULL, 10),
                                      .steps = strtoul(argv[6], NULL, 10),
                                      .longest = strtoul(argv[7], NULL, 10),
                                      .seed = 42};
    options_init(&o);
    o.threads = argc > 8 ? strtoll(argv[8], NULL, 10) : 0;
    must(engine_open(&base, argv[2], &o, &err));
    passages_init(&p, &arena, &wanted);
    double began = seconds();
    must(passages_sample(&p, &base, &err));
    double sampled = seconds() - began;
    engine_close(&base);
    write_texts(&p, argv[4]);
    o.adapter = *argv[3] ? argv[3] : NULL;
    must(engine_open(&tuned, argv[2], &o, &err));
    began = seconds();
    must(passages_compare(&p, &tuned, &d, &err));
    printf("%.17g %.17g %llu %.3f %.3f\n", d.kl, d.se, (unsigned long long)d.tokens, sampled,
           seconds() - began);
    engine_close(&tuned);
}

int main(int argc, char **argv)
{
    if (argc == 4 && strcmp(argv[1], "bootstrap") == 0)
        run_bootstrap(argv);
    else if (argc >= 8 && strcmp(argv[1], "kl") == 0)
        run_kl(argc, argv);
    else
        return 2;
    arena_release(&arena);
    return 0;
}
