/*
 * landscape.c - the analytic landscapes, and what all landscapes share.
 *
 * A batch of an analytic landscape is the landscape tilted and lifted:
 *
 *     grad f_b(x) = grad f(x) + s_b n_b,     f_b(x) = f(x) + s_b n_b . x / 10 + e_b
 *
 * with n_b normal, its covariance proportional to the curvature (as for regression: directions that
 * matter more are noisier), s_b log-normal, e_b the batch's own difficulty. (The tilt is felt in
 * the loss by a tenth only: in full it would drown the first losses in noise.) That is what logs of
 * real fine-tunes look like: gradient norms mostly noise, log-normal with a spread of 0.05 to 0.6,
 * losses that differ from step to step by 0.02 to 0.3 nats. With heavy tails one batch in fifty has
 * its scale multiplied by a Pareto draw, and its difficulty with it.
 *
 * Coordinates are scaled so that the steepest curvature is about 1: rates of SGD then mean the same
 * everywhere. To add a landscape: a make and a value function (or a row function, landscape_data.c)
 * and a row in sim_kinds.
 */
#include "test/sim/landscape.h"

#include <math.h>
#include <string.h>

#include "test/sim/landscape_data.h"

/* Streams of the random numbers: one per purpose. */
enum { STREAM_MAKE = 1, STREAM_BATCH = 1000 };

double sim_uniform(struct rng *rng, double low, double high)
{
    return low + (high - low) * rng_uniform(rng);
}

double sim_log_uniform(struct rng *rng, double low, double high)
{
    return low * pow(high / low, rng_uniform(rng));
}

static size_t pick_dimension(struct rng *rng)
{
    return 8 + (size_t)rng_below(rng, 57);
}

/* Curvatures from 1 down to 1 / condition, evenly spaced in the logarithm. */
static void set_curvature(struct sim_landscape *l, size_t first, double condition)
{
    size_t n = l->n - first;
    for (size_t i = 0; i < n; i++) {
        double share = n > 1 ? (double)i / (double)(n - 1) : 0;
        l->curvature[first + i] = pow(condition, -share);
    }
}

/* A start from which the quadratic bowl is `height` nats high, every direction alike. */
static void set_start(struct sim_landscape *l, size_t first, double height, struct rng *rng)
{
    double total = 0;
    for (size_t i = first; i < l->n; i++) {
        double z = rng_normal(rng);
        l->start[i] = z / sqrt(l->curvature[i]);
        total += 0.5 * z * z;
    }
    for (size_t i = first; i < l->n; i++)
        l->start[i] *= sqrt(height / total);
}

static double bowl(const struct sim_landscape *l, size_t first, const double *x, double *gradient)
{
    double sum = 0;
    for (size_t i = first; i < l->n; i++) {
        sum += 0.5 * l->curvature[i] * x[i] * x[i];
        gradient[i] += l->curvature[i] * x[i];
    }
    return sum;
}

/* -------------------------------------------------------------------------------- quadratic -- */

static void make_quadratic(struct sim_landscape *l, struct rng *rng)
{
    l->n = pick_dimension(rng);
    set_curvature(l, 0, sim_log_uniform(rng, 5, 200));
    set_start(l, 0, sim_uniform(rng, 1, 3), rng);
}

static double value_quadratic(const struct sim_landscape *l, const double *x, double *gradient)
{
    return bowl(l, 0, x, gradient);
}

/* ------------------------------------------------------------------------------------ cliff -- */

/*
 * A bowl inside walls: beyond |x| = w the loss climbs steeply to a high plain, where the walls give
 * no gradient any more and only the bowl leads back. shape: w, the wall's height, its steepness.
 */
static void make_cliff(struct sim_landscape *l, struct rng *rng)
{
    make_quadratic(l, rng);
    double furthest = 0;
    for (size_t i = 0; i < 4; i++)
        furthest = fmax(furthest, fabs(l->start[i]));
    l->shape[0] = furthest + sim_uniform(rng, 0.3, 0.8);
    l->shape[1] = sim_uniform(rng, 2, 5);
    l->shape[2] = sim_log_uniform(rng, 20, 200);
}

