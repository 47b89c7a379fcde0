/*
 * plot_scale.c - axes with round numbers.
 *
 * The distance of the ticks is the least number of the form 1, 2 or 5 times 10^k that needs no more
 * intervals than there is room for (Heckbert, "Nice numbers for graph labels", Graphics Gems,
 * 1990). Ticks are whole multiples of it, computed from whole numbers, so that 0.3 is not
 * 0.30000000000004. A logarithmic axis has its ticks at powers of ten, or at 1, 2 and 5 times those
 * where it is short, or at the linear axis' places where it is shorter still.
 *
 * Labels: whole thousands from 10k on, scientific below 0.01 ("1.5e-4": how learning rates are
 * written), else as many decimals as the distance has.
 */
#include "report/plot_scale.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* Between these, sums and differences of values stay finite and quotients stay normal. */
static const double largest = 1e150, smallest = 1e-150;

/* ------------------------------------------------------------------------------------- range -- */

bool plot_is_drawable(double value)
{
    return fabs(value) <= largest;
}

void plot_range_add(struct plot_range *range, double value)
{
    if (!plot_is_drawable(value))
        return;
    range->low = range->is_known ? fmin(range->low, value) : value;
    range->high = range->is_known ? fmax(range->high, value) : value;
    range->has_fraction |= value != floor(value);
    range->is_known = true;
}

/* Makes the range one whose length labels can show; a single value hangs from a loose axis' top. */
static struct plot_range widen(const struct plot_range *range, bool is_loose)
{
    struct plot_range r = *range;
    double size = fmax(fabs(r.low), fabs(r.high));
    if (!r.is_known || size < smallest)
        return (struct plot_range){
            .high = 1, .has_fraction = r.has_fraction || !r.is_known, .is_known = true};
    if (r.high - r.low > size * 1e-9)
        return r;
    double margin = r.has_fraction ? size / 2 : fmax(0.5, size * 1e-6);
    r.low = is_loose ? fmin(r.low, 0) : r.low - margin;
    r.high = is_loose ? fmax(r.high, 0) : r.high + margin;
    return r;
}

/* Zero belongs to an axis whose values come near it, measured by their spread. */
static void take_zero_in(struct plot_range *r)
{
    if (r->low > 0 && r->low <= r->high / 4)
        r->low = 0;
    if (r->high < 0 && r->high >= r->low / 4)
        r->high = 0;
}

/* ------------------------------------------------------------------------------------ labels -- */

/* Takes the zeros behind a decimal point away, and the point. */
static void strip_zeros(char *text)
{
    size_t len = strlen(text);
    if (!strchr(text, '.'))
        return;
    while (text[len - 1] == '0')
        len--;
    len -= text[len - 1] == '.';
    text[len] = '\0';
}

/* "1.5e-4" with at most that many decimals. */
static void write_scientific(char *label, double value, int decimals)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", decimals, value);
    char *mark = strchr(text, 'e');
    CHECK(mark);
    int exponent = 0;
    sscanf(mark + 1, "%d", &exponent);
    *mark = '\0';
    strip_zeros(text);
    snprintf(label, PLOT_LABEL_SIZE, "%.16se%d", text, exponent);
}

static bool write_thousands(char *label, double value, int unit_exponent, double size)
{
    static const struct {
        double least, divisor;
        int exponent;
        char letter;
    } units[] = {{1e12, 1e12, 12, 'T'}, {1e9, 1e9, 9, 'G'}, {1e6, 1e6, 6, 'M'}, {1e4, 1e3, 3, 'k'}};
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        int decimals = units[i].exponent - unit_exponent;
        if (size < units[i].least || decimals > 1)
            continue;
        snprintf(label, PLOT_LABEL_SIZE, "%.*f%c", decimals > 0 ? decimals : 0,
                 value / units[i].divisor, units[i].letter);
        return true;
    }
    return false;
}

/* `unit_exponent`: the decimal place that must be seen; `size`: the greatest value on the axis. */
static void write_label(char *label, double value, int unit_exponent, double size)
{
    if (value == 0)
        snprintf(label, PLOT_LABEL_SIZE, "0");
    else if (size < 0.01 || size >= 1e15)
        write_scientific(label, value, (int)fmax(0, floor(log10(fabs(value))) - unit_exponent));
    else if (!write_thousands(label, value, unit_exponent, size))
        snprintf(label, PLOT_LABEL_SIZE, "%.*f", unit_exponent < 0 ? -unit_exponent : 0, value);
}

/* ----------------------------------------------------------------------------- linear ticks -- */

/* factor * 10^exponent, the factor being 1, 2 or 5. */
struct round_number {
    int factor, exponent;
};

/* The least that is not below x > 0. */
static struct round_number round_up(double x)
{
    int exponent = (int)floor(log10(x));
    double mantissa = x / pow(10, exponent);
    static const int factors[] = {1, 2, 5};
    for (size_t i = 0; i < COUNT_OF(factors); i++) {
        if (mantissa <= factors[i] * (1 + 1e-9))
            return (struct round_number){factors[i], exponent};
    }
    return (struct round_number){1, exponent + 1};
}

