#include "graph/run.h"

#include <math.h>
#include <string.h>

#include "base/mem.h"
#include "test/support/decoder.h"

/* Losses without dropout, as a function of the parameters. */
static double loss_at(struct run *run, struct sample *s)
{
    run_losses(run, &s->batch, NULL, s->loss, NULL);
    return sample_sum(s);
}

/* d loss / d *at by central differences of the fourth order. */
static double slope(struct run *run, struct sample *s, float *at)
{
    const float x = *at, h = 0.01f;
    double f[4];
    static const float steps[4] = {1, -1, 2, -2};
    for (size_t i = 0; i < 4; i++) {
        *at = x + steps[i] * h;
        f[i] = loss_at(run, s);
    }
    *at = x;
    return (8 * (f[0] - f[1]) - (f[2] - f[3])) / (12 * (double)h);
}

static void check_param(struct decoder *d, struct run *run, struct sample *s, struct param *p)
{
    double norm = 0, error = 0;
    for (size_t i = 0; i < param_count(p); i++) {
        double wanted = slope(run, s, &p->value[i]);
        norm += wanted * wanted;
        error += (wanted - p->grad[i]) * (wanted - p->grad[i]);
    }
    if (!(sqrt(error) <= 1e-3 * sqrt(norm) + 3e-5))
        fail_msg("%s: %s [%zu, %zu]: gradient of norm %g is off by %g", d->options.name, p->name,
                 p->weight.rows, p->weight.width, sqrt(norm), sqrt(error));
}

static void gradients_are_those_of_central_differences(void **state)
{
    (void)state;
    for (size_t kind = 0; kind < decoder_kind_count; kind++) {
        struct err err = {0};
        struct decoder d;
        struct sample s;
        struct run run;
        struct decoder_options options = decoder_kinds[kind];
        options.dropout = 0; /* its own test is below */
        decoder_make(&d, &options);
        sample_two(&s, &d);
        struct run_options o = sample_options(true);
        ASSERT_OK(run_init(&run, &d.tape, &d.backend, &o, &err));
        run_train(&run, &s.batch, s.loss);
        for (size_t i = 0; i < d.n_params; i++) {
            if (d.params[i]->grad)
                check_param(&d, &run, &s, d.params[i]);
        }
        run_release(&run);
        decoder_release(&d);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gradients_are_those_of_central_differences),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
