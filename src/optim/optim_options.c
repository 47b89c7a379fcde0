/*
 * optim_options.c - the names of the optimisers and of their arguments.
 *
 * Names are those of transformers 5.23 (training_args.py: OptimizerNames); the "paged" ones differ
 * on a GPU alone, and are the same here. Prodigy has no name there and keeps its package's.
 * Arguments have the names of the library that the optimiser is from, with its defaults, but for
 * Adafactor, where the Trainer turns relative steps and scaling off.
 */
#include "optim/optim_options.h"

#include <math.h>

#include "base/num.h"

enum { NAMES_MOST = 4 };

static const struct {
    const char *names[NAMES_MOST];
    const char *about;
} rows[OPTIM_COUNT] = {
    [OPTIM_ADAMW] = {{"adamw_torch_fused", "adamw_torch", "adamw", "paged_adamw_32bit"},
                     "Adam with decoupled weight decay: Loshchilov and Hutter 2019"},
    [OPTIM_ADAMW_8BIT] = {{"adamw_8bit", "adamw_bnb_8bit", "paged_adamw_8bit"},
                          "the same with a byte for each moment: Dettmers et al. 2022"},
    [OPTIM_SGD] = {{"sgd"}, "gradient descent, with or without momentum"},
    [OPTIM_LION] = {{"lion_32bit", "lion", "paged_lion_32bit"},
                    "steps of one size along the sign of a momentum: Chen et al. 2023"},
    [OPTIM_ADAFACTOR] = {{"adafactor"}, "remembers rows and columns alone: Shazeer and Stern 2018"},
    [OPTIM_SCHEDULE_FREE] = {{"schedule_free_adamw"},
                             "AdamW that averages instead of decaying: Defazio et al. 2024"},
    [OPTIM_PRODIGY] = {{"prodigy"},
                       "AdamW that estimates its own rate: Mishchenko and Defazio 2024"},
};

enum argument_type { ARGUMENT_NUMBER, ARGUMENT_SWITCH };

#define AT(field) offsetof(struct optim_options, field)
#define ADAMS (1u << OPTIM_ADAMW | 1u << OPTIM_ADAMW_8BIT)
#define ALL_BETAS (ADAMS | 1u << OPTIM_LION | 1u << OPTIM_SCHEDULE_FREE | 1u << OPTIM_PRODIGY)

/* What an argument may be: low <= value < high. */
static const struct {
    const char *name;
    unsigned kinds;
    enum argument_type type;
    size_t offset;
    double low, high;
} arguments[] = {
    {"beta1", ALL_BETAS, ARGUMENT_NUMBER, AT(beta1), 0, 1},
    {"beta2", ALL_BETAS, ARGUMENT_NUMBER, AT(beta2), 0, 1},
    {"eps", ALL_BETAS & ~(1u << OPTIM_LION), ARGUMENT_NUMBER, AT(eps), 0, 1},
    {"momentum", 1u << OPTIM_SGD, ARGUMENT_NUMBER, AT(momentum), 0, 1},
    {"nesterov", 1u << OPTIM_SGD, ARGUMENT_SWITCH, AT(nesterov), 0, 0},
    {"clip_threshold", 1u << OPTIM_ADAFACTOR, ARGUMENT_NUMBER, AT(clip_threshold), 1e-6, 1e6},
    {"decay_rate", 1u << OPTIM_ADAFACTOR, ARGUMENT_NUMBER, AT(decay_rate), -1e3, 0},
    {"scale_parameter", 1u << OPTIM_ADAFACTOR, ARGUMENT_SWITCH, AT(scale_parameter), 0, 0},
    {"relative_step", 1u << OPTIM_ADAFACTOR, ARGUMENT_SWITCH, AT(relative_step), 0, 0},
    {"warmup_init", 1u << OPTIM_ADAFACTOR, ARGUMENT_SWITCH, AT(warmup_init), 0, 0},
    {"d0", 1u << OPTIM_PRODIGY, ARGUMENT_NUMBER, AT(d0), 1e-15, 1e3},
    {"d_coef", 1u << OPTIM_PRODIGY, ARGUMENT_NUMBER, AT(d_coef), 1e-6, 1e6},
    {"growth_rate", 1u << OPTIM_PRODIGY, ARGUMENT_NUMBER, AT(growth_rate), 1, 1e300},
};

