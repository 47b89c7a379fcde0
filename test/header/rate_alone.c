/*
 * rate_alone.c - rate.h and the library need nothing else: strict C11 here, C++ in the file beside.
 */
#include <pace/rate.h>

int main(void)
{
    struct pace_rate_options options;
    struct pace_rate rate;
    pace_rate_options_init(&options);
    options.schedule.learning_rate = 1e-4;
    options.schedule.total_steps = 1;
    pace_rate_init(&rate, &options);
    struct pace_rate_obs obs = pace_rate_obs_step(2.0, 1.0);
    pace_rate_observe(&rate, &obs);
    return pace_rate_finished(&rate) ? 0 : 1;
}