static double value_cliff(const struct sim_landscape *l, const double *x, double *gradient)
{
    double sum = bowl(l, 0, x, gradient);
    for (size_t i = 0; i < 4; i++) {
        double beyond = fabs(x[i]) - l->shape[0];
        if (beyond <= 0)
            continue;
        double left = exp(-0.5 * l->shape[2] * beyond * beyond / l->shape[1]);
        sum += l->shape[1] * (1 - left);
        gradient[i] += copysign(left * l->shape[2] * beyond, x[i]);
    }
    return sum;
}

/* ------------------------------------------------------------------------------------ river -- */

/*
 * A river that winds and falls slowly between steep banks: x[0] runs along it, the others are the
 * banks, whose middle moves as the river winds. The banks limit the rate, the river wants it high.
 * shape: height, length, how wide it winds.
 */
static void make_river(struct sim_landscape *l, struct rng *rng)
{
    l->n = pick_dimension(rng);
    set_curvature(l, 1, sim_log_uniform(rng, 2, 10));
    set_start(l, 1, sim_uniform(rng, 0.3, 1), rng);
    l->curvature[0] = 0.05;
    l->start[0] = 0;
    l->shape[0] = sim_uniform(rng, 1, 2.5);
    l->shape[1] = sim_uniform(rng, 3, 8);
    l->shape[2] = sim_uniform(rng, 0.1, 0.4);
}

static double value_river(const struct sim_landscape *l, const double *x, double *gradient)
{
    double height = l->shape[0] * exp(-x[0] / l->shape[1]);
    double sum = height;
    double along = -height / l->shape[1];
    if (x[0] < 0) { /* upstream the slope stays what it is at the spring */
        sum = l->shape[0] * (1 - x[0] / l->shape[1]);
        along = -l->shape[0] / l->shape[1];
    }
    for (size_t i = 1; i < l->n; i++) {
        double phase = 0.3 * (double)i;
        double away = x[i] - l->shape[2] * (sin(x[0] + phase) - sin(phase));
        sum += 0.5 * l->curvature[i] * away * away;
        gradient[i] += l->curvature[i] * away;
        along -= l->curvature[i] * away * l->shape[2] * cos(x[0] + phase);
    }
    gradient[0] += along;
    return sum;
}

/* ---------------------------------------------------------------------------------- plateau -- */

/* A funnel seen from afar: nearly level at the start, a well in the middle. shape: depth, width. */
static void make_plateau(struct sim_landscape *l, struct rng *rng)
{
    l->n = pick_dimension(rng);
    set_curvature(l, 0, sim_log_uniform(rng, 2, 10));
    l->shape[0] = sim_uniform(rng, 1.5, 3);
    l->shape[1] = l->shape[0]; /* the curvature in the middle is then about 1 */
    set_start(l, 0, l->shape[1] * sim_uniform(rng, 2.0, 3.0), rng);
}

/* The same well, seen from inside: who leaves it does not find back. */
static void make_basin(struct sim_landscape *l, struct rng *rng)
{
    l->n = pick_dimension(rng);
    set_curvature(l, 0, sim_log_uniform(rng, 5, 50));
    l->shape[0] = sim_uniform(rng, 3, 6);
    l->shape[1] = l->shape[0];
    set_start(l, 0, l->shape[0] * sim_uniform(rng, 0.3, 0.7), rng);
}

static double value_plateau(const struct sim_landscape *l, const double *x, double *gradient)
{
    double bent[SIM_PARAMETERS_MOST] = {0};
    double square = bowl(l, 0, x, bent);
    double left = exp(-square / l->shape[1]);
    double pull = l->shape[0] / l->shape[1] * left + 0.002; /* far out a gentle bowl remains */
    for (size_t i = 0; i < l->n; i++)
        gradient[i] += pull * bent[i];
    return l->shape[0] * (1 - left) + 0.002 * square;
}

