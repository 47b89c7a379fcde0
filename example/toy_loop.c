/*
 * toy_loop.c - a training loop of one's own, with the learning rate in pace's hands.
 *
 * Fits a straight line through 256 points by gradient descent with momentum, from a learning rate
 * thirty times too high: the loss explodes, the controller goes back to the first state and goes on
 * slower, and says so. Needs nothing but rate.h and the library:
 *
 *     cc toy_loop.c $(pkg-config --cflags --libs pace_rate)
 */
#include <math.h>
#include <stdio.h>

#include <pace/rate.h>

enum { POINTS = 256, BATCH = 8, STEPS = 400 };

struct state { /* all that a roll-back has to bring back */
    double weight, bias, momentum[2];
};

/* The loss of a batch and its gradient; the points lie around y = 3 x + 1. */
static double forward_backward(const struct state *s, long first, double gradient[2])
{
    double loss = 0;
    gradient[0] = gradient[1] = 0;
    for (long i = first; i < first + BATCH; i++) {
        double x = sin((double)(i % POINTS) * 12.9898) * 2, noise = 0.3 * sin((double)i * 78.233);
        double error = s->weight * x + s->bias - (3 * x + 1 + noise);
        loss += 0.5 * error * error / BATCH;
        gradient[0] += error * x / BATCH;
        gradient[1] += error / BATCH;
    }
    return loss;
}

int main(void)
{
    struct pace_rate_options options;
    pace_rate_options_init(&options);
    options.schedule.learning_rate = 3;
    options.schedule.total_steps = STEPS;
    options.max_grad_norm = 0;
    options.n_slots = PACE_SLOTS;

    struct pace_rate rate;
    struct state now = {0, 0, {0, 0}}, kept[PACE_SLOTS];
    double loss = 0, gradient[2];
    pace_rate_init(&rate, &options);
    while (!pace_rate_finished(&rate)) {
        loss = forward_backward(&now, rate.step * BATCH, gradient);
        struct pace_rate_obs obs = pace_rate_obs_step(loss, hypot(gradient[0], gradient[1]));
        pace_rate_observe(&rate, &obs);

        struct pace_rate_decision d = pace_rate_next(&rate);
        if (d.keep_slot >= 0)
            kept[d.keep_slot] = now;
        if (d.restore_slot >= 0)
            now = kept[d.restore_slot];
        if (d.apply_update) {
            for (int i = 0; i < 2; i++)
                now.momentum[i] = 0.9 * now.momentum[i] + gradient[i] * d.gradient_scale;
            now.weight -= d.learning_rate * now.momentum[0];
            now.bias -= d.learning_rate * now.momentum[1];
        }
        if (d.reason != PACE_REASON_SCHEDULE) {
            char why[300];
            pace_rate_explain(&d, why, sizeof why);
            printf("step %ld: %s: %s\n", (long)d.step, pace_action_name(d.action), why);
        }
    }
    printf("loss %.3g, y = %.2f x + %.2f\n", loss, now.weight, now.bias);
    return fabs(now.weight - 3) < 0.2 && fabs(now.bias - 1) < 0.2 ? 0 : 1;
}
