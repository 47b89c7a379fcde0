/*
 * config_check.c - bounds of a description.
 *
 * What is allocated before a weight is seen grows with the number of layers and with the width of a
 * head, so these two have bounds far above any model and far below what would hurt. The other sizes
 * only have to fit in 31 bits: the weights' shapes must agree with them before anything is done.
 */
#include "model/config_check.h"

#include <math.h>

enum { LAYERS_MOST = 4096, HEAD_MOST = 65536 };

static bool check_size(const char *name, size_t value, size_t most, struct err *err)
{
    if (value >= 1 && value <= most)
        return true;
    if (value == 0)
        err_set(err, ERR_INPUT, "%s is missing or 0", name);
    else
        err_set(err, ERR_INPUT, "%s is %zu; at most %zu are possible", name, value, most);
    return false;
}

bool config_check_sizes(const struct model_config *c, struct err *err)
{
    if (!check_size("the width (hidden_size)", c->width, INT32_MAX, err) ||
        !check_size("the number of layers", c->n_layers, LAYERS_MOST, err) ||
        !check_size("the number of attention heads", c->heads, INT32_MAX, err) ||
        !check_size("the number of key/value heads", c->kv_heads, INT32_MAX, err) ||
        !check_size("the width of a head", c->head, HEAD_MOST, err) ||
        !check_size("the width of the feed-forward part", c->feed_forward, INT32_MAX, err) ||
        !check_size("the size of the vocabulary", c->vocabulary, INT32_MAX, err) ||
        !check_size("the number of positions", c->max_positions, INT32_MAX, err))
        return false;
    if (c->heads % c->kv_heads != 0) {
        err_set(err, ERR_INPUT, "%zu attention heads cannot share %zu key/value heads", c->heads,
                c->kv_heads);
        return false;
    }
    return true;
}

static bool check_number(const char *name, double value, bool may_be_zero, struct err *err)
{
    if (isfinite(value) && (value > 0 || (may_be_zero && value == 0)))
        return true;
    err_set(err, ERR_INPUT, "%s is %g", name, value);
    return false;
}

bool config_check_numbers(const struct model_config *c, struct err *err)
{
    return check_number("the epsilon of the norms", (double)c->norm_eps, true, err) &&
           check_number("the scale of attention", (double)c->attn_scale, false, err) &&
           check_number("attn_logit_softcapping", (double)c->attn_softcap, true, err) &&
           check_number("final_logit_softcapping", (double)c->logit_softcap, true, err) &&
           check_number("initializer_range", c->init_range, true, err);
}
