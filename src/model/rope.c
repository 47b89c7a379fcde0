/*
 * rope.c - how fast each pair of a head turns.
 *
 * Pair j of `rotary` numbers turns by position * f[j], f[j] = theta ^ (-2j / rotary). To read texts
 * longer than those that a model was first trained on, frequencies are divided by something:
 *
 *   linear    all by one factor
 *   llama3    the slow ones (waves longer than original / low) by the factor, the fast ones
 *             (shorter than original / high) not, those between by a mixture of the two
 *   yarn      likewise, mixed linearly in j between the pairs that turn beta_fast and beta_slow
 *             times in an original text; cos and sin grow by 0.1 ln(factor) + 1
 *   longrope  each by its own number from the description: one list for texts within the original
 *             length, another for longer ones; cos and sin grow by
 *             sqrt(1 + ln factor / ln original)
 *   dynamic   not at all up to max_positions, and pace refuses longer texts
 *
 * So all of them are a list of divisors. transformers chooses longrope's list by the longest text
 * of each batch; pace chooses once for a run, by the longest text that the run may meet, as
 * llama.cpp does: a model does not change its angles from one batch to the next.
 *
 * Sources: Su et al. 2021, arXiv:2104.09864; Peng et al. 2023, arXiv:2309.00071 (YaRN); Ding et al.
 * 2024, arXiv:2402.13753 (LongRoPE); transformers 5.23, modeling_rope_utils.py.
 */
#include "model/rope.h"

#include <math.h>
#include <string.h>

#define PI 3.14159265358979323846

void rope_keys_init(struct rope_keys *keys)
{
    *keys = (struct rope_keys){.theta = NAN,
                               .factor = NAN,
                               .original = NAN,
                               .partial = NAN,
                               .attention_factor = NAN,
                               .mscale = NAN,
                               .mscale_all_dim = NAN,
                               .beta_fast = NAN,
                               .beta_slow = NAN,
                               .low_freq_factor = NAN,
                               .high_freq_factor = NAN};
}

static bool check_positive(const char *name, double value, struct err *err)
{
    if (isfinite(value) && value > 0)
        return true;
    if (isnan(value))
        err_set(err, ERR_INPUT, "%s is missing", name);
    else
        err_set(err, ERR_INPUT, "%s is %g; it must be above zero", name, value);
    return false;
}

static bool scale_linear(struct rope_config *rope, double *divisor, const struct rope_keys *keys,
                         struct err *err)
{
    if (!check_positive("factor", keys->factor, err))
        return false;
    for (size_t j = 0; j < rope->rotary / 2; j++)
        divisor[j] = keys->factor;
    return true;
}

static double frequency(const struct rope_config *rope, size_t j)
{
    return pow(rope->theta, -2.0 * (double)j / (double)rope->rotary);
}

static bool scale_llama3(struct rope_config *rope, double *divisor, const struct rope_keys *keys,
                         struct err *err)
{
    double low = keys->low_freq_factor, high = keys->high_freq_factor;
    if (!check_positive("factor", keys->factor, err) ||
        !check_positive("low_freq_factor", low, err) ||
        !check_positive("high_freq_factor", high, err) ||
        !check_positive("original_max_position_embeddings", keys->original, err))
        return false;
    if (high <= low) {
        err_set(err, ERR_INPUT, "high_freq_factor %g is not above low_freq_factor %g", high, low);
        return false;
    }
    for (size_t j = 0; j < rope->rotary / 2; j++) {
        double wave = 2 * PI / frequency(rope, j);
        double smooth = (keys->original / wave - low) / (high - low);
        if (wave < keys->original / high)
            divisor[j] = 1;
        else if (wave > keys->original / low)
            divisor[j] = keys->factor;
        else
            divisor[j] = 1 / ((1 - smooth) / keys->factor + smooth);
    }
    return true;
}

static double yarn_growth(double factor, double weight)
{
    return factor <= 1 ? 1 : 0.1 * weight * log(factor) + 1;
}

static bool scale_yarn(struct rope_config *rope, double *divisor, const struct rope_keys *keys,
                       struct err *err)
{
    if (!check_positive("factor", keys->factor, err) ||
        !check_positive("original_max_position_embeddings", keys->original, err))
        return false;
    double n = (double)rope->rotary;
    double fast = keys->beta_fast > 0 ? keys->beta_fast : 32;
    double slow = keys->beta_slow > 0 ? keys->beta_slow : 1;
    double low = n * log(keys->original / (fast * 2 * PI)) / (2 * log(rope->theta));
    double high = n * log(keys->original / (slow * 2 * PI)) / (2 * log(rope->theta));
    if (!keys->keeps_fractions) {
        low = floor(low);
        high = ceil(high);
    }
    low = fmax(low, 0);
    high = fmin(high, n - 1);
    if (low == high)
        high += 0.001;
    for (size_t j = 0; j < rope->rotary / 2; j++) {
        double ramp = fmin(fmax(((double)j - low) / (high - low), 0), 1);
        divisor[j] = 1 / (ramp / keys->factor + (1 - ramp));
    }
    rope->attention_factor = keys->attention_factor;
    if (isnan(rope->attention_factor) && keys->mscale > 0 && keys->mscale_all_dim > 0)
        rope->attention_factor = yarn_growth(keys->factor, keys->mscale) /
                                 yarn_growth(keys->factor, keys->mscale_all_dim);
    else if (isnan(rope->attention_factor))
        rope->attention_factor = yarn_growth(keys->factor, 1);
    return true;
}