void optim_options_init(struct optim_options *o)
{
    *o = (struct optim_options){.kind = OPTIM_ADAMW,
                                .beta1 = 0.9,
                                .beta2 = 0.999,
                                .eps = 1e-8,
                                .clip_threshold = 1,
                                .decay_rate = -0.8,
                                .d0 = 1e-6,
                                .d_coef = 1,
                                .growth_rate = INFINITY};
}

const char *optim_name(enum optim_kind kind)
{
    CHECK((unsigned)kind < OPTIM_COUNT);
    return rows[kind].names[0];
}

const char *optim_about(enum optim_kind kind)
{
    CHECK((unsigned)kind < OPTIM_COUNT);
    return rows[kind].about;
}

bool optim_find(struct span name, enum optim_kind *kind)
{
    for (int i = 0; i < OPTIM_COUNT; i++) {
        for (int k = 0; k < NAMES_MOST && rows[i].names[k]; k++) {
            if (span_is(name, rows[i].names[k])) {
                *kind = (enum optim_kind)i;
                return true;
            }
        }
    }
    return false;
}

static bool read_switch(struct span value, bool *out)
{
    *out = span_is(value, "true") || span_is(value, "True") || span_is(value, "1");
    return *out || span_is(value, "false") || span_is(value, "False") || span_is(value, "0");
}

static bool set_argument(struct optim_options *o, size_t i, struct span value, struct err *err)
{
    char *field = (char *)o + arguments[i].offset;
    if (arguments[i].type == ARGUMENT_SWITCH) {
        bool *is_on = (bool *)field;
        if (read_switch(value, is_on))
            return true;
        err_set(err, ERR_USAGE, "--optim-args: %s: '%.*s' is neither true nor false",
                arguments[i].name, SPAN_ARGS(value));
        return false;
    }
    double number;
    if (num_parse_double(value, &number) && number >= arguments[i].low &&
        number < arguments[i].high) {
        memcpy(field, &number, sizeof number);
        return true;
    }
    err_set(err, ERR_USAGE, "--optim-args: %s: '%.*s' is not a number from %g to below %g",
            arguments[i].name, SPAN_ARGS(value), arguments[i].low, arguments[i].high);
    return false;
}

static bool read_argument(struct optim_options *o, struct span name, struct span value,
                          struct err *err)
{
    for (size_t i = 0; i < COUNT_OF(arguments); i++)
        if (span_is(name, arguments[i].name) && arguments[i].kinds >> o->kind & 1)
            return set_argument(o, i, value, err);
    err_set(err, ERR_USAGE, "--optim-args: %s takes no '%.*s'", optim_name(o->kind),
            SPAN_ARGS(name));
    return false;
}

/* The text before the first mark, which is taken off `rest` with it; all where there is none. */
static struct span take_until(struct span *rest, const char *mark)
{
    size_t n = span_find(*rest, span_of(mark));
    struct span part = span_part(*rest, 0, n);
    *rest = span_from(*rest, min_size(n + 1, rest->len));
    return part;
}

bool optim_options_read(struct optim_options *o, struct span text, struct err *err)
{
    while (text.len > 0) {
        struct span value = take_until(&text, ",");
        struct span name = take_until(&value, "=");
        if (!read_argument(o, name, value, err))
            return false;
    }
    if (o->nesterov && o->momentum == 0) {
        err_set(err, ERR_USAGE, "--optim-args: nesterov needs a momentum");
        err_hint(err, "momentum=0.9,nesterov=true");
        return false;
    }
    return true;
}
