/*
 * stat.c - see stat.h.
 *
 * Sums run over doubles in the given order, so that the same numbers give the same result bit for
 * bit. Quantiles use Hoare's selection with the middle element as the pivot: linear on average, and
 * on sorted input, which is what losses often are.
 */
#include "base/stat.h"

#include <math.h>

double stat_mean(const double *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += x[i];
    return n > 0 ? sum / (double)n : NAN;
}

double stat_sd(const double *x, size_t n)
{
    if (n == 0)
        return NAN;
    double mean = stat_mean(x, n), sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += (x[i] - mean) * (x[i] - mean);
    return n > 1 ? sqrt(sum / (double)(n - 1)) : 0;
}

/* Puts the k-th smallest at x[k], nothing larger before it, nothing smaller behind it. */
static void select_kth(double *x, size_t n, size_t k)
{
    size_t low = 0, high = n - 1;
    while (low < high) {
        double pivot = x[low + (high - low) / 2];
        size_t i = low, j = high;
        for (;;) {
            while (x[i] < pivot)
                i++;
            while (pivot < x[j])
                j--;
            if (i >= j)
                break;
            double swap = x[i];
            x[i++] = x[j];
            x[j--] = swap;
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

double stat_quantile(double *x, size_t n, double q)
{
    CHECK(q >= 0 && q <= 1);
    if (n == 0)
        return NAN;
    double place = q * (double)(n - 1);
    size_t k = (size_t)place;
    select_kth(x, n, k);
    if (place <= (double)k)
        return x[k];
    double next = x[k + 1];
    for (size_t i = k + 2; i < n; i++)
        next = fmin(next, x[i]);
    return x[k] + (place - (double)k) * (next - x[k]);
}

double stat_median(double *x, size_t n)
{
    return stat_quantile(x, n, 0.5);
}

double stat_noise(const double *x, size_t n, double *scratch)
{
    if (n < 2)
        return n == 0 ? NAN : 0;
    for (size_t i = 0; i + 1 < n; i++)
        scratch[i] = fabs(x[i + 1] - x[i]);
    return STAT_MAD_TO_SD * stat_median(scratch, n - 1) / sqrt(2.0);
}

double stat_lag(const double *x, size_t n, size_t lag)
{
    double mean = stat_mean(x, n), own = 0, with_next = 0;
    for (size_t i = 0; i < n; i++) {
        own += (x[i] - mean) * (x[i] - mean);
        if (i + lag < n)
            with_next += (x[i] - mean) * (x[i + lag] - mean);
    }
    return own > 0 ? with_next / own : 0;
}

void stat_fit_falling(const double *x, size_t n, double *fit, size_t *count)
{
    size_t pools = 0; /* their means are in fit, from the left: a pool holds a value at least */
    for (size_t i = 0; i < n; i++) {
        fit[pools] = x[i];
        count[pools++] = 1;
        for (; pools > 1 && fit[pools - 2] < fit[pools - 1]; pools--) {
            size_t both = count[pools - 2] + count[pools - 1];
            double share = (double)count[pools - 1] / (double)both;
            fit[pools - 2] += (fit[pools - 1] - fit[pools - 2]) * share;
            count[pools - 2] = both;
        }
    }
    for (size_t end = n; pools-- > 0;) { /* from the right, so that no mean is overwritten */
        double mean = fit[pools];
        for (size_t k = count[pools]; k > 0; k--)
            fit[--end] = mean;
    }
}

size_t stat_rise(const double *x, size_t n)
{
    double mean = stat_mean(x, n), below = 0, most = 0;
    size_t at = 0;
    for (size_t i = 1; i < n; i++) {
        below += mean - x[i - 1];
        double gain = fmax(below, 0) * below / ((double)i * (double)(n - i));
        if (gain > most) {
            most = gain;
            at = i;
        }
    }
    return at;
}

struct stat_line stat_fit_line(const double *x, const double *y, size_t n)
{
    struct stat_line line = {NAN, NAN, INFINITY, NAN};
    if (n == 0)
        return line;
    double mean_x = x ? stat_mean(x, n) : 0.5 * (double)(n - 1), mean_y = stat_mean(y, n);
    double xx = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        double dx = (x ? x[i] : (double)i) - mean_x;
        xx += dx * dx;
        xy += dx * (y[i] - mean_y);
    }
    line.slope = xx > 0 ? xy / xx : 0;
    line.intercept = mean_y - line.slope * mean_x;
    double residuals = 0;
    for (size_t i = 0; i < n; i++) {
        double r = y[i] - line.intercept - line.slope * (x ? x[i] : (double)i);
        residuals += r * r;
    }
    line.sd = n > 2 ? sqrt(residuals / (double)(n - 2)) : 0;
    if (n > 2 && xx > 0)
        line.slope_se = line.sd / sqrt(xx);
    return line;
}

void stat_ema_add(struct stat_ema *e, double x)
{
    e->sum = e->beta * e->sum + (1 - e->beta) * x;
    e->weight = e->beta * e->weight + (1 - e->beta);
}

double stat_ema_mean(const struct stat_ema *e)
{
    return e->weight > 0 ? e->sum / e->weight : NAN;
}