static bool copy_factors(double *divisor, const char *name, const double *factors, size_t n,
                         size_t wanted, struct err *err)
{
    if (n != wanted) {
        err_set(err, ERR_INPUT, "%s has %zu numbers where half of the %zu that turn are wanted",
                name, n, 2 * wanted);
        return false;
    }
    for (size_t j = 0; j < n; j++) {
        if (!check_positive(name, factors[j], err))
            return false;
        divisor[j] = factors[j];
    }
    return true;
}

static bool scale_longrope(struct rope_config *rope, struct arena *arena, double *divisor,
                           const struct rope_keys *keys, size_t max_positions, struct err *err)
{
    size_t n = rope->rotary / 2;
    double *long_divisor = arena_array(arena, double, n);
    if (!check_positive("original_max_position_embeddings", keys->original, err) ||
        !copy_factors(divisor, "short_factor", keys->short_factor, keys->n_short, n, err) ||
        !copy_factors(long_divisor, "long_factor", keys->long_factor, keys->n_long, n, err))
        return false;
    double factor = isnan(keys->factor) ? (double)max_positions / keys->original : keys->factor;
    rope->attention_factor = keys->attention_factor;
    if (isnan(rope->attention_factor))
        rope->attention_factor = factor <= 1 ? 1 : sqrt(1 + log(factor) / log(keys->original));
    rope->long_divisor = long_divisor;
    rope->long_beyond = (size_t)fmin(keys->original, INT32_MAX);
    return true;
}

bool rope_check(const struct rope_config *rope, struct err *err)
{
    const double *lists[] = {rope->divisor, rope->long_divisor};
    bool ok = rope->attention_factor > 1e-20 && rope->attention_factor < 1e20;
    if (!(rope->theta > 1 && rope->theta < 1e20)) {
        err_set(err, ERR_INPUT, "rope_theta is %g; it must be above 1 and below 1e20", rope->theta);
        return false;
    }
    for (size_t i = 0; i < COUNT_OF(lists); i++) {
        for (size_t j = 0; ok && lists[i] && j < rope->rotary / 2; j++)
            ok = lists[i][j] > 1e-20 && lists[i][j] < 1e20;
    }
    if (!ok)
        err_set(err, ERR_INPUT, "the numbers of rope scaling give no angles within float32");
    return ok;
}

bool rope_scale(struct rope_config *rope, struct arena *arena, const struct rope_keys *keys,
                size_t max_positions, struct err *err)
{
    const char *type = keys->type ? keys->type : "default";
    double *divisor = arena_array(arena, double, rope->rotary / 2);
    bool ok = true;
    rope->attention_factor = 1;
    rope->divisor = rope->long_divisor = NULL;
    if (!rope_check(rope, err))
        return false;
    if (strcmp(type, "default") == 0 || strcmp(type, "dynamic") == 0)
        return true;
    if (strcmp(type, "linear") == 0) {
        ok = scale_linear(rope, divisor, keys, err);
    } else if (strcmp(type, "llama3") == 0) {
        ok = scale_llama3(rope, divisor, keys, err);
    } else if (strcmp(type, "yarn") == 0) {
        ok = scale_yarn(rope, divisor, keys, err);
    } else if (strcmp(type, "longrope") == 0) {
        ok = scale_longrope(rope, arena, divisor, keys, max_positions, err);
    } else {
        err_set(err, ERR_INPUT, "the rope type \"%s\" is not supported", type);
        err_hint(err, "supported are default, linear, dynamic, llama3, yarn and longrope");
        return false;
    }
    rope->divisor = divisor;
    ok = ok && rope_check(rope, err);
    if (!ok)
        err_in(err, "rope of type \"%s\"", type);
    return ok;
}

void rope_table(const struct rope_config *rope, size_t n_positions, float *cosines, float *sines)
{
    const double *divisor =
        rope->long_divisor && n_positions > rope->long_beyond ? rope->long_divisor : rope->divisor;
    size_t n = rope->rotary / 2;
    float growth = (float)rope->attention_factor;
    for (size_t j = 0; j < n; j++) {
        float exponent = (float)(2 * j) / (float)rope->rotary;
        float period = (float)pow(rope->theta, (double)exponent);
        float f = divisor ? (float)(1 / ((double)period * divisor[j])) : 1 / period;
        for (size_t position = 0; position < n_positions; position++) {
            float angle = (float)position * f;
            cosines[position * n + j] = (float)cos((double)angle) * growth;
            sines[position * n + j] = (float)sin((double)angle) * growth;
        }
    }
}