/* count * number, from whole numbers: correctly rounded where 10^|exponent| is a double. */
static double multiple(struct round_number number, double count)
{
    double units = count * number.factor;
    return number.exponent < 0 ? units / pow(10, -number.exponent)
                               : units * pow(10, number.exponent);
}

static void add_tick(struct plot_scale *s, double value, int unit_exponent, double size)
{
    if (s->n_ticks == PLOT_TICKS_MOST)
        return;
    struct plot_tick *tick = &s->ticks[s->n_ticks++];
    tick->value = value;
    write_label(tick->label, value, unit_exponent, size);
}

/* The distance whose multiples around the range make at most `most_steps` intervals. */
static struct round_number tick_distance(const struct plot_range *r, bool is_loose, int most_steps)
{
    struct round_number distance = round_up((r->high - r->low) / most_steps);
    if (!is_loose && !r->has_fraction && distance.exponent < 0)
        distance = (struct round_number){1, 0};
    double unit = multiple(distance, 1);
    double steps = ceil(r->high / unit - 1e-9) - floor(r->low / unit + 1e-9);
    if (is_loose && steps > most_steps)
        distance = round_up(unit * 1.5);
    return distance;
}

/* A tight axis still takes in a tick that lies this near to its end, as a share of its length. */
static const double near = 0.015;

static void fit_linear(struct plot_scale *s, struct plot_range r, bool is_loose, int most_steps)
{
    if (is_loose)
        take_zero_in(&r);
    struct round_number distance = tick_distance(&r, is_loose, most_steps);
    double unit = multiple(distance, 1);
    double slack = is_loose ? 1 - 1e-9 : fmax(near * (r.high - r.low) / unit, 1e-9);
    double first = ceil(r.low / unit - slack), last = floor(r.high / unit + slack);
    double size = fmax(fabs(multiple(distance, first)), fabs(multiple(distance, last)));
    for (double i = first; i <= last && s->n_ticks < PLOT_TICKS_MOST; i++)
        add_tick(s, multiple(distance, i), distance.exponent, size);
    s->low = fmin(multiple(distance, first), is_loose ? INFINITY : r.low);
    s->high = fmax(multiple(distance, last), is_loose ? -INFINITY : r.high);
}

/* ------------------------------------------------------------------------ logarithmic ticks -- */

static double round_value(struct round_number number)
{
    return multiple(number, 1);
}

/* The next of 1, 2, 5, 10, 20 ... above. */
static struct round_number next_round(struct round_number n)
{
    return n.factor == 5 ? (struct round_number){1, n.exponent + 1}
                         : (struct round_number){n.factor == 1 ? 2 : 5, n.exponent};
}

/* The greatest round number that is not above x. */
static struct round_number round_down(double x)
{
    struct round_number n = {1, (int)floor(log10(x)) - 1};
    while (round_value(next_round(n)) <= x * (1 + 1e-9))
        n = next_round(n);
    return n;
}

static void fit_log(struct plot_scale *s, const struct plot_range *r, bool is_loose, int most_steps)
{
    double decades = log10(r->high / r->low);
    struct round_number low = round_down(r->low), high = round_up(r->high);
    s->low = is_loose ? round_value(low) : r->low;
    s->high = is_loose ? round_value(high) : r->high;
    bool only_powers = decades * 3 > most_steps;
    int stride = (int)fmax(1, ceil(decades / most_steps));
    for (struct round_number n = low; round_value(n) <= s->high * (1 + 1e-9); n = next_round(n)) {
        bool is_tick = n.factor == 1 ? n.exponent % stride == 0 : !only_powers;
        double value = round_value(n);
        if (is_tick && value >= s->low * (1 - 1e-9))
            add_tick(s, value, (int)floor(log10(value) + 1e-9), value);
    }
}

/* --------------------------------------------------------------------------------- interface -- */

void plot_scale_fit(struct plot_scale *scale, const struct plot_range *range, bool is_loose,
                    bool is_log, int most_steps)
{
    CHECK(most_steps >= 2);
    struct plot_range r = widen(range, is_loose);
    most_steps = most_steps < PLOT_TICKS_MOST ? most_steps : PLOT_TICKS_MOST - 1;
    *scale = (struct plot_scale){.is_log = is_log && r.low > smallest};
    if (scale->is_log && r.high >= r.low * 3)
        fit_log(scale, &r, is_loose, most_steps);
    else if (scale->is_log && !is_loose)
        fit_linear(scale, r, false, most_steps);
    else
        fit_linear(scale, r, is_loose, most_steps);
    scale->is_log = scale->is_log && scale->low > 0;
}

double plot_scale_at(const struct plot_scale *scale, double value)
{
    if (!plot_is_drawable(value) || (scale->is_log && value <= 0))
        return NAN;
    return scale->is_log ? log(value / scale->low) / log(scale->high / scale->low)
                         : (value - scale->low) / (scale->high - scale->low);
}
