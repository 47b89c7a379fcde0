/*
 * optim_tool.c - runs an optimiser on gradients from outside, for optim_check.py.
 *
 *     optim_tool BACKEND NAME OPTIM_ARGS WEIGHT_DECAY BETA1 BETA2 EPS STEPS SHAPE ...
 *
 * A shape is "64x96", a matrix that decays, or "300", a vector that does not. Standard input holds
 * float32: the weights of all parameters, then for each step a rate, a factor of the gradient, and
 * the gradients. Standard output: the weights behind the last step, then what the three averages
 * show there (suffix, ema, bema), then the norm of the last gradients as float64.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "optim/average.h"
#include "optim/grad.h"
#include "optim/optim.h"

enum { PARAMS_MOST = 32, FIRST_SHAPE = 9, AVERAGES = 3 };

static struct param params[PARAMS_MOST], *list[PARAMS_MOST];
static size_t n_params;

static void fail(const char *what)
{
    fprintf(stderr, "optim_tool: %s\n", what);
    exit(1);
}

static void read_floats(float *to, size_t n)
{
    if (fread(to, sizeof *to, n, stdin) != n)
        fail("the input ends early");
}

static void write_values(void)
{
    for (size_t i = 0; i < n_params; i++)
        fwrite(params[i].value, sizeof(float), param_count(&params[i]), stdout);
}

static void make_params(char **shapes, size_t n)
{
    for (size_t i = 0; i < n && i < PARAMS_MOST; i++) {
        char *end;
        size_t rows = strtoul(shapes[i], &end, 10), width = 1;
        bool is_matrix = *end == 'x';
        if (is_matrix)
            width = strtoul(end + 1, NULL, 10);
        struct param *p = &params[i];
        *p = (struct param){.name = "weight", .decays = is_matrix};
        p->weight.rows = is_matrix ? rows : 1;
        p->weight.width = is_matrix ? width : rows;
        p->value = mem_alloc(param_count(p) * sizeof(float));
        p->grad = mem_alloc(param_count(p) * sizeof(float));
        read_floats(p->value, param_count(p));
        list[n_params++] = p;
    }
}

static void train(struct optim *optim, struct average *averages, long steps)
{
    for (long step = 0; step < steps; step++) {
        float numbers[2];
        read_floats(numbers, 2);
        for (size_t i = 0; i < n_params; i++)
            read_floats(params[i].grad, param_count(&params[i]));
        optim_step(optim, (double)numbers[0], (double)numbers[1]);
        for (int i = 0; i < AVERAGES; i++)
            average_add(&averages[i]);
    }
}

int main(int argc, char **argv)
{
    static const enum average_kind kinds[AVERAGES] = {AVERAGE_SUFFIX, AVERAGE_EMA, AVERAGE_BEMA};
    struct err err = {0};
    struct optim_options options;
    struct average averages[AVERAGES];
    struct backend backend;
    struct optim optim;
    optim_options_init(&options);
    if (argc <= FIRST_SHAPE || !optim_find(span_of(argv[2]), &options.kind))
        fail("usage: BACKEND NAME ARGS WEIGHT_DECAY BETA1 BETA2 EPS STEPS SHAPE ...");
    if (!optim_options_read(&options, span_of(argv[3]), &err))
        fail(err.what);
    options.weight_decay = strtod(argv[4], NULL);
    options.beta1 = strtod(argv[5], NULL);
    options.beta2 = strtod(argv[6], NULL);
    options.eps = strtod(argv[7], NULL);
    backend_init(&backend, strcmp(argv[1], "cpu") == 0 ? &backend_cpu : &backend_ref, NULL);
    make_params(argv + FIRST_SHAPE, (size_t)(argc - FIRST_SHAPE));
    if (!optim_init(&optim, &backend, &options, list, n_params, &err))
        fail(err.what);
    for (int i = 0; i < AVERAGES; i++) {
        struct average_options wanted;
        average_options_init(&wanted, kinds[i]);
        if (!average_init(&averages[i], &backend, &wanted, list, n_params, &err))
            fail(err.what);
    }
    train(&optim, averages, strtol(argv[8], NULL, 10));
    optim_show_average(&optim, true);
    write_values();
    optim_show_average(&optim, false);
    for (int i = 0; i < AVERAGES; i++) {
        average_show(&averages[i], true);
        write_values();
        average_show(&averages[i], false);
    }
    uint64_t not_finite;
    double norm = grad_norm(&backend, list, n_params, &not_finite);
    fwrite(&norm, sizeof norm, 1, stdout);
    return 0;
}