/* ----------------------------------------------------------------------------------- saddle -- */

/* A pass: the bowl ends at a saddle, from which x[0] leads down either side. shape: its height. */
static void make_saddle(struct sim_landscape *l, struct rng *rng)
{
    make_quadratic(l, rng);
    l->shape[0] = sim_uniform(rng, 0.5, 1.2);
    l->start[0] = (rng_uniform(rng) < 0.5 ? -1 : 1) * sim_log_uniform(rng, 0.01, 0.1);
    l->curvature[0] = 0.3; /* of the noise */
}

static double value_saddle(const struct sim_landscape *l, const double *x, double *gradient)
{
    double well = x[0] * x[0] / 4 - 1; /* the two sides end at -2 and 2 */
    gradient[0] += l->shape[0] * well * x[0];
    return l->shape[0] * well * well + bowl(l, 1, x, gradient);
}

/* ----------------------------------------------------------------------------------- stairs -- */

/*
 * Two steps down along x[0] with a long landing between them, where the slope is small beside the
 * noise. shape: height of the first, of the second, where the second is, slope of the landing.
 */
static const double first_stair = 1.5, stair_width = 0.4;

static void make_stairs(struct sim_landscape *l, struct rng *rng)
{
    l->n = pick_dimension(rng);
    set_curvature(l, 1, sim_log_uniform(rng, 2, 20));
    set_start(l, 1, sim_uniform(rng, 0.2, 0.5), rng);
    l->curvature[0] = 0.3; /* of the noise */
    l->shape[0] = sim_uniform(rng, 0.7, 1.5);
    l->shape[1] = sim_uniform(rng, 0.5, 1.5);
    l->shape[2] = first_stair + sim_log_uniform(rng, 3, 15);
    l->shape[3] = sim_log_uniform(rng, 0.005, 0.05);
}

/* A step of height 1 that is down behind `at`. */
static double stair(double x, double at, double *slope)
{
    double left = 1 / (1 + exp((x - at) / stair_width));
    *slope = -left * (1 - left) / stair_width;
    return left;
}

static double value_stairs(const struct sim_landscape *l, const double *x, double *gradient)
{
    double first, second;
    double end = l->shape[2] + 2;
    double sum = l->shape[0] * stair(x[0], first_stair, &first);
    sum += l->shape[1] * stair(x[0], l->shape[2], &second);
    gradient[0] += l->shape[0] * first + l->shape[1] * second;
    if (x[0] < end) {
        sum += l->shape[3] * (end - x[0]);
        gradient[0] -= l->shape[3];
    }
    return sum + bowl(l, 1, x, gradient);
}

/* ------------------------------------------------------------------------------------ gorge -- */

/*
 * A river between banks that are steep at its spring and flatten on the way: what needs a warmup.
 * shape: height, length, how much steeper the banks are at the spring, over which stretch.
 */
static void make_gorge(struct sim_landscape *l, struct rng *rng)
{
    l->n = pick_dimension(rng);
    set_curvature(l, 1, sim_log_uniform(rng, 2, 10));
    set_start(l, 1, sim_uniform(rng, 0.05, 0.2), rng);
    l->curvature[0] = 0.05;
    l->shape[0] = sim_uniform(rng, 1, 2.5);
    l->shape[1] = sim_uniform(rng, 3, 8);
    l->shape[2] = sim_log_uniform(rng, 5, 40);
    l->shape[3] = sim_uniform(rng, 0.3, 1);
}

static double value_gorge(const struct sim_landscape *l, const double *x, double *gradient)
{
    double r = fmax(x[0], 0);
    double bent[SIM_PARAMETERS_MOST] = {0};
    double banks = bowl(l, 1, x, bent);
    double steeper = l->shape[2] * exp(-r / l->shape[3]);
    double height = l->shape[0] * exp(-r / l->shape[1]);
    for (size_t i = 1; i < l->n; i++)
        gradient[i] += (1 + steeper) * bent[i];
    gradient[0] -= height / l->shape[1] + (x[0] > 0 ? banks * steeper / l->shape[3] : 0);
    return height + l->shape[0] * (r - x[0]) / l->shape[1] + (1 + steeper) * banks;
}

