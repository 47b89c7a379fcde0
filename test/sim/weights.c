/*
 * weights.c - SGD with momentum and AdamW, as torch updates them, and the norm that both are asked
 * to clip by.
 */
#include "test/sim/weights.h"

#include <math.h>
#include <string.h>

void sim_weights_init(struct sim_weights *w, const struct sim_landscape *l,
                      enum sim_optimizer optimizer)
{
    *w = (struct sim_weights){.optimizer = optimizer, .n = l->n};
    memcpy(w->x, l->start, l->n * sizeof w->x[0]);
}

static void update_sgd(struct sim_weights *w, const double *gradient, double learning_rate,
                       double scale)
{
    for (size_t i = 0; i < w->n; i++) {
        w->m[i] = 0.9 * w->m[i] + scale * gradient[i];
        w->x[i] -= learning_rate * w->m[i];
    }
}

static void update_adamw(struct sim_weights *w, const double *gradient, double learning_rate,
                         double scale)
{
    double t = (double)w->n_updates;
    double mean_weight = 1 - pow(0.9, t), square_weight = 1 - pow(0.999, t);
    for (size_t i = 0; i < w->n; i++) {
        double g = scale * gradient[i];
        w->m[i] = 0.9 * w->m[i] + 0.1 * g;
        w->v[i] = 0.999 * w->v[i] + 0.001 * g * g;
        double mean = w->m[i] / mean_weight;
        w->x[i] -= learning_rate * mean / (sqrt(w->v[i] / square_weight) + 1e-8);
    }
}

void sim_weights_update(struct sim_weights *w, const double *gradient, double learning_rate,
                        double scale)
{
    w->n_updates++;
    if (w->optimizer == SIM_SGD)
        update_sgd(w, gradient, learning_rate, scale);
    else
        update_adamw(w, gradient, learning_rate, scale);
}

double sim_norm(const double *gradient, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += gradient[i] * gradient[i];
    return sqrt(sum);
}

double sim_clip_scale(double norm, double max_norm)
{
    return max_norm > 0 && norm > max_norm ? max_norm / (norm + 1e-6) : 1;
}