/* ------------------------------------------------------------------------------------ chain -- */

/*
 * Products of four weights that should be 1, as layers are multiplied in a deep net: level near
 * zero, ever steeper outwards, so that one step too long throws it far. shape: height.
 */
enum { CHAIN = 4 };

static void make_chain(struct sim_landscape *l, struct rng *rng)
{
    size_t chains = 3 + (size_t)rng_below(rng, 8);
    l->n = CHAIN * chains;
    l->shape[0] = sim_uniform(rng, 1.5, 3) / (double)chains;
    for (size_t i = 0; i < l->n; i++) {
        l->start[i] = sim_uniform(rng, 0.4, 0.8);
        l->curvature[i] = 0.3;
    }
}

static double value_chain(const struct sim_landscape *l, const double *x, double *gradient)
{
    double sum = 0;
    for (size_t first = 0; first < l->n; first += CHAIN) {
        double product = 1;
        for (size_t i = 0; i < CHAIN; i++)
            product *= x[first + i];
        double error = product - 1;
        sum += l->shape[0] * error * error;
        for (size_t i = 0; i < CHAIN; i++) {
            double others = 1;
            for (size_t j = 0; j < CHAIN; j++)
                others *= j == i ? 1 : x[first + j];
            gradient[first + i] += 2 * l->shape[0] * error * others;
        }
    }
    return sum;
}

/* ------------------------------------------------------------------------------- all of them -- */

const struct sim_kind sim_kinds[] = {
    {"quadratic",
     "an ill-conditioned bowl",
     false,
     make_quadratic,
     value_quadratic,
     NULL,
     {0.1, 0.1}},
    {"cliff", "a bowl inside walls", false, make_cliff, value_cliff, NULL, {0.1, 0.1}},
    {"river", "a winding valley that falls slowly", false, make_river, value_river, NULL, {1, 0.8}},
    {"plateau",
     "level at first, a well behind it",
     false,
     make_plateau,
     value_plateau,
     NULL,
     {0.2, 0.1}},
    {"basin", "a well that is not found again", false, make_basin, value_plateau, NULL, {0.2, 0.1}},
    {"saddle", "a bowl that ends on a pass", false, make_saddle, value_saddle, NULL, {0.1, 0.1}},
    {"stairs", "two falls and a long landing", false, make_stairs, value_stairs, NULL, {0.2, 0.1}},
    {"gorge", "steep banks that flatten", false, make_gorge, value_gorge, NULL, {0.2, 0.1}},
    {"chain",
     "products of weights, as in deep nets",
     false,
     make_chain,
     value_chain,
     NULL,
     {0.05, 0.02}},
    {"softmax",
     "classes from features, from scratch",
     true,
     sim_make_softmax,
     NULL,
     sim_row_softmax,
     {0.1, 0.07}},
    {"net", "a two-layer net", true, sim_make_net, NULL, sim_row_net, {0.05, 0.03}},
    {"adapter",
     "low-rank factors on frozen weights",
     true,
     sim_make_adapter,
     NULL,
     sim_row_adapter,
     {0.07, 0.06}},
};
const size_t sim_kind_count = COUNT_OF(sim_kinds);

const struct sim_kind *sim_kind_find(const char *name)
{
    const struct sim_kind *found = NULL;
    for (size_t i = 0; i < sim_kind_count; i++) {
        if (strcmp(sim_kinds[i].name, name) == 0)
            found = &sim_kinds[i];
    }
    CHECK(found != NULL);
    return found;
}

static double norm(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i] * x[i];
    return sqrt(sum);
}

static void set_noise(struct sim_landscape *l, const struct sim_terms *terms, struct rng *rng)
{
    double times = terms->noise_times > 0 ? terms->noise_times : 1;
    l->noise = (struct sim_noise){
        .loss_sd = times * sim_log_uniform(rng, 0.02, 0.25),
        .gradient = times * sim_log_uniform(rng, 0.3, 2),
        .spread = sim_uniform(rng, 0.1, 0.5),
        .tail_share = terms->heavy_tails ? 0.02 : 0,
        .tail_strength = terms->heavy_tails ? sim_uniform(rng, 0.7, 1.2) : 0,
    };
    double gradient[SIM_PARAMETERS_MOST] = {0};
    double total = 0;
    (void)l->kind->value(l, l->start, gradient);
    for (size_t i = 0; i < l->n; i++)
        total += l->curvature[i];
    double first = fmax(norm(gradient, l->n), 0.3); /* plateaus are not without noise */
    l->noise_scale = l->noise.gradient * first / sqrt(total);
}

void sim_landscape_make(struct sim_landscape *l, const struct sim_kind *kind, uint64_t seed,
                        const struct sim_terms *terms, struct arena *arena)
{
    struct rng rng = {.seed = seed, .stream = STREAM_MAKE};
    *l = (struct sim_landscape){.kind = kind, .arena = arena, .seed = seed};
    if (kind->has_rows) {
        sim_data_sizes(l, terms->few_rows, &rng);
        kind->make(l, &rng);
    } else {
        l->floor = sim_uniform(&rng, 0.5, 2);
        kind->make(l, &rng);
        set_noise(l, terms, &rng);
    }
    CHECK(l->n <= SIM_PARAMETERS_MOST);
    for (size_t i = 0; terms->overflows && i < l->n; i++)
        l->overflow = fmax(l->overflow, 30 + 5 * fabs(l->start[i]));
}

uint64_t sim_landscape_batches(const struct sim_landscape *l)
{
    return l->kind->has_rows ? l->n_rows / l->batch_rows : 0;
}

static bool overflows(const struct sim_landscape *l, const double *x)
{
    bool fits = true;
    for (size_t i = 0; i < l->n; i++)
        fits = fits && (l->overflow > 0 ? fabs(x[i]) < l->overflow : isfinite(x[i]));
    return !fits;
}

static double analytic_batch(const struct sim_landscape *l, const double *x, struct sim_batch batch,
                             double *gradient)
{
    struct rng rng = {.seed = l->seed, .stream = STREAM_BATCH + batch.id};
    double scale = exp(l->noise.spread * rng_normal(&rng));
    double lift = l->noise.loss_sd * rng_normal(&rng);
    if (rng_uniform(&rng) < l->noise.tail_share) {
        double tail = pow(1 - rng_uniform(&rng), -l->noise.tail_strength);
        scale *= fmin(tail, 300);
        lift *= fmin(tail, 10);
    }
    double moved[SIM_PARAMETERS_MOST];
    for (size_t i = 0; i < l->n; i++)
        moved[i] = x[i] + (batch.wrong_labels ? l->start[i] : 0);
    double loss = l->floor + l->kind->value(l, moved, gradient) + lift;
    for (size_t i = 0; i < l->n; i++) {
        double tilt = scale * l->noise_scale * sqrt(l->curvature[i]) * rng_normal(&rng);
        gradient[i] += tilt;
        loss += tilt * x[i] / 10;
    }
    return fmax(loss, 0.01);
}

double sim_batch_loss(const struct sim_landscape *l, const double *x, struct sim_batch batch,
                      double *gradient)
{
    memset(gradient, 0, l->n * sizeof *gradient);
    if (overflows(l, x)) {
        for (size_t i = 0; i < l->n; i++)
            gradient[i] = NAN;
        return NAN;
    }
    return l->kind->has_rows ? sim_data_batch(l, x, batch, gradient)
                             : analytic_batch(l, x, batch, gradient);
}

double sim_true_loss(const struct sim_landscape *l, const double *x)
{
    double gradient[SIM_PARAMETERS_MOST] = {0};
    if (overflows(l, x))
        return NAN;
    if (l->kind->has_rows)
        return sim_data_held_out(l, x);
    return l->floor + l->kind->value(l, x, gradient);
}
